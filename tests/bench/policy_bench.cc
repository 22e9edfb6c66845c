// SPDX-License-Identifier: Apache-2.0
// Decisions of a policy with 10, 1,000 and 10,000 rules, for rules that differ in one thing each:
// what an index could be bad at. Eight messages take turns, whatever the number of rules; with
// `mixed`, 4,096 do, so that memory is not in the first cache. build/tests/bench/buzon-policy-bench
// --benchmark_filter=…
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "policy/held_words.h"
#include "policy/policy_set.h"
#include "tests/policy/linear_policy.h"

namespace buzon::policy {
namespace {

constexpr std::size_t kMessages = 8;

/// What the rules of a policy differ in.
enum class Shape {
    Services,
    Destination,
    Denied,  // as Destination, but what matches is denied, so that rules are counted as well
    Prefix,
    Interface,
    Member,
    Path,
    Error,
    Descriptors,
    Blocks,
};

std::string name_of(std::size_t i) {
    return fmt::format("org.example.Service{}", i);
}

Rule send_rule(Effect effect, SendRule send) {
    send.message.requested_reply = effect == Effect::Allow;
    return {effect, {}, std::move(send)};
}

/// As packages ship them: who owns a name, and what everybody may send to it.
void add_service(std::vector<Rule>& rules, std::size_t i) {
    SendRule all;
    all.destination = name_of(i);
    SendRule properties = all;
    properties.message.interface = "org.freedesktop.DBus.Properties";
    SendRule admin = all;
    admin.message.interface = name_of(i) + ".Admin";
    rules.push_back({Effect::Allow, {}, OwnRule{name_of(i), NameForm::Exact}});
    rules.push_back(send_rule(Effect::Allow, all));
    rules.push_back(send_rule(Effect::Allow, properties));
    rules.push_back(send_rule(Effect::Deny, admin));
}

Rule rule_of(Shape shape, std::size_t i) {
    SendRule send;
    auto& message = send.message;
    switch (shape) {
        case Shape::Prefix: send.destination_form = NameForm::Prefix; [[fallthrough]];
        case Shape::Services:
        case Shape::Blocks:
        case Shape::Denied:
        case Shape::Destination: send.destination = name_of(i); break;
        case Shape::Interface: message.interface = name_of(i); break;
        case Shape::Member:
            message.interface = name_of(0);
            message.member = fmt::format("Method{}", i);
            break;
        case Shape::Path: message.path = fmt::format("/org/example/object/{}", i); break;
        case Shape::Error: message.error_name = name_of(i); break;
        case Shape::Descriptors: message.min_fds = static_cast<std::uint32_t>(i); break;
    }
    return send_rule(shape == Shape::Denied ? Effect::Deny : Effect::Allow, std::move(send));
}

bus::Ref<const PolicySet> set_of(Shape shape, std::size_t count) {
    ResolvedPolicy policy;
    policy.files.add("/bench.conf");
    policy.blocks.push_back({PolicyContext::Default, "", {}, {}});
    auto& first = policy.blocks.front().rules;
    // What everything below is an exception from.
    first.push_back({Effect::Allow, {}, OwnRule{}});
    first.push_back(send_rule(Effect::Deny, {}));
    first.push_back({Effect::Allow, {}, ReceiveRule{}});
    for (std::size_t i = 0; policy.blocks.size() + first.size() < count; ++i) {
        if (shape == Shape::Services) {
            add_service(first, i);
        } else if (shape == Shape::Blocks) {
            policy.blocks.push_back({PolicyContext::Default, "", {}, {rule_of(shape, i)}});
        } else {
            first.push_back(rule_of(shape, i));
        }
    }
    return PolicySet::create(std::move(policy));
}

/// Knows its words as a peer on the bus does. One at a time is asked by one policy only.
class Receiver final : public NameHolder {
public:
    explicit Receiver(std::vector<std::string> names) : names_(std::move(names)) {}
    [[nodiscard]] const HeldWords* held_words(const Vocabulary& vocabulary) const override {
        if (vocabulary_ != &vocabulary) {
            vocabulary_ = &vocabulary;
            for (std::size_t i = 1; i < names_.size(); ++i)
                words_.add(names_[i], vocabulary);
        }
        return &words_;
    }
    [[nodiscard]] std::string_view unique_name() const override { return names_.front(); }
    [[nodiscard]] bool holds(std::string_view name) const override {
        return std::find(names_.begin(), names_.end(), name) != names_.end();
    }
    [[nodiscard]] bool holds_below(std::string_view prefix) const override { return holds(prefix); }

private:
    std::vector<std::string> names_;
    mutable HeldWords words_;
    mutable const Vocabulary* vocabulary_ = nullptr;
};

/// A call to one of the services, with its own texts.
struct Sample {
    explicit Sample(std::size_t i, std::size_t more_names)
        : name(name_of(i)),
          path(fmt::format("/org/example/object/{}", i)),
          member(fmt::format("Method{}", i)),
          receiver(names(i, more_names)) {
        facts.type = bus::MessageType::MethodCall;
        facts.path = path;
        facts.interface = name;
        facts.member = member;
        facts.error_name = name;
        facts.destination = name;
        facts.sender = ":1.1";
        facts.fd_count = static_cast<std::uint32_t>(i);
    }
    static std::vector<std::string> names(std::size_t i, std::size_t more) {
        std::vector<std::string> names{fmt::format(":1.{}", i), name_of(i)};
        for (std::size_t n = 0; n < more; ++n)
            names.push_back(fmt::format("org.other.Name{}", n));
        return names;
    }

