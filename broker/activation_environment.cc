// SPDX-License-Identifier: Apache-2.0
#include "broker/activation_environment.h"

#include <string>

namespace buzon::broker {

bool ActivationEnvironment::update(const Settings& settings) {
    const std::size_t size = size_with(settings);
    if (size > kMaxBytes) return false;
    for (const auto& [key, value] : settings) {
        const auto place = variables_.lower_bound(key);
        if (place != variables_.end() && place->first == key) {
            // Assigning would keep the memory of a longer value.
            std::string(value).swap(place->second);
        } else {
            variables_.emplace_hint(place, key, value);
        }
    }
    size_ = size;
    return true;
}

std::size_t ActivationEnvironment::size_with(const Settings& settings) const {
    std::size_t size = size_;
    for (const auto& [key, value] : settings) {
        const auto place = variables_.find(key);
        if (place != variables_.end()) size -= size_of(place->first, place->second);
        size += size_of(key, value);
    }
    return size;
}

}  // namespace buzon::broker
