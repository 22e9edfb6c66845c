// SPDX-License-Identifier: Apache-2.0
// The text arguments of one message body, read only as far as somebody asks.
// Invariant: the body has passed check_body(); views live as long as its bytes.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "broker/match_subject.h"
#include "bus/protocol.h"
#include "bus/wire_reader.h"

namespace buzon::broker {

class BodyArguments final : public ArgumentSource {
public:
    BodyArguments(std::string_view signature, std::span<const std::byte> body, bus::ByteOrder order)
        : rest_(signature), reader_(body, order) {}

    [[nodiscard]] std::optional<TextArgument> argument(unsigned index) override;

private:
    /// Without a constructor, so that a message that nobody asks about costs nothing.
    struct Slot {
        const char* text;
        std::size_t bytes;
        TextArgument::Kind kind;
    };

    void read_one();

    std::string_view rest_;  // signature of what has not been read
    bus::WireReader reader_;
    unsigned read_ = 0;
    std::array<Slot, 64> slots_;
};

}  // namespace buzon::broker
