// SPDX-License-Identifier: Apache-2.0
// The names of processes for the log, from the launcher, which reads /proc: several with one call,
// one call at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "broker/launcher_keeper.h"
#include "broker/process_name.h"
#include "bus/message_builder.h"

namespace buzon::broker {

class LauncherNames final : public ProcessNameSource, private LauncherCaller {
public:
    /// Names in one call, and names that wait for theirs; what is over that stays unknown.
    static constexpr std::size_t kMostAtOnce = 32;
    static constexpr std::size_t kMostWaiting = 512;

    explicit LauncherNames(LauncherKeeper& keeper) : keeper_(keeper) {}

    void look_up(const bus::Ref<ProcessName>& name) override;
    [[nodiscard]] bool has_room() const override { return waiting_.size() < kMostWaiting / 2; }
    void set_listener(ProcessNameListener* listener) override { listener_ = listener; }

private:
    bool on_answer(const bus::Message& message) override;
    void on_lost(const std::string& reason) override;
    void ask_next();
    void settle(const std::vector<std::string>& names);

    LauncherKeeper& keeper_;
    ProcessNameListener* listener_ = nullptr;
    bus::MessageBuilder builder_;
    std::deque<bus::Ref<ProcessName>> waiting_;
    std::vector<bus::Ref<ProcessName>> asked_;
};

}  // namespace buzon::broker
