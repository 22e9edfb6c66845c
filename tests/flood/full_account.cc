// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/full_account.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "tests/flood/outbox.h"
#include "tests/flood/speech.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kDeaf = "Full";
constexpr std::size_t kLarge = std::size_t{1} << 20;
constexpr std::size_t kSmall = 2000;

/// Sends the same again and again, as long as it is taken.
class Filler {
public:
    Filler(const std::string& socket_path, std::size_t body_bytes)
        : client_(socket_path), message_(signals(kDeaf, body_bytes).write(0, 0)) {}

    /// Sends what the socket takes. True: it has taken nothing for a while, or it has gone on for
    /// too long, as a bus that throws away what is too much always takes something.
    bool is_done() {
        const auto now = Clock::now();
        if (!begun_) begun_ = last_taken_ = now;
        if (say()) last_taken_ = now;
        return now - last_taken_ > kFull || now - *begun_ > kMost;
    }

private:
    static constexpr milliseconds kFull{400};
    static constexpr milliseconds kMost{1500};
    static constexpr milliseconds kStep{2};
    static constexpr std::size_t kBatch = std::size_t{64} << 10;

    bool say() {
        if (outbox_.is_empty()) refill();
        const auto before = outbox_.size();
        try {
            outbox_.flush(client_);
        } catch (const load::HungUp&) {
            return false;
        }
        if (outbox_.size() < before) return true;
        std::this_thread::sleep_for(kStep);
        return false;
    }

    void refill() {
        while (outbox_.size() < kBatch)
            outbox_.add(message_);
    }

    load::Client client_;
    load::Bytes message_;
    Outbox outbox_;
    std::optional<Clock::time_point> begun_;
    Clock::time_point last_taken_{};
};

class FillsItsAccountFirst final : public Role {
public:
    explicit FillsItsAccountFirst(std::unique_ptr<Role> then) : then_(std::move(then)) {}

    void start(Stage& stage) override {
        then_->start(stage);
        deaf_.emplace(stage.socket_path);
        deaf_->request_name(attack_name(kDeaf));
        large_.emplace(stage.socket_path, kLarge);
        small_.emplace(stage.socket_path, kSmall);
    }
    void step(Stage& stage) override {
        if (is_filling_) {
            // What is left when nothing large fits.
            is_filling_ = !large_->is_done() || !small_->is_done();
        } else {
            then_->step(stage);
        }
    }
    void stop(Stage& stage) override { then_->stop(stage); }

private:
    std::unique_ptr<Role> then_;
    std::optional<load::Client> deaf_;
    std::optional<Filler> large_;
    std::optional<Filler> small_;
    bool is_filling_ = true;
};

}  // namespace

Actor fills_its_account_first(Actor then) {
    auto actor = then;
    actor.make = [make = std::move(then.make)] {
        return std::make_unique<FillsItsAccountFirst>(make());
    };
    return actor;
}

}  // namespace buzon::flood
