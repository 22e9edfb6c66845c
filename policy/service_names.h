// SPDX-License-Identifier: Apache-2.0
// Which names the .service files of a configuration provide. For looking at configurations only:
// it reads no more than the name. Files that can't be read and those without a name are left out.
// Source: D-Bus Specification, "Message Bus Starting Services".
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "policy/config.h"
#include "policy/config_files.h"

namespace buzon::policy {

class ServiceNames {
public:
    ServiceNames() = default;
    explicit ServiceNames(std::set<std::string, std::less<>> names) : names_(std::move(names)) {}

    [[nodiscard]] bool empty() const { return names_.empty(); }
    [[nodiscard]] bool contains(std::string_view name) const { return names_.contains(name); }
    /// Whether there is `prefix` itself or a name below it at a dot.
    [[nodiscard]] bool contains_below(std::string_view prefix) const;

private:
    std::set<std::string, std::less<>> names_;
};

/// The value of `Name` in the group `D-BUS Service`; nothing where there is none.
[[nodiscard]] std::optional<std::string> service_name_in(std::string_view file_text);

/// All names in the service directories of `config`.
[[nodiscard]] ServiceNames read_service_names(const Config& config, FileSource& files);

}  // namespace buzon::policy
