# SPDX-License-Identifier: Apache-2.0
"""Names: queues of owners, every flag and return code, the order of the signals."""

import unittest

import harness
from rawclient import BusError


class Smoke(harness.BusTestCase):
    def test_request(self):
        a = self.connect()
        self.assertEqual(a.request_name("com.example.A"), 1)
        self.assertEqual(a.owner_of("com.example.A"), a.name)
        self.assertEqual([m.member for m in a.drain()], ["NameAcquired"])


if __name__ == "__main__":
    harness.main()
