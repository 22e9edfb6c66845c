// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_wire.h"

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "bus/body_check.h"
#include "policy/config_files.h"

namespace buzon::policy {

namespace {

using bus::Unexpected;
using bus::WireReader;
using bus::WireWriter;

using Done = bus::Result<void, PolicyWireError>;
using RuleFlags = std::uint32_t;

// The texts of a rule, in the order in which they are written.
constexpr RuleFlags kPath = 1U << 0;
constexpr RuleFlags kInterface = 1U << 1;
constexpr RuleFlags kMember = 1U << 2;
constexpr RuleFlags kErrorName = 1U << 3;
constexpr RuleFlags kName = 1U << 4;  // destination, sender, name to own, user or group
constexpr RuleFlags kTexts = kPath | kInterface | kMember | kErrorName | kName;
// What is either so or not.
constexpr RuleFlags kPrefix = 1U << 5;
constexpr RuleFlags kRequestedReply = 1U << 6;
constexpr RuleFlags kEavesdrop = 1U << 7;
constexpr RuleFlags kBroadcastAsked = 1U << 8;
constexpr RuleFlags kBroadcast = 1U << 9;
constexpr RuleFlags kLog = 1U << 10;
constexpr RuleFlags kGroup = 1U << 11;

constexpr RuleFlags kOfConditions =
    kPath | kInterface | kMember | kErrorName | kRequestedReply | kEavesdrop;

/// What may stand in a rule of each kind; the kind is the index of Rule::match.
constexpr std::array<RuleFlags, std::variant_size_v<decltype(Rule::match)>> kAllowedFlags = {
    kOfConditions | kName | kPrefix | kBroadcastAsked | kBroadcast | kLog,
    kOfConditions | kName,
    kName | kPrefix,
    kName | kGroup,
};

/// A rule as it goes over the wire.
struct FlatRule {
    RuleFlags flags = 0;
    std::uint8_t type = 0;  // of the message; 0: any
    std::uint32_t min_fds = 0;
    std::uint32_t max_fds = kAnyFdCount;
    std::array<std::string_view, 5> texts{};

    void set(RuleFlags flag, bool condition) {
        if (condition) flags |= flag;
    }
    void set(RuleFlags flag, const std::optional<std::string>& text) {
        if (!text) return;
        flags |= flag;
        texts[static_cast<std::size_t>(__builtin_ctz(flag))] = *text;
    }
    [[nodiscard]] bool has(RuleFlags flag) const { return (flags & flag) != 0; }
    [[nodiscard]] std::optional<std::string> text(RuleFlags flag) const {
        if (!has(flag)) return std::nullopt;
        return std::string(texts[static_cast<std::size_t>(__builtin_ctz(flag))]);
    }
};

class Flattener {
public:
    explicit Flattener(FlatRule& flat) : flat_(flat) {}

    void operator()(const SendRule& rule) {
        conditions(rule.message);
        flat_.set(kName, rule.destination);
        flat_.set(kPrefix, rule.destination_form == NameForm::Prefix);
        flat_.set(kBroadcastAsked, rule.broadcast.has_value());
        flat_.set(kBroadcast, rule.broadcast.value_or(false));
        flat_.set(kLog, rule.log);
    }
    void operator()(const ReceiveRule& rule) {
        conditions(rule.message);
        flat_.set(kName, rule.sender);
    }
    void operator()(const OwnRule& rule) {
        flat_.set(kName, rule.name);
        flat_.set(kPrefix, rule.form == NameForm::Prefix);
    }
    void operator()(const ConnectRule& rule) {
        flat_.set(kName, rule.name);
        flat_.set(kGroup, rule.subject == ConnectRule::Subject::Group);
    }

private:
    void conditions(const MessageConditions& message) {
        if (message.type) flat_.type = static_cast<std::uint8_t>(*message.type);
        flat_.set(kPath, message.path);
        flat_.set(kInterface, message.interface);
        flat_.set(kMember, message.member);
        flat_.set(kErrorName, message.error_name);
        flat_.set(kRequestedReply, message.requested_reply);
        flat_.set(kEavesdrop, message.eavesdrop);
        flat_.min_fds = message.min_fds;
        flat_.max_fds = message.max_fds;
    }

