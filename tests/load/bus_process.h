// SPDX-License-Identifier: Apache-2.0
// The buses under test: each is started alone, on a socket of its own, with a session bus's
// limits and a policy that allows all that we do, and ended with this object.
// Errors: exceptions; those at the start hold the end of what the bus wrote to its log.
#pragma once

#include <time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/base/file_descriptor.h"
#include "tests/load/child_process.h"

namespace buzon::load {

enum class BusKind { Buzond, DbusDaemon, DbusBroker };

struct BusProgram {
    BusKind kind;
    std::string name;
    std::string path;
    /// How many rules its policy has that concern no message of ours. Not for dbus-broker.
    unsigned rules = 0;
    /// <limit> elements behind those of a session bus. Not for dbus-broker.
    std::vector<std::pair<std::string, std::uint64_t>> limits = {};
};

/// A directory under $TMPDIR that goes away with what is in it.
class ScratchDirectory {
public:
    ScratchDirectory();
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    ~ScratchDirectory();
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

class RunningBus {
public:
    /// Returns when the bus takes connections. `wrapper` is a command to run the bus under.
    explicit RunningBus(const BusProgram& program, const std::vector<std::string>& wrapper = {});

    [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
    /// Of the process that carries the messages, and of nothing that it may have started.
    [[nodiscard]] clockid_t cpu_clock() const { return process_->cpu_clock(); }
    [[nodiscard]] pid_t pid() const { return process_->pid(); }
    /// `failure`, and behind it what the bus wrote to its log at the end, if it did.
    [[nodiscard]] std::string with_log(const std::string& failure) const;
    void stop() { process_->stop(); }

private:
    void start_daemon(std::vector<std::string> command, const BusProgram& program);
    void start_broker(std::vector<std::string> command, const std::string& program);

    ScratchDirectory directory_;
    std::string socket_path_;
    std::string log_path_;
    bus::FileDescriptor controller_;  // dbus-broker ends when this closes
    std::optional<ChildProcess> process_;
};

}  // namespace buzon::load
