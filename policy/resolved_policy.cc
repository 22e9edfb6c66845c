// SPDX-License-Identifier: Apache-2.0
#include "policy/resolved_policy.h"

#include <algorithm>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "bus/base/log.h"

namespace buzon::policy {

namespace {

using Subject = ConnectRule::Subject;

bool denies_something(const PolicyBlock& block) {
    return std::any_of(block.rules.begin(), block.rules.end(),
                       [](const Rule& rule) { return rule.effect == Effect::Deny; });
}

class Resolver {
public:
    Resolver(const Config& config,
             UserDatabase& database,
             std::vector<Warning>& warnings,
             WhenUnreachable unreachable)
        : config_(config), database_(database), warnings_(warnings), unreachable_(unreachable) {}

    ResolvedPolicy run() {
        resolved_.files = config_.files;
        resolved_.blocks = config_.policies;
        for (const PolicyBlock& block : config_.policies) {
            if (block.context == PolicyContext::User) look_up(block, Subject::User);
            if (block.context == PolicyContext::Group) look_up(block, Subject::Group);
        }
        for (const auto context : {PolicyContext::Default, PolicyContext::Mandatory}) {
            for (const PolicyBlock& block : config_.policies) {
                if (block.context == context) look_up_connect_rules(block);
            }
        }
        return std::move(resolved_);
    }

private:
    /// Somebody whom the files name, and whether they deny him anything at that place.
    struct Mention {
        Subject subject;
        const std::string& name;
        const Location& location;
        bool denied;
    };

    void look_up(const PolicyBlock& block, Subject subject) {
        look_up({subject, block.subject, block.location, denies_something(block)});
    }

    void look_up_connect_rules(const PolicyBlock& block) {
        for (const Rule& rule : block.rules) {
            const auto* connect = std::get_if<ConnectRule>(&rule.match);
            if (!connect || !connect->name) continue;
            look_up({connect->subject, *connect->name, rule.location, rule.effect == Effect::Deny});
        }
    }

    void look_up(const Mention& mention) {
        const auto id = ask(mention);
        if (!id) return;
        auto& ids = mention.subject == Subject::User ? resolved_.users : resolved_.groups;
        ids.emplace(mention.name, *id);
    }

    std::optional<std::uint32_t> ask(const Mention& mention) {
        try {
            if (const auto id = find(mention)) return id;
        } catch (const std::system_error& error) {
            if (const auto number = parse_id(mention.name)) return number;
            const auto text = fmt::format("can't find out about {} \"{}\": {}", kind_of(mention),
                                          mention.name, error.code().message());
            if (mention.denied || unreachable_ == WhenUnreachable::Refuse) {
                throw ConfigError(config_.files.name(mention.location.file), mention.location.line,
                                  mention.location.column, text);
            }
            warn(mention, text + "; what allows something is left out");
            return std::nullopt;
        }
        return number_or_nobody(mention);
    }

    std::optional<std::uint32_t> find(const Mention& mention) {
        if (mention.subject == Subject::Group) return database_.group(mention.name);
        const auto user = database_.user(mention.name);
        return user ? std::optional<std::uint32_t>(user->uid) : std::nullopt;
    }

    std::optional<std::uint32_t> number_or_nobody(const Mention& mention) {
        const auto number = parse_id(mention.name);
        const char* const what =
            number ? "the number is taken as it stands" : "what is said about it is left out";
        warn(mention, fmt::format("unknown {} \"{}\": {}", kind_of(mention), mention.name, what));
        return number;
    }

    void warn(const Mention& mention, std::string_view text) {
        warnings_.push_back({mention.location, bus::on_one_line(text)});
    }

    static std::string_view kind_of(const Mention& mention) {
        return mention.subject == Subject::User ? "user" : "group";
    }

    const Config& config_;
    UserDatabase& database_;
    std::vector<Warning>& warnings_;
    WhenUnreachable unreachable_;
    ResolvedPolicy resolved_;
};

}  // namespace

std::optional<std::uint32_t> ResolvedPolicy::id_of(ConnectRule::Subject subject,
                                                   std::string_view name) const {
    const Ids& ids = subject == ConnectRule::Subject::User ? users : groups;
    const auto known = ids.find(name);
    return known == ids.end() ? std::nullopt : std::optional(known->second);
}

ResolvedPolicy resolve(const Config& config,
                       UserDatabase& users,
                       std::vector<Warning>& warnings,
                       WhenUnreachable unreachable) {
    return Resolver(config, users, warnings, unreachable).run();
}

}  // namespace buzon::policy
