// SPDX-License-Identifier: Apache-2.0
// org.buzon.Policy1: why the policy in force decides as it does. For root and the bus owner only:
// it tells what is in files that others may not read, and who is on the bus.
#include <algorithm>
#include <span>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "broker/driver.h"
#include "broker/policy_question.h"
#include "bus/base/log.h"
#include "bus/names.h"
#include "policy/explain_report.h"
#include "policy/name_list.h"

namespace buzon::broker {

namespace {

/// More rules are counted only: the answer must fit into a message.
constexpr std::size_t kMostRulesTold = 200;
/// A subject is for people to read.
constexpr std::size_t kMostGroupsTold = 16;
/// A rule walked over, against bytes copied, for Peer::charge_turn().
constexpr std::size_t kCostPerRule = 32;
/// Nobody has this uid, so no block of a user applies to it.
constexpr uid_t kAnyUser = static_cast<uid_t>(-2);

/// A dictionary of variants, under construction.
class ReportWriter {
public:
    explicit ReportWriter(bus::WireWriter& body) : body_(body) {}

    void write(const policy::ExplanationReport& report) {
        const auto array = body_.begin_array('{');
        add("judged", report.judged);
        add("allowed", report.allowed);
        add("log", report.log);
        add("subject", report.subject);
        add("reason", report.reason);
        start_entry("matching", "u");
        body_.write_uint32(static_cast<std::uint32_t>(report.matching));
        start_entry("rules", "a(sssusss)");
        const auto rules = body_.begin_array('(');
        for (const auto& rule : report.rules)
            write(rule);
        body_.end_array(rules);
        body_.end_array(array);
    }

private:
    void start_entry(std::string_view key, std::string_view type) {
        body_.align_struct();
        body_.write_string(key);
        body_.write_signature(type);
    }
    void add(std::string_view key, bool value) {
        start_entry(key, "b");
        body_.write_boolean(value);
    }
    void add(std::string_view key, const std::string& text) {
        start_entry(key, "s");
        body_.write_string(text);
    }
    void write(const policy::ReportedRule& rule) {
        // Rules come from files of up to 16 MiB; names of files need not be UTF-8.
        constexpr std::size_t kMost = 4096;
        const auto write_text = [&](const std::string& text) {
            body_.write_string(text.size() > kMost ? "(too long to be told)" : text);
        };
        body_.align_struct();
        body_.write_string(rule.fate);
        body_.write_string(rule.why);
        body_.write_string(bus::printable(rule.file, kMost));
        body_.write_uint32(rule.line);
        write_text(rule.text);
        write_text(rule.block);
        body_.write_string(bus::printable(rule.beaten_by, kMost));
    }

    bus::WireWriter& body_;
};

std::string describe_groups(std::span<const gid_t> gids) {
    if (gids.empty()) return {};
    const auto told = gids.first(std::min(gids.size(), kMostGroupsTold));
    const std::string others =
        gids.size() == told.size() ? "" : fmt::format(" and {} more", gids.size() - told.size());
    return fmt::format(", groups {}{}", fmt::join(told, " "), others);
}

/// The verdict stays what the policy says; that it has no effect is worth a word.
void add_permissive_note(policy::ExplanationReport& report, bool is_exempt) {
    if (report.allowed || !is_exempt) return;
    if (!report.reason.empty()) report.reason += "; ";
    report.reason += "the bus is permissive about this: it is logged and not denied";
}

}  // namespace

/// One side of a question: who it is, what he is called, and what holds for him.
struct Driver::PolicyParty {
    bool is_driver = false;
    const Peer* peer = nullptr;
    policy::NameList names;
    std::optional<uid_t> uid;
    std::vector<gid_t> gids;
    std::string subject;

