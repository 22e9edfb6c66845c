// SPDX-License-Identifier: Apache-2.0
// What each sender holds of one receiver's queue, in bytes and descriptors.
// Invariant: free part and shares together are what all PortCharges of this port hold.
// Lifetime: outlives its PortCharges; senders may go before. Errors: a refusal as value, with
// nothing changed. Source: DESIGN, section 5, "Two sides pay".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/quota/account.h"
#include "broker/quota/resource.h"
#include "broker/quota/shares.h"
#include "bus/base/ref.h"
#include "bus/base/result.h"

// A quarter of the queue is free to whoever comes first. Nearly always everything fits there, as
// messages are queued and written in the same turn; that costs two comparisons and two additions,
// and remembers nobody. Only what comes while the free part is full is charged to its sender, in a
// tree of shares (shares.h) as that of the accounts: the senders' users, principals, connections.
// A message is in the one part or the other. So the guarantee is that of shares.h with
//
//     shared = three quarters of the queue,        and the bound on the whole queue is
//     total <= capacity + (users who owe a loan) * largest message
//
// unless force() is used. Amounts of one message are below 2^62. The tree grows with the senders
// that have something in it; it is kept in a table by account, with the sender of the last message
// at hand, and shrinks as they end.

namespace buzon::broker {

class PortShares;

/// How large the queues of a bus may become. 64-bit: bytes and descriptors.
struct PortLimits {
    std::uint64_t bytes = 0;
    std::uint64_t descriptors = 0;
    std::uint64_t largest_message_bytes = 0;
    std::uint64_t largest_message_descriptors = 0;
    /// Of a receiver that takes nothing while others wait for its queue.
    std::chrono::milliseconds stuck_timeout{20'000};
    friend bool operator==(const PortLimits&, const PortLimits&) = default;
};

/// What all ports of one bus have in common; a reload makes a new one.
class PortPools : public bus::RefCounted<PortPools> {
public:
    explicit PortPools(const PortLimits& limits);

    [[nodiscard]] const PortLimits& limits() const { return limits_; }
    [[nodiscard]] std::uint64_t free_bytes() const { return limits_.bytes / 4; }
    [[nodiscard]] std::uint64_t free_descriptors() const { return limits_.descriptors / 4; }
    [[nodiscard]] SharePool& bytes() { return bytes_; }
    [[nodiscard]] SharePool& descriptors() { return descriptors_; }

private:
    PortLimits limits_;
    // Without pockets, so ports do not change them.
    SharePool bytes_;
    SharePool descriptors_;
};

/// The receipt for messages of one sender in one port.
class PortCharge {
public:
    PortCharge() = default;
    PortCharge(const PortCharge&) = delete;
    PortCharge& operator=(const PortCharge&) = delete;
    PortCharge(PortCharge&& other) noexcept
        : port_(std::exchange(other.port_, nullptr)),
          sender_(other.sender_),
          bytes_(other.bytes_),
          descriptors_(other.descriptors_) {}
    PortCharge& operator=(PortCharge&& other) noexcept {
        if (this != &other) {
            release();
            port_ = std::exchange(other.port_, nullptr);
            sender_ = other.sender_;
            bytes_ = other.bytes_;
            descriptors_ = other.descriptors_;
        }
        return *this;
    }
    ~PortCharge() {
        if (port_) release();
    }

    [[nodiscard]] std::uint64_t bytes() const { return port_ ? bytes_ : 0; }
    [[nodiscard]] std::uint64_t descriptors() const { return port_ ? descriptors_ : 0; }
    /// Takes over what `other` holds, if both are in the free part or in the same sender's share.
    bool absorb(PortCharge& other) {
        if (!port_ || port_ != other.port_ || sender_ != other.sender_ || this == &other)
            return false;
        other.port_ = nullptr;
        bytes_ += other.bytes_;
        descriptors_ += other.descriptors_;
        return true;
    }
    void release();

private:
    friend class PortShares;
    struct Sender;
    PortCharge(PortShares* port, Sender* sender, std::uint64_t bytes, std::uint64_t descriptors)
        : port_(port), sender_(sender), bytes_(bytes), descriptors_(descriptors) {}

