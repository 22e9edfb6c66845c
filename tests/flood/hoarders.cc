// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/hoarders.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/flood/outbox.h"
#include "tests/flood/speech.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

constexpr int kStepMs = 10;

/// A connection that is given up when it has what it wanted.
class Visit {
public:
    explicit Visit(const std::string& socket_path) : client_(socket_path) {}
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    virtual ~Visit() = default;

    [[nodiscard]] pollfd source() const {
        const int events = outbox_.is_empty() ? POLLIN : POLLIN | POLLOUT;
        return {.fd = client_.fd(), .events = static_cast<short>(events), .revents = 0};
    }
    /// Reads and says what is possible now. False: it has come to its end.
    bool work() {
        client_.receive_some([&](auto message) { take(message); });
        if (outbox_.flush(client_) && !is_over_) say_more();
        return !is_over_;
    }

protected:
    virtual void take(std::span<const std::byte> message) = 0;
    /// All that it has said is out.
    virtual void say_more() {}
    void say(load::Bytes& message, std::uint32_t serial) {
        load::set_serial(message, serial);
        outbox_.add(message);
    }
    [[nodiscard]] std::uint32_t next_serial() { return client_.next_serial(); }
    void end() { is_over_ = true; }

private:
    load::Client client_;
    Outbox outbox_;
    bool is_over_ = false;
};

class WithNames final : public Visit {
public:
    WithNames(const std::string& socket_path, std::vector<load::Bytes>& requests)
        : Visit(socket_path) {
        for (auto& request : requests)
            say(request, last_ = next_serial());
    }

private:
    void take(std::span<const std::byte> message) override {
        if (load::header_of(message).reply_serial == last_) end();
    }

    std::uint32_t last_ = 0;
};

class WithRules final : public Visit {
public:
    WithRules(const std::string& socket_path, std::size_t visitor, std::size_t most)
        : Visit(socket_path), visitor_(visitor), most_(most) {
        say_more();
    }

private:
    static constexpr std::size_t kAtOnce = 64;

    void take(std::span<const std::byte> message) override {
        const auto header = load::header_of(message);
        const bool is_limit = header.type == bus::MessageType::Error;
        if (is_limit || header.reply_serial == last_) end();
    }
    void say_more() override {
        for (std::size_t i = 0; i < kAtOnce && said_ < most_; ++i) {
            auto request = speech_.write(visitor_, visitor_ * most_ + said_);
            const auto serial = next_serial();
            if (++said_ == most_) last_ = serial;
            say(request, serial);
        }
    }

    std::size_t visitor_;
    std::size_t most_;
    Speech speech_ =
        driver_calls("AddMatch", [](auto, auto nth) { return rule_of_64_conditions(nth); });
    std::size_t said_ = 0;
    std::optional<std::uint32_t> last_;  // of so many that it wants no more
};

/// Leaves as much to do as its socket takes.
class WithBroadcasts final : public Visit {
public:
    WithBroadcasts(const std::string& socket_path, load::Bytes& signal) : Visit(socket_path) {
        constexpr std::size_t kMoreThanASocketTakes = std::size_t{1} << 20;
        for (std::size_t bytes = 0; bytes < kMoreThanASocketTakes; bytes += signal.size())
            say(signal, next_serial());
        end();
    }

private:
    void take(std::span<const std::byte>) override {}
};

constexpr std::size_t kLongestBody = std::size_t{16} << 20;
constexpr std::size_t kShort = 256;

