# SPDX-License-Identifier: Apache-2.0
"""Names: queues of owners, every flag and return code, the order of the signals."""

import harness
from rawclient import BUS_NAME, BUS_PATH, BusError
from wire import Message

ALLOW_REPLACEMENT, REPLACE_EXISTING, DO_NOT_QUEUE = 1, 2, 4
PRIMARY, IN_QUEUE, EXISTS, ALREADY_OWNER = 1, 2, 3, 4
RELEASED, NON_EXISTENT, NOT_OWNER = 1, 2, 3
NAME = "com.example.Name"


def events(messages):
    """What happened to names, as (member, arguments)."""
    return [(m.member, *m.body) for m in messages if m.sender == BUS_NAME and m.member]


def driver_call(member, signature, *body):
    return Message(path=BUS_PATH, interface=BUS_NAME, member=member, destination=BUS_NAME,
                   signature=signature, body=body)


class NamesTestCase(harness.BusTestCase):
    def setUp(self):
        self.watcher = self.connect()
        self.watcher.add_match(f"member='NameOwnerChanged',arg0namespace='{NAME}'")

    def peers(self, count):
        return [self.connect() for _ in range(count)]

    def queue(self, name=NAME):
        """The unique names of owner and queue."""
        return self.watcher.bus("ListQueuedOwners", "s", name).body[0]

    def release(self, client, name=NAME):
        return client.bus("ReleaseName", "s", name).body[0]


class Request(NamesTestCase):
    def test_free_name(self):
        (a,) = self.peers(1)
        self.assertEqual(a.request_name(NAME), PRIMARY)
        (acquired,) = a.drain()
        self.assertEqual((acquired.member, acquired.body, acquired.destination, acquired.sender,
                          acquired.path, acquired.interface),
                         ("NameAcquired", (NAME,), a.name, BUS_NAME, BUS_PATH, BUS_NAME))
        self.assertEqual(events(self.watcher.drain()), [("NameOwnerChanged", NAME, "", a.name)])

    def test_owned_by_oneself(self):
        (a,) = self.peers(1)
        a.request_name(NAME)
        a.drain()
        self.assertEqual(a.request_name(NAME), ALREADY_OWNER)
        self.assertEqual(a.drain(), [])

    # Flags of the owner, flags of the second, answer, who owns and waits afterwards.
    @harness.each([
        ("plain", 0, 0, IN_QUEUE, "ab"),
        ("owner allows, second does not ask", ALLOW_REPLACEMENT, 0, IN_QUEUE, "ab"),
        ("second asks, owner does not allow", 0, REPLACE_EXISTING, IN_QUEUE, "ab"),
        ("asked and allowed", ALLOW_REPLACEMENT, REPLACE_EXISTING, PRIMARY, "ba"),
        ("asked and allowed, owner would not queue", ALLOW_REPLACEMENT | DO_NOT_QUEUE,
         REPLACE_EXISTING, PRIMARY, "b"),
        ("second would not queue", 0, DO_NOT_QUEUE, EXISTS, "a"),
        ("second asks and would not queue", 0, REPLACE_EXISTING | DO_NOT_QUEUE, EXISTS, "a"),
        ("allowed, second asks and would not queue", ALLOW_REPLACEMENT,
         REPLACE_EXISTING | DO_NOT_QUEUE, PRIMARY, "ba"),
        ("unknown flags", 0xfffffff8, 0xfffffff8, IN_QUEUE, "ab"),
        ("all flags", 0xffffffff, 0xffffffff, PRIMARY, "b"),
    ])
    def test_second_comer(self, first_flags, second_flags, answer, owners):
        a, b = self.peers(2)
        a.request_name(NAME, first_flags)
        self.assertEqual(b.request_name(NAME, second_flags), answer)
        self.assertEqual(self.queue(), [{"a": a, "b": b}[letter].name for letter in owners])

    def test_replacement_tells_old_then_all_then_new_then_answers(self):
        a, b = self.peers(2)
        a.request_name(NAME, ALLOW_REPLACEMENT)
        for client in (a, b, self.watcher):
            client.add_match(f"member='NameOwnerChanged',arg0='{NAME}'")
            client.drain()
        change = ("NameOwnerChanged", NAME, a.name, b.name)
        self.assertEqual(b.request_name(NAME, REPLACE_EXISTING), PRIMARY)
        self.assertEqual(events(a.drain()), [("NameLost", NAME), change])
        self.assertEqual(events(b.drain()), [change, ("NameAcquired", NAME)])
        self.assertEqual(events(self.watcher.drain()), [change])

    def test_answer_comes_after_the_signals(self):
        (a,) = self.peers(1)
        a.add_match(f"member='NameOwnerChanged',arg0='{NAME}'")
        serial = a.send(driver_call("RequestName", "su", NAME, 0))
        order = [a.read_message() for _ in range(3)]
        self.assertEqual([m.member or m.reply_serial for m in order],
                         ["NameOwnerChanged", "NameAcquired", serial])

    def test_new_flags_of_the_owner_count(self):
        a, b = self.peers(2)
        a.request_name(NAME)
        self.assertEqual(b.request_name(NAME, REPLACE_EXISTING | DO_NOT_QUEUE), EXISTS)
        self.assertEqual(a.request_name(NAME, ALLOW_REPLACEMENT), ALREADY_OWNER)
        self.assertEqual(b.request_name(NAME, REPLACE_EXISTING | DO_NOT_QUEUE), PRIMARY)

    def test_asking_again_without_queueing_leaves_the_queue(self):
        a, b = self.peers(2)
        a.request_name(NAME)
        self.assertEqual(b.request_name(NAME), IN_QUEUE)
        self.assertEqual(b.request_name(NAME, DO_NOT_QUEUE), EXISTS)
        self.assertEqual(self.queue(), [a.name])

    def test_asking_again_keeps_the_place(self):
        a, b, c = self.peers(3)
        for client in (a, b, c, b):
            client.request_name(NAME)
        self.assertEqual(self.queue(), [a.name, b.name, c.name])

    def test_vain_replacement_goes_to_the_second_place(self):
        a, b, c, d = self.peers(4)
        for client in (a, b, c, d):
            client.request_name(NAME)
        self.assertEqual(d.request_name(NAME, REPLACE_EXISTING), IN_QUEUE)
        self.assertEqual(self.queue(), [a.name, d.name, b.name, c.name])
        (e,) = self.peers(1)
        self.assertEqual(e.request_name(NAME, REPLACE_EXISTING), IN_QUEUE)
        self.assertEqual(self.queue(), [a.name, e.name, d.name, b.name, c.name])
        a.request_name(NAME, ALLOW_REPLACEMENT)
        self.assertEqual(c.request_name(NAME, REPLACE_EXISTING), PRIMARY)
        self.assertEqual(self.queue(), [c.name, a.name, e.name, d.name, b.name])

    def test_flags_of_one_who_waits_count_once_it_owns(self):
        a, b, c = self.peers(3)
        a.request_name(NAME)
        b.request_name(NAME, ALLOW_REPLACEMENT)
        self.release(a)
        self.assertEqual(c.request_name(NAME, REPLACE_EXISTING), PRIMARY)
        self.assertEqual(self.queue(), [c.name, b.name])

    @harness.each([(repr(name[:30]), name) for name in
                   ("", "a", "com.1a", ".a.b", "a..b", "a.b.", "a b.c", "ä.b", ":1.5", ":1.0",
                    ":a.b", BUS_NAME, "com.example." + "x" * 244)])
    def test_refused(self, name):
        (a,) = self.peers(1)
        for method, arguments in (("RequestName", ("su", name, 0)), ("ReleaseName", ("s", name))):
            with self.assertRaises(BusError) as raised:
                a.bus(method, *arguments)
            self.assertEqual(raised.exception.name, "InvalidArgs")
        self.assertEqual(a.drain(), [])

    @harness.each([(repr(name[:30]), name) for name in
                   ("a.b", "_._", "-.-", "com.example-with.hyphens_9", "A.B.C.D.E.F.G",
                    "com.example." + "x" * 243)])
    def test_granted(self, name):
        (a,) = self.peers(1)
        self.assertEqual(a.request_name(name), PRIMARY)
        self.assertEqual(self.release(a, name), RELEASED)


