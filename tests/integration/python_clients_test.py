# SPDX-License-Identifier: Apache-2.0
"""A service and its client written with dbus-python, and with dbus-next."""

import asyncio
import logging
import os

import dbus
import dbus.bus
import dbus.lowlevel
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from dbus_next import DBusError, Message, MessageType, Variant
from dbus_next.aio import MessageBus
from dbus_next.constants import NameFlag, RequestNameReply
from dbus_next.service import ServiceInterface, dbus_property, method
from dbus_next.service import signal as next_signal
from gi.repository import GLib

import harness

PATH, INTERFACE = "/com/example/Object", "com.example.Interface"
ERRORS = "org.freedesktop.DBus.Error."
TIMEOUT = 120


class PythonService(dbus.service.Object):
    """What the client of dbus-python calls."""

    @dbus.service.method(INTERFACE, in_signature="ay", out_signature="ay", byte_arrays=True)
    def Exchange(self, data):
        return dbus.ByteArray(data)

    @dbus.service.method(INTERFACE, in_signature="a{sv}", out_signature="a{sv}")
    def Dictionary(self, values):
        return values

    @dbus.service.method(INTERFACE)
    def Fail(self):
        raise dbus.DBusException("why", name="com.example.Error")

    @dbus.service.method(INTERFACE, async_callbacks=("answer", "refuse"))
    def Never(self, answer, refuse):
        self.never_called()

    @dbus.service.method(INTERFACE, in_signature="h")
    def Take(self, descriptor):
        fd = descriptor.take()
        os.write(fd, b"x")
        os.close(fd)

    @dbus.service.signal(INTERFACE, signature="s")
    def Happened(self, text):
        pass


class DBusPython(harness.BusTestCase):
    """Both connections are served by one main loop, which a test turns until its answer is there."""

    NAME = "com.example.DBusPython"

    def setUp(self):
        DBusGMainLoop(set_as_default=True)
        self.loop = GLib.MainLoop()
        self.service_bus = dbus.bus.BusConnection(self.bus.address)
        self.client_bus = dbus.bus.BusConnection(self.bus.address)
        for connection in (self.service_bus, self.client_bus):
            connection.set_exit_on_disconnect(False)
            self.addCleanup(connection.close)
        self.service_bus.request_name(self.NAME, dbus.bus.NAME_FLAG_DO_NOT_QUEUE)
        self.service = PythonService(self.service_bus, PATH)
        proxy = self.client_bus.get_object(self.NAME, PATH, introspect=False)
        self.proxy = dbus.Interface(proxy, INTERFACE)

    def call(self, member, *arguments):
        """Calls without blocking; returns the result or the error."""
        outcome = []

        def done(*values):
            outcome.extend(values or (None,))
            self.loop.quit()

        getattr(self.proxy, member)(*arguments, reply_handler=done, error_handler=done,
                                    timeout=TIMEOUT, byte_arrays=True)
        self.loop.run()
        return outcome[0]

    def test_name(self):
        self.assertEqual(self.client_bus.get_name_owner(self.NAME),
                         self.service_bus.get_unique_name())
        self.assertEqual(
            self.client_bus.request_name(self.NAME, dbus.bus.NAME_FLAG_DO_NOT_QUEUE),
            dbus.bus.REQUEST_NAME_REPLY_EXISTS)

    def test_call(self):
        values = dbus.Dictionary({"a": dbus.UInt32(1), "b": dbus.Array(["x"], signature="s"),
                                  "c": dbus.ObjectPath("/a")}, signature="sv")
        self.assertEqual(self.call("Dictionary", values), values)

    def test_error(self):
        self.assertEqual(self.call("Fail").get_dbus_name(), "com.example.Error")

    def test_signal(self):
        heard = []

        def on_signal(text, sender=None):
            heard.append((text, sender))
            self.loop.quit()

        self.client_bus.add_signal_receiver(on_signal, "Happened", INTERFACE, self.NAME, PATH,
                                            sender_keyword="sender")
        self.client_bus.get_name_owner(self.NAME)
        self.service.Happened("news")
        self.loop.run()
        self.assertEqual(heard, [("news", self.service_bus.get_unique_name())])

    @harness.each([("1 MiB", 1 << 20), ("32 MiB", 32 << 20)])
    def test_body_of(self, size):
        self.assertEqual(len(self.call("Exchange", dbus.ByteArray(bytes(size)))), size)

    def test_descriptor(self):
        readable, writable = os.pipe()
        self.addCleanup(os.close, readable)
        self.call("Take", dbus.types.UnixFd(writable))
        os.close(writable)
        self.assertEqual(os.read(readable, 10), b"x")

    def test_service_that_vanishes(self):
        def vanish():
            self.service.remove_from_connection()
            self.service_bus.close()

        self.service.never_called = vanish
        self.assertEqual(self.call("Never").get_dbus_name(), ERRORS + "NoReply")

    def test_name_watch(self):
        owners = []

        def changed(owner):
            owners.append(owner)
            self.loop.quit()

        watch = self.client_bus.watch_name_owner(self.NAME, changed)
        self.loop.run()
        self.service_bus.release_name(self.NAME)
        self.loop.run()
        watch.cancel()
        self.assertEqual(owners, [self.service_bus.get_unique_name(), ""])


