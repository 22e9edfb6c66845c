// SPDX-License-Identifier: Apache-2.0
#include "policy/compiler.h"

#include <array>

#include "policy/rule_match.h"

namespace buzon::policy {

namespace {

using bus::MessageType;

/// What a message can be: one of the four types or none of them; to send rules, a broadcast is a
/// type of its own.
enum class Shape : unsigned { Call, Return, Error, Signal, Unknown, Broadcast };

/// What it says about a call that it answers.
enum class Answer : unsigned { None, Requested, Unrequested };
constexpr unsigned kAnswers = 3;

Shape shape_of(const MessageFacts& message) {
    switch (message.type) {
        case MessageType::MethodCall: return Shape::Call;
        case MessageType::MethodReturn: return Shape::Return;
        case MessageType::Error: return Shape::Error;
        case MessageType::Signal: return Shape::Signal;
    }
    return Shape::Unknown;
}

Answer answer_of(const MessageFacts& message, bool requested) {
    if (!message.is_reply) return Answer::None;
    return requested ? Answer::Requested : Answer::Unrequested;
}

/// At most 18 classes of messages to send, and 30 to receive.
constexpr MessageClasses class_bit(Shape shape, Answer answer, bool eavesdropping) {
    constexpr unsigned kReceivedClasses = static_cast<unsigned>(Shape::Broadcast) * kAnswers;
    const unsigned kind = static_cast<unsigned>(shape) * kAnswers + static_cast<unsigned>(answer);
    return MessageClasses{1} << (eavesdropping ? kind + kReceivedClasses : kind);
}

/// A message of that shape, with no header field that a rule could compare as text.
MessageFacts example_of(Shape shape, Answer answer) {
    constexpr std::array kTypes = {MessageType::MethodCall, MessageType::MethodReturn,
                                   MessageType::Error,      MessageType::Signal,
                                   MessageType{},           MessageType::Signal};
    MessageFacts facts;
    facts.type = kTypes[static_cast<unsigned>(shape)];
    if (shape != Shape::Broadcast) facts.destination = ":1.0";
    facts.is_reply = answer != Answer::None;
    return facts;
}

constexpr Shape kAllShapes[] = {Shape::Call,   Shape::Return,  Shape::Error,
                                Shape::Signal, Shape::Unknown, Shape::Broadcast};
constexpr Answer kAllAnswers[] = {Answer::None, Answer::Requested, Answer::Unrequested};

/// Without conditions on texts and descriptors, which the index has in another form.
MessageConditions kind_only(const MessageConditions& conditions) {
    return {.type = conditions.type,
            .path = {},
            .interface = {},
            .member = {},
            .error_name = {},
            .requested_reply = conditions.requested_reply,
            .eavesdrop = conditions.eavesdrop};
}

MessageClasses classes_of(Effect effect, const SendRule& rule) {
    const SendRule bare{.message = kind_only(rule.message),
                        .destination = {},
                        .destination_form = NameForm::Exact,
                        .broadcast = rule.broadcast,
                        .log = false};
    MessageClasses classes = 0;
    for (const Shape shape : kAllShapes) {
        for (const Answer answer : kAllAnswers) {
            const MessageFacts message = example_of(shape, answer);
            const SendQuery query{.message = message,
                                  .requested_reply = answer == Answer::Requested};
            if (matches(effect, bare, query)) classes |= class_of(query);
        }
    }
    return classes;
}

MessageClasses classes_of(Effect effect, const ReceiveRule& rule) {
    const ReceiveRule bare{.message = kind_only(rule.message), .sender = {}};
    MessageClasses classes = 0;
    for (const Shape shape : kAllShapes) {
        for (const Answer answer : kAllAnswers) {
            for (const bool eavesdropping : {false, true}) {
                const MessageFacts message = example_of(shape, answer);
                const ReceiveQuery query{.message = message,
                                         .requested_reply = answer == Answer::Requested,
                                         .eavesdropping = eavesdropping};
                if (matches(effect, bare, query)) classes |= class_of(query);
            }
        }
    }
    return classes;
}

void add_conditions(IndexedRule& indexed,
                    Effect effect,
                    const MessageConditions& conditions,
                    const Vocabulary& words) {
    indexed.fields = {words.id_of(conditions.path), words.id_of(conditions.interface),
                      words.id_of(conditions.member), words.id_of(conditions.error_name)};
    // A message without interface profits from no rule that names one.
    if (effect == Effect::Allow) indexed.required = set_of(TextField::Interface);
    indexed.min_fds = conditions.min_fds;
    indexed.max_fds = conditions.max_fds;
}

void add_party(IndexedRule& indexed,
               const std::optional<std::string>& name,
               NameForm form,
               const Vocabulary& words) {
    if (!name) return;
    indexed.party = words.id_of(name);
    indexed.party_condition =
        form == NameForm::Prefix ? PartyCondition::Prefix : PartyCondition::Exact;
}

/// All that classes_of() looks at, in one number below 256.
std::size_t kind_of(Effect effect, const MessageConditions& conditions, unsigned rest) {
    const auto type = conditions.type ? static_cast<unsigned>(*conditions.type) : 0U;
    return type | static_cast<unsigned>(effect) << 3 | unsigned{conditions.requested_reply} << 4 |
           unsigned{conditions.eavesdrop} << 5 | rest << 6;
}

std::size_t kind_of(Effect effect, const SendRule& rule) {
    return kind_of(effect, rule.message, rule.broadcast ? 1U + unsigned{*rule.broadcast} : 0U);
}

std::size_t kind_of(Effect effect, const ReceiveRule& rule) {
    return kind_of(effect, rule.message, 0);
}

/// classes_of() asks for dozens of messages, and most rules are of the same few kinds.
template <typename Match, typename KnownClasses>
MessageClasses known_classes_of(Effect effect, const Match& rule, KnownClasses& known) {
    auto& classes = known[kind_of(effect, rule)];
    if (!classes) classes = classes_of(effect, rule);
    return *classes;
}

IndexedRule to_indexed(const OwnRule& rule, const Vocabulary& words) {
    IndexedRule indexed;
    add_party(indexed, rule.name, rule.form, words);
    return indexed;
}

IndexedRule to_indexed(Effect effect, const SendRule& rule, const Vocabulary& words) {
    IndexedRule indexed;
    add_conditions(indexed, effect, rule.message, words);
    add_party(indexed, rule.destination, rule.destination_form, words);
    return indexed;
}

IndexedRule to_indexed(Effect effect, const ReceiveRule& rule, const Vocabulary& words) {
    IndexedRule indexed;
    add_conditions(indexed, effect, rule.message, words);
    add_party(indexed, rule.sender, NameForm::Exact, words);
    return indexed;
}

bool is_nobody(const std::optional<std::string>& name) {
    return name && name->empty();
}

bool is_logged(const Rule& rule) {
    const auto* send = std::get_if<SendRule>(&rule.match);
    return send && send->log;
}

template <typename Match>
void add_rule(CompiledList& list,
              const Rule& rule,
              const Match& match,
              const IndexedRule& indexed) {
    if (voids_earlier_rules(match)) {
        list = {};
        list.voids_earlier = true;
    }
    list.rules.push_back(&rule);
    list.index.add(indexed);
    if (rule.effect == Effect::Deny || is_logged(rule)) {
        list.allows_everything = CompiledList::Quick::No;
    } else if (allows_everything(match)) {
        list.allows_everything = CompiledList::Quick::Yes;
    }
}

void finish_list(CompiledList& list) {
    list.rules.shrink_to_fit();
    list.index.finish();
    if (list.voids_earlier && list.allows_everything == CompiledList::Quick::Open) {
        list.allows_everything = CompiledList::Quick::No;
    }
}

}  // namespace

void RuleCompiler::add(CompiledRules& unit, const Rule& rule, const Vocabulary& vocabulary) {
    if (const auto* own = std::get_if<OwnRule>(&rule.match)) {
        add_rule(unit.own, rule, *own, to_indexed(*own, vocabulary));
    } else if (const auto* send = std::get_if<SendRule>(&rule.match)) {
        IndexedRule indexed = to_indexed(rule.effect, *send, vocabulary);
        indexed.classes =
            is_nobody(send->destination) ? 0 : known_classes_of(rule.effect, *send, send_classes_);
        add_rule(unit.send, rule, *send, indexed);
    } else if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
        IndexedRule indexed = to_indexed(rule.effect, *receive, vocabulary);
        indexed.classes = is_nobody(receive->sender)
                              ? 0
                              : known_classes_of(rule.effect, *receive, receive_classes_);
        add_rule(unit.receive, rule, *receive, indexed);
    }
}

void RuleCompiler::finish(CompiledRules& unit) {
    for (CompiledList* list : {&unit.own, &unit.send, &unit.receive})
        finish_list(*list);
}

MessageClasses class_of(const SendQuery& query) {
    Shape shape = shape_of(query.message);
    if (shape == Shape::Signal && query.message.destination.empty()) shape = Shape::Broadcast;
    return class_bit(shape, answer_of(query.message, query.requested_reply), false);
}

MessageClasses class_of(const ReceiveQuery& query) {
    const Answer answer = answer_of(query.message, query.requested_reply);
    return class_bit(shape_of(query.message), answer, query.eavesdropping);
}

}  // namespace buzon::policy
