// SPDX-License-Identifier: Apache-2.0
#include "policy/vocabulary.h"

#include <algorithm>

namespace buzon::policy {

namespace {

void make_unique(std::vector<TextId>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    ids.shrink_to_fit();
}

}  // namespace

Vocabulary::Vocabulary(const std::vector<PolicyBlock>& blocks) {
    for (const PolicyBlock& block : blocks) {
        for (const Rule& rule : block.rules)
            add(rule);
    }
    for (PartyWords* words : {&own_, &send_, &receive_}) {
        make_unique(words->exact);
        make_unique(words->prefixes);
    }
}

TextId Vocabulary::find(std::string_view text) const {
    if (text.size() > longest_) return kNoText;
    const auto found = ids_.find(text);
    return found == ids_.end() ? kNoText : found->second;
}

TextId Vocabulary::id_of(const std::optional<std::string>& condition) const {
    return condition ? find(std::string_view(*condition)) : kNoText;
}

TextId Vocabulary::add(std::string_view text) {
    const auto [place, is_new] = ids_.try_emplace(text, static_cast<TextId>(texts_.size() + 1));
    if (is_new) {
        texts_.push_back(text);
        longest_ = std::max(longest_, text.size());
        if (text.starts_with(':')) mentions_unique_names_ = true;
    }
    return place->second;
}

void Vocabulary::add(const MessageConditions& conditions) {
    for (const auto* condition :
         {&conditions.path, &conditions.interface, &conditions.member, &conditions.error_name}) {
        if (*condition) add(**condition);
    }
}

void Vocabulary::add(PartyWords& words, const std::optional<std::string>& name, NameForm form) {
    if (!name) return;
    const TextId id = add(*name);
    if (form == NameForm::Exact) {
        words.exact.push_back(id);
        return;
    }
    // A longer prefix has no names.
    if (name->size() >= words.prefix_bytes.size()) return;
    words.prefixes.push_back(id);
    words.prefix_bytes.set(name->size());
}

void Vocabulary::add(const Rule& rule) {
    if (const auto* own = std::get_if<OwnRule>(&rule.match)) add(own_, own->name, own->form);
    if (const auto* send = std::get_if<SendRule>(&rule.match)) {
        add(send->message);
        add(send_, send->destination, send->destination_form);
    }
    if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
        add(receive->message);
        add(receive_, receive->sender, NameForm::Exact);
    }
}

}  // namespace buzon::policy
