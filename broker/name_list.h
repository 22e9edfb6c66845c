// SPDX-License-Identifier: Apache-2.0
// Names in the form in which an answer lists them: as elements of an array of strings, marshalled
// when they come, so that to list very many is to copy some memory, not to look for each of them.
// Cost: a name that comes or goes takes a step for each one in its piece, however many there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "bus/block_writer.h"

namespace buzon::broker {

class NameList {
public:
    NameList() = default;
    NameList(const NameList&) = delete;
    NameList& operator=(const NameList&) = delete;

    /// `place` is where the name stands, for remove(). It changes when others leave, so it stays
    /// where it is until then.
    void add(std::string_view name, std::size_t& place);
    void remove(std::size_t place);

    [[nodiscard]] std::size_t size() const { return size_; }
    /// That write() needs, with the padding in front.
    [[nodiscard]] std::size_t bytes() const { return bytes_ + kAlignment; }
    /// Appends them in no order, for which bytes() are reserved.
    void write(bus::BlockWriter& to) const;

private:
    static constexpr std::size_t kAlignment = alignof(std::uint32_t);
    static constexpr std::size_t kNamesPerPiece = 64;

    /// All are full but the last. Each name is padded, so that another may follow.
    struct Piece {
        std::vector<std::byte> names;
        std::array<std::size_t*, kNamesPerPiece> places{};
        std::size_t count = 0;

        /// Of the name with this number, marshalled and padded.
        [[nodiscard]] std::span<const std::byte> at(std::size_t number) const;
        void replace(std::size_t number, std::span<const std::byte> name);
        /// How much of the last one is padding.
        [[nodiscard]] std::size_t padding_at_end() const;
    };

    std::deque<Piece> pieces_;
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;  // of all pieces
};

}  // namespace buzon::broker
