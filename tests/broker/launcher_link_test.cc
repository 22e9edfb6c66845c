// SPDX-License-Identifier: Apache-2.0
// The broker's end of the link against a launcher that this test plays itself.
#include "broker/launcher_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policy/policy_set.h"

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The launcher's end: reads calls, answers them as the test says.
class FakeLauncher {
public:
    explicit FakeLauncher(bus::FileDescriptor link) : stream_(std::move(link)) {}

    /// Members of the calls that have come, in order.
    std::vector<std::string> calls() {
        std::vector<std::string> members;
        if (!stream_.read()) ended_ = true;
        for (auto message = stream_.take(); message && *message; message = stream_.take()) {
            const bus::Header& header = (*message)->header();
            members.emplace_back(header.member);
            serials_.push_back(header.serial);
        }
        return members;
    }
    [[nodiscard]] bool is_ended() {
        calls();  // what came before the end
        calls();
        return ended_;
    }
    /// Of the calls read so far.
    [[nodiscard]] std::uint32_t serial(std::size_t index) const { return serials_.at(index); }
    [[nodiscard]] std::uint32_t last_serial() const { return serials_.back(); }

    bus::WireWriter& body() { return builder_.start_body(); }
    void send(bus::MessageFields fields, std::vector<bus::FileDescriptor> descriptors = {}) {
        fields.unix_fds = static_cast<std::uint32_t>(descriptors.size());
        auto message = builder_.build(fields);
        if (!descriptors.empty())
            message.descriptors = bus::make_ref<const bus::DescriptorSet>(std::move(descriptors));
        if (!stream_.send(message, MessageStream::Waiting::AsLongAsItTakes)) std::abort();
    }
    void send_part(std::uint32_t serial, std::string_view member, std::string_view signature) {
        send({.type = bus::MessageType::Signal,
              .reply_serial = serial,
              .path = kLauncherPath,
              .interface = kLauncherInterface,
              .member = member,
              .signature = signature});
    }
    void send_return(std::uint32_t serial, LauncherRequest request) {
        send({.type = bus::MessageType::MethodReturn,
              .reply_serial = serial,
              .signature = method_of(request).out});
    }
    void send_error(std::uint32_t serial, std::string_view text) {
        body().write_string(text);
        send({.type = bus::MessageType::Error,
              .reply_serial = serial,
              .error_name = "org.example.Error.Odd",
              .signature = "s"});
    }
    /// A whole answer to Load, with one rule and `warnings`.
    void answer_load(std::uint32_t serial, std::vector<std::string> warnings = {}) {
        policy::ResolvedPolicy policy;
        policy.files.add("/x.conf");
        policy.blocks.push_back({});
        policy.blocks[0].rules.push_back({policy::Effect::Allow, {}, policy::OwnRule{}});
        policy::write_policy_head(policy, body());
        send_part(serial, kPolicyHeadMember, policy::kPolicyHeadSignature);
        policy::PolicyRulesWriter(policy).write(body(), 1);
        send_part(serial, kPolicyRulesMember, policy::kPolicyRulesSignature);
        LoadedSettings loaded;
        loaded.limits.max_names_per_connection = 77;
        loaded.warnings = std::move(warnings);
        write_loaded(loaded, body());
        send_return(serial, LauncherRequest::Load);
    }
    void close() { stream_.close(); }

private:
    MessageStream stream_;
    bus::MessageBuilder builder_;
    std::vector<std::uint32_t> serials_;
    bool ended_ = false;
};

class Receiver final : public SettingsReceiver {
public:
    void on_settings(bus::Result<Settings, LoadFailure> loaded) override {
        if (loaded) {
            settings.push_back(std::move(*loaded));
        } else {
            errors.push_back(loaded.error().text);
            error_names.push_back(loaded.error().error_name);
        }
    }
    std::vector<Settings> settings;
    std::vector<std::string> errors;
    std::vector<std::string> error_names;
};

struct Pair {
    bus::FileDescriptor ours, theirs;
};

Pair make_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) std::abort();
    return {bus::FileDescriptor(ends[0]), bus::FileDescriptor(ends[1])};
}

