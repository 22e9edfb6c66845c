// SPDX-License-Identifier: Apache-2.0
// All <policy> blocks of a configuration with users and groups resolved to ids. Immutable.
// Users and groups are ids here: resolved_policy.h says what becomes of those that do not exist.
// Snapshots are shared: the set remembers those alive, without keeping them alive.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "bus/base/ref.h"
#include "policy/config.h"
#include "policy/policy_snapshot.h"
#include "policy/resolved_policy.h"

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

class PolicySet final : public bus::RefCounted<PolicySet> {
public:
    static bus::Ref<const PolicySet> create(ResolvedPolicy policy);
    /// The same after resolve(), for tools and tests: asks for users here and now.
    static bus::Ref<const PolicySet> create(const Config& config,
                                            UserDatabase& users,
                                            std::vector<Warning>& warnings);
    /// For create(): a set must be held by a Ref.
    explicit PolicySet(ResolvedPolicy policy);
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
    /// How many different snapshots are alive.
    [[nodiscard]] std::size_t living_snapshots() const { return living_.size(); }

private:
    friend class PolicySnapshot;
    using BlockIndices = std::vector<std::uint32_t>;
    /// A connect rule with its id; none: anybody.
    struct ConnectEntry {
        const Rule* rule;
        ConnectRule::Subject subject;
        std::optional<std::uint32_t> id;
    };

    [[nodiscard]] static bool applies(const ConnectEntry& entry, const PeerIdentity& peer);
    /// Where the block's index belongs; null where its user or group does not exist.
    BlockIndices* list_for(const PolicyBlock& block, const ResolvedPolicy& policy);
    void add_connect_rules(const PolicyBlock& block, const ResolvedPolicy& policy);
    [[nodiscard]] BlockIndices blocks_for(const PeerIdentity& peer) const;
    void forget(const PolicySnapshot& snapshot) const;

    SourceFiles files_;
    std::vector<PolicyBlock> blocks_;
    BlockIndices default_blocks_;
    BlockIndices at_console_blocks_;
    BlockIndices not_at_console_blocks_;
    BlockIndices mandatory_blocks_;
    std::unordered_map<uid_t, BlockIndices> user_blocks_;
    std::unordered_map<gid_t, BlockIndices> group_blocks_;
    /// Those of the default blocks, then those of the mandatory ones; others have no meaning.
    std::vector<ConnectEntry> connect_entries_;
    mutable std::map<BlockIndices, const PolicySnapshot*> living_;
};

}  // namespace buzon::policy
