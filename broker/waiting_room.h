// SPDX-License-Identifier: Apache-2.0
// Accepted connections that are not read yet: because their programs connect too fast
// (ConnectRate), or because max_incomplete_connections others have not said Hello. Whose program
// has none among those need not wait: a program that connects and says nothing keeps nobody out but
// itself. Invariant: bounded; where it is full, the program that has most in it loses its newest.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "broker/arrival.h"
#include "broker/connect_rate.h"

namespace buzon::broker {

class WaitingRoom {
public:
    /// Returns the one that has to leave if there are more than `most` now.
    [[nodiscard]] std::optional<Arrival> add(Arrival arrival, std::size_t most);
    /// Takes out the first for which `may_enter(const Arrival&)` holds.
    template <typename MayEnter>
    [[nodiscard]] std::optional<Arrival> take_first(MayEnter&& may_enter) {
        for (auto place = waiting_.begin(); place != waiting_.end(); ++place) {
            if (!may_enter(*place)) continue;
            std::optional<Arrival> taken(std::move(*place));
            waiting_.erase(place);
            return taken;
        }
        return std::nullopt;
    }
    /// Those who connect too fast. They come before all others here, and are counted apart.
    [[nodiscard]] ConnectRate& too_fast() { return too_fast_; }
    [[nodiscard]] const ConnectRate& too_fast() const { return too_fast_; }
    /// All of them.
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        too_fast_.for_each(visit);
        for (const Arrival& arrival : waiting_)
            visit(arrival);
    }
    [[nodiscard]] std::size_t size() const { return waiting_.size(); }

private:
    ConnectRate too_fast_;
    std::deque<Arrival> waiting_;
};

}  // namespace buzon::broker
