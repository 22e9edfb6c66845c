// SPDX-License-Identifier: Apache-2.0
// One connection of a crew. Nothing here waits, except for setting up.
// Errors: load::HungUp, once the bus has closed the connection.
#pragma once

#include <poll.h>

#include <vector>

#include "bus/base/file_descriptor.h"
#include "tests/flood/crew.h"
#include "tests/flood/outbox.h"
#include "tests/load/client.h"

namespace buzon::flood {

class Member {
public:
    Member(const Stage& stage, const Crew& crew, std::size_t index);

    /// The attack begins: pauses and drips are counted from `now`.
    void begin(Clock::time_point now) { begun_ = dripped_ = now; }
    /// What it waits for; nothing for one who neither speaks nor reads.
    [[nodiscard]] pollfd source() const;
    /// Reads and says what is possible now.
    void work();
    /// Reads what has come due since last time, if it is one who drips or reads steadily.
    void drip(Clock::time_point now);

    /// After the attack: says nothing new but finishes what it has begun, and reads everything.
    /// True while there is something left to do.
    bool settle();
    /// What settle() waits for.
    [[nodiscard]] pollfd settling_source() const;

    [[nodiscard]] bool is_on_record() const { return is_first_ && crew_.speech.is_on_record; }
    [[nodiscard]] bool hears_on_record() const { return is_first_ && crew_.hears_on_record; }

private:
    [[nodiscard]] bool reads() const;
    [[nodiscard]] bool has_something_to_say() const;
    void set_up();
    void add_rules();
    void open_attachment();
    void say();
    bool finish_batch();
    void note_sent();
    void refill();
    void fill_with_one();
    bool read(std::size_t most);
    void take(std::span<const std::byte> message);
    void answer(std::span<const std::byte> call);
    void send_barrier();

    const Crew& crew_;
    Board& board_;
    std::size_t index_;
    bool is_first_;
    load::Client client_;
    std::vector<bus::FileDescriptor> files_;
    std::vector<int> attached_;

    // A batch of messages: what of it has been sent, and where each message ends.
    load::Bytes batch_;
    std::size_t sent_ = 0;
    struct End {
        std::size_t offset;
        std::uint32_t serial;
    };
    std::vector<End> ends_;
    std::size_t next_end_ = 0;
    std::uint64_t said_ = 0;

    load::Bytes reply_;
    Outbox outbox_;
    Clock::time_point begun_{};
    Clock::time_point dripped_{};
    std::uint32_t barrier_ = 0;  // serial of the call behind everything that it has said
};

}  // namespace buzon::flood
