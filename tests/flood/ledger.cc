// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/ledger.h"

#include <algorithm>

namespace buzon::flood {

void Ledger::received(std::uint32_t serial) {
    if (serial <= last_received_) ++out_of_order_;
    last_received_ = std::max(last_received_.load(), serial);
    ++received_count_;
    mark(received_, serial);
}

std::uint32_t Ledger::sent_count() const {
    return sent_ >= first_ && first_ != 0 ? sent_ - first_ + 1 : 0;
}

std::uint32_t Ledger::lost() const {
    if (!was_used()) return 0;
    const bool complete = settled_ && !sender_gone_ && !receiver_gone_;
    const auto judged = complete ? sent_.load() : std::min(sent_.load(), last_received_.load());
    std::uint32_t missing = 0;
    for (auto serial = first_.load(); serial <= std::min(judged, kMaxSerial - 1); ++serial) {
        if (!is_marked(received_, serial) && !is_marked(refused_, serial)) ++missing;
    }
    return missing + out_of_order_;
}

void Ledger::mark(Bits& bits, std::uint32_t serial) {
    if (serial >= kMaxSerial) return;
    bits[serial / kWordBits].fetch_or(std::uint64_t{1} << (serial % kWordBits),
                                      std::memory_order_relaxed);
}

bool Ledger::is_marked(const Bits& bits, std::uint32_t serial) {
    const auto word = bits[serial / kWordBits].load(std::memory_order_relaxed);
    return (word >> (serial % kWordBits) & 1) != 0;
}

}  // namespace buzon::flood
