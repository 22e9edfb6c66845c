// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/name_watcher.h"

#include <poll.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>

#include "bus/wire_reader.h"
#include "tests/flood/outbox.h"
#include "tests/load/client.h"

namespace buzon::flood {
namespace {

bus::WireReader body_of(std::span<const std::byte> message) {
    const auto header = load::header_of(message);
    return {message.last(header.body_bytes), header.order};
}

std::set<std::string, std::less<>> names_in(std::span<const std::byte> list) {
    auto body = body_of(list);
    std::set<std::string, std::less<>> names;
    const auto end = body.enter_array('s');
    while (end && body.position() < *end)
        names.emplace(body.read_string().value_or(""));
    return names;
}

class NameWatcher final : public Role {
public:
    void start(Stage& stage) override {
        client_.emplace(stage.socket_path);
        client_->add_match(kNameOwnerChangedRule);
        ask();
    }
    void step(Stage& stage) override {
        guard(stage, [this] { read(); });
    }
    /// Those who have hung up are told of until all is quiet. A bus may have other work between the
    /// end of one that has had much and the signal that tells of it, so what differs is looked at
    /// again.
    void stop(Stage& stage) override {
        guard(stage, [&] {
            const auto deadline = Clock::now() + kPatience;
            do {
                compare(deadline);
            } while (differences_ != 0 && Clock::now() < deadline);
        });
        if (!differences_) return stage.board.befalls(innocent::kGuest, Fate::Stuck);
        stage.board.signal_gaps += static_cast<std::uint32_t>(*differences_);
    }

private:
    static constexpr int kStepMs = 10;
    static constexpr std::size_t kMostAtOnce = std::size_t{1} << 20;
    static constexpr std::chrono::milliseconds kSilence{100};
    static constexpr std::chrono::seconds kPatience{6};

    template <typename Action>
    static void guard(Stage& stage, Action&& action) {
        try {
            action();
        } catch (const load::HungUp&) {
            stage.board.befalls(innocent::kGuest, Fate::Disconnected);
            throw;
        }
    }
    void compare(Clock::time_point deadline) {
        last_news_ = Clock::now();
        while (Clock::now() - last_news_ < kSilence && Clock::now() < deadline)
            read();
        if (asked_ == 0) ask();
        while (asked_ != 0 && Clock::now() < deadline)
            read();
    }
    void ask() {
        auto call = load::make_driver_call("ListNames");
        asked_ = client_->next_serial();
        load::set_serial(call, asked_);
        outbox_.add(call);
    }
    void read() {
        outbox_.flush(*client_);
        pollfd source{.fd = client_->fd(), .events = POLLIN, .revents = 0};
        ::poll(&source, 1, kStepMs);
        client_->receive_some([this](auto message) { take(message); }, kMostAtOnce);
    }
    void take(std::span<const std::byte> message) {
        const auto header = load::header_of(message);
        if (header.type == bus::MessageType::Signal) {
            if (header.member == "NameOwnerChanged" && has_begun_) seen_.change(message);
            last_news_ = Clock::now();
        }
        if (asked_ == 0 || header.reply_serial != asked_) return;
        asked_ = 0;
        load::throw_if_error(message);
        if (has_begun_) {
            differences_ = seen_.differences(message);
        } else {
            seen_.begin(message);
            has_begun_ = true;
        }
    }

    std::optional<load::Client> client_;
    Outbox outbox_;
    NamesSeen seen_;
    std::uint32_t asked_ = 0;  // serial of the call that has no answer yet
    bool has_begun_ = false;
    std::optional<std::size_t> differences_;
    Clock::time_point last_news_{};
};

}  // namespace

void NamesSeen::begin(std::span<const std::byte> list) {
    names_ = names_in(list);
}

void NamesSeen::change(std::span<const std::byte> signal) {
    auto body = body_of(signal);
    const auto name = body.read_string().value_or("");
    const bool had_owner = !body.read_string().value_or("").empty();
    const bool has_owner = !body.read_string().value_or("").empty();
    const auto place = names_.find(name);
    if ((place != names_.end()) != had_owner) ++no_changes_;
    if (has_owner) {
        names_.emplace(name);
    } else if (place != names_.end()) {
        names_.erase(place);
    }
}

std::size_t NamesSeen::differences(std::span<const std::byte> list) const {
    std::vector<std::string> different;
    const auto names = names_in(list);
    std::set_symmetric_difference(names_.begin(), names_.end(), names.begin(), names.end(),
                                  std::back_inserter(different));
    return different.size() + no_changes_;
}

Actor name_watcher() {
    return {.make = [] { return std::make_unique<NameWatcher>(); }};
}

}  // namespace buzon::flood
