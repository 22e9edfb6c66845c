# SPDX-License-Identifier: Apache-2.0
"""What the tests of the driver share."""

import harness
from rawclient import BUS_NAME, BusError
from wire import NO_REPLY_EXPECTED

PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
PEER = "org.freedesktop.DBus.Peer"
MONITORING = "org.freedesktop.DBus.Monitoring"
STATS = "org.freedesktop.DBus.Debug.Stats"


class DriverTestCase(harness.BusTestCase):
    def setUp(self):
        self.client = self.connect()

    def expect_error(self, name, member, signature=None, *body, **options):
        with self.assertRaises(BusError) as raised:
            self.client.bus(member, signature, *body, **options)
        self.assertEqual(raised.exception.name, name, raised.exception.text)
        reply = raised.exception.reply
        self.assertEqual((reply.sender, reply.destination, reply.flags),
                         (BUS_NAME, self.client.name, NO_REPLY_EXPECTED))
        self.assertEqual(reply.signature, "s")
        return raised.exception.text.strip()
