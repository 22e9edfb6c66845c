// SPDX-License-Identifier: Apache-2.0
// What one connection has registered with the bus, by number: match rules, names, awaited replies;
// and with each awaited reply the bytes of an error, which comes in its place if nothing else does:
// whatever happens then, there is room for it on the bus.
// Invariant: at least as much is charged as was said last; what is charged ends with this.
// Errors: a refusal as value; what was charged before stays charged.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "broker/quota/account.h"
#include "broker/quota/charge.h"
#include "broker/quota/resource.h"
#include "bus/base/ref.h"

namespace buzon::broker {

class Holdings {
public:
    /// Calls and replies alternate; most connections never await more at a time.
    static constexpr std::uint64_t kRepliesAtOnce = 16;
    static constexpr std::uint64_t kMostRepliesAhead = 2 * kRepliesAtOnce;
    /// Of the bus's own errors hardly one is longer.
    static constexpr std::uint64_t kBytesPerError = 256;

    explicit Holdings(bus::Ref<Payer> payer) : payer_(std::move(payer)) {}

    /// From now on there are `count` of them. Some are charged in advance where they come and go
    /// with every message. Room for the errors that may come in the place of replies is reserved;
    /// it and awaited replies may be an overdraft.
    [[nodiscard]] std::optional<QuotaRefusal> cover(Resource resource, std::uint64_t count);
    /// For a number that has become smaller. Of replies some stay charged, fewer than
    /// kMostRepliesAhead.
    void lower(Resource resource, std::uint64_t count) {
        if (charged(resource) < count + most_ahead(resource)) return;
        (void)cover(resource, count);
    }
    [[nodiscard]] std::uint64_t charged(Resource resource) const {
        return charges_[static_cast<std::size_t>(resource)].amount();
    }

private:
    [[nodiscard]] static std::uint64_t most_ahead(Resource resource) {
        return resource == Resource::PendingReplies ? kMostRepliesAhead : 1;
    }
    [[nodiscard]] static std::uint64_t step_of(Resource resource);
    [[nodiscard]] std::optional<QuotaRefusal> grow(Resource resource, std::uint64_t amount);
    [[nodiscard]] std::optional<QuotaRefusal> grow_or_overdraw(Resource resource,
                                                               std::uint64_t amount);
    void force(Resource resource, std::uint64_t amount, Overdrawn overdrawn);
    void shrink(Resource resource, std::uint64_t amount);

    bus::Ref<Payer> payer_;
    std::array<Charge, kResourceCount> charges_;
};

}  // namespace buzon::broker
