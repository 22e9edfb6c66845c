// SPDX-License-Identifier: Apache-2.0
// Each file is interpreted into a Config of its own, which starts with the limits reached so far,
// and is merged into that of the including file once it is known to be good. So a file that is left
// out leaves nothing behind.
#include "policy/config_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "bus/base/file_descriptor.h"
#include "bus/base/log.h"
#include "policy/config_parser.h"
#include "policy/unenforced.h"
#include "policy/xml_reader.h"

namespace buzon::policy {

namespace {

/// A file that had to be there is not. An <include ignore_missing="yes"> further out forgives it.
class MissingFile : public UnreadableFile {
    using UnreadableFile::UnreadableFile;
};

/// A bound on the whole configuration is passed; no <includedir> forgives that.
class BoundPassed : public ConfigError {
    using ConfigError::ConfigError;
};

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// Adds an included file's `part` behind what `whole` holds, by dbus-daemon's rules.
void merge(Config& whole, Config&& part) {
    if (part.type) whole.type = std::move(part.type);
    if (part.user) whole.user = std::move(part.user);
    if (part.pidfile) whole.pidfile = std::move(part.pidfile);
    if (part.service_helper) whole.service_helper = std::move(part.service_helper);
    if (part.apparmor) whole.apparmor = part.apparmor;
    whole.fork |= part.fork;
    whole.keep_umask |= part.keep_umask;
    whole.allow_anonymous |= part.allow_anonymous;
    // Compat: <syslog/> counts in the main file only.
    whole.limits = part.limits;
    append(whole.listen, std::move(part.listen));
    append(whole.auth_mechanisms, std::move(part.auth_mechanisms));
    append(whole.selinux_associations, std::move(part.selinux_associations));
    append(whole.policies, std::move(part.policies));
    for (auto& each : part.service_directories)
        add_service_directory(whole, std::move(each));
}

class Loader final : public Includer {
public:
    Loader(const ConfigEnvironment& environment, FileSource& source)
        : environment_(environment), source_(source) {}

    Config load(const std::string& path, ConfigRole role);
    void include_file(const IncludeRequest& request, Config& config) override;
    void include_directory(const IncludeRequest& request, Config& config) override;

private:
    /// Absent where there is no such file.
    std::optional<std::string> read(const IncludeRequest& request);
    void include_text(const IncludeRequest& request, const std::string& text, Config& config);
    void interpret(const std::string& path, const std::string& text, Config& config);
    void check_bounds(const std::string& path, const std::string& text);
    void warn(const IncludeRequest& request, std::string_view text);

