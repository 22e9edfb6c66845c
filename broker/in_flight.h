// SPDX-License-Identifier: Apache-2.0
// What one sender has on its way through the bus: bytes and descriptors that receivers' queues
// hold, or that wait with it for room there. It outlives the sender, because its messages do.
// Invariant: every amount added is taken back exactly once, by the InFlightCharge that added it;
// the payer's account holds as much.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "broker/quota/account.h"
#include "bus/base/ref.h"

namespace buzon::broker {

/// Told when an account falls, so that a sender that was not read can be read again.
class InFlightListener {
public:
    virtual void on_in_flight_released() = 0;

protected:
    ~InFlightListener() = default;
};

class InFlight : public bus::RefCounted<InFlight> {
public:
    /// See InFlightDebt.
    struct Debt {
        std::uint64_t owed_bytes = 0, owed_descriptors = 0;
        std::uint64_t paid_bytes = 0, paid_descriptors = 0;
    };

    InFlight(InFlightListener* listener, bus::Ref<Payer> payer)
        : listener_(listener), payer_(std::move(payer)) {}

    /// The sender is gone; nobody is told any more.
    void detach() { listener_ = nullptr; }
    /// Adds one message, or nothing.
    [[nodiscard]] std::optional<QuotaRefusal> try_add(std::uint64_t bytes,
                                                      std::uint64_t descriptors) {
        Account& account = payer_->account();
        if (const auto refused = account.share(Resource::Bytes).charge(bytes))
            return account.refusal(Resource::Bytes, *refused, bytes);
        if (descriptors > 0) {
            if (const auto refused = account.share(Resource::Descriptors).charge(descriptors)) {
                account.share(Resource::Bytes).release(bytes);
                return account.refusal(Resource::Descriptors, *refused, descriptors);
            }
        }
        count(bytes, descriptors);
        return std::nullopt;
    }
    /// Adds one message, whatever the account may hold: for what must not fail and is bounded
    /// otherwise.
    void add(std::uint64_t bytes,
             std::uint64_t descriptors,
             Overdrawn overdrawn = Overdrawn::Otherwise) {
        hold(Resource::Bytes, bytes, overdrawn);
        if (descriptors > 0) hold(Resource::Descriptors, descriptors);
        count(bytes, descriptors);
    }
    void take_back(std::uint64_t messages, std::uint64_t bytes, std::uint64_t descriptors) {
        if (debt_) {
            bytes -= pay(bytes, debt_->owed_bytes, debt_->paid_bytes);
            descriptors -= pay(descriptors, debt_->owed_descriptors, debt_->paid_descriptors);
        }
        payer_->account().share(Resource::Bytes).release(bytes);
        if (descriptors > 0) payer_->account().share(Resource::Descriptors).release(descriptors);
        messages_ -= messages;
        bytes_ -= bytes;
        descriptors_ -= descriptors;
        if (listener_) listener_->on_in_flight_released();
    }

    /// Of what has been added, so much is in no queue; until it is back.
    void set_aside(std::uint64_t bytes, std::uint64_t descriptors) {
        waiting_bytes_ += bytes;
        waiting_descriptors_ += descriptors;
    }
    void bring_back(std::uint64_t bytes, std::uint64_t descriptors) {
        waiting_bytes_ -= bytes;
        waiting_descriptors_ -= descriptors;
    }
    /// Whether the account may have so much, if what waits is given back before; `may_overdraw`:
    /// if need be by an overdraft.
    [[nodiscard]] bool has_room_for(std::uint64_t bytes,
                                    std::uint64_t descriptors,
                                    bool may_overdraw) {
        return has_room_for(Resource::Bytes, bytes, waiting_bytes(), may_overdraw) &&
               has_room_for(Resource::Descriptors, descriptors, waiting_descriptors(), false);
    }
    /// It has none yet, and `debt` stays where it is until settle().
    void owe(Debt& debt) { debt_ = &debt; }
    [[nodiscard]] bool has_debt() const { return debt_ != nullptr; }
    /// What has been paid is given back.
    void settle() {
        const Debt& debt = *std::exchange(debt_, nullptr);
        take_back(0, debt.paid_bytes, debt.paid_descriptors);
    }

