// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/table.h"

#include <gtest/gtest.h>

namespace buzon::clients {
namespace {

Table sample() {
    Table table({{"NAME"}, {"PID", Align::Right}, {"USER"}});
    table.add({"org.example.Mail", 7, "root"});
    table.add({"é", 12345, nullptr});
    return table;
}

TEST(TableText, AlignsColumnsAndEndsLinesWithoutSpaces) {
    EXPECT_EQ(sample().to_text({}),
              "NAME               PID USER\n"
              "org.example.Mail     7 root\n"
              "é                12345 -\n");
}

TEST(TableText, WithoutHeaderIsAsNarrowAsItsRows) {
    EXPECT_EQ(sample().to_text({.has_header = false}),
              "org.example.Mail     7 root\n"
              "é                12345 -\n");
}

TEST(TableText, CutsTheWidestColumnsToFit) {
    EXPECT_EQ(sample().to_text({.max_width = 20}),
              "NAME        PID USER\n"
              "org.exam…     7 root\n"
              "é         12345 -\n");
}

TEST(TableText, CutsCellsOfColumnsThatHaveALimit) {
    Table table({{"NAME", Align::Left, 5}, {"X"}});
    table.add({"123456", "ok"});
    EXPECT_EQ(table.to_text({}), "NAME  X\n1234… ok\n");
}

TEST(TableText, KeepsEachRowOnOneLine) {
    Table table({{"PROCESS"}});
    table.add({"a\nb\x1B[2J"});
    EXPECT_EQ(table.to_text({.has_header = false}), "a\\nb\\033[2J\n");
}

TEST(TableText, WithoutRowsIsItsHeader) {
    EXPECT_EQ(Table({{"NAME"}, {"TYPE"}}).to_text({}), "NAME TYPE\n");
    EXPECT_EQ(Table({{"NAME"}, {"TYPE"}}).to_text({.has_header = false}), "");
}

TEST(TableJson, HasHeadersInLowerCaseAndKeepsTypes) {
    EXPECT_EQ(to_text(sample().to_json(), JsonMode::Short),
              R"([{"name":"org.example.Mail","pid":7,"user":"root"},)"
              R"({"name":"é","pid":12345,"user":null}])");
}

TEST(CutToWidth, CountsCharactersAndNotBytes) {
    EXPECT_EQ(cut_to_width("éàü", 3), "éàü");
    EXPECT_EQ(cut_to_width("éàüx", 3), "éà…");
    EXPECT_EQ(cut_to_width("abc", 1), "…");
}

}  // namespace
}  // namespace buzon::clients
