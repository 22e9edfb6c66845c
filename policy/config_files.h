// SPDX-License-Identifier: Apache-2.0
// From files to a Config: <include> and <includedir>, their order, bounds and cycles.
// Errors: ConfigError. A broken file of an <includedir> is left out whole, with a warning.
// Compat: an <includedir> is read in the order of file names; dbus-daemon's order is readdir's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bus/base/result.h"
#include "policy/config.h"
#include "policy/config_environment.h"

namespace buzon::policy {

/// A file that has to be there can't be read.
class UnreadableFile : public ConfigError {
public:
    UnreadableFile(std::string file,
                   std::uint32_t line,
                   std::uint32_t column,
                   const std::string& text,
                   int system_error)
        : ConfigError(std::move(file), line, column, text), system_error_(system_error) {}
    /// The errno.
    [[nodiscard]] int system_error() const { return system_error_; }

private:
    int system_error_;
};

/// Where configuration text comes from. Errors are errno values.
class FileSource {
public:
    [[nodiscard]] virtual bus::Result<std::string, int> read(const std::string& path) = 0;
    /// Names of the entries of a directory, in any order.
    [[nodiscard]] virtual bus::Result<std::vector<std::string>, int> list(
        const std::string& directory) = 0;

protected:
    ~FileSource() = default;
};

/// What a FileSource says with an errno, as a part of a sentence.
[[nodiscard]] std::string describe_unreadable(int error);

/// The file system. Refuses directories (EISDIR), what else is not a regular file (EINVAL), and
/// what is over 16 MiB (EFBIG).
class DiskFiles final : public FileSource {
public:
    [[nodiscard]] bus::Result<std::string, int> read(const std::string& path) override;
    [[nodiscard]] bus::Result<std::vector<std::string>, int> list(
        const std::string& directory) override;
};

/// Bounds on what one configuration may bring in; beyond them it is refused as a whole.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{32} << 20;
inline constexpr std::size_t kMaxConfigElements = std::size_t{1} << 18;
inline constexpr unsigned kMaxConfigFiles = 4096;
inline constexpr unsigned kMaxIncludeDepth = 64;

enum class ConfigRole : std::uint8_t {
    Whole,  // what a bus starts with: it must say where to listen
    Part,   // what another file includes
};

/// Reads `path` and all that it includes.
[[nodiscard]] Config load_config(const std::string& path,
                                 const ConfigEnvironment& environment,
                                 FileSource& files,
                                 ConfigRole role = ConfigRole::Whole);

}  // namespace buzon::policy
