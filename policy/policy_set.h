// SPDX-License-Identifier: Apache-2.0
// All <policy> blocks of a configuration with users and groups resolved to ids. Immutable.
// Users and groups are ids here: resolved_policy.h says what becomes of those that do not exist.
// Its rules are compiled once, in units that peers share: all default blocks are one unit, so are
// all mandatory ones, and the blocks of each user and of each group. PolicyCompilation builds one,
// PolicyRemains takes one apart; both in as many steps as one likes.
// Snapshots are shared: the set remembers those alive, without keeping them alive.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/base/ref.h"
#include "policy/compiler.h"
#include "policy/config.h"
#include "policy/connect_index.h"
#include "policy/policy_snapshot.h"
#include "policy/resolved_policy.h"
#include "policy/vocabulary.h"

namespace buzon::policy {

/// Whom a snapshot is for.
struct PeerIdentity {
    /// Absent for an anonymous peer.
    std::optional<uid_t> uid;
    /// In any order: blocks of groups apply by ascending number, as in dbus-daemon.
    std::span<const gid_t> gids = {};
    /// Nobody is, as from dbus-daemon 1.15 on; there is no back end that would know.
    bool at_console = false;
};

/// Blocks that apply together or not at all.
struct PolicyUnit {
    std::vector<std::uint32_t> blocks;
    CompiledRules rules;
};

class PolicySet final : public bus::RefCounted<PolicySet> {
public:
    /// The whole compilation at once.
    static bus::Ref<const PolicySet> create(ResolvedPolicy policy);
    /// The same after resolve(), for tools and tests: asks for users here and now.
    static bus::Ref<const PolicySet> create(const Config& config,
                                            UserDatabase& users,
                                            std::vector<Warning>& warnings);
    /// For PolicyCompilation. The set is empty.
    PolicySet(SourceFiles files, std::vector<PolicyBlock> blocks)
        : files_(std::move(files)), blocks_(std::move(blocks)) {}
    ~PolicySet() = default;

    /// May `peer` connect at all? Where no rule says, only `bus_owner` may.
    /// Compat: rules on groups look at `peer.gids`, which the kernel vouches for; dbus-daemon asks
    /// the user database for the groups of the uid, here but not for <policy group=>.
    [[nodiscard]] Verdict may_connect(const PeerIdentity& peer, uid_t bus_owner) const;
    /// The connect rules that apply to `peer`, in the order in which later ones win.
    [[nodiscard]] std::vector<const Rule*> connect_rules_for(const PeerIdentity& peer) const;
    /// The rules for `peer`, shared with all living peers that the same blocks apply to.
    [[nodiscard]] bus::Ref<const PolicySnapshot> snapshot_for(const PeerIdentity& peer) const;

    [[nodiscard]] const SourceFiles& files() const { return files_; }
    [[nodiscard]] const std::vector<PolicyBlock>& blocks() const { return blocks_; }
    /// What the rules mention; lives as long as the set.
    [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }
    /// How many different snapshots are alive.
    [[nodiscard]] std::size_t living_snapshots() const { return living_.size(); }

private:
    friend class PolicyCompilation;
    friend class PolicyRemains;
    friend class PolicySnapshot;
    using Units = std::vector<const PolicyUnit*>;
    /// A connect rule with its id; none: anybody.
    struct ConnectEntry {
        const Rule* rule;
        ConnectRule::Subject subject;
        std::optional<std::uint32_t> id;
    };

    [[nodiscard]] static bool applies(const ConnectEntry& entry, const PeerIdentity& peer);
    /// What applies to `peer` after the default blocks and before the mandatory ones.
    [[nodiscard]] Units units_between(const PeerIdentity& peer) const;
    void forget(const PolicySnapshot& snapshot) const;

    SourceFiles files_;
    std::vector<PolicyBlock> blocks_;
    Vocabulary vocabulary_;
    PolicyUnit default_;
    PolicyUnit at_console_;
    PolicyUnit not_at_console_;
    PolicyUnit mandatory_;
    std::unordered_map<uid_t, PolicyUnit> user_units_;
    std::unordered_map<gid_t, PolicyUnit> group_units_;
    /// Those of the default blocks, then those of the mandatory ones; others have no meaning.
    std::vector<ConnectEntry> connect_entries_;
    ConnectIndex connect_index_;
    mutable std::map<Units, const PolicySnapshot*> living_;
};

}  // namespace buzon::policy
