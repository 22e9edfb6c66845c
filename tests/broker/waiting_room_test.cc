// SPDX-License-Identifier: Apache-2.0
#include "broker/waiting_room.h"

#include <gtest/gtest.h>

#include "bus/guid.h"

namespace buzon::broker {
namespace {

QuotaLimits limits() {
    QuotaLimits limits;
    for (auto& pool : limits.pools)
        pool = {.capacity = 10'000};
    return limits;
}

class WaitingRoomTest : public testing::Test {
protected:
    Arrival from(std::uint64_t program) {
        return {.socket = {},
                .credentials = {},
                .account = std::move(*tree_.open(UserId{1}, ProcessInode{program})),
                .guid = guid_};
    }
    static std::uint64_t program_of(const Arrival& arrival) {
        const auto& key = std::get<PrincipalKey>(arrival.principal().key());
        return std::get<ProcessInode>(key).inode;
    }

    AccountTree tree_{limits()};
    const bus::Guid guid_ = bus::generate_guid();
    bus::EventLoop loop_;
    WaitingRoom room_{loop_};
};

TEST_F(WaitingRoomTest, GivesBackInTheOrderOfArrival) {
    for (const std::uint64_t program : {7U, 8U, 9U})
        EXPECT_FALSE(room_.add(from(program), 10));
    const auto is_not_first = [](const Arrival& each) { return program_of(each) != 7; };
    EXPECT_EQ(program_of(*room_.take_first(is_not_first)), 8U);
    EXPECT_EQ(program_of(*room_.take_first([](const Arrival&) { return true; })), 7U);
    EXPECT_FALSE(room_.take_first([](const Arrival&) { return false; }));
    EXPECT_EQ(room_.size(), 1U);
}

TEST_F(WaitingRoomTest, WhenFullTheProgramWithMostLosesItsNewest) {
    EXPECT_FALSE(room_.add(from(1), 4));
    EXPECT_FALSE(room_.add(from(2), 4));
    EXPECT_FALSE(room_.add(from(2), 4));
    EXPECT_FALSE(room_.add(from(3), 4));
    const auto first = room_.add(from(4), 4);
    ASSERT_TRUE(first);
    EXPECT_EQ(program_of(*first), 2U);
    const auto second = room_.add(from(4), 4);
    ASSERT_TRUE(second);
    EXPECT_EQ(program_of(*second), 4U) << "the newcomer itself";
    EXPECT_EQ(room_.size(), 4U);
}

}  // namespace
}  // namespace buzon::broker
