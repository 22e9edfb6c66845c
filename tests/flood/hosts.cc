// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/hosts.h"

#include <poll.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/flood/outbox.h"
#include "tests/flood/speech.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds kPatience{1};
// A service has thousands of calls of others to answer first, and a part of a CPU.
constexpr std::chrono::seconds kPatienceWithService{3};

/// One connection; that the bus ends it is harm.
class Host : public Role {
public:
    void start(Stage& stage) override { client_.emplace(stage.socket_path); }
    void step(Stage& stage) final {
        wait();
        guard(stage, [&] {
            work(stage.board);
            outbox_.flush(*client_);
        });
    }

protected:
    virtual void work(Board& board) = 0;
    [[nodiscard]] load::Client& client() { return *client_; }
    [[nodiscard]] Outbox& outbox() { return outbox_; }
    /// After the attack: says what is left to say until `is_done`, for so long at most.
    template <typename Condition>
    void finish(Stage& stage, Condition&& is_done) {
        const auto deadline = Clock::now() + kMostToFinish;
        guard(stage, [&] {
            while (!is_done() && Clock::now() < deadline) {
                outbox_.flush(*client_);
                wait();
            }
        });
    }
    template <typename Take>
    void read(Take&& take) {
        if (!is_reading()) return;
        client_->receive_some(take, kMostAtOnce);
    }

private:
    static constexpr std::size_t kMostAtOnce = std::size_t{1} << 20;
    static constexpr int kStepMs = 2;
    static constexpr std::chrono::seconds kMostToFinish{6};

    template <typename Action>
    static void guard(Stage& stage, Action&& action) {
        try {
            action();
        } catch (const load::HungUp&) {
            stage.board.befalls(innocent::kGuest, Fate::Disconnected);
            throw;
        }
    }
    /// Who has too much to say does not ask for more of it.
    [[nodiscard]] bool is_reading() const { return outbox_.size() < kMostAtOnce; }
    void wait() const {
        short events = is_reading() ? POLLIN : 0;
        if (!outbox_.is_empty()) events |= POLLOUT;
        pollfd source{.fd = client_->fd(), .events = events, .revents = 0};
        ::poll(&source, 1, kStepMs);
    }

    std::optional<load::Client> client_;
    Outbox outbox_;
};

class Service final : public Host {
public:
    explicit Service(std::string name) : name_(std::move(name)) {}

    void start(Stage& stage) override {
        Host::start(stage);
        client().request_name(attack_name(name_));
    }

private:
    static constexpr std::size_t kReplyBytes = 1024;

    void work(Board&) override {
        read([this](auto message) {
            if (load::type_of(message) == bus::MessageType::MethodCall) answer(message);
        });
    }
    void answer(std::span<const std::byte> call) {
        const auto header = load::header_of(call);
        auto& reply = replies_[std::string(header.sender)];
        if (reply.empty()) reply = large_reply(header.sender, kReplyBytes);
        load::set_serial(reply, client().next_serial());
        load::set_reply_serial(reply, header.serial);
        outbox().add(reply);
    }

    std::string name_;
    std::map<std::string, load::Bytes> replies_;  // by whom they are for
};

class Caller final : public Host {
public:
    explicit Caller(std::string_view name) : call_(calls(name, 100, Reply::Wanted).write(0, 0)) {}

private:
    static constexpr milliseconds kPeriod{10};

    void work(Board& board) override {
        const auto now = Clock::now();
        read([&](auto message) { take(message, board); });
        if (!open_.empty() && now - open_.begin()->second > kPatienceWithService)
            board.befalls(innocent::kGuest, Fate::Stuck);
        if (now < next_) return;
        next_ = now + kPeriod;
        const auto serial = client().next_serial();
        load::set_serial(call_, serial);
        outbox().add(call_);
        open_.emplace(serial, now);
    }
    void take(std::span<const std::byte> message, Board& board) {
        const auto header = load::header_of(message);
        if (open_.erase(header.reply_serial) == 0) return;
        if (header.type == bus::MessageType::Error) board.befalls(innocent::kGuest, Fate::Refused);
    }

    load::Bytes call_;
    std::map<std::uint32_t, Clock::time_point> open_;  // since when, by serial
    Clock::time_point next_{};
};

