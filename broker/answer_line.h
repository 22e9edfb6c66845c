// SPDX-License-Identifier: Apache-2.0
// Who waits for a long answer: those of one program one behind the other, and the programs by
// turns, so that nobody waits for all connections of another. Every operation is O(1).
// Lifetime: who waits is removed before it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "broker/peer.h"

namespace buzon::broker {

class AnswerLine {
public:
    struct Question {
        Peer* caller;
        std::uint32_t serial;  // of the call
    };

    /// One question for each caller.
    void add(Peer& caller, const Account& program, std::uint32_t serial);
    /// False: it did not wait.
    bool remove(const Peer& caller);
    [[nodiscard]] std::optional<Question> take_next();
    [[nodiscard]] std::size_t size() const { return places_.size(); }

private:
    struct Program {
        const Account* account;
        std::list<Question> questions;  // never empty
    };

    struct Place {
        std::list<Program>::iterator program;
        std::list<Question>::iterator question;
    };

    std::list<Program> programs_;
    std::unordered_map<const Account*, std::list<Program>::iterator> of_;
    std::unordered_map<const Peer*, Place> places_;
};

}  // namespace buzon::broker
