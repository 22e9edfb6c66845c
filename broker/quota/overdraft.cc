// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/overdraft.h"

#include <algorithm>

namespace buzon::broker {

namespace {

bool is_room_for_overdraft(const Account& bus, Resource resource, std::uint64_t amount) {
    const std::uint64_t capacity = bus.share(resource).pool().limits().capacity;
    return bus.held(resource) + amount <= capacity - capacity / 8;
}

struct Allowance {
    std::uint64_t little = 0;        // of one program, whatever the others have
    std::uint64_t fund_divisor = 0;  // of the capacity; 0: this is never overdrawn for calls
};

Allowance allowance_of(Resource resource) {
    switch (resource) {
        case Resource::Bytes: return {.little = kLittleOnBus, .fund_divisor = 16};
        case Resource::PendingReplies: return {.little = 0, .fund_divisor = 4};
        default: return {};
    }
}

/// What the programs of `user` have left of their part.
std::uint64_t left_of_fund(const Share& user, std::uint64_t fund) {
    const std::uint64_t own = user.drawn_from_fund();
    const std::uint64_t others = user.pool().drawn_from_fund() - own;
    const std::uint64_t part = (fund - std::min(fund, others)) / 2;
    return part - std::min(part, own);
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

std::optional<Overdrawn> overdraft_for_call(const Account& connection,
                                            const QuotaRefusal& refusal) {
    if (may_overdraw(connection, refusal)) return Overdrawn::Otherwise;
    const Allowance allowance = allowance_of(refusal.resource);
    if (allowance.fund_divisor == 0) return std::nullopt;
    const Share& user = connection.parent()->parent()->share(refusal.resource);
    const std::uint64_t fund = user.pool().limits().capacity / allowance.fund_divisor;
    if (!may_overdraw_up_to(left_of_fund(user, fund), connection, refusal)) return std::nullopt;
    return Overdrawn::FromFund;
}

}  // namespace buzon::broker