class Release(NamesTestCase):
    def test_answers(self):
        a, b, c = self.peers(3)
        self.assertEqual(self.release(a), NON_EXISTENT)
        a.request_name(NAME)
        b.request_name(NAME)
        self.assertEqual(self.release(c), NOT_OWNER)
        self.assertEqual(self.release(b), RELEASED)
        self.assertEqual(self.release(b), NOT_OWNER)
        self.assertEqual(self.release(a), RELEASED)
        self.assertEqual(self.release(a), NON_EXISTENT)

    def test_next_in_the_queue_inherits(self):
        a, b, c = self.peers(3)
        for client in (a, b, c):
            client.request_name(NAME)
            client.add_match(f"member='NameOwnerChanged',arg0='{NAME}'")
            client.drain()
        change = ("NameOwnerChanged", NAME, a.name, b.name)
        serial = a.send(driver_call("ReleaseName", "s", NAME))
        order = [a.read_message() for _ in range(3)]
        self.assertEqual([m.member or m.reply_serial for m in order],
                         ["NameLost", "NameOwnerChanged", serial])
        self.assertEqual(events(b.drain()), [change, ("NameAcquired", NAME)])
        self.assertEqual(events(c.drain()), [change])
        self.assertEqual(self.queue(), [b.name, c.name])

    def test_last_owner(self):
        (a,) = self.peers(1)
        a.request_name(NAME)
        self.watcher.drain()
        self.release(a)
        self.assertEqual(events(self.watcher.drain()), [("NameOwnerChanged", NAME, a.name, "")])
        self.assertIsNone(self.watcher.owner_of(NAME))

    def test_leaving_the_queue_is_silent(self):
        a, b = self.peers(2)
        a.request_name(NAME)
        b.request_name(NAME)
        for client in (a, b, self.watcher):
            client.drain()
        self.release(b)
        for client in (a, b, self.watcher):
            self.assertEqual(client.drain(), [])


