# SPDX-License-Identifier: Apache-2.0
"""The launcher beside the bus: its processes, what they hold, and reloads while one of them fails.
Only for buzond; what a reload does to the bus itself is compared with dbus-daemon in process_test.
"""

import contextlib
import os
import pwd
import signal
import socket
import threading
import unittest

import harness
from process_case import ProcessTestCase
from rawclient import BUS_NAME, BUS_PATH, BusError, Disconnected, RawClient, parse_address
from waiting import DEADLINE, read_lines, wait_until
from wire import CALL, Message

NAME = "buzond-launch"
DENY_NEW = harness.ALLOW_EVERYTHING.replace(
    "</policy>", '<deny own="com.example.New"/></policy>')
BOMB = ('<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">'
        '<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;">]>'
        '<busconfig><type>&f;</type></busconfig>')


def status_of(pid):
    """The fields of /proc/PID/status that are one word; none where the process has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return dict(line.split()[:2] for line in file.read().replace(":", " ").splitlines()
                        if len(line.split()) >= 2)
    except (FileNotFoundError, ProcessLookupError):
        return {}


def age_of(pid):
    """Sorts processes by when they were started: their numbers begin again at 1 some time."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return int(file.read().rpartition(")")[2].split()[19]), pid
    except (FileNotFoundError, ProcessLookupError):
        return 0, pid


