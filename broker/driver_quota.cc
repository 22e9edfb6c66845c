// SPDX-License-Identifier: Apache-2.0
// org.buzon.Quota1: who holds how much of what, whose queues are full, and who waits because of
// that. For root and the bus owner only: it tells who is on the bus and what they run.
// Answers are bounded: accounts come in pages, of queues and senders the worst ones are told.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/driver.h"
#include "broker/quota/account_keys.h"

namespace buzon::broker {

namespace {

constexpr std::size_t kAccountsPerPage = 512;
constexpr std::size_t kMostTold = 256;
constexpr std::size_t kMostSendersTold = 64;
/// Of looking at one account, connection or sender, for Peer::charge_turn().
constexpr std::size_t kCostPerLook = 64;
// Senders in queues, in one answer: there may be millions.
constexpr std::size_t kMostLooks = 20'000;
constexpr std::size_t kPeersPerLook = 8;

constexpr auto kResources = [] {
    std::array<Resource, kResourceCount> all{};
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = static_cast<Resource>(i);
    return all;
}();

/// Empty if it is gone, or has no name yet.
std::string_view name_of(AccountId account, const PeerRegistry& peers) {
    const Peer* const peer = peers.find(account);
    return peer && peer->has_id() ? peer->unique_name() : std::string_view();
}

std::uint64_t number(AccountId id) {
    return static_cast<std::uint64_t>(id);
}

std::uint64_t milliseconds(bus::Duration duration) {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    return static_cast<std::uint64_t>(std::max<decltype(count)>(count, 0));
}

/// Those from `first` on, wherever they stand below `account`.
void collect(const Account& account, std::uint64_t first, std::vector<const Account*>& out) {
    if (number(account.id()) >= first) out.push_back(&account);
    account.for_each_child([&](const Account& child) { collect(child, first, out); });
}

std::string_view state_of(const Account& account) {
    if (account.is_estate()) return "estate";
    return account.is_open() ? "open" : "closed";
}

std::string name_of(const Account& account, const PeerRegistry& peers) {
    if (account.is_estate()) return {};
    if (const auto* const user = std::get_if<UserId>(&account.key())) return describe(*user);
    if (const auto* const principal = std::get_if<PrincipalKey>(&account.key()))
        return describe(*principal);
    return std::string(name_of(account.id(), peers));
}

void write_pools(bus::WireWriter& body, const Account& bus) {
    const auto pools = body.begin_array('(');
    for (const Resource resource : kResources) {
        const PoolLimits& limits = bus.share(resource).pool().limits();
        body.align_struct();
        body.write_string(name_of(resource));
        body.write_uint64(limits.capacity);
        body.write_uint64(limits.pocket);
        body.write_uint64(limits.pockets);
    }
    body.end_array(pools);
}

void write_account(bus::WireWriter& body, const Account& account, const PeerRegistry& peers) {
    const Peer* const peer = peers.find(account.id());
    const ProcessName* const process = peer ? peer->process_name().get() : nullptr;
    body.align_struct();
    body.write_uint64(number(account.id()));
    body.write_uint64(number(account.parent() ? account.parent()->id() : account.id()));
    body.write_string(name_of(account.level()));
    body.write_string(state_of(account));
    body.write_string(name_of(account, peers));
    body.write_string(process ? bus::printable(process->text) : "");
    body.write_uint32(process ? static_cast<std::uint32_t>(process->pid) : 0);
    const auto resources = body.begin_array('(');
    for (const Resource resource : kResources) {
        body.align_struct();
        body.write_string(name_of(resource));
        body.write_uint64(account.held(resource));
        body.write_uint64(account.share(resource).cap());
    }
    body.end_array(resources);
}

/// The senders with most of it first.
void write_senders(bus::WireWriter& body, const Port& port, const PeerRegistry& peers) {
    auto holdings = port.shares().holdings();
    const std::size_t told = std::min(holdings.size(), kMostSendersTold);
    std::partial_sort(holdings.begin(), holdings.begin() + static_cast<std::ptrdiff_t>(told),
                      holdings.end(), [](const auto& left, const auto& right) {
                          return left.bytes != right.bytes ? left.bytes > right.bytes
                                                           : left.connection < right.connection;
                      });
    holdings.resize(told);
    const auto senders = body.begin_array('(');
    for (const PortShares::Holding& holding : holdings) {
        body.align_struct();
        body.write_uint64(number(holding.connection));
        body.write_uint64(number(holding.principal));
        body.write_string(name_of(holding.connection, peers));
        body.write_uint64(holding.bytes);
        body.write_uint64(holding.descriptors);
    }
    body.end_array(senders);
}

void write_queue(bus::WireWriter& body, const Peer& receiver, const PeerRegistry& peers) {
    const Port& port = receiver.port();
    body.align_struct();
    body.write_uint64(number(receiver.account().account().id()));
    body.write_string(receiver.has_id() ? receiver.unique_name() : "");
    body.write_uint64(port.queued_bytes());
    body.write_uint64(port.limits().bytes);
    body.write_uint64(port.queued_descriptors());
    body.write_uint64(port.limits().descriptors);
    body.write_uint64(port.queued_messages());
    body.write_uint64(milliseconds(port.since_drained()));
    write_senders(body, port, peers);
}

/// How many of `all` are told where the caller asked for `most`; 0: as many as may be.
std::size_t told_of(std::size_t all, std::uint32_t most) {
    return std::min({all, kMostTold, most == 0 ? kMostTold : std::size_t{most}});
}

}  // namespace

Driver::Outcome Driver::get_accounts(DriverCall& call) {
    const std::uint64_t first = call.arguments.read_uint64().value_or(0);
    std::vector<const Account*> accounts;
    collect(state_.accounts.bus(), first, accounts);
    call.caller.charge_turn(accounts.size() * kCostPerLook);

    // A parent is older than its children, so whoever reads in this order knows it by then.
    const std::size_t told = std::min(accounts.size(), kAccountsPerPage);
    std::partial_sort(
        accounts.begin(), accounts.begin() + static_cast<std::ptrdiff_t>(told), accounts.end(),
        [](const Account* left, const Account* right) { return left->id() < right->id(); });
    const bool is_last = told == accounts.size();
    accounts.resize(told);
    auto& body = start_reply();
    write_pools(body, state_.accounts.bus());
    const auto array = body.begin_array('(');
    for (const Account* const account : accounts) {
        write_account(body, *account, state_.peers);
        // For the next time somebody asks.
        if (const Peer* const peer = state_.peers.find(account->id()); peer && peer->process_name())
            state_.denials->expect(peer->process_name());
    }
    body.end_array(array);
    body.write_uint64(is_last ? 0 : number(accounts.back()->id()) + 1);
    finish_reply(call, "a(sttt)a(ttssssua(stt))t");
    return {};
}

Driver::Outcome Driver::get_queues(DriverCall& call) {
    const std::uint32_t most = call.arguments.read_uint32().value_or(0);
    std::vector<const Peer*> receivers;
    state_.peers.for_each([&](const Peer& peer) {
        if (!peer.port().empty()) receivers.push_back(&peer);
    });
    const std::size_t all = receivers.size();
    const std::size_t told = told_of(all, most);
    std::partial_sort(receivers.begin(), receivers.begin() + static_cast<std::ptrdiff_t>(told),
                      receivers.end(), [](const Peer* left, const Peer* right) {
                          return left->port().queued_bytes() > right->port().queued_bytes();
                      });
    receivers.resize(told);
    std::size_t looks = all + state_.peers.complete_count() / kPeersPerLook;
    auto& body = start_reply();
    const auto array = body.begin_array('(');
    for (const Peer* const receiver : receivers) {
        if (looks > all + kMostLooks) break;
        write_queue(body, *receiver, state_.peers);
        looks += receiver->port().shares().known_senders();
    }
    body.end_array(array);
    body.write_uint32(static_cast<std::uint32_t>(all));
    call.caller.charge_turn(looks * kCostPerLook);
    finish_reply(call, "a(tstttttta(ttstt))u");
    return {};
}

Driver::Outcome Driver::get_throttled(DriverCall& call) {
    const std::uint32_t most = call.arguments.read_uint32().value_or(0);
    std::vector<ThrottledSender> senders;
    throttle_.for_each_stopped([&](const ThrottledSender& sender) { senders.push_back(sender); });
    const std::size_t all = senders.size();
    std::sort(senders.begin(), senders.end(),
              [](const auto& left, const auto& right) { return left.since < right.since; });
    call.caller.charge_turn(all * kCostPerLook);

    auto& body = start_reply();
    const auto array = body.begin_array('(');
    std::size_t left = told_of(all, most);
    for (const ThrottledSender& held : senders) {
        const Peer* const sender = state_.peers.find(held.sender);
        if (!sender) continue;
        if (left-- == 0) break;
        body.align_struct();
        body.write_uint64(number(sender->account().account().id()));
        body.write_string(sender->unique_name());
        body.write_uint64(milliseconds(state_.loop.now() - held.since));
        const auto names = body.begin_array('s');
        for (const PeerId id :
             held.receivers.first(std::min(held.receivers.size(), kMostSendersTold)))
            if (const Peer* receiver = state_.peers.find(id))
                body.write_string(receiver->unique_name());
        body.end_array(names);
        body.write_boolean(held.waits_for_bus);
        body.write_uint64(held.beyond_share);
    }
    body.end_array(array);
    body.write_uint32(static_cast<std::uint32_t>(all));
    finish_reply(call, "a(tstasbt)u");
    return {};
}

Driver::Outcome Driver::get_counters(DriverCall& call) {
    const EventCounts& counts = state_.counts;
    const std::pair<std::string_view, std::uint64_t> rows[] = {
        {"DelayedConnections", counts.delayed_connections},
        {"DisconnectedReceivers", counts.disconnected_receivers + throttle_.counts().disconnected},
        {"DroppedMessages", counts.dropped_messages},
        {"Messages", counts.messages},
        {"RefusedCalls", counts.refused_calls},
        {"RefusedConnections", counts.refused_connections},
        {"ReplacedReplies", counts.replaced_replies},
        {"Throttled", throttle_.counts().throttled},
    };
    auto& body = start_reply();
    const auto array = body.begin_array('{');
    for (const auto& [name, value] : rows) {
        body.align_struct();
        body.write_string(name);
        body.write_uint64(value);
    }
    body.end_array(array);
    finish_reply(call, "a{st}");
    return {};
}

}  // namespace buzon::broker
