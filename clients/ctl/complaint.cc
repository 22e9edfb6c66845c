// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/complaint.h"

#include <cstdio>

#include <fmt/format.h>

#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

std::string without_line_ends(std::string text) {
    while (text.ends_with('\n'))
        text.pop_back();
    return text;
}

}  // namespace

void complain(std::string message) {
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", escape_controls(without_line_ends(std::move(message))));
}

void complain(const sdbus::Error& error) {
    complain(fmt::format("{} ({})", without_line_ends(error.getMessage()), error.getName()));
}

}  // namespace buzon::clients
