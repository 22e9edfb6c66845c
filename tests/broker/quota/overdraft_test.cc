// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/overdraft.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "broker/held_messages.h"
#include "broker/in_flight.h"
#include "broker/quota/account_tree.h"
#include "broker/quota/charge.h"
#include "broker/quota/holdings.h"
#include "bus/message_builder.h"

namespace buzon::broker {
namespace {

constexpr std::uint64_t kCapacity = std::uint64_t{64} << 20;
constexpr std::uint64_t kRoomy = std::uint64_t{1} << 30;

QuotaLimits limits(std::uint64_t bytes = kCapacity) {
    QuotaLimits limits;
    for (auto& pool : limits.pools)
        pool = {.capacity = std::uint64_t{1} << 40};
    limits.pool(Resource::Bytes) = {.capacity = bytes};
    return limits;
}

/// Programs that hold all they may, one after the other, and one that has just come.
class Overdraft : public testing::Test {
protected:
    OpenAccount open(std::int32_t pid) {
        return *tree_.open(UserId{1}, PrincipalKey(ProcessKey{.pid = pid, .start_time = 1}));
    }
    void hoard(std::int32_t pid, std::uint64_t most = kCapacity) {
        accounts_.push_back(open(pid));
        for (std::uint64_t held = 0; held < most; held += 4096) {
            auto taken = Charge::take(accounts_.back().payer(), Resource::Bytes, 4096);
            if (!taken) return;
            charges_.push_back(std::move(*taken));
        }
    }
    std::optional<QuotaRefusal> refusal_of(const OpenAccount& account, std::uint64_t bytes) {
        const auto taken = Charge::take(account.payer(), Resource::Bytes, bytes);
        if (taken) return std::nullopt;
        return taken.error();
    }

    AccountTree tree_{limits()};
    std::vector<OpenAccount> accounts_;
    std::vector<Charge> charges_;
    OpenAccount newcomer_ = open(1000);
};

TEST_F(Overdraft, IsForThoseWhoHaveLittleUpToAMebibyte) {
    for (std::int32_t pid = 1; pid <= 30; ++pid)
        hoard(pid);
    const auto refused = refusal_of(newcomer_, kLittleOnBus / 2);
    ASSERT_TRUE(refused);
    EXPECT_TRUE(may_overdraw(newcomer_.account(), *refused));
    auto first = Charge::force(newcomer_.payer(), Resource::Bytes, kLittleOnBus / 2);
    EXPECT_TRUE(may_overdraw(newcomer_.account(), *refused));
    auto second = Charge::force(newcomer_.payer(), Resource::Bytes, kLittleOnBus / 2);
    EXPECT_FALSE(may_overdraw(newcomer_.account(), *refused)) << "it has a MiB by now";
    EXPECT_FALSE(may_overdraw(accounts_.front().account(), *refused)) << "it has much";
}

/// Takes what shares allow, then what may be overdrawn.
class Taker {
public:
    enum class For : std::uint8_t { Calls, OneWayMessages };

    explicit Taker(AccountTree& tree) : tree_(tree) {}
    std::uint64_t take_all(std::uint32_t user, std::int32_t pid, For what) {
        constexpr std::uint64_t kStep = 4096;
        accounts_.push_back(
            *tree_.open(UserId{user}, PrincipalKey(ProcessKey{.pid = pid, .start_time = 1})));
        const Account& account = accounts_.back().account();
        const auto& payer = accounts_.back().payer();
        while (true) {
            auto taken = Charge::take(payer, Resource::Bytes, kStep);
            if (taken) {
                charges_.push_back(std::move(*taken));
                continue;
            }
            const bool is_little = may_overdraw(account, taken.error());
            EXPECT_EQ(is_little, account.held(Resource::Bytes) + kStep <= kLittleOnBus);
            auto overdrawn = overdraft_for_call(account, taken.error());
            if (what == For::OneWayMessages && !is_little) overdrawn.reset();
            if (!overdrawn) return account.held(Resource::Bytes);
            EXPECT_EQ(*overdrawn == Overdrawn::Otherwise, is_little);
            charges_.push_back(Charge::force(payer, Resource::Bytes, kStep, *overdrawn));
        }
    }

