// SPDX-License-Identifier: Apache-2.0
#include "broker/answer_line.h"

namespace buzon::broker {

void AnswerLine::add(Peer& caller, const Account& program, std::uint32_t serial) {
    const auto [entry, is_new] = of_.try_emplace(&program);
    if (is_new) entry->second = programs_.insert(programs_.end(), Program{&program, {}});
    auto& questions = entry->second->questions;
    const auto question = questions.insert(questions.end(), Question{&caller, serial});
    places_.emplace(&caller, Place{entry->second, question});
}

bool AnswerLine::remove(const Peer& caller) {
    const auto found = places_.find(&caller);
    if (found == places_.end()) return false;
    const Place place = found->second;
    places_.erase(found);
    place.program->questions.erase(place.question);
    if (place.program->questions.empty()) {
        of_.erase(place.program->account);
        programs_.erase(place.program);
    }
    return true;
}

std::optional<AnswerLine::Question> AnswerLine::take_next() {
    if (programs_.empty()) return std::nullopt;
    const Question next = programs_.front().questions.front();
    // Its program goes to the end, if there is more of it.
    programs_.splice(programs_.end(), programs_, programs_.begin());
    remove(*next.caller);
    return next;
}

}  // namespace buzon::broker
