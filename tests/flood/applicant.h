// SPDX-License-Identifier: Apache-2.0
// One who joins the bus without ever blocking: connects, sends all lines and Hello in one write,
// and waits for what comes of it.
#pragma once

#include <chrono>
#include <string>

#include "bus/base/file_descriptor.h"
#include "tests/load/messages.h"

namespace buzon::flood {

class Applicant {
public:
    enum class State { Waiting, In, Refused };

    explicit Applicant(const std::string& socket_path);

    /// Goes on as far as that is possible within `patience`.
    State step(std::chrono::milliseconds patience);
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool is_connected() const { return connected_; }
    [[nodiscard]] int fd() const { return socket_.get(); }

private:
    bool connect();
    bool send();
    void read();
    [[nodiscard]] State judge() const;

    std::string path_;
    bus::FileDescriptor socket_;
    load::Bytes outgoing_;
    load::Bytes incoming_;
    std::size_t sent_ = 0;
    bool connected_ = false;
    State state_ = State::Waiting;
};

/// What a client sends up to BEGIN, its first NUL included.
[[nodiscard]] load::Bytes auth_lines();

}  // namespace buzon::flood
