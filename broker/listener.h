// SPDX-License-Identifier: Apache-2.0
// One listening socket: accepts a bounded number of connections in a turn. Where there is no
// descriptor left, new ones wait in the kernel's backlog; the bus itself goes on.
#pragma once

#include <functional>

#include "bus/base/event_loop.h"
#include "bus/base/file_descriptor.h"
#include "bus/base/log.h"
#include "bus/guid.h"

namespace buzon::broker {

class Listener;

class ListenerHandler {
public:
    virtual void on_accept(Listener& listener, bus::FileDescriptor socket) = 0;

protected:
    ~ListenerHandler() = default;
};

class Listener final : public bus::EventSource {
public:
    /// `socket` is bound and listening. Throws std::system_error where it can't be watched.
    Listener(bus::EventLoop& loop,
             bus::Log& log,
             bus::FileDescriptor socket,
             const bus::Guid& guid,
             ListenerHandler& handler);
    ~Listener() override;

    void on_ready(std::uint32_t events) override;
    /// There may be descriptors again.
    void resume();
    [[nodiscard]] const bus::Guid& guid() const { return guid_; }

private:
    void pause();
    void on_accept_error(int error);

    bus::EventLoop& loop_;
    bus::Log& log_;
    bus::FileDescriptor socket_;
    bus::Guid guid_;
    ListenerHandler& handler_;
    bus::Timer retry_;
    bool paused_ = false;
};

}  // namespace buzon::broker
