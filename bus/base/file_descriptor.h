// SPDX-License-Identifier: Apache-2.0
// Sole owner of a file descriptor: closes it once, moves, never copies.
#pragma once

#include <utility>

namespace buzon::bus {

class FileDescriptor {
public:
    FileDescriptor() = default;
    /// Takes over `fd`; -1 is "none".
    explicit FileDescriptor(int fd) : fd_(fd) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    /// Closes the one held and takes over `fd`.
    void reset(int fd = -1);
    /// A close-on-exec duplicate; empty, with errno set, where the kernel refuses.
    [[nodiscard]] FileDescriptor duplicate() const;

private:
    int fd_ = -1;
};

}  // namespace buzon::bus
