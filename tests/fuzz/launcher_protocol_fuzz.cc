// SPDX-License-Identifier: Apache-2.0
// Input: byte order, which message of broker and launcher it is, and its body. What is read,
// written and read again is written the same way again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "broker/launcher_protocol.h"

using namespace buzon::broker;
using buzon::bus::ByteOrder;
using buzon::bus::WireWriter;
using buzon::policy::WireBody;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

/// Whatever the signature is: that of the message, so that the fuzzer need not find it.
template <typename Read, typename Write>
void check(const WireBody& body, const Read& read, const Write& write) {
    const auto value = read(body);
    if (!value) return;
    WireWriter once, twice;
    write(*value, once);
    const auto again = read(WireBody{body.signature, once.bytes()});
    require(again.has_value());
    write(*again, twice);
    const auto first = once.bytes(), second = twice.bytes();
    require(std::equal(first.begin(), first.end(), second.begin(), second.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto order = (data[0] & 1) != 0 ? ByteOrder::Big : ByteOrder::Little;
    const auto view = std::as_bytes(std::span(data + 2, size - 2));
    const std::vector<std::byte> bytes(view.begin(), view.end());
    const auto body = [&](std::string_view signature) { return WireBody{signature, bytes, order}; };
    const auto in = [](LauncherRequest request) { return method_of(request).in; };
    const auto out = [](LauncherRequest request) { return method_of(request).out; };
    switch (data[1] % 8) {
        case 0: check(body(out(LauncherRequest::Load)), read_loaded, write_loaded); break;
        case 1: check(body(in(LauncherRequest::Settle)), read_settle, write_settle); break;
        case 2:
            check(body(in(LauncherRequest::Adopt)), read_files,
                  [](const auto& files, WireWriter& to) { write_files(files, to); });
            break;
        case 3:
            check(body(out(LauncherRequest::Bind)), read_bound,
                  [](const auto& sockets, WireWriter& to) { write_bound(sockets, to); });
            break;
        case 4:
            check(body("as"), read_texts,
                  [](const auto& texts, WireWriter& to) { write_texts(texts, to); });
            break;
        case 6:
            check(body(in(LauncherRequest::NameProcesses)), read_processes,
                  [](const auto& processes, WireWriter& to) { write_processes(processes, to); });
            break;
        case 5: (void)read_spare(body(out(LauncherRequest::MakeSpare))); break;
        default: (void)read_text(body("s")); break;
    }
    return 0;
}
