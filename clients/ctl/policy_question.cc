// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/policy_question.h"

#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "bus/names.h"
#include "clients/ctl/arguments.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

using bus::MessageType;

constexpr std::pair<std::string_view, MessageType> kTypes[] = {
    {"method_call", MessageType::MethodCall},
    {"method_return", MessageType::MethodReturn},
    {"error", MessageType::Error},
    {"signal", MessageType::Signal},
};

std::string_view type_name(MessageType type) {
    for (const auto& [name, value] : kTypes) {
        if (value == type) return name;
    }
    return "";
}

uid_t user_id(const std::string& text, policy::UserDatabase& users, PolicyParty& party) {
    if (const auto user = users.user(text)) {
        if (party.gids.empty()) party.gids = users.groups_of(*user);
        return user->uid;
    }
    if (const auto number = policy::parse_id(text)) return *number;
    throw UsageError(fmt::format("There is no user '{}'.", text));
}

gid_t group_id(const std::string& text, policy::UserDatabase& users) {
    if (const auto group = users.group(text)) return *group;
    if (const auto number = policy::parse_id(text)) return *number;
    throw UsageError(fmt::format("There is no group '{}'.", text));
}

/// A user given without groups has those of the user database.
PolicyParty party_from(const PartyOptions& options, policy::UserDatabase& users) {
    PolicyParty party;
    for (const std::string& name : options.names)
        party.names.push_back(checked_service(name));
    try {
        for (const std::string& group : options.groups) {
            party.gids.push_back(group_id(group, users));
        }
        if (!options.user.empty()) party.uid = user_id(options.user, users, party);
    } catch (const std::system_error& error) {
        throw UsageError(fmt::format("The user database can't be asked: {}. Give numbers.",
                                     error.code().message()));
    }
    return party;
}

MessageType type_from(const PolicyOptions& options) {
    for (const auto& [name, value] : kTypes) {
        if (options.type == name) return value;
    }
    if (!options.type.empty()) {
        throw UsageError(fmt::format(
            "--type= takes method_call, method_return, error or signal, not '{}'.", options.type));
    }
    if (!options.error.empty()) return MessageType::Error;
    if (options.broadcast) return MessageType::Signal;
    return options.reply.empty() ? MessageType::MethodCall : MessageType::MethodReturn;
}

void take_reply(const PolicyOptions& options, PolicyQuestion& question) {
    const bool by_type =
        question.type == MessageType::MethodReturn || question.type == MessageType::Error;
    if (!options.reply.empty() && options.reply != "requested" && options.reply != "unrequested") {
        throw UsageError(
            fmt::format("--reply= takes requested or unrequested, not '{}'.", options.reply));
    }
    question.is_reply = by_type || !options.reply.empty();
    question.requested_reply = question.is_reply && options.reply != "unrequested";
}

void take_message(const Options& options, PolicyQuestion& question) {
    const PolicyOptions& policy = options.policy;
    question.type = type_from(policy);
    take_reply(policy, question);
    if (!options.destination.empty()) question.destination = checked_service(options.destination);
    if (!policy.path.empty()) question.path = checked_path(policy.path);
    if (!policy.interface.empty()) question.interface = checked_interface(policy.interface);
    if (!policy.member.empty()) question.member = checked_member(policy.member);
    if (!policy.error.empty()) question.error_name = checked_interface(policy.error);
    question.fds = policy.fds;
    question.eavesdropping = policy.eavesdrop;
    if (policy.broadcast && (question.type != MessageType::Signal || !options.destination.empty()))
        throw UsageError("--broadcast is about a signal, without --destination=.");
    if (question.destination.empty() && question.type != MessageType::Signal)
        throw UsageError("Where to? Give --destination=NAME, or --own=NAME, or --connect.");
    if (question.eavesdropping && question.destination.empty())
        throw UsageError("A broadcast is for everybody: --eavesdrop goes with --destination=.");
}

void append_part(std::string& text, std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format(", {} {}", what, value);
}

