// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/metrics_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/socket.h"

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRequest = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

class Source final : public MetricsSource {
public:
    [[nodiscard]] bool may_read(std::optional<uid_t> user) const override {
        EXPECT_EQ(user, ::geteuid());
        return is_open;
    }
    [[nodiscard]] std::unique_ptr<MetricsReport> begin_report() const override {
        return std::make_unique<Report>(*this);
    }

    std::string text = "# EOF\n";
    int parts = 1;
    bool is_open = true;

private:
    class Report final : public MetricsReport {
    public:
        explicit Report(const Source& source) : source_(source) {}
        bool advance() override { return ++done_ >= source_.parts; }
        [[nodiscard]] std::string text() const override { return source_.text; }

    private:
        const Source& source_;
        int done_ = 0;
    };
};

/// Does what the test says and nothing that waits.
class Reader {
public:
    Reader() : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

    void connect(const std::string& name) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name.data(), name.size());
        const auto length = offsetof(sockaddr_un, sun_path) + 1 + name.size();
        if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                      static_cast<socklen_t>(length)) < 0)
            std::abort();
    }
    void send(std::string_view text) {
        ASSERT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// What has come.
    const std::string& read(std::size_t most = SIZE_MAX) {
        std::array<char, 65536> part{};
        while (text_.size() < most) {
            const ssize_t size =
                ::recv(socket_.get(), part.data(), std::min(part.size(), most - text_.size()), 0);
            is_at_end_ = size == 0 || (size < 0 && errno == ECONNRESET);
            if (size <= 0) break;
            text_.append(part.data(), static_cast<std::size_t>(size));
        }
        return text_;
    }
    [[nodiscard]] bool is_cut_off() {
        read();
        return is_at_end_;
    }
    [[nodiscard]] std::string status() { return read().substr(0, read().find('\r')); }
    void close() { socket_.reset(); }

private:
    bus::FileDescriptor socket_;
    std::string text_;
    bool is_at_end_ = false;
};

class MetricsServerTest : public testing::Test {
protected:
    MetricsServerTest() {
        auto sockets = bus::bind_address({bus::UnixAbstract{name_}, std::nullopt}, {});
        if (!sockets || !bus::start_listening(sockets->front())) std::abort();
        server_.add_listener(std::move(sockets->front().socket));
    }
    void settle() {
        while (loop_.turn(0s) || loop_.has_tasks()) {
        }
    }
    Reader reader() {
        Reader reader;
        reader.connect(name_);
        settle();
        return reader;
    }
    Reader asking(std::string_view request) {
        Reader asking = reader();
        asking.send(request);
        settle();
        return asking;
    }

    bus::TimePoint now_{1h};
    bus::EventLoop loop_{[this] { return now_; }};
    std::vector<std::string> lines_;
    bus::Log log_{[this](bus::LogLevel, std::string_view text) { lines_.emplace_back(text); }};
    Source source_;
    MetricsServer server_{loop_, log_, source_};
    const std::string name_ = "buzon-metrics-server-test-" + std::to_string(::getpid());
};

TEST_F(MetricsServerTest, AnswersAndCloses) {
    source_.text = "a 1\n# EOF\n";
    Reader reader = asking(kRequest);
    EXPECT_EQ(reader.read(),
              "HTTP/1.1 200 OK\r\n"
              "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
              "Content-Length: 10\r\n"
              "Connection: close\r\n\r\n"
              "a 1\n# EOF\n");
    EXPECT_TRUE(reader.is_cut_off());
    EXPECT_EQ(server_.connection_count(), 0U);
}

TEST_F(MetricsServerTest, TakesARequestInPieces) {
    Reader slow = reader();
    for (const char c : kRequest.substr(0, kRequest.size() - 1)) {
        slow.send({&c, 1});
        settle();
    }
    EXPECT_EQ(slow.read(), "");
    slow.send("\n");
    settle();
    EXPECT_EQ(slow.status(), "HTTP/1.1 200 OK");
}

