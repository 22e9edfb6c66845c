// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/guests.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "bus/base/file_descriptor.h"
#include "tests/flood/good_callers.h"
#include "tests/flood/outbox.h"
#include "tests/flood/speech.h"
#include "tests/load/child_process.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

class StoppedSubscriber final : public Role {
public:
    void start(Stage& stage) override {
        client_.emplace(stage.socket_path);
        client_->add_match(fmt::format("type='signal',interface='{}'", kNewsInterface));
    }
    void step(Stage&) override { ::raise(SIGSTOP); }
    void stop(Stage& stage) override {
        try {
            client_->call(load::make_driver_call("GetId"));
        } catch (const load::HungUp&) {
            stage.board.befalls(innocent::kGuest, Fate::Disconnected);
        } catch (const std::exception&) {
            stage.board.befalls(innocent::kGuest, Fate::Stuck);
        }
    }

private:
    std::optional<load::Client> client_;
};

class ModestSender final : public Role {
public:
    explicit ModestSender(std::string to) : to_(std::move(to)) {}

    void start(Stage& stage) override {
        client_.emplace(stage.socket_path);
        call_ = calls(to_, kBytes, Reply::NotWanted).write(0, 0);
    }
    void step(Stage& stage) override {
        std::this_thread::sleep_for(kStep);
        const auto now = Clock::now();
        try {
            work(stage.board, now);
        } catch (const load::HungUp&) {
            stage.board.befalls(innocent::kGuest, Fate::Disconnected);
            throw;
        }
    }

private:
    static constexpr std::size_t kBytes = 100;
    static constexpr std::chrono::milliseconds kStep{10};
    static constexpr std::chrono::milliseconds kPeriod{100};
    static constexpr std::chrono::seconds kPatience{1};

    void work(Board& board, Clock::time_point now) {
        while (client_->receive_some([&](auto message) { take(message, board); })) {
        }
        if (now >= next_ && outbox_.is_empty()) {
            next_ = now + kPeriod;
            load::set_serial(call_, client_->next_serial());
            outbox_.add(call_);
        }
        if (!outbox_.flush(*client_) && now > next_ + kPatience) {
            board.befalls(innocent::kGuest, Fate::Stuck);
        }
    }
    static void take(std::span<const std::byte> message, Board& board) {
        const auto error = load::header_of(message).error_name;
        // If the receiver is gone, that is not the sender's harm.
        if (error.ends_with(".LimitsExceeded")) board.befalls(innocent::kGuest, Fate::Refused);
    }

    std::string to_;
    std::optional<load::Client> client_;
    load::Bytes call_;
    Outbox outbox_;
    Clock::time_point next_{};
};

/// False: the bus has not let it.
bool pass_by(const std::string& socket_path) {
    try {
        load::Client client(socket_path);
        client.request_name(attack_name(fmt::format("PasserBy{}", ::getpid())));
        client.call(load::make_driver_call("GetId"));
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

class PassersBy final : public Role {
public:
    void start(Stage&) override {}
    void step(Stage& stage) override {
        if (!passer_) begin(stage);
        pollfd source{.fd = done_.get(), .events = POLLIN, .revents = 0};
        const bool has_ended = ::poll(&source, 1, kStepMs) > 0;
        if (!has_ended && Clock::now() - begun_ <= kPatience) return;
        char through = 0;
        if (!has_ended || ::read(done_.get(), &through, 1) <= 0) {
            ++stage.board.newcomers_refused;
            std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
        }
        passer_.reset();
    }
    /// Who has just come is not judged.
    void stop(Stage&) override { passer_.reset(); }

private:
    static constexpr int kStepMs = 10;
    static constexpr std::chrono::seconds kPatience{1};

    void begin(Stage& stage) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) < 0)
            throw std::system_error(errno, std::generic_category(), "pipe");
        done_.reset(ends[0]);
        const bus::FileDescriptor through(ends[1]);
        ++stage.board.newcomers;
        begun_ = Clock::now();
        // Says a byte when it is through, and nothing at its end if it was not.
        passer_.emplace(load::ChildProcess::fork([&] {
            constexpr char kThrough = '+';
            if (pass_by(stage.socket_path) && ::write(through.get(), &kThrough, 1) < 0) return;
        }));
    }

    std::optional<load::ChildProcess> passer_;
    bus::FileDescriptor done_;
    Clock::time_point begun_{};
};

}  // namespace

Actor stopped_subscriber() {
    return {.make = [] { return std::make_unique<StoppedSubscriber>(); },
            .is_active = false,
            .stops_itself = true};
}

Actor passers_by() {
    return {.make = [] { return std::make_unique<PassersBy>(); }, .is_active = false};
}

Actor modest_sender(std::string_view to) {
    return {.make = [to = std::string(to)] { return std::make_unique<ModestSender>(to); },
            .is_active = false};
}

}  // namespace buzon::flood
