// SPDX-License-Identifier: Apache-2.0
#include "broker/policy_question.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "bus/wire_writer.h"

namespace buzon::broker {
namespace {

/// An a{sv} under construction. Views of what is read live as long as it.
class Dictionary {
public:
    Dictionary& text(std::string_view key, std::string_view value) {
        entry(key, "s");
        writer_.write_string(value);
        return *this;
    }
    Dictionary& number(std::string_view key, std::uint32_t value) {
        entry(key, "u");
        writer_.write_uint32(value);
        return *this;
    }
    Dictionary& numbers(std::string_view key, const std::vector<std::uint32_t>& values) {
        entry(key, "au");
        const auto array = writer_.begin_array('u');
        for (const auto value : values)
            writer_.write_uint32(value);
        writer_.end_array(array);
        return *this;
    }
    Dictionary& boolean(std::string_view key, bool value) {
        entry(key, "b");
        writer_.write_boolean(value);
        return *this;
    }
    bus::Result<PolicyQuestion, std::string> read() {
        writer_.end_array(mark_);
        bus::WireReader reader(writer_.bytes(), bus::ByteOrder::Little);
        return read_policy_question(reader);
    }

private:
    void entry(std::string_view key, std::string_view type) {
        writer_.align_struct();
        writer_.write_string(key);
        writer_.write_signature(type);
    }

    bus::WireWriter writer_;
    bus::WireWriter::ArrayMark mark_ = writer_.begin_array('{');
};

TEST(ReadPolicyQuestion, EmptyIsACallOfSomebody) {
    Dictionary dictionary;
    const auto question = dictionary.read();
    ASSERT_TRUE(question);
    EXPECT_EQ(question->type, bus::MessageType::MethodCall);
    EXPECT_FALSE(question->sender.has_identity());
    EXPECT_FALSE(question->is_reply);
}

TEST(ReadPolicyQuestion, TakesEveryEntry) {
    Dictionary dictionary;
    dictionary.text("sender", ":1.0").number("sender_uid", 7).numbers("sender_gids", {9, 8});
    dictionary.text("receiver", "a.b").number("receiver_uid", 0).numbers("receiver_gids", {});
    dictionary.text("type", "signal").text("destination", "a.c").text("path", "/p");
    dictionary.text("interface", "a.I").text("member", "M").text("error", "a.E");
    dictionary.text("reply", "unrequested").boolean("eavesdrop", true).number("fds", 3);
    const auto question = dictionary.read();
    ASSERT_TRUE(question) << question.error();
    EXPECT_EQ(question->sender.name, ":1.0");
    EXPECT_EQ(question->sender.uid, 7U);
    EXPECT_EQ(question->sender.gids, (std::vector<gid_t>{8, 9}));
    EXPECT_EQ(question->receiver.name, "a.b");
    EXPECT_EQ(question->receiver.uid, 0U);
    EXPECT_TRUE(question->receiver.gids && question->receiver.gids->empty());
    EXPECT_EQ(question->type, bus::MessageType::Signal);
    EXPECT_EQ(question->destination, "a.c");
    EXPECT_EQ(question->path, "/p");
    EXPECT_EQ(question->interface, "a.I");
    EXPECT_EQ(question->member, "M");
    EXPECT_EQ(question->error_name, "a.E");
    EXPECT_TRUE(question->is_reply);
    EXPECT_FALSE(question->requested_reply);
    EXPECT_TRUE(question->eavesdropping);
    EXPECT_EQ(question->fds, 3U);
}

TEST(ReadPolicyQuestion, ReturnsAndErrorsAreRequestedUnlessSaidOtherwise) {
    for (const auto* type : {"method_return", "error"}) {
        Dictionary dictionary;
        const auto question = dictionary.text("type", type).read();
        ASSERT_TRUE(question);
        EXPECT_TRUE(question->is_reply && question->requested_reply) << type;
    }
}

TEST(ReadPolicyQuestion, RefusesWhatItDoesNotKnow) {
    Dictionary unknown;
    EXPECT_EQ(unknown.text("typo", "x").read().error(), "Nothing is known about \"typo\"");
    Dictionary wrong_type;
    EXPECT_EQ(wrong_type.text("fds", "1").read().error(), "\"fds\" is of type s, expected u");
    constexpr struct {
        std::string_view key, value, error;
    } kCases[] = {
        {"type", "x", "\"type\" takes method_call, method_return, error or signal"},
        {"reply", "x", "\"reply\" takes requested or unrequested"},
        {"sender", "a b\n", "\"sender\" takes a bus name"},
        {"receiver", "nodots", "\"receiver\" takes a bus name"},
        {"destination", "x", "\"destination\" takes a bus name"},
    };
    for (const auto& [key, value, error] : kCases) {
        Dictionary dictionary;
        const auto question = dictionary.text(key, value).read();
        ASSERT_FALSE(question) << key;
        EXPECT_EQ(question.error(), error);
    }
}

TEST(ReadPolicyQuestion, TakesAsManyGroupsAsAProcessMayHave) {
    std::vector<std::uint32_t> groups(65536, 7);
    Dictionary most;
    EXPECT_TRUE(most.numbers("sender_gids", groups).read());
    groups.push_back(7);
    Dictionary too_many;
    const auto question = too_many.numbers("sender_gids", groups).read();
    ASSERT_FALSE(question);
    EXPECT_EQ(question.error(), "\"sender_gids\" takes at most 65536 groups");
}

}  // namespace
}  // namespace buzon::broker