class Broadcaster final : public Host {
public:
    Broadcaster(Pace pace, Programme programme)
        : pace_(pace),
          period_(nanoseconds(std::chrono::seconds(1)) / programme.per_second),
          signal_(broadcasts(programme.body_bytes).write(0, 0)) {}

    void stop(Stage& stage) override {
        if (pace_ == Pace::MayWait) return;
        if (sent_ * 10 < due() * 9) stage.board.befalls(innocent::kGuest, Fate::Stuck);
        if (is_served(stage)) stage.board.broadcasts_served = static_cast<std::uint32_t>(sent_);
    }

private:
    [[nodiscard]] std::int64_t due() const { return (Clock::now() - *begun_) / period_; }
    void work(Board& board) override {
        const auto now = Clock::now();
        if (!begun_) begun_ = last_out_ = now;
        while (outbox().is_empty() && sent_ < due()) {
            load::set_serial(signal_, client().next_serial());
            outbox().add(signal_);
            ++sent_;
            outbox().flush(client());
        }
        if (outbox().is_empty()) last_out_ = now;
        if (pace_ == Pace::MustBeKept && now - last_out_ > kPatience)
            board.befalls(innocent::kGuest, Fate::Stuck);
    }
    /// Whether the bus answers a call behind all broadcasts.
    bool is_served(Stage& stage) {
        auto barrier = load::make_driver_call("GetId");
        const auto serial = client().next_serial();
        load::set_serial(barrier, serial);
        outbox().add(barrier);
        bool served = false;
        finish(stage, [&] {
            read([&](auto message) { served |= load::header_of(message).reply_serial == serial; });
            return served;
        });
        return served;
    }

    Pace pace_;
    nanoseconds period_;
    load::Bytes signal_;
    std::optional<Clock::time_point> begun_;
    Clock::time_point last_out_{};
    std::int64_t sent_ = 0;
};

class Audience final : public Host {
public:
    void start(Stage& stage) override {
        Host::start(stage);
        client().add_match(broadcast_rule());
    }
    /// A broadcaster whom the bus has ended, or not dealt with yet, has lost nothing in silence.
    void stop(Stage& stage) override {
        auto& board = stage.board;
        const auto is_all = [&] { return board.broadcasts_served > 0 && is_silent(); };
        finish(stage, [&] {
            hear();
            return is_all();
        });
        if (board.broadcasts_served > heard_) board.signal_gaps += board.broadcasts_served - heard_;
        board.signal_gaps += out_of_order_;
    }

private:
    static constexpr milliseconds kSilence{200};

    void work(Board& board) override {
        if (last_news_ == Clock::time_point{}) last_news_ = Clock::now();
        hear();
        if (Clock::now() - last_news_ > kPatience) board.befalls(innocent::kGuest, Fate::Stuck);
    }
    void hear() {
        read([this](auto message) { take(message); });
    }
    void take(std::span<const std::byte> message) {
        if (load::type_of(message) != bus::MessageType::Signal) return;
        const auto serial = load::serial_of(message);
        if (load::header_of(message).member != "Flood") return;
        if (serial <= last_serial_) ++out_of_order_;
        last_serial_ = serial;
        last_news_ = Clock::now();
        ++heard_;
    }
    [[nodiscard]] bool is_silent() const { return Clock::now() - last_news_ > kSilence; }

    std::uint32_t heard_ = 0;
    std::uint32_t last_serial_ = 0;
    std::uint32_t out_of_order_ = 0;
    Clock::time_point last_news_{};
};

}  // namespace

Actor service(std::string_view name) {
    return {.make = [name = std::string(name)] { return std::make_unique<Service>(name); }};
}

Actor caller_of(std::string_view name) {
    return {.make = [name = std::string(name)] { return std::make_unique<Caller>(name); },
            .is_active = false};
}

Actor broadcaster(Pace pace, Programme programme) {
    return {.make = [=] { return std::make_unique<Broadcaster>(pace, programme); },
            .is_active = false};
}

Actor audience() {
    return {.make = [] { return std::make_unique<Audience>(); }, .is_active = false};
}

}  // namespace buzon::flood
