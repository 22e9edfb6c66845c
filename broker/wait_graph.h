// SPDX-License-Identifier: Apache-2.0
// Who waits for room in whose queue: senders and receivers, each sender for any number of them.
// Everything costs O(log n), however many wait, but leads_to(), which has a bound and remembers
// what it has found: of all receivers of a broadcast it is asked whether they lead to the same
// sender. Senders stand in a queue in the order in which they came, or were sent back to its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "broker/peer_id.h"
#include "bus/base/hash.h"
#include "bus/base/slab_map.h"

namespace buzon::broker {

class WaitGraph {
public:
    /// leads_to() follows so many waits, from the end of the way to its beginning.
    static constexpr std::size_t kMostFollowed = 4096;

    /// False: it waits there already.
    bool add(PeerId sender, PeerId receiver);
    /// False: it did not wait there.
    bool remove(PeerId sender, PeerId receiver);
    /// In no order; valid until the next change.
    [[nodiscard]] std::span<const PeerId> receivers_of(PeerId sender) const;
    [[nodiscard]] bool waits(PeerId sender, PeerId receiver) const {
        return edges_.contains(Wait{sender, receiver});
    }
    [[nodiscard]] std::size_t count_waiting_for(PeerId receiver) const;
    /// Nothing: nobody waits for it.
    [[nodiscard]] std::optional<PeerId> first_waiting_for(PeerId receiver) const;
    void send_to_the_end(PeerId sender, PeerId receiver);
    /// Up to `most` receivers that somebody waits for, beginning behind `after`, and then from the
    /// first on.
    [[nodiscard]] std::vector<PeerId> receivers_behind(PeerId after, std::size_t most) const;
    [[nodiscard]] std::size_t receiver_count() const { return queues_.size(); }
    /// Whether `from` waits for `to`, perhaps through others. Among very many that wait for `to`
    /// not all ways are found.
    [[nodiscard]] bool leads_to(PeerId from, PeerId to) const;
    /// What leads_to() has looked at so far: its cost, as a number to test.
    [[nodiscard]] std::uint64_t steps() const { return steps_; }

private:
    struct Wait {
        PeerId sender{};
        PeerId receiver{};
        friend bool operator==(const Wait&, const Wait&) = default;
    };
    struct WaitHash {
        std::uint64_t operator()(const Wait& wait) const {
            // Numbers that we give out ourselves need no secret seed.
            return bus::hash_words(static_cast<std::uint64_t>(wait.sender),
                                   static_cast<std::uint64_t>(wait.receiver),
                                   {0x243f6a8885a308d3U, 0x13198a2e03707344U});
        }
    };
    struct Edge {
        std::size_t at = 0;  // in receivers_of_
        std::list<PeerId>::iterator place;
    };
    /// Who waits for `to`, perhaps through others, as far as leads_to() has looked. A wait of `to`
    /// itself changes nothing in that.
    struct Followers {
        PeerId to{};
        std::unordered_set<PeerId> found;
    };

    [[nodiscard]] const std::unordered_set<PeerId>& followers_of(PeerId to) const;
    void forget_followers(PeerId sender, PeerId receiver);

    bus::SlabMap<Wait, Edge, WaitHash> edges_;
    bus::SlabMap<PeerId, std::vector<PeerId>, bus::IdHash> receivers_of_;
    std::map<PeerId, std::list<PeerId>> queues_;
    mutable std::optional<Followers> followers_;
    mutable std::uint64_t steps_ = 0;
};

}  // namespace buzon::broker
