// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/account_tree.h"

#include <fmt/format.h>

#include <cassert>
#include <vector>

#include "broker/quota/overdraft.h"

namespace buzon::broker {
namespace {

template <typename Pools, std::size_t... Index>
Pools make_pools(const QuotaLimits& limits, std::index_sequence<Index...>) {
    return {SharePool(limits.pools[Index])...};
}

template <typename Visitor>
void for_each_below(const Account& account, Visitor&& visit) {
    visit(account);
    account.for_each_child([&](const Account& child) { for_each_below(child, visit); });
}

constexpr Resource resource_at(std::size_t index) {
    return static_cast<Resource>(index);
}

std::string disagreement(const Account& account) {
    std::size_t open = 0;
    account.for_each_child([&](const Account& child) { open += child.open_connections(); });
    if (account.has_children() && open != account.open_connections()) {
        return fmt::format("counts {} open connections of {}", account.open_connections(), open);
    }
    for (std::size_t i = 0; i < kResourceCount; ++i) {
        std::vector<const Share*> children;
        account.for_each_child(
            [&](const Account& child) { children.push_back(&child.share(resource_at(i))); });
        const auto said = account.share(resource_at(i)).disagreement(children);
        if (!said.empty()) return fmt::format("{}: {}", name_of(resource_at(i)), said);
    }
    return {};
}

}  // namespace

void OpenAccount::close() {
    if (!payer_) return;
    const auto payer = std::exchange(payer_, nullptr);
    payer->tree_.close(*payer);
}

AccountTree::AccountTree(QuotaLimits limits, TurnShare* turns)
    : limits_(std::move(limits)),
      turns_(turns),
      pools_(make_pools<Pools>(limits_, std::make_index_sequence<kResourceCount>())),
      bus_(std::make_unique<Account>(*this, nullptr, Level::Bus, Account::Key{}, false)) {}

AccountTree::~AccountTree() {
    assert(users_.empty());
}

bus::Result<OpenAccount, QuotaRefusal> AccountTree::open(UserId user,
                                                         const PrincipalKey& principal) {
    Account& parent = principal_account(user, principal);
    auto account =
        std::make_unique<Account>(*this, &parent, Level::Connection, Account::Key{}, false);
    constexpr auto kPlace = Resource::Connections;
    if (const auto refused = account->share(kPlace).charge(1)) {
        const auto refusal = account->refusal(kPlace, *refused, 1);
        account.reset();
        prune(parent);
        return bus::Unexpected{refusal};
    }
    for (Account* above = account.get(); above; above = above->parent_)
        ++above->open_connections_;
    return OpenAccount(bus::make_ref<Payer>(*this, std::move(account)));
}

Account& AccountTree::user_account(UserId user) {
    auto& account = users_[user];
    if (!account) {
        account = std::make_unique<Account>(*this, bus_.get(), Level::User, user, false);
    }
    return *account;
}

Account& AccountTree::principal_account(UserId user, const PrincipalKey& principal) {
    auto& account = principals_[{user, principal}];
    if (!account) {
        account = std::make_unique<Account>(*this, &user_account(user), Level::Principal, principal,
                                            false);
    }
    return *account;
}

const Account* AccountTree::find(UserId user) const {
    const auto found = users_.find(user);
    return found == users_.end() ? nullptr : found->second.get();
}

// --- limits -------------------------------------------------------------------------------------

void AccountTree::apply_caps(Account& account) const {
    if (account.is_estate_) return;
    const auto* caps = &limits_.caps[static_cast<std::size_t>(account.level_)];
    if (const auto* user = std::get_if<UserId>(&account.key_)) {
        const auto own = limits_.user_caps.find(*user);
        if (own != limits_.user_caps.end()) caps = &own->second;
    }
    for (std::size_t i = 0; i < kResourceCount; ++i)
        account.shares_[i].set_cap((*caps)[i]);
}

void AccountTree::set_limits(QuotaLimits limits) {
    limits_ = std::move(limits);
    std::vector<Account*> accounts{bus_.get()};
    for (std::size_t i = 0; i < accounts.size(); ++i)
        accounts[i]->children_.for_each([&](Account& child) { accounts.push_back(&child); });

    for (Account* account : accounts)
        for (auto& share : account->shares_)
            share.retract();
    for (std::size_t i = 0; i < kResourceCount; ++i)
        pools_[i].change(limits_.pools[i]);
    for (Account* account : accounts) {
        apply_caps(*account);
        for (auto& share : account->shares_)
            share.restate();
    }
}

std::string AccountTree::verify() const {
    std::string found;
    for_each_below(*bus_, [&](const Account& account) {
        if (!found.empty()) return;
        const auto said = disagreement(account);
        if (said.empty()) return;
        found = fmt::format("account {}, a {}: {}", static_cast<std::uint64_t>(account.id()),
                            name_of(account.level()), said);
    });
    return found;
}

// --- the end of accounts ------------------------------------------------------------------------

void AccountTree::close(Payer& payer) {
    Account& account = *payer.own_;
    Account& principal = *account.parent_;
    Account& user = *principal.parent_;
    for (Account* each : {&account, &principal, &user, bus_.get()})
        --each->open_connections_;
    if (!principal.is_open()) {
        bequeath(principal);
    } else if (!account.holds_nothing()) {
        move_to_estate(account, principal);
    }
}

/// The last reference to `payer` is gone, so nothing is charged to it any more.
void AccountTree::give_up(Payer& payer) {
    if (payer.own_) return remove(std::move(payer.own_));
    payer.unlink();
    drop_estate_if_unused(*payer.account_->parent_);
}

void AccountTree::remove(std::unique_ptr<Account> connection) {
    Account& parent = *connection->parent_;
    connection->share(Resource::Connections).release(1);
    connection.reset();
    prune(parent);
}

void AccountTree::prune(Account& account) {
    if (account.has_children() || !account.parent_) return;
    Account& parent = *account.parent_;
    if (account.level_ == Level::User) {
        users_.erase(std::get<UserId>(account.key_));
    } else {
        const auto user = std::get<UserId>(parent.key_);
        principals_.erase({user, std::get<PrincipalKey>(account.key_)});
    }
    prune(parent);
}

/// What closed connections of `principal` have left goes to its user.
void AccountTree::bequeath(Account& principal) {
    assert(principal.level_ == Level::Principal && principal.parent_);
    Account& user = *principal.parent_;
    principal.children_.for_each([&](Account& child) {
        if (!child.holds_nothing()) move_to_estate(child, user);
    });
    prune(principal);
}

bool AccountTree::move_to_estate(Account& from, Account& owner) {
    if (!owner.estate_) {
        const auto below = owner.level_ == Level::User ? Level::Principal : Level::Connection;
        owner.estate_ = std::make_unique<Account>(*this, &owner, below, Account::Key{}, true);
    }
    Account& estate = *owner.estate_;
    if (!move_holdings(from, estate)) {
        drop_estate_if_unused(owner);
        return false;
    }
    hand_over_payers(from, estate);
    return true;
}

void AccountTree::hand_over_payers(Account& from, Account& estate) {
    if (from.is_estate_) {
        from.payers_.for_each([&](Payer& payer) { payer.account_ = &estate; });
        estate.payers_.splice_back(from.payers_);
        from.parent_->estate_.reset();
        return;
    }
    Payer& payer = *from.payer_;
    payer.account_ = &estate;
    estate.payers_.push_back(payer);
    from.share(Resource::Connections).release(1);
    payer.own_.reset();
}

/// What a program has left that had little may be an overdraft of the estate, too: else thousands
/// that have come and gone would keep their places. Nothing is lent for it.
bool AccountTree::take_over(Account& estate, Resource resource, const Holding& holding) {
    Share& share = estate.share(resource);
    const auto refused = share.charge(holding.amount);
    if (!refused && !share.has_loan()) return true;
    if (!refused) share.release(holding.amount);
    const std::uint64_t capacity = share.pool().limits().capacity;
    const bool is_little = resource == Resource::Bytes && holding.amount <= kLittleOnBus &&
                           bus_->held(resource) + holding.amount <= capacity - capacity / 4;
    if (!is_little || (refused && refused->reason == Share::Reason::Cap)) return false;
    force(share, holding);
    return true;
}

void AccountTree::force(Share& share, const Holding& holding) {
    share.force(holding.amount - holding.from_fund);
    if (holding.from_fund > 0) share.force(holding.from_fund, Overdrawn::FromFund);
}

/// All or nothing. What a loan covers would be nobody's any more, so it stays.
bool AccountTree::move_holdings(Account& from, Account& to) {
    constexpr auto kMovable = static_cast<std::size_t>(Resource::Connections);
    std::array<Holding, kMovable> holdings{};
    for (std::size_t i = 0; i < kMovable; ++i) {
        const Share& share = from.shares_[i];
        if (share.has_loan()) return false;
        holdings[i] = {.amount = share.held(), .from_fund = share.from_fund()};
    }
    for (std::size_t i = 0; i < kMovable; ++i)
        from.shares_[i].release(holdings[i].amount);

    std::size_t moved = 0;
    while (moved < kMovable && take_over(to, static_cast<Resource>(moved), holdings[moved]))
        ++moved;
    if (moved == kMovable) return true;
    while (moved > 0) {
        --moved;
        to.shares_[moved].release(holdings[moved].amount);
    }
    for (std::size_t i = 0; i < kMovable; ++i)
        force(from.shares_[i], holdings[i]);
    return false;
}

void AccountTree::drop_estate_if_unused(Account& owner) {
    if (!owner.estate_ || !owner.estate_->payers_.empty()) return;
    owner.estate_.reset();
    prune(owner);
}

}  // namespace buzon::broker
