// SPDX-License-Identifier: Apache-2.0
// What the program of a peer is called: found out by somebody else, once a line of the log wants
// it, and shared by all who wait for it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "bus/base/file_descriptor.h"
#include "bus/base/ref.h"
#include "bus/peer_credentials.h"

namespace buzon::broker {

struct ProcessName : bus::RefCounted<ProcessName> {
    enum class State : std::uint8_t { NotAsked, Asked, Known, Unknown };

    /// `socket`: of its connection; not owned. `connected`: nanoseconds since the machine has
    /// started.
    ProcessName(pid_t process_id, int socket, std::uint64_t connected)
        : pid(process_id), connected_at(connected), socket_(socket) {}

    /// The connection is over.
    void forget_socket() { socket_ = -1; }
    /// A new pidfd; empty where the kernel gives none, or the connection is over.
    [[nodiscard]] bus::FileDescriptor open_process() const {
        return socket_ < 0 ? bus::FileDescriptor() : bus::open_peer_process(socket_);
    }

    void settle(std::string name) {
        state = name.empty() ? State::Unknown : State::Known;
        text = std::move(name);
    }
    [[nodiscard]] bool is_settled() const {
        return state == State::Known || state == State::Unknown;
    }

    const pid_t pid;
    /// A process that started later is another one.
    const std::uint64_t connected_at;
    State state = State::NotAsked;
    std::string text;

private:
    int socket_;
};

class ProcessNameListener {
public:
    virtual void on_process_names() = 0;

protected:
    ~ProcessNameListener() = default;
};

class ProcessNameSource {
public:
    /// Settles `name`, at once or later, and then tells the listener. A name that is not found out
    /// is settled as unknown.
    virtual void look_up(const bus::Ref<ProcessName>& name) = 0;
    /// Names may be asked for that nobody waits for yet.
    [[nodiscard]] virtual bool has_room() const = 0;
    virtual void set_listener(ProcessNameListener* listener) = 0;

protected:
    ~ProcessNameSource() = default;
};

}  // namespace buzon::broker
