// SPDX-License-Identifier: Apache-2.0
// All accounts of one bus: opens and closes those of connections, keeps those above them.
// Invariant: see account.h and shares.h. Lifetime: outlives all OpenAccounts and Charges.
// Errors: a QuotaRefusal as value, with nothing changed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker/quota/account.h"
#include "broker/quota/resource.h"
#include "bus/base/ref.h"
#include "bus/base/result.h"

namespace buzon::broker {

/// What a reload may change.
struct QuotaLimits {
    using Caps = std::array<std::uint64_t, kResourceCount>;
    static constexpr Caps no_caps() {
        Caps caps{};
        caps.fill(Share::kNoCap);
        return caps;
    }

    /// Pockets are those of connections, but of principals for Connections, which programs share.
    std::array<PoolLimits, kResourceCount> pools{};
    /// For each account of a level, by Level.
    std::array<Caps, kLevelCount> caps{no_caps(), no_caps(), no_caps(), no_caps()};
    /// In place of those of Level::User.
    std::map<UserId, Caps> user_caps;

    [[nodiscard]] PoolLimits& pool(Resource resource) {
        return pools[static_cast<std::size_t>(resource)];
    }
    [[nodiscard]] std::uint64_t& cap(Level level, Resource resource) {
        return caps[static_cast<std::size_t>(level)][static_cast<std::size_t>(resource)];
    }
};

/// The account of a live connection; its end closes it. What is still charged to it goes on
/// counting.
class OpenAccount {
public:
    OpenAccount() = default;
    OpenAccount(const OpenAccount&) = delete;
    OpenAccount& operator=(const OpenAccount&) = delete;
    OpenAccount(OpenAccount&&) noexcept = default;
    OpenAccount& operator=(OpenAccount&& other) noexcept {
        if (this != &other) {
            close();
            payer_ = std::move(other.payer_);
        }
        return *this;
    }
    ~OpenAccount() { close(); }

    void close();
    [[nodiscard]] const bus::Ref<Payer>& payer() const { return payer_; }
    [[nodiscard]] const Account& account() const { return payer_->account(); }
    /// Where the connection waits for its turn.
    [[nodiscard]] TurnShare& turns() { return payer_->account().parent()->turns(); }

private:
    friend class AccountTree;
    explicit OpenAccount(bus::Ref<Payer> payer) : payer_(std::move(payer)) {}

    bus::Ref<Payer> payer_;
};

class AccountTree {
public:
    /// `turns`: where users wait for their turn; null where nobody does.
    explicit AccountTree(QuotaLimits limits, TurnShare* turns = nullptr);
    AccountTree(const AccountTree&) = delete;
    AccountTree& operator=(const AccountTree&) = delete;
    AccountTree(AccountTree&&) = delete;
    AccountTree& operator=(AccountTree&&) = delete;
    ~AccountTree();

    /// An account for a new connection, which holds one of Connections.
    [[nodiscard]] bus::Result<OpenAccount, QuotaRefusal> open(UserId user,
                                                              const PrincipalKey& principal);
    /// What is held above the new limits stays; nothing is added until it has gone.
    void set_limits(QuotaLimits limits);

    [[nodiscard]] const Account& bus() const { return *bus_; }
    /// Null if it has no account now.
    [[nodiscard]] const Account* find(UserId user) const;
    using ProgramKey = std::pair<UserId, PrincipalKey>;
    /// Visits `most` users behind one, or from the first on, in an order that stays: in parts, all
    /// that are there for the whole time are visited. Returns the last, or nothing behind it.
    template <typename Visitor>
    std::optional<UserId> visit_users(const std::optional<UserId>& behind,
                                      std::size_t most,
                                      Visitor&& visit) const {
        return visit_some(users_, behind, most, visit);
    }
    /// The same with principals.
    template <typename Visitor>
    std::optional<ProgramKey> visit_programs(const std::optional<ProgramKey>& behind,
                                             std::size_t most,
                                             Visitor&& visit) const {
        return visit_some(principals_, behind, most, visit);
    }
    /// For debugging: walks the whole tree; says who does not agree with its children, or nothing.
    [[nodiscard]] std::string verify() const;

private:
    friend class Account;
    friend class OpenAccount;
    friend class Payer;
    using Pools = std::array<SharePool, kResourceCount>;
    using Principals = std::map<ProgramKey, std::unique_ptr<Account>>;

    template <typename Key, typename Visitor>
    static std::optional<Key> visit_some(const std::map<Key, std::unique_ptr<Account>>& accounts,
                                         const std::optional<Key>& behind,
                                         std::size_t most,
                                         Visitor& visit) {
        auto next = behind ? accounts.upper_bound(*behind) : accounts.begin();
        std::optional<Key> last;
        for (; next != accounts.end() && most > 0; ++next, --most) {
            visit(*next->second);
            last = next->first;
        }
        return next == accounts.end() ? std::nullopt : last;
    }

    [[nodiscard]] Account& user_account(UserId user);
    [[nodiscard]] Account& principal_account(UserId user, const PrincipalKey& principal);
    void apply_caps(Account& account) const;
    void close(Payer& payer);
    void give_up(Payer& payer);
    void remove(std::unique_ptr<Account> connection);
    void prune(Account& account);

    void bequeath(Account& principal);
    /// False: it stays where it is. Else `from` exists no more.
    bool move_to_estate(Account& from, Account& owner);
    void hand_over_payers(Account& from, Account& estate);
    struct Holding {
        std::uint64_t amount = 0;
        std::uint64_t from_fund = 0;  // of that, overdrawn
    };
    [[nodiscard]] bool take_over(Account& estate, Resource resource, const Holding& holding);
    static void force(Share& share, const Holding& holding);
    [[nodiscard]] bool move_holdings(Account& from, Account& to);
    void drop_estate_if_unused(Account& owner);

    QuotaLimits limits_;
    TurnShare* turns_;
    Pools pools_;
    std::uint64_t next_id_ = 0;
    std::unique_ptr<Account> bus_;
    std::map<UserId, std::unique_ptr<Account>> users_;
    Principals principals_;
};

}  // namespace buzon::broker
