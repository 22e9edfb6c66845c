// SPDX-License-Identifier: Apache-2.0
#include "policy/rule.h"

#include <string_view>

#include <fmt/format.h>

namespace buzon::policy {

namespace {

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '<': result += "&lt;"; break;
            case '&': result += "&amp;"; break;
            case '"': result += "&quot;"; break;
            // Read back as they stand, these would become blanks.
            case '\t': result += "&#9;"; break;
            case '\n': result += "&#10;"; break;
            case '\r': result += "&#13;"; break;
            default: result += c; break;
        }
    }
    return result;
}

std::string_view type_name(bus::MessageType type) {
    switch (type) {
        case bus::MessageType::MethodCall: return "method_call";
        case bus::MessageType::MethodReturn: return "method_return";
        case bus::MessageType::Error: return "error";
        case bus::MessageType::Signal: return "signal";
    }
    return "*";
}

/// Writes the attributes of one rule, those with a meaning of their own only.
class AttributeWriter {
public:
    AttributeWriter(std::string& out, Effect effect) : out_(out), effect_(effect) {}

    void operator()(const SendRule& rule) {
        const auto before = out_.size();
        const bool prefix = rule.destination_form == NameForm::Prefix;
        if (rule.destination) {
            add(prefix ? "send_destination_prefix" : "send_destination", *rule.destination);
        }
        conditions("send_", rule.message);
        if (rule.broadcast) add("send_broadcast", *rule.broadcast ? "true" : "false");
        if (out_.find(" send_", before) == std::string::npos) add("send_destination", "*");
        if (rule.log) add("log", "true");
    }

    void operator()(const ReceiveRule& rule) {
        const auto before = out_.size();
        if (rule.sender) add("receive_sender", *rule.sender);
        conditions("receive_", rule.message);
        const bool says_nothing = out_.find(" receive_", before) == std::string::npos;
        if (says_nothing && !rule.message.eavesdrop) add("receive_sender", "*");
    }

    void operator()(const OwnRule& rule) {
        add(rule.form == NameForm::Prefix ? "own_prefix" : "own", rule.name.value_or("*"));
    }

    void operator()(const ConnectRule& rule) {
        const bool user = rule.subject == ConnectRule::Subject::User;
        add(user ? "user" : "group", rule.name.value_or("*"));
    }

private:
    void add(std::string_view name, std::string_view value) {
        out_ += fmt::format(" {}=\"{}\"", name, escaped(value));
    }

    void add(std::string_view prefix,
             std::string_view name,
             const std::optional<std::string>& value) {
        if (value) add(fmt::format("{}{}", prefix, name), *value);
    }

    void conditions(std::string_view prefix, const MessageConditions& message) {
        if (message.type) add(fmt::format("{}type", prefix), type_name(*message.type));
        add(prefix, "path", message.path);
        add(prefix, "interface", message.interface);
        // The grammar wants one of the two beside a member.
        if (message.member && !message.interface && !message.path) add(prefix, "path", "*");
        add(prefix, "member", message.member);
        add(prefix, "error", message.error_name);
        if (message.requested_reply != (effect_ == Effect::Allow)) {
            add(fmt::format("{}requested_reply", prefix),
                message.requested_reply ? "true" : "false");
        }
        if (message.eavesdrop) add("eavesdrop", "true");
        if (message.min_fds != 0) add("min_fds", fmt::to_string(message.min_fds));
        if (message.max_fds != kAnyFdCount) add("max_fds", fmt::to_string(message.max_fds));
    }

    std::string& out_;
    Effect effect_;
};

}  // namespace

std::string to_text(const Rule& rule) {
    std::string text = rule.effect == Effect::Allow ? "<allow" : "<deny";
    std::visit(AttributeWriter(text, rule.effect), rule.match);
    return text + "/>";
}

}  // namespace buzon::policy
