// SPDX-License-Identifier: Apache-2.0
// Accepted connections that are not read yet: because their programs connect too fast
// (ConnectRate), or because max_incomplete_connections others have not said Hello. Whose program
// has none among those need not wait: a program that connects and says nothing keeps nobody out but
// itself. Who hangs up does not wait.
// Invariant: bounded; where it is full, the program that has most in it loses its newest.
#pragma once

#include <cstddef>
#include <optional>

#include "broker/arrival.h"
#include "broker/connect_rate.h"
#include "broker/watched_arrivals.h"
#include "bus/base/event_loop.h"

namespace buzon::broker {

class WaitingRoom {
public:
    explicit WaitingRoom(bus::EventLoop& loop) : too_fast_(loop), waiting_(loop, [] {}) {}

    /// Returns the one that has to leave if there are more than `most` now.
    [[nodiscard]] std::optional<Arrival> add(Arrival arrival, std::size_t most);
    /// Takes out the first for which `may_enter(const Arrival&)` holds.
    template <typename MayEnter>
    [[nodiscard]] std::optional<Arrival> take_first(MayEnter&& may_enter) {
        return waiting_.take_first(may_enter);
    }
    /// Those who connect too fast. They come before all others here, and are counted apart.
    [[nodiscard]] ConnectRate& too_fast() { return too_fast_; }
    [[nodiscard]] const ConnectRate& too_fast() const { return too_fast_; }
    /// All of them.
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        too_fast_.for_each(visit);
        waiting_.for_each(visit);
    }
    [[nodiscard]] std::size_t size() const { return waiting_.size(); }

private:
    ConnectRate too_fast_;
    WatchedArrivals waiting_;
};

}  // namespace buzon::broker
