// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policy/policy_set.h"
#include "tests/broker/fake_launcher.h"

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Receiver final : public SettingsReceiver {
public:
    void on_settings(bus::Result<ReadSettings, LoadFailure> loaded) override {
        if (loaded) {
            settings.push_back(std::move(*loaded));
        } else {
            errors.push_back(loaded.error().text);
            error_names.push_back(loaded.error().error_name);
        }
    }
    std::vector<ReadSettings> settings;
    std::vector<std::string> errors;
    std::vector<std::string> error_names;
};

class LauncherLinkTest : public LauncherFixture {
protected:
    LauncherLink link_{*keeper_, log_};
    Receiver receiver_;
};

TEST_F(LauncherLinkTest, PutsAConfigurationTogether) {
    link_.load(receiver_);
    ASSERT_THAT(active_->calls(), ElementsAre("Load"));
    settle();
    EXPECT_THAT(receiver_.settings, IsEmpty());
    active_->answer_load(active_->last_serial(), {"/x.conf:3: odd"});
    settle();
    ASSERT_EQ(receiver_.settings.size(), 1U);
    EXPECT_EQ(receiver_.settings[0].limits.max_names_per_connection, 77U);
    EXPECT_TRUE(policy::PolicySet::create(receiver_.settings[0].policy)
                    ->snapshot_for({.uid = 1})
                    ->may_own("a.b"));
    EXPECT_THAT(log_lines_, ElementsAre("/x.conf:3: odd"));
    advance(60s);
    EXPECT_TRUE(keeper_->has_active()) << "no deadline is left over";
    EXPECT_THAT(spare_->calls(), IsEmpty());
}

TEST_F(LauncherLinkTest, PassesOnWhatIsWrongWithAConfiguration) {
    link_.load(receiver_);
    active_->calls();
    active_->send_error(active_->last_serial(), "/x.conf:2:1: no");
    settle();
    EXPECT_THAT(receiver_.errors, ElementsAre("/x.conf:2:1: no"));
    EXPECT_THAT(receiver_.error_names, ElementsAre("org.example.Error.Odd"));
    EXPECT_TRUE(keeper_->has_spare());
}

TEST_F(LauncherLinkTest, ALoadFailsWithItsLauncherAndTheNextOneDoesNot) {
    link_.load(receiver_);
    settle();
    active_->close();
    settle();
    EXPECT_THAT(receiver_.errors,
                ElementsAre("The configuration was not read: the launcher process has ended"));
    std::unique_ptr<FakeLauncher> next;
    ASSERT_THAT(spare_->calls(), ElementsAre("MakeSpare", "Adopt"));
    answer_with_spare(*spare_, spare_->serial(0), next);
    spare_->answer_adopt(spare_->serial(1));
    link_.load(receiver_);
    ASSERT_THAT(spare_->calls(), ElementsAre("Load"));
    spare_->answer_load(spare_->last_serial());
    settle();
    EXPECT_EQ(receiver_.settings.size(), 1U);
}

TEST_F(LauncherLinkTest, ALoadOfALauncherThatHasAlreadyGoneIsTheSparesAffair) {
    active_->close();
    link_.load(receiver_);
    EXPECT_THAT(receiver_.errors, IsEmpty());
    EXPECT_THAT(spare_->calls(), ElementsAre("MakeSpare", "Adopt", "Load"));
}

TEST_F(LauncherLinkTest, WithoutAnyLauncherEveryLoadFailsAtOnce) {
    active_->close();
    spare_->close();
    settle();
    EXPECT_FALSE(keeper_->has_active());
    link_.load(receiver_);
    EXPECT_THAT(receiver_.errors, ElementsAre(HasSubstr("no launcher process is left")));
    EXPECT_THAT(log_lines_, testing::Contains(HasSubstr("No launcher process is left")));
}

TEST_F(LauncherLinkTest, ALauncherThatDoesNotAnswerIsReplacedAtTheDeadline) {
    link_.load(receiver_);
    advance(4s);
    EXPECT_THAT(receiver_.errors, IsEmpty());
    advance(2s);
    EXPECT_THAT(receiver_.errors, ElementsAre(HasSubstr("did not answer within 5 seconds")));
    EXPECT_TRUE(active_->is_ended());
    EXPECT_THAT(spare_->calls(), ElementsAre("MakeSpare", "Adopt"));
}

TEST_F(LauncherLinkTest, AMissingSpareIsMadeBeforeTheLoad) {
    spare_->close();
    settle();
    ASSERT_THAT(active_->calls(), ElementsAre("MakeSpare"));
    active_->send_error(active_->last_serial(), "no memory");
    settle();
    link_.load(receiver_);
    EXPECT_THAT(active_->calls(), ElementsAre("MakeSpare", "Load"));
    answer_with_spare(*active_, active_->serial(1), spare_);
    active_->close();
    settle();
    EXPECT_THAT(receiver_.errors, ElementsAre(HasSubstr("has ended")));
    EXPECT_TRUE(keeper_->has_active()) << "the spare was there before the load was over";
}

TEST_F(LauncherLinkTest, ALauncherThatBreaksTheProtocolIsReplaced) {
    const auto cases = std::vector<std::function<void(FakeLauncher&)>>{
        [](FakeLauncher& launcher) {  // a return that is not one of Load
            launcher.body();
            launcher.send(
                {.type = bus::MessageType::MethodReturn, .reply_serial = launcher.last_serial()});
        },
        [](FakeLauncher& launcher) {  // rules without a head
            launcher.body().write_uint32(3);
            launcher.send_part(launcher.last_serial(), kPolicyRulesMember, "u");
        },
        [](FakeLauncher& launcher) {  // an unknown part
            launcher.body();
            launcher.send_part(launcher.last_serial(), "Nonesuch", "");
        },
        [](FakeLauncher& launcher) {  // a call
            launcher.body();
            launcher.send({.type = bus::MessageType::MethodCall, .path = "/", .member = "M"});
        },
    };
    for (const auto& misbehave : cases) {
        Receiver receiver;
        std::unique_ptr<FakeLauncher> active, spare;
        LauncherKeeper keeper(loop_, log_, process_for(active), process_for(spare), {});
        LauncherLink link(keeper, log_);
        link.load(receiver);
        active->calls();
        misbehave(*active);
        settle();
        EXPECT_THAT(receiver.errors, ElementsAre(HasSubstr("does not keep to the protocol")));
        EXPECT_TRUE(active->is_ended());
        EXPECT_THAT(spare->calls(), ElementsAre("MakeSpare", "Adopt"));
        spare->close();
    }
}

}  // namespace
}  // namespace buzon::broker
