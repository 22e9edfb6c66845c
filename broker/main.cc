// SPDX-License-Identifier: Apache-2.0
// buzond: reads the command line, starts the bus step by step, runs it and takes it down.
// Members of the start die in reverse order; the launcher takes the sockets and the pidfile away.
#include <fmt/format.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/bus_sockets.h"
#include "broker/daemonize.h"
#include "broker/driver_table.h"
#include "broker/launcher/fork.h"
#include "broker/launcher_client.h"
#include "broker/launcher_cookies.h"
#include "broker/launcher_keeper.h"
#include "broker/launcher_link.h"
#include "broker/launcher_names.h"
#include "broker/machine_id.h"
#include "broker/metrics/bus_metrics.h"
#include "broker/metrics/metrics_server.h"
#include "broker/options.h"
#include "broker/privileges.h"
#include "broker/service_notifier.h"
#include "broker/start_settings.h"
#include "broker/suppression_reports.h"
#include "bus/base/event_loop.h"
#include "bus/base/log.h"
#include "bus/base/log_output.h"
#include "bus/protocol.h"
#include "policy/policy_set.h"

namespace buzon::broker {

namespace {

// In debug builds, and with sanitizers; see meson_options.txt.
constexpr bool kAuditsTurns = BUZON_AUDITS_TURNS;

std::string environment_variable(const char* name) {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

BusIdentity make_identity(const Options& options, const StartSettings& start) {
    return {.guid = bus::generate_guid().to_string(),
            .owner = ::geteuid(),
            .pid = ::getpid(),
            .machine_id = read_machine_id(),
            .systemd_activation = options.systemd_activation,
            .has_service_helper = start.has_service_helper,
            .permissive = options.permissive,
            .max_descriptors = descriptor_limit()};
}

/// Nobody shall find out by accident that a policy is not enforced.
void warn_of_permissive_mode(const PermissiveMode& permissive, bus::Log& log) {
    if (!permissive.is_on()) return;
    log.warning("PERMISSIVE MODE: what the policy denies is only logged {}",
                permissive.whole_bus ? std::string("on this bus")
                                     : fmt::format("for {}", fmt::join(permissive.names, ", ")));
}

/// Descriptors that the launcher has taken over under the same numbers.
void close_passed_sockets() {
    const int count = ::sd_listen_fds(1);
    for (int i = 0; i < count; ++i)
        ::close(SD_LISTEN_FDS_START + i);
}

/// Shows what the broker does, where that was asked for.
struct MetricsService {
    MetricsService(bus::EventLoop& loop, bus::Log& log, const Broker& broker, BusSockets& sockets)
        : metrics(broker), server(loop, log, metrics) {
        sockets.listen([this](bus::FileDescriptor socket, const bus::Guid&) {
            server.add_listener(std::move(socket));
        });
    }

    BusMetrics metrics;
    MetricsServer server;
};

/// A bus from its files to its end.
class Process final : private ReloadObserver {
public:
    /// `log_target` is set to where the log goes once the configuration is known.
    Process(const Options& options, bus::Log& log, bus::LogTarget& log_target)
        : options_(options),
          log_(log),
          log_target_(log_target),
          announcement_{options.print_address_fd, options.print_pid_fd} {}

    /// `program` is the name that we were called by.
    void run(const std::string& program) {
        check_announcement(announcement_);
        launcher_ = fork_launcher(options_);
        const LoadedConfiguration loaded = LauncherClient(launcher_->stream()).load();
        const StartSettings& start = loaded.settings.start;
        log_target_ = log_target(options_.syslog, start.syslog);
        log_.set_output(bus::make_log_output(program, log_target_));
        if (wants_to_fork(options_.fork, start.fork)) go_to_background();
        fork_spare();
        log_.set_prefix(log_prefix(start.type, ::geteuid(), ::getpid()));

        LauncherClient launcher(launcher_->stream());
        if (const auto path = pidfile_path(options_.pidfile, start))
            pidfile_ = launcher.write_pidfile(*path, ::getpid());
        bind_metrics_sockets(launcher);
        sockets_.emplace(launcher, options_.address, start.listen);
        settle_launchers(launcher, start);
        sockets_->take_all(launcher);
        check_metrics_sockets();
        close_passed_sockets();
        raise_descriptor_limit(log_);
        if (start.identity) become(*start.identity, log_);
        log_warnings(launcher.take_settled());
        log_warnings(loaded.settings.warnings);
        serve(start, {loaded.settings.limits, policy::PolicySet::create(loaded.policy),
                      loaded.settings.overrides});
    }

private:
    /// The launcher so far is a child of the process that stays behind.
    void go_to_background() {
        launcher_.reset();
        background_ = BackgroundStart::fork();
        launcher_ = fork_launcher(options_);
    }

    /// A bus without one works as long as its launcher does.
    void fork_spare() {
        try {
            spare_ = fork_launcher(options_);
        } catch (const std::system_error& error) {
            log_.warning("There is no spare launcher process: {}", error.what());
        }
    }

    /// Taken before anything else is asked for: the launcher answers in the order of the questions.
    void bind_metrics_sockets(LauncherClient& launcher) {
        if (!options_.metrics_address) return;
        metrics_sockets_.emplace(launcher, options_.metrics_address, std::vector<ListenAddress>{});
        metrics_sockets_->take_all(launcher);
    }

    /// Of two sockets with one path, the one bound first is found by nobody.
    void check_metrics_sockets() const {
        if (!metrics_sockets_) return;
        for (const SocketFileFacts& metrics : metrics_sockets_->files())
            for (const SocketFileFacts& bus : sockets_->files())
                if (metrics.path == bus.path)
                    throw std::runtime_error(
                        fmt::format("The bus itself listens at the metrics address, {}", bus.path));
    }

    [[nodiscard]] std::vector<SocketFileFacts> socket_files() const {
        std::vector<SocketFileFacts> files = sockets_->files();
        if (metrics_sockets_)
            files.insert(files.end(), metrics_sockets_->files().begin(),
                         metrics_sockets_->files().end());
        return files;
    }

    void settle_launchers(LauncherClient& launcher, const StartSettings& start) {
        SettleOrder order{.identity = start.identity,
                          .in_background = background_.has_value(),
                          .reset_umask = background_ && !start.keep_umask,
                          .keep_standard_error = !background_ || keeps_standard_error(),
                          .transient_directories = {}};
        if (spare_) LauncherClient(spare_->stream()).tell_to_settle(order);
        order.transient_directories = start.transient_directories;
        launcher.ask_to_settle(order);
    }

    void log_warnings(const std::vector<std::string>& texts) {
        for (const std::string& text : texts)
            log_.warning("{}", text);
    }

    void serve(const StartSettings& start, Settings settings) {
        bus::EventLoop loop;
        LauncherKeeper launchers(loop, log_, std::move(launcher_), std::move(spare_),
                                 {socket_files(), pidfile_});
        LauncherLink link(launchers, log_);
        LauncherNames names(launchers);
        LauncherCookies cookies(launchers, log_, home_directory(start) + "/.dbus-keyrings");
        Broker broker(loop, log_, make_identity(options_, start),
                      {.mechanisms = start.auth_mechanisms,
                       .allow_anonymous = start.allow_anonymous,
                       .bus_owner_name = start.owner_name,
                       .cookies = &cookies},
                      std::move(settings), link);
        if constexpr (kAuditsTurns) broker.audit_turns();
        broker.set_process_names(names);
        broker.set_reload_observer(*this);
        watch_signals(loop, broker, launchers);
        sockets_->listen([&broker](bus::FileDescriptor socket, const bus::Guid& guid) {
            broker.add_listener(std::move(socket), guid);
        });
        std::optional<MetricsService> metrics;
        if (metrics_sockets_) metrics.emplace(loop, log_, broker, *metrics_sockets_);
        warn_of_permissive_mode(options_.permissive, log_);
        announce(announcement_, sockets_->address(), ::getpid());
        if (background_) let_parent_go(start);
        const SuppressionReports reports(loop, log_);
        notifier_.ready(::getpid());
        run_until_stopped(loop);
        notifier_.stopping();
    }

    /// What is thrown now is no failed start: it ends the process, with a core to look at.
    static void run_until_stopped(bus::EventLoop& loop) noexcept { loop.run(); }

    /// An interrupt counts unless whoever started us has it ignored, as a shell does for what runs
    /// in its background.
    void watch_signals(bus::EventLoop& loop, Broker& broker, LauncherKeeper& launchers) {
        std::vector<int> signals{SIGTERM, SIGHUP, SIGCHLD};
        struct sigaction interrupt {};
        ::sigaction(SIGINT, nullptr, &interrupt);
        if (interrupt.sa_handler != SIG_IGN) signals.push_back(SIGINT);
        loop.watch_signals(signals, [&](int number) {
            switch (number) {
                case SIGHUP: reload(broker); break;
                case SIGCHLD: launchers.reap(); break;
                default: loop.stop(); break;
            }
        });
        launchers.reap();  // for those that ended before their signal was watched for
    }

    void reload(Broker& broker) {
        manager_waits_ = true;
        notifier_.reloading();
        broker.reload();
    }

    void on_reloads_done() override {
        if (std::exchange(manager_waits_, false)) notifier_.reloaded();
    }

    static bool keeps_standard_error() {
        return !environment_variable("DBUS_DEBUG_OUTPUT").empty();
    }

    void let_parent_go(const StartSettings& start) {
        background_->ready(start.keep_umask ? Umask::Keep : Umask::Reset,
                           keeps_standard_error() ? StandardError::Keep : StandardError::Detach);
    }

    static std::string home_directory(const StartSettings& start) {
        const std::string home = environment_variable("HOME");
        return home.empty() ? start.owner_home : home;
    }

    const Options& options_;
    bus::Log& log_;
    bus::LogTarget& log_target_;
    Announcement announcement_;
    ServiceNotifier notifier_ = ServiceNotifier::from_environment();
    std::optional<BackgroundStart> background_;
    std::optional<PidfileFacts> pidfile_;
    std::optional<BusSockets> metrics_sockets_;
    std::optional<BusSockets> sockets_;
    std::unique_ptr<LauncherProcess> launcher_;
    std::unique_ptr<LauncherProcess> spare_;
    bool manager_waits_ = false;
};

/// Where the log goes, and standard error in any case: whoever starts us looks there.
bus::Log::Output output_for_start(const std::string& program, bus::LogTarget target) {
    const bool to_syslog = target == bus::LogTarget::Both || target == bus::LogTarget::Syslog;
    return bus::make_log_output(program, to_syslog ? bus::LogTarget::Both : bus::LogTarget::Stderr);
}

/// glibc merges small blocks that were freed when it needs a larger one, all of them at once: 3 ms
/// for those of 140,000 rules. Without its fast bins it merges each when it is freed.
void merge_memory_as_it_is_freed() {
    ::mallopt(M_MXFAST, 0);
}

int run_bus(const Options& options, const std::string& program) {
    std::signal(SIGPIPE, SIG_IGN);
    merge_memory_as_it_is_freed();
    bus::LogTarget target = log_target(options.syslog, false);
    bus::Log log(bus::make_log_output(program, bus::LogTarget::Stderr));
    try {
        settle_inherited_descriptors();
        log.set_output(output_for_start(program, target));
        Process(options, log, target).run(program);
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        log.set_output(output_for_start(program, target));
        log.set_prefix("");
        log.error("Failed to start message bus: {}", error.what());
        return EXIT_FAILURE;
    }
}

int run_command(const CommandLine& line, const std::string& program) {
    switch (line.command) {
        case Command::PrintUsage:
            fmt::print(stderr, "{}", usage_text(program));
            return EXIT_FAILURE;  // Compat: so does dbus-daemon 1.14
        case Command::PrintVersion: fmt::print("{}", version_text()); return EXIT_SUCCESS;
        case Command::PrintIntrospection:
            fmt::print("{}\n", introspect_driver(bus::kDriverPath));
            return EXIT_SUCCESS;
        case Command::Run: break;
    }
    return run_bus(line.options, program);
}

int run(const std::vector<std::string>& words, const std::string& program) {
    try {
        return run_command(parse_command_line(words), program);
    } catch (const CommandLineError& error) {
        fmt::print(stderr, "{}\n", error.what());
        if (error.usage() == CommandLineError::Usage::Show) {
            fmt::print(stderr, "{}", usage_text(program));
        }
        return EXIT_FAILURE;
    }
}

}  // namespace

}  // namespace buzon::broker

int main(int argc, char** argv) {
    const std::string program =
        argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "buzond";
    return buzon::broker::run({argv + std::min(argc, 1), argv + argc}, program);
}
