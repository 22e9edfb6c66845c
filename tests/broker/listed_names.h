// SPDX-License-Identifier: Apache-2.0
// What a NameList says, as a client reads it.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "broker/name_list.h"
#include "bus/base/block_pool.h"
#include "bus/block_writer.h"
#include "bus/wire_reader.h"

namespace buzon::broker {

/// Empty too if they are no array of strings.
inline std::multiset<std::string> names_in(const NameList& list) {
    bus::BlockPool pool;
    bus::BlockWriter body(pool);
    if (!body.try_reserve(sizeof(std::uint32_t) + list.bytes())) return {};
    const auto array = body.begin_array('s');
    list.write(body);
    body.end_array(array);
    bus::WireReader reader(body.bytes(), bus::ByteOrder::Little);
    std::multiset<std::string> names;
    const auto end = reader.enter_array('s');
    while (end && reader.position() < *end) {
        const auto name = reader.read_string();
        if (!name) return {};
        names.insert(std::string(*name));
    }
    return names;
}

}  // namespace buzon::broker
