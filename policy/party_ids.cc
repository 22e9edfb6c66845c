// SPDX-License-Identifier: Apache-2.0
#include "policy/party_ids.h"

#include <algorithm>

namespace buzon::policy {

namespace {

class Collector final : public NameVisitor {
public:
    Collector(PartyIds& ids, const Vocabulary& vocabulary, const PartyWords& words)
        : ids_(ids), vocabulary_(vocabulary), words_(words) {}
    void visit(std::string_view name) override { ids_.take(name, vocabulary_, words_); }

private:
    PartyIds& ids_;
    const Vocabulary& vocabulary_;
    const PartyWords& words_;
};

void make_unique(std::pmr::vector<TextId>& ids) {
    if (ids.size() < 2) return;
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

void PartyIds::take(std::string_view name, const Vocabulary& vocabulary, const PartyWords& words) {
    if (!words.exact.empty()) {
        if (const TextId id = vocabulary.find(name)) names_.push_back(id);
    }
    vocabulary.for_each_prefix(name, words, [this](TextId id) { prefixes_.push_back(id); });
}

void PartyIds::take(const HeldWords& held,
                    std::string_view unique_name,
                    const Vocabulary& vocabulary,
                    const PartyWords& words) {
    names_.assign(held.names().begin(), held.names().end());
    prefixes_.assign(held.prefixes().begin(), held.prefixes().end());
    if (vocabulary.mentions_unique_names()) take(unique_name, vocabulary, words);
}

void PartyIds::take(const NameHolder& holder,
                    const Vocabulary& vocabulary,
                    const PartyWords& words) {
    if (const HeldWords* held = holder.held_words(vocabulary)) {
        take(*held, holder.unique_name(), vocabulary, words);
    } else if (holder.count() <= words.exact.size() + words.prefixes.size()) {
        Collector collector(*this, vocabulary, words);
        holder.for_each(collector);
    } else {
        for (const TextId id : words.exact) {
            if (holder.holds(vocabulary.text(id))) names_.push_back(id);
        }
        for (const TextId id : words.prefixes) {
            const std::string_view prefix = vocabulary.text(id);
            if (!prefix.empty() && holder.holds_below(prefix)) prefixes_.push_back(id);
        }
    }
    make_unique(names_);
    make_unique(prefixes_);
}

}  // namespace buzon::policy
