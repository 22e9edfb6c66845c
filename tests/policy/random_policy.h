// SPDX-License-Identifier: Apache-2.0
// Policies and messages by chance, from so few words that rules often match and often compete.
#pragma once

#include <array>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/held_words.h"
#include "policy/policy_snapshot.h"
#include "policy/resolved_policy.h"

namespace buzon::policy {

/// The names of one party.
class RandomParty final : public NameHolder {
public:
    /// What the party can be asked: whether it has a name; all its names; what rules mention.
    enum class Knowledge { Single, All, Words };
    static constexpr std::string_view kUniqueName = ":1.7";

    RandomParty(std::set<std::string, std::less<>> names, Knowledge knowledge)
        : names_(std::move(names)), knowledge_(knowledge) {}

    [[nodiscard]] bool holds(std::string_view name) const override { return names_.contains(name); }
    [[nodiscard]] bool holds_below(std::string_view prefix) const override {
        const std::string dotted = std::string(prefix) + ".";
        for (const std::string& name : names_) {
            if (name == prefix || name.starts_with(dotted)) return true;
        }
        return false;
    }
    [[nodiscard]] std::size_t count() const override {
        return knowledge_ == Knowledge::Single ? kUncounted : names_.size();
    }
    void for_each(NameVisitor& visitor) const override {
        for (const std::string& name : names_)
            visitor.visit(name);
    }
    [[nodiscard]] const HeldWords* held_words(const Vocabulary& vocabulary) const override {
        if (knowledge_ != Knowledge::Words) return nullptr;
        words_ = {};
        for (const auto* passing : {"a.b.c.d.e", "never.mentioned"})
            words_.add(passing, vocabulary);
        for (const std::string& name : names_) {
            if (name != kUniqueName) words_.add(name, vocabulary);
        }
        for (const auto* passing : {"never.mentioned", "a.b.c.d.e"})
            words_.remove(passing, vocabulary);
        return &words_;
    }
    [[nodiscard]] std::string_view unique_name() const override {
        return names_.contains(kUniqueName) ? kUniqueName : std::string_view();
    }

private:
    std::set<std::string, std::less<>> names_;
    Knowledge knowledge_;
    mutable HeldWords words_;
};

class RandomPolicy {
public:
    explicit RandomPolicy(std::uint32_t seed) : engine_(seed) {}

    /// 0 … bound - 1.
    std::uint32_t below(std::size_t bound) { return static_cast<std::uint32_t>(engine_() % bound); }
    bool chance(std::uint32_t one_in) { return below(one_in) == 0; }

    ResolvedPolicy policy() {
        ResolvedPolicy policy;
        policy.files.add("/random.conf");
        for (const auto* subject : kSubjects) {
            policy.users.emplace(subject, 1000 + policy.users.size());
            policy.groups.emplace(subject, 100 + policy.groups.size());
        }
        const auto blocks = 1 + below(16);
        for (std::uint32_t i = 0; i < blocks; ++i)
            policy.blocks.push_back(block());
        return policy;
    }

    /// Among those of policy(), which are 100 … 105; users are 1000 … 1005.
    std::vector<gid_t> groups() {
        std::vector<gid_t> groups;
        for (gid_t gid = 100; gid < 107; ++gid) {
            if (!chance(3)) groups.push_back(gid);
        }
        if (chance(4) && !groups.empty()) groups.push_back(groups.front());
        return groups;
    }

    MessageFacts message() {
        MessageFacts facts;
        facts.type = static_cast<bus::MessageType>(chance(12) ? 5 + below(250) : 1 + below(4));
        facts.path = header(kPaths);
        facts.interface = header(kInterfaces);
        facts.member = header(kMembers);
        facts.error_name = chance(3) ? header(kErrors) : "";
        facts.destination = chance(3) ? "" : pick(kNames);
        facts.sender = pick(kNames);
        facts.is_reply = chance(2);
        facts.fd_count = chance(2) ? 0 : below(7);
        return facts;
    }

    RandomParty party() {
        std::set<std::string, std::less<>> names;
        const auto wanted = chance(8) ? 40U : below(4);
        for (std::uint32_t i = 0; i < wanted; ++i)
            names.insert(wanted == 40 && !chance(6) ? "other.name" + std::to_string(i)
                                                    : std::string(pick(kNames)));
        return {std::move(names), static_cast<RandomParty::Knowledge>(below(3))};
    }

