// SPDX-License-Identifier: Apache-2.0
#include "policy/location.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

namespace buzon::policy {

FileId SourceFiles::add(std::string_view path) {
    const auto known = std::find(names_.begin(), names_.end(), path);
    const auto index = static_cast<std::uint32_t>(known - names_.begin());
    if (known == names_.end()) names_.emplace_back(path);
    return FileId{index};
}

const std::string& SourceFiles::name(FileId file) const {
    const auto index = static_cast<std::size_t>(file);
    assert(index < names_.size());
    return names_[index];
}

std::string SourceFiles::describe(const Location& location) const {
    if (location.line == 0) return name(location.file);
    return fmt::format("{}:{}", name(location.file), location.line);
}

}  // namespace buzon::policy
