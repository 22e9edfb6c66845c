// SPDX-License-Identifier: Apache-2.0
#include "policy/buzon_parser.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bus/names.h"
#include "policy/limit_element.h"

namespace buzon::policy {

namespace {

class BuzonParser {
public:
    explicit BuzonParser(const SourceFile& file) : file_(file) {}

    BuzonConfig parse(const XmlElement& root);

private:
    struct Row {
        std::string_view name;
        void (BuzonParser::*apply)(const XmlElement&);
    };
    static const Row kRows[];

    [[noreturn]] void fail(const XmlElement& element, const std::string& text) const {
        fail_at(file_, element, text);
    }
    [[noreturn]] void fail_unknown(const XmlElement& element) const;

    void limit(const XmlElement& element);
    void limits(const XmlElement& element);
    [[nodiscard]] SpecialLimits special(const XmlElement& element,
                                        LimitSubject subject,
                                        const std::string& name) const;
    [[nodiscard]] LimitSetting setting(const XmlElement& element) const;

    const SourceFile& file_;
    BuzonConfig config_;
};

constexpr BuzonParser::Row BuzonParser::kRows[] = {
    {"limit", &BuzonParser::limit},
    {"limits", &BuzonParser::limits},
};

BuzonConfig BuzonParser::parse(const XmlElement& root) {
    if (root.name != "busconfig")
        fail(root, fmt::format("unknown root element <{}>; expected <busconfig>", root.name));
    require_attributes_among(file_, root, {});
    require_no_text(file_, root);
    for (const auto& element : root.children) {
        const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                       [&](const Row& each) { return each.name == element.name; });
        if (row == std::end(kRows)) fail_unknown(element);
        (this->*row->apply)(element);
    }
    return std::move(config_);
}

void BuzonParser::fail_unknown(const XmlElement& element) const {
    std::vector<std::string> names;
    for (const Row& row : kRows)
        names.push_back(fmt::format("<{}>", row.name));
    fail(element, fmt::format("element <{}> is not allowed in a file of buzon's own; expected {}",
                              element.name, fmt::join(names, " or ")));
}

LimitSetting BuzonParser::setting(const XmlElement& element) const {
    require_no_children(file_, element);
    return parse_limit_element(file_, element, LimitScope::OursOnly);
}

void BuzonParser::limit(const XmlElement& element) {
    config_.limits.push_back(setting(element));
}

void BuzonParser::limits(const XmlElement& element) {
    require_attributes_among(file_, element, {"user", "destination"});
    require_no_text(file_, element);
    const auto* user = element.attribute("user");
    const auto* destination = element.attribute("destination");
    if (!user == !destination)
        fail(element, "<limits> needs either user=\"...\" or destination=\"...\"");
    if (user && user->empty())
        fail(element, "user=\"\": expected the name or the number of a user");
    if (destination && !bus::is_well_known_name(*destination)) {
        fail(element, fmt::format("destination=\"{}\": expected a well-known bus name, such as "
                                  "org.example.Mail",
                                  *destination));
    }
    if (user) {
        config_.users.push_back(special(element, LimitSubject::User, *user));
    } else {
        config_.destinations.push_back(special(element, LimitSubject::Destination, *destination));
    }
}

SpecialLimits BuzonParser::special(const XmlElement& element,
                                   LimitSubject subject,
                                   const std::string& name) const {
    SpecialLimits special{name, location_of(file_, element), {}};
    for (const auto& child : element.children) {
        if (child.name != "limit") {
            fail(child, fmt::format("element <{}> is not allowed inside <limits>; expected <limit>",
                                    child.name));
        }
        const LimitSetting said = setting(child);
        if (!may_be_said_for(subject, said.name)) {
            fail(child, fmt::format("limit {} can't be said for one {}; these can: {}", said.name,
                                    subject == LimitSubject::User ? "user" : "destination",
                                    fmt::join(limit_names(subject), ", ")));
        }
        special.settings.push_back(said);
    }
    return special;
}

}  // namespace

BuzonConfig parse_buzon_config(const SourceFile& file, const XmlElement& root) {
    return BuzonParser(file).parse(root);
}

}  // namespace buzon::policy
