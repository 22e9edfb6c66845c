// SPDX-License-Identifier: Apache-2.0
#include "introspection/xml_reader.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <variant>

#include <fmt/format.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>

namespace buzon::introspection {
namespace {

std::string_view view(const xmlChar* text) {
    return text == nullptr ? std::string_view{} : reinterpret_cast<const char*>(text);
}

/// The attributes of one start tag, as libxml2 hands them out: five pointers each.
class Attributes {
public:
    Attributes(const xmlChar** raw, int count)
        : raw_(raw, static_cast<std::size_t>(count) * kPointersEach) {}

    [[nodiscard]] std::optional<std::string> find(std::string_view name) const {
        for (std::size_t i = 0; i < raw_.size(); i += kPointersEach) {
            const bool has_prefix = raw_[i + 1] != nullptr;
            if (has_prefix || view(raw_[i]) != name) continue;
            const xmlChar* const begin = raw_[i + 3];
            const xmlChar* const end = raw_[i + 4];
            return std::string(reinterpret_cast<const char*>(begin),
                               static_cast<std::size_t>(end - begin));
        }
        return std::nullopt;
    }

private:
    static constexpr std::size_t kPointersEach = 5;
    std::span<const xmlChar*> raw_;
};

struct Skipped {};  // an element that we do not know, with all that is in it

/// What the innermost open element is. A pointer stays good while its element is open: its
/// siblings, which would move it, come only afterwards.
using OpenElement =
    std::variant<Node*, Interface*, Method*, Signal*, Property*, Argument*, Skipped>;

std::vector<Annotation>* annotations_of(const OpenElement& element) {
    return std::visit(
        [](auto open) -> std::vector<Annotation>* {
            if constexpr (std::is_same_v<decltype(open), Skipped>)
                return nullptr;
            else
                return &open->annotations;
        },
        element);
}

/// Builds the model while libxml2 reports the elements; keeps the first error.
class Builder {
public:
    /// Must come before the first callback; `parser` outlives the callbacks.
    void attach(xmlParserCtxt& parser) { parser_ = &parser; }

    void start(std::string_view element, const Attributes& attributes);
    void end() { open_.pop_back(); }
    void fail(XmlErrorKind kind, std::string subject);
    void fail_at(XmlError error);
    void stop_after_error();

    [[nodiscard]] const std::optional<XmlError>& error() const { return error_; }
    [[nodiscard]] Node take_root() { return std::move(root_); }

private:
    std::optional<OpenElement> make(std::string_view element, const Attributes& attributes);
    std::optional<OpenElement> make_child_of(Node& node,
                                             std::string_view element,
                                             const Attributes& attributes);
    std::optional<OpenElement> make_child_of(Interface& interface,
                                             std::string_view element,
                                             const Attributes& attributes);
    template <typename Member>
    std::optional<OpenElement> make_argument(Member& member, const Attributes& attributes);
    std::optional<OpenElement> make_property(Interface& interface, const Attributes& attributes);
    std::optional<OpenElement> make_annotation(std::vector<Annotation>& annotations,
                                               const Attributes& attributes);
    std::optional<Direction> direction_of(const Attributes& attributes, Direction otherwise);
    std::string required(std::string_view element,
                         std::string_view attribute,
                         const Attributes& attributes);

