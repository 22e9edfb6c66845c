// SPDX-License-Identifier: Apache-2.0
// Senders that wait for room on the bus, in a line for each program: if the first of a program
// finds none the others mostly will not either, so only one of each is asked at a time, and goes to
// the end of its line. Programs take turns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <list>
#include <map>

#include "broker/peer_id.h"
#include "broker/quota/account.h"

namespace buzon::broker {

class BusLine {
public:
    /// Where one stands; for remove().
    struct Place {
        const Account* program = nullptr;
        std::list<PeerId>::iterator at;
    };

    [[nodiscard]] bool empty() const { return lines_.empty(); }
    /// At the end of the line of its program. Valid until remove(), or until it has been let go.
    Place add(PeerId sender, const Account& program) {
        auto& line = lines_[&program];
        return {&program, line.insert(line.end(), sender)};
    }
    void remove(const Place& place) {
        const auto line = lines_.find(place.program);
        line->second.erase(place.at);
        if (line->second.empty()) lines_.erase(line);
    }
    /// One of the next program, by turns, who goes to the end of its line. There is one.
    [[nodiscard]] PeerId next() {
        auto& senders = line_behind(last_looked_at_)->second;
        senders.splice(senders.end(), senders, senders.begin());
        return senders.back();
    }
    /// Asks `most` of them at most: `may_go(PeerId)`; who may go has left the line by the time that
    /// `let_go(PeerId)` is called.
    template <typename MayGo, typename LetGo>
    void ask_some(std::size_t most, MayGo&& may_go, LetGo&& let_go) {
        for (auto programs = lines_.size(); programs > 0 && most > 0; --programs) {
            most -= ask_line(line_behind(last_asked_), most, may_go, let_go);
        }
    }

private:
    using Lines = std::map<const Account*, std::list<PeerId>>;

    /// Of the next program, round and round.
    Lines::iterator line_behind(const Account*& last) {
        auto line = lines_.upper_bound(last);
        if (line == lines_.end()) line = lines_.begin();
        last = line->first;
        return line;
    }
    /// Returns how many have been asked: all who may go, and one who may not.
    template <typename MayGo, typename LetGo>
    std::size_t ask_line(Lines::iterator line, std::size_t most, MayGo& may_go, LetGo& let_go) {
        std::size_t asked = 0;
        while (asked < most) {
            ++asked;
            auto& senders = line->second;
            const PeerId first = senders.front();
            if (!may_go(first)) {
                senders.splice(senders.end(), senders, senders.begin());
                break;
            }
            senders.pop_front();
            const bool is_last = senders.empty();
            if (is_last) lines_.erase(line);
            let_go(first);
            if (is_last) break;
        }
        return asked;
    }

    Lines lines_;
    const Account* last_asked_ = nullptr;
    const Account* last_looked_at_ = nullptr;
};

}  // namespace buzon::broker
