// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/process_figures.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace buzon::broker {
namespace {

double sample(const std::string& text, const std::string& name) {
    const auto found = text.find("\n" + name + " ");
    return found == std::string::npos ? -1 : std::atof(text.c_str() + found + name.size() + 2);
}

std::string text_of(const ProcessFigures& figures) {
    OpenMetricsWriter out;
    figures.write(out);
    return std::move(out).finish();
}

TEST(ParseMemoryPages, TakesTheFirstTwoNumbers) {
    const auto pages = parse_memory_pages("11386 1850 1694 60 0 1010 0\n");
    ASSERT_TRUE(pages);
    EXPECT_EQ(pages->all, 11386U);
    EXPECT_EQ(pages->resident, 1850U);
}

TEST(ParseMemoryPages, RefusesWhatIsNoneOfThat) {
    for (const auto* text : {"", "1", "1 ", "x 1", "1 x", "1\n2", "99999999999999999999 1"})
        EXPECT_FALSE(parse_memory_pages(text)) << text;
}

TEST(ProcessFigures, AreThoseOfThisProcess) {
    const ProcessFigures figures;
    const std::string text = text_of(figures);
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    EXPECT_GE(sample(text, "process_cpu_seconds_total"), 0);
    EXPECT_GT(sample(text, "process_resident_memory_bytes"), 100'000);
    EXPECT_GT(sample(text, "process_virtual_memory_bytes"),
              sample(text, "process_resident_memory_bytes"));
    EXPECT_GT(sample(text, "process_max_fds"), 0);
    EXPECT_LT(sample(text, "process_start_time_seconds"), now + 1);
    EXPECT_GT(sample(text, "process_start_time_seconds"), now - 3600);
}

TEST(ProcessFigures, FollowWhatIsOpen) {
    const ProcessFigures figures;
    const double before = sample(text_of(figures), "process_open_fds");
    if (before < 0) GTEST_SKIP() << "this kernel does not tell";
    std::vector<bus::FileDescriptor> more;
    more.reserve(10);
    for (int i = 0; i < 10; ++i)
        more.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(sample(text_of(figures), "process_open_fds"), before + 10);
}

}  // namespace
}  // namespace buzon::broker
