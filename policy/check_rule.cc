// SPDX-License-Identifier: Apache-2.0
#include "policy/check_rule.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "bus/names.h"
#include "bus/protocol.h"

namespace buzon::policy {

namespace {

using bus::MessageType;

/// How attributes of a rule are called: send_path, receive_path.
struct Attributes {
    std::string_view prefix;
    [[nodiscard]] std::string operator()(std::string_view rest) const {
        return fmt::format("{}{}", prefix, rest);
    }
};

bool is_reply_type(const std::optional<MessageType>& type) {
    return type == MessageType::MethodReturn || type == MessageType::Error;
}

class RuleCheck {
public:
    RuleCheck(const Rule& rule, const RulePlace& place, std::vector<Finding>& findings)
        : rule_(rule), place_(place), findings_(findings) {}

    void operator()(const OwnRule& own);
    void operator()(const SendRule& send);
    void operator()(const ReceiveRule& receive);
    /// Where users and groups may connect, the parser has checked; who they are, check() does.
    void operator()(const ConnectRule&) {}

private:
    void check_owned_name(const OwnRule& own);
    void check_party(std::string_view attribute, const std::string& name, NameForm form);
    void check_names(const MessageConditions& message, const Attributes& attributes);
    void check_name(bool valid,
                    std::string_view attribute,
                    const std::string& value,
                    std::string_view expected,
                    std::string_view meaning);
    void check_absent_fields(const MessageConditions& message, const Attributes& attributes);
    void check_replies(const MessageConditions& message, const Attributes& attributes);
    void check_numbers(const MessageConditions& message);
    void check_broadcast(const SendRule& send);
    void check_openness(const SendRule& send);

    void warn(std::string_view kind, std::string text, std::string advice) {
        add(Severity::Warning, kind, std::move(text), std::move(advice));
    }
    void add(Severity severity, std::string_view kind, std::string text, std::string advice) {
        findings_.push_back({severity, rule_.location, kind,
                             fmt::format("{}: {}", to_text(rule_), text), std::move(advice)});
    }
    [[nodiscard]] bool allows() const { return rule_.effect == Effect::Allow; }
    /// Whether it concerns people in general, on a bus where they do not trust each other.
    [[nodiscard]] bool opens_to_many() const {
        return allows() && !place_.is_session_bus && !place_.is_about_root;
    }

