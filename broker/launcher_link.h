// SPDX-License-Identifier: Apache-2.0
// Configurations for the running bus, from its launcher: asks for them, puts their parts together
// and hands them over, without ever waiting.
// Invariant: every load is answered, as LauncherKeeper answers every call.
#pragma once

#include <string>

#include "broker/launcher_keeper.h"
#include "broker/load_assembly.h"
#include "broker/reload.h"
#include "bus/base/log.h"
#include "bus/message_builder.h"

namespace buzon::broker {

class LauncherLink final : public SettingsSource, private LauncherCaller {
public:
    LauncherLink(LauncherKeeper& keeper, bus::Log& log) : keeper_(keeper), log_(log) {}

    void load(SettingsReceiver& receiver) override;

private:
    bool on_answer(const bus::Message& message) override;
    void on_lost(const std::string& reason) override;
    void finish_load(LoadOutcome outcome);

    LauncherKeeper& keeper_;
    bus::Log& log_;
    bus::MessageBuilder builder_;
    SettingsReceiver* receiver_ = nullptr;
    LoadAssembly assembly_;
};

}  // namespace buzon::broker