class NextService(ServiceInterface):
    """What the client of dbus-next calls."""

    def __init__(self):
        super().__init__(INTERFACE)
        self.called = asyncio.Event()

    @method()
    def Exchange(self, data: "ay") -> "ay":
        return data

    @method()
    def Dictionary(self, values: "a{sv}") -> "a{sv}":
        return values

    @method()
    def Fail(self):
        raise DBusError("com.example.Error", "why")

    @method()
    async def Never(self):
        self.called.set()
        await asyncio.get_running_loop().create_future()

    @method()
    def Take(self, descriptor: "h"):
        os.write(descriptor, b"x")
        os.close(descriptor)

    @dbus_property()
    def Answer(self) -> "i":
        return 42

    @Answer.setter
    def Answer(self, value: "i"):
        self.emit_properties_changed({"Answer": value})

    @next_signal()
    def Happened(self) -> "s":
        return "news"


class DBusNext(harness.BusTestCase):
    NAME = "com.example.DBusNext"

    def setUp(self):
        logging.disable(logging.CRITICAL)  # dbus-next logs each error that a method raises

    def run_with_service(self, scenario):
        """Runs a coroutine with (service's bus, service, client's bus)."""
        async def both():
            buses = [await MessageBus(bus_address=self.bus.address,
                                      negotiate_unix_fd=True).connect() for _ in range(2)]
            service = NextService()
            buses[0].export(PATH, service)
            reply = await buses[0].request_name(self.NAME, NameFlag.DO_NOT_QUEUE)
            self.assertEqual(reply, RequestNameReply.PRIMARY_OWNER)
            await scenario(buses[0], service, buses[1])
            for bus in buses:
                bus.disconnect()
        asyncio.run(asyncio.wait_for(both(), TIMEOUT))

    def call(self, bus, member, signature="", *body, interface=INTERFACE, fds=()):
        return bus.call(Message(destination=self.NAME, path=PATH, interface=interface,
                                member=member, signature=signature, body=list(body),
                                unix_fds=list(fds)))

    def test_name(self):
        async def scenario(_, __, client):
            reply = await client.request_name(self.NAME, NameFlag.DO_NOT_QUEUE)
            self.assertEqual(reply, RequestNameReply.EXISTS)
        self.run_with_service(scenario)

    def test_proxy_made_from_introspection(self):
        async def scenario(_, service, client):
            node = await client.introspect(self.NAME, PATH)
            proxy = client.get_proxy_object(self.NAME, PATH, node).get_interface(INTERFACE)
            values = {"a": Variant("as", ["x"]), "b": Variant("(uy)", [1, 2])}
            self.assertEqual(await proxy.call_dictionary(values), values)
            self.assertEqual(await proxy.get_answer(), 42)
            heard = asyncio.get_running_loop().create_future()
            proxy.on_happened(heard.set_result)
            await client.introspect("org.freedesktop.DBus", "/")
            service.Happened()
            self.assertEqual(await heard, "news")
        self.run_with_service(scenario)

    def test_error(self):
        async def scenario(_, __, client):
            self.assertEqual((await self.call(client, "Fail")).error_name, "com.example.Error")
        self.run_with_service(scenario)

    @harness.each([("1 MiB", 1 << 20), ("32 MiB", 32 << 20)])
    def test_body_of(self, size):
        async def scenario(_, __, client):
            reply = await self.call(client, "Exchange", "ay", bytes(size))
            self.assertEqual((reply.message_type, len(reply.body[0])),
                             (MessageType.METHOD_RETURN, size))
        self.run_with_service(scenario)

    def test_descriptor(self):
        readable, writable = os.pipe()
        self.addCleanup(os.close, readable)

        async def scenario(_, __, client):
            await self.call(client, "Take", "h", 0, fds=[writable])
            os.close(writable)
            self.assertEqual(os.read(readable, 10), b"x")
        self.run_with_service(scenario)

    def test_service_that_vanishes(self):
        async def scenario(bus, service, client):
            call = asyncio.ensure_future(self.call(client, "Never"))
            await service.called.wait()
            bus.disconnect()
            self.assertEqual((await call).error_name, ERRORS + "NoReply")
        self.run_with_service(scenario)


if __name__ == "__main__":
    harness.main()
