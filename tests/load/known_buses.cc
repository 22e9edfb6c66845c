// SPDX-License-Identifier: Apache-2.0
#include "tests/load/known_buses.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace buzon::load {
namespace {

std::string own_buzond() {
    const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return (here / "../../broker/buzond").lexically_normal().string();
}

/// `command` as a path, looked up in $PATH if it has no slash; empty if it cannot be run.
std::string find_program(const std::string& command) {
    if (command.find('/') != command.npos) {
        return ::access(command.c_str(), X_OK) == 0 ? command : "";
    }
    const char* const path = std::getenv("PATH");
    std::istringstream directories(path ? path : "/usr/bin:/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
        auto file = directory.append("/").append(command);
        if (::access(file.c_str(), X_OK) == 0) return file;
    }
    return "";
}

bool is_chosen(const std::vector<std::string>& names, const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<BusProgram> known_buses() {
    return {{.kind = BusKind::DbusDaemon, .name = "dbus-daemon", .path = "dbus-daemon"},
            {.kind = BusKind::DbusBroker, .name = "dbus-broker", .path = "dbus-broker"},
            {.kind = BusKind::Buzond, .name = "buzond", .path = own_buzond()}};
}

std::vector<BusProgram> runnable(const std::vector<BusProgram>& known,
                                 const std::vector<std::string>& names) {
    std::vector<BusProgram> found;
    for (auto bus : known) {
        if (!is_chosen(names, bus.name)) continue;
        auto path = find_program(bus.path);
        if (path.empty()) {
            fmt::print(stderr, "{} is left out: there is no program {}\n", bus.name, bus.path);
            continue;
        }
        bus.path = std::move(path);
        found.push_back(std::move(bus));
    }
    return found;
}

}  // namespace buzon::load
