// SPDX-License-Identifier: Apache-2.0
// Runs a function in a process of its own: for what changes a process for good.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <exception>
#include <string>

#include "bus/base/file_descriptor.h"

namespace buzon::testing_support {

struct Pipe {
    bus::FileDescriptor reader, writer;

    Pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        reader.reset(ends[0]);
        writer.reset(ends[1]);
    }
    /// The text up to end-of-file, after closing our end for writing.
    [[nodiscard]] std::string read_all() {
        writer.reset();
        std::string text;
        std::array<char, 4096> part{};
        for (ssize_t count = 1; count > 0;
             text.append(part.data(), static_cast<std::size_t>(count))) {
            count = ::read(reader.get(), part.data(), part.size());
            if (count <= 0) break;
        }
        return text;
    }
    void write(const std::string& text) const {
        EXPECT_EQ(::write(writer.get(), text.data(), text.size()),
                  static_cast<ssize_t>(text.size()));
    }
};

/// Forks; the child runs `body` and ends with the status that it returns (125: it threw).
template <typename Body>
pid_t start_child(Body body) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
        ::_exit(body());
    } catch (const std::exception&) {
        ::_exit(125);
    }
}

/// What a shell would say: the exit status, or 128 and the signal.
inline int wait_for(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Runs `body` in a child and returns what it writes to the descriptor that it is given.
template <typename Body>
std::string output_of(Body body) {
    Pipe pipe;
    const pid_t child = start_child([&] {
        const std::string text = body();
        pipe.write(text);
        return 0;
    });
    const std::string text = pipe.read_all();
    EXPECT_EQ(wait_for(child), 0);
    return text;
}

}  // namespace buzon::testing_support
