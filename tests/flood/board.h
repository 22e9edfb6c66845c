// SPDX-License-Identifier: Apache-2.0
// What the processes of one scene tell each other, in memory that they share: the phase, which only
// the director changes, and what each of them has seen, which only it writes.
// Times are counted in microseconds since the board was made.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/flood/histogram.h"
#include "tests/flood/ledger.h"

namespace buzon::flood {

using Clock = std::chrono::steady_clock;

enum class Phase : std::uint32_t { SetUp, WarmUp, Baseline, Attack, Settle, Quiet, End };
inline constexpr std::size_t kPhases = 7;

inline constexpr std::size_t kPairs = 8;
inline constexpr std::size_t kListeners = 4;
inline constexpr std::size_t kIdlers = 8;

/// What has happened to one who did no harm; the worst counts.
enum class Fate : std::uint8_t { Well, Refused, Stuck, Disconnected };

/// Those whom no attack may harm, by their place on the board.
namespace innocent {
inline constexpr std::size_t kCaller = 0;
inline constexpr std::size_t kCallee = kCaller + kPairs;
inline constexpr std::size_t kListener = kCallee + kPairs;
inline constexpr std::size_t kPublisher = kListener + kListeners;
inline constexpr std::size_t kIdler = kPublisher + 1;
inline constexpr std::size_t kGuest = kIdler + kIdlers;  // belongs to the attack's cast
inline constexpr std::size_t kAll = kGuest + 1;
}  // namespace innocent

/// The load of the good pairs in one phase: a call belongs to the phase in which it was due.
struct Load {
    std::atomic<std::uint64_t> offered;
    std::atomic<std::uint64_t> prompt;   // answered within a second
    std::atomic<std::uint64_t> refused;  // answered with an error
    Histogram latency;                   // of all that were offered, kNever if not answered
};

/// The same for 50 ms, to see when the pairs are well again.
struct Window {
    std::atomic<std::uint32_t> offered;
    std::atomic<std::uint32_t> quick;  // within quick_us
};

struct Board {
    static constexpr std::chrono::milliseconds kWindow{50};
    static constexpr std::size_t kWindows = 2400;

    Clock::time_point made = Clock::now();
    std::atomic<Phase> phase{Phase::SetUp};
    // Processes that have started; attackers that have cleaned up; innocents that are through.
    std::atomic<std::uint32_t> ready, settled, through;
    std::atomic<double> rate;  // calls a second that all pairs offer; 0: all they can
    std::atomic<std::uint64_t> quick_us;

    std::array<Load, kPhases> loads;
    std::array<Window, kWindows> windows;
    std::atomic<std::uint32_t> outstanding;  // calls of good pairs not answered yet
    std::atomic<std::uint32_t> lost_calls;   // never answered, although the caller stayed connected
    std::array<std::atomic<std::uint32_t>, kListeners> heard;  // serial of the last signal
    std::atomic<std::uint32_t> published, signal_gaps;

    std::array<std::atomic<Fate>, innocent::kAll> fates;
    // What the cast's broadcaster has sent, once the bus has dealt with all of it.
    std::atomic<std::uint32_t> broadcasts_served;
    std::atomic<std::uint32_t> newcomers, newcomers_refused;
    std::atomic<std::uint64_t> newcomer_slowest_us, newcomer_last_in_us;

    std::atomic<std::uint32_t> attackers_disconnected;
    Ledger ledger;
    std::array<char, 32> recorded_sender{};  // whose messages are in the ledger
    std::array<char, 240> failure{};         // of a process that could not play its part
    std::array<char, 240> refusal{};         // the first that a good pair got, in words

    [[nodiscard]] std::uint64_t now_us() const { return since_us(Clock::now()); }
    [[nodiscard]] std::uint64_t since_us(Clock::time_point time) const {
        using std::chrono::microseconds;
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<microseconds>(time - made).count());
    }
    [[nodiscard]] Load& load(Phase of) { return loads[static_cast<std::size_t>(of)]; }
    [[nodiscard]] Window& window_at(Clock::time_point time);

    /// Remembers what has happened to `who`, unless worse has.
    void befalls(std::size_t who, Fate fate);
    [[nodiscard]] std::size_t count_of(Fate fate) const;
    void fail(std::string_view text);
    /// Only the good callers write it.
    void note_refusal(std::string_view text);

    /// Sleeps until `wanted` or a later phase has come.
    void wait_for(Phase wanted) const;
};

/// A board in shared memory, for children forked while it exists.
class SharedBoard {
public:
    SharedBoard();
    ~SharedBoard();
    SharedBoard(const SharedBoard&) = delete;
    SharedBoard& operator=(const SharedBoard&) = delete;

    Board& operator*() { return *board_; }
    Board* operator->() { return board_; }

private:
    Board* board_;
};

}  // namespace buzon::flood
