// SPDX-License-Identifier: Apache-2.0
#include "policy/user_database.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <limits>
#include <system_error>

#include "policy/number_text.h"

namespace buzon::policy {

namespace {

constexpr int kMaxGroups = 1 << 16;

constexpr std::size_t kFirstBufferBytes = 4096;
constexpr std::size_t kMaxBufferBytes = std::size_t{16} << 20;

/// Calls `get` (entry, buffer, bytes, result) with as much room as it wants. False: nothing found.
template <typename Entry, typename Get>
bool look_up(Entry& entry, std::vector<char>& buffer, const Get& get) {
    buffer.resize(kFirstBufferBytes);
    for (;;) {
        Entry* found = nullptr;
        const int error = get(&entry, buffer.data(), buffer.size(), &found);
        if (found) return true;
        if (error == EINTR) continue;
        if (means_not_found(error)) return false;
        if (error != ERANGE || buffer.size() >= kMaxBufferBytes) {
            throw std::system_error(error, std::generic_category(), "name service");
        }
        buffer.resize(2 * buffer.size());
    }
}

std::optional<UserEntry> look_up_user(const std::string& name_or_number) {
    const auto id = parse_id(name_or_number);
    passwd entry{};
    std::vector<char> buffer;
    const bool found = look_up(entry, buffer, [&](auto... where) {
        return id ? ::getpwuid_r(*id, where...) : ::getpwnam_r(name_or_number.c_str(), where...);
    });
    if (!found) return {};
    return UserEntry{entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir ? entry.pw_dir : ""};
}

std::optional<gid_t> look_up_group(const std::string& name_or_number) {
    const auto id = parse_id(name_or_number);
    group entry{};
    std::vector<char> buffer;
    const bool found = look_up(entry, buffer, [&](auto... where) {
        return id ? ::getgrgid_r(*id, where...) : ::getgrnam_r(name_or_number.c_str(), where...);
    });
    if (!found) return {};
    return entry.gr_gid;
}

}  // namespace

// The last value stands for "none" in the kernel's calls.
std::optional<std::uint32_t> parse_id(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
    const auto value = parse_number(text, std::numeric_limits<std::uint32_t>::max() - 1);
    if (!value) return {};
    return static_cast<std::uint32_t>(*value);
}

// Those that getpwnam(3) lists for "not found"; a name service that nsswitch.conf names and that is
// not installed counts as one that has nothing.
bool means_not_found(int error) {
    switch (error) {
        case 0:
        case ENOENT:
        case ESRCH:
        case EBADF:
        case EPERM: return true;
        default: return false;
    }
}

std::optional<UserEntry> SystemUserDatabase::user(std::string_view name_or_number) {
    const auto known = users_.find(name_or_number);
    if (known != users_.end()) return known->second;
    std::string name(name_or_number);
    auto entry = look_up_user(name);
    return users_.emplace(std::move(name), std::move(entry)).first->second;
}

std::optional<gid_t> SystemUserDatabase::group(std::string_view name_or_number) {
    const auto known = groups_.find(name_or_number);
    if (known != groups_.end()) return known->second;
    std::string name(name_or_number);
    const auto gid = look_up_group(name);
    return groups_.emplace(std::move(name), gid).first->second;
}

std::vector<gid_t> SystemUserDatabase::groups_of(const UserEntry& user) {
    std::vector<gid_t> gids(32);
    for (;;) {
        int count = static_cast<int>(gids.size());
        if (getgrouplist(user.name.c_str(), user.primary_gid, gids.data(), &count) >= 0) {
            gids.resize(static_cast<std::size_t>(count));
            return gids;
        }
        // On failure `count` is the number needed, or unchanged where there is no memory.
        if (count <= static_cast<int>(gids.size()) || count > kMaxGroups) return {user.primary_gid};
        gids.resize(static_cast<std::size_t>(count));
    }
}

}  // namespace buzon::policy
