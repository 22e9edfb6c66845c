// SPDX-License-Identifier: Apache-2.0
#include "broker/watched_arrivals.h"

#include <sys/epoll.h>

namespace buzon::broker {

/// Of nothing but a hang-up the kernel tells without being asked; once.
WatchedArrivals::Watched::Watched(WatchedArrivals& all, Arrival arrival)
    : all_(all),
      arrival_(std::move(arrival)),
      is_watched_(all_.loop_.add(arrival_.socket.get(), EPOLLET, *this).has_value()) {}

void WatchedArrivals::Watched::on_ready(std::uint32_t events) {
    if ((events & EPOLLHUP) != 0) all_.drop(place_);
}

void WatchedArrivals::Watched::unwatch() {
    if (std::exchange(is_watched_, false)) all_.loop_.remove(arrival_.socket.get(), *this);
}

Arrival WatchedArrivals::Watched::take() {
    unwatch();
    return std::move(arrival_);
}

void WatchedArrivals::push_back(Arrival arrival) {
    Watched& watched = waiting_.emplace_back(*this, std::move(arrival));
    watched.set_place(std::prev(waiting_.end()));
}

Arrival WatchedArrivals::take(Place place) {
    Arrival taken = place->take();
    waiting_.erase(place);
    return taken;
}

void WatchedArrivals::drop(Place place) {
    waiting_.erase(place);
    on_hang_up_();
}

}  // namespace buzon::broker
