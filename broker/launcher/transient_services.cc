// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/transient_services.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "bus/base/file_descriptor.h"

namespace buzon::broker {

namespace {

std::string last_error() {
    return std::strerror(errno);
}

std::string check_runtime_directory(const std::filesystem::path& path,
                                    const bus::FileDescriptor& directory,
                                    uid_t owner) {
    struct stat status {};
    if (!directory || ::fstat(directory.get(), &status) < 0) {
        return fmt::format("XDG_RUNTIME_DIR \"{}\" not available: {}", path.string(), last_error());
    }
    if (status.st_uid != owner) {
        return fmt::format("XDG_RUNTIME_DIR \"{}\" is owned by uid {}, not our uid {}",
                           path.string(), status.st_uid, owner);
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fmt::format("XDG_RUNTIME_DIR \"{}\" can be written by others (mode {:06o})",
                           path.string(), status.st_mode);
    }
    return "";
}

/// Empty, with errno set, if it cannot be made.
bus::FileDescriptor make_directory(const bus::FileDescriptor& parent, const std::string& name) {
    if (::mkdirat(parent.get(), name.c_str(), 0700) < 0 && errno != EEXIST) return {};
    return bus::FileDescriptor(
        ::openat(parent.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

std::string make_transient_services(const std::string& directory, uid_t owner) {
    const std::filesystem::path services(directory);
    const std::filesystem::path parent = services.parent_path();
    const std::filesystem::path runtime = parent.parent_path();
    const bus::FileDescriptor root(::open(runtime.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (auto problem = check_runtime_directory(runtime, root, owner); !problem.empty()) {
        return problem;
    }
    // Step by step from an open directory, so that no link is followed on the way.
    const bus::FileDescriptor above = make_directory(root, parent.filename());
    if (!above || !make_directory(above, services.filename())) {
        return fmt::format("\"{}\" cannot be made: {}", directory, last_error());
    }
    return "";
}

}  // namespace buzon::broker
