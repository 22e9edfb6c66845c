# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process: command line, what it prints, forking, pidfile, signals, descriptors."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess

import harness
from process_case import ProcessTestCase
from rawclient import BUS_NAME, BUS_PATH, BusError, RawClient, parse_address
from waiting import DEADLINE, read_all, read_lines, wait_until

ADDRESS = r"unix:path=[^,;]+,guid=[0-9a-f]{32}"


class CommandLine(ProcessTestCase):
    @harness.each([
        ("nothing", [], "No configuration file specified."),
        ("two configurations", ["--session", "--system"],
         "--system specified but configuration file /usr/share/dbus-1/session.conf already"),
        ("a file beside --session", ["--session", "--config-file=/x"],
         "--config-file specified but configuration file"),
        ("an unknown option", ["--bogus"], "[--session]"),
        ("an operand", ["--session", "operand"], "[--session]"),
        ("a bad descriptor for the address", ["--session", "--print-address=x"],
         'Invalid file descriptor: "x"'),
        ("a negative descriptor", ["--session", "--print-pid=-1"],
         'Invalid file descriptor: "-1"'),
        ("two addresses", ["--session", "--address=unix:path=/x", "--address=unix:path=/y"],
         "--address specified but address unix:path=/x already requested"),
        ("help", ["--help"], "[--print-address[=DESCRIPTOR]]"),
        ("help, short", ["-h"], "[--nofork]"),
        ("help, shorter", ["-?"], "[--nofork]"),
        ("a missing configuration", ["--config-file=/nonexistent/x.conf"],
         "/nonexistent/x.conf"),
        ("a closed descriptor for the address", ["--config-file={config}", "--print-address=99"],
         "Bad file descriptor"),
        ("an unknown transport", ["--config-file={config}", "--address=bogus:"], "bogus"),
        ("an address that is none", ["--config-file={config}", "--address=unix"], ""),
    ])
    def test_refuses(self, arguments, text):
        arguments = [word.replace("{config}", self.config) for word in arguments]
        status, output, errors = self.run_daemon(*arguments)
        self.assertEqual((status, output), (1, ""))
        self.assertIn(text, errors)
        self.assertNotEqual(errors, "")

    def test_version(self):
        status, output, errors = self.run_daemon("--version")
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(output, r"^D-Bus Message Bus Daemon.* 1\.\d+\.\d+\n")

    def test_introspect(self):
        status, output, errors = self.run_daemon("--introspect")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(f'<interface name="{BUS_NAME}">', output)

    @harness.each([
        ("config-file as its own word", ["--config-file", "{config}", "--print-address=1"]),
        ("nofork, print-address as its own word",
         ["--nofork", "--print-address", "1", "--config-file", "{config}"]),
        ("print-address without descriptor", ["--config-file={config}", "--print-address"]),
        ("print-address without descriptor before an option",
         ["--print-address=1", "--nofork", "--config-file={config}"]),
        ("print-address empty", ["--config-file={config}", "--print-address="]),
        ("nosyslog", ["--config-file={config}", "--nosyslog", "--print-address=1"]),
        ("syslog", ["--config-file={config}", "--syslog", "--print-address=1"]),
        ("syslog-only", ["--config-file={config}", "--syslog-only", "--print-address=1"]),
        ("nopidfile and systemd-activation",
         ["--config-file={config}", "--nopidfile", "--systemd-activation", "--print-address=1"]),
        ("address as its own word",
         ["--config-file={config}", "--address", "unix:path={directory}/other",
          "--print-address=1"]),
    ])
    def test_starts_with(self, arguments):
        arguments = [word.replace("{config}", self.config).replace("{directory}", self.directory)
                     for word in arguments]
        process = self.start(*arguments)
        (address,) = self.lines(process, 1)
        self.assertRegex(address, f"^{ADDRESS}$")
        self.check_address(address)
        self.assertIsNone(process.poll(), "it stays in the foreground")

    def test_option_after_print_address_is_no_descriptor(self):
        arguments = ["--print-address", "--print-pid", f"--config-file={self.config}"]
        if harness.IS_REFERENCE:  # 1.14 takes any word; later versions do as we do.
            status, _, errors = self.run_daemon(*arguments)
            self.assertEqual(status, 1)
            self.assertIn('Invalid file descriptor: "--print-pid"', errors)
        else:
            process = self.start(*arguments)
            address, pid = self.lines(process, 2)
            self.assertRegex(address, ADDRESS)
            self.assertEqual(int(pid), process.pid)

    def test_session_reads_the_stock_configuration(self):
        process = self.start("--session", "--print-address=1")
        (address,) = self.lines(process, 1)
        self.assertRegex(address, "^unix:path=/tmp/dbus-[A-Za-z0-9]{10},guid=[0-9a-f]{32}$")
        self.check_address(address)

    def test_address_replaces_every_listen(self):
        self.write_config(harness.busconfig(listen=["unix:path={directory}/a",
                                                    "unix:path={directory}/b"]))
        process = self.start(f"--config-file={self.config}", "--print-address=1",
                             f"--address=unix:path={self.path('c')}")
        (address,) = self.lines(process, 1)
        self.assertEqual(address.split(",")[0], f"unix:path={self.path('c')}")
        self.assertFalse(os.path.exists(self.path("a")) or os.path.exists(self.path("b")))

    def test_configuration_without_listen_is_refused_even_with_address(self):
        self.write_config(harness.busconfig(listen=[]))
        status, _, errors = self.run_daemon(f"--config-file={self.config}",
                                            f"--address=unix:path={self.path('c')}")
        self.assertEqual(status, 1)
        self.assertIn("listen", errors)

    def test_bad_configuration_is_named(self):
        self.write_config("<busconfig>\n<listen>unix:path=/x</listen>\n<bogus/>\n</busconfig>\n")
        status, output, errors = self.run_daemon(f"--config-file={self.config}",
                                                 "--print-address=1")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("bogus", errors)
        if not harness.IS_REFERENCE:
            self.assertIn(f"{self.config}:3", errors)


