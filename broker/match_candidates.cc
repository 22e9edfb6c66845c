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
        case selectors::kInterface: return add_field(Family::Interface, subject.interface);
        case selectors::kMember: return add_field(Family::Member, subject.member);
        case selectors::kPath: return add_field(Family::Path, subject.path);
        case selectors::kPathNamespace:
            if (subject.path.empty()) return;
            if (subject.path != "/") add_text(Family::PathNamespace, "/");
            return add_prefixes(Family::PathNamespace, subject.path, '/', Boundary::Excluded);
        case selectors::kSender: return add_names(subject.sender, subject.sender_names);
        case selectors::kDestination:
            if (subject.recipient.empty()) return add_field(Family::Name, subject.destination);
            return add_names(subject.recipient, subject.recipient_names);
        default: return compute_argument(selector);
    }
}

void MatchCandidates::compute_argument(MatchSelector selector) {
    const Family family = family_of(selector);
    const unsigned index =
        family == Family::NameNamespace ? 0 : selectors::argument_index(selector);
    const auto& found = argument(index);
    if (!found) return;
    if (family == Family::ArgumentPath) {
        return add_prefixes(family, found->text, '/', Boundary::Included);
    }
    if (found->kind != TextArgument::Kind::String) return;
    if (family == Family::NameNamespace) {
        return add_prefixes(family, found->text, '.', Boundary::Excluded);
    }
    add_text(family, found->text);
}

void MatchCandidates::add_field(Family family, std::string_view text) {
    if (!text.empty()) add_text(family, text);
}

void MatchCandidates::add_text(Family family, std::string_view text) {
    if (!has_size(family, text.size())) return;
    ++look_ups_;
    const MatchValues::Id value = values_.find(text);
    if (value != MatchValues::kNone) found_.push_back(value);
}

/// Adds what `text` has before each boundary, and `text` itself; hashes all in one pass.
void MatchCandidates::add_prefixes(Family family,
                                   std::string_view text,
                                   char boundary,
                                   Boundary kind) {
    bus::TextHashState state(values_.seed());
    std::size_t hashed = 0;
    const auto add = [&](std::size_t size) {
        if (!has_size(family, size)) return;
        for (; size - hashed >= 8; hashed += 8)
            state.compress(text.data() + hashed);
        ++look_ups_;
        const std::uint64_t hash = state.finish(text.data() + hashed, size);
        const MatchValues::Id value = values_.find(text.substr(0, size), hash);
        if (value != MatchValues::kNone) found_.push_back(value);
    };
    const std::size_t end = std::min(text.size(), kMaxMatchRuleBytes + 1);
    for (std::size_t at = text.find(boundary); at < end; at = text.find(boundary, at + 1)) {
        const std::size_t size = kind == Boundary::Included ? at + 1 : at;
        if (size > 0 && size < text.size()) add(size);
    }
    add(text.size());
}

/// Adds a peer's names, by whichever is shorter: its list of names, or that of all names in rules.
void MatchCandidates::add_names(std::string_view unique_name, const OwnedNames* names) {
    add_field(Family::Name, unique_name);
    if (!names || mentions_.empty()) return;
    const auto all = names->all();
    look_ups_ += std::min(all.size(), mentions_.extent());
    if (all.size() <= mentions_.extent()) {
        for (const std::string_view name : all)
            add_text(Family::Name, name);
        return;
    }
    mentions_.for_each([&](MatchValues::Id value, std::uint32_t) {
        if (names->contains(values_.text(value))) found_.push_back(value);
    });
}

MatchCandidates::Family MatchCandidates::family_of(MatchSelector selector) {
    switch (selector) {
        case selectors::kInterface: return Family::Interface;
        case selectors::kMember: return Family::Member;
        case selectors::kPath: return Family::Path;
        case selectors::kPathNamespace: return Family::PathNamespace;
        case selectors::kSender:
        case selectors::kDestination: return Family::Name;
        case selectors::kArgument0Namespace: return Family::NameNamespace;
        default:
            return selectors::is_argument_path(selector) ? Family::ArgumentPath : Family::Argument;
    }
}

std::uint32_t& MatchCandidates::count_for(MatchSelector selector, std::size_t size) {
    return sizes_[static_cast<std::size_t>(family_of(selector))][size];
}

bool MatchCandidates::has_size(Family family, std::size_t size) const {
    return size <= kMaxMatchRuleBytes && sizes_[static_cast<std::size_t>(family)][size] > 0;
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
