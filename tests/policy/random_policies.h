// SPDX-License-Identifier: Apache-2.0
// Random policies and questions over a small vocabulary, so that rules meet. A seed is a policy.
#pragma once

#include <initializer_list>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "policy/policy_snapshot.h"

namespace buzon::policy {

class Dice {
public:
    explicit Dice(unsigned seed) : random_(seed) {}
    unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
    std::string_view pick(std::initializer_list<std::string_view> from) {
        return from.begin()[roll(static_cast<unsigned>(from.size()))];
    }
    std::string name() { return std::string(pick({"a.b", "a.b.c", "a.c", "a", "*", ":1.0"})); }

private:
    std::mt19937 random_;
};

inline std::string random_conditions(Dice& dice, std::string_view side) {
    std::string text;
    const auto add = [&](std::string_view name, std::string_view value) {
        text += fmt::format(" {}_{}='{}'", side, name, value);
    };
    if (dice.roll(3) == 0)
        add("type", dice.pick({"method_call", "method_return", "error", "signal", "*"}));
    if (dice.roll(3) == 0) add("path", dice.pick({"/", "/a", "*"}));
    const bool error = dice.roll(6) == 0;
    if (error) add("error", dice.pick({"a.E", "a.F"}));
    if (!error && dice.roll(3) == 0) {
        add("interface", dice.pick({"a.I", "a.J", "*"}));
        if (dice.roll(3) == 0) add("member", dice.pick({"M", "N"}));
    }
    if (dice.roll(3) == 0) add("requested_reply", dice.pick({"true", "false"}));
    if (dice.roll(4) == 0) text += " eavesdrop='true'";
    if (dice.roll(5) == 0) text += fmt::format(" max_fds='{}'", dice.roll(3));
    if (dice.roll(5) == 0) text += fmt::format(" min_fds='{}'", dice.roll(3));
    return text;
}

inline std::string random_rule(Dice& dice) {
    std::string text(dice.pick({"<allow", "<deny"}));
    switch (dice.roll(4)) {
        case 0: text += fmt::format(" own='{}'", dice.name()); break;
        case 1: {
            const bool any = dice.roll(3) == 0;
            text += fmt::format(" receive_sender='{}'", any ? "*" : dice.name());
            text += random_conditions(dice, "receive");
            break;
        }
        default: {
            text += random_conditions(dice, "send");
            const auto destination = dice.roll(3);
            if (destination == 0) text += fmt::format(" send_destination='{}'", dice.name());
            if (destination == 1) text += fmt::format(" send_destination_prefix='{}'", dice.name());
            if (destination != 0) text += dice.roll(3) == 0 ? " send_broadcast='true'" : "";
            text += dice.roll(3) == 0 ? " log='true'" : "";
            if (text.find("send_") == std::string::npos) text += " send_type='*'";
        }
    }
    return text + "/>";
}

inline std::string random_policies(Dice& dice) {
    std::string text;
    for (unsigned blocks = 1 + dice.roll(4); blocks > 0; --blocks) {
        text += fmt::format("<policy {}>",
                            dice.pick({"context='default'", "context='mandatory'", "user='alice'",
                                       "group='audio'", "at_console='false'", "group='video'"}));
        for (unsigned rules = dice.roll(8); rules > 0; --rules)
            text += "\n" + random_rule(dice);
        text += "</policy>";
    }
    return text;
}

inline MessageFacts random_message(Dice& dice) {
    return {.type = static_cast<bus::MessageType>(1 + dice.roll(4)),
            .path = dice.pick({"/", "/a", ""}),
            .interface = dice.pick({"a.I", "a.J", ""}),
            .member = dice.pick({"M", "N", ""}),
            .error_name = dice.pick({"a.E", ""}),
            .destination = dice.pick({"a.b", "a.b.c", ""}),
            .sender = ":1.0",
            .is_reply = dice.roll(2) == 0,
            .fd_count = dice.roll(4)};
}

}  // namespace buzon::policy
