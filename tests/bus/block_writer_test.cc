// SPDX-License-Identifier: Apache-2.0
#include "bus/block_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace buzon::bus {
namespace {

/// The body of two nested arrays, as GetAllMatchRules has them.
template <typename Writer>
void write_groups(Writer& writer) {
    const auto groups = writer.begin_array('{');
    for (std::size_t i = 0; i < 9; ++i) {
        writer.align(8);
        writer.write_string(std::string(i, 'g'));
        const auto texts = writer.begin_array('s');
        for (std::size_t j = 0; j < i; ++j)
            writer.write_string(std::string(j, 't'));
        writer.end_array(texts);
    }
    writer.end_array(groups);
}

std::vector<std::byte> copy(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
}

TEST(BlockWriterTest, WritesWhatAWireWriterWrites) {
    BlockPool pool;
    BlockWriter writer(pool);
    ASSERT_TRUE(writer.try_reserve(10'000));
    write_groups(writer);
    WireWriter expected;
    write_groups(expected);
    EXPECT_EQ(copy(writer.bytes()), copy(expected.bytes()));
}

TEST(BlockWriterTest, KeepsWhatIsWrittenWhileItGrows) {
    BlockPool pool;
    BlockWriter writer(pool);
    WireWriter expected;
    for (int i = 0; i < 5000; ++i) {
        const std::string text = std::to_string(i) + std::string(100, 'x');
        ASSERT_TRUE(writer.try_reserve(text.size() + 8));
        writer.write_string(text);
        expected.write_string(text);
    }
    EXPECT_GT(writer.size(), std::size_t{64} << 10);
    EXPECT_GE(writer.reserved(), writer.size());
    EXPECT_EQ(copy(writer.bytes()), copy(expected.bytes()));
}

TEST(BlockWriterTest, GivesItsBlockBack) {
    BlockPool pool;
    BlockWriter writer(pool);
    ASSERT_TRUE(writer.try_reserve(1));
    EXPECT_EQ(pool.blocks_in_use(), 1U);
    const auto kept = writer.block();
    writer.clear();
    EXPECT_EQ(writer.reserved(), 0U);
    EXPECT_EQ(pool.blocks_in_use(), 1U);
}

}  // namespace
}  // namespace buzon::bus
