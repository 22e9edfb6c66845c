// SPDX-License-Identifier: Apache-2.0
// Failures as values: Result<T, E> holds a T or an E, and may not be dropped unread.
// Member names are those of std::expected (C++23), which gcc 12 has in C++23 mode only.
// Errors: value() and error() assert that they are there; reading the wrong one is our own bug.
#pragma once

#include <cassert>
#include <type_traits>
#include <utility>
#include <variant>

namespace buzon::bus {

/// The failure alternative of a Result, so that T and E may be the same type.
template <typename E>
class Unexpected {
public:
    constexpr explicit Unexpected(E error) : error_(std::move(error)) {}
    [[nodiscard]] constexpr const E& error() const& { return error_; }
    [[nodiscard]] constexpr E&& error() && { return std::move(error_); }

private:
    E error_;
};

template <typename T, typename E>
class [[nodiscard]] Result {
public:
    using value_type = T;
    using error_type = E;

    constexpr Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    template <typename G>
    constexpr Result(Unexpected<G> failure)
        : state_(std::in_place_index<1>, E(std::move(failure).error())) {}

    [[nodiscard]] constexpr bool has_value() const { return state_.index() == 0; }
    constexpr explicit operator bool() const { return has_value(); }

    [[nodiscard]] constexpr T& value() & {
        assert(has_value());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] constexpr const T& value() const& {
        assert(has_value());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] constexpr T&& value() && {
        assert(has_value());
        return std::move(*std::get_if<0>(&state_));
    }
    [[nodiscard]] constexpr const E& error() const {
        assert(!has_value());
        return *std::get_if<1>(&state_);
    }

    constexpr T& operator*() & { return value(); }
    constexpr const T& operator*() const& { return value(); }
    constexpr T&& operator*() && { return std::move(*this).value(); }
    constexpr T* operator->() { return &value(); }
    constexpr const T* operator->() const { return &value(); }

    template <typename U>
    [[nodiscard]] constexpr T value_or(U&& fallback) const {
        return has_value() ? value() : static_cast<T>(std::forward<U>(fallback));
    }

private:
    std::variant<T, E> state_;
};

template <typename E>
class [[nodiscard]] Result<void, E> {
public:
    using value_type = void;
    using error_type = E;

    constexpr Result() = default;
    template <typename G>
    constexpr Result(Unexpected<G> failure)
        : state_(std::in_place_index<1>, E(std::move(failure).error())) {}

    [[nodiscard]] constexpr bool has_value() const { return state_.index() == 0; }
    constexpr explicit operator bool() const { return has_value(); }
    [[nodiscard]] constexpr const E& error() const {
        assert(!has_value());
        return *std::get_if<1>(&state_);
    }

private:
    std::variant<std::monostate, E> state_;
};

}  // namespace buzon::bus