/// A call, and one of the bus behind it that tells whether it has been refused. What still fits is
/// looked for by halves, and where it is short byte after byte from above: what was taken is taken.
class ToTheLastByte final : public Visit {
public:
    ToTheLastByte(const std::string& socket_path, std::string to)
        : Visit(socket_path), to_(std::move(to)), barrier_(load::make_driver_call("GetId")) {
        try_next();
    }

private:
    void take(std::span<const std::byte> message) override {
        const auto serial = load::header_of(message).reply_serial;
        if (serial == 0) return;
        if (serial == tried_serial_) was_refused_ = true;
        if (serial != barrier_serial_) return;
        was_refused_ ? next_shorter() : next_after_success();
    }
    void next_shorter() {
        bound_ = body_;
        if (body_ == 0) return end();
        body_ = body_ > kShort ? body_ / 2 : body_ - 1;
        try_next();
    }
    void next_after_success() {
        if (bound_) {
            *bound_ -= body_;
            // It was taken, and one longer by a byte was not.
            if (*bound_ == 1) return end();
            body_ = *bound_ > kShort ? std::min(body_, *bound_ / 2) : *bound_ - 1;
        }
        try_next();
    }
    void try_next() {
        auto call = calls(to_, body_, Reply::Wanted).write(0, 0);
        was_refused_ = false;
        say(call, tried_serial_ = next_serial());
        say(barrier_, barrier_serial_ = next_serial());
    }

    std::string to_;
    load::Bytes barrier_;
    std::size_t body_ = kLongestBody;
    std::optional<std::size_t> bound_;  // a body of so much does not fit
    std::uint32_t tried_serial_ = 0;
    std::uint32_t barrier_serial_ = 0;
    bool was_refused_ = false;
};

/// Comes again and again.
class Visitors : public Role {
public:
    explicit Visitors(std::size_t connections) : visits_(connections) {}

    void start(Stage&) override {}
    void step(Stage& stage) override {
        for (std::size_t i = 0; i < visits_.size(); ++i) {
            if (!visits_[i]) visits_[i] = begin(stage.socket_path, i);
        }
        std::vector<pollfd> sources;
        for (const auto& each : visits_)
            sources.push_back(each->source());
        ::poll(sources.data(), sources.size(), kStepMs);
        for (std::size_t i = 0; i < visits_.size(); ++i) {
            if (sources[i].revents != 0) go_on(stage, visits_[i]);
        }
    }

protected:
    virtual std::unique_ptr<Visit> begin(const std::string& socket_path, std::size_t index) = 0;

private:
    static void go_on(Stage& stage, std::unique_ptr<Visit>& visit) {
        try {
            if (!visit->work()) visit.reset();
        } catch (const load::HungUp&) {
            visit.reset();
            ++stage.board.attackers_disconnected;
        }
    }

    std::vector<std::unique_ptr<Visit>> visits_;
};

class LeaversWithNames final : public Visitors {
public:
    LeaversWithNames(std::size_t connections, std::size_t names)
        : Visitors(connections), requests_(connections) {
        for (std::size_t i = 0; i < connections; ++i) {
            const auto speech = name_requests([](std::size_t speaker, std::uint64_t nth) {
                return fmt::format("org.example.Of{}.Name{}", speaker, nth);
            });
            for (std::size_t nth = 0; nth < names; ++nth)
                requests_[i].push_back(speech.write(i, nth));
        }
    }

private:
    std::unique_ptr<Visit> begin(const std::string& socket_path, std::size_t index) override {
        return std::make_unique<WithNames>(socket_path, requests_[index]);
    }

    std::vector<std::vector<load::Bytes>> requests_;
};

class LeaversWithBroadcasts final : public Visitors {
public:
    explicit LeaversWithBroadcasts(std::size_t connections) : Visitors(connections) {}

private:
    std::unique_ptr<Visit> begin(const std::string& socket_path, std::size_t) override {
        return std::make_unique<WithBroadcasts>(socket_path, signal_);
    }

    load::Bytes signal_ = broadcasts(1024).write(0, 0);
};

class LeaversWithRules final : public Visitors {
public:
    LeaversWithRules(std::size_t connections, std::size_t most)
        : Visitors(connections), most_(most) {}

private:
    std::unique_ptr<Visit> begin(const std::string& socket_path, std::size_t index) override {
        return std::make_unique<WithRules>(socket_path, index, most_);
    }

    std::size_t most_;
};

