// SPDX-License-Identifier: Apache-2.0
// Two files of buzon's own, separated by a line of `=====`: one of a directory and one that is
// given. What loads is resolved, applied, and brought to the broker and back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bus/body_check.h"
#include "policy/buzon_files.h"
#include "policy/limits_wire.h"
#include "tests/policy/fake_files.h"
#include "tests/policy/fake_users.h"

namespace {

using namespace buzon;
using namespace buzon::policy;

void require(bool condition) {
    if (!condition) std::abort();
}

FakeFiles split(std::string_view text) {
    constexpr std::string_view kSeparator = "\n=====\n";
    const auto end = text.find(kSeparator);
    FakeFiles files{{"/etc/buzon/system.d/a.conf", std::string(text.substr(0, end))}};
    if (end != std::string_view::npos)
        files.add("/given", std::string(text.substr(end + kSeparator.size())));
    return files;
}

void send(const LimitOverrides& overrides) {
    bus::WireWriter body;
    write_overrides(overrides, body);
    require(bus::check_body(kOverridesSignature, body.bytes(), bus::ByteOrder::Little).has_value());
    bus::WireReader reader(body.bytes(), bus::ByteOrder::Little);
    const auto read = read_overrides(reader);
    require(read && *read == overrides);
}

void apply(const Config& config) {
    FakeUsers users;
    std::vector<Warning> warnings;
    const auto overrides = resolve_limits(config, users, warnings, WhenUnreachable::DropAllows);
    send(overrides);
    for (const auto& [uid, settings] : overrides.users) {
        const auto limits = with_settings(config.limits, settings);
        require(limits.max_outgoing_bytes == config.limits.max_outgoing_bytes);
    }
    std::vector<std::string_view> names;
    for (const auto& [name, settings] : overrides.destinations)
        names.push_back(name);
    const auto limits = limits_of_destination(config.limits, overrides, names);
    require(limits.max_names_per_connection == config.limits.max_names_per_connection);
}

void load(FakeFiles& files, WhenBroken when_broken) {
    Config config;
    config.type = {"system", {}};
    const std::vector<std::string> given =
        files.read("/given") ? std::vector<std::string>{"/given"} : std::vector<std::string>{};
    try {
        load_buzon_files(config, given, when_broken, files);
        apply(config);
    } catch (const ConfigError& error) {
        require(!error.file().empty() && !error.text().empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto files = split({reinterpret_cast<const char*>(data), size});
    load(files, WhenBroken::LeaveOut);
    load(files, WhenBroken::Refuse);
    return 0;
}
