// SPDX-License-Identifier: Apache-2.0
#include "policy/vocabulary.h"

#include <algorithm>
#include <functional>

namespace buzon::policy {

namespace {

/// Not seeded: the texts are the administrator's, and what a stranger asks for changes nothing.
std::uint64_t hash_of(std::string_view text) {
    return std::hash<std::string_view>()(text);
}

}  // namespace

TextId Vocabulary::find(std::string_view text) const {
    if (text.size() > longest_) return kNoText;
    const std::uint32_t place = places_.find(
        hash_of(text), [&](std::uint32_t number) { return texts_[number].text == text; });
    return place == bus::HashIndex::kNone ? kNoText : place + 1;
}

TextId Vocabulary::id_of(const std::optional<std::string>& condition) const {
    return condition ? find(std::string_view(*condition)) : kNoText;
}

TextId Vocabulary::add(std::string_view text) {
    longest_ = std::max(longest_, text.size());
    if (const TextId known = find(text)) return known;
    if (text.starts_with(':')) mentions_unique_names_ = true;
    places_.insert(hash_of(text), static_cast<std::uint32_t>(texts_.size()));
    texts_.push_back({text});
    return static_cast<TextId>(texts_.size());
}

void Vocabulary::add(const MessageConditions& conditions) {
    for (const auto* condition :
         {&conditions.path, &conditions.interface, &conditions.member, &conditions.error_name}) {
        if (*condition) add(std::string_view(**condition));
    }
}

bool Vocabulary::has_new_role(TextId id, Role role) {
    std::uint8_t& roles = texts_[id - 1].roles;
    const auto before = roles;
    roles = static_cast<std::uint8_t>(roles | 1U << role);
    return roles != before;
}

void Vocabulary::add_exact(PartyWords& words, Role role, const std::string& name) {
    const TextId id = add(std::string_view(name));
    if (has_new_role(id, role)) words.exact.push_back(id);
}

void Vocabulary::add_prefix(PartyWords& words, Role role, const std::string& name) {
    const TextId id = add(std::string_view(name));
    // A longer prefix has no names.
    if (name.size() >= words.prefix_bytes.size() || !has_new_role(id, role)) return;
    words.prefixes.push_back(id);
    words.prefix_bytes.set(name.size());
}

void Vocabulary::add(const Rule& rule) {
    const auto* own = std::get_if<OwnRule>(&rule.match);
    if (own && own->name) {
        if (own->form == NameForm::Exact) add_exact(own_, kOwnExact, *own->name);
        if (own->form == NameForm::Prefix) add_prefix(own_, kOwnPrefix, *own->name);
    }
    if (const auto* send = std::get_if<SendRule>(&rule.match)) {
        add(send->message);
        const auto& name = send->destination;
        const bool is_exact = send->destination_form == NameForm::Exact;
        if (name && is_exact) add_exact(send_, kSendExact, *name);
        if (name && !is_exact) add_prefix(send_, kSendPrefix, *name);
    }
    if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
        add(receive->message);
        if (receive->sender) add_exact(receive_, kReceiveExact, *receive->sender);
    }
}

}  // namespace buzon::policy
