// SPDX-License-Identifier: Apache-2.0
// libxml2 calls us back for each tag and for text. Nothing may be thrown through its C frames, so
// the first failure is kept and thrown when it has returned.
//
// A callback comes when libxml2 has read the whole start tag, so its line is that of the tag's last
// attribute. A tag can't contain another '<', so the nearest one before the current byte begins it.
// That holds for tags in the file itself; one out of an entity gets the place of the reference.
#include "policy/xml_reader.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "policy/config.h"

namespace buzon::policy {

namespace {

struct Position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

struct ContextDeleter {
    void operator()(xmlParserCtxtPtr context) const {
        if (context->myDoc) xmlFreeDoc(context->myDoc);
        context->myDoc = nullptr;
        xmlFreeParserCtxt(context);
    }
};
using Context = std::unique_ptr<xmlParserCtxt, ContextDeleter>;

std::string_view view(const xmlChar* text) {
    return text ? reinterpret_cast<const char*>(text) : std::string_view{};
}

std::string qualified_name(std::string_view prefix, std::string_view name) {
    return prefix.empty() ? std::string(name) : fmt::format("{}:{}", prefix, name);
}

/// libxml2 ends its messages with a line's end, and some have one inside.
std::string without_line_ends(std::string_view message) {
    while (message.ends_with('\n'))
        message.remove_suffix(1);
    std::string text(message);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

class TreeBuilder {
public:
    TreeBuilder(std::string_view bytes, const std::string& file);
    XmlElement run();

private:
    static TreeBuilder& of(void* context) {
        return *static_cast<TreeBuilder*>(static_cast<xmlParserCtxtPtr>(context)->_private);
    }
    static void on_start(void* context,
                         const xmlChar* name,
                         const xmlChar* prefix,
                         const xmlChar* uri,
                         int namespace_count,
                         const xmlChar** namespaces,
                         int attribute_count,
                         int defaulted_count,
                         const xmlChar** attributes);
    static void on_end(void* context,
                       const xmlChar* name,
                       const xmlChar* prefix,
                       const xmlChar* uri);
    static void on_text(void* context, const xmlChar* text, int length);
    static void on_entity(void* context,
                          const xmlChar* name,
                          int type,
                          const xmlChar* public_id,
                          const xmlChar* system_id,
                          xmlChar* content);
    static void on_attribute_declaration(void* context,
                                         const xmlChar* element,
                                         const xmlChar* name,
                                         int type,
                                         int default_kind,
                                         const xmlChar* default_value,
                                         xmlEnumerationPtr values);
    static void on_error(void* context, xmlErrorPtr error);

    void install_callbacks();
    template <typename Action>
    void guarded(Action action);
    void start(const std::string& name, std::vector<XmlAttribute> attributes);
    void text(std::string_view text);
    void fail(Position place, const std::string& text);
    [[nodiscard]] std::size_t offset() const;
    [[nodiscard]] Position position_of_offset(std::size_t offset) const;
    [[nodiscard]] Position start_of_tag(std::string_view name);

    std::string_view bytes_;
    const std::string& file_;
    Context context_;
    std::optional<ConfigError> failure_;
    std::exception_ptr exception_;
    /// Holds the root as its only child. `open_` are the elements not yet closed; a child's address
    /// is stable while it is open, as nothing is added to its parent meanwhile.
    XmlElement document_;
    std::vector<XmlElement*> open_;
    std::size_t element_count_ = 0;
    /// Offsets, ascending. Not counted from the last position on: what libxml2 says about a line of
    /// half a megabyte goes back and forth.
    std::vector<std::size_t> line_starts_{0};
};

TreeBuilder::TreeBuilder(std::string_view bytes, const std::string& file)
    : bytes_(bytes), file_(file), context_(xmlNewParserCtxt()), open_{&document_} {
    if (!context_) throw std::bad_alloc();
    context_->_private = this;
    for (auto end = bytes_.find('\n'); end != std::string_view::npos;
         end = bytes_.find('\n', end + 1)) {
        line_starts_.push_back(end + 1);
    }
    install_callbacks();
}

void TreeBuilder::install_callbacks() {
    xmlSAXHandler& sax = *context_->sax;
    sax.startElementNs = on_start;
    sax.endElementNs = on_end;
    sax.characters = on_text;
    sax.ignorableWhitespace = on_text;
    sax.cdataBlock = on_text;
    sax.comment = nullptr;
    sax.processingInstruction = nullptr;
    sax.reference = nullptr;
    sax.externalSubset = nullptr;
    sax.resolveEntity = nullptr;
    sax.entityDecl = on_entity;
    sax.attributeDecl = on_attribute_declaration;
    sax.elementDecl = nullptr;
    sax.notationDecl = nullptr;
    sax.unparsedEntityDecl = nullptr;
    sax.serror = on_error;
}

XmlElement TreeBuilder::run() {
    constexpr int kOptions = XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOERROR |
                             XML_PARSE_NOWARNING | XML_PARSE_COMPACT;
    xmlDocPtr document = xmlCtxtReadMemory(
        context_.get(), bytes_.data(), static_cast<int>(bytes_.size()), nullptr, "UTF-8", kOptions);
    if (document) xmlFreeDoc(document);
    if (exception_) std::rethrow_exception(exception_);
    if (failure_) throw ConfigError(*failure_);
    if (!document || document_.children.size() != 1) {
        throw ConfigError(file_, 1, 1, "not an XML document with one root element");
    }
    return std::move(document_.children.front());
}

void TreeBuilder::fail(Position place, const std::string& text) {
    if (failure_ || exception_) return;
    failure_.emplace(file_, place.line, place.column, text);
    xmlStopParser(context_.get());
}

template <typename Action>
void TreeBuilder::guarded(Action action) {
    if (failure_ || exception_) return;
    try {
        action();
    } catch (...) {
        exception_ = std::current_exception();
        xmlStopParser(context_.get());
    }
}

std::size_t TreeBuilder::offset() const {
    const long consumed = xmlByteConsumed(context_.get());
    if (consumed < 0) return 0;
    return std::min(static_cast<std::size_t>(consumed), bytes_.size());
}

Position TreeBuilder::position_of_offset(std::size_t offset) const {
    const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    const auto line = static_cast<std::uint32_t>(next - line_starts_.begin());
    return {line, static_cast<std::uint32_t>(offset - *std::prev(next) + 1)};
}

Position TreeBuilder::start_of_tag(std::string_view name) {
    const std::size_t end = offset();
    const auto opening = bytes_.substr(0, end).rfind('<');
    const bool is_ours =
        opening != std::string_view::npos && bytes_.substr(opening + 1).starts_with(name);
    return position_of_offset(is_ours ? opening : end);
}

void TreeBuilder::start(const std::string& name, std::vector<XmlAttribute> attributes) {
    const Position place = start_of_tag(name);
    if (open_.size() > kMaxXmlDepth) {
        return fail(place, fmt::format("elements nest deeper than {}", kMaxXmlDepth));
    }
    if (++element_count_ > kMaxXmlElements) {
        return fail(place, fmt::format("more than {} elements", kMaxXmlElements));
    }
    XmlElement& element = open_.back()->children.emplace_back();
    element.name = name;
    element.line = place.line;
    element.column = place.column;
    element.attributes = std::move(attributes);
    open_.push_back(&element);
}

void TreeBuilder::text(std::string_view text) {
    // Entities can't make more of the file than it may be: libxml2 bounds the ratio, this the sum.
    if (open_.back()->text.size() + text.size() > kMaxXmlBytes) {
        return fail(position_of_offset(offset()), "text too long after its entities are resolved");
    }
    open_.back()->text += text;
}

void TreeBuilder::on_start(void* context,
                           const xmlChar* name,
                           const xmlChar* prefix,
                           const xmlChar*,
                           int namespace_count,
                           const xmlChar** namespaces,
                           int attribute_count,
                           int,
                           const xmlChar** attributes) {
    auto& self = of(context);
    self.guarded([&] {
        std::vector<XmlAttribute> list;
        // Prefix and URI of each; to us they are attributes like any other.
        for (std::span rest(namespaces, 2 * static_cast<std::size_t>(namespace_count));
             !rest.empty(); rest = rest.subspan(2)) {
            list.push_back({rest[0] ? qualified_name("xmlns", view(rest[0])) : "xmlns",
                            std::string(view(rest[1]))});
        }
        // Local name, prefix, URI, begin and end of the value.
        for (std::span rest(attributes, 5 * static_cast<std::size_t>(attribute_count));
             !rest.empty(); rest = rest.subspan(5)) {
            list.push_back({qualified_name(view(rest[1]), view(rest[0])),
                            std::string(reinterpret_cast<const char*>(rest[3]),
                                        static_cast<std::size_t>(rest[4] - rest[3]))});
        }
        self.start(qualified_name(view(prefix), view(name)), std::move(list));
    });
}

void TreeBuilder::on_end(void* context, const xmlChar*, const xmlChar*, const xmlChar*) {
    auto& self = of(context);
    self.guarded([&] { self.open_.pop_back(); });
}

void TreeBuilder::on_text(void* context, const xmlChar* text, int length) {
    auto& self = of(context);
    const std::string_view whole(reinterpret_cast<const char*>(text),
                                 static_cast<std::size_t>(length));
    self.guarded([&] { self.text(whole); });
}

void TreeBuilder::on_entity(void* context,
                            const xmlChar* name,
                            int type,
                            const xmlChar* public_id,
                            const xmlChar* system_id,
                            xmlChar* content) {
    auto& self = of(context);
    const bool is_internal =
        type == XML_INTERNAL_GENERAL_ENTITY || type == XML_INTERNAL_PARAMETER_ENTITY;
    if (is_internal) return xmlSAX2EntityDecl(context, name, type, public_id, system_id, content);
    self.guarded([&] {
        self.fail(self.position_of_offset(self.offset()),
                  fmt::format("entity \"{}\" is external; only entities whose text stands here are "
                              "supported",
                              view(name)));
    });
}

void TreeBuilder::on_attribute_declaration(void* context,
                                           const xmlChar*,
                                           const xmlChar*,
                                           int,
                                           int,
                                           const xmlChar*,
                                           xmlEnumerationPtr values) {
    xmlFreeEnumeration(values);
    auto& self = of(context);
    self.guarded([&] {
        self.fail(self.position_of_offset(self.offset()),
                  "attribute declarations are not supported; write the attribute where it applies");
    });
}

void TreeBuilder::on_error(void* context, xmlErrorPtr error) {
    if (!context || error->level < XML_ERR_ERROR) return;
    auto& self = of(context);
    self.guarded([&] {
        const auto place = self.position_of_offset(self.offset());
        self.fail(place, without_line_ends(error->message ? error->message : "not well-formed"));
    });
}

}  // namespace

const std::string* XmlElement::attribute(std::string_view wanted) const {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const XmlAttribute& each) { return each.name == wanted; });
    return found == attributes.end() ? nullptr : &found->value;
}

std::size_t count_elements(const XmlElement& element) {
    std::size_t count = 1;
    for (const auto& child : element.children)
        count += count_elements(child);
    return count;
}

XmlElement read_xml(std::string_view bytes, const std::string& file) {
    if (bytes.size() > kMaxXmlBytes) {
        throw ConfigError(file, 0, 0, fmt::format("over {} bytes long", kMaxXmlBytes));
    }
    if (bytes.empty()) throw ConfigError(file, 1, 1, "empty; expected <busconfig>");
    return TreeBuilder(bytes, file).run();
}

}  // namespace buzon::policy
