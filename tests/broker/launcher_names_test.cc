// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/broker/fake_launcher.h"

namespace buzon::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using State = ProcessName::State;

class LauncherNamesTest : public LauncherFixture, private ProcessNameListener {
protected:
    LauncherNamesTest() { names_.set_listener(this); }

    bus::Ref<ProcessName> look_up(pid_t pid = 7) {
        const auto name = bus::make_ref<ProcessName>(pid, -1, 0);
        names_.look_up(name);
        return name;
    }
    void answer(const std::vector<std::string>& texts) {
        write_texts(texts, active_->body());
        active_->send_return(active_->last_serial(), LauncherRequest::NameProcesses);
        settle();
    }
    void on_process_names() override { ++told_; }

    LauncherNames names_{*keeper_};
    int told_ = 0;
};

TEST_F(LauncherNamesTest, AreAskedForOneByOneWhenTheyAreFew) {
    const auto name = look_up();
    ASSERT_THAT(active_->calls(), ElementsAre("NameProcesses"));
    answer({"mail"});
    EXPECT_EQ(name->text, "mail");
    EXPECT_EQ(told_, 1);
}

TEST_F(LauncherNamesTest, ThatComeMeanwhileShareTheNextCall) {
    look_up();
    std::vector<bus::Ref<ProcessName>> later;
    for (std::size_t i = 0; i < LauncherNames::kMostAtOnce + 1; ++i)
        later.push_back(look_up());
    ASSERT_THAT(active_->calls(), ElementsAre("NameProcesses"));
    answer({"first"});
    ASSERT_THAT(active_->calls(), ElementsAre("NameProcesses"));
    answer(std::vector<std::string>(LauncherNames::kMostAtOnce, "x"));
    EXPECT_EQ(later.front()->state, State::Known);
    EXPECT_EQ(later.back()->state, State::NotAsked);
    ASSERT_THAT(active_->calls(), ElementsAre("NameProcesses"));
    answer({""});
    EXPECT_EQ(later.back()->state, State::Unknown);
}

TEST_F(LauncherNamesTest, AreUnknownWithoutALauncher) {
    const auto asked = look_up();
    const auto waiting = look_up();
    active_->close();
    spare_->close();
    settle();
    EXPECT_EQ(asked->state, State::Unknown);
    EXPECT_EQ(waiting->state, State::Unknown);
    EXPECT_EQ(look_up()->state, State::Unknown);
}

TEST_F(LauncherNamesTest, BeyondTheBoundStayUnknown) {
    for (std::size_t i = 0; i < LauncherNames::kMostWaiting + 1; ++i)
        EXPECT_FALSE(look_up()->is_settled());
    EXPECT_EQ(look_up()->state, State::Unknown);
}

TEST_F(LauncherNamesTest, MustBeAsManyAsWereAskedFor) {
    const auto name = look_up();
    active_->calls();
    answer({"a", "b"});
    EXPECT_EQ(name->state, State::Unknown);
    EXPECT_TRUE(active_->is_ended());
}

}  // namespace
}  // namespace buzon::broker
