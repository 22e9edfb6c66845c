// SPDX-License-Identifier: Apache-2.0
#include "bus/base/log.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

namespace buzon::bus {

namespace {

// Who may have a budget of their own.
constexpr std::size_t kMaxParties = 64;
constexpr std::string_view kOthers = "others";
constexpr std::uint32_t kOfOneProgram = 5;

bool is_counted(std::string_view party) {
    return !party.empty() && party != kOthers;
}

// A last guard against forged lines: texts that are ours may quote a file or a library's message.
void keep_on_one_line(std::string& text) {
    for (char& letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        if (byte < 0x20 || byte == 0x7f) letter = ' ';
    }
}

struct CodePoint {
    std::uint32_t value;
    std::size_t length;
};

/// The code point that `text` starts with; nothing where the bytes are not UTF-8.
std::optional<CodePoint> first_code_point(std::string_view text) {
    constexpr struct {
        std::uint32_t mask, lead, smallest;
        std::size_t length;
    } kForms[] = {{0x80, 0x00, 0x0, 1},
                  {0xe0, 0xc0, 0x80, 2},
                  {0xf0, 0xe0, 0x800, 3},
                  {0xf8, 0xf0, 0x10000, 4}};
    const auto byte = [text](std::size_t at) {
        return std::uint32_t{static_cast<unsigned char>(text[at])};
    };
    const auto* const form = std::ranges::find_if(kForms, [&](const auto& candidate) {
        return (byte(0) & candidate.mask) == candidate.lead;
    });
    if (form == std::end(kForms) || form->length > text.size()) return std::nullopt;

    std::uint32_t value = byte(0) & ~form->mask;
    for (std::size_t at = 1; at < form->length; ++at) {
        if ((byte(at) & 0xc0) != 0x80) return std::nullopt;
        value = value << 6 | (byte(at) & 0x3f);
    }
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < form->smallest || value > 0x10ffff || surrogate) return std::nullopt;
    return CodePoint{value, form->length};
}

// Control characters, and those that reorder or hide what stands around them on a terminal.
bool is_invisible(std::uint32_t code_point) {
    constexpr std::array<std::array<std::uint32_t, 2>, 7> kRanges = {{{0x0, 0x1f},
                                                                      {0x7f, 0x9f},
                                                                      {0xad, 0xad},
                                                                      {0x200b, 0x200f},
                                                                      {0x2028, 0x202e},
                                                                      {0x2060, 0x206f},
                                                                      {0xfeff, 0xfeff}}};
    return std::ranges::any_of(kRanges, [code_point](const auto& range) {
        return code_point >= range[0] && code_point <= range[1];
    });
}

enum class Quotes { Escape, Keep };

std::string printable_form(std::string_view text,
                           const std::optional<CodePoint>& code_point,
                           Quotes quotes) {
    if (!code_point) return fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    const bool quote = code_point->value == '"' || code_point->value == '\\';
    if (quote && quotes == Quotes::Escape) return fmt::format("\\{}", text[0]);
    if (!is_invisible(code_point->value)) return std::string(text.substr(0, code_point->length));
    if (code_point->value < 0x80) return fmt::format("\\x{:02x}", code_point->value);
    return fmt::format("\\u{{{:x}}}", code_point->value);
}

std::string escaped(std::string_view text, std::size_t max_bytes, Quotes quotes) {
    std::string result;
    while (!text.empty()) {
        const auto code_point = first_code_point(text);
        const std::string form = printable_form(text, code_point, quotes);
        if (result.size() + form.size() > max_bytes) return result + "...";
        result += form;
        text.remove_prefix(code_point ? code_point->length : 1);
    }
    return result;
}

}  // namespace

Log::Log(Output output, LogBudget budget, Clock clock)
    : output_(std::move(output)), budget_(budget), clock_(std::move(clock)) {}

void Log::write(LogLevel level, fmt::string_view format, fmt::format_args arguments) {
    emit(level, fmt::vformat(format, arguments));
}

void Log::write_limited(LogKind kind,
                        LogLevel level,
                        fmt::string_view format,
                        fmt::format_args arguments) {
    if (take(kind, level, budget_.burst, "")) write(level, format, arguments);
}

bool Log::admit(LogKind kind, LogLevel level, LogParty party) {
    const auto burst = party.pid ? std::max(budget_.burst / kOfOneProgram, 1U) : budget_.burst;
    return take(kind, level, burst, party_with_room(kind, party));
}

/// One record out of the budget. Reports what was suppressed before it.
bool Log::take(LogKind kind, LogLevel level, std::uint32_t burst, std::string party) {
    const auto [entry, is_new] = buckets_.try_emplace(BucketKey(kind.name, std::move(party)));
    Bucket& bucket = entry->second;
    if (is_new) {
        bucket = {level, burst, burst, clock_(), 0};
        if (is_counted(entry->first.second)) ++party_count_;
    }
    refill(bucket);
    if (bucket.tokens == 0) {
        ++bucket.suppressed;
        if (on_suppression_) on_suppression_();
        return false;
    }
    --bucket.tokens;
    report(entry->first, bucket);
    return true;
}

/// As it stands in a report, behind "of". All parties beyond the bound share one budget.
std::string Log::party_with_room(LogKind kind, LogParty party) {
    std::string name = party.uid ? fmt::format("uid {}", *party.uid) : "anonymous peers";
    if (party.pid) name += fmt::format(" pid {}", *party.pid);
    if (party_count_ < kMaxParties || buckets_.contains(BucketKey(kind.name, name))) return name;
    forget_idle_parties();
    return party_count_ < kMaxParties ? name : std::string(kOthers);
}

/// Those that have not written for long enough to have their whole budget again.
void Log::forget_idle_parties() {
    for (auto next = buckets_.begin(); next != buckets_.end();) {
        const auto entry = next++;
        if (!is_counted(entry->first.second)) continue;
        refill(entry->second);
        if (entry->second.tokens < entry->second.burst || entry->second.suppressed != 0) continue;
        buckets_.erase(entry);
        --party_count_;
    }
}

void Log::refill(Bucket& bucket) {
    const auto elapsed = clock_() - bucket.refilled_at;
    const auto earned = elapsed / budget_.refill;
    const auto missing = bucket.burst - bucket.tokens;
    if (earned >= missing) {
        bucket.tokens = bucket.burst;
        bucket.refilled_at += elapsed;
    } else {
        bucket.tokens += static_cast<std::uint32_t>(earned);
        bucket.refilled_at += earned * budget_.refill;
    }
}

void Log::report(const BucketKey& key, Bucket& bucket) {
    if (bucket.suppressed == 0) return;
    emit(bucket.level,
         fmt::format("{} records suppressed: {}{}{}", std::exchange(bucket.suppressed, 0),
                     key.first, key.second.empty() ? "" : " of ", key.second));
}

void Log::report_suppressed() {
    for (auto& [key, bucket] : buckets_)
        report(key, bucket);
}

void Log::emit(LogLevel level, std::string text) {
    text.insert(0, prefix_);
    keep_on_one_line(text);
    output_(level, text);
}

std::string printable(std::string_view text, std::size_t max_bytes) {
    return escaped(text, max_bytes, Quotes::Escape);
}

std::string on_one_line(std::string_view text, std::size_t max_bytes) {
    return escaped(text, max_bytes, Quotes::Keep);
}

}  // namespace buzon::bus
