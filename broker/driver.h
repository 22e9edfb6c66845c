// SPDX-License-Identifier: Apache-2.0
// org.freedesktop.DBus itself: which method a call means, whether it may be made, what it answers.
// Methods are rows of one table (driver.cc), which introspection is made from as well; handlers
// stand by subject in driver_names.cc, driver_matches.cc, driver_credentials.cc,
// driver_activation.cc, driver_stats.cc, driver_standard.cc, driver_policy.cc, driver_quota.cc.
// Source: D-Bus Specification, "Message Bus Messages"; dbus-daemon where the text is silent.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/bus_state.h"
#include "broker/delivery.h"
#include "broker/driver_table.h"
#include "broker/judge.h"
#include "broker/name_signals.h"
#include "broker/policy_question.h"
#include "broker/throttle.h"
#include "bus/base/block_pool.h"
#include "bus/message.h"
#include "bus/wire_reader.h"
#include "policy/explain_report.h"

namespace buzon::broker {

/// What the driver asks of the broker around it.
class DriverHost {
public:
    /// Has the configuration read again; the call is answered when that is done.
    virtual bus::Result<void, ErrorReply> reload_configuration(Peer& caller,
                                                               std::uint32_t serial) = 0;
    /// A connection is complete, so that there is room for another one on its way.
    virtual void on_connection_completed() = 0;
    /// Answers GetAllMatchRules, now or later; no further call of the caller comes before that.
    virtual void report_match_rules(Peer& caller, std::uint32_t serial) = 0;
    /// `peer` has been hidden: who waits for an answer of it gets NoReply, who waits for room in
    /// its queue goes on, and it waits for nobody.
    virtual void on_hidden(Peer& peer) = 0;

protected:
    ~DriverHost() = default;
};

/// One call under way.
struct DriverCall {
    Peer& caller;
    const bus::OutgoingMessage& message;
    bus::WireReader arguments;  // of a body that has the method's signature

    [[nodiscard]] const bus::Header& header() const { return message.header; }
};

class Driver {
public:
    Driver(BusState& state,
           Delivery& delivery,
           NameSignals& names,
           const Throttle& throttle,
           bus::BlockPool& pool,
           DriverHost& host)
        : state_(state),
          delivery_(delivery),
          name_signals_(names),
          throttle_(throttle),
          pool_(pool),
          host_(host) {}

    /// Carries out a call. Other messages are accepted and ignored.
    /// Errors: what the caller gets as a D-Bus error.
    bus::Result<void, ErrorReply> handle(Peer& caller, const bus::OutgoingMessage& message);
    /// A call without a destination: the connection's own Peer and Introspectable.
    void answer_as_connection(Peer& caller, const bus::Header& header);
    /// After every attempt to load a configuration.
    void announce_activatable_services();

private:
    using Outcome = bus::Result<void, ErrorReply>;

    [[nodiscard]] bus::Result<const DriverMethod*, ErrorReply> find_method(
        const bus::Header& header) const;
    [[nodiscard]] std::optional<ErrorReply> check_call(const Peer& caller,
                                                       const bus::Header& header,
                                                       const DriverMethod& method) const;
    Outcome run(DriverMethodId id, DriverCall& call);

    Outcome hello(DriverCall& call);
    Outcome request_name(DriverCall& call);
    Outcome release_name(DriverCall& call);
    Outcome name_has_owner(DriverCall& call);
    Outcome list_names(DriverCall& call);
    Outcome get_name_owner(DriverCall& call);
    Outcome list_queued_owners(DriverCall& call);

    Outcome add_match(DriverCall& call);
    Outcome remove_match(DriverCall& call);
    Outcome become_monitor(DriverCall& call);
    [[nodiscard]] std::optional<ErrorReply> too_much_to_give_up(const Peer& peer) const;
    [[nodiscard]] bus::Result<std::vector<MatchRule>, ErrorReply> read_monitor_rules(
        DriverCall& call) const;

    Outcome start_service_by_name(DriverCall& call);
    Outcome list_activatable_names(DriverCall& call);
    Outcome update_activation_environment(DriverCall& call);
    Outcome reload_config(DriverCall& call);

    Outcome get_connection_unix_user(DriverCall& call);
    Outcome get_connection_unix_process_id(DriverCall& call);
    Outcome get_adt_audit_session_data(DriverCall& call);
    Outcome get_connection_selinux_security_context(DriverCall& call);
    Outcome get_connection_credentials(DriverCall& call);

