// SPDX-License-Identifier: Apache-2.0
#include "broker/name_list.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "bus/wire_reader.h"
#include "bus/wire_writer.h"

namespace buzon::broker {

namespace {

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);

/// With its length and the byte at its end.
std::size_t marshalled_bytes(const std::byte* name) {
    return kLengthBytes + bus::load_unsigned<std::uint32_t>(name, bus::ByteOrder::Little) + 1;
}

}  // namespace

void NameList::add(std::string_view name, std::size_t& place) {
    if (pieces_.empty() || pieces_.back().count == kNamesPerPiece) pieces_.emplace_back();
    Piece& piece = pieces_.back();
    const std::size_t at = piece.names.size();
    const std::size_t bytes = bus::align_up(kLengthBytes + name.size() + 1, kAlignment);
    piece.names.resize(at + bytes);
    bus::store_unsigned(piece.names.data() + at, static_cast<std::uint32_t>(name.size()),
                        bus::ByteOrder::Little);
    std::copy_n(name.data(), name.size(),
                reinterpret_cast<char*>(piece.names.data() + at + kLengthBytes));
    piece.places[piece.count++] = &place;
    bytes_ += bytes;
    place = size_++;
}

/// The last one takes its place.
void NameList::remove(std::size_t place) {
    assert(place < size_);
    Piece& last = pieces_.back();
    Piece& piece = pieces_[place / kNamesPerPiece];
    const std::size_t number = place % kNamesPerPiece;
    const auto moved = last.at(last.count - 1);
    std::size_t* const moved_place = last.places[last.count - 1];
    bytes_ -= piece.at(number).size();
    if (--size_ != place) {
        // In the last piece this moves what is behind it, and `moved` with that.
        const std::vector<std::byte> name(moved.begin(), moved.end());
        last.names.resize(last.names.size() - name.size());
        piece.replace(number, name);
        piece.places[number] = moved_place;
        *moved_place = place;
    } else {
        last.names.resize(last.names.size() - moved.size());
    }
    if (--last.count == 0) pieces_.pop_back();
}

void NameList::write(bus::BlockWriter& to) const {
    if (size_ == 0) return;
    to.align(kAlignment);
    for (const Piece& piece : pieces_)
        to.write_marshalled(piece.names);
    // What follows pads for itself, and an array does not end in padding.
    to.take_back(pieces_.back().padding_at_end());
}

std::span<const std::byte> NameList::Piece::at(std::size_t number) const {
    std::size_t begin = 0, bytes = 0;
    for (std::size_t i = 0; i <= number; ++i) {
        begin += bytes;
        bytes = bus::align_up(marshalled_bytes(names.data() + begin), kAlignment);
    }
    return std::span(names).subspan(begin, bytes);
}

void NameList::Piece::replace(std::size_t number, std::span<const std::byte> name) {
    const auto old = at(number);
    const auto begin = names.begin() + (old.data() - names.data());
    const auto common = static_cast<std::ptrdiff_t>(std::min(old.size(), name.size()));
    std::copy_n(name.begin(), common, begin);
    if (old.size() > name.size())
        names.erase(begin + common, begin + static_cast<std::ptrdiff_t>(old.size()));
    else
        names.insert(begin + common, name.begin() + common, name.end());
}

std::size_t NameList::Piece::padding_at_end() const {
    const auto last = at(count - 1);
    return last.size() - marshalled_bytes(last.data());
}

}  // namespace buzon::broker
