# SPDX-License-Identifier: Apache-2.0
"""BecomeMonitor: what a monitor sees, in which order, and what it stops being."""

import os
import unittest

import harness
from driver_case import MONITORING
from rawclient import BUS_NAME, BusError
from wire import CALL, ERROR, RETURN, SIGNAL, Message

ERRORS = "org.freedesktop.DBus.Error."


def become(client, rules=(), flags=0, **options):
    return client.bus("BecomeMonitor", "asu", list(rules), flags, interface=MONITORING, **options)


def call_to(destination, **options):
    return Message(CALL, "/", "com.example.I", "M", destination, **options)


class MonitorTestCase(harness.BusTestCase):
    def setUp(self):
        self.a, self.b = self.connect(), self.connect()

    def monitor(self, *rules, **options):
        """A monitor whose own farewell has been read."""
        client = self.connect(**options)
        become(client, (*rules, "interface='com.example.Mark'") if rules else ())
        lost = client.receive()
        self.assertEqual((lost.member, lost.body), ("NameLost", (client.name,)))
        client.former_name, client.name = client.name, None  # it may not send any more
        return client

    def seen_until(self, monitor, client):
        """What the monitor saw up to a mark that `client` makes now."""
        serial = client.signal("/", "com.example.Mark", "Mark", destination=client.name)
        messages = []
        while not messages or (messages[-1].member, messages[-1].serial) != ("Mark", serial):
            messages.append(monitor.receive())
        client.receive_signal("Mark")
        return [m for m in messages if m.member != "Mark"]


def brief(message):
    """(kind, what) of a message; replies by their error name or body."""
    kind = {CALL: "call", RETURN: "return", ERROR: "error", SIGNAL: "signal"}[message.type]
    return kind, message.member or message.error_name or message.body


