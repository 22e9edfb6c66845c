// SPDX-License-Identifier: Apache-2.0
#include "bus/base/log_output.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>

#include "bus/base/file_descriptor.h"

namespace buzon::bus {

namespace {

// A pipe that poll() calls writable takes PIPE_BUF bytes without waiting.
constexpr std::size_t kMaxLineBytes = 4096;

int syslog_priority(LogLevel level) {
    switch (level) {
        case LogLevel::Info: return LOG_DAEMON | LOG_INFO;
        case LogLevel::Warning: return LOG_DAEMON | LOG_WARNING;
        case LogLevel::Error: return LOG_DAEMON | LOG_CRIT;
        case LogLevel::Security: return LOG_AUTH | LOG_NOTICE;
    }
    return LOG_DAEMON | LOG_INFO;
}

// "Nov 22 19:29:00", in local time as syslog(3) writes it; the locale is "C" in this program.
std::string syslog_time() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    std::array<char, 32> text{};
    if (!::localtime_r(&now, &local)) return "";
    return {text.data(), std::strftime(text.data(), text.size(), "%b %e %H:%M:%S ", &local)};
}

std::string as_line(std::string head, std::string_view text, std::string_view end) {
    const std::size_t room = kMaxLineBytes - std::min(kMaxLineBytes, head.size() + end.size());
    head += text.substr(0, room);
    head += end;
    return head;
}

class Writer {
public:
    Writer(std::string identifier, LogTarget target, int stderr_fd, std::string syslog_path)
        : identifier_(std::move(identifier)),
          to_stderr_(target == LogTarget::Stderr || target == LogTarget::Both),
          to_syslog_(target == LogTarget::Syslog || target == LogTarget::Both),
          stderr_fd_(stderr_fd),
          syslog_path_(std::move(syslog_path)) {
        if (to_syslog_) connect_syslog();
    }

    void write(LogLevel level, std::string_view text) {
        const std::string tag = fmt::format("{}[{}]: ", identifier_, ::getpid());
        if (to_stderr_) write_stderr(tag, text);
        if (to_syslog_) write_syslog(level, tag, text);
    }

private:
    void write_stderr(const std::string& tag, std::string_view text) {
        // One write for both lines: a pipe that has room for the first need not have it for a
        // second.
        std::string head = tag;
        if (lost_on_stderr_ > 0) head = as_line(tag, lost_text(lost_on_stderr_), "\n") + tag;
        if (put_on_stderr(as_line(head, text, "\n"))) {
            lost_on_stderr_ = 0;
        } else {
            ++lost_on_stderr_;
        }
    }

    bool put_on_stderr(const std::string& line) const {
        pollfd ready{stderr_fd_, POLLOUT, 0};
        if (::poll(&ready, 1, 0) != 1) return false;
        return ::write(stderr_fd_, line.data(), line.size()) > 0;
    }

    void write_syslog(LogLevel level, const std::string& tag, std::string_view text) {
        const std::string head =
            fmt::format("<{}>{}{}", syslog_priority(level), syslog_time(), tag);
        if (lost_in_syslog_ > 0 && put_in_syslog(as_line(head, lost_text(lost_in_syslog_), ""))) {
            lost_in_syslog_ = 0;
        }
        if (!put_in_syslog(as_line(head, text, ""))) ++lost_in_syslog_;
    }

    bool put_in_syslog(const std::string& line) {
        if (send_to_syslog(line)) return true;
        // A full queue is not worth a new socket; a journal that was restarted is.
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return false;
        return connect_syslog() && send_to_syslog(line);
    }

    [[nodiscard]] bool send_to_syslog(const std::string& line) const {
        return ::send(syslog_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
    }

    bool connect_syslog() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (syslog_path_.size() >= sizeof address.sun_path) return false;
        std::memcpy(address.sun_path, syslog_path_.data(), syslog_path_.size());
        syslog_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        return ::connect(syslog_.get(), reinterpret_cast<const sockaddr*>(&address),
                         sizeof address) == 0;
    }

    static std::string lost_text(std::uint64_t count) {
        return fmt::format("{} records were lost: the log was not read in time", count);
    }

    std::string identifier_;
    bool to_stderr_;
    bool to_syslog_;
    int stderr_fd_;
    std::string syslog_path_;
    FileDescriptor syslog_;
    std::uint64_t lost_on_stderr_ = 0;
    std::uint64_t lost_in_syslog_ = 0;
};

}  // namespace

Log::Output make_log_output(std::string identifier,
                            LogTarget target,
                            int stderr_fd,
                            std::string syslog_path) {
    auto writer =
        std::make_shared<Writer>(std::move(identifier), target, stderr_fd, std::move(syslog_path));
    return [writer](LogLevel level, std::string_view text) { writer->write(level, text); };
}

}  // namespace buzon::bus
