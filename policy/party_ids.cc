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
    if (words.prefixes.empty()) return;
    for (std::size_t end = 1; end <= name.size(); ++end) {
        if (end < name.size() && name[end] != '.') continue;
        if (end >= words.prefix_bytes.size() || !words.prefix_bytes[end]) continue;
        if (const TextId id = vocabulary.find(name.substr(0, end))) prefixes_.push_back(id);
    }
}

void PartyIds::take(const NameHolder& holder,
                    const Vocabulary& vocabulary,
                    const PartyWords& words) {
    if (holder.count() <= words.exact.size() + words.prefixes.size()) {
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
