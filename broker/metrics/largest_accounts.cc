// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/largest_accounts.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace buzon::broker {

namespace {

double part_of(std::uint64_t held, std::uint64_t capacity) {
    return held == 0 ? 0
                     : static_cast<double>(held) / static_cast<double>(std::max(capacity, held));
}

double largest_part(const Account& account) {
    double largest = 0;
    for (std::size_t i = 0; i < kResourceCount; ++i) {
        const Share& share = account.share(static_cast<Resource>(i));
        largest = std::max(largest, part_of(share.held(), share.pool().limits().capacity));
    }
    return largest;
}

/// Null if it is smaller than all of a full `list`; else its place there, with nothing but `part`.
AccountFigures* make_place(std::vector<AccountFigures>& list, double part) {
    const auto place = std::ranges::find_if(
        list, [part](const AccountFigures& other) { return other.part < part; });
    if (place == list.end() && list.size() == LargestAccounts::kShown) return nullptr;
    AccountFigures* const made = &*list.emplace(place);
    made->part = part;
    return made;
}

void look_at(const Account& account, std::vector<AccountFigures>& list, const PeerRegistry& peers) {
    AccountFigures* const figures = make_place(list, largest_part(account));
    if (!figures) return;
    for (std::size_t i = 0; i < kResourceCount; ++i)
        figures->held[i] = account.held(static_cast<Resource>(i));
    if (const auto* const user = std::get_if<UserId>(&account.key())) {
        figures->user = *user;
    } else {
        figures->user = std::get<UserId>(account.parent()->key());
        figures->program = std::get<PrincipalKey>(account.key());
        if (const Peer* const peer = peers.one_of(account)) figures->process = peer->process_name();
    }
    if (list.size() > LargestAccounts::kShown) list.pop_back();
}

}  // namespace

bool LargestAccounts::advance(const AccountTree& accounts, const PeerRegistry& peers) {
    switch (stage_) {
        case Stage::Users:
            last_user_ = accounts.visit_users(last_user_, kLooksPerTurn, [&](const Account& user) {
                look_at(user, users_, peers);
            });
            if (!last_user_) stage_ = Stage::Programs;
            break;
        case Stage::Programs:
            last_program_ = accounts.visit_programs(
                last_program_, kLooksPerTurn,
                [&](const Account& program) { look_at(program, programs_, peers); });
            if (!last_program_) stage_ = Stage::Done;
            break;
        case Stage::Done: break;
    }
    return stage_ == Stage::Done;
}

}  // namespace buzon::broker
