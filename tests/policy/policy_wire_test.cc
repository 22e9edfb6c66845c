// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_wire.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"

namespace buzon::policy {
namespace {

using bus::ByteOrder;
using bus::WireWriter;

/// Everything that a judgement or an explanation could look at, as text.
std::string text_of(const ResolvedPolicy& policy) {
    std::string text;
    for (const std::string& name : policy.files.names())
        text += name + "\n";
    for (const auto* ids : {&policy.users, &policy.groups}) {
        for (const auto& [name, id] : *ids)
            text += name + "=" + std::to_string(id) + "\n";
        text += "--\n";
    }
    for (const PolicyBlock& block : policy.blocks) {
        text += std::to_string(static_cast<int>(block.context)) + " " + block.subject + " " +
                std::to_string(block.location.column) + " " +
                policy.files.describe(block.location) + "\n";
        for (const Rule& rule : block.rules) {
            text += to_text(rule) + std::to_string(rule.match.index()) + " " +
                    std::to_string(rule.location.column) + " " +
                    policy.files.describe(rule.location) + "\n";
        }
    }
    return text;
}

bus::Result<ResolvedPolicy, PolicyWireError> sent(const ResolvedPolicy& policy,
                                                  ByteOrder order,
                                                  std::size_t part_bytes) {
    PolicyReader reader;
    WireWriter head(order);
    write_policy_head(policy, head);
    if (auto read = reader.read_head({kPolicyHeadSignature, head.bytes(), order}); !read)
        return bus::Unexpected{read.error()};
    for (PolicyRulesWriter writer(policy); writer.has_more();) {
        WireWriter rules(order);
        writer.write(rules, part_bytes);
        if (auto read = reader.read_rules({kPolicyRulesSignature, rules.bytes(), order}); !read)
            return bus::Unexpected{read.error()};
    }
    return reader.take();
}

void expect_unchanged(const ResolvedPolicy& policy) {
    for (const auto order : {ByteOrder::Little, ByteOrder::Big}) {
        for (const std::size_t part_bytes : {1U, 300U, 1U << 20}) {
            const auto received = sent(policy, order, part_bytes);
            ASSERT_TRUE(received) << describe(received.error());
            EXPECT_EQ(text_of(received.value()), text_of(policy));
        }
    }
}

TEST(PolicyWire, CarriesEveryKindOfRule) {
    FakeUsers users;
    std::vector<Warning> warnings;
    expect_unchanged(resolve(
        config_of(
            "\n<policy context='default'><allow user='*'/><deny group='audio'/><allow own='*'/>"
            "<deny own_prefix='a.b'/><allow own='a.b'/><allow user='alice'/></policy>\n"
            "<policy user='alice'/><policy group='video'><deny send_destination='a.b' log='true'/>"
            "<deny send_destination_prefix='a' send_broadcast='true'/>\n"
            "<deny send_interface='a.b' send_broadcast='false' max_fds='3' min_fds='1'/>"
            "<allow send_requested_reply='false' send_type='error' send_error='a.b'/></policy>"
            "<policy at_console='false'><allow receive_sender='' receive_path='/'/>"
            "<deny eavesdrop='true' receive_interface='a.b' receive_member='C'/>"
            "<deny receive_requested_reply='true' receive_type='signal'/></policy>"
            "<policy context='mandatory'><deny send_path='/a&lt;' send_member='M'/></policy>"),
        users, warnings));
}

TEST(PolicyWire, CarriesAnEmptyPolicyAndNamesThatAreNotUtf8) {
    expect_unchanged({});
    ResolvedPolicy policy;
    policy.files.add("/etc/\xff\xfe.conf");
    policy.blocks.push_back({});
    expect_unchanged(policy);
}

/// A policy of any shape that files could give.
class Generator {
public:
    explicit Generator(std::uint32_t seed) : random_(seed) {}

