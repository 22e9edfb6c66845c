// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_compilation.h"

namespace buzon::policy {

namespace {

/// Erases up to `work` elements; returns how many.
template <typename Map>
std::size_t erase_some(Map& map, std::size_t work) {
    std::size_t erased = 0;
    for (; erased < work && !map.empty(); ++erased)
        map.erase(map.begin());
    return erased;
}

}  // namespace

PolicyCompilation::PolicyCompilation(ResolvedPolicy policy)
    : ids_{.files = {},
           .blocks = {},
           .users = std::move(policy.users),
           .groups = std::move(policy.groups)},
      set_(bus::make_ref<PolicySet>(std::move(policy.files), std::move(policy.blocks))) {
    units_ = {&set_->default_, &set_->at_console_, &set_->not_at_console_, &set_->mandatory_};
}

void PolicyCompilation::advance(std::size_t work) {
    for (; work > 0 && !is_complete(); --work)
        do_unit_of_work();
}

void PolicyCompilation::do_unit_of_work() {
    const auto is_over = [this](const auto& list) {
        if (done_ < list.size()) return false;
        done_ = 0;
        return true;
    };
    switch (stage_) {
        case Stage::Rules:
            if (block_ < set_->blocks_.size()) return compile_next();
            stage_ = Stage::MandatoryConnects;
            [[fallthrough]];
        case Stage::MandatoryConnects:
            if (!is_over(mandatory_connects_)) return add_connect(*mandatory_connects_[done_++]);
            stage_ = Stage::Indices;
            [[fallthrough]];
        case Stage::Indices:
            if (!is_over(units_)) return RuleCompiler::finish(units_[done_++]->rules);
            stage_ = Stage::Complete;
            [[fallthrough]];
        case Stage::Complete: return;
    }
}

/// A block, or one of its rules.
void PolicyCompilation::compile_next() {
    const PolicyBlock& block = set_->blocks_[block_];
    if (!is_in_block_) return enter(block);
    if (!unit_ || rule_ == block.rules.size()) {
        is_in_block_ = false;
        ++block_;
        return;
    }
    const Rule& rule = block.rules[rule_++];
    set_->vocabulary_.add(rule);
    compiler_.add(unit_->rules, rule, set_->vocabulary_);
    if (!std::holds_alternative<ConnectRule>(rule.match)) return;
    // Those of other blocks have no meaning.
    if (unit_ == &set_->default_) add_connect(rule);
    if (unit_ == &set_->mandatory_) mandatory_connects_.push_back(&rule);
}

void PolicyCompilation::enter(const PolicyBlock& block) {
    is_in_block_ = true;
    rule_ = 0;
    unit_ = unit_for(block);
    if (unit_) unit_->blocks.push_back(static_cast<std::uint32_t>(block_));
}

PolicyUnit* PolicyCompilation::unit_for(const PolicyBlock& block) {
    const auto subject = block.context == PolicyContext::User ? ConnectRule::Subject::User
                                                              : ConnectRule::Subject::Group;
    switch (block.context) {
        case PolicyContext::Default: return &set_->default_;
        case PolicyContext::Mandatory: return &set_->mandatory_;
        case PolicyContext::AtConsole: return &set_->at_console_;
        case PolicyContext::NotAtConsole: return &set_->not_at_console_;
        case PolicyContext::User:
        case PolicyContext::Group: break;
    }
    const auto id = ids_.id_of(subject, block.subject);
    if (!id) return nullptr;
    PolicyUnit& unit =
        subject == ConnectRule::Subject::User ? set_->user_units_[*id] : set_->group_units_[*id];
    if (unit.blocks.empty()) units_.push_back(&unit);
    return &unit;
}

void PolicyCompilation::add_connect(const Rule& rule) {
    const auto& connect = std::get<ConnectRule>(rule.match);
    PolicySet::ConnectEntry entry{&rule, connect.subject, std::nullopt};
    if (connect.name) {
        entry.id = ids_.id_of(connect.subject, *connect.name);
        if (!entry.id) return;
    }
    set_->connect_entries_.push_back(entry);
    set_->connect_index_.add(rule, entry.subject, entry.id);
}

std::unique_ptr<PolicyRemains> PolicyRemains::of(bus::Ref<const PolicySet>& set) {
    if (!set->has_one_reference()) return nullptr;
    // Ours alone now, and never created const.
    auto& last = const_cast<PolicySet&>(*set);
    auto remains = std::make_unique<PolicyRemains>();
    remains->blocks_ = std::move(last.blocks_);
    remains->user_units_ = std::move(last.user_units_);
    remains->group_units_ = std::move(last.group_units_);
    set = nullptr;
    return remains;
}

bool PolicyRemains::shrink(std::size_t work) {
    while (work > 0 && !blocks_.empty()) {
        auto& rules = blocks_.back().rules;
        if (rules.empty()) {
            blocks_.pop_back();
        } else {
            rules.pop_back();
        }
        --work;
    }
    work -= erase_some(user_units_, work);
    work -= erase_some(group_units_, work);
    return work > 0;
}

}  // namespace buzon::policy
