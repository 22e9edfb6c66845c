// SPDX-License-Identifier: Apache-2.0
#include "broker/launcher_names.h"

#include <algorithm>
#include <utility>

namespace buzon::broker {

// Each with its pidfd.
static_assert(LauncherNames::kMostAtOnce <= MessageStream::kMaxDescriptors);

void LauncherNames::look_up(const bus::Ref<ProcessName>& name) {
    if (waiting_.size() == kMostWaiting) {
        name->settle("");
        return;
    }
    waiting_.push_back(name);
    if (asked_.empty()) ask_next();
}

void LauncherNames::ask_next() {
    std::vector<ProcessFacts> processes;
    std::vector<bus::FileDescriptor> descriptors;
    while (!waiting_.empty() && asked_.size() < kMostAtOnce) {
        asked_.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        const ProcessName& name = *asked_.back();
        ProcessFacts facts{static_cast<std::uint32_t>(name.pid), std::nullopt, name.connected_at};
        if (auto process = name.open_process()) {
            facts.descriptor = static_cast<std::uint32_t>(descriptors.size());
            descriptors.push_back(std::move(process));
        }
        processes.push_back(facts);
    }
    if (asked_.empty()) return;
    write_processes(processes, builder_.start_body());
    keeper_.ask(LauncherRequest::NameProcesses, builder_, *this,
                descriptors.empty()
                    ? nullptr
                    : bus::make_ref<const bus::DescriptorSet>(std::move(descriptors)));
}

bool LauncherNames::on_answer(const bus::Message& message) {
    if (message.header().type == bus::MessageType::Signal) return false;
    if (message.header().type == bus::MessageType::Error) {
        settle({});
        return true;
    }
    const auto names = read_texts(body_of(message));
    if (!names || names->size() != asked_.size()) return false;
    settle(*names);
    return true;
}

void LauncherNames::on_lost(const std::string&) {
    settle({});
}

/// Without names: all that were asked for are unknown.
void LauncherNames::settle(const std::vector<std::string>& names) {
    const auto asked = std::exchange(asked_, {});
    for (std::size_t i = 0; i < asked.size(); ++i)
        asked[i]->settle(i < names.size() ? names[i] : "");
    ask_next();
    if (listener_) listener_->on_process_names();
}

}  // namespace buzon::broker
