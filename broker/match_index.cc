// SPDX-License-Identifier: Apache-2.0
// Who has which rule. A subscription is a peer at a node of the tree; it counts once for finding
// receivers, however often the peer has added the rule. Each time is an instance, and instances
// are linked twice: in the order of the peer's rules, and from the newest to the oldest equal one.
#include "broker/match_index.h"

namespace buzon::broker {

MatchIndex::MatchIndex(bus::HashSeed seed, Eavesdropping eavesdropping)
    : seed_(seed), tree_(seed, eavesdropping) {}

void MatchIndex::add(PeerId peer, const MatchRule& rule) {
    const std::uint32_t subscriber_number = find_or_add_subscriber(peer);
    const std::uint32_t subscription_number =
        find_or_add_subscription(subscriber_number, tree_.add(rule), broker::weight_of(rule));
    Subscriber& subscriber = subscribers_[subscriber_number];
    Subscription& subscription = subscriptions_[subscription_number];
    subscriber.weight += subscription.newest == kNone ? subscription.weight : 1;
    const std::uint32_t instance =
        instances_.add({subscription_number, subscription.newest, subscriber.last, kNone});
    (subscriber.last == kNone ? subscriber.first : instances_[subscriber.last].next) = instance;
    subscriber.last = instance;
    subscription.newest = instance;
    ++subscriber.rules;
}

bool MatchIndex::remove(PeerId peer, const MatchRule& rule) {
    const std::uint32_t subscriber = find_subscriber(peer);
    const NodeId node = tree_.find(rule);
    if (subscriber == kNone || node == kNone) return false;
    const std::uint32_t subscription = find_subscription(subscriber, node);
    if (subscription == kNone) return false;
    drop_newest_instance(subscription);
    return true;
}

std::size_t MatchIndex::remove_all(PeerId peer) {
    const std::size_t count = count_of(peer);
    remove_some(peer, weight_of(peer));
    return count;
}

bool MatchIndex::remove_some(PeerId peer, std::size_t most) {
    const std::uint32_t subscriber = find_subscriber(peer);
    if (subscriber == kNone) return true;
    std::size_t rules = subscribers_[subscriber].rules;
    for (std::size_t removed = 0; rules > 0 && removed < most; --rules) {
        removed += drop_newest_instance(instances_[subscribers_[subscriber].last].subscription);
    }
    return rules == 0;
}

bool MatchIndex::remove_mentioning_unique(std::string_view unique_name,
                                          std::size_t most,
                                          std::vector<PeerId>& losers) {
    NodeId node = tree_.find_mentioning_unique(unique_name);
    for (std::size_t removed = 0; removed < most && node != kNone;) {
        const auto [subscriber, subscription] = tree_.receivers(node).back();
        losers.push_back(subscriber->peer);
        removed += drop_newest_instance(subscription);
        node = tree_.find_mentioning_unique(unique_name);
    }
    return node == kNone;
}

void MatchIndex::find(const MatchSubject& subject, std::vector<PeerId>& receivers) {
    if (empty()) return;
    ++turn_;
    matching_.clear();
    tree_.search(subject, matching_);
    for (const MatchTree::Receivers* found : matching_) {
        found_ += found->size();
        for (const auto& receiver : *found) {
            Subscriber& subscriber = *receiver.subscriber;
            if (subscriber.found_in == turn_) continue;
            subscriber.found_in = turn_;
            receivers.push_back(subscriber.peer);
        }
    }
}

std::vector<MatchRule> MatchIndex::rules_of(PeerId peer) const {
    std::vector<MatchRule> rules;
    const std::uint32_t subscriber = find_subscriber(peer);
    if (subscriber == kNone) return rules;
    rules.reserve(subscribers_[subscriber].rules);
    std::uint32_t instance = subscribers_[subscriber].first;
    for (; instance != kNone; instance = instances_[instance].next) {
        rules.push_back(tree_.rule_at(subscriptions_[instances_[instance].subscription].node));
    }
    return rules;
}

void MatchIndex::set_cursor(RuleCursor& cursor, PeerId peer) {
    const std::uint32_t subscriber = find_subscriber(peer);
    cursor.next_ = subscriber == kNone ? kNone : subscribers_[subscriber].first;
    if (!cursor.is_linked()) cursors_.push_back(cursor);
}

std::optional<MatchRule> MatchIndex::next_rule(RuleCursor& cursor) const {
    if (cursor.next_ == kNone) return std::nullopt;
    const Instance& instance = instances_[cursor.next_];
    cursor.next_ = instance.next;
    return tree_.rule_at(subscriptions_[instance.subscription].node);
}

std::size_t MatchIndex::count_of(PeerId peer) const {
    const std::uint32_t subscriber = find_subscriber(peer);
    return subscriber == kNone ? 0 : subscribers_[subscriber].rules;
}

std::size_t MatchIndex::weight_of(PeerId peer) const {
    const std::uint32_t subscriber = find_subscriber(peer);
    return subscriber == kNone ? 0 : subscribers_[subscriber].weight;
}

std::uint64_t MatchIndex::hash_of(PeerId peer) const {
    return bus::hash_words(static_cast<std::uint64_t>(peer), 0, seed_);
}

std::uint64_t MatchIndex::hash_of(std::uint32_t subscriber, NodeId node) const {
    return bus::hash_words(subscriber, node, seed_);
}

std::uint32_t MatchIndex::find_subscriber(PeerId peer) const {
    return subscriber_index_.find(
        hash_of(peer), [&](std::uint32_t number) { return subscribers_[number].peer == peer; });
}

std::uint32_t MatchIndex::find_or_add_subscriber(PeerId peer) {
    std::uint32_t subscriber = find_subscriber(peer);
    if (subscriber == kNone) {
        subscriber = subscribers_.add({.peer = peer});
        subscriber_index_.insert(hash_of(peer), subscriber);
    }
    return subscriber;
}

std::uint32_t MatchIndex::find_subscription(std::uint32_t subscriber, NodeId node) const {
    return subscription_index_.find(hash_of(subscriber, node), [&](std::uint32_t number) {
        const Subscription& each = subscriptions_[number];
        return each.subscriber == subscriber && each.node == node;
    });
}

std::uint32_t MatchIndex::find_or_add_subscription(std::uint32_t subscriber,
                                                   NodeId node,
                                                   std::size_t weight) {
    std::uint32_t subscription = find_subscription(subscriber, node);
    if (subscription == kNone) {
        auto& receivers = tree_.receivers(node);
        subscription =
            subscriptions_.add({subscriber, node, static_cast<std::uint32_t>(receivers.size()),
                                kNone, static_cast<std::uint32_t>(weight)});
        receivers.push_back({&subscribers_[subscriber], subscription});
        subscription_index_.insert(hash_of(subscriber, node), subscription);
    }
    return subscription;
}

/// Ends the subscription with its last instance, and the subscriber with its last rule.
std::size_t MatchIndex::drop_newest_instance(std::uint32_t subscription) {
    const std::uint32_t number = subscriptions_[subscription].newest;
    const Instance instance = instances_[number];
    const std::uint32_t subscriber_number = subscriptions_[subscription].subscriber;
    Subscriber& subscriber = subscribers_[subscriber_number];
    const bool is_last = instance.older_equal == kNone;
    const std::size_t weight = is_last ? subscriptions_[subscription].weight : 1;

    subscriber.weight -= weight;
    unlink_instance(subscriber, number);
    instances_.remove(number);
    subscriptions_[subscription].newest = instance.older_equal;
    if (is_last) drop_subscription(subscription);
    if (--subscriber.rules > 0) return weight;
    subscriber_index_.erase(hash_of(subscriber.peer), subscriber_number);
    subscribers_.remove(subscriber_number);
    return weight;
}

void MatchIndex::unlink_instance(Subscriber& subscriber, std::uint32_t number) {
    const Instance& instance = instances_[number];
    cursors_.for_each([&](RuleCursor& cursor) {
        if (cursor.next_ == number) cursor.next_ = instance.next;
    });
    (instance.previous == kNone ? subscriber.first : instances_[instance.previous].next) =
        instance.next;
    (instance.next == kNone ? subscriber.last : instances_[instance.next].previous) =
        instance.previous;
}

void MatchIndex::drop_subscription(std::uint32_t subscription) {
    const Subscription dropped = subscriptions_[subscription];
    auto& receivers = tree_.receivers(dropped.node);
    receivers[dropped.position] = receivers.back();
    subscriptions_[receivers.back().subscription].position = dropped.position;
    receivers.pop_back();
    subscription_index_.erase(hash_of(dropped.subscriber, dropped.node), subscription);
    subscriptions_.remove(subscription);
    if (receivers.empty()) tree_.prune(dropped.node);
}

}  // namespace buzon::broker