class Becoming(MonitorTestCase):
    @unittest.skipIf(harness.IS_REFERENCE, "dbus-daemon does it however long it takes")
    def test_refused_with_so_much_that_it_would_take_long(self):
        with self.assertRaises(BusError) as refused:
            become(self.a, [f"member='M{i}'" for i in range(513)])
        self.assertEqual(refused.exception.name, "LimitsExceeded")
        for i in range(33):
            self.a.request_name(f"com.example.N{i}")
        self.a.drain()
        with self.assertRaises(BusError) as refused:
            become(self.a)
        self.assertEqual(refused.exception.name, "LimitsExceeded")
        self.assertTrue(self.b.bus("NameHasOwner", "s", "com.example.N32").body[0])
        become(self.b, [f"member='M{i}'" for i in range(512)])

    @harness.each([
        ("flags", "InvalidArgs", [], 1, {}), ("all flags", "InvalidArgs", [], 2**32 - 1, {}),
        ("a bad rule", "MatchRuleInvalid", ["type='signal'", "bad"], 0, {}),
        ("a rule that is too long", "LimitsExceeded", ["arg0='" + "x" * 1024 + "'"], 0, {}),
        ("another path", "UnknownInterface", [], 0, {"path": "/"}),
    ])
    def test_refused_for(self, error, rules, flags, options):
        self.a.request_name("com.example.StillPeer")
        self.a.drain()
        with self.assertRaises(BusError) as raised:
            become(self.a, rules, flags, **options)
        self.assertEqual(raised.exception.name, error)
        self.assertEqual(self.a.drain(), [])
        self.assertEqual(self.b.owner_of("com.example.StillPeer"), self.a.name)

    def test_names_are_lost_the_unique_one_first(self):
        self.a.request_name("com.example.Lost")
        self.a.drain()
        self.b.add_match("member='NameOwnerChanged'")
        self.b.drain()
        self.assertEqual(become(self.a).body, ())
        lost = [self.a.receive() for _ in range(2)]
        self.assertEqual([(m.member, *m.body) for m in lost],
                         [("NameLost", self.a.name), ("NameLost", "com.example.Lost")])
        changes = [self.b.receive().body for _ in range(2)]
        self.assertEqual(changes, [(self.a.name, self.a.name, ""),
                                   ("com.example.Lost", self.a.name, "")])

    def test_it_is_no_peer_any_more(self):
        monitor = self.monitor()
        self.assertIsNone(self.a.owner_of(monitor.former_name))
        self.assertNotIn(monitor.former_name, self.a.bus("ListNames").body[0])
        with self.assertRaises(BusError) as raised:
            self.a.call(monitor.former_name, "/", "com.example.I", "M")
        self.assertEqual(raised.exception.name, "ServiceUnknown")

    @harness.each([
        ("Ping of the bus", Message(path="/", interface="org.freedesktop.DBus.Peer",
                                    member="Ping", destination=BUS_NAME)),
        ("call of the bus", Message(path="/", member="GetId", destination=BUS_NAME)),
        ("broadcast", Message(SIGNAL, "/", "a.b", "S")),
        ("return", Message(RETURN, reply_serial=1, destination=BUS_NAME)),
        ("call of a missing name", call_to("com.example.Missing")),
    ])
    def test_it_is_dropped_if_it_sends_a(self, message):
        monitor = self.monitor("type='error'")
        monitor.send(message)
        self.assertEqual(monitor.expect_closed(), [])

    def test_its_former_rules_count_no_more(self):
        client = self.connect()
        client.add_match("interface='com.example.I'")
        become(client, ["interface='com.example.Other'"])
        client.receive()
        name, client.name = client.name, None
        self.a.signal("/", "com.example.I", "S")
        self.a.signal("/", "com.example.Other", "T")
        self.assertEqual(client.receive().member, "T", name)

    def test_its_awaited_calls_are_forgotten(self):
        self.a.send(call_to(self.b.name))
        question = self.b.receive_call()
        name = self.a.name
        become(self.a, ["type='error'"])
        self.b.reply(question)
        reply = self.b.receive()
        self.assertEqual((reply.error_name, reply.sender), (ERRORS + "ServiceUnknown", BUS_NAME))
        self.assertIsNone(self.b.owner_of(name))

    def test_peers_that_wait_for_it_are_told(self):
        serial = self.a.send(call_to(self.b.name))
        self.b.receive_call()
        become(self.b, ["type='error'"])
        self.assertEqual(self.a.reply_to(serial).error_name, ERRORS + "NoReply")


