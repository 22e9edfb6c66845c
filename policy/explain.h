// SPDX-License-Identifier: Apache-2.0
// Why a policy says what it says: the verdict on a question, the rule that gives it, and every
// other rule that applies to the question, with the reason why it does not count.
// Walks all rules of the peer, one by one, whatever index PolicySnapshot decides with; the verdicts
// are the same (a property test says so). Pure. Views refer to the set, which must outlive them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy_set.h"
#include "policy/policy_snapshot.h"

namespace buzon::policy {

enum class RuleFate : std::uint8_t {
    Decides,
    /// A rule further down in the same <policy> decides.
    LaterRule,
    /// One in a later <policy> of the same kind, such as another group.
    LaterBlock,
    /// One in a <policy> that comes later in the order of contexts.
    StrongerContext,
    /// A broad rule behind it makes it void, although that rule itself does not apply (see
    /// voids_earlier_rules()).
    Void,
};

/// A rule that applies to the question.
struct ExplainedRule {
    const Rule* rule = nullptr;
    const PolicyBlock* block = nullptr;
    RuleFate fate = RuleFate::Decides;
    /// Because of whom it does not count; null for the one that decides.
    const Rule* beaten_by = nullptr;
};

struct Explanation {
    Verdict verdict;
    /// The rules that apply, the strongest first: the one that decides, then those that it beat.
    /// Where nothing decides, those made void alone.
    std::vector<ExplainedRule> rules;
    /// How many rules apply; more than `rules` has where the caller wanted few.
    std::size_t matching = 0;
    /// How many rules of this kind the peer has, and so how much work it was.
    std::size_t considered = 0;
};

inline constexpr std::size_t kAllRules = static_cast<std::size_t>(-1);

/// At most `most` rules are listed.
[[nodiscard]] Explanation explain_own(const PolicySnapshot& peer,
                                      std::string_view name,
                                      std::size_t most = kAllRules);
[[nodiscard]] Explanation explain_send(const PolicySnapshot& sender,
                                       const SendQuery& query,
                                       std::size_t most = kAllRules);
[[nodiscard]] Explanation explain_receive(const PolicySnapshot& receiver,
                                          const ReceiveQuery& query,
                                          std::size_t most = kAllRules);
[[nodiscard]] Explanation explain_connect(const PolicySet& set,
                                          const PeerIdentity& peer,
                                          uid_t bus_owner,
                                          std::size_t most = kAllRules);

/// The opening tag of a block: `<policy user="root">`.
[[nodiscard]] std::string to_text(const PolicyBlock& block);
/// Why the rule does not count, or that it does, in a few words.
[[nodiscard]] std::string_view describe(RuleFate fate);

}  // namespace buzon::policy
