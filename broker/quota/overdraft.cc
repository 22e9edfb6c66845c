// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/overdraft.h"

#include <algorithm>

namespace buzon::broker {

namespace {

const SharePool& pool_of(const Account& bus, Resource resource) {
    return bus.share(resource).pool();
}

bool is_room_for_overdraft(const Account& bus, Resource resource, std::uint64_t amount) {
    const std::uint64_t capacity = pool_of(bus, resource).limits().capacity;
    return bus.held(resource) + amount <= capacity - capacity / 8;
}

struct Allowance {
    std::uint64_t little = 0;        // 0: of this nothing is ever overdrawn
    std::uint64_t fund_divisor = 1;  // of the capacity
};

Allowance allowance_of(Resource resource) {
    switch (resource) {
        case Resource::Bytes: return {.little = kLittleOnBus, .fund_divisor = 32};
        case Resource::PendingReplies: return {.little = kFewReplies, .fund_divisor = 8};
        default: return {};
    }
}

std::uint64_t left_of_fund(const SharePool& pool, const Allowance& allowance) {
    const std::uint64_t fund = pool.limits().capacity / allowance.fund_divisor;
    return fund - std::min(fund, pool.overdrawn());
}

const Account& bus_of(const Account& connection) {
    return *connection.parent()->parent()->parent();
}

/// If the program holds no more than `most` with it.
bool may_overdraw_up_to(std::uint64_t most,
                        const Account& connection,
                        const QuotaRefusal& refusal) {
    if (most == 0 || refusal.reason != Share::Reason::Share) return false;
    if (connection.parent()->held(refusal.resource) + refusal.amount > most) return false;
    return is_room_for_overdraft(bus_of(connection), refusal.resource, refusal.amount);
}

}  // namespace

bool is_room_for_overdraft(const Account& bus, std::uint64_t bytes) {
    return is_room_for_overdraft(bus, Resource::Bytes, bytes);
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
    return may_overdraw_up_to(allowance_of(refusal.resource).little, connection, refusal);
}

bool may_overdraw_for_call(const Account& connection, const QuotaRefusal& refusal) {
    const Allowance allowance = allowance_of(refusal.resource);
    if (allowance.little == 0) return false;
    const SharePool& pool = pool_of(bus_of(connection), refusal.resource);
    const std::uint64_t most = std::max(allowance.little, left_of_fund(pool, allowance));
    return may_overdraw_up_to(most, connection, refusal);
}

}  // namespace buzon::broker