class LauncherLinkTest : public testing::Test {
protected:
    LauncherLinkTest() {
        loop_.set_spinning(bus::EventLoop::Spinning::Off);
        link_ =
            std::make_unique<LauncherLink>(loop_, log_, process_for(active_), process_for(spare_),
                                           std::vector<SocketFileFacts>{{"/x/bus", 1, 2}}, 5s);
    }
    ~LauncherLinkTest() override {
        active_->close();
        spare_->close();
    }

    static std::unique_ptr<LauncherProcess> process_for(std::unique_ptr<FakeLauncher>& launcher) {
        auto [ours, theirs] = make_pair();
        launcher = std::make_unique<FakeLauncher>(std::move(theirs));
        return std::make_unique<LauncherProcess>(std::move(ours), 0);
    }
    void settle() {
        while (loop_.turn(std::chrono::nanoseconds(0)) || loop_.has_tasks()) {
        }
    }
    void advance(std::chrono::seconds time) {
        now_ += time;
        settle();
    }
    /// A process for the link to kill and reap.
    static pid_t fork_something() {
        auto [ours, of_child] = make_pair();
        const pid_t child = ::fork();
        if (child == 0) {
            ::close_range(0, ~0U, 0);  // or it would hold the links open
            for (;;)
                ::pause();
        }
        of_child.reset();
        char byte = 0;
        EXPECT_EQ(::read(ours.get(), &byte, 1), 0) << "until the child has closed everything";
        return child;
    }
    void answer_with_spare(FakeLauncher& launcher, std::unique_ptr<FakeLauncher>& spare) {
        auto [ours, theirs] = make_pair();
        spare = std::make_unique<FakeLauncher>(std::move(theirs));
        auto& body = launcher.body();
        body.write_uint32(static_cast<std::uint32_t>(fork_something()));
        body.write_uint32(0);
        std::vector<bus::FileDescriptor> links;
        links.push_back(std::move(ours));
        launcher.send({.type = bus::MessageType::MethodReturn,
                       .reply_serial = launcher.last_serial(),
                       .signature = "uh"},
                      std::move(links));
        settle();
    }

    bus::TimePoint now_{1h};
    bus::EventLoop loop_{[this] { return now_; }};
    std::vector<std::string> log_lines_;
    bus::Log log_{[this](bus::LogLevel, std::string_view text) { log_lines_.emplace_back(text); }};
    std::unique_ptr<FakeLauncher> active_, spare_;
    std::unique_ptr<LauncherLink> link_;
    Receiver receiver_;
};

TEST_F(LauncherLinkTest, PutsAConfigurationTogether) {
    link_->load(receiver_);
    ASSERT_THAT(active_->calls(), ElementsAre("Load"));
    settle();
    EXPECT_THAT(receiver_.settings, IsEmpty());
    active_->answer_load(active_->last_serial(), {"/x.conf:3: odd"});
    settle();
    ASSERT_EQ(receiver_.settings.size(), 1U);
    EXPECT_EQ(receiver_.settings[0].limits.max_names_per_connection, 77U);
    EXPECT_TRUE(receiver_.settings[0].policy->snapshot_for({.uid = 1})->may_own("a.b"));
    EXPECT_THAT(log_lines_, ElementsAre("/x.conf:3: odd"));
    advance(60s);
    EXPECT_TRUE(link_->has_active()) << "no deadline is left over";
    EXPECT_THAT(spare_->calls(), IsEmpty());
}

TEST_F(LauncherLinkTest, PassesOnWhatIsWrongWithAConfiguration) {
    link_->load(receiver_);
    active_->calls();
    active_->send_error(active_->last_serial(), "/x.conf:2:1: no");
    settle();
    EXPECT_THAT(receiver_.errors, ElementsAre("/x.conf:2:1: no"));
    EXPECT_THAT(receiver_.error_names, ElementsAre("org.example.Error.Odd"));
    EXPECT_TRUE(link_->has_spare());
}

