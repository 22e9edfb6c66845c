// SPDX-License-Identifier: Apache-2.0
#include "broker/in_flight.h"

#include "broker/quota/overdraft.h"

namespace buzon::broker {

bool InFlight::has_room_for(Resource resource,
                            std::uint64_t amount,
                            std::uint64_t waiting,
                            bool may_overdraw) {
    const Account& account = payer_->account();
    Share& share = payer_->account().share(resource);
    if (waiting > 0) share.release(waiting);
    const auto refused = share.check(amount);
    const bool has_room =
        !refused || (may_overdraw &&
                     broker::may_overdraw(account, account.refusal(resource, *refused, amount)));
    if (waiting > 0) hold(resource, waiting);
    return has_room;
}

}  // namespace buzon::broker
