// SPDX-License-Identifier: Apache-2.0
// The match rules of all peers, arranged so that a message finds its receivers without looking
// at the rules that ask for something else (match_tree.h).
// Invariant: find() gives exactly the peers that have a rule with matches(subject).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/match_rule.h"
#include "broker/match_tree.h"
#include "broker/peer_id.h"
#include "bus/base/hash.h"
#include "bus/base/hash_index.h"
#include "bus/base/intrusive_list.h"
#include "bus/base/slab.h"

namespace buzon::broker {

struct MatchSubscriber {
    PeerId peer{};
    std::uint64_t found_in = 0;  // the last find() that gave this peer
    // Instances of its rules.
    std::uint32_t first = bus::HashIndex::kNone, last = bus::HashIndex::kNone;
    std::uint32_t rules = 0;
    std::uint64_t weight = 0;
};

class MatchIndex {
    static constexpr std::uint32_t kNone = bus::HashIndex::kNone;

public:
    /// Where somebody is who reads the rules of one peer while these come and go: each rule that is
    /// there all the while is read once, one that comes meanwhile may be. Lives shorter than the
    /// index, or unlink()s itself.
    class RuleCursor : public bus::ListLink<RuleCursor> {
        friend class MatchIndex;
        std::uint32_t next_ = kNone;
    };

    explicit MatchIndex(bus::HashSeed seed,
                        Eavesdropping eavesdropping = Eavesdropping::AsTheRuleSays);

    /// The same rule may be added again; each time counts.
    void add(PeerId peer, const MatchRule& rule);
    /// Removes the most recently added rule of `peer` that equals `rule`; false where none does.
    [[nodiscard]] bool remove(PeerId peer, const MatchRule& rule);
    /// Returns how many rules the peer had.
    std::size_t remove_all(PeerId peer);
    /// The newest rules of the peer, `most` of their weight or a little more. True: it has none any
    /// more.
    bool remove_some(PeerId peer, std::size_t most);
    /// Removes rules with this unique name as sender or destination, for it never comes back;
    /// `most` of their weight or a little more. Appends their peers to `losers`, once for each
    /// rule. True: there are no more.
    bool remove_mentioning_unique(std::string_view unique_name,
                                  std::size_t most,
                                  std::vector<PeerId>& losers);

    /// Appends each peer with a matching rule once, in no order. No allocation in steady state,
    /// except in `receivers`.
    void find(const MatchSubject& subject, std::vector<PeerId>& receivers);

    /// Whether any rule could match a unicast message; five look-ups.
    [[nodiscard]] bool has_eavesdroppers() const { return tree_.has_eavesdroppers(); }

    /// In the order in which they were added.
    [[nodiscard]] std::vector<MatchRule> rules_of(PeerId peer) const;
    /// In front of the first rule of `peer`.
    void set_cursor(RuleCursor& cursor, PeerId peer);
    /// In the order of rules_of(); nothing at the end.
    [[nodiscard]] std::optional<MatchRule> next_rule(RuleCursor& cursor) const;
    [[nodiscard]] std::size_t count_of(PeerId peer) const;
    /// What they count for its account: weight_of() each that differs, one for another of the same.
    [[nodiscard]] std::size_t weight_of(PeerId peer) const;
    [[nodiscard]] std::size_t size() const { return instances_.size(); }
    [[nodiscard]] bool empty() const { return size() == 0; }
    /// What find() has looked up so far, and subscriptions that it has found: its cost, as a number
    /// to bill and to test.
    [[nodiscard]] std::uint64_t look_ups() const { return tree_.look_ups() + found_; }
    /// Nodes of the tree: what distinct conditions cost in memory.
    [[nodiscard]] std::size_t node_count() const { return tree_.size(); }

private:
    using NodeId = MatchTree::NodeId;

    /// One peer and one rule, however many times it was added.
    struct Subscription {
        std::uint32_t subscriber = kNone;
        NodeId node = kNone;
        std::uint32_t position = 0;    // among the node's receivers
        std::uint32_t newest = kNone;  // instance
        std::uint32_t weight = 1;
    };
    /// One AddMatch.
    struct Instance {
        std::uint32_t subscription = kNone;
        std::uint32_t older_equal = kNone;
        std::uint32_t previous = kNone, next = kNone;  // of the peer, in order of adding
    };
    using Subscriber = MatchSubscriber;

    [[nodiscard]] std::uint64_t hash_of(PeerId peer) const;
    [[nodiscard]] std::uint64_t hash_of(std::uint32_t subscriber, NodeId node) const;
    [[nodiscard]] std::uint32_t find_subscriber(PeerId peer) const;
    std::uint32_t find_or_add_subscriber(PeerId peer);
    [[nodiscard]] std::uint32_t find_subscription(std::uint32_t subscriber, NodeId node) const;
    std::uint32_t find_or_add_subscription(std::uint32_t subscriber,
                                           NodeId node,
                                           std::size_t weight);
    /// Returns its weight.
    std::size_t drop_newest_instance(std::uint32_t subscription);
    void drop_subscription(std::uint32_t subscription);
    void unlink_instance(Subscriber& subscriber, std::uint32_t number);

    bus::HashSeed seed_;
    MatchTree tree_;
    bus::Slab<Subscriber> subscribers_;
    bus::HashIndex subscriber_index_;
    bus::Slab<Subscription> subscriptions_;
    bus::HashIndex subscription_index_;
    bus::Slab<Instance> instances_;
    bus::IntrusiveList<RuleCursor, RuleCursor> cursors_;
    std::vector<const MatchTree::Receivers*>
        matching_;  // of the find() under way; kept for its memory
    std::uint64_t turn_ = 0;
    std::uint64_t found_ = 0;
};

}  // namespace buzon::broker
