// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <set>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bus/names.h"
#include "clients/ctl/arguments.h"
#include "clients/ctl/command.h"
#include "clients/ctl/complaint.h"
#include "clients/ctl/introspect_object.h"
#include "clients/ctl/object_tree.h"
#include "clients/ctl/value_json.h"

namespace buzon::clients {
namespace {

/// A service may invent a child for every object that it is asked about.
constexpr std::size_t kMaxObjects = 100'000;

struct Objects {
    std::set<std::string> paths{};
    std::set<std::string> seen{"/"};  // what the paths may grow to
    bool is_complete = true;
};

/// Adds the object at `path`, and the paths of its children to `waiting` unless they were `seen`.
void visit(BusConnection& bus,
           const std::string& service,
           const std::string& path,
           Objects& objects,
           std::deque<std::string>& waiting) {
    for (auto& child : child_paths(introspect(bus, service, path), path)) {
        if (bus::is_object_path(child)) {
            if (objects.seen.insert(child).second) waiting.push_back(std::move(child));
            continue;
        }
        complain(fmt::format("Service {} has an object with an invalid path: {}", service, child));
        objects.is_complete = false;
    }
    objects.paths.insert(path);
}

/// From the root down, breadth first. What cannot be introspected is reported and left out.
Objects objects_of(BusConnection& bus, const std::string& service) {
    Objects objects;
    std::deque<std::string> waiting{"/"};
    for (; !waiting.empty(); waiting.pop_front()) {
        try {
            visit(bus, service, waiting.front(), objects, waiting);
        } catch (const sdbus::Error& error) {
            complain(error);
            objects.is_complete = false;
        }
        if (objects.seen.size() <= kMaxObjects) continue;
        complain(fmt::format("Service {} has more than {} objects; the rest is left out", service,
                             kMaxObjects));
        objects.is_complete = false;
        break;
    }
    return objects;
}

std::vector<std::string> services(BusConnection& bus, const Options& options) {
    if (!options.arguments.empty()) return options.arguments;
    auto names = bus.call_for_texts(driver_call("ListNames"));
    std::erase_if(names, [](const std::string& name) { return bus::is_unique_name(name); });
    return names;
}

void print_paths(const std::set<std::string>& paths, const Options& options) {
    if (options.list) {
        for (const std::string& path : paths)
            fmt::print("{}\n", path);
    } else if (paths.empty()) {
        fmt::print("No objects discovered.\n");
    } else {
        const std::string tree = draw_tree(paths);
        fmt::print("{}", tree.empty() ? "Only root object discovered.\n" : tree);
    }
}

}  // namespace

int run_tree(const Options& options) {
    for (const std::string& service : options.arguments)
        checked_service(service);
    BusConnection bus(options.bus);
    const bool has_titles = options.arguments.size() != 1;
    bool is_complete = true;
    Json all = Json::array();
    const char* separator = "";
    for (const std::string& service : services(bus, options)) {
        const Objects objects = objects_of(bus, service);
        is_complete = is_complete && objects.is_complete;
        all.push_back({{"service", service}, {"objects", objects.paths}});
        if (options.json != JsonMode::Off) continue;
        if (has_titles) fmt::print("{}Service {}:\n", std::exchange(separator, "\n"), service);
        print_paths(objects.paths, options);
    }
    if (options.json != JsonMode::Off) fmt::print("{}\n", to_text(all, options.json));
    return is_complete ? 0 : 1;
}

}  // namespace buzon::clients
