# SPDX-License-Identifier: Apache-2.0
"""What those who are denied something are told, what the log says, and the permissive mode."""

import contextlib
import os
import re
import signal
import socket
import unittest

import harness
from harness import IS_REFERENCE, busconfig, differs
from launcher_test import children
from rawclient import BUS_NAME, BusError, Disconnected, RawClient
from waiting import wait_until
from wire import CALL, Message

NOBODY = 65534
INTERFACE = "com.example.Denied"
NAME = "com.example.Service"

# Line numbers matter: the rules start at line 3 of the file.
RULES = """<busconfig><type>session</type><keep_umask/>
<listen>unix:path={directory}/bus</listen><policy context="default">
<allow user="*"/><allow own="*"/><allow eavesdrop="true"/>
<allow send_destination="*" eavesdrop="true"/>
<deny send_interface="com.example.Denied"/>
<deny receive_interface="com.example.Unheard"/>
<deny own="com.example.Forbidden"/>
<deny send_destination_prefix=":1" send_interface="com.example.OnUnique"/>
</policy></busconfig>
"""
OWN_TEXT = ('Connection "{}" is not allowed to own the service "com.example.Forbidden" due to '
            "security policies in the configuration file")


def by_rule(daemon, line, rule):
    """What only our daemon adds for those who may know."""
    return differs(f"; denied by {daemon.config_path}:{line}: {rule}", "", "names the rule")


@contextlib.contextmanager
def somebody_else():
    """Connections made meanwhile are not of root."""
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


class DenialCase(harness.BusTestCase):
    config = RULES

    def expect_denial(self, client, **fields):
        message = Message(CALL, "/", member="M", destination=fields.pop("destination", NAME),
                          **fields)
        with self.assertRaises(BusError) as raised:
            client.call_message(message)
        self.assertEqual(raised.exception.name, "AccessDenied", raised.exception.text)
        return raised.exception.text

    def stranger(self, daemon=None):
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody else")
        daemon = daemon or self.bus
        os.chmod(daemon.directory, 0o755)
        with somebody_else():
            return self.connect(daemon)

    def expect_in_log(self, text, daemon=None):
        """Lines wait for the names of programs."""
        daemon = daemon or self.bus
        wait_until(lambda: text in daemon.log(), f"{text} in the log")

    def server(self, daemon=None, name=NAME):
        server = self.connect(daemon)
        server.request_name(name)
        return server


class Texts(DenialCase):
    def test_send_names_the_rule_to_the_owner_of_the_bus(self):
        server = self.server()
        client = self.connect()
        text = self.expect_denial(client, interface=INTERFACE)
        start = (f'Rejected send message, 2 matched rules; type="method_call", '
                 f'sender="{client.name}" (uid={os.getuid()} pid={os.getpid()}')
        self.assertTrue(text.startswith(start), text)
        self.assertIn(f'destination="{NAME}" (uid={os.getuid()} pid={os.getpid()}', text)
        rule = by_rule(self.bus, 5, f'<deny send_interface="{INTERFACE}"/>')
        self.assertTrue(text.endswith(rule), text)
        self.expect_in_log(text if IS_REFERENCE else f'; receiver="{server.name}"{rule}')

    def test_receive_names_the_rule_too(self):
        self.server()
        text = self.expect_denial(self.connect(), interface="com.example.Unheard")
        self.assertTrue(text.startswith("Rejected receive message, 2 matched rules; "), text)
        self.assertTrue(text.endswith(
            by_rule(self.bus, 6, '<deny receive_interface="com.example.Unheard"/>')), text)

    def test_others_are_not_told_the_rule(self):
        self.server()
        text = self.expect_denial(self.stranger(), interface=INTERFACE)
        self.assertTrue(text.startswith("Rejected send message, 2 matched rules; "), text)
        self.assertNotIn("denied by", text)
        self.assertNotIn(self.bus.config_path, text)
        self.expect_in_log(f"(uid={NOBODY} ")

    def test_own(self):
        client = self.connect()
        with self.assertRaises(BusError) as raised:
            client.request_name("com.example.Forbidden")
        self.assertEqual(raised.exception.name, "AccessDenied")
        rule = by_rule(self.bus, 7, '<deny own="com.example.Forbidden"/>')
        self.assertEqual(raised.exception.text, OWN_TEXT.format(client.name) + rule)
        if not IS_REFERENCE:
            self.expect_in_log(rule)

    def test_own_by_others(self):
        client = self.stranger()
        with self.assertRaises(BusError) as raised:
            client.request_name("com.example.Forbidden")
        self.assertEqual(raised.exception.text, OWN_TEXT.format(client.name))

    def test_the_unique_name_counts_for_prefixes(self):
        self.server()
        self.expect_denial(self.connect(), interface="com.example.OnUnique")

    def test_no_rule_is_a_reason_as_well(self):
        daemon = self.start_daemon(busconfig(policy=f"""<policy context="default">
            <allow user="*"/><allow own="*"/><allow eavesdrop="true"/>
            <allow send_destination="{BUS_NAME}"/></policy>"""))
        self.server(daemon)
        text = self.expect_denial(self.connect(daemon), interface=INTERFACE)
        self.assertTrue(text.startswith("Rejected send message, 0 matched rules; "), text)
        self.assertTrue(text.endswith(
            differs("; denied because no rule allows it", "", "gives the reason")), text)

    @unittest.skipIf(IS_REFERENCE, "dbus-daemon says nothing")
    def test_connect_names_the_rule_in_the_log(self):
        daemon = self.start_daemon(RULES.replace('<deny own=', '<deny user="65534"/>\n<deny own='))
        with self.assertRaises((Disconnected, AssertionError)):
            self.stranger(daemon)
        wait_until(lambda: "Connection refused" in daemon.log(), "the line in the log")
        self.assertIn(f"(uid={NOBODY} ", daemon.log())
        self.assertIn(f'; denied by {daemon.config_path}:7: <deny user="65534"/>', daemon.log())


