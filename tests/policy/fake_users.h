// SPDX-License-Identifier: Apache-2.0
// A user database of two users: root (0) in group root (0), and alice (1000) in alice (1000),
// audio (29) and video (44).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/user_database.h"

namespace buzon::policy {

class FakeUsers final : public UserDatabase {
public:
    std::optional<UserEntry> user(std::string_view name) override {
        if (name == "root" || name == "0") return UserEntry{"root", 0, 0, "/root"};
        if (name == "alice" || name == "1000") return UserEntry{"alice", 1000, 1000, "/home/alice"};
        return {};
    }
    std::optional<gid_t> group(std::string_view name) override {
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
};

}  // namespace buzon::policy
