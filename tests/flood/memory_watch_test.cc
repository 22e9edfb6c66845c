// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/memory_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace buzon::flood {
namespace {

TEST(ParseStatus, FindsBothFiguresInBytes) {
    const auto use = parse_status("Name:\tbuzond\nVmHWM:\t    3000 kB\nVmRSS:\t    2000 kB\n");
    ASSERT_TRUE(use);
    EXPECT_EQ(use->peak, 3000U * 1024);
    EXPECT_EQ(use->now, 2000U * 1024);
}

TEST(ParseStatus, FindsNothingForAProcessThatHasEnded) {
    EXPECT_FALSE(parse_status("Name:\tbuzond\nState:\tZ (zombie)\n"));
    EXPECT_FALSE(parse_status(""));
}

TEST(MemoryWatch, SeesAPeakThatIsOverAgain) {
    constexpr std::size_t kBytes = std::size_t{32} << 20;
    MemoryWatch watch(::getpid());
    {
        std::vector<char> memory(kBytes);
        std::fill(memory.begin(), memory.end(), 'x');
    }
    ASSERT_TRUE(watch.sample());
    EXPECT_GE(watch.growth(), kBytes / 2);
    EXPECT_LT(watch.growth_now(), kBytes / 2);
}

}  // namespace
}  // namespace buzon::flood
