// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_link.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "broker/launcher_client.h"
#include "policy/policy_set.h"

namespace buzon::broker {

namespace {

// A spare that dies again and again is not made again at once.
constexpr std::chrono::seconds kSpareInterval{10};

constexpr std::string_view kNobodyLeft =
    "No launcher process is left: the configuration cannot be read until the bus is restarted";

std::string describe_end(const siginfo_t& end) {
    if (end.si_code == CLD_EXITED) return fmt::format("has ended with status {}", end.si_status);
    return fmt::format("was ended by signal {} ({})", end.si_status, ::strsignal(end.si_status));
}

}  // namespace

LauncherLink::Channel::Channel(LauncherLink& owner, std::unique_ptr<LauncherProcess> launcher)
    : link(owner), process(std::move(launcher)) {
    const auto added = link.loop_.add(stream().fd(), EPOLLIN, *this);
    if (!added) throw std::system_error(added.error(), std::system_category(), "epoll_ctl");
}

LauncherLink::Channel::~Channel() {
    if (stream().is_open()) link.loop_.remove(stream().fd(), *this);
}

void LauncherLink::Channel::on_ready(std::uint32_t) {
    link.on_ready(*this);
}

LauncherLink::LauncherLink(bus::EventLoop& loop,
                           bus::Log& log,
                           std::unique_ptr<LauncherProcess> active,
                           std::unique_ptr<LauncherProcess> spare,
                           std::vector<SocketFileFacts> files,
                           bus::Duration deadline)
    : loop_(loop),
      log_(log),
      files_(std::move(files)),
      deadline_(deadline),
      timer_(loop,
             [this] {
                 lose_active(fmt::format(
                     "did not answer within {} seconds",
                     std::chrono::duration_cast<std::chrono::seconds>(deadline_).count()));
             }),
      active_(open(std::move(active))),
      spare_(open(std::move(spare))) {}

LauncherLink::~LauncherLink() = default;

LauncherLink::ChannelPtr LauncherLink::open(std::unique_ptr<LauncherProcess> process) {
    return process ? std::make_unique<Channel>(*this, std::move(process)) : nullptr;
}

void LauncherLink::load(SettingsReceiver& receiver) {
    if (!active_) {
        receiver.on_settings(bus::Unexpected{std::string(kNobodyLeft)});
        return;
    }
    receiver_ = &receiver;
    assembly_ = {};
    timer_.arm(loop_.now() + deadline_);
    builder_.start_body().write_boolean(false);
    load_serial_ = ++serial_;
    if (ask(LauncherRequest::Load) && !spare_ && spare_serial_ == 0) ask_for_spare();
}

/// Sends what stands in the builder under the newest serial. False: the launcher is lost.
bool LauncherLink::ask(LauncherRequest request) {
    const auto sent =
        send_request(active_->stream(), builder_, request, serial_, MessageStream::Waiting::Never);
    if (!sent) lose_active(std::string(describe(sent.error())));
    return sent.has_value();
}

void LauncherLink::ask_for_spare() {
    spare_asked_at_ = loop_.now();
    builder_.start_body();
    spare_serial_ = ++serial_;
    (void)ask(LauncherRequest::MakeSpare);
}

void LauncherLink::on_ready(Channel& channel) {
    const bool is_active = &channel == active_.get();
    if (const auto done = channel.stream().read(); !done) {
        lose(channel, std::string(describe(done.error())));
        return;
    }
    for (;;) {
        auto message = channel.stream().take();
        // A spare that has anything to say is as bad as one that cannot be understood.
        if (!message || (*message && !is_active)) {
            lose(channel, std::string(describe(LinkError::Broken)));
            return;
        }
        if (!*message) return;
        on_message(**message);
        if (active_.get() != &channel) return;  // it is gone
    }
}

void LauncherLink::on_message(const bus::Message& message) {
    const std::uint32_t serial = message.header().reply_serial;
    if (serial != 0 && serial == load_serial_) {
        on_load_answer(message);
    } else if (serial != 0 && serial == spare_serial_) {
        on_spare_answer(message);
    } else if (message.header().type != bus::MessageType::MethodReturn) {
        lose_active(std::string(describe(LinkError::Broken)));
    }
}

void LauncherLink::on_load_answer(const bus::Message& message) {
    auto progress = assembly_.take(message);
    if (!progress) {
        lose_active(std::string(describe(LinkError::Broken)));
    } else if (*progress) {
        finish_load(std::move(**progress));
    }
}

void LauncherLink::finish_load(LoadOutcome outcome) {
    timer_.disarm();
    load_serial_ = 0;
    SettingsReceiver* const receiver = std::exchange(receiver_, nullptr);
    if (!receiver) return;
    if (!outcome) {
        receiver->on_settings(bus::Unexpected{outcome.error()});
        return;
    }
    for (const std::string& text : outcome->settings.warnings)
        log_.warning(bus::LogKind{"configuration warnings"}, "{}", text);
    receiver->on_settings(
        Settings{outcome->settings.limits, policy::PolicySet::create(std::move(outcome->policy))});
}

void LauncherLink::on_spare_answer(const bus::Message& message) {
    spare_serial_ = 0;
    if (message.header().type == bus::MessageType::Error) {
        log_.warning("There is no spare launcher process: {}", error_text(message));
        return;
    }
    const auto pid = read_spare(body_of(message));
    const bool has_link = message.descriptors() && message.descriptors()->descriptors.size() == 1;
    if (!pid || !has_link) {
        lose_active(std::string(describe(LinkError::Broken)));
        return;
    }
    auto link = message.descriptors()->descriptors.front().duplicate();
    if (!link) {
        // It ends with the only descriptor of its link, and is reaped then.
        killed_.push_back(static_cast<pid_t>(*pid));
        log_.warning("There is no spare launcher process: no descriptor is left for its link");
        return;
    }
    spare_ = open(std::make_unique<LauncherProcess>(std::move(link), static_cast<pid_t>(*pid)));
}

void LauncherLink::lose(Channel& channel, const std::string& reason) {
    if (&channel == active_.get()) {
        lose_active(reason);
    } else {
        lose_spare(reason);
    }
}

void LauncherLink::lose_spare(const std::string& reason) {
    log_.warning("The spare launcher process (pid {}) {}", pid_of(spare_), reason);
    abandon(std::exchange(spare_, nullptr));
    const bool recently = spare_asked_at_ && loop_.now() < *spare_asked_at_ + kSpareInterval;
    if (active_ && spare_serial_ == 0 && !recently) ask_for_spare();
}

void LauncherLink::lose_active(const std::string& reason) {
    log_.error("The launcher process (pid {}) {}", pid_of(active_), reason);
    abandon(std::exchange(active_, nullptr));
    spare_serial_ = 0;
    promote_spare();
    if (load_serial_ == 0) return;
    finish_load(bus::Unexpected{
        fmt::format("The configuration was not read: the launcher process {}", reason)});
}

void LauncherLink::promote_spare() {
    active_ = std::exchange(spare_, nullptr);
    if (!active_) {
        log_.error("{}", kNobodyLeft);
        return;
    }
    write_files(files_, builder_.start_body());
    ++serial_;
    if (ask(LauncherRequest::Adopt)) ask_for_spare();
}

/// Kills a launcher. What it was called for may still be on the stack.
void LauncherLink::abandon(ChannelPtr channel) {
    loop_.remove(channel->stream().fd(), *channel);
    if (const pid_t pid = channel->process->kill(); pid != 0) {
        killed_.push_back(pid);
        channel->process->forget_pid();
    }
    loop_.dispose_later(std::move(channel));
}

void LauncherLink::reap() {
    look_for_end(spare_);
    look_for_end(active_);
    std::erase_if(killed_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

/// Leaves the process to be reaped, so that its number is nobody else's meanwhile.
void LauncherLink::look_for_end(ChannelPtr& channel) {
    const pid_t pid = pid_of(channel);
    siginfo_t end{};
    if (pid == 0) return;
    const int looked = ::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOHANG | WNOWAIT);
    if (looked == 0 && end.si_pid == pid) lose(*channel, describe_end(end));
}

}  // namespace buzon::broker
