// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/options.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "clients/ctl/command.h"
#include "clients/ctl/time_span.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

struct JsonModeName {
    std::string_view name;
    JsonMode mode;
};
constexpr std::array kJsonModes = {JsonModeName{"short", JsonMode::Short},
                                   JsonModeName{"pretty", JsonMode::Pretty},
                                   JsonModeName{"off", JsonMode::Off}};

JsonMode parse_json_mode(std::string_view text) {
    const auto* const named = std::ranges::find(kJsonModes, text, &JsonModeName::name);
    if (named != kJsonModes.end()) return named->mode;
    throw UsageError(fmt::format("--json= takes short, pretty or off, not '{}'.", text));
}

/// What is only asked for while parsing and leaves no trace in Options.
struct Requests {
    bool help = false;
    bool version = false;
};

void add_boolean(CLI::App& app, const std::string& name, bool& target, const char* description) {
    app.add_option_function<std::string>(
           name, [&target](const std::string& text) { target = parse_boolean(text); }, description)
        ->type_name("BOOL");
}

void add_bus_options(CLI::App& app, Options& options) {
    BusChoice& bus = options.bus;
    app.add_flag_callback(
        "--user", [&bus] { bus.scope = BusScope::User; }, "Connect to the user's bus");
    app.add_flag_callback(
        "--system", [&bus] { bus.scope = BusScope::System; },
        "Connect to the system bus (the default)");
    app.add_option_function<std::string>(
           "--address",
           [&bus](const std::string& address) {
               bus.scope = BusScope::Address;
               bus.address = address;
           },
           "Connect to the bus at ADDRESS")
        ->type_name("ADDRESS");
    add_boolean(app, "--watch-bind", bus.watch_bind, "Wait until the socket of the bus is there");
}

void add_output_options(CLI::App& app, Options& options) {
    app.add_option_function<std::string>(
           "--json", [&options](const std::string& mode) { options.json = parse_json_mode(mode); },
           "Write JSON: short (the default), pretty or off")
        ->type_name("MODE");
    app.add_flag_callback(
        "-j",
        [&options] {
            options.json = isatty(STDOUT_FILENO) != 0 ? JsonMode::Pretty : JsonMode::Short;
        },
        "--json=pretty on a terminal, --json=short elsewhere");
    app.add_flag_callback(
        "--no-legend", [&options] { options.legend = false; }, "Write no header");
    app.add_flag("-l,--full", options.full, "Cut nothing to the width of the terminal");
    app.add_flag("--no-pager")->description("Accepted for busctl's sake: there is no pager");
}

void add_list_options(CLI::App& app, Options& options) {
    app.add_flag("--show-machine", options.show_machine, "list: show the machine's id");
    app.add_flag("--unique", options.unique, "list: only unique names");
    app.add_flag("--acquired", options.acquired, "list: only names that are owned");
    app.add_flag("--activatable", options.activatable, "list: only names that can be started");
    add_boolean(app, "--augment-creds", options.augment_credentials,
                "list, status: add what /proc knows");
    app.add_flag("--list", options.list, "tree: plain paths instead of a tree");
    app.add_flag("--watch", options.watch, "quota: show it again every second");
    app.add_option("--count", options.count, "quota: show it COUNT times, a second apart")
        ->type_name("COUNT")
        ->check(CLI::Range(std::uint32_t{1}, UINT32_MAX));
    app.add_flag("--xml-interface", options.xml_interface, "introspect: show the XML as it is");
}

