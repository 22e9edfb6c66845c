// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/account.h"

#include <algorithm>
#include <utility>

#include "broker/quota/account_tree.h"

namespace buzon::broker {
namespace {

constexpr std::size_t kConnections = static_cast<std::size_t>(Resource::Connections);

/// Where claims begin. What each connection has one of would, if they ranked among each other, let
/// only a few of them in; and if only users did, one program could keep out all others of its user.
constexpr Level sharing_level(std::size_t resource) {
    return resource == kConnections ? Level::Principal : Level::Connection;
}

constexpr Share::Role role_of(std::size_t resource, Level level, bool is_estate) {
    if (level == Level::Bus) return Share::Role::Root;
    if (level > sharing_level(resource)) return Share::Role::BelowLeaf;
    // The dead have no places, so no pocket is lost to them.
    if (is_estate && resource == kConnections) return Share::Role::BelowLeaf;
    return level == sharing_level(resource) || is_estate ? Share::Role::Leaf : Share::Role::Branch;
}

/// By which the children of an account at `level` rank.
constexpr const Tiers& tiers_below(Level level, std::size_t resource) {
    if (resource == kConnections) return level == Level::Bus ? kPlacesOfUsers : kPlacesOfPrograms;
    return level == Level::Principal ? kNarrowTiers : kWideTiers;
}

template <typename Pools, std::size_t... Index>
std::array<Share, kResourceCount> make_shares(
    Pools& pools, Account* parent, Level level, bool is_estate, std::index_sequence<Index...>) {
    return {Share(pools[Index], parent ? &parent->share(static_cast<Resource>(Index)) : nullptr,
                  role_of(Index, level, is_estate), tiers_below(level, Index))...};
}

}  // namespace

Account::Account(AccountTree& tree, Account* parent, Level level, Key key, bool is_estate)
    : id_(AccountId{tree.next_id_++}),
      parent_(parent),
      key_(key),
      shares_(make_shares(
          tree.pools_, parent, level, is_estate, std::make_index_sequence<kResourceCount>())),
      turns_(parent ? &parent->turns_ : tree.turns_),
      level_(level),
      is_estate_(is_estate) {
    if (parent) parent->children_.push_back(*this);
    tree.apply_caps(*this);
}

bool Account::holds_nothing() const {
    return std::all_of(shares_.begin(), shares_.begin() + kConnections,
                       [](const Share& share) { return share.held() == 0; });
}

QuotaRefusal Account::refusal(Resource resource,
                              const Share::Refused& refused,
                              std::uint64_t amount) const {
    const Account* at = this;
    while (&at->share(resource) != refused.at && at->parent_)
        at = at->parent_;
    return refusal_of(resource, at->level_, refused, amount);
}

Payer::Payer(AccountTree& tree, std::unique_ptr<Account> account)
    : tree_(tree), account_(account.get()), own_(std::move(account)) {
    account_->payer_ = this;
}

Payer::~Payer() {
    tree_.give_up(*this);
}

}  // namespace buzon::broker
