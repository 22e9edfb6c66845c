// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/guests.h"

#include <fmt/format.h>
#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "tests/flood/good_callers.h"
#include "tests/flood/outbox.h"
#include "tests/flood/speech.h"
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

}  // namespace

Actor stopped_subscriber() {
    return {.make = [] { return std::make_unique<StoppedSubscriber>(); },
            .is_active = false,
            .stops_itself = true};
}

Actor modest_sender(std::string_view to) {
    return {.make = [to = std::string(to)] { return std::make_unique<ModestSender>(to); },
            .is_active = false};
}

}  // namespace buzon::flood
