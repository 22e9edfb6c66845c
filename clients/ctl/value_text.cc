// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/value_text.h"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "bus/utf8.h"

namespace buzon::clients {
namespace {

constexpr std::size_t kIndentStep = 8;

/// The letter behind a backslash that stands for `character`, or 0.
char escape_letter(char character) {
    switch (character) {
        case '\a': return 'a';
        case '\b': return 'b';
        case '\f': return 'f';
        case '\n': return 'n';
        case '\r': return 'r';
        case '\t': return 't';
        case '\v': return 'v';
        case '\\':
        case '"': return character;
        default: return 0;
    }
}

void append_escaped(std::string& out, char character) {
    if (const char letter = escape_letter(character))
        out.append(1, '\\').append(1, letter);
    else
        fmt::format_to(std::back_inserter(out), "\\{:03o}", static_cast<unsigned char>(character));
}

bool is_control(char character) {
    const auto byte = static_cast<unsigned char>(character);
    return byte < 0x20 || byte == 0x7F;
}

/// U+0080 to U+009F, which a terminal may obey, in UTF-8.
bool starts_control(std::string_view rest) {
    return rest.size() >= 2 && rest[0] == '\xC2' && static_cast<unsigned char>(rest[1]) < 0xA0;
}

template <typename NeedsEscape>
std::string escape(std::string_view text, NeedsEscape needs_escape) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (starts_control(text.substr(i))) {
            append_escaped(out, text[i]);
            append_escaped(out, text[++i]);
        } else if (needs_escape(text[i])) {
            append_escaped(out, text[i]);
        } else {
            out += text[i];
        }
    }
    return out;
}

void append_terse(std::string& out, const Value& value);

void append_terse_all(std::string& out, std::span<const Value> values) {
    for (const Value& value : values)
        append_terse(out, value);
}

/// Appends every item behind a space, so that the first one has one too many.
void append_terse(std::string& out, const Value& value) {
    const auto append = [&out](const auto& text) { out.append(" ").append(text); };
    visit_value(
        value, [&](const std::string& text) { append(quote_for_shell_scripts(text)); },
        [&](const ObjectPath& path) { append(quote_for_shell_scripts(path.text)); },
        [&](const Signature& signature) { append(quote_for_shell_scripts(signature.text)); },
        [&](double number) { append(to_text(number)); },
        [&](bool truth) { append(truth ? "true" : "false"); },
        [&](UnixFd fd) { append(fmt::format("{}", fd.number)); },
        [&](const Bytes& array) {
            append(fmt::format("{}", array.bytes.size()));
            for (const auto byte : array.bytes)
                append(fmt::format("{}", byte));
        },
        [&](const Array& array) {
            append(fmt::format("{}", array.elements.size()));
            append_terse_all(out, array.elements);
        },
        [&](const Struct& tuple) { append_terse_all(out, tuple.members); },
        [&](const DictEntry& entry) { append_terse_all(out, entry.key_and_value); },
        [&](const Variant& variant) {
            append(signature_of(variant.content));
            append_terse_all(out, variant.content);
        },
        [&](auto integer) { append(fmt::format("{}", integer)); });
}

void append_verbose(std::string& out, const Value& value, std::size_t indent);

/// `ARRAY "s" {`, the contents one step further in, `};`.
template <typename AppendContents>
void append_block(std::string& out,
                  std::size_t indent,
                  std::string_view keyword,
                  std::string_view types,
                  AppendContents append_contents) {
    fmt::format_to(std::back_inserter(out), "{:{}}{} \"{}\" {{\n", "", indent, keyword, types);
    append_contents(indent + kIndentStep);
    fmt::format_to(std::back_inserter(out), "{:{}}}};\n", "", indent);
}

void append_block_of(std::string& out,
                     std::size_t indent,
                     std::string_view keyword,
                     std::string_view types,
                     std::span<const Value> contents) {
    append_block(out, indent, keyword, types, [&](std::size_t inner) {
        for (const Value& value : contents)
            append_verbose(out, value, inner);
    });
}

