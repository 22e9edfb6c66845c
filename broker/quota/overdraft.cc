// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/overdraft.h"

namespace buzon::broker {

bool is_room_for_overdraft(const Account& bus, std::uint64_t bytes) {
    const std::uint64_t capacity = bus.share(Resource::Bytes).pool().limits().capacity;
    return bus.held(Resource::Bytes) + bytes <= capacity - capacity / 8;
}

bool may_overdraw(const Account& connection, const QuotaRefusal& refusal) {
    if (refusal.resource != Resource::Bytes || refusal.reason != Share::Reason::Share) return false;
    const Account& program = *connection.parent();
    if (program.held(Resource::Bytes) + refusal.amount > kLittleOnBus) return false;
    return is_room_for_overdraft(*program.parent()->parent(), refusal.amount);
}

}  // namespace buzon::broker
