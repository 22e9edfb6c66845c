// SPDX-License-Identifier: Apache-2.0
// The messages that answer one Load, put together: the parts of the policy, then the rest, or an
// error at any time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/launcher_protocol.h"
#include "broker/reload.h"
#include "bus/base/result.h"
#include "bus/message.h"
#include "policy/policy_wire.h"

namespace buzon::broker {

/// Errors: why the configuration could not be loaded, as the launcher words it.
using LoadOutcome = bus::Result<LoadedConfiguration, LoadFailure>;

class LoadAssembly {
public:
    /// Takes the next message that answers the call. Nothing: more will come.
    /// Errors: the launcher does not keep to the protocol.
    bus::Result<std::optional<LoadOutcome>, ProtocolError> take(const bus::Message& message);

private:
    policy::PolicyReader reader_;
};

/// The text of an error of the launcher.
[[nodiscard]] std::string error_text(const bus::Message& message);

}  // namespace buzon::broker
