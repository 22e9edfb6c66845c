// SPDX-License-Identifier: Apache-2.0
// Rows of text under aligned headers, for people, and the same as JSON, for programs.
// Widths are counted in characters (code points). Nothing is printed behind the last column's text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "clients/ctl/value_json.h"

namespace buzon::clients {

enum class Align { Left, Right };

struct Column {
    std::string_view header;
    Align align = Align::Left;
    /// Texts longer than this are cut, the header apart; 0: no limit.
    std::size_t max_width = 0;
};

/// A cell is a JSON string, number or null; null is printed as `-`.
using Row = std::vector<Json>;

struct TableLayout {
    bool has_header = true;
    /// Rows that are wider are cut, the widest columns first; 0: no limit.
    std::size_t max_width = 0;
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// One cell for each column.
    void add(Row row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] std::span<const Row> rows() const { return rows_; }

    /// Lines with their ends.
    [[nodiscard]] std::string to_text(const TableLayout& layout) const;
    /// An array of objects whose keys are the headers in lower case.
    [[nodiscard]] Json to_json() const;

private:
    [[nodiscard]] std::vector<std::size_t> widths(std::span<const std::vector<std::string>> lines,
                                                  const TableLayout& layout) const;
    void append_line(std::string& out,
                     std::span<const std::string> cells,
                     std::span<const std::size_t> widths) const;

    std::vector<Column> columns_;
    std::vector<Row> rows_;
};

/// `text`, or its first `width` - 1 characters and an ellipsis.
[[nodiscard]] std::string cut_to_width(std::string_view text, std::size_t width);

}  // namespace buzon::clients
