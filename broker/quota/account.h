// SPDX-License-Identifier: Apache-2.0
// Accounts: what the bus, each user, each of her principals and each connection hold.
// Invariant: what an account holds is the sum of its children's. Users and principals exist while
// they have connections or charges. A connection's account ends with its last charge, not before.
// Errors: a QuotaRefusal as value; nothing is charged then. Source: DESIGN, section 5.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "broker/quota/account_keys.h"
#include "broker/quota/fair_turns.h"
#include "broker/quota/resource.h"
#include "broker/quota/shares.h"
#include "bus/base/intrusive_list.h"
#include "bus/base/ref.h"

// The dead. A connection that is gone may have left charges: messages in the queues of others. They
// have to go on counting, or else a program could hold any amount by connecting again and again;
// and they must not cost an account of a kilobyte each, or the bus could be filled with those. So a
// charge does not refer to an account but to a Payer, which is small and lives until its charges
// are gone. When a connection closes, what it holds moves to the account of what dead connections
// have left ("estate") at its principal, or at its user if it was the last of that principal, and
// the principal's estate with it. Only where that would need more than what those may have (what is
// held by one claims more than what is held by several) it stays where it is: then the closed
// connection keeps its account, and its place among the program's connections, until all is given
// back.

namespace buzon::broker {

class Account;
class AccountTree;

/// Unique while the tree lives.
enum class AccountId : std::uint64_t {};

/// Who pays for the charges of one connection: its account, or the estate it has moved to.
class Payer : public bus::RefCounted<Payer>, public bus::ListLink<Payer> {
public:
    Payer(AccountTree& tree, std::unique_ptr<Account> account);
    Payer(const Payer&) = delete;
    Payer& operator=(const Payer&) = delete;
    Payer(Payer&&) = delete;
    Payer& operator=(Payer&&) = delete;
    ~Payer();

    [[nodiscard]] Account& account() const { return *account_; }

private:
    friend class AccountTree;
    friend class OpenAccount;

    AccountTree& tree_;
    Account* account_;
    std::unique_ptr<Account> own_;  // until it has moved
};

class Account : public bus::ListLink<Account> {
public:
    using Key = std::variant<std::monostate, UserId, PrincipalKey>;

    /// Made by AccountTree, and as one more child of `parent`.
    Account(AccountTree& tree, Account* parent, Level level, Key key, bool is_estate);

    [[nodiscard]] AccountId id() const { return id_; }
    [[nodiscard]] Level level() const { return level_; }
    /// Null of the bus.
    [[nodiscard]] const Account* parent() const { return parent_; }
    [[nodiscard]] Account* parent() { return parent_; }
    /// Of users and principals.
    [[nodiscard]] const Key& key() const { return key_; }
    /// Holds what dead connections have left; stands beside connections, or beside principals.
    [[nodiscard]] bool is_estate() const { return is_estate_; }
    /// Of a connection: it has not been closed. Of others: one below them has not.
    [[nodiscard]] bool is_open() const { return open_connections_ > 0; }
    [[nodiscard]] std::size_t open_connections() const { return open_connections_; }
    [[nodiscard]] const Share& share(Resource resource) const {
        return shares_[static_cast<std::size_t>(resource)];
    }
    [[nodiscard]] Share& share(Resource resource) {
        return shares_[static_cast<std::size_t>(resource)];
    }
    [[nodiscard]] std::uint64_t held(Resource resource) const { return share(resource).held(); }
    template <typename Visitor>
    void for_each_child(Visitor&& visit) const {
        children_.for_each([&](const Account& child) { visit(child); });
    }
    /// Where the peers of this user or principal wait for their turn.
    [[nodiscard]] TurnShare& turns() { return turns_; }
    [[nodiscard]] bool has_children() const { return !children_.empty(); }
    /// For texts: `refused.at` is the share of this account or of one above it.
    [[nodiscard]] QuotaRefusal refusal(Resource resource,
                                       const Share::Refused& refused,
                                       std::uint64_t amount) const;

private:
    friend class AccountTree;
    friend class Payer;

    /// But its place among the connections.
    [[nodiscard]] bool holds_nothing() const;

    AccountId id_;
    Account* parent_;
    Key key_;
    std::array<Share, kResourceCount> shares_;
    TurnGroup turns_;
    mutable bus::IntrusiveList<Account, Account> children_;  // visiting them changes nothing
    std::unique_ptr<Account> estate_;                        // one of the children
    bus::IntrusiveList<Payer, Payer> payers_;                // of an estate
    Payer* payer_ = nullptr;                                 // of a connection
    std::size_t open_connections_ = 0;
    Level level_;
    bool is_estate_;
};

}  // namespace buzon::broker
