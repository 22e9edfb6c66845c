// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/policy_answer.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bus/protocol.h"
#include "clients/ctl/value_text.h"
#include "policy/name_list.h"

namespace buzon::clients {
namespace {

using policy::DefaultAnswer;
using policy::ExplanationReport;

/// A user and groups that no policy names, for "any user".
constexpr uid_t kAnyUser = static_cast<uid_t>(-2);

policy::PeerIdentity identity_of(const PolicyParty& party) {
    return {.uid = party.uid.value_or(kAnyUser), .gids = party.gids};
}

/// The questions that policy/ understands, over the texts of `question`.
class FileAnswer {
public:
    FileAnswer(const policy::PolicySet& set, const PolicyQuestion& question)
        : set_(set), question_(question) {}

    [[nodiscard]] ExplanationReport own() const {
        const auto snapshot = set_.snapshot_for(identity_of(question_.sender));
        return report(explain_own(*snapshot, question_.name), question_.sender);
    }
    [[nodiscard]] ExplanationReport connect() const {
        const auto explained =
            policy::explain_connect(set_, identity_of(question_.sender), kNobody);
        return policy::report(explained, set_.files(), DefaultAnswer::BusOwnerOnly,
                              to_text(question_.sender));
    }
    [[nodiscard]] ExplanationReport send() const;
    [[nodiscard]] ExplanationReport receive() const;

private:
    /// Whoever runs the bus may connect; it is not said who that is.
    static constexpr uid_t kNobody = static_cast<uid_t>(-3);

    [[nodiscard]] bool is_from_driver() const {
        const auto& names = question_.sender.names;
        return std::find(names.begin(), names.end(), bus::kDriverName) != names.end();
    }
    [[nodiscard]] policy::MessageFacts facts() const {
        const auto& names = question_.sender.names;
        return {.type = question_.type,
                .path = question_.path,
                .interface = question_.interface,
                .member = question_.member,
                .error_name = question_.error_name,
                .destination = question_.destination,
                .sender = names.empty() ? std::string_view() : std::string_view(names.front()),
                .is_reply = question_.is_reply,
                .fd_count = question_.fds};
    }
    /// The destination is one of the receiver's names, unless it is somebody else.
    [[nodiscard]] PolicyParty receiver() const {
        PolicyParty party = question_.receiver;
        if (!question_.eavesdropping && !question_.destination.empty()) {
            party.names.insert(party.names.begin(), question_.destination);
        }
        return party;
    }
    [[nodiscard]] ExplanationReport report(const policy::Explanation& explanation,
                                           const PolicyParty& party) const {
        return policy::report(explanation, set_.files(), DefaultAnswer::Denied, to_text(party));
    }

    const policy::PolicySet& set_;
    const PolicyQuestion& question_;
};

ExplanationReport FileAnswer::send() const {
    if (is_from_driver()) return policy::not_judged("the bus itself may send anything");
    const policy::NameList names(receiver().names);
    const bool to_driver = question_.destination == bus::kDriverName && !question_.eavesdropping;
    const policy::MessageFacts message = facts();
    const auto snapshot = set_.snapshot_for(identity_of(question_.sender));
    return report(explain_send(*snapshot, {.message = message,
                                           .receiver = to_driver ? nullptr : &names,
                                           .requested_reply = question_.requested_reply}),
                  question_.sender);
}

ExplanationReport FileAnswer::receive() const {
    if (question_.destination == bus::kDriverName && !question_.eavesdropping)
        return policy::not_judged("the bus itself receives everything");
    const policy::NameList names(question_.sender.names);
    const policy::MessageFacts message = facts();
    const auto party = receiver();
    const auto snapshot = set_.snapshot_for(identity_of(party));
    return report(explain_receive(*snapshot, {.message = message,
                                              .sender = is_from_driver() ? nullptr : &names,
                                              .requested_reply = question_.requested_reply,
                                              .eavesdropping = question_.eavesdropping}),
                  party);
}

void append_rule(std::string& out, const policy::ReportedRule& rule) {
    const auto place = fmt::format("{}:{}", rule.file, rule.line);
    // Of those that are beaten as usual, the one that beats them stands above.
    const bool names_other = rule.fate == "void";
    fmt::format_to(std::back_inserter(out), "  {}: {}\n      in {}: {}{}{}\n",
                   escape_controls(place), escape_controls(rule.text), escape_controls(rule.block),
                   rule.why, names_other ? ": " : "",
                   names_other ? escape_controls(rule.beaten_by) : "");
}

void append_side(std::string& out,
                 const std::string& name,
                 const ExplanationReport& side,
                 std::size_t most) {
    const auto end = std::back_inserter(out);
    fmt::format_to(end, "{}: {}{}{}{}\n", name, side.allowed ? "allowed" : "DENIED",
                   side.log ? ", and logged" : "", side.subject.empty() ? "" : " for ",
                   escape_controls(side.subject));
    if (!side.reason.empty()) fmt::format_to(end, "  {}\n", escape_controls(side.reason));
    const auto shown = std::min(most, side.rules.size());
    for (std::size_t index = 0; index < shown; ++index)
        append_rule(out, side.rules[index]);
    if (side.matching > shown) {
        fmt::format_to(end, "  and {} more that it beat\n", side.matching - shown);
    }
}

Json side_json(const ExplanationReport& side) {
    Json rules = Json::array();
    for (const auto& rule : side.rules) {
        Json one{{"fate", rule.fate}, {"why", rule.why},   {"file", rule.file},
                 {"line", rule.line}, {"rule", rule.text}, {"policy", rule.block}};
        if (!rule.beaten_by.empty()) one["beaten_by"] = rule.beaten_by;
        rules.push_back(std::move(one));
    }
    Json json{{"allowed", side.allowed}, {"judged", side.judged}, {"log", side.log}};
    if (!side.subject.empty()) json["subject"] = side.subject;
    if (!side.reason.empty()) json["reason"] = side.reason;
    json["matching"] = side.matching;
    json["rules"] = std::move(rules);
    return json;
}

}  // namespace

bool PolicyAnswer::is_allowed() const {
    return std::all_of(sides.begin(), sides.end(),
                       [](const auto& side) { return side.second.allowed; });
}

PolicyAnswer answer_from(const policy::PolicySet& set, const PolicyQuestion& question) {
    const FileAnswer answer(set, question);
    switch (question.kind) {
        case PolicyQuestion::Kind::Own: return {{{"own", answer.own()}}};
        case PolicyQuestion::Kind::Connect: return {{{"connect", answer.connect()}}};
        case PolicyQuestion::Kind::Message: break;
    }
    return {{{"send", answer.send()}, {"receive", answer.receive()}}};
}

std::string to_text(const PolicyAnswer& answer, std::size_t most) {
    std::string out;
    for (const auto& [name, side] : answer.sides)
        append_side(out, name, side, most);
    return out;
}

Json to_json(const PolicyAnswer& answer) {
    Json json{{"allowed", answer.is_allowed()}};
    for (const auto& [name, side] : answer.sides)
        json[name] = side_json(side);
    return json;
}

}  // namespace buzon::clients
