// SPDX-License-Identifier: Apache-2.0
#include "broker/answer_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/quota/account_tree.h"
#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

QuotaLimits limits() {
    QuotaLimits limits;
    for (auto& pool : limits.pools)
        pool = {.capacity = 1000};
    return limits;
}

class Line : public testing::Test {
protected:
    Line() {
        for (int i = 0; i < 4; ++i)
            clients_.push_back(tests::RawClient::on(bus_));
    }
    // Peers of a broker; which program each is of is said here.
    Peer& peer(std::size_t number) const {
        return *bus_.state().peers.find(clients_[number].name());
    }
    void ask(std::size_t number, const OpenAccount& program) {
        line_.add(peer(number), *program.account().parent(), static_cast<std::uint32_t>(number));
    }
    std::vector<std::uint32_t> served() {
        std::vector<std::uint32_t> serials;
        while (const auto next = line_.take_next())
            serials.push_back(next->serial);
        return serials;
    }

    tests::TestBroker bus_;
    std::vector<tests::RawClient> clients_;
    AccountTree tree_{limits()};
    OpenAccount many_ = std::move(*tree_.open(UserId{1}, LoneConnection{1}));
    OpenAccount lone_ = std::move(*tree_.open(UserId{1}, LoneConnection{2}));
    AnswerLine line_;
};

TEST_F(Line, ServesProgramsByTurnsAndEachInItsOrder) {
    ask(0, many_);
    ask(1, many_);
    ask(2, many_);
    ask(3, lone_);
    EXPECT_EQ(line_.size(), 4U);
    EXPECT_THAT(served(), ElementsAre(0, 3, 1, 2));
    EXPECT_EQ(line_.size(), 0U);
}

TEST_F(Line, WhoeverComesAgainWaitsBehindTheOthers) {
    ask(0, many_);
    ask(1, many_);
    ask(3, lone_);
    EXPECT_EQ(line_.take_next()->serial, 0U);
    ask(0, many_);
    EXPECT_THAT(served(), ElementsAre(3, 1, 0));
}

TEST_F(Line, WhoeverGoesIsNotServed) {
    ask(0, many_);
    ask(1, many_);
    ask(3, lone_);
    EXPECT_TRUE(line_.remove(peer(0)));
    EXPECT_TRUE(line_.remove(peer(3)));
    EXPECT_FALSE(line_.remove(peer(3)));
    EXPECT_THAT(served(), ElementsAre(1));
    EXPECT_THAT(served(), IsEmpty());
}

}  // namespace
}  // namespace buzon::broker
