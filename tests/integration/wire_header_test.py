# SPDX-License-Identifier: Apache-2.0
"""Headers on the wire: which the bus takes, which it closes the connection for, what it relays."""

import struct

import harness
from rawclient import BUS_NAME, BUS_PATH, BusError
from wire import (CALL, CONTAINER, DESTINATION, ERROR, ERROR_NAME, INTERFACE, MEMBER, PATH,
                  REPLY_SERIAL, RETURN, SENDER, SIGNAL, SIGNATURE, UNIX_FDS, Message, Variant)

HELLO = bytes.fromhex("""
6c 01 00 01 00 00 00 00 01 00 00 00 6d 00 00 00 01 01 6f 00 15 00 00 00 2f 6f 72 67 2f 66 72 65
65 64 65 73 6b 74 6f 70 2f 44 42 75 73 00 00 00 02 01 73 00 14 00 00 00 6f 72 67 2e 66 72 65 65
64 65 73 6b 74 6f 70 2e 44 42 75 73 00 00 00 00 03 01 73 00 05 00 00 00 48 65 6c 6c 6f 00 00 00
06 01 73 00 14 00 00 00 6f 72 67 2e 66 72 65 65 64 65 73 6b 74 6f 70 2e 44 42 75 73 00 00 00 00
""")


def patched(at, new):
    return HELLO[:at] + new + HELLO[at + len(new):]


BAD_HELLOS = [
    ("unknown byte-order mark", patched(0, b"x")),
    ("byte-order mark of the other order", patched(0, b"B")),
    ("byte-order mark 0", patched(0, b"\0")),
    ("message type 0", patched(1, b"\0")),
    ("protocol version 0", patched(3, b"\0")),
    ("protocol version 2", patched(3, b"\2")),
    ("serial 0", patched(8, bytes(4))),
    ("body length without a body signature", patched(4, b"\1\0\0\0") + b"\0"),
    ("body length beyond every limit", patched(4, struct.pack("<I", 2**28))),
    ("body length of all ones", patched(4, b"\xff\xff\xff\xff")),
    ("field array beyond every limit", patched(12, struct.pack("<I", 2**27 + 1))),
    ("field array of all ones", patched(12, b"\xff\xff\xff\xff")),
    ("field array that ends within a field", patched(12, b"\x50\0\0\0")),
    ("padding between fields that is not zero", patched(0x2e, b"\1")),
    ("padding behind the last field that is not zero", patched(0x7f, b"\1")),
    ("field code 0", patched(0x30, b"\0")),
    ("field of another type", patched(0x32, b"o")),
    ("field signature that is empty", patched(0x31, b"\0\0\0")),
    ("field signature with two types", patched(0x31, b"\2ss")),
    ("member with a dot", patched(0x5a, b".")),
    ("the same field twice", patched(0x30, b"\6")),
]


class BeforeHello(harness.BusTestCase):
    @harness.each(BAD_HELLOS)
    def test_closes_after(self, data):
        client = self.connect(hello=False)
        client.send_bytes(data)
        self.assertEqual(client.expect_closed(), [])

    @harness.each([
        ("as libdbus writes it", HELLO),
        ("with unknown flags", patched(2, b"\xf8")),
        ("with all flags", patched(2, b"\xff")),
    ])
    def test_hello(self, data):
        client = self.connect(hello=False)
        client.send_bytes(data)
        reply = client.receive()
        self.assertEqual((reply.type, reply.reply_serial, reply.signature), (RETURN, 1, "s"))
        self.assertEqual((reply.flags, reply.sender), (1, BUS_NAME))
        self.assertEqual((reply.destination,), reply.body)
        self.assertNotEqual(reply.serial, 0)
        self.assertEqual(client.receive().member, "NameAcquired")

    def test_hello_of_an_unknown_type_is_denied_and_the_connection_lives(self):
        client = self.connect(hello=False)
        client.send_bytes(patched(1, b"\5"))
        reply = client.receive()
        self.assertEqual(reply.error_name, "org.freedesktop.DBus.Error.AccessDenied")
        self.assertEqual(reply.destination, ":not.active.yet")
        client.hello()

    def test_hello_byte_by_byte(self):
        client = self.connect(hello=False)
        for at in range(len(HELLO)):
            client.send_bytes(HELLO[at:at + 1])
        self.assertEqual(client.receive().type, RETURN)

    def test_hello_and_more_in_one_piece(self):
        client = self.connect(hello=False)
        ping = Message(path="/", interface="org.freedesktop.DBus.Peer", member="Ping",
                       destination=BUS_NAME, serial=2)
        client.send_bytes(HELLO + ping.to_bytes())
        self.assertEqual([client.receive().reply_serial for _ in range(3)], [1, None, 2])