class Seeing(MonitorTestCase):
    def test_call_and_return_once_each_although_many_rules_match(self):
        monitor = self.monitor("interface='com.example.I'", "type='method_call'",
                               f"destination='{self.b.name}'", "type='method_return'")
        serial = self.a.send(call_to(self.b.name))
        self.b.reply(self.b.receive_call(), "s", "answer")
        self.a.reply_to(serial)
        seen = [m for m in self.seen_until(monitor, self.a)]
        self.assertEqual([(brief(m), m.sender, m.destination) for m in seen],
                         [(("call", "M"), self.a.name, self.b.name),
                          (("return", ("answer",)), self.b.name, self.a.name)])
        self.assertEqual((seen[0].serial, seen[1].reply_serial), (serial, serial))

    def test_broadcast_and_unicast_signal(self):
        monitor = self.monitor()
        self.a.signal("/", "com.example.I", "Broadcast")
        self.a.signal("/", "com.example.I", "Unicast", destination=self.b.name)
        seen = self.seen_until(monitor, self.a)
        self.assertEqual([(m.member, m.destination) for m in seen],
                         [("Broadcast", None), ("Unicast", self.b.name)])

    def test_new_peer(self):
        monitor = self.monitor()
        client = self.connect()
        seen = self.seen_until(monitor, client)
        self.assertEqual(brief(seen[0]), ("call", "Hello"))
        self.assertEqual([(*brief(m), m.sender, m.destination) for m in seen[1:]], [
            ("return", (client.name,), BUS_NAME, client.name),
            ("signal", "NameOwnerChanged", BUS_NAME, None),
            ("signal", "NameAcquired", BUS_NAME, client.name)])

    def test_peer_that_leaves(self):
        self.b.request_name("com.example.Leaves")
        self.b.drain()
        monitor = self.monitor()
        name = self.b.name
        self.b.close()
        seen = [monitor.receive() for _ in range(4)]
        self.assertEqual([(m.member, m.body) for m in seen], [
            ("NameLost", ("com.example.Leaves",)),
            ("NameOwnerChanged", ("com.example.Leaves", name, "")),
            ("NameLost", (name,)), ("NameOwnerChanged", (name, name, ""))])

    def test_names_that_come_and_go(self):
        monitor = self.monitor()
        self.a.request_name("com.example.Go")
        self.a.bus("ReleaseName", "s", "com.example.Go")
        self.assertEqual([brief(m) for m in self.seen_until(monitor, self.a)], [
            ("call", "RequestName"), ("signal", "NameOwnerChanged"), ("signal", "NameAcquired"),
            ("return", (1,)), ("call", "ReleaseName"), ("signal", "NameLost"),
            ("signal", "NameOwnerChanged"), ("return", (1,))])

    def test_call_to_a_missing_name_and_its_error(self):
        monitor = self.monitor()
        serial = self.a.send(call_to("com.example.Missing"))
        self.a.reply_to(serial)
        call, error = self.seen_until(monitor, self.a)
        self.assertEqual((call.destination, call.serial), ("com.example.Missing", serial))
        self.assertEqual((error.error_name, error.sender, error.destination, error.reply_serial),
                         (ERRORS + "ServiceUnknown", BUS_NAME, self.a.name, serial))

    def test_message_before_hello(self):
        monitor = self.monitor()
        client = self.connect(hello=False)
        with self.assertRaises(BusError):
            client.bus("ListNames")
        call, error = self.seen_until(monitor, self.a)
        self.assertEqual((call.member, call.sender), ("ListNames", ":not.active.yet"))
        self.assertEqual((error.error_name, error.destination),
                         (ERRORS + "AccessDenied", ":not.active.yet"))

    def test_callee_that_vanishes(self):
        serial = self.a.send(call_to(self.b.name))
        self.b.receive_call()
        monitor = self.monitor("type='error'")
        self.b.close()
        self.a.reply_to(serial)
        (error,) = self.seen_until(monitor, self.a)
        self.assertEqual((error.error_name, error.destination),
                         (ERRORS + "NoReply", self.a.name))

    def test_messages_without_destination_to_the_connection_itself_are_not_seen(self):
        monitor = self.monitor()
        self.a.call_message(Message(path="/", interface="org.freedesktop.DBus.Introspectable",
                                    member="Introspect"))
        self.assertEqual(self.seen_until(monitor, self.a), [])

    def test_unknown_fields_are_removed(self):
        monitor = self.monitor()
        self.a.send(Message(SIGNAL, "/", "com.example.I", "S", extra_fields=[(99, "s", "x")]))
        (seen,) = self.seen_until(monitor, self.a)
        self.assertEqual((seen.extra_fields, seen.sender), ((), self.a.name))

    def test_descriptors_go_to_monitors_that_take_them_and_others_do_not_see_the_message(self):
        taking, plain = self.monitor(), self.monitor(fds=False)
        fd = os.memfd_create("seen")
        self.a.send(Message(SIGNAL, "/", "com.example.I", "S", self.b.name, fds=[fd]))
        received = [m for m in self.seen_until(taking, self.a) if m.member == "S"]
        self.assertEqual([os.fstat(m.fds[0]).st_ino for m in received], [os.fstat(fd).st_ino])
        os.close(fd)
        os.close(received[0].fds[0])
        self.assertNotIn("S", [m.member for m in self.seen_until(plain, self.a)])


