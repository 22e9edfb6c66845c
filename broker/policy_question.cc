// SPDX-License-Identifier: Apache-2.0
#include "broker/policy_question.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bus/base/log.h"
#include "bus/names.h"

namespace buzon::broker {

namespace {

// NGROUPS_MAX: no process has more.
constexpr std::size_t kMostGroups = 65536;
constexpr std::string_view kNoMoreGroups = "at most 65536 groups";
constexpr std::string_view kBusName = "a bus name";
constexpr std::string_view kAnyValue = "any value";

class QuestionReader {
public:
    explicit QuestionReader(bus::WireReader& reader) : reader_(reader) {}

    bus::Result<PolicyQuestion, std::string> read();

private:
    using Take = bool (QuestionReader::*)();
    struct Row {
        std::string_view key;
        std::string_view type;
        Take take;  // false: it is not `expected`
        std::string_view expected;
    };
    static const std::array<Row, 15> kRows;

    bus::Result<void, std::string> read_entry();

    template <std::string_view PolicyQuestion::*Field>
    bool text() {
        question_.*Field = reader_.read_string().value_or("");
        return true;
    }
    template <AskedParty PolicyQuestion::*Party>
    bool name() {
        const auto name = reader_.read_string().value_or("");
        (question_.*Party).name = name;
        return name.empty() || bus::is_bus_name(name);
    }
    template <AskedParty PolicyQuestion::*Party>
    bool uid() {
        (question_.*Party).uid = reader_.read_uint32().value_or(0);
        return true;
    }
    template <AskedParty PolicyQuestion::*Party>
    bool gids() {
        auto& gids = (question_.*Party).gids.emplace();
        const auto end = reader_.enter_array('u');
        while (end && reader_.position() < *end) {
            const auto gid = reader_.read_uint32();
            if (!gid || gids.size() == kMostGroups) return false;
            gids.push_back(*gid);
        }
        std::sort(gids.begin(), gids.end());
        return end.has_value();
    }
    bool destination() {
        question_.destination = reader_.read_string().value_or("");
        return question_.destination.empty() || bus::is_bus_name(question_.destination);
    }
    bool type();
    bool reply();
    bool eavesdrop() {
        question_.eavesdropping = reader_.read_boolean().value_or(false);
        return true;
    }
    bool fds() {
        question_.fds = reader_.read_uint32().value_or(0);
        return true;
    }

    bus::WireReader& reader_;
    PolicyQuestion question_;
    bool reply_is_given_ = false;
};

const std::array<QuestionReader::Row, 15> QuestionReader::kRows = {{
    {"sender", "s", &QuestionReader::name<&PolicyQuestion::sender>, kBusName},
    {"sender_uid", "u", &QuestionReader::uid<&PolicyQuestion::sender>, kAnyValue},
    {"sender_gids", "au", &QuestionReader::gids<&PolicyQuestion::sender>, kNoMoreGroups},
    {"receiver", "s", &QuestionReader::name<&PolicyQuestion::receiver>, kBusName},
    {"receiver_uid", "u", &QuestionReader::uid<&PolicyQuestion::receiver>, kAnyValue},
    {"receiver_gids", "au", &QuestionReader::gids<&PolicyQuestion::receiver>, kNoMoreGroups},
    {"type", "s", &QuestionReader::type, "method_call, method_return, error or signal"},
    {"destination", "s", &QuestionReader::destination, kBusName},
    {"path", "s", &QuestionReader::text<&PolicyQuestion::path>, kAnyValue},
    {"interface", "s", &QuestionReader::text<&PolicyQuestion::interface>, kAnyValue},
    {"member", "s", &QuestionReader::text<&PolicyQuestion::member>, kAnyValue},
    {"error", "s", &QuestionReader::text<&PolicyQuestion::error_name>, kAnyValue},
    {"reply", "s", &QuestionReader::reply, "requested or unrequested"},
    {"eavesdrop", "b", &QuestionReader::eavesdrop, kAnyValue},
    {"fds", "u", &QuestionReader::fds, kAnyValue},
}};

bool QuestionReader::type() {
    constexpr std::array<std::string_view, 4> kWords = {"method_call", "method_return", "error",
                                                        "signal"};
    const auto* const word =
        std::find(kWords.begin(), kWords.end(), reader_.read_string().value_or(""));
    if (word == kWords.end()) return false;
    question_.type = static_cast<bus::MessageType>(1 + (word - kWords.begin()));
    return true;
}

bool QuestionReader::reply() {
    const auto word = reader_.read_string().value_or("");
    reply_is_given_ = true;
    question_.requested_reply = word == "requested";
    return word == "requested" || word == "unrequested";
}

bus::Result<void, std::string> QuestionReader::read_entry() {
    reader_.align(8);
    const auto key = reader_.read_string().value_or("");
    const auto type = reader_.read_signature().value_or("");
    const auto* const row =
        std::find_if(kRows.begin(), kRows.end(), [&](const Row& each) { return each.key == key; });
    if (row == kRows.end())
        return bus::Unexpected{fmt::format("Nothing is known about \"{}\"", bus::printable(key))};
    if (type != row->type)
        return bus::Unexpected{
            fmt::format("\"{}\" is of type {}, expected {}", row->key, type, row->type)};
    if (!(this->*row->take)())
        return bus::Unexpected{fmt::format("\"{}\" takes {}", row->key, row->expected)};
    return {};
}

bus::Result<PolicyQuestion, std::string> QuestionReader::read() {
    const auto end = reader_.enter_array('{');
    while (end && reader_.position() < *end) {
        if (auto entry = read_entry(); !entry) return bus::Unexpected{std::move(entry).error()};
    }
    const bool by_type = question_.type == bus::MessageType::MethodReturn ||
                         question_.type == bus::MessageType::Error;
    question_.is_reply = by_type || reply_is_given_;
    if (by_type && !reply_is_given_) question_.requested_reply = true;
    return question_;
}

}  // namespace

bus::Result<PolicyQuestion, std::string> read_policy_question(bus::WireReader& reader) {
    return QuestionReader(reader).read();
}

}  // namespace buzon::broker
