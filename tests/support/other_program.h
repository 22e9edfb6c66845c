// SPDX-License-Identifier: Apache-2.0
// Another program: a process that connects to a TestBroker in its own name, and that is all it
// does. The test has both ends of its connections.
// To be made before the broker: it keeps copies of all descriptors that there are then.
#pragma once

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "bus/base/file_descriptor.h"

namespace buzon::tests {

class OtherProgram {
public:
    /// Both ends of a connection; to the kernel the program is at either.
    struct Connection {
        bus::FileDescriptor near, far;
    };

    OtherProgram() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) std::abort();
        orders_.reset(ends[0]);
        bus::FileDescriptor theirs(ends[1]);
        process_ = ::fork();
        if (process_ < 0) std::abort();
        if (process_ > 0) return;
        orders_.reset();
        serve(theirs.get());
    }
    OtherProgram(const OtherProgram&) = delete;
    OtherProgram& operator=(const OtherProgram&) = delete;
    OtherProgram(OtherProgram&&) = delete;
    OtherProgram& operator=(OtherProgram&&) = delete;
    ~OtherProgram() {
        orders_.reset();
        ::waitpid(process_, nullptr, 0);
    }

    [[nodiscard]] Connection connect() {
        char order = 'c';
        if (::write(orders_.get(), &order, 1) != 1) std::abort();
        std::array<int, 2> ends{};
        Letter letter(order);
        if (::recvmsg(orders_.get(), &letter.header, MSG_CMSG_CLOEXEC) != 1) std::abort();
        const cmsghdr* const rights = CMSG_FIRSTHDR(&letter.header);
        if (!rights || rights->cmsg_len != CMSG_LEN(sizeof ends)) std::abort();
        std::memcpy(ends.data(), CMSG_DATA(rights), sizeof ends);
        return {bus::FileDescriptor(ends[0]), bus::FileDescriptor(ends[1])};
    }

private:
    /// One byte, and room for two descriptors.
    struct Letter {
        explicit Letter(char& text) : part{&text, 1} {
            header.msg_iov = &part;
            header.msg_iovlen = 1;
            header.msg_control = control.data();
            header.msg_controllen = control.size();
        }
        iovec part;
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(2 * sizeof(int))> control{};
        msghdr header{};
    };

    [[noreturn]] static void serve(int orders) {
        for (char order = 0; ::read(orders, &order, 1) == 1;) {
            std::array<int, 2> ends{};
            if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) < 0) break;
            Letter letter(order);
            cmsghdr* const rights = CMSG_FIRSTHDR(&letter.header);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(sizeof ends);
            std::memcpy(CMSG_DATA(rights), ends.data(), sizeof ends);
            if (::sendmsg(orders, &letter.header, MSG_NOSIGNAL) != 1) break;
            ::close(ends[0]);
            ::close(ends[1]);
        }
        ::_exit(0);
    }

    bus::FileDescriptor orders_;
    pid_t process_ = -1;
};

}  // namespace buzon::tests