    const ConfigEnvironment& environment_;
    FileSource& source_;
    SourceFiles files_;
    std::vector<Warning> warnings_;
    std::vector<std::string> watched_directories_;
    /// The files being interpreted, outermost first, in normal form.
    std::vector<std::string> open_;
    std::size_t bytes_ = 0;
    std::size_t elements_ = 0;
    unsigned file_count_ = 0;
};

std::string normal_form(const std::string& path) {
    return std::filesystem::path(path).lexically_normal().string();
}

Config Loader::load(const std::string& given_path, ConfigRole role) {
    const std::string path = std::filesystem::absolute(given_path).string();
    const auto text = source_.read(path);
    if (!text) {
        throw UnreadableFile(path, 0, 0,
                             fmt::format("can't be read: {}", describe_unreadable(text.error())),
                             text.error());
    }
    Config config;
    interpret(path, *text, config);
    if (role == ConfigRole::Whole && config.listen.empty()) {
        throw ConfigError(path, 1, 1, "no <listen> element; the bus needs at least one address");
    }
    config.files = std::move(files_);
    config.warnings = std::move(warnings_);
    config.watched_directories = std::move(watched_directories_);
    judge_what_is_not_enforced(config, environment_);
    return config;
}

void Loader::check_bounds(const std::string& path, const std::string& text) {
    bytes_ += text.size();
    ++file_count_;
    if (bytes_ > kMaxConfigBytes) {
        throw BoundPassed(path, 0, 0,
                          fmt::format("with this file the configuration exceeds {} "
                                      "bytes",
                                      kMaxConfigBytes));
    }
    if (file_count_ > kMaxConfigFiles) {
        throw BoundPassed(
            path, 0, 0,
            fmt::format("the configuration includes more than {} files", kMaxConfigFiles));
    }
    if (open_.size() > kMaxIncludeDepth) {
        throw BoundPassed(
            path, 0, 0,
            fmt::format("files include each other more than {} deep", kMaxIncludeDepth));
    }
}

void Loader::interpret(const std::string& path, const std::string& text, Config& config) {
    open_.push_back(normal_form(path));
    check_bounds(path, text);
    const FileId id = files_.add(path);
    const XmlElement root = read_xml(text, path);
    elements_ += count_elements(root);
    if (elements_ > kMaxConfigElements) {
        throw BoundPassed(path, 0, 0,
                          fmt::format("with this file the configuration has more than "
                                      "{} elements",
                                      kMaxConfigElements));
    }
    const SourceFile file{id, path};
    apply_busconfig(file, root, environment_, *this, config);
    open_.pop_back();
}

void Loader::include_text(const IncludeRequest& request, const std::string& text, Config& config) {
    const auto form = normal_form(request.path);
    if (std::find(open_.begin(), open_.end(), form) != open_.end()) {
        fail_at(request.from, request.element,
                fmt::format("circular inclusion of {}", request.path));
    }
    const auto depth = open_.size();
    Config part;
    part.limits = config.limits;
    try {
        interpret(request.path, text, part);
    } catch (...) {
        open_.resize(depth);
        throw;
    }
    merge(config, std::move(part));
}

std::optional<std::string> Loader::read(const IncludeRequest& request) {
    auto text = source_.read(request.path);
    if (text) return std::move(text).value();
    if (text.error() == ENOENT) return {};
    throw UnreadableFile(
        request.from.path, request.element.line, request.element.column,
        fmt::format("can't read {}: {}", request.path, describe_unreadable(text.error())),
        text.error());
}

void Loader::warn(const IncludeRequest& request, std::string_view text) {
    warnings_.push_back({location_of(request.from, request.element), bus::on_one_line(text)});
}

void Loader::include_file(const IncludeRequest& request, Config& config) {
    const auto text = read(request);
    if (!text && request.ignore_missing) return;
    if (!text) {
        throw MissingFile(request.from.path, request.element.line, request.element.column,
                          fmt::format("there is no file {}", request.path), ENOENT);
    }
    try {
        include_text(request, *text, config);
    } catch (const MissingFile& missing) {
        // Compat: dbus-daemon leaves out a file that is there but includes one that is not.
        if (!request.ignore_missing) throw;
        warn(request, fmt::format("{} left out: {}", request.path, missing.what()));
    }
}

void Loader::include_directory(const IncludeRequest& request, Config& config) {
    watched_directories_.push_back(request.path);
    auto names = source_.list(request.path);
    if (!names) {
        if (names.error() == ENOENT) return;
        fail_at(request.from, request.element,
                fmt::format("can't read {}: {}", request.path, std::strerror(names.error())));
    }
    std::sort(names->begin(), names->end());
    for (const auto& name : *names) {
        if (!name.ends_with(".conf")) continue;
        const IncludeRequest one{request.from, request.element,
                                 fmt::format("{}/{}", request.path, name), false};
        try {
            const auto text = read(one);
            if (text) include_text(one, *text, config);
        } catch (const BoundPassed&) {
            throw;
        } catch (const ConfigError& error) {
            warn(one, fmt::format("{} left out: {}", one.path, error.what()));
        }
    }
}

}  // namespace

bus::Result<std::string, int> DiskFiles::read(const std::string& path) {
    // Not to hang on a FIFO.
    const bus::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!file || fstat(file.get(), &status) < 0) return bus::Unexpected{errno};
    if (S_ISDIR(status.st_mode)) return bus::Unexpected{EISDIR};
    if (!S_ISREG(status.st_mode)) return bus::Unexpected{EINVAL};

    std::string text;
    for (;;) {
        constexpr std::size_t kChunk = 65536;
        const auto have = text.size();
        if (have > kMaxXmlBytes) return bus::Unexpected{EFBIG};
        text.resize(have + kChunk);
        const auto got = ::read(file.get(), text.data() + have, kChunk);
        if (got < 0 && errno != EINTR) return bus::Unexpected{errno};
        text.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got == 0) return text;
    }
}

bus::Result<std::vector<std::string>, int> DiskFiles::list(const std::string& directory) {
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        names.push_back(entry->path().filename().string());
    }
    if (error) return bus::Unexpected{error.value()};
    return names;
}

std::string describe_unreadable(int error) {
    if (error == EISDIR) return "it is a directory";
    if (error == EINVAL) return "it is not a regular file";
    if (error == EFBIG) return fmt::format("it is over {} bytes long", kMaxXmlBytes);
    return std::strerror(error);
}

Config load_config(const std::string& path,
                   const ConfigEnvironment& environment,
                   FileSource& files,
                   ConfigRole role) {
    return Loader(environment, files).load(path, role);
}

}  // namespace buzon::policy
