// SPDX-License-Identifier: Apache-2.0
#include "broker/denial_log.h"

#include <utility>

namespace buzon::broker {

DenialLog::DenialLog(bus::EventLoop& loop, bus::Log& log)
    : loop_(loop), log_(log), timer_(loop, [this] { write_ready(); }) {}

DenialLog::~DenialLog() {
    if (source_) source_->set_listener(nullptr);
    while (!waiting_.empty())
        write_first();
}

void DenialLog::set_source(ProcessNameSource& source) {
    source_ = &source;
    source.set_listener(this);
}

void DenialLog::expect(const bus::Ref<ProcessName>& name) {
    if (!name || name->state != ProcessName::State::NotAsked) return;
    if (!source_ || !source_->has_room()) return;
    name->state = ProcessName::State::Asked;
    source_->look_up(name);
}

void DenialLog::write(bus::LogLevel level, LogText text) {
    if (waiting_.size() == kMostWaiting) write_first();
    waiting_.push_back({level, std::move(text), loop_.now() + kPatience});
    waiting_.back().text.look_up(source_);
    write_ready();
}

void DenialLog::write_ready() {
    while (!waiting_.empty() &&
           (waiting_.front().text.is_settled() || waiting_.front().deadline <= loop_.now()))
        write_first();
    timer_.disarm();
    if (!waiting_.empty()) timer_.arm(waiting_.front().deadline);
}

void DenialLog::write_first() {
    const Line line = std::move(waiting_.front());
    waiting_.pop_front();
    log_.write_admitted(line.level, line.text.whole());
}

}  // namespace buzon::broker
