// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_parser.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "policy/number_text.h"

namespace buzon::policy {

namespace {

/// One rule's attributes while they are checked and converted.
class RuleElement {
public:
    RuleElement(const SourceFile& file, const XmlElement& element);
    [[nodiscard]] Rule parse() const;

private:
    void check_combination() const;
    void check_message_combination() const;
    void check_prefixed_combination(std::string_view prefix) const;

    [[nodiscard]] SendRule send_rule() const;
    [[nodiscard]] ReceiveRule receive_rule() const;
    [[nodiscard]] MessageConditions conditions(std::string_view prefix) const;

    [[nodiscard]] bool has(std::string_view name) const { return element_.attribute(name); }
    [[nodiscard]] bool has_any_starting(std::string_view prefix) const;
    [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
    /// Absent where it is not there or `*`.
    [[nodiscard]] std::optional<std::string> pattern(std::string_view name) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view name) const;
    [[nodiscard]] std::optional<bus::MessageType> message_type(std::string_view name) const;
    [[nodiscard]] std::uint32_t fd_count(std::string_view name, std::uint32_t fallback) const;
    [[noreturn]] void fail(const std::string& text) const { fail_at(file_, element_, text); }

    const SourceFile& file_;
    const XmlElement& element_;
};

RuleElement::RuleElement(const SourceFile& file, const XmlElement& element)
    : file_(file), element_(element) {
    require_attributes_among(file, element,
                             {"send_interface",
                              "send_member",
                              "send_error",
                              "send_destination",
                              "send_destination_prefix",
                              "send_path",
                              "send_type",
                              "send_requested_reply",
                              "send_broadcast",
                              "receive_interface",
                              "receive_member",
                              "receive_error",
                              "receive_sender",
                              "receive_path",
                              "receive_type",
                              "receive_requested_reply",
                              "eavesdrop",
                              "min_fds",
                              "max_fds",
                              "own",
                              "own_prefix",
                              "user",
                              "group",
                              "log"});
    require_no_text(file, element);
    require_no_children(file, element);
    check_combination();
}

bool RuleElement::has_any_starting(std::string_view prefix) const {
    return std::any_of(element_.attributes.begin(), element_.attributes.end(),
                       [&](const XmlAttribute& each) { return each.name.starts_with(prefix); });
}

void RuleElement::check_combination() const {
    const bool about_messages =
        has_any_starting("send_") || has_any_starting("receive_") || has("eavesdrop");
    const int subjects = has("own") + has("own_prefix") + has("user") + has("group");
    if (!about_messages && subjects == 0) {
        fail(
            fmt::format("<{}> needs at least one attribute that says what it is about: send_*, "
                        "receive_*, eavesdrop, own, own_prefix, user or group",
                        element_.name));
    }
    const bool has_fds = has("min_fds") || has("max_fds");
    if (subjects > 1 || (subjects == 1 && (about_messages || has_fds))) {
        fail("own, own_prefix, user and group each stand alone, without other conditions");
    }
    check_message_combination();
}

void RuleElement::check_message_combination() const {
    if (has_any_starting("send_") && has_any_starting("receive_")) {
        fail("send_* and receive_* can't stand in one rule; write two");
    }
    check_prefixed_combination("send_");
    check_prefixed_combination("receive_");
    if (has("send_destination") && has("send_destination_prefix")) {
        fail("send_destination and send_destination_prefix can't stand in one rule; write two");
    }
    if (boolean("send_broadcast") == true && pattern("send_destination")) {
        fail(
            "send_broadcast=\"true\" with send_destination matches nothing: a broadcast has no "
            "destination");
    }
}

void RuleElement::check_prefixed_combination(std::string_view prefix) const {
    const auto interface = fmt::format("{}interface", prefix);
    const auto member = fmt::format("{}member", prefix);
    const auto error = fmt::format("{}error", prefix);
    const auto path = fmt::format("{}path", prefix);
    if (has(member) && !has(interface) && !has(path)) {
        fail(fmt::format("{} needs {} or {} beside it", member, interface, path));
    }
    if (has(error) && (has(interface) || has(member))) {
        fail(fmt::format("{} can't stand with {} or {}: errors have neither", error, interface,
                         member));
    }
}

std::optional<std::string> RuleElement::value(std::string_view name) const {
    const auto* text = element_.attribute(name);
    return text ? std::optional(*text) : std::nullopt;
}

std::optional<std::string> RuleElement::pattern(std::string_view name) const {
    auto text = value(name);
    if (text == "*") return {};
    return text;
}

std::optional<bool> RuleElement::boolean(std::string_view name) const {
    const auto text = value(name);
    if (!text) return {};
    if (*text != "true" && *text != "false") {
        fail(fmt::format("{}=\"{}\": expected true or false", name, *text));
    }
    return *text == "true";
}

std::optional<bus::MessageType> RuleElement::message_type(std::string_view name) const {
    const auto text = pattern(name);
    if (!text) return {};
    for (const auto& [word, type] : {
             std::pair{"method_call", bus::MessageType::MethodCall},
             std::pair{"method_return", bus::MessageType::MethodReturn},
             std::pair{"error", bus::MessageType::Error},
             std::pair{"signal", bus::MessageType::Signal},
         }) {
        if (*text == word) return type;
    }
    fail(fmt::format("{}=\"{}\": expected method_call, method_return, error, signal or *", name,
                     *text));
}

std::uint32_t RuleElement::fd_count(std::string_view name, std::uint32_t fallback) const {
    const auto text = value(name);
    if (!text) return fallback;
    const auto number = parse_number(*text, kMaxRuleFds);
    if (!number) {
        fail(fmt::format("{}=\"{}\": expected a number from 0 to {}", name, *text, kMaxRuleFds));
    }
    return static_cast<std::uint32_t>(*number);
}

MessageConditions RuleElement::conditions(std::string_view prefix) const {
    const auto named = [&](std::string_view rest) { return fmt::format("{}{}", prefix, rest); };
    MessageConditions result;
    result.type = message_type(named("type"));
    result.path = pattern(named("path"));
    result.interface = pattern(named("interface"));
    result.member = pattern(named("member"));
    result.error_name = pattern(named("error"));
    result.requested_reply = boolean(named("requested_reply")).value_or(element_.name == "allow");
    result.eavesdrop = boolean("eavesdrop").value_or(false);
    result.min_fds = fd_count("min_fds", 0);
    result.max_fds = fd_count("max_fds", kAnyFdCount);
    return result;
}

SendRule RuleElement::send_rule() const {
    SendRule rule;
    rule.message = conditions("send_");
    rule.destination = pattern("send_destination");
    if (auto below = value("send_destination_prefix")) {
        rule.destination = std::move(below);
        rule.destination_form = NameForm::Prefix;
    }
    rule.broadcast = boolean("send_broadcast");
    // Compat: anything but "true" is false.
    rule.log = value("log") == "true";
    return rule;
}

ReceiveRule RuleElement::receive_rule() const {
    return {.message = conditions("receive_"), .sender = pattern("receive_sender")};
}

Rule RuleElement::parse() const {
    Rule rule;
    rule.effect = element_.name == "allow" ? Effect::Allow : Effect::Deny;
    rule.location = location_of(file_, element_);
    if (has("own")) {
        rule.match = OwnRule{pattern("own"), NameForm::Exact};
    } else if (has("own_prefix")) {
        rule.match = OwnRule{value("own_prefix"), NameForm::Prefix};
    } else if (has("user")) {
        rule.match = ConnectRule{ConnectRule::Subject::User, pattern("user")};
    } else if (has("group")) {
        rule.match = ConnectRule{ConnectRule::Subject::Group, pattern("group")};
    } else if (has_any_starting("send_")) {
        rule.match = send_rule();
    } else {
        rule.match = receive_rule();
    }
    return rule;
}

}  // namespace

Rule parse_rule(const SourceFile& file, const XmlElement& element) {
    return RuleElement(file, element).parse();
}

}  // namespace buzon::policy
