// SPDX-License-Identifier: Apache-2.0
// How a message finds the rules that match it.
//
// A rule is a list of conditions in a fixed order (match_selector), and so a way down a tree:
//
//     signal ─ interface=org.freedesktop.DBus ─ member=NameOwnerChanged ┬ arg0=org.example.Mail  ●
//                                                                       └ arg0=org.example.Post  ●
//
// A search goes down from the roots that fit the message. At a node it asks, for each kind of
// condition that rules go on with from here, which values the message has for that (candidates,
// computed once for the message), and looks each of them up among the steps from this node. Five
// thousand rules that differ in arg0 are then one look-up, and one that fails costs as much as
// one that succeeds. A node is reached only if all conditions above it hold, so the work is
// bounded by what the message shares with rules, not by the number of rules.
//
// The steps of all nodes are in one hash table, keyed (node, kind, value); values are numbers,
// for every text that a rule compares with is kept once (match_values). So a text of the message
// is hashed and compared once, however many nodes ask for it, and the usual text of which no rule
// has heard ends the matter without any look-up in the tree.
//
// Namespaces work by the prefixes of the message's value, cut at the boundaries, of which there
// are few. `argNpath` works both ways: a message's path that ends in a slash matches all longer
// ones below it. Those are neighbours in an ordered map, which only these branches have.
//
// Rules without eavesdrop=true are below other roots than those with it, because only those with
// it can match a unicast message.
#include "broker/match_tree.h"

#include <algorithm>
#include <cassert>
#include <string>

