// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/process_names.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>

namespace buzon::broker {
namespace {

const std::string kBetween = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 ";

TEST(ParseProcessStat, TakesAnyName) {
    const struct {
        std::string text;
        std::optional<ProcessStat> expected;
    } cases[] = {
        {"7 (mail)" + kBetween + "123 9 9\n", ProcessStat{"mail", 123}},
        {"7 (mail)" + kBetween + "123", ProcessStat{"mail", 123}},
        {"7 (a) S (b)" + kBetween + "123 9", ProcessStat{"a) S (b", 123}},
        {"7 ()" + kBetween + "0 9", ProcessStat{"", 0}},
        {"", std::nullopt},
        {"7 mail" + kBetween + "123", std::nullopt},
        {"7 )mail(" + kBetween + "123", std::nullopt},
        {"7 (mail) S 1 2 3", std::nullopt},
        {"7 (mail)" + kBetween + "x", std::nullopt},
        {"7 (mail)" + kBetween + "1x", std::nullopt},
        {"7 (mail)" + kBetween + "99999999999999999999999", std::nullopt},
    };
    for (const auto& [text, expected] : cases)
        EXPECT_EQ(parse_process_stat(text), expected) << text;
}

/// A child that is called "somebody" and waits for its end.
class NameOfProcess : public testing::Test {
protected:
    NameOfProcess() {
        int ends[2] = {};
        if (::pipe(ends) < 0) std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_NAME, "somebody");
            (void)!::write(ends[1], "x", 1);
            for (;;)
                ::pause();
        }
        char byte = 0;
        EXPECT_EQ(::read(ends[0], &byte, 1), 1);
        ::close(ends[0]);
        ::close(ends[1]);
        descriptor_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    }
    ~NameOfProcess() override { end(); }
    void end() {
        if (pid_ == 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    static std::string name_of(pid_t pid, std::uint64_t at, const bus::FileDescriptor& descriptor) {
        return name_of_process({static_cast<std::uint32_t>(pid), std::nullopt, at}, descriptor);
    }

    pid_t pid_ = 0;
    bus::FileDescriptor descriptor_;
    const bus::FileDescriptor none_;
    static constexpr auto kAnyTime = std::numeric_limits<std::uint64_t>::max();
};

TEST_F(NameOfProcess, IsWhatItCallsItself) {
    EXPECT_EQ(name_of(pid_, 0, descriptor_), "somebody");
    EXPECT_EQ(name_of(pid_, kAnyTime, none_), "somebody");
}

TEST_F(NameOfProcess, IsNotThatOfAnotherOneWithItsPid) {
    EXPECT_EQ(name_of(pid_, 1, none_), "") << "it started after the connection was made";
    end();
    EXPECT_EQ(name_of(::getpid(), 0, descriptor_), "") << "the process meant is gone";
}

TEST_F(NameOfProcess, IsNoneWhereThereIsNoSuchProcess) {
    EXPECT_EQ(name_of(std::numeric_limits<pid_t>::max(), kAnyTime, none_), "");
}

}  // namespace
}  // namespace buzon::broker
