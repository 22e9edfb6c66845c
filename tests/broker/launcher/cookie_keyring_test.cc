// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/cookie_keyring.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace buzon::broker {
namespace {

using namespace std::string_view_literals;

const struct {
    std::string_view about, line;
    KeyringCookie cookie;
} kGoodLines[] = {
    {"as libdbus writes it",
     "117237802 1795377330 cb879c255e87b9cfdd57a46cfd8497b7ae6ad561aac0146d",
     {117237802, 1795377330, "cb879c255e87b9cfdd57a46cfd8497b7ae6ad561aac0146d"}},
    {"zeros", "0 0 00", {0, 0, "00"}},
    {"highest id", "2147483647 1 ab", {2147483647, 1, "ab"}},
    {"upper case becomes lower case", "7 1 AB", {7, 1, "ab"}},
    {"blanks around and between", "  16  5\t abcd ", {16, 5, "abcd"}},
};
TEST(KeyringLine, HasIdTimeAndCookie) {
    for (const auto& [about, line, expected] : kGoodLines) {
        const auto cookie = parse_keyring_line(line);
        ASSERT_TRUE(cookie) << about;
        EXPECT_EQ(*cookie, expected) << about;
    }
}

constexpr struct {
    std::string_view about, line;
    KeyringLineError error;
} kBadLines[] = {
    {"empty", "", KeyringLineError::WrongFieldCount},
    {"blank", "  ", KeyringLineError::WrongFieldCount},
    {"no cookie", "12 1795378316", KeyringLineError::WrongFieldCount},
    {"a fourth field", "18 1795378316 abcd extra", KeyringLineError::WrongFieldCount},
    {"negative id", "-5 1795378316 abcd", KeyringLineError::BadId},
    {"id with a plus", "+5 1795378316 abcd", KeyringLineError::BadId},
    {"hexadecimal id", "0x13 1795378316 ab", KeyringLineError::BadId},
    {"id too high", "2147483648 1795378316 ab", KeyringLineError::BadId},
    {"id beyond all bounds", "99999999999999999999 1795378316 ab", KeyringLineError::BadId},
    {"time in words", "13 notime abcd", KeyringLineError::BadTime},
    {"negative time", "6 -5 aa", KeyringLineError::BadTime},
    {"cookie not hexadecimal", "14 1795378316 zzzz", KeyringLineError::BadCookie},
    {"odd cookie", "15 1795378316 abc", KeyringLineError::BadCookie},
    {"carriage return", "15 1795378316 abcd\r", KeyringLineError::BadCookie},
    {"NUL", "15 1795378316 ab\0d"sv, KeyringLineError::BadCookie},
};
TEST(KeyringLine, NamesTheFirstViolation) {
    for (const auto& [about, line, error] : kBadLines) {
        const auto cookie = parse_keyring_line(line);
        EXPECT_EQ(cookie ? std::nullopt : std::optional{cookie.error()}, error) << about;
    }
}

TEST(ParseKeyring, SkipsBadLinesAndRepeatedIds) {
    const auto cookies = parse_keyring("bogus\n5 10 ee\n\n5 11 ff\n6 12 aa");
    EXPECT_EQ(cookies, (std::vector<KeyringCookie>{{5, 10, "ee"}, {6, 12, "aa"}}));
}

TEST(ParseKeyring, StopsAt256Cookies) {
    std::string text;
    for (int id = 0; id < 300; ++id)
        text += std::to_string(id) + " 1 ab\n";
    EXPECT_EQ(parse_keyring(text).size(), kMaxKeyringCookies);
}

TEST(FormatKeyring, ParsesBackToTheSameCookies) {
    const std::vector<KeyringCookie> cookies = {{1, 2, "ab"}, {3, 4, "cdef"}};
    EXPECT_EQ(format_keyring(cookies), "1 2 ab\n3 4 cdef\n");
    EXPECT_EQ(parse_keyring(format_keyring(cookies)), cookies);
}

constexpr std::int64_t kNow = 1'000'000;

TEST(PruneKeyring, DropsWhatIsSevenMinutesOldOrFiveAhead) {
    std::vector<KeyringCookie> cookies = {{1, kNow - 421, "a1"},
                                          {2, kNow - 420, "a2"},
                                          {3, kNow, "a3"},
                                          {4, kNow + 300, "a4"},
                                          {5, kNow + 301, "a5"}};
    prune_keyring(cookies, kNow);
    ASSERT_EQ(cookies.size(), 3U);
    EXPECT_EQ(cookies.front().id, 2U);
    EXPECT_EQ(cookies.back().id, 4U);
}

TEST(FindFreshCookie, TakesTheNewestThatIsAtMostFiveMinutesOld) {
    const std::vector<KeyringCookie> cookies = {
        {1, kNow - 300, "a1"}, {2, kNow - 100, "a2"}, {3, kNow - 200, "a3"}, {4, kNow + 301, "a4"}};
    const KeyringCookie* fresh = find_fresh_cookie(cookies, kNow);
    ASSERT_NE(fresh, nullptr);
    EXPECT_EQ(fresh->id, 2U);
    EXPECT_NE(find_fresh_cookie(std::span(cookies).first(1), kNow), nullptr);
    EXPECT_EQ(find_fresh_cookie(std::span(cookies).first(1), kNow + 1), nullptr);
    EXPECT_EQ(find_fresh_cookie({}, kNow), nullptr);
}

TEST(IsCookieContext, AllowsOnlySafeFileNames) {
    EXPECT_TRUE(is_cookie_context(kDefaultCookieContext));
    EXPECT_TRUE(is_cookie_context("a-b:c"));
    for (const auto text : {""sv, "a/b"sv, "a\\b"sv, "a.b"sv, ".."sv, "a b"sv, "a\nb"sv, "a\rb"sv,
                            "a\tb"sv, "a\0b"sv, "a\x7f"sv, "\xc3\xa9"sv}) {
        EXPECT_FALSE(is_cookie_context(text)) << text;
    }
}

class CookieKeyringTest : public testing::Test {
protected:
    CookieKeyringTest() {
        std::string pattern = testing::TempDir() + "keyring-XXXXXX";
        home_ = ::mkdtemp(pattern.data());
        directory_ = home_ / ".dbus-keyrings";
    }
    ~CookieKeyringTest() override {
        std::error_code ignored;
        std::filesystem::remove_all(home_, ignored);
    }
    CookieKeyringTest(const CookieKeyringTest&) = delete;
    CookieKeyringTest& operator=(const CookieKeyringTest&) = delete;

