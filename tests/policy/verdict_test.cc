// SPDX-License-Identifier: Apache-2.0
// What rules decide, in tables: the rules of each row stand alone in the policy of the peer. All
// these verdicts were compared with dbus-daemon 1.14.10 over real sockets.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "policy/policy_set.h"
#include "policy/policy_snapshot.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"

namespace buzon::policy {
namespace {

constexpr auto kCall = bus::MessageType::MethodCall;
constexpr auto kReturn = bus::MessageType::MethodReturn;
constexpr auto kError = bus::MessageType::Error;
constexpr auto kSignal = bus::MessageType::Signal;

/// The names of a peer, separated by blanks.
class Names final : public NameHolder {
public:
    explicit Names(std::string_view names) : names_(" " + std::string(names) + " ") {}
    [[nodiscard]] bool holds(std::string_view name) const override {
        return names_.find(" " + std::string(name) + " ") != std::string::npos;
    }
    [[nodiscard]] bool holds_below(std::string_view prefix) const override {
        return holds(prefix) || names_.find(" " + std::string(prefix) + ".") != std::string::npos;
    }

private:
    std::string names_;
};

bus::Ref<const PolicySnapshot> snapshot_of(std::string_view rules) {
    FakeUsers users;
    std::vector<Warning> warnings;
    const auto config =
        config_of("<policy context=\"default\">" + std::string(rules) + "</policy>");
    return PolicySet::create(config, users, warnings)->snapshot_for({.uid = 1000});
}

struct SendCase {
    std::string_view about;
    std::string_view rules;
    bus::MessageType type = kCall;
    std::string_view destination = "com.example.A";
    std::string_view path = "/a";
    std::string_view interface = "com.example.I";
    std::string_view member = "M";
    std::string_view error = "";
    bool is_reply = false;
    bool requested = false;
    std::uint32_t fds = 0;
    /// What the receiver owns; empty: the driver, or a name to be activated.
    std::string_view receiver = ":1.1 com.example.A com.example.B.C";
    bool allowed = false;
};

constexpr SendCase kSendCases[] = {
#include "tests/policy/send_cases.inc"
};

TEST(MaySend, DecidesAsDbusDaemonDoes) {
    for (const auto& row : kSendCases) {
        const Names receiver(row.receiver);
        const MessageFacts facts{.type = row.type,
                                 .path = row.path,
                                 .interface = row.interface,
                                 .member = row.member,
                                 .error_name = row.error,
                                 .destination = row.destination,
                                 .sender = ":1.0",
                                 .is_reply = row.is_reply,
                                 .fd_count = row.fds};
        const SendQuery query{.message = facts,
                              .receiver = row.receiver.empty() ? nullptr : &receiver,
                              .requested_reply = row.requested};
        EXPECT_EQ(snapshot_of(row.rules)->may_send(query).allowed, row.allowed) << row.about;
    }
}

struct ReceiveCase {
    std::string_view about;
    std::string_view rules;
    bus::MessageType type = kCall;
    std::string_view path = "/a";
    std::string_view interface = "com.example.I";
    std::string_view member = "M";
    std::string_view error = "";
    bool is_reply = false;
    bool requested = false;
    bool eavesdropping = false;
    std::uint32_t fds = 0;
    /// What the sender owns; empty: the driver.
    std::string_view sender = ":1.0 com.example.A com.example.B.C";
    bool allowed = false;
};

constexpr ReceiveCase kReceiveCases[] = {
#include "tests/policy/receive_cases.inc"
};

TEST(MayReceive, DecidesAsDbusDaemonDoes) {
    for (const auto& row : kReceiveCases) {
        const Names sender(row.sender);
        const MessageFacts facts{
            .type = row.type,
            .path = row.path,
            .interface = row.interface,
            .member = row.member,
            .error_name = row.error,
            .destination = ":1.1",
            .sender = row.sender.empty() ? bus::kDriverName : std::string_view(":1.0"),
            .is_reply = row.is_reply,
            .fd_count = row.fds};
        const ReceiveQuery query{.message = facts,
                                 .sender = row.sender.empty() ? nullptr : &sender,
                                 .requested_reply = row.requested,
                                 .eavesdropping = row.eavesdropping};
        EXPECT_EQ(snapshot_of(row.rules)->may_receive(query).allowed, row.allowed) << row.about;
    }
}

struct OwnCase {
    std::string_view about;
    std::string_view rules;
    std::string_view name = "com.example.A";
    bool allowed = false;
};

constexpr OwnCase kOwnCases[] = {
#include "tests/policy/own_cases.inc"
};

TEST(MayOwn, DecidesAsDbusDaemonDoes) {
    for (const auto& row : kOwnCases) {
        EXPECT_EQ(snapshot_of(row.rules)->may_own(row.name).allowed, row.allowed) << row.about;
    }
}

}  // namespace
}  // namespace buzon::policy
