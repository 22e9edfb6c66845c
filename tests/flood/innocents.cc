// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/innocents.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "tests/flood/applicant.h"
#include "tests/flood/good_callers.h"
#include "tests/flood/outbox.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{5};
constexpr milliseconds kBetweenNewcomers{200};
constexpr std::chrono::seconds kNewcomersPatience{1};
constexpr std::size_t kEnoughReplies = std::size_t{1} << 20;

class Answerer {
public:
    Answerer(const std::string& socket_path, std::size_t who, Board& board)
        : client_(socket_path), who_(who), board_(board) {
        if (is_listener()) {
            client_.add_match(fmt::format("type='signal',interface='{}'", kNewsInterface));
        } else {
            client_.request_name(good_name(who - innocent::kCallee));
        }
    }

    [[nodiscard]] pollfd source() const {
        short events = 0;
        if (outbox_.size() < kEnoughReplies) events |= POLLIN;
        if (!outbox_.is_empty()) events |= POLLOUT;
        return {.fd = gone_ ? -1 : client_.fd(), .events = events, .revents = 0};
    }
    void work() {
        try {
            client_.receive_some([&](auto message) { take(message); });
            outbox_.flush(client_);
        } catch (const std::exception&) {
            gone_ = true;
            board_.befalls(who_, Fate::Disconnected);
        }
    }

private:
    [[nodiscard]] bool is_listener() const { return who_ >= innocent::kListener; }

    void take(std::span<const std::byte> message) {
        if (is_listener()) {
            if (load::type_of(message) == bus::MessageType::Signal) hear(load::serial_of(message));
        } else if (load::type_of(message) == bus::MessageType::MethodCall) {
            answer(message);
        }
    }
    void hear(std::uint32_t serial) {
        if (last_heard_ != 0 && serial != last_heard_ + 1) ++board_.signal_gaps;
        last_heard_ = serial;
        board_.heard[who_ - innocent::kListener] = serial;
    }
    void answer(std::span<const std::byte> call) {
        if (reply_.empty()) reply_ = load::make_reply(load::header_of(call).sender);
        load::set_serial(reply_, client_.next_serial());
        load::set_reply_serial(reply_, load::serial_of(call));
        outbox_.add(reply_);
    }

    load::Client client_;
    std::size_t who_;
    Board& board_;
    load::Bytes reply_;
    Outbox outbox_;
    std::uint32_t last_heard_ = 0;
    bool gone_ = false;
};

struct Idler {
    std::unique_ptr<load::Client> client;
    std::size_t who;

    void read(Board& board) {
        if (!client) return;
        try {
            while (client->receive_some([](auto) {})) {
            }
        } catch (const std::exception&) {
            client.reset();
            board.befalls(who, Fate::Disconnected);
        }
    }
    /// It must still be served.
    void check(Board& board) const {
        if (!client) return;
        try {
            client->call(load::make_driver_call("GetId"));
        } catch (const load::HungUp&) {
            board.befalls(who, Fate::Disconnected);
        } catch (const std::exception&) {
            board.befalls(who, Fate::Stuck);
        }
    }
};

std::vector<Idler> make_idlers(const std::string& socket_path) {
    std::vector<Idler> idlers;
    for (std::size_t i = 0; i < kIdlers; ++i) {
        auto client = std::make_unique<load::Client>(socket_path);
        if (i % 2 == 0) {
            client->request_name(fmt::format("org.buzon.Flood.Idle{}", i));
        } else {
            client->add_match("type='signal',interface='org.buzon.Flood.Never'");
        }
        idlers.push_back({std::move(client), innocent::kIdler + i});
    }
    return idlers;
}

void join_once(const std::string& socket_path, Board& board) {
    ++board.newcomers;
    Applicant newcomer(socket_path);
    const auto begun = Clock::now();
    const auto patience = begun + kNewcomersPatience;
    while (newcomer.step(milliseconds(20)) == Applicant::State::Waiting &&
           Clock::now() < patience) {
    }
    if (newcomer.state() != Applicant::State::In) {
        ++board.newcomers_refused;
        return;
    }
    const auto end = board.now_us();
    board.newcomer_slowest_us =
        std::max(board.newcomer_slowest_us.load(), end - board.since_us(begun));
    board.newcomer_last_in_us = end;
}

}  // namespace

void play_callees_and_listeners(const std::string& socket_path, Board& board) {
    std::vector<Answerer> all;
    for (auto who = innocent::kCallee; who < innocent::kPublisher; ++who)
        all.emplace_back(socket_path, who, board);
    std::vector<pollfd> sources;
    ++board.ready;
    while (board.phase < Phase::End) {
        sources.clear();
        for (const auto& each : all)
            sources.push_back(each.source());
        ::poll(sources.data(), sources.size(), static_cast<int>(kStep.count()));
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (sources[i].revents != 0) all[i].work();
        }
    }
}

void play_idlers(const std::string& socket_path, Board& board) {
    auto idlers = make_idlers(socket_path);
    ++board.ready;
    while (board.phase < Phase::End) {
        for (auto& each : idlers)
            each.read(board);
        std::this_thread::sleep_for(milliseconds(20));
    }
    for (auto& each : idlers)
        each.check(board);
}

void play_newcomers(const std::string& socket_path, Board& board) {
    ++board.ready;
    board.wait_for(Phase::WarmUp);
    while (board.phase < Phase::Quiet) {
        const auto next = Clock::now() + kBetweenNewcomers;
        join_once(socket_path, board);
        std::this_thread::sleep_until(next);
    }
}

}  // namespace buzon::flood
