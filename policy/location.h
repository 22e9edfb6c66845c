// SPDX-License-Identifier: Apache-2.0
// Where something was written: file, line, column. Lines and columns count from 1; columns are
// bytes. A Location is three integers; SourceFiles, kept once beside all of them, knows the names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace buzon::policy {

/// An index into SourceFiles.
enum class FileId : std::uint32_t {};

struct Location {
    FileId file{};
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    friend bool operator==(const Location&, const Location&) = default;
};

/// A value and the place of the element that gave it.
template <typename T>
struct Located {
    T value;
    Location location;
};

/// Something that an administrator should hear of, though it stops nothing.
struct Warning {
    Location location;
    std::string text;
};

/// The names of the files that a configuration was read from, in the order of first reading.
class SourceFiles {
public:
    /// A file read twice keeps its first index.
    FileId add(std::string_view path);
    [[nodiscard]] const std::string& name(FileId file) const;
    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    /// `/etc/dbus-1/system.d/foo.conf:12`
    [[nodiscard]] std::string describe(const Location& location) const;

private:
    std::vector<std::string> names_;
};

}  // namespace buzon::policy
