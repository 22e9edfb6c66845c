// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_keeper.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "broker/launcher_client.h"
#include "broker/load_assembly.h"

namespace buzon::broker {

namespace {

// From the end of its link until the kernel says how a process has ended. Closing its descriptors
// is one of the last things it does.
constexpr std::chrono::seconds kEndPatience{1};

constexpr std::string_view kNobodyLeft = "no launcher process is left until the bus is restarted";

std::string describe_end(const siginfo_t& end) {
    if (end.si_code == CLD_EXITED) return fmt::format("has ended with status {}", end.si_status);
    return fmt::format("was ended by signal {} ({})", end.si_status, ::strsignal(end.si_status));
}

}  // namespace

LauncherKeeper::Channel::Channel(LauncherKeeper& owner, std::unique_ptr<LauncherProcess> launcher)
    : keeper(owner),
      process(std::move(launcher)),
      timer(owner.loop_, [this] { keeper.on_due(*this); }) {
    const auto added = keeper.loop_.add(stream().fd(), EPOLLIN, *this);
    if (!added) throw std::system_error(added.error(), std::system_category(), "epoll_ctl");
}

LauncherKeeper::Channel::~Channel() {
    if (stream().is_open()) keeper.loop_.remove(stream().fd(), *this);
}

void LauncherKeeper::Channel::on_ready(std::uint32_t) {
    keeper.on_ready(*this);
}

LauncherKeeper::LauncherKeeper(bus::EventLoop& loop,
                               bus::Log& log,
                               std::unique_ptr<LauncherProcess> active,
                               std::unique_ptr<LauncherProcess> spare,
                               LauncherFiles files,
                               LauncherDeadlines deadlines)
    : loop_(loop),
      log_(log),
      files_(std::move(files)),
      deadlines_(deadlines),
      active_(open(std::move(active))),
      spare_(open(std::move(spare))),
      spare_timer_(loop, [this] { want_spare(); }) {
    if (!spare_) spare_timer_.arm(loop_.now() + kSpareInterval);
}

LauncherKeeper::~LauncherKeeper() = default;

LauncherKeeper::ChannelPtr LauncherKeeper::open(std::unique_ptr<LauncherProcess> process) {
    return process ? std::make_unique<Channel>(*this, std::move(process)) : nullptr;
}

void LauncherKeeper::ask(LauncherRequest request,
                         bus::MessageBuilder& builder,
                         LauncherCaller& caller,
                         const bus::Ref<const bus::DescriptorSet>& descriptors) {
    if (active_ && active_->is_ending) lose_active(std::string(describe(LinkError::Ended)));
    // One that can't be asked is replaced, and its place taken by one that has not been asked yet.
    while (active_) {
        if (send(request, builder, &caller, descriptors)) return;
    }
    caller.on_lost(std::string(kNobodyLeft));
}

/// False: the launcher is lost.
bool LauncherKeeper::send(LauncherRequest request,
                          bus::MessageBuilder& builder,
                          LauncherCaller* caller,
                          bus::Ref<const bus::DescriptorSet> descriptors) {
    if (++serial_ == 0) ++serial_;
    const auto sent = send_request(active_->stream(), builder, request,
                                   {.serial = serial_, .descriptors = std::move(descriptors)});
    if (!sent) {
        lose_active(std::string(describe(sent.error())));
        return false;
    }
    active_->calls.push_back({serial_, request, caller});
    if (active_->calls.size() == 1) watch_deadline(*active_);
    return true;
}

void LauncherKeeper::watch_deadline(Channel& channel) {
    if (channel.calls.empty()) {
        channel.timer.disarm();
        return;
    }
    const bool is_load = channel.calls.front().request == LauncherRequest::Load;
    channel.timer.arm(loop_.now() + (is_load ? deadlines_.load : deadlines_.others));
}

void LauncherKeeper::want_spare() {
    if (active_ && !active_->is_ending && !spare_ && !spare_asked_) ask_for_spare();
}

void LauncherKeeper::ask_for_spare() {
    spare_timer_.disarm();
    spare_asked_at_ = loop_.now();
    spare_asked_ = true;
    builder_.start_body();
    if (!send(LauncherRequest::MakeSpare, builder_, this, nullptr)) spare_asked_ = false;
}

void LauncherKeeper::on_due(Channel& channel) {
    if (channel.is_ending) {
        lose(channel, std::string(describe(LinkError::Ended)));
        return;
    }
    const bool is_load = channel.calls.front().request == LauncherRequest::Load;
    lose(channel, fmt::format("did not answer within {} seconds",
                              std::chrono::duration_cast<std::chrono::seconds>(
                                  is_load ? deadlines_.load : deadlines_.others)
                                  .count()));
}

void LauncherKeeper::on_ready(Channel& channel) {
    const bool is_active = &channel == active_.get();
    if (const auto done = channel.stream().read(); !done) {
        if (done.error() == LinkError::Ended) {
            on_end_of_stream(channel);
        } else {
            lose(channel, std::string(describe(done.error())));
        }
        return;
    }
    for (;;) {
        auto message = channel.stream().take();
        // A spare that has anything to say is as bad as one that cannot be understood.
        const bool is_good = message && (!*message || is_active);
        if (is_good && !*message) return;
        if (!is_good || !take_answer(channel, **message)) {
            lose(channel, std::string(describe(LinkError::Broken)));
            return;
        }
        if (active_.get() != &channel) return;  // it is gone
    }
}

/// Its end is not logged before it is known what ended it.
void LauncherKeeper::on_end_of_stream(Channel& channel) {
    if (look_for_end(channel)) return;
    if (channel.process->pid() == 0) {
        lose(channel, std::string(describe(LinkError::Ended)));
        return;
    }
    loop_.remove(channel.stream().fd(), channel);
    channel.is_ending = true;
    channel.timer.arm(loop_.now() + kEndPatience);
}

/// False: it is none.
bool LauncherKeeper::take_answer(Channel& channel, const bus::Message& message) {
    if (channel.calls.empty() || message.header().reply_serial != channel.calls.front().serial)
        return false;
    const Call call = channel.calls.front();
    const bool is_last = message.header().type != bus::MessageType::Signal;
    if (is_last) {
        channel.calls.pop_front();
        watch_deadline(channel);
    }
    const bool is_good = call.caller ? call.caller->on_answer(message) : is_last;
    // It is to hear what became of its call.
    if (!is_good && is_last) channel.calls.push_front(call);
    return is_good;
}

bool LauncherKeeper::on_answer(const bus::Message& message) {
    if (message.header().type == bus::MessageType::Signal) return false;
    if (message.header().type == bus::MessageType::Error) {
        have_no_spare(error_text(message));
        return true;
    }
    const auto pid = read_spare(body_of(message));
    const bool has_link = message.descriptors() && message.descriptors()->descriptors.size() == 1;
    if (!pid || !has_link) return false;
    auto link = message.descriptors()->descriptors.front().duplicate();
    if (!link) {
        // It ends with the only descriptor of its link, and is reaped then.
        have_no_spare("no descriptor is left for its link");
        return true;
    }
    spare_asked_ = false;
    spare_ = open(std::make_unique<LauncherProcess>(std::move(link), static_cast<pid_t>(*pid)));
    reap();  // those that could not be told from the new spare until now
    return true;
}

void LauncherKeeper::on_lost(const std::string&) {
    // lose_active() has seen to the next one.
}

void LauncherKeeper::have_no_spare(std::string_view reason) {
    spare_asked_ = false;
    log_.warning(bus::LogKind{"missing spare launchers"}, "There is no spare launcher process: {}",
                 reason);
    spare_timer_.arm(*spare_asked_at_ + kSpareInterval);
    reap();
}

void LauncherKeeper::lose(Channel& channel, const std::string& reason) {
    if (&channel == active_.get()) {
        lose_active(reason);
    } else if (&channel == spare_.get()) {
        lose_spare(reason);
    }
}

void LauncherKeeper::lose_spare(const std::string& reason) {
    log_.warning("The spare launcher process (pid {}) {}", pid_of(spare_), reason);
    abandon(std::exchange(spare_, nullptr));
    const bool recently = spare_asked_at_ && loop_.now() < *spare_asked_at_ + kSpareInterval;
    if (recently) {
        spare_timer_.arm(*spare_asked_at_ + kSpareInterval);
    } else {
        want_spare();
    }
}

void LauncherKeeper::lose_active(const std::string& reason) {
    log_.error("The launcher process (pid {}) {}", pid_of(active_), reason);
    const auto calls = std::exchange(active_->calls, {});
    abandon(std::exchange(active_, nullptr));
    spare_asked_ = false;
    promote_spare();
    for (const Call& call : calls) {
        const bool is_ours = call.caller == this;  // for which another may be under way by now
        if (call.caller && !is_ours) call.caller->on_lost("the launcher process " + reason);
    }
}

/// The next spare comes first: whatever else this one may die of, it leaves one behind.
void LauncherKeeper::promote_spare() {
    active_ = std::exchange(spare_, nullptr);
    if (!active_) {
        log_.error(
            "No launcher process is left: the configuration cannot be read until the bus "
            "is restarted");
        return;
    }
    if (active_->is_ending) return;  // it can't be asked any more, and its end will be told
    ask_for_spare();
    if (!active_ || !spare_asked_) return;  // it is gone
    write_files(files_, builder_.start_body());
    (void)send(LauncherRequest::Adopt, builder_, nullptr, nullptr);
}

/// Kills a launcher. What it was called for may still be on the stack.
void LauncherKeeper::abandon(ChannelPtr channel) {
    channel->timer.disarm();
    loop_.remove(channel->stream().fd(), *channel);
    // reap() takes what is left of it.
    if (channel->process->kill() != 0) channel->process->forget_pid();
    loop_.dispose_later(std::move(channel));
}

/// A spare that has just been made is no stray: its answer is not read before its end, perhaps.
void LauncherKeeper::reap() {
    for (Channel* const channel : {spare_.get(), active_.get()}) {
        if (channel) (void)look_for_end(*channel);
    }
    while (!spare_asked_) {
        siginfo_t end{};
        const int found = ::waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT);
        if (found != 0 || end.si_pid == 0) return;
        Channel* const channel = find(end.si_pid);
        if (channel) {
            (void)look_for_end(*channel);
        } else {
            ::waitpid(end.si_pid, nullptr, WNOHANG);
        }
    }
}

LauncherKeeper::Channel* LauncherKeeper::find(pid_t pid) const {
    if (pid == pid_of(active_)) return active_.get();
    return pid == pid_of(spare_) ? spare_.get() : nullptr;
}

/// True: it has ended and is lost. The process is left to be reaped, so that its number is nobody
/// else's meanwhile.
bool LauncherKeeper::look_for_end(Channel& channel) {
    const pid_t pid = channel.process->pid();
    siginfo_t end{};
    if (pid == 0) return false;
    const int looked = ::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOHANG | WNOWAIT);
    if (looked != 0 || end.si_pid != pid) return false;
    lose(channel, describe_end(end));
    return true;
}

}  // namespace buzon::broker
