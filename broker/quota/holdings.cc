// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/holdings.h"

#include <utility>

#include "broker/quota/overdraft.h"

namespace buzon::broker {

std::uint64_t Holdings::step_of(Resource resource) {
    return resource == Resource::PendingReplies ? kRepliesAtOnce : 1;
}

std::optional<QuotaRefusal> Holdings::cover(Resource resource, std::uint64_t count) {
    const std::uint64_t step = step_of(resource);
    const std::uint64_t wanted = (count + step - 1) / step * step;
    const std::uint64_t charged = this->charged(resource);
    const bool is_replies = resource == Resource::PendingReplies;
    if (wanted > charged) {
        if (const auto refused = grow_or_overdraw(resource, wanted - charged)) return refused;
        if (!is_replies) return std::nullopt;
        const auto refused = grow_or_overdraw(Resource::Bytes, (wanted - charged) * kBytesPerError);
        if (refused) shrink(resource, wanted - charged);
        return refused;
    }
    if (charged - wanted >= 2 * step || (step == 1 && charged > wanted)) {
        shrink(resource, charged - wanted);
        if (is_replies) shrink(Resource::Bytes, (charged - wanted) * kBytesPerError);
    }
    return std::nullopt;
}

std::optional<QuotaRefusal> Holdings::grow_or_overdraw(Resource resource, std::uint64_t amount) {
    const auto refused = grow(resource, amount);
    if (!refused) return std::nullopt;
    const auto overdrawn = overdraft_for_call(payer_->account(), *refused);
    if (!overdrawn) return refused;
    force(resource, amount, *overdrawn);
    return std::nullopt;
}

std::optional<QuotaRefusal> Holdings::grow(Resource resource, std::uint64_t amount) {
    Charge& charge = charges_[static_cast<std::size_t>(resource)];
    if (charge.payer()) return charge.grow(amount);
    auto taken = Charge::take(payer_, resource, amount);
    if (!taken) return taken.error();
    charge = std::move(*taken);
    return std::nullopt;
}

void Holdings::force(Resource resource, std::uint64_t amount, Overdrawn overdrawn) {
    Charge& charge = charges_[static_cast<std::size_t>(resource)];
    auto taken = Charge::force(payer_, resource, amount, overdrawn);
    if (!charge.payer() || !charge.absorb(taken)) charge = std::move(taken);
}

void Holdings::shrink(Resource resource, std::uint64_t amount) {
    charges_[static_cast<std::size_t>(resource)].shrink(amount);
}

}  // namespace buzon::broker
