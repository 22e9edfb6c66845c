// SPDX-License-Identifier: Apache-2.0
// Asks the policy of both sides of a delivery, and of those who want a name; words the refusals.
// The log names the rule that decided, with its file and line. So does the error for the sender, if
// that is root or the owner of the bus; others learn what dbus-daemon tells them.
// Errors: a ErrorReply is what the sender gets as a D-Bus error; nothing has happened then.
// In permissive mode there is a line in the log instead.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/bus_state.h"
#include "broker/log_text.h"
#include "bus/base/log.h"
#include "bus/base/result.h"
#include "bus/header.h"

namespace buzon::broker {

struct ErrorReply {
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

/// `denied by /etc/x.conf:12: <deny .../>`, or that there is no rule.
[[nodiscard]] std::string reason_for_denial(const policy::PolicySet& policy,
                                            const policy::Rule* rule);

class Judge {
public:
    explicit Judge(const BusState& state) : state_(state) {}

    /// May the message leave its sender for this receiver, and may the receiver have it?
    [[nodiscard]] bool permits(const Passage& passage) const;
    /// The same, with the error for the sender; nothing where it may.
    [[nodiscard]] std::optional<ErrorReply> refusal_of(const Passage& passage) const;
    /// The same, with a line in the log.
    bus::Result<void, ErrorReply> decide(const Passage& passage) const;
    /// May `peer` have that name? With a line in the log.
    bus::Result<void, ErrorReply> decide_own(const Peer& peer, std::string_view name) const;
    /// May not connect: a line in the log.
    void log_refused_connection(const Peer& peer, const policy::Verdict& verdict) const;
    /// The error for a call whose receiver's queue is full, with a line in the log.
    [[nodiscard]] ErrorReply full_queue(const Passage& passage) const;

private:
    /// Which side said no, and why.
    struct Denial {
        std::string_view what;
        policy::Verdict verdict;
    };

    [[nodiscard]] policy::Verdict send_verdict(const Passage& passage) const;
    [[nodiscard]] policy::Verdict receive_verdict(const Passage& passage) const;
    [[nodiscard]] std::optional<Denial> find_denial(const Passage& passage,
                                                    const policy::Verdict& send) const;
    /// Permissive mode lets pass what was denied. Logs that.
    bool tolerates(const Passage& passage, const Denial& denial) const;
    [[nodiscard]] bool is_permissive(const Peer* peer) const;
    [[nodiscard]] bool may_know_rules(const Peer* peer) const;
    [[nodiscard]] ErrorReply word_refusal(const Passage& passage, const Denial& denial) const;
    [[nodiscard]] LogText word_for_log(const Passage& passage, const Denial& denial) const;
    [[nodiscard]] bool admits(bus::LogKind kind, const Peer* whose) const;
    [[nodiscard]] LogText describe(const Passage& passage,
                                   std::string_view what,
                                   std::uint32_t matched_rules) const;

    [[nodiscard]] const policy::PolicySet& policy() const { return *state_.settings.policy; }

    const BusState& state_;
};

}  // namespace buzon::broker
