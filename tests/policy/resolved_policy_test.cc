// SPDX-License-Identifier: Apache-2.0
#include "policy/resolved_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy_set.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"

namespace buzon::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

ResolvedPolicy resolve_text(const std::string& elements,
                            std::vector<Warning>& warnings,
                            WhenUnreachable unreachable = WhenUnreachable::Refuse) {
    FakeUsers users;
    return resolve(config_of(elements), users, warnings, unreachable);
}

TEST(Resolve, KeepsEachNameWithItsId) {
    std::vector<Warning> warnings;
    const auto resolved = resolve_text(
        "<policy user='alice'><allow own='a.b'/></policy>"
        "<policy group='audio'><allow own='a.b'/></policy>"
        "<policy context='default'><deny group='video'/><allow user='1000'/></policy>",
        warnings);
    EXPECT_THAT(resolved.users, ElementsAre(Pair("1000", 1000U), Pair("alice", 1000U)));
    EXPECT_THAT(resolved.groups, ElementsAre(Pair("audio", 29U), Pair("video", 44U)));
    EXPECT_EQ(resolved.blocks.size(), 3U);
    EXPECT_EQ(resolved.id_of(ConnectRule::Subject::Group, "audio"), 29U);
    EXPECT_EQ(resolved.id_of(ConnectRule::Subject::User, "audio"), std::nullopt);
    EXPECT_THAT(warnings, IsEmpty());
}

TEST(Resolve, LeavesOutWhoDoesNotExistWithAWarning) {
    std::vector<Warning> warnings;
    const auto resolved = resolve_text(
        "\n<policy user='nonesuch'><deny own='a.b'/></policy>"
        "\n<policy context='mandatory'><deny group='nonesuch'/></policy>",
        warnings);
    EXPECT_THAT(resolved.users, IsEmpty());
    EXPECT_THAT(resolved.groups, IsEmpty());
    ASSERT_EQ(warnings.size(), 2U);
    EXPECT_EQ(warnings[0].text, "unknown user \"nonesuch\": what is said about it is left out");
    EXPECT_EQ(resolved.files.describe(warnings[1].location), "/main.conf:3");
}

TEST(Resolve, ANumberThatNobodyHasStillDeniesWhoRunsUnderIt) {
    std::vector<Warning> warnings;
    const auto set =
        PolicySet::create(resolve_text("<policy context='default'><allow own='*'/><allow user='*'/>"
                                       "<deny user='4711'/></policy>"
                                       "<policy group='4712'><deny own='*'/></policy>",
                                       warnings));
    EXPECT_FALSE(set->may_connect({.uid = 4711}, 0));
    const gid_t gids[] = {4712};
    EXPECT_FALSE(set->snapshot_for({.uid = 1, .gids = gids})->may_own("a.b"));
    EXPECT_TRUE(set->snapshot_for({.uid = 1})->may_own("a.b"));
    EXPECT_EQ(warnings.size(), 2U);
}

constexpr const char* kDenials[] = {
    "<policy user='unreachable'><allow own='a.b'/><deny own='c.d'/></policy>",
    "<policy group='unreachable'><deny send_destination='a.b'/></policy>",
    "<policy context='default'><deny user='unreachable'/></policy>",
    "<policy context='mandatory'><deny group='unreachable'/></policy>",
};
constexpr const char* kPermissions[] = {
    "<policy user='unreachable'><allow own='a.b'/></policy>",
    "<policy group='unreachable'><allow send_destination='a.b'/></policy>",
    "<policy context='default'><allow user='unreachable'/></policy>",
};

TEST(Resolve, ADenialIsNeverLostToANameServiceThatIsDown) {
    for (const auto unreachable : {WhenUnreachable::Refuse, WhenUnreachable::DropAllows}) {
        for (const auto* text : kDenials) {
            std::vector<Warning> warnings;
            EXPECT_THROW((void)resolve_text(text, warnings, unreachable), ConfigError) << text;
        }
    }
}

TEST(Resolve, APermissionIsLeftOutOnlyWhereTheCallerSaysSo) {
    for (const auto* text : kPermissions) {
        std::vector<Warning> warnings;
        EXPECT_THROW((void)resolve_text(text, warnings), ConfigError) << text;
        const auto resolved = resolve_text(text, warnings, WhenUnreachable::DropAllows);
        EXPECT_THAT(resolved.users, IsEmpty());
        EXPECT_THAT(resolved.groups, IsEmpty());
        EXPECT_EQ(warnings.size(), 1U) << text;
    }
}

TEST(Resolve, TheErrorSaysWhereTheNameStands) {
    std::vector<Warning> warnings;
    try {
        (void)resolve_text("\n<policy user='unreachable'><deny own='*'/></policy>", warnings);
        FAIL() << "accepted";
    } catch (const ConfigError& error) {
        EXPECT_EQ(error.line(), 2U);
        EXPECT_EQ(error.text(), "can't find out about user \"unreachable\": Connection refused");
    }
}

TEST(MeansNotFound, KnowsNoAnswerFromNoSuchName) {
    for (const int error : {0, ENOENT, ESRCH, EBADF, EPERM})
        EXPECT_TRUE(means_not_found(error)) << error;
    for (const int error : {EIO, EAGAIN, EMFILE, ENFILE, ENOMEM, ETIMEDOUT, ECONNREFUSED, ERANGE})
        EXPECT_FALSE(means_not_found(error)) << error;
}

}  // namespace
}  // namespace buzon::policy