def signal(**changes):
    options = dict(type=SIGNAL, path="/p", interface="com.example.Header", member="Sig")
    return Message(**{**options, **changes})


def call(**changes):
    options = dict(type=CALL, path="/p", interface="com.example.Header", member="Call",
                   destination=BUS_NAME)
    return Message(**{**options, **changes})


LONG = "a." + "b" * 253

ACCEPTED = [
    ("interface of 255 bytes", dict(interface=LONG), "interface"),
    ("interface with digits and underscores", dict(interface="_a.b9._"), "interface"),
    ("member of 255 bytes", dict(member="M" * 255), "member"),
    ("member of one byte", dict(member="_"), "member"),
    ("path of 10000 bytes", dict(path="/" + "p" * 9999), "path"),
    ("root path", dict(path="/"), "path"),
    ("unknown field", dict(extra_fields=[(99, "s", "text")]), None),
    ("unknown field 255 with a container", dict(extra_fields=[(255, "a{sv}", {})]), None),
    ("same unknown field twice", dict(extra_fields=[(99, "u", 1), (99, "u", 2)]), None),
    ("container instance from a client", dict(extra_fields=[(CONTAINER, "o", "/c")]), None),
    ("reply serial in a signal", dict(reply_serial=7), "reply_serial"),
    ("error name in a signal", dict(error_name="com.example.E"), "error_name"),
    ("unknown flags", dict(flags=0xf8), "flags"),
    ("all flags", dict(flags=0xff), "flags"),
    ("no descriptors, said aloud", dict(unix_fds=0), "unix_fds"),
    ("empty signature, said aloud", dict(signature=""), "signature"),
    ("sender that is somebody else", dict(sender="org.freedesktop.DBus"), None),
    ("sender without a dot", dict(sender=":1"), None),
    ("highest serial", dict(serial=0xffffffff), "serial"),
]

WRONG_TYPES = [(PATH, "s", "/p"), (INTERFACE, "o", "/a"), (MEMBER, "o", "/a"),
               (ERROR_NAME, "o", "/a"), (REPLY_SERIAL, "i", 1), (DESTINATION, "o", "/a"),
               (SENDER, "o", "/a"), (SIGNATURE, "s", ""), (UNIX_FDS, "t", 0),
               (CONTAINER, "s", "/c")]

