# SPDX-License-Identifier: Apache-2.0
"""org.freedesktop.DBus itself: each method's answer, its errors, and where it is to be found."""

import os

import harness
from driver_case import INTROSPECTABLE, MONITORING, PEER, PROPERTIES, STATS, DriverTestCase
from rawclient import BUS_NAME, BUS_PATH, BusError
from wire import ERROR, NO_REPLY_EXPECTED, RETURN, SIGNAL, Message

MISSING = "com.example.Missing"
MALFORMED = ("", "a", "..", ":", "a.1", "with space.x", "ä.b", "a" * 300)


class Hello(DriverTestCase):
    def test_first_name_is_1_0_and_names_count_up(self):
        daemon = self.start_daemon(self.config)
        names = []
        for _ in range(3):
            client = self.connect(daemon)
            names.append(client.name)
            if len(names) == 2:
                client.close()
        self.assertEqual(names, [":1.0", ":1.1", ":1.2"])

    def test_reply_comes_before_the_signals(self):
        client = self.connect(hello=False)
        client.send(Message(path=BUS_PATH, interface=BUS_NAME, member="Hello",
                            destination=BUS_NAME))
        first, second = client.receive(), client.receive()
        self.assertEqual((first.type, first.signature, first.destination),
                         (RETURN, "s", first.body[0]))
        self.assertEqual((second.type, second.member, second.body, second.destination),
                         (SIGNAL, "NameAcquired", first.body, first.body[0]))
        self.assertEqual((second.path, second.interface, second.sender),
                         (BUS_PATH, BUS_NAME, BUS_NAME))

    @harness.each([("without interface", dict(interface=None)), ("on another path", dict(path="/")),
                   ("with the no-reply flag", dict(flags=NO_REPLY_EXPECTED))])
    def test_hello(self, changes):
        client = self.connect(hello=False)
        options = dict(path=BUS_PATH, interface=BUS_NAME, member="Hello", destination=BUS_NAME)
        serial = client.send(Message(**{**options, **changes}))
        self.assertEqual(client.reply_to(serial).type, RETURN)

    def test_second_hello(self):
        text = self.expect_error("Failed", "Hello")
        self.assertEqual(text, "Already handled an Hello message")
        self.assertEqual(self.client.owner_of(self.client.name), self.client.name)

    def test_hello_with_arguments_can_be_repeated_without(self):
        client = self.connect(hello=False)
        with self.assertRaises(BusError) as raised:
            client.bus("Hello", "s", "x")
        self.assertEqual(raised.exception.name, "InvalidArgs")
        client.hello()

    @harness.each([("driver", "ListNames"), ("driver's unknown method", "NoSuchMethod"),
                   ("driver's Ping", "Ping")])
    def test_before_hello_call_of_the(self, member):
        client = self.connect(hello=False)
        with self.assertRaises(BusError) as raised:
            client.bus(member, interface=None)
        self.assertEqual(raised.exception.name, "AccessDenied")
        self.assertEqual(raised.exception.text, "Client tried to send a message other than "
                                                "Hello without being registered")
        self.assertEqual(raised.exception.reply.destination, ":not.active.yet")
        client.hello()

    @harness.each([
        ("call of a peer", Message(path="/", member="M", destination=":1.0")),
        ("call of a missing name", Message(path="/", member="M", destination="a.b")),
        ("broadcast", Message(SIGNAL, path="/", interface="a.b", member="M")),
        ("return to a peer", Message(RETURN, destination=":1.0", reply_serial=1)),
    ])
    def test_before_hello_closes_after_a(self, message):
        client = self.connect(hello=False)
        client.send(message)
        self.assertEqual(client.expect_closed(), [])


