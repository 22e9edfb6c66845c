// SPDX-License-Identifier: Apache-2.0
#include "policy/buzon_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "bus/base/log.h"
#include "policy/buzon_parser.h"
#include "policy/xml_reader.h"

namespace buzon::policy {

namespace {

/// A bound on all files together is passed.
class BoundPassed : public ConfigError {
    using ConfigError::ConfigError;
};

void append(std::vector<SpecialLimits>& to, std::vector<SpecialLimits>&& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::string cant_be_read(int error) {
    return fmt::format("can't be read: {}", describe_unreadable(error));
}

class BuzonLoader {
public:
    BuzonLoader(Config& config, WhenBroken when_broken, FileSource& source)
        : config_(config), when_broken_(when_broken), source_(source) {}

    void load_directory(const std::string& path);
    void load_given(const std::string& path);

private:
    void load_one_of_directory(const std::string& path);
    void interpret(const std::string& path, const std::string& text);
    void check_bounds(const std::string& path, std::size_t bytes);
    void apply(BuzonConfig&& said);

    Config& config_;
    WhenBroken when_broken_;
    FileSource& source_;
    std::size_t bytes_ = 0;
    std::size_t elements_ = 0;
    unsigned file_count_ = 0;
};

void BuzonLoader::load_directory(const std::string& path) {
    config_.watched_directories.push_back(path);
    auto names = source_.list(path);
    if (!names) {
        if (names.error() == ENOENT) return;
        throw ConfigError(path, 0, 0, cant_be_read(names.error()));
    }
    std::sort(names->begin(), names->end());
    for (const auto& name : *names)
        if (name.ends_with(".conf")) load_one_of_directory(fmt::format("{}/{}", path, name));
}

void BuzonLoader::load_one_of_directory(const std::string& path) {
    try {
        const auto text = source_.read(path);
        if (!text && text.error() == ENOENT) return;  // gone meanwhile, or a link to nowhere
        if (!text) throw ConfigError(path, 0, 0, cant_be_read(text.error()));
        interpret(path, *text);
    } catch (const BoundPassed&) {
        throw;
    } catch (const ConfigError& error) {
        if (when_broken_ == WhenBroken::Refuse) throw;
        config_.warnings.push_back({{config_.files.add(path), error.line(), error.column()},
                                    bus::on_one_line(fmt::format("left out: {}", error.text()))});
    }
}

void BuzonLoader::load_given(const std::string& given_path) {
    const std::string path = std::filesystem::absolute(given_path).string();
    const auto text = source_.read(path);
    if (!text) throw UnreadableFile(path, 0, 0, cant_be_read(text.error()), text.error());
    interpret(path, *text);
}

void BuzonLoader::interpret(const std::string& path, const std::string& text) {
    check_bounds(path, text.size());
    const XmlElement root = read_xml(text, path);
    elements_ += count_elements(root);
    if (elements_ > kMaxConfigElements) {
        throw BoundPassed(path, 0, 0,
                          fmt::format("with this file the files of buzon's own have more than {} "
                                      "elements",
                                      kMaxConfigElements));
    }
    apply(parse_buzon_config({config_.files.add(path), path}, root));
}

void BuzonLoader::check_bounds(const std::string& path, std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > kMaxConfigBytes || ++file_count_ > kMaxConfigFiles) {
        throw BoundPassed(path, 0, 0,
                          fmt::format("with this file the files of buzon's own exceed {} bytes or "
                                      "{} files",
                                      kMaxConfigBytes, kMaxConfigFiles));
    }
}

void BuzonLoader::apply(BuzonConfig&& said) {
    for (const auto& [name, value] : said.limits)
        (void)set_limit(config_.limits, name, value);  // it is known to be right
    append(config_.user_limits, std::move(said.users));
    append(config_.destination_limits, std::move(said.destinations));
}

}  // namespace

std::vector<std::string> buzon_directories(std::string_view type) {
    if (type != "session" && type != "system") return {};
    return {fmt::format("/usr/share/buzon/{}.d", type), fmt::format("/etc/buzon/{}.d", type)};
}

void load_buzon_files(Config& config,
                      const std::vector<std::string>& given,
                      WhenBroken when_broken,
                      FileSource& files) {
    BuzonLoader loader(config, when_broken, files);
    if (config.type)
        for (const auto& directory : buzon_directories(config.type->value))
            loader.load_directory(directory);
    for (const auto& path : given)
        loader.load_given(path);
}

}  // namespace buzon::policy
