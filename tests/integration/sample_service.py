# SPDX-License-Identifier: Apache-2.0
"""A service with one of everything, for command line tools to look at: every type, every
annotation, a method that fails, one that never answers, one that takes a descriptor.

Prints "ready" when it owns org.example.Sample on the session bus.
"""

import os

from gi.repository import Gio, GLib

NAME = "org.example.Sample"
PATHS = ("/org/example/Sample", "/org/example/Sample/sub", "/other")
DEPRECATED = '<annotation name="org.freedesktop.DBus.Deprecated" value="true"/>'
NO_REPLY = '<annotation name="org.freedesktop.DBus.Method.NoReply" value="true"/>'

VALUES = {
    "Byte": GLib.Variant("y", 255),
    "Bool": GLib.Variant("b", True),
    "Int16": GLib.Variant("n", -3),
    "Uint16": GLib.Variant("q", 4),
    "Int32": GLib.Variant("i", -5),
    "Uint32": GLib.Variant("u", 7),
    "Int64": GLib.Variant("x", -9),
    "Uint64": GLib.Variant("t", 10),
    "Double": GLib.Variant("d", 1.5),
    "Million": GLib.Variant("d", 1e6),
    "Pi": GLib.Variant("d", 3.141592653589793),
    "Plain": GLib.Variant("s", "plain text"),
    "Weird": GLib.Variant("s", "s \"q\" 'a' \\ \n\t\r\a\b\f\v \u00e9 \x01 \x7f"),
    "Empty": GLib.Variant("s", ""),
    "Path": GLib.Variant("o", "/a"),
    "Type": GLib.Variant("g", "a{sv}"),
    "Strings": GLib.Variant("as", ["x", "y"]),
    "NoStrings": GLib.Variant("as", []),
    "Pair": GLib.Variant("(si)", ("p", 3)),
    "Pairs": GLib.Variant("a(si)", [("a", 1)]),
    "Dict": GLib.Variant("a{sv}", {"k": GLib.Variant("s", "v")}),
    "NoDict": GLib.Variant("a{sv}", {}),
    "IntDict": GLib.Variant("a{us}", {3: "c"}),
    "Bytes": GLib.Variant("ay", b"ab\0"),
    "Any": GLib.Variant("v", GLib.Variant("u", 1)),
    "Anys": GLib.Variant("av", [GLib.Variant("u", 1)]),
    "Nested": GLib.Variant("aas", [["a"], []]),
    "Long": GLib.Variant("s", "x" * 200),
}

# Name, access, EmitsChangedSignal, deprecated; all of type s.
ANNOTATED = [
    ("Const", "read", "const", False),
    ("Invalidates", "read", "invalidates", False),
    ("Silent", "read", "false", False),
    ("Loud", "readwrite", "true", False),
    ("WriteOnly", "write", "true", False),
    ("Old", "readwrite", "const", True),
]

METHODS = f"""
<method name="Echo">
  <arg type="v" direction="in" name="value"/><arg type="v" direction="out" name="same"/>
</method>
<method name="Ignore">{NO_REPLY}<arg type="s" direction="in"/></method>
<method name="OldMethod">{DEPRECATED}</method>
<method name="Fail"/>
<method name="NeverAnswer"/>
<method name="ReadAll"><arg type="h" direction="in"/><arg type="s" direction="out"/></method>
<method name="GetDescriptor"><arg type="h" direction="out"/></method>
<signal name="Fired"><arg type="s"/><arg type="a{{sv}}" name="details"/></signal>
<signal name="OldSignal">{DEPRECATED}</signal>
"""


def annotated_property(name, access, emits, deprecated):
    return (f'<property name="{name}" type="s" access="{access}">'
            f'<annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="{emits}"/>'
            f'{DEPRECATED if deprecated else ""}</property>')


def introspection_data():
    plain = "".join(f'<property name="{name}" type="{value.get_type_string()}" access="read"/>'
                    for name, value in VALUES.items())
    annotated = "".join(annotated_property(*row) for row in ANNOTATED)
    return (f'<node><interface name="org.example.Sample1">{plain}{annotated}{METHODS}</interface>'
            f'<interface name="org.example.Another">{DEPRECATED}<method name="Nop"/></interface>'
            "</node>")


def read_all(invocation):
    descriptors = invocation.get_message().get_unix_fd_list()
    with os.fdopen(descriptors.get(0), "r", encoding="utf-8") as file:
        return file.read()


def on_call(_connection, _sender, _path, _interface, method, parameters, invocation):
    if method == "Echo":
        invocation.return_value(parameters)
    elif method == "Fail":
        invocation.return_dbus_error("org.example.Error.Broken", "it is broken")
    elif method == "ReadAll":
        invocation.return_value(GLib.Variant("(s)", (read_all(invocation),)))
    elif method == "GetDescriptor":
        descriptors = Gio.UnixFDList.new()
        descriptors.append(1)
        invocation.return_value_with_unix_fd_list(GLib.Variant("(h)", (0,)), descriptors)
    elif method != "NeverAnswer":
        invocation.return_value(None)


def on_get(_connection, _sender, _path, _interface, name):
    return VALUES.get(name, GLib.Variant("s", name.lower()))


def on_set(_connection, _sender, _path, _interface, name, value):
    VALUES[name] = value
    return True


def on_bus(connection, _name):
    for interface in Gio.DBusNodeInfo.new_for_xml(introspection_data()).interfaces:
        for path in PATHS:
            connection.register_object(path, interface, on_call, on_get, on_set)


Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, on_bus,
                 lambda *_: print("ready", flush=True), None)
GLib.MainLoop().run()
