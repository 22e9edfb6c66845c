// SPDX-License-Identifier: Apache-2.0
// How a launcher comes into being, and what it keeps of the process that it was forked from: its
// link, standard error, the environment; while the bus starts also the sockets that the service
// manager has passed. Forked without exec, so that a launcher always speaks its broker's language,
// whatever has replaced the file on disk meanwhile.
// Errors: std::system_error.
#pragma once

#include <sys/types.h>

#include <memory>

#include "broker/launcher_process.h"
#include "broker/launcher_protocol.h"
#include "broker/options.h"
#include "bus/base/file_descriptor.h"

namespace buzon::broker {

/// Forks a launcher, to be called by the broker before it has threads, clients or secrets. Does not
/// return in the child.
[[nodiscard]] std::unique_ptr<LauncherProcess> fork_launcher(const Options& options);

struct ForkedLauncher {
    bus::FileDescriptor link;
    pid_t pid;
};

/// Forks another launcher beside the one that calls: a child of the broker too. It is settled, as
/// the caller is.
[[nodiscard]] ForkedLauncher fork_sibling(const Options& options);

/// Ends what only the start needs: descriptors but `link`, rights, and, as `order` says, working
/// directory, umask and standard error.
void settle_launcher(const SettleOrder& order, int link);

}  // namespace buzon::broker
