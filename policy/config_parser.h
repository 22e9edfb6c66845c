// SPDX-License-Identifier: Apache-2.0
// One <busconfig> element, already read, into a Config. What <include> and <includedir> ask for is
// asked of an Includer, at their place in the order of elements.
// Errors: ConfigError.
#pragma once

#include <string>

#include "policy/config.h"
#include "policy/config_environment.h"
#include "policy/element.h"

namespace buzon::policy {

/// One <include> or <includedir>; `path` is absolute.
struct IncludeRequest {
    const SourceFile& from;
    const XmlElement& element;
    std::string path;
    bool ignore_missing = false;
};

class Includer {
public:
    /// Adds to `config` what the file or the directory of `request` holds.
    virtual void include_file(const IncludeRequest& request, Config& config) = 0;
    virtual void include_directory(const IncludeRequest& request, Config& config) = 0;

protected:
    ~Includer() = default;
};

/// Adds what `root` says to `config`. Limits not mentioned stay what they are.
void apply_busconfig(const SourceFile& file,
                     const XmlElement& root,
                     const ConfigEnvironment& environment,
                     Includer& includer,
                     Config& config);

/// `path` as seen from the folder of the file `from`.
[[nodiscard]] std::string resolved_path(const std::string& path, const std::string& from);

/// Adds a service directory unless it is there already.
void add_service_directory(Config& config, ServiceDirectory directory);

}  // namespace buzon::policy
