// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/board.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <thread>

namespace buzon::flood {

Window& Board::window_at(Clock::time_point time) {
    const auto index = static_cast<std::size_t>((time - made) / kWindow);
    return windows[std::min(index, kWindows - 1)];
}

void Board::befalls(std::size_t who, Fate fate) {
    if (fate > fates[who].load()) fates[who] = fate;
}

std::size_t Board::count_of(Fate fate) const {
    return static_cast<std::size_t>(std::count(fates.begin(), fates.end(), fate));
}

void Board::fail(std::string_view text) {
    text.copy(failure.data(), failure.size() - 1);
}

void Board::note_refusal(std::string_view text) {
    if (refusal[0] == '\0') text.copy(refusal.data(), refusal.size() - 1);
}

void Board::wait_for(Phase wanted) const {
    while (phase.load() < wanted)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

SharedBoard::SharedBoard() {
    void* const memory =
        ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    board_ = new (memory) Board;
}

SharedBoard::~SharedBoard() {
    ::munmap(board_, sizeof(Board));
}

}  // namespace buzon::flood
