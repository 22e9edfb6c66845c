// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/process_figures.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <ctime>

#include "broker/launcher/process_names.h"
#include "broker/privileges.h"

namespace buzon::broker {

namespace {

using Type = OpenMetricsWriter::Type;

double seconds(const timespec& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double read_clock(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return seconds(time);
}

/// The kernel tells in ticks since the machine has started; this is since 1970.
std::optional<double> read_start_time() {
    const bus::FileDescriptor file(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
    std::array<char, 1024> text{};
    const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
    if (size <= 0) return std::nullopt;
    const auto stat = parse_process_stat({text.data(), static_cast<std::size_t>(size)});
    if (!stat) return std::nullopt;
    const double since_boot =
        static_cast<double>(stat->started) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_BOOTTIME) + since_boot;
}

}  // namespace

std::optional<MemoryPages> parse_memory_pages(std::string_view text) {
    MemoryPages pages;
    const char* const end = text.data() + text.size();
    const auto all = std::from_chars(text.data(), end, pages.all);
    if (all.ec != std::errc() || all.ptr == end || *all.ptr != ' ') return std::nullopt;
    const auto resident = std::from_chars(all.ptr + 1, end, pages.resident);
    if (resident.ec != std::errc()) return std::nullopt;
    return pages;
}

ProcessFigures::ProcessFigures()
    : memory_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      descriptors_(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC)),
      started_at_(read_start_time()) {}

void ProcessFigures::write(OpenMetricsWriter& out) const {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    out.write({"process_cpu_seconds", Type::Counter, "Time on a CPU, user and system.", "seconds"},
              seconds(usage.ru_utime) + seconds(usage.ru_stime));
    write_memory(out);
    write_descriptors(out);
    if (started_at_) {
        out.write({"process_start_time_seconds", Type::Gauge, "Start of the process, since 1970.",
                   "seconds"},
                  *started_at_);
    }
}

void ProcessFigures::write_memory(OpenMetricsWriter& out) const {
    std::array<char, 128> text{};
    const ssize_t size = memory_ ? ::pread(memory_.get(), text.data(), text.size(), 0) : -1;
    if (size <= 0) return;
    const auto pages = parse_memory_pages({text.data(), static_cast<std::size_t>(size)});
    if (!pages) return;
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    out.write({"process_virtual_memory_bytes", Type::Gauge, "Size of the address space.", "bytes"},
              pages->all * page_bytes);
    out.write(
        {"process_resident_memory_bytes", Type::Gauge, "Memory that is not swapped out.", "bytes"},
        pages->resident * page_bytes);
}

void ProcessFigures::write_descriptors(OpenMetricsWriter& out) const {
    struct stat directory {};
    const bool is_told = descriptors_ && ::fstat(descriptors_.get(), &directory) == 0;
    if (is_told && directory.st_size > 0) {
        out.write({"process_open_fds", Type::Gauge, "File descriptors in use."},
                  static_cast<std::uint64_t>(directory.st_size));
    }
    out.write({"process_max_fds", Type::Gauge, "File descriptors that it may have."},
              descriptor_limit());
}

}  // namespace buzon::broker
