// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/crew.h"

#include <poll.h>

#include <memory>
#include <utility>

#include "tests/flood/member.h"

namespace buzon::flood {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{10};
constexpr milliseconds kSteadyStep{2};
constexpr std::chrono::seconds kMostToSettle{6};
/// A receiver that gets nothing for so long, after the sender's last message, has got it all.
constexpr milliseconds kSilence{200};

class CrewRole final : public Role {
public:
    explicit CrewRole(Crew crew) : crew_(std::move(crew)) {}

    void start(Stage& stage) override {
        for (std::size_t i = 0; i < crew_.connections; ++i)
            members_.push_back(std::make_unique<Member>(stage, crew_, i));
    }

    void step(Stage& stage) override {
        if (!has_begun_) begin();
        wait([](const Member& each) { return each.source(); });
        for_each(stage, [&](Member& member, bool is_ready) {
            member.drip(Clock::now());
            if (is_ready) member.work();
        });
    }

    void stop(Stage& stage) override {
        const bool has_part = crew_.speech.is_on_record || crew_.hears_on_record;
        if (!has_part || !stage.board.ledger.was_used()) return;
        const auto deadline = Clock::now() + kMostToSettle;
        auto last_news = Clock::now();
        while (members_.front() && Clock::now() < deadline) {
            for_each(stage, [&](Member& member, bool) {
                if (member.settle()) last_news = Clock::now();
            });
            if (stage.board.ledger.is_settled() && Clock::now() - last_news > kSilence) return;
            wait([](const Member& each) { return each.settling_source(); });
        }
    }

private:
    void begin() {
        has_begun_ = true;
        for (const auto& member : members_)
            member->begin(Clock::now());
    }
    /// Waits for what the members wait for, but only for a moment.
    template <typename SourceOf>
    void wait(SourceOf&& source_of) {
        sources_.clear();
        for (const auto& member : members_)
            sources_.push_back(member ? source_of(*member) : pollfd{-1, 0, 0});
        const auto step = crew_.reading == Reading::Steadily ? kSteadyStep : kStep;
        ::poll(sources_.data(), sources_.size(), static_cast<int>(step.count()));
    }
    /// Gives each member to `action`, and whether its socket was ready when we last looked.
    template <typename Action>
    void for_each(Stage& stage, Action&& action) {
        for (std::size_t i = 0; i < members_.size(); ++i) {
            const bool is_ready = i < sources_.size() && sources_[i].revents != 0;
            if (members_[i]) guard(stage, members_[i], [&] { action(*members_[i], is_ready); });
        }
    }
    /// A member that the bus has disconnected is no more.
    template <typename Action>
    void guard(Stage& stage, std::unique_ptr<Member>& member, Action&& action) {
        const bool sent = member->is_on_record();
        const bool heard = member->hears_on_record();
        try {
            action();
        } catch (const load::HungUp&) {
            member.reset();
            if (crew_.is_innocent) {
                stage.board.befalls(innocent::kGuest, Fate::Disconnected);
            } else {
                ++stage.board.attackers_disconnected;
            }
            if (sent) stage.board.ledger.sender_is_gone();
            if (heard) stage.board.ledger.receiver_is_gone();
        }
    }

    Crew crew_;
    std::vector<std::unique_ptr<Member>> members_;
    std::vector<pollfd> sources_;
    bool has_begun_ = false;
};

}  // namespace

Actor actor_of(Crew crew) {
    const bool active = !crew.speech.is_silence() || crew.reply_bytes.has_value();
    const bool lingers = crew.lingers;
    return {.make = [crew = std::move(crew)] { return std::make_unique<CrewRole>(crew); },
            .is_active = active,
            .lingers = lingers};
}

}  // namespace buzon::flood