class Queries(DriverTestCase):
    def test_list_names_begins_with_the_bus(self):
        self.client.request_name("com.example.Listed")
        (names,) = self.client.bus("ListNames").body
        self.assertEqual(names[0], BUS_NAME)
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual({self.client.name, "com.example.Listed"}, set(names))

    def test_list_activatable_names_begins_with_the_bus(self):
        self.assertEqual(self.client.bus("ListActivatableNames").body, ([BUS_NAME],))

    def test_owner_of_the_bus(self):
        self.assertEqual(self.client.owner_of(BUS_NAME), BUS_NAME)
        self.assertEqual(self.client.bus("ListQueuedOwners", "s", BUS_NAME).body, ([BUS_NAME],))
        self.assertEqual(self.client.bus("NameHasOwner", "s", BUS_NAME).body, (True,))

    def test_owner_of_a_unique_name_is_itself(self):
        name = self.client.name
        self.assertEqual(self.client.owner_of(name), name)
        self.assertEqual(self.client.bus("ListQueuedOwners", "s", name).body, ([name],))

    def test_owners_in_queue_order(self):
        clients = [self.client, self.connect(), self.connect()]
        self.assertEqual([c.request_name("com.example.Queue") for c in clients], [1, 2, 2])
        self.assertEqual(self.client.bus("ListQueuedOwners", "s", "com.example.Queue").body,
                         ([c.name for c in clients],))

    @harness.each([(f"{method} of {name[:20]!r}", method, name)
                   for method in ("GetNameOwner", "ListQueuedOwners", "GetConnectionUnixUser",
                                  "GetConnectionUnixProcessID", "GetConnectionCredentials",
                                  "GetAdtAuditSessionData", "GetConnectionSELinuxSecurityContext")
                   for name in (MISSING, ":1.999999", *MALFORMED)])
    def test_no_such_name(self, method, name):
        self.expect_error("NameHasNoOwner", method, "s", name)

    @harness.each([(repr(name[:20]), name) for name in (MISSING, ":1.999999", *MALFORMED)])
    def test_name_has_no_owner(self, name):
        self.assertEqual(self.client.bus("NameHasOwner", "s", name).body, (False,))

    def test_id_is_constant_hexadecimal(self):
        first = self.client.bus("GetId").body
        self.assertRegex(first[0], "^[0-9a-f]{32}$")
        self.assertEqual(self.connect().bus("GetId").body, first)

    def test_audit_data_exist_only_on_solaris(self):
        self.expect_error("AdtAuditDataUnknown", "GetAdtAuditSessionData", "s", self.client.name)

    def test_selinux_context_is_unknown_without_selinux(self):
        if os.path.exists("/sys/fs/selinux/enforce"):
            self.skipTest("SELinux is enabled")
        self.expect_error("SELinuxSecurityContextUnknown", "GetConnectionSELinuxSecurityContext",
                          "s", self.client.name)

    @harness.each([(name, name) for name in (MISSING, ":1.0", BUS_NAME, "", "a..b")])
    def test_start_service_by_name_of(self, name):
        self.expect_error("ServiceUnknown", "StartServiceByName", "su", name, 0)

    def test_start_service_by_name_of_a_running_service_without_file(self):
        self.client.request_name("com.example.Running")
        self.expect_error("ServiceUnknown", "StartServiceByName", "su", "com.example.Running", 0)

    def test_reload_config_is_announced_before_it_is_answered(self):
        self.client.add_match("member='ActivatableServicesChanged'")
        self.client.bus("ReloadConfig")
        (changed,) = self.client.drain()
        self.assertEqual((changed.path, changed.interface, changed.body, changed.destination),
                         (BUS_PATH, BUS_NAME, (), None))

    @harness.each([("nothing", {}), ("pairs", {"A": "1", "B": ""}),
                   ("odd keys", {"": "x", "A=B": "y", "a b": "z"})])
    def test_update_activation_environment_with(self, variables):
        self.assertEqual(
            self.client.bus("UpdateActivationEnvironment", "a{ss}", variables).body, ())

    def test_update_activation_environment_elsewhere(self):
        self.expect_error("AccessDenied", "UpdateActivationEnvironment", "a{ss}", {}, path="/")


class WrongArguments(DriverTestCase):
    METHODS = (("Hello", ""), ("RequestName", "su"), ("ReleaseName", "s"),
               ("StartServiceByName", "su"), ("UpdateActivationEnvironment", "a{ss}"),
               ("NameHasOwner", "s"), ("ListNames", ""), ("ListActivatableNames", ""),
               ("AddMatch", "s"), ("RemoveMatch", "s"), ("GetNameOwner", "s"),
               ("ListQueuedOwners", "s"), ("GetConnectionUnixUser", "s"),
               ("GetConnectionUnixProcessID", "s"), ("GetAdtAuditSessionData", "s"),
               ("GetConnectionSELinuxSecurityContext", "s"), ("ReloadConfig", ""), ("GetId", ""),
               ("GetConnectionCredentials", "s"), ("Ping", ""), ("GetMachineId", ""),
               ("Introspect", ""), ("Get", "ss"), ("Set", "ssv"), ("GetAll", "s"),
               ("BecomeMonitor", "asu"), ("GetStats", ""), ("GetConnectionStats", "s"),
               ("GetAllMatchRules", ""))

    @harness.each([(member, member, wanted) for member, wanted in METHODS])
    def test_of(self, member, wanted):
        text = self.expect_error("InvalidArgs", member, "yy", 1, 2, interface=None)
        self.assertEqual(text, f"Call to {member} has wrong args (yy, expected {wanted})")

    def test_none_where_some_are_wanted(self):
        text = self.expect_error("InvalidArgs", "GetNameOwner")
        self.assertEqual(text, "Call to GetNameOwner has wrong args (, expected s)")

    def test_one_too_many(self):
        self.expect_error("InvalidArgs", "GetNameOwner", "ss", "a", "b")


