// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/good_callers.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <vector>

#include "tests/flood/outbox.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t kWindow = 16;
// A pair with so many calls unanswered makes no more: they would only lie in the bus.
constexpr std::size_t kMostOutstanding = 8192;
constexpr std::chrono::seconds kPrompt{1};
constexpr milliseconds kTick{1};
constexpr milliseconds kNewsPeriod{10};

struct Pending {
    std::uint32_t serial = 0;  // 0: the place is free
    Clock::time_point due{};
    Phase phase{};
};

bool is_working_time(Phase phase) {
    return phase > Phase::SetUp && phase < Phase::Quiet;
}

class Caller {
public:
    Caller(const std::string& socket_path, std::size_t index, Board& board)
        : client_(socket_path), index_(index), board_(board), pending_(kMostOutstanding) {
        call_ =
            load::make_call({.path = "/org/buzon/Flood",
                             .interface = "org.buzon.Flood",
                             .member = "Answer",
                             .destination = good_name(index),
                             .signature = "s"},
                            [](bus::WireWriter& body) { body.write_string("a short argument"); });
    }

    [[nodiscard]] pollfd source() const {
        const auto events = outbox_.is_empty() ? POLLIN : POLLIN | POLLOUT;
        return {
            .fd = gone_ ? -1 : client_.fd(), .events = static_cast<short>(events), .revents = 0};
    }
    [[nodiscard]] std::uint32_t outstanding() const { return outstanding_; }

    /// Makes the calls that are due by `now`.
    void offer(Clock::time_point now, Phase phase, double rate_of_each) {
        if (rate_of_each <= 0) {
            while (!gone_ && outstanding_ < kWindow)
                make_call(now, phase);
        } else {
            const nanoseconds period(static_cast<std::int64_t>(1e9 / rate_of_each));
            if (next_ == Clock::time_point{}) next_ = now + period * index_ / kPairs;
            for (; next_ <= now; next_ += period)
                make_call(next_, phase);
        }
    }
    void flush() {
        guarded([&] { outbox_.flush(client_); });
    }
    void read() {
        guarded([&] {
            while (client_.receive_some([&](auto message) { take(message); })) {
            }
        });
    }
    /// What is not answered by now never will be.
    void give_up() {
        for (const auto& call : pending_) {
            if (call.serial != 0) board_.load(call.phase).latency.record(Histogram::kNever);
        }
        if (gone_) return;
        board_.lost_calls += outstanding_;
        if (outstanding_ > 0) board_.befalls(innocent::kCaller + index_, Fate::Stuck);
    }

private:
    template <typename Action>
    void guarded(Action&& action) {
        if (gone_) return;
        try {
            action();
        } catch (const std::exception&) {
            gone_ = true;
            board_.befalls(innocent::kCaller + index_, Fate::Disconnected);
        }
    }

    void make_call(Clock::time_point due, Phase phase) {
        auto& load = board_.load(phase);
        ++load.offered;
        ++board_.window_at(due).offered;
        const auto serial = client_.next_serial();
        auto& place = pending_[serial % kMostOutstanding];
        if (gone_ || place.serial != 0) {
            load.latency.record(Histogram::kNever);
            return;
        }
        place = {.serial = serial, .due = due, .phase = phase};
        ++outstanding_;
        load::set_serial(call_, serial);
        outbox_.add(call_);
    }

    void take(std::span<const std::byte> message) {
        const auto header = load::header_of(message);
        if (header.reply_serial == 0) return;
        auto& call = pending_[header.reply_serial % kMostOutstanding];
        if (call.serial != header.reply_serial) return;
        auto& load = board_.load(call.phase);
        const auto latency = Clock::now() - call.due;
        const auto us = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(latency).count());
        if (header.type == bus::MessageType::Error) {
            ++load.refused;
            load.latency.record(Histogram::kNever);
            board_.befalls(innocent::kCaller + index_, Fate::Refused);
            board_.note_refusal(load::error_text_of(message));
        } else {
            load.latency.record(us);
            if (latency <= kPrompt) ++load.prompt;
            if (us <= board_.quick_us) ++board_.window_at(call.due).quick;
        }
        call.serial = 0;
        --outstanding_;
    }

    load::Client client_;
    std::size_t index_;
    Board& board_;
    load::Bytes call_;
    Outbox outbox_;
    std::vector<Pending> pending_;  // by serial
    std::uint32_t outstanding_ = 0;
    Clock::time_point next_{};
    bool gone_ = false;
};

class Publisher {
public:
    Publisher(const std::string& socket_path, Board& board)
        : client_(socket_path),
          signal_(load::make_signal(kNewsInterface, "Changed")),
          board_(board) {}

    void work(Clock::time_point now, Phase phase) {
        if (gone_ || now < next_) return;
        next_ = now + kNewsPeriod;
        try {
            while (client_.receive_some([&](auto message) { take(message); })) {
            }
            const bool has_left = outbox_.flush(client_);
            if (has_left) board_.published = last_;
            if (has_left && is_working_time(phase)) publish();
        } catch (const std::exception&) {
            gone_ = true;
            board_.befalls(innocent::kPublisher, Fate::Disconnected);
        }
    }

private:
    void publish() {
        last_ = client_.next_serial();
        load::set_serial(signal_, last_);
        outbox_.add(signal_);
    }
    void take(std::span<const std::byte> message) {
        if (load::type_of(message) == bus::MessageType::Error) {
            board_.befalls(innocent::kPublisher, Fate::Refused);
        }
    }

    load::Client client_;
    load::Bytes signal_;
    Board& board_;
    Outbox outbox_;
    std::uint32_t last_ = 0;
    Clock::time_point next_{};
    bool gone_ = false;
};

void wait_a_tick(std::vector<pollfd>& sources, const std::vector<Caller>& callers) {
    sources.clear();
    for (const auto& each : callers)
        sources.push_back(each.source());
    const timespec patience{.tv_sec = 0, .tv_nsec = nanoseconds(kTick).count()};
    ::ppoll(sources.data(), sources.size(), &patience, nullptr);
}

}  // namespace

std::string good_name(std::size_t pair) {
    return fmt::format("org.buzon.Flood.Good{}", pair);
}

void play_good_callers(const std::string& socket_path, Board& board) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    std::vector<Caller> callers;
    for (std::size_t i = 0; i < kPairs; ++i)
        callers.emplace_back(socket_path, i, board);
    Publisher publisher(socket_path, board);
    std::vector<pollfd> sources;
    ++board.ready;
    board.wait_for(Phase::WarmUp);
    for (Phase phase = board.phase; phase < Phase::End; phase = board.phase) {
        const auto now = Clock::now();
        std::uint32_t outstanding = 0;
        for (auto& each : callers) {
            if (is_working_time(phase)) each.offer(now, phase, board.rate / kPairs);
            each.flush();
            outstanding += each.outstanding();
        }
        board.outstanding = outstanding;
        publisher.work(now, phase);
        wait_a_tick(sources, callers);
        for (std::size_t i = 0; i < callers.size(); ++i) {
            if (sources[i].revents != 0) callers[i].read();
        }
    }
    for (auto& each : callers)
        each.give_up();
}

}  // namespace buzon::flood