@unittest.skipIf(IS_REFERENCE, "dbus-daemon tells the command line instead")
class ProgramNames(DenialCase):
    """What the log calls the programs of both sides: comm="..."."""

    def other_program(self, name):
        """A connection of another process that is called so."""
        ends = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            link = ends[1].fileno()
            os.closerange(3, link)
            os.closerange(link + 1, 4096)
            with open("/proc/self/comm", "w", encoding="utf-8") as file:
                file.write(name)
            client = RawClient(self.bus.address)
            ends[1].send(client.name.encode())
            while request := ends[1].recv(64):
                with contextlib.suppress(BusError):
                    client.call_message(Message(CALL, "/", request.decode(), "M", NAME))
                ends[1].send(b"done")
            os._exit(0)
        ends[1].close()
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(ends[0].close)
        return pid, ends[0], ends[0].recv(64).decode()

    def ask(self, link):
        link.send(INTERFACE.encode())
        self.assertEqual(link.recv(64), b"done")

    @harness.needs_program_names
    def test_both_sides_are_named(self):
        self.server()
        pid, link, _ = self.other_program('odd "name)')
        with open("/proc/self/comm", encoding="utf-8") as file:
            own = file.read().strip()
        sender = fr'(uid={os.getuid()} pid={pid} comm="odd \"name)")'
        receiver = f'destination="{NAME}" (uid={os.getuid()} pid={os.getpid()} comm="{own}")'
        def is_named():
            self.ask(link)  # again: a name may come too late for a line on a busy machine
            return sum(sender in line and receiver in line
                       for line in self.bus.log().splitlines()) >= 2

        wait_until(is_named, "two lines with names")

    def test_no_line_waits_long_for_a_name(self):
        self.server()
        launcher = children(self.bus.pid)[0]
        os.kill(launcher, signal.SIGSTOP)
        self.addCleanup(os.kill, launcher, signal.SIGCONT)
        _, link, _ = self.other_program("short-lived")
        self.ask(link)
        self.expect_in_log("comm=?")
        self.assertNotIn("short-lived", self.bus.log())

    @harness.needs_program_names
    def test_names_are_known_before_they_are_needed(self):
        self.server()
        _, link, _ = self.other_program("early")
        later = self.connect()
        self.expect_denial(later, interface=INTERFACE)
        with open("/proc/self/comm", encoding="utf-8") as file:
            own = file.read().strip()
        self.expect_in_log(  # and so the earlier one has been answered
            f'sender="{later.name}" (uid={os.getuid()} pid={os.getpid()} comm="{own}"')
        launcher = children(self.bus.pid)[0]
        os.kill(launcher, signal.SIGSTOP)
        self.addCleanup(os.kill, launcher, signal.SIGCONT)
        self.ask(link)
        self.expect_in_log('comm="early"')

    @harness.needs_program_names
    def test_lines_stay_in_their_order(self):
        self.server()
        programs = [self.other_program(f"client-{n}") for n in range(8)]
        for _, link, _ in programs:
            self.ask(link)
        names = [name for _, _, name in programs]
        self.expect_in_log(f'sender="{names[-1]}"')
        told = re.findall(r'sender="(:[\d.]+)"[^\n]*interface="' + re.escape(INTERFACE) + '"',
                          self.bus.log())
        self.assertEqual([name for name in told if name in names], names)

    def test_each_user_has_a_budget_of_his_own(self):
        self.server()
        root, stranger = self.connect(), self.stranger()

        def annoy():
            with self.assertRaises(BusError):
                stranger.call_message(Message(CALL, "/", INTERFACE, "M", NAME))

        for _ in range(300):
            annoy()
        self.expect_denial(root, interface=INTERFACE)
        self.expect_in_log(f'sender="{root.name}" (uid=0 ')

        def is_told():
            annoy()  # the next line that there is room for comes behind the report
            return re.search(fr"\d+ records suppressed: policy denials of uid {NOBODY}",
                             self.bus.log())
        wait_until(is_told, "the report")


