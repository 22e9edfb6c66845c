// SPDX-License-Identifier: Apache-2.0
#include "policy/user_database.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace buzon::policy {
namespace {

TEST(SystemUserDatabase, FindsUsersByNameAndByNumber) {
    SystemUserDatabase users;
    const auto by_name = users.user("root");
    ASSERT_TRUE(by_name);
    EXPECT_EQ(by_name->uid, 0u);
    EXPECT_EQ(by_name->primary_gid, 0u);
    const auto by_number = users.user("0");
    ASSERT_TRUE(by_number);
    EXPECT_EQ(by_number->name, "root");
}

TEST(SystemUserDatabase, FindsGroupsByNameAndByNumber) {
    SystemUserDatabase users;
    EXPECT_EQ(users.group("root"), 0u);
    EXPECT_EQ(users.group("0"), 0u);
}

TEST(SystemUserDatabase, ANumberMustExistToo) {
    SystemUserDatabase users;
    EXPECT_FALSE(users.user("3999999999"));
    EXPECT_FALSE(users.group("3999999999"));
}

TEST(SystemUserDatabase, DoesNotTakeOddTextForANumber) {
    SystemUserDatabase users;
    for (const auto* text : {"", "*", " 0", "+0", "-0", "0x0", "0 ", "4294967295", "4294967296"}) {
        EXPECT_FALSE(users.user(text)) << text;
        EXPECT_FALSE(users.group(text)) << text;
    }
}

TEST(SystemUserDatabase, RemembersAnswers) {
    SystemUserDatabase users;
    EXPECT_FALSE(users.user("no-such-user"));
    EXPECT_FALSE(users.user("no-such-user"));
    EXPECT_EQ(users.user("root")->uid, users.user("root")->uid);
}

TEST(SystemUserDatabase, ListsThePrimaryGroupAmongTheGroups) {
    SystemUserDatabase users;
    EXPECT_THAT(users.groups_of(*users.user("root")), testing::Contains(0u));
    EXPECT_THAT(users.groups_of({"no-such-user", 4711, 4712, "/"}), testing::ElementsAre(4712u));
}

}  // namespace
}  // namespace buzon::policy
