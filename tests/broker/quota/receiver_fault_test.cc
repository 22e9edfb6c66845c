// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/receiver_fault.h"

#include <gtest/gtest.h>

#include <string_view>

namespace buzon::broker {
namespace {

using std::chrono::milliseconds;
using Use = MessageUse;

constexpr milliseconds kStuckTimeout{30'000};
constexpr ReceiverState kEmpty{.queued = 0, .bound = 800, .since_drained = milliseconds{0}};
constexpr ReceiverState kEighth{.queued = 100, .bound = 800, .since_drained = milliseconds{99'000}};
constexpr ReceiverState behind(std::uint64_t queued, bool is_lagging) {
    return {.queued = queued,
            .bound = 800,
            .since_drained = milliseconds{10},
            .is_lagging = is_lagging};
}
constexpr auto kBehind = behind(400, true);
constexpr auto kFull = behind(800, true);
constexpr auto kJustBehind = behind(400, false);
constexpr auto kJustFull = behind(800, false);
constexpr auto kShortButUnread = behind(10, true);
constexpr ReceiverState kPaused{.queued = 800, .bound = 800, .since_drained = milliseconds{29'999}};
constexpr ReceiverState kStuck{.queued = 800, .bound = 800, .since_drained = milliseconds{30'000}};
constexpr ReceiverState kStuckBelow{
    .queued = 400, .bound = 800, .since_drained = milliseconds{30'000}};
constexpr Subscribers kMost{.all = 10, .keeping_up = 6};
constexpr Subscribers kHalf{.all = 10, .keeping_up = 5};
constexpr Subscribers kOne{.all = 1, .keeping_up = 0};
constexpr auto kShare = Exhausted::SenderShare;
constexpr auto kBound = Exhausted::ReceiverBound;
constexpr auto kAccount = Exhausted::SenderAccount;

constexpr struct {
    std::string_view about;
    Use use;
    Exhausted exhausted;
    ReceiverState receiver;
    Subscribers subscribers;
    bool outranks;
    Remedy remedy;
} kCases[] = {
    {"call to a full share", Use::Call, kShare, kBehind, {}, false, Remedy::RefuseCall},
    {"call to a stuck receiver", Use::Call, kBound, kStuck, {}, false, Remedy::RefuseCall},
    {"call of root", Use::Call, kBound, kFull, {}, true, Remedy::RefuseCall},
    {"reply of any kind", Use::Reply, kBound, kStuck, {}, true, Remedy::ReplaceReply},

    {"share full, receiver drains",
     Use::OneWay,
     kShare,
     kBehind,
     {},
     false,
     Remedy::ThrottleSender},
    {"bound reached, receiver drains",
     Use::OneWay,
     kBound,
     kFull,
     {},
     false,
     Remedy::ThrottleSender},
    {"receiver has only paused", Use::OneWay, kBound, kPaused, {}, false, Remedy::ThrottleSender},
    {"receiver is stuck", Use::OneWay, kBound, kStuck, {}, false, Remedy::DisconnectReceiver},
    {"receiver is stuck, one share full",
     Use::OneWay,
     kShare,
     kStuckBelow,
     {},
     false,
     Remedy::DisconnectReceiver},
    {"account full, receiver is empty",
     Use::OneWay,
     kAccount,
     kEmpty,
     {},
     false,
     Remedy::ThrottleSender},
    {"account full, receiver holds little for long",
     Use::OneWay,
     kAccount,
     kEighth,
     {},
     false,
     Remedy::ThrottleSender},
    {"account full, receiver is stuck",
     Use::OneWay,
     kAccount,
     kStuckBelow,
     {},
     false,
     Remedy::DisconnectReceiver},

    {"root's share full", Use::OneWay, kShare, kBehind, {}, true, Remedy::QueueBeyondShare},
    {"root's share full, and the queue",
     Use::OneWay,
     kShare,
     kFull,
     {},
     true,
     Remedy::DisconnectReceiver},
    {"root finds the queue full", Use::OneWay, kBound, kFull, {}, true, Remedy::DisconnectReceiver},
    {"root's account full, receiver behind",
     Use::OneWay,
     kAccount,
     kBehind,
     {},
     true,
     Remedy::DisconnectReceiver},
    {"root's account full, receiver keeps up",
     Use::OneWay,
     kAccount,
     kEmpty,
     {},
     true,
     Remedy::ThrottleSender},

    {"most keep up, this one does not", Use::Broadcast, kShare, kBehind, kMost, false,
     Remedy::QueueBeyondShare},
    {"most keep up, this one is full", Use::Broadcast, kBound, kFull, kMost, false,
     Remedy::DisconnectReceiver},
    {"most keep up, account full", Use::Broadcast, kAccount, kBehind, kMost, false,
     Remedy::AwaitOthers},
    {"most keep up, this one has just paused", Use::Broadcast, kAccount, kJustBehind, kMost, false,
     Remedy::AwaitOthers},
    {"most keep up, this one has just become full", Use::Broadcast, kBound, kJustFull, kMost, false,
     Remedy::DisconnectReceiver},
    {"most keep up, account and queue full", Use::Broadcast, kAccount, kJustFull, kMost, false,
     Remedy::DisconnectReceiver},
    {"most keep up, this one has room", Use::Broadcast, kShare, kJustBehind, kMost, false,
     Remedy::QueueBeyondShare},
    {"most keep up, this one has little and does not read it", Use::Broadcast, kAccount,
     kShortButUnread, kMost, false, Remedy::AwaitOthers},
    {"half keep up, this one has little and does not read it", Use::Broadcast, kAccount,
     kShortButUnread, kHalf, false, Remedy::ThrottleSender},
    {"a call to one that has little and does not read it",
     Use::OneWay,
     kAccount,
     kShortButUnread,
     {},
     false,
     Remedy::ThrottleSender},
    {"root broadcasts, this one has just paused", Use::Broadcast, kAccount, kJustBehind, kMost,
     true, Remedy::AwaitOthers},
    {"root calls one that has just paused",
     Use::OneWay,
     kAccount,
     kJustBehind,
     {},
     true,
     Remedy::DisconnectReceiver},
    {"half keep up, this one has just paused", Use::Broadcast, kBound, kJustFull, kHalf, false,
     Remedy::ThrottleSender},
    {"most keep up, so does this one", Use::Broadcast, kAccount, kEmpty, kMost, false,
     Remedy::AwaitOthers},
    {"half keep up, so does this one", Use::Broadcast, kAccount, kEmpty, kHalf, false,
     Remedy::ThrottleSender},
    {"half keep up", Use::Broadcast, kShare, kBehind, kHalf, false, Remedy::ThrottleSender},
    {"half keep up, this one is full", Use::Broadcast, kBound, kFull, kHalf, false,
     Remedy::ThrottleSender},
    {"half keep up, this one is stuck", Use::Broadcast, kBound, kStuck, kHalf, false,
     Remedy::DisconnectReceiver},
    {"only one subscriber", Use::Broadcast, kShare, kBehind, kOne, false, Remedy::ThrottleSender},
    {"only one subscriber, root sends", Use::Broadcast, kShare, kBehind, kOne, true,
     Remedy::QueueBeyondShare},
    {"a signal to one is no broadcast", Use::OneWay, kShare, kBehind, kMost, false,
     Remedy::ThrottleSender},
};

Congestion congestion_of(const decltype(kCases[0])& row) {
    return {.use = row.use,
            .exhausted = row.exhausted,
            .receiver = row.receiver,
            .subscribers = row.subscribers,
            .sender_outranks_receiver = row.outranks,
            .stuck_timeout = kStuckTimeout};
}

TEST(RemedyFor, FollowsWhoIsAtFault) {
    for (const auto& row : kCases)
        EXPECT_EQ(remedy_for(congestion_of(row)), row.remedy) << row.about;
}

TEST(RemedyFor, NeverDisconnectsOneThatKeepsUp) {
    for (const auto& row : kCases) {
        auto congestion = congestion_of(row);
        congestion.receiver.queued = 10;
        congestion.receiver.is_lagging = false;
        EXPECT_NE(remedy_for(congestion), Remedy::DisconnectReceiver) << row.about;
    }
}

TEST(StaysBehind, WhoReadsTooLittle) {
    EXPECT_FALSE(stays_behind(kEmpty, false));
    EXPECT_FALSE(stays_behind(kJustBehind, false));
    EXPECT_TRUE(stays_behind(kBehind, false));
    EXPECT_TRUE(stays_behind(kShortButUnread, false));
    EXPECT_TRUE(stays_behind(kJustBehind, true)) << "root waits for nobody";
    EXPECT_FALSE(stays_behind(kEmpty, true));
}

TEST(RemedyFor, NeverThrottlesRootForOneThatIsBehind) {
    for (const auto& row : kCases) {
        auto congestion = congestion_of(row);
        congestion.sender_outranks_receiver = true;
        if (has_short_queue(congestion.receiver)) continue;
        EXPECT_NE(remedy_for(congestion), Remedy::ThrottleSender) << row.about;
    }
}

TEST(RemedyFor, EndsWhoThrottlesASenderWhenTheTimeIsOver) {
    for (const auto& row : kCases) {
        auto congestion = congestion_of(row);
        if (row.remedy != Remedy::ThrottleSender || has_short_queue(row.receiver)) continue;
        congestion.receiver.since_drained = congestion.stuck_timeout;
        EXPECT_EQ(remedy_for(congestion), Remedy::DisconnectReceiver) << row.about;
    }
}

}  // namespace
}  // namespace buzon::broker
