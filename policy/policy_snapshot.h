// SPDX-License-Identifier: Apache-2.0
// The rules that hold for one peer, and the verdicts that they give. Pure and immutable; shared by
// all peers to which the same <policy> blocks apply. The last rule that matches decides, as in
// dbus-daemon; none: denied. Which one that is, compiled units find out (compiler.h): the cost does
// not grow with the rules that do not concern the question, only with the number of the peer's own
// groups that have <policy> blocks.
// Lifetime: holds its PolicySet alive, so that a Verdict's rule lives as long as the snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "bus/base/ref.h"
#include "bus/protocol.h"
#include "policy/rule.h"

namespace buzon::policy {

class HeldWords;
class PolicySet;
class Vocabulary;
struct CompiledList;
struct PolicyUnit;

struct Verdict {
    bool allowed = false;
    /// An allowed send that its rule wants logged (log="true").
    bool log = false;
    /// How many rules matched, as in dbus-daemon's texts. Counted only for denials and for `log`.
    std::uint32_t matched_rules = 0;
    /// The rule that decided; null where none matched.
    const Rule* rule = nullptr;
    explicit operator bool() const { return allowed; }
};

class NameVisitor {
public:
    virtual void visit(std::string_view name) = 0;

protected:
    ~NameVisitor() = default;
};

/// The names of the other party, primary owner or queued, its unique name among them.
class NameHolder {
public:
    static constexpr std::size_t kUncounted = std::numeric_limits<std::size_t>::max();

    [[nodiscard]] virtual bool holds(std::string_view name) const = 0;
    /// Whether it holds `prefix` itself or a name below it: `org.example` holds `org.example.Mail`.
    [[nodiscard]] virtual bool holds_below(std::string_view prefix) const = 0;
    /// How many names it holds. kUncounted: for_each() can't be asked.
    [[nodiscard]] virtual std::size_t count() const { return kUncounted; }
    /// Shows `visitor` every name once, in no order.
    virtual void for_each(NameVisitor& visitor) const { (void)visitor; }
    /// What somebody has found out already about all of its names but the unique one, in the words
    /// of `vocabulary`; null: nobody has.
    [[nodiscard]] virtual const HeldWords* held_words(const Vocabulary& vocabulary) const {
        (void)vocabulary;
        return nullptr;
    }
    /// Only asked where held_words() answers.
    [[nodiscard]] virtual std::string_view unique_name() const { return {}; }

protected:
    ~NameHolder() = default;
};

/// What rules look at in a message. An absent header field is an empty view.
struct MessageFacts {
    bus::MessageType type{};
    std::string_view path;
    std::string_view interface;
    std::string_view member;
    std::string_view error_name;
    std::string_view destination;
    std::string_view sender;
    /// Has a reply serial; not only returns and errors may.
    bool is_reply = false;
    std::uint32_t fd_count = 0;
};

struct SendQuery {
    const MessageFacts& message;
    /// Null for the driver and for a name that is still to be activated: `message.destination` is
    /// compared literally.
    const NameHolder* receiver = nullptr;
    /// The receiver waits for this reply.
    bool requested_reply = false;
};

struct ReceiveQuery {
    const MessageFacts& message;
    /// Null for the driver: `message.sender` is compared literally.
    const NameHolder* sender = nullptr;
    bool requested_reply = false;
    /// The message has a destination, and it is somebody else.
    bool eavesdropping = false;
};

/// What the units that apply to one peer say about one kind of question, the strongest first.
struct UnitLists {
    std::vector<const CompiledList*> lists;
    std::uint8_t used_fields = 0;
    bool asks_for_party = false;
    bool allows_everything = false;
};

class PolicySnapshot final : public bus::RefCounted<PolicySnapshot> {
public:
    /// For PolicySet::snapshot_for(). `between`: what applies to this peer after the default blocks
    /// and before the mandatory ones, in its order of application.
    PolicySnapshot(bus::Ref<const PolicySet> set, std::vector<const PolicyUnit*> between);
    ~PolicySnapshot();

    [[nodiscard]] Verdict may_own(std::string_view name) const;
    [[nodiscard]] Verdict may_send(const SendQuery& query) const;
    [[nodiscard]] Verdict may_receive(const ReceiveQuery& query) const;

    /// True where the answer is "allowed, not logged" whatever the question: ask these first.
    [[nodiscard]] bool allows_every_own() const { return own_.allows_everything; }
    [[nodiscard]] bool allows_every_send() const { return send_.allows_everything; }
    [[nodiscard]] bool allows_every_receive() const { return receive_.allows_everything; }

    /// Where the rules come from; `set().files().describe(rule->location)` names a line.
    [[nodiscard]] const PolicySet& set() const { return *set_; }
    /// Indices of the <policy> blocks that apply, in their order of application.
    [[nodiscard]] std::vector<std::uint32_t> blocks() const;

private:
    friend class PolicySet;

    void collect_lists();

    bus::Ref<const PolicySet> set_;
    std::vector<const PolicyUnit*> between_;
    UnitLists own_;
    UnitLists send_;
    UnitLists receive_;
};

}  // namespace buzon::policy
