// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_snapshot.h"

#include <utility>

#include "policy/compiler.h"
#include "policy/party_ids.h"
#include "policy/policy_set.h"

namespace buzon::policy {

namespace {

/// The texts of the fields that some rule looks at, and which fields there are at all.
void add_fields(Question& question,
                const MessageFacts& message,
                const Vocabulary& vocabulary,
                FieldSet used) {
    const std::array texts = {message.path, message.interface, message.member, message.error_name};
    unsigned present = 0;
    for (std::size_t field = 0; field < texts.size(); ++field) {
        if (texts[field].empty()) continue;
        present |= 1U << field;
        if ((used >> field & 1U) != 0) question.fields[field] = vocabulary.find(texts[field]);
    }
    question.present = static_cast<FieldSet>(present);
}

Verdict decide(const UnitLists& units, const Question& question) {
    Verdict verdict;
    for (auto unit = units.lists.begin(); unit != units.lists.end(); ++unit) {
        const std::uint32_t deciding = (*unit)->index.best(question);
        if (deciding == 0) continue;
        const Rule& rule = *(*unit)->rules[deciding - 1];
        const auto* send = std::get_if<SendRule>(&rule.match);
        verdict.rule = &rule;
        verdict.allowed = rule.effect == Effect::Allow;
        verdict.log = verdict.allowed && send && send->log;
        if (verdict.allowed && !verdict.log) return verdict;
        for (; unit != units.lists.end(); ++unit)
            verdict.matched_rules += (*unit)->index.count(question);
        return verdict;
    }
    return verdict;
}

/// `literal`: how the message names the other party, where that is no peer.
void take_party(PartyIds& ids,
                const NameHolder* party,
                std::string_view literal,
                const Vocabulary& vocabulary,
                const PartyWords& words) {
    if (party) {
        ids.take(*party, vocabulary, words);
    } else {
        ids.take(literal, vocabulary, words);
    }
}

Verdict judge(const UnitLists& units,
              const MessageFacts& message,
              MessageClasses message_class,
              const PartyIds& party,
              const Vocabulary& vocabulary) {
    Question question;
    add_fields(question, message, vocabulary, units.used_fields);
    question.fd_count = message.fd_count;
    question.message_class = message_class;
    question.names = party.names();
    question.prefixes = party.prefixes();
    return decide(units, question);
}

void add_list(UnitLists& units, const CompiledList& list) {
    units.lists.push_back(&list);
    units.used_fields |= list.index.used_fields();
    units.asks_for_party |= list.index.asks_for_party();
}

/// `strongest_first`: the units; what the rules of one make void is left out.
UnitLists lists_of(std::span<const CompiledRules* const> strongest_first,
                   const CompiledList CompiledRules::*kind) {
    UnitLists units;
    auto quick = CompiledList::Quick::Open;
    for (const CompiledRules* unit : strongest_first) {
        const CompiledList& list = unit->*kind;
        if (list.rules.empty()) continue;
        add_list(units, list);
        if (quick == CompiledList::Quick::Open) quick = list.allows_everything;
        if (list.voids_earlier) break;
    }
    units.allows_everything = quick == CompiledList::Quick::Yes;
    return units;
}

}  // namespace

PolicySnapshot::PolicySnapshot(bus::Ref<const PolicySet> set,
                               std::vector<const PolicyUnit*> between)
    : set_(std::move(set)), between_(std::move(between)) {
    collect_lists();
}

PolicySnapshot::~PolicySnapshot() {
    set_->forget(*this);
}

void PolicySnapshot::collect_lists() {
    std::vector<const CompiledRules*> strongest_first{&set_->mandatory_.rules};
    for (auto unit = between_.rbegin(); unit != between_.rend(); ++unit)
        strongest_first.push_back(&(*unit)->rules);
    strongest_first.push_back(&set_->default_.rules);
    own_ = lists_of(strongest_first, &CompiledRules::own);
    send_ = lists_of(strongest_first, &CompiledRules::send);
    receive_ = lists_of(strongest_first, &CompiledRules::receive);
}

std::vector<std::uint32_t> PolicySnapshot::blocks() const {
    std::vector<std::uint32_t> blocks = set_->default_.blocks;
    const auto append = [&blocks](const PolicyUnit& unit) {
        blocks.insert(blocks.end(), unit.blocks.begin(), unit.blocks.end());
    };
    for (const PolicyUnit* unit : between_)
        append(*unit);
    append(set_->mandatory_);
    return blocks;
}

Verdict PolicySnapshot::may_own(std::string_view name) const {
    const Vocabulary& vocabulary = set_->vocabulary_;
    PartyIds ids;
    if (own_.asks_for_party) ids.take(name, vocabulary, vocabulary.own());
    Question question;
    question.names = ids.names();
    question.prefixes = ids.prefixes();
    return decide(own_, question);
}

Verdict PolicySnapshot::may_send(const SendQuery& query) const {
    const Vocabulary& vocabulary = set_->vocabulary_;
    PartyIds receiver;
    if (send_.asks_for_party) {
        take_party(receiver, query.receiver, query.message.destination, vocabulary,
                   vocabulary.send());
    }
    return judge(send_, query.message, class_of(query), receiver, vocabulary);
}

Verdict PolicySnapshot::may_receive(const ReceiveQuery& query) const {
    const Vocabulary& vocabulary = set_->vocabulary_;
    PartyIds sender;
    if (receive_.asks_for_party) {
        take_party(sender, query.sender, query.message.sender, vocabulary, vocabulary.receive());
    }
    return judge(receive_, query.message, class_of(query), sender, vocabulary);
}

}  // namespace buzon::policy
