// SPDX-License-Identifier: Apache-2.0
// A part of diff(): puts each question once to both policies and gathers those that they answer
// differently, under the rules that decide them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "policy/diff.h"
#include "policy/diff_identities.h"
#include "policy/diff_witness.h"

namespace buzon::policy {

/// Who sends or receives the message that the witness describes.
enum class MessageSide : std::uint8_t { Sends, Receives };

/// What one policy says about `witness`, whose other party has the names in `party`.
[[nodiscard]] Verdict decide(const PolicySnapshot& snapshot,
                             MessageSide side,
                             const Witness& witness,
                             const NameHolder& party);

class DiffAsker {
public:
    /// Changes are told by ascending `place` of the first question that showed them.
    void set_place(std::size_t place) { place_ = place; }

    /// `describe` is called where it is a change that is not known yet.
    void compare(DecisionKind kind,
                 const Verdict& before,
                 const Verdict& after,
                 const std::function<std::string()>& describe);
    void ask_owning(const Identity& who, const std::string& name);
    void ask(const Identity& who, MessageSide side, const Witness& witness);

    [[nodiscard]] std::size_t questions() const { return result_.questions; }
    void note_cut(std::string_view what, std::size_t asked, std::size_t of) {
        if (asked < of) result_.cuts.push_back({what, asked, of});
    }
    [[nodiscard]] PolicyDiff take();

private:
    using Key = std::tuple<DecisionKind, const Rule*, const Rule*>;

    std::size_t place_ = 0;
    /// By hash: two questions of one hash would be asked once, which is as good as never.
    std::unordered_set<std::size_t> asked_;
    std::map<Key, std::size_t> known_;
    /// Of each change.
    std::vector<std::size_t> places_;
    PolicyDiff result_;
};

/// The same for equal witnesses.
[[nodiscard]] std::size_t hash_of(MessageSide side, const Witness& witness);

}  // namespace buzon::policy