class Printing(ProcessTestCase):
    def pipe(self):
        readable, writable = os.pipe()
        self.addCleanup(os.close, readable)
        return readable, writable

    def test_address_and_pid_on_their_own_descriptors(self):
        (address_in, address_out), (pid_in, pid_out) = self.pipe(), self.pipe()
        process = self.start(f"--config-file={self.config}", f"--print-address={address_out}",
                             f"--print-pid={pid_out}", pass_fds=(address_out, pid_out))
        os.close(address_out)
        os.close(pid_out)
        # End-of-file comes while the daemon lives: it closes what it has printed to.
        self.assertRegex(read_all(address_in).decode(), f"^{ADDRESS}\n$")
        self.assertEqual(read_all(pid_in).decode(), f"{process.pid}\n")
        self.assertIsNone(process.poll())

    def test_standard_output_stays_open(self):
        process = self.start(f"--config-file={self.config}", "--print-address=1", "--print-pid=1")
        _, pid = self.lines(process, 2)
        self.assertEqual(int(pid), process.pid)
        self.assertTrue(os.path.exists(f"/proc/{process.pid}/fd/1"))

    def test_several_listeners_are_joined_last_first(self):
        self.write_config(harness.busconfig(listen=["unix:path={directory}/a",
                                                    "unix:path={directory}/b"]))
        process = self.start(f"--config-file={self.config}", "--print-address=1")
        (line,) = self.lines(process, 1)
        first, second = line.split(";")
        self.assertEqual([a.split(",")[0] for a in (first, second)],
                         [f"unix:path={self.path('b')}", f"unix:path={self.path('a')}"])
        self.check_address(first)
        self.check_address(second)
        self.assertNotEqual(first.split("guid=")[1], second.split("guid=")[1])


