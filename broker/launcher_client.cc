// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_client.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "broker/load_assembly.h"
#include "bus/address.h"

namespace buzon::broker {

namespace {

[[noreturn]] void fail(LinkError error) {
    throw std::runtime_error(fmt::format("The launcher process {}", describe(error)));
}

/// A descriptor of our own for one that came with a message.
bus::FileDescriptor descriptor_of(const bus::Message& message, std::size_t index) {
    auto socket = message.descriptors()->descriptors[index].duplicate();
    if (!socket) throw std::runtime_error("No descriptor is left for a listening socket");
    return socket;
}

}  // namespace

bus::Result<void, LinkError> send_request(MessageStream& stream,
                                          bus::MessageBuilder& builder,
                                          LauncherRequest request,
                                          const RequestForm& form) {
    const LauncherMethod& method = method_of(request);
    const std::size_t passed = form.descriptors ? form.descriptors->descriptors.size() : 0;
    auto message = builder.build({.type = bus::MessageType::MethodCall,
                                  .flags = form.flags,
                                  .serial = form.serial,
                                  .unix_fds = static_cast<std::uint32_t>(passed),
                                  .path = kLauncherPath,
                                  .interface = kLauncherInterface,
                                  .member = method.member,
                                  .signature = method.in});
    message.descriptors = form.descriptors;
    return stream.send(message, form.waiting);
}

void LauncherClient::send(LauncherRequest request, std::uint8_t flags) {
    const auto sent = send_request(
        stream_, builder_, request,
        {.serial = ++serial_, .waiting = MessageStream::Waiting::AsLongAsItTakes, .flags = flags});
    if (!sent) fail(sent.error());
}

bus::Message LauncherClient::wait() {
    auto message = stream_.wait();
    if (!message) fail(message.error());
    if (message->header().reply_serial != answered_ + 1) fail(LinkError::Broken);
    return std::move(*message);
}

bus::Message LauncherClient::take_answer() {
    bus::Message answer = wait();
    ++answered_;
    if (answer.header().type == bus::MessageType::Error)
        throw std::runtime_error(error_text(answer));
    return answer;
}

LoadedConfiguration LauncherClient::load() {
    builder_.start_body().write_boolean(true);
    send(LauncherRequest::Load);
    for (LoadAssembly assembly;;) {
        auto progress = assembly.take(wait());
        if (!progress) fail(LinkError::Broken);
        if (!*progress) continue;
        ++answered_;
        LoadOutcome& outcome = **progress;
        if (!outcome) throw std::runtime_error(outcome.error().text);
        return std::move(*outcome);
    }
}

PidfileFacts LauncherClient::write_pidfile(const std::string& path, pid_t pid) {
    broker::write_pidfile({path, static_cast<std::uint32_t>(pid)}, builder_.start_body());
    send(LauncherRequest::WritePidfile);
    auto made = read_text(body_of(take_answer()));
    if (!made) fail(LinkError::Broken);
    return {std::move(*made), static_cast<std::uint32_t>(pid)};
}

void LauncherClient::ask_to_bind(const std::string& address) {
    builder_.start_body().write_string(address);
    send(LauncherRequest::Bind);
}

PassedSockets LauncherClient::take_bound() {
    const bus::Message answer = take_answer();
    const auto bound = read_bound(body_of(answer));
    const std::size_t passed = answer.descriptors() ? answer.descriptors()->descriptors.size() : 0;
    if (!bound || bound->size() != passed) fail(LinkError::Broken);

    PassedSockets result;
    for (std::size_t i = 0; i < passed; ++i) {
        const BoundAnswer& each = bound.value()[i];
        auto parsed = bus::parse_address(each.address);
        if (!parsed) fail(LinkError::Broken);
        result.sockets.push_back({descriptor_of(answer, i), std::move(*parsed), {}});
        if (!each.file.path.empty()) result.files.push_back(each.file);
    }
    return result;
}

void LauncherClient::ask_to_settle(const SettleOrder& order) {
    write_settle(order, builder_.start_body());
    send(LauncherRequest::Settle);
}

void LauncherClient::tell_to_settle(const SettleOrder& order) {
    write_settle(order, builder_.start_body());
    send(LauncherRequest::Settle, bus::kFlagNoReplyExpected);
}

std::vector<std::string> LauncherClient::take_settled() {
    auto warnings = read_texts(body_of(take_answer()));
    if (!warnings) fail(LinkError::Broken);
    return std::move(*warnings);
}

}  // namespace buzon::broker
