// SPDX-License-Identifier: Apache-2.0
#include "broker/quota/port_shares.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <unordered_map>
#include <vector>

namespace buzon::broker {

/// One who has something in shares, or whose connections have.
struct PortCharge::Sender {
    Sender(PortPools& pools, Sender* up, AccountId account, Level at, Share::Role role)
        : parent(up),
          id(account),
          level(at),
          bytes(pools.bytes(), up ? &up->bytes : nullptr, role, tiers()),
          descriptors(pools.descriptors(), up ? &up->descriptors : nullptr, role, tiers()) {
        if (parent) ++parent->children;
    }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    Sender(Sender&&) = delete;
    Sender& operator=(Sender&&) = delete;
    ~Sender() {
        if (parent) --parent->children;
    }

    [[nodiscard]] const Tiers& tiers() const {
        return level == Level::Principal ? kNarrowTiers : kWideTiers;
    }
    [[nodiscard]] bool is_unused() const {
        return children == 0 && bytes.held() == 0 && descriptors.held() == 0;
    }
    [[nodiscard]] QuotaRefusal refusal(Resource resource,
                                       const Share::Refused& refused,
                                       std::uint64_t amount) const {
        const Sender* at = this;
        while (at->parent &&
               refused.at != (resource == Resource::Bytes ? &at->bytes : &at->descriptors))
            at = at->parent;
        auto refusal = refusal_of(resource, at->level, refused, amount);
        refusal.pool = QuotaRefusal::Pool::Port;
        return refusal;
    }

    Sender* parent;
    AccountId id;
    Level level;
    std::size_t children = 0;
    Share bytes;
    Share descriptors;
};

struct PortShares::Table {
    explicit Table(bus::Ref<PortPools> shared)
        : pools(std::move(shared)),
          root(*pools, nullptr, AccountId{}, Level::Bus, Share::Role::Root) {}

    /// The share of one who is charged; from now on the last one.
    Sender& find(const Account& account);
    /// Makes it, and those above it, where they are unknown.
    Sender& make(const Account& account, Share::Role role);
    /// Forgets those of `sender` and above it that hold nothing, but the last one.
    void prune(Sender* sender);
    void forget_last() { prune(std::exchange(last, nullptr)); }

