// SPDX-License-Identifier: Apache-2.0
#include "broker/activation_environment.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/support/test_broker.h"

namespace buzon::broker {
namespace {

using tests::RawClient;
using tests::TestBroker;

using Texts = std::map<std::string, std::string>;

ActivationEnvironment::Settings viewed(const Texts& texts) {
    return {texts.begin(), texts.end()};
}

std::size_t counted(const ActivationEnvironment& environment) {
    std::size_t size = 0;
    for (const auto& [key, value] : environment.variables())
        size += ActivationEnvironment::size_of(key, value);
    return size;
}

TEST(ActivationEnvironment, SetsNewVariablesAndReplacesOthers) {
    ActivationEnvironment environment;
    EXPECT_TRUE(environment.update({{"A", "1"}, {"B", "22"}}));
    EXPECT_TRUE(environment.update({{"B", ""}, {"", "x"}}));
    EXPECT_EQ(environment.variables(),
              (ActivationEnvironment::Variables{{"", "x"}, {"A", "1"}, {"B", ""}}));
    EXPECT_EQ(environment.size(), 3 * ActivationEnvironment::kEntryBytes + 4);
}

TEST(ActivationEnvironment, IsFilledToTheLastByteAndThenChangesNothing) {
    ActivationEnvironment environment;
    const std::string most(
        ActivationEnvironment::kMaxBytes - ActivationEnvironment::kEntryBytes - 1, 'x');
    EXPECT_FALSE(environment.update({{"A", most + "x"}}));
    EXPECT_TRUE(environment.variables().empty());
    EXPECT_TRUE(environment.update({{"A", most}}));
    EXPECT_EQ(environment.size(), ActivationEnvironment::kMaxBytes);
    EXPECT_FALSE(environment.update({{"A", "shorter"}, {"B", most}}));
    EXPECT_FALSE(environment.update({{"", ""}}));
    EXPECT_EQ(environment.variables(), (ActivationEnvironment::Variables{{"A", most}}));
    EXPECT_TRUE(environment.update({{"A", ""}, {"B", "makes room for itself"}}));
    EXPECT_EQ(environment.size(), counted(environment));
}

TEST(ActivationEnvironment, KeepsNoMemoryOfLongerValues) {
    ActivationEnvironment environment;
    const std::string large(200'000, 'x');
    for (const char* const name : {"A", "B", "C"}) {
        EXPECT_TRUE(environment.update({{name, large}}));
        EXPECT_TRUE(environment.update({{name, "short"}}));
    }
    for (const auto& [key, value] : environment.variables())
        EXPECT_LT(value.capacity(), 100U) << key;
}

TEST(ActivationEnvironment, KnowsItsSizeInAnyHistory) {
    std::mt19937 random(1);
    const auto below = [&](std::size_t end) { return random() % end; };
    ActivationEnvironment environment;
    Texts expected;
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
        Texts texts;
        for (std::size_t count = below(4); count > 0; --count)
            texts[std::to_string(below(60))] = std::string(below(10'000), 'v');
        auto next = texts;
        next.merge(Texts(expected));
        const bool fits = environment.update(viewed(texts));
        if (fits) expected = std::move(next);
        refused += fits ? 0 : 1;
        ASSERT_EQ(environment.size(), counted(environment));
        ASSERT_LE(environment.size(), ActivationEnvironment::kMaxBytes);
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), environment.variables().begin(),
                               environment.variables().end()));
    }
    EXPECT_GT(refused, 100);
    EXPECT_LT(refused, 2900);
}

// --- the method ---------------------------------------------------------------------------------

class UpdateActivationEnvironment : public testing::Test {
protected:
    using Settings = std::vector<std::pair<std::string, std::string>>;

    void send(const Settings& settings) {
        auto& body = builder_.start_body();
        const auto array = body.begin_array('{');
        for (const auto& [key, value] : settings) {
            body.align_struct();
            body.write_string(key);
            body.write_string(value);
        }
        body.end_array(array);
        const auto message = builder_.build({.type = bus::MessageType::MethodCall,
                                             .serial = ++serial_,
                                             .path = bus::kDriverPath,
                                             .interface = bus::kDriverName,
                                             .member = "UpdateActivationEnvironment",
                                             .destination = bus::kDriverName,
                                             .signature = "a{ss}"});
        send_all(message.head);
        send_all(message.body);
    }
    /// The bus reads where its socket is full.
    void send_all(std::span<const std::byte> bytes) {
        while (true) {
            bytes = bytes.subspan(client_.send(bytes));
            if (bytes.empty()) return;
            bus_.settle();
        }
    }
    static Settings numbered(int begin, int end) {
        Settings settings;
        for (int i = begin; i < end; ++i)
            settings.emplace_back(fmt::format("{:x}", i), "");
        return settings;
    }
    std::string error_of(const Settings& settings) {
        send(settings);
        return client_.next_reply().error_name;
    }
    [[nodiscard]] const ActivationEnvironment& environment() const {
        return bus_.state().activation_environment;
    }

    TestBroker bus_;
    RawClient client_ = RawClient::on(bus_);
    bus::MessageBuilder builder_;
    std::uint32_t serial_ = 1000;
};

TEST_F(UpdateActivationEnvironment, TheLastOfAVariableCounts) {
    EXPECT_EQ(error_of({{"A", "1"}, {"B", "2"}, {"A", "3"}}), "");
    EXPECT_EQ(environment().variables(),
              (ActivationEnvironment::Variables{{"A", "3"}, {"B", "2"}}));
}

TEST_F(UpdateActivationEnvironment, RefusesMoreThanThereMayBeAndKeepsWhatThereWas) {
    for (int i = 0; i < 3500; i += 500)
        ASSERT_EQ(error_of(numbered(i, i + 500)), "");
    const auto size = environment().size();
    EXPECT_EQ(error_of(numbered(3400, 5000)), bus::error_name::kLimitsExceeded);
    EXPECT_EQ(environment().variables().size(), 3500U);
    EXPECT_EQ(environment().size(), size);
    EXPECT_EQ(error_of(numbered(0, 500)), "") << "which are there already";
}

TEST_F(UpdateActivationEnvironment, RefusesOneVariableGivenVeryOften) {
    EXPECT_EQ(error_of(Settings(5000, {"A", "1"})), bus::error_name::kLimitsExceeded);
    EXPECT_TRUE(environment().variables().empty());
}

TEST_F(UpdateActivationEnvironment, TakesTheTurnsOfWhoeverSetsMuch) {
    constexpr int kCalls = 10;
    const auto turns_for = [&](const Settings& settings) {
        for (int i = 0; i < kCalls; ++i)
            send(settings);
        return bus_.settle();
    };
    EXPECT_LT(turns_for(numbered(0, 1)), kCalls / 2);
    EXPECT_GE(turns_for(numbered(0, 600)), kCalls / 2);
}

}  // namespace
}  // namespace buzon::broker
