# SPDX-License-Identifier: Apache-2.0
"""A client that speaks the wire itself, so that a test decides about every byte.

Nothing here sleeps: whoever waits does so for a message, for end-of-file, or for the deadline.
"""

import array
import os
import select
import socket

from waiting import Deadline, wait_readable
from wire import CALL, ERROR, NO_REPLY_EXPECTED, RETURN, SIGNAL, Message, message_size

BUS_NAME = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
ERROR_PREFIX = "org.freedesktop.DBus.Error."


class Disconnected(AssertionError):
    """The bus closed the connection."""


class BusError(AssertionError):
    """An error reply where a return was expected; `name` is short without the usual prefix."""

    def __init__(self, reply):
        self.name = reply.error_name.removeprefix(ERROR_PREFIX)
        self.text = reply.body[0] if reply.body else ""
        self.reply = reply
        super().__init__(f"{self.name}: {self.text}")


def parse_address(text):
    """The entries of an address list as (transport, {key: unescaped value})."""
    entries = []
    for entry in filter(None, text.split(";")):
        transport, _, rest = entry.partition(":")
        pairs = (pair.partition("=") for pair in rest.split(",") if pair)
        entries.append((transport, {key: unescape(value) for key, _, value in pairs}))
    return entries


def unescape(value):
    parts = value.split("%")
    raw = parts[0].encode()
    for part in parts[1:]:
        raw += bytes([int(part[:2], 16)]) + part[2:].encode()
    return raw.decode()


def open_socket(address):
    """A connected socket to the first entry of a unix: address."""
    transport, values = parse_address(address)[0]
    assert transport == "unix", address
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect("\0" + values["abstract"] if "abstract" in values else values["path"])
    return connection