Json party_json(const PolicyParty& party) {
    Json json = Json::object();
    if (!party.names.empty()) json["names"] = party.names;
    if (party.uid) json["uid"] = *party.uid;
    if (party.has_identity()) json["gids"] = party.gids;
    return json;
}

}  // namespace

PolicyQuestion policy_question(const Options& options, policy::UserDatabase& users) {
    const PolicyOptions& policy = options.policy;
    PolicyQuestion question;
    question.sender = party_from(policy.sender, users);
    question.receiver = party_from(policy.receiver, users);
    if (!policy.own.empty() && policy.connect)
        throw UsageError("--own= and --connect are two questions.");
    if (policy.connect) {
        question.kind = PolicyQuestion::Kind::Connect;
    } else if (!policy.own.empty()) {
        question.kind = PolicyQuestion::Kind::Own;
        question.name = checked_service(policy.own);
    } else {
        take_message(options, question);
    }
    return question;
}

std::string to_text(const PolicyParty& party) {
    std::string text = fmt::format("{}", fmt::join(party.names, " "));
    if (!text.empty()) text += ", ";
    text += party.uid ? fmt::format("uid {}", *party.uid) : "any user";
    if (!party.gids.empty()) text += fmt::format(", groups {}", fmt::join(party.gids, " "));
    return text;
}

std::string to_text(const PolicyQuestion& question) {
    switch (question.kind) {
        case PolicyQuestion::Kind::Own: return fmt::format("own {}", question.name);
        case PolicyQuestion::Kind::Connect: return "connect";
        case PolicyQuestion::Kind::Message: break;
    }
    std::string text(type_name(question.type));
    if (question.is_reply) text += question.requested_reply ? " (requested)" : " (unrequested)";
    text += question.destination.empty() ? " to all that listen"
                                         : fmt::format(" to {}", question.destination);
    append_part(text, "path", question.path);
    append_part(text, "interface", question.interface);
    append_part(text, "member", question.member);
    append_part(text, "error", question.error_name);
    if (question.fds > 0) text += fmt::format(", {} descriptors", question.fds);
    if (question.eavesdropping) text += ", overheard";
    return text;
}

Json to_json(const PolicyQuestion& question) {
    Json json = Json::object();
    json["sender"] = party_json(question.sender);
    if (question.kind == PolicyQuestion::Kind::Connect) json["connect"] = true;
    if (question.kind == PolicyQuestion::Kind::Own) json["own"] = question.name;
    if (question.kind != PolicyQuestion::Kind::Message) return json;
    json["receiver"] = party_json(question.receiver);
    json["type"] = type_name(question.type);
    for (const auto& [key, value] :
         {std::pair{"destination", &question.destination}, std::pair{"path", &question.path},
          std::pair{"interface", &question.interface}, std::pair{"member", &question.member},
          std::pair{"error", &question.error_name}}) {
        if (!value->empty()) json[key] = *value;
    }
    if (question.is_reply) json["reply"] = question.requested_reply ? "requested" : "unrequested";
    json["fds"] = question.fds;
    json["eavesdrop"] = question.eavesdropping;
    return json;
}

std::vector<std::string> hints_about(const PolicyQuestion& question) {
    if (question.kind != PolicyQuestion::Kind::Message) return {};
    const bool has_fields =
        question.type == MessageType::MethodCall || question.type == MessageType::Signal;
    std::vector<std::string> hints;
    if (has_fields && question.interface.empty()) {
        hints.emplace_back(
            "Without --interface=: every <deny> for an interface applies, and no <allow> for one.");
    }
    std::string_view left_out = question.path.empty() && question.member.empty()
                                    ? "--path= and --member="
                                : question.path.empty()   ? "--path="
                                : question.member.empty() ? "--member="
                                                          : "";
    if (has_fields && !left_out.empty()) {
        hints.push_back(fmt::format("Without {}: rules for any apply.", left_out));
    }
    return hints;
}

}  // namespace buzon::clients
