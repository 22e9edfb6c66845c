// SPDX-License-Identifier: Apache-2.0
#include "broker/body_arguments.h"

#include "bus/signature.h"

namespace buzon::broker {

std::optional<TextArgument> BodyArguments::argument(unsigned index) {
    if (index >= slots_.size()) return std::nullopt;
    while (read_ <= index && !rest_.empty())
        read_one();
    if (index >= read_ || !slots_[index].text) return std::nullopt;
    return TextArgument{slots_[index].kind, {slots_[index].text, slots_[index].bytes}};
}

void BodyArguments::read_one() {
    Slot& slot = slots_[read_++];
    slot.text = nullptr;
    const char type = rest_.front();
    if (type == 's' || type == 'o') {
        const auto text = reader_.read_string();
        if (!text) {
            rest_ = {};
            return;
        }
        slot.text = text->data();
        slot.bytes = text->size();
        slot.kind = type == 's' ? TextArgument::Kind::String : TextArgument::Kind::ObjectPath;
        rest_.remove_prefix(1);
        return;
    }
    const std::size_t length = bus::first_type_length(rest_);
    const bool skipped = reader_.skip(rest_.substr(0, length));
    rest_ = skipped ? rest_.substr(length) : std::string_view();
}

}  // namespace buzon::broker
