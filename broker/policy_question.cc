// SPDX-License-Identifier: Apache-2.0
#include "broker/policy_question.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::broker {

namespace {

class QuestionReader {
public:
    explicit QuestionReader(bus::WireReader& reader) : reader_(reader) {}

    bus::Result<PolicyQuestion, std::string> read();

private:
    using Take = bool (QuestionReader::*)();
    struct Row {
        std::string_view key;
        std::string_view type;
        Take take;
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
        (question_.*Party).name = reader_.read_string().value_or("");
        return true;
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
            if (!gid) return false;
            gids.push_back(*gid);
        }
        std::sort(gids.begin(), gids.end());
        return end.has_value();
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
    {"sender", "s", &QuestionReader::name<&PolicyQuestion::sender>},
    {"sender_uid", "u", &QuestionReader::uid<&PolicyQuestion::sender>},
    {"sender_gids", "au", &QuestionReader::gids<&PolicyQuestion::sender>},
    {"receiver", "s", &QuestionReader::name<&PolicyQuestion::receiver>},
    {"receiver_uid", "u", &QuestionReader::uid<&PolicyQuestion::receiver>},
    {"receiver_gids", "au", &QuestionReader::gids<&PolicyQuestion::receiver>},
    {"type", "s", &QuestionReader::type},
    {"destination", "s", &QuestionReader::text<&PolicyQuestion::destination>},
    {"path", "s", &QuestionReader::text<&PolicyQuestion::path>},
    {"interface", "s", &QuestionReader::text<&PolicyQuestion::interface>},
    {"member", "s", &QuestionReader::text<&PolicyQuestion::member>},
    {"error", "s", &QuestionReader::text<&PolicyQuestion::error_name>},
    {"reply", "s", &QuestionReader::reply},
    {"eavesdrop", "b", &QuestionReader::eavesdrop},
    {"fds", "u", &QuestionReader::fds},
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
        return bus::Unexpected{fmt::format("The value of \"{}\" is not known", row->key)};
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