    ResolvedPolicy policy() {
        ResolvedPolicy policy;
        for (unsigned i = 0; i <= below(3); ++i)
            policy.files.add("/etc/file" + std::to_string(i));
        for (unsigned i = 0; i < below(4); ++i)
            policy.users.emplace(word(), below(5000));
        for (unsigned i = 0; i < below(6); ++i)
            policy.blocks.push_back(block(policy));
        return policy;
    }

private:
    unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
    bool coin() { return below(2) == 0; }
    std::string word() { return std::string(below(9), static_cast<char>('a' + below(26))); }
    std::optional<std::string> maybe() { return coin() ? std::optional(word()) : std::nullopt; }
    Location location(const ResolvedPolicy& policy) {
        const auto files = static_cast<unsigned>(policy.files.names().size());
        return {FileId{below(files)}, below(1000), below(80)};
    }
    PolicyBlock block(const ResolvedPolicy& policy) {
        PolicyBlock block;
        block.context = PolicyContext{static_cast<std::uint8_t>(below(6))};
        if (block.context == PolicyContext::User || block.context == PolicyContext::Group)
            block.subject = word();
        block.location = location(policy);
        for (unsigned i = 0; i < below(20); ++i)
            block.rules.push_back(
                {coin() ? Effect::Allow : Effect::Deny, location(policy), match()});
        return block;
    }
    decltype(Rule::match) match() {
        const auto form = coin() ? NameForm::Exact : NameForm::Prefix;
        const auto subject = coin() ? ConnectRule::Subject::User : ConnectRule::Subject::Group;
        switch (below(4)) {
            case 0: {
                SendRule rule{conditions(), maybe(), form, std::nullopt, coin()};
                if (coin()) rule.broadcast = coin();
                return rule;
            }
            case 1: return ReceiveRule{conditions(), maybe()};
            case 2: return OwnRule{maybe(), form};
            default: return ConnectRule{subject, maybe()};
        }
    }
    MessageConditions conditions() {
        MessageConditions message{{}, maybe(), maybe(), maybe(), maybe()};
        if (coin()) message.type = bus::MessageType{static_cast<std::uint8_t>(1 + below(4))};
        message.requested_reply = coin();
        message.eavesdrop = coin();
        if (coin()) message.min_fds = below(100);
        if (coin()) message.max_fds = below(100);
        return message;
    }

    std::mt19937 random_;
};

TEST(PolicyWire, CarriesWhateverAPolicyMayBe) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        expect_unchanged(Generator(seed).policy());
    }
}

TEST(PolicyWire, CutsManyRulesIntoPartsOfTheSizeAskedFor) {
    constexpr std::size_t kRules = 100'000;
    constexpr std::size_t kPartBytes = 64 * 1024;
    ResolvedPolicy policy;
    policy.files.add("/x");
    policy.blocks.push_back({});
    for (std::size_t i = 0; i < kRules; ++i) {
        policy.blocks[0].rules.push_back(
            {Effect::Deny, {}, OwnRule{"org.example.N" + std::to_string(i), NameForm::Exact}});
    }
    std::size_t parts = 0;
    for (PolicyRulesWriter writer(policy); writer.has_more(); ++parts) {
        WireWriter rules;
        writer.write(rules, kPartBytes);
        EXPECT_LT(rules.size(), kPartBytes + 200);
    }
    EXPECT_GT(parts, 50U);
    const auto received = sent(policy, ByteOrder::Little, kPartBytes);
    ASSERT_TRUE(received);
    EXPECT_EQ(received.value().blocks[0].rules.size(), kRules);
}

/// A part with one rule in it that is right but for what `change` does.
struct RawRule {
    std::uint32_t block = 0;
    std::uint8_t kind = 2, effect = 1;
    std::uint32_t file = 0, flags = 0;
    std::uint8_t type = 0;
    std::uint32_t min_fds = 0, max_fds = kAnyFdCount;
    std::vector<std::string> texts{};
};

bus::Result<void, PolicyWireError> read(const RawRule& rule) {
    ResolvedPolicy policy;
    policy.files.add("/x");
    policy.blocks.push_back({});
    WireWriter head;
    write_policy_head(policy, head);
    WireWriter body;
    const auto array = body.begin_array('(');
    body.align_struct();
    body.write_uint32(rule.block);
    body.write_byte(rule.kind);
    body.write_byte(rule.effect);
    body.write_uint32(rule.file);
    body.write_uint32(1);
    body.write_uint32(1);
    body.write_uint32(rule.flags);
    body.write_byte(rule.type);
    body.write_uint32(rule.min_fds);
    body.write_uint32(rule.max_fds);
    const auto texts = body.begin_array('s');
    for (const auto& text : rule.texts)
        body.write_string(text);
    body.end_array(texts);
    body.end_array(array);
    PolicyReader reader;
    EXPECT_TRUE(reader.read_head({kPolicyHeadSignature, head.bytes()}));
    return reader.read_rules({kPolicyRulesSignature, body.bytes()});
}

