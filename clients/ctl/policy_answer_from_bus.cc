// SPDX-License-Identifier: Apache-2.0
// org.buzon.Policy1 of the bus, asked and read. What comes back is checked: it may be another bus.
#include <utility>

#include <fmt/format.h>
#include <sdbus-c++/Error.h>

#include "bus/protocol.h"
#include "clients/ctl/policy_answer.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

constexpr const char* kInterface = "org.buzon.Policy1";

/// `a{sv}` under construction.
class Dictionary {
public:
    void add(const char* key, Value value) {
        Value variant{Variant{{std::move(value)}}};
        entries_.elements.push_back(
            Value{DictEntry{{Value{std::string(key)}, std::move(variant)}}});
    }
    void add_text(const char* key, const std::string& text) {
        if (!text.empty()) add(key, Value{text});
    }
    void add_party(const std::string& key, const PolicyParty& party) {
        if (!party.names.empty()) add(key.c_str(), Value{party.names.front()});
        if (party.uid) add((key + "_uid").c_str(), Value{std::uint32_t{*party.uid}});
        if (party.gids.empty()) return;
        Array gids{"u", {}};
        for (const gid_t gid : party.gids)
            gids.elements.push_back(Value{std::uint32_t{gid}});
        add((key + "_gids").c_str(), Value{std::move(gids)});
    }
    [[nodiscard]] Value take() { return Value{std::move(entries_)}; }

private:
    Array entries_{"{sv}", {}};
};

const char* type_word(bus::MessageType type) {
    switch (type) {
        case bus::MessageType::MethodCall: return "method_call";
        case bus::MessageType::MethodReturn: return "method_return";
        case bus::MessageType::Error: return "error";
        case bus::MessageType::Signal: return "signal";
    }
    return "";
}

Value message_dictionary(const PolicyQuestion& question) {
    Dictionary dictionary;
    dictionary.add_party("sender", question.sender);
    dictionary.add_party("receiver", question.receiver);
    dictionary.add_text("type", type_word(question.type));
    dictionary.add_text("destination", question.destination);
    dictionary.add_text("path", question.path);
    dictionary.add_text("interface", question.interface);
    dictionary.add_text("member", question.member);
    dictionary.add_text("error", question.error_name);
    if (question.is_reply) {
        dictionary.add_text("reply", question.requested_reply ? "requested" : "unrequested");
    }
    if (question.fds > 0) dictionary.add("fds", Value{question.fds});
    if (question.eavesdropping) dictionary.add("eavesdrop", Value{true});
    return dictionary.take();
}

Value who_dictionary(const PolicyQuestion& question) {
    Dictionary dictionary;
    dictionary.add_party("sender", question.sender);
    return dictionary.take();
}

[[noreturn]] void throw_unexpected() {
    throw sdbus::Error(std::string(bus::error_name::kInvalidArgs),
                       fmt::format("{} answered in a form that is not known here", kInterface));
}

template <typename T>
T taken(const Value& value) {
    const auto* found = std::get_if<T>(&value.data);
    if (!found) throw_unexpected();
    return *found;
}

policy::ReportedRule rule_from(const Value& value) {
    const auto members = taken<Struct>(value).members;
    if (signature_of(members) != "sssusss") throw_unexpected();
    return {.fate = taken<std::string>(members[0]),
            .why = taken<std::string>(members[1]),
            .file = taken<std::string>(members[2]),
            .line = taken<std::uint32_t>(members[3]),
            .text = taken<std::string>(members[4]),
            .block = taken<std::string>(members[5]),
            .beaten_by = taken<std::string>(members[6])};
}

void take_entry(policy::ExplanationReport& side, const std::string& key, const Value& value) {
    if (key == "judged") side.judged = taken<bool>(value);
    if (key == "allowed") side.allowed = taken<bool>(value);
    if (key == "log") side.log = taken<bool>(value);
    if (key == "subject") side.subject = taken<std::string>(value);
    if (key == "reason") side.reason = taken<std::string>(value);
    if (key == "matching") side.matching = taken<std::uint32_t>(value);
    if (key != "rules") return;
    for (const Value& rule : taken<Array>(value).elements)
        side.rules.push_back(rule_from(rule));
}

policy::ExplanationReport side_from(const Value& value) {
    if (type_of(value) != "a{sv}") throw_unexpected();
    policy::ExplanationReport side;
    side.allowed = false;
    for (const Value& element : taken<Array>(value).elements) {
        const auto entry = taken<DictEntry>(element).key_and_value;
        take_entry(side, taken<std::string>(entry.at(0)),
                   taken<Variant>(entry.at(1)).content.at(0));
    }
    return side;
}

std::vector<Value> ask(BusConnection& bus, const char* member, std::vector<Value> arguments) {
    try {
        return bus.call_for_values({std::string(bus::kDriverName), std::string(bus::kDriverPath),
                                    kInterface, member, std::move(arguments)});
    } catch (const sdbus::Error& error) {
        const auto& name = error.getName();
        if (name == bus::error_name::kUnknownInterface || name == bus::error_name::kUnknownMethod) {
            throw UsageError(
                "This bus can't explain its policy (only buzond can); give the file that it is "
                "configured with: --config=FILE.");
        }
        if (name == bus::error_name::kAccessDenied) {
            throw_with_context(
                error,
                "The bus explains its policy to root and to the user that runs it, if its "
                "policy lets them call org.buzon.Policy1; or give --config=FILE");
        }
        throw;
    }
}

}  // namespace

PolicyAnswer answer_from(BusConnection& bus, const PolicyQuestion& question) {
    PolicyAnswer answer;
    std::vector<Value> reply;
    switch (question.kind) {
        case PolicyQuestion::Kind::Own:
            reply = ask(bus, "ExplainOwn", {Value{question.name}, who_dictionary(question)});
            if (reply.size() != 1) throw_unexpected();
            return {{{"own", side_from(reply[0])}}};
        case PolicyQuestion::Kind::Connect:
            reply = ask(bus, "ExplainConnect", {who_dictionary(question)});
            if (reply.size() != 1) throw_unexpected();
            return {{{"connect", side_from(reply[0])}}};
        case PolicyQuestion::Kind::Message: break;
    }
    reply = ask(bus, "Explain", {message_dictionary(question)});
    if (reply.size() != 2) throw_unexpected();
    return {{{"send", side_from(reply[0])}, {"receive", side_from(reply[1])}}};
}

}  // namespace buzon::clients
