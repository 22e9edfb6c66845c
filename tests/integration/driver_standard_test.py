# SPDX-License-Identifier: Apache-2.0
"""The standard interfaces of the driver: Properties, Introspectable, Peer."""

import os
import subprocess
import unittest
from xml.etree import ElementTree

import harness
from driver_case import INTROSPECTABLE, MONITORING, PEER, PROPERTIES, STATS, DriverTestCase
from rawclient import BUS_NAME, BUS_PATH, BusError
from waiting import DEADLINE
from wire import ERROR, RETURN, Message, Variant


OURS = harness.differs(["org.buzon.Policy1", "org.buzon.Quota1"], [],
                       "explains its policy, tells of its quotas")


def standard_rows(printed):
    """The cells of busctl's rows, without interfaces of ours, which also change column widths.

    The property that lists interfaces has a test of its own.
    """
    rows, is_ours = [], False
    for line in printed.splitlines():
        if not line.startswith("."):
            is_ours = line.split()[0] in OURS
        if not is_ours and not line.startswith(".Interfaces "):
            rows.append(line.split())
    return rows


class Properties(DriverTestCase):
    def get_all(self, interface):
        return self.client.bus("GetAll", "s", interface, interface=PROPERTIES).body[0]

    def test_features(self):
        reply = self.client.bus("Get", "ss", BUS_NAME, "Features", interface=PROPERTIES)
        (value,) = reply.body
        self.assertEqual((reply.signature, value.signature), ("v", "as"))
        self.assertLessEqual({"ActivatableServicesChanged", "HeaderFiltering"}, set(value.value))
        self.assertNotIn("SystemdActivation", value.value)

    def test_interfaces(self):
        (value,) = self.client.bus("Get", "ss", BUS_NAME, "Interfaces", interface=PROPERTIES).body
        self.assertEqual(value.signature, "as")
        self.assertEqual(value.value, [MONITORING, STATS, *OURS])

    def test_all(self):
        everything = self.get_all(BUS_NAME)
        self.assertEqual(set(everything), {"Features", "Interfaces"})
        for name, value in everything.items():
            reply = self.client.bus("Get", "ss", BUS_NAME, name, interface=PROPERTIES)
            self.assertEqual(reply.body, (value,))

    @harness.each([(name, name) for name in (PROPERTIES, INTROSPECTABLE, PEER, MONITORING, STATS)])
    def test_no_properties_of(self, interface):
        self.assertEqual(self.get_all(interface), {})

    @harness.each([
        ("Get of an unknown property", "Get", "ss", (BUS_NAME, "No"), "UnknownProperty"),
        ("Get of a property elsewhere", "Get", "ss", (PEER, "Features"), "UnknownProperty"),
        ("Get of an unknown interface", "Get", "ss", ("a.b", "Features"), "UnknownInterface"),
        ("Get without interface", "Get", "ss", ("", "Features"), "UnknownInterface"),
        ("GetAll of an unknown interface", "GetAll", "s", ("a.b",), "UnknownInterface"),
        ("GetAll without interface", "GetAll", "s", ("",), "UnknownInterface"),
        ("Set", "Set", "ssv", (BUS_NAME, "Features", Variant("as", [])), "PropertyReadOnly"),
        ("Set with another type", "Set", "ssv", (BUS_NAME, "Features", Variant("u", 1)),
         "PropertyReadOnly"),
        ("Set of an unknown property", "Set", "ssv", (BUS_NAME, "No", Variant("u", 1)),
         "UnknownProperty"),
        ("Set of an unknown interface", "Set", "ssv", ("a.b", "Features", Variant("u", 1)),
         "UnknownInterface"),
        ("Set without interface", "Set", "ssv", ("", "Features", Variant("u", 1)),
         "UnknownInterface"),
    ])
    def test_error_of(self, member, signature, body, error):
        for interface in (PROPERTIES, None):
            self.expect_error(error, member, signature, *body, interface=interface)