REFUSED = [
    ("signal without path", signal(path=None)),
    ("signal without interface", signal(interface=None)),
    ("signal without member", signal(member=None)),
    ("call without path", call(path=None)),
    ("call without member", call(member=None)),
    ("return without reply serial", Message(RETURN, destination=BUS_NAME)),
    ("error without reply serial", Message(ERROR, error_name="a.b", destination=BUS_NAME)),
    ("error without error name", Message(ERROR, reply_serial=1, destination=BUS_NAME)),
    ("reply serial 0 in a return", Message(RETURN, reply_serial=0, destination=BUS_NAME)),
    ("reply serial 0 in a call", call(reply_serial=0)),
    ("reserved path", signal(path="/org/freedesktop/DBus/Local")),
    ("reserved interface", signal(interface="org.freedesktop.DBus.Local")),
    ("field code 0", signal(extra_fields=[(0, "s", "text")])),
    ("unknown field with a bad value", signal(extra_fields=[(99, "b", 2)])),
    ("unknown field with a bad string", signal(extra_fields=[(99, "s", b"\xff")])),
    ("path twice", signal(extra_fields=[(PATH, "o", "/p")])),
    ("destination twice", call(extra_fields=[(DESTINATION, "s", BUS_NAME)])),
    ("descriptors claimed and absent", signal(unix_fds=1)),
    ("descriptors beyond what a message can hold", signal(unix_fds=2**27 // 4 + 1)),
] + [
    (f"field {code} of type {kind}", signal(path="/p" if code != PATH else None,
                                            interface="a.b" if code != INTERFACE else None,
                                            member="M" if code != MEMBER else None,
                                            extra_fields=[(code, kind, value)]))
    for code, kind, value in WRONG_TYPES
] + [
    (f"path {path!r}", signal(path=path))
    for path in ("", "p", "/p/", "//", "/p//q", "/p-q", "/p.q", "/ä")
] + [
    (f"interface {name!r}", signal(interface=name))
    for name in ("", "a", ".a.b", "a.b.", "a..b", "a.1b", "1a.b", "a.b-c", "a.ä", "a b.c",
                 LONG + "b", ":1.2")
] + [
    (f"member {name!r}", signal(member=name))
    for name in ("", "1a", "a.b", "a-b", "ä", "a b", "M" * 256)
] + [
    (f"error name {name!r}", Message(ERROR, error_name=name, reply_serial=1, destination=BUS_NAME))
    for name in ("", "a", "a.1b", "a..b", "a-b.c", LONG + "b")
] + [
    (f"{field} {name!r}", signal(**{field: name}))
    for field in ("destination", "sender")
    for name in ("", "a", "a.1b", "a..b", ".a", "a.", "a.ä", "a b.c", ":1..2", "a.b:c", LONG + "b")
]


class Header(harness.BusTestCase):
    def setUp(self):
        self.receiver = self.connect()
        self.receiver.add_match("type='signal',member='Sig'")
        self.receiver.add_match("type='signal',interface='com.example.Header'")
        self.sender = self.connect()

    @harness.each([(f"{about} ({name})", changes, kept, order) for about, changes, kept in ACCEPTED
                   for order, name in (("l", "little-endian"), ("B", "big-endian"))])
    def test_relayed(self, changes, kept, order):
        sent = signal(order=order, **changes)
        self.sender.send(sent)
        (received,) = self.receiver.drain()
        self.assertEqual(received.order, order)
        self.assertEqual((received.sender, received.destination), (self.sender.name, None))
        self.assertEqual(received.extra_fields, (), "unknown fields are removed")
        for field in ("path", "interface", "member", "flags", "serial"):
            self.assertEqual(getattr(received, field), getattr(sent, field))
        if kept:
            self.assertEqual(getattr(received, kept) or 0, getattr(sent, kept) or 0)

    @harness.each([(f"{about} ({name})", message, order) for about, message in REFUSED
                   for order, name in (("l", "little-endian"), ("B", "big-endian"))])
    def test_closed(self, message, order):
        message.order = order
        message.serial = 77
        self.sender.send(message)
        self.assertEqual(self.sender.expect_closed(), [])
        self.assertEqual(self.receiver.drain(), [])

    def test_what_came_before_the_bad_message_is_still_routed(self):
        good, bad = signal(serial=5), signal(serial=6, member="1")
        self.sender.send_bytes(good.to_bytes() + bad.to_bytes() + good.to_bytes())
        self.sender.expect_closed()
        self.assertEqual([m.serial for m in self.receiver.drain()], [5])

    def test_what_comes_after_the_bad_message_is_not_read(self):
        self.sender.send_bytes(signal(serial=6, member="1").to_bytes() +
                               signal(serial=7).to_bytes())
        self.sender.expect_closed()
        self.assertEqual(self.receiver.drain(), [])

    def test_a_dropped_peer_leaves_its_names(self):
        self.receiver.add_match("member='NameOwnerChanged',arg0='com.example.Dropped'")
        self.sender.request_name("com.example.Dropped")
        self.sender.send(signal(member="1"))
        self.sender.expect_closed()
        changes = [self.receiver.receive_signal("NameOwnerChanged").body for _ in range(2)]
        self.assertEqual(changes[1], ("com.example.Dropped", self.sender.name, ""))

    def test_half_a_message_stops_nobody_else(self):
        message = signal(serial=9).to_bytes()
        self.sender.send_bytes(message[:21])
        self.assertEqual(self.receiver.bus("GetId").type, RETURN)
        other = self.connect()
        other.signal("/p", "com.example.Header", "Sig")
        self.assertEqual(self.receiver.receive_signal("Sig").sender, other.name)
        self.sender.send_bytes(message[21:])
        self.assertEqual(self.receiver.receive_signal("Sig").sender, self.sender.name)

    def test_no_message_is_longer_than_128_mib_whatever_the_configuration_says(self):
        self.sender.send_bytes(fixed_header(2**27 - 64, 128))
        self.assertEqual(self.sender.expect_closed(), [])

    def test_garbage_closes(self):
        self.sender.send_bytes(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(self.sender.expect_closed(), [])


class Relay(harness.BusTestCase):
    """What of a message the bus may change."""

    def setUp(self):
        self.a, self.b = self.connect(), self.connect()

    def test_big_endian_call_stays_big_endian_and_loses_unknown_fields(self):
        self.a.send(Message(path="/", interface="a.b", member="M", destination=self.b.name,
                            signature="s", body=("hi",), serial=12345, order="B",
                            extra_fields=[(200, "s", "x")]))
        received = self.b.receive_call()
        self.assertEqual(
            (received.order, received.serial, received.flags, received.path, received.interface,
             received.member, received.destination, received.sender, received.body),
            ("B", 12345, 0, "/", "a.b", "M", self.b.name, self.a.name, ("hi",)))
        self.assertEqual(set(received.field_codes),
                         {PATH, INTERFACE, MEMBER, DESTINATION, SENDER, SIGNATURE})

    def test_forged_sender_is_replaced(self):
        for forged in (self.b.name, BUS_NAME, "com.example.X", ":1.9999999999"):
            self.a.send(Message(path="/", member="M", destination=self.b.name, sender=forged))
            self.assertEqual(self.b.receive_call().sender, self.a.name)

    def test_call_without_interface_stays_without(self):
        self.a.send(Message(path="/", member="M", destination=self.b.name))
        self.assertIsNone(self.b.receive_call().interface)

    def test_well_known_destination_stays_as_written(self):
        self.b.request_name("com.example.Relay")
        self.a.send(Message(path="/", member="M", destination="com.example.Relay"))
        self.assertEqual(self.b.receive_call().destination, "com.example.Relay")

    def test_serials_are_unique_only_per_connection(self):
        for client in (self.a, self.b):
            client.send(Message(path="/", member="M", destination=client.name, serial=4711))
            self.assertEqual(client.receive_call().serial, 4711)

    def test_every_field_of_a_return_and_an_error(self):
        serial = self.a.send(Message(path="/", member="M", destination=self.b.name))
        question = self.b.receive_call()
        self.b.send(Message(RETURN, destination=self.a.name, reply_serial=question.serial,
                            signature="v", body=(Variant("s", "answer"),), order="B",
                            extra_fields=[(11, "y", 1)]))
        answer = self.a.reply_to(serial)
        self.assertEqual((answer.order, answer.sender, answer.destination, answer.body),
                         ("B", self.b.name, self.a.name, (Variant("s", "answer"),)))
        self.assertEqual(answer.extra_fields, ())
        serial = self.a.send(Message(path="/", member="M", destination=self.b.name))
        self.b.error(self.b.receive_call(), "com.example.Error.Odd", "text")
        with self.assertRaises(BusError) as raised:
            raise BusError(self.a.reply_to(serial))
        self.assertEqual((raised.exception.name, raised.exception.text),
                         ("com.example.Error.Odd", "text"))

    def test_own_messages_of_the_driver(self):
        reply = self.a.bus("GetId", order="B")
        self.assertEqual((reply.order, reply.flags, reply.sender, reply.destination),
                         ("l", 1, BUS_NAME, self.a.name))
        self.a.add_match("member='NameOwnerChanged'")
        other = self.connect()
        change = self.a.receive_signal("NameOwnerChanged")
        self.assertEqual((change.order, change.flags, change.sender, change.destination,
                          change.path, change.interface, change.body),
                         ("l", 1, BUS_NAME, None, BUS_PATH, BUS_NAME,
                          (other.name, "", other.name)))
        with self.assertRaises(BusError) as raised:
            self.a.bus("NoSuchMethod")
        self.assertEqual((raised.exception.reply.flags, raised.exception.reply.sender,
                          raised.exception.reply.destination), (1, BUS_NAME, self.a.name))

    @harness.each([("to the driver", BUS_NAME, "AccessDenied"),
                   ("to a peer", None, "AccessDenied"),
                   ("to nobody", "com.example.Missing", "ServiceUnknown")])
    def test_message_of_an_unknown_type(self, destination, error):
        for kind in (5, 255):
            serial = self.a.send(Message(kind, path="/", interface="a.b", member="M",
                                         destination=destination or self.b.name))
            reply = self.a.reply_to(serial)
            self.assertEqual(reply.error_name, "org.freedesktop.DBus.Error." + error)
        self.assertEqual(self.b.drain(), [])

    def test_message_of_an_unknown_type_without_destination_is_ignored(self):
        self.b.add_match("interface='a.b'")
        self.b.add_match("")
        self.a.send(Message(5, path="/", interface="a.b", member="M"))
        self.assertEqual(self.a.drain(), [])
        self.assertEqual([m for m in self.b.drain() if m.member == "M"], [])


def fixed_header(body, fields):
    """The first 16 bytes of a signal with these lengths."""
    return struct.pack("<4BIII", ord("l"), 4, 0, 1, body, 1, fields)


class MessageSize(harness.BusTestCase):
    """max_message_size: checked as soon as the first 16 bytes are there."""

    config = harness.busconfig(limits={"max_message_size": 4096})

    @harness.each([("body", 4096, 64), ("field array", 0, 4096), ("both together", 2048, 2048),
                   ("body of all ones", 2**32 - 1, 64)])
    def test_closes_after_16_bytes_for_the(self, body, fields):
        client = self.connect()
        client.send_bytes(fixed_header(body, fields))
        self.assertEqual(client.expect_closed(), [])

    def test_message_of_exactly_the_limit_passes(self):
        client = self.connect()
        empty = signal(destination=client.name, signature="ay", body=(b"",), serial=50)
        room = 4096 - len(empty.to_bytes())
        empty.body = (bytes(room),)
        self.assertEqual(len(empty.to_bytes()), 4096)
        client.send(empty)
        self.assertEqual(len(client.receive_signal("Sig").body[0]), room)
        empty.body = (bytes(room + 1),)
        client.send(empty)
        self.assertEqual(client.expect_closed(), [])


if __name__ == "__main__":
    harness.main()