    PortShares* port_ = nullptr;
    Sender* sender_ = nullptr;  // null: in the free part
    std::uint64_t bytes_ = 0;
    std::uint64_t descriptors_ = 0;
};

class PortShares {
public:
    explicit PortShares(bus::Ref<PortPools> pools);
    PortShares(const PortShares&) = delete;
    PortShares& operator=(const PortShares&) = delete;
    PortShares(PortShares&&) = delete;
    PortShares& operator=(PortShares&&) = delete;
    ~PortShares();

    /// `sender`: the account that pays for the message on the bus, too.
    [[nodiscard]] bus::Result<PortCharge, QuotaRefusal> charge(const Account& sender,
                                                               std::uint64_t bytes,
                                                               std::uint64_t descriptors) {
        if (fits_free_part(bytes, descriptors)) return take_free(bytes, descriptors);
        return charge_share(sender, bytes, descriptors);
    }
    /// What charge() would say.
    [[nodiscard]] std::optional<QuotaRefusal> check(const Account& sender,
                                                    std::uint64_t bytes,
                                                    std::uint64_t descriptors);
    /// Beyond the sender's share, which then goes at the cost of all others here: for receivers
    /// that lose their queue if they do not drain it. The caller sees to is_full().
    [[nodiscard]] PortCharge force(const Account& sender,
                                   std::uint64_t bytes,
                                   std::uint64_t descriptors);

    [[nodiscard]] std::uint64_t bytes() const;
    [[nodiscard]] std::uint64_t descriptors() const;
    [[nodiscard]] bool is_full() const {
        return bytes() >= limits().bytes || descriptors() >= limits().descriptors;
    }
    [[nodiscard]] const PortLimits& limits() const { return pools_->limits(); }
    /// For those whom the table knows: the ones who have something beyond the free part.
    [[nodiscard]] std::size_t known_senders() const;
    /// What each of them has, in no order.
    struct Holding {
        AccountId connection;
        AccountId principal;
        std::uint64_t bytes;
        std::uint64_t descriptors;
    };
    [[nodiscard]] std::vector<Holding> holdings() const;
    [[nodiscard]] std::uint64_t bytes_of(AccountId account) const;
    [[nodiscard]] std::uint64_t descriptors_of(AccountId account) const;
    /// Of a reload. What is in shares now stays under the old limits until nobody is known.
    void set_pools(bus::Ref<PortPools> pools);
    /// As AccountTree::verify().
    [[nodiscard]] std::string verify() const;

private:
    friend class PortCharge;
    using Sender = PortCharge::Sender;
    struct Table;

    [[nodiscard]] bool fits_free_part(std::uint64_t bytes, std::uint64_t descriptors) const {
        return taken_bytes_ + bytes <= free_bytes_ &&
               taken_descriptors_ + descriptors <= free_descriptors_;
    }
    [[nodiscard]] PortCharge take_free(std::uint64_t bytes, std::uint64_t descriptors) {
        taken_bytes_ += bytes;
        taken_descriptors_ += descriptors;
        return {this, nullptr, bytes, descriptors};
    }
    [[nodiscard]] bus::Result<PortCharge, QuotaRefusal> charge_share(const Account& sender,
                                                                     std::uint64_t bytes,
                                                                     std::uint64_t descriptors);
    [[nodiscard]] Table& table();
    [[nodiscard]] const Sender* find(AccountId account) const;
    void drop_empty_table();
    void release_share(Sender& sender, std::uint64_t bytes, std::uint64_t descriptors);

    bus::Ref<PortPools> pools_;
    std::uint64_t free_bytes_;
    std::uint64_t free_descriptors_;
    std::uint64_t taken_bytes_ = 0;
    std::uint64_t taken_descriptors_ = 0;
    std::unique_ptr<Table> table_;
};

}  // namespace buzon::broker
