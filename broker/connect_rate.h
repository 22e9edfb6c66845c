// SPDX-License-Identifier: Apache-2.0
// How fast programs may connect. Whoever connects faster is neither refused nor read: its
// connections wait for their turn, while those of others come in; or until they hang up.
// A program may make at once what it has not made in the last seconds (kBurst), and then so many a
// second. Programs are remembered until that makes no difference any more.
// Bounded by its user, with drop_newest(). Times are of the loop's clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "broker/arrival.h"
#include "broker/watched_arrivals.h"
#include "bus/base/event_loop.h"

namespace buzon::broker {

class ConnectRate {
public:
    /// What is not used in that time can be used later.
    static constexpr std::chrono::seconds kBurst{10};

    /// Those who wait are watched by `loop`.
    explicit ConnectRate(bus::EventLoop& loop) : loop_(loop) {}
    ConnectRate(const ConnectRate&) = delete;
    ConnectRate& operator=(const ConnectRate&) = delete;
    ConnectRate(ConnectRate&&) = delete;
    ConnectRate& operator=(ConnectRate&&) = delete;
    ~ConnectRate() = default;

    /// Gives `arrival` back if its turn is now, else keeps it. `rate`: what its program may make in
    /// a second; 0: any number.
    [[nodiscard]] std::optional<Arrival> pass(Arrival arrival,
                                              std::uint32_t rate,
                                              bus::TimePoint now);
    /// The next one whose turn has come.
    [[nodiscard]] std::optional<Arrival> take_due(bus::TimePoint now);
    /// When that will be; nothing while nobody waits.
    [[nodiscard]] std::optional<bus::TimePoint> next_due() const;
    /// The newest of the program that has most of those who wait.
    [[nodiscard]] Arrival drop_newest();
    /// For a reload: `rate_of(UserId)` is what it is from now on, for those who wait as well.
    template <typename RateOf>
    void set_rates(bus::TimePoint now, RateOf&& rate_of) {
        due_.clear();
        for (auto& [key, program] : programs_)
            if (!program.waiting.empty()) set_rate(program, now, rate_of(key.first));
    }

    /// How many wait.
    [[nodiscard]] std::size_t size() const { return size_; }
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        for (const auto& [due, program] : due_)
            program->waiting.for_each(visit);
    }
    /// Programs that are remembered.
    [[nodiscard]] std::size_t programs() const { return programs_.size(); }

private:
    using Key = std::pair<UserId, PrincipalKey>;
    struct Program {
        Program(bus::EventLoop& loop, ConnectRate& owner)
            : waiting(loop, [this, &owner] { owner.on_hang_up(*this); }) {}

        /// When the first of `waiting`, or the next that comes, has its turn.
        bus::TimePoint next{};
        std::uint32_t rate = 0;
        WatchedArrivals waiting;
    };

    static void take_turn(Program& program, bus::TimePoint now);
    void set_rate(Program& program, bus::TimePoint now, std::uint32_t rate);
    void on_hang_up(Program& program);
    void forget_the_slow(bus::TimePoint now);

    bus::EventLoop& loop_;
    std::map<Key, Program> programs_;
    /// Those that have somebody waiting, by `next`.
    std::set<std::pair<bus::TimePoint, Program*>> due_;
    std::size_t size_ = 0;
    std::size_t forget_at_ = 0;
};

}  // namespace buzon::broker
