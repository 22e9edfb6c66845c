// SPDX-License-Identifier: Apache-2.0
// A PolicySet in the making, and one being taken apart, in steps: 10^5 rules take a tenth of a
// second, and whoever has others to serve goes on with them in between.
// A unit of work is a rule, a <policy> block or a user or group with blocks: about a microsecond.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/base/ref.h"
#include "policy/compiler.h"
#include "policy/policy_set.h"
#include "policy/resolved_policy.h"

namespace buzon::policy {

class PolicyCompilation {
public:
    explicit PolicyCompilation(ResolvedPolicy policy);

    /// Does at most `work` units of what is left.
    void advance(std::size_t work);
    [[nodiscard]] bool is_complete() const { return stage_ == Stage::Complete; }
    /// The result, once it is complete.
    [[nodiscard]] bus::Ref<const PolicySet> take() { return std::exchange(set_, nullptr); }

private:
    enum class Stage : std::uint8_t { Rules, MandatoryConnects, Indices, Complete };

    void do_unit_of_work();
    void compile_next();
    void enter(const PolicyBlock& block);
    void add_connect(const Rule& rule);
    /// Where the block belongs; null where its user or group does not exist.
    [[nodiscard]] PolicyUnit* unit_for(const PolicyBlock& block);

    ResolvedPolicy ids_;  // without files and blocks, which are in set_
    bus::Ref<PolicySet> set_;
    RuleCompiler compiler_;
    Stage stage_ = Stage::Rules;
    std::size_t block_ = 0;
    std::size_t rule_ = 0;
    bool is_in_block_ = false;
    PolicyUnit* unit_ = nullptr;
    // Mandatory blocks apply last, wherever they stand.
    std::vector<const Rule*> mandatory_connects_;
    std::vector<PolicyUnit*> units_;
    std::size_t done_ = 0;  // of mandatory_connects_, then of units_
};

/// What is left of a set that nobody uses any more.
class PolicyRemains {
public:
    /// Null, and nothing has happened, while somebody else holds `set`.
    static std::unique_ptr<PolicyRemains> of(bus::Ref<const PolicySet>& set);

    /// Frees at most `work` units. True: nothing worth another step is left.
    bool shrink(std::size_t work);

private:
    std::vector<PolicyBlock> blocks_;
    std::unordered_map<uid_t, PolicyUnit> user_units_;
    std::unordered_map<gid_t, PolicyUnit> group_units_;
};

}  // namespace buzon::policy
