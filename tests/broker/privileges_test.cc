// SPDX-License-Identifier: Apache-2.0
#include "broker/privileges.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "tests/support/child_process.h"

namespace buzon::broker {
namespace {

using testing_support::output_of;

std::string ids() {
    std::array<uid_t, 3> uids{};
    std::array<gid_t, 3> gids{};
    std::array<gid_t, 8> groups{};
    ::getresuid(&uids[0], &uids[1], &uids[2]);
    ::getresgid(&gids[0], &gids[1], &gids[2]);
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    return fmt::format("{}", fmt::join(uids, ",")) + fmt::format(" {} ", fmt::join(gids, ",")) +
           fmt::format("{}", fmt::join(groups.begin(), groups.begin() + count, ","));
}

std::string capabilities() {
    std::ifstream status("/proc/self/status");
    std::string text;
    for (std::string line; std::getline(status, line);) {
        const bool is_set =
            line.starts_with("CapPrm") || line.starts_with("CapEff") || line.starts_with("CapAmb");
        if (is_set && line.find_first_not_of("0", line.find('\t') + 1) != std::string::npos) {
            text += line;
        }
    }
    return text.empty() ? "none" : text;
}

/// The ids after becoming `identity`, and what was logged.
std::string become_in_child(uid_t start_as, const Identity& identity) {
    return output_of([&] {
        if (start_as != 0 && ::setresuid(start_as, start_as, start_as) < 0) return std::string("?");
        std::string logged;
        bus::Log log([&](bus::LogLevel, std::string_view text) { logged += text; });
        become(identity, log);
        return ids() + " " + capabilities() + (logged.empty() ? "" : ": " + logged);
    });
}

class Become : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
    }
};

TEST_F(Become, GivesUpAllRightsOfRoot) {
    EXPECT_EQ(become_in_child(0, {65534, 65533, {65533, 7}}),
              "65534,65534,65534 65533,65533,65533 7,65533 none");
}

TEST_F(Become, ChangesNothingForTheSameUser) {
    const std::string before = output_of([] { return ids() + " " + capabilities(); });
    EXPECT_EQ(become_in_child(0, {0, 1, {1}}), before);
}

TEST_F(Become, GoesOnWithAWarningWithoutTheRightToChange) {
    const std::string result = become_in_child(65534, {1, 1, {1}});
    EXPECT_TRUE(result.starts_with("65534,65534,65534 ")) << result;
    EXPECT_TRUE(
        result.ends_with(": Not root, so <user> (uid 1) is ignored and the bus runs as uid 65534"))
        << result;
}

TEST(WantedDescriptorLimit, IsTheHardOneOrEnoughForASystemBus) {
    constexpr rlim_t kAll = RLIM_INFINITY;
    constexpr struct {
        const char* about;
        rlimit current;
        bool is_root;
        rlimit wanted;
    } kCases[] = {
        {"a user takes what there is", {1024, 4096}, false, {4096, 4096}},
        {"a user without bounds", {1024, kAll}, false, {kAll, kAll}},
        {"root raises both", {1024, 4096}, true, {65536, 65536}},
        {"root leaves room above", {1024, 524288}, true, {65536, 524288}},
        {"root has more already", {100000, 524288}, true, {100000, 524288}},
        {"root without bounds", {1024, kAll}, true, {65536, kAll}},
    };
    for (const auto& [about, current, is_root, wanted] : kCases) {
        const rlimit result = wanted_descriptor_limit(current, is_root);
        EXPECT_EQ(result.rlim_cur, wanted.rlim_cur) << about;
        EXPECT_EQ(result.rlim_max, wanted.rlim_max) << about;
    }
}

TEST(RaiseDescriptorLimit, TakesTheHardLimitAndTellsTheOldOne) {
    EXPECT_EQ(output_of([] {
                  rlimit limit{};
                  ::getrlimit(RLIMIT_NOFILE, &limit);
                  const rlimit low{100, limit.rlim_max};
                  ::setrlimit(RLIMIT_NOFILE, &low);
                  bus::Log log([](bus::LogLevel, std::string_view) {});
                  const rlimit before = raise_descriptor_limit(log);
                  ::getrlimit(RLIMIT_NOFILE, &limit);
                  const rlim_t least = std::min<rlim_t>(limit.rlim_max, 65536);
                  return fmt::format("{} {}", before.rlim_cur, limit.rlim_cur >= least);
              }),
              "100 true");
}

}  // namespace
}  // namespace buzon::broker
