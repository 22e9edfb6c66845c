// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/value_parser.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <concepts>
#include <cstdlib>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "bus/names.h"
#include "bus/protocol.h"
#include "bus/signature.h"
#include "bus/utf8.h"

namespace buzon::clients {
namespace {

bool equal_without_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<bool> to_boolean(std::string_view text) {
    static constexpr std::string_view kTrue[] = {"1", "yes", "y", "true", "t", "on"};
    static constexpr std::string_view kFalse[] = {"0", "no", "n", "false", "f", "off"};
    const auto is_text = [&](std::string_view word) { return equal_without_case(word, text); };
    if (std::ranges::any_of(kTrue, is_text)) return true;
    if (std::ranges::any_of(kFalse, is_text)) return false;
    return std::nullopt;
}

/// The digits and their base: `0x`, `0o` and `0b` begin as in C, and so does a plain `0`.
std::pair<std::string_view, int> split_base(std::string_view digits) {
    if (digits.size() < 2 || digits[0] != '0') return {digits, 10};
    switch (digits[1]) {
        case 'x':
        case 'X': return {digits.substr(2), 16};
        case 'o':
        case 'O': return {digits.substr(2), 8};
        case 'b':
        case 'B': return {digits.substr(2), 2};
        default: return {digits.substr(1), 8};
    }
}

enum class NumberError { NotANumber, OutOfRange };

/// A sign, then a number without one: the same digits for all types, limits apart.
template <std::integral Integer>
std::variant<Integer, NumberError> to_integer(std::string_view text) {
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) text.remove_prefix(1);
    const auto [digits, base] = split_base(text);
    std::uint64_t magnitude = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
    if (error == std::errc::result_out_of_range) return NumberError::OutOfRange;
    if (error != std::errc{} || end != digits.data() + digits.size())
        return NumberError::NotANumber;

    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<Integer>::max());
    constexpr auto kMinMagnitude = std::is_signed_v<Integer> ? kMax + 1 : 0;
    if (magnitude > (is_negative ? kMinMagnitude : kMax)) return NumberError::OutOfRange;
    return static_cast<Integer>(is_negative ? 0 - magnitude : magnitude);
}

std::string_view describe_type(char code) {
    switch (code) {
        case 'y': return "a byte (0 to 255)";
        case 'b': return "a boolean (yes, true, on, 1 or no, false, off, 0)";
        case 'n': return "a signed 16-bit integer";
        case 'q': return "an unsigned 16-bit integer";
        case 'i': return "a signed 32-bit integer";
        case 'u': return "an unsigned 32-bit integer";
        case 'x': return "a signed 64-bit integer";
        case 't': return "an unsigned 64-bit integer";
        case 'd': return "a floating-point number";
        case 's': return "a text in UTF-8";
        case 'o': return "an object path (/like/this)";
        case 'g': return "a signature";
        case 'h': return "the number of an open file descriptor";
        default: return "a value";
    }
}

/// Takes the arguments one by one; remembers which one it is at, for the errors.
class Parser {
public:
    explicit Parser(std::span<const std::string> arguments) : arguments_(arguments) {}

    std::vector<Value> values(std::string_view signature, unsigned depth);
    void expect_end() const;

private:
    Value value(std::string_view type, unsigned depth);
    Value simple(char code);
    Value array(std::string_view element_type, unsigned depth);
    Value variant(unsigned depth);
    std::uint32_t count();
    template <std::integral Integer>
    Integer integer(std::string_view expected);
    double floating_point();
    bool boolean();

    const std::string& next(std::string_view expected);
    [[noreturn]] void fail(std::string_view expected, std::string_view reason = "") const;

    std::span<const std::string> arguments_;
    std::size_t taken_ = 0;
};

const std::string& Parser::next(std::string_view expected) {
    if (taken_ == arguments_.size())
        throw UsageError(
            fmt::format("Too few arguments for the signature: argument {} should be {}.",
                        taken_ + 1, expected));
    return arguments_[taken_++];
}

/// The argument taken last is not what it should be.
void Parser::fail(std::string_view expected, std::string_view reason) const {
    throw UsageError(fmt::format("Argument {}, '{}', is not {}{}{}.", taken_,
                                 arguments_[taken_ - 1], expected, reason.empty() ? "" : ": ",
                                 reason));
}

void Parser::expect_end() const {
    if (taken_ == arguments_.size()) return;
    throw UsageError(fmt::format("Too many arguments for the signature: it takes {}, not {}.",
                                 taken_, arguments_.size()));
}