class Disconnect(NamesTestCase):
    def test_names_go_last_acquired_first_and_the_unique_name_last(self):
        watcher = self.connect()
        watcher.add_match("member='NameOwnerChanged'")
        a = self.connect()
        names = [f"{NAME}.N{number}" for number in range(3)]
        for name in names:
            a.request_name(name)
        watcher.drain()
        a.close()
        seen = [watcher.receive_signal("NameOwnerChanged").body for _ in range(4)]
        self.assertEqual(seen, [(name, a.name, "") for name in [*reversed(names), a.name]])

    def test_queue_moves_up(self):
        a, b = self.peers(2)
        a.request_name(NAME)
        b.request_name(NAME)
        b.drain()
        a.close()
        self.assertEqual(b.receive_signal("NameAcquired").body, (NAME,))
        self.assertEqual(self.queue(), [b.name])

    def test_one_who_waits_leaves_the_queue_in_silence(self):
        a, b, c = self.peers(3)
        for client in (a, b, c):
            client.request_name(NAME)
        self.watcher.add_match(f"member='NameOwnerChanged',arg0='{b.name}'")
        self.watcher.drain()
        b.close()
        self.assertEqual(events([self.watcher.read_message()]),
                         [("NameOwnerChanged", b.name, b.name, "")])
        self.assertEqual(self.queue(), [a.name, c.name])

    def test_change_of_owner_comes_before_the_error_of_the_call(self):
        a, b = self.peers(2)
        a.request_name(NAME)
        b.add_match(f"member='NameOwnerChanged',arg0='{NAME}'")
        b.send(Message(path="/", member="M", destination=a.name))
        a.receive_call()
        a.close()
        first, second = b.read_message(), b.read_message()
        self.assertEqual((first.member, first.body), ("NameOwnerChanged", (NAME, a.name, "")))
        self.assertEqual((second.error_name, second.body[0]), (
            "org.freedesktop.DBus.Error.NoReply",
            "Message recipient disconnected from message bus without replying"))

    def test_unique_names_are_not_used_again(self):
        a = self.connect()
        a.close()
        names = {self.connect().name for _ in range(20)}
        self.assertNotIn(a.name, names)
        self.assertEqual(len(names), 20)


class Limit(harness.BusTestCase):
    config = harness.busconfig(limits={"max_names_per_connection": 3})

    def test_unique_name_counts(self):
        a = self.connect()
        a.request_name(NAME + ".A")
        a.request_name(NAME + ".B")
        for name in (NAME + ".C", NAME + ".A"):
            with self.assertRaises(BusError) as raised:
                a.request_name(name)
            self.assertEqual(raised.exception.name, "LimitsExceeded")
            self.assertIn("max_names_per_connection=3", raised.exception.text)
        a.bus("ReleaseName", "s", NAME + ".A")
        self.assertEqual(a.request_name(NAME + ".C"), PRIMARY)

    def test_places_in_queues_count(self):
        a, b = self.connect(), self.connect()
        a.request_name(NAME + ".A")
        a.request_name(NAME + ".B")
        self.assertEqual([b.request_name(NAME + ".A"), b.request_name(NAME + ".B")],
                         [IN_QUEUE, IN_QUEUE])
        with self.assertRaises(BusError) as raised:
            b.request_name(NAME + ".C")
        self.assertEqual(raised.exception.name, "LimitsExceeded")


class Policy(harness.BusTestCase):
    config = harness.busconfig(policy="""
      <policy context="default">
        <allow send_destination="*"/>
        <allow receive_sender="*"/>
        <allow own="com.example.Allowed"/>
        <allow own_prefix="com.example.Prefix"/>
        <deny own="com.example.Prefix.Not"/>
      </policy>""")

    @harness.each([
        ("com.example.Allowed", "com.example.Allowed", True),
        ("below an exact name", "com.example.Allowed.Below", False),
        ("another name", "com.example.Other", False),
        ("the prefix itself", "com.example.Prefix", True),
        ("below the prefix", "com.example.Prefix.A.B", True),
        ("longer than the prefix", "com.example.PrefixLonger", False),
        ("denied later", "com.example.Prefix.Not", False),
        ("below what is denied later", "com.example.Prefix.Not.Below", True),
    ])
    def test_own(self, name, allowed):
        a = self.connect()
        if allowed:
            self.assertEqual(a.request_name(name), PRIMARY)
        else:
            with self.assertRaises(BusError) as raised:
                a.request_name(name)
            self.assertEqual(raised.exception.name, "AccessDenied")
            self.assertEqual(a.drain(), [])


if __name__ == "__main__":
    harness.main()