def children(pid):
    """Pids of the children of `pid`, zombies among them, in the order in which they were made."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and status_of(entry).get("PPid") == str(pid):
            found.append(int(entry))
    return sorted(found, key=age_of)


def descriptors(pid):
    folder = f"/proc/{pid}/fd"
    return {int(fd): os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}


class BurstClient:
    """A process of its own that waits for the word to connect, and then for that to end."""

    def __init__(self, address):
        self.word, start = socket.socketpair()
        self.pid = os.fork()
        if self.pid:
            start.close()
            return
        with contextlib.suppress(BaseException):
            self.word.close()
            start.recv(1)
            client = RawClient(address)
            client.sync()
            start.send(b"x")
            start.recv(1)
        os._exit(0)

    def connect(self):
        self.word.send(b"x")

    def wait_until_connected(self):
        self.word.settimeout(DEADLINE)
        assert self.word.recv(1) == b"x", "a process could not connect"

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.word.close()


class LauncherTestCase(harness.BusTestCase):
    def start(self):
        daemon = self.start_daemon()
        wait_until(lambda: len(children(daemon.pid)) == 2, "launcher and spare")
        return daemon, self.connect(daemon)

    def start_to_end(self, extra=""):
        """One that the test ends itself."""
        daemon = harness.Daemon(harness.busconfig(extra=extra))
        self.addCleanup(self.end, daemon)
        return daemon, self.connect(daemon)

    @staticmethod
    def end(daemon):
        with contextlib.suppress(AssertionError):
            daemon.stop()

    @staticmethod
    def socket_path(daemon):
        return parse_address(daemon.address)[0][1]["path"]

    def kill(self, daemon, pid):
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in children(daemon.pid), "the launcher to be reaped")

    def deny_new_name(self, daemon):
        daemon.write_config(harness.busconfig(policy=DENY_NEW))

    def assert_denied(self, client):
        with self.assertRaises(BusError) as raised:
            client.request_name("com.example.New")
        self.assertEqual(raised.exception.name, "AccessDenied")


@harness.needs_all_descriptors
class Processes(LauncherTestCase):
    def test_launcher_and_spare_are_children_with_a_name_of_their_own(self):
        daemon, _ = self.start()
        for pid in children(daemon.pid):
            self.assertEqual(status_of(pid)["Name"], NAME)
        self.assertNotEqual(status_of(daemon.pid)["Name"], NAME)

    def test_they_hold_a_link_and_nothing_else(self):
        daemon, _ = self.start()
        for pid in children(daemon.pid):
            held = descriptors(pid)
            self.assertEqual([held.pop(0), held.pop(1)], ["/dev/null", "/dev/null"])
            held.pop(2)
            self.assertEqual(len(held), 1, held)
            self.assertRegex(*held.values(), "^socket:")

    def test_they_end_with_the_bus(self):
        daemon, _ = self.start_to_end()
        pids = children(daemon.pid)
        daemon.process.terminate()
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        for pid in pids:
            self.assertFalse(harness.is_running(pid))

    def test_they_end_with_a_bus_that_is_killed_and_remove_its_socket(self):
        daemon, _ = self.start_to_end()
        path = self.socket_path(daemon)
        pids = children(daemon.pid)
        daemon.process.kill()
        daemon.process.wait(DEADLINE)
        for pid in pids:
            wait_until(lambda: not harness.is_running(pid) or status_of(pid)["State"] == "Z",
                       "the end of the launcher")
        wait_until(lambda: not os.path.exists(path), "the end of the socket")

    def test_they_outlive_a_burst_of_connections_of_as_many_processes(self):
        # A rule that may deny makes the bus ask who they are, for the log; an account does, too.
        daemon = self.start_daemon(harness.busconfig(policy=harness.ALLOW_EVERYTHING.replace(
            "</policy>", '<deny send_interface="com.example.Secret"/></policy>')))
        wait_until(lambda: len(children(daemon.pid)) == 2, "launcher and spare")
        pids = children(daemon.pid)
        burst = [BurstClient(daemon.address) for _ in range(40)]
        self.addCleanup(lambda: [client.end() for client in burst])
        for client in burst:
            client.connect()
        for client in burst:
            client.wait_until_connected()
        client = self.connect(daemon)
        client.bus("GetAccounts", "t", 0, interface="org.buzon.Quota1")
        client.bus("ReloadConfig")  # answered behind what the launcher was asked before
        self.assertEqual(children(daemon.pid), pids)
        self.connect(daemon).sync()

    def test_signals_to_the_whole_group_are_the_brokers_affair(self):
        daemon, client = self.start()
        pids = children(daemon.pid)
        for pid in pids:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                os.kill(pid, number)
        client.bus("ReloadConfig")
        self.assertEqual(children(daemon.pid), pids)


@unittest.skipIf(harness.WRAPPER, "valgrind cannot clone a process beside its parent")
class Failures(LauncherTestCase):
    def test_spare_takes_the_place_of_a_launcher_again_and_again(self):
        daemon, client = self.start()
        for _ in range(4):
            self.kill(daemon, children(daemon.pid)[0])
            wait_until(lambda: len(children(daemon.pid)) == 2, "a new spare")
            client.bus("ReloadConfig")
        self.deny_new_name(daemon)
        client.bus("ReloadConfig")
        self.assert_denied(client)
        for pid in children(daemon.pid):
            self.assertEqual(status_of(pid)["Name"], NAME)
            self.assertLessEqual(len(descriptors(pid)), 4)

    def test_launchers_killed_during_loads_fail_those_and_no_others(self):
        daemon, client = self.start()
        rules = "".join(f'<deny own="com.example.N{n}"/>' for n in range(20000))
        daemon.write_config(harness.busconfig(policy=harness.ALLOW_EVERYTHING.replace(
            "</policy>", rules + "</policy>")))
        waiting = self.connect(daemon)
        for _ in range(6):
            launcher = children(daemon.pid)[0]
            serial = waiting.send(Message(CALL, BUS_PATH, BUS_NAME, "ReloadConfig", BUS_NAME))
            client.sync()  # the launcher has been asked
            self.kill(daemon, launcher)
            with contextlib.suppress(BusError):
                waiting.reply_to(serial)
            wait_until(lambda: len(children(daemon.pid)) == 2, "a new spare")
        self.assertIn("was ended by signal 9 (Killed)", daemon.log())
        self.deny_new_name(daemon)
        client.bus("ReloadConfig")
        self.assert_denied(client)

    def test_log_tells_what_ended_a_launcher(self):
        daemon, _ = self.start()
        for number, name in ((signal.SIGKILL, "Killed"), (signal.SIGABRT, "Aborted")):
            launcher = children(daemon.pid)[0]
            os.kill(launcher, number)
            wait_until(lambda: f"The launcher process (pid {launcher}) was ended by signal "
                       f"{int(number)} ({name})" in daemon.log(), "the line in the log")
            wait_until(lambda: launcher not in children(daemon.pid), "the launcher to be reaped")
            wait_until(lambda: len(children(daemon.pid)) == 2, "a new spare")

    def test_spare_that_dies_is_made_anew(self):
        daemon, client = self.start()
        self.kill(daemon, children(daemon.pid)[1])
        wait_until(lambda: len(children(daemon.pid)) == 2, "a new spare")
        client.bus("ReloadConfig")

    def test_socket_is_removed_by_the_spare_too(self):
        daemon, client = self.start_to_end()
        path = self.socket_path(daemon)
        self.kill(daemon, children(daemon.pid)[0])
        client.bus("ReloadConfig")
        daemon.process.terminate()
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assertFalse(os.path.exists(path))

    def test_pidfile_is_removed_by_the_spare_too_even_for_a_bus_that_is_killed(self):
        for end in ("terminate", "kill"):
            daemon, client = self.start_to_end(extra="<pidfile>{directory}/pid</pidfile>")
            path = os.path.join(daemon.directory, "pid")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), f"{daemon.pid}\n")
            self.kill(daemon, children(daemon.pid)[0])
            client.bus("ReloadConfig")
            getattr(daemon.process, end)()
            daemon.process.wait(DEADLINE)
            wait_until(lambda: not os.path.exists(path), "the end of the pidfile")

    def test_without_any_launcher_the_bus_goes_on_and_reloads_are_refused(self):
        daemon, client = self.start()
        pids = children(daemon.pid)
        for pid in pids:  # none of them can act before both are dead
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not children(daemon.pid), "both to be reaped")
        with self.assertRaises(BusError) as raised:
            client.bus("ReloadConfig")
        self.assertEqual(raised.exception.name, "Failed")
        self.assertIn("no launcher process is left", str(raised.exception))
        self.assertEqual(client.request_name("com.example.New"), 1)
        self.connect(daemon).sync()

    def test_bus_goes_on_while_the_launcher_is_stopped(self):
        daemon, client = self.start()
        launcher = children(daemon.pid)[0]
        os.kill(launcher, signal.SIGSTOP)
        self.addCleanup(os.kill, launcher, signal.SIGCONT)
        self.deny_new_name(daemon)
        waiting = self.connect(daemon)
        serial = waiting.send(Message(CALL, BUS_PATH, BUS_NAME, "ReloadConfig", BUS_NAME))
        os.kill(daemon.pid, signal.SIGHUP)
        for _ in range(20):
            client.sync()
        self.assertEqual(client.request_name("com.example.New"), 1)
        client.bus("ReleaseName", "s", "com.example.New")
        client.add_match("member='ActivatableServicesChanged'")
        os.kill(launcher, signal.SIGCONT)
        client.receive_signal("ActivatableServicesChanged")
        waiting.reply_to(serial)
        self.assert_denied(client)


@unittest.skipIf(harness.WRAPPER, "the wrapper has children of its own")
class Cookies(LauncherTestCase):
    """Who authenticates with a cookie waits for the launcher; nobody else does."""

    def start_and_stop_launcher(self, extra=""):
        home = self.enterContext(harness.private_directory())
        daemon = self.start_daemon(harness.busconfig(auth=("EXTERNAL", "DBUS_COOKIE_SHA1"),
                                                     extra=extra),
                                   environment=harness.clean_environment(HOME=home))
        launcher = children(daemon.pid)[0]
        os.kill(launcher, signal.SIGSTOP)
        return daemon, launcher

    def ask(self, daemon, more=b""):
        client = self.connect(daemon, auth=False)
        uid = str(os.getuid()).encode().hex().encode()
        client.send_bytes(b"\0AUTH DBUS_COOKIE_SHA1 " + uid + b"\r\n" + more)
        return client

    def test_others_are_served_meanwhile(self):
        daemon, launcher = self.start_and_stop_launcher()
        waiting = [self.ask(daemon), self.ask(daemon, b"CANCEL\r\nAUTH\r\n")]
        self.ask(daemon, b"x" * 100000).close()
        self.connect(daemon).sync()
        os.kill(launcher, signal.SIGCONT)
        for client in waiting:
            self.assertRegex(client.read_line(), "^DATA [0-9a-f]+$")
        for _ in range(2):
            self.assertRegex(waiting[1].read_line(), "^REJECTED ")
        self.connect(daemon).sync()

    def test_the_auth_timeout_holds_meanwhile(self):
        daemon, launcher = self.start_and_stop_launcher(
            '<limit name="auth_timeout">300</limit>')
        client = self.ask(daemon)
        with self.assertRaises((Disconnected, AssertionError)):
            client.read_line()
        self.assertIn("has not authenticated soon enough", daemon.log())
        os.kill(launcher, signal.SIGCONT)
        self.connect(daemon).sync()

    def test_without_a_launcher_they_are_rejected(self):
        daemon, launcher = self.start_and_stop_launcher()
        client = self.ask(daemon)
        for pid in [child for child in children(daemon.pid) if child != launcher] + [launcher]:
            os.kill(pid, signal.SIGKILL)
        self.assertRegex(client.read_line(), "^REJECTED ")


class Reloads(LauncherTestCase):
    @harness.each([("entities that multiply", BOMB), ("an unknown element", "<busconfig><x/>"),
                   ("a million elements", "<busconfig>" + "<fork/>" * 1000000 + "</busconfig>")])
    def test_configuration_that_is_refused_changes_nothing(self, text):
        daemon, client = self.start()
        pids = children(daemon.pid)
        daemon.write_config(text)
        with self.assertRaises(BusError) as raised:
            client.bus("ReloadConfig")
        self.assertEqual(raised.exception.name, "Failed")
        self.assertRegex(str(raised.exception), r"bus\.conf:\d+:\d+: ")
        self.assertEqual(client.request_name("com.example.New"), 1)
        self.assertEqual(children(daemon.pid), pids)

    def test_many_rules_are_in_force_as_a_whole(self):
        daemon, client = self.start()
        rules = "".join(f'<deny own="com.example.N{n}"/>' for n in range(100000))
        daemon.write_config(harness.busconfig(policy=harness.ALLOW_EVERYTHING.replace(
            "</policy>", rules + "</policy>")))
        client.bus("ReloadConfig")
        for number in (0, 1, 50000, 99999):
            with self.assertRaises(BusError):
                client.request_name(f"com.example.N{number}")
        self.assertEqual(client.request_name("com.example.N100000"), 1)

    def test_under_load_nobody_is_cut_off_and_every_caller_is_answered(self):
        daemon, _ = self.start()
        good = harness.busconfig()
        stop = threading.Event()
        failures = []

        def talk():
            try:
                with_client = RawClient(daemon.address)
                while not stop.is_set():
                    with_client.sync()
                with_client.close()
            except AssertionError as error:
                failures.append(error)

        talkers = [threading.Thread(target=talk) for _ in range(3)]
        for talker in talkers:
            talker.start()
        client = self.connect(daemon)
        for number in range(20):
            daemon.write_config("<busconfig><x/></busconfig>" if number % 2 else good)
            if number % 2:
                with self.assertRaises(BusError):
                    client.bus("ReloadConfig")
            else:
                client.bus("ReloadConfig")
        stop.set()
        for talker in talkers:
            talker.join(DEADLINE)
        self.assertEqual(failures, [])

    def test_names_that_do_not_exist_are_left_out_with_a_warning(self):
        daemon, client = self.start()
        daemon.write_config(harness.busconfig(policy=harness.ALLOW_EVERYTHING +
                            '<policy user="no-such-user-here"><deny own="*"/></policy>'
                            '<policy group="no-such-group-here"><deny own="*"/></policy>'))
        client.bus("ReloadConfig")
        self.assertEqual(client.request_name("com.example.New"), 1)
        self.assertIn('unknown user "no-such-user-here"', daemon.log())
        self.assertIn('unknown group "no-such-group-here"', daemon.log())


@harness.needs_all_descriptors
class Background(ProcessTestCase):
    def test_forked_bus_has_its_own_launchers_which_leave_the_terminal_alone(self):
        process = self.start("--config-file=" + self.config, "--fork", "--print-pid")
        pid = int(read_lines(process.stdout.fileno(), 1)[0])
        self.addCleanup(self.end_pid, pid)
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertEqual(os.read(process.stdout.fileno(), 1), b"", "nobody holds the pipe")
        wait_until(lambda: len(children(pid)) == 2, "launcher and spare")
        for child in children(pid):
            self.assertEqual({descriptors(child)[fd] for fd in (0, 1, 2)}, {"/dev/null"})
            self.assertEqual(os.readlink(f"/proc/{child}/cwd"), "/")


@unittest.skipIf(os.getuid() != 0, "only root can become somebody else")
class Rights(ProcessTestCase):
    def setUp(self):
        super().setUp()
        self.user = pwd.getpwnam("nobody")
        self.write_config(harness.busconfig(
            extra='<user>nobody</user><policy context="default"><allow user="*"/></policy>'))
        process = self.start("--config-file=" + self.config, "--print-address=1")
        self.client = RawClient(read_lines(process.stdout.fileno(), 1)[0])
        self.addCleanup(self.client.close)
        self.pid = process.pid

    def has_become_the_user(self, pid):
        status = status_of(pid)
        return status and status["Uid"] == status["Gid"] == str(self.user.pw_uid) \
            and status["Groups"] == str(self.user.pw_gid) and not int(status["CapPrm"], 16) \
            and not int(status["CapEff"], 16)

    def test_launcher_and_spare_become_the_user_too(self):
        wait_until(lambda: [self.has_become_the_user(pid) for pid in children(self.pid)]
                   == [True, True], "both to give up their rights")

    def test_later_spares_never_had_any_rights(self):
        first, second = children(self.pid)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(children(self.pid)) == 2 and first not in children(self.pid),
                   "a new spare")
        for pid in children(self.pid):
            self.assertTrue(self.has_become_the_user(pid), status_of(pid))


@unittest.skipIf(os.getuid() != 0, "only root can become somebody else")
class Storm(harness.BusTestCase):
    config = harness.busconfig(policy=harness.ALLOW_EVERYTHING.replace(
        "</policy>", '<allow user="*"/></policy>'))

    def test_calls_of_others_do_not_keep_root_from_reloading(self):
        user = pwd.getpwnam("nobody").pw_uid
        os.chmod(self.bus.directory, 0o755)
        strangers = []
        for _ in range(40):
            os.seteuid(user)
            try:
                strangers.append(self.connect_to_shared())
            finally:
                os.seteuid(0)
        root = self.connect()
        for stranger in strangers:
            for _ in range(30):
                stranger.send(Message(CALL, BUS_PATH, BUS_NAME, "ReloadConfig", BUS_NAME))
        for _ in range(5):
            root.bus("ReloadConfig")
        refused = [m for m in strangers[0].drain() if m.error_name]
        self.assertTrue(refused, "30 calls of one peer do not all wait")

    def connect_to_shared(self):
        client = RawClient(self.bus.address)
        self.addCleanup(client.close)
        return client


if __name__ == "__main__":
    harness.main()
