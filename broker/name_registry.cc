// SPDX-License-Identifier: Apache-2.0
// Three structures share the entries: the queue of each name links them, the map of each peer
// owns them in the order of the names (which answers holds_below()) and links them in the order in
// which they were made, and the list `owned` names those that stand first in their queue. Entries
// of a peer are released in the order in which it first asked; a place gained or lost in a queue
// meanwhile does not count. All names stand in one list besides, for those who want all of them.
#include "broker/name_registry.h"

#include <array>
#include <utility>

#include "bus/protocol.h"

namespace buzon::broker {

NameRegistry::NameRegistry(bus::HashSeed seed) : names_(bus::TextHash(seed)) {}
NameRegistry::~NameRegistry() = default;

RequestOutcome NameRegistry::request(PeerId peer, std::string_view text, std::uint32_t flags) {
    Name& name = find_or_add_name(text);
    if (!name.first) {
        start_owning(add_entry(peer, name, flags, nullptr));
        return {RequestCode::PrimaryOwner, NameChange{std::string(text), std::nullopt, peer}};
    }
    if (name.first->peer == peer) {
        name.first->flags = flags;
        return {RequestCode::AlreadyOwner, std::nullopt};
    }
    const bool replaces = (flags & bus::kNameReplaceExisting) != 0 &&
                          (name.first->flags & bus::kNameAllowReplacement) != 0;
    if (replaces) return {RequestCode::PrimaryOwner, replace_owner(name, peer, flags)};
    if ((flags & bus::kNameDoNotQueue) != 0) {
        if (Entry* queued = find_entry(peer, text)) drop(*queued);
        return {RequestCode::Exists, std::nullopt};
    }
    enqueue(name, peer, flags);
    return {RequestCode::InQueue, std::nullopt};
}

ReleaseOutcome NameRegistry::release(PeerId peer, std::string_view name) {
    if (!names_.contains(name)) return {ReleaseCode::NonExistent, std::nullopt};
    Entry* entry = find_entry(peer, name);
    if (!entry) return {ReleaseCode::NotOwner, std::nullopt};
    return {ReleaseCode::Released, leave(*entry)};
}

std::vector<NameChange> NameRegistry::release_all(PeerId peer, ReleaseOrder order) {
    std::vector<NameChange> changes;
    const bool from_newest = order == ReleaseOrder::LastAcquiredFirst;
    for (const Holder* holder = find_holder(peer); holder; holder = find_holder(peer)) {
        Entry& next = from_newest ? *holder->newest : *holder->oldest;
        if (auto change = leave(next)) changes.push_back(std::move(*change));
    }
    return changes;
}

std::optional<std::string_view> NameRegistry::newest_of(PeerId peer) const {
    const Holder* holder = find_holder(peer);
    if (!holder) return std::nullopt;
    return holder->newest->name->text;
}

std::optional<std::string_view> NameRegistry::before(PeerId peer, std::string_view name) const {
    const Holder* holder = find_holder(peer);
    if (!holder) return std::nullopt;
    const auto entry = holder->entries.find(name);
    if (entry == holder->entries.end() || !entry->second.older) return std::nullopt;
    return entry->second.older->name->text;
}

std::size_t NameRegistry::entry_count() const {
    std::size_t count = 0;
    holders_.for_each([&](PeerId, const Holder& holder) { count += holder.entries.size(); });
    return count;
}

std::optional<PeerId> NameRegistry::owner_of(std::string_view name) const {
    const Name* found = names_.find(name);
    if (!found) return std::nullopt;
    return found->first->peer;
}

std::vector<PeerId> NameRegistry::queue_of(std::string_view name) const {
    std::vector<PeerId> queue;
    const Name* found = names_.find(name);
    if (!found) return queue;
    for (const Entry* entry = found->first; entry; entry = entry->behind) {
        queue.push_back(entry->peer);
    }
    return queue;
}

bool NameRegistry::holds(PeerId peer, std::string_view name) const {
    const Holder* holder = find_holder(peer);
    return holder && holder->entries.find(name) != holder->entries.end();
}

bool NameRegistry::holds_below(PeerId peer, std::string_view prefix) const {
    const Holder* holder = find_holder(peer);
    if (!holder) return false;
    // `org.example-x` may stand between `org.example` and `org.example.x`: the map is in the
    // order of bytes. So the name itself and those behind the dot are two questions.
    if (holder->entries.find(prefix) != holder->entries.end()) return true;
    if (prefix.size() >= bus::kMaxNameBytes) return false;
    std::array<char, bus::kMaxNameBytes> with_dot;
    const std::size_t size = prefix.copy(with_dot.data(), with_dot.size());
    with_dot[size] = '.';
    const std::string_view start(with_dot.data(), size + 1);
    const auto next = holder->entries.lower_bound(start);
    return next != holder->entries.end() && next->first.starts_with(start);
}

std::size_t NameRegistry::count_held_by(PeerId peer) const {
    const Holder* holder = find_holder(peer);
    return holder ? holder->entries.size() : 0;
}

std::span<const std::string_view> NameRegistry::owned_by(PeerId peer) const {
    const Holder* holder = find_holder(peer);
    return holder ? std::span<const std::string_view>(holder->owned)
                  : std::span<const std::string_view>();
}

void NameRegistry::follow(const policy::Vocabulary& vocabulary) {
    vocabulary_ = &vocabulary;
    ++epoch_;
}

const policy::HeldWords* NameRegistry::words_of(PeerId peer,
                                                const policy::Vocabulary& vocabulary) const {
    if (vocabulary_ != &vocabulary) return nullptr;
    const Holder* holder = find_holder(peer);
    if (!holder) return nullptr;
    if (!knows_words(*holder)) {
        holder->words = {};
        for (const auto& [name, entry] : holder->entries)
            holder->words.add(name, vocabulary);
        holder->words_epoch = epoch_;
    }
    return &holder->words;
}

/// The caller takes the name over from a primary owner who allows it.
NameChange NameRegistry::replace_owner(Name& name, PeerId peer, std::uint32_t flags) {
    Entry& old = *name.first;
    Entry* mine = find_entry(peer, name.text);
    if (mine) {
        unlink(*mine);
        mine->flags = flags;
        link_behind(*mine, nullptr);
    } else {
        mine = &add_entry(peer, name, flags, nullptr);
    }
    NameChange change{std::string(name.text), old.peer, peer};
    stop_owning(old);
    start_owning(*mine);
    if ((old.flags & bus::kNameDoNotQueue) != 0) drop(old);
    return change;
}

/// A place behind the primary owner: at the end, directly behind it for those that want to
/// replace it and may not, and the same as before for those that only ask again.
void NameRegistry::enqueue(Name& name, PeerId peer, std::uint32_t flags) {
    const bool wants_replacement = (flags & bus::kNameReplaceExisting) != 0;
    Entry* mine = find_entry(peer, name.text);
    if (!mine) {
        add_entry(peer, name, flags, wants_replacement ? name.first : name.last);
        return;
    }
    mine->flags = flags;
    if (!wants_replacement) return;
    unlink(*mine);
    link_behind(*mine, name.first);
}

/// Takes the entry out of its queue for good. Returns the change where it was the first.
std::optional<NameChange> NameRegistry::leave(Entry& entry) {
    std::optional<NameChange> change;
    if (entry.name->first == &entry) {
        stop_owning(entry);
        change = NameChange{std::string(entry.name->text), entry.peer, std::nullopt};
        if (Entry* heir = entry.behind) {
            start_owning(*heir);
            change->new_owner = heir->peer;
        }
    }
    drop(entry);
    return change;
}

NameRegistry::Name& NameRegistry::find_or_add_name(std::string_view text) {
    const auto [found, is_new] = names_.find_or_add(text);
    if (is_new) {
        found.value.text = found.key;
        list_.add(found.key, found.value.listed_at);
    }
    return found.value;
}

const NameRegistry::Holder* NameRegistry::find_holder(PeerId peer) const {
    return holders_.find(peer);
}

NameRegistry::Entry* NameRegistry::find_entry(PeerId peer, std::string_view name) {
    Holder* holder = holders_.find(peer);
    if (!holder) return nullptr;
    const auto found = holder->entries.find(name);
    return found == holder->entries.end() ? nullptr : &found->second;
}

NameRegistry::Entry& NameRegistry::add_entry(PeerId peer,
                                             Name& name,
                                             std::uint32_t flags,
                                             Entry* ahead) {
    Holder& holder = holders_[peer];
    if (knows_words(holder)) holder.words.add(name.text, *vocabulary_);
    Entry& entry = holder.entries[name.text];
    entry.peer = peer;
    entry.name = &name;
    entry.flags = flags;
    entry.older = std::exchange(holder.newest, &entry);
    (entry.older ? entry.older->newer : holder.oldest) = &entry;
    link_behind(entry, ahead);
    return entry;
}

/// Without `ahead` the entry becomes the first.
void NameRegistry::link_behind(Entry& entry, Entry* ahead) {
    Name& name = *entry.name;
    entry.ahead = ahead;
    entry.behind = ahead ? ahead->behind : name.first;
    (entry.ahead ? entry.ahead->behind : name.first) = &entry;
    (entry.behind ? entry.behind->ahead : name.last) = &entry;
}

void NameRegistry::unlink(Entry& entry) {
    Name& name = *entry.name;
    (entry.ahead ? entry.ahead->behind : name.first) = entry.behind;
    (entry.behind ? entry.behind->ahead : name.last) = entry.ahead;
}

/// Unlinks the entry and ends it, and with it the name and the holder where it was their last.
void NameRegistry::drop(Entry& entry) {
    unlink(entry);
    const Name& name = *entry.name;
    const PeerId peer = entry.peer;
    Holder& holder = *holders_.find(peer);
    if (knows_words(holder)) holder.words.remove(name.text, *vocabulary_);
    (entry.older ? entry.older->newer : holder.oldest) = entry.newer;
    (entry.newer ? entry.newer->older : holder.newest) = entry.older;
    holder.entries.erase(name.text);
    if (holder.entries.empty()) holders_.erase(peer);
    if (name.first) return;
    list_.remove(name.listed_at);
    names_.erase(name.text);
}

void NameRegistry::start_owning(Entry& entry) {
    auto& owned = holders_.find(entry.peer)->owned;
    entry.owned_at = owned.size();
    owned.push_back(entry.name->text);
}

void NameRegistry::stop_owning(Entry& entry) {
    Holder& holder = *holders_.find(entry.peer);
    const std::string_view last = holder.owned.back();
    holder.owned[entry.owned_at] = last;
    holder.entries.find(last)->second.owned_at = entry.owned_at;
    holder.owned.pop_back();
}

}  // namespace buzon::broker
