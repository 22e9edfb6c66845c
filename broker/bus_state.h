// SPDX-License-Identifier: Apache-2.0
// What the bus knows, in plain values with one owner: who is there, who has which name, who listens
// to what, who waits for whom. Dispatcher, Driver and Delivery work on it; none of them adds to it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/activation_environment.h"
#include "broker/denial_log.h"
#include "broker/event_counts.h"
#include "broker/match_index.h"
#include "broker/name_registry.h"
#include "broker/peer_registry.h"
#include "broker/permissive_mode.h"
#include "broker/port.h"
#include "broker/quota/account_tree.h"
#include "broker/quota/quota_limits.h"
#include "broker/reply_tracker.h"
#include "bus/base/event_loop.h"
#include "bus/base/hash.h"
#include "bus/base/log.h"
#include "policy/limit_overrides.h"
#include "policy/limits.h"
#include "policy/policy_set.h"

namespace buzon::broker {

/// What a configuration says and a reload may change.
struct Settings {
    policy::Limits limits;
    bus::Ref<const policy::PolicySet> policy;
    policy::LimitOverrides overrides{};
};

/// What is fixed for the life of the process.
struct BusIdentity {
    std::string guid;  // 32 hexadecimal digits, what GetId answers
    uid_t owner = 0;   // the effective user of this process
    pid_t pid = 0;
    std::string machine_id;  // 32 hexadecimal digits; empty: this machine has none
    bool systemd_activation = false;
    bool has_service_helper = false;
    PermissiveMode permissive = {};
    /// How many this process may have open.
    std::uint64_t max_descriptors = 1024;
};

struct Peaks {
    std::size_t match_rules = 0;
    std::size_t match_rules_per_connection = 0;
    std::size_t names = 0;
    std::size_t names_per_connection = 0;
    QueuePeaks queues;
};

struct BusState {
    BusState(bus::EventLoop& event_loop,
             bus::Log& event_log,
             BusIdentity bus_identity,
             Settings initial,
             TurnShare& turns,
             bus::HashSeed seed)
        : loop(event_loop),
          log(event_log),
          identity(std::move(bus_identity)),
          settings(std::move(initial)),
          user_limits(policy::limits_of_users(settings.limits, settings.overrides)),
          accounts(quota_limits(settings.limits, user_limits, identity.max_descriptors), &turns),
          port_pools(bus::make_ref<PortPools>(port_limits(settings.limits))),
          names(seed),
          matches(seed),
          monitor_matches(seed, Eavesdropping::Always),
          replies(seed) {
        names.follow(settings.policy->vocabulary());
    }

    /// Root and the owner of the bus; `user` is absent for an anonymous peer.
    [[nodiscard]] bool may_administer(std::optional<uid_t> user) const {
        return user && (*user == 0 || *user == identity.owner);
    }

    /// The limits that hold for one user.
    [[nodiscard]] const policy::Limits& limits_for(std::optional<uid_t> user) const {
        if (!user || user_limits.empty()) return settings.limits;
        const auto own = user_limits.find(*user);
        return own == user_limits.end() ? settings.limits : own->second;
    }

    /// What is withdrawn when it goes: names, rules, its calls and those that wait for its replies.
    [[nodiscard]] std::size_t count_left_behind_by(PeerId peer) const {
        return matches.weight_of(peer) + names.count_held_by(peer) + replies.count_of_caller(peer) +
               replies.count_of_callee(peer);
    }

    bus::EventLoop& loop;
    bus::Log& log;
    /// Judging changes nothing but this.
    const std::unique_ptr<DenialLog> denials = std::make_unique<DenialLog>(loop, log);
    const BusIdentity identity;
    Settings settings;
    /// Of those who have others than everybody; follows from the settings.
    std::map<uid_t, policy::Limits> user_limits;
    AccountTree accounts;
    /// Of the queues of those who own no name with a bound of its own.
    bus::Ref<PortPools> port_pools;
    PeerRegistry peers;
    NameRegistry names;
    MatchIndex matches;
    MatchIndex monitor_matches;
    ReplyTracker replies;
    Peaks peaks;
    EventCounts counts;
    ActivationEnvironment activation_environment;
};

}  // namespace buzon::broker
