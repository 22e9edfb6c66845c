// SPDX-License-Identifier: Apache-2.0
// How check_body() and BodyCheck do their work; for body_check.cc only.
//
// One pass over the signature moves along the body. The codes of a struct's members simply follow
// each other, so that structs cost nothing but their alignment. Only what leaves the order of the
// signature has a frame on a stack: an array, whose element type is gone through again for each
// element, and a variant, which brings a signature of its own.
//
// Work is linear in the length of the body: an element has at least one byte, and the number of
// codes gone through for it has a bound, as parentheses nest 32 deep at most. Only an empty array
// has codes without bytes; end_of_type() steps over those without going through them each time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "bus/body_check.h"
#include "bus/names.h"
#include "bus/protocol.h"
#include "bus/signature.h"
#include "bus/utf8.h"
#include "bus/wire_reader.h"

namespace buzon::bus::detail {

/// Where the complete type ends that starts at each code of one signature. Without a constructor,
/// so that a table of them costs nothing until it is used.
class TypeEnds {
public:
    void start(std::string_view signature) {
        begin_ = signature.data();
        length_ = signature.size();
        known_ = false;
    }
    /// Steps over the complete type at `type`, which is in the signature.
    const char* find(const char* type) {
        if (!known_) find_all();
        return begin_ + ends_[static_cast<std::size_t>(type - begin_)];
    }

private:
    void find_all() {
        std::array<std::uint8_t, std::size_t{2} * kMaxTypeDepth> closed;
        std::size_t depth = 0;
        for (std::size_t i = length_; i-- > 0;) {
            const auto next = static_cast<std::uint8_t>(i + 1);
            switch (begin_[i]) {
                case ')':
                case '}': closed[depth++] = next; break;
                case '(':
                case '{': ends_[i] = closed[--depth]; break;
                case 'a': ends_[i] = ends_[next]; break;
                default: ends_[i] = next;
            }
        }
        known_ = true;
    }

    const char* begin_;
    std::size_t length_;
    std::array<std::uint8_t, kMaxSignatureBytes> ends_;
    bool known_;
};

/// An array or a variant that is not at its end.
struct Frame {
    const char* element;  // type of the elements of an array; null for a variant
    const char* resume;   // where the signature around it goes on, and
    const char* limit;    // where that ends
    std::size_t end;      // of the array in the body
};

/// Room for the deepest body; of it only what is in use is ever written.
struct BodyTables {
    std::array<Frame, kMaxValueDepth> frames;
    std::array<TypeEnds, kMaxValueDepth + 1> type_ends;  // of the signature, then of variants
};
static_assert(std::is_trivially_default_constructible_v<BodyTables>);

inline BodyError what_is_wrong_with(std::string_view text) {
    const bool has_nul = text.find('\0') != std::string_view::npos;
    return has_nul ? BodyError::StringHasNul : BodyError::StringNotUtf8;
}

template <bool kSwapped>
bool are_booleans(std::span<const std::byte> words) {
    const auto word_at = [words](std::size_t i) {
        std::uint32_t word;
        std::memcpy(&word, words.data() + i, sizeof word);
        return word;
    };
    std::uint32_t seen = 0;
    std::size_t i = 0;
    for (; i + 16 <= words.size(); i += 16) {
        seen |= word_at(i) | word_at(i + 4) | word_at(i + 8) | word_at(i + 12);
    }
    for (; i < words.size(); i += 4)
        seen |= word_at(i);
    return (kSwapped ? swapped(seen) : seen) <= 1;
}

enum class CheckMode : std::uint8_t { AtOnce, InPieces };

// Who needs speed flattens the call of advance(): as nothing is told where the checker is, and what
// is on a stack is in tables outside it, its members become registers then.
template <bool kSwapped, CheckMode kMode>
class BodyChecker {
public:
    BodyChecker(std::string_view signature, std::span<const std::byte> body, BodyTables& tables)
        : tables_(tables),
          data_(body.data()),
          size_(body.size()),
          type_(signature.data()),
          limit_(signature.data() + signature.size()) {
        tables_.type_ends[0].start(signature);
    }

    /// Goes on until the end, a violation, or, in pieces, at least `bytes` further.
    [[nodiscard]] BodyProgress advance(std::size_t bytes) {
        pause_at_ = at_ - unread_.size() + bytes;
        return run() ? BodyProgress::Valid : stop_;
    }
    [[nodiscard]] BodyError error() const { return error_; }

private:
    static constexpr std::size_t kPieceBytes = 65536;

