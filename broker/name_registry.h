// SPDX-License-Identifier: Apache-2.0
// Well-known names and their queues of owners; the first in a queue is the primary owner.
// Names come checked (syntax, not reserved, policy, limits): here is only who gets what.
// Cost: a request or a release takes O(log names of that peer), however long the queue is.
// Source: D-Bus Specification, "RequestName", "ReleaseName"; dbus-daemon where the text is silent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/name_list.h"
#include "broker/owned_names.h"
#include "broker/peer_id.h"
#include "bus/base/hash.h"
#include "bus/base/slab_map.h"
#include "policy/held_words.h"

namespace buzon::broker {

/// The values are those of the method's reply.
enum class RequestCode : std::uint32_t {
    PrimaryOwner = 1,
    InQueue = 2,
    Exists = 3,
    AlreadyOwner = 4,
};
enum class ReleaseCode : std::uint32_t { Released = 1, NonExistent = 2, NotOwner = 3 };

/// A name whose primary owner has changed: NameLost, NameOwnerChanged and NameAcquired are due.
struct NameChange {
    std::string name;
    std::optional<PeerId> old_owner;
    std::optional<PeerId> new_owner;
    friend bool operator==(const NameChange&, const NameChange&) = default;
};

struct RequestOutcome {
    RequestCode code;
    std::optional<NameChange> change;
};
struct ReleaseOutcome {
    ReleaseCode code;
    std::optional<NameChange> change;
};

/// A disconnect goes from the last to the first name, BecomeMonitor the other way.
enum class ReleaseOrder : std::uint8_t { LastAcquiredFirst, FirstAcquiredFirst };

class NameRegistry {
public:
    explicit NameRegistry(bus::HashSeed seed);
    NameRegistry(const NameRegistry&) = delete;
    NameRegistry& operator=(const NameRegistry&) = delete;
    ~NameRegistry();

    /// `flags`: bus::kNameAllowReplacement and so on; unknown bits are ignored.
    RequestOutcome request(PeerId peer, std::string_view name, std::uint32_t flags);
    ReleaseOutcome release(PeerId peer, std::string_view name);
    /// Takes the peer out of every queue; changes of primary owners in the order asked for.
    std::vector<NameChange> release_all(PeerId peer,
                                        ReleaseOrder order = ReleaseOrder::LastAcquiredFirst);

    /// Of the names owned or queued for, the one asked for last; absent: there is none.
    [[nodiscard]] std::optional<std::string_view> newest_of(PeerId peer) const;
    /// The one asked for before `name`, which is one of them.
    [[nodiscard]] std::optional<std::string_view> before(PeerId peer, std::string_view name) const;

    /// One hash look-up, no allocation.
    [[nodiscard]] std::optional<PeerId> owner_of(std::string_view name) const;
    /// The primary owner and those behind it; empty for a name that nobody asked for.
    [[nodiscard]] std::vector<PeerId> queue_of(std::string_view name) const;
    /// Every name that has an owner.
    [[nodiscard]] const NameList& list() const { return list_; }
    [[nodiscard]] std::size_t size() const { return names_.size(); }
    /// Places in the queues of all names. Takes a step for each peer that has one.
    [[nodiscard]] std::size_t entry_count() const;

    /// Primary owner of `name` or queued for it.
    [[nodiscard]] bool holds(PeerId peer, std::string_view name) const;
    /// Holds `prefix` itself or a name that starts with `prefix` and a dot.
    [[nodiscard]] bool holds_below(PeerId peer, std::string_view prefix) const;
    /// Names owned and queued for; the unique name is not in it.
    [[nodiscard]] std::size_t count_held_by(PeerId peer) const;
    /// Calls `visit` with every name owned or queued for, in order.
    template <typename Visit>
    void for_each_held_by(PeerId peer, Visit visit) const {
        const Holder* holder = find_holder(peer);
        if (!holder) return;
        for (const auto& [name, entry] : holder->entries)
            visit(name);
    }
    /// From now on words_of() tells which names are mentioned by the rules behind `vocabulary`,
    /// which stays alive until the next call. What a peer holds is looked up when it is asked for.
    void follow(const policy::Vocabulary& vocabulary);
    /// Null where the peer holds no name, or `vocabulary` is not the one that is followed.
    [[nodiscard]] const policy::HeldWords* words_of(PeerId peer,
                                                    const policy::Vocabulary& vocabulary) const;
    /// The names primarily owned, in no order; valid until the next change.
    [[nodiscard]] std::span<const std::string_view> owned_by(PeerId peer) const;

private:
    struct Name;
    /// One peer in the queue of one name. Lives in Holder::entries, whose nodes do not move.
    struct Entry {
        PeerId peer{};
        Name* name = nullptr;
        Entry* ahead = nullptr;
        Entry* behind = nullptr;
        // Of the same peer, in the order in which they were made.
        Entry* older = nullptr;
        Entry* newer = nullptr;
        std::size_t owned_at = 0;  // position in Holder::owned while first in the queue
        std::uint32_t flags = 0;
    };
    struct Name {
        std::string_view text;  // the key of names_
        Entry* first = nullptr;
        Entry* last = nullptr;
        std::size_t listed_at = 0;  // in list_
    };
    /// What one peer has; keys are views of the keys of names_.
    struct Holder {
        std::map<std::string_view, Entry> entries;
        std::vector<std::string_view> owned;
        Entry* oldest = nullptr;
        Entry* newest = nullptr;
        mutable policy::HeldWords words;  // as of `words_epoch`
        mutable std::uint64_t words_epoch = 0;
    };

    Name& find_or_add_name(std::string_view text);
    Entry* find_entry(PeerId peer, std::string_view name);
    [[nodiscard]] const Holder* find_holder(PeerId peer) const;
    [[nodiscard]] bool knows_words(const Holder& holder) const {
        return vocabulary_ && holder.words_epoch == epoch_;
    }
    Entry& add_entry(PeerId peer, Name& name, std::uint32_t flags, Entry* ahead);
    void link_behind(Entry& entry, Entry* ahead);
    void unlink(Entry& entry);
    void drop(Entry& entry);
    void start_owning(Entry& entry);
    void stop_owning(Entry& entry);
    NameChange replace_owner(Name& name, PeerId peer, std::uint32_t flags);
    void enqueue(Name& name, PeerId peer, std::uint32_t flags);
    std::optional<NameChange> leave(Entry& entry);

    bus::SlabMap<std::string, Name, bus::TextHash> names_;
    NameList list_;  // of names_
    bus::SlabMap<PeerId, Holder, bus::IdHash> holders_;
    const policy::Vocabulary* vocabulary_ = nullptr;
    std::uint64_t epoch_ = 0;  // of vocabulary_
};

/// OwnedNames of one peer; lives shorter than the registry.
class NamesOwnedBy final : public OwnedNames {
public:
    NamesOwnedBy(const NameRegistry& registry, PeerId peer) : registry_(registry), peer_(peer) {}
    [[nodiscard]] std::span<const std::string_view> all() const override {
        return registry_.owned_by(peer_);
    }
    [[nodiscard]] bool contains(std::string_view name) const override {
        return registry_.owner_of(name) == peer_;
    }

private:
    const NameRegistry& registry_;
    PeerId peer_;
};

}  // namespace buzon::broker
