// SPDX-License-Identifier: Apache-2.0
#include "broker/name_list.h"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <set>
#include <string>

#include "bus/wire_writer.h"
#include "tests/broker/listed_names.h"

namespace buzon::broker {
namespace {

struct Listed {
    std::string name;
    std::size_t place = 0;
};

std::vector<std::byte> copy(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
}

TEST(NameList, IsWrittenAsIfNameByName) {
    bus::BlockPool pool;
    bus::BlockWriter body(pool);
    bus::WireWriter expected;
    ASSERT_TRUE(body.try_reserve(10'000));
    std::list<Listed> listed;
    NameList first, nobody, second;
    const auto array = body.begin_array('s'), expected_array = expected.begin_array('s');
    for (NameList* const list : {&first, &second}) {
        for (std::size_t size = 1; size < 70; ++size) {
            listed.push_back({std::string(size, 'a')});
            list->add(listed.back().name, listed.back().place);
            expected.write_string(listed.back().name);
        }
        nobody.write(body);
        const std::size_t before = body.size();
        list->write(body);
        EXPECT_LE(body.size() - before, list->bytes());
    }
    body.end_array(array);
    expected.end_array(expected_array);
    EXPECT_EQ(copy(body.bytes()), copy(expected.bytes()));
}

TEST(NameList, HasWhatHasComeAndNotGoneInAnyHistory) {
    std::mt19937 random(1);
    NameList list;
    std::vector<std::unique_ptr<Listed>> listed;
    std::multiset<std::string> expected;
    std::size_t most = 0;
    for (int i = 0; i < 20'000; ++i) {
        const bool is_growing = i / 2500 % 2 == 0;
        if (listed.empty() || random() % 8 < (is_growing ? 5U : 3U)) {
            listed.push_back(std::make_unique<Listed>());
            listed.back()->name = std::string(random() % 255 + 1, 'x') + std::to_string(i);
            expected.insert(listed.back()->name);
            list.add(listed.back()->name, listed.back()->place);
        } else {
            std::swap(listed[random() % listed.size()], listed.back());
            list.remove(listed.back()->place);
            expected.erase(listed.back()->name);
            listed.pop_back();
        }
        most = std::max(most, listed.size());
        ASSERT_EQ(list.size(), listed.size());
        if (i % 50 == 0) {
            ASSERT_EQ(names_in(list), expected);
        }
    }
    EXPECT_GT(most, 400U);
    while (!listed.empty()) {
        list.remove(listed.front()->place);
        listed.erase(listed.begin());
    }
    EXPECT_EQ(list.size(), 0U);
    EXPECT_TRUE(names_in(list).empty());
}

}  // namespace
}  // namespace buzon::broker