    CookieKeyring keyring(std::string context = std::string(kDefaultCookieContext)) {
        return CookieKeyring(directory_.string(), std::move(context),
                             [this] { return std::chrono::system_clock::from_time_t(time_); });
    }
    [[nodiscard]] std::filesystem::path file() const { return directory_ / kDefaultCookieContext; }
    [[nodiscard]] std::filesystem::path lock() const {
        return directory_ / (std::string(kDefaultCookieContext) + ".lock");
    }
    [[nodiscard]] std::string content() const {
        std::ifstream stream(file());
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    void make_directory(mode_t mode = 0700) {
        ASSERT_EQ(::mkdir(directory_.c_str(), 0700), 0);
        ASSERT_EQ(::chmod(directory_.c_str(), mode), 0);
    }
    static void write(const std::filesystem::path& path, std::string_view text) {
        std::ofstream(path) << text;
    }
    void set_age_of_lock(std::time_t seconds) {
        const timespec stamp{time_ - seconds, 0};
        const std::array times{stamp, stamp};
        ASSERT_EQ(::utimensat(AT_FDCWD, lock().c_str(), times.data(), 0), 0);
    }
    std::optional<KeyringError> error_of(CookieKeyring keyring) {
        const auto cookie = keyring.fresh_cookie();
        return cookie ? std::nullopt : std::optional{cookie.error().error};
    }
    [[nodiscard]] std::size_t file_count() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(directory_), {}));
    }

    std::filesystem::path home_;
    std::filesystem::path directory_;
    std::time_t time_ = kNow;
};

