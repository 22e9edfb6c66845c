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
      descriptors_(message.descriptors) {
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
    return head_.size() + body_.size() + receivers_.size() * sizeof(PeerId) * 2;
}

void HeldMessage::charge_to(const bus::Ref<InFlight>& sender) {
    if (!sender->try_add(held_bytes(), descriptor_count()))
        charge_.emplace(sender, held_bytes(), static_cast<std::uint32_t>(descriptor_count()));
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
    return std::any_of(place->second.begin(), place->second.end(), [&](const HeldMessage& held) {
        const auto& waiting = held.waiting();
        return std::find(waiting.begin(), waiting.end(), receiver) != waiting.end();
    });
}

}  // namespace buzon::broker