class Forking(ProcessTestCase):
    def test_two_lines_address_first_and_the_bus_listens(self):
        status, output, _ = self.run_daemon("--fork", "--print-address=1", "--print-pid=1",
                                            f"--config-file={self.config}")
        self.assertEqual(status, 0)
        address, pid = output.splitlines()
        self.addCleanup(self.end_pid, int(pid))
        self.check_address(address)
        with contextlib.closing(RawClient(address)) as client:
            self.assertEqual(client.bus("GetConnectionUnixProcessID", "s", BUS_NAME).body,
                             (int(pid),))

    def test_forked_daemon_keeps_no_standard_stream_and_no_terminal(self):
        _, output, _ = self.run_daemon("--fork", "--print-pid=1", f"--config-file={self.config}")
        pid = int(output)
        self.addCleanup(self.end_pid, pid)
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null")
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        # dbus-daemon's parent may be gone a moment before.
        wait_until(lambda: os.getsid(pid) == pid, "a session of its own")

    def test_configured_fork_and_nofork(self):
        self.write_config(harness.busconfig(extra="<fork/>"))
        status, output, _ = self.run_daemon("--print-pid=1", f"--config-file={self.config}")
        self.assertEqual(status, 0)
        self.end_pid(int(output))
        process = self.start("--nofork", "--print-pid=1", f"--config-file={self.config}")
        self.assertEqual(int(self.lines(process, 1)[0]), process.pid)

    def test_pidfile_has_the_pid_of_the_forked_daemon(self):
        self.write_config(harness.busconfig(extra="<pidfile>{directory}/pid</pidfile>"))
        _, output, _ = self.run_daemon("--fork", "--print-pid=1", f"--config-file={self.config}")
        self.addCleanup(self.end_pid, int(output))
        with open(self.path("pid"), encoding="ascii") as file:
            self.assertEqual(file.read(), output)


class Pidfile(ProcessTestCase):
    def setUp(self):
        super().setUp()
        self.write_config(harness.busconfig(extra="<pidfile>{directory}/pid</pidfile>"))

    def test_written_and_removed(self):
        process = self.start("--print-address=1", "--print-pid=1", f"--config-file={self.config}")
        _, pid = self.lines(process, 2)
        with contextlib.closing(RawClient(f"unix:path={self.path('bus')}")) as client:
            client.sync()
        with open(self.path("pid"), encoding="ascii") as file:
            self.assertEqual(file.read(), f"{pid}\n")
        self.assertEqual(os.stat(self.path("pid")).st_mode & 0o777, 0o644 & ~harness.umask())
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertFalse(os.path.exists(self.path("pid")))

    def test_existing_one_refuses_the_start_before_anything_is_bound(self):
        with open(self.path("pid"), "w", encoding="ascii") as file:
            file.write("1\n")
        status, output, errors = self.run_daemon("--print-address=1",
                                                 f"--config-file={self.config}")
        self.assertEqual((status, output), (1, ""))
        self.assertIn(f'The pid file "{self.path("pid")}" exists', errors)
        self.assertFalse(os.path.exists(self.path("bus")))
        self.assertTrue(os.path.exists(self.path("pid")))

    def test_nopidfile(self):
        with open(self.path("pid"), "w", encoding="ascii") as file:
            file.write("1\n")
        process = self.start("--print-address=1", "--nopidfile", f"--config-file={self.config}")
        self.check_address(self.lines(process, 1)[0])
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertTrue(os.path.exists(self.path("pid")))


