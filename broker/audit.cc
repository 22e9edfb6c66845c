// SPDX-License-Identifier: Apache-2.0
#include "broker/audit.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <unordered_map>
#include <utility>

namespace buzon::broker {

namespace {

// A bus of some hundred peers is audited in each turn.
constexpr std::size_t kStepsPerTurn = 16 * 1024;
constexpr std::size_t kStepsPerAccount = 2 * kResourceCount;

class Audit {
public:
    explicit Audit(const AuditedBus& bus) : bus_(bus), state_(bus.state) {}

    AuditReport run() {
        state_.peers.for_each([this](const Peer& peer) {
            count(peer);
            compare_replies(peer);
        });
        bus_.departures.for_each([this](const Peer& peer) { count(peer); });
        bus_.held_messages.for_each([this](const HeldMessage& message) { count(message); });
        bus_.match_report.for_each_held([this](const Peer& peer, std::uint64_t bytes) {
            held(peer.account().account())[kBytes] += bytes;
        });
        bus_.waiting_room.for_each(
            [this](const Arrival& arrival) { ++held(arrival.account.account())[kConnections]; });
        look_for_strays();
        compare(state_.accounts.bus());
        if (wrong_.empty()) wrong_ = state_.accounts.verify();
        return {std::move(wrong_), steps_};
    }

private:
    using Amounts = std::array<std::uint64_t, kResourceCount>;
    static constexpr auto kBytes = static_cast<std::size_t>(Resource::Bytes);
    static constexpr auto kDescriptors = static_cast<std::size_t>(Resource::Descriptors);
    static constexpr auto kRules = static_cast<std::size_t>(Resource::MatchRules);
    static constexpr auto kNames = static_cast<std::size_t>(Resource::Names);
    static constexpr auto kReplies = static_cast<std::size_t>(Resource::PendingReplies);
    static constexpr auto kConnections = static_cast<std::size_t>(Resource::Connections);

    Amounts& held(const Account& account) { return held_[&account]; }

    void count(const Peer& peer) {
        ++steps_;
        Amounts& amounts = held(peer.account().account());
        ++amounts[kConnections];
        amounts[kBytes] += peer.unfinished_bytes();
        amounts[kDescriptors] += peer.unfinished_descriptors();
        count_registered(peer, amounts);
        count_queue(peer);
    }

    void count(const HeldMessage& message) {
        ++steps_;
        const InFlight* const payer = message.charged();
        if (!payer) return;
        Amounts& amounts = held(payer->payer()->account());
        amounts[kBytes] += message.charged_bytes();
        amounts[kDescriptors] += message.charged_descriptors();
    }

    void count_registered(const Peer& peer, Amounts& amounts) {
        if (!peer.has_id()) return;
        const PeerId id = peer.id();
        const std::size_t rules = state_.matches.count_of(id);
        rules_ += rules;
        amounts[kRules] += state_.matches.weight_of(id) + state_.monitor_matches.weight_of(id);
        const std::size_t names = state_.names.count_held_by(id);
        names_ += names;
        amounts[kNames] += names;
        // Charged in advance, and in steps.
        const std::uint64_t charged = peer.holdings().charged(Resource::PendingReplies);
        replies_ += state_.replies.count_of_caller(id);
        amounts[kReplies] += charged;
        amounts[kBytes] += charged * Holdings::kBytesPerError;
    }

    /// For one who leaves nobody gives back what is charged until that is done for all at once.
    void compare_replies(const Peer& peer) {
        if (!peer.has_id()) return;
        const std::uint64_t awaited = state_.replies.count_of_caller(peer.id());
        const std::uint64_t charged = peer.holdings().charged(Resource::PendingReplies);
        if (charged < awaited || charged - awaited >= Holdings::kMostRepliesAhead)
            report(peer.account().account(), fmt::format("{} awaits {} replies, charged are {}",
                                                         peer.unique_name(), awaited, charged));
    }

    void count_queue(const Peer& peer) {
        peer.port().for_each_held(
            [this](const InFlight& payer, std::uint64_t bytes, std::uint64_t descriptors) {
                ++steps_;
                Amounts& amounts = held(payer.payer()->account());
                amounts[kBytes] += bytes;
                amounts[kDescriptors] += descriptors;
            });
        if (auto said = peer.port().verify(); !said.empty())
            report(peer.account().account(),
                   fmt::format("queue of {}: {}", peer.unique_name(), said));
    }

    /// What is registered for somebody who is gone.
    void look_for_strays() {
        compare_totals("match rules", state_.matches.size(), rules_);
        compare_totals("names", state_.names.entry_count(), names_);
        compare_totals("pending replies", state_.replies.size(), replies_);
    }

    void compare_totals(std::string_view what, std::size_t all, std::size_t of_peers) {
        if (all != of_peers)
            report(state_.accounts.bus(),
                   fmt::format("{}: there are {}, of which connected peers have {}", what, all,
                               of_peers));
    }

    void compare(const Account& account) {
        steps_ += kStepsPerAccount;
        const bool is_leaf = account.level() == Level::Connection || account.is_estate();
        if (!is_leaf) {
            account.for_each_child([this](const Account& child) { compare(child); });
            return;
        }
        Amounts expected{};
        if (const auto found = held_.find(&account); found != held_.end()) expected = found->second;
        // One that is closed and could not move keeps its place.
        if (!account.is_estate() && !account.is_open()) expected[kConnections] = 1;
        for (std::size_t i = 0; i < kResourceCount; ++i) {
            const auto resource = static_cast<Resource>(i);
            if (account.held(resource) != expected[i])
                report(account, fmt::format("{}: {} charged, {} held", name_of(resource),
                                            account.held(resource), expected[i]));
        }
    }

    void report(const Account& account, std::string_view what) {
        if (!wrong_.empty()) return;
        wrong_ = fmt::format("account {}, {}{}: {}", static_cast<std::uint64_t>(account.id()),
                             account.is_estate() ? "estate beside each " : "",
                             name_of(account.level()), what);
    }

    const AuditedBus& bus_;
    const BusState& state_;
    std::unordered_map<const Account*, Amounts> held_;
    std::size_t rules_ = 0;
    std::size_t names_ = 0;
    std::size_t replies_ = 0;
    std::size_t steps_ = 0;
    std::string wrong_;
};

}  // namespace

AuditReport audit(const AuditedBus& bus) {
    return Audit(bus).run();
}

TurnAudit::TurnAudit(const AuditedBus& bus) : bus_(bus) {
    bus_.state.loop.set_after_turn([this] { after_turn(); });
}

void TurnAudit::after_turn() {
    if (turns_to_skip_ > 0) {
        --turns_to_skip_;
        return;
    }
    const AuditReport report = audit(bus_);
    turns_to_skip_ = report.steps / kStepsPerTurn;
    if (report.wrong.empty()) return;
    bus_.state.log.error("What is charged is not what is held: {}", report.wrong);
    std::abort();
}

}  // namespace buzon::broker
