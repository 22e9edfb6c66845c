// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/object_tree.h"

#include <string_view>
#include <vector>

namespace buzon::clients {
namespace {

struct Branch {
    std::string_view path;
    std::vector<Branch> children;
};

bool is_below(std::string_view path, std::string_view ancestor) {
    return path.size() > ancestor.size() && path.starts_with(ancestor) &&
           path[ancestor.size()] == '/';
}

void insert(std::vector<Branch>& siblings, std::string_view path) {
    // Paths come sorted, and `/` sorts before what else they are made of: what lies below a path
    // comes directly after it.
    if (!siblings.empty() && is_below(path, siblings.back().path))
        return insert(siblings.back().children, path);
    siblings.push_back({path, {}});
}

void draw(std::string& out, const std::vector<Branch>& siblings, const std::string& prefix) {
    for (const Branch& branch : siblings) {
        const bool is_last = &branch == &siblings.back();
        out.append(prefix).append(is_last ? "└─" : "├─").append(branch.path).append("\n");
        draw(out, branch.children, prefix + (is_last ? "  " : "│ "));
    }
}

}  // namespace

std::string draw_tree(const std::set<std::string>& paths) {
    std::vector<Branch> top;
    for (const std::string& path : paths) {
        if (path != "/") insert(top, path);
    }
    std::string out;
    draw(out, top, "");
    return out;
}

}  // namespace buzon::clients
