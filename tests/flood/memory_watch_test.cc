// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/memory_watch.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

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
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "needs a build without AddressSanitizer, which keeps memory of its own";
#endif
    constexpr std::size_t kBytes = std::size_t{32} << 20;
    MemoryWatch watch(::getpid());
    void* const memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    std::memset(memory, 'x', kBytes);
    ::munmap(memory, kBytes);
    ASSERT_TRUE(watch.sample());
    EXPECT_GE(watch.growth(), kBytes / 2);
    EXPECT_LT(watch.growth_now(), kBytes / 2);
}

}  // namespace
}  // namespace buzon::flood