class Introspection(DriverTestCase):
    def introspect(self, path):
        return self.client.bus("Introspect", interface=INTROSPECTABLE, path=path).body[0]

    def parsed(self, path):
        return ElementTree.fromstring(self.introspect(path))

    @harness.each_named([("/", ["org/freedesktop/DBus"]), ("/org", ["freedesktop/DBus"]),
                   ("/org/freedesktop", ["DBus"]), (BUS_PATH, []), ("/com/example", [])])
    def test_children_of(self, path, children):
        self.assertEqual([n.get("name") for n in self.parsed(path).findall("node")], children)

    def test_interfaces_here_and_there(self):
        here = {i.get("name") for i in self.parsed(BUS_PATH).findall("interface")}
        self.assertEqual(here, {BUS_NAME, PROPERTIES, INTROSPECTABLE, PEER, MONITORING, STATS,
                                *OURS})
        there = {i.get("name") for i in self.parsed("/com/example").findall("interface")}
        self.assertEqual(there, {BUS_NAME, INTROSPECTABLE, PEER})

    def test_begins_with_the_doctype(self):
        self.assertRegex(self.introspect(BUS_PATH), r"^<!DOCTYPE node PUBLIC "
                         r'"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"')

    def test_busctl_prints_what_it_prints_for_dbus_daemon(self):
        command = ["busctl", "--no-pager", "introspect", BUS_NAME, BUS_PATH]
        ours = self.output_of(*command, "--address=" + self.bus.address)
        printed = subprocess.run(
            ["dbus-run-session", "--dbus-daemon=/usr/bin/dbus-daemon", "--", *command, "--user"],
            env=harness.clean_environment(), check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=DEADLINE)
        self.assertEqual(standard_rows(ours), standard_rows(printed.stdout.decode()))

    @unittest.skipIf(harness.IS_REFERENCE, "for interfaces that dbus-daemon lacks")
    def test_our_interfaces_come_last(self):
        names = [i.get("name") for i in self.parsed(BUS_PATH).findall("interface")]
        self.assertEqual(names[-len(OURS):], OURS)

    def test_option_introspect_prints_the_same(self):
        done = subprocess.run([*harness.WRAPPER, harness.DAEMON, "--introspect"], check=True,
                              stdout=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual(done.stdout.decode().strip(), self.introspect(BUS_PATH).strip())


class Peer(DriverTestCase):
    def machine_id(self):
        for path in ("/var/lib/dbus/machine-id", "/etc/machine-id"):
            if os.path.exists(path):
                with open(path, encoding="ascii") as file:
                    return file.read().strip()
        return None

    def test_machine_id(self):
        wanted = self.machine_id()
        for path in (BUS_PATH, "/", "/com/example"):
            if wanted:
                reply = self.client.bus("GetMachineId", interface=PEER, path=path)
                self.assertEqual(reply.body, (wanted,))
            else:
                with self.assertRaises(BusError):
                    self.client.bus("GetMachineId", interface=PEER, path=path)

    @harness.each([("before Hello", False), ("after Hello", True)])
    def test_connection_itself_answers(self, hello):
        client = self.connect(hello=hello)
        ping = Message(path="/any", interface=PEER, member="Ping")
        reply = client.reply_to(client.send(ping))
        self.assertEqual((reply.type, reply.sender, reply.destination, reply.body),
                         (RETURN, None, None, ()))
        if self.machine_id():
            reply = client.call_message(Message(path="/", interface=PEER, member="GetMachineId"))
            self.assertEqual(reply.body, (self.machine_id(),))

    @harness.each([("unknown member of Peer", PEER, "Unknown"), ("GetId", BUS_NAME, "GetId"),
                   ("method without interface", None, "Foo"),
                   ("property", PROPERTIES, "GetAll")])
    def test_connection_itself_does_not_know(self, interface, member):
        with self.assertRaises(BusError) as raised:
            self.client.call_message(Message(path="/", interface=interface, member=member))
        self.assertEqual(raised.exception.name, "UnknownMethod")
        self.assertEqual((raised.exception.reply.sender, raised.exception.reply.destination),
                         (None, None))

    def test_connection_itself_is_an_empty_node(self):
        reply = self.client.call_message(Message(path="/", interface=INTROSPECTABLE,
                                                 member="Introspect"))
        self.assertIn("<node>", reply.body[0])
        self.assertNotIn("<interface", reply.body[0])

    @harness.each([("return", Message(RETURN, reply_serial=1)),
                   ("error", Message(ERROR, reply_serial=1, error_name="a.b"))])
    def test_connection_itself_ignores_a(self, message):
        self.client.send(message)
        self.assertEqual(self.client.drain(), [])


if __name__ == "__main__":
    harness.main()
