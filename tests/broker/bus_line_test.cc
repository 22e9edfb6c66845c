// SPDX-License-Identifier: Apache-2.0
#include "broker/bus_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "broker/quota/account_tree.h"

namespace buzon::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class InLine : public testing::Test {
protected:
    const Account& program(std::int32_t pid) {
        auto opened = tree_.open(UserId{1}, PrincipalKey(ProcessKey{.pid = pid, .start_time = 1}));
        accounts_.push_back(std::move(*opened));
        return *accounts_.back().account().parent();
    }
    /// Who has been asked, in their order; those in `may_go` have left the line.
    std::vector<PeerId> ask(std::size_t most, const std::set<PeerId>& may_go = {}) {
        std::vector<PeerId> asked;
        line_.ask_some(
            most,
            [&](PeerId sender) {
                asked.push_back(sender);
                return may_go.contains(sender);
            },
            [&](PeerId sender) { gone_.push_back(sender); });
        return asked;
    }

    static QuotaLimits limits() {
        QuotaLimits limits;
        for (auto& pool : limits.pools)
            pool = {.capacity = 1'000'000};
        return limits;
    }

    AccountTree tree_{limits()};
    std::vector<OpenAccount> accounts_;
    BusLine line_;
    std::vector<PeerId> gone_;
};

TEST_F(InLine, OneOfEachProgramIsNextHoweverManyOthersHave) {
    const Account &program_a = program(1), &program_b = program(2);
    for (std::uint64_t id = 1; id <= 100; ++id)
        line_.add(PeerId{id}, program_a);
    const auto place = line_.add(PeerId{101}, program_b);
    line_.add(PeerId{102}, program_b);
    std::vector<PeerId> next;
    for (int i = 0; i < 4; ++i)
        next.push_back(line_.next());
    EXPECT_THAT(next,
                testing::UnorderedElementsAre(PeerId{1}, PeerId{2}, PeerId{101}, PeerId{102}));
    line_.remove(place);
    EXPECT_THAT(ask(200), SizeIs(2)) << "all are in line still";
}

TEST_F(InLine, OneOfEachProgramIsAskedAndGoesToTheEnd) {
    const Account& program_a = program(1);
    for (const std::uint64_t id : {1U, 2U, 3U})
        line_.add(PeerId{id}, program_a);
    EXPECT_THAT(ask(10), ElementsAre(PeerId{1}));
    EXPECT_THAT(ask(10), ElementsAre(PeerId{2}));
    EXPECT_THAT(ask(10), ElementsAre(PeerId{3}));
    EXPECT_THAT(ask(10), ElementsAre(PeerId{1}));
    EXPECT_THAT(gone_, IsEmpty());
}

TEST_F(InLine, AllGoForWhomThereIsRoomAsFarAsMayBeAsked) {
    const Account& only = program(1);
    for (const std::uint64_t id : {1U, 2U, 3U, 4U})
        line_.add(PeerId{id}, only);
    EXPECT_THAT(ask(2, {PeerId{1}, PeerId{2}, PeerId{3}}), SizeIs(2));
    EXPECT_THAT(ask(10, {PeerId{3}}), ElementsAre(PeerId{3}, PeerId{4}));
    EXPECT_THAT(gone_, ElementsAre(PeerId{1}, PeerId{2}, PeerId{3}));
    EXPECT_THAT(ask(10, {PeerId{4}}), ElementsAre(PeerId{4}));
    EXPECT_TRUE(line_.empty());
}

TEST_F(InLine, ProgramsTakeTurns) {
    const Account& first = program(1);
    const Account& second = program(2);
    line_.add(PeerId{1}, first);
    line_.add(PeerId{2}, first);
    line_.add(PeerId{3}, second);
    std::set<PeerId> asked;
    for (int i = 0; i < 2; ++i)
        for (const PeerId each : ask(1))
            asked.insert(each);
    EXPECT_THAT(asked, SizeIs(2));
    EXPECT_TRUE(asked.contains(PeerId{3})) << "though another program has two";
}

TEST_F(InLine, WhoLeavesIsAskedNoMore) {
    const Account& only = program(1);
    const auto place = line_.add(PeerId{1}, only);
    line_.add(PeerId{2}, only);
    line_.remove(place);
    EXPECT_THAT(ask(10, {PeerId{2}}), ElementsAre(PeerId{2}));
    EXPECT_TRUE(line_.empty());
}

}  // namespace
}  // namespace buzon::broker