@unittest.skipIf(IS_REFERENCE, "dbus-daemon has no permissive mode")
class Permissive(DenialCase):
    def pass_call(self, client, server, **fields):
        client.send(Message(CALL, "/", member="M", destination=NAME, **fields))
        self.assertEqual(server.receive_call().member, "M")

    def test_of_the_whole_bus(self):
        daemon = self.start_daemon(RULES, arguments=["--permissive"])
        self.assertIn("PERMISSIVE MODE: what the policy denies is only logged on this bus",
                      daemon.log())
        server, client = self.server(daemon), self.connect(daemon)
        for number, (interface, kind) in enumerate(
                [(INTERFACE, "send"), ("com.example.Unheard", "receive")]):
            self.pass_call(client, server, interface=interface)
            self.expect_in_log(
                f"Would deny (permissive): Rejected {kind} message, 2 matched rules; ", daemon)
            self.expect_in_log(
                f'; receiver="{server.name}"; denied by {daemon.config_path}:{5 + number}'
                f': <deny {kind}_interface="{interface}"/>', daemon)
        self.assertEqual(client.request_name("com.example.Forbidden"), 1)
        self.expect_in_log("Would deny (permissive): " + OWN_TEXT.format(client.name), daemon)

    def test_of_one_name(self):
        daemon = self.start_daemon(RULES, arguments=[f"--permissive={NAME}"])
        self.assertIn(f"PERMISSIVE MODE: what the policy denies is only logged for {NAME}",
                      daemon.log())
        server, client = self.server(daemon), self.connect(daemon)
        other = self.server(daemon, "com.example.Other")
        self.pass_call(client, server, interface=INTERFACE)
        # It may send as well as receive.
        server.send(Message(CALL, "/", INTERFACE, "M", "com.example.Other"))
        self.assertEqual(other.receive_call().sender, server.name)
        self.expect_denial(client, interface=INTERFACE, destination="com.example.Other")
        with self.assertRaises(BusError) as raised:
            client.request_name("com.example.Forbidden")
        self.assertEqual(raised.exception.name, "AccessDenied")

    def test_of_a_name_to_be_owned(self):
        daemon = self.start_daemon(RULES, arguments=["--permissive=com.example.Forbidden"])
        client = self.connect(daemon)
        self.assertEqual(client.request_name("com.example.Forbidden"), 1)

    def test_broadcasts_reach_those_who_may_not_have_them(self):
        daemon = self.start_daemon(RULES, arguments=["--permissive"])
        sender, listener = self.connect(daemon), self.connect(daemon)
        listener.add_match("type='signal'")
        sender.signal("/", INTERFACE, "S")
        self.assertEqual(listener.receive_signal("S").sender, sender.name)
        self.expect_in_log("Would deny (permissive): Rejected send message", daemon)

    def test_it_never_lets_anybody_connect(self):
        config = RULES.replace('<deny own=', '<deny user="65534"/>\n<deny own=')
        daemon = self.start_daemon(config, arguments=["--permissive"])
        with self.assertRaises((Disconnected, AssertionError)):
            self.stranger(daemon)

    def test_privileged_methods_stay_privileged(self):
        client = self.stranger(self.start_daemon(RULES, arguments=["--permissive"]))
        with self.assertRaises(BusError) as raised:
            client.call(BUS_NAME, "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring",
                        "BecomeMonitor", "asu", [], 0)
        self.assertEqual(raised.exception.name, "AccessDenied")


if __name__ == "__main__":
    harness.main()