    bus::Ref<PortPools> pools;
    Sender root;
    std::unordered_map<AccountId, std::unique_ptr<Sender>> senders;
    Sender* last = nullptr;
};

PortCharge::Sender& PortShares::Table::find(const Account& account) {
    if (last && last->id == account.id()) return *last;
    Sender& sender = make(account, Share::Role::Leaf);
    prune(std::exchange(last, &sender));
    return sender;
}

PortCharge::Sender& PortShares::Table::make(const Account& account, Share::Role role) {
    if (account.level() == Level::Bus) return root;
    const auto found = senders.find(account.id());
    if (found != senders.end()) return *found->second;
    Sender& parent = make(*account.parent(), Share::Role::Branch);
    auto sender = std::make_unique<Sender>(*pools, &parent, account.id(), account.level(), role);
    return *senders.emplace(account.id(), std::move(sender)).first->second;
}

void PortShares::Table::prune(Sender* sender) {
    while (sender && sender != &root && sender != last && sender->is_unused()) {
        Sender* const parent = sender->parent;
        senders.erase(sender->id);
        sender = parent;
    }
}

PortPools::PortPools(const PortLimits& limits)
    : limits_(limits),
      bytes_(
          {.capacity = limits.bytes - free_bytes(), .largest_loan = limits.largest_message_bytes}),
      descriptors_({.capacity = limits.descriptors - free_descriptors(),
                    .largest_loan = limits.largest_message_descriptors}) {}

PortShares::PortShares(bus::Ref<PortPools> pools)
    : pools_(std::move(pools)),
      free_bytes_(pools_->free_bytes()),
      free_descriptors_(pools_->free_descriptors()) {}

PortShares::~PortShares() {
    assert(bytes() == 0 && descriptors() == 0);
    if (table_) table_->forget_last();
    assert(!table_ || table_->senders.empty());
}

PortShares::Table& PortShares::table() {
    if (!table_) table_ = std::make_unique<Table>(pools_);
    return *table_;
}

bus::Result<PortCharge, QuotaRefusal> PortShares::charge_share(const Account& account,
                                                               std::uint64_t bytes,
                                                               std::uint64_t descriptors) {
    Sender& sender = table().find(account);
    if (const auto refused = sender.bytes.charge(bytes))
        return bus::Unexpected{sender.refusal(Resource::Bytes, *refused, bytes)};
    if (const auto refused = sender.descriptors.charge(descriptors)) {
        sender.bytes.release(bytes);
        return bus::Unexpected{sender.refusal(Resource::Descriptors, *refused, descriptors)};
    }
    return PortCharge(this, &sender, bytes, descriptors);
}

std::optional<QuotaRefusal> PortShares::check(const Account& sender,
                                              std::uint64_t bytes,
                                              std::uint64_t descriptors) {
    const auto tried = charge(sender, bytes, descriptors);
    if (tried) return std::nullopt;
    return tried.error();
}

PortCharge PortShares::force(const Account& account,
                             std::uint64_t bytes,
                             std::uint64_t descriptors) {
    if (fits_free_part(bytes, descriptors)) return take_free(bytes, descriptors);
    Sender& sender = table().find(account);
    sender.bytes.force(bytes);
    sender.descriptors.force(descriptors);
    return {this, &sender, bytes, descriptors};
}

void PortCharge::release() {
    PortShares* const port = std::exchange(port_, nullptr);
    if (!port) return;
    if (sender_) return port->release_share(*sender_, bytes_, descriptors_);
    port->taken_bytes_ -= bytes_;
    port->taken_descriptors_ -= descriptors_;
}

void PortShares::release_share(Sender& sender, std::uint64_t bytes, std::uint64_t descriptors) {
    sender.bytes.release(bytes);
    sender.descriptors.release(descriptors);
    table_->prune(&sender);
    if (table_->pools != pools_) drop_empty_table();
}

void PortShares::set_pools(bus::Ref<PortPools> pools) {
    pools_ = std::move(pools);
    free_bytes_ = pools_->free_bytes();
    free_descriptors_ = pools_->free_descriptors();
    if (table_) drop_empty_table();
}

/// The next one is made with the pools of then.
void PortShares::drop_empty_table() {
    table_->forget_last();
    if (table_->senders.empty()) table_ = nullptr;
}

std::uint64_t PortShares::bytes() const {
    return taken_bytes_ + (table_ ? table_->root.bytes.held() : 0);
}

std::uint64_t PortShares::descriptors() const {
    return taken_descriptors_ + (table_ ? table_->root.descriptors.held() : 0);
}

std::size_t PortShares::known_senders() const {
    if (!table_) return 0;
    return static_cast<std::size_t>(
        std::count_if(table_->senders.begin(), table_->senders.end(), [](const auto& entry) {
            const Sender& sender = *entry.second;
            return sender.children == 0 && !sender.is_unused();
        }));
}

std::vector<PortShares::Holding> PortShares::holdings() const {
    std::vector<Holding> all;
    if (!table_) return all;
    for (const auto& [id, sender] : table_->senders)
        if (sender->children == 0 && !sender->is_unused())
            all.push_back(
                {id, sender->parent->id, sender->bytes.held(), sender->descriptors.held()});
    return all;
}

const PortCharge::Sender* PortShares::find(AccountId account) const {
    if (!table_) return nullptr;
    const auto found = table_->senders.find(account);
    return found == table_->senders.end() ? nullptr : found->second.get();
}

std::uint64_t PortShares::bytes_of(AccountId account) const {
    const Sender* const sender = find(account);
    return sender ? sender->bytes.held() : 0;
}

std::uint64_t PortShares::descriptors_of(AccountId account) const {
    const Sender* const sender = find(account);
    return sender ? sender->descriptors.held() : 0;
}

std::string PortShares::verify() const {
    if (!table_) return {};
    std::unordered_map<const Sender*, std::vector<const Sender*>> children;
    children[&table_->root];
    for (const auto& [id, sender] : table_->senders) {
        children[sender.get()];
        children[sender->parent].push_back(sender.get());
    }
    for (const auto& [sender, below] : children) {
        if (sender->children != below.size()) return "counts other children than it has";
        std::vector<const Share*> bytes;
        std::vector<const Share*> descriptors;
        for (const Sender* child : below) {
            bytes.push_back(&child->bytes);
            descriptors.push_back(&child->descriptors);
        }
        for (auto& said :
             {sender->bytes.disagreement(bytes), sender->descriptors.disagreement(descriptors)}) {
            if (!said.empty()) return said;
        }
    }
    return {};
}

}  // namespace buzon::broker
