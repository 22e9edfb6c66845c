// SPDX-License-Identifier: Apache-2.0
#include "introspection/xml_writer.h"

#include <string_view>

namespace buzon::introspection {
namespace {

constexpr std::string_view kDoctype =
    "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
    "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

/// Appends elements to a text. Every element is opened by open(), then attribute() as often as
/// needed, then either close_empty() or end_of_tag(), the children and close().
class Writer {
public:
    [[nodiscard]] std::string take() && { return std::move(text_); }
    void raw(std::string_view text) { text_ += text; }

    void open(std::string_view element) { text_.append(indent_, ' ').append("<").append(element); }
    void attribute(std::string_view name, std::string_view value);
    void close_empty() { text_ += "/>\n"; }
    void end_of_tag() {
        text_ += ">\n";
        indent_ += kIndentStep;
    }
    void close(std::string_view element) {
        indent_ -= kIndentStep;
        text_.append(indent_, ' ').append("</").append(element).append(">\n");
    }

private:
    static constexpr std::size_t kIndentStep = 2;

    std::string text_;
    std::size_t indent_ = 0;
};

void Writer::attribute(std::string_view name, std::string_view value) {
    text_.append(" ").append(name).append("=\"");
    for (const char character : value) {
        switch (character) {
            case '&': text_ += "&amp;"; break;
            case '<': text_ += "&lt;"; break;
            case '>': text_ += "&gt;"; break;
            case '"': text_ += "&quot;"; break;
            case '\t': text_ += "&#9;"; break;  // a raw one would be read as a space
            case '\n': text_ += "&#10;"; break;
            case '\r': text_ += "&#13;"; break;
            default:
                if (static_cast<unsigned char>(character) < 0x20)
                    text_ += "\xEF\xBF\xBD";
                else
                    text_ += character;
        }
    }
    text_ += '"';
}

void write(Writer& out, const std::vector<Annotation>& annotations) {
    for (const Annotation& annotation : annotations) {
        out.open("annotation");
        out.attribute("name", annotation.name);
        out.attribute("value", annotation.value);
        out.close_empty();
    }
}

/// What has annotations inside and nothing else: closed at once if it has none.
void finish(Writer& out, std::string_view element, const std::vector<Annotation>& annotations) {
    if (annotations.empty()) return out.close_empty();
    out.end_of_tag();
    write(out, annotations);
    out.close(element);
}

enum class ArgumentOf { Method, Signal };

void write(Writer& out, const Argument& argument, ArgumentOf owner) {
    out.open("arg");
    if (owner == ArgumentOf::Method)
        out.attribute("direction", argument.direction == Direction::In ? "in" : "out");
    out.attribute("type", argument.type);
    if (!argument.name.empty()) out.attribute("name", argument.name);
    finish(out, "arg", argument.annotations);
}

/// Compat: methods and signals without arguments are not closed in their opening tag.
template <typename Member>
void write_member(Writer& out, std::string_view element, const Member& member, ArgumentOf owner) {
    out.open(element);
    out.attribute("name", member.name);
    out.end_of_tag();
    write(out, member.annotations);
    for (const Argument& argument : member.arguments)
        write(out, argument, owner);
    out.close(element);
}

std::string_view access_text(Access access) {
    switch (access) {
        case Access::Read: return "read";
        case Access::Write: return "write";
        case Access::ReadWrite: break;
    }
    return "readwrite";
}

void write(Writer& out, const Property& property) {
    out.open("property");
    out.attribute("name", property.name);
    out.attribute("type", property.type);
    out.attribute("access", access_text(property.access));
    finish(out, "property", property.annotations);
}

void write(Writer& out, const Interface& interface) {
    out.open("interface");
    out.attribute("name", interface.name);
    out.end_of_tag();
    write(out, interface.annotations);
    for (const Method& method : interface.methods)
        write_member(out, "method", method, ArgumentOf::Method);
    for (const Property& property : interface.properties)
        write(out, property);
    for (const Signal& signal : interface.signals)
        write_member(out, "signal", signal, ArgumentOf::Signal);
    out.close("interface");
}

void write_contents(Writer& out, const Node& node);

void write_child(Writer& out, const Node& node) {
    out.open("node");
    out.attribute("name", node.name);
    if (node.interfaces.empty() && node.children.empty())
        return finish(out, "node", node.annotations);
    out.end_of_tag();
    write_contents(out, node);
    out.close("node");
}

void write_contents(Writer& out, const Node& node) {
    write(out, node.annotations);
    for (const Interface& interface : node.interfaces)
        write(out, interface);
    for (const Node& child : node.children)
        write_child(out, child);
}

}  // namespace

std::string to_xml(const Node& root) {
    Writer out;
    out.raw(kDoctype);
    out.open("node");
    if (!root.name.empty()) out.attribute("name", root.name);
    out.end_of_tag();
    write_contents(out, root);
    out.close("node");
    return std::move(out).take();
}

}  // namespace buzon::introspection