    FlatRule& flat_;
};

MessageConditions conditions_of(const FlatRule& flat) {
    MessageConditions message;
    if (flat.type != 0) message.type = bus::MessageType{flat.type};
    message.path = flat.text(kPath);
    message.interface = flat.text(kInterface);
    message.member = flat.text(kMember);
    message.error_name = flat.text(kErrorName);
    message.requested_reply = flat.has(kRequestedReply);
    message.eavesdrop = flat.has(kEavesdrop);
    message.min_fds = flat.min_fds;
    message.max_fds = flat.max_fds;
    return message;
}

decltype(Rule::match) match_of(std::uint8_t kind, const FlatRule& flat) {
    const auto form = flat.has(kPrefix) ? NameForm::Prefix : NameForm::Exact;
    switch (kind) {
        case 0: {
            SendRule rule{conditions_of(flat), flat.text(kName), form, std::nullopt,
                          flat.has(kLog)};
            if (flat.has(kBroadcastAsked)) rule.broadcast = flat.has(kBroadcast);
            return rule;
        }
        case 1: return ReceiveRule{conditions_of(flat), flat.text(kName)};
        case 2: return OwnRule{flat.text(kName), form};
        default: break;
    }
    const auto subject =
        flat.has(kGroup) ? ConnectRule::Subject::Group : ConnectRule::Subject::User;
    return ConnectRule{subject, flat.text(kName)};
}

void write_location(const Location& location, WireWriter& body) {
    body.write_uint32(static_cast<std::uint32_t>(location.file));
    body.write_uint32(location.line);
    body.write_uint32(location.column);
}

void write_ids(const ResolvedPolicy::Ids& ids, WireWriter& body) {
    const auto array = body.begin_array('{');
    for (const auto& [name, id] : ids) {
        body.align_struct();
        body.write_string(name);
        body.write_uint32(id);
    }
    body.end_array(array);
}

void write_bytes(std::string_view text, WireWriter& body) {
    const auto array = body.begin_array('y');
    for (const char c : text)
        body.write_byte(static_cast<std::uint8_t>(c));
    body.end_array(array);
}

void write_rule(std::size_t block, const Rule& rule, WireWriter& body) {
    FlatRule flat;
    std::visit(Flattener(flat), rule.match);
    body.align_struct();
    body.write_uint32(static_cast<std::uint32_t>(block));
    body.write_byte(static_cast<std::uint8_t>(rule.match.index()));
    body.write_byte(static_cast<std::uint8_t>(rule.effect));
    write_location(rule.location, body);
    body.write_uint32(flat.flags);
    body.write_byte(flat.type);
    body.write_uint32(flat.min_fds);
    body.write_uint32(flat.max_fds);
    const auto texts = body.begin_array('s');
    for (std::size_t i = 0; i < flat.texts.size(); ++i) {
        if (flat.has(1U << i)) body.write_string(flat.texts[i]);
    }
    body.end_array(texts);
}

/// Takes apart a body whose form check_body() has accepted, so that no read of it can fail.
class BodyParser {
public:
    BodyParser(const WireBody& body, ResolvedPolicy& policy, std::size_t& rule_count)
        : reader_(body.bytes, body.order), policy_(policy), rule_count_(rule_count) {}

    Done head() {
        if (auto done = files(); !done) return done;
        if (auto done = ids(policy_.users); !done) return done;
        if (auto done = ids(policy_.groups); !done) return done;
        return each('(', [this] { return block(); });
    }
    Done rules() {
        return each('(', [this] { return rule(); });
    }

private:
    template <typename Element>
    Done each(char type, const Element& read_element) {
        const std::size_t end = *reader_.enter_array(type);
        while (reader_.position() < end) {
            if (auto done = read_element(); !done) return done;
        }
        return {};
    }

    Done files() {
        return each('a', [this]() -> Done {
            const std::size_t count = policy_.files.names().size();
            if (count >= kMaxConfigFiles) return Unexpected{PolicyWireError::TooMany};
            std::string name;
            const std::size_t end = *reader_.enter_array('y');
            while (reader_.position() < end)
                name.push_back(static_cast<char>(*reader_.read_byte()));
            if (static_cast<std::size_t>(policy_.files.add(name)) == count) return {};
            return Unexpected{PolicyWireError::Repeated};
        });
    }

