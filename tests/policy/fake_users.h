// SPDX-License-Identifier: Apache-2.0
// A user database of two users: root (0) in group root (0), and alice (1000) in alice (1000),
// audio (29) and video (44). The name service has no answer for what is called "unreachable".
#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "policy/user_database.h"

namespace buzon::policy {

class FakeUsers final : public UserDatabase {
public:
    std::optional<UserEntry> user(std::string_view name) override {
        fail_for(name);
        if (name == "root" || name == "0") return UserEntry{"root", 0, 0, "/root"};
        if (name == "alice" || name == "1000") return UserEntry{"alice", 1000, 1000, "/home/alice"};
        return {};
    }
    std::optional<gid_t> group(std::string_view name) override {
        fail_for(name);
        if (name == "root") return 0;
        if (name == "alice") return 1000;
        if (name == "audio") return 29;
        if (name == "video") return 44;
        return {};
    }
    std::vector<gid_t> groups_of(const UserEntry& user) override {
        if (user.uid == 0) return {0};
        return {1000, 29, 44};
    }

private:
    static void fail_for(std::string_view name) {
        if (name != "unreachable") return;
        throw std::system_error(ECONNREFUSED, std::generic_category(), "name service");
    }
};

}  // namespace buzon::policy
