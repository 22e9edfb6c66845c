// SPDX-License-Identifier: Apache-2.0
// An accepted connection that waits to be served. It holds its account, and so its place among the
// connections of its user.
#pragma once

#include "broker/quota/account_tree.h"
#include "bus/base/file_descriptor.h"
#include "bus/guid.h"
#include "bus/peer_credentials.h"

namespace buzon::broker {

/// A connection before anything has been read from it.
struct Arrival {
    bus::FileDescriptor socket;
    bus::PeerCredentials credentials;
    OpenAccount account;
    bus::Guid guid;  // of the listener that it came through

    [[nodiscard]] const Account& principal() const { return *account.account().parent(); }
};

}  // namespace buzon::broker
