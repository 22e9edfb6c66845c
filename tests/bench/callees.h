// SPDX-License-Identifier: Apache-2.0
// The answering side of the calls, in a process of its own: each callee owns a name, has one
// caller and answers every call with an empty reply, all that it has read at once in one write.
// Errors: exceptions at the start; later the callers notice that nothing comes back.
#pragma once

#include <cstddef>
#include <string>

#include "tests/load/child_process.h"

namespace buzon::bench {

[[nodiscard]] std::string callee_name(std::size_t index);

class Callees {
public:
    /// Returns when `count` callees own their names on the bus at `socket_path`.
    Callees(const std::string& socket_path, std::size_t count);

private:
    load::ChildProcess process_;
};

}  // namespace buzon::bench
