# SPDX-License-Identifier: Apache-2.0
"""Messages of the D-Bus wire format, written so that tests can also make wrong ones.

Values: a variant is a Variant, a dictionary a dict, a struct a tuple; both byte orders.
"""

import dataclasses
import struct
import typing

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY_EXPECTED, NO_AUTO_START, ALLOW_INTERACTIVE = 1, 2, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL = 1, 2, 3, 4, 5
DESTINATION, SENDER, SIGNATURE, UNIX_FDS, CONTAINER = 6, 7, 8, 9, 10

_ALIGNMENT = {"y": 1, "b": 4, "n": 2, "q": 2, "i": 4, "u": 4, "x": 8, "t": 8, "d": 8, "s": 4,
              "o": 4, "g": 1, "h": 4, "a": 4, "(": 8, "{": 8, "v": 1}
_FORMAT = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "b": "I", "x": "q", "t": "Q",
           "d": "d", "h": "I"}


@dataclasses.dataclass(frozen=True)
class Variant:
    signature: str
    value: typing.Any


def _complete_type(signature, start):
    """End of the complete type that begins at `start`."""
    code = signature[start]
    if code == "a":
        return _complete_type(signature, start + 1)
    if code in "({":
        depth, end = 1, start + 1
        while depth:
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(signature[end], 0)
            end += 1
        return end
    return start + 1


def split(signature):
    """The complete types of a signature."""
    types, start = [], 0
    while start < len(signature):
        end = _complete_type(signature, start)
        types.append(signature[start:end])
        start = end
    return types


class Writer:
    """Marshals values behind what `data` holds already; alignment counts from its start."""

    def __init__(self, order="l", data=b""):
        self.data = bytearray(data)
        self._endian = "<" if order == "l" else ">"

    def align(self, boundary):
        self.data += bytes(-len(self.data) % boundary)

    def _u32(self, value):
        self.align(4)
        self.data += struct.pack(self._endian + "I", value)

    def _array(self, element, value):
        self._u32(0)
        length_at = len(self.data) - 4
        self.align(_ALIGNMENT[element[0]])
        start = len(self.data)
        if element == "y":
            self.data += bytes(value)
        else:
            for item in value.items() if isinstance(value, dict) else value:
                self.write(element, item)
        struct.pack_into(self._endian + "I", self.data, length_at, len(self.data) - start)

    def write(self, kind, value):
        """Appends one value of the complete type `kind`."""
        code = kind[0]
        self.align(_ALIGNMENT[code])
        if code in _FORMAT:
            self.data += struct.pack(self._endian + _FORMAT[code], value)
        elif code in "so":
            text = value if isinstance(value, bytes) else value.encode()
            self._u32(len(text))
            self.data += text + b"\0"
        elif code == "g":
            text = value.encode()
            self.data += bytes([len(text)]) + text + b"\0"
        elif code == "v":
            self.write("g", value.signature)
            self.write(value.signature, value.value)
        elif code == "a":
            self._array(kind[1:], value)
        else:
            for member, item in zip(split(kind[1:-1]), value, strict=True):
                self.write(member, item)


def marshal(signature, *values, order="l"):
    """A body."""
    writer = Writer(order)
    for kind, value in zip(split(signature), values, strict=True):
        writer.write(kind, value)
    return bytes(writer.data)


class Reader:
    """Unmarshals what a bus sent; asserts the rules that a test can see, padding included."""

    def __init__(self, data, order="l", offset=0):
        self._data = data
        self.offset = offset
        self._endian = "<" if order == "l" else ">"

    def align(self, boundary):
        padding = -self.offset % boundary
        assert not any(self._data[self.offset:self.offset + padding]), "padding is not zero"
        self.offset += padding

    def _take(self, count):
        part = self._data[self.offset:self.offset + count]
        assert len(part) == count, "message is too short"
        self.offset += count
        return part

    def _text(self, length):
        text = self._take(length).decode()
        assert self._take(1) == b"\0"
        return text

    def _array(self, element):
        (length,) = struct.unpack(self._endian + "I", self._take(4))
        self.align(_ALIGNMENT[element[0]])
        if element == "y":
            return self._take(length)
        end, items = self.offset + length, []
        while self.offset < end:
            items.append(self.read(element))
        assert self.offset == end, "array length does not fit its elements"
        return dict(items) if element[0] == "{" else items

    def read(self, kind):
        """The next value, of the complete type `kind`."""
        code = kind[0]
        self.align(_ALIGNMENT[code])
        if code in _FORMAT:
            size = struct.calcsize(_FORMAT[code])
            (value,) = struct.unpack(self._endian + _FORMAT[code], self._take(size))
            return bool(value) if code == "b" else value
        if code in "so":
            return self._text(struct.unpack(self._endian + "I", self._take(4))[0])
        if code == "g":
            return self._text(self._take(1)[0])
        if code == "v":
            signature = self.read("g")
            return Variant(signature, self.read(signature))
        if code == "a":
            return self._array(kind[1:])
        return tuple(self.read(member) for member in split(kind[1:-1]))


