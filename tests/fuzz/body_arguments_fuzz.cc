// SPDX-License-Identifier: Apache-2.0
// Input as for body_check: byte order, length of the signature, signature, body. What the checker
// accepts is read without a fault, in any order of asking, with the same answers.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "broker/body_arguments.h"
#include "bus/body_check.h"
#include "bus/signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace buzon;
    if (size < 2 || size - 2 < data[1]) return 0;
    const auto order = data[0] == 'B' ? bus::ByteOrder::Big : bus::ByteOrder::Little;
    const std::string_view signature(reinterpret_cast<const char*>(data) + 2, data[1]);
    const auto body = std::as_bytes(std::span(data, size)).subspan(2 + signature.size());
    if (!bus::check_signature(signature) || !bus::check_body(signature, body, order)) return 0;
    broker::BodyArguments at_once(signature, body, order);
    (void)at_once.argument(63);
    broker::BodyArguments one_by_one(signature, body, order);
    for (unsigned index = 0; index < 64; ++index) {
        const auto left = one_by_one.argument(index);
        const auto right = at_once.argument(index);
        assert(left.has_value() == right.has_value());
        if (!left) continue;
        assert(left->text == right->text && left->kind == right->kind);
        assert(left->text.data() >= reinterpret_cast<const char*>(body.data()));
        assert(left->text.data() + left->text.size() <=
               reinterpret_cast<const char*>(body.data() + body.size()));
    }
    return 0;
}