class Signals(harness.BusTestCase):
    def test_sigterm_ends_with_0_and_removes_the_socket(self):
        daemon = harness.Daemon()
        path = parse_address(daemon.address)[0][1]["path"]
        client = self.connect(daemon)
        self.assertTrue(os.path.exists(path))
        daemon.process.terminate()
        client.expect_closed()
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assertFalse(os.path.exists(path))

    def test_sighup_reads_the_configuration_again_and_keeps_the_names(self):
        daemon = self.start_daemon()
        client, second = self.connect(daemon), self.connect(daemon)
        client.request_name("com.example.Kept")
        client.add_match("member='ActivatableServicesChanged'")
        daemon.write_config(harness.busconfig(policy=harness.ALLOW_EVERYTHING.replace(
            "</policy>", '<deny own="com.example.New"/></policy>')))
        os.kill(daemon.pid, signal.SIGHUP)
        client.receive_signal("ActivatableServicesChanged")
        self.assertEqual(second.owner_of("com.example.Kept"), client.name)
        for peer in (client, second, self.connect(daemon)):
            with self.assertRaises(BusError) as raised:
                peer.request_name("com.example.New")
            self.assertEqual(raised.exception.name, "AccessDenied")

    @harness.each([("not XML", "<busconfig>"), ("an unknown element", "<busconfig><x/></busconfig>"),
                   ("nothing", "")])
    def test_bad_configuration_leaves_the_old_one_in_force(self, text):
        daemon = self.start_daemon()
        client = self.connect(daemon)
        client.add_match("member='ActivatableServicesChanged'")
        daemon.write_config(text)
        with self.assertRaises(BusError):
            client.bus("ReloadConfig")
        self.assertEqual([m.member for m in client.drain()][-1], "ActivatableServicesChanged")
        self.assertEqual(client.request_name("com.example.StillAllowed"), 1)
        os.kill(daemon.pid, signal.SIGHUP)
        client.receive_signal("ActivatableServicesChanged")
        self.assertEqual(self.connect(daemon).owner_of("com.example.StillAllowed"), client.name)

    @harness.each([("a broken file", "<busconfig>", "Failed"),
                   ("an include that is not there",
                    "<busconfig><listen>unix:path=/x</listen><include>/no/such</include>"
                    "</busconfig>", "FileNotFound"), ("no file", None, "FileNotFound")])
    def test_error_of_a_reload_with(self, text, name):
        daemon = self.start_daemon()
        client = self.connect(daemon)
        if text is None:
            os.unlink(daemon.config_path)
        else:
            daemon.write_config(text)
        with self.assertRaises(BusError) as raised:
            client.bus("ReloadConfig")
        self.assertEqual(raised.exception.name, name)

    def test_lower_limit_after_a_reload_cuts_nothing_that_is_there(self):
        daemon = self.start_daemon()
        client = self.connect(daemon)
        for number in range(5):
            client.request_name(f"com.example.N{number}")
        daemon.write_config(harness.busconfig(limits={"max_names_per_connection": 3}))
        client.bus("ReloadConfig")
        self.assertEqual(client.owner_of("com.example.N4"), client.name)
        with self.assertRaises(BusError) as raised:
            client.request_name("com.example.N5")
        self.assertEqual(raised.exception.name, "LimitsExceeded")

    def test_it_lives_on_when_the_last_client_leaves(self):
        daemon = self.start_daemon()
        for _ in range(3):
            self.connect(daemon).close()
        self.connect(daemon).sync()


class Notify(harness.BusTestCase):
    """sd_notify: what a service manager hears."""

    def setUp(self):
        self.directory = self.enterContext(harness.private_directory())
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.settimeout(DEADLINE)

    def heard(self, wanted):
        """Reads until one of the lines is `wanted`; returns all lines up to there."""
        lines = []
        while wanted not in lines:
            lines += self.socket.recv(4096).decode().splitlines()
        return lines

    @harness.each([("path", "{directory}/notify"), ("abstract name", "@buzon-test-{pid}")])
    def test_ready_reloading_stopping_through_a(self, name):
        name = name.format(directory=self.directory, pid=os.getpid())
        self.socket.bind(name.replace("@", "\0"))
        daemon = harness.Daemon(environment=harness.clean_environment(NOTIFY_SOCKET=name))
        self.assertNotIn("STOPPING=1", self.heard("READY=1"))
        os.kill(daemon.pid, signal.SIGHUP)
        self.heard("RELOADING=1")
        self.heard("READY=1")
        daemon.stop()
        self.heard("STOPPING=1")


