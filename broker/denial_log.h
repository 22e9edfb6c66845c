// SPDX-License-Identifier: Apache-2.0
// The log's lines about what policy denies, with the names of the programs that took part. Lines
// wait for those names, but not long, and stay in their order.
// Bounds: each user has a budget of lines, out of which those that wait are paid; so many may wait
// in all.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "broker/log_text.h"
#include "broker/process_name.h"
#include "bus/base/event_loop.h"
#include "bus/base/log.h"

namespace buzon::broker {

class DenialLog final : private ProcessNameListener {
public:
    static constexpr std::size_t kMostWaiting = 256;
    /// How long a line waits for names.
    static constexpr std::chrono::milliseconds kPatience{250};

    DenialLog(bus::EventLoop& loop, bus::Log& log);
    DenialLog(const DenialLog&) = delete;
    DenialLog& operator=(const DenialLog&) = delete;
    DenialLog(DenialLog&&) = delete;
    DenialLog& operator=(DenialLog&&) = delete;
    /// Writes what waits, as it is.
    ~DenialLog();

    /// Who finds out names; outlives this. Without one no name is known.
    void set_source(ProcessNameSource& source);
    /// Has a name found out before a line needs it: who is denied something may be gone by then.
    void expect(const bus::Ref<ProcessName>& name);
    /// False: the budget of `party` is spent; nothing is to be written.
    [[nodiscard]] bool admit(bus::LogKind kind, bus::LogLevel level, bus::LogParty party) {
        return log_.admit(kind, level, party);
    }
    /// Writes a line that was admitted.
    void write(bus::LogLevel level, LogText text);

private:
    struct Line {
        bus::LogLevel level;
        LogText text;
        bus::TimePoint deadline;
    };

    void on_process_names() override { write_ready(); }
    void write_ready();
    void write_first();

    bus::EventLoop& loop_;
    bus::Log& log_;
    ProcessNameSource* source_ = nullptr;
    std::deque<Line> waiting_;
    bus::Timer timer_;
};

}  // namespace buzon::broker
