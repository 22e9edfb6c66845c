// SPDX-License-Identifier: Apache-2.0
#include "broker/held_messages.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace buzon::broker {

HeldMessage::HeldMessage(const bus::OutgoingMessage& message,
                         HeldKind kind,
                         std::vector<PeerId> receivers,
                         std::vector<PeerId> waiting)
    : kind_(kind),
      receivers_(std::move(receivers)),
      waiting_(std::move(waiting)),
      head_(message.head),
      body_(message.body),
      head_owner_(message.head_owner),
      body_owner_(message.body_owner),
      descriptors_(message.descriptors),
      bytes_as_sent_(message.header.total_bytes()) {
    std::sort(waiting_.begin(), waiting_.end());
    // A vector keeps its bytes where they are when it moves.
    if (!head_owner_) {
        own_head_.assign(head_.begin(), head_.end());
        head_ = own_head_;
    }
    if (!body_owner_) {
        own_body_.assign(body_.begin(), body_.end());
        body_ = own_body_;
    }
    const auto header = bus::parse_header(head_);
    assert(header && "it has been valid before");
    header_ = *header;
}

bus::OutgoingMessage HeldMessage::message() const {
    return {header_, head_, body_, body_owner_, descriptors_, head_owner_};
}

std::size_t HeldMessage::held_bytes() const {
    return head_.size() + body_.size() + list_bytes(receivers_.size());
}

void HeldMessage::charge_to(const bus::Ref<InFlight>& sender, bus::ReadArena& arena) {
    const std::size_t list = list_bytes(receivers_.size() > kShortList ? receivers_.size() : 0);
    for (const std::size_t bytes : {held_bytes(), std::max(bytes_as_sent_, list), list}) {
        if (bytes == 0 || sender->try_add(bytes, descriptor_count())) continue;
        charged_bytes_ = bytes;
        charge_.emplace(sender, bytes, static_cast<std::uint32_t>(descriptor_count()));
        break;
    }
    if (held_bytes() > charged_bytes()) charge_later(sender, arena);
}

bool HeldMessage::shares_memory_with_copies() const {
    return body_owner_ && kind_ == HeldKind::Broadcast && waiting_.size() < receivers_.size();
}

void HeldMessage::charge_later(const bus::Ref<InFlight>& sender, bus::ReadArena& arena) {
    const std::uint64_t left = held_bytes() - charged_bytes();
    std::uint64_t owed = 0;
    if (shares_memory_with_copies() && !sender->has_debt()) {
        owed = std::min(left, sender->bytes() - charged_bytes());
        const std::uint64_t descriptors =
            std::min<std::uint64_t>(descriptor_count() - charged_descriptors(),
                                    sender->descriptors() - charged_descriptors());
        if (owed > 0) debt_ = std::make_unique<InFlightDebt>(sender, owed, descriptors);
    }
    if (left > owed) uncharged_ = bus::ReadArena::Aside(arena, left - owed);
}

void HeldMessages::keep(PeerId sender, HeldMessage message) {
    of_[sender].push_back(std::move(message));
}

std::vector<HeldMessage> HeldMessages::take(PeerId sender) {
    const auto place = of_.find(sender);
    if (place == of_.end()) return {};
    auto taken = std::move(place->second);
    of_.erase(place);
    return taken;
}

std::uint64_t HeldMessages::charged_bytes_of(PeerId sender) const {
    const auto place = of_.find(sender);
    std::uint64_t bytes = 0;
    if (place != of_.end())
        for (const HeldMessage& message : place->second)
            bytes += message.charged_bytes();
    return bytes;
}

bool HeldMessages::is_held(PeerId sender, PeerId receiver) const {
    const auto place = of_.find(sender);
    if (place == of_.end()) return false;
    const auto waits = [receiver](const HeldMessage& message) {
        const auto& waiting = message.waiting();
        return message.kind() == HeldKind::Whole ||
               std::binary_search(waiting.begin(), waiting.end(), receiver);
    };
    return std::any_of(place->second.begin(), place->second.end(), waits);
}

bool HeldMessages::holds_whole(PeerId sender) const {
    const auto place = of_.find(sender);
    if (place == of_.end()) return false;
    const auto is_whole = [](const HeldMessage& message) {
        return message.kind() == HeldKind::Whole;
    };
    return std::any_of(place->second.begin(), place->second.end(), is_whole);
}

}  // namespace buzon::broker
