// SPDX-License-Identifier: Apache-2.0
// What became of each message of one sender to one receiver. The sender writes down what it has
// sent whole and what was refused with an error, the receiver what it has received; serials count
// up without gaps. Lies in memory that both processes share.
// Invariant: sent() is called with rising serials.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace buzon::flood {

class Ledger {
public:
    /// Messages with serials beyond this one are not judged.
    static constexpr std::uint32_t kMaxSerial = std::uint32_t{1} << 24;

    void begin(std::uint32_t first_serial) { first_ = first_serial; }
    /// Everything up to `serial` has left the sender.
    void sent(std::uint32_t serial) { sent_ = serial; }
    void refused(std::uint32_t serial) { mark(refused_, serial); }
    void received(std::uint32_t serial);

    /// The bus has dealt with everything that was sent: it has answered a call behind it.
    void settle() { settled_ = true; }
    void sender_is_gone() { sender_gone_ = true; }
    void receiver_is_gone() { receiver_gone_ = true; }
    [[nodiscard]] bool is_settled() const { return settled_ || sender_gone_; }
    [[nodiscard]] bool was_used() const { return first_ != 0; }
    [[nodiscard]] std::uint32_t sent_count() const;
    [[nodiscard]] std::uint32_t received_count() const { return received_count_; }

    /// Messages that neither arrived, nor were refused, nor are excused: behind the last one that
    /// arrived, a disconnection of either side (which it notices), or a bus that has not dealt with
    /// them yet, excuses. A message out of order counts as well.
    [[nodiscard]] std::uint32_t lost() const;

private:
    using Word = std::atomic<std::uint64_t>;
    static constexpr std::size_t kWordBits = 64;
    using Bits = std::array<Word, kMaxSerial / kWordBits>;

    static void mark(Bits& bits, std::uint32_t serial);
    static bool is_marked(const Bits& bits, std::uint32_t serial);

    std::atomic<std::uint32_t> first_, sent_, last_received_, received_count_, out_of_order_;
    std::atomic<bool> settled_, sender_gone_, receiver_gone_;
    Bits refused_, received_;
};

}  // namespace buzon::flood
