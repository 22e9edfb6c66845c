// SPDX-License-Identifier: Apache-2.0
// The receipt for an amount of one resource that somebody pays for; its end gives the amount back.
// Invariant: what a payer's account holds is the sum of the Charges in its name (and 1 of
// Connections). Valid after the connection has closed. Errors: a QuotaRefusal, with nothing
// changed.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <utility>

#include "broker/quota/account.h"
#include "broker/quota/resource.h"
#include "bus/base/ref.h"
#include "bus/base/result.h"

namespace buzon::broker {

class Charge {
public:
    Charge() = default;
    [[nodiscard]] static bus::Result<Charge, QuotaRefusal> take(const bus::Ref<Payer>& payer,
                                                                Resource resource,
                                                                std::uint64_t amount) {
        Account& account = payer->account();
        if (const auto refused = account.share(resource).charge(amount))
            return bus::Unexpected{account.refusal(resource, *refused, amount)};
        return Charge(payer, resource, amount);
    }
    /// What take() would say.
    [[nodiscard]] static std::optional<QuotaRefusal> check(const Payer& payer,
                                                           Resource resource,
                                                           std::uint64_t amount) {
        const Account& account = payer.account();
        const auto refused = account.share(resource).check(amount);
        if (!refused) return std::nullopt;
        return account.refusal(resource, *refused, amount);
    }
    /// Beyond shares and caps: for what must not fail, and what is bounded otherwise.
    [[nodiscard]] static Charge force(const bus::Ref<Payer>& payer,
                                      Resource resource,
                                      std::uint64_t amount,
                                      Overdrawn overdrawn = Overdrawn::Otherwise) {
        payer->account().share(resource).force(amount, overdrawn);
        return Charge(payer, resource, amount);
    }

    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;
    Charge(Charge&& other) noexcept
        : payer_(std::move(other.payer_)),
          amount_(std::exchange(other.amount_, 0)),
          resource_(other.resource_) {}
    Charge& operator=(Charge&& other) noexcept {
        if (this != &other) {
            release();
            payer_ = std::move(other.payer_);
            amount_ = std::exchange(other.amount_, 0);
            resource_ = other.resource_;
        }
        return *this;
    }
    ~Charge() { release(); }

    [[nodiscard]] std::uint64_t amount() const { return amount_; }
    [[nodiscard]] Resource resource() const { return resource_; }
    /// Null of one that is empty or has been moved from.
    [[nodiscard]] const bus::Ref<Payer>& payer() const { return payer_; }

    /// Not of an empty one.
    [[nodiscard]] std::optional<QuotaRefusal> grow(std::uint64_t amount) {
        Account& account = payer_->account();
        if (const auto refused = account.share(resource_).charge(amount))
            return account.refusal(resource_, *refused, amount);
        amount_ += amount;
        return std::nullopt;
    }
    void shrink(std::uint64_t amount) {
        assert(amount <= amount_);
        amount_ -= amount;
        payer_->account().share(resource_).release(amount);
    }
    /// A receipt of its own for a part of this one.
    [[nodiscard]] Charge split(std::uint64_t amount) {
        assert(amount <= amount_);
        amount_ -= amount;
        return Charge(payer_, resource_, amount);
    }
    /// Takes over the amount of `other`, if it is the same payer's and of the same resource.
    bool absorb(Charge& other) {
        if (payer_ != other.payer_ || resource_ != other.resource_ || this == &other) return false;
        amount_ += std::exchange(other.amount_, 0);
        other.payer_ = nullptr;
        return true;
    }
    void release() {
        if (!payer_) return;
        payer_->account().share(resource_).release(std::exchange(amount_, 0));
        payer_ = nullptr;
    }

private:
    Charge(const bus::Ref<Payer>& payer, Resource resource, std::uint64_t amount)
        : payer_(payer), amount_(amount), resource_(resource) {}

    bus::Ref<Payer> payer_;
    std::uint64_t amount_ = 0;
    Resource resource_ = Resource::Bytes;
};

}  // namespace buzon::broker
