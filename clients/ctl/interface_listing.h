// SPDX-License-Identifier: Apache-2.0
// Interfaces of an object with the current values of its properties, as rows for people and as
// JSON for programs. Pure: what the object says comes in as values.
// Interfaces are sorted by name; in each, methods, properties, signals, each sorted by name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "clients/ctl/table.h"
#include "clients/ctl/value.h"
#include "introspection/model.h"

namespace buzon::clients {

/// An interface and the values of those of its properties that could be read.
struct DescribedInterface {
    introspection::Interface description;
    std::map<std::string, Value> values{};
};

enum class Heading { Interface, None };

/// A row for each member, its name behind a dot; with Heading::Interface one before them.
[[nodiscard]] Table interface_table(std::vector<DescribedInterface> interfaces,
                                    Heading heading,
                                    std::size_t max_cell_width);

[[nodiscard]] Json interfaces_json(std::vector<DescribedInterface> interfaces);

}  // namespace buzon::clients
