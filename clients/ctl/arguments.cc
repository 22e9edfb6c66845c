// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/arguments.h"

#include <string_view>

#include <fmt/format.h>

#include "bus/names.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {
namespace {

const std::string& checked(const std::string& text,
                           bool (*is_valid)(std::string_view),
                           std::string_view what,
                           std::string_view example) {
    if (is_valid(text)) return text;
    throw UsageError(fmt::format("Invalid {}: '{}'; it should be like {}.", what, text, example));
}

}  // namespace

const std::string& checked_service(const std::string& text) {
    return checked(text, bus::is_bus_name, "service name", "org.example.Mail or :1.42");
}

const std::string& checked_path(const std::string& text) {
    return checked(text, bus::is_object_path, "object path", "/org/example/Mail");
}

const std::string& checked_interface(const std::string& text) {
    return checked(text, bus::is_interface_name, "interface name", "org.example.Mail1");
}

const std::string& checked_member(const std::string& text) {
    return checked(text, bus::is_member_name, "member name", "GetInbox");
}

}  // namespace buzon::clients
