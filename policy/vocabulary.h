// SPDX-License-Identifier: Apache-2.0
// Numbers for all texts that the rules of a configuration mention, so that a message's fields are
// hashed once and compared as integers from then on; and which of them are names of other parties.
// The texts stay those of the rules, which must outlive this and stay where they are.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/base/hash_index.h"
#include "policy/rule.h"

namespace buzon::policy {

/// From 1 on.
using TextId = std::uint32_t;
inline constexpr TextId kNoText = 0;

/// The names, each once, that rules of one kind compare with those of somebody.
struct PartyWords {
    std::vector<TextId> exact;
    std::vector<TextId> prefixes;
    /// Which lengths occur among the prefixes; none is longer than a name.
    std::bitset<256> prefix_bytes;
};

class Vocabulary {
public:
    void add(const Rule& rule);

    /// kNoText for a text that no rule mentions. Texts longer than all mentioned ones cost nothing.
    [[nodiscard]] TextId find(std::string_view text) const;
    /// kNoText where the rule has no such condition.
    [[nodiscard]] TextId id_of(const std::optional<std::string>& condition) const;
    [[nodiscard]] std::string_view text(TextId id) const { return texts_[id - 1].text; }
    /// Calls `visit` for each prefix in `words` that `name` is, or is below at a dot.
    template <typename Visit>
    void for_each_prefix(std::string_view name, const PartyWords& words, Visit visit) const {
        if (words.prefixes.empty()) return;
        for (std::size_t end = 1; end <= name.size() && end < words.prefix_bytes.size(); ++end) {
            if (!words.prefix_bytes[end] || (end < name.size() && name[end] != '.')) continue;
            if (const TextId id = find(name.substr(0, end))) visit(id);
        }
    }
    /// Whether any text could be, or be a prefix of, a unique name.
    [[nodiscard]] bool mentions_unique_names() const { return mentions_unique_names_; }

    [[nodiscard]] const PartyWords& own() const { return own_; }
    [[nodiscard]] const PartyWords& send() const { return send_; }
    [[nodiscard]] const PartyWords& receive() const { return receive_; }

private:
    /// What a text is to rules of one kind: bits of Known::roles.
    enum Role : std::uint8_t { kOwnExact, kOwnPrefix, kSendExact, kSendPrefix, kReceiveExact };
    struct Known {
        std::string_view text;
        std::uint8_t roles = 0;
    };

    TextId add(std::string_view text);
    void add(const MessageConditions& conditions);
    void add_exact(PartyWords& words, Role role, const std::string& name);
    void add_prefix(PartyWords& words, Role role, const std::string& name);
    bool has_new_role(TextId id, Role role);

    bus::HashIndex places_;  // of texts_
    std::vector<Known> texts_;
    std::size_t longest_ = 0;
    bool mentions_unique_names_ = false;
    PartyWords own_;
    PartyWords send_;
    PartyWords receive_;
};

}  // namespace buzon::policy