class Lookup(DriverTestCase):
    """Which method a call means: interface, member, path."""

    ANY_PATH = ((BUS_NAME, "GetId", None, ()), (INTROSPECTABLE, "Introspect", None, ()),
                (PEER, "Ping", None, ()), (BUS_NAME, "ListNames", None, ()))
    CANONICAL = ((PROPERTIES, "GetAll", "s", (BUS_NAME,)), (MONITORING, "BecomeMonitor", "asu", ([], 1)),
                 (STATS, "GetStats", None, ()))

    @harness.each([(f"{member} on {path}", interface, member, signature, body, path)
                   for interface, member, signature, body in ANY_PATH
                   for path in (BUS_PATH, "/", "/com/example")])
    def test_any_path(self, interface, member, signature, body, path):
        for named in (interface, None):
            reply = self.client.bus(member, signature, *body, interface=named, path=path)
            self.assertEqual(reply.type, RETURN)

    @harness.each([(f"{member} on {path}", interface, member, signature, body, path)
                   for interface, member, signature, body in CANONICAL
                   for path in ("/", "/com/example", BUS_PATH + "/x")])
    def test_canonical_path_only(self, interface, member, signature, body, path):
        for named, error in ((interface, "UnknownInterface"), (None, "UnknownMethod")):
            self.expect_error(error, member, signature, *body, interface=named, path=path)

    @harness.each([
        ("interface", "com.example.Unknown", "GetId", "UnknownInterface"),
        ("interface and member", "com.example.Unknown", "Unknown", "UnknownInterface"),
        ("member", BUS_NAME, "Unknown", "UnknownMethod"),
        ("member of another interface", BUS_NAME, "Ping", "UnknownMethod"),
        ("member without interface", None, "Unknown", "UnknownMethod"),
        ("member of Peer", PEER, "Unknown", "UnknownMethod"),
        ("member in lower case", BUS_NAME, "getid", "UnknownMethod"),
        ("interface of a later issue", "org.freedesktop.DBus.Containers1", "AddServer",
         "UnknownInterface"),
        ("interface of verbose builds", "org.freedesktop.DBus.Verbose", "EnableVerbose",
         "UnknownInterface"),
    ])
    def test_unknown(self, interface, member, error):
        text = self.expect_error(error, member, interface=interface)
        self.assertEqual(text, f"org.freedesktop.DBus does not understand message {member}")

    @harness.each_named([
        ("AddMatch", "s", ("member='X'",)), ("RemoveMatch", "s", ("member='X'",)),
        ("UpdateActivationEnvironment", "a{ss}", ({},)), ("Ping", None, ()),
    ])
    def test_acknowledgement_is_left_out_if_not_wanted_of(self, member, signature, body):
        if member == "RemoveMatch":
            self.client.add_match("member='X'")
        self.client.send(Message(path=BUS_PATH, member=member, destination=BUS_NAME,
                                 signature=signature, body=body, flags=NO_REPLY_EXPECTED))
        self.assertEqual(self.client.drain(), [])

    @harness.each_named([
        ("GetId", None, ()), ("ReloadConfig", None, ()), ("ListNames", None, ()),
        ("RequestName", "su", ("com.example.Silent", 0)), ("ReleaseName", "s", (MISSING,)),
        ("NameHasOwner", "s", (MISSING,)), ("GetMachineId", None, ()), ("Introspect", None, ()),
        ("GetStats", None, ()),
    ])
    def test_answer_comes_even_if_not_wanted_of(self, member, signature, body):
        serial = self.client.send(Message(path=BUS_PATH, member=member, destination=BUS_NAME,
                                          signature=signature, body=body, flags=NO_REPLY_EXPECTED))
        # A reload is answered when the files have been read, which others need not wait for.
        self.assertEqual(self.client.reply_to(serial).type, RETURN)
        self.assertEqual([m for m in self.client.drain() if m.type == RETURN], [])

    def test_errors_come_even_if_not_wanted(self):
        serial = self.client.send(Message(path=BUS_PATH, member="AddMatch", destination=BUS_NAME,
                                          signature="s", body=("x",), flags=NO_REPLY_EXPECTED))
        (reply,) = self.client.drain()
        self.assertEqual((reply.type, reply.reply_serial), (ERROR, serial))

    @harness.each([
        ("return", Message(RETURN, destination=BUS_NAME, reply_serial=1)),
        ("error", Message(ERROR, destination=BUS_NAME, reply_serial=1, error_name="a.b")),
        ("signal", Message(SIGNAL, "/", "a.b", "Sig", BUS_NAME)),
        ("forged report of systemd",
         Message(SIGNAL, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Activator",
                 "ActivationFailure", BUS_NAME, "sss", ("x.service", "a.b", "text"))),
    ])
    def test_ignored_by_the_bus(self, message):
        self.client.send(message)
        self.assertEqual(self.client.drain(), [])


if __name__ == "__main__":
    harness.main()