constexpr std::uint32_t kName = 1U << 4;
const struct {
    std::string_view about;
    RawRule rule;
    std::optional<PolicyWireError> error;
} kRuleCases[] = {
    {"a rule on every name", {}, std::nullopt},
    {"a rule on one name", {.flags = kName, .texts = {"a.b"}}, std::nullopt},
    {"a block that does not exist", {.block = 1}, PolicyWireError::NoSuchBlock},
    {"a file that does not exist", {.file = 1}, PolicyWireError::NoSuchFile},
    {"a kind that does not exist", {.kind = 4}, PolicyWireError::OutOfRange},
    {"an effect that does not exist", {.effect = 2}, PolicyWireError::OutOfRange},
    {"a message type that does not exist", {.kind = 0, .type = 5}, PolicyWireError::OutOfRange},
    {"a flag that does not exist", {.flags = 1U << 12}, PolicyWireError::Inconsistent},
    {"a flag of another kind", {.flags = 1U << 7}, PolicyWireError::Inconsistent},
    {"broadcasts wanted, not asked for",
     {.kind = 0, .flags = 1U << 9},
     PolicyWireError::Inconsistent},
    {"a message type of a rule on names", {.type = 1}, PolicyWireError::Inconsistent},
    {"descriptors of a rule on names", {.min_fds = 1}, PolicyWireError::Inconsistent},
    {"a text announced and missing", {.flags = kName}, PolicyWireError::Inconsistent},
    {"a text not announced", {.texts = {"a.b"}}, PolicyWireError::Inconsistent},
};

TEST(PolicyReader, NamesTheFirstViolationOfARule) {
    for (const auto& [about, rule, error] : kRuleCases) {
        const auto done = read(rule);
        EXPECT_EQ(done ? std::nullopt : std::optional{done.error()}, error) << about;
    }
}

PolicyWireError error_of_head(const std::function<void(WireWriter&)>& write) {
    WireWriter head;
    write(head);
    PolicyReader reader;
    const auto done = reader.read_head({kPolicyHeadSignature, head.bytes()});
    EXPECT_FALSE(done);
    EXPECT_TRUE(reader.take().files.names().empty());
    return done ? PolicyWireError{} : done.error();
}

TEST(PolicyReader, NamesTheFirstViolationOfAHead) {
    ResolvedPolicy policy;
    policy.files.add("/x");
    EXPECT_EQ(error_of_head([&](WireWriter& head) {
                  policy.users["x"] = ~0U;
                  write_policy_head(policy, head);
              }),
              PolicyWireError::OutOfRange);
    policy.users.clear();
    EXPECT_EQ(error_of_head([&](WireWriter& head) {
                  policy.blocks = {{PolicyContext::Default, "x", {}, {}}};
                  write_policy_head(policy, head);
              }),
              PolicyWireError::Inconsistent);
    EXPECT_EQ(error_of_head([&](WireWriter& head) {
                  policy.blocks = {{PolicyContext{6}, "", {}, {}}};
                  write_policy_head(policy, head);
              }),
              PolicyWireError::OutOfRange);
    EXPECT_EQ(error_of_head([&](WireWriter& head) {
                  policy.blocks = {{PolicyContext::Default, "", {FileId{7}, 1, 1}, {}}};
                  write_policy_head(policy, head);
              }),
              PolicyWireError::NoSuchFile);
    EXPECT_EQ(error_of_head([](WireWriter& head) { head.write_uint32(4); }),
              PolicyWireError::Malformed);
}

TEST(PolicyReader, TakesNothingUnderAnotherSignature) {
    PolicyReader reader;
    const auto done = reader.read_rules({"as", {}});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error(), PolicyWireError::Malformed);
}

TEST(LimitsWire, CarriesEveryLimit) {
    Limits limits;
    limits.max_incoming_bytes = 1;
    limits.reply_timeout = std::chrono::milliseconds(5);
    limits.max_connections_per_container = 9;
    for (const Limits& each : {Limits{}, limits}) {
        WireWriter body;
        write_limits(each, body);
        bus::WireReader reader(body.bytes(), ByteOrder::Little);
        const auto read = read_limits(reader);
        ASSERT_TRUE(read);
        EXPECT_EQ(read.value(), each);
        EXPECT_TRUE(reader.at_end());
    }
}

TEST(LimitsWire, RefusesWhatNoFileCouldSay) {
    const auto error_of = [](std::string_view name, std::uint64_t value) {
        WireWriter body;
        const auto array = body.begin_array('{');
        body.align_struct();
        body.write_string(name);
        body.write_uint64(value);
        body.end_array(array);
        bus::WireReader reader(body.bytes(), ByteOrder::Little);
        const auto read = read_limits(reader);
        return read ? std::nullopt : std::optional{read.error()};
    };
    EXPECT_EQ(error_of("auth_timeout", 5), std::nullopt);
    EXPECT_EQ(error_of("auth_timeout", 1ULL << 31), PolicyWireError::OutOfRange);
    EXPECT_EQ(error_of("max_bees", 5), PolicyWireError::UnknownLimit);
}

}  // namespace
}  // namespace buzon::policy