    [[nodiscard]] std::uint64_t messages() const { return messages_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::uint64_t descriptors() const { return descriptors_; }
    /// Of these, what waits with the sender: nothing gives it back but room for it.
    [[nodiscard]] std::uint64_t waiting_bytes() const {
        return waiting_bytes_ + (debt_ ? debt_->paid_bytes : 0);
    }
    [[nodiscard]] std::uint64_t waiting_descriptors() const {
        return waiting_descriptors_ + (debt_ ? debt_->paid_descriptors : 0);
    }
    /// And the others, which leave as receivers read.
    [[nodiscard]] std::uint64_t queued_bytes() const { return bytes_ - waiting_bytes(); }
    [[nodiscard]] std::uint64_t queued_descriptors() const {
        return descriptors_ - waiting_descriptors();
    }
    [[nodiscard]] std::uint64_t peak_bytes() const { return peak_bytes_; }
    [[nodiscard]] std::uint64_t peak_descriptors() const { return peak_descriptors_; }

    /// In whose name the bus holds it.
    [[nodiscard]] const bus::Ref<Payer>& payer() const { return payer_; }

private:
    static std::uint64_t pay(std::uint64_t released, std::uint64_t& owed, std::uint64_t& paid) {
        const std::uint64_t kept = std::min(released, owed);
        owed -= kept;
        paid += kept;
        return kept;
    }
    void hold(Resource resource, std::uint64_t amount, Overdrawn overdrawn = Overdrawn::Otherwise) {
        Share& share = payer_->account().share(resource);
        if (share.charge(amount)) share.force(amount, overdrawn);
    }
    [[nodiscard]] bool has_room_for(Resource resource,
                                    std::uint64_t amount,
                                    std::uint64_t waiting,
                                    bool may_overdraw);
    void count(std::uint64_t bytes, std::uint64_t descriptors) {
        ++messages_;
        bytes_ += bytes;
        descriptors_ += descriptors;
        peak_bytes_ = std::max(peak_bytes_, bytes_);
        peak_descriptors_ = std::max(peak_descriptors_, descriptors_);
    }

    InFlightListener* listener_;
    bus::Ref<Payer> payer_;
    Debt* debt_ = nullptr;
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t descriptors_ = 0;
    std::uint64_t waiting_bytes_ = 0;
    std::uint64_t waiting_descriptors_ = 0;
    std::uint64_t peak_bytes_ = 0;
    std::uint64_t peak_descriptors_ = 0;
};

/// The receipt for the messages of one sender in one port; its end gives their amount back.
class InFlightCharge {
public:
    /// Takes over one message that `payer` has added.
    InFlightCharge(bus::Ref<InFlight> payer, std::uint64_t bytes, std::uint32_t descriptors)
        : payer_(std::move(payer)), bytes_(bytes), descriptors_(descriptors) {}
    InFlightCharge(const InFlightCharge&) = delete;
    InFlightCharge& operator=(const InFlightCharge&) = delete;
    InFlightCharge(InFlightCharge&& other) noexcept = default;
    InFlightCharge& operator=(InFlightCharge&& other) noexcept {
        if (this != &other) {
            give_back();
            payer_ = std::move(other.payer_);
            bytes_ = other.bytes_;
            messages_ = other.messages_;
            descriptors_ = other.descriptors_;
        }
        return *this;
    }
    ~InFlightCharge() { give_back(); }

    [[nodiscard]] bool is_of(const InFlight& payer) const { return payer_.get() == &payer; }
    [[nodiscard]] const InFlight& payer() const { return *payer_; }
    /// Takes over one more message, without descriptors, that the same payer has added.
    void extend(std::uint64_t bytes) {
        ++messages_;
        bytes_ += bytes;
    }
    [[nodiscard]] std::uint32_t messages() const { return messages_; }
    [[nodiscard]] std::uint32_t descriptors() const { return descriptors_; }

private:
    void give_back() {
        if (const auto payer = std::exchange(payer_, nullptr))
            payer->take_back(messages_, bytes_, descriptors_);
    }

    bus::Ref<InFlight> payer_;
    std::uint64_t bytes_;
    std::uint32_t messages_ = 1;
    std::uint32_t descriptors_;
};

/// The same for one message that waits with its sender.
class WaitingCharge {
public:
    /// Adds it, whatever the account may hold.
    WaitingCharge(bus::Ref<InFlight> payer, std::uint64_t bytes, std::uint64_t descriptors)
        : payer_(std::move(payer)), bytes_(bytes), descriptors_(descriptors) {
        payer_->add(bytes_, descriptors_);
        payer_->set_aside(bytes_, descriptors_);
    }
    WaitingCharge(const WaitingCharge&) = delete;
    WaitingCharge& operator=(const WaitingCharge&) = delete;
    ~WaitingCharge() {
        payer_->bring_back(bytes_, descriptors_);
        payer_->take_back(1, bytes_, descriptors_);
    }

    [[nodiscard]] const InFlight& payer() const { return *payer_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::uint64_t descriptors() const { return descriptors_; }

private:
    bus::Ref<InFlight> payer_;
    std::uint64_t bytes_;
    std::uint64_t descriptors_;
};

/// What a sender is still to be charged for a message that waits with it, as copies of that have
/// taken all that it may have. While there are copies they pay for the memory; what leaves is not
/// given back, but kept for the one that waits. Its end gives that back.
class InFlightDebt {
public:
    /// `debtor` has no other.
    InFlightDebt(bus::Ref<InFlight> debtor, std::uint64_t bytes, std::uint64_t descriptors)
        : debtor_(std::move(debtor)), debt_{.owed_bytes = bytes, .owed_descriptors = descriptors} {
        debtor_->owe(debt_);
    }
    InFlightDebt(const InFlightDebt&) = delete;
    InFlightDebt& operator=(const InFlightDebt&) = delete;
    ~InFlightDebt() { debtor_->settle(); }

    [[nodiscard]] const InFlight& debtor() const { return *debtor_; }
    [[nodiscard]] std::uint64_t paid_bytes() const { return debt_.paid_bytes; }
    [[nodiscard]] std::uint64_t paid_descriptors() const { return debt_.paid_descriptors; }

private:
    bus::Ref<InFlight> debtor_;
    InFlight::Debt debt_;
};

}  // namespace buzon::broker
