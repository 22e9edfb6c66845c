// SPDX-License-Identifier: Apache-2.0
// Accepted connections that are not read yet, in the order of their arrival. Who hangs up does not
// wait any more: its descriptor and its place among the connections of its user are free at once.
// Half a hang-up (shutdown for writing) is none: its other half can still take an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <utility>

#include "broker/arrival.h"
#include "bus/base/event_loop.h"

namespace buzon::broker {

class WatchedArrivals {
public:
    /// `on_hang_up` is called when one has left because of that.
    WatchedArrivals(bus::EventLoop& loop, std::function<void()> on_hang_up)
        : loop_(loop), on_hang_up_(std::move(on_hang_up)) {}

    /// Where it can't be watched it waits all the same.
    void push_back(Arrival arrival);
    [[nodiscard]] Arrival take_front() { return take(waiting_.begin()); }
    [[nodiscard]] Arrival take_back() { return take(std::prev(waiting_.end())); }
    /// Takes out the first for which `is_it(const Arrival&)` holds.
    template <typename Predicate>
    [[nodiscard]] std::optional<Arrival> take_first(Predicate&& is_it) {
        for (auto place = waiting_.begin(); place != waiting_.end(); ++place)
            if (is_it(place->arrival())) return take(place);
        return std::nullopt;
    }
    /// The same with the last.
    template <typename Predicate>
    [[nodiscard]] std::optional<Arrival> take_last(Predicate&& is_it) {
        for (auto place = waiting_.end(); place != waiting_.begin();)
            if (is_it((--place)->arrival())) return take(place);
        return std::nullopt;
    }
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        for (const Watched& watched : waiting_)
            visit(watched.arrival());
    }
    [[nodiscard]] bool empty() const { return waiting_.empty(); }
    [[nodiscard]] std::size_t size() const { return waiting_.size(); }

private:
    class Watched;
    using Place = std::list<Watched>::iterator;

    class Watched final : public bus::EventSource {
    public:
        Watched(WatchedArrivals& all, Arrival arrival);
        Watched(const Watched&) = delete;
        Watched& operator=(const Watched&) = delete;
        Watched(Watched&&) = delete;
        Watched& operator=(Watched&&) = delete;
        ~Watched() override { unwatch(); }

        void on_ready(std::uint32_t events) override;
        void set_place(Place place) { place_ = place; }
        [[nodiscard]] const Arrival& arrival() const { return arrival_; }
        /// It is watched no more.
        [[nodiscard]] Arrival take();

    private:
        void unwatch();

        WatchedArrivals& all_;
        Arrival arrival_;
        Place place_;
        bool is_watched_;
    };

    [[nodiscard]] Arrival take(Place place);
    void drop(Place place);

    bus::EventLoop& loop_;
    std::function<void()> on_hang_up_;
    std::list<Watched> waiting_;
};

}  // namespace buzon::broker