    const Rule& rule_;
    const RulePlace& place_;
    std::vector<Finding>& findings_;
};

void RuleCheck::operator()(const OwnRule& own) {
    const bool anything = !own.name;
    const bool top_level = own.name && own.form == NameForm::Prefix &&
                           own.name->find('.') == std::string::npos && !own.name->empty();
    if ((anything || top_level) && opens_to_many()) {
        warn("allow-own-any",
             anything ? "lets its users own every name, also those of other services"
                      : fmt::format("lets its users own every name below {}", *own.name),
             "Name the service: own=\"org.example.Service\".");
    }
    if (own.name) check_owned_name(own);
}

void RuleCheck::check_owned_name(const OwnRule& own) {
    const std::string& name = *own.name;
    if (own.form == NameForm::Exact && (name == bus::kDriverName || bus::is_unique_name(name))) {
        warn("never-matches", "nobody can ask for this name", "Take it out.");
        return;
    }
    check_party(own.form == NameForm::Prefix ? "own_prefix" : "own", name, own.form);
}

void RuleCheck::check_party(std::string_view attribute, const std::string& name, NameForm form) {
    if (form == NameForm::Exact && bus::is_unique_name(name)) {
        warn("unique-name",
             fmt::format("{} is a name that the bus gives out, to somebody else after every start",
                         name),
             "Use a well-known name.");
        return;
    }
    const bool valid =
        form == NameForm::Exact ? bus::is_well_known_name(name) : bus::is_bus_namespace(name);
    if (valid) return;
    std::string advice = "Write a name such as org.example.Service.";
    if (name.ends_with(".*")) {
        advice = fmt::format("For all names below it: {}=\"{}\".",
                             attribute == "own"              ? "own_prefix"
                             : attribute == "receive_sender" ? "receive_sender"
                                                             : "send_destination_prefix",
                             name.substr(0, name.size() - 2));
        if (attribute == "receive_sender")
            advice = "Senders are named one by one; there is no prefix.";
    } else if (form == NameForm::Prefix && name.ends_with('.')) {
        advice = "Leave the last dot out: a prefix stands for the name and all below it.";
    }
    warn("never-matches",
         fmt::format("{}=\"{}\" is not the name of anything on a bus", attribute, name),
         std::move(advice));
}

void RuleCheck::check_name(bool valid,
                           std::string_view attribute,
                           const std::string& value,
                           std::string_view expected,
                           std::string_view meaning) {
    if (valid) return;
    warn("never-matches", fmt::format("{}=\"{}\" is not {}{}", attribute, value, expected, meaning),
         value.find('*') == std::string::npos
             ? "Correct it."
             : "There are no patterns: * stands for anything only as the whole value.");
}

void RuleCheck::check_names(const MessageConditions& message, const Attributes& attributes) {
    constexpr std::string_view kRest = ", so it applies to messages without one only";
    if (message.interface) {
        check_name(bus::is_interface_name(*message.interface), attributes("interface"),
                   *message.interface, "an interface name", allows() ? "" : kRest);
    }
    if (message.path) {
        check_name(bus::is_object_path(*message.path), attributes("path"), *message.path,
                   "an object path", kRest);
    }
    if (message.member) {
        check_name(bus::is_member_name(*message.member), attributes("member"), *message.member,
                   "the name of a method or signal", kRest);
    }
    if (message.error_name) {
        check_name(bus::is_error_name(*message.error_name), attributes("error"),
                   *message.error_name, "an error name", kRest);
    }
}

/// Most conditions also hold for messages that do not have the field at all.
void RuleCheck::check_absent_fields(const MessageConditions& message,
                                    const Attributes& attributes) {
    if (message.error_name && message.type != MessageType::Error) {
        warn("matches-without-field",
             fmt::format("{} also holds for messages that have no error name: all calls, signals "
                         "and returns",
                         attributes("error")),
             fmt::format("Add {}=\"error\".", attributes("type")));
    }
    if (!is_reply_type(message.type)) return;
    if (message.interface && allows()) {
        warn("never-matches", "returns and errors have no interface",
             fmt::format("Take {} out.", attributes("interface")));
    } else if (message.interface || message.path || message.member) {
        warn("matches-without-field",
             "returns and errors have no path, interface and member, so the rule applies to all",
             "Take these conditions out.");
    }
}

void RuleCheck::check_replies(const MessageConditions& message, const Attributes& attributes) {
    const bool is_no_reply =
        message.type == MessageType::MethodCall || message.type == MessageType::Signal;
    const bool says_otherwise = message.requested_reply != allows();
    if (is_no_reply && says_otherwise) {
        add(Severity::Note, "pointless-condition",
            fmt::format("{} says nothing about calls and signals", attributes("requested_reply")),
            "Take it out.");
    }
}

void RuleCheck::check_numbers(const MessageConditions& message) {
    if (message.min_fds > message.max_fds) {
        warn("never-matches", "min_fds is greater than max_fds", "Correct the numbers.");
    }
}

void RuleCheck::check_broadcast(const SendRule& send) {
    const auto& type = send.message.type;
    if (send.broadcast == true && type && *type != MessageType::Signal) {
        warn("never-matches", "only signals are broadcast", "Take send_type out.");
    } else if (send.broadcast == false && type && *type != MessageType::Signal) {
        add(Severity::Note, "pointless-condition", "only signals are broadcast",
            "Take send_broadcast out.");
    }
    if (send.message.eavesdrop && !allows()) {
        add(Severity::Note, "pointless-condition",
            "eavesdrop changes nothing in what may not be sent", "Take it out.");
    }
}

/// What a rule says about calls to nobody in particular, it says about calls to everybody.
void RuleCheck::check_openness(const SendRule& send) {
    const MessageConditions& message = send.message;
    const bool about_calls =
        (!message.type || message.type == MessageType::MethodCall) && send.broadcast != true;
    if (send.destination || !about_calls || message.error_name) return;
    if (message.interface || message.path || message.member) {
        const bool denies_interface = !allows() && message.interface;
        if (allows() && (place_.is_session_bus || place_.is_about_root)) return;
        warn("send-without-destination",
             allows()           ? "opens this to every service on the bus, not to one"
             : denies_interface ? "denies this on every service, and all messages without interface"
                                : "denies this on every service",
             "Add send_destination=\"org.example.Service\".");
    } else if (opens_to_many()) {
        warn("allow-send-any", "opens all methods of all services to its users",
             "Name the services: send_destination=\"org.example.Service\".");
    }
}

void RuleCheck::operator()(const SendRule& send) {
    const Attributes attributes{"send_"};
    check_names(send.message, attributes);
    if (send.destination) {
        const bool prefix = send.destination_form == NameForm::Prefix;
        check_party(prefix ? "send_destination_prefix" : "send_destination", *send.destination,
                    send.destination_form);
    }
    check_absent_fields(send.message, attributes);
    check_replies(send.message, attributes);
    check_numbers(send.message);
    check_broadcast(send);
    check_openness(send);
}

void RuleCheck::operator()(const ReceiveRule& receive) {
    const Attributes attributes{"receive_"};
    check_names(receive.message, attributes);
    if (receive.sender) check_party("receive_sender", *receive.sender, NameForm::Exact);
    check_absent_fields(receive.message, attributes);
    check_replies(receive.message, attributes);
    check_numbers(receive.message);
}

}  // namespace

void check_rule(const Rule& rule, const RulePlace& place, std::vector<Finding>& findings) {
    std::visit(RuleCheck(rule, place, findings), rule.match);
}

}  // namespace buzon::policy