    xmlParserCtxt* parser_ = nullptr;
    Node root_;
    std::vector<OpenElement> open_;
    std::optional<XmlError> error_;
};

bool is_known_element(std::string_view element) {
    static constexpr std::string_view kKnown[] = {"node",     "interface", "method",    "signal",
                                                  "property", "arg",       "annotation"};
    return std::ranges::find(kKnown, element) != std::end(kKnown);
}

void Builder::start(std::string_view element, const Attributes& attributes) {
    if (error_) return;
    if (open_.size() >= kMaxXmlDepth) return fail(XmlErrorKind::TooDeep, std::string(element));
    if (open_.empty()) {
        if (element != "node") return fail(XmlErrorKind::RootIsNotNode, std::string(element));
        root_.name = attributes.find("name").value_or("");
        return open_.push_back(&root_);
    }
    const bool skip = std::holds_alternative<Skipped>(open_.back()) || !is_known_element(element);
    const auto opened = skip ? OpenElement{Skipped{}} : make(element, attributes);
    if (opened)
        open_.push_back(*opened);
    else
        fail(XmlErrorKind::MisplacedElement, std::string(element));
}

/// Keeps the first error. Reading goes on until stop_after_error(), for the attributes of the
/// element at hand lie in memory that libxml2 frees when it is stopped.
void Builder::fail(XmlErrorKind kind, std::string subject) {
    fail_at({kind, static_cast<std::size_t>(xmlSAX2GetLineNumber(parser_)), std::move(subject)});
}

void Builder::fail_at(XmlError error) {
    if (!error_) error_ = std::move(error);
}

void Builder::stop_after_error() {
    if (error_) xmlStopParser(parser_);
}

/// Nothing: the element is not allowed where it stands.
std::optional<OpenElement> Builder::make(std::string_view element, const Attributes& attributes) {
    const OpenElement& parent = open_.back();
    if (element == "annotation") return make_annotation(*annotations_of(parent), attributes);
    if (const auto* node = std::get_if<Node*>(&parent))
        return make_child_of(**node, element, attributes);
    if (const auto* interface = std::get_if<Interface*>(&parent))
        return make_child_of(**interface, element, attributes);
    if (element != "arg") return std::nullopt;
    if (const auto* method = std::get_if<Method*>(&parent))
        return make_argument(**method, attributes);
    if (const auto* signal = std::get_if<Signal*>(&parent))
        return make_argument(**signal, attributes);
    return std::nullopt;
}

std::optional<OpenElement> Builder::make_child_of(Node& node,
                                                  std::string_view element,
                                                  const Attributes& attributes) {
    if (element == "node")
        return &node.children.emplace_back(Node{required("node", "name", attributes)});
    if (element == "interface")
        return &node.interfaces.emplace_back(Interface{required("interface", "name", attributes)});
    return std::nullopt;
}

std::optional<OpenElement> Builder::make_child_of(Interface& interface,
                                                  std::string_view element,
                                                  const Attributes& attributes) {
    if (element == "method")
        return &interface.methods.emplace_back(Method{required("method", "name", attributes)});
    if (element == "signal")
        return &interface.signals.emplace_back(Signal{required("signal", "name", attributes)});
    if (element == "property") return make_property(interface, attributes);
    return std::nullopt;
}

template <typename Member>
std::optional<OpenElement> Builder::make_argument(Member& member, const Attributes& attributes) {
    constexpr auto kOtherwise = std::is_same_v<Member, Signal> ? Direction::Out : Direction::In;
    const auto direction = direction_of(attributes, kOtherwise);
    if (!direction) return Skipped{};
    return &member.arguments.emplace_back(Argument{
        attributes.find("name").value_or(""), required("arg", "type", attributes), *direction});
}

/// Compat: GDBus and sd-bus write a direction at arguments of signals now and then, so it is
/// allowed there, checked and, as nothing but `out` has a meaning, taken for `out`.
std::optional<Direction> Builder::direction_of(const Attributes& attributes, Direction otherwise) {
    const auto text = attributes.find("direction");
    if (!text) return otherwise;
    if (*text == "in") return otherwise;
    if (*text == "out") return Direction::Out;
    fail(XmlErrorKind::BadDirection, *text);
    return std::nullopt;
}

std::optional<OpenElement> Builder::make_property(Interface& interface,
                                                  const Attributes& attributes) {
    Property property{required("property", "name", attributes),
                      required("property", "type", attributes)};
    const std::string access = required("property", "access", attributes);
    if (access == "readwrite")
        property.access = Access::ReadWrite;
    else if (access == "write")
        property.access = Access::Write;
    else if (access != "read")
        fail(XmlErrorKind::BadAccess, access);
    return &interface.properties.emplace_back(std::move(property));
}

std::optional<OpenElement> Builder::make_annotation(std::vector<Annotation>& annotations,
                                                    const Attributes& attributes) {
    annotations.push_back(
        {required("annotation", "name", attributes), required("annotation", "value", attributes)});
    return Skipped{};
}

std::string Builder::required(std::string_view element,
                              std::string_view attribute,
                              const Attributes& attributes) {
    auto value = attributes.find(attribute);
    if (!value) fail(XmlErrorKind::MissingAttribute, fmt::format("{} {}", element, attribute));
    return std::move(value).value_or("");
}

// What libxml2 calls. `user` is the Builder; no exception may pass through its C frames, and none
// can start here but bad_alloc, which ends the program.

void on_start(void* user,
              const xmlChar* name,
              const xmlChar* prefix,
              const xmlChar* /*uri*/,
              int /*namespaces*/,
              const xmlChar** /*namespace_list*/,
              int attribute_count,
              int /*defaulted*/,
              const xmlChar** attributes) noexcept {
    const bool foreign = prefix != nullptr;  // documentation, such as <tp:docstring>
    auto& builder = *static_cast<Builder*>(user);
    builder.start(foreign ? std::string_view{"foreign"} : view(name),
                  Attributes(attributes, attribute_count));
    builder.stop_after_error();
}

void on_end(void* user,
            const xmlChar* /*name*/,
            const xmlChar* /*prefix*/,
            const xmlChar* /*uri*/) noexcept {
    auto& builder = *static_cast<Builder*>(user);
    if (!builder.error()) builder.end();
}

void on_entity(void* user,
               const xmlChar* name,
               int /*type*/,
               const xmlChar* /*public_id*/,
               const xmlChar* /*system_id*/,
               xmlChar* /*content*/) noexcept {
    auto& builder = *static_cast<Builder*>(user);
    builder.fail(XmlErrorKind::EntityDeclared, std::string(view(name)));
    builder.stop_after_error();
}

void on_error(void* user, const xmlError* error) noexcept {
    if (error->level != XML_ERR_FATAL) return;  // an undeclared prefix, for one, harms nobody
    std::string message = error->message == nullptr ? "" : error->message;
    while (!message.empty() && message.back() == '\n')
        message.pop_back();
    const auto line = static_cast<std::size_t>(std::max(error->line, 0));
    static_cast<Builder*>(user)->fail_at({XmlErrorKind::NotWellFormed, line, std::move(message)});
}

xmlSAXHandler make_handler() {
    xmlSAXHandler handler{};
    handler.initialized = XML_SAX2_MAGIC;
    handler.startElementNs = on_start;
    handler.endElementNs = on_end;
    handler.entityDecl = on_entity;
    handler.serror = reinterpret_cast<xmlStructuredErrorFunc>(on_error);
    return handler;
}

struct FreeParser {
    void operator()(xmlParserCtxt* parser) const {
        if (parser->myDoc != nullptr) xmlFreeDoc(parser->myDoc);
        parser->myDoc = nullptr;
        xmlFreeParserCtxt(parser);
    }
};

}  // namespace

std::string describe(const XmlError& error) {
    const auto reason = [&]() -> std::string {
        switch (error.kind) {
            case XmlErrorKind::TooLarge:
                return fmt::format("more than {} bytes of XML", kMaxXmlBytes);
            case XmlErrorKind::TooDeep:
                return fmt::format("elements are nested more than {} deep", kMaxXmlDepth);
            case XmlErrorKind::NotWellFormed: return error.subject;
            case XmlErrorKind::EntityDeclared:
                return fmt::format("entity '{}' is declared, which is refused", error.subject);
            case XmlErrorKind::RootIsNotNode:
                return fmt::format("the root element is <{}>, not <node>", error.subject);
            case XmlErrorKind::MisplacedElement:
                return fmt::format("<{}> is not allowed here", error.subject);
            case XmlErrorKind::MissingAttribute:
                return fmt::format("attribute is missing: {}", error.subject);
            case XmlErrorKind::BadDirection:
                return fmt::format("direction is '{}', neither 'in' nor 'out'", error.subject);
            case XmlErrorKind::BadAccess:
                return fmt::format("access is '{}', not 'read', 'write' or 'readwrite'",
                                   error.subject);
        }
        return {};
    }();
    return fmt::format("line {}: {}", error.line, reason);
}

bus::Result<Node, XmlError> read_xml(std::string_view text) {
    if (text.size() > kMaxXmlBytes) return bus::Unexpected{XmlError{XmlErrorKind::TooLarge, 1}};
    xmlSAXHandler handler = make_handler();
    Builder builder;
    const std::unique_ptr<xmlParserCtxt, FreeParser> owner(
        xmlCreatePushParserCtxt(&handler, &builder, nullptr, 0, nullptr));
    xmlParserCtxt* const parser = owner.get();
    if (parser == nullptr) throw std::bad_alloc();
    builder.attach(*parser);
    // NOENT: without it SAX gets `&amp;` half decoded. There are no other entities to substitute.
    xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_NOENT);

    xmlParseChunk(parser, text.data(), static_cast<int>(text.size()), 1);
    if (builder.error()) return bus::Unexpected{*builder.error()};
    if (parser->wellFormed == 0)
        return bus::Unexpected{XmlError{XmlErrorKind::NotWellFormed, 1, "not well-formed"}};
    return builder.take_root();
}

}  // namespace buzon::introspection
