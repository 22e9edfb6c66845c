// SPDX-License-Identifier: Apache-2.0
#include "broker/machine_id.h"

#include <fstream>

#include "bus/guid.h"

namespace buzon::broker {

std::string parse_machine_id(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    const auto id = bus::Guid::parse(text);
    return id ? id->to_string() : "";
}

std::string read_machine_id() {
    for (const char* path : {"/var/lib/dbus/machine-id", "/etc/machine-id"}) {
        std::ifstream file(path);
        std::string line;
        if (!std::getline(file, line)) continue;
        if (std::string id = parse_machine_id(line); !id.empty()) return id;
    }
    return "";
}

}  // namespace buzon::broker
