// SPDX-License-Identifier: Apache-2.0
#include "broker/waiting_room.h"

#include <unordered_map>
#include <utility>

namespace buzon::broker {

std::optional<Arrival> WaitingRoom::add(Arrival arrival, std::size_t most) {
    waiting_.push_back(std::move(arrival));
    if (waiting_.size() <= most) return std::nullopt;
    std::unordered_map<const Account*, std::size_t> counts;
    const Account* heaviest = nullptr;
    waiting_.for_each([&](const Arrival& each) {
        const std::size_t count = ++counts[&each.principal()];
        if (!heaviest || count > counts[heaviest]) heaviest = &each.principal();
    });
    return waiting_.take_last(
        [heaviest](const Arrival& each) { return &each.principal() == heaviest; });
}

}  // namespace buzon::broker
