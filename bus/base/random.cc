// SPDX-License-Identifier: Apache-2.0
#include "bus/base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace buzon::bus {

void fill_random(std::span<std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
}

std::string random_alphanumerics(std::size_t count) {
    constexpr std::string_view kAlphabet =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // Bytes from here on would make the first letters likelier than the others.
    constexpr unsigned kLimit = 256 - 256 % kAlphabet.size();
    std::string text;
    while (text.size() < count) {
        std::array<std::byte, 16> random{};
        fill_random(random);
        for (const std::byte byte : random) {
            const auto value = std::to_integer<unsigned>(byte);
            if (value < kLimit && text.size() < count) text += kAlphabet[value % kAlphabet.size()];
        }
    }
    return text;
}

}  // namespace buzon::bus
