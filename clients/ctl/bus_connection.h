// SPDX-License-Identifier: Apache-2.0
// One connection to a bus for a command that calls, waits and ends: opened, used in sequence,
// closed. All errors are sdbus::Error; where a peer answered with one, it is that one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/ctl/sd_bus_result.h"
#include "clients/ctl/value.h"

namespace buzon::clients {

enum class BusScope { System, User, Address };

struct BusChoice {
    BusScope scope = BusScope::System;
    std::string address{};  // for BusScope::Address
    bool watch_bind = false;
    bool auto_start = true;                // of services that messages are sent to
    std::chrono::microseconds timeout{0};  // of every call; 0: the library's 25 s
};

/// Which server address `choice` means, from it or from the environment.
/// Errors: UsageError, where the environment does not say.
[[nodiscard]] std::string address_of(const BusChoice& choice);

struct MethodCall {
    std::string destination;
    std::string path;
    std::string interface;
    std::string member;
    std::vector<Value> arguments{};
    bool allow_interactive_authorization = false;
};

struct SignalToEmit {
    std::string path;
    std::string interface;
    std::string member;
    std::vector<Value> arguments{};
    std::string destination{};  // empty: to all
};

enum class ConnectAs { Peer, Monitor };

class BusConnection {
public:
    /// Connects and says Hello.
    explicit BusConnection(const BusChoice& choice, ConnectAs role = ConnectAs::Peer);
    BusConnection(const BusConnection&) = delete;
    BusConnection& operator=(const BusConnection&) = delete;

    /// Waits for the reply. What is in it refers to descriptors of the message returned.
    [[nodiscard]] MessagePtr call(const MethodCall& call);
    /// Only its values; descriptors among them are closed already.
    [[nodiscard]] std::vector<Value> call_for_values(const MethodCall& call);
    /// The one text in the reply.
    [[nodiscard]] std::string call_for_text(const MethodCall& call);
    /// The array of texts in the reply.
    [[nodiscard]] std::vector<std::string> call_for_texts(const MethodCall& call);
    /// Asks for no reply, and returns when the message is on its way.
    void send_without_reply(const MethodCall& call);
    void emit(const SignalToEmit& signal);

    /// The next message that came in, waiting for it; nothing once the bus has closed.
    [[nodiscard]] MessagePtr next_message();

    [[nodiscard]] std::string unique_name();
    [[nodiscard]] std::string bus_id();
    [[nodiscard]] const std::string& address() const { return address_; }
    /// For the credentials and the other things that sd-bus knows about peers.
    [[nodiscard]] sd_bus& raw() { return *bus_; }

private:
    [[nodiscard]] MessagePtr build(const MethodCall& call);
    void flush();

    std::string address_;
    bool auto_start_;
    std::unique_ptr<sd_bus, Unref> bus_;
};

/// What the driver answers to `member`, one of its own methods.
[[nodiscard]] MethodCall driver_call(std::string member, std::vector<Value> arguments = {});

}  // namespace buzon::clients
