// SPDX-License-Identifier: Apache-2.0
// A private bus and the program that runs on it: start, wait, end.
// The bus leads a session of its own, so that a Ctrl-C meant for the program does not end it first;
// it dies with this process, however that ends. Needs no other child and no other thread.
// Errors: SessionError, a text for the user.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

namespace buzon::clients {

class SessionError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A running bus, ended by the destructor: SIGTERM, and SIGKILL if that does not help.
class PrivateBus {
public:
    /// Runs `command` with `--nofork --print-address FD` and `arguments`; returns once the bus has
    /// printed its address.
    PrivateBus(const std::string& command, const std::vector<std::string>& arguments);
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    ~PrivateBus();

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    /// To be called with what waitpid() said, once the process was found to have ended.
    void ended(int wait_status);

private:
    pid_t pid_ = -1;
    std::string address_;
};

/// Runs `program` on `bus` until it ends and returns the exit status that a shell would give it.
/// Signals that ask us to end are passed on to the program meanwhile.
int run_program(const std::vector<std::string>& program, PrivateBus& bus);

/// Where our own bus is: beside this executable, else to be found in $PATH.
[[nodiscard]] std::string default_bus_daemon();

}  // namespace buzon::clients
