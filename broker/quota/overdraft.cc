// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/overdraft.h"

namespace buzon::broker {

bool may_overdraw(const Account& connection, const QuotaRefusal& refusal) {
    if (refusal.resource != Resource::Bytes || refusal.reason != Share::Reason::Share) return false;
    const Account& program = *connection.parent();
    if (program.held(Resource::Bytes) + refusal.amount > kLittleOnBus) return false;
    const Account& bus = *program.parent()->parent();
    const std::uint64_t capacity = bus.share(Resource::Bytes).pool().limits().capacity;
    return bus.held(Resource::Bytes) + refusal.amount <= capacity - capacity / 8;
}

}  // namespace buzon::broker
