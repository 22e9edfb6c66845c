// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/ledger.h"

#include <gtest/gtest.h>

#include <memory>

namespace buzon::flood {
namespace {

class LedgerTest : public testing::Test {
protected:
    /// Ten messages, serials 5 to 14, of which `received` have arrived.
    void send_ten(std::initializer_list<std::uint32_t> received) {
        ledger_->begin(5);
        ledger_->sent(14);
        for (const auto serial : received)
            ledger_->received(serial);
    }
    std::unique_ptr<Ledger> ledger_ = std::make_unique<Ledger>();
};

TEST_F(LedgerTest, MissesNothingWhereNothingWasSent) {
    EXPECT_FALSE(ledger_->was_used());
    EXPECT_EQ(ledger_->lost(), 0U);
    ledger_->begin(5);
    ledger_->settle();
    EXPECT_EQ(ledger_->sent_count(), 0U);
    EXPECT_EQ(ledger_->lost(), 0U);
}

TEST_F(LedgerTest, CountsWhatNeitherArrivedNorWasRefused) {
    send_ten({5, 6, 7, 9, 10});
    ledger_->refused(8);
    ledger_->refused(11);
    ledger_->settle();
    EXPECT_EQ(ledger_->sent_count(), 10U);
    EXPECT_EQ(ledger_->lost(), 3U);  // 12, 13, 14
}

TEST_F(LedgerTest, DoesNotJudgeWhatTheBusHasNotDealtWithYet) {
    send_ten({5, 6, 8});
    EXPECT_EQ(ledger_->lost(), 1U);  // 7
}

TEST_F(LedgerTest, ADisconnectionExcusesTheEndButNoGap) {
    send_ten({5, 6, 8});
    ledger_->settle();
    ledger_->receiver_is_gone();
    EXPECT_EQ(ledger_->lost(), 1U);
}

TEST_F(LedgerTest, NeedsNoAnswerOfASenderThatIsGone) {
    send_ten({5});
    EXPECT_FALSE(ledger_->is_settled());
    ledger_->sender_is_gone();
    EXPECT_TRUE(ledger_->is_settled());
    EXPECT_EQ(ledger_->lost(), 0U);
}

TEST_F(LedgerTest, CountsAMessageOutOfOrderOrTwice) {
    send_ten({5, 7, 6, 8, 8, 9, 10, 11, 12, 13, 14});
    ledger_->settle();
    EXPECT_EQ(ledger_->lost(), 2U);
}

}  // namespace
}  // namespace buzon::flood
