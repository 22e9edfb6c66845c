// SPDX-License-Identifier: Apache-2.0
#include "bus/signature.h"

#include <array>

#include "bus/protocol.h"

namespace buzon::bus {
namespace {

/// A struct or dict entry that is still open, or all of the signature.
struct Container {
    char end;                // the code that closes it; NUL for the whole
    unsigned members;        // complete types in it so far
    unsigned arrays_around;  // how many arrays it is in
};

/// Room for the deepest nesting; of it only what is in use is ever written.
using OuterContainers = std::array<Container, std::size_t{2} * kMaxTypeDepth>;

// Reads a signature from left to right. An array has no end of its own: the `a`s in front of a
// type are open until that type is complete. Dict entries need no bound of their own: each stands
// directly in an array.
class Scanner {
public:
    explicit Scanner(OuterContainers& outer) : outer_(outer) {}

    [[nodiscard]] bool scan(std::string_view text) {
        for (const char code : text) {
            if (is_basic_type(code)) {
                complete_type();
            } else if (!take_other(code)) {
                return false;
            }
        }
        if (is_array_open()) return fail(SignatureError::MissingElementType);
        if (inner_.end == ')') return fail(SignatureError::UnbalancedStruct);
        if (inner_.end == '}') return fail(SignatureError::UnbalancedDictEntry);
        return true;
    }
    [[nodiscard]] unsigned types() const { return inner_.members; }
    [[nodiscard]] SignatureError error() const { return error_; }

private:
    bool fail(SignatureError error) {
        error_ = error;
        return false;
    }

    /// Whether an `a` in the innermost container waits for its element type.
    [[nodiscard]] bool is_array_open() const { return arrays_ != inner_.arrays_around; }

    bool take_other(char code) {
        const bool is_key = inner_.end == '}' && inner_.members == 0;
        switch (code) {
            case 'v':
                if (is_key) return fail(SignatureError::DictEntryKeyNotBasic);
                complete_type();
                return true;
            case 'a':
                if (is_key) return fail(SignatureError::DictEntryKeyNotBasic);
                return ++arrays_ <= kMaxTypeDepth || fail(SignatureError::ArrayTooDeep);
            case '(':
                if (is_key) return fail(SignatureError::DictEntryKeyNotBasic);
                if (++structs_ > kMaxTypeDepth) return fail(SignatureError::StructTooDeep);
                return open(')');
            case '{':
                if (!is_array_open()) return fail(SignatureError::DictEntryOutsideArray);
                return open('}');
            case ')':
            case '}': return close(code);
            default: return fail(SignatureError::UnknownType);
        }
    }

    void complete_type() {
        arrays_ = inner_.arrays_around;
        ++inner_.members;
    }

    bool open(char end) {
        outer_[depth_++] = inner_;
        inner_ = Container{end, 0, arrays_};
        return true;
    }

    bool close(char code) {
        if (is_array_open()) return fail(SignatureError::MissingElementType);
        if (code == ')') {
            if (inner_.end != ')') return fail(SignatureError::UnbalancedStruct);
            if (inner_.members == 0) return fail(SignatureError::EmptyStruct);
            --structs_;
        } else {
            if (inner_.end != '}') return fail(SignatureError::UnbalancedDictEntry);
            if (inner_.members != 2) return fail(SignatureError::DictEntryMemberCount);
        }
        inner_ = outer_[--depth_];
        complete_type();
        return true;
    }

    OuterContainers& outer_;
    Container inner_{'\0', 0, 0};
    unsigned depth_ = 0;
    unsigned arrays_ = 0;
    unsigned structs_ = 0;
    SignatureError error_ = SignatureError::UnknownType;
};

/// The number of complete types.
Result<unsigned, SignatureError> count_types(std::string_view text) {
    if (text.size() > kMaxSignatureBytes) return Unexpected{SignatureError::TooLong};
    OuterContainers outer;
    Scanner scanner(outer);
    if (!scanner.scan(text)) return Unexpected{scanner.error()};
    return scanner.types();
}

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
    const auto types = count_types(text);
    if (!types) return Unexpected{types.error()};
    return {};
}

Result<void, SignatureError> check_single_type(std::string_view text) {
    const auto types = count_types(text);
    if (!types) return Unexpected{types.error()};
    if (*types != 1) return Unexpected{SignatureError::NotOneType};
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
