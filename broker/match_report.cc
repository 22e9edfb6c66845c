// SPDX-License-Identifier: Apache-2.0
#include "broker/match_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

// Of looking at a connection, and of writing down a rule, besides its bytes.
constexpr std::size_t kCostPerConnection = 64;
constexpr std::size_t kCostPerRule = 192;
// What is held is charged in steps.
constexpr std::uint64_t kChargedAtOnce = std::uint64_t{64} << 10;
// Around a text: its length, its end, padding, and the array that may begin behind it.
constexpr std::size_t kAroundText = 24;

std::uint64_t in_steps(std::uint64_t bytes) {
    return (bytes + kChargedAtOnce - 1) / kChargedAtOnce * kChargedAtOnce;
}

}  // namespace

void MatchReport::ask(Peer& caller, std::uint32_t serial) {
    if (state_.matches.size() + state_.peers.complete_count() <= kAtOnce) {
        Answer answer(*this, caller, serial, Pace::AtOnce);
        answer.write_on(std::numeric_limits<std::size_t>::max());
        caller.charge_turn(answer.cost());
        answer.send();
        return;
    }
    caller.wait_for_answer();
    line_.add(caller, *caller.account().account().parent(), serial);
    if (!now_) begin_next();
}

void MatchReport::forget(Peer& caller) {
    if (line_.remove(caller)) {
        // Nothing has been written for it.
    } else if (now_ && &now_->caller() == &caller) {
        now_->give_up();
        state_.loop.dispose_later(std::move(now_));
        begin_next();
    } else {
        return;
    }
    caller.end_wait_for_answer();
}

/// The answer itself is at work.
void MatchReport::finish() {
    const auto done = std::exchange(now_, nullptr).release();
    state_.loop.dispose_later(std::unique_ptr<bus::Disposable>(done));
    done->send();
    done->caller().end_wait_for_answer();
    if (!now_) begin_next();
}

void MatchReport::begin_next() {
    const auto next = line_.take_next();
    if (!next) return;
    now_ = std::make_unique<Answer>(*this, *next->caller, next->serial, Pace::OverTurns);
    now_->start();
}

MatchReport::Answer::Answer(MatchReport& report, Peer& caller, std::uint32_t serial, Pace pace)
    : TurnTaker(&caller.turns()),
      report_(report),
      caller_(caller),
      serial_(serial),
      pace_(pace),
      body_(report.pool_) {}

TurnTaker::Turn MatchReport::Answer::take_turn(std::size_t budget) {
    const std::size_t before = cost_;
    if (!write_on(budget)) return {cost_ - before, Left::More};
    const std::uint64_t work = report_.delivery_.work();
    report_.finish();
    return {cost_ - before + static_cast<std::size_t>(report_.delivery_.work() - work),
            Left::Nothing};
}

bool MatchReport::Answer::write_on(std::size_t budget) {
    for (const std::size_t before = cost_; phase_ != Phase::Over && cost_ - before < budget;) {
        switch (phase_) {
            case Phase::Start: begin(); break;
            case Phase::Connections: begin_connection(); break;
            case Phase::Rules: write_rule(); break;
            case Phase::Over: break;
        }
    }
    return phase_ == Phase::Over;
}

void MatchReport::Answer::begin() {
    const BusState& state = report_.state_;
    connections_.reserve(state.peers.complete_count());
    state.peers.for_each_active([this](const Peer& peer) { connections_.push_back(peer.id()); });
    // They are taken from the end: those who came last are written last.
    std::reverse(connections_.begin(), connections_.end());
    cost_ += connections_.size() * kCostPerConnection / 2;
    if (!make_room(0)) return;
    all_ = body_.begin_array('{');
    phase_ = Phase::Connections;
}

void MatchReport::Answer::begin_connection() {
    if (connections_.empty()) {
        body_.end_array(all_);
        phase_ = Phase::Over;
        return;
    }
    cost_ += kCostPerConnection;
    const PeerId id = connections_.back();
    connections_.pop_back();
    const Peer* const peer = report_.state_.peers.find(id);
    if (!peer || !make_room(peer->unique_name().size())) return;
    body_.align(8);
    body_.write_string(peer->unique_name());
    rules_ = body_.begin_array('s');
    report_.state_.matches.set_cursor(cursor_, id);
    phase_ = Phase::Rules;
}

void MatchReport::Answer::write_rule() {
    const auto rule = report_.state_.matches.next_rule(cursor_);
    if (!rule) {
        body_.end_array(rules_);
        phase_ = Phase::Connections;
        return;
    }
    const std::string text = to_text(*rule);
    cost_ += kCostPerRule + text.size();
    if (make_room(text.size())) body_.write_string(text);
}

bool MatchReport::Answer::make_room(std::size_t bytes) {
    const std::size_t end = body_.size() + bytes + kAroundText;
    if (end > bus::kMaxArrayBytes) {
        fail(bus::error_name::kLimitsExceeded,
             fmt::format("The match rules do not fit into one message (arrays have at most {} "
                         "bytes)",
                         bus::kMaxArrayBytes));
        return false;
    }
    if (pace_ == Pace::OverTurns && !cover(end)) return false;
    if (body_.try_reserve(bytes + kAroundText)) return true;
    fail(bus::error_name::kNoMemory, "There is no memory for the match rules");
    return false;
}

/// Charges what is held when the body has so many bytes.
bool MatchReport::Answer::cover(std::uint64_t bytes) {
    const std::uint64_t held = connections_.capacity() * sizeof(PeerId) + in_steps(bytes);
    if (held <= charge_.amount()) return true;
    auto more = Charge::take(caller_.account().payer(), Resource::Bytes, held - charge_.amount());
    if (more) {
        if (!charge_.absorb(*more)) charge_ = std::move(*more);
        return true;
    }
    auto text = fmt::format(
        "Connection \"{}\" is not allowed to have all match rules listed: too many bytes are held "
        "by this {}",
        caller_.unique_name(), name_of(more.error().level));
    report_.state_.log.warning(bus::LogKind{"quotas"}, "{} ({}): {}", text, caller_.describe(),
                               describe(more.error()));
    fail(bus::error_name::kLimitsExceeded, std::move(text));
    return false;
}

void MatchReport::Answer::fail(std::string_view error_name, std::string text) {
    error_ = ErrorReply{error_name, std::move(text)};
    phase_ = Phase::Over;
}

std::uint64_t MatchReport::Answer::held_bytes() const {
    if (pace_ == Pace::AtOnce) return 0;
    return connections_.capacity() * sizeof(PeerId) + in_steps(body_.reserved());
}

void MatchReport::Answer::send() {
    // From here on the queue of the caller is charged for it.
    charge_.release();
    if (error_) {
        ++report_.state_.counts.refused_calls;
        report_.delivery_.send_error(caller_, serial_, error_->error_name, error_->text);
    } else {
        report_.delivery_.reply_from_driver(caller_,
                                            {.reply_serial = serial_, .signature = "a{sas}"},
                                            body_.bytes(), body_.block());
    }
    give_up();
}

void MatchReport::Answer::give_up() {
    FairTurns::leave(*this);
    charge_.release();
    cursor_.unlink();
    body_.clear();
    connections_ = {};
}

}  // namespace buzon::broker
