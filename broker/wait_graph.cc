// SPDX-License-Identifier: Apache-2.0
#include "broker/wait_graph.h"

#include <algorithm>

namespace buzon::broker {

bool WaitGraph::add(PeerId sender, PeerId receiver) {
    const auto [edge, is_new] = edges_.find_or_add(Wait{sender, receiver});
    if (!is_new) return false;
    forget_followers(sender, receiver);
    auto& receivers = receivers_of_[sender];
    edge.value.at = receivers.size();
    receivers.push_back(receiver);
    auto& queue = queues_[receiver];
    edge.value.place = queue.insert(queue.end(), sender);
    return true;
}

bool WaitGraph::remove(PeerId sender, PeerId receiver) {
    const Edge* edge = edges_.find(Wait{sender, receiver});
    if (!edge) return false;
    forget_followers(sender, receiver);
    const auto queue = queues_.find(receiver);
    queue->second.erase(edge->place);
    if (queue->second.empty()) queues_.erase(queue);

    auto& receivers = *receivers_of_.find(sender);
    const PeerId last = receivers.back();
    receivers[edge->at] = last;
    edges_.find(Wait{sender, last})->at = edge->at;
    receivers.pop_back();
    if (receivers.empty()) receivers_of_.erase(sender);
    edges_.erase(Wait{sender, receiver});
    return true;
}

std::span<const PeerId> WaitGraph::receivers_of(PeerId sender) const {
    const auto* found = receivers_of_.find(sender);
    return found ? std::span<const PeerId>(*found) : std::span<const PeerId>();
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
    const Edge* edge = edges_.find(Wait{sender, receiver});
    if (!edge) return;
    auto& queue = queues_.find(receiver)->second;
    queue.splice(queue.end(), queue, edge->place);
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
    ++steps_;
    if (waits(from, to)) return true;
    // Who waits for nobody leads nowhere.
    if (!receivers_of_.contains(from)) return false;
    return followers_of(to).contains(from);
}

const std::unordered_set<PeerId>& WaitGraph::followers_of(PeerId to) const {
    if (followers_ && followers_->to == to) return followers_->found;
    followers_ = Followers{to, {}};
    auto& found = followers_->found;
    std::vector<PeerId> reached{to};
    std::size_t left = kMostFollowed;
    for (std::size_t i = 0; i < reached.size() && left > 0; ++i) {
        const auto queue = queues_.find(reached[i]);
        if (queue == queues_.end()) continue;
        for (const PeerId sender : queue->second) {
            if (left == 0) break;
            --left;
            ++steps_;
            if (found.insert(sender).second) reached.push_back(sender);
        }
    }
    return found;
}

/// The wait of `sender` for `receiver` comes or goes.
void WaitGraph::forget_followers(PeerId sender, PeerId receiver) {
    if (!followers_ || sender == followers_->to) return;
    if (receiver == followers_->to || followers_->found.contains(receiver)) followers_.reset();
}

}  // namespace buzon::broker
