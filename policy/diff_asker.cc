// SPDX-License-Identifier: Apache-2.0
#include "policy/diff_asker.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "policy/name_list.h"

namespace buzon::policy {

namespace {

std::size_t mixed(std::size_t hash, std::size_t value) {
    constexpr std::size_t kOdd = 0x9e3779b97f4a7c15;
    hash = (hash ^ value) * kOdd;
    return hash ^ hash >> 29;
}

std::size_t hash_for(const Identity& who, std::size_t question) {
    return mixed(question, std::hash<const Identity*>{}(&who));
}

}  // namespace

std::size_t hash_of(MessageSide side, const Witness& witness) {
    std::size_t hash = mixed(static_cast<std::size_t>(side), witness.fds);
    const auto flags = static_cast<unsigned>(witness.type) << 3U |
                       static_cast<unsigned>(witness.is_reply) << 2U |
                       static_cast<unsigned>(witness.requested_reply) << 1U |
                       static_cast<unsigned>(witness.eavesdropping);
    hash = mixed(hash, flags);
    for (const auto* text :
         {&witness.path, &witness.interface, &witness.member, &witness.error_name,
          &witness.destination, &witness.party, &witness.also}) {
        hash = mixed(hash, std::hash<std::string>{}(*text));
    }
    return hash;
}

Verdict decide(const PolicySnapshot& snapshot,
               MessageSide side,
               const Witness& witness,
               const NameHolder& party) {
    const bool sends = side == MessageSide::Sends;
    const MessageFacts message{.type = witness.type,
                               .path = witness.path,
                               .interface = witness.interface,
                               .member = witness.member,
                               .error_name = witness.error_name,
                               .destination = witness.destination,
                               .sender = sends ? std::string_view(":1.0") : witness.party,
                               .is_reply = witness.is_reply,
                               .fd_count = witness.fds};
    if (sends) return snapshot.may_send({message, &party, witness.requested_reply});
    return snapshot.may_receive({message, &party, witness.requested_reply, witness.eavesdropping});
}

void DiffAsker::compare(DecisionKind kind,
                        const Verdict& before,
                        const Verdict& after,
                        const std::function<std::string()>& describe) {
    ++result_.questions;
    if (before.allowed == after.allowed && before.log == after.log) return;
    const auto [known, is_new] =
        known_.emplace(Key{kind, before.rule, after.rule}, result_.changes.size());
    if (is_new) {
        result_.changes.push_back({kind, before, after, describe(), 0});
        places_.push_back(place_);
    }
    ++result_.changes[known->second].questions;
}

void DiffAsker::ask_owning(const Identity& who, const std::string& name) {
    if (!asked_.insert(hash_for(who, std::hash<std::string>{}(name))).second) return;
    compare(DecisionKind::Own, who.before->may_own(name), who.after->may_own(name),
            [&] { return fmt::format("{} owns {}", who.to_text(), name); });
}

void DiffAsker::ask(const Identity& who, MessageSide side, const Witness& witness) {
    if (!asked_.insert(hash_for(who, hash_of(side, witness))).second) return;
    std::vector<std::string> names{witness.party};
    if (!witness.also.empty()) names.push_back(witness.also);
    const NameList party(std::move(names));
    const bool sends = side == MessageSide::Sends;
    compare(sends ? DecisionKind::Send : DecisionKind::Receive,
            decide(*who.before, side, witness, party), decide(*who.after, side, witness, party),
            [&] {
                return fmt::format("{} {} a {}", who.to_text(), sends ? "sends" : "receives",
                                   to_text(witness, sends));
            });
}

PolicyDiff DiffAsker::take() {
    std::vector<std::size_t> order(result_.changes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
        return places_[left] < places_[right];
    });
    std::vector<PolicyChange> sorted;
    sorted.reserve(order.size());
    for (const std::size_t index : order)
        sorted.push_back(std::move(result_.changes[index]));
    result_.changes = std::move(sorted);
    return std::move(result_);
}

}  // namespace buzon::policy
