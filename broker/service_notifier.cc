// SPDX-License-Identifier: Apache-2.0
#include "broker/service_notifier.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace buzon::broker {

ServiceNotifier::ServiceNotifier(std::string_view socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() < 2 || socket_path.size() >= sizeof address.sun_path) return;
    if (socket_path[0] != '/' && socket_path[0] != '@')
        return;  // vsock: has no machine manager here
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    const auto length = offsetof(sockaddr_un, sun_path) + socket_path.size();
    if (socket_path[0] == '@') address.sun_path[0] = '\0';

    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                  static_cast<socklen_t>(length)) < 0) {
        socket_.reset();
    }
    const timeval patience{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

ServiceNotifier ServiceNotifier::from_environment() {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    ServiceNotifier notifier(path ? path : "");
    ::unsetenv("NOTIFY_SOCKET");
    return notifier;
}

void ServiceNotifier::ready(pid_t pid) const {
    send(fmt::format("READY=1\nMAINPID={}", pid));
}

void ServiceNotifier::reloading() const {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    // The time stamp is what Type=notify-reload asks for.
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                     now.tv_sec * 1'000'000 + now.tv_nsec / 1'000));
}

void ServiceNotifier::reloaded() const {
    send("READY=1");
}

void ServiceNotifier::stopping() const {
    send("STOPPING=1");
}

void ServiceNotifier::send(std::string_view text) const {
    if (!socket_) return;
    // A manager that went away or has no room for a second is no reason to do anything about it.
    [[maybe_unused]] const ssize_t sent =
        ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace buzon::broker