_FIELDS = ((PATH, "o", "path"), (INTERFACE, "s", "interface"), (MEMBER, "s", "member"),
           (ERROR_NAME, "s", "error_name"), (REPLY_SERIAL, "u", "reply_serial"),
           (DESTINATION, "s", "destination"), (SENDER, "s", "sender"),
           (SIGNATURE, "g", "signature"), (UNIX_FDS, "u", "unix_fds"))


@dataclasses.dataclass
class Message:
    """One message. `extra_fields` are (code, signature, value), placed before all others."""

    type: int = CALL
    path: str = None
    interface: str = None
    member: str = None
    destination: str = None
    signature: str = None
    body: tuple = ()
    flags: int = 0
    serial: int = 0
    error_name: str = None
    reply_serial: int = None
    sender: str = None
    unix_fds: int = None
    fds: list = dataclasses.field(default_factory=list)
    order: str = "l"
    version: int = 1
    extra_fields: tuple = ()
    raw_body: bytes = None
    field_codes: tuple = ()

    def to_bytes(self):
        """Marshals what the members say, right or wrong."""
        body = self.raw_body
        if body is None:
            body = marshal(self.signature or "", *self.body, order=self.order)
        fields = [(code, Variant(kind, value)) for code, kind, value in self.extra_fields]
        fields += [(code, Variant(kind, getattr(self, name))) for code, kind, name in _FIELDS
                   if getattr(self, name) is not None]
        if self.fds and self.unix_fds is None:
            fields.append((UNIX_FDS, Variant("u", len(self.fds))))
        writer = Writer(self.order)
        for kind, value in (("y", ord(self.order)), ("y", self.type), ("y", self.flags),
                            ("y", self.version), ("u", len(body)), ("u", self.serial),
                            ("a(yv)", fields)):
            writer.write(kind, value)
        writer.align(8)
        return bytes(writer.data) + body

    @classmethod
    def from_bytes(cls, data, fds=()):
        """Unmarshals a message of a bus, which must be right in every byte."""
        order = chr(data[0])
        reader = Reader(data, order)
        _, kind, flags, version = (reader.read("y") for _ in range(4))
        length, serial = reader.read("u"), reader.read("u")
        fields = reader.read("a(yv)")
        reader.align(8)
        message = cls(type=kind, flags=flags, version=version, serial=serial, order=order,
                      fds=list(fds), raw_body=data[reader.offset:],
                      field_codes=tuple(code for code, _ in fields))
        assert len(set(message.field_codes)) == len(fields), "a header field stands twice"
        assert len(data) - reader.offset == length
        known = {code: (kind, name) for code, kind, name in _FIELDS}
        unknown = []
        for code, value in fields:
            if code in known:
                assert value.signature == known[code][0]
                setattr(message, known[code][1], value.value)
            else:
                unknown.append((code, value.signature, value.value))
        message.extra_fields = tuple(unknown)
        body = Reader(message.raw_body, order)
        message.body = tuple(body.read(kind) for kind in split(message.signature or ""))
        assert body.offset == length, "body is longer than its signature says"
        return message


def message_size(header):
    """Size of the whole message of which the first 16 bytes are given."""
    endian = "<" if header[0:1] == b"l" else ">"
    body, _, fields = struct.unpack_from(endian + "III", header, 4)
    return 16 + fields + (-fields % 8) + body