    Done ids(ResolvedPolicy::Ids& ids) {
        return each('{', [&]() -> Done {
            reader_.align(8);
            const std::string_view name = *reader_.read_string();
            const std::uint32_t id = *reader_.read_uint32();
            // The kernel's calls take it for "none".
            if (id == std::numeric_limits<std::uint32_t>::max())
                return Unexpected{PolicyWireError::OutOfRange};
            if (ids.size() >= kMaxConfigElements) return Unexpected{PolicyWireError::TooMany};
            if (ids.emplace(name, id).second) return {};
            return Unexpected{PolicyWireError::Repeated};
        });
    }

    Done block() {
        reader_.align(8);
        const std::uint8_t context = *reader_.read_byte();
        const std::string_view subject = *reader_.read_string();
        const auto location = read_location();
        if (!location) return Unexpected{location.error()};
        if (context > static_cast<std::uint8_t>(PolicyContext::Mandatory))
            return Unexpected{PolicyWireError::OutOfRange};
        const PolicyContext known{context};
        const bool takes_subject = known == PolicyContext::User || known == PolicyContext::Group;
        if (!takes_subject && !subject.empty()) return Unexpected{PolicyWireError::Inconsistent};
        if (policy_.blocks.size() >= kMaxConfigElements)
            return Unexpected{PolicyWireError::TooMany};
        policy_.blocks.push_back({known, std::string(subject), *location, {}});
        return {};
    }

    Done rule() {
        reader_.align(8);
        const std::uint32_t block = *reader_.read_uint32();
        const std::uint8_t kind = *reader_.read_byte();
        const std::uint8_t effect = *reader_.read_byte();
        const auto location = read_location();
        if (!location) return Unexpected{location.error()};
        if (block >= policy_.blocks.size()) return Unexpected{PolicyWireError::NoSuchBlock};
        if (kind >= kAllowedFlags.size() || effect > static_cast<std::uint8_t>(Effect::Deny))
            return Unexpected{PolicyWireError::OutOfRange};
        const auto flat = flat_rule(kind);
        if (!flat) return Unexpected{flat.error()};
        if (++rule_count_ > kMaxConfigElements) return Unexpected{PolicyWireError::TooMany};
        policy_.blocks[block].rules.push_back({Effect{effect}, *location, match_of(kind, *flat)});
        return {};
    }

    bus::Result<FlatRule, PolicyWireError> flat_rule(std::uint8_t kind) {
        FlatRule flat;
        flat.flags = *reader_.read_uint32();
        flat.type = *reader_.read_byte();
        flat.min_fds = *reader_.read_uint32();
        flat.max_fds = *reader_.read_uint32();
        if (flat.type > static_cast<std::uint8_t>(bus::MessageType::Signal))
            return Unexpected{PolicyWireError::OutOfRange};
        if ((flat.flags & ~kAllowedFlags[kind]) != 0 || contradicts_itself(kind, flat))
            return Unexpected{PolicyWireError::Inconsistent};
        if (!read_texts(flat)) return Unexpected{PolicyWireError::Inconsistent};
        return flat;
    }

    static bool contradicts_itself(std::uint8_t kind, const FlatRule& flat) {
        const bool looks_at_messages = (kAllowedFlags[kind] & kRequestedReply) != 0;
        if (!looks_at_messages)
            return flat.type != 0 || flat.min_fds != 0 || flat.max_fds != kAnyFdCount;
        return flat.has(kBroadcast) && !flat.has(kBroadcastAsked);
    }

    /// As many as the flags announce, no more and no fewer.
    bool read_texts(FlatRule& flat) {
        const std::size_t end = *reader_.enter_array('s');
        for (std::size_t i = 0; i < flat.texts.size(); ++i) {
            if (!flat.has(1U << i)) continue;
            if (reader_.position() >= end) return false;
            flat.texts[i] = *reader_.read_string();
        }
        return reader_.position() == end;
    }

    bus::Result<Location, PolicyWireError> read_location() {
        const std::uint32_t file = *reader_.read_uint32();
        const std::uint32_t line = *reader_.read_uint32();
        const std::uint32_t column = *reader_.read_uint32();
        if (file >= policy_.files.names().size()) return Unexpected{PolicyWireError::NoSuchFile};
        return Location{FileId{file}, line, column};
    }

