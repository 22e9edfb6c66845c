// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/connection_floods.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "tests/flood/applicant.h"
#include "tests/flood/speech.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kAtOnce = 16;
constexpr milliseconds kPause{5};

enum class OnceIn { Stays, Leaves };

class ConnectionFlood final : public Role {
public:
    ConnectionFlood(std::size_t most, OnceIn once_in) : most_(most), once_in_(once_in) {}

    void start(Stage&) override {}
    void step(Stage& stage) override {
        while (joining_.size() < kAtOnce && held_.size() + joining_.size() < most_)
            joining_.emplace_back(stage.socket_path);
        if (joining_.empty()) std::this_thread::sleep_for(kPause);
        for (auto& each : joining_) {
            const bool is_in = each.step(milliseconds(0)) == Applicant::State::In;
            if (is_in && once_in_ == OnceIn::Stays) held_.push_back(std::move(each));
        }
        std::erase_if(joining_, [](const auto& each) {
            return each.fd() < 0 || each.state() != Applicant::State::Waiting;
        });
    }

private:
    std::size_t most_;
    OnceIn once_in_;
    std::vector<Applicant> joining_;
    std::vector<Applicant> held_;
};

class HalfAuthenticated final : public Role {
public:
    explicit HalfAuthenticated(std::size_t most) : most_(most) {}

    void start(Stage&) override {}
    void step(Stage& stage) override {
        while (sockets_.size() < most_ && add(stage.socket_path)) {
        }
        std::this_thread::sleep_for(kPause);
        for (std::size_t i = 0; i < kAtOnce && !sockets_.empty(); ++i)
            dribble();
    }

private:
    bool add(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        bus::FileDescriptor socket(
            ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                                 sizeof address) != 0) {
            return false;
        }
        static constexpr std::string_view kBeginning("\0AUTH EXTERNAL ", 15);
        ::send(socket.get(), kBeginning.data(), kBeginning.size(), MSG_NOSIGNAL);
        sockets_.push_back(std::move(socket));
        return true;
    }
    /// One byte more on the next socket; one that the bus has closed makes room for another.
    void dribble() {
        next_ = (next_ + 1) % sockets_.size();
        if (::send(sockets_[next_].get(), "3", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
            std::swap(sockets_[next_], sockets_.back());
            sockets_.pop_back();
        }
    }

    std::size_t most_;
    std::vector<bus::FileDescriptor> sockets_;
    std::size_t next_ = 0;
};

class HalfMessages final : public Role {
public:
    HalfMessages(std::size_t connections, HalfMessage half)
        : connections_(connections), half_(half) {}

    void start(Stage& stage) override {
        for (std::size_t i = 0; i < connections_; ++i)
            halves_.push_back({std::make_unique<load::Client>(stage.socket_path), 0});
        message_ = calls("Nobody", half_.announced_bytes, Reply::NotWanted).write(0, 0);
        load::set_serial(message_, kSerial);
    }
    void step(Stage& stage) override {
        std::this_thread::sleep_for(kPause);
        for (auto& each : halves_) {
            if (!each.client) continue;
            try {
                send_more(each);
            } catch (const load::HungUp&) {
                each.client.reset();
                ++stage.board.attackers_disconnected;
            }
        }
    }

private:
    static constexpr std::uint32_t kSerial = 1000;

    struct Half {
        std::unique_ptr<load::Client> client;
        std::size_t sent;
    };

    void send_more(Half& half) const {
        const std::size_t more = half_.then == Then::Dribbles ? 1 : 0;
        const auto end = std::max(half_.sent_bytes, half.sent + more);
        if (end == half.sent) return;
        const auto part = std::span(message_).subspan(half.sent, end - half.sent);
        half.sent += half.client->send_some(part);
    }

    std::size_t connections_;
    HalfMessage half_;
    std::vector<Half> halves_;
    load::Bytes message_;
};

template <typename What, typename... Arguments>
Actor actor(Arguments... arguments) {
    return {.make = [=] { return std::make_unique<What>(arguments...); }};
}

}  // namespace

Actor connection_hoarder(std::size_t most) {
    return actor<ConnectionFlood>(most, OnceIn::Stays);
}

Actor connection_churner() {
    return actor<ConnectionFlood>(kAtOnce, OnceIn::Leaves);
}

Actor half_authenticated(std::size_t most) {
    return actor<HalfAuthenticated>(most);
}

Actor half_messages(std::size_t connections, HalfMessage half) {
    return actor<HalfMessages>(connections, half);
}

}  // namespace buzon::flood