template <typename Text>
void append_line(std::string& out, std::size_t indent, std::string_view keyword, const Text& text) {
    fmt::format_to(std::back_inserter(out), "{:{}}{} {};\n", "", indent, keyword, text);
}

void append_verbose(std::string& out, const Value& value, std::size_t indent) {
    const auto line = [&](std::string_view keyword, const auto& text) {
        append_line(out, indent, keyword, text);
    };
    visit_value(
        value, [&](std::uint8_t number) { line("BYTE", number); },
        [&](bool truth) { line("BOOLEAN", truth); },
        [&](std::int16_t number) { line("INT16", number); },
        [&](std::uint16_t number) { line("UINT16", number); },
        [&](std::int32_t number) { line("INT32", number); },
        [&](std::uint32_t number) { line("UINT32", number); },
        [&](std::int64_t number) { line("INT64", number); },
        [&](std::uint64_t number) { line("UINT64", number); },
        [&](double number) { line("DOUBLE", to_text(number)); },
        [&](const std::string& text) { line("STRING", quote_for_people(text)); },
        [&](const ObjectPath& path) { line("OBJECT_PATH", quote_for_people(path.text)); },
        [&](const Signature& type) { line("SIGNATURE", quote_for_people(type.text)); },
        [&](UnixFd fd) { line("UNIX_FD", fd.number); },
        [&](const Bytes& array) {
            append_block(out, indent, "ARRAY", "y", [&](std::size_t inner) {
                for (const auto byte : array.bytes)
                    append_line(out, inner, "BYTE", byte);
            });
        },
        [&](const Array& array) {
            append_block_of(out, indent, "ARRAY", array.element_type, array.elements);
        },
        [&](const Struct& tuple) {
            append_block_of(out, indent, "STRUCT", signature_of(tuple.members), tuple.members);
        },
        [&](const DictEntry& entry) {
            append_block_of(out, indent, "DICT_ENTRY", signature_of(entry.key_and_value),
                            entry.key_and_value);
        },
        [&](const Variant& variant) {
            append_block_of(out, indent, "VARIANT", signature_of(variant.content), variant.content);
        });
}

}  // namespace

std::string to_terse(const Value& value) {
    std::string out;
    append_terse(out, value);
    return out.empty() ? out : out.substr(1);
}

std::string to_terse_with_types(std::span<const Value> values) {
    std::string out = signature_of(values);
    append_terse_all(out, values);
    return out;
}

std::string to_verbose(const Value& value, std::size_t indent) {
    std::string out;
    append_verbose(out, value, indent);
    return out;
}

std::string to_verbose_body(std::span<const Value> values, std::size_t indent) {
    std::string out;
    append_block_of(out, indent, "MESSAGE", signature_of(values), values);
    return out;
}

std::string quote_for_shell_scripts(std::string_view text) {
    std::string out = "\"";
    for (const char character : text) {
        const bool is_ascii = static_cast<unsigned char>(character) < 0x80;
        if (character == '\'')
            out += "\\'";
        else if (!is_ascii || is_control(character) || escape_letter(character) != 0)
            append_escaped(out, character);
        else
            out += character;
    }
    return out += '"';
}

std::string quote_for_people(std::string_view text) {
    return '"' + escape(text, [](char c) { return is_control(c) || escape_letter(c) != 0; }) + '"';
}

std::string escape_controls(std::string_view text) {
    const bool is_text = bus::is_utf8(text);
    return escape(text, [&](char c) {
        return is_control(c) || (!is_text && static_cast<unsigned char>(c) >= 0x80);
    });
}

std::string to_text(double number) {
    constexpr int kBusctlDigits = 6;
    constexpr int kAlwaysEnough = 17;
    for (int digits = kBusctlDigits;; ++digits) {
        std::string text = fmt::format("{:.{}g}", number, digits);
        const bool is_exact = std::strtod(text.c_str(), nullptr) == number;
        if (is_exact || !std::isfinite(number) || digits == kAlwaysEnough) return text;
    }
}

}  // namespace buzon::clients
