// SPDX-License-Identifier: Apache-2.0
#include "policy/config_parser.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "policy/limit_element.h"
#include "policy/rule_parser.h"
#include "policy/service_directories.h"

namespace buzon::policy {

namespace {

class BusconfigParser {
public:
    BusconfigParser(const SourceFile& file,
                    const ConfigEnvironment& environment,
                    Includer& includer,
                    Config& config)
        : file_(file), environment_(environment), includer_(includer), config_(config) {}

    void apply(const XmlElement& root);

private:
    /// What an element has inside.
    enum class Content { Nothing, Text, Elements };
    struct Row {
        std::string_view name;
        Content content;
        void (BusconfigParser::*apply)(const XmlElement&);
    };
    static const Row kRows[];

    [[noreturn]] void fail_unknown(const XmlElement& element) const;
    void check_content(const XmlElement& element, Content content) const;
    [[noreturn]] void fail(const XmlElement& element, const std::string& text) const {
        fail_at(file_, element, text);
    }
    [[nodiscard]] Located<std::string> located_text(const XmlElement& element) const {
        return {element.text, location_of(file_, element)};
    }
    [[nodiscard]] bool yes_or_no(const XmlElement& element, std::string_view name) const;
    void no_attributes(const XmlElement& element) const {
        require_attributes_among(file_, element, {});
    }

    void type(const XmlElement& element);
    void user(const XmlElement& element);
    void fork(const XmlElement& element);
    void keep_umask(const XmlElement& element);
    void syslog(const XmlElement& element);
    void pidfile(const XmlElement& element);
    void allow_anonymous(const XmlElement& element);
    void listen(const XmlElement& element);
    void auth(const XmlElement& element);
    void service_directory(const XmlElement& element);
    void session_directories(const XmlElement& element);
    void system_directories(const XmlElement& element);
    void service_helper(const XmlElement& element);
    void include(const XmlElement& element);
    void include_directory(const XmlElement& element);
    void policy(const XmlElement& element);
    void limit(const XmlElement& element);
    void selinux(const XmlElement& element);
    void apparmor(const XmlElement& element);

    [[nodiscard]] PolicyBlock block_of(const XmlElement& element) const;
    /// Throws where the last rule of `block`, which is `rule`, can't stand in it.
    void check_belongs(const PolicyBlock& block, const XmlElement& rule) const;