    std::string_view name() { return pick(kNames); }

private:
    using Words = std::array<const char*, 6>;
    static constexpr std::array kSubjects = {"a", "b", "c", "d", "e", "f"};
    static constexpr Words kNames = {"a.b", "a.b.c", "a.b.c.d", "a.bc", "a", ":1.7"};
    static constexpr Words kPaths = {"/", "/a", "/a/b", "/b", "/c", "/d"};
    static constexpr Words kInterfaces = {"i.A", "i.B", "i.C", "i.D", "i.E", "a.b"};
    static constexpr Words kMembers = {"M", "N", "O", "P", "Q", "R"};
    static constexpr Words kErrors = {"e.A", "e.B", "e.C", "i.A", "a.b", "e.D"};

    std::string_view pick(const Words& words) { return words[below(words.size())]; }
    /// Absent now and then, and at times one that no rule mentions.
    std::string_view header(const Words& words) {
        if (chance(4)) return "";
        return chance(10) ? "never.mentioned" : pick(words);
    }
    std::optional<std::string> condition(const Words& words, std::uint32_t one_in) {
        if (!chance(one_in)) return std::nullopt;
        return chance(25) ? "" : std::string(words[below(3)]);
    }
    std::optional<std::string> party_name(std::uint32_t one_in) {
        if (!chance(one_in)) return std::nullopt;
        return chance(25) ? "" : std::string(pick(kNames));
    }

    PolicyBlock block() {
        constexpr std::array kContexts = {PolicyContext::Default,   PolicyContext::Default,
                                          PolicyContext::Group,     PolicyContext::Group,
                                          PolicyContext::User,      PolicyContext::AtConsole,
                                          PolicyContext::Mandatory, PolicyContext::NotAtConsole};
        PolicyBlock block;
        block.context = kContexts[below(kContexts.size())];
        block.subject = kSubjects[below(kSubjects.size())];
        const auto rules = below(chance(6) ? 60 : 14);
        for (std::uint32_t i = 0; i < rules; ++i)
            block.rules.push_back(rule(i + 1));
        return block;
    }

    Rule rule(std::uint32_t line) {
        Rule rule;
        rule.effect = chance(2) ? Effect::Allow : Effect::Deny;
        rule.location.line = line;
        switch (below(8)) {
            case 0: rule.match = own(); break;
            case 1: rule.match = connect(); break;
            case 2:
            case 3:
            case 4: rule.match = receive(rule.effect); break;
            default: rule.match = send(rule.effect); break;
        }
        return rule;
    }

    OwnRule own() {
        return {chance(8) ? std::nullopt : std::optional(std::string(pick(kNames))),
                chance(2) ? NameForm::Exact : NameForm::Prefix};
    }

    ConnectRule connect() {
        const auto subject = chance(2) ? ConnectRule::Subject::User : ConnectRule::Subject::Group;
        if (chance(6)) return {subject, std::nullopt};
        return {subject, kSubjects[below(kSubjects.size())]};
    }

    MessageConditions conditions(Effect effect) {
        MessageConditions conditions;
        if (chance(3)) conditions.type = static_cast<bus::MessageType>(1 + below(4));
        conditions.path = condition(kPaths, 4);
        conditions.interface = condition(kInterfaces, 3);
        conditions.member = condition(kMembers, 4);
        conditions.error_name = condition(kErrors, 8);
        conditions.requested_reply = chance(4) ? chance(2) : effect == Effect::Allow;
        conditions.eavesdrop = chance(5);
        if (chance(6)) conditions.min_fds = below(6);
        if (chance(6)) conditions.max_fds = below(6);
        return conditions;
    }

    SendRule send(Effect effect) {
        SendRule rule;
        rule.message = conditions(effect);
        rule.destination = party_name(2);
        if (chance(3)) rule.destination_form = NameForm::Prefix;
        if (chance(6)) rule.broadcast = chance(2);
        rule.log = chance(8);
        return rule;
    }

    ReceiveRule receive(Effect effect) { return {conditions(effect), party_name(3)}; }

    std::mt19937 engine_;
};

}  // namespace buzon::policy
