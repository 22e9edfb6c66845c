// SPDX-License-Identifier: Apache-2.0
// A configuration of up to four files, separated by lines of `=====`: /main.conf, /a.conf,
// /d/1.conf and /d/2.conf. What loads is compiled, asked a few questions, and each of its rules is
// written out and read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config_files.h"
#include "policy/policy_set.h"
#include "policy/rule_parser.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"

namespace {

using namespace buzon::policy;

void require(bool condition) {
    if (!condition) std::abort();
}

FakeFiles split(std::string_view text) {
    constexpr std::string_view kSeparator = "\n=====\n";
    FakeFiles files;
    for (const auto* path : {"/main.conf", "/a.conf", "/d/1.conf", "/d/2.conf"}) {
        const auto end = text.find(kSeparator);
        files.add(path, std::string(text.substr(0, end)));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + kSeparator.size());
    }
    return files;
}

void read_again(const Rule& rule) {
    const auto text = to_text(rule);
    const auto element = read_xml(text, "rule");
    const std::string path = "rule";
    require(to_text(parse_rule({FileId{}, path}, element)) == text);
}

void ask(const PolicySnapshot& snapshot) {
    for (const auto type : {buzon::bus::MessageType::MethodCall, buzon::bus::MessageType::Signal,
                            buzon::bus::MessageType::Error}) {
        for (const auto* interface : {"", "com.example.I"}) {
            const MessageFacts facts{.type = type,
                                     .path = "/",
                                     .interface = interface,
                                     .member = "M",
                                     .error_name = "",
                                     .destination = "com.example.A",
                                     .sender = ":1.1",
                                     .is_reply = type == buzon::bus::MessageType::Error,
                                     .fd_count = 1};
            const auto send = snapshot.may_send({.message = facts});
            require(!snapshot.allows_every_send() || (send.allowed && !send.log));
            const auto receive = snapshot.may_receive({.message = facts, .eavesdropping = true});
            require(!snapshot.allows_every_receive() || receive.allowed);
        }
    }
    const auto own = snapshot.may_own("com.example.A");
    require(!snapshot.allows_every_own() || own.allowed);
    require(own.rule || !own.allowed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto files = split({reinterpret_cast<const char*>(data), size});
    try {
        ConfigEnvironment environment;
        environment.home = "/home/alice";
        const auto config = load_config("/main.conf", environment, files);
        for (const auto& block : config.policies) {
            for (const auto& rule : block.rules) {
                require(rule.location.line > 0);
                read_again(rule);
            }
        }
        FakeUsers users;
        std::vector<Warning> warnings;
        const auto set = PolicySet::create(config, users, warnings);
        ask(*set->snapshot_for({.uid = 1000}));
        ask(*set->snapshot_for({}));
    } catch (const ConfigError& error) {
        require(!error.file().empty() && !error.text().empty());
    }
    return 0;
}
