# SPDX-License-Identifier: Apache-2.0
"""The example service of clients/examples/notification-service, called by stock clients.

BUZON_TEST_NOTIFICATIONS names its executable.
"""

import json
import os
import subprocess

import harness
from waiting import DEADLINE, read_lines

SERVICE = os.environ.get("BUZON_TEST_NOTIFICATIONS") or "buzon-example-notifications"
OBJECT = ("org.buzon.example.Notifications", "/org/buzon/example/Notifications")
INTERFACE = "org.buzon.example.Notifications1"


class Notifications(harness.BusTestCase):
    def setUp(self):
        self.service = subprocess.Popen([SERVICE], env=self.bus.environment(),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(self.stop_service)
        self.assertEqual(self.printed(), "ready")
        # A bare client listens before anything is called: the signals it gets are in order.
        self.listener = self.connect()
        self.listener.bus("AddMatch", "s", f"type='signal',path='{OBJECT[1]}'")
        self.listener.drain()

    def stop_service(self):
        self.service.terminate()
        self.assertEqual(self.service.wait(DEADLINE), 0)
        self.service.stdout.close()

    def printed(self):
        return read_lines(self.service.stdout.fileno(), 1, "the service to print")[0]

    def busctl(self, verb, *arguments):
        done = self.run_command("busctl", "--user", "--json=short", verb, *OBJECT, INTERFACE,
                                *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["data"] if done.stdout else None

    def refused(self, *arguments):
        done = self.run_command("gdbus", "call", "--session", "-d", OBJECT[0], "-o", OBJECT[1],
                                "-m", f"{INTERFACE}.{arguments[0]}", *arguments[1:])
        self.assertEqual(done.returncode, 1)
        return done.stderr

    def notify(self, summary, replaces=0, timeout_ms=0, actions=()):
        return self.busctl("call", "Notify", "susssasa{sv}i", "mail", str(replaces), "icon",
                           summary, "body", str(len(actions)), *actions, "1", "urgency", "y", "1",
                           "--", str(timeout_ms))[0]

    def get(self, name):
        return self.busctl("get-property", name)

    def next_signal(self):
        """(member, body) of the service's next signal; a change as (property, value)."""
        message = self.listener.receive()
        if message.member != "PropertiesChanged":
            return message.member, message.body
        (name, value), = dict(message.body[1]).items()
        return name, value.value

    def test_notify_list_and_close(self):
        first = self.notify("one")
        self.assertEqual(self.printed(), f"[{first}] mail: one - body")
        self.assertEqual(self.next_signal(), ("Count", 1))
        self.assertEqual(self.notify("two", replaces=first), first)
        self.assertEqual(self.busctl("call", "List"), [[[first, "mail", "two", "body"]]])
        self.busctl("call", "CloseNotification", "u", str(first))
        self.assertEqual(self.next_signal(), ("NotificationClosed", (first, 3)))
        self.assertEqual(self.next_signal(), ("Count", 0))
        self.assertIn("org.buzon.example.Error.NotFound",
                      self.refused("CloseNotification", str(first)))

    def test_expiry(self):
        number = self.notify("short", timeout_ms=1)
        self.assertEqual(self.next_signal(), ("Count", 1))
        self.assertEqual(self.next_signal(), ("NotificationClosed", (number, 1)))
        self.assertEqual(self.next_signal(), ("Count", 0))

    def test_action(self):
        number = self.notify("act", actions=("open", "Open"))
        self.assertEqual(self.next_signal(), ("Count", 1))
        self.assertIn("InvalidArgs", self.refused("InvokeAction", str(number), "shut"))
        self.busctl("call", "InvokeAction", "us", str(number), "open")
        self.assertEqual(self.next_signal(), ("ActionInvoked", (number, "open")))
        self.assertEqual(self.next_signal(), ("NotificationClosed", (number, 2)))

    def test_properties(self):
        self.busctl("set-property", "DoNotDisturb", "b", "true")
        self.assertEqual(self.next_signal(), ("DoNotDisturb", True))
        self.busctl("set-property", "DoNotDisturb", "b", "true")
        self.busctl("set-property", "DefaultTimeoutMs", "i", "0")
        self.assertEqual(self.next_signal(), ("DefaultTimeoutMs", 0))
        self.assertEqual((self.get("DoNotDisturb"), self.get("DefaultTimeoutMs")), (True, 0))
        self.notify("unseen")
        self.busctl("set-property", "DoNotDisturb", "b", "false")
        self.notify("seen")
        self.assertIn("seen", self.printed())
        self.assertEqual(self.get("Count"), 2)
        read_only = self.run_command("busctl", "--user", "set-property", *OBJECT, INTERFACE,
                                     "Count", "u", "1")
        self.assertEqual(read_only.returncode, 1)

    def test_describes_itself(self):
        rows = [line.split() for line in self.output_of(
            "busctl", "--user", "introspect", *OBJECT, INTERFACE).splitlines()]
        self.assertIn([".Notify", "method", "susssasa{sv}i", "u", "-"], rows)
        self.assertIn([".Count", "property", "u", "0", "emits-change"], rows)
        self.assertIn([".DoNotDisturb", "property", "b", "false", "emits-change", "writable"], rows)
        self.assertIn([".ActionInvoked", "signal", "us", "-", "-"], rows)
        self.assertIn("spec_version", self.output_of(
            "gdbus", "introspect", "--session", "-d", OBJECT[0], "-o", OBJECT[1]))

    def test_second_service_does_not_get_the_name(self):
        done = self.run_command(SERVICE)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("buzon-example-notifications: ", done.stderr)


if __name__ == "__main__":
    harness.main()
