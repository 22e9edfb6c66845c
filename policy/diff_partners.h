// SPDX-License-Identifier: Apache-2.0
// A part of diff(): the rules that the same message may meet as a given one, found by the name that
// they ask the other party for instead of among all. Rules must outlive the index.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rule.h"

namespace buzon::policy {

class PartnerIndex {
public:
    /// Send and receive rules; others are left out.
    void add(const Rule& rule);
    /// Rules of the same kind whose name does not contradict that of `rule`, `rule` itself among
    /// them: first those without a name. Until `visit` returns false.
    void for_each(const Rule& rule, const std::function<bool(const Rule&)>& visit) const;

private:
    using Rules = std::vector<const Rule*>;
    struct Kind {
        Rules all;
        Rules nameless;
        std::map<std::string_view, Rules> exact;
        std::map<std::string_view, Rules> prefixes;
    };
    static bool visit_all(const Rules& rules, const std::function<bool(const Rule&)>& visit);
    static bool visit_below(const std::map<std::string_view, Rules>& from,
                            const std::string& prefix,
                            const std::function<bool(const Rule&)>& visit);

    std::array<Kind, 2> kinds_;
};

/// The other party's name that a rule is about; a null pointer where it is about anybody.
struct PartyName {
    const std::string* name = nullptr;
    NameForm form = NameForm::Exact;
};
[[nodiscard]] PartyName party_name_of(const Rule& rule);

}  // namespace buzon::policy
