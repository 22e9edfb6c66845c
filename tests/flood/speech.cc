// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/speech.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

namespace buzon::flood {
namespace {

using bus::MessageType;

constexpr std::string_view kInterface = "org.buzon.Flood";
constexpr std::string_view kPath = "/org/buzon/Flood";
// Larger bodies have two arrays.
constexpr std::size_t kMostInArray = bus::kMaxArrayBytes;

std::string_view signature_of(std::size_t body_bytes) {
    return body_bytes > kMostInArray ? "ayay" : "ay";
}

void write_filler(bus::WireWriter& body, std::size_t bytes) {
    const auto array = body.begin_array('y');
    for (std::size_t i = 0; i < bytes; ++i)
        body.write_byte(static_cast<std::uint8_t>(i));
    body.end_array(array);
}

load::BodyWriter filler(std::size_t bytes) {
    return [bytes](bus::WireWriter& body) {
        write_filler(body, std::min(bytes, kMostInArray));
        if (bytes > kMostInArray) write_filler(body, bytes - kMostInArray);
    };
}

/// Made when it is first said, in the process that says it: some are large.
template <typename Make>
Speech always(Make make) {
    return {.write = [make](std::size_t, std::uint64_t) { return make(); }};
}

/// Without a destination it is a broadcast.
load::Bytes message_of(bus::MessageType type,
                       std::string_view destination,
                       std::size_t body_bytes,
                       Reply reply) {
    return load::make_message(
        {.type = type,
         .flags = reply == Reply::Wanted ? std::uint8_t{0} : bus::kFlagNoReplyExpected,
         .path = kPath,
         .interface = kInterface,
         .member = "Flood",
         .destination = destination,
         .signature = signature_of(body_bytes)},
        filler(body_bytes));
}

}  // namespace

Speech Speech::on_record() const {
    auto recorded = *this;
    recorded.is_on_record = true;
    return recorded;
}

std::string attack_name(std::string_view name) {
    return fmt::format("org.buzon.Flood.{}", name);
}

Speech calls(std::string_view to, std::size_t body_bytes, Reply reply) {
    return always([name = attack_name(to), body_bytes, reply] {
        return message_of(MessageType::MethodCall, name, body_bytes, reply);
    });
}

Speech longest_calls(std::string_view to) {
    // ":1.1" to ":1.99999", in a field of the header.
    constexpr std::size_t kSenderBytes = 16;
    // Made once: it takes a while.
    auto made = std::make_shared<std::array<load::Bytes, 2>>();
    return {
        .write =
            [name = attack_name(to), made](std::size_t, std::uint64_t nth) {
                auto& message = (*made)[nth % made->size()];
                if (!message.empty()) return message;
                const auto call = [&](std::size_t body_bytes) {
                    return message_of(MessageType::MethodCall, name, body_bytes, Reply::NotWanted);
                };
                constexpr std::size_t kSomeBytes = kMostInArray + 1;
                const std::size_t around = call(kSomeBytes).size() - kSomeBytes;
                message = call(bus::kMaxMessageBytes - kSenderBytes - around + nth % made->size());
                return message;
            },
        .varies = true};
}

Speech signals(std::string_view to, std::size_t body_bytes) {
    return always([name = attack_name(to), body_bytes] {
        return message_of(MessageType::Signal, name, body_bytes, Reply::NotWanted);
    });
}

Speech broadcasts(std::size_t body_bytes) {
    return always(
        [body_bytes] { return message_of(MessageType::Signal, {}, body_bytes, Reply::NotWanted); });
}

Speech broadcasts_of(std::string_view text) {
    return always([text = std::string(text)] {
        return load::make_message({.type = MessageType::Signal,
                                   .flags = bus::kFlagNoReplyExpected,
                                   .path = kPath,
                                   .interface = kInterface,
                                   .member = "Flood",
                                   .signature = "s"},
                                  [&](bus::WireWriter& body) { body.write_string(text); });
    });
}

std::string broadcast_rule() {
    return fmt::format("type='signal',interface='{}'", kInterface);
}

std::vector<std::string> rules_for_the_root(std::size_t count) {
    std::vector<std::string> rules;
    rules.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        rules.push_back(fmt::format("arg0path='/n{}/'", i));
    return rules;
}

std::string rule_of_64_conditions(std::uint64_t nth) {
    constexpr std::uint64_t kConditions = 64;
    std::string rule = "type='signal'";
    for (std::uint64_t i = 0; i < kConditions; ++i)
        rule += fmt::format(",arg{}='{:x}'", i, nth * kConditions + i);
    return rule;
}

Speech calls_with_descriptors(std::string_view to, std::uint32_t count) {
    return always([name = attack_name(to), count] {
        return load::make_call({.flags = bus::kFlagNoReplyExpected,
                                .unix_fds = count,
                                .path = kPath,
                                .interface = kInterface,
                                .member = "Take",
                                .destination = name,
                                .signature = "h"},
                               [](bus::WireWriter& body) { body.write_uint32(0); });
    });
}

Speech replies(std::string_view to) {
    return always([name = attack_name(to)] { return load::make_reply(name); });
}

Speech driver_calls(std::string_view member) {
    return always([name = std::string(member)] { return load::make_driver_call(name); });
}

Speech driver_calls(std::string_view member, TextWriter text) {
    return {.write =
                [member = std::string(member), text = std::move(text)](std::size_t speaker,
                                                                       std::uint64_t nth) {
                    const auto argument = text(speaker, nth);
                    return load::make_driver_call(
                        member, "s", [&](bus::WireWriter& body) { body.write_string(argument); });
                },
            .varies = true};
}

Speech name_requests(TextWriter text) {
    return {.write =
                [text = std::move(text)](std::size_t speaker, std::uint64_t nth) {
                    const auto name = text(speaker, nth);
                    return load::make_driver_call("RequestName", "su", [&](bus::WireWriter& body) {
                        body.write_string(name);
                        body.write_uint32(0);
                    });
                },
            .varies = true};
}

Speech environment_updates(std::size_t entries) {
    return always([entries] {
        return load::make_driver_call("UpdateActivationEnvironment", "a{ss}",
                                      [&](bus::WireWriter& body) {
                                          const auto settings = body.begin_array('{');
                                          for (std::size_t i = 0; i < entries; ++i) {
                                              body.align_struct();
                                              body.write_string(fmt::format("BUZON_FLOOD_{}", i));
                                              body.write_string("on");
                                          }
                                          body.end_array(settings);
                                      });
    });
}

Speech name_churn(std::string_view name) {
    return {.write =
                [name = attack_name(name)](std::size_t, std::uint64_t nth) {
                    const bool request = nth % 2 == 0;
                    return load::make_driver_call(request ? "RequestName" : "ReleaseName",
                                                  request ? "su" : "s", [&](bus::WireWriter& body) {
                                                      body.write_string(name);
                                                      if (request) body.write_uint32(0);
                                                  });
                },
            .varies = true};
}

load::Bytes large_reply(std::string_view destination, std::size_t body_bytes) {
    return load::make_message({.type = MessageType::MethodReturn,
                               .flags = bus::kFlagNoReplyExpected,
                               .reply_serial = 1,
                               .destination = destination,
                               .signature = signature_of(body_bytes)},
                              filler(body_bytes));
}

}  // namespace buzon::flood
