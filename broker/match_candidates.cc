// SPDX-License-Identifier: Apache-2.0
#include "broker/match_candidates.h"

#include <algorithm>

namespace buzon::broker {

namespace selectors = match_selector;

void MatchCandidates::start(const MatchSubject& subject) {
    subject_ = &subject;
    ++turn_;
    found_.clear();
}

MatchCandidates::Range MatchCandidates::of(MatchSelector selector) {
    Slot& slot = slots_[selector];
    if (slot.computed_in != turn_) {
        slot.range.begin = found_.size();
        compute(selector);
        slot.range.end = found_.size();
        slot.computed_in = turn_;
    }
    return slot.range;
}

void MatchCandidates::compute(MatchSelector selector) {
    const MatchSubject& subject = *subject_;
    switch (selector) {
        case selectors::kInterface: return add_field(subject.interface);
        case selectors::kMember: return add_field(subject.member);
        case selectors::kPath: return add_field(subject.path);
        case selectors::kPathNamespace:
            if (subject.path.empty()) return;
            if (subject.path != "/") add_text("/");
            return add_prefixes(subject.path, '/', Boundary::Excluded);
        case selectors::kSender: return add_names(subject.sender, subject.sender_names);
        case selectors::kDestination:
            if (subject.recipient.empty()) return add_field(subject.destination);
            return add_names(subject.recipient, subject.recipient_names);
        default: return compute_argument(selector);
    }
}

void MatchCandidates::compute_argument(MatchSelector selector) {
    const bool is_namespace = selector == selectors::kArgument0Namespace;
    const auto& found = argument(is_namespace ? 0 : selectors::argument_index(selector));
    if (!found) return;
    if (!is_namespace && selectors::is_argument_path(selector)) {
        return add_prefixes(found->text, '/', Boundary::Included);
    }
    if (found->kind != TextArgument::Kind::String) return;
    if (is_namespace) return add_prefixes(found->text, '.', Boundary::Excluded);
    add_text(found->text);
}

void MatchCandidates::add_field(std::string_view text) {
    if (!text.empty()) add_text(text);
}

void MatchCandidates::add_text(std::string_view text) {
    const MatchValues::Id value = values_.find(text);
    if (value != MatchValues::kNone) found_.push_back(value);
}

/// Adds what `text` has before each boundary, and `text` itself. All prefixes are hashed in one
/// pass; those longer than a rule can be are left out.
void MatchCandidates::add_prefixes(std::string_view text, char boundary, Boundary kind) {
    bus::TextHashState state(values_.seed());
    std::size_t hashed = 0;
    const auto add = [&](std::size_t size) {
        for (; size - hashed >= 8; hashed += 8)
            state.compress(text.data() + hashed);
        const std::uint64_t hash = state.finish(text.data() + hashed, size);
        const MatchValues::Id value = values_.find(text.substr(0, size), hash);
        if (value != MatchValues::kNone) found_.push_back(value);
    };
    const std::size_t longest = std::min(text.size(), kMaxMatchRuleBytes + 1);
    for (std::size_t at = text.find(boundary); at < longest; at = text.find(boundary, at + 1)) {
        const std::size_t size = kind == Boundary::Included ? at + 1 : at;
        if (size > 0 && size < longest) add(size);
    }
    if (text.size() <= kMaxMatchRuleBytes) add(text.size());
}

/// Adds a peer's names, by whichever is shorter: its list of names, or that of all names in rules.
void MatchCandidates::add_names(std::string_view unique_name, const OwnedNames* names) {
    add_field(unique_name);
    if (!names || mentions_.empty()) return;
    const auto all = names->all();
    if (all.size() <= mentions_.size()) {
        for (const std::string_view name : all)
            add_text(name);
        return;
    }
    for (const auto& [value, node] : mentions_) {
        if (names->contains(values_.text(value))) found_.push_back(value);
    }
}

const std::optional<TextArgument>& MatchCandidates::argument(unsigned index) {
    ArgumentSlot& slot = arguments_[index];
    if (slot.computed_in != turn_) {
        slot.argument = subject_->arguments ? subject_->arguments->argument(index) : std::nullopt;
        slot.computed_in = turn_;
    }
    return slot.argument;
}

std::string_view MatchCandidates::open_ended_path(unsigned index) {
    const auto& found = argument(index);
    return found && found->text.ends_with('/') ? found->text : std::string_view();
}

}  // namespace buzon::broker
