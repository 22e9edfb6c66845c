// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/policy_options.h"

#include <string_view>

#include <CLI/CLI.hpp>

namespace buzon::clients {
namespace {

void add_text(CLI::App& app,
              const std::string& name,
              std::string& target,
              const char* type,
              const char* description) {
    app.add_option(name, target, description)->type_name(type);
}

/// Given more than once, each counts.
void add_texts(CLI::App& app,
               const std::string& name,
               std::vector<std::string>& target,
               const char* type,
               const char* description) {
    app.add_option_function<std::vector<std::string>>(
           name, [&target](const std::vector<std::string>& texts) { target = texts; }, description)
        ->type_name(type)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_party_options(CLI::App& app, PolicyOptions& options) {
    add_texts(app, "--sender", options.sender.names, "NAME",
              "policy explain: who sends, owns or connects; may be repeated");
    add_text(app, "--uid", options.sender.user, "USER", "policy explain: the sender's user");
    add_texts(app, "--gid", options.sender.groups, "GROUP",
              "policy explain: a group of the sender; may be repeated");
    add_texts(app, "--receiver", options.receiver.names, "NAME",
              "policy explain: who receives; may be repeated");
    add_text(app, "--receiver-uid", options.receiver.user, "USER",
             "policy explain: the receiver's user");
    add_texts(app, "--receiver-gid", options.receiver.groups, "GROUP",
              "policy explain: a group of the receiver; may be repeated");
}

void add_message_options(CLI::App& app, PolicyOptions& options) {
    add_text(app, "--type", options.type, "TYPE",
             "policy explain: method_call (default), method_return, error or signal");
    add_text(app, "--path", options.path, "OBJECT", "policy explain: the object path");
    add_text(app, "--interface", options.interface, "INTERFACE", "policy explain: the interface");
    add_text(app, "--member", options.member, "MEMBER", "policy explain: the method or signal");
    add_text(app, "--error", options.error, "ERROR", "policy explain: the name of an error");
    add_text(app, "--reply", options.reply, "WHETHER",
             "policy explain: an answer that is requested or unrequested");
    app.add_option("--fds", options.fds, "policy explain: how many file descriptors (default: 0)")
        ->type_name("NUMBER");
    app.add_flag("--eavesdrop", options.eavesdrop,
                 "policy explain: the receiver overhears what is for another");
    app.add_flag("--broadcast", options.broadcast, "policy explain: a signal to all that listen");
}

}  // namespace

void add_policy_options(CLI::App& app, PolicyOptions& options) {
    add_text(app, "--config", options.config, "FILE",
             "policy explain: ask FILE instead of the running bus");
    add_party_options(app, options);
    add_message_options(app, options);
    add_text(app, "--own", options.own, "NAME", "policy explain: may NAME be owned?");
    app.add_flag("--connect", options.connect, "policy explain: may one connect at all?");
    add_texts(app, "--mailbox-config", options.mailbox_configs, "FILE",
              "policy check: a file of buzon's own; may be repeated");
    app.add_flag("--strict", options.strict, "policy check: notes count as well");
}

}  // namespace buzon::clients
