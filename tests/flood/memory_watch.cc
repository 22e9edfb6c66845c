// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/memory_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace buzon::flood {
namespace {

constexpr std::size_t kKiB = 1024;

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::size_t> field(std::string_view text, std::string_view name) {
    const auto at = text.find(name);
    if (at == text.npos) return std::nullopt;
    const auto digits = text.find_first_of("0123456789", at);
    if (digits == text.npos) return std::nullopt;
    std::size_t kib = 0;
    const auto rest = text.substr(digits);
    std::from_chars(rest.data(), rest.data() + rest.size(), kib);
    return kib * kKiB;
}

std::optional<MemoryUse> memory_of(pid_t process) {
    return parse_status(text_of(fmt::format("/proc/{}/status", process)));
}

/// Lets the kernel count the peak from now on. Not allowed for a process of others: then it counts
/// from the start of a bus that is as fresh as the watch.
void forget_peak(pid_t process) {
    std::ofstream(fmt::format("/proc/{}/clear_refs", process)) << 5;
}

}  // namespace

std::optional<MemoryUse> parse_status(std::string_view text) {
    const auto now = field(text, "\nVmRSS:");
    const auto peak = field(text, "\nVmHWM:");
    if (!now || !peak) return std::nullopt;
    return MemoryUse{.now = *now, .peak = *peak};
}

MemoryWatch::MemoryWatch(pid_t bus) : processes_{bus} {
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", bus));
    processes_.insert(processes_.end(), std::istream_iterator<pid_t>(children), {});
    for (const auto each : processes_)
        forget_peak(each);
    before_ = sample().value_or(0);
    peak_ = before_;
}

std::size_t MemoryWatch::descriptors() const {
    std::error_code gone;
    const std::filesystem::directory_iterator all(fmt::format("/proc/{}/fd", processes_.front()),
                                                  gone);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::optional<std::size_t> MemoryWatch::sample() {
    std::size_t now = 0;
    std::size_t peak = 0;
    for (const auto each : processes_) {
        const auto use = memory_of(each);
        if (!use && each == processes_.front()) return std::nullopt;
        if (!use) continue;
        now += use->now;
        // The children do nothing meanwhile; the sum of all peaks would be of different times.
        peak += each == processes_.front() ? use->peak : use->now;
    }
    now_ = now;
    peak_ = std::max(peak_, peak);
    return now;
}

}  // namespace buzon::flood
