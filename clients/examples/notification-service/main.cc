// SPDX-License-Identifier: Apache-2.0
// buzon-example-notifications: an example of a desktop service, with sdbus-c++ 1.2.
// One thread: it polls the bus and a descriptor for signals, and wakes up when something expires.
// It prints "ready" once it can be found, then each notification. Exit status: 0, or 1 if the bus
// or the name cannot be had.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <sdbus-c++/sdbus-c++.h>

#include "bus/base/file_descriptor.h"
#include "clients/examples/notification-service/notification_service.h"

namespace {

using namespace buzon::clients::notifications;
using buzon::bus::FileDescriptor;

constexpr std::string_view kUsage =
    "usage: buzon-example-notifications [--system] [--desktop]\n"
    "\n"
    "An example of a D-Bus service; serves org.buzon.example.Notifications on the session bus.\n"
    "  --system   on the system bus instead\n"
    "  --desktop  as org.freedesktop.Notifications, for notify-send and desktop applications\n";

struct Options {
    bool system = false;
    bool desktop = false;
};

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--system")
            options.system = true;
        else if (argument == "--desktop")
            options.desktop = true;
        else
            return std::nullopt;
    }
    return options;
}

/// Readable when we are asked to end.
FileDescriptor termination_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC));
}

/// Milliseconds to the earlier of what the bus and what the service waits for; -1 is for ever.
int poll_timeout_ms(const sdbus::IConnection::PollData& bus, const NotificationService& service) {
    const int bus_ms = bus.getPollTimeout();
    const auto expiry = service.next_expiry();
    if (!expiry) return bus_ms;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*expiry - Clock::now()).count();
    const int expiry_ms = static_cast<int>(std::clamp<long long>(left, 0, 1 << 30));
    return bus_ms < 0 ? expiry_ms : std::min(bus_ms, expiry_ms);
}

void serve(sdbus::IConnection& connection, NotificationService& service) {
    const FileDescriptor signals = termination_signals();
    while (true) {
        while (connection.processPendingRequest()) {
        }
        service.expire(Clock::now());
        const auto bus = connection.getEventLoopPollData();
        pollfd sources[] = {{bus.fd, bus.events, 0}, {signals.get(), POLLIN, 0}};
        if (poll(sources, 2, poll_timeout_ms(bus, service)) < 0) return;
        if (sources[1].revents != 0) return;
    }
}

int run(const Options& options) {
    const auto connection =
        options.system ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
    const Identity& identity = options.desktop ? kDesktopIdentity : kExampleIdentity;
    NotificationService service(*connection, identity);
    connection->requestName(identity.name);
    fmt::print("ready\n");
    std::fflush(stdout);
    serve(*connection, service);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    if (!options) {
        fmt::print(stderr, "{}", kUsage);
        return 1;
    }
    try {
        return run(*options);
    } catch (const sdbus::Error& error) {
        fmt::print(stderr, "buzon-example-notifications: {} ({})\n", error.getMessage(),
                   error.getName());
        return 1;
    }
}