    /// Its charges stay.
    void close_last() { accounts_.pop_back(); }

private:
    AccountTree& tree_;
    std::vector<OpenAccount> accounts_;
    std::vector<Charge> charges_;
};

TEST_F(Overdraft, OfCallsIsHalfOfWhatAUsersProgramsHaveLeft) {
    constexpr std::uint64_t kOfUser = kRoomy / 16 / 2;
    AccountTree tree(limits(kRoomy));
    Taker taker(tree);
    for (std::int32_t pid = 1; pid <= 60; ++pid)
        taker.take_all(1, pid, Taker::For::OneWayMessages);
    const Share& pool = tree.bus().share(Resource::Bytes);
    EXPECT_EQ(pool.pool().drawn_from_fund(), 0U) << "that is for calls";
    std::vector<std::uint64_t> held;
    for (std::int32_t pid = 100; pid < 104; ++pid)
        held.push_back(taker.take_all(1, pid, Taker::For::Calls));
    EXPECT_GT(held[0], kOfUser * 45 / 100);
    EXPECT_LT(held[0], kOfUser * 6 / 10);
    for (std::size_t i = 1; i < held.size(); ++i) {
        EXPECT_LT(held[i], held[i - 1] * 7 / 10) << i;
        EXPECT_GT(held[i], held[i - 1] * 4 / 10) << i;
    }
    for (std::int32_t pid = 104; pid < 140; ++pid)
        EXPECT_GE(taker.take_all(1, pid, Taker::For::Calls), kLittleOnBus - 4096);
    EXPECT_LE(pool.pool().drawn_from_fund(), kOfUser);

    for (std::int32_t pid = 1; pid <= 60; ++pid)
        taker.take_all(2, pid, Taker::For::OneWayMessages);
    EXPECT_GT(taker.take_all(2, 100, Taker::For::Calls), kOfUser / 8) << "another user has her own";
    EXPECT_EQ(tree.verify(), "");
}

TEST_F(Overdraft, OfCallsIsStillFromTheFundWhenTheCallerHasHungUp) {
    AccountTree tree(limits(kRoomy));
    Taker taker(tree);
    for (std::int32_t pid = 1; pid <= 60; ++pid)
        taker.take_all(1, pid, Taker::For::OneWayMessages);
    const auto drawn = [&] { return tree.bus().share(Resource::Bytes).pool().drawn_from_fund(); };
    taker.take_all(1, 100, Taker::For::Calls);
    const std::uint64_t of_first = drawn();
    ASSERT_GT(of_first, 0U);
    taker.close_last();
    EXPECT_EQ(drawn(), of_first);
    EXPECT_LT(taker.take_all(1, 101, Taker::For::Calls), of_first * 7 / 10);
    EXPECT_EQ(tree.verify(), "");
}

/// What is forced upon a share and could be claimed by now would be given to others once more.
TEST_F(Overdraft, OfThoseWhoHangUpLeavesWhatTheyHoldClaimed) {
    OpenAccount other = open(2);
    const auto most_of = [](const OpenAccount& account) {
        return account.account().share(Resource::Bytes).most();
    };
    for (int round = 0; round < 20; ++round) {
        OpenAccount hoarder = open(1);
        const auto payer = hoarder.payer();
        accounts_.push_back(open(1));  // so that the program stays
        const std::uint64_t share = most_of(hoarder);
        if (share > 0) charges_.push_back(*Charge::take(payer, Resource::Bytes, share));
        charges_.push_back(Charge::force(payer, Resource::Bytes, 1));
        const std::uint64_t left = most_of(other);
        { const OpenAccount closed = std::move(hoarder); }
        EXPECT_EQ(most_of(other), left) << round;
        EXPECT_EQ(tree_.verify(), "");
    }
    EXPECT_LT(tree_.bus().held(Resource::Bytes), kCapacity);
}

TEST_F(Overdraft, EndsWhereThePoolIsNearlyFull) {
    for (std::int32_t pid = 1; pid <= 30; ++pid)
        hoard(pid);
    const auto refused = refusal_of(newcomer_, kLittleOnBus / 2);
    ASSERT_TRUE(refused);
    const std::uint64_t held = tree_.bus().held(Resource::Bytes);
    ASSERT_LT(held, kCapacity * 7 / 8);
    accounts_.push_back(open(500));
    auto rest = Charge::force(accounts_.back().payer(), Resource::Bytes, kCapacity * 7 / 8 - held);
    EXPECT_FALSE(may_overdraw(newcomer_.account(), *refused));
}

TEST_F(Overdraft, NeverGoesBeyondACap) {
    QuotaLimits capped = limits();
    capped.user_caps[UserId{1}] = QuotaLimits::no_caps();
    capped.user_caps[UserId{1}][static_cast<std::size_t>(Resource::Bytes)] = 1000;
    AccountTree tree(capped);
    auto account = *tree.open(UserId{1}, PrincipalKey(ProcessKey{.pid = 10, .start_time = 1}));
    const auto refused = refusal_of(account, 2000);
    ASSERT_TRUE(refused);
    EXPECT_FALSE(may_overdraw(account.account(), *refused));
}

TEST_F(Overdraft, LetsRepliesBeAwaitedThoughOthersHoardTheBytes) {
    for (std::int32_t pid = 1; pid <= 30; ++pid)
        hoard(pid);
    Holdings holdings(newcomer_.payer());
    EXPECT_FALSE(holdings.cover(Resource::PendingReplies, 2000));
    EXPECT_EQ(newcomer_.account().held(Resource::Bytes), 2000 * Holdings::kBytesPerError);
    EXPECT_TRUE(holdings.cover(Resource::PendingReplies, 20'000)) << "5 MB for their errors";
    holdings.lower(Resource::PendingReplies, 0);
    EXPECT_EQ(newcomer_.account().held(Resource::Bytes), 0U);
}

/// The rule for shares gives the eighth connection of a program a thousand.
TEST_F(Overdraft, LetsManyConnectionsOfAProgramAwaitThousandsEach) {
    constexpr std::uint64_t kEach = 8000;
    QuotaLimits few = limits(kRoomy);
    few.pool(Resource::PendingReplies) = {.capacity = std::uint64_t{1} << 20};
    AccountTree tree(few);
    std::vector<OpenAccount> connections;
    std::vector<Holdings> all;
    for (int i = 0; i < 8; ++i) {
        connections.push_back(
            *tree.open(UserId{1}, PrincipalKey(ProcessKey{.pid = 1, .start_time = 1})));
        all.emplace_back(connections.back().payer());
    }
    for (std::uint64_t count = 16; count <= kEach; count += 16) {
        for (auto& holdings : all)
            ASSERT_FALSE(holdings.cover(Resource::PendingReplies, count)) << count;
    }
    const SharePool& pool = tree.bus().share(Resource::PendingReplies).pool();
    EXPECT_GT(pool.drawn_from_fund(), 0U);
    for (auto& holdings : all)
        holdings.lower(Resource::PendingReplies, 0);
    EXPECT_EQ(tree.bus().held(Resource::PendingReplies), 0U);
    EXPECT_EQ(pool.drawn_from_fund(), 0U);
}

TEST_F(Overdraft, PaysForAMessageThatWaits) {
    for (std::int32_t pid = 1; pid <= 30; ++pid)
        hoard(pid);
    bus::MessageBuilder builder;
    builder.start_body().write_string(std::string(kLittleOnBus / 2, 'x'));
    const auto message = builder.build({.type = bus::MessageType::Signal,
                                        .serial = 1,
                                        .path = "/",
                                        .interface = "a.b",
                                        .member = "M",
                                        .signature = "s"});
    ASSERT_TRUE(refusal_of(newcomer_, message.size()));
    const auto sender =
        bus::make_ref<InFlight>(static_cast<InFlightListener*>(nullptr), newcomer_.payer());
    bus::ReadArena arena;
    HeldMessage held(message, HeldKind::ToOne, {PeerId{1}}, {PeerId{1}});
    EXPECT_TRUE(held.charge_to(sender, arena));
    EXPECT_EQ(newcomer_.account().held(Resource::Bytes), held.held_bytes());
    EXPECT_EQ(sender->waiting_bytes(), held.held_bytes());
    EXPECT_EQ(arena.aside(), 0U);
    held.release_charge();
    EXPECT_EQ(newcomer_.account().held(Resource::Bytes), 0U);
}

TEST_F(Overdraft, OfThoseWhoHaveGoneKeepsNoPlaces) {
    for (std::int32_t pid = 1; pid <= 30; ++pid)
        hoard(pid);
    for (std::int32_t pid = 2000; pid < 2100; ++pid) {
        const auto passer_by = open(pid);
        charges_.push_back(Charge::force(passer_by.payer(), Resource::Bytes, 50'000));
    }
    EXPECT_EQ(tree_.bus().held(Resource::Connections), accounts_.size() + 1);
    EXPECT_EQ(tree_.verify(), "");
    charges_.clear();
    EXPECT_EQ(tree_.bus().held(Resource::Bytes), 0U);
}

}  // namespace
}  // namespace buzon::broker
