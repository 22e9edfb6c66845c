# SPDX-License-Identifier: Apache-2.0
"""Whom the daemon runs as: <user>, what is left of its rights, whom clients see."""

import contextlib
import os
import pwd
import socket
import struct
import unittest

import harness
from process_case import ProcessTestCase
from rawclient import BUS_NAME, RawClient

USER = "nobody"
# Without it only the bus's own user could connect, and these tests run as root.
OPEN_TO_ALL = '<policy context="default"><allow user="*"/></policy>'


def status(pid, *fields):
    """Lines of /proc/PID/status by name, values as lists of words."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return [lines[field].split() for field in fields]


@unittest.skipIf(os.getuid() != 0, "only root can become somebody else")
class User(ProcessTestCase):
    def setUp(self):
        super().setUp()
        self.user = pwd.getpwnam(USER)
        self.write_config_with_user(USER)

    def write_config_with_user(self, user, extra=""):
        self.write_config(harness.busconfig(extra=f"<user>{user}</user>{OPEN_TO_ALL}{extra}"))

    def start_and_connect(self):
        process = self.start(f"--config-file={self.config}", "--print-address=1")
        client = RawClient(self.lines(process, 1)[0])
        self.addCleanup(client.close)
        return process, client

    def test_becomes_that_user_in_every_respect(self):
        process, client = self.start_and_connect()
        client.sync()
        uid, gid = str(self.user.pw_uid), str(self.user.pw_gid)
        uids, gids = status(process.pid, "Uid", "Gid")
        self.assertEqual((uids, gids), ([uid] * 4, [gid] * 4))
        (groups,) = status(process.pid, "Groups")
        # dbus-daemon keeps no group at all where it is built with libcap-ng.
        self.assertIn(groups, ([gid], [] if harness.IS_REFERENCE else [gid]))

    def test_keeps_no_capability(self):
        process, client = self.start_and_connect()
        client.sync()
        audit_write = 1 << 29
        for field in status(process.pid, "CapPrm", "CapEff", "CapInh", "CapAmb"):
            kept = int(field[0], 16)
            self.assertEqual(kept & ~(audit_write if harness.IS_REFERENCE else 0), 0)

    def test_clients_see_that_user(self):
        process, client = self.start_and_connect()
        self.assertEqual(client.bus("GetConnectionUnixUser", "s", BUS_NAME).body,
                         (self.user.pw_uid,))
        credentials = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid, gid = struct.unpack("3i", credentials)
        self.assertEqual(pid, process.pid)
        # dbus-daemon listens while it is still root, and clients see who did.
        self.assertEqual((uid, gid), harness.differs((self.user.pw_uid, self.user.pw_gid), (0, 0),
                                                     "the kernel notes who called listen()"))

    def test_unknown_user_is_an_error_and_leaves_nothing_behind(self):
        self.write_config_with_user("no-such-user")
        code, output, errors = self.run_daemon(f"--config-file={self.config}")
        self.assertEqual((code, output), (1, ""))
        self.assertIn('Could not get UID and GID for username "no-such-user"', errors)
        if not harness.IS_REFERENCE:
            self.assertRegex(errors, rf"{self.config}:\d+:\d+: ")
            self.assertFalse(os.path.exists(self.path("bus")))

    def test_without_the_rights_of_root_it_runs_as_whoever_started_it(self):
        os.chmod(self.directory, 0o777)
        process = self.start(f"--config-file={self.config}", "--print-address=1",
                             user="daemon", group="daemon", extra_groups=[])
        with contextlib.closing(RawClient(self.lines(process, 1)[0])) as client:
            client.sync()
        self.assertEqual(status(process.pid, "Uid")[0], [str(pwd.getpwnam("daemon").pw_uid)] * 4)

    def test_same_user_is_no_change(self):
        self.write_config_with_user("root")
        process, client = self.start_and_connect()
        client.sync()
        self.assertEqual(status(process.pid, "Uid")[0], ["0"] * 4)

    def test_pidfile_left_behind_does_not_block_the_next_start(self):
        self.write_config_with_user(USER, "<pidfile>{directory}/pid</pidfile>")
        process, client = self.start_and_connect()
        client.sync()
        process.terminate()
        self.assertEqual(process.wait(), 0)
        self.assertTrue(os.path.exists(self.path("pid")), "it could not be removed")
        if harness.IS_REFERENCE:
            code, _, errors = self.run_daemon(f"--config-file={self.config}")
            self.assertEqual(code, 1)
            self.assertIn("exists", errors)
        else:
            again, client = self.start_and_connect()
            client.sync()
            with open(self.path("pid"), encoding="ascii") as file:
                self.assertEqual(file.read(), f"{again.pid}\n")


if __name__ == "__main__":
    harness.main()
