// SPDX-License-Identifier: Apache-2.0
#include "bus/body_check.h"

#include <cassert>
#include <utility>
#include <variant>

#include "bus/body_checker.h"

namespace buzon::bus {
namespace {

template <bool kSwapped>
using OneGoChecker = detail::BodyChecker<kSwapped, detail::CheckMode::AtOnce>;
template <bool kSwapped>
using PiecewiseChecker = detail::BodyChecker<kSwapped, detail::CheckMode::InPieces>;

bool is_swapped(ByteOrder order) {
    return (order == ByteOrder::Little) != detail::kNativeIsLittle;
}

template <bool kSwapped>
[[gnu::flatten]] Result<void, BodyError> check_in_order(std::string_view signature,
                                                        std::span<const std::byte> body) {
    detail::BodyTables tables;
    OneGoChecker<kSwapped> checker(signature, body, tables);
    if (checker.advance(0) == BodyProgress::Valid) return {};
    return Unexpected{checker.error()};
}

using AnyPiecewiseChecker = std::variant<PiecewiseChecker<false>, PiecewiseChecker<true>>;

AnyPiecewiseChecker make_checker(std::string_view signature,
                                 std::span<const std::byte> body,
                                 ByteOrder order,
                                 detail::BodyTables& tables) {
    if (is_swapped(order)) {
        return AnyPiecewiseChecker(std::in_place_index<1>, signature, body, tables);
    }
    return AnyPiecewiseChecker(std::in_place_index<0>, signature, body, tables);
}

}  // namespace

std::string_view describe(BodyError error) {
    switch (error) {
        case BodyError::Truncated: return "a value runs past the end of the body";
        case BodyError::TrailingBytes: return "bytes behind the last value of the body";
        case BodyError::PaddingNotZero: return "padding is not zero";
        case BodyError::BooleanOutOfRange: return "boolean is neither 0 nor 1";
        case BodyError::StringNotUtf8: return "string is not UTF-8";
        case BodyError::StringHasNul: return "NUL inside a string";
        case BodyError::StringNotTerminated: return "string without its NUL";
        case BodyError::ObjectPathInvalid: return "object path is not valid";
        case BodyError::SignatureInvalid: return "signature is not valid";
        case BodyError::VariantNotOneType: return "variant is not of exactly one complete type";
        case BodyError::ArrayTooLong: return "array longer than 64 MiB";
        case BodyError::ArrayLengthNotMultiple:
            return "array length is no multiple of its elements";
        case BodyError::ArrayOverrun: return "last element does not end where the array ends";
        case BodyError::TooDeep: return "more than 64 containers inside each other";
    }
    return "unknown error";
}

Result<void, BodyError> check_body(std::string_view signature,
                                   std::span<const std::byte> body,
                                   ByteOrder order) {
    return is_swapped(order) ? check_in_order<true>(signature, body)
                             : check_in_order<false>(signature, body);
}

struct BodyCheck::State {
    State(std::string_view signature, std::span<const std::byte> body, ByteOrder order)
        : checker(make_checker(signature, body, order, tables)) {}

    detail::BodyTables tables;
    AnyPiecewiseChecker checker;
    BodyProgress progress = BodyProgress::Unfinished;
};

BodyCheck::BodyCheck(std::string_view signature, std::span<const std::byte> body, ByteOrder order)
    : state_(std::make_unique<State>(signature, body, order)) {}

BodyCheck::~BodyCheck() = default;
BodyCheck::BodyCheck(BodyCheck&&) noexcept = default;
BodyCheck& BodyCheck::operator=(BodyCheck&&) noexcept = default;

BodyProgress BodyCheck::advance(std::size_t bytes) {
    if (state_->progress == BodyProgress::Unfinished) {
        state_->progress =
            std::visit([bytes](auto& checker) { return checker.advance(bytes); }, state_->checker);
    }
    return state_->progress;
}

BodyError BodyCheck::error() const {
    assert(state_->progress == BodyProgress::Invalid);
    return std::visit([](const auto& checker) { return checker.error(); }, state_->checker);
}

}  // namespace buzon::bus
