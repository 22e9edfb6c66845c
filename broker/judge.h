// SPDX-License-Identifier: Apache-2.0
// Asks the policy of both sides of a delivery, and words the refusals.
// Errors: a Refusal is what the sender gets as a D-Bus error; nothing has happened then.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/bus_state.h"
#include "bus/base/result.h"
#include "bus/header.h"

namespace buzon::broker {

struct Refusal {
    std::string_view error_name;
    std::string text;
};

/// One message on one way. A null peer is the driver.
struct Passage {
    const bus::Header& header;
    const Peer* sender = nullptr;
    Peer* receiver = nullptr;
    bool requested_reply = false;
    /// The message was meant for somebody else.
    bool eavesdropping = false;
};

class Judge {
public:
    explicit Judge(const BusState& state) : state_(state) {}

    /// May the message leave its sender for this receiver, and may the receiver have it?
    [[nodiscard]] bool permits(const Passage& passage) const;
    /// The same, with the error for the sender; nothing where it may.
    [[nodiscard]] std::optional<Refusal> refusal_of(const Passage& passage) const;
    /// The same, with a line in the log.
    bus::Result<void, Refusal> decide(const Passage& passage) const;
    /// Room in the receiver's port? Errors: LimitsExceeded.
    bus::Result<void, Refusal> has_room(const Passage& passage) const;

private:
    enum class Side : std::uint8_t { Send, Receive };

    [[nodiscard]] bool is_within_limits(const Port& port) const;
    [[nodiscard]] policy::Verdict send_verdict(const Passage& passage) const;
    [[nodiscard]] policy::Verdict receive_verdict(const Passage& passage) const;
    [[nodiscard]] std::string describe(const Passage& passage,
                                       std::string_view what,
                                       std::uint32_t matched_rules) const;

    const BusState& state_;
};

}  // namespace buzon::broker
