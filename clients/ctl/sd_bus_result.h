// SPDX-License-Identifier: Apache-2.0
// What sd-bus hands out, with C++ manners: negative results thrown, references owned.
// buzonctl talks to sd-bus itself and not through sdbus-c++ 1.2, which hides the message flags, has
// no monitors and knows types at compile time only. Its errors are sdbus-c++'s all the same, so
// that one `catch` serves both.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <sdbus-c++/Error.h>
#include <systemd/sd-bus.h>

namespace buzon::clients {

/// Returns `result`. Errors: if it is negative, the sdbus::Error of that errno; what() says
/// `context` and the reason.
int check(int result, std::string_view context);

/// Throws what the failed call left: `error` if it is set, else the errno in `result`.
[[noreturn]] void throw_error(const sd_bus_error& error, int result);

/// Throws `error` again, with `context` before its text.
[[noreturn]] void throw_with_context(const sdbus::Error& error, std::string_view context);

/// What `action` returns; an sdbus::Error from it says `context` first.
template <typename Action>
decltype(auto) with_context(std::string_view context, Action&& action) {
    try {
        return std::forward<Action>(action)();
    } catch (const sdbus::Error& error) {
        throw_with_context(error, context);
    }
}

struct Unref {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
    void operator()(sd_bus_creds* credentials) const { sd_bus_creds_unref(credentials); }
};

using MessagePtr = std::unique_ptr<sd_bus_message, Unref>;
using CredentialsPtr = std::unique_ptr<sd_bus_creds, Unref>;

/// An sd_bus_error that frees itself.
class ErrorHolder {
public:
    ErrorHolder() = default;
    ErrorHolder(const ErrorHolder&) = delete;
    ErrorHolder& operator=(const ErrorHolder&) = delete;
    ~ErrorHolder() { sd_bus_error_free(&error_); }
    [[nodiscard]] sd_bus_error* get() { return &error_; }
    [[nodiscard]] const sd_bus_error& operator*() const { return error_; }

private:
    sd_bus_error error_ = {nullptr, nullptr, 0};
};

}  // namespace buzon::clients
