// SPDX-License-Identifier: Apache-2.0
#include "bus/wire_reader.h"

namespace buzon::bus {

std::optional<bool> WireReader::read_boolean() {
    const auto value = read_uint32();
    if (!value) return std::nullopt;
    if (*value > 1) {
        fail();
        return std::nullopt;
    }
    return *value == 1;
}

std::optional<std::size_t> WireReader::enter_array(char element) {
    const auto length = read_uint32();
    if (!length || !align(alignment_of(element))) return std::nullopt;
    const std::size_t size = fixed_size_of(element);
    const bool divides = size == 0 || *length % size == 0;
    if (*length > kMaxArrayBytes || *length > remaining() || !divides) {
        fail();
        return std::nullopt;
    }
    return position_ + *length;
}

// The codes of a struct's members simply follow each other, so only variants need recursion.
bool WireReader::skip_value(std::string_view type, unsigned depth) {
    if (depth > kMaxValueDepth) return fail();
    while (!type.empty()) {
        const char code = type.front();
        if (const std::size_t size = fixed_size_of(code)) {
            if (!align(size) || remaining() < size) return fail();
            position_ += size;
            type.remove_prefix(1);
        } else if (!skip_variable(type, depth)) {
            return false;
        }
    }
    return !failed_;
}

// Takes what it has stepped over from the front of `type`.
bool WireReader::skip_variable(std::string_view& type, unsigned depth) {
    const char code = type.front();
    type.remove_prefix(1);
    switch (code) {
        case 's':
        case 'o': return read_string().has_value();
        case 'g': return read_signature().has_value();
        case 'v': {
            const auto inner = read_signature();
            if (!inner) return false;
            return check_single_type(*inner) ? skip_value(*inner, depth + 1) : fail();
        }
        case 'a': {
            if (type.empty()) return fail();
            const auto end = enter_array(type.front());
            if (!end) return false;
            position_ = *end;
            type.remove_prefix(first_type_length(type));
            return true;
        }
        case '(':
        case '{': return align(8);
        default: return true;  // `)` or `}`
    }
}

}  // namespace buzon::bus
