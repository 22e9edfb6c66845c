// SPDX-License-Identifier: Apache-2.0
#include "policy/limit_element.h"

#include <string>

#include <fmt/format.h>

namespace buzon::policy {

namespace {

[[noreturn]] void fail_unknown(const SourceFile& file,
                               const XmlElement& element,
                               const std::string& name,
                               LimitScope scope) {
    if (scope == LimitScope::Any && make_limit(name, least_of(name).value)) {
        fail_at(file, element,
                fmt::format("limit {} is for files that dbus-daemon never reads, such as "
                            "/etc/buzon/session.d/*.conf: see buzon.conf(5)",
                            name));
    }
    const auto meant = nearest_name(name, limit_names(scope));
    fail_at(file, element,
            fmt::format("there is no limit called \"{}\"{}", name,
                        meant ? fmt::format("; did you mean {}?", *meant) : ""));
}

}  // namespace

LimitSetting parse_limit_element(const SourceFile& file,
                                 const XmlElement& element,
                                 LimitScope scope) {
    require_attributes_among(file, element, {"name"});
    const auto* name = element.attribute("name");
    if (!name) fail_at(file, element, "<limit> needs a name");

    const auto setting = parse_limit(*name, element.text, scope);
    if (setting) return *setting;
    switch (setting.error()) {
        case LimitError::UnknownName: fail_unknown(file, element, *name, scope);
        case LimitError::NotANumber:
            fail_at(file, element,
                    fmt::format("limit {}: \"{}\" is not a whole number", *name, element.text));
        case LimitError::Negative:
            fail_at(file, element, fmt::format("limit {}: {} is negative", *name, element.text));
        case LimitError::TooLarge:
            fail_at(file, element, fmt::format("limit {}: {} is too large", *name, element.text));
        case LimitError::TooSmall:
            fail_at(file, element,
                    fmt::format("limit {}: {} is too small; expected {}{} and more", *name,
                                element.text,
                                least_of(*name).zero_is_none ? "0, for no such limit, or " : "",
                                least_of(*name).value));
    }
    fail_at(file, element, "not a limit");
}

}  // namespace buzon::policy
