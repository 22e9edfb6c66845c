// SPDX-License-Identifier: Apache-2.0
#include "policy/user_database.h"

#include <grp.h>
#include <pwd.h>

#include <limits>

#include "policy/number_text.h"

namespace buzon::policy {

namespace {

constexpr int kMaxGroups = 1 << 16;

/// The id that `text` spells. The last value stands for "none" in the kernel's calls.
std::optional<std::uint32_t> as_id(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
    const auto value = parse_number(text, std::numeric_limits<std::uint32_t>::max() - 1);
    if (!value) return {};
    return static_cast<std::uint32_t>(*value);
}

std::optional<UserEntry> look_up_user(const std::string& name_or_number) {
    const auto id = as_id(name_or_number);
    const passwd* entry = id ? getpwuid(*id) : getpwnam(name_or_number.c_str());
    if (!entry) return {};
    return UserEntry{entry->pw_name, entry->pw_uid, entry->pw_gid,
                     entry->pw_dir ? entry->pw_dir : ""};
}

std::optional<gid_t> look_up_group(const std::string& name_or_number) {
    const auto id = as_id(name_or_number);
    const group* entry = id ? getgrgid(*id) : getgrnam(name_or_number.c_str());
    if (!entry) return {};
    return entry->gr_gid;
}

}  // namespace

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
