// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/workloads.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>

#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "bus/base/file_descriptor.h"
#include "bus/wire_writer.h"
#include "tests/bench/callees.h"
#include "tests/load/client.h"

namespace buzon::bench {
namespace {

using Kind = Workload::Kind;

constexpr std::string_view kInterface = "org.buzon.Bench";
constexpr std::size_t kWindow = 64;
constexpr std::chrono::milliseconds kPace{1};

constexpr Workload kWorkloads[] = {
    {.name = "ping-pong", .about = "one caller, one callee, one call in flight"},
    {.name = "pipelined",
     .about = "one caller, one callee, 64 calls in flight",
     .in_flight = kWindow},
    {.name = "pairs",
     .about = "eight callers, eight callees, 16 calls in flight each",
     .peers = 8,
     .in_flight = 16},
    {.name = "lone-pairs",
     .about = "eight callers, eight callees, one call in flight each",
     .peers = 8},
    {.name = "fan-out",
     .about = "a signal to 100 subscribers, 64 signals in flight",
     .kind = Kind::FanOut,
     .peers = 100,
     .in_flight = kWindow},
    {.name = "body-16k",
     .about = "calls with 16 KiB, one in flight",
     .body_bytes = std::size_t{16} << 10},
    {.name = "body-1m",
     .about = "calls with 1 MiB, one in flight",
     .body_bytes = std::size_t{1} << 20},
    {.name = "descriptors",
     .about = "calls that pass a descriptor, 16 in flight",
     .in_flight = 16,
     .with_descriptor = true},
    {.name = "driver",
     .about = "GetNameOwner of a name, 64 calls in flight",
     .kind = Kind::DriverCalls,
     .in_flight = kWindow},
    {.name = "paced",
     .about = "a call each millisecond: what a quiet bus costs",
     .kind = Kind::PacedCalls},
};

std::string_view signature_of(const Workload& workload) {
    if (workload.with_descriptor) return "h";
    return workload.body_bytes > 0 ? "ay" : "s";
}

void write_body_of(const Workload& workload, bus::WireWriter& body) {
    if (workload.with_descriptor) {
        body.write_uint32(0);
    } else if (workload.body_bytes == 0) {
        body.write_string("a short argument");
    } else {
        const auto array = body.begin_array('y');
        for (std::size_t i = 0; i < workload.body_bytes; ++i) {
            body.write_byte(static_cast<std::uint8_t>(i));
        }
        body.end_array(array);
    }
}

load::Bytes call_of(const Workload& workload, std::size_t callee) {
    const auto name = callee_name(callee);
    if (workload.kind == Kind::DriverCalls) {
        return load::make_driver_call("GetNameOwner", "s",
                                      [&](bus::WireWriter& body) { body.write_string(name); });
    }
    return load::make_call({.unix_fds = workload.with_descriptor ? 1U : 0U,
                            .path = "/org/buzon/Bench",
                            .interface = kInterface,
                            .member = "Answer",
                            .destination = name,
                            .signature = signature_of(workload)},
                           [&](bus::WireWriter& body) { write_body_of(workload, body); });
}

/// Copies of one message in a row, so that a batch of them is one write.
class Batch {
public:
    Batch(load::Bytes message, std::size_t most) : message_bytes_(message.size()) {
        for (std::size_t i = 0; i < most; ++i) {
            copies_.insert(copies_.end(), message.begin(), message.end());
        }
    }
    void send(load::Client& client, std::size_t count) {
        stamp(client, count);
        client.send(std::span(copies_).first(count * message_bytes_));
    }
    /// Each message with `descriptor`, so each with a write of its own.
    void send_each_with(load::Client& client, std::size_t count, int descriptor) {
        stamp(client, count);
        for (std::size_t i = 0; i < count; ++i)
            client.send(copy(i), descriptor);
    }

private:
    std::span<std::byte> copy(std::size_t index) {
        return std::span(copies_).subspan(index * message_bytes_, message_bytes_);
    }
    void stamp(load::Client& client, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            load::set_serial(copy(i), client.next_serial());
    }

    std::size_t message_bytes_;
    load::Bytes copies_;
};

/// The calling side of all pairs of a workload.
class Callers {
public:
    Callers(const Workload& workload, const load::RunningBus& bus)
        : workload_(workload), clients_(bus.socket_path(), workload.peers) {
        if (workload.with_descriptor) descriptor_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        for (std::size_t i = 0; i < workload.peers; ++i) {
            batches_.emplace_back(call_of(workload, i), workload.in_flight);
        }
    }