class Environment(ProcessTestCase):
    @harness.each([("all three", (0, 1, 2)), ("standard input", (0,)), ("standard error", (2,)),
                   ("input and output", (0, 1))])
    def test_starts_with_closed(self, closed):
        readable, writable = os.pipe()
        self.addCleanup(os.close, readable)
        moved = os.dup2(writable, 40)
        os.close(writable)
        script = " ".join(f"{fd}{'<' if fd == 0 else '>'}&-" for fd in closed)
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$@" {script}', "sh",
             *self.command(f"--config-file={self.config}", "--print-address=40")],
            pass_fds=(moved,), env=self.environment(), stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        os.close(moved)
        (address,) = read_lines(readable, 1)
        with contextlib.closing(RawClient(address)) as client:
            client.sync()
        for fd in closed:
            self.assertTrue(os.path.exists(f"/proc/{process.pid}/fd/{fd}"))
            self.assertNotIn("socket", os.readlink(f"/proc/{process.pid}/fd/{fd}"))

    def test_descriptor_limit_is_raised(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        process = self.start(f"--config-file={self.config}", "--print-address=1",
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                                   (64, hard)))
        self.check_address(self.lines(process, 1)[0])
        (raised, _) = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        # Where even root may not go beyond the hard limit, dbus-daemon gives up instead of using it.
        if not (harness.IS_REFERENCE and os.getuid() == 0 and hard < 65536):
            self.assertGreaterEqual(raised, min(hard, 65536))

    def test_socket_is_open_to_all_whatever_the_umask(self):
        process = self.start(f"--config-file={self.config}", "--print-address=1",
                             preexec_fn=lambda: os.umask(0o777))
        self.lines(process, 1)
        self.assertEqual(os.stat(self.path("bus")).st_mode & 0o777, 0o777)

    def test_session_creates_the_directory_of_transient_services(self):
        process = self.start("--session", "--print-address=1")
        self.check_address(self.lines(process, 1)[0])
        self.assertEqual(os.stat(self.path("dbus-1/services")).st_mode & 0o7777, 0o700)

    def test_descriptors_of_clients_are_closed_on_exec(self):
        process = self.start(f"--config-file={self.config}", "--print-address=1")
        (address,) = self.lines(process, 1)
        with contextlib.closing(RawClient(address)) as client:
            client.sync()
            for fd in os.listdir(f"/proc/{process.pid}/fdinfo"):
                if int(fd) > 2:
                    with open(f"/proc/{process.pid}/fdinfo/{fd}", encoding="ascii") as info:
                        flags = re.search(r"flags:\s*(\d+)", info.read())[1]
                    self.assertTrue(int(flags, 8) & os.O_CLOEXEC, f"descriptor {fd}")

    def test_log_line_names_pid_and_bus(self):
        process = self.start(f"--config-file={self.config}", "--print-address=1",
                             stderr=subprocess.PIPE)
        (address,) = self.lines(process, 1)
        with contextlib.closing(RawClient(address)) as client:
            client.bus("BecomeMonitor", "asu", [], 0,
                       interface="org.freedesktop.DBus.Monitoring", path=BUS_PATH)
        prefix = re.escape(os.path.basename(harness.DAEMON))
        wanted = (rf"{prefix}\[{process.pid}\]: \[session uid={os.getuid()} pid={process.pid}\] "
                  r"Connection :1\.0 \(.*\) became a monitor\.")
        while not re.fullmatch(wanted, line := read_lines(process.stderr.fileno(), 1)[0]):
            self.assertRegex(line, rf"^{prefix}\[{process.pid}\]: ")


if __name__ == "__main__":
    harness.main()