std::vector<Value> Parser::values(std::string_view signature, unsigned depth) {
    std::vector<Value> values;
    while (!signature.empty()) {
        const std::size_t length = bus::first_type_length(signature);
        values.push_back(value(signature.substr(0, length), depth));
        signature.remove_prefix(length);
    }
    return values;
}

Value Parser::value(std::string_view type, unsigned depth) {
    const std::string_view contents = type.substr(1, type.size() - 2);
    switch (type.front()) {
        case 'a': return array(type.substr(1), depth);
        case 'v': return variant(depth);
        case '(': return {Struct{values(contents, depth)}};
        case '{': return {DictEntry{values(contents, depth)}};
        default: return simple(type.front());
    }
}

Value Parser::simple(char code) {
    const std::string_view expected = describe_type(code);
    switch (code) {
        case 'y': return {integer<std::uint8_t>(expected)};
        case 'b': return {boolean()};
        case 'n': return {integer<std::int16_t>(expected)};
        case 'q': return {integer<std::uint16_t>(expected)};
        case 'i': return {integer<std::int32_t>(expected)};
        case 'u': return {integer<std::uint32_t>(expected)};
        case 'x': return {integer<std::int64_t>(expected)};
        case 't': return {integer<std::uint64_t>(expected)};
        case 'd': return {floating_point()};
        case 'h': return {UnixFd{integer<std::int32_t>(expected)}};
        default: break;
    }
    const std::string& text = next(expected);
    if (code == 'o' && !bus::is_object_path(text)) fail(expected);
    if (code == 'g') {
        const auto checked = bus::check_signature(text);
        if (!checked) fail(expected, bus::describe(checked.error()));
    }
    if (code == 's' && !bus::is_utf8(text)) fail(expected);
    if (code == 'o') return {ObjectPath{text}};
    if (code == 'g') return {Signature{text}};
    return {text};
}

Value Parser::array(std::string_view element_type, unsigned depth) {
    const std::uint32_t count = this->count();
    if (element_type == "y") {
        Bytes array;
        for (std::uint32_t i = 0; i < count; ++i)
            array.bytes.push_back(integer<std::uint8_t>(describe_type('y')));
        return {std::move(array)};
    }
    Array array{std::string(element_type), {}};
    for (std::uint32_t i = 0; i < count; ++i)
        array.elements.push_back(value(element_type, depth));
    return {std::move(array)};
}

Value Parser::variant(unsigned depth) {
    constexpr std::string_view kExpected = "the type of a variant (one complete type)";
    const std::string& type = next(kExpected);
    const auto checked = bus::check_single_type(type);
    if (!checked) fail(kExpected, bus::describe(checked.error()));
    if (depth == bus::kMaxValueDepth) fail(kExpected, "variants are nested too deep");
    return {Variant{values(type, depth + 1)}};
}

std::uint32_t Parser::count() {
    return integer<std::uint32_t>("the number of array elements");
}

template <std::integral Integer>
Integer Parser::integer(std::string_view expected) {
    const auto number = to_integer<Integer>(next(expected));
    if (const auto* error = std::get_if<NumberError>(&number))
        fail(expected, *error == NumberError::OutOfRange ? "out of range" : "");
    return std::get<Integer>(number);
}

double Parser::floating_point() {
    const std::string_view expected = describe_type('d');
    const std::string& text = next(expected);
    char* end = nullptr;
    errno = 0;
    const double number = std::strtod(text.c_str(), &end);
    if (text.empty() || end != text.c_str() + text.size()) fail(expected);
    if (errno == ERANGE) fail(expected, "out of range");
    return number;
}

bool Parser::boolean() {
    const std::string_view expected = describe_type('b');
    const auto truth = to_boolean(next(expected));
    if (!truth) fail(expected);
    return *truth;
}

}  // namespace

std::vector<Value> parse_values(std::string_view signature,
                                std::span<const std::string> arguments) {
    const auto checked = bus::check_signature(signature);
    if (!checked)
        throw UsageError(
            fmt::format("'{}' is not a signature: {}.", signature, bus::describe(checked.error())));
    Parser parser(arguments);
    auto values = parser.values(signature, 0);
    parser.expect_end();
    return values;
}

bool parse_boolean(std::string_view text) {
    const auto truth = to_boolean(text);
    if (!truth) throw UsageError(fmt::format("'{}' is not {}.", text, describe_type('b')));
    return *truth;
}

}  // namespace buzon::clients
