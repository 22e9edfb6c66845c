// SPDX-License-Identifier: Apache-2.0
// Object paths drawn as a tree, as busctl draws them: each path is written out in full below the
// nearest path that it extends.
#pragma once

#include <set>
#include <string>

namespace buzon::clients {

/// Lines with their ends. The root `/` is not drawn; without other paths the text is empty.
[[nodiscard]] std::string draw_tree(const std::set<std::string>& paths);

}  // namespace buzon::clients
