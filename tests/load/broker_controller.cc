// SPDX-License-Identifier: Apache-2.0
#include "tests/load/broker_controller.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <system_error>
#include <utility>

#include "bus/wire_writer.h"
#include "tests/load/client.h"

namespace buzon::load {
namespace {

constexpr std::uint32_t kEveryUser = 0xffffffff;
constexpr std::uint64_t kPriority = 1;
constexpr mode_t kForAll = 0777;

// connect: verdict, priority. own: verdict, priority, is a prefix, name. send and receive: verdict,
// priority, four strings (name, path, interface, member; empty is any), type, broadcast, fewest and
// most descriptors.
constexpr std::string_view kOwnRule = "(btbs)";
constexpr std::string_view kTransmissionRule = "(btssssuutt)";

std::string policy_type() {
    const auto batch = fmt::format("bta{0}a{1}a{1}", kOwnRule, kTransmissionRule);
    // By user; by range of users or groups; SELinux contexts; AppArmor; the type of bus.
    return fmt::format("(a(u({0}))a(buu({0}))a(ss)bs)", batch);
}

void write_verdict(bus::WireWriter& out) {
    out.align_struct();
    out.write_boolean(true);
    out.write_uint64(kPriority);
}

void write_own_rule(bus::WireWriter& out) {
    const auto rules = out.begin_array('(');
    write_verdict(out);
    out.write_boolean(true);
    out.write_string("");
    out.end_array(rules);
}

void write_transmission_rule(bus::WireWriter& out) {
    const auto rules = out.begin_array('(');
    write_verdict(out);
    for (int i = 0; i < 4; ++i)
        out.write_string("");
    out.write_uint32(0);
    out.write_uint32(0);
    out.write_uint64(0);
    out.write_uint64(std::numeric_limits<std::uint64_t>::max());
    out.end_array(rules);
}

void write_open_policy(bus::WireWriter& out) {
    out.write_signature(policy_type());
    out.align_struct();
    const auto users = out.begin_array('(');
    out.align_struct();
    out.write_uint32(kEveryUser);
    write_verdict(out);
    write_own_rule(out);
    write_transmission_rule(out);
    write_transmission_rule(out);
    out.end_array(users);
    out.end_array(out.begin_array('('));
    out.end_array(out.begin_array('('));
    out.write_boolean(false);
    out.write_string("session");
}

bus::FileDescriptor listen_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("socket path too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    bus::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
        ::chmod(path.c_str(), kForAll) < 0 || ::listen(socket.get(), SOMAXCONN) < 0) {
        throw std::system_error(errno, std::generic_category(), path);
    }
    return socket;
}

std::string machine_id() {
    constexpr std::size_t kDigits = 32;
    std::string id;
    std::ifstream("/etc/machine-id") >> id;
    return id.size() == kDigits ? id : std::string(kDigits, '1');
}

}  // namespace

std::vector<std::string> broker_options(int controller) {
    return {"--controller",  std::to_string(controller),
            "--machine-id",  machine_id(),
            "--max-bytes",   "536870912",
            "--max-fds",     "4096",
            "--max-matches", "16384"};
}

void add_listener(const bus::FileDescriptor& controller, const std::string& socket_path) {
    const auto listener = listen_at(socket_path);
    auto call = make_call({.unix_fds = 1,
                           .path = "/org/bus1/DBus/Broker",
                           .interface = "org.bus1.DBus.Broker",
                           .member = "AddListener",
                           .signature = "ohv"},
                          [](bus::WireWriter& body) {
                              body.write_string("/org/bus1/DBus/Listener/0");
                              body.write_uint32(0);
                              write_open_policy(body);
                          });
    Client(controller.duplicate()).call(std::move(call), listener.get());
}

}  // namespace buzon::load
