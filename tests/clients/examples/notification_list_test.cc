// SPDX-License-Identifier: Apache-2.0
#include "clients/examples/notification-service/notification_list.h"

#include <gtest/gtest.h>

namespace buzon::clients::notifications {
namespace {

using namespace std::chrono_literals;

constexpr Clock::time_point kNow{1h};

Notification expiring_at(Clock::time_point time) {
    return {"mail", "s", "b", {}, time};
}
Notification lasting(std::string summary = "s") {
    return {"mail", std::move(summary), "b", {}, {}};
}

TEST(NotificationList, IdsAreNeverZeroAndDiffer) {
    NotificationList list;
    const std::uint32_t one = list.add(lasting(), 0).value();
    const std::uint32_t two = list.add(lasting(), 0).value();
    EXPECT_NE(one, 0U);
    EXPECT_NE(one, two);
}

TEST(NotificationList, AReplacementKeepsItsId) {
    NotificationList list;
    const std::uint32_t id = list.add(lasting("old"), 0).value();
    EXPECT_EQ(list.add(lasting("new"), id).value(), id);
    EXPECT_EQ(list.find(id)->summary, "new");
    EXPECT_EQ(list.all().size(), 1U);
}

TEST(NotificationList, ReplacingWhatIsNotOpenAddsANewOne) {
    NotificationList list;
    const std::uint32_t id = list.add(lasting(), 0).value();
    EXPECT_TRUE(list.remove(id));
    EXPECT_FALSE(list.remove(id));
    EXPECT_NE(list.add(lasting(), id).value(), id);
}

TEST(NotificationList, TheNextExpiryIsTheEarliest) {
    NotificationList list;
    EXPECT_EQ(list.next_expiry(), std::nullopt);
    (void)list.add(lasting(), 0).value();
    EXPECT_EQ(list.next_expiry(), std::nullopt);
    (void)list.add(expiring_at(kNow + 2s), 0).value();
    (void)list.add(expiring_at(kNow + 1s), 0).value();
    EXPECT_EQ(list.next_expiry(), kNow + 1s);
}

TEST(NotificationList, RemovesWhatHasExpiredAndNothingElse) {
    NotificationList list;
    (void)list.add(lasting(), 0).value();
    const std::uint32_t early = list.add(expiring_at(kNow), 0).value();
    const std::uint32_t late = list.add(expiring_at(kNow + 1ms), 0).value();
    EXPECT_EQ(list.remove_expired(kNow), std::vector{early});
    EXPECT_EQ(list.find(early), nullptr);
    EXPECT_NE(list.find(late), nullptr);
    EXPECT_EQ(list.all().size(), 2U);
}

TEST(NotificationList, IsBounded) {
    NotificationList list;
    std::uint32_t id = 0;
    for (std::size_t i = 0; i < kMaxNotifications; ++i)
        id = list.add(lasting(), 0).value();
    EXPECT_EQ(list.add(lasting(), 0).error(), AddError::TooMany);
    EXPECT_EQ(list.add(lasting("again"), id).value(), id);

    const std::string long_text(kMaxTextBytes + 1, 'x');
    EXPECT_EQ(list.add(lasting(long_text), id).error(), AddError::TextTooLong);
    EXPECT_EQ(list.find(id)->summary, "again");
}

}  // namespace
}  // namespace buzon::clients::notifications
