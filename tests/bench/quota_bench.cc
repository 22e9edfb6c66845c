// SPDX-License-Identifier: Apache-2.0
// What it costs to charge a message and to give it back, by itself: in its pocket, beyond it, while
// many others hold much, in the queue of a receiver, and refused.
// With google-benchmark: build/tests/bench/buzon-quota-bench
#include <benchmark/benchmark.h>

#include <vector>

#include "broker/quota/account_tree.h"
#include "broker/quota/charge.h"
#include "broker/quota/port_shares.h"

namespace buzon::broker {
namespace {

constexpr std::uint64_t kMessage = 200;

QuotaLimits limits() {
    QuotaLimits limits;
    limits.pools.fill({.capacity = std::uint64_t{1} << 30,
                       .pocket = std::uint64_t{1} << 16,
                       .pockets = 4096,
                       .largest_loan = std::uint64_t{1} << 25});
    return limits;
}

/// A user with 32 programs, each with 32 connections that hold all they may.
class Crowd {
public:
    explicit Crowd(AccountTree& tree) {
        for (std::uint64_t i = 0; i < 1024; ++i) {
            accounts_.push_back(tree.open(UserId{1}, CgroupId{i % 32}).value());
            const auto most = accounts_.back().account().share(Resource::Bytes).most();
            charges_.push_back(
                Charge::take(accounts_.back().payer(), Resource::Bytes, most).value());
        }
    }

private:
    std::vector<OpenAccount> accounts_;
    std::vector<Charge> charges_;
};

void charge_and_release(benchmark::State& state,
                        const OpenAccount& account,
                        std::uint64_t amount = kMessage) {
    for (auto _ : state) {
        auto charge = Charge::take(account.payer(), Resource::Bytes, amount);
        benchmark::DoNotOptimize(charge);
    }
}

void in_pocket(benchmark::State& state) {
    AccountTree tree(limits());
    const auto account = tree.open(UserId{1}, CgroupId{100}).value();
    charge_and_release(state, account);
}
BENCHMARK(in_pocket);

void in_pocket_of_a_crowd(benchmark::State& state) {
    AccountTree tree(limits());
    const Crowd crowd(tree);
    const auto account = tree.open(UserId{1}, CgroupId{100}).value();
    charge_and_release(state, account);
}
BENCHMARK(in_pocket_of_a_crowd);

void within_a_step(benchmark::State& state) {
    AccountTree tree(limits());
    const auto account = tree.open(UserId{1}, CgroupId{100}).value();
    const auto held = Charge::take(account.payer(), Resource::Bytes, 1'000'000).value();
    charge_and_release(state, account);
}
BENCHMARK(within_a_step);

/// From the pocket to a claim at all levels and back: the worst case.
void beyond_the_pocket(benchmark::State& state) {
    AccountTree tree(limits());
    const auto account = tree.open(UserId{1}, CgroupId{100}).value();
    charge_and_release(state, account, 1'000'000);
}
BENCHMARK(beyond_the_pocket);

void beyond_the_pocket_of_a_crowd(benchmark::State& state) {
    AccountTree tree(limits());
    const Crowd crowd(tree);
    const auto account = tree.open(UserId{2}, CgroupId{100}).value();
    charge_and_release(state, account, 100'000);
}
BENCHMARK(beyond_the_pocket_of_a_crowd);

void refused_in_a_crowd(benchmark::State& state) {
    AccountTree tree(limits());
    const Crowd crowd(tree);
    const auto account = tree.open(UserId{1}, CgroupId{0}).value();
    charge_and_release(state, account, std::uint64_t{1} << 24);
}
BENCHMARK(refused_in_a_crowd);

void port(benchmark::State& state, std::uint64_t held) {
    AccountTree tree(limits());
    const auto account = tree.open(UserId{1}, CgroupId{1}).value();
    PortShares port(bus::make_ref<PortPools>(
        PortLimits{.bytes = 100'000, .descriptors = 64, .largest_message_bytes = 1000}));
    const auto before = port.charge(account.account(), held, 0);
    for (auto _ : state) {
        auto charge = port.charge(account.account(), kMessage, 0);
        benchmark::DoNotOptimize(charge);
    }
}
BENCHMARK_CAPTURE(port, free_part, 0);
BENCHMARK_CAPTURE(port, share, 25'000);

/// What one message costs in all: the sender's account and the receiver's port.
void message(benchmark::State& state) {
    AccountTree tree(limits());
    const auto account = tree.open(UserId{1}, CgroupId{1}).value();
    PortShares port(bus::make_ref<PortPools>(
        PortLimits{.bytes = 100'000, .descriptors = 64, .largest_message_bytes = 1000}));
    for (auto _ : state) {
        auto paid = Charge::take(account.payer(), Resource::Bytes, kMessage);
        auto placed = port.charge(account.account(), kMessage, 0);
        benchmark::DoNotOptimize(paid);
        benchmark::DoNotOptimize(placed);
    }
}
BENCHMARK(message);

}  // namespace
}  // namespace buzon::broker

BENCHMARK_MAIN();
