// SPDX-License-Identifier: Apache-2.0
#include "bus/base/slab.h"

#include <memory>

#include <gtest/gtest.h>

namespace buzon::bus {
namespace {

TEST(Slab, GivesNumbersOutAgain) {
    Slab<int> slab;
    const auto one = slab.add(10);
    const auto two = slab.add(20);
    EXPECT_EQ(slab[two], 20);
    slab.remove(one);
    EXPECT_EQ(slab.size(), 1U);
    EXPECT_EQ(slab.add(30), one);
    EXPECT_EQ(slab[one], 30);
    EXPECT_EQ(slab.size(), 2U);
}

TEST(Slab, RemovedRecordHoldsNothing) {
    Slab<std::shared_ptr<int>> slab;
    const auto held = std::make_shared<int>(1);
    const auto number = slab.add(held);
    slab.remove(number);
    EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace buzon::bus
