// SPDX-License-Identifier: Apache-2.0
#include "policy/held_words.h"

#include <algorithm>

namespace buzon::policy {

void HeldWords::add(std::string_view name, const Vocabulary& vocabulary) {
    if (const TextId id = vocabulary.find(name)) {
        names_.insert(std::lower_bound(names_.begin(), names_.end(), id), id);
    }
    vocabulary.for_each_prefix(name, vocabulary.send(), [this](TextId id) {
        const auto place = std::lower_bound(prefixes_.begin(), prefixes_.end(), id);
        const auto count = names_below_.begin() + (place - prefixes_.begin());
        if (place != prefixes_.end() && *place == id) {
            ++*count;
        } else {
            names_below_.insert(count, 1);
            prefixes_.insert(place, id);
        }
    });
}

void HeldWords::remove(std::string_view name, const Vocabulary& vocabulary) {
    if (const TextId id = vocabulary.find(name)) {
        names_.erase(std::lower_bound(names_.begin(), names_.end(), id));
    }
    vocabulary.for_each_prefix(name, vocabulary.send(), [this](TextId id) {
        const auto place = std::lower_bound(prefixes_.begin(), prefixes_.end(), id);
        const auto count = names_below_.begin() + (place - prefixes_.begin());
        if (--*count > 0) return;
        names_below_.erase(count);
        prefixes_.erase(place);
    });
}

}  // namespace buzon::policy
