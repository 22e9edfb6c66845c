// SPDX-License-Identifier: Apache-2.0
// All attacks. To add one: a row here, its cast in the order in which they join the bus. What a
// crew cannot do becomes a role of its own; see role.h.
#include <fmt/format.h>

#include "tests/flood/connection_floods.h"
#include "tests/flood/crew.h"
#include "tests/flood/full_account.h"
#include "tests/flood/guests.h"
#include "tests/flood/hoarders.h"
#include "tests/flood/hosts.h"
#include "tests/flood/name_watcher.h"
#include "tests/flood/role.h"
#include "tests/flood/speech.h"
#include "tests/flood/squatters.h"

namespace buzon::flood {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = kKiB * kKiB;
constexpr std::size_t kHuge = 126 * kMiB;  // a message may have 128 MiB
constexpr std::size_t kMany = 250;
constexpr double kLong = 6;  // seconds, where it takes some until shares are full

/// Owns `name` and reads nothing while the attack lasts.
Actor deaf(std::string name) {
    return actor_of(
        {.name = std::move(name), .reading = Reading::Nothing, .hears_on_record = true});
}

Actor reader(std::string name) {
    return actor_of({.name = std::move(name), .hears_on_record = true});
}

/// Says it with one connection, and reads what it gets.
Actor speaker(Speech speech) {
    return actor_of({.speech = std::move(speech)});
}

/// Each sends to the next and the last to the first; none of them reads.
std::vector<Actor> circle(std::size_t length) {
    std::vector<Actor> cast;
    for (std::size_t i = 0; i < length; ++i) {
        auto speech = calls(fmt::format("Circle{}", (i + 1) % length), kKiB, Reply::NotWanted);
        cast.push_back(actor_of({.name = fmt::format("Circle{}", i),
                                 .speech = i == 0 ? speech.on_record() : speech,
                                 .reading = Reading::Nothing,
                                 .hears_on_record = i == 1}));
    }
    return cast;
}

/// Own name of a connection that floods itself.
Crew self_caller(Speech speech) {
    return {.name = "Self", .speech = std::move(speech), .reading = Reading::Nothing};
}

Actor as_nobody(Actor actor) {
    actor.is_nobody = true;
    return actor;
}

std::vector<Attack> at_a_receiver() {
    const auto flood = calls("Deaf", kKiB, Reply::NotWanted);
    auto self = self_caller(calls("Self", kKiB, Reply::NotWanted).on_record());
    self.hears_on_record = true;
    return {
        {"stalled-calls",
         "no-reply calls for one who has stopped reading",
         {deaf("Deaf"), speaker(flood.on_record())}},
        {"stalled-signals",
         "unicast signals for one who has stopped reading",
         {deaf("Deaf"), speaker(signals("Deaf", kKiB).on_record())}},
        {"stalled-requests",
         "calls that expect replies from one who has stopped reading",
         {deaf("Deaf"), speaker(calls("Deaf", kKiB, Reply::Wanted).on_record())}},
        {"crowd",
         "250 connections of one program flood a receiver that another sends a little to",
         {actor_of({.name = "Deaf", .reading = Reading::Nothing}), modest_sender("Deaf"),
          actor_of({.connections = kMany, .speech = flood})}},
        {"huge",
         "messages of 126 MiB for one who reads",
         {reader("Sink"), speaker(calls("Sink", kHuge, Reply::NotWanted).on_record())}},
        {"huge-stalled",
         "messages of 126 MiB for one who does not",
         {deaf("Deaf"), speaker(calls("Deaf", kHuge, Reply::NotWanted).on_record())}},
        {"longest",
         "the longest messages that may be passed on, and some a byte longer, for one who reads",
         {reader("Sink"), speaker(longest_calls("Sink").on_record())}},
        {"longest-stalled",
         "the same for one who does not",
         {deaf("Deaf"), speaker(longest_calls("Deaf").on_record())}},
        {"last-byte",
         "fills the queue of one who does not read to the last byte of a share, again and again",
         {actor_of({.name = "Deaf", .reading = Reading::Nothing}), modest_sender("Deaf"),
          filler_to_the_last_byte("Deaf")}},
        {"busy-receiver",
         "signals for one who reads in bursts and must not be disconnected for it",
         {actor_of({.name = "Busy",
                    .reading = Reading::WithPauses,
                    .rhythm = {.reads = 300ms, .pauses = 700ms},
                    .hears_on_record = true,
                    .is_innocent = true}),
          speaker(signals("Busy", kKiB).on_record())}},
        {"self-calls", "calls to oneself, never read", {actor_of(self)}},
        {"circle-2", "two flood each other, neither reads", circle(2)},
        {"circle-3", "three flood each other in a circle", circle(3)},
        {"circle-8", "eight flood each other in a circle", circle(8)},
        {"hang-up",
         "floods one who never reads, then hangs up with messages on their way",
         {actor_of({.name = "Deaf", .reading = Reading::Nothing, .lingers = true}),
          speaker(flood)}},
        {"hang-ups",
         "fills the queue of one who never reads, hangs up and fills another one's, for ever",
         {leaver_behind_full_queues()}},
    };
}

std::vector<Attack> at_the_bus() {
    return {
        {"driver-calls", "GetId again and again, answers read", {speaker(driver_calls("GetId"))}},
        {"deaf-list-names",
         "ListNames, answers never read",
         {actor_of({.speech = driver_calls("ListNames"), .reading = Reading::Nothing})}},
        {"deaf-credentials",
         "GetConnectionCredentials, answers never read",
         {actor_of({.speech = driver_calls("GetConnectionCredentials",
                                           [](auto, auto) { return "org.freedesktop.DBus"; }),
                    .reading = Reading::Nothing})}},
        {"match-rules",
         "adds match rules, each different, for ever",
         {speaker(driver_calls(
             "AddMatch",
             [](auto, auto nth) { return fmt::format("interface='org.example.I{}'", nth); }))}},
        {"rules-of-64-conditions",
         "ten connections add rules of 64 conditions, as many as they may, hang up and come again",
         {leaver_with_rules(10, 5000)},
         {},
         kLong},
        {"environment",
         "sets a variable again and again, where there are 3,000",
         {environment_of(3000), speaker(environment_updates(1))}},
        {"names",
         "requests names for ever, watched by one who follows NameOwnerChanged",
         {name_watcher(), speaker(name_requests([](auto, auto nth) {
              return fmt::format("org.example.Name{}", nth);
          }))}},
        {"leaving-with-names",
         "ten connections own 5,000 names each, hang up and come again",
         {name_watcher(), leaver_with_names(10, 5000)}},
        {"waiting-owners",
         "250 connections wait for the same names",
         {name_watcher(),
          actor_of({.connections = kMany, .speech = name_requests([](auto, auto nth) {
                                              return fmt::format("org.example.Name{}", nth % 5000);
                                          })})}},
        {"name-churn", "a name comes and goes", {speaker(name_churn("Churn"))}},
    };
}

std::vector<Attack> at_many() {
    const auto flood = broadcasts(kKiB);
    const auto slow_subscribers = actor_of({.connections = 1000,
                                            .rules = {broadcast_rule()},
                                            .reading = Reading::Drips,
                                            .drip_bytes = 16 * kKiB,
                                            .hears_on_record = true});
    return {
        {"unheard-broadcasts", "signals that nobody hears", {speaker(broadcasts(100))}},
        {"rules-made-to-match",
         "signals that 15,000 rules of one subscriber match, which all have to be looked at",
         {actor_of({.rules = rules_for_the_root(15'000)}), speaker(broadcasts_of("/"))}},
        {"slow-subscribers",
         "a flood of signals for 1,000 subscribers who read 16 KiB a second each",
         {slow_subscribers, speaker(flood.on_record())}},
        {"slow-subscribers-of-8",
         "floods of signals of eight connections for the same 1,000",
         {slow_subscribers, actor_of({.connections = 8, .speech = flood.on_record()})}},
        {"last-words",
         "programs broadcast to 1,000 slow subscribers, hang up, and come again",
         {slow_subscribers, leaver_with_broadcasts(20)}},
        {"dripping-subscriber",
         "one of eleven subscribers reads one signal a second",
         {actor_of({.connections = 10, .rules = {broadcast_rule()}}),
          actor_of({.rules = {broadcast_rule()},
                    .reading = Reading::Drips,
                    .drip_bytes = 1200,
                    .hears_on_record = true}),
          speaker(flood.on_record())}},
        {"deaf-monitor",
         "a monitor that never reads, while somebody floods one who does",
         {actor_of({.monitors = true, .reading = Reading::Nothing}), reader("Sink"),
          speaker(calls("Sink", kKiB, Reply::NotWanted).on_record())}},
    };
}

/// Shares of a bus are smaller with them than with those of a session bus: seconds fill one.
std::vector<std::pair<std::string, std::uint64_t>> limits_of_a_system_bus() {
    return {{"max_message_size", 32 * kMiB}, {"max_outgoing_bytes", 127 * kMiB}};
}

/// Of a program of its own that reads.
Actor subscriber(Reading reading = Reading::Everything) {
    return actor_of({.rules = {broadcast_rule()}, .reading = reading, .is_innocent = true});
}

std::vector<Attack> on_a_full_account() {
    return {
        {"held-broadcasts",
         "400 subscribers of a program with a full account broadcast to each other",
         {fills_its_account_first(actor_of({.connections = 400,
                                            .rules = {broadcast_rule()},
                                            .speech = broadcasts(3000),
                                            .reading = Reading::Nothing}))},
         limits_of_a_system_bus(),
         kLong},
        {"first-parts",
         "a program with a full account sends 60,000 bytes of 64,000 with 3,000 connections",
         {fills_its_account_first(half_messages(
             3000, {.announced_bytes = 64'000, .sent_bytes = 60'000, .then = Then::Nothing}))},
         {},
         kLong},
        {"paused-beside-deaf",
         "a program with a full account broadcasts to three who read and one who pauses for 1.5 s",
         {subscriber(), subscriber(), subscriber(),
          actor_of({.rules = {broadcast_rule()},
                    .reading = Reading::WithPauses,
                    .rhythm = {.reads = 1500ms, .pauses = 1500ms},
                    .is_innocent = true}),
          fills_its_account_first(speaker(broadcasts(8000)))},
         {},
         kLong},
        {"long-queue-ends",
         "one who reads nothing hangs up with all that two programs have sent it, and comes again",
         {leaver_with_a_queue("Deaf"), speaker(signals("Deaf", 100)),
          speaker(signals("Deaf", 100))},
         {},
         kLong},
    };
}

/// An innocent says what three others hear, and `stalled` connections of one program do not read.
std::vector<Actor> silent_stalled(std::size_t stalled, Programme programme) {
    return {audience(), audience(), audience(),
            actor_of(
                {.connections = stalled, .rules = {broadcast_rule()}, .reading = Reading::Nothing}),
            broadcaster(Pace::MustBeKept, programme)};
}

std::vector<Attack> by_keeping_still() {
    return {
        {"silent-stalled-3",
         "three connections of a program never read what a service broadcasts to others as well",
         silent_stalled(3, {.per_second = 400, .body_bytes = 20'000}), limits_of_a_system_bus(),
         kLong},
        {"silent-stalled-250", "250 do not, of another service that says less",
         silent_stalled(kMany, {.per_second = 100, .body_bytes = 1000}), limits_of_a_system_bus(),
         kLong},
        {"stalled-watchers",
         "240 connections never read NameOwnerChanged while programs join and leave",
         {stalled_watchers({.connections = 240, .askers = 60, .questions = 26}), passers_by()},
         limits_of_a_system_bus(),
         kLong},
        {"watchers-end-together",
         "1,000 do not, and have filled their queues first",
         {stalled_watchers({.connections = 1000, .askers = 1000, .questions = 60}), passers_by()},
         limits_of_a_system_bus(),
         kLong},
        {"deaf-long-answers",
         "ListNames with 100 connections, answers of 2 MB never read",
         {owner_of_names(10'000), actor_of({.connections = 100,
                                            .speech = driver_calls("ListNames"),
                                            .reading = Reading::Nothing})},
         limits_of_a_system_bus(),
         kLong},
    };
}

/// Ten connections of one program that takes little of what it has asked for.
Actor hostile_subscribers() {
    return actor_of({.connections = 10,
                     .rules = {broadcast_rule()},
                     .reading = Reading::Drips,
                     .drip_bytes = 16 * kKiB});
}

std::vector<Attack> at_innocents_with_a_part() {
    // Small queues, so that a second is enough to fill them.
    const std::vector<std::pair<std::string, std::uint64_t>> small{{"max_outgoing_bytes", kMiB}};
    return {
        {"deaf-callers",
         "ten connections call a service and never read its replies, another program calls it too",
         {service("Service"), caller_of("Service"),
          actor_of({.connections = 10,
                    .speech = calls("Service", 100, Reply::Wanted),
                    .reading = Reading::Nothing})}},
        {"drips-minority",
         "a program that drips, and three that keep up, hear one who must keep its pace; small "
         "queues",
         {subscriber(), subscriber(), subscriber(), hostile_subscribers(),
          broadcaster(Pace::MustBeKept)},
         small},
        {"drips-majority",
         "three programs that drip, and one that keeps up, hear one who may have to wait; small "
         "queues",
         {subscriber(), hostile_subscribers(), hostile_subscribers(), hostile_subscribers(),
          broadcaster(Pace::MayWait)},
         small},
        {"pausing-subscriber",
         "a flood of signals for four who keep up and one who pauses for half of each second",
         {subscriber(), subscriber(), subscriber(), subscriber(),
          actor_of({.rules = {broadcast_rule()},
                    .reading = Reading::WithPauses,
                    .hears_on_record = true,
                    .is_innocent = true}),
          speaker(broadcasts(kKiB).on_record())}},
        {"steady-reader",
         "a flood of signals for two of its own who are fast, and for one who reads 20 MB a second",
         {actor_of({.rules = {broadcast_rule()}}), actor_of({.rules = {broadcast_rule()}}),
          actor_of({.rules = {broadcast_rule()},
                    .reading = Reading::Steadily,
                    .drip_bytes = 20'000'000,
                    .hears_on_record = true,
                    .is_innocent = true}),
          speaker(broadcasts(60'000).on_record())},
         limits_of_a_system_bus(),
         kLong},
    };
}

std::vector<Attack> with_descriptors_and_replies() {
    auto own_socket = self_caller(calls_with_descriptors("Self", 1));
    own_socket.attachment = Attachment::ItsOwnSocket;
    return {
        {"descriptors",
         "16 files with each message for one who does not read",
         {actor_of({.name = "Deaf", .reading = Reading::Nothing}),
          actor_of({.speech = calls_with_descriptors("Deaf", 16),
                    .attachment = Attachment::SixteenFiles})}},
        {"nested-sockets",
         "a connection sends itself its own socket",
         {actor_of(std::move(own_socket))}},
        {"reply-storm",
         "replies that nobody has asked for",
         {reader("Sink"), speaker(replies("Sink"))}},
        {"huge-replies",
         "replies of 1 MiB for one who asks and does not read",
         {actor_of({.name = "Replier", .reply_bytes = kMiB}),
          actor_of({.speech = calls("Replier", 16, Reply::Wanted), .reading = Reading::Nothing})}},
    };
}

std::vector<Attack> by_being_there() {
    return {
        {"connections", "holds up to 2,000 connections", {connection_hoarder(2000)}},
        {"connections-of-one-program",
         "a program takes all that it gets of 5,000 connections, while others join",
         {connection_hoarder(12'000)},
         {{"max_completed_connections", 5000}},
         kLong},
        {"connection-churn", "joins and leaves", {connection_churner()}},
        {"half-auth", "1,000 logins that go on a byte at a time", {half_authenticated(1000)}},
        {"user-connections",
         "another user holds up to 2,000 connections, with the limits of a system bus",
         {as_nobody(connection_hoarder(2000))},
         {{"max_connections_per_user", 256}, {"max_completed_connections", 2048}}},
        {"user-half-auth",
         "1,000 half logins of another user, with the limits of a system bus",
         {as_nobody(half_authenticated(1000))},
         {{"max_incomplete_connections", 64}, {"auth_timeout", 30000}}},
        {"half-messages",
         "250 connections send 1 MiB of a message of 32 MiB",
         {half_messages(kMany)}},
        {"stopped-peer",
         "no attack: a subscriber is stopped on a quiet bus",
         {stopped_subscriber()}},
    };
}

}  // namespace

const std::vector<Attack>& all_attacks() {
    static const auto attacks = [] {
        std::vector<Attack> all;
        for (const auto& some :
             {at_a_receiver(), at_the_bus(), at_many(), by_keeping_still(), on_a_full_account(),
              at_innocents_with_a_part(), with_descriptors_and_replies(), by_being_there()}) {
            all.insert(all.end(), some.begin(), some.end());
        }
        return all;
    }();
    return attacks;
}

}  // namespace buzon::flood
