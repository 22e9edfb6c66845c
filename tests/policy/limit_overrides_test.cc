// SPDX-License-Identifier: Apache-2.0
#include "policy/limit_overrides.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/body_check.h"
#include "policy/limits_wire.h"
#include "tests/policy/fake_users.h"

namespace buzon::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ResolveLimits : public testing::Test {
protected:
    ResolveLimits() : file_(config_.files.add("/a.conf")) {}

    void say_for_user(std::string name, std::vector<LimitSetting> settings) {
        config_.user_limits.push_back({std::move(name), {file_, ++line_, 1}, std::move(settings)});
    }
    LimitOverrides resolve(WhenUnreachable unreachable = WhenUnreachable::Refuse) {
        return resolve_limits(config_, users_, warnings_, unreachable);
    }

    Config config_;
    FileId file_;
    std::uint32_t line_ = 0;
    FakeUsers users_;
    std::vector<Warning> warnings_;
};

TEST_F(ResolveLimits, PutsWhatIsSaidLaterInThePlaceOfWhatWasSaidBefore) {
    say_for_user("alice", {{"max_names_per_user", 1}, {"max_replies_per_user", 2}});
    say_for_user("1000", {{"max_replies_per_user", 3}, {"max_match_rules_per_user", 4}});
    const auto overrides = resolve();
    EXPECT_THAT(warnings_, IsEmpty());
    ASSERT_THAT(overrides.users, SizeIs(1));
    EXPECT_THAT(overrides.users.at(1000), ElementsAre(LimitSetting{"max_names_per_user", 1},
                                                      LimitSetting{"max_replies_per_user", 3},
                                                      LimitSetting{"max_match_rules_per_user", 4}));
}

TEST_F(ResolveLimits, LeavesOutWhoDoesNotExistAndTakesNumbersAsTheyStand) {
    say_for_user("nobody-at-all", {{"max_names_per_user", 1}});
    say_for_user("4711", {{"max_names_per_user", 2}});
    const auto overrides = resolve();
    ASSERT_THAT(overrides.users, SizeIs(1));
    EXPECT_TRUE(overrides.users.contains(4711));
    ASSERT_THAT(warnings_, SizeIs(2));
    EXPECT_EQ(warnings_[0].text, "unknown user \"nobody-at-all\": his limits are left out");
    EXPECT_EQ(warnings_[0].location.line, 1u);
    EXPECT_EQ(warnings_[1].text, "unknown user \"4711\": the number is taken as it stands");
}

TEST_F(ResolveLimits, RefusesOrLeavesOutWhoCantBeLookedUpNow) {
    say_for_user("unreachable", {{"max_names_per_user", 1}});
    try {
        (void)resolve(WhenUnreachable::Refuse);
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(),
                    HasSubstr("/a.conf:1:1: can't find out about user \"unreachable\": "));
    }
    EXPECT_THAT(resolve(WhenUnreachable::DropAllows).users, IsEmpty());
    ASSERT_THAT(warnings_, SizeIs(1));
    EXPECT_THAT(warnings_[0].text, HasSubstr("his limits are left out"));
}

const LimitOverrides kMail{{},
                           {{"a.Small", {{"max_outgoing_bytes", 10}, {"stuck_timeout", 100}}},
                            {"a.Large", {{"max_outgoing_bytes", 1000}}},
                            {"a.Slow", {{"stuck_timeout", 500}}}}};

TEST(LimitsOfDestination, AreThoseForEverybodyWhereItsNamesHaveNone) {
    const std::string_view names[] = {"a.Other", "a.Small.More"};
    EXPECT_EQ(limits_of_destination({}, kMail, names), Limits{});
    EXPECT_EQ(limits_of_destination({}, kMail, {}), Limits{});
}

TEST(LimitsOfDestination, AreTheLargestOfItsNames) {
    const std::string_view small[] = {"a.Small", "a.Other"};
    EXPECT_EQ(limits_of_destination({}, kMail, small).max_outgoing_bytes, 10u);
    const std::string_view both[] = {"a.Large", "a.Small", "a.Slow"};
    EXPECT_EQ(limits_of_destination({}, kMail, both).max_outgoing_bytes, 1000u);
    EXPECT_EQ(limits_of_destination({}, kMail, both).stuck_timeout.count(), 500);
}

TEST(LimitsOfDestination, AreSeparateForEachLimit) {
    const std::string_view names[] = {"a.Small", "a.Slow"};
    EXPECT_EQ(limits_of_destination({}, kMail, names).max_outgoing_bytes, 10u)
        << "a.Slow says nothing about bytes";
    EXPECT_EQ(limits_of_destination({}, kMail, names).max_outgoing_unix_fds,
              Limits{}.max_outgoing_unix_fds);
}

// --- on the wire --------------------------------------------------------------------------------

LimitOverrides sample() {
    LimitOverrides overrides = kMail;
    overrides.users = {{0, {{"max_names_per_user", 1}, {"max_bytes_per_user", 131'072}}},
                       {1000, {}}};
    return overrides;
}

bus::Result<LimitOverrides, PolicyWireError> sent(const LimitOverrides& overrides) {
    bus::WireWriter body;
    write_overrides(overrides, body);
    EXPECT_TRUE(bus::check_body(kOverridesSignature, body.bytes(), bus::ByteOrder::Little));
    bus::WireReader reader(body.bytes(), bus::ByteOrder::Little);
    return read_overrides(reader);
}

std::optional<PolicyWireError> error_of(const LimitOverrides& overrides) {
    const auto read = sent(overrides);
    return read ? std::nullopt : std::optional{read.error()};
}

TEST(LimitsWire, BringsBackWhatWasWritten) {
    EXPECT_EQ(*sent({}), LimitOverrides{});
    EXPECT_EQ(*sent(sample()), sample());
}

TEST(LimitsWire, RefusesWhatNoReaderOfFilesWrites) {
    const struct {
        std::string_view about;
        LimitOverrides overrides;
        PolicyWireError error;
    } kCases[] = {
        {"an unknown limit", {{{1, {{"max_bees", 1}}}}, {}}, PolicyWireError::UnknownLimit},
        {"a limit of others", {{{1, {{"stuck_timeout", 1}}}}, {}}, PolicyWireError::UnknownLimit},
        {"too much",
         {{{1, {{"max_names_per_user", std::uint64_t{1} << 40}}}}, {}},
         PolicyWireError::OutOfRange},
        {"too little", {{{1, {{"max_bytes_per_user", 1}}}}, {}}, PolicyWireError::OutOfRange},
        {"a limit twice",
         {{{1, {{"max_names_per_user", 1}, {"max_names_per_user", 1}}}}, {}},
         PolicyWireError::Repeated},
        {"nobody's uid", {{{0xffff'ffff, {}}}, {}}, PolicyWireError::OutOfRange},
        {"no name", {{}, {{":1.1", {}}}}, PolicyWireError::OutOfRange},
    };
    for (const auto& [about, overrides, error] : kCases)
        EXPECT_EQ(error_of(overrides), error) << about;
}

}  // namespace
}  // namespace buzon::policy
