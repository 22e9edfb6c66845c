// SPDX-License-Identifier: Apache-2.0
#include "bus/signature.h"

#include <array>

#include "bus/protocol.h"

namespace buzon::bus {
namespace {

// Reads a signature from left to right. An array has no end of its own: the `a`s in front of a
// type are open until that type is complete. Dict entries need no bound of their own: each stands
// directly in an array.
class Scanner {
public:
    [[nodiscard]] bool scan(std::string_view text) {
        if (text.size() > kMaxSignatureBytes) return fail(SignatureError::TooLong);
        for (const char code : text) {
            if (is_basic_type(code)) {
                if (!complete_type()) return false;
            } else if (!take_other(code)) {
                return false;
            }
        }
        return take_end();
    }
    [[nodiscard]] unsigned types() const { return inner_.members; }
    [[nodiscard]] SignatureError error() const { return error_; }

private:
    // What is known about the innermost struct or dict entry that is still open.
    struct Container {
        char end;                  // the code that closes it; NUL at the outermost level
        std::uint8_t members;      // complete types in it so far
        std::uint8_t open_arrays;  // directly in front of the type that comes next
    };

    bool fail(SignatureError error) {
        error_ = error;
        return false;
    }

    bool take_other(char code) {
        switch (code) {
            case ')':
                if (inner_.end != ')') return fail(dangling_or(SignatureError::UnbalancedStruct));
                return close(inner_.members > 0, SignatureError::EmptyStruct);
            case '}':
                if (inner_.end != '}')
                    return fail(dangling_or(SignatureError::UnbalancedDictEntry));
                return close(inner_.members == 2, SignatureError::DictEntryMemberCount);
            case '{':
                if (inner_.open_arrays == 0) return fail(SignatureError::DictEntryOutsideArray);
                return open('}');
            case 'v':
            case 'a':
            case '(': return may_be_container() && take_container(code);
            default: return fail(SignatureError::UnknownType);
        }
    }

    bool take_container(char code) {
        if (code == 'v') return complete_type();
        if (code == 'a') {
            ++inner_.open_arrays;
            return ++arrays_ <= kMaxTypeDepth || fail(SignatureError::ArrayTooDeep);
        }
        if (++structs_ > kMaxTypeDepth) return fail(SignatureError::StructTooDeep);
        return open(')');
    }

    bool take_end() {
        if (inner_.open_arrays > 0) return fail(SignatureError::MissingElementType);
        if (inner_.end == ')') return fail(SignatureError::UnbalancedStruct);
        if (inner_.end == '}') return fail(SignatureError::UnbalancedDictEntry);
        return true;
    }

    bool may_be_container() {
        const bool is_key = inner_.end == '}' && inner_.members == 0;
        return !is_key || fail(SignatureError::DictEntryKeyNotBasic);
    }

    [[nodiscard]] SignatureError dangling_or(SignatureError error) const {
        return inner_.open_arrays > 0 ? SignatureError::MissingElementType : error;
    }

    bool complete_type() {
        arrays_ -= inner_.open_arrays;
        inner_.open_arrays = 0;
        ++inner_.members;
        if (inner_.end == '}' && inner_.members > 2) {
            return fail(SignatureError::DictEntryMemberCount);
        }
        return true;
    }

    bool open(char end) {
        outer_[depth_++] = inner_;
        inner_ = Container{end, 0, 0};
        return true;
    }

    bool close(bool members_fit, SignatureError otherwise) {
        if (!members_fit || inner_.open_arrays > 0) return fail(dangling_or(otherwise));
        if (inner_.end == ')') --structs_;
        inner_ = outer_[--depth_];
        return complete_type();
    }

    Container inner_{'\0', 0, 0};
    std::array<Container, std::size_t{2} * kMaxTypeDepth> outer_;  // the first depth_ are set
    unsigned depth_ = 0;
    unsigned arrays_ = 0;
    unsigned structs_ = 0;
    SignatureError error_ = SignatureError::UnknownType;
};

}  // namespace

std::string_view describe(SignatureError error) {
    switch (error) {
        case SignatureError::TooLong: return "signature longer than 255 bytes";
        case SignatureError::UnknownType: return "unknown type code";
        case SignatureError::MissingElementType: return "array without an element type";
        case SignatureError::EmptyStruct: return "struct without members";
        case SignatureError::UnbalancedStruct: return "parentheses do not match";
        case SignatureError::DictEntryOutsideArray: return "dict entry outside an array";
        case SignatureError::DictEntryKeyNotBasic: return "key of a dict entry is a container";
        case SignatureError::DictEntryMemberCount: return "dict entry is not one key and one value";
        case SignatureError::UnbalancedDictEntry: return "braces do not match";
        case SignatureError::ArrayTooDeep: return "more than 32 arrays inside each other";
        case SignatureError::StructTooDeep: return "more than 32 structs inside each other";
        case SignatureError::NotOneType: return "not exactly one complete type";
    }
    return "unknown error";
}

Result<void, SignatureError> check_signature(std::string_view text) {
    Scanner scanner;
    if (!scanner.scan(text)) return Unexpected{scanner.error()};
    return {};
}

Result<void, SignatureError> check_single_type(std::string_view text) {
    if (text.size() == 1 && is_basic_type(text.front())) return {};
    Scanner scanner;
    if (!scanner.scan(text)) return Unexpected{scanner.error()};
    if (scanner.types() != 1) return Unexpected{SignatureError::NotOneType};
    return {};
}

std::size_t first_type_length(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && text[length] == 'a')
        ++length;
    unsigned open = 0;
    for (; length < text.size(); ++length) {
        const char code = text[length];
        if (code == '(' || code == '{') ++open;
        if (code == ')' || code == '}') --open;
        if (open == 0) return length + 1;
    }
    return length;
}

}  // namespace buzon::bus
