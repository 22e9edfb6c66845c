// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/resource.h"

#include <fmt/format.h>

#include <array>

namespace buzon::broker {
namespace {

constexpr std::array<std::string_view, kResourceCount> kResourceNames = {
    "bytes",           "descriptors", "match rules",   "names",
    "pending replies", "activations", "waiting calls", "connections"};
constexpr std::array<std::string_view, kLevelCount> kLevelNames = {"bus", "user", "principal",
                                                                   "connection"};

}  // namespace

std::string_view name_of(Resource resource) {
    return kResourceNames[static_cast<std::size_t>(resource)];
}

std::string_view name_of(Level level) {
    return kLevelNames[static_cast<std::size_t>(level)];
}

QuotaRefusal refusal_of(Resource resource,
                        Level level,
                        const Share::Refused& refused,
                        std::uint64_t amount) {
    const Share& share = *refused.at;
    const bool is_capped = refused.reason == Share::Reason::Cap;
    return {.resource = resource,
            .level = level,
            .reason = refused.reason,
            .amount = amount,
            .held = share.held(),
            .limit = is_capped ? share.cap() : share.pool().limits().capacity,
            .sharers = share.parent() ? share.parent()->sharers() : 1};
}

std::string describe(const QuotaRefusal& refusal) {
    const bool in_port = refusal.pool == QuotaRefusal::Pool::Port;
    auto text =
        fmt::format("{} more {}: the {} holds {} of {}", refusal.amount, name_of(refusal.resource),
                    in_port && refusal.level == Level::Bus ? "queue" : name_of(refusal.level),
                    refusal.held, refusal.limit);
    if (refusal.reason == Share::Reason::Share && refusal.sharers > 1)
        text += fmt::format(" that {} share", refusal.sharers);
    if (in_port && refusal.level != Level::Bus) text += " in the queue of the receiver";
    return text;
}

}  // namespace buzon::broker