    WireReader reader_;
    ResolvedPolicy& policy_;
    std::size_t& rule_count_;
};

bool is_well_formed(const WireBody& body, std::string_view signature) {
    if (body.signature != signature) return false;
    return bus::check_body(signature, body.bytes, body.order).has_value();
}

}  // namespace

static_assert(kTexts == (1U << std::tuple_size_v<decltype(FlatRule::texts)>)-1);

std::string_view describe(PolicyWireError error) {
    switch (error) {
        case PolicyWireError::Malformed: return "not what its signature says";
        case PolicyWireError::OutOfRange: return "a value outside its range";
        case PolicyWireError::NoSuchFile: return "a place in a file that is not listed";
        case PolicyWireError::NoSuchBlock: return "a rule of no block";
        case PolicyWireError::Repeated: return "an entry that is there already";
        case PolicyWireError::Inconsistent: return "values that do not belong together";
        case PolicyWireError::UnknownLimit: return "an unknown limit";
        case PolicyWireError::TooMany: return "more entries than a configuration may have";
    }
    return "unknown error";
}

void write_policy_head(const ResolvedPolicy& policy, WireWriter& body) {
    const auto files = body.begin_array('a');
    for (const std::string& name : policy.files.names())
        write_bytes(name, body);
    body.end_array(files);
    write_ids(policy.users, body);
    write_ids(policy.groups, body);
    const auto blocks = body.begin_array('(');
    for (const PolicyBlock& block : policy.blocks) {
        body.align_struct();
        body.write_byte(static_cast<std::uint8_t>(block.context));
        body.write_string(block.subject);
        write_location(block.location, body);
    }
    body.end_array(blocks);
}

/// Goes on to the next block that has rules, unless there is one to write here.
void PolicyRulesWriter::find_rule() {
    while (block_ < policy_.blocks.size() && rule_ == policy_.blocks[block_].rules.size()) {
        ++block_;
        rule_ = 0;
    }
}

void PolicyRulesWriter::write(WireWriter& body, std::size_t bytes) {
    const auto array = body.begin_array('(');
    do {
        write_rule(block_, policy_.blocks[block_].rules[rule_], body);
        ++rule_;
        find_rule();
    } while (has_more() && body.size() < bytes);
    body.end_array(array);
}

void PolicyReader::forget() {
    policy_ = {};
    rule_count_ = 0;
}

Done PolicyReader::read_head(const WireBody& body) {
    forget();
    if (!is_well_formed(body, kPolicyHeadSignature)) return Unexpected{PolicyWireError::Malformed};
    auto done = BodyParser(body, policy_, rule_count_).head();
    if (!done) forget();
    return done;
}

Done PolicyReader::read_rules(const WireBody& body) {
    if (!is_well_formed(body, kPolicyRulesSignature)) {
        forget();
        return Unexpected{PolicyWireError::Malformed};
    }
    auto done = BodyParser(body, policy_, rule_count_).rules();
    if (!done) forget();
    return done;
}

ResolvedPolicy PolicyReader::take() {
    rule_count_ = 0;
    return std::exchange(policy_, {});
}

void write_limits(const Limits& limits, WireWriter& body) {
    const auto array = body.begin_array('{');
    for (const auto& [name, value] : listed(limits)) {
        body.align_struct();
        body.write_string(name);
        body.write_uint64(value);
    }
    body.end_array(array);
}

bus::Result<Limits, PolicyWireError> read_limits(WireReader& body) {
    Limits limits;
    const auto end = body.enter_array('{');
    while (end && body.position() < *end) {
        body.align(8);
        const auto name = body.read_string();
        const auto value = body.read_uint64();
        if (!name || !value) return Unexpected{PolicyWireError::Malformed};
        const auto set = set_limit(limits, *name, *value);
        if (set) continue;
        return Unexpected{set.error() == LimitError::UnknownName ? PolicyWireError::UnknownLimit
                                                                 : PolicyWireError::OutOfRange};
    }
    if (!end) return Unexpected{PolicyWireError::Malformed};
    return limits;
}

}  // namespace buzon::policy
