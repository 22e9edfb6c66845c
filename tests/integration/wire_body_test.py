# SPDX-License-Identifier: Apache-2.0
"""Bodies on the wire: what the bus relays unchanged, and what it closes the connection for.

Every case is sent in both byte orders, as a broadcast signal from one peer to another.
"""

import struct

import harness
from wire import SIGNAL, Message, Variant, Writer, marshal


def raw(*parts):
    """A body made of bytes, and of (struct format, value) pairs in the message's byte order."""
    def build(order):
        endian = "<" if order == "l" else ">"
        return b"".join(part if isinstance(part, bytes) else struct.pack(endian + part[0], part[1])
                        for part in parts)
    return build


def values(signature, *items):
    """A well-formed body of `signature`."""
    return lambda order: marshal(signature, *items, order=order)


def text(data):
    """A string with these bytes."""
    return raw(("I", len(data)), data + b"\0")


def nested_variants(depth):
    """A variant in a variant, `depth` of them, around a byte."""
    return Variant("y", 7) if depth == 1 else Variant("v", nested_variants(depth - 1))


def variant_in(containers, depth):
    """`depth` variants inside each other, within nested arrays written as `containers`."""
    def build(order):
        writer = Writer(order)
        value = nested_variants(depth)
        for _ in containers:
            value = [value]
        writer.write(containers + "v", value)
        return bytes(writer.data)
    return build


def deep_struct(depth):
    return "(" * depth + "y" + ")" * depth


def empty_dicts(depth):
    """A dictionary within a dictionary, `depth` of them."""
    return "a{y" * depth + "y" + "}" * depth


ACCEPTED = [
    ("no body", None, raw()),
    ("every basic type",
     "ybnqiuxtdsog", values("ybnqiuxtdsog", 255, True, -2**15, 2**16 - 1, -2**31, 2**32 - 1,
                            -2**63, 2**64 - 1, 1.5, "text", "/a/b_1", "a{sv}")),
    ("double that is not a number", "d", raw(b"\x7f\xf0\0\0\0\0\0\1")),
    ("empty array of 8-aligned elements keeps its padding", "ax", raw(("I", 0), bytes(4))),
    ("empty array of 4-aligned elements", "au", raw(("I", 0))),
    ("array after a byte", "yas", values("yas", 1, ["a", "bcd", ""])),
    ("structs in an array", "a(yt)", values("a(yt)", [(1, 2), (3, 4)])),
    ("dictionary", "a{sv}", values("a{sv}", {"k": Variant("as", ["x"]), "": Variant("y", 1)})),
    ("dictionary with repeated keys", "a{yy}",
     raw(("I", 10), bytes(4), b"\1\2" + bytes(6) + b"\1\2")),
    ("struct in a struct", "(y(y(yt)))", values("(y(y(yt)))", (1, (2, (3, 4))))),
    ("empty string", "s", text(b"")),
    ("string with non-characters", "s", text("\ufdd0\ufffe\uffff\U0001ffff".encode())),
    ("string with the highest code point", "s", text("\U0010ffff".encode())),
    ("string with control characters", "s", text(b"\1\x7f\n")),
    ("root path", "o", values("o", "/")),
    ("path with digits and underscores", "o", values("o", "/0/_/a9")),
    ("path of 1000 bytes", "o", values("o", "/" + "a" * 999)),
    ("empty signature value", "g", values("g", "")),
    ("signature value of 255 bytes", "g", values("g", "y" * 255)),
    ("body signature of 255 bytes", "y" * 255, raw(bytes(255))),
    ("32 nested arrays", "a" * 32 + "y", raw(("I", 0))),
    ("32 nested structs", deep_struct(32), raw(b"\1")),
    ("32 nested arrays around 32 nested structs", "a" * 32 + deep_struct(32), raw(("I", 0))),
    ("32 nested dictionaries", empty_dicts(32), raw(("I", 0), bytes(4))),
    ("variant of a variant", "v", values("v", nested_variants(2))),
    ("64 nested variants", "v", variant_in("", 64)),
    ("32 arrays around 32 variants", "a" * 32 + "v", variant_in("a" * 32, 32)),
    ("variant of an array", "v", values("v", Variant("a{sas}", {"a": ["b"]}))),
    ("descriptor index that no descriptor has", "h", raw(("I", 9))),
]