void add_message_options(CLI::App& app, Options& options) {
    app.add_flag("-q,--quiet", options.quiet, "call: do not show the reply");
    app.add_flag("--verbose", options.verbose, "call, get-property: one value a line, with types");
    add_boolean(app, "--expect-reply", options.expect_reply, "call: wait for a reply");
    add_boolean(app, "--auto-start", options.bus.auto_start, "Start services if need be");
    add_boolean(app, "--allow-interactive-authorization", options.allow_interactive_authorization,
                "call: let the service ask the user for authorization");
    app.add_option_function<std::string>(
           "--timeout",
           [&options](const std::string& text) { options.bus.timeout = parse_time_span(text); },
           "How long to wait for a reply (default: 25s)")
        ->type_name("TIME");
    app.add_option("--destination", options.destination,
                   "emit, policy explain: send to SERVICE only")
        ->type_name("SERVICE");
    app.add_option_function<std::vector<std::string>>(
           "--match",
           [&options](const std::vector<std::string>& rules) { options.matches = rules; },
           "monitor: only messages that match RULE; may be repeated")
        ->type_name("RULE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_all(CLI::App& app, Options& options, Requests& requests) {
    app.allow_extras();
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.set_help_flag();
    app.add_flag("-h,--help", requests.help, "Show this help");
    app.add_flag("--version", requests.version, "Show the version");
    add_bus_options(app, options);
    add_output_options(app, options);
    add_list_options(app, options);
    add_message_options(app, options);
    add_policy_options(app, options.policy);
}

/// CLI11 hands over what it does not know, in order and unchanged (a vector option would take
/// `[x]` for a list, and a subcommand would find its name among the arguments of another).
void take_words(std::vector<std::string> words, Options& options) {
    const auto end_of_options = std::ranges::find(words, "--");
    const auto is_option = [](const std::string& word) {
        const bool is_number = word.size() > 1 && word[1] >= '0' && word[1] <= '9';
        return word.size() > 1 && word[0] == '-' && !is_number;
    };
    const auto unknown = std::find_if(words.begin(), end_of_options, is_option);
    if (unknown != end_of_options)
        throw UsageError(fmt::format(
            "Unknown option '{}'; put -- before arguments that begin with a dash.", *unknown));
    if (end_of_options != words.end()) words.erase(end_of_options);
    if (words.empty()) return;
    options.verb = std::move(words.front());
    options.arguments.assign(std::make_move_iterator(words.begin() + 1),
                             std::make_move_iterator(words.end()));
}

/// `--json` alone is --json=short; busctl also takes `--json MODE`, as two words.
std::vector<std::string> with_json_modes(std::vector<std::string> words) {
    const auto end = std::ranges::find(words, "--");
    for (auto word = words.begin(); word != end; ++word) {
        const auto next = word + 1;
        const bool has_mode =
            next != end &&
            std::ranges::find(kJsonModes, *next, &JsonModeName::name) != kJsonModes.end();
        if (*word == "--json" && !has_mode) *word = "--json=short";
    }
    return words;
}

void append_help_line(std::string& out, std::string_view what, std::string_view summary) {
    constexpr std::size_t kSummaryColumn = 29;
    fmt::format_to(std::back_inserter(out), "  {:<{}}", what, kSummaryColumn - 2);
    if (what.size() + 2 >= kSummaryColumn)
        fmt::format_to(std::back_inserter(out), "\n{:{}}", "", kSummaryColumn);
    fmt::format_to(std::back_inserter(out), "{}\n", summary);
}

}  // namespace

std::optional<Options> parse_command_line(const std::vector<std::string>& arguments) {
    const auto words = with_json_modes(arguments);
    Options options;
    Requests requests;
    CLI::App app;
    add_all(app, options, requests);
    try {
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    } catch (const CLI::ParseError& error) {
        throw UsageError(error.what());
    }
    if (requests.help) fmt::print("{}", help_text());
    if (requests.version) fmt::print("buzonctl {}\n", BUZON_VERSION);
    if (requests.help || requests.version) return std::nullopt;
    take_words(app.remaining(), options);
    return options;
}

std::string help_text() {
    std::string out =
        "buzonctl [OPTION...] [COMMAND [ARGUMENT...]]\n\nLook at a D-Bus bus, call its "
        "services.\n\nCommands:\n";
    for (const Command& command : commands())
        append_help_line(out, fmt::format("{} {}", command.verb, command.arguments),
                         command.summary);
    out += "\nOptions:\n";
    Options options;
    Requests requests;
    CLI::App app;
    add_all(app, options, requests);
    for (const CLI::Option* option : std::as_const(app).get_options()) {
        const auto type = option->get_type_name();
        append_help_line(out, option->get_name(false, true) + (type.empty() ? "" : "=" + type),
                         option->get_description());
    }
    return out += "\nMore in buzonctl(1).\n";
}

}  // namespace buzon::clients