    [[nodiscard]] policy::PeerIdentity identity() const { return {.uid = uid, .gids = gids}; }
    /// As Judge asks: by any of its names.
    [[nodiscard]] bool is_exempt(const PermissiveMode& permissive) const {
        if (is_driver) return permissive.covers(bus::kDriverName);
        return permissive.whole_bus ||
               std::any_of(permissive.names.begin(), permissive.names.end(),
                           [&](const std::string& name) { return names.holds(name); });
    }
};

Driver::PolicyParty Driver::policy_party(const AskedParty& asked) const {
    PolicyParty party;
    party.is_driver = asked.name == bus::kDriverName;
    party.uid = asked.uid.value_or(kAnyUser);
    party.gids = asked.gids.value_or(std::vector<gid_t>{});
    std::vector<std::string> names;
    party.peer = asked.name.empty() || party.is_driver ? nullptr : find_owner(asked.name);
    if (party.peer) {
        names.emplace_back(party.peer->unique_name());
        state_.names.for_each_held_by(party.peer->id(),
                                      [&](std::string_view name) { names.emplace_back(name); });
    } else if (!asked.name.empty()) {
        names.emplace_back(asked.name);
    }
    if (party.peer && !asked.has_identity()) {
        party.uid = party.peer->user();
        party.gids = party.peer->credentials().groups;
    }
    const std::string user = !party.uid               ? "anonymous"
                             : *party.uid == kAnyUser ? "any user"
                                                      : fmt::format("uid {}", *party.uid);
    const bool is_absent = !party.peer && !asked.name.empty() && !party.is_driver;
    party.subject =
        fmt::format("{}{}{}{}", fmt::join(names, " "), is_absent ? " (not on the bus)" : "",
                    names.empty() ? "" : ", ", user);
    party.subject += describe_groups(party.gids);
    party.names = policy::NameList(std::move(names));
    return party;
}

bus::Result<PolicyQuestion, ErrorReply> Driver::read_question(DriverCall& call) const {
    auto question = read_policy_question(call.arguments);
    if (!question) return refuse(bus::error_name::kInvalidArgs, std::move(question).error());
    return *question;
}

Driver::Outcome Driver::explain_policy(DriverCall& call) {
    const auto read = read_question(call);
    if (!read) return bus::Unexpected{read.error()};
    const PolicyQuestion& question = *read;
    if (question.destination.empty() && question.type != bus::MessageType::Signal)
        return refuse(bus::error_name::kInvalidArgs, "Only signals may lack a \"destination\"");

    const PolicyParty sender = policy_party(question.sender);
    AskedParty receiver_asked = question.receiver;
    if (receiver_asked.name.empty() && !question.eavesdropping)
        receiver_asked.name = question.destination;
    const PolicyParty receiver = policy_party(receiver_asked);

    auto send = explain_send_side(call, question, sender, receiver);
    auto receive = explain_receive_side(call, question, sender, receiver);
    const PermissiveMode& permissive = state_.identity.permissive;
    const bool is_exempt = permissive.covers(question.destination) ||
                           sender.is_exempt(permissive) || receiver.is_exempt(permissive);
    add_permissive_note(send, is_exempt);
    add_permissive_note(receive, is_exempt);

    ReportWriter writer(start_reply());
    writer.write(send);
    writer.write(receive);
    finish_reply(call, "a{sv}a{sv}");
    return {};
}

policy::MessageFacts Driver::facts_of(const PolicyQuestion& question, const PolicyParty& sender) {
    const auto& names = sender.names.names();
    return {.type = question.type,
            .path = question.path,
            .interface = question.interface,
            .member = question.member,
            .error_name = question.error_name,
            .destination = question.destination,
            .sender = sender.is_driver ? bus::kDriverName
                      : names.empty()  ? std::string_view()
                                       : std::string_view(names.front()),
            .is_reply = question.is_reply,
            .fd_count = question.fds};
}

policy::ExplanationReport Driver::explain_send_side(DriverCall& call,
                                                    const PolicyQuestion& question,
                                                    const PolicyParty& sender,
                                                    const PolicyParty& receiver) const {
    if (sender.is_driver) return policy::not_judged("the bus itself may send anything");
    const policy::PolicySet& set = *state_.settings.policy;
    const policy::MessageFacts message = facts_of(question, sender);
    // Without a peer the name is still to be started, and its text alone counts.
    const auto explained =
        policy::explain_send(*set.snapshot_for(sender.identity()),
                             {.message = message,
                              .receiver = receiver.is_driver ? nullptr : &receiver.names,
                              .requested_reply = question.requested_reply},
                             kMostRulesTold);
    call.caller.charge_turn(explained.considered * kCostPerRule);
    return policy::report(explained, set.files(), policy::DefaultAnswer::Denied, sender.subject);
}

policy::ExplanationReport Driver::explain_receive_side(DriverCall& call,
                                                       const PolicyQuestion& question,
                                                       const PolicyParty& sender,
                                                       const PolicyParty& receiver) const {
    if (receiver.is_driver) return policy::not_judged("the bus itself receives everything");
    const policy::PolicySet& set = *state_.settings.policy;
    const policy::MessageFacts message = facts_of(question, sender);
    const auto explained =
        policy::explain_receive(*set.snapshot_for(receiver.identity()),
                                {.message = message,
                                 .sender = sender.is_driver ? nullptr : &sender.names,
                                 .requested_reply = question.requested_reply,
                                 .eavesdropping = question.eavesdropping},
                                kMostRulesTold);
    call.caller.charge_turn(explained.considered * kCostPerRule);
    return policy::report(explained, set.files(), policy::DefaultAnswer::Denied, receiver.subject);
}

Driver::Outcome Driver::explain_own_policy(DriverCall& call) {
    const std::string_view name = call.arguments.read_string().value_or("");
    if (!bus::is_bus_name(name)) {
        return refuse(bus::error_name::kInvalidArgs,
                      fmt::format("\"{}\" is no bus name", bus::printable(name)));
    }
    const auto question = read_question(call);
    if (!question) return bus::Unexpected{question.error()};
    const PolicyParty owner = policy_party(question->sender);
    const policy::PolicySet& set = *state_.settings.policy;
    const auto explained =
        policy::explain_own(*set.snapshot_for(owner.identity()), name, kMostRulesTold);
    call.caller.charge_turn(explained.considered * kCostPerRule);
    auto report =
        policy::report(explained, set.files(), policy::DefaultAnswer::Denied, owner.subject);
    const PermissiveMode& permissive = state_.identity.permissive;
    add_permissive_note(report, permissive.covers(name) || owner.is_exempt(permissive));
    ReportWriter(start_reply()).write(report);
    finish_reply(call, "a{sv}");
    return {};
}

Driver::Outcome Driver::explain_connect_policy(DriverCall& call) {
    const auto question = read_question(call);
    if (!question) return bus::Unexpected{question.error()};
    const PolicyParty party = policy_party(question->sender);
    const policy::PolicySet& set = *state_.settings.policy;
    const auto explained =
        policy::explain_connect(set, party.identity(), state_.identity.owner, kMostRulesTold);
    call.caller.charge_turn(explained.considered * kCostPerRule);
    ReportWriter(start_reply())
        .write(policy::report(explained, set.files(), policy::DefaultAnswer::BusOwnerOnly,
                              party.subject));
    finish_reply(call, "a{sv}");
    return {};
}

}  // namespace buzon::broker
