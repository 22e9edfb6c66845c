// SPDX-License-Identifier: Apache-2.0
#include "broker/wait_graph.h"

#include <algorithm>
#include <unordered_set>

namespace buzon::broker {

bool WaitGraph::add(PeerId sender, PeerId receiver) {
    const auto [edge, is_new] = edges_.try_emplace({sender, receiver});
    if (!is_new) return false;
    auto& receivers = receivers_of_[sender];
    edge->second.at = receivers.size();
    receivers.push_back(receiver);
    auto& queue = queues_[receiver];
    edge->second.place = queue.insert(queue.end(), sender);
    return true;
}

bool WaitGraph::remove(PeerId sender, PeerId receiver) {
    const auto edge = edges_.find({sender, receiver});
    if (edge == edges_.end()) return false;
    const auto queue = queues_.find(receiver);
    queue->second.erase(edge->second.place);
    if (queue->second.empty()) queues_.erase(queue);

    const auto receivers = receivers_of_.find(sender);
    const PeerId last = receivers->second.back();
    receivers->second[edge->second.at] = last;
    edges_.find({sender, last})->second.at = edge->second.at;
    receivers->second.pop_back();
    if (receivers->second.empty()) receivers_of_.erase(receivers);
    edges_.erase(edge);
    return true;
}

std::span<const PeerId> WaitGraph::receivers_of(PeerId sender) const {
    const auto found = receivers_of_.find(sender);
    return found == receivers_of_.end() ? std::span<const PeerId>() : found->second;
}

std::size_t WaitGraph::count_waiting_for(PeerId receiver) const {
    const auto queue = queues_.find(receiver);
    return queue == queues_.end() ? 0 : queue->second.size();
}

std::optional<PeerId> WaitGraph::first_waiting_for(PeerId receiver) const {
    const auto queue = queues_.find(receiver);
    if (queue == queues_.end()) return std::nullopt;
    return queue->second.front();
}

void WaitGraph::send_to_the_end(PeerId sender, PeerId receiver) {
    const auto edge = edges_.find({sender, receiver});
    if (edge == edges_.end()) return;
    auto& queue = queues_.find(receiver)->second;
    queue.splice(queue.end(), queue, edge->second.place);
}

std::vector<PeerId> WaitGraph::receivers_behind(PeerId after, std::size_t most) const {
    std::vector<PeerId> found;
    auto queue = queues_.upper_bound(after);
    for (std::size_t left = std::min(most, queues_.size()); left > 0; --left) {
        if (queue == queues_.end()) queue = queues_.begin();
        found.push_back(queue->first);
        ++queue;
    }
    return found;
}

bool WaitGraph::leads_to(PeerId from, PeerId to) const {
    std::vector<PeerId> reached{from};
    std::unordered_set<PeerId> seen{from};
    std::size_t followed = 0;
    for (std::size_t i = 0; i < reached.size() && i < kMostExpanded; ++i) {
        ++steps_;
        if (waits(reached[i], to)) return true;
        for (const PeerId next : receivers_of(reached[i])) {
            if (++followed > kMostFollowed) break;
            ++steps_;
            // Who waits for nobody leads nowhere.
            if (!receivers_of(next).empty() && seen.insert(next).second) reached.push_back(next);
        }
    }
    return false;
}

}  // namespace buzon::broker