namespace buzon::broker {
namespace {

namespace selectors = match_selector;

MatchSelector selector_of(const ArgumentCondition& condition) {
    switch (condition.kind) {
        case ArgumentCondition::Kind::String: return selectors::argument_equal(condition.index);
        case ArgumentCondition::Kind::Path: return selectors::argument_path(condition.index);
        case ArgumentCondition::Kind::Namespace: return selectors::kArgument0Namespace;
    }
    return selectors::kCount;
}

/// Calls `step(selector, text)` for each condition but the type, in the order of the selectors,
/// until it returns false.
template <typename Step>
void for_each_condition(const MatchRule& rule, Step&& step) {
    const bool exact = rule.path_condition == PathCondition::Equal;
    const std::pair<MatchSelector, std::string_view> fields[] = {
        {selectors::kInterface, rule.interface},
        {selectors::kMember, rule.member},
        {exact ? selectors::kPath : selectors::kPathNamespace, rule.path},
        {selectors::kSender, rule.sender},
    };
    for (const auto& [selector, text] : fields) {
        if (!text.empty() && !step(selector, text)) return;
    }
    for (const ArgumentCondition& condition : rule.arguments) {
        if (!step(selector_of(condition), std::string_view(condition.value))) return;
    }
    if (!rule.destination.empty())
        step(selectors::kDestination, std::string_view(rule.destination));
}

ArgumentCondition argument_condition(MatchSelector selector, std::string_view text) {
    ArgumentCondition condition;
    condition.value = text;
    if (selector == selectors::kArgument0Namespace) {
        condition.kind = ArgumentCondition::Kind::Namespace;
        return condition;
    }
    condition.index = static_cast<std::uint8_t>(selectors::argument_index(selector));
    if (selectors::is_argument_path(selector)) condition.kind = ArgumentCondition::Kind::Path;
    return condition;
}

/// The reverse of for_each_condition(), for one of them.
void set_condition(MatchRule& rule, MatchSelector selector, std::string_view text) {
    switch (selector) {
        case selectors::kInterface: rule.interface = text; return;
        case selectors::kMember: rule.member = text; return;
        case selectors::kPathNamespace:
            rule.path_condition = PathCondition::Namespace;
            [[fallthrough]];
        case selectors::kPath: rule.path = text; return;
        case selectors::kSender: rule.sender = text; return;
        case selectors::kDestination: rule.destination = text; return;
        default: rule.arguments.push_back(argument_condition(selector, text));
    }
}

}  // namespace

MatchTree::MatchTree(bus::HashSeed seed, Eavesdropping eavesdropping)
    : seed_(seed),
      eavesdropping_(eavesdropping),
      values_(seed),
      candidates_(values_, well_known_mentions_) {
    for (NodeId root = 0; root < kRootCount; ++root)
        nodes_.add(Node{});
}

MatchTree::~MatchTree() = default;

MatchTree::NodeId MatchTree::root_of(const MatchRule& rule) const {
    const bool eavesdrops = rule.eavesdrop || eavesdropping_ == Eavesdropping::Always;
    const auto type = rule.type ? static_cast<NodeId>(*rule.type) : NodeId{0};
    return (eavesdrops ? kRootsPerHalf : NodeId{0}) + type;
}

MatchTree::NodeId MatchTree::add(const MatchRule& rule) {
    NodeId node = root_of(rule);
    for_each_condition(rule, [&](Selector selector, std::string_view text) {
        const ValueId value = values_.find(text);
        NodeId child = value == kNone ? kNone : find_child(node, selector, value);
        if (child == kNone) child = add_child(node, selector, text);
        node = child;
        return true;
    });
    return node;
}

MatchTree::NodeId MatchTree::find(const MatchRule& rule) const {
    NodeId node = root_of(rule);
    for_each_condition(rule, [&](Selector selector, std::string_view text) {
        const ValueId value = values_.find(text);
        node = value == kNone ? kNone : find_child(node, selector, value);
        return node != kNone;
    });
    return node;
}

MatchRule MatchTree::rule_at(NodeId node) const {
    MatchRule rule;
    for (; node >= kRootCount; node = nodes_[node].parent) {
        set_condition(rule, nodes_[node].selector, values_.text(nodes_[node].value));
    }
    std::reverse(rule.arguments.begin(), rule.arguments.end());
    rule.eavesdrop = node >= kRootsPerHalf;
    const NodeId type = node % kRootsPerHalf;
    if (type != 0) rule.type = static_cast<bus::MessageType>(type);
    return rule;
}

bool MatchTree::has_eavesdroppers() const {
    for (NodeId root = kRootsPerHalf; root < kRootCount; ++root) {
        const Node& node = nodes_[root];
        if (!node.receivers.empty() || !node.branches.empty()) return true;
    }
    return false;
}

void MatchTree::search(const MatchSubject& subject, std::vector<const Receivers*>& matching) {
    candidates_.start(subject);
    const bool has_type_root = subject.type > 0 && subject.type < kRootsPerHalf;
    for (NodeId half = subject.is_unicast() ? kRootsPerHalf : 0; half < kRootCount;
         half += kRootsPerHalf) {
        visit(half, matching);
        if (has_type_root) visit(half + subject.type, matching);
    }
}

void MatchTree::visit(NodeId number, std::vector<const Receivers*>& matching) {
    const Node& node = nodes_[number];
    if (!node.receivers.empty()) matching.push_back(&node.receivers);
    for (const Branch& branch : node.branches)
        visit_branch(number, branch, matching);
}

void MatchTree::visit_branch(NodeId node,
                             const Branch& branch,
                             std::vector<const Receivers*>& matching) {
    const auto range = candidates_.of(branch.selector);
    look_ups_ += range.end - range.begin;
    for (std::size_t i = range.begin; i != range.end; ++i) {
        const NodeId child = find_child(node, branch.selector, candidates_.at(i));
        if (child != kNone) visit(child, matching);
    }
    if (!branch.ordered) return;
    const std::string_view top =
        candidates_.open_ended_path(selectors::argument_index(branch.selector));
    if (top.empty()) return;
    for (auto longer = branch.ordered->upper_bound(top);
         longer != branch.ordered->end() && longer->first.starts_with(top); ++longer) {
        ++look_ups_;
        visit(longer->second, matching);
    }
}

MatchTree::NodeId MatchTree::find_mentioning_unique(std::string_view unique_name) const {
    const NodeId* mention = unique_mentions_.find(values_.find(unique_name));
    if (!mention) return kNone;
    NodeId node = *mention;
    while (nodes_[node].receivers.empty())
        node = nodes_[node].first_child;
    return node;
}

std::uint64_t MatchTree::hash_of_step(NodeId parent, Selector selector, ValueId value) const {
    return bus::hash_words((std::uint64_t{parent} << 8) | selector, value, seed_);
}

MatchTree::NodeId MatchTree::find_child(NodeId parent, Selector selector, ValueId value) const {
    return steps_.find(hash_of_step(parent, selector, value), [&](NodeId number) {
        const Node& child = nodes_[number];
        return child.parent == parent && child.selector == selector && child.value == value;
    });
}

MatchTree::NodeId MatchTree::add_child(NodeId parent, Selector selector, std::string_view text) {
    Node node;
    node.parent = parent;
    node.selector = selector;
    node.value = values_.acquire(text);
    const NodeId child = nodes_.add(std::move(node));
    candidates_.add_size(selector, text.size());
    steps_.insert(hash_of_step(parent, selector, nodes_[child].value), child);
    link_sibling(child);
    link_branch(child);
    link_mention(child);
    return child;
}

void MatchTree::prune(NodeId node) {
    while (node >= kRootCount && nodes_[node].receivers.empty() &&
           nodes_[node].first_child == kNone) {
        const NodeId parent = nodes_[node].parent;
        remove_child(node);
        node = parent;
    }
}

void MatchTree::remove_child(NodeId child) {
    const Node& node = nodes_[child];
    const ValueId value = node.value;
    steps_.erase(hash_of_step(node.parent, node.selector, value), child);
    unlink_sibling(child);
    unlink_branch(child);
    unlink_mention(child);
    candidates_.remove_size(node.selector, values_.text(value).size());
    nodes_.remove(child);
    values_.release(value);
}

void MatchTree::link_branch(NodeId child) {
    const Node& node = nodes_[child];
    auto& branches = nodes_[node.parent].branches;
    auto branch = std::lower_bound(
        branches.begin(), branches.end(), node.selector,
        [](const Branch& each, Selector selector) { return each.selector < selector; });
    if (branch == branches.end() || branch->selector != node.selector) {
        branch = branches.insert(branch, Branch{node.selector, 0, nullptr});
    }
    ++branch->children;
    if (!selectors::is_argument_path(node.selector)) return;
    if (!branch->ordered) {
        branch->ordered = std::make_unique<std::map<std::string_view, NodeId>>();
    }
    branch->ordered->emplace(values_.text(node.value), child);
}

void MatchTree::unlink_branch(NodeId child) {
    const Node& node = nodes_[child];
    auto& branches = nodes_[node.parent].branches;
    const auto branch = std::find_if(branches.begin(), branches.end(), [&](const Branch& each) {
        return each.selector == node.selector;
    });
    assert(branch != branches.end());
    if (--branch->children == 0) {
        branches.erase(branch);
    } else if (branch->ordered) {
        branch->ordered->erase(values_.text(node.value));
    }
}

void MatchTree::link_sibling(NodeId child) {
    Node& node = nodes_[child];
    NodeId& first = nodes_[node.parent].first_child;
    node.next_sibling = first;
    if (first != kNone) nodes_[first].previous_sibling = child;
    first = child;
}

void MatchTree::unlink_sibling(NodeId child) {
    const Node& node = nodes_[child];
    (node.previous_sibling == kNone ? nodes_[node.parent].first_child
                                    : nodes_[node.previous_sibling].next_sibling) =
        node.next_sibling;
    if (node.next_sibling != kNone) {
        nodes_[node.next_sibling].previous_sibling = node.previous_sibling;
    }
}

NameMentions* MatchTree::mentions_for(const Node& node) {
    if (node.selector != selectors::kSender && node.selector != selectors::kDestination) {
        return nullptr;
    }
    return values_.text(node.value).starts_with(':') ? &unique_mentions_ : &well_known_mentions_;
}

void MatchTree::link_mention(NodeId child) {
    Node& node = nodes_[child];
    NameMentions* mentions = mentions_for(node);
    if (!mentions) return;
    const auto [mention, is_new] = mentions->find_or_add(node.value);
    NodeId& first = mention.value;
    if (is_new) first = kNone;
    node.next_mention = first;
    if (first != kNone) nodes_[first].previous_mention = child;
    first = child;
}

void MatchTree::unlink_mention(NodeId child) {
    const Node& node = nodes_[child];
    NameMentions* mentions = mentions_for(node);
    if (!mentions) return;
    if (node.next_mention != kNone) {
        nodes_[node.next_mention].previous_mention = node.previous_mention;
    }
    if (node.previous_mention != kNone) {
        nodes_[node.previous_mention].next_mention = node.next_mention;
    } else if (node.next_mention != kNone) {
        *mentions->find(node.value) = node.next_mention;
    } else {
        mentions->erase(node.value);
    }
}

}  // namespace buzon::broker
