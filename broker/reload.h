// SPDX-License-Identifier: Apache-2.0
// A new configuration in, or the old one kept: requests by signal and by ReloadConfig, and what
// becomes of them. The bus goes on while the configuration is read elsewhere and while its policy
// is compiled here, some rules a turn.
// Invariant: whoever asks gets an answer about files that were read after he asked, so those who
// ask during a load share the next one. One load at a time, and only for root, the bus owner and
// signals right behind another; each peer has few calls waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/bus_state.h"
#include "broker/delivery.h"
#include "broker/judge.h"
#include "broker/peer_id.h"
#include "bus/base/event_loop.h"
#include "bus/base/result.h"
#include "bus/protocol.h"
#include "policy/limits.h"
#include "policy/policy_compilation.h"
#include "policy/resolved_policy.h"

namespace buzon::broker {

/// What is wrong, for the log and for whoever asked; with file and line where it is in a file.
struct LoadFailure {
    LoadFailure(std::string what) : text(std::move(what)) {}
    LoadFailure(std::string_view name, std::string what)
        : error_name(name), text(std::move(what)) {}

    std::string error_name{bus::error_name::kFailed};
    std::string text;
};

/// What was read, before its policy is compiled.
struct ReadSettings {
    policy::Limits limits;
    policy::ResolvedPolicy policy;
    policy::LimitOverrides overrides{};
};

class SettingsReceiver {
public:
    virtual void on_settings(bus::Result<ReadSettings, LoadFailure> loaded) = 0;

protected:
    ~SettingsReceiver() = default;
};

/// Where settings come from.
class SettingsSource {
public:
    /// Reads the configuration and tells `receiver`, at once or later, but once and certainly. Not
    /// to be called before the last call has been answered.
    virtual void load(SettingsReceiver& receiver) = 0;

protected:
    ~SettingsSource() = default;
};

/// What a reload does to the bus.
class ReloadHost {
public:
    virtual void apply(Settings settings) = 0;
    /// After every attempt, before those who asked for it are answered.
    virtual void on_reload_attempt() = 0;
    /// Nobody waits for a reload any more.
    virtual void on_reloads_done() = 0;

protected:
    ~ReloadHost() = default;
};

class Reload final : public SettingsReceiver, private bus::LoopTask {
public:
    /// Between the end of a load and the next one that only others ask for.
    static constexpr std::chrono::milliseconds kInterval{1000};

    Reload(BusState& state, Delivery& delivery, SettingsSource& source, ReloadHost& host);

    /// For SIGHUP: the log says what came of it.
    void request();
    /// For a call, which is answered when the configuration has been read.
    /// Errors: LimitsExceeded where too many wait already, of this caller or of all.
    bus::Result<void, ErrorReply> request(const Peer& caller, std::uint32_t serial);

    void on_settings(bus::Result<ReadSettings, LoadFailure> loaded) override;

private:
    enum class Urgency : std::uint8_t { AtOnce, InTime };
    struct Call {
        PeerId caller;
        std::uint32_t serial;
    };

    /// What waits to be compiled.
    struct Compilation {
        policy::Limits limits;
        policy::LimitOverrides overrides;
        policy::PolicyCompilation policy;
    };

    void run_task() override;
    void finish(const bus::Result<void, LoadFailure>& outcome);
    void want(Urgency urgency);
    void start();
    [[nodiscard]] bool has_room_for(const Peer& caller, Urgency urgency) const;
    void answer(const Call& call, const bus::Result<void, LoadFailure>& outcome);

    BusState& state_;
    Delivery& delivery_;
    SettingsSource& source_;
    ReloadHost& host_;
    bus::Timer next_load_;
    std::optional<bus::TimePoint> last_load_;
    std::optional<Urgency> wanted_;
    bool loading_ = false;
    std::optional<Compilation> compilation_;
    std::vector<Call> answered_by_this_;
    std::vector<Call> answered_by_next_;
};

}  // namespace buzon::broker
