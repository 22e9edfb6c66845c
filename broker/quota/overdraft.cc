// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/overdraft.h"

namespace buzon::broker {

bool is_room_for_overdraft(const Account& bus, std::uint64_t bytes) {
    const std::uint64_t capacity = bus.share(Resource::Bytes).pool().limits().capacity;
    return bus.held(Resource::Bytes) + bytes <= capacity - capacity / 8;
}

bool may_overdraw_descriptors(const Account& connection, std::uint64_t added) {
    const Share* root = &connection.share(Resource::Descriptors);
    while (root->parent())
        root = root->parent();
    const std::uint64_t capacity = root->pool().limits().capacity;
    const bool is_first = connection.parent()->held(Resource::Descriptors) == 0;
    return root->held() + added <= capacity - capacity / (is_first ? 4 : 2);
}

bool may_overdraw(const Account& connection, const QuotaRefusal& refusal) {
    if (refusal.resource != Resource::Bytes || refusal.reason != Share::Reason::Share) return false;
    const Account& program = *connection.parent();
    if (program.held(Resource::Bytes) + refusal.amount > kLittleOnBus) return false;
    return is_room_for_overdraft(*program.parent()->parent(), refusal.amount);
}

}  // namespace buzon::broker
