// SPDX-License-Identifier: Apache-2.0
// The broker's end of the link against launchers that the test plays itself: `active_` and
// `spare_`, which are no processes, and those that answer_with_spare() makes, which are.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/launcher_keeper.h"
#include "broker/launcher_protocol.h"
#include "broker/message_stream.h"
#include "bus/base/event_loop.h"
#include "bus/base/log.h"
#include "bus/message_builder.h"

namespace buzon::broker {

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
    void answer_adopt(std::uint32_t serial) {
        body();
        send_return(serial, LauncherRequest::Adopt);
    }
    void close() { stream_.close(); }

private:
    MessageStream stream_;
    bus::MessageBuilder builder_;
    std::vector<std::uint32_t> serials_;
    bool ended_ = false;
};

struct Pair {
    bus::FileDescriptor ours, theirs;
};

inline Pair make_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) std::abort();
    return {bus::FileDescriptor(ends[0]), bus::FileDescriptor(ends[1])};
}

class LauncherFixture : public testing::Test {
protected:
    LauncherFixture() {
        loop_.set_spinning(bus::EventLoop::Spinning::Off);
        keeper_ =
            std::make_unique<LauncherKeeper>(loop_, log_, process_for(active_), process_for(spare_),
                                             LauncherFiles{{{"/x/bus", 1, 2}}, {}}, kDeadlines);
    }
    ~LauncherFixture() override {
        active_->close();
        spare_->close();
    }

    static constexpr LauncherDeadlines kDeadlines{.load = std::chrono::seconds(5),
                                                  .others = std::chrono::seconds(2)};

    static std::unique_ptr<LauncherProcess> process_for(std::unique_ptr<FakeLauncher>& launcher,
                                                        pid_t pid = 0) {
        auto [ours, theirs] = make_pair();
        launcher = std::make_unique<FakeLauncher>(std::move(theirs));
        return std::make_unique<LauncherProcess>(std::move(ours), pid);
    }
    void settle() {
        while (loop_.turn(std::chrono::nanoseconds(0)) || loop_.has_tasks()) {
        }
    }
    void advance(bus::Duration time) {
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
    void answer_with_spare(FakeLauncher& launcher,
                           std::uint32_t serial,
                           std::unique_ptr<FakeLauncher>& spare) {
        auto [ours, theirs] = make_pair();
        spare = std::make_unique<FakeLauncher>(std::move(theirs));
        auto& body = launcher.body();
        body.write_uint32(static_cast<std::uint32_t>(fork_something()));
        body.write_uint32(0);
        std::vector<bus::FileDescriptor> links;
        links.push_back(std::move(ours));
        launcher.send(
            {.type = bus::MessageType::MethodReturn, .reply_serial = serial, .signature = "uh"},
            std::move(links));
        settle();
    }

    bus::TimePoint now_{std::chrono::hours(1)};
    bus::EventLoop loop_{[this] { return now_; }};
    std::vector<std::string> log_lines_;
    bus::Log log_{[this](bus::LogLevel, std::string_view text) { log_lines_.emplace_back(text); }};
    std::unique_ptr<FakeLauncher> active_, spare_;
    std::unique_ptr<LauncherKeeper> keeper_;
};

}  // namespace buzon::broker
