// SPDX-License-Identifier: Apache-2.0
#include "tests/flood/member.h"

#include <fcntl.h>

#include <algorithm>
#include <span>

namespace buzon::flood {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{64} << 10;
constexpr std::size_t kMostAtOnce = std::size_t{1} << 20;
constexpr double kSteadyPeriod = 0.002;
constexpr std::size_t kFiles = 16;
constexpr std::size_t kEnoughReplies = std::size_t{1} << 20;

}  // namespace

Member::Member(const Stage& stage, const Crew& crew, std::size_t index)
    : crew_(crew),
      board_(stage.board),
      index_(index),
      is_first_(index == 0),
      client_(stage.socket_path) {
    set_up();
    open_attachment();
    if (!crew_.speech.is_silence()) refill();
    if (is_on_record()) {
        board_.ledger.begin(ends_.front().serial);
        client_.unique_name().copy(board_.recorded_sender.data(),
                                   board_.recorded_sender.size() - 1);
    }
}

void Member::set_up() {
    if (is_first_ && !crew_.name.empty()) client_.request_name(attack_name(crew_.name));
    add_rules();
    if (!crew_.monitors) return;
    client_.call(load::make_call({.path = bus::kDriverPath,
                                  .interface = "org.freedesktop.DBus.Monitoring",
                                  .member = "BecomeMonitor",
                                  .destination = bus::kDriverName,
                                  .signature = "asu"},
                                 [](bus::WireWriter& body) {
                                     body.end_array(body.begin_array('s'));
                                     body.write_uint32(0);
                                 }));
}

/// There may be thousands: an answer is asked for to the last one only, as a limit that is reached
/// stays reached.
void Member::add_rules() {
    if (crew_.rules.empty()) return;
    load::Bytes calls;
    for (const auto& rule : std::span(crew_.rules).first(crew_.rules.size() - 1)) {
        auto call = load::make_call({.flags = bus::kFlagNoReplyExpected,
                                     .path = bus::kDriverPath,
                                     .interface = bus::kDriverName,
                                     .member = "AddMatch",
                                     .destination = bus::kDriverName,
                                     .signature = "s"},
                                    [&](bus::WireWriter& body) { body.write_string(rule); });
        load::set_serial(call, client_.next_serial());
        calls.insert(calls.end(), call.begin(), call.end());
    }
    client_.send(calls);
    client_.add_match(crew_.rules.back());
}

void Member::open_attachment() {
    switch (crew_.attachment) {
        case Attachment::Nothing: return;
        case Attachment::ItsOwnSocket: attached_.push_back(client_.fd()); break;
        case Attachment::SixteenFiles:
            while (files_.size() < kFiles)
                files_.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            for (const auto& each : files_)
                attached_.push_back(each.get());
    }
    client_.expect_descriptors();
}

bool Member::reads() const {
    const auto& rhythm = crew_.rhythm;
    switch (crew_.reading) {
        case Reading::Everything: return true;
        case Reading::WithPauses:
            return (Clock::now() - begun_) % (rhythm.reads + rhythm.pauses) < rhythm.reads;
        case Reading::Nothing:
        case Reading::Drips:
        case Reading::Steadily: return false;
    }
    return false;
}

bool Member::has_something_to_say() const {
    return !crew_.speech.is_silence() || !outbox_.is_empty();
}

pollfd Member::source() const {
    short events = 0;
    if (reads() && outbox_.size() < kEnoughReplies) events |= POLLIN;
    if (has_something_to_say()) events |= POLLOUT;
    return {.fd = events != 0 ? client_.fd() : -1, .events = events, .revents = 0};
}

void Member::work() {
    if (reads()) read(kMostAtOnce);
    if (outbox_.flush(client_) && !crew_.speech.is_silence()) say();
}

void Member::drip(Clock::time_point now) {
    const bool is_steady = crew_.reading == Reading::Steadily;
    if (!is_steady && crew_.reading != Reading::Drips) return;
    const double seconds = std::chrono::duration<double>(now - dripped_).count();
    const auto bytes = static_cast<std::size_t>(seconds * static_cast<double>(crew_.drip_bytes));
    if (seconds < (is_steady ? kSteadyPeriod : 1)) return;
    read(std::max<std::size_t>(bytes, 1));
    dripped_ = now;
}

