// SPDX-License-Identifier: Apache-2.0
#include "tests/load/bus_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "tests/load/broker_controller.h"
#include "tests/load/client.h"

namespace buzon::load {
namespace {

// What session.conf of dbus-daemon 1.14 sets, without activation.
constexpr std::string_view kConfiguration = R"(<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
{}  </policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_incoming_unix_fds">250000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_outgoing_unix_fds">250000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_incomplete_connections">10000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_names_per_connection">50000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
  <limit name="max_replies_per_connection">50000</limit>
  <limit name="auth_timeout">240000</limit>
{}</busconfig>
)";

std::pair<bus::FileDescriptor, bus::FileDescriptor> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
        throw std::system_error(errno, std::generic_category(), "pipe2");
    }
    return {bus::FileDescriptor(ends[0]), bus::FileDescriptor(ends[1])};
}

/// Rules for every message, none of which holds for one of ours.
std::string rules_about_others(unsigned count) {
    std::string rules;
    for (unsigned i = 0; i < count; ++i) {
        rules += fmt::format(
            "    <deny send_destination=\"org.example.Other{0}\" "
            "send_interface=\"org.example.Other{0}\"/>\n",
            i);
    }
    return rules;
}

std::string elements_of(const std::vector<std::pair<std::string, std::uint64_t>>& limits) {
    std::string elements;
    for (const auto& [name, value] : limits)
        elements += fmt::format("  <limit name=\"{}\">{}</limit>\n", name, value);
    return elements;
}

/// Waits for the line with which a bus says that it listens.
void wait_for_line(int descriptor) {
    constexpr auto kPatienceMs = static_cast<int>(std::chrono::milliseconds(kPatience).count());
    for (char letter = 0; letter != '\n';) {
        pollfd source{.fd = descriptor, .events = POLLIN, .revents = 0};
        if (::poll(&source, 1, kPatienceMs) <= 0) throw std::runtime_error("it does not start");
        if (::read(descriptor, &letter, 1) <= 0) throw std::runtime_error("it ended at its start");
    }
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "buzon-load-XXXXXX").string();
    if (!::mkdtemp(path_.data())) {
        throw std::system_error(errno, std::generic_category(), path_);
    }
    // Other users may connect to the bus in it.
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
}

ScratchDirectory::~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

RunningBus::RunningBus(const BusProgram& program, const std::vector<std::string>& wrapper)
    : socket_path_(directory_.path() + "/bus"), log_path_(directory_.path() + "/log") {
    try {
        if (program.kind == BusKind::DbusBroker) {
            start_broker(wrapper, program.path);
        } else {
            start_daemon(wrapper, program);
        }
    } catch (const std::exception& failure) {
        throw std::runtime_error(with_log(program.path + ": " + failure.what()));
    }
}

void RunningBus::start_daemon(std::vector<std::string> command, const BusProgram& program) {
    const auto config = directory_.path() + "/bus.conf";
    std::ofstream(config) << fmt::format(fmt::runtime(kConfiguration), socket_path_,
                                         rules_about_others(program.rules),
                                         elements_of(program.limits));

    auto [address, address_of_child] = make_pipe();
    command.insert(command.end(),
                   {program.path, "--config-file=" + config, "--nofork", "--nopidfile",
                    fmt::format("--print-address={}", address_of_child.get())});
    const std::array inherited{address_of_child.get()};
    process_.emplace(ChildProcess::start(command, inherited, log_path_));
    address_of_child.reset();
    wait_for_line(address.get());
}

void RunningBus::start_broker(std::vector<std::string> command, const std::string& program) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) {
        throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    controller_.reset(ends[0]);
    bus::FileDescriptor end_of_broker(ends[1]);
    ::fcntl(end_of_broker.get(), F_SETFL, O_NONBLOCK);

    const auto options = broker_options(end_of_broker.get());
    command.push_back(program);
    command.insert(command.end(), options.begin(), options.end());
    const std::array inherited{end_of_broker.get()};
    process_.emplace(ChildProcess::start(command, inherited, log_path_));
    end_of_broker.reset();
    add_listener(controller_, socket_path_);
}

std::string RunningBus::with_log(const std::string& failure) const {
    constexpr std::size_t kTailBytes = 600;
    std::ifstream file(log_path_);
    std::string log{std::istreambuf_iterator<char>(file), {}};
    if (log.size() > kTailBytes) log.erase(0, log.size() - kTailBytes);
    while (log.ends_with('\n'))
        log.pop_back();
    return log.empty() ? failure : fmt::format("{}; its log ends with:\n{}", failure, log);
}

}  // namespace buzon::load
