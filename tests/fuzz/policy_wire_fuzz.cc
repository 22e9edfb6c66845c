// SPDX-License-Identifier: Apache-2.0
// Input: byte order, length of the head (two bytes, little-endian), the head of a policy, and
// behind it its rules. What is read, written and read again is the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "policy/policy_set.h"
#include "policy/policy_wire.h"

using namespace buzon::policy;
using buzon::bus::ByteOrder;
using buzon::bus::WireWriter;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::string text_of(const ResolvedPolicy& policy) {
    std::string text;
    for (const PolicyBlock& block : policy.blocks) {
        text += block.subject + policy.files.describe(block.location) + "\n";
        for (const Rule& rule : block.rules)
            text += to_text(rule) + policy.files.describe(rule.location) + "\n";
    }
    return text;
}

/// Aligned as bodies of messages are.
std::vector<std::byte> copy_of(std::span<const std::uint8_t> bytes) {
    const auto view = std::as_bytes(bytes);
    return {view.begin(), view.end()};
}

ResolvedPolicy read_again(const ResolvedPolicy& policy) {
    PolicyReader reader;
    WireWriter head;
    write_policy_head(policy, head);
    require(reader.read_head({kPolicyHeadSignature, head.bytes()}).has_value());
    for (PolicyRulesWriter writer(policy); writer.has_more();) {
        WireWriter rules;
        writer.write(rules, 256);
        require(reader.read_rules({kPolicyRulesSignature, rules.bytes()}).has_value());
    }
    return reader.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const auto order = (data[0] & 1) != 0 ? ByteOrder::Big : ByteOrder::Little;
    const std::size_t head_bytes = std::size_t{data[1]} + 256 * std::size_t{data[2]};
    const std::span rest(data + 3, size - 3);
    if (head_bytes > rest.size()) return 0;
    const auto head = copy_of(rest.first(head_bytes));
    const auto rules = copy_of(rest.subspan(head_bytes));

    PolicyReader reader;
    if (!reader.read_head({kPolicyHeadSignature, head, order})) return 0;
    if (!reader.read_rules({kPolicyRulesSignature, rules, order})) return 0;
    const ResolvedPolicy policy = reader.take();
    require(text_of(policy) == text_of(read_again(policy)));

    const auto set = PolicySet::create(policy);
    (void)set->may_connect({.uid = 1000}, 0);
    (void)set->snapshot_for({.uid = 1000})->may_own("org.example.Name");
    return 0;
}