    load::Client& client(std::size_t index) { return clients_[index]; }
    void send(std::size_t caller, std::size_t count) {
        if (count == 0) return;
        if (descriptor_) {
            batches_[caller].send_each_with(clients_[caller], count, descriptor_.get());
        } else {
            batches_[caller].send(clients_[caller], count);
        }
    }
    void send_first() {
        for (std::size_t i = 0; i < clients_.size(); ++i)
            send(i, workload_.in_flight);
    }
    /// Waits once, gives `on_replies` the number of replies for each caller that got any.
    template <typename Handler>
    void wait(Handler&& on_replies) {
        clients_.wait([&](std::size_t i) {
            std::size_t replies = 0;
            clients_[i].receive([&](std::span<const std::byte> message) {
                if (load::type_of(message) == bus::MessageType::MethodReturn) ++replies;
                load::throw_if_error(message);
            });
            on_replies(i, replies);
        });
    }

private:
    const Workload& workload_;
    load::ClientSet clients_;
    std::vector<Batch> batches_;
    bus::FileDescriptor descriptor_;
};

void make_calls(const Workload& workload, Callers& callers, Meter& meter) {
    const auto in_flight = workload.peers * workload.in_flight;
    std::uint64_t done = 0;
    callers.send_first();
    for (bool more = true; more;) {
        const auto before = done;
        callers.wait([&](std::size_t caller, std::size_t replies) {
            done += replies;
            callers.send(caller, replies);
        });
        if (done == before) continue;
        more = in_flight == 1 ? meter.go_on_in_lock_step(done) : meter.go_on(done);
    }
    // No reply may be missing; and when instructions are counted, no work may be left half done.
    const auto all = done + in_flight;
    while (done < all)
        callers.wait([&](std::size_t, std::size_t replies) { done += replies; });
}

void make_paced_calls(Callers& callers, Meter& meter) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    std::uint64_t done = 0;
    auto next = Meter::Clock::now();
    do {
        while (next <= Meter::Clock::now())
            next += kPace;
        std::this_thread::sleep_until(next);
        const auto sent = Meter::Clock::now();
        callers.send(0, 1);
        std::size_t replies = 0;
        while (replies == 0) {
            callers.wait([&](std::size_t, std::size_t count) { replies = count; });
        }
        meter.record_latency(Meter::Clock::now() - sent);
        ++done;
    } while (meter.go_on(done));
}

void make_driver_calls(const Workload& workload, Callers& callers, Meter& meter) {
    callers.client(0).request_name(callee_name(0));
    make_calls(workload, callers, meter);
}

class Subscribers {
public:
    Subscribers(const Workload& workload, const load::RunningBus& bus)
        : clients_(bus.socket_path(), workload.peers), receipts_(workload.in_flight) {
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            clients_[i].add_match(fmt::format("type='signal',interface='{}'", kInterface));
        }
    }

    /// Waits once; returns how many signals have reached their last subscriber.
    std::size_t wait() {
        std::size_t completed = 0;
        clients_.wait([&](std::size_t i) {
            clients_[i].receive([&](std::span<const std::byte> message) {
                if (load::type_of(message) == bus::MessageType::Signal) completed += count(message);
            });
        });
        return completed;
    }

private:
    /// 1 if all subscribers have it now.
    std::size_t count(std::span<const std::byte> signal) {
        auto& receipts = receipts_[load::serial_of(signal) % receipts_.size()];
        if (++receipts < clients_.size()) return 0;
        receipts = 0;
        return 1;
    }

    load::ClientSet clients_;
    // No more signals are under way than this has places, so serials modulo that tell them apart.
    std::vector<std::size_t> receipts_;
};

/// One process publishes and receives, so that it knows when the last subscriber has a signal.
void broadcast(const Workload& workload, const load::RunningBus& bus, Meter& meter) {
    Subscribers subscribers(workload, bus);
    load::Client publisher(bus.socket_path());
    Batch batch(load::make_signal(kInterface, "Changed"), workload.in_flight);
    std::uint64_t done = 0;
    batch.send(publisher, workload.in_flight);
    for (bool more = true; more;) {
        const auto completed = subscribers.wait();
        if (completed == 0) continue;
        done += completed;
        batch.send(publisher, completed);
        more = meter.go_on(done);
    }
    const auto all = done + workload.in_flight;
    while (done < all)
        done += subscribers.wait();
}

}  // namespace

std::span<const Workload> all_workloads() {
    return kWorkloads;
}

Sample run_workload(const Workload& workload, const load::RunningBus& bus, const Plan& plan) {
    if (workload.kind == Kind::FanOut) {
        Meter meter(plan, bus.cpu_clock());
        broadcast(workload, bus, meter);
        return meter.finish();
    }
    std::optional<Callees> callees;
    if (workload.kind != Kind::DriverCalls) callees.emplace(bus.socket_path(), workload.peers);
    Callers callers(workload, bus);
    Meter meter(plan, bus.cpu_clock());
    switch (workload.kind) {
        case Kind::Calls: make_calls(workload, callers, meter); break;
        case Kind::DriverCalls: make_driver_calls(workload, callers, meter); break;
        case Kind::PacedCalls: make_paced_calls(callers, meter); break;
        case Kind::FanOut: break;
    }
    return meter.finish();
}

}  // namespace buzon::bench
