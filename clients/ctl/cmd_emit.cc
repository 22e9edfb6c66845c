// SPDX-License-Identifier: Apache-2.0
#include "clients/ctl/arguments.h"
#include "clients/ctl/command.h"
#include "clients/ctl/value_parser.h"

namespace buzon::clients {

int run_emit(const Options& options) {
    const auto& arguments = options.arguments;
    SignalToEmit signal{checked_path(arguments[0]), checked_interface(arguments[1]),
                        checked_member(arguments[2])};
    if (arguments.size() > 3)
        signal.arguments = parse_values(arguments[3], std::span(arguments).subspan(4));
    if (!options.destination.empty()) signal.destination = checked_service(options.destination);
    BusConnection bus(options.bus);
    bus.emit(signal);
    return 0;
}

}  // namespace buzon::clients
