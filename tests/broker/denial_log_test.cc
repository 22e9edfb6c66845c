// SPDX-License-Identifier: Apache-2.0
#include "broker/denial_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace buzon::broker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// Answers when the test says so.
class HeldNames final : public ProcessNameSource {
public:
    void look_up(const bus::Ref<ProcessName>& name) override { asked.push_back(name); }
    [[nodiscard]] bool has_room() const override { return has_room_; }
    void set_room(bool has_room) { has_room_ = has_room; }
    void set_listener(ProcessNameListener* listener) override { listener_ = listener; }
    void answer(std::size_t index, std::string name) {
        asked.at(index)->settle(std::move(name));
        if (listener_) listener_->on_process_names();
    }
    std::vector<bus::Ref<ProcessName>> asked;

private:
    ProcessNameListener* listener_ = nullptr;
    bool has_room_ = true;
};

class DenialLogTest : public testing::Test {
protected:
    DenialLogTest() { denials_->set_source(names_); }

    static bus::Ref<ProcessName> process() { return bus::make_ref<ProcessName>(7, -1, 0); }
    static LogText about(const bus::Ref<ProcessName>& name, std::string_view text = "denied (") {
        bus::PeerCredentials credentials;
        credentials.uid = 5;
        credentials.pid = 7;
        credentials.security_label = "a_t";
        return std::move(LogText().add(text).add(credentials, name).add(")"));
    }
    void write(LogText text) { denials_->write(bus::LogLevel::Security, std::move(text)); }
    void pass(std::chrono::milliseconds time) {
        now_ += time;
        loop_.turn(0ns);
    }

    bus::TimePoint now_{1h};
    bus::EventLoop loop_{[this] { return now_; }};
    std::vector<std::string> lines_;
    bus::Log log_{[this](bus::LogLevel, std::string_view text) { lines_.emplace_back(text); }};
    HeldNames names_;
    std::unique_ptr<DenialLog> denials_ = std::make_unique<DenialLog>(loop_, log_);
};

TEST_F(DenialLogTest, ALineWaitsForTheNameOfTheProgram) {
    write(about(process()));
    EXPECT_THAT(lines_, IsEmpty());
    names_.answer(0, "mail \"x\"");
    EXPECT_THAT(lines_, ElementsAre("denied (uid=5 pid=7 comm=\"mail \\\"x\\\"\" label=\"a_t\")"));
}

TEST_F(DenialLogTest, ANameIsAskedForOnceAndThenKnown) {
    const auto name = process();
    write(about(name));
    write(about(name));
    ASSERT_EQ(names_.asked.size(), 1U);
    names_.answer(0, "mail");
    write(about(name));
    EXPECT_EQ(lines_.size(), 3U);
    EXPECT_EQ(names_.asked.size(), 1U);
}

TEST_F(DenialLogTest, ANameThatWasExpectedHoldsUpNoLine) {
    const auto name = process();
    denials_->expect(name);
    ASSERT_EQ(names_.asked.size(), 1U);
    names_.answer(0, "mail");
    write(about(name));
    EXPECT_EQ(lines_.size(), 1U);
    denials_->expect(nullptr);
    EXPECT_EQ(names_.asked.size(), 1U);
}

TEST_F(DenialLogTest, NamesForWhichThereIsNoRoomAreAskedForWhenALineNeedsThem) {
    const auto name = process();
    names_.set_room(false);
    denials_->expect(name);
    EXPECT_EQ(names_.asked.size(), 0U);
    write(about(name));
    EXPECT_EQ(names_.asked.size(), 1U);
}

TEST_F(DenialLogTest, LinesStayInTheirOrder) {
    const auto first = process(), second = process();
    write(about(first, "1 ("));
    write(about(second, "2 ("));
    write(LogText().add("3"));
    names_.answer(1, "b");
    EXPECT_THAT(lines_, IsEmpty());
    names_.answer(0, "a");
    EXPECT_THAT(lines_, ElementsAre("1 (uid=5 pid=7 comm=\"a\" label=\"a_t\")",
                                    "2 (uid=5 pid=7 comm=\"b\" label=\"a_t\")", "3"));
}

TEST_F(DenialLogTest, NoLineWaitsLong) {
    write(about(process(), "1 ("));
    pass(200ms);
    write(about(process(), "2 ("));
    pass(50ms);
    EXPECT_THAT(lines_, ElementsAre("1 (uid=5 pid=7 comm=? label=\"a_t\")"));
    pass(200ms);
    EXPECT_EQ(lines_.size(), 2U);
}

TEST_F(DenialLogTest, ANameThatCannotBeFoundOutIsMarked) {
    write(about(process()));
    names_.answer(0, "");
    EXPECT_THAT(lines_, ElementsAre("denied (uid=5 pid=7 comm=? label=\"a_t\")"));
}

TEST_F(DenialLogTest, ABoundedNumberOfLinesWaits) {
    for (std::size_t i = 0; i < DenialLog::kMostWaiting + 3; ++i)
        write(about(process()));
    EXPECT_EQ(lines_.size(), 3U);
}

TEST_F(DenialLogTest, WhatWaitsAtTheEndIsWritten) {
    write(about(process()));
    denials_.reset();
    EXPECT_EQ(lines_.size(), 1U);
    names_.answer(0, "mail");
    EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(DenialLogTest, WithoutAnybodyToAskNothingWaits) {
    DenialLog alone(loop_, log_);
    alone.write(bus::LogLevel::Security, about(process()));
    EXPECT_EQ(lines_.size(), 1U);
}

TEST(LogText, LeavesOutWhatIsNotKnownWhereNobodyWaits) {
    bus::PeerCredentials credentials;
    credentials.pid = 7;
    const auto name = bus::make_ref<ProcessName>(7, -1, 0);
    const LogText text = std::move(LogText().add("(").add(credentials, name).add(")"));
    EXPECT_EQ(text.known(), "(pid=7)");
    name->settle("mail");
    EXPECT_EQ(text.known(), "(pid=7 comm=\"mail\")");
}

}  // namespace
}  // namespace buzon::broker
