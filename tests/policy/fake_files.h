// SPDX-License-Identifier: Apache-2.0
// A file system in memory for configuration files. A directory is there if a file below it is.
#pragma once

#include <cerrno>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/config_files.h"

namespace buzon::policy {

class FakeFiles final : public FileSource {
public:
    FakeFiles() = default;
    FakeFiles(std::initializer_list<std::pair<const std::string, std::string>> files)
        : files_(files) {}

    void add(const std::string& path, std::string text) { files_[path] = std::move(text); }

    bus::Result<std::string, int> read(const std::string& path) override {
        const auto file = files_.find(normal_form(path));
        if (file == files_.end()) return bus::Unexpected{ENOENT};
        return file->second;
    }

    bus::Result<std::vector<std::string>, int> list(const std::string& directory) override {
        const auto below = normal_form(directory + "/");
        std::vector<std::string> names;
        // Backwards, so that nobody relies on an order.
        for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
            if (!file->first.starts_with(below)) continue;
            const auto name = file->first.substr(below.size());
            if (name.find('/') == std::string::npos) names.push_back(name);
        }
        if (names.empty()) return bus::Unexpected{ENOENT};
        return names;
    }

private:
    static std::string normal_form(const std::string& path) {
        return std::filesystem::path(path).lexically_normal().string();
    }

    std::map<std::string, std::string> files_;
};

/// The configuration with these elements inside <busconfig>, and a <listen> before them.
inline Config config_of(const std::string& elements) {
    FakeFiles files{
        {"/main.conf", "<busconfig><listen>unix:tmpdir=/tmp</listen>" + elements + "</busconfig>"}};
    return load_config("/main.conf", ConfigEnvironment{}, files);
}

}  // namespace buzon::policy
