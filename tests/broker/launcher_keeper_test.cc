// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_keeper.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/broker/fake_launcher.h"

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Caller final : public LauncherCaller {
public:
    bool on_answer(const bus::Message& message) override {
        answers.push_back(message.header().reply_serial);
        return true;
    }
    void on_lost(const std::string& reason) override { losses.push_back(reason); }

    std::vector<std::uint32_t> answers;
    std::vector<std::string> losses;
};

class LauncherKeeperTest : public LauncherFixture {
protected:
    void ask(Caller& caller) {
        builder_.start_body().write_string("unix:path=/x");
        keeper_->ask(LauncherRequest::Bind, builder_, caller);
    }
    /// A spare that is a process, made after the first one was lost.
    pid_t replace_spare() {
        spare_->close();
        settle();
        active_->calls();
        answer_with_spare(*active_, active_->last_serial(), spare_);
        return keeper_->spare_pid();
    }
    static void wait_for_end(pid_t pid) {
        siginfo_t end{};
        ::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT);
    }
    static bool is_reaped(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) < 0; }

    bus::MessageBuilder builder_;
    Caller caller_;
};

TEST_F(LauncherKeeperTest, ASpareTakesThePlaceOfALauncherThatDiesAndFirstOfAllMakesTheNext) {
    active_->close();
    settle();
    EXPECT_THAT(spare_->calls(), ElementsAre("MakeSpare", "Adopt"));
    EXPECT_FALSE(keeper_->has_spare());
    std::unique_ptr<FakeLauncher> next;
    answer_with_spare(*spare_, spare_->serial(0), next);
    EXPECT_TRUE(keeper_->has_spare());
}

TEST_F(LauncherKeeperTest, LaunchersThatDieOneAfterTheOtherAreReplacedEachTime) {
    for (int i = 0; i < 20; ++i) {
        if (const pid_t pid = keeper_->active_pid(); pid != 0) {
            ::kill(pid, SIGKILL);
            wait_for_end(pid);
        }
        active_->close();
        settle();
        ASSERT_THAT(spare_->calls(), ElementsAre("MakeSpare", "Adopt"));
        active_ = std::move(spare_);
        answer_with_spare(*active_, active_->serial(0), spare_);
        ASSERT_TRUE(keeper_->has_spare());
    }
}

TEST_F(LauncherKeeperTest, EveryCallIsAnsweredInItsTurnOrLostWithItsLauncher) {
    Caller second;
    ask(caller_);
    ask(second);
    active_->calls();
    active_->body();
    active_->send_return(active_->serial(0), LauncherRequest::Bind);
    settle();
    EXPECT_THAT(caller_.answers, ElementsAre(active_->serial(0)));
    active_->close();
    settle();
    EXPECT_THAT(caller_.losses, IsEmpty());
    EXPECT_THAT(second.losses, ElementsAre("the launcher process has ended"));
}

TEST_F(LauncherKeeperTest, AnAnswerOutOfTurnBreaksTheProtocol) {
    Caller second;
    ask(caller_);
    ask(second);
    active_->calls();
    active_->body();
    active_->send_return(active_->serial(1), LauncherRequest::Bind);
    settle();
    EXPECT_TRUE(active_->is_ended());
    EXPECT_THAT(caller_.losses, ElementsAre(HasSubstr("does not keep to the protocol")));
    EXPECT_THAT(second.losses, ElementsAre(HasSubstr("does not keep to the protocol")));
}

TEST_F(LauncherKeeperTest, EveryRequestHasADeadlineThatBeginsWhenItIsItsTurn) {
    Caller second;
    ask(caller_);
    advance(1s);
    ask(second);
    active_->calls();
    active_->body();
    active_->send_return(active_->serial(0), LauncherRequest::Bind);
    settle();
    advance(1500ms);
    EXPECT_THAT(second.losses, IsEmpty());
    advance(1s);
    EXPECT_THAT(second.losses, ElementsAre(HasSubstr("did not answer within 2 seconds")));
}

TEST_F(LauncherKeeperTest, ALauncherThatStopsWhileItTakesOverIsLostAsWell) {
    active_->close();
    settle();
    ASSERT_THAT(spare_->calls(), ElementsAre("MakeSpare", "Adopt"));
    advance(3s);
    EXPECT_TRUE(spare_->is_ended()) << "it has not made a spare";
    EXPECT_FALSE(keeper_->has_active());
}

