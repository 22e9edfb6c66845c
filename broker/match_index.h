// SPDX-License-Identifier: Apache-2.0
// The match rules of all peers, arranged so that a message finds its receivers without looking
// at the rules that ask for something else. match_index.cc explains how.
// Invariant: find() gives exactly the peers that have a rule with matches(subject).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/match_candidates.h"
#include "broker/match_rule.h"
#include "broker/match_values.h"
#include "broker/peer_id.h"
#include "bus/base/hash.h"
#include "bus/base/hash_index.h"
#include "bus/base/slab.h"

namespace buzon::broker {

/// Rules of monitors see all traffic, whatever they say about it.
enum class Eavesdropping : std::uint8_t { AsTheRuleSays, Always };

class MatchIndex {
public:
    explicit MatchIndex(bus::HashSeed seed,
                        Eavesdropping eavesdropping = Eavesdropping::AsTheRuleSays);
    MatchIndex(const MatchIndex&) = delete;
    MatchIndex& operator=(const MatchIndex&) = delete;
    ~MatchIndex();

    /// The same rule may be added again; each time counts.
    void add(PeerId peer, const MatchRule& rule);
    /// Removes the most recently added rule of `peer` that equals `rule`; false where none does.
    [[nodiscard]] bool remove(PeerId peer, const MatchRule& rule);
    /// Returns how many rules the peer had.
    std::size_t remove_all(PeerId peer);
    /// Removes all rules with this unique name as sender or destination, for it never comes
    /// back. Returns their peers, once for each rule.
    std::vector<PeerId> remove_mentioning_unique(std::string_view unique_name);

    /// Appends each peer with a matching rule once, in no order. No allocation in steady state,
    /// except in `receivers`.
    void find(const MatchSubject& subject, std::vector<PeerId>& receivers);

    /// In the order in which they were added.
    [[nodiscard]] std::vector<MatchRule> rules_of(PeerId peer) const;
    [[nodiscard]] std::size_t count_of(PeerId peer) const;
    [[nodiscard]] std::size_t size() const { return instances_.size(); }

private:
    using Selector = MatchSelector;
    using ValueId = MatchValues::Id;
    using NodeId = std::uint32_t;
    static constexpr std::uint32_t kNone = bus::HashIndex::kNone;

    /// The children of a node that one kind of condition leads to.
    struct Branch {
        Selector selector = 0;
        std::uint32_t children = 0;
        /// Only for argNpath, where a message's path may stand for many longer ones.
        std::unique_ptr<std::map<std::string_view, NodeId>> ordered;
    };
    struct Receiver {
        std::uint32_t subscriber = kNone;
        std::uint32_t subscription = kNone;
    };
    /// A rule is a way from a root to a node: one condition for each step.
    struct Node {
        NodeId parent = kNone;
        ValueId value = kNone;
        Selector selector = 0;
        NodeId first_child = kNone, previous_sibling = kNone, next_sibling = kNone;
        NodeId previous_mention = kNone, next_mention = kNone;
        std::vector<Branch> branches;     // ascending selectors
        std::vector<Receiver> receivers;  // whoever has the rule that ends here
    };
    /// One peer and one rule, however many times it was added.
    struct Subscription {
        std::uint32_t subscriber = kNone;
        NodeId node = kNone;
        std::uint32_t position = 0;    // in Node::receivers
        std::uint32_t newest = kNone;  // instance
    };
    /// One AddMatch.
    struct Instance {
        std::uint32_t subscription = kNone;
        std::uint32_t older_equal = kNone;
        std::uint32_t previous = kNone, next = kNone;  // of the peer, in order of adding
    };
    struct Subscriber {
        PeerId peer{};
        std::uint64_t found_in = 0;  // the last find() that gave this peer
        std::uint32_t first = kNone, last = kNone;
        std::uint32_t rules = 0;
    };

    // The ways through the tree.
    [[nodiscard]] NodeId root_of(const MatchRule& rule) const;
    [[nodiscard]] NodeId find_child(NodeId parent, Selector selector, ValueId value) const;
    NodeId add_child(NodeId parent, Selector selector, std::string_view text);
    [[nodiscard]] NodeId find_node(const MatchRule& rule) const;
    void prune(NodeId node);
    void remove_child(NodeId node);
    void add_to_branch(NodeId parent, NodeId child);
    void remove_from_branch(NodeId parent, NodeId child);
    void link_mention(NodeId node);
    void unlink_mention(NodeId node);
    [[nodiscard]] NameMentions* mentions_for(const Node& node);
    [[nodiscard]] MatchRule rule_at(NodeId node) const;
    [[nodiscard]] std::uint64_t hash_of_edge(NodeId parent, Selector selector, ValueId value) const;

    // Who has which rule.
    [[nodiscard]] std::uint32_t find_subscriber(PeerId peer) const;
    std::uint32_t find_or_add_subscriber(PeerId peer);
    [[nodiscard]] std::uint32_t find_subscription(std::uint32_t subscriber, NodeId node) const;
    std::uint32_t find_or_add_subscription(std::uint32_t subscriber, NodeId node);
    void drop_subscription(std::uint32_t subscription);
    void drop_newest_instance(std::uint32_t subscription);
    void remove_below(NodeId top, std::vector<PeerId>& peers);

    void visit(NodeId node, std::vector<PeerId>& receivers);
    void visit_longer_paths(const Branch& branch, std::vector<PeerId>& receivers);

    bus::HashSeed seed_;
    Eavesdropping eavesdropping_;
    MatchValues values_;
    NameMentions unique_mentions_, well_known_mentions_;
    MatchCandidates candidates_;
    bus::Slab<Node> nodes_;
    bus::HashIndex edges_;
    bus::Slab<Subscriber> subscribers_;
    bus::HashIndex subscriber_index_;
    bus::Slab<Subscription> subscriptions_;
    bus::HashIndex subscription_index_;
    bus::Slab<Instance> instances_;
    std::uint64_t turn_ = 0;
};

}  // namespace buzon::broker
