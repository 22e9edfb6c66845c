// SPDX-License-Identifier: Apache-2.0
// Bytes that a client wants to send and that its socket does not take yet. Never waits.
#pragma once

#include <cstddef>
#include <span>

#include "tests/load/client.h"

namespace buzon::flood {

class Outbox {
public:
    void add(std::span<const std::byte> message) {
        bytes_.insert(bytes_.end(), message.begin(), message.end());
    }
    /// Sends what the socket takes; true: nothing is left.
    bool flush(load::Client& client) {
        while (begin_ < bytes_.size()) {
            const auto sent = client.send_some(std::span(bytes_).subspan(begin_));
            if (sent == 0) return false;
            begin_ += sent;
        }
        bytes_.clear();
        begin_ = 0;
        return true;
    }
    [[nodiscard]] bool is_empty() const { return bytes_.empty(); }
    [[nodiscard]] std::size_t size() const { return bytes_.size() - begin_; }

private:
    load::Bytes bytes_;
    std::size_t begin_ = 0;
};

}  // namespace buzon::flood
