// SPDX-License-Identifier: Apache-2.0
// The table of attacks, without a bus.
#include <gmock/gmock.h>

#include <set>

#include "tests/flood/role.h"
#include "tests/flood/speech.h"

namespace buzon::flood {
namespace {

TEST(AllAttacks, HaveNamesOfTheirOwnAndACast) {
    std::set<std::string_view> names;
    for (const auto& attack : all_attacks()) {
        EXPECT_TRUE(names.insert(attack.name).second) << attack.name;
        EXPECT_FALSE(attack.about.empty()) << attack.name;
        EXPECT_FALSE(attack.cast.empty()) << attack.name;
        EXPECT_LE(attack.name.size(), 26U) << attack.name << " is wider than its column";
    }
}

bool is_message(const load::Bytes& bytes) {
    return load::size_of_message(bytes) == bytes.size() && load::header_of(bytes).serial != 0;
}

TEST(Speech, BecomesAMessageThatABusTakes) {
    const auto text = [](std::size_t, std::uint64_t nth) {
        return "org.example.N" + std::to_string(nth);
    };
    const Speech speeches[] = {calls("A", 100, Reply::Wanted),
                               signals("A", 100),
                               broadcasts(100),
                               calls_with_descriptors("A", 3),
                               replies("A"),
                               driver_calls("GetId"),
                               driver_calls("AddMatch", text),
                               name_requests(text),
                               name_churn("A"),
                               broadcasts_of("/"),
                               environment_updates(2)};
    for (const auto& speech : speeches)
        EXPECT_TRUE(is_message(speech.write(0, 1)));
}

TEST(Rules, DifferAndAreNoLongerThanARuleMayBe) {
    constexpr std::size_t kMostOfARule = 1024;
    constexpr std::uint64_t kLast = 100'000;
    EXPECT_LE(rule_of_64_conditions(kLast).size(), kMostOfARule);
    EXPECT_NE(rule_of_64_conditions(kLast), rule_of_64_conditions(kLast - 1));
    EXPECT_THAT(rule_of_64_conditions(1), testing::HasSubstr(",arg63='7f'"));
    EXPECT_THAT(rules_for_the_root(2), testing::ElementsAre("arg0path='/n0/'", "arg0path='/n1/'"));
}

TEST(Speech, AHugeMessageStaysWithinWhatAMessageMayHold) {
    constexpr std::size_t kBody = std::size_t{126} << 20;
    const auto message = calls("A", kBody, Reply::NotWanted).write(0, 0);
    EXPECT_GE(message.size(), kBody);
    EXPECT_LE(message.size(), bus::kMaxMessageBytes);
    EXPECT_EQ(load::header_of(message).signature, "ayay");
}

TEST(Speech, TheLongestCallsAreTooLongByAByteOnceTheirSenderIsAdded) {
    constexpr std::size_t kSenderBytes = 16;
    const auto speech = longest_calls("A");
    const auto first = speech.write(0, 0);
    EXPECT_TRUE(is_message(first));
    EXPECT_EQ(first.size() + kSenderBytes, bus::kMaxMessageBytes);
    EXPECT_EQ(speech.write(0, 1).size() + kSenderBytes, bus::kMaxMessageBytes + 1);
    EXPECT_EQ(speech.write(0, 2), first);
}

}  // namespace
}  // namespace buzon::flood
