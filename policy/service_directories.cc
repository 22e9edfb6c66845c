// SPDX-License-Identifier: Apache-2.0
#include "policy/service_directories.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace buzon::policy {

namespace {

constexpr std::string_view kDefaultDataDirectories = "/usr/local/share:/usr/share";
constexpr std::string_view kCompiledDataDirectory = "/usr/share";

/// Compat: a variable that is set but empty names nothing; it does not bring the default back.
std::string data_home(const ConfigEnvironment& environment) {
    if (environment.xdg_data_home) return *environment.xdg_data_home;
    if (environment.home.empty()) return {};
    return environment.home + "/.local/share";
}

class DirectoryList {
public:
    explicit DirectoryList(const Location& location) : location_(location) {}

    void add(std::string_view base,
             ServiceDirectory::Kind kind = ServiceDirectory::Kind::Ordinary) {
        if (!base.starts_with('/')) return;
        list_.push_back({fmt::format("{}/dbus-1/services", base), kind, location_});
    }

    void add_each(std::string_view bases) {
        while (!bases.empty()) {
            const auto colon = bases.find(':');
            add(bases.substr(0, colon));
            bases.remove_prefix(colon == std::string_view::npos ? bases.size() : colon + 1);
        }
    }

    std::vector<ServiceDirectory> take() { return std::move(list_); }

private:
    Location location_;
    std::vector<ServiceDirectory> list_;
};

}  // namespace

std::vector<ServiceDirectory> standard_session_directories(const ConfigEnvironment& environment,
                                                           const Location& location) {
    DirectoryList list(location);
    list.add(environment.xdg_runtime_dir, ServiceDirectory::Kind::Transient);
    list.add(data_home(environment));
    list.add_each(environment.xdg_data_dirs ? std::string_view(*environment.xdg_data_dirs)
                                            : kDefaultDataDirectories);
    list.add(kCompiledDataDirectory);
    return list.take();
}

std::vector<ServiceDirectory> standard_system_directories(const Location& location) {
    std::vector<ServiceDirectory> list;
    for (const auto* path : {"/usr/local/share/dbus-1/system-services",
                             "/usr/share/dbus-1/system-services", "/lib/dbus-1/system-services"}) {
        list.push_back({path, ServiceDirectory::Kind::Ordinary, location});
    }
    return list;
}

}  // namespace buzon::policy
