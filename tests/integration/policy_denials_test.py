# SPDX-License-Identifier: Apache-2.0
"""What those who are denied something are told, what the log says, and the permissive mode."""

import contextlib
import os
import unittest

import harness
from harness import IS_REFERENCE, busconfig, differs
from rawclient import BUS_NAME, BusError, Disconnected
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
        log = self.bus.log()
        self.assertIn(text if IS_REFERENCE else f'; receiver="{server.name}"{rule}', log)

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
        self.assertIn(f"(uid={NOBODY} ", self.bus.log())

    def test_own(self):
        client = self.connect()
        with self.assertRaises(BusError) as raised:
            client.request_name("com.example.Forbidden")
        self.assertEqual(raised.exception.name, "AccessDenied")
        rule = by_rule(self.bus, 7, '<deny own="com.example.Forbidden"/>')
        self.assertEqual(raised.exception.text, OWN_TEXT.format(client.name) + rule)
        if not IS_REFERENCE:
            self.assertIn(rule, self.bus.log())

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
            self.assertIn(f"Would deny (permissive): Rejected {kind} message, 2 matched rules; ",
                          daemon.log())
            self.assertIn(f'; receiver="{server.name}"; denied by {daemon.config_path}:{5 + number}'
                          f': <deny {kind}_interface="{interface}"/>', daemon.log())
        self.assertEqual(client.request_name("com.example.Forbidden"), 1)
        self.assertIn("Would deny (permissive): " + OWN_TEXT.format(client.name), daemon.log())

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
        self.assertIn("Would deny (permissive): Rejected send message", daemon.log())

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