bool Member::settle() {
    const bool read_something = read(kMostAtOnce);
    if (!finish_batch()) return true;
    if (!is_on_record()) return read_something;
    if (barrier_ == 0) send_barrier();
    outbox_.flush(client_);
    return read_something || !board_.ledger.is_settled();
}

pollfd Member::settling_source() const {
    const bool unfinished = next_end_ == 0 ? sent_ > 0 : sent_ > ends_[next_end_ - 1].offset;
    const int events = unfinished || !outbox_.is_empty() ? POLLIN | POLLOUT : POLLIN;
    return {.fd = client_.fd(), .events = static_cast<short>(events), .revents = 0};
}

void Member::send_barrier() {
    auto call = load::make_driver_call("GetId");
    barrier_ = client_.next_serial();
    load::set_serial(call, barrier_);
    outbox_.add(call);
}

void Member::say() {
    if (!finish_batch()) return;
    refill();
    finish_batch();
}

/// True: the batch is out, or after the attack the message that had been begun.
bool Member::finish_batch() {
    while (sent_ < batch_.size()) {
        const bool over = board_.phase > Phase::Attack;
        const bool between = next_end_ == 0 ? sent_ == 0 : sent_ == ends_[next_end_ - 1].offset;
        if (over && between) return true;
        const auto end = over || !attached_.empty() ? ends_[next_end_].offset : batch_.size();
        const auto sent =
            client_.send_some(std::span(batch_).subspan(sent_, end - sent_),
                              between ? std::span<const int>(attached_) : std::span<const int>());
        if (sent == 0) return false;
        sent_ += sent;
        note_sent();
    }
    return true;
}

void Member::note_sent() {
    while (next_end_ < ends_.size() && ends_[next_end_].offset <= sent_)
        ++next_end_;
    if (next_end_ > 0 && is_on_record()) board_.ledger.sent(ends_[next_end_ - 1].serial);
}

void Member::refill() {
    const bool keep = !crew_.speech.varies && !batch_.empty();
    sent_ = next_end_ = 0;
    if (!keep) {
        batch_.clear();
        ends_.clear();
        do {
            fill_with_one();
        } while (batch_.size() + batch_.size() / ends_.size() <= kBatchBytes);
    }
    std::size_t begin = 0;
    for (auto& [end, serial] : ends_) {
        serial = client_.next_serial();
        load::set_serial(std::span(batch_).subspan(begin, end - begin), serial);
        begin = end;
    }
}

void Member::fill_with_one() {
    const auto message = crew_.speech.write(index_, said_++);
    batch_.insert(batch_.end(), message.begin(), message.end());
    ends_.push_back({batch_.size(), 0});
}

bool Member::read(std::size_t most) {
    return client_.receive_some([&](auto message) { take(message); }, most);
}

void Member::take(std::span<const std::byte> message) {
    const bool interesting = is_on_record() || hears_on_record() || crew_.reply_bytes;
    if (!interesting) return;
    const auto header = load::header_of(message);
    if (hears_on_record() && header.sender == std::string_view(board_.recorded_sender.data())) {
        board_.ledger.received(header.serial);
    }
    if (is_on_record() && header.type == bus::MessageType::Error) {
        board_.ledger.refused(header.reply_serial);
    }
    if (is_on_record() && barrier_ != 0 && header.reply_serial == barrier_) board_.ledger.settle();
    if (crew_.reply_bytes && header.type == bus::MessageType::MethodCall) answer(message);
}

void Member::answer(std::span<const std::byte> call) {
    if (reply_.empty()) reply_ = large_reply(load::header_of(call).sender, *crew_.reply_bytes);
    load::set_serial(reply_, client_.next_serial());
    load::set_reply_serial(reply_, load::serial_of(call));
    outbox_.add(reply_);
}

}  // namespace buzon::flood
