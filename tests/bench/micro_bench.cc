// SPDX-License-Identifier: Apache-2.0
// What the broker does to the bytes of every message, by itself: check its header, set its sender,
// check its body. With google-benchmark: build/tests/bench/buzon-micro-bench --benchmark_filter=…
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "bus/body_check.h"
#include "bus/header.h"
#include "bus/message_builder.h"
#include "bus/wire_writer.h"

namespace buzon::bus {
namespace {

struct Body {
    std::string_view signature;
    WireWriter bytes;
};

Body short_string() {
    Body body{"s", WireWriter()};
    body.bytes.write_string("a short argument");
    return body;
}

/// As PropertiesChanged carries it.
Body properties() {
    Body body{"sa{sv}as", WireWriter()};
    body.bytes.write_string("org.example.Player");
    const auto dictionary = body.bytes.begin_array('{');
    for (const std::string_view name : {"Status", "Volume", "Position", "Title"}) {
        body.bytes.align_struct();
        body.bytes.write_string(name);
        body.bytes.write_signature("s");
        body.bytes.write_string("a value of some length");
    }
    body.bytes.end_array(dictionary);
    body.bytes.end_array(body.bytes.begin_array('s'));
    return body;
}

Body byte_array(std::size_t size) {
    Body body{"ay", WireWriter()};
    const auto array = body.bytes.begin_array('y');
    for (std::size_t i = 0; i < size; ++i)
        body.bytes.write_byte(static_cast<std::uint8_t>(i));
    body.bytes.end_array(array);
    return body;
}

Body long_string(std::string_view unit, std::size_t size) {
    Body body{"s", WireWriter()};
    std::string text;
    while (text.size() < size)
        text += unit;
    body.bytes.write_string(text);
    return body;
}

Body string_array(std::size_t count) {
    Body body{"as", WireWriter()};
    const auto array = body.bytes.begin_array('s');
    for (std::size_t i = 0; i < count; ++i)
        body.bytes.write_string("org.example.Name");
    body.bytes.end_array(array);
    return body;
}

void check(benchmark::State& state, const Body& body) {
    for (auto _ : state) {
        auto checked = check_body(body.signature, body.bytes.bytes(), body.bytes.order());
        if (!checked) state.SkipWithError("the body is invalid");
        benchmark::DoNotOptimize(checked);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(body.bytes.size()));
}

void parse(benchmark::State& state, const std::vector<std::byte>& message) {
    for (auto _ : state) {
        auto header = parse_header(message);
        if (!header) state.SkipWithError("the header is invalid");
        benchmark::DoNotOptimize(header);
    }
}

void stamp(benchmark::State& state, const std::vector<std::byte>& message) {
    const auto header = parse_header(message);
    std::vector<std::byte> out(stamped_bytes_at_most(header.value(), ":1.42"));
    for (auto _ : state) {
        benchmark::DoNotOptimize(stamp_sender(header.value(), message, ":1.42", out));
        benchmark::DoNotOptimize(out.data());
    }
}

/// The heads of a call, its reply and a signal.
std::vector<std::byte> head_of(const MessageFields& fields) {
    MessageBuilder builder;
    const auto head = builder.build(fields).head;
    return {head.begin(), head.end()};
}

const MessageFields kCall{.type = MessageType::MethodCall,
                          .path = "/org/example/Object",
                          .interface = "org.example.Interface",
                          .member = "Method",
                          .destination = "org.example.Service"};
const MessageFields kReply{
    .type = MessageType::MethodReturn, .reply_serial = 7, .destination = ":1.41"};
const MessageFields kSignal{
    .path = "/org/example/Object", .interface = "org.example.Interface", .member = "Changed"};

BENCHMARK_CAPTURE(parse, call, head_of(kCall));
BENCHMARK_CAPTURE(parse, reply, head_of(kReply));
BENCHMARK_CAPTURE(parse, signal, head_of(kSignal));
BENCHMARK_CAPTURE(stamp, call, head_of(kCall));
BENCHMARK_CAPTURE(stamp, reply, head_of(kReply));

constexpr std::size_t kLarge = std::size_t{64} << 10;

BENCHMARK_CAPTURE(check, short_string, short_string());
BENCHMARK_CAPTURE(check, properties, properties());
BENCHMARK_CAPTURE(check, byte_array_64k, byte_array(kLarge));
BENCHMARK_CAPTURE(check, ascii_64k, long_string("letters only ", kLarge));
BENCHMARK_CAPTURE(check, umlauts_64k, long_string("buzón für Wörter ", kLarge));
BENCHMARK_CAPTURE(check, thousand_names, string_array(1000));

}  // namespace
}  // namespace buzon::bus

BENCHMARK_MAIN();
