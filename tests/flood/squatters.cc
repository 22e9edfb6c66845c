// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/squatters.h"

#include <fmt/format.h>
#include <poll.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "tests/flood/name_watcher.h"
#include "tests/flood/speech.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

constexpr std::chrono::milliseconds kStep{10};

class StalledWatchers final : public Role {
public:
    explicit StalledWatchers(StalledWatch watch) : watch_(watch) {}

    void start(Stage& stage) override {
        for (std::size_t i = 0; i < watch_.connections; ++i)
            clients_.push_back(std::make_unique<load::Client>(stage.socket_path));
        // Once all are there: they would be told of each other.
        for (const auto& each : clients_)
            each->add_match(kNameOwnerChangedRule);
    }
    /// The baseline is without answers.
    void step(Stage&) override {
        for (; asked_ < watch_.askers; ++asked_)
            ask(*clients_[asked_]);
        std::this_thread::sleep_for(kStep);
    }
    void stop(Stage& stage) override {
        for (const auto& each : clients_) {
            pollfd source{.fd = each->fd(), .events = 0, .revents = 0};
            if (::poll(&source, 1, 0) > 0) ++stage.board.attackers_disconnected;
        }
    }

private:
    /// The socket takes that much, whatever the bus does; of one whom it has ended, stop() tells.
    void ask(load::Client& client) const {
        load::Bytes calls;
        auto call = load::make_driver_call("ListNames");
        for (std::size_t i = 0; i < watch_.questions; ++i) {
            load::set_serial(call, client.next_serial());
            calls.insert(calls.end(), call.begin(), call.end());
        }
        try {
            client.send_some(calls);
        } catch (const load::HungUp&) {
            return;  // the others stay
        }
    }

    StalledWatch watch_;
    std::size_t asked_ = 0;
    std::vector<std::unique_ptr<load::Client>> clients_;
};

class OwnerOfNames final : public Role {
public:
    explicit OwnerOfNames(std::size_t names) : names_(names) {}

    void start(Stage& stage) override {
        client_.emplace(stage.socket_path);
        for (std::size_t i = 0; i < names_; ++i)
            client_->request_name(fmt::format("org.example.N{}.{:x<{}}", i, "", kLongPart));
    }
    void step(Stage&) override { std::this_thread::sleep_for(kStep); }

private:
    static constexpr std::size_t kLongPart = 200;  // a name may have 255 bytes

    std::size_t names_;
    std::optional<load::Client> client_;
};

class Environment final : public Role {
public:
    explicit Environment(std::size_t entries) : entries_(entries) {}

    void start(Stage& stage) override {
        load::Client(stage.socket_path).call(environment_updates(entries_).write(0, 0));
    }
    void step(Stage&) override { std::this_thread::sleep_for(kStep); }

private:
    std::size_t entries_;
};

}  // namespace

Actor stalled_watchers(StalledWatch watch) {
    return {.make = [watch] { return std::make_unique<StalledWatchers>(watch); },
            .is_active = false};
}

Actor environment_of(std::size_t entries) {
    return {.make = [entries] { return std::make_unique<Environment>(entries); },
            .is_active = false};
}

Actor owner_of_names(std::size_t names) {
    return {.make = [names] { return std::make_unique<OwnerOfNames>(names); }, .is_active = false};
}

}  // namespace buzon::flood