    /// False if it stopped before the end of the body.
    bool run() {
        if constexpr (kMode == CheckMode::InPieces) {
            if (!check_unread()) return false;
        }
        for (;;) {
            while (type_ != limit_) {
                if (!check_code(*type_++)) return false;
            }
            if (frames_ == 0) return at_ == size_ || fail(BodyError::TrailingBytes);
            if (!finish_frame()) return false;
        }
    }

    bool fail(BodyError error) {
        error_ = error;
        stop_ = BodyProgress::Invalid;
        return false;
    }

    bool pause() {
        stop_ = BodyProgress::Unfinished;
        return false;
    }

    bool check_code(char code) {
        if (code == 'v') {
            std::string_view type;
            if (!take_signature(type)) return false;
            if (type.size() != 1 || !is_basic_type(type.front())) return enter_variant(type);
            if (depth_ == kMaxValueDepth) return fail(BodyError::TooDeep);
            code = type.front();
        }
        switch (code) {
            case 'y': return skip_fixed<std::uint8_t>();
            case 'n':
            case 'q': return skip_fixed<std::uint16_t>();
            case 'i':
            case 'u':
            case 'h': return skip_fixed<std::uint32_t>();
            case 'x':
            case 't':
            case 'd': return skip_fixed<std::uint64_t>();
            case 'b': return check_boolean();
            case 's': return check_string();
            case 'o': return check_object_path();
            case 'g': return check_signature_value();
            case 'a': return check_array();
            case '(':
            case '{': return align_to_8() && enter_structs();
            default: leave_structs(); return true;  // `)` or `}`
        }
    }

    /// At the end of the element type of an array, or of the type of a variant.
    bool finish_frame() {
        const Frame& frame = tables_.frames[frames_ - 1];
        if (frame.element != nullptr) {
            if (at_ < frame.end) {
                type_ = frame.element;
                return kMode == CheckMode::AtOnce || at_ < pause_at_ || pause();
            }
            if (at_ != frame.end) return fail(BodyError::ArrayOverrun);
        } else {
            --variants_;
        }
        type_ = frame.resume;
        limit_ = frame.limit;
        --depth_;
        --frames_;
        return true;
    }

    /// Goes to the first member of a struct or dict entry, or to the first element of an array.
    bool align_to_8() {
        const std::size_t at = align_up(at_, 8);
        if (at > size_) return fail(BodyError::Truncated);
        if (!padding_is_zero<std::uint64_t>(data_, at_)) {
            return fail(BodyError::PaddingNotZero);
        }
        at_ = at;
        return true;
    }

    /// Goes to the next value of this size, which is there as a whole.
    template <typename Word>
    bool reach() {
        const std::size_t at = align_up(at_, sizeof(Word));
        if (at + sizeof(Word) > size_) return fail(BodyError::Truncated);
        if (!padding_is_zero<Word>(data_, at_)) return fail(BodyError::PaddingNotZero);
        at_ = at;
        return true;
    }

    template <typename Word>
    bool skip_fixed() {
        if (!reach<Word>()) return false;
        at_ += sizeof(Word);
        return true;
    }

    template <typename Word>
    bool take(std::size_t& value) {
        if (!reach<Word>()) return false;
        Word word;
        std::memcpy(&word, data_ + at_, sizeof word);
        value = kSwapped ? swapped(word) : word;
        at_ += sizeof word;
        return true;
    }

    bool check_boolean() {
        std::size_t value = 0;
        if (!take<std::uint32_t>(value)) return false;
        return value <= 1 || fail(BodyError::BooleanOutOfRange);
    }

    /// Takes a length, a text and the NUL behind it.
    template <typename Length>
    bool take_text(std::string_view& text) {
        std::size_t length = 0;
        if (!take<Length>(length)) return false;
        if (size_ - at_ <= length) return fail(BodyError::Truncated);
        text = {reinterpret_cast<const char*>(data_ + at_), length};
        at_ += length + 1;
        return text.data()[length] == '\0' || fail(BodyError::StringNotTerminated);
    }

    bool check_string() {
        std::string_view text;
        if (!take_text<std::uint32_t>(text)) return false;
        if constexpr (kMode == CheckMode::InPieces) {
            unread_ = text;
            return check_unread();
        } else {
            return is_utf8(text) || fail(what_is_wrong_with(text));
        }
    }

