// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/object_tree.h"

#include <gtest/gtest.h>

namespace buzon::clients {
namespace {

TEST(DrawTree, DrawsNothingForTheRootAlone) {
    EXPECT_EQ(draw_tree({}), "");
    EXPECT_EQ(draw_tree({"/"}), "");
}

TEST(DrawTree, PutsEachPathBelowTheNearestThatItExtends) {
    EXPECT_EQ(draw_tree({"/", "/org", "/org/example", "/org/example/Sample", "/other"}),
              "├─/org\n"
              "│ └─/org/example\n"
              "│   └─/org/example/Sample\n"
              "└─/other\n");
}

TEST(DrawTree, SkipsSteps) {
    EXPECT_EQ(draw_tree({"/a/b/c", "/a/b/c/d/e", "/a/b/x"}),
              "├─/a/b/c\n"
              "│ └─/a/b/c/d/e\n"
              "└─/a/b/x\n");
}

TEST(DrawTree, TellsASharedBeginningFromAParent) {
    EXPECT_EQ(draw_tree({"/a", "/a/b", "/a0", "/ab"}),
              "├─/a\n"
              "│ └─/a/b\n"
              "├─/a0\n"
              "└─/ab\n");
}

}  // namespace
}  // namespace buzon::clients
