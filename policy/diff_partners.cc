// SPDX-License-Identifier: Apache-2.0
#include "policy/diff_partners.h"

namespace buzon::policy {

namespace {

/// 0: send, 1: receive; nothing for rules of other kinds.
constexpr std::size_t kKinds = 2;
std::size_t kind_of(const Rule& rule) {
    if (std::holds_alternative<SendRule>(rule.match)) return 0;
    return std::holds_alternative<ReceiveRule>(rule.match) ? 1 : kKinds;
}

}  // namespace

PartyName party_name_of(const Rule& rule) {
    if (const auto* send = std::get_if<SendRule>(&rule.match)) {
        return {send->destination ? &*send->destination : nullptr, send->destination_form};
    }
    if (const auto* receive = std::get_if<ReceiveRule>(&rule.match)) {
        return {receive->sender ? &*receive->sender : nullptr, NameForm::Exact};
    }
    return {};
}

void PartnerIndex::add(const Rule& rule) {
    const std::size_t number = kind_of(rule);
    if (number == kKinds) return;
    Kind& kind = kinds_[number];
    const auto [name, form] = party_name_of(rule);
    kind.all.push_back(&rule);
    if (!name)
        kind.nameless.push_back(&rule);
    else
        (form == NameForm::Exact ? kind.exact : kind.prefixes)[*name].push_back(&rule);
}

bool PartnerIndex::visit_all(const Rules& rules, const std::function<bool(const Rule&)>& visit) {
    for (const Rule* rule : rules) {
        if (!visit(*rule)) return false;
    }
    return true;
}

bool PartnerIndex::visit_below(const std::map<std::string_view, Rules>& from,
                               const std::string& prefix,
                               const std::function<bool(const Rule&)>& visit) {
    const std::string below = prefix + ".";
    for (auto at = from.lower_bound(below); at != from.end(); ++at) {
        if (!at->first.starts_with(below)) return true;
        if (!visit_all(at->second, visit)) return false;
    }
    return true;
}

void PartnerIndex::for_each(const Rule& rule, const std::function<bool(const Rule&)>& visit) const {
    const std::size_t number = kind_of(rule);
    if (number == kKinds) return;
    const Kind& kind = kinds_[number];
    const auto [name, form] = party_name_of(rule);
    if (!name) {
        visit_all(kind.all, visit);
        return;
    }
    if (!visit_all(kind.nameless, visit)) return;
    const auto exact = kind.exact.find(*name);
    if (exact != kind.exact.end() && !visit_all(exact->second, visit)) return;
    for (std::string_view prefix = *name;;) {
        const auto found = kind.prefixes.find(prefix);
        if (found != kind.prefixes.end() && !visit_all(found->second, visit)) return;
        const auto dot = prefix.rfind('.');
        if (dot == std::string_view::npos) break;
        prefix = prefix.substr(0, dot);
    }
    if (form == NameForm::Exact) return;
    if (visit_below(kind.exact, *name, visit)) visit_below(kind.prefixes, *name, visit);
}

}  // namespace buzon::policy
