// SPDX-License-Identifier: Apache-2.0
#include "policy/config.h"

#include <utility>

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::policy {

namespace {

std::string full_text(const std::string& file,
                      std::uint32_t line,
                      std::uint32_t column,
                      const std::string& text) {
    if (line == 0) return fmt::format("{}: {}", file, text);
    return fmt::format("{}:{}:{}: {}", file, line, column, text);
}

}  // namespace

ConfigError::ConfigError(std::string file,
                         std::uint32_t line,
                         std::uint32_t column,
                         const std::string& text)
    : std::runtime_error(bus::on_one_line(full_text(file, line, column, text))),
      file_(std::move(file)),
      line_(line),
      column_(column),
      text_(bus::on_one_line(text)) {}

}  // namespace buzon::policy
