// SPDX-License-Identifier: Apache-2.0
#include "broker/log_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "bus/base/log.h"

namespace buzon::broker {

std::string& LogText::end() {
    if (pieces_.empty() || pieces_.back().name) pieces_.emplace_back();
    return pieces_.back().text;
}

LogText& LogText::add(std::string_view text) {
    end() += text;
    return *this;
}

LogText& LogText::add(LogText text) {
    std::ranges::move(text.pieces_, std::back_inserter(pieces_));
    return *this;
}

LogText& LogText::add(const bus::PeerCredentials& credentials, const bus::Ref<ProcessName>& name) {
    std::string_view between;
    const auto separate = [&] { return std::exchange(between, " "); };
    if (credentials.uid) end() += fmt::format("{}uid={}", separate(), *credentials.uid);
    if (credentials.pid) {
        end() += fmt::format("{}pid={}", separate(), *credentials.pid);
        if (name) pieces_.back().name = name;
    }
    if (!credentials.security_label.empty()) {
        end() +=
            fmt::format("{}label=\"{}\"", separate(), bus::printable(credentials.security_label));
    }
    return *this;
}

std::string LogText::join(Missing missing) const {
    std::string text;
    for (const Piece& piece : pieces_) {
        text += piece.text;
        if (!piece.name) continue;
        if (piece.name->state == ProcessName::State::Known) {
            text += fmt::format(" comm=\"{}\"", bus::printable(piece.name->text));
        } else if (missing == Missing::Marked) {
            text += " comm=?";
        }
    }
    return text;
}

std::string LogText::known() const {
    return join(Missing::LeftOut);
}

std::string LogText::whole() const {
    return join(Missing::Marked);
}

bool LogText::is_settled() const {
    return std::ranges::all_of(pieces_,
                               [](const Piece& it) { return !it.name || it.name->is_settled(); });
}

void LogText::look_up(ProcessNameSource* source) const {
    for (const Piece& piece : pieces_) {
        if (!piece.name || piece.name->state != ProcessName::State::NotAsked) continue;
        piece.name->state = ProcessName::State::Asked;
        if (source) {
            source->look_up(piece.name);
        } else {
            piece.name->settle("");
        }
    }
}

}  // namespace buzon::broker