    Outcome get_id(DriverCall& call);
    Outcome ping(DriverCall& call);
    Outcome get_machine_id(DriverCall& call);
    Outcome introspect(DriverCall& call);
    Outcome get_property(DriverCall& call);
    Outcome get_all_properties(DriverCall& call);
    Outcome set_property(DriverCall& call);

    Outcome get_stats(DriverCall& call);
    Outcome get_connection_stats(DriverCall& call);
    Outcome get_all_match_rules(DriverCall& call);

    struct PolicyParty;
    Outcome explain_policy(DriverCall& call);
    Outcome explain_own_policy(DriverCall& call);
    Outcome explain_connect_policy(DriverCall& call);
    [[nodiscard]] bus::Result<PolicyQuestion, ErrorReply> read_question(DriverCall& call) const;
    [[nodiscard]] PolicyParty policy_party(const AskedParty& asked) const;
    [[nodiscard]] static policy::MessageFacts facts_of(const PolicyQuestion& question,
                                                       const PolicyParty& sender);
    [[nodiscard]] policy::ExplanationReport explain_send_side(DriverCall& call,
                                                              const PolicyQuestion& question,
                                                              const PolicyParty& sender,
                                                              const PolicyParty& receiver) const;
    [[nodiscard]] policy::ExplanationReport explain_receive_side(DriverCall& call,
                                                                 const PolicyQuestion& question,
                                                                 const PolicyParty& sender,
                                                                 const PolicyParty& receiver) const;

    Outcome get_accounts(DriverCall& call);
    Outcome get_queues(DriverCall& call);
    Outcome get_throttled(DriverCall& call);
    Outcome get_counters(DriverCall& call);

    [[nodiscard]] std::optional<ErrorReply> check_requested_name(const Peer& caller,
                                                                 std::string_view name,
                                                                 std::string_view action) const;
    [[nodiscard]] std::size_t places_for(const Peer& newcomer, const policy::Limits& limits) const;
    /// For the quota of one who may have lost names.
    void recount_names(PeerId id) const;
    [[nodiscard]] std::optional<ErrorReply> check_may_own(const Peer& caller,
                                                          std::string_view name) const;
    [[nodiscard]] Peer* find_owner(std::string_view name) const;
    [[nodiscard]] bus::Result<Peer*, ErrorReply> owner_for(std::string_view what,
                                                           std::string_view name) const;
    [[nodiscard]] bool is_privileged(const Peer& peer) const;
    /// The same where its user or its program holds too much.
    ErrorReply over_quota(const Peer& peer,
                          std::string_view what,
                          const QuotaRefusal& refusal) const;
    ErrorReply limit_reached(const Peer& peer,
                             std::string_view what,
                             std::string_view limit,
                             std::uint64_t value) const;
    void write_properties(bus::WireWriter& body) const;
    void write_feature_list(bus::WireWriter& body) const;

    /// Whether one more element fits into the array that `body` is being filled with.
    [[nodiscard]] static bool has_room_for(const bus::WireWriter& body, std::size_t bytes);
    [[nodiscard]] static ErrorReply too_large(std::string_view what);

    bus::WireWriter& start_reply() { return delivery_.start_body(); }
    /// Sends what start_reply() has taken.
    void finish_reply(DriverCall& call,
                      std::string_view signature,
                      bus::Ref<const bus::DescriptorSet> descriptors = nullptr);
    /// The reply of a method that returns nothing; not sent to one who does not expect it.
    void acknowledge(DriverCall& call);
    template <typename Write>
    Outcome reply_names(DriverCall& call, std::size_t bytes, Write write);
    void reply_string(DriverCall& call, std::string_view text);
    void reply_uint32(DriverCall& call, std::uint32_t value);

    BusState& state_;
    Delivery& delivery_;
    NameSignals& name_signals_;
    const Throttle& throttle_;
    bus::BlockPool& pool_;
    DriverHost& host_;
    DriverIntrospection introspection_;
    const Judge judge_{state_};
};

/// Shorthand for handlers.
[[nodiscard]] inline bus::Unexpected<ErrorReply> refuse(std::string_view error_name,
                                                        std::string text) {
    return bus::Unexpected{ErrorReply{error_name, std::move(text)}};
}

}  // namespace buzon::broker