    const SourceFile& file_;
    const ConfigEnvironment& environment_;
    Includer& includer_;
    Config& config_;
};

constexpr BusconfigParser::Row BusconfigParser::kRows[] = {
    {"type", Content::Text, &BusconfigParser::type},
    {"user", Content::Text, &BusconfigParser::user},
    {"fork", Content::Nothing, &BusconfigParser::fork},
    {"keep_umask", Content::Nothing, &BusconfigParser::keep_umask},
    {"syslog", Content::Nothing, &BusconfigParser::syslog},
    {"pidfile", Content::Text, &BusconfigParser::pidfile},
    {"allow_anonymous", Content::Nothing, &BusconfigParser::allow_anonymous},
    {"listen", Content::Text, &BusconfigParser::listen},
    {"auth", Content::Text, &BusconfigParser::auth},
    {"servicedir", Content::Text, &BusconfigParser::service_directory},
    {"standard_session_servicedirs", Content::Nothing, &BusconfigParser::session_directories},
    {"standard_system_servicedirs", Content::Nothing, &BusconfigParser::system_directories},
    {"servicehelper", Content::Text, &BusconfigParser::service_helper},
    {"include", Content::Text, &BusconfigParser::include},
    {"includedir", Content::Text, &BusconfigParser::include_directory},
    {"policy", Content::Elements, &BusconfigParser::policy},
    {"limit", Content::Text, &BusconfigParser::limit},
    {"selinux", Content::Elements, &BusconfigParser::selinux},
    {"apparmor", Content::Nothing, &BusconfigParser::apparmor},
};

void BusconfigParser::apply(const XmlElement& root) {
    if (root.name != "busconfig") {
        fail(root, fmt::format("unknown root element <{}>; expected <busconfig>", root.name));
    }
    no_attributes(root);
    require_no_text(file_, root);
    for (const auto& element : root.children) {
        const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                       [&](const Row& each) { return each.name == element.name; });
        if (row == std::end(kRows)) fail_unknown(element);
        check_content(element, row->content);
        (this->*row->apply)(element);
    }
}

void BusconfigParser::fail_unknown(const XmlElement& element) const {
    std::vector<std::string_view> names;
    for (const Row& row : kRows)
        names.push_back(row.name);
    const auto meant = nearest_name(element.name, names);
    fail(element, fmt::format("element <{}> is not allowed inside <busconfig>{}", element.name,
                              meant ? fmt::format("; did you mean <{}>?", *meant) : ""));
}

void BusconfigParser::check_content(const XmlElement& element, Content content) const {
    if (content != Content::Text) require_no_text(file_, element);
    if (content != Content::Elements) require_no_children(file_, element);
    if (content == Content::Text && element.text.empty()) {
        fail(element, fmt::format("<{}> needs text inside", element.name));
    }
}

bool BusconfigParser::yes_or_no(const XmlElement& element, std::string_view name) const {
    const auto* text = element.attribute(name);
    if (!text) return false;
    if (*text != "yes" && *text != "no") {
        fail(element, fmt::format("{}=\"{}\": expected yes or no", name, *text));
    }
    return *text == "yes";
}

void BusconfigParser::type(const XmlElement& element) {
    no_attributes(element);
    config_.type = located_text(element);
}

void BusconfigParser::user(const XmlElement& element) {
    no_attributes(element);
    config_.user = located_text(element);
}

void BusconfigParser::fork(const XmlElement& element) {
    no_attributes(element);
    config_.fork = true;
}

void BusconfigParser::keep_umask(const XmlElement& element) {
    no_attributes(element);
    config_.keep_umask = true;
}

void BusconfigParser::syslog(const XmlElement& element) {
    no_attributes(element);
    config_.syslog = true;
}

void BusconfigParser::pidfile(const XmlElement& element) {
    no_attributes(element);
    config_.pidfile = located_text(element);
}

void BusconfigParser::allow_anonymous(const XmlElement& element) {
    no_attributes(element);
    config_.allow_anonymous = true;
}

void BusconfigParser::listen(const XmlElement& element) {
    no_attributes(element);
    config_.listen.push_back(located_text(element));
}

void BusconfigParser::auth(const XmlElement& element) {
    no_attributes(element);
    const auto& name = element.text;
    if (name != "EXTERNAL" && name != "DBUS_COOKIE_SHA1" && name != "ANONYMOUS") {
        fail(element, fmt::format("unknown mechanism \"{}\"; expected EXTERNAL, DBUS_COOKIE_SHA1 "
                                  "or ANONYMOUS",
                                  name));
    }
    config_.auth_mechanisms.push_back(located_text(element));
}

void BusconfigParser::service_directory(const XmlElement& element) {
    no_attributes(element);
    add_service_directory(config_, {resolved_path(element.text, file_.path),
                                    ServiceDirectory::Kind::Ordinary, location_of(file_, element)});
}

void BusconfigParser::session_directories(const XmlElement& element) {
    no_attributes(element);
    for (auto& each : standard_session_directories(environment_, location_of(file_, element))) {
        add_service_directory(config_, std::move(each));
    }
}

void BusconfigParser::system_directories(const XmlElement& element) {
    no_attributes(element);
    for (auto& each : standard_system_directories(location_of(file_, element))) {
        add_service_directory(config_, std::move(each));
    }
}

void BusconfigParser::service_helper(const XmlElement& element) {
    no_attributes(element);
    config_.service_helper = located_text(element);
}

void BusconfigParser::include(const XmlElement& element) {
    require_attributes_among(file_, element,
                             {"ignore_missing", "if_selinux_enabled", "selinux_root_relative"});
    const bool ignore_missing = yes_or_no(element, "ignore_missing");
    const bool only_with_selinux = yes_or_no(element, "if_selinux_enabled");
    const bool below_selinux_root = yes_or_no(element, "selinux_root_relative");
    if (only_with_selinux && !environment_.selinux_enabled) return;

    const auto path = below_selinux_root
                          ? fmt::format("{}/{}", environment_.selinux_policy_root, element.text)
                          : resolved_path(element.text, file_.path);
    includer_.include_file({file_, element, path, ignore_missing}, config_);
}

void BusconfigParser::include_directory(const XmlElement& element) {
    no_attributes(element);
    includer_.include_directory({file_, element, resolved_path(element.text, file_.path), false},
                                config_);
}

PolicyBlock BusconfigParser::block_of(const XmlElement& element) const {
    require_attributes_among(file_, element, {"context", "user", "group", "at_console"});
    if (element.attributes.size() != 1) {
        fail(element, "<policy> needs exactly one of context, user, group and at_console");
    }
    const auto& [name, value] = element.attributes.front();
    PolicyBlock block;
    block.location = location_of(file_, element);
    if (name == "user" || name == "group") {
        block.context = name == "user" ? PolicyContext::User : PolicyContext::Group;
        block.subject = value;
        return block;
    }
    for (const auto& [attribute, word, context] : {
             std::tuple{"context", "default", PolicyContext::Default},
             std::tuple{"context", "mandatory", PolicyContext::Mandatory},
             std::tuple{"at_console", "true", PolicyContext::AtConsole},
             std::tuple{"at_console", "false", PolicyContext::NotAtConsole},
         }) {
        if (name != attribute || value != word) continue;
        block.context = context;
        return block;
    }
    fail(element, fmt::format("{}=\"{}\": expected {}", name, value,
                              name == "context" ? "default or mandatory" : "true or false"));
}

void BusconfigParser::check_belongs(const PolicyBlock& block, const XmlElement& rule) const {
    const bool of_somebody =
        block.context == PolicyContext::User || block.context == PolicyContext::Group;
    if (!of_somebody || !std::holds_alternative<ConnectRule>(block.rules.back().match)) return;
    fail(rule,
         "who may connect is said in <policy context=\"default\"> or \"mandatory\", not in that of "
         "a user or group");
}

void BusconfigParser::policy(const XmlElement& element) {
    PolicyBlock block = block_of(element);
    block.rules.reserve(element.children.size());
    for (const auto& child : element.children) {
        if (child.name != "allow" && child.name != "deny") {
            fail(child, fmt::format("element <{}> is not allowed inside <policy>; expected <allow> "
                                    "or <deny>",
                                    child.name));
        }
        block.rules.push_back(parse_rule(file_, child));
        check_belongs(block, child);
    }
    config_.policies.push_back(std::move(block));
}

void BusconfigParser::limit(const XmlElement& element) {
    const auto [name, value] = parse_limit_element(file_, element, LimitScope::Any);
    (void)set_limit(config_.limits, name, value);  // it is known to be right
}

void BusconfigParser::selinux(const XmlElement& element) {
    no_attributes(element);
    for (const auto& child : element.children) {
        if (child.name != "associate") {
            fail(child, fmt::format("element <{}> is not allowed inside <selinux>; expected "
                                    "<associate>",
                                    child.name));
        }
        require_attributes_among(file_, child, {"own", "context"});
        require_no_text(file_, child);
        require_no_children(file_, child);
        const auto* own = child.attribute("own");
        const auto* context = child.attribute("context");
        if (!own || !context) fail(child, "<associate> needs both own and context");
        config_.selinux_associations.push_back({*own, *context, location_of(file_, child)});
    }
}

void BusconfigParser::apparmor(const XmlElement& element) {
    require_attributes_among(file_, element, {"mode"});
    const auto* mode = element.attribute("mode");
    for (const auto& [word, value] : {
             std::pair{"disabled", AppArmorMode::Disabled},
             std::pair{"enabled", AppArmorMode::Enabled},
             std::pair{"required", AppArmorMode::Required},
         }) {
        if ((mode ? std::string_view(*mode) : "enabled") != word) continue;
        config_.apparmor = {value, location_of(file_, element)};
        return;
    }
    fail(element, fmt::format("mode=\"{}\": expected disabled, enabled or required", *mode));
}

}  // namespace

void apply_busconfig(const SourceFile& file,
                     const XmlElement& root,
                     const ConfigEnvironment& environment,
                     Includer& includer,
                     Config& config) {
    BusconfigParser(file, environment, includer, config).apply(root);
}

std::string resolved_path(const std::string& path, const std::string& from) {
    return (std::filesystem::path(from).parent_path() / path).string();
}

void add_service_directory(Config& config, ServiceDirectory directory) {
    const bool known =
        std::any_of(config.service_directories.begin(), config.service_directories.end(),
                    [&](const ServiceDirectory& each) { return each.path == directory.path; });
    if (!known) config.service_directories.push_back(std::move(directory));
}

}  // namespace buzon::policy