constexpr struct {
    std::string_view request, status;
} kAnswers[] = {
    {"HEAD /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"},
    {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found"},
    {"GET /metrics/ HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found"},
    {"POST /metrics HTTP/1.0\r\n\r\nabc", "HTTP/1.1 405 Method Not Allowed"},
    {"GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request"},
    {"PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"},
};
TEST_F(MetricsServerTest, SaysWhyThereIsNoAnswer) {
    for (const auto& [request, status] : kAnswers) {
        Reader reader = asking(request);
        EXPECT_EQ(reader.status(), status);
        EXPECT_TRUE(reader.is_cut_off()) << request;
    }
    Reader reader = asking("GET /metrics HTTP/1.0\r\nX: " + std::string(8192, 'x'));
    EXPECT_EQ(reader.status(), "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_F(MetricsServerTest, AnswersHeadWithoutTheText) {
    EXPECT_EQ(asking("HEAD /metrics HTTP/1.0\r\n\r\n").read().find("# EOF"), std::string::npos);
    EXPECT_NE(asking("HEAD /metrics HTTP/1.0\r\n\r\n").read().find("Content-Length: 6\r\n"),
              std::string::npos);
}

TEST_F(MetricsServerTest, ClosesAtOnceForThoseWhoMayNotRead) {
    source_.is_open = false;
    Reader stranger = reader();
    EXPECT_TRUE(stranger.is_cut_off());
    EXPECT_EQ(stranger.read(), "");
    EXPECT_EQ(server_.connection_count(), 0U);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_NE(lines_[0].find("Reader of metrics refused (uid="), std::string::npos);
}

TEST_F(MetricsServerTest, CutsOffWhoDoesNotFinishARequestInTime) {
    Reader slow = asking("GET /metrics");
    now_ += MetricsConnection::kDeadline - 1ms;
    slow.send(" HTTP/1.1\r\n");
    settle();
    EXPECT_FALSE(slow.is_cut_off());
    now_ += 1ms;
    settle();
    EXPECT_TRUE(slow.is_cut_off());
    EXPECT_EQ(server_.connection_count(), 0U);
}

TEST_F(MetricsServerTest, SendsALongAnswerAsFastAsItIsRead) {
    source_.text.assign(8 << 20, 'x');
    Reader slow = asking(kRequest);
    EXPECT_EQ(server_.connection_count(), 1U);
    for (int i = 0; !slow.is_cut_off(); ++i) {
        ASSERT_LT(i, 100'000);
        settle();
    }
    EXPECT_TRUE(slow.read().ends_with("\r\n\r\n" + source_.text));
}

TEST_F(MetricsServerTest, CutsOffWhoDoesNotTakeTheAnswerInTime) {
    source_.text.assign(8 << 20, 'x');
    Reader slow = asking(kRequest);
    slow.read(100'000);
    settle();
    now_ += MetricsConnection::kDeadline;
    settle();
    EXPECT_EQ(server_.connection_count(), 0U);
    EXPECT_TRUE(slow.is_cut_off());
    EXPECT_LT(slow.read().size(), source_.text.size());
}

TEST_F(MetricsServerTest, DoesAPartOfALongReportInEachTurn) {
    source_.parts = 3;
    Reader reader;
    reader.connect(name_);
    loop_.turn(0s);
    reader.send(kRequest);
    loop_.turn(0s);
    EXPECT_EQ(reader.read(), "");
    loop_.turn(0s);
    EXPECT_EQ(reader.read(), "");
    loop_.turn(0s);
    EXPECT_EQ(reader.status(), "HTTP/1.1 200 OK");
}

TEST_F(MetricsServerTest, DropsTheReportOfWhoHangsUp) {
    source_.parts = 1'000'000;
    Reader reader;
    reader.connect(name_);
    loop_.turn(0s);
    reader.send(kRequest);
    loop_.turn(0s);
    EXPECT_EQ(server_.connection_count(), 1U);
    reader.close();
    loop_.turn(0s);
    EXPECT_EQ(server_.connection_count(), 0U);
    EXPECT_FALSE(loop_.has_tasks());
}

TEST_F(MetricsServerTest, OfTooManyTheOldestMakesRoom) {
    std::vector<Reader> readers;
    for (std::size_t i = 0; i < MetricsServer::kMaxConnections; ++i)
        readers.push_back(reader());
    EXPECT_FALSE(readers[0].is_cut_off());
    Reader another = asking(kRequest);
    EXPECT_EQ(another.status(), "HTTP/1.1 200 OK");
    EXPECT_TRUE(readers[0].is_cut_off());
    EXPECT_FALSE(readers[1].is_cut_off());
    readers[1].send(kRequest);
    settle();
    EXPECT_EQ(readers[1].status(), "HTTP/1.1 200 OK");
}

/// Takes every descriptor that is left, of not too many.
class NoDescriptorsLeft {
public:
    NoDescriptorsLeft() {
        ::getrlimit(RLIMIT_NOFILE, &former_);
        rlimit small = former_;
        small.rlim_cur = 64;
        ::setrlimit(RLIMIT_NOFILE, &small);
        while (true) {
            bus::FileDescriptor one(::fcntl(0, F_DUPFD_CLOEXEC, 0));
            if (!one) break;
            taken_.push_back(std::move(one));
        }
    }
    NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
    NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
    NoDescriptorsLeft(NoDescriptorsLeft&&) = delete;
    NoDescriptorsLeft& operator=(NoDescriptorsLeft&&) = delete;
    ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &former_); }

private:
    rlimit former_{};
    std::vector<bus::FileDescriptor> taken_;
};

TEST_F(MetricsServerTest, AnswersWithoutADescriptorLeft) {
    std::array<Reader, 12> readers;
    const NoDescriptorsLeft full;
    ASSERT_LT(::dup(0), 0);
    for (Reader& reader : readers) {
        reader.connect(name_);
        settle();
        reader.send(kRequest);
        settle();
        EXPECT_EQ(reader.status(), "HTTP/1.1 200 OK");
    }
    EXPECT_EQ(lines_, std::vector<std::string>{});
    EXPECT_LT(::dup(0), 0) << "they are kept for the next readers";
}

TEST_F(MetricsServerTest, WhoIsRefusedTakesNobodysDescriptor) {
    std::array<Reader, MetricsServer::kMaxConnections> readers;
    std::array<Reader, 12> strangers;
    const NoDescriptorsLeft full;
    for (Reader& reader : readers) {
        reader.connect(name_);
        settle();
    }
    source_.is_open = false;
    for (Reader& stranger : strangers)
        stranger.connect(name_);
    settle();
    for (Reader& stranger : strangers)
        EXPECT_TRUE(stranger.is_cut_off());
    for (Reader& reader : readers) {
        reader.send(kRequest);
        settle();
        EXPECT_EQ(reader.status(), "HTTP/1.1 200 OK");
    }
}

}  // namespace
}  // namespace buzon::broker
