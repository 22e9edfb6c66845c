// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/holdings.h"

#include <utility>

namespace buzon::broker {

std::uint64_t Holdings::step_of(Resource resource) {
    return resource == Resource::PendingReplies ? kRepliesAtOnce : 1;
}

std::optional<QuotaRefusal> Holdings::cover(Resource resource, std::uint64_t count) {
    Charge& charge = charges_[static_cast<std::size_t>(resource)];
    const std::uint64_t step = step_of(resource);
    const std::uint64_t wanted = (count + step - 1) / step * step;
    const std::uint64_t charged = charge.amount();
    if (wanted > charged) {
        if (charge.payer()) return charge.grow(wanted - charged);
        auto taken = Charge::take(payer_, resource, wanted);
        if (!taken) return taken.error();
        charge = std::move(*taken);
    } else if (charged - wanted >= 2 * step || (step == 1 && charged > wanted)) {
        charge.shrink(charged - wanted);
    }
    return std::nullopt;
}

}  // namespace buzon::broker