class RawStream:
    """Bytes and descriptors of one connection; reads auth lines and messages."""

    def __init__(self, connection):
        self.socket = connection
        self._bytes = b""
        self._fds = []

    def close(self):
        self.socket.close()
        for fd in self._fds:
            os.close(fd)
        self._fds = []

    def send_bytes(self, data, fds=()):
        """Sends all of `data`, the descriptors with its first byte.

        A bus that closes meanwhile is no error here: whoever reads next meets end-of-file.
        """
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        try:
            sent = self.socket.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)
            if sent < len(data):
                self.socket.sendall(memoryview(data)[sent:])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _receive_some(self, deadline, what):
        wait_readable(self.socket, deadline, what)
        room = socket.CMSG_SPACE(253 * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self.socket.recvmsg(1 << 20, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            data, ancillary = b"", []
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
                self._fds += fds
        if not data:
            raise Disconnected(f"the bus closed the connection instead of sending {what}")
        return data

    def read_bytes(self, count, what, deadline=None):
        """The next `count` bytes."""
        deadline = deadline or Deadline()
        parts, have = [self._bytes], len(self._bytes)
        while have < count:
            parts.append(self._receive_some(deadline, what))
            have += len(parts[-1])
        data = b"".join(parts)
        self._bytes = data[count:]
        return data[:count]

    def read_line(self):
        """The next auth line, without CR LF."""
        deadline = Deadline()
        while b"\r\n" not in self._bytes:
            self._bytes += self._receive_some(deadline, "an auth line")
        line, self._bytes = self._bytes.split(b"\r\n", 1)
        return line.decode()

    def read_message(self, what="a message"):
        """The next message, with the descriptors that belong to it."""
        deadline = Deadline()
        header = self.read_bytes(16, what, deadline)
        rest = self.read_bytes(message_size(header) - 16, what, deadline)
        message = Message.from_bytes(header + rest)
        count = message.unix_fds or 0
        assert len(self._fds) >= count, "fewer descriptors than the message says"
        message.fds, self._fds = self._fds[:count], self._fds[count:]
        return message

    def expect_closed(self):
        """Reads up to end-of-file; returns the messages before it."""
        messages = []
        try:
            while True:
                messages.append(self.read_message("end-of-file"))
        except Disconnected:
            assert not self._bytes, "the bus closed within a message"
            return messages


class RawClient(RawStream):
    """A peer of a bus. What arrives while it waits for something else is kept in `inbox`.

    `group` are other clients of the same bus on whose messages drain() waits.
    """

    def __init__(self, address, fds=True, hello=True, auth=True, connection=None):
        super().__init__(connection or open_socket(address))
        self.inbox = []
        self.name = None
        self.group = []
        self._serial = 0
        if auth:
            self.authenticate(fds)
            if hello:
                self.hello()

    def authenticate(self, fds=True):
        """The dialogue of libdbus."""
        identity = str(os.geteuid()).encode().hex()
        self.send_bytes(b"\0AUTH EXTERNAL " + identity.encode() + b"\r\n")
        self.guid = self.read_line().removeprefix("OK ")
        if fds:
            self.send_bytes(b"NEGOTIATE_UNIX_FD\r\n")
            assert self.read_line() == "AGREE_UNIX_FD"
        self.send_bytes(b"BEGIN\r\n")

    def hello(self):
        """Becomes a peer; afterwards the inbox is empty."""
        (self.name,) = self.bus("Hello").body
        acquired = self.receive()
        assert (acquired.member, acquired.body) == ("NameAcquired", (self.name,)), acquired

    def next_serial(self):
        self._serial += 1
        return self._serial

    def send(self, message):
        """Sends `message`, with a serial of its own unless it has one; returns the serial."""
        message.serial = message.serial or self.next_serial()
        self.send_bytes(message.to_bytes(), message.fds)
        return message.serial

    def receive(self):
        """The next message, from the inbox first."""
        return self.inbox.pop(0) if self.inbox else self.read_message()

    def receive_call(self):
        """The next method call; everything else stays in the inbox."""
        return self._receive_first(lambda m: m.type == CALL)

    def receive_signal(self, member):
        return self._receive_first(lambda m: m.type == SIGNAL and m.member == member)

    def _receive_first(self, wanted):
        for number, message in enumerate(self.inbox):
            if wanted(message):
                return self.inbox.pop(number)
        while True:
            message = self.read_message()
            if wanted(message):
                return message
            self.inbox.append(message)

    def reply_to(self, serial):
        """The return or error that answers `serial`; whatever comes before goes to the inbox."""
        return self._receive_first(
            lambda m: m.type in (RETURN, ERROR) and m.reply_serial == serial)

    def call_message(self, message):
        """Sends a call and returns its return; an error reply is raised as BusError."""
        reply = self.reply_to(self.send(message))
        if reply.type == ERROR:
            raise BusError(reply)
        return reply

    def call(self, destination, path, interface, member, signature=None, *body, **options):
        return self.call_message(Message(CALL, path, interface, member, destination, signature,
                                         body, **options))

    def bus(self, member, signature=None, *body, interface=BUS_NAME, path=BUS_PATH, **options):
        """Calls the driver."""
        return self.call(BUS_NAME, path, interface, member, signature, *body, **options)

    def signal(self, path, interface, member, signature=None, *body, destination=None, **options):
        return self.send(Message(SIGNAL, path, interface, member, destination, signature, body,
                                 **options))

    def reply(self, call, signature=None, *body, **options):
        return self.send(Message(RETURN, destination=call.sender, reply_serial=call.serial,
                                 signature=signature, body=body, **options))

    def error(self, call, name, text=None):
        return self.send(Message(ERROR, destination=call.sender, reply_serial=call.serial,
                                 error_name=name, signature=None if text is None else "s",
                                 body=() if text is None else (text,)))

    def sync(self):
        """Returns once the bus has handled all that this client sent."""
        self.reply_to(self.send(Message(CALL, BUS_PATH, "org.freedesktop.DBus.Peer", "Ping",
                                        BUS_NAME)))

    def drain(self):
        """All that the bus has for this client once it has handled what the whole group sent.

        This is how a test sees that something does not arrive.
        """
        for client in [*self.group, self]:
            if client.name and client.socket.fileno() >= 0:
                try:
                    client.sync()
                except Disconnected:
                    assert client is not self, "the bus closed the connection"
        messages, self.inbox = self.inbox, []
        return messages

    def flood(self, receiver, is_held):
        """Calls that want no reply, 64 KiB each, for one who does not read, until `is_held()` says
        that the bus reads no more of them. Returns what is left of a hundred: never nothing, or
        the bus has taken more than it should."""
        data = b"".join(Message(CALL, "/", "a.b", "M", receiver.name, "ay", (bytes(65536),),
                                flags=NO_REPLY_EXPECTED, serial=serial).to_bytes()
                        for serial in range(1000, 1100))
        self.socket.setblocking(False)
        poller = select.poll()
        poller.register(self.socket, select.POLLOUT)
        while data and not is_held():
            while data and poller.poll(0):
                data = data[self.socket.send(data):]
        self.socket.setblocking(True)
        if not data:
            raise AssertionError("the bus has taken all of a hundred messages")
        return data

    def request_name(self, name, flags=0):
        return self.bus("RequestName", "su", name, flags).body[0]

    def add_match(self, rule):
        self.bus("AddMatch", "s", rule)

    def owner_of(self, name):
        """The unique name of the owner, or None."""
        try:
            return self.bus("GetNameOwner", "s", name).body[0]
        except BusError as error:
            assert error.name == "NameHasNoOwner", error
            return None
