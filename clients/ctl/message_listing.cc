// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/message_listing.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "clients/ctl/message_values.h"
#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

constexpr std::uint64_t kMicrosecondsPerSecond = 1'000'000;

std::string or_empty(const char* text) {
    return text == nullptr ? "" : text;
}

std::string type_name(sd_bus_message& message) {
    std::uint8_t type = 0;
    check(sd_bus_message_get_type(&message, &type), "Failed to read a message");
    switch (type) {
        case SD_BUS_MESSAGE_METHOD_CALL: return "method_call";
        case SD_BUS_MESSAGE_METHOD_RETURN: return "method_return";
        case SD_BUS_MESSAGE_METHOD_ERROR: return "error";
        case SD_BUS_MESSAGE_SIGNAL: return "signal";
        default: return fmt::format("{}", type);
    }
}

/// sd-bus shows the fixed header of a message in its own print of it only.
std::string printed_header(sd_bus_message& message) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const file = open_memstream(&text, &size);
    if (file == nullptr) return {};
    // Of the rest it prints what lies behind the current position: nothing, after reading it all.
    sd_bus_message_dump(&message, file,
                        SD_BUS_MESSAGE_DUMP_WITH_HEADER | SD_BUS_MESSAGE_DUMP_SUBTREE_ONLY);
    std::fclose(file);
    std::string header(text, size);
    std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): open_memstream's
    return header;
}

void read_fixed_header(sd_bus_message& message, SeenMessage& seen) {
    const std::string header = printed_header(message);
    const auto place = header.find("Endian=");
    if (place == std::string::npos) return;
    std::sscanf(header.c_str() + place, "Endian=%c Flags=%u Version=%u", &seen.endian, &seen.flags,
                &seen.version);
}

/// `Sun 2026-11-22 20:11:33.185839 UTC`
std::string timestamp_text(std::uint64_t microseconds) {
    const auto seconds = static_cast<std::time_t>(microseconds / kMicrosecondsPerSecond);
    std::tm local{};
    localtime_r(&seconds, &local);
    char date[64] = {};
    char zone[16] = {};
    std::strftime(date, sizeof date, "%a %Y-%m-%d %H:%M:%S", &local);
    std::strftime(zone, sizeof zone, "%Z", &local);
    return fmt::format("{}.{:06} {}", date, microseconds % kMicrosecondsPerSecond, zone);
}

/// `  Sender=:1.3  Path=/`: those of the fields that the message has; nothing if it has none.
std::string field_line(std::initializer_list<std::pair<std::string_view, std::string>> fields) {
    std::string line;
    for (const auto& [name, value] : fields) {
        if (!value.empty()) line += fmt::format("  {}={}", name, value);
    }
    return line.empty() ? line : line + "\n";
}

std::string error_text(const SeenMessage& message) {
    if (message.error_name.empty() || message.body.empty()) return {};
    const auto* const text = std::get_if<std::string>(&message.body.front().data);
    return text == nullptr ? "" : quote_for_people(*text);
}

void add_if_any(Json& json, const char* key, const std::string& text) {
    if (!text.empty()) json[key] = text;
}

}  // namespace

SeenMessage see_message(sd_bus_message& message, std::uint64_t microseconds) {
    SeenMessage seen{.type = type_name(message), .microseconds = microseconds};
    seen.body = read_values(message);
    read_fixed_header(message, seen);
    check(sd_bus_message_get_cookie(&message, &seen.serial), "Failed to read a message");
    if (sd_bus_message_get_reply_cookie(&message, &seen.reply_serial) < 0) seen.reply_serial = 0;
    seen.sender = or_empty(sd_bus_message_get_sender(&message));
    seen.destination = or_empty(sd_bus_message_get_destination(&message));
    seen.path = or_empty(sd_bus_message_get_path(&message));
    seen.interface = or_empty(sd_bus_message_get_interface(&message));
    seen.member = or_empty(sd_bus_message_get_member(&message));
    const sd_bus_error* const error = sd_bus_message_get_error(&message);
    if (error != nullptr) seen.error_name = or_empty(error->name);
    return seen;
}

std::string to_text(const SeenMessage& message) {
    std::string out =
        fmt::format("‣ Type={}  Endian={}  Flags={}  Version={} Cookie={}", message.type,
                    message.endian, message.flags, message.version, message.serial);
    if (message.reply_serial != 0) out += fmt::format("  ReplyCookie={}", message.reply_serial);
    out += fmt::format("  Timestamp=\"{}\"\n", timestamp_text(message.microseconds));
    out += field_line({{"Sender", message.sender},
                       {"Destination", message.destination},
                       {"Path", message.path},
                       {"Interface", message.interface},
                       {"Member", message.member}});
    out += field_line({{"ErrorName", message.error_name}, {"ErrorMessage", error_text(message)}});
    if (message.sender.starts_with(':')) out += field_line({{"UniqueName", message.sender}});
    return out + to_verbose_body(message.body, 2) + "\n";
}

Json to_json(const SeenMessage& message) {
    Json json{{"type", message.type},
              {"endian", std::string(1, message.endian)},
              {"flags", message.flags},
              {"version", message.version},
              {"cookie", message.serial}};
    if (message.reply_serial != 0) json["reply_cookie"] = message.reply_serial;
    json["timestamp-realtime"] = message.microseconds;
    add_if_any(json, "sender", message.sender);
    add_if_any(json, "destination", message.destination);
    add_if_any(json, "path", message.path);
    add_if_any(json, "interface", message.interface);
    add_if_any(json, "member", message.member);
    add_if_any(json, "error_name", message.error_name);
    json["payload"] = to_json_body(message.body);
    return json;
}

}  // namespace buzon::clients
