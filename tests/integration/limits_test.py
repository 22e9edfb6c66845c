# SPDX-License-Identifier: Apache-2.0
"""Limits of the configuration: how each is enforced, and that the others' work goes on."""

import os
import resource
import select
import threading

import harness
from rawclient import BusError
from wire import CALL, NO_REPLY_EXPECTED, RETURN, SIGNAL, Message

ERRORS = "org.freedesktop.DBus.Error."


class Connections(harness.BusTestCase):
    """max_completed_connections and max_connections_per_user: Hello fails and may be repeated."""

    @harness.each([("max_completed_connections", "max_completed_connections"),
                   ("max_connections_per_user", "max_connections_per_user")])
    def test_hello_beyond(self, limit):
        daemon = self.start_daemon(harness.busconfig(
            limits={**harness.SESSION_LIMITS, limit: 2}))
        peers = [self.connect(daemon) for _ in range(2)]
        third = self.connect(daemon, hello=False)
        for _ in range(2):
            with self.assertRaises(BusError) as raised:
                third.hello()
            self.assertEqual(raised.exception.name, "LimitsExceeded")
            self.assertEqual(raised.exception.reply.destination, ":not.active.yet")
        peers[1].add_match(f"member='NameOwnerChanged',arg0='{peers[0].name}'")
        peers[0].close()
        peers[1].receive_signal("NameOwnerChanged")
        third.hello()
        self.assertEqual(third.owner_of(peers[1].name), peers[1].name)


class Incomplete(harness.BusTestCase):
    config = harness.busconfig(limits={**harness.SESSION_LIMITS, "max_incomplete_connections": 3})

    def test_further_connections_wait_until_one_is_complete_or_gone(self):
        peer = self.connect()
        strangers = [self.connect(auth=False) for _ in range(3)]
        waiting = self.connect(auth=False)
        waiting.send_bytes(b"\0AUTH\r\n")
        peer.sync()
        strangers[0].close()
        self.assertEqual(waiting.read_line(), "REJECTED EXTERNAL")
        last = self.connect(auth=False)
        last.send_bytes(b"\0AUTH\r\n")
        strangers[1].send_bytes(b"\0")
        uid = str(os.getuid()).encode().hex().encode()
        strangers[1].send_bytes(b"AUTH EXTERNAL " + uid + b"\r\nBEGIN\r\n")
        strangers[1].read_line()
        strangers[1].hello()
        self.assertEqual(last.read_line(), "REJECTED EXTERNAL")


class Outgoing(harness.BusTestCase):
    """max_outgoing_bytes: a receiver that does not read; its senders are told."""

    config = harness.busconfig(limits={**harness.SESSION_LIMITS, "max_outgoing_bytes": 100000})

    def fill(self, sender, receiver, **options):
        """Sends 64 KiB each until the bus answers with an error.

        Returns the serials of what was accepted, and the error.
        """
        accepted = []
        for _ in range(100):
            serial = sender.send(Message(
                path="/", interface="a.b", member="M", destination=receiver.name, signature="ay",
                body=(bytes(65536),), **options))
            sender.sync()
            errors = [m for m in sender.inbox if m.error_name]
            if errors:
                return accepted, errors[0]
            accepted.append(serial)
        self.fail("no error")

    @harness.each([("call", CALL, 0), ("call that expects no reply", CALL, NO_REPLY_EXPECTED),
                   ("signal", SIGNAL, 0)])
    def test_sender_is_told_for_a(self, kind, flags):
        sender, receiver = self.connect(), self.connect()
        _, error = self.fill(sender, receiver, type=kind, flags=flags)
        self.assertEqual(error.error_name, ERRORS + "LimitsExceeded")
        other, third = self.connect(), self.connect()
        other.send(Message(path="/", member="M", destination=third.name))
        self.assertEqual(third.receive_call().sender, other.name)

    def test_what_was_accepted_arrives(self):
        sender, receiver = self.connect(), self.connect()
        accepted, _ = self.fill(sender, receiver, type=SIGNAL)
        self.assertEqual([receiver.receive().serial for _ in accepted], accepted)
        self.assertEqual(receiver.drain(), [])

    def test_broadcast_is_dropped_for_it_alone(self):
        sender, slow, quick = self.connect(), self.connect(), self.connect()
        self.fill(sender, slow, type=SIGNAL)
        sender.inbox = []
        slow_name = slow.name
        self.assertIsNotNone(quick.owner_of(slow_name))
        quick.add_match("member='B'")
        sender.signal("/", "a.b", "B")
        self.assertEqual(quick.receive_signal("B").sender, sender.name)
        sender.sync()
        self.assertEqual(sender.inbox, [])


class Incoming(harness.BusTestCase):
    """max_incoming_bytes: the bus stops reading from a sender until its messages have left."""

    config = harness.busconfig(limits={**harness.SESSION_LIMITS, "max_incoming_bytes": 1})

    def test_one_message_at_a_time_still_flows(self):
        a, b = self.connect(), self.connect()
        for number in range(50):
            a.send(Message(path="/", member="M", destination=b.name, signature="ayu",
                           body=(bytes(100000), number), flags=NO_REPLY_EXPECTED))
            self.assertEqual(b.receive_call().body[1], number)

    def test_sender_stalls_and_nothing_is_lost(self):
        sender, receiver = self.connect(), self.connect()
        data = b"".join(Message(SIGNAL, "/", "a.b", "M", receiver.name, "ay", (bytes(65536),),
                                serial=n).to_bytes() for n in range(1, 65))
        sender.socket.setblocking(False)
        sent = 0
        poller = select.poll()
        poller.register(sender.socket, select.POLLOUT)
        while poller.poll(100) and sent < len(data):  # stalled once 100 ms bring no room
            sent += sender.socket.send(data[sent:])
        self.assertLess(sent, len(data))
        other, third = self.connect(), self.connect()
        other.send(Message(path="/", member="M", destination=third.name))
        self.assertEqual(third.receive_call().sender, other.name)
        sender.socket.setblocking(True)
        rest = threading.Thread(target=sender.send_bytes, args=(data[sent:],))
        rest.start()
        self.assertEqual([receiver.receive().serial for _ in range(64)], list(range(1, 65)))
        rest.join()


class Descriptors(harness.BusTestCase):
    """Running out of descriptors refuses new connections, never the bus."""

    def test_bus_out_of_descriptors_accepts_again_later(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            daemon = self.start_daemon(harness.busconfig())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (64, 64))
        peer = self.connect(daemon)
        strangers = [self.connect(daemon, auth=False) for _ in range(100)]
        peer.sync()
        for stranger in strangers:
            stranger.close()
        peer.sync()
        late = self.connect(daemon)
        late.send(Message(path="/", member="M", destination=peer.name))
        question = peer.receive_call()
        peer.reply(question)
        self.assertEqual(late.reply_to(question.serial).type, RETURN)


if __name__ == "__main__":
    harness.main()