REFUSED = [
    ("boolean 2", "b", raw(("I", 2))),
    ("boolean of all ones", "b", raw(("I", 0xffffffff))),
    ("body without a signature", None, raw(b"\1")),
    ("body longer than its signature", "y", raw(b"\1\2")),
    ("body shorter than its signature", "yy", raw(b"\1")),
    ("empty body with a signature", "s", raw()),
    ("padding that is not zero", "yu", raw(b"\1\0\1\0", ("I", 1))),
    ("padding within an array that is not zero", "at", raw(("I", 8), b"\0\0\0\1", ("Q", 1))),
    ("padding of an empty array that is not zero", "at", raw(("I", 0), b"\0\0\1\0")),
    ("padding of an empty array missing", "ax", raw(("I", 0))),
    ("padding between structs that is not zero", "a(y)",
     raw(("I", 9), bytes(4), b"\1" + b"\0\0\0\0\0\0\1" + b"\1")),
    ("array length not a multiple of its element", "au", raw(("I", 5), bytes(5))),
    ("array length that ends within a string", "as", raw(("I", 6), ("I", 2), b"ab\0")),
    ("array longer than the body", "ay", raw(("I", 5), bytes(4))),
    ("array of 2^32-1 bytes", "ay", raw(("I", 0xffffffff))),
    ("array whose elements end beyond it", "a(yu)", raw(("I", 5), bytes(4), bytes(8))),
    ("string without terminator", "s", raw(("I", 2), b"abc")),
    ("string longer than the body", "s", raw(("I", 200), b"ab\0")),
    ("string of 2^32-1 bytes", "s", raw(("I", 0xffffffff), b"ab\0")),
    ("string with an embedded NUL", "s", text(b"a\0b")),
    ("string with a surrogate", "s", text(b"\xed\xa0\x80")),
    ("string with an overlong NUL", "s", text(b"\xc0\x80")),
    ("string with an overlong slash", "s", text(b"\xe0\x80\xaf")),
    ("string beyond U+10FFFF", "s", text(b"\xf4\x90\x80\x80")),
    ("string with a byte FF", "s", text(b"a\xffb")),
    ("string with a lone continuation byte", "s", text(b"\x80")),
    ("string that ends within a character", "s", text(b"\xe2\x82")),
    ("empty path", "o", text(b"")),
    ("path without leading slash", "o", text(b"a/b")),
    ("path with trailing slash", "o", text(b"/a/")),
    ("path with double slash", "o", text(b"/a//b")),
    ("path with a hyphen", "o", text(b"/a-b")),
    ("path with a dot", "o", text(b"/a.b")),
    ("path beyond ASCII", "o", text("/ä".encode())),
    ("signature value with an unknown type", "g", raw(b"\1z\0")),
    ("signature value with an open struct", "g", raw(b"\2(y\0")),
    ("signature value with an array of nothing", "g", raw(b"\1a\0")),
    ("signature value without terminator", "g", raw(b"\1yy")),
    ("signature value longer than the body", "g", raw(b"\xff\0")),
    ("variant with an empty signature", "v", raw(b"\0\0")),
    ("variant of two types", "v", raw(b"\2yy\0\1\2")),
    ("variant of an unknown type", "v", raw(b"\1z\0\1")),
    ("variant of a lone dictionary entry", "v", raw(b"\4{yy}\0\0\0\1\2")),
    ("variant without value", "v", raw(b"\1y\0")),
    ("variant whose signature is cut", "v", raw(b"\3a")),
    ("65 nested variants", "v", variant_in("", 65)),
    ("32 arrays around 33 variants", "a" * 32 + "v", variant_in("a" * 32, 33)),
    ("33 nested arrays", "a" * 33 + "y", raw(("I", 0))),
    ("33 nested structs", deep_struct(33), raw(b"\1")),
    ("33 nested dictionaries", empty_dicts(33), raw(("I", 0), bytes(4))),
    ("struct without members", "()", raw()),
    ("struct without end", "(y", raw(b"\1")),
    ("end of a struct without start", "y)", raw(b"\1")),
    ("array without element type", "a", raw(("I", 0))),
    ("array of an end", "(a)", raw(("I", 0))),
    ("dictionary entry outside an array", "{yy}", raw(b"\1\2")),
    ("dictionary entry in a struct", "({yy})", raw(b"\1\2")),
    ("dictionary entry with one member", "a{y}", raw(("I", 0), bytes(4))),
    ("dictionary entry with three members", "a{yyy}", raw(("I", 0), bytes(4))),
    ("dictionary entry without members", "a{}", raw(("I", 0), bytes(4))),
    ("dictionary entry with a variant as key", "a{vy}", raw(("I", 0), bytes(4))),
    ("dictionary entry with a struct as key", "a{(y)y}", raw(("I", 0), bytes(4))),
    ("dictionary entry closed by a parenthesis", "a{yy)", raw(("I", 0), bytes(4))),
    ("struct closed by a brace", "(yy}", raw(b"\1\2")),
] + [(f"unknown type code {code!r}", code, raw(b"\1" * 8)) for code in "rem*?@&^ \nABz0"]


