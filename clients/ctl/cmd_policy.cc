// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/command.h"
#include "clients/ctl/policy_answer.h"
#include "clients/ctl/policy_command.h"
#include "clients/ctl/policy_files.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

struct PolicyCommand {
    std::string_view verb;
    std::size_t min_arguments;
    std::size_t max_arguments;
    std::string_view arguments;
    int (*run)(const Options& options);
};

constexpr PolicyCommand kPolicyCommands[] = {
    {"explain", 0, 0, "", explain_policy},
    {"check", 0, SIZE_MAX, " [FILE...]", check_policy},
    {"diff", 2, 2, " FILE FILE", diff_policies},
};

}  // namespace

int run_policy(const Options& options) {
    const auto* const command =
        std::ranges::find(kPolicyCommands, options.arguments.front(), &PolicyCommand::verb);
    if (command == std::end(kPolicyCommands))
        throw UsageError(fmt::format("'policy {}' is not known; it is explain, check or diff.",
                                     options.arguments.front()));
    const std::size_t count = options.arguments.size() - 1;
    if (count < command->min_arguments || count > command->max_arguments)
        throw UsageError(fmt::format("Too {} arguments: buzonctl policy {}{}",
                                     count < command->min_arguments ? "few" : "many", command->verb,
                                     command->arguments));
    return command->run(options);
}

int explain_policy(const Options& options) {
    policy::SystemUserDatabase users;
    const PolicyQuestion question = policy_question(options, users);
    PolicyAnswer answer;
    if (options.policy.config.empty()) {
        BusConnection bus(options.bus);
        answer = answer_from(bus, question);
    } else {
        answer = answer_from(*load_policy(options.policy.config, users).set, question);
    }
    if (options.json != JsonMode::Off) {
        Json json{{"question", to_json(question)}};
        json.update(to_json(answer));
        fmt::print("{}\n", to_text(json, options.json));
    } else {
        constexpr std::size_t kShown = 12;
        fmt::print("{}\n\n{}", to_text(question),
                   to_text(answer, options.full ? SIZE_MAX : kShown));
        for (const auto& hint : hints_about(question))
            fmt::print("{}\n", hint);
    }
    return answer.is_allowed() ? 0 : 1;
}

}  // namespace buzon::clients