TEST_F(LauncherKeeperTest, OneThatOnlyMakesASpareAndDoesNotAdoptIsReplacedByThatSpare) {
    active_->close();
    settle();
    spare_->calls();
    std::unique_ptr<FakeLauncher> next;
    answer_with_spare(*spare_, spare_->serial(0), next);
    advance(3s);
    EXPECT_TRUE(spare_->is_ended());
    EXPECT_THAT(next->calls(), ElementsAre("MakeSpare", "Adopt"));
}

TEST_F(LauncherKeeperTest, ASpareThatDiesIsMadeAnewButNotAgainAtOnce) {
    const pid_t spare = replace_spare();
    ASSERT_TRUE(keeper_->has_spare());
    ::kill(spare, SIGKILL);
    wait_for_end(spare);
    keeper_->reap();
    EXPECT_TRUE(is_reaped(spare));
    EXPECT_FALSE(keeper_->has_spare());
    EXPECT_THAT(active_->calls(), IsEmpty()) << "so soon after the last";
    advance(LauncherKeeper::kSpareInterval);
    EXPECT_THAT(active_->calls(), ElementsAre("MakeSpare"));
    answer_with_spare(*active_, active_->last_serial(), spare_);
    EXPECT_TRUE(keeper_->has_spare());
    advance(LauncherKeeper::kSpareInterval);
    EXPECT_THAT(active_->calls(), IsEmpty());
}

TEST_F(LauncherKeeperTest, ASpareThatCannotBeMadeIsTriedAgainLater) {
    spare_->close();
    settle();
    active_->calls();
    active_->send_error(active_->last_serial(), "no memory");
    settle();
    EXPECT_TRUE(keeper_->has_active());
    EXPECT_THAT(log_lines_, Contains(HasSubstr("no memory")));
    EXPECT_THAT(active_->calls(), IsEmpty());
    advance(LauncherKeeper::kSpareInterval);
    EXPECT_THAT(active_->calls(), ElementsAre("MakeSpare"));
}

TEST_F(LauncherKeeperTest, ABusThatStartsWithoutASpareGetsOneLater) {
    std::unique_ptr<FakeLauncher> active;
    LauncherKeeper keeper(loop_, log_, process_for(active), nullptr, {});
    advance(LauncherKeeper::kSpareInterval);
    EXPECT_THAT(active->calls(), ElementsAre("MakeSpare"));
    active->close();
    settle();
}

TEST_F(LauncherKeeperTest, TheLogTellsWhatEndedALauncherThoughItsLinkEndsFirst) {
    const pid_t spare = replace_spare();
    spare_->close();
    settle();
    EXPECT_TRUE(keeper_->has_spare()) << "its end is not known yet";
    ::kill(spare, SIGKILL);
    wait_for_end(spare);
    keeper_->reap();
    EXPECT_THAT(log_lines_,
                Contains(HasSubstr(fmt::format("(pid {}) was ended by signal 9 (Killed)", spare))));
    EXPECT_TRUE(is_reaped(spare));
}

TEST_F(LauncherKeeperTest, WhoeverClosesItsLinkAndLivesIsKilled) {
    const pid_t spare = replace_spare();
    spare_->close();
    settle();
    advance(2s);
    EXPECT_FALSE(keeper_->has_spare());
    EXPECT_THAT(log_lines_, Contains(HasSubstr(fmt::format("(pid {}) has ended", spare))));
    wait_for_end(spare);
    keeper_->reap();
    EXPECT_TRUE(is_reaped(spare));
}

TEST_F(LauncherKeeperTest, ASpareOfALauncherThatDiedBeforeItCouldTellIsReaped) {
    const pid_t stray = fork_something();
    ::kill(stray, SIGKILL);
    wait_for_end(stray);
    keeper_->reap();
    EXPECT_TRUE(is_reaped(stray));
}

TEST_F(LauncherKeeperTest, WhileASpareIsBeingMadeNoStrangeChildIsReaped) {
    spare_->close();
    settle();
    active_->calls();
    const pid_t child = fork_something();
    ::kill(child, SIGKILL);
    wait_for_end(child);
    keeper_->reap();
    siginfo_t end{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child), &end, WEXITED | WNOHANG | WNOWAIT), 0)
        << "it may be that spare, whose number must stay its own";
    answer_with_spare(*active_, active_->last_serial(), spare_);
    EXPECT_TRUE(is_reaped(child));
}

TEST_F(LauncherKeeperTest, ASpareThatSpeaksUnaskedIsDropped) {
    spare_->send_error(1, "x");
    settle();
    EXPECT_FALSE(keeper_->has_spare());
    EXPECT_TRUE(keeper_->has_active());
}

}  // namespace
}  // namespace buzon::broker