TEST_F(CookieKeyringTest, MakesThePrivateDirectoryAndAPrivateFile) {
    const mode_t old_mask = ::umask(0);
    const auto cookie = keyring().fresh_cookie();
    ::umask(old_mask);
    ASSERT_TRUE(cookie) << describe(cookie.error().error);
    EXPECT_EQ(cookie->context, kDefaultCookieContext);
    EXPECT_EQ(cookie->cookie.size(), 48U);
    EXPECT_EQ(content(), fmt::format("{} {} {}\n", cookie->id, kNow, cookie->cookie));

    struct stat status {};
    ASSERT_EQ(::stat(directory_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
    ASSERT_EQ(::stat(file().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    EXPECT_EQ(file_count(), 1U);
}

TEST_F(CookieKeyringTest, GivesTheSameCookieForFiveMinutes) {
    const auto first = keyring().fresh_cookie();
    time_ += 300;
    const auto second = keyring().fresh_cookie();
    time_ += 1;
    const auto third = keyring().fresh_cookie();
    ASSERT_TRUE(first && second && third);
    EXPECT_EQ(first->cookie, second->cookie);
    EXPECT_NE(second->cookie, third->cookie);
    EXPECT_EQ(parse_keyring(content()).size(), 2U);
    time_ += 120;
    EXPECT_TRUE(keyring().fresh_cookie());
    EXPECT_EQ(parse_keyring(content()).size(), 2U) << "a fresh one is left: nothing is written";
    time_ += 181;
    EXPECT_TRUE(keyring().fresh_cookie());
    EXPECT_EQ(parse_keyring(content()).size(), 2U) << "the oldest is gone";
}

TEST_F(CookieKeyringTest, UsesWhatAnotherServerWrote) {
    make_directory();
    write(file(), "bogus\n42 999990 C0FFEE\n");
    const auto cookie = keyring().fresh_cookie();
    ASSERT_TRUE(cookie);
    EXPECT_EQ(cookie->id, 42U);
    EXPECT_EQ(cookie->cookie, "c0ffee");
    EXPECT_EQ(content(), "bogus\n42 999990 C0FFEE\n");
}

TEST_F(CookieKeyringTest, KeepsAtMost256Cookies) {
    make_directory();
    std::string text;
    for (int id = 0; id < 256; ++id)
        text += std::to_string(id) + " 999690 ab\n";
    write(file(), text);
    const auto cookie = keyring().fresh_cookie();
    ASSERT_TRUE(cookie);
    const auto cookies = parse_keyring(content());
    ASSERT_EQ(cookies.size(), kMaxKeyringCookies);
    EXPECT_EQ(cookies.front().id, 1U);
    EXPECT_EQ(cookies.back().id, cookie->id);
}

TEST_F(CookieKeyringTest, RefusesADirectoryThatOthersMayEnter) {
    make_directory(0710);
    EXPECT_EQ(error_of(keyring()), KeyringError::DirectoryNotPrivate);
    ASSERT_EQ(::chmod(directory_.c_str(), 0701), 0);
    EXPECT_EQ(error_of(keyring()), KeyringError::DirectoryNotPrivate);
    ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
    EXPECT_EQ(error_of(keyring()), std::nullopt);
}

TEST_F(CookieKeyringTest, RefusesADirectoryOfAnotherUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
    make_directory();
    ASSERT_EQ(::chown(directory_.c_str(), 65534, 65534), 0);
    EXPECT_EQ(error_of(keyring()), KeyringError::DirectoryNotPrivate);
}

TEST_F(CookieKeyringTest, NeedsAHome) {
    directory_ = home_ / "nobody" / ".dbus-keyrings";
    EXPECT_EQ(error_of(keyring()), KeyringError::NoDirectory);
}

TEST_F(CookieKeyringTest, RefusesAContextThatIsNoFileName) {
    EXPECT_EQ(error_of(keyring("../x")), KeyringError::BadContext);
    EXPECT_FALSE(std::filesystem::exists(directory_));
}

TEST_F(CookieKeyringTest, RefusesWhatIsNoRegularFile) {
    make_directory();
    ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
    EXPECT_EQ(error_of(keyring()), KeyringError::Unreadable);
    std::filesystem::remove(file());
    std::filesystem::create_symlink("/dev/null", file());
    EXPECT_EQ(error_of(keyring()), KeyringError::Unreadable);
}

TEST_F(CookieKeyringTest, RefusesAHugeFile) {
    make_directory();
    write(file(), std::string(1024 * 1024 + 1, '\n'));
    EXPECT_EQ(error_of(keyring()), KeyringError::TooLarge);
}

TEST_F(CookieKeyringTest, LeavesAnothersLockAloneForEightSeconds) {
    make_directory();
    write(lock(), "");
    set_age_of_lock(8);
    EXPECT_EQ(error_of(keyring()), KeyringError::Locked);
    EXPECT_TRUE(std::filesystem::exists(lock()));
    set_age_of_lock(9);
    EXPECT_EQ(error_of(keyring()), std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(lock()));
}

TEST_F(CookieKeyringTest, BreaksALockFromTheFuture) {
    make_directory();
    write(lock(), "");
    set_age_of_lock(-9);
    EXPECT_EQ(error_of(keyring()), std::nullopt);
}

TEST_F(CookieKeyringTest, ReadsWithoutTheLock) {
    make_directory();
    write(file(), "42 999990 c0ffee\n");
    write(lock(), "");
    set_age_of_lock(0);
    EXPECT_EQ(error_of(keyring()), std::nullopt);
}

TEST(DescribeKeyringFailure, NamesTheSystemsReason) {
    EXPECT_EQ(describe(KeyringFailure{KeyringError::Locked}),
              "the keyring is locked by another server");
    EXPECT_EQ(describe(KeyringFailure{KeyringError::Unreadable, EACCES}),
              "the keyring cannot be read: Permission denied");
}

}  // namespace
}  // namespace buzon::broker
