// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher/launcher.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "broker/launcher/cookie_keyring.h"
#include "broker/launcher/fork.h"
#include "broker/launcher/process_names.h"
#include "bus/address.h"
#include "policy/config_files.h"

namespace buzon::broker {

namespace {

// Of one message with rules: what the broker reads in one turn.
constexpr std::size_t kPartBytes = std::size_t{48} << 10;

constexpr std::string_view kStartIsOver = "the start of the bus is over";

/// As dbus-daemon names them.
std::string_view error_name_of(int system_error) {
    switch (system_error) {
        case ENOENT: return bus::error_name::kFileNotFound;
        case EACCES:
        case EPERM: return bus::error_name::kAccessDenied;
        case ENFILE: return bus::error_name::kLimitsExceeded;
        case ENOMEM: return bus::error_name::kNoMemory;
        default: return bus::error_name::kFailed;
    }
}

std::string environment_variable(const char* name) {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

std::vector<bus::BoundSocket> bind_listen_address(const std::string& text) {
    const auto addresses = bus::parse_addresses(text);
    if (!addresses) {
        throw std::runtime_error(
            fmt::format("address \"{}\": {}", text, bus::describe(addresses.error())));
    }
    auto bound = bus::bind_first(addresses.value(), environment_variable("XDG_RUNTIME_DIR"));
    if (!bound) throw std::runtime_error(bus::describe(bound.error()));
    if (bound->size() > MessageStream::kMaxDescriptors) {
        throw std::runtime_error(fmt::format("address \"{}\": more than {} sockets", text,
                                             MessageStream::kMaxDescriptors));
    }
    return std::move(*bound);
}

BoundAnswer answer_about(const bus::BoundSocket& bound) {
    return {bus::format_address(bound.address),
            {bound.file.path(), bound.file.device(), bound.file.inode()}};
}

bool is_call(const bus::Header& header, const LauncherMethod& method) {
    return header.type == bus::MessageType::MethodCall && header.path == kLauncherPath &&
           header.interface == kLauncherInterface && header.signature == method.in;
}

}  // namespace

Launcher::Launcher(const Options& options, bus::FileDescriptor link, LauncherStage stage)
    : options_(options), reader_(options), link_(std::move(link)), stage_(stage) {}

Launcher::~Launcher() {
    if (broker_has_gone_ || stage_ == LauncherStage::Starting) return;
    for (bus::SocketFile& file : files_)
        file.release();
    if (pidfile_) pidfile_->release();
}

void Launcher::run() {
    Outcome done;
    while (done) {
        const auto message = link_.wait();
        done = message ? serve(*message) : bus::Unexpected{message.error()};
    }
    if (done.error() != LinkError::Ended)
        throw std::runtime_error(fmt::format("The broker {}", describe(done.error())));
    broker_has_gone_ = true;
}

Launcher::Outcome Launcher::serve(const bus::Message& message) {
    const bus::Header& header = message.header();
    const LauncherMethod* method = find_launcher_method(header.member);
    if (!method || !is_call(header, *method)) return bus::Unexpected{LinkError::Broken};
    try {
        return carry_out(method->request, message);
    } catch (const policy::UnreadableFile& error) {
        return refuse(message, error_name_of(error.system_error()), error.what());
    } catch (const std::exception& error) {
        return refuse(message, bus::error_name::kFailed, error.what());
    }
}

Launcher::Outcome Launcher::carry_out(LauncherRequest request, const bus::Message& call) {
    switch (request) {
        case LauncherRequest::Load: return load(call);
        case LauncherRequest::Bind: return bind(call);
        case LauncherRequest::Settle: return settle(call);
        case LauncherRequest::Adopt: return adopt(call);
        case LauncherRequest::MakeSpare: return make_spare(call);
        case LauncherRequest::WritePidfile: return write_pidfile(call);
        case LauncherRequest::GiveCookie: return give_cookie(call);
        case LauncherRequest::NameProcesses: return name_processes(call);
    }
    return bus::Unexpected{LinkError::Broken};
}

Launcher::Outcome Launcher::load(const bus::Message& call) {
    const auto at_start = read_flag(body_of(call));
    if (!at_start) return bus::Unexpected{LinkError::Broken};
    auto loaded = reader_.load(*at_start ? LoadPurpose::Start : LoadPurpose::Reload);
    LoadedSettings& settings = loaded.settings;
    if (!*at_start) {
        for (auto& text : make_transient_directories(settings.start.transient_directories))
            settings.warnings.push_back(std::move(text));
    }
    if (auto sent = send_policy(call, loaded.policy); !sent) return sent;
    write_loaded(settings, start_body());
    return reply(call, LauncherRequest::Load);
}

Launcher::Outcome Launcher::send_policy(const bus::Message& call,
                                        const policy::ResolvedPolicy& policy) {
    policy::write_policy_head(policy, start_body());
    if (auto sent = send_part(call, kPolicyHeadMember, policy::kPolicyHeadSignature); !sent)
        return sent;
    for (policy::PolicyRulesWriter rules(policy); rules.has_more();) {
        rules.write(start_body(), kPartBytes);
        if (auto sent = send_part(call, kPolicyRulesMember, policy::kPolicyRulesSignature); !sent)
            return sent;
    }
    return {};
}

Launcher::Outcome Launcher::bind(const bus::Message& call) {
    const auto text = read_text(body_of(call));
    if (!text) return bus::Unexpected{LinkError::Broken};
    if (stage_ != LauncherStage::Starting || start_failed_)
        return refuse(call, bus::error_name::kFailed, kStartIsOver);
    start_failed_ = true;
    std::vector<BoundAnswer> answers;
    std::vector<bus::FileDescriptor> sockets;
    for (bus::BoundSocket& bound : bind_listen_address(*text)) {
        answers.push_back(answer_about(bound));
        sockets.push_back(std::move(bound.socket));
        files_.push_back(std::move(bound.file));
    }
    start_failed_ = false;
    write_bound(answers, start_body());
    return reply(call, LauncherRequest::Bind,
                 bus::make_ref<const bus::DescriptorSet>(std::move(sockets)));
}

Launcher::Outcome Launcher::settle(const bus::Message& call) {
    const auto order = read_settle(body_of(call));
    if (!order) return bus::Unexpected{LinkError::Broken};
    if (stage_ != LauncherStage::Starting || start_failed_)
        return refuse(call, bus::error_name::kFailed, kStartIsOver);
    stage_ = LauncherStage::Settled;
    settle_launcher(*order, link_.fd());
    write_texts(make_transient_directories(order->transient_directories), start_body());
    return reply(call, LauncherRequest::Settle);
}

Launcher::Outcome Launcher::adopt(const bus::Message& call) {
    const auto files = read_files(body_of(call));
    if (!files || !files_.empty() || pidfile_) return bus::Unexpected{LinkError::Broken};
    for (const SocketFileFacts& file : files->sockets)
        files_.emplace_back(file.path, file.device, file.inode);
    if (files->pidfile)
        pidfile_.emplace(files->pidfile->path, static_cast<pid_t>(files->pidfile->pid));
    start_body();
    return reply(call, LauncherRequest::Adopt);
}

Launcher::Outcome Launcher::make_spare(const bus::Message& call) {
    auto [link, pid] = fork_sibling(options_);
    std::vector<bus::FileDescriptor> links;
    links.push_back(std::move(link));
    auto& body = start_body();
    body.write_uint32(static_cast<std::uint32_t>(pid));
    body.write_uint32(0);
    return reply(call, LauncherRequest::MakeSpare,
                 bus::make_ref<const bus::DescriptorSet>(std::move(links)));
}

Launcher::Outcome Launcher::write_pidfile(const bus::Message& call) {
    const auto facts = read_pidfile(body_of(call));
    if (!facts || pidfile_) return bus::Unexpected{LinkError::Broken};
    if (stage_ != LauncherStage::Starting)
        return refuse(call, bus::error_name::kFailed, kStartIsOver);
    pidfile_.emplace(Pidfile::create(facts->path, static_cast<pid_t>(facts->pid)));
    start_body().write_string(sendable(pidfile_->path()));
    return reply(call, LauncherRequest::WritePidfile);
}

Launcher::Outcome Launcher::give_cookie(const bus::Message& call) {
    const auto directory = read_text(body_of(call));
    if (!directory) return bus::Unexpected{LinkError::Broken};
    const auto cookie =
        CookieKeyring(*directory, std::string(kDefaultCookieContext)).fresh_cookie();
    if (!cookie) return refuse(call, bus::error_name::kFailed, describe(cookie.error()));
    write_cookie(*cookie, start_body());
    return reply(call, LauncherRequest::GiveCookie);
}

Launcher::Outcome Launcher::name_processes(const bus::Message& call) {
    const auto processes = read_processes(body_of(call));
    if (!processes) return bus::Unexpected{LinkError::Broken};
    const auto passed = call.descriptors() ? std::span(call.descriptors()->descriptors)
                                           : std::span<const bus::FileDescriptor>();
    std::vector<std::string> names;
    for (const ProcessFacts& process : *processes) {
        const bool has_descriptor = process.descriptor && *process.descriptor < passed.size();
        const bus::FileDescriptor none;
        names.push_back(
            name_of_process(process, has_descriptor ? passed[*process.descriptor] : none));
    }
    write_texts(names, start_body());
    return reply(call, LauncherRequest::NameProcesses);
}

Launcher::Outcome Launcher::send_part(const bus::Message& call,
                                      std::string_view member,
                                      std::string_view signature) {
    return send({.type = bus::MessageType::Signal,
                 .reply_serial = call.header().serial,
                 .path = kLauncherPath,
                 .interface = kLauncherInterface,
                 .member = member,
                 .signature = signature},
                nullptr);
}

Launcher::Outcome Launcher::reply(const bus::Message& call,
                                  LauncherRequest request,
                                  bus::Ref<const bus::DescriptorSet> descriptors) {
    if (!call.header().expects_reply()) return {};
    return send({.type = bus::MessageType::MethodReturn,
                 .reply_serial = call.header().serial,
                 .signature = method_of(request).out},
                std::move(descriptors));
}

Launcher::Outcome Launcher::refuse(const bus::Message& call,
                                   std::string_view error_name,
                                   std::string_view text) {
    start_body().write_string(sendable(std::string(text)));
    return send({.type = bus::MessageType::Error,
                 .reply_serial = call.header().serial,
                 .error_name = error_name,
                 .signature = "s"},
                nullptr);
}

Launcher::Outcome Launcher::send(bus::MessageFields fields,
                                 bus::Ref<const bus::DescriptorSet> descriptors) {
    fields.serial = ++serial_ == 0 ? ++serial_ : serial_;
    fields.unix_fds = descriptors ? static_cast<std::uint32_t>(descriptors->descriptors.size()) : 0;
    auto message = builder_.build(fields);
    message.descriptors = std::move(descriptors);
    return link_.send(message, MessageStream::Waiting::AsLongAsItTakes);
}

}  // namespace buzon::broker
