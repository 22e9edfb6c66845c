// SPDX-License-Identifier: Apache-2.0
// Match rules as ways through a tree: from a root, one step for each condition, to the node that
// stands for the rule. Equal rules end at one node; what a node's receivers mean is the owner's.
// match_tree.cc explains how a message finds its nodes.
// Invariant: below every node, itself included, there is a receiver, once prune() has been called
// for each node that lost its last one.
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
#include "bus/base/hash.h"
#include "bus/base/hash_index.h"
#include "bus/base/slab.h"

namespace buzon::broker {

/// Who has rules; the tree only keeps where it is.
struct MatchSubscriber;

/// Rules of monitors see all traffic, whatever they say about it.
enum class Eavesdropping : std::uint8_t { AsTheRuleSays, Always };

class MatchTree {
public:
    using NodeId = std::uint32_t;
    static constexpr NodeId kNone = bus::HashIndex::kNone;

    struct Receiver {
        MatchSubscriber* subscriber = nullptr;
        std::uint32_t subscription = kNone;
    };
    using Receivers = std::vector<Receiver>;

    MatchTree(bus::HashSeed seed, Eavesdropping eavesdropping);
    MatchTree(const MatchTree&) = delete;
    MatchTree& operator=(const MatchTree&) = delete;
    ~MatchTree();

    /// The node of this rule, made where it is not there yet; it must be given a receiver then.
    NodeId add(const MatchRule& rule);
    /// kNone where nobody has the rule.
    [[nodiscard]] NodeId find(const MatchRule& rule) const;
    [[nodiscard]] MatchRule rule_at(NodeId node) const;
    /// Valid until the node is pruned.
    [[nodiscard]] Receivers& receivers(NodeId node) { return nodes_[node].receivers; }
    /// Removes the node, and those above it, as far as they have become useless.
    void prune(NodeId node);

    /// Appends the receivers of each node whose rule matches. No allocation in steady state.
    void search(const MatchSubject& subject, std::vector<const Receivers*>& matching);
    /// A node with receivers whose rule has this unique name as sender or destination; kNone where
    /// there is none.
    [[nodiscard]] NodeId find_mentioning_unique(std::string_view unique_name) const;

    /// Whether any rule could match a unicast message.
    [[nodiscard]] bool has_eavesdroppers() const;
    /// How many steps and texts all searches so far have looked up: what they cost.
    [[nodiscard]] std::uint64_t look_ups() const { return look_ups_ + candidates_.look_ups(); }
    /// Without the roots, which are always there.
    [[nodiscard]] std::size_t size() const { return nodes_.size() - kRootCount; }
    /// Texts that rules compare with.
    [[nodiscard]] std::size_t value_count() const { return values_.size(); }

private:
    using Selector = MatchSelector;
    using ValueId = MatchValues::Id;

    /// The steps from a node that ask for one kind of condition.
    struct Branch {
        Selector selector = 0;
        std::uint32_t children = 0;
        /// Only for argNpath, where a path of the message may stand for many longer ones.
        std::unique_ptr<std::map<std::string_view, NodeId>> ordered;
    };
    struct Node {
        NodeId parent = kNone;
        ValueId value = kNone;
        Selector selector = 0;
        NodeId first_child = kNone, previous_sibling = kNone, next_sibling = kNone;
        /// Nodes that compare the sender or the destination with the same name.
        NodeId previous_mention = kNone, next_mention = kNone;
        std::vector<Branch> branches;  // ascending selectors
        Receivers receivers;
    };

    /// One root for each type and one for rules without a type; all again for eavesdroppers.
    static constexpr NodeId kRootsPerHalf = 5;
    static constexpr NodeId kRootCount = 2 * kRootsPerHalf;

    [[nodiscard]] NodeId root_of(const MatchRule& rule) const;
    [[nodiscard]] NodeId find_child(NodeId parent, Selector selector, ValueId value) const;
    NodeId add_child(NodeId parent, Selector selector, std::string_view text);
    void remove_child(NodeId child);
    void link_branch(NodeId child);
    void unlink_branch(NodeId child);
    void link_sibling(NodeId child);
    void unlink_sibling(NodeId child);
    void link_mention(NodeId child);
    void unlink_mention(NodeId child);
    [[nodiscard]] NameMentions* mentions_for(const Node& node);
    [[nodiscard]] std::uint64_t hash_of_step(NodeId parent, Selector selector, ValueId value) const;

    void visit(NodeId node, std::vector<const Receivers*>& matching);
    void visit_branch(NodeId node, const Branch& branch, std::vector<const Receivers*>& matching);

    bus::HashSeed seed_;
    Eavesdropping eavesdropping_;
    MatchValues values_;
    NameMentions unique_mentions_, well_known_mentions_;
    MatchCandidates candidates_;
    bus::Slab<Node> nodes_;
    bus::HashIndex steps_;
    std::uint64_t look_ups_ = 0;
};

}  // namespace buzon::broker
