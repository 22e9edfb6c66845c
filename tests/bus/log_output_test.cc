// SPDX-License-Identifier: Apache-2.0
#include "bus/base/log_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "bus/base/file_descriptor.h"

namespace buzon::bus {
namespace {

struct Pipe {
    FileDescriptor reader, writer;

    Pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        reader.reset(ends[0]);
        writer.reset(ends[1]);
    }
    /// What stands in the pipe now, at most `most` bytes.
    [[nodiscard]] std::string take(std::size_t most = 65536) const {
        std::string text(most, '\0');
        ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
        const auto count = ::read(reader.get(), text.data(), text.size());
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }
};

class SyslogServer {
public:
    SyslogServer() {
        EXPECT_TRUE(::mkdtemp(directory_.data()));
        path_ = directory_ + "/log";
        listen();
    }
    SyslogServer(const SyslogServer&) = delete;
    SyslogServer& operator=(const SyslogServer&) = delete;
    ~SyslogServer() {
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }
    void restart() {
        socket_.reset();
        ::unlink(path_.c_str());
        listen();
    }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string take() const {
        std::string text(8192, '\0');
        const auto count = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }

private:
    void listen() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, path_.c_str());
        socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }

    std::string directory_ = "/tmp/buzon-log-XXXXXX";
    std::string path_;
    FileDescriptor socket_;
};

std::string tag() {
    return fmt::format("buzond[{}]: ", ::getpid());
}

/// "<30>Nov 22 19:29:00 buzond[7]: text" without its time.
std::string without_time(const std::string& line) {
    const auto head = line.find('>');
    if (head == std::string::npos || line.size() < head + 17) return "too short: " + line;
    return line.substr(0, head + 1) + line.substr(head + 17);
}

TEST(LogOutput, WritesNamePidAndTextToStandardError) {
    const Pipe pipe;
    make_log_output("buzond", LogTarget::Stderr, pipe.writer.get())(LogLevel::Info, "ready");
    EXPECT_EQ(pipe.take(), tag() + "ready\n");
}

TEST(LogOutput, WritesNothingToTargetsNotAskedFor) {
    const Pipe pipe;
    const SyslogServer server;
    make_log_output("buzond", LogTarget::None, pipe.writer.get(), server.path())(LogLevel::Error,
                                                                                 "no");
    make_log_output("buzond", LogTarget::Syslog, pipe.writer.get(), server.path())(LogLevel::Error,
                                                                                   "only");
    EXPECT_EQ(pipe.take(), "");
    EXPECT_EQ(without_time(server.take()), "<26>" + tag() + "only");
}

TEST(LogOutput, FilesLevelsUnderTheFacilitiesOfDbusDaemon) {
    const SyslogServer server;
    const auto output = make_log_output("buzond", LogTarget::Syslog, 2, server.path());
    constexpr std::pair<LogLevel, const char*> kCases[] = {{LogLevel::Info, "<30>"},
                                                           {LogLevel::Warning, "<28>"},
                                                           {LogLevel::Error, "<26>"},
                                                           {LogLevel::Security, "<37>"}};
    for (const auto& [level, priority] : kCases) {
        output(level, "text");
        EXPECT_EQ(without_time(server.take()), priority + tag() + "text");
    }
}

TEST(LogOutput, ReachesASyslogThatWasRestarted) {
    SyslogServer server;
    const auto output = make_log_output("buzond", LogTarget::Syslog, 2, server.path());
    server.restart();
    output(LogLevel::Info, "again");
    EXPECT_EQ(without_time(server.take()), "<30>" + tag() + "again");
}

TEST(LogOutput, GoesOnWithoutASyslog) {
    const Pipe pipe;
    const auto output =
        make_log_output("buzond", LogTarget::Both, pipe.writer.get(), "/nonexistent/log");
    output(LogLevel::Info, "ready");
    EXPECT_EQ(pipe.take(), tag() + "ready\n");
}

TEST(LogOutput, LosesRecordsAndSaysHowManyRatherThanWaitForAReader) {
    const Pipe pipe;
    ASSERT_GT(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096), 0);
    const auto output = make_log_output("buzond", LogTarget::Stderr, pipe.writer.get());
    const std::string text(2000, 'x');
    for (int i = 0; i < 5; ++i)
        output(LogLevel::Info, text);  // waits for ever if it waits at all
    const std::string before = pipe.take();
    output(LogLevel::Info, "last");
    EXPECT_EQ(before, tag() + text + "\n");
    EXPECT_EQ(pipe.take(),
              tag() + "4 records were lost: the log was not read in time\n" + tag() + "last\n");
}

TEST(LogOutput, CutsALineThatIsTooLong) {
    const Pipe pipe;
    const auto output = make_log_output("buzond", LogTarget::Stderr, pipe.writer.get());
    output(LogLevel::Info, std::string(10000, 'x'));
    const std::string line = pipe.take();
    EXPECT_EQ(line.size(), 4096U);
    EXPECT_EQ(line.back(), '\n');
}

}  // namespace
}  // namespace buzon::bus
