// SPDX-License-Identifier: Apache-2.0
// org.buzon.Quota1 of the bus, asked and read. What comes back is checked: it may be another bus.
#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sdbus-c++/Error.h>

#include "bus/protocol.h"
#include "clients/ctl/quota_report.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

constexpr const char* kInterface = "org.buzon.Quota1";
/// Accounts come in pages of hundreds; connections may come and go meanwhile, but not for ever.
constexpr int kMostPages = 1000;

[[noreturn]] void throw_unexpected() {
    throw sdbus::Error(std::string(bus::error_name::kInvalidArgs),
                       fmt::format("{} answered in a form that is not known here", kInterface));
}

template <typename T>
T taken(const Value& value) {
    const auto* found = std::get_if<T>(&value.data);
    if (!found) throw_unexpected();
    return *found;
}

const std::vector<Value>& elements_of(const Value& value) {
    const auto* found = std::get_if<Array>(&value.data);
    if (!found) throw_unexpected();
    return found->elements;
}

/// The members of one struct, in their order; the signature of the whole has been checked.
class Members {
public:
    explicit Members(const Value& value) : members_(taken<Struct>(value).members) {}
    template <typename T>
    T next() {
        return taken<T>(value());
    }
    const Value& value() {
        if (next_ == members_.size()) throw_unexpected();
        return members_[next_++];
    }
    std::chrono::milliseconds span() { return std::chrono::milliseconds(next<std::uint64_t>()); }

private:
    std::vector<Value> members_;
    std::size_t next_ = 0;
};

// Members are read in the order of braces, left to right.

QuotaPool pool_from(Members in) {
    return {.resource = in.next<std::string>(),
            .capacity = in.next<std::uint64_t>(),
            .pocket = in.next<std::uint64_t>(),
            .pockets = in.next<std::uint64_t>()};
}

QuotaAccount account_from(Members in) {
    QuotaAccount account{.id = in.next<std::uint64_t>(),
                         .parent = in.next<std::uint64_t>(),
                         .level = in.next<std::string>(),
                         .state = in.next<std::string>(),
                         .name = in.next<std::string>(),
                         .process = in.next<std::string>(),
                         .pid = in.next<std::uint32_t>()};
    for (const Value& element : elements_of(in.value())) {
        Members amount(element);
        account.amounts.push_back({.resource = amount.next<std::string>(),
                                   .held = amount.next<std::uint64_t>(),
                                   .cap = amount.next<std::uint64_t>()});
    }
    return account;
}

QuotaQueue queue_from(Members in) {
    QuotaQueue queue{.account = in.next<std::uint64_t>(),
                     .receiver = in.next<std::string>(),
                     .bytes = in.next<std::uint64_t>(),
                     .bound = in.next<std::uint64_t>(),
                     .descriptors = in.next<std::uint64_t>(),
                     .descriptor_bound = in.next<std::uint64_t>(),
                     .messages = in.next<std::uint64_t>(),
                     .not_drained = in.span()};
    for (const Value& element : elements_of(in.value())) {
        Members sender(element);
        queue.senders.push_back({.account = sender.next<std::uint64_t>(),
                                 .principal = sender.next<std::uint64_t>(),
                                 .name = sender.next<std::string>(),
                                 .bytes = sender.next<std::uint64_t>(),
                                 .descriptors = sender.next<std::uint64_t>()});
    }
    return queue;
}

QuotaThrottled throttled_from(Members in) {
    QuotaThrottled throttled{
        .account = in.next<std::uint64_t>(), .sender = in.next<std::string>(), .since = in.span()};
    for (const Value& receiver : elements_of(in.value()))
        throttled.receivers.push_back(taken<std::string>(receiver));
    throttled.waits_for_bus = in.next<bool>();
    throttled.beyond_share = in.next<std::uint64_t>();
    return throttled;
}

std::vector<Value> ask(BusConnection& bus,
                       const char* member,
                       std::vector<Value> arguments,
                       std::string_view signature) {
    try {
        auto reply =
            bus.call_for_values({std::string(bus::kDriverName), std::string(bus::kDriverPath),
                                 kInterface, member, std::move(arguments)});
        if (signature_of(reply) != signature) throw_unexpected();
        return reply;
    } catch (const sdbus::Error& error) {
        const auto& name = error.getName();
        if (name == bus::error_name::kUnknownInterface || name == bus::error_name::kUnknownMethod)
            throw UsageError("This bus has no quotas to tell of; only buzond has.");
        if (name == bus::error_name::kAccessDenied) {
            throw_with_context(error,
                               "The bus tells of its quotas to root and to the user that runs it, "
                               "if its policy lets them call org.buzon.Quota1");
        }
        throw;
    }
}

void ask_for_accounts(BusConnection& bus, QuotaReport& report) {
    std::uint64_t first = 0;
    for (int page = 0; page < kMostPages; ++page) {
        const auto reply = ask(bus, "GetAccounts", {Value{first}}, "a(sttt)a(ttssssua(stt))t");
        report.pools.clear();
        for (const Value& pool : elements_of(reply[0]))
            report.pools.push_back(pool_from(Members(pool)));
        for (const Value& account : elements_of(reply[1]))
            report.accounts.push_back(account_from(Members(account)));
        first = taken<std::uint64_t>(reply[2]);
        if (first == 0) return;
    }
}

std::size_t count_nameless(const QuotaReport& report) {
    return static_cast<std::size_t>(std::ranges::count_if(
        report.accounts,
        [](const QuotaAccount& account) { return account.pid != 0 && account.process.empty(); }));
}

}  // namespace

void wait_for_process_names(BusConnection& bus, QuotaReport& report) {
    constexpr int kMostTries = 5;
    constexpr auto kPause = std::chrono::milliseconds(10);
    std::size_t before = 0;
    std::size_t nameless = count_nameless(report);
    // Some are never found out: their process is gone, or somewhere else.
    for (int i = 0; i < kMostTries && nameless > 0 && (i < 2 || nameless < before); ++i) {
        std::this_thread::sleep_for(kPause);
        report.accounts.clear();
        ask_for_accounts(bus, report);
        before = std::exchange(nameless, count_nameless(report));
    }
}

QuotaReport ask_for_quotas(BusConnection& bus) {
    QuotaReport report;
    ask_for_accounts(bus, report);
    const Value all{std::uint32_t{0}};
    const auto queues = ask(bus, "GetQueues", {all}, "a(tstttttta(ttstt))u");
    for (const Value& queue : elements_of(queues[0]))
        report.queues.push_back(queue_from(Members(queue)));
    report.queues_in_all = taken<std::uint32_t>(queues[1]);
    const auto throttled = ask(bus, "GetThrottled", {all}, "a(tstasbt)u");
    for (const Value& sender : elements_of(throttled[0]))
        report.throttled.push_back(throttled_from(Members(sender)));
    report.throttled_in_all = taken<std::uint32_t>(throttled[1]);
    const auto counters = ask(bus, "GetCounters", {}, "a{st}");
    for (const Value& element : elements_of(counters[0])) {
        const auto entry = taken<DictEntry>(element).key_and_value;
        report.counters[taken<std::string>(entry.at(0))] = taken<std::uint64_t>(entry.at(1));
    }
    return report;
}

}  // namespace buzon::clients
