// SPDX-License-Identifier: Apache-2.0
#include "broker/connect_rate.h"

#include <algorithm>
#include <cassert>
#include <variant>

namespace buzon::broker {

namespace {

constexpr std::size_t kLeastToForgetAt = 64;

/// Between two connections. At a rate of 0 all come at once.
bus::Duration interval_of(std::uint32_t rate) {
    return rate == 0 ? bus::Duration::zero() : bus::Duration(std::chrono::seconds(1)) / rate;
}

std::pair<UserId, PrincipalKey> key_of(const Arrival& arrival) {
    const Account& principal = arrival.principal();
    return {std::get<UserId>(principal.parent()->key()), std::get<PrincipalKey>(principal.key())};
}

}  // namespace

/// What has not been used for long is lost.
void ConnectRate::take_turn(Program& program, bus::TimePoint now) {
    program.next = std::max(program.next, now - kBurst) + interval_of(program.rate);
}

std::optional<Arrival> ConnectRate::pass(Arrival arrival, std::uint32_t rate, bus::TimePoint now) {
    if (rate == 0) return arrival;
    if (programs_.size() >= std::max(forget_at_, kLeastToForgetAt)) forget_the_slow(now);
    Program& program = programs_.try_emplace(key_of(arrival), loop_, *this).first->second;
    program.rate = rate;
    if (program.waiting.empty()) {
        if (program.next <= now) {
            take_turn(program, now);
            return arrival;
        }
        due_.emplace(program.next, &program);
    }
    program.waiting.push_back(std::move(arrival));
    ++size_;
    return std::nullopt;
}

std::optional<Arrival> ConnectRate::take_due(bus::TimePoint now) {
    if (due_.empty() || due_.begin()->first > now) return std::nullopt;
    Program& program = *due_.extract(due_.begin()).value().second;
    std::optional<Arrival> arrival(program.waiting.take_front());
    --size_;
    take_turn(program, now);
    if (!program.waiting.empty()) due_.emplace(program.next, &program);
    return arrival;
}

std::optional<bus::TimePoint> ConnectRate::next_due() const {
    if (due_.empty()) return std::nullopt;
    return due_.begin()->first;
}

Arrival ConnectRate::drop_newest() {
    assert(!due_.empty());
    const auto heaviest =
        std::max_element(due_.begin(), due_.end(), [](const auto& left, const auto& right) {
            return left.second->waiting.size() < right.second->waiting.size();
        });
    Program& program = *heaviest->second;
    Arrival newest = program.waiting.take_back();
    --size_;
    if (program.waiting.empty()) due_.erase(heaviest);
    return newest;
}

/// One of those who wait has left; the others keep their turns.
void ConnectRate::on_hang_up(Program& program) {
    --size_;
    if (program.waiting.empty()) due_.erase({program.next, &program});
}

void ConnectRate::set_rate(Program& program, bus::TimePoint now, std::uint32_t rate) {
    program.rate = rate;
    program.next = std::min(program.next, now + interval_of(rate));
    due_.emplace(program.next, &program);
}

/// Who has not used anything for the whole time is as one who was never there.
void ConnectRate::forget_the_slow(bus::TimePoint now) {
    std::erase_if(programs_, [&](const auto& entry) {
        return entry.second.waiting.empty() && entry.second.next <= now - kBurst;
    });
    forget_at_ = 2 * programs_.size();
}

}  // namespace buzon::broker
