// SPDX-License-Identifier: Apache-2.0
// A message as it travels: checked header, bytes, descriptors.
// Small messages borrow their bytes from the receive buffer and are valid for the turn only; large
// ones own them by reference (storage()), so that receivers share one copy of the body.
// Invariant: immutable. Source: D-Bus Specification, "Message Protocol".
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "bus/base/block_pool.h"
#include "bus/base/file_descriptor.h"
#include "bus/base/ref.h"
#include "bus/header.h"

namespace buzon::bus {

/// Messages from here on are kept by reference instead of being copied to each receiver.
inline constexpr std::size_t kLargeMessageBytes = 16 * 1024;

/// The descriptors of one message, closed with the last reference.
struct DescriptorSet : RefCounted<DescriptorSet> {
    explicit DescriptorSet(std::vector<FileDescriptor> owned) : descriptors(std::move(owned)) {}
    const std::vector<FileDescriptor> descriptors;
};

/// A message on its way out: the bytes of its head, its body, and who keeps the body alive.
struct OutgoingMessage {
    const Header& header;  // of the message before stamping; texts are what receivers will read
    std::span<const std::byte> head;
    std::span<const std::byte> body;
    Ref<const Block> body_owner;  // empty: the body is only borrowed and must be copied
    Ref<const DescriptorSet> descriptors;
    Ref<const Block> head_owner{};  // likewise for the head

    [[nodiscard]] std::size_t size() const { return head.size() + body.size(); }
    [[nodiscard]] std::size_t descriptor_count() const {
        return descriptors ? descriptors->descriptors.size() : 0;
    }
};

class Message {
public:
    Message(const Header& header,
            std::span<const std::byte> bytes,
            Ref<const Block> storage,
            Ref<const DescriptorSet> descriptors)
        : header_(header),
          bytes_(bytes),
          storage_(std::move(storage)),
          descriptors_(std::move(descriptors)) {}

    [[nodiscard]] const Header& header() const { return header_; }
    [[nodiscard]] std::span<const std::byte> head() const {
        return bytes_.first(header_.head_bytes());
    }
    [[nodiscard]] std::span<const std::byte> body() const {
        return bytes_.subspan(header_.head_bytes());
    }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] const Ref<const Block>& storage() const { return storage_; }
    [[nodiscard]] const Ref<const DescriptorSet>& descriptors() const { return descriptors_; }

    /// The same message with another head, as stamp_sender() made it; `head` must outlive it.
    [[nodiscard]] OutgoingMessage with_head(std::span<const std::byte> head,
                                            Ref<const Block> head_owner = nullptr) const {
        return {header_, head, body(), storage_, descriptors_, std::move(head_owner)};
    }

private:
    Header header_;
    std::span<const std::byte> bytes_;
    Ref<const Block> storage_;
    Ref<const DescriptorSet> descriptors_;
};

}  // namespace buzon::bus
