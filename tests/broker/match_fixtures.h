// SPDX-License-Identifier: Apache-2.0
// Messages for tests of match rules: arguments and owned names from plain lists.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/match_subject.h"

namespace buzon::broker {

class Arguments final : public ArgumentSource {
public:
    explicit Arguments(std::vector<std::optional<TextArgument>> list) : list_(std::move(list)) {}

    [[nodiscard]] std::optional<TextArgument> argument(unsigned index) override {
        highest_asked_ = std::max(highest_asked_, static_cast<int>(index));
        return index < list_.size() ? list_[index] : std::nullopt;
    }
    /// -1 where no argument was asked for.
    [[nodiscard]] int highest_asked() const { return highest_asked_; }

private:
    std::vector<std::optional<TextArgument>> list_;
    int highest_asked_ = -1;
};

class GivenNames final : public OwnedNames {
public:
    explicit GivenNames(std::vector<std::string_view> names) : names_(std::move(names)) {}

    [[nodiscard]] std::span<const std::string_view> all() const override { return names_; }
    [[nodiscard]] bool contains(std::string_view name) const override {
        return std::find(names_.begin(), names_.end(), name) != names_.end();
    }

private:
    std::vector<std::string_view> names_;
};

}  // namespace buzon::broker
