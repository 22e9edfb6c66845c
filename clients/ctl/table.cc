// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/table.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "clients/ctl/value_text.h"

namespace buzon::clients {
namespace {

bool starts_character(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

std::string to_cell(const Json& value) {
    if (value.is_null()) return "-";
    return value.is_string() ? escape_controls(value.get<std::string>())
                             : to_text(value, JsonMode::Short);
}

std::string to_key(std::string_view header) {
    std::string key;
    for (const char c : header)
        key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return key;
}

/// Takes from the widest columns, one character at a time, until the sum fits.
void shrink(std::vector<std::size_t>& widths, std::size_t sum) {
    constexpr std::size_t kNarrowest = 3;
    auto total = std::accumulate(widths.begin(), widths.end(), std::size_t{0});
    while (total > sum) {
        auto& widest = *std::ranges::max_element(widths);
        if (widest <= kNarrowest) return;
        --widest;
        --total;
    }
}

}  // namespace

std::string cut_to_width(std::string_view text, std::size_t width) {
    if (width_of(text) <= width) return std::string(text);
    std::size_t end = 0;
    std::size_t characters = 0;
    for (; end < text.size(); ++end) {
        if (starts_character(text[end]) && ++characters == width) break;
    }
    return std::string(text.substr(0, end)) + "…";
}

std::string Table::to_text(const TableLayout& layout) const {
    std::vector<std::vector<std::string>> lines;
    if (layout.has_header) {
        auto& header = lines.emplace_back();
        for (const Column& column : columns_)
            header.emplace_back(column.header);
    }
    for (const Row& row : rows_) {
        auto& line = lines.emplace_back();
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::size_t limit = columns_[i].max_width;
            const std::string cell = to_cell(row.at(i));
            line.push_back(limit == 0 ? cell : cut_to_width(cell, limit));
        }
    }
    const auto widths = this->widths(lines, layout);
    std::string out;
    for (const auto& line : lines)
        append_line(out, line, widths);
    return out;
}

std::vector<std::size_t> Table::widths(std::span<const std::vector<std::string>> lines,
                                       const TableLayout& layout) const {
    std::vector<std::size_t> widths(columns_.size(), 0);
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], width_of(line[i]));
    }
    const std::size_t spaces = columns_.size() - 1;
    if (layout.max_width > spaces) shrink(widths, layout.max_width - spaces);
    return widths;
}

void Table::append_line(std::string& out,
                        std::span<const std::string> cells,
                        std::span<const std::size_t> widths) const {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string cell = cut_to_width(cells[i], widths[i]);
        const std::size_t padding = widths[i] - width_of(cell);
        const bool is_last = i + 1 == cells.size();
        if (i > 0) out += ' ';
        if (columns_[i].align == Align::Right) out.append(padding, ' ');
        out += cell;
        if (columns_[i].align == Align::Left && !is_last) out.append(padding, ' ');
    }
    out += '\n';
}

Json Table::to_json() const {
    Json array = Json::array();
    for (const Row& row : rows_) {
        Json& object = array.emplace_back(Json::object());
        for (std::size_t i = 0; i < columns_.size(); ++i)
            object[to_key(columns_[i].header)] = row.at(i);
    }
    return array;
}

}  // namespace buzon::clients
