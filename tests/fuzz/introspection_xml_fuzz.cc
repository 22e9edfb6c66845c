// SPDX-License-Identifier: Apache-2.0
// Whatever the reader of introspection XML accepts survives being written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "introspection/xml_reader.h"
#include "introspection/xml_writer.h"

using namespace buzon::introspection;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto node = read_xml({reinterpret_cast<const char*>(data), size});
    if (!node) {
        if (describe(node.error()).empty()) std::abort();
        return 0;
    }
    const std::string written = to_xml(*node);
    if (written.size() > kMaxXmlBytes) return 0;
    const auto again = read_xml(written);
    if (!again || *again != *node) std::abort();
    return 0;
}
