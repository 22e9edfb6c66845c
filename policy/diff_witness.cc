// SPDX-License-Identifier: Apache-2.0
#include "policy/diff_witness.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "policy/diff_partners.h"

namespace buzon::policy {

namespace {

using bus::MessageType;

constexpr std::string_view kOtherName = "something.nobody.Names";
constexpr std::string_view kOtherPath = "/something/else";
constexpr std::string_view kOtherInterface = "something.nobody.Names1";
constexpr std::string_view kOtherMember = "SomethingElse";
constexpr std::string_view kOtherError = "something.nobody.Error";
constexpr std::string_view kBelow = ".below";

const MessageConditions* conditions_of(const Rule& rule) {
    if (const auto* send = std::get_if<SendRule>(&rule.match)) return &send->message;
    if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) return &receive->message;
    return nullptr;
}

std::optional<bool> broadcast_of(const Rule& rule) {
    const auto* send = std::get_if<SendRule>(&rule.match);
    return send ? send->broadcast : std::nullopt;
}

template <typename T>
bool differ(const std::optional<T>& left, const std::optional<T>& right) {
    return left && right && *left != *right;
}

/// Names that meet both conditions.
std::vector<std::string> party_names(const PartyName& rule, const PartyName& partner) {
    std::vector<std::string> names;
    const auto fits = [](const std::string& name, const PartyName& wanted) {
        if (!wanted.name) return true;
        return wanted.form == NameForm::Exact ? name == *wanted.name
                                              : is_name_below(name, *wanted.name);
    };
    const auto offer = [&](std::string name) {
        if (fits(name, rule) && fits(name, partner)) names.push_back(std::move(name));
    };
    for (const auto* one : {&rule, &partner}) {
        if (!one->name) continue;
        if (one->form == NameForm::Prefix) offer(*one->name + std::string(kBelow));
        offer(*one->name);
    }
    if (names.empty()) offer(std::string(kOtherName));
    constexpr std::size_t kMost = 2;
    if (names.size() > kMost) names.resize(kMost);
    return names;
}

class WitnessMaker {
public:
    WitnessMaker(const Rule& rule, const Rule* partner)
        : rule_(rule), partner_(partner), own_(*conditions_of(rule)) {
        if (partner) other_ = conditions_of(*partner);
    }

    std::vector<Witness> make() {
        for (const auto type : {MessageType::MethodCall, MessageType::Signal,
                                MessageType::MethodReturn, MessageType::Error}) {
            if (accepts(own_, type) && (!other_ || accepts(*other_, type))) of_type(type);
        }
        return std::move(made_);
    }

private:
    static bool accepts(const MessageConditions& conditions, MessageType type) {
        return !conditions.type || *conditions.type == type;
    }

    [[nodiscard]] std::string value(std::optional<std::string> MessageConditions::*field,
                                    std::string_view otherwise) const {
        if (own_.*field) return *(own_.*field);
        if (other_ && other_->*field) return *(other_->*field);
        return std::string(otherwise);
    }

    [[nodiscard]] bool mentions_interface() const {
        return own_.interface || (other_ && other_->interface);
    }

    void of_type(MessageType type) {
        Witness witness;
        witness.type = type;
        if (type == MessageType::MethodCall || type == MessageType::Signal) {
            witness.path = value(&MessageConditions::path, kOtherPath);
            witness.interface = value(&MessageConditions::interface, kOtherInterface);
            witness.member = value(&MessageConditions::member, kOtherMember);
            with_fds(witness);
            if (type == MessageType::Signal) return;
            witness.interface.clear();
            with_fds(witness);
            return;
        }
        if (type == MessageType::Error) {
            witness.error_name = value(&MessageConditions::error_name, kOtherError);
        }
        witness.is_reply = true;
        for (const bool requested : {true, false}) {
            witness.requested_reply = requested;
            with_fds(witness);
        }
    }

    /// The fewest that both take, and one more than an upper bound of the partner.
    void with_fds(Witness& witness) {
        const std::uint32_t fewest = std::max(own_.min_fds, other_ ? other_->min_fds : 0);
        witness.fds = fewest <= own_.max_fds ? fewest : own_.min_fds;
        with_hearing(witness);
        const bool bounded = other_ && other_->max_fds < own_.max_fds;
        if (!bounded) return;
        witness.fds = std::max(other_->max_fds + 1, own_.min_fds);
        with_hearing(witness);
    }

