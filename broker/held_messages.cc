// SPDX-License-Identifier: Apache-2.0
#include "broker/held_messages.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "broker/quota/overdraft.h"

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

std::size_t HeldMessage::most_bytes_for(const Account& sender) const {
    const std::size_t list = list_bytes(receivers_.size() > kShortList ? receivers_.size() : 0);
    for (const std::size_t bytes : {held_bytes(), std::max(bytes_as_sent_, list), list}) {
        const auto refused = sender.share(Resource::Bytes).check(bytes);
        if (!refused || may_overdraw(sender, sender.refusal(Resource::Bytes, *refused, bytes)))
            return bytes;
    }
    return 0;
}

bool HeldMessage::charge_to(const bus::Ref<InFlight>& sender, bus::ReadArena& arena) {
    const Account& account = sender->payer()->account();
    const std::size_t count = descriptor_count();
    const bool have_place = count == 0 || !account.share(Resource::Descriptors).check(count);
    const bool are_of_copies = !have_place && shares_memory_with_copies() && !sender->has_debt() &&
                               sender->queued_descriptors() >= count;
    const bool may_stay = have_place || are_of_copies || may_overdraw_descriptors(account, count);
    const std::size_t bytes = most_bytes_for(account);
    const std::size_t descriptors = are_of_copies ? 0 : count;
    if (bytes > 0 || descriptors > 0)
        charge_ = std::make_unique<WaitingCharge>(sender, bytes, descriptors);
    if (held_bytes() > bytes || count > descriptors) charge_later(sender, arena);
    return may_stay;
}

bool HeldMessage::shares_memory_with_copies() const {
    return body_owner_ && kind_ == HeldKind::Broadcast && waiting_.size() < receivers_.size();
}

void HeldMessage::charge_later(const bus::Ref<InFlight>& sender, bus::ReadArena& arena) {
    const std::uint64_t left = held_bytes() - charged_bytes();
    std::uint64_t owed = 0;
    if (shares_memory_with_copies() && !sender->has_debt()) {
        owed = std::min(left, sender->queued_bytes());
        const std::uint64_t descriptors = std::min<std::uint64_t>(
            descriptor_count() - charged_descriptors(), sender->queued_descriptors());
        if (owed > 0 || descriptors > 0)
            debt_ = std::make_unique<InFlightDebt>(sender, owed, descriptors);
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
