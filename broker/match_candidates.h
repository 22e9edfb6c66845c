// SPDX-License-Identifier: Apache-2.0
// What one message offers to match rules: for every kind of condition the values, out of those
// that rules compare with, for which the condition holds. Each kind is computed when it is first
// asked for, once per message, into memory that is used again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/match_rule.h"
#include "broker/match_subject.h"
#include "broker/match_values.h"
#include "bus/base/hash.h"
#include "bus/base/slab_map.h"

namespace buzon::broker {

/// One kind of condition. Numbers grow in the order in which the index asks the conditions.
using MatchSelector = std::uint8_t;
namespace match_selector {
inline constexpr MatchSelector kInterface = 0;
inline constexpr MatchSelector kMember = 1;
inline constexpr MatchSelector kPath = 2;
inline constexpr MatchSelector kPathNamespace = 3;
inline constexpr MatchSelector kSender = 4;
inline constexpr MatchSelector kArgument0Namespace = 5;
inline constexpr MatchSelector kFirstArgument = 6;
inline constexpr MatchSelector kDestination = kFirstArgument + 2 * kMaxMatchArguments;
inline constexpr MatchSelector kCount = kDestination + 1;

[[nodiscard]] constexpr MatchSelector argument_equal(unsigned index) {
    return static_cast<MatchSelector>(kFirstArgument + 2 * index);
}
[[nodiscard]] constexpr MatchSelector argument_path(unsigned index) {
    return static_cast<MatchSelector>(kFirstArgument + 2 * index + 1);
}
[[nodiscard]] constexpr bool is_argument(MatchSelector selector) {
    return selector >= kFirstArgument && selector < kDestination;
}
/// For is_argument() only, like the next.
[[nodiscard]] constexpr unsigned argument_index(MatchSelector selector) {
    return (selector - kFirstArgument) / 2U;
}
[[nodiscard]] constexpr bool is_argument_path(MatchSelector selector) {
    return is_argument(selector) && (selector - kFirstArgument) % 2 == 1;
}
}  // namespace match_selector

/// The names that rules have as sender or destination, each with a number of the caller's.
using NameMentions = bus::SlabMap<MatchValues::Id, std::uint32_t, bus::IdHash>;

class MatchCandidates {
public:
    /// Positions for at(); valid until the next start().
    struct Range {
        std::size_t begin = 0;
        std::size_t end = 0;
    };

    MatchCandidates(const MatchValues& values, const NameMentions& well_known_mentions)
        : values_(values), mentions_(well_known_mentions) {}

    /// Rules compare with texts of this size, or do so no longer. What has another size is not
    /// even hashed.
    void add_size(MatchSelector selector, std::size_t size) { ++count_for(selector, size); }
    void remove_size(MatchSelector selector, std::size_t size) { --count_for(selector, size); }

    /// `subject` must stay until the next start().
    void start(const MatchSubject& subject);
    [[nodiscard]] Range of(MatchSelector selector);
    [[nodiscard]] MatchValues::Id at(std::size_t position) const { return found_[position]; }
    /// Texts looked up in rules, or names in texts, so far.
    [[nodiscard]] std::uint64_t look_ups() const { return look_ups_; }
    /// The argument as `argNpath` sees it, where it ends in a slash; else empty. Rules with
    /// longer paths below it match too, and only the index knows those.
    [[nodiscard]] std::string_view open_ended_path(unsigned index);

private:
    /// Kinds of conditions that share the counts of sizes.
    enum class Family : std::uint8_t {
        Interface,
        Member,
        Path,
        PathNamespace,
        Name,
        NameNamespace,
        Argument,
        ArgumentPath,
    };
    static constexpr std::size_t kFamilies = 8;
    using SizeCounts = std::array<std::uint32_t, kMaxMatchRuleBytes + 1>;
    /// Whether a prefix keeps the byte that ends it.
    enum class Boundary : std::uint8_t { Excluded, Included };
    struct Slot {
        std::uint64_t computed_in = 0;
        Range range;
    };
    struct ArgumentSlot {
        std::uint64_t computed_in = 0;
        std::optional<TextArgument> argument;
    };

    void compute(MatchSelector selector);
    void compute_argument(MatchSelector selector);
    void add_field(Family family, std::string_view text);
    void add_text(Family family, std::string_view text);
    void add_prefixes(Family family, std::string_view text, char boundary, Boundary kind);
    void add_names(std::string_view unique_name, const OwnedNames* names);
    static Family family_of(MatchSelector selector);
    std::uint32_t& count_for(MatchSelector selector, std::size_t size);
    [[nodiscard]] bool has_size(Family family, std::size_t size) const;
    const std::optional<TextArgument>& argument(unsigned index);

    const MatchValues& values_;
    const NameMentions& mentions_;
    const MatchSubject* subject_ = nullptr;
    std::uint64_t turn_ = 0;
    std::uint64_t look_ups_ = 0;
    std::array<Slot, match_selector::kCount> slots_;
    std::array<ArgumentSlot, kMaxMatchArguments> arguments_;
    std::vector<MatchValues::Id> found_;
    std::array<SizeCounts, kFamilies> sizes_{};
};

}  // namespace buzon::broker