TEST_F(LauncherLinkTest, ASpareTakesThePlaceOfALauncherThatDies) {
    link_->load(receiver_);
    settle();
    active_->close();
    settle();
    EXPECT_THAT(receiver_.errors, ElementsAre(HasSubstr("the launcher process has ended")));
    EXPECT_THAT(spare_->calls(), ElementsAre("Adopt", "MakeSpare"));
    EXPECT_FALSE(link_->has_spare());

    std::unique_ptr<FakeLauncher> next;
    answer_with_spare(*spare_, next);
    EXPECT_TRUE(link_->has_spare());
    link_->load(receiver_);
    ASSERT_THAT(spare_->calls(), ElementsAre("Load"));
    spare_->answer_load(spare_->last_serial());
    settle();
    EXPECT_EQ(receiver_.settings.size(), 1U);
    next->close();
    settle();
}

TEST_F(LauncherLinkTest, WithoutAnyLauncherEveryLoadFailsAtOnce) {
    active_->close();
    spare_->close();
    settle();
    EXPECT_FALSE(link_->has_active());
    link_->load(receiver_);
    EXPECT_THAT(receiver_.errors, ElementsAre(HasSubstr("No launcher process is left")));
    EXPECT_THAT(log_lines_, Contains(HasSubstr("No launcher process is left")));
}

TEST_F(LauncherLinkTest, ALauncherThatDoesNotAnswerIsReplacedAtTheDeadline) {
    link_->load(receiver_);
    advance(4s);
    EXPECT_THAT(receiver_.errors, IsEmpty());
    advance(2s);
    EXPECT_THAT(receiver_.errors, ElementsAre(HasSubstr("did not answer within 5 seconds")));
    EXPECT_TRUE(active_->is_ended());
    EXPECT_THAT(spare_->calls(), ElementsAre("Adopt", "MakeSpare"));
    link_->load(receiver_);
    advance(6s);
    EXPECT_EQ(receiver_.errors.size(), 2U) << "the next one has a deadline too";
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
        LauncherLink link(loop_, log_, process_for(active), process_for(spare), {}, 5s);
        link.load(receiver);
        active->calls();
        misbehave(*active);
        settle();
        EXPECT_THAT(receiver.errors, ElementsAre(HasSubstr("does not keep to the protocol")));
        EXPECT_TRUE(active->is_ended());
        EXPECT_THAT(spare->calls(), ElementsAre("Adopt", "MakeSpare"));
        spare->close();
    }
}

TEST_F(LauncherLinkTest, ASpareThatDiesIsMadeAnewButNotAgainAndAgain) {
    spare_->close();
    settle();
    EXPECT_FALSE(link_->has_spare());
    ASSERT_THAT(active_->calls(), ElementsAre("MakeSpare"));
    answer_with_spare(*active_, spare_);
    EXPECT_TRUE(link_->has_spare());
    const pid_t spare = link_->spare_pid();
    spare_->close();
    settle();
    EXPECT_THAT(active_->calls(), IsEmpty()) << "so soon after the last";
    siginfo_t end{};
    ::waitid(P_PID, static_cast<id_t>(spare), &end, WEXITED | WNOWAIT);
    link_->reap();
    EXPECT_LT(::waitpid(spare, nullptr, 0), 0) << "it is reaped";

    link_->load(receiver_);
    EXPECT_THAT(active_->calls(), ElementsAre("Load", "MakeSpare"));
    active_->answer_load(active_->serial(1));
    answer_with_spare(*active_, spare_);
    EXPECT_EQ(receiver_.settings.size(), 1U);
    EXPECT_TRUE(link_->has_spare());
}

TEST_F(LauncherLinkTest, ASpareThatSpeaksUnaskedIsDropped) {
    spare_->send_error(1, "x");
    settle();
    EXPECT_FALSE(link_->has_spare());
    EXPECT_TRUE(link_->has_active());
}

TEST_F(LauncherLinkTest, ALauncherThatCanMakeNoSpareGoesOn) {
    spare_->close();
    settle();
    active_->calls();
    active_->send_error(active_->last_serial(), "no memory");
    settle();
    EXPECT_TRUE(link_->has_active());
    EXPECT_THAT(log_lines_, Contains(HasSubstr("no memory")));
}

}  // namespace
}  // namespace buzon::broker
