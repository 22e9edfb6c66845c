# SPDX-License-Identifier: Apache-2.0
"""Limits of the configuration: how each is enforced, and that the others' work goes on."""

import contextlib
import os
import resource
import select
import threading

import harness
from rawclient import BusError, Disconnected
from waiting import wait_until
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
    """max_outgoing_bytes: a receiver that does not read. Callers are told, others have to wait."""

    config = harness.busconfig(limits={**harness.SESSION_LIMITS, "max_outgoing_bytes": 100000})

    def message(self, receiver, kind, flags=0, serial=0):
        return Message(kind, "/", "a.b", "M", receiver.name, "ay", (bytes(65536),), flags=flags,
                       serial=serial)

    def test_a_caller_is_told(self):
        sender, receiver = self.connect(), self.connect()
        for _ in range(100):
            sender.send(self.message(receiver, CALL))
            sender.sync()
            errors = [m for m in sender.inbox if m.error_name]
            if errors:
                break
        self.assertEqual(errors[0].error_name, ERRORS + "LimitsExceeded")
        other, third = self.connect(), self.connect()
        other.send(Message(path="/", member="M", destination=third.name))
        self.assertEqual(third.receive_call().sender, other.name)

    def stall(self, sender, messages):
        """Sends until the bus reads no more. Returns the bytes that are left."""
        data = b"".join(m.to_bytes() for m in messages)
        sender.socket.setblocking(False)
        poller = select.poll()
        poller.register(sender.socket, select.POLLOUT)
        while data and poller.poll(200):  # stalled once 200 ms bring no room
            data = data[sender.socket.send(data):]
        sender.socket.setblocking(True)
        return data

    @harness.each([("call that expects no reply", CALL, NO_REPLY_EXPECTED), ("signal", SIGNAL, 0)])
    def test_one_who_wants_no_answer_waits_and_nothing_is_lost(self, kind, flags):
        sender, receiver = self.connect(), self.connect()
        serials = list(range(1000, 1100))
        rest = self.stall(sender, [self.message(receiver, kind, flags, n) for n in serials])
        if harness.differs(False, rest == b"", "dbus-daemon reads on and answers with errors"):
            return
        self.assertGreater(len(rest), 0)
        other, third = self.connect(), self.connect()
        other.send(Message(path="/", member="M", destination=third.name))
        self.assertEqual(third.receive_call().sender, other.name)
        writer = threading.Thread(target=sender.send_bytes, args=(rest,))
        writer.start()
        self.assertEqual([receiver.receive().serial for _ in serials], serials)
        writer.join()
        sender.sync()
        self.assertEqual([m for m in sender.inbox if m.error_name], [])


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
        late = self.connect_to_one_with_room(daemon)
        late.send(Message(path="/", member="M", destination=peer.name))
        question = peer.receive_call()
        peer.reply(question)
        self.assertEqual(late.reply_to(question.serial).type, RETURN)

    def connect_to_one_with_room(self, daemon):
        """It refuses this program more until it has seen that the strangers are gone."""
        connected = []

        def connect():
            with contextlib.suppress(Disconnected):
                connected.append(self.connect(daemon))
            return connected

        wait_until(connect, "room for a connection")
        return connected[0]


if __name__ == "__main__":
    harness.main()
