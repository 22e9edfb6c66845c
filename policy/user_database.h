// SPDX-License-Identifier: Apache-2.0
// Users and groups by name. Each name is asked for once in the life of an object; make a new one
// for each load of the configuration. The look-ups may block (name services over the network).
// Errors: std::system_error where it can't be told now whether there is such a user or group.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace buzon::policy {

struct UserEntry {
    std::string name;
    uid_t uid = 0;
    gid_t primary_gid = 0;
    std::string home;
};

/// The id that `text` spells, where it is all digits.
[[nodiscard]] std::optional<std::uint32_t> parse_id(std::string_view text);

/// Whether an error of getpwnam_r(3) and its kind means that the name service has looked and found
/// nothing; each other one means that it could not look.
[[nodiscard]] bool means_not_found(int error);

class UserDatabase {
public:
    UserDatabase() = default;
    UserDatabase(const UserDatabase&) = delete;
    UserDatabase& operator=(const UserDatabase&) = delete;
    virtual ~UserDatabase() = default;

    /// By name, or by number for text that is all digits; a number must exist too.
    virtual std::optional<UserEntry> user(std::string_view name_or_number) = 0;
    virtual std::optional<gid_t> group(std::string_view name_or_number) = 0;
    /// The primary group first; only that one where the others can't be had.
    virtual std::vector<gid_t> groups_of(const UserEntry& user) = 0;
};

/// What the C library says: /etc/passwd, LDAP, systemd, whatever nsswitch.conf names.
class SystemUserDatabase final : public UserDatabase {
public:
    std::optional<UserEntry> user(std::string_view name_or_number) override;
    std::optional<gid_t> group(std::string_view name_or_number) override;
    std::vector<gid_t> groups_of(const UserEntry& user) override;

private:
    std::map<std::string, std::optional<UserEntry>, std::less<>> users_;
    std::map<std::string, std::optional<gid_t>, std::less<>> groups_;
};

}  // namespace buzon::policy
