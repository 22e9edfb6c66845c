// SPDX-License-Identifier: Apache-2.0
#include "broker/load_assembly.h"

#include <utility>

namespace buzon::broker {

namespace {

using Progress = bus::Result<std::optional<LoadOutcome>, ProtocolError>;

Progress after_part(const bus::Result<void, policy::PolicyWireError>& part) {
    if (!part) return bus::Unexpected{ProtocolError::Malformed};
    return std::optional<LoadOutcome>();
}

}  // namespace

Progress LoadAssembly::take(const bus::Message& message) {
    const policy::WireBody body = body_of(message);
    switch (message.header().type) {
        case bus::MessageType::Signal:
            if (message.header().member == kPolicyHeadMember)
                return after_part(reader_.read_head(body));
            if (message.header().member == kPolicyRulesMember)
                return after_part(reader_.read_rules(body));
            break;
        case bus::MessageType::Error:
            return std::optional(LoadOutcome(
                bus::Unexpected{LoadFailure(message.header().error_name, error_text(message))}));
        case bus::MessageType::MethodReturn: {
            auto loaded = read_loaded(body);
            if (!loaded) return bus::Unexpected{loaded.error()};
            return std::optional(
                LoadOutcome(LoadedConfiguration{reader_.take(), std::move(*loaded)}));
        }
        case bus::MessageType::MethodCall: break;
    }
    return bus::Unexpected{ProtocolError::Malformed};
}

std::string error_text(const bus::Message& message) {
    return read_text(body_of(message)).value_or("the launcher process does not say why");
}

}  // namespace buzon::broker