    void with_hearing(Witness& witness) {
        const bool receives = std::holds_alternative<ReceiveRule>(rule_.match);
        const bool answers = witness.is_reply;
        witness.eavesdropping = false;
        if (!receives || !own_.eavesdrop || rule_.effect == Effect::Allow) with_party(witness);
        if (!receives || answers) return;
        witness.eavesdropping = true;
        if (own_.eavesdrop || rule_.effect == Effect::Deny) with_party(witness);
        witness.eavesdropping = false;
    }

    void with_party(Witness& witness) {
        const PartyName other = partner_ ? party_name_of(*partner_) : PartyName{};
        for (const std::string& name : party_names(party_name_of(rule_), other)) {
            witness.party = name;
            with_destination(witness);
        }
    }

    void with_destination(Witness& witness) {
        const auto wanted = broadcast_of(rule_);
        const bool sends = std::holds_alternative<SendRule>(rule_.match);
        const std::string destination = sends ? witness.party : ":1.0";
        if (wanted != true) {
            witness.destination = destination;
            made_.push_back(witness);
        }
        const bool can_be_broadcast = witness.type == MessageType::Signal && !witness.eavesdropping;
        if (!can_be_broadcast || wanted == false) return;
        witness.destination.clear();
        made_.push_back(witness);
    }

    const Rule& rule_;
    const Rule* partner_;
    const MessageConditions& own_;
    const MessageConditions* other_ = nullptr;
    std::vector<Witness> made_;
};

std::string_view type_name(MessageType type) {
    switch (type) {
        case MessageType::MethodCall: return "method_call";
        case MessageType::MethodReturn: return "method_return";
        case MessageType::Error: return "error";
        case MessageType::Signal: return "signal";
    }
    return "";
}

}  // namespace

std::vector<Witness> witnesses_for(const Rule& rule, const Rule* partner) {
    return WitnessMaker(rule, partner).make();
}

std::vector<std::string> witnesses_for(const OwnRule& rule, const std::vector<std::string>& known) {
    if (rule.name && rule.form == NameForm::Exact) return {*rule.name};
    std::vector<std::string> names{rule.name ? *rule.name + std::string(kBelow)
                                             : std::string(kOtherName)};
    if (rule.name) names.push_back(*rule.name);
    const std::string below = rule.name ? *rule.name + "." : "";
    for (auto name = std::lower_bound(known.begin(), known.end(), below);
         name != known.end() && name->starts_with(below); ++name) {
        names.push_back(*name);
    }
    return names;
}

bool contradict(const Rule& left, const Rule& right) {
    const MessageConditions* one = conditions_of(left);
    const MessageConditions* two = conditions_of(right);
    if (!one || !two || left.match.index() != right.match.index()) return true;
    if (differ(one->type, two->type) || differ(one->path, two->path) ||
        differ(one->interface, two->interface) || differ(one->member, two->member) ||
        differ(one->error_name, two->error_name) || one->min_fds > two->max_fds ||
        two->min_fds > one->max_fds)
        return true;
    const PartyName first = party_name_of(left);
    const PartyName second = party_name_of(right);
    if (!first.name || !second.name) return false;
    if (first.form == NameForm::Prefix && is_name_below(*second.name, *first.name)) return false;
    if (second.form == NameForm::Prefix && is_name_below(*first.name, *second.name)) return false;
    return *first.name != *second.name;
}

std::string to_text(const Witness& witness, bool is_about_sending) {
    std::string text(type_name(witness.type));
    if (witness.is_reply) text += witness.requested_reply ? " (requested)" : " (unrequested)";
    const bool broadcast = witness.destination.empty();
    if (broadcast) text += " to all that listen";
    text += fmt::format(" {} {}", is_about_sending ? (broadcast ? "such as" : "to") : "from",
                        witness.party == kOtherName ? "any other name" : witness.party);
    if (!witness.also.empty()) text += fmt::format(" (who also has {})", witness.also);
    std::vector<std::string_view> others;
    const auto append = [&](std::string_view what, const std::string& value,
                            std::string_view other) {
        if (value == other)
            others.push_back(what);
        else if (!value.empty())
            text += fmt::format(", {} {}", what, value);
    };
    append("path", witness.path, kOtherPath);
    append("interface", witness.interface, kOtherInterface);
    append("member", witness.member, kOtherMember);
    append("error", witness.error_name, kOtherError);
    if (!others.empty()) text += fmt::format(", any other {}", fmt::join(others, ", "));
    const bool can_have_interface = !witness.is_reply;
    if (can_have_interface && witness.interface.empty()) text += ", without interface";
    if (witness.fds > 0) text += fmt::format(", {} descriptors", witness.fds);
    if (witness.eavesdropping) text += ", overheard";
    return text;
}

}  // namespace buzon::policy