class LeaverWithAQueue final : public Role {
public:
    explicit LeaverWithAQueue(std::string_view name)
        : request_(name_requests([name = attack_name(name)](auto, auto) { return name; })) {}

    void start(Stage& stage) override { come(stage); }
    void step(Stage& stage) override {
        std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
        if (Clock::now() - came_ < kStay) return;
        client_.reset();
        come(stage);
    }

private:
    static constexpr std::chrono::milliseconds kStay{2500};

    /// Behind its last connection, if the bus has not seen that one go.
    void come(const Stage& stage) {
        client_.emplace(stage.socket_path);
        client_->call(request_.write(0, 0));
        came_ = Clock::now();
    }

    Speech request_;
    std::optional<load::Client> client_;
    Clock::time_point came_{};
};

class LeaverBehindFullQueues final : public Role {
public:
    void start(Stage&) override {}
    void step(Stage& stage) override {
        if (!sender_) return begin(stage);
        const auto now = Clock::now();
        if (outbox_.flush(*sender_)) {
            for (int i = 0; i < kCallsAtOnce; ++i) {
                load::set_serial(call_, sender_->next_serial());
                outbox_.add(call_);
            }
            blocked_since_ = now;
        } else if (now - blocked_since_ > kPatience) {
            outbox_ = {};
            sender_.reset();
        } else {
            pollfd source{.fd = sender_->fd(), .events = POLLOUT, .revents = 0};
            ::poll(&source, 1, kStepMs);
        }
    }

private:
    static constexpr std::size_t kMostQueues = 100;
    static constexpr int kCallsAtOnce = 256;
    static constexpr std::size_t kBytes = 1024;
    static constexpr std::chrono::milliseconds kPatience{40};

    void begin(const Stage& stage) {
        if (queues_.size() == kMostQueues) {
            std::this_thread::sleep_for(std::chrono::milliseconds(kStepMs));
            return;
        }
        const auto& queue =
            *queues_.emplace_back(std::make_unique<load::Client>(stage.socket_path));
        sender_.emplace(stage.socket_path);
        call_ = load::make_call(
            {.flags = bus::kFlagNoReplyExpected,
             .path = "/org/buzon/Flood",
             .interface = "org.buzon.Flood",
             .member = "Flood",
             .destination = queue.unique_name(),
             .signature = "s"},
            [](bus::WireWriter& body) { body.write_string(std::string(kBytes, 'x')); });
        blocked_since_ = Clock::now();
    }

    std::vector<std::unique_ptr<load::Client>> queues_;
    std::optional<load::Client> sender_;
    load::Bytes call_;
    Outbox outbox_;
    Clock::time_point blocked_since_{};
};

class FillersToTheLastByte final : public Visitors {
public:
    explicit FillersToTheLastByte(std::string to) : Visitors(1), to_(std::move(to)) {}

private:
    std::unique_ptr<Visit> begin(const std::string& socket_path, std::size_t) override {
        return std::make_unique<ToTheLastByte>(socket_path, to_);
    }

    std::string to_;
};

}  // namespace

Actor leaver_with_names(std::size_t connections, std::size_t names) {
    return {.make = [=] { return std::make_unique<LeaversWithNames>(connections, names); }};
}

Actor leaver_with_broadcasts(std::size_t connections) {
    return {.make = [=] { return std::make_unique<LeaversWithBroadcasts>(connections); }};
}

Actor leaver_with_rules(std::size_t connections, std::size_t most) {
    return {.make = [=] { return std::make_unique<LeaversWithRules>(connections, most); }};
}

Actor leaver_with_a_queue(std::string_view name) {
    return {.make = [name = std::string(name)] { return std::make_unique<LeaverWithAQueue>(name); },
            .is_active = false};
}

Actor leaver_behind_full_queues() {
    return {.make = [] { return std::make_unique<LeaverBehindFullQueues>(); }};
}

Actor filler_to_the_last_byte(std::string_view to) {
    return {.make = [to = std::string(to)] { return std::make_unique<FillersToTheLastByte>(to); }};
}

}  // namespace buzon::flood