    std::string name, path, member;
    Receiver receiver;
    MessageFacts facts;
};

/// `count`: a power of two.
std::vector<std::unique_ptr<Sample>> samples(std::size_t rules,
                                             std::size_t count = kMessages,
                                             std::size_t more_names = 0) {
    std::vector<std::unique_ptr<Sample>> samples;
    for (std::size_t i = 0; i < count; ++i)
        samples.push_back(std::make_unique<Sample>(i * rules / count, more_names));
    return samples;
}

void send_some(benchmark::State& state, Shape shape, std::size_t count) {
    const auto rules = static_cast<std::size_t>(state.range(0));
    const auto snapshot = set_of(shape, rules)->snapshot_for({});
    const auto messages = samples(rules, count);
    std::size_t next = 0;
    for (auto _ : state) {
        const Sample& sample = *messages[next++ % count];
        benchmark::DoNotOptimize(
            snapshot->may_send({.message = sample.facts, .receiver = &sample.receiver}));
    }
    state.SetItemsProcessed(state.iterations());
}

void send(benchmark::State& state, Shape shape) {
    send_some(state, shape, kMessages);
}

void mixed(benchmark::State& state) {
    send_some(state, Shape::Services, 4096);
}

void send_rule_by_rule(benchmark::State& state, Shape shape) {
    const auto rules = static_cast<std::size_t>(state.range(0));
    const auto snapshot = set_of(shape, rules)->snapshot_for({});
    const auto in_force = rules_in_force<SendRule>(*snapshot);
    const auto messages = samples(rules);
    std::size_t next = 0;
    for (auto _ : state) {
        const Sample& sample = *messages[next++ % kMessages];
        const SendQuery query{.message = sample.facts, .receiver = &sample.receiver};
        const auto found = std::find_if(in_force.rbegin(), in_force.rend(), [&](const Rule* rule) {
            return matches(rule->effect, std::get<SendRule>(rule->match), query);
        });
        benchmark::DoNotOptimize(found);
    }
    state.SetItemsProcessed(state.iterations());
}

/// A reply has neither path nor interface nor member.
void reply(benchmark::State& state, Shape shape) {
    const auto rules = static_cast<std::size_t>(state.range(0));
    const auto snapshot = set_of(shape, rules)->snapshot_for({});
    const auto messages = samples(rules);
    MessageFacts facts;
    facts.type = bus::MessageType::MethodReturn;
    facts.is_reply = true;
    std::size_t next = 0;
    for (auto _ : state) {
        const Sample& sample = *messages[next++ % kMessages];
        benchmark::DoNotOptimize(snapshot->may_send(
            {.message = facts, .receiver = &sample.receiver, .requested_reply = true}));
    }
    state.SetItemsProcessed(state.iterations());
}

void own(benchmark::State& state) {
    const auto rules = static_cast<std::size_t>(state.range(0));
    const auto snapshot = set_of(Shape::Services, rules)->snapshot_for({});
    const auto messages = samples(rules);
    std::size_t next = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(snapshot->may_own(messages[next++ % kMessages]->name));
    state.SetItemsProcessed(state.iterations());
}

void connect(benchmark::State& state) {
    ResolvedPolicy policy;
    policy.blocks.push_back({PolicyContext::Default, "", {}, {}});
    for (std::uint32_t i = 0; i < state.range(0); ++i) {
        const auto name = fmt::to_string(i);
        policy.groups.emplace(name, i);
        policy.blocks.front().rules.push_back(
            {Effect::Allow, {}, ConnectRule{ConnectRule::Subject::Group, name}});
    }
    const auto set = PolicySet::create(std::move(policy));
    constexpr std::array<gid_t, 4> kGroups = {3, 900, 9000, 70000};
    for (auto _ : state)
        benchmark::DoNotOptimize(set->may_connect({.uid = 1000, .gids = kGroups}, 0));
    state.SetItemsProcessed(state.iterations());
}

/// 10,000 rules, and a receiver that owns as many names more.
void names(benchmark::State& state) {
    const auto snapshot = set_of(Shape::Destination, 10'000)->snapshot_for({});
    const auto messages = samples(10'000, kMessages, static_cast<std::size_t>(state.range(0)));
    std::size_t next = 0;
    for (auto _ : state) {
        const Sample& sample = *messages[next++ % kMessages];
        benchmark::DoNotOptimize(
            snapshot->may_send({.message = sample.facts, .receiver = &sample.receiver}));
    }
    state.SetItemsProcessed(state.iterations());
}

void compile_all(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(set_of(Shape::Services, static_cast<std::size_t>(state.range(0))));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
    benchmark->Arg(10)->Arg(1000)->Arg(10'000);
}

BENCHMARK_CAPTURE(send, services, Shape::Services)->Apply(sizes);
BENCHMARK_CAPTURE(send, destination, Shape::Destination)->Apply(sizes);
BENCHMARK_CAPTURE(send, denied, Shape::Denied)->Apply(sizes);
BENCHMARK_CAPTURE(send, destination_prefix, Shape::Prefix)->Apply(sizes);
BENCHMARK_CAPTURE(send, interface, Shape::Interface)->Apply(sizes);
BENCHMARK_CAPTURE(send, member, Shape::Member)->Apply(sizes);
BENCHMARK_CAPTURE(send, path, Shape::Path)->Apply(sizes);
BENCHMARK_CAPTURE(send, error, Shape::Error)->Apply(sizes);
BENCHMARK_CAPTURE(send, descriptors, Shape::Descriptors)->Apply(sizes);
BENCHMARK_CAPTURE(send, policy_blocks, Shape::Blocks)->Apply(sizes);
BENCHMARK_CAPTURE(reply, services, Shape::Services)->Apply(sizes);
BENCHMARK_CAPTURE(reply, path, Shape::Path)->Apply(sizes);
BENCHMARK(mixed)->Apply(sizes);
BENCHMARK(own)->Apply(sizes);
BENCHMARK(connect)->Apply(sizes);
BENCHMARK(names)->Arg(0)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(send_rule_by_rule, services, Shape::Services)->Apply(sizes);
BENCHMARK(compile_all)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace buzon::policy

BENCHMARK_MAIN();
