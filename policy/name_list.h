// SPDX-License-Identifier: Apache-2.0
// The names of a party that is not on a bus: given on a command line, or made up for a question.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "policy/policy_snapshot.h"

namespace buzon::policy {

/// `name` is `prefix` or below it at a dot; nothing is below the empty prefix.
[[nodiscard]] inline bool is_name_below(std::string_view name, std::string_view prefix) {
    if (prefix.empty() || !name.starts_with(prefix)) return false;
    return name.size() == prefix.size() || name[prefix.size()] == '.';
}

class NameList final : public NameHolder {
public:
    NameList() = default;
    /// A name that is given twice counts once.
    explicit NameList(std::vector<std::string> names) {
        std::unordered_set<std::string> known;
        for (std::string& name : names) {
            if (known.insert(name).second) names_.push_back(std::move(name));
        }
    }

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] bool holds(std::string_view name) const override {
        return std::find(names_.begin(), names_.end(), name) != names_.end();
    }
    [[nodiscard]] bool holds_below(std::string_view prefix) const override {
        return std::any_of(names_.begin(), names_.end(),
                           [&](const std::string& name) { return is_name_below(name, prefix); });
    }
    /// Without it, a snapshot would ask for every name that its rules mention.
    [[nodiscard]] std::size_t count() const override { return names_.size(); }
    void for_each(NameVisitor& visitor) const override {
        for (const std::string& name : names_)
            visitor.visit(name);
    }

private:
    std::vector<std::string> names_;
};

}  // namespace buzon::policy