    /// A string at the end of which we already are.
    bool check_unread() {
        while (!unread_.empty()) {
            if (at_ - unread_.size() >= pause_at_) return pause();
            const std::string_view piece = utf8_prefix(unread_, kPieceBytes);
            if (!is_utf8(piece)) return fail(what_is_wrong_with(piece));
            unread_.remove_prefix(piece.size());
        }
        return true;
    }

    bool check_object_path() {
        std::string_view text;
        if (!take_text<std::uint32_t>(text)) return false;
        return is_object_path(text) || fail(BodyError::ObjectPathInvalid);
    }

    bool take_signature(std::string_view& text) { return take_text<std::uint8_t>(text); }

    bool check_signature_value() {
        std::string_view text;
        if (!take_signature(text)) return false;
        return check_signature(text) || fail(BodyError::SignatureInvalid);
    }

    bool enter_container() { return ++depth_ <= kMaxValueDepth || fail(BodyError::TooDeep); }

    /// Structs directly in each other begin at the same place.
    bool enter_structs() {
        for (++depth_; *type_ == '('; ++type_)
            ++depth_;
        return depth_ <= kMaxValueDepth || fail(BodyError::TooDeep);
    }

    void leave_structs() {
        for (--depth_; type_ != limit_ && *type_ == ')'; ++type_)
            --depth_;
    }

    bool enter_variant(std::string_view type) {
        if (const auto checked = check_single_type(type); !checked) {
            return fail(checked.error() == SignatureError::NotOneType
                            ? BodyError::VariantNotOneType
                            : BodyError::SignatureInvalid);
        }
        if (!enter_container()) return false;
        tables_.frames[frames_++] = Frame{nullptr, type_, limit_, 0};
        tables_.type_ends[++variants_].start(type);
        type_ = type.data();
        limit_ = type_ + type.size();
        return true;
    }

    bool check_array() {
        std::size_t length = 0;
        if (!take<std::uint32_t>(length)) return false;
        if (length > kMaxArrayBytes) return fail(BodyError::ArrayTooLong);
        if (alignment_of(*type_) == 8 && !align_to_8()) return false;
        if (length > size_ - at_) return fail(BodyError::Truncated);
        if (const std::size_t element_bytes = fixed_size_of(*type_)) {
            return check_fixed_elements(length, element_bytes);
        }
        if (length == 0) {
            type_ = end_of_type();
            return true;
        }
        if (!enter_container()) return false;
        if (kMode == CheckMode::AtOnce && *type_ == 's') return check_strings(length);
        return enter_elements(length);
    }

    bool check_fixed_elements(std::size_t length, std::size_t element_bytes) {
        // A power of two, which the compiler does not know.
        if ((length & (element_bytes - 1)) != 0) return fail(BodyError::ArrayLengthNotMultiple);
        if (*type_ == 'b' && !are_booleans<kSwapped>({data_ + at_, length})) {
            return fail(BodyError::BooleanOutOfRange);
        }
        at_ += length;
        ++type_;
        return true;
    }

    bool check_strings(std::size_t length) {
        const std::size_t end = at_ + length;
        do {
            if (!check_string()) return false;
        } while (at_ < end);
        if (at_ != end) return fail(BodyError::ArrayOverrun);
        --depth_;
        ++type_;
        return true;
    }

    bool enter_elements(std::size_t length) {
        const char* const element_end = end_of_type();
        tables_.frames[frames_++] = Frame{type_, element_end, limit_, at_ + length};
        limit_ = element_end;
        return true;
    }

    /// Where the complete type at type_ ends. A type that is not in an array of its signature is
    /// met once, so that it may be gone through; others are looked up.
    const char* end_of_type() {
        const bool met_once = frames_ == 0 || tables_.frames[frames_ - 1].element == nullptr;
        if (!met_once) return tables_.type_ends[variants_].find(type_);
        return type_ + first_type_length({type_, static_cast<std::size_t>(limit_ - type_)});
    }

    BodyTables& tables_;
    const std::byte* const data_;
    const std::size_t size_;
    std::size_t at_ = 0;
    const char* type_;   // the code that comes next
    const char* limit_;  // end of the element type, the variant's type, or the whole signature
    unsigned depth_ = 0;
    unsigned frames_ = 0;
    unsigned variants_ = 0;
    std::size_t pause_at_ = 0;  // the following are of use in pieces only
    std::string_view unread_;
    BodyProgress stop_ = BodyProgress::Invalid;
    BodyError error_ = BodyError::Truncated;
};

}  // namespace buzon::bus::detail