class Rules(MonitorTestCase):
    @harness.each([
        ("interface", "interface='com.example.Other'", ["Other"]),
        ("member", "member='Other'", ["Other"]),
        ("type", "type='signal'", ["Broadcast", "ToB", "Other"]),
        ("type of nothing here", "type='error'", []),
        ("eavesdrop=false is not heeded", "eavesdrop=false,member='ToB'", ["ToB"]),
        ("argument", "arg0='x'", ["Broadcast"]),
    ])
    def test_by(self, rule, wanted):
        monitor = self.monitor(rule)
        self.a.signal("/", "com.example.I", "Broadcast", "s", "x")
        self.a.signal("/", "com.example.I", "ToB", "s", "y", destination=self.b.name)
        self.a.signal("/", "com.example.Other", "Other")
        self.assertEqual([m.member for m in self.seen_until(monitor, self.a)], wanted)

    def test_destination_and_sender_mean_owners_not_texts(self):
        self.b.request_name("com.example.B")
        rules = (f"destination='{self.b.name}'", "destination='com.example.B'",
                 f"sender='{self.b.name}'", "sender='com.example.B'")
        monitors = [self.monitor(rule) for rule in rules]
        self.a.signal("/", "com.example.I", "ToUnique", destination=self.b.name)
        self.a.signal("/", "com.example.I", "ToKnown", destination="com.example.B")
        self.b.signal("/", "com.example.I", "FromB")
        self.b.sync()
        for number, monitor in enumerate(monitors):
            seen = [m.member for m in self.seen_until(monitor, self.a)
                    if m.interface == "com.example.I"]
            self.assertEqual(seen, ["ToUnique", "ToKnown"] if number < 2 else ["FromB"])

    def test_destination_that_does_not_exist_is_compared_as_text(self):
        monitor = self.monitor("destination='com.example.Missing'")
        self.a.reply_to(self.a.send(call_to("com.example.Missing")))
        self.assertEqual([brief(m) for m in self.seen_until(monitor, self.a)], [("call", "M")])

    def test_sender_is_the_bus(self):
        monitor = self.monitor(f"sender='{BUS_NAME}'")
        self.a.bus("GetId")
        self.a.signal("/", "com.example.I", "S")
        seen = self.seen_until(monitor, self.a)
        self.assertEqual([(m.type, m.sender) for m in seen], [(RETURN, BUS_NAME)] * len(seen))


class UnderPolicy(MonitorTestCase):
    """Monitors are not subject to any policy on sending and receiving."""

    config = harness.busconfig(policy="""
      <policy context="default">
        <allow own="*"/>
        <allow send_destination="*"/>
        <allow receive_type="method_call"/>
        <allow receive_type="signal"/>
        <allow receive_type="method_return"/>
        <allow receive_type="error"/>
        <deny send_interface="com.example.DeniedCall"/>
        <deny receive_interface="com.example.DeniedSignal"/>
      </policy>""")

    def test_denied_call_and_its_error(self):
        monitor = self.monitor()
        serial = self.a.send(Message(CALL, "/", "com.example.DeniedCall", "M", self.b.name))
        self.a.reply_to(serial)
        call, error = self.seen_until(monitor, self.a)
        self.assertEqual((call.member, error.error_name, error.reply_serial),
                         ("M", ERRORS + "AccessDenied", serial))
        self.assertEqual(self.b.drain(), [])

    def test_broadcast_denied_to_a_receiver(self):
        self.b.add_match("interface='com.example.DeniedSignal'")
        monitor = self.monitor()
        serial = self.a.signal("/", "com.example.DeniedSignal", "S")
        seen = self.seen_until(monitor, self.a)
        self.assertEqual([brief(m) for m in seen],
                         [("signal", "S"), ("error", ERRORS + "AccessDenied")])
        self.assertEqual((seen[1].reply_serial, seen[1].destination), (serial, self.a.name))
        self.assertEqual((self.a.drain(), self.b.drain()), ([], []))


if __name__ == "__main__":
    harness.main()
