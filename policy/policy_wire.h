// SPDX-License-Identifier: Apache-2.0
// A resolved policy and limits to and from D-Bus wire format: from the process that reads files to
// the one that judges. A policy is one head and any number of parts with rules, so that neither
// the size of a message bounds it nor reading it takes long at once.
// Reading is as strict as with a stranger's bytes; nothing that was read is kept after an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "bus/base/result.h"
#include "bus/protocol.h"
#include "bus/wire_reader.h"
#include "bus/wire_writer.h"
#include "policy/limits.h"
#include "policy/resolved_policy.h"

namespace buzon::policy {

/// The names of the files, as bytes, because they need not be UTF-8; the ids of users and of
/// groups; of each block its context, subject and location (file, line, column).
inline constexpr std::string_view kPolicyHeadSignature = "aaya{su}a{su}a(ysuuu)";
/// Of each rule its block, kind, effect, location, flags, message type, least and most descriptors,
/// and the texts that the flags announce.
inline constexpr std::string_view kPolicyRulesSignature = "a(uyyuuuuyuuas)";
/// Name and number of each <limit>. What is missing keeps its default.
inline constexpr std::string_view kLimitsSignature = "a{st}";

enum class PolicyWireError : std::uint8_t {
    Malformed,     // not what the signature says
    OutOfRange,    // an enumerator, a flag or an id that does not exist
    NoSuchFile,    // a location outside the files
    NoSuchBlock,   // a rule without a block
    Repeated,      // a file, a name or a limit that was there already
    Inconsistent,  // a flag, text or subject that does not belong to its kind
    UnknownLimit,
    TooMany,  // more than a configuration may have
};

[[nodiscard]] std::string_view describe(PolicyWireError error);

/// A body as it came, with the signature that its header announced.
struct WireBody {
    std::string_view signature;
    std::span<const std::byte> bytes;
    bus::ByteOrder order = bus::ByteOrder::Little;
};

void write_policy_head(const ResolvedPolicy& policy, bus::WireWriter& body);

/// Cuts the rules of a policy into parts. The policy must outlive it.
class PolicyRulesWriter {
public:
    explicit PolicyRulesWriter(const ResolvedPolicy& policy) : policy_(policy) { find_rule(); }

    /// More is to be written.
    [[nodiscard]] bool has_more() const { return block_ < policy_.blocks.size(); }
    /// Writes the next rules, until `body` has `bytes`; at least one.
    void write(bus::WireWriter& body, std::size_t bytes);

private:
    void find_rule();

    const ResolvedPolicy& policy_;
    std::size_t block_ = 0;
    std::size_t rule_ = 0;
};

/// Puts a policy together again.
class PolicyReader {
public:
    /// Starts a new policy; what was read before is forgotten.
    bus::Result<void, PolicyWireError> read_head(const WireBody& body);
    bus::Result<void, PolicyWireError> read_rules(const WireBody& body);
    /// What was read so far.
    [[nodiscard]] ResolvedPolicy take();

private:
    void forget();

    ResolvedPolicy policy_;
    std::size_t rule_count_ = 0;
};

/// Where a larger body has limits in it, as one value of kLimitsSignature.
void write_limits(const Limits& limits, bus::WireWriter& body);
bus::Result<Limits, PolicyWireError> read_limits(bus::WireReader& body);

}  // namespace buzon::policy
