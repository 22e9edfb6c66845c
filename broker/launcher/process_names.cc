// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/process_names.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace buzon::broker {

namespace {

// Of proc(5): behind the name, which is the second.
constexpr int kStartTimeField = 22;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

/// Whether its number cannot have been given to another one.
bool is_unreaped(const bus::FileDescriptor& descriptor) {
    return ::syscall(SYS_pidfd_send_signal, descriptor.get(), 0, nullptr, 0) == 0 || errno == EPERM;
}

std::optional<ProcessStat> read_process_stat(std::uint32_t pid) {
    const bus::FileDescriptor file(
        ::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    std::array<char, 1024> text{};
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size <= 0) return std::nullopt;
    return parse_process_stat({text.data(), static_cast<std::size_t>(size)});
}

bool started_before(const ProcessStat& stat, std::uint64_t time) {
    const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    return stat.started / ticks_per_second <= time / kNanosecondsPerSecond &&
           stat.started * (kNanosecondsPerSecond / ticks_per_second) <= time;
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
    // The name may hold blanks and brackets.
    const auto begin = text.find('(');
    const auto end = text.rfind(')');
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
        return std::nullopt;
    ProcessStat stat{std::string(text.substr(begin + 1, end - begin - 1)), 0};
    std::string_view rest = text.substr(end + 1);
    for (int field = 2; field < kStartTimeField; ++field) {
        const auto blank = rest.find(' ');
        if (blank == std::string_view::npos) return std::nullopt;
        rest.remove_prefix(blank + 1);
    }
    const char* const last = rest.data() + rest.size();
    const auto [stopped, error] = std::from_chars(rest.data(), last, stat.started);
    if (error != std::errc() || (stopped != last && *stopped != ' ' && *stopped != '\n'))
        return std::nullopt;
    return stat;
}

std::string name_of_process(const ProcessFacts& process, const bus::FileDescriptor& descriptor) {
    auto stat = read_process_stat(process.pid);
    if (!stat) return {};
    const bool is_the_same =
        descriptor ? is_unreaped(descriptor) : started_before(*stat, process.connected_at);
    return is_the_same ? std::move(stat->name) : std::string();
}

}  // namespace buzon::broker