def in_both_orders(rows):
    return [(f"{about} ({name})", signature, build, order) for about, signature, build in rows
            for order, name in (("l", "little-endian"), ("B", "big-endian"))]


class Body(harness.BusTestCase):
    def setUp(self):
        self.receiver = self.connect()
        self.receiver.add_match("interface='com.example.Body'")
        self.sender = self.connect()

    def broadcast(self, signature, body, order):
        self.sender.send(Message(SIGNAL, "/p", "com.example.Body", "Sig", signature=signature,
                                 raw_body=body, order=order))

    @harness.each(in_both_orders(ACCEPTED))
    def test_relayed(self, signature, build, order):
        body = build(order)
        self.broadcast(signature, body, order)
        received = self.receiver.receive_signal("Sig")
        self.assertEqual((received.order, received.signature, received.raw_body),
                         (order, signature, body))
        self.assertEqual(received.sender, self.sender.name)

    @harness.each(in_both_orders(REFUSED))
    def test_closed(self, signature, build, order):
        self.broadcast(signature, build(order), order)
        self.assertEqual(self.sender.expect_closed(), [])
        self.assertEqual(self.receiver.drain(), [])

    def test_unicast_body_is_checked_like_a_broadcast(self):
        self.sender.send(Message(SIGNAL, "/p", "com.example.Body", "Sig", self.receiver.name,
                                 signature="b", raw_body=struct.pack("<I", 2)))
        self.assertEqual(self.sender.expect_closed(), [])
        self.assertEqual(self.receiver.drain(), [])

    def test_body_for_the_driver_is_checked(self):
        self.sender.send(Message(path="/", interface="org.freedesktop.DBus", member="GetId",
                                 destination="org.freedesktop.DBus", signature="b",
                                 raw_body=struct.pack("<I", 2)))
        self.assertEqual(self.sender.expect_closed(), [])


class LargeBody(harness.BusTestCase):
    """Limits of the format itself, with a configuration that allows more."""

    def broadcast_array(self, element_bytes, more=b""):
        sender, receiver = self.connect(), self.connect()
        receiver.add_match("interface='com.example.Body'")
        body = struct.pack("<I", element_bytes) + bytes(element_bytes) + more
        sender.send(Message(SIGNAL, "/p", "com.example.Body", "Sig",
                            signature="ay" + "y" * len(more), raw_body=body))
        return sender, receiver, body

    def test_array_of_64_mib_is_relayed(self):
        _, receiver, body = self.broadcast_array(2**26)
        self.assertEqual(receiver.receive_signal("Sig").raw_body, body)

    def test_array_beyond_64_mib_is_refused(self):
        sender, receiver, _ = self.broadcast_array(2**26 + 1)
        self.assertEqual(sender.expect_closed(), [])
        self.assertEqual(receiver.drain(), [])


if __name__ == "__main__":
    harness.main()
