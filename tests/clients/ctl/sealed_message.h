// SPDX-License-Identifier: Apache-2.0
// Makes messages as sd-bus would receive them, without a bus: sd-bus makes them for a connection
// only, and this one goes to a socket whose other end nobody reads.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <span>
#include <stdexcept>

#include "bus/base/file_descriptor.h"
#include "clients/ctl/message_values.h"
#include "clients/ctl/sd_bus_result.h"

namespace buzon::clients {

class MessageFactory {
public:
    MessageFactory() {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throw std::runtime_error("socketpair");
        other_end_.reset(ends[1]);
        sd_bus* bus = nullptr;
        check(sd_bus_new(&bus), "sd_bus_new");
        bus_.reset(bus);
        check(sd_bus_set_fd(bus, ends[0], ends[0]), "sd_bus_set_fd");
        check(sd_bus_negotiate_fds(bus, 1), "sd_bus_negotiate_fds");
        check(sd_bus_start(bus), "sd_bus_start");
    }
    MessageFactory(const MessageFactory&) = delete;
    MessageFactory& operator=(const MessageFactory&) = delete;
    /// The other end goes first: sd-bus would wait for it to answer.
    ~MessageFactory() { other_end_.reset(); }

    /// A signal with `values`, sealed.
    MessagePtr signal(std::span<const Value> values) {
        sd_bus_message* raw = nullptr;
        check(sd_bus_message_new_signal(bus_.get(), &raw, "/a/b", "org.example.A", "Fired"),
              "sd_bus_message_new_signal");
        return sealed(raw, values);
    }

    MessagePtr method_call(std::span<const Value> values) {
        sd_bus_message* raw = nullptr;
        check(sd_bus_message_new_method_call(bus_.get(), &raw, "org.example.B", "/",
                                             "org.example.A", "Do"),
              "sd_bus_message_new_method_call");
        return sealed(raw, values);
    }

private:
    static MessagePtr sealed(sd_bus_message* raw, std::span<const Value> values) {
        MessagePtr message(raw);
        append_values(*raw, values);
        check(sd_bus_message_seal(raw, 42, 0), "sd_bus_message_seal");
        return message;
    }

    std::unique_ptr<sd_bus, Unref> bus_;
    bus::FileDescriptor other_end_;
};

}  // namespace buzon::clients
