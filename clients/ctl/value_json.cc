// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/value_json.h"
#include <nlohmann/json.hpp>

#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

std::string to_key(const Value& key) {
    return visit_value(
        key, [](const std::string& text) { return text; },
        [](const ObjectPath& path) { return path.text; },
        [](const Signature& signature) { return signature.text; },
        [&](const auto&) { return to_terse(key); });
}

Json to_json_array(std::span<const Value> values) {
    Json array = Json::array();
    for (const Value& value : values)
        array.push_back(to_json_data(value));
    return array;
}

Json to_json_object(const Array& dictionary) {
    Json::object_t object;
    for (const Value& element : dictionary.elements) {
        const auto& entry = std::get<DictEntry>(element.data).key_and_value;
        // Not emplace(): that looks for the key first, and keeps the first of two.
        object.push_back({to_key(entry.at(0)), to_json_data(entry.at(1))});
    }
    return object;
}

std::string to_short_text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// nlohmann-json's own indented layout differs from busctl's in one space.
void append_pretty(std::string& out, const Json& json, std::size_t depth) {
    if (!json.is_structured() || json.empty()) {
        out += to_short_text(json);
        return;
    }
    out += json.is_object() ? '{' : '[';
    const char* separator = "\n";
    for (const auto& [key, value] : json.items()) {
        out.append(separator).append(depth + 1, '\t');
        if (json.is_object()) out.append(to_short_text(key)).append(" : ");
        append_pretty(out, value, depth + 1);
        separator = ",\n";
    }
    out.append("\n").append(depth, '\t');
    out += json.is_object() ? '}' : ']';
}

}  // namespace

Json to_json_data(const Value& value) {
    return visit_value(
        value, [](const ObjectPath& path) { return Json(path.text); },
        [](const Signature& signature) { return Json(signature.text); },
        [](UnixFd) { return Json(nullptr); }, [](const Bytes& array) { return Json(array.bytes); },
        [](const Array& array) {
            const bool is_dictionary = array.element_type.starts_with('{');
            return is_dictionary ? to_json_object(array) : to_json_array(array.elements);
        },
        [](const Struct& tuple) { return to_json_array(tuple.members); },
        [](const DictEntry& entry) { return to_json_array(entry.key_and_value); },
        [](const Variant& variant) { return to_json(variant.content.at(0)); },
        [](const auto& simple) { return Json(simple); });
}

Json to_json(const Value& value) {
    return {{"type", type_of(value)}, {"data", to_json_data(value)}};
}

Json to_json_body(std::span<const Value> values) {
    return {{"type", signature_of(values)}, {"data", to_json_array(values)}};
}

std::string to_text(const Json& json, JsonMode mode) {
    if (mode != JsonMode::Pretty) return to_short_text(json);
    std::string out;
    append_pretty(out, json, 0);
    return out;
}

}  // namespace buzon::clients
