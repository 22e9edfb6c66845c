// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/scene.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>

#include "tests/flood/good_callers.h"
#include "tests/flood/innocents.h"
#include "tests/flood/memory_watch.h"
#include "tests/load/child_process.h"

namespace buzon::flood {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr milliseconds kLook{10};
constexpr milliseconds kWarmUp{300};
constexpr seconds kLongestBaseline{2};
constexpr milliseconds kCalibration{500};
constexpr seconds kToStart{30};
constexpr seconds kToSettle{8};
constexpr seconds kToAnswerAll{3};
constexpr seconds kToEnd{30};
constexpr seconds kLongestRecovery{1};
constexpr milliseconds kBeforeQuiet{200};
constexpr milliseconds kQuiet{300};
constexpr milliseconds kNewcomersPeriod{200};
// So many good windows in a row are a recovery.
constexpr std::size_t kGoodWindows = 3;
constexpr double kGoodShare = 0.9;

nanoseconds cpu_time(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

double as_seconds(nanoseconds time) {
    return duration<double>(time).count();
}

/// A stand-in for an attacker in the baseline.
void burn(const Board& board) {
    board.wait_for(Phase::Baseline);
    while (board.phase == Phase::Baseline) {
    }
}

class Scene {
public:
    Scene(const load::BusProgram& program, double rate) : bus_(program) {
        board_->rate = rate;
        const auto& path = bus_.socket_path();
        // Callers last: whom they call must be there.
        add_innocent([this, path] { play_callees_and_listeners(path, *board_); });
        add_innocent([this, path] { play_good_callers(path, *board_); });
        add_innocent([this, path] { play_idlers(path, *board_); });
        add_innocent([this, path] { play_newcomers(path, *board_); });
    }

    double calibrate(std::size_t burners) {
        for (std::size_t i = 0; i < burners; ++i)
            add_burner();
        memory_.emplace(bus_.pid());
        pass(Phase::WarmUp, kWarmUp);
        pass(Phase::Baseline, kCalibration);
        const auto& load = board_->load(Phase::Baseline);
        return static_cast<double>(load.latency.count()) / as_seconds(kCalibration);
    }

    Outcome play(const Attack& attack, double attack_seconds) {
        const auto attack_time =
            std::chrono::duration_cast<nanoseconds>(duration<double>(attack_seconds));
        const auto baseline_time = std::min<nanoseconds>(attack_time, kLongestBaseline);
        assemble(attack);
        memory_.emplace(bus_.pid());
        pass(Phase::WarmUp, kWarmUp);
        pass(Phase::Baseline, baseline_time);
        outcome_.baseline = service_in(Phase::Baseline, baseline_time);
        // Nobody burns CPU after the attack, so however slow the baseline was is no measure.
        board_->quick_us = 3 * std::min(outcome_.baseline.p99_us, Bounds{}.slowest_baseline_us);
        pass(Phase::Attack, attack_time);
        settle(attack);
        quiet();
        end();
        // What was due in the attack may have been answered as late as now.
        outcome_.attacked = service_in(Phase::Attack, attack_time);
        judge();
        return std::move(outcome_);
    }

private:
    template <typename Play>
    void add_innocent(Play&& play) {
        innocents_.push_back(load::ChildProcess::fork([this, play] {
            play();
            ++board_->through;
        }));
        wait_until_ready(innocents_.size());
    }

    void wait_until_ready(std::size_t count) {
        const auto deadline = Clock::now() + kToStart;
        while (board_->ready < count) {
            if (Clock::now() > deadline) throw std::runtime_error("a process does not start");
            std::this_thread::sleep_for(milliseconds(1));
        }
    }

    void add_burner() {
        burners_.push_back(load::ChildProcess::fork([this] { burn(*board_); }));
    }

    void assemble(const Attack& attack) {
        for (const auto& actor : attack.cast) {
            if (actor.is_active) add_burner();
            cast_.push_back(load::ChildProcess::fork([this, &actor] {
                Stage stage{.socket_path = bus_.socket_path(), .board = *board_};
                flood::play(actor, stage);
            }));
            wait_until_ready(innocents_.size() + cast_.size());
        }
        if (board_->failure[0] != '\0') throw std::runtime_error(board_->failure.data());
    }

    /// Lets `time` pass in `phase`, less if the bus comes to its end.
    void pass(Phase phase, nanoseconds time) {
        board_->phase = phase;
        wait_while(time, [] { return true; });
    }

    template <typename Condition>
    void wait_while(nanoseconds most, Condition&& condition) {
        const auto deadline = Clock::now() + most;
        while (Clock::now() < deadline && is_alive() && condition())
            std::this_thread::sleep_for(kLook);
    }

    bool is_alive() {
        if (outcome_.died || outcome_.killed) return false;
        const auto memory = memory_->sample();
        if (!memory) {
            outcome_.died = true;
        } else if (*memory > kMostMemory) {
            outcome_.killed = true;
            ::kill(bus_.pid(), SIGKILL);
        }
        return memory && !outcome_.killed;
    }

    void settle(const Attack& attack) {
        outcome_.peak_descriptors = memory_->descriptors();
        attack_ended_ = Clock::now();
        board_->phase = Phase::Settle;
        wait_while(kToSettle, [&] {
            for (std::size_t i = 0; i < cast_.size(); ++i) {
                if (attack.cast[i].stops_itself) ::kill(cast_[i].pid(), SIGCONT);
            }
            if (!outcome_.recovery_seconds) outcome_.recovery_seconds = recovery();
            return !outcome_.recovery_seconds || board_->settled < cast_.size();
        });
        auto& ledger = board_->ledger;
        if (ledger.was_used() && !ledger.is_settled()) outcome_.recovery_seconds.reset();
    }

    /// How long after the attack the pairs were served as before; absent: not yet.
    std::optional<double> recovery() {
        const auto newcomer_in = board_->newcomer_last_in_us.load();
        const auto ended = board_->since_us(attack_ended_);
        if (newcomer_in < ended) return std::nullopt;
        const auto last = static_cast<std::size_t>((Clock::now() - board_->made) / Board::kWindow);
        std::size_t good = 0;
        for (auto i = static_cast<std::size_t>((attack_ended_ - board_->made) / Board::kWindow) + 1;
             i < std::min(last, Board::kWindows); ++i) {
            good = is_good(board_->windows[i]) ? good + 1 : 0;
            if (good < kGoodWindows) continue;
            const auto since =
                Board::kWindow * (i + 1 - kGoodWindows) - (attack_ended_ - board_->made);
            // Newcomers come now and then: the time until the next one is not the bus's fault.
            const auto newcomer = std::chrono::microseconds(newcomer_in - ended) - kNewcomersPeriod;
            return std::max(0.0, as_seconds(std::max<nanoseconds>(since, newcomer)));
        }
        return std::nullopt;
    }
    static bool is_good(const Window& window) {
        return window.offered > 0 && window.quick >= kGoodShare * window.offered;
    }

    /// Nobody does anything any more, so neither should the bus.
    void quiet() {
        burners_.clear();
        board_->phase = Phase::Quiet;
        if (outcome_.killed) await_end_of_bus();
        wait_while(kToAnswerAll, [&] { return board_->outstanding > 0; });
        // What attackers have left in their sockets is served, and there is as long for that as to
        // recover.
        wait_while(kLongestRecovery,
                   [&] { return Clock::now() - attack_ended_ < kLongestRecovery; });
        wait_while(kBeforeQuiet, [] { return true; });
        outcome_.growth_after = memory_->growth_now();
        if (!is_alive()) return;
        const auto clock = bus_.cpu_clock();
        const auto before = cpu_time(clock);
        wait_while(kQuiet, [] { return true; });
        outcome_.cpu_after = as_seconds(cpu_time(clock) - before) / as_seconds(kQuiet);
    }

    /// The kernel takes its time with that much memory and closes the sockets after it.
    void await_end_of_bus() {
        const auto deadline = Clock::now() + kToSettle;
        while (memory_->sample() && Clock::now() < deadline)
            std::this_thread::sleep_for(kLook);
        std::this_thread::sleep_for(kBeforeQuiet);
    }

    void end() {
        board_->phase = Phase::End;
        const auto deadline = Clock::now() + kToEnd;
        while (board_->through < innocents_.size() && Clock::now() < deadline)
            std::this_thread::sleep_for(milliseconds(1));
        if (!outcome_.killed && !memory_->sample()) outcome_.died = true;
    }

    Service service_in(Phase phase, nanoseconds time) {
        const auto& load = board_->load(phase);
        const auto offered = static_cast<double>(load.offered);
        return {.offered = offered / as_seconds(time),
                .served_share = offered > 0 ? static_cast<double>(load.prompt) / offered : 0,
                .p99_us = load.latency.at_share(0.99)};
    }

    void judge() {
        outcome_.peak_growth = memory_->growth();
        outcome_.harm = {.refused = board_->count_of(Fate::Refused),
                         .stuck = board_->count_of(Fate::Stuck),
                         .disconnected = board_->count_of(Fate::Disconnected),
                         .newcomers = board_->newcomers_refused};
        outcome_.refusal = board_->refusal.data();
        // A bus that still works may answer yet: then its peers are stuck, but nothing is lost.
        const bool is_done = outcome_.cpu_after <= Bounds{}.cpu_after;
        outcome_.lost = {.calls = is_done ? board_->lost_calls.load() : 0,
                         .signals = board_->signal_gaps + (is_done ? signals_unheard() : 0),
                         .accepted = board_->ledger.lost()};
        outcome_.newcomer_slowest_seconds =
            as_seconds(std::chrono::microseconds(board_->newcomer_slowest_us));
        outcome_.attackers_disconnected = board_->attackers_disconnected;
        outcome_.attack_messages = board_->ledger.sent_count();
        if (board_->failure[0] != '\0') outcome_.failure = board_->failure.data();
    }

    /// Who was disconnected, publisher or listener, knows that something did not arrive.
    std::uint64_t signals_unheard() {
        std::uint64_t unheard = 0;
        if (board_->fates[innocent::kPublisher] == Fate::Disconnected) return unheard;
        for (std::size_t i = 0; i < kListeners; ++i) {
            if (board_->fates[innocent::kListener + i] == Fate::Disconnected) continue;
            if (board_->heard[i] < board_->published)
                unheard += board_->published - board_->heard[i];
        }
        return unheard;
    }

    load::RunningBus bus_;
    SharedBoard board_;
    std::optional<MemoryWatch> memory_;
    std::vector<load::ChildProcess> innocents_;
    std::vector<load::ChildProcess> cast_;
    std::vector<load::ChildProcess> burners_;
    Clock::time_point attack_ended_{};
    Outcome outcome_;
};

}  // namespace

double capacity_of(const load::BusProgram& program, std::size_t burners) {
    return Scene(program, 0).calibrate(burners);
}

Outcome play_scene(const Attack& attack,
                   const load::BusProgram& program,
                   double rate,
                   double seconds) {
    auto limited = program;
    limited.limits.insert(limited.limits.begin(), attack.limits.begin(), attack.limits.end());
    Outcome outcome;
    try {
        outcome = Scene(limited, rate).play(attack, std::max(seconds, attack.least_seconds));
    } catch (const std::exception& failure) {
        outcome.failure = failure.what();
    }
    outcome.attack = attack.name;
    outcome.bus = program.name;
    return outcome;
}

}  // namespace buzon::flood
