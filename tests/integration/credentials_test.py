# SPDX-License-Identifier: Apache-2.0
"""Who is behind a name: what the bus tells of its peers and of itself."""

import array
import os
import socket
import subprocess
import sys
import unittest

import harness
from rawclient import BUS_NAME, RawClient
from waiting import DEADLINE, read_lines

NOBODY = 65534  # dbus-daemon lets in only users that it finds in the user database


class Credentials(harness.BusTestCase):
    def setUp(self):
        self.client = self.connect()

    def credentials(self, name):
        reply = self.client.bus("GetConnectionCredentials", "s", name)
        self.assertEqual(reply.signature, "a{sv}")
        return {key: value.value for key, value in reply.body[0].items()}, reply

    def test_of_oneself(self):
        self.client.request_name("com.example.Credentials")
        for name in (self.client.name, "com.example.Credentials"):
            found, _ = self.credentials(name)
            self.assertEqual(found["UnixUserID"], os.getuid())
            self.assertEqual(found["ProcessID"], os.getpid())
            self.assertEqual(found["UnixGroupIDs"],
                             sorted({os.getgid(), *os.getgroups()}))

    def test_types(self):
        reply = self.client.bus("GetConnectionCredentials", "s", self.client.name)
        types = {key: value.signature for key, value in reply.body[0].items()}
        known = {"UnixUserID": "u", "ProcessID": "u", "UnixGroupIDs": "au",
                 "LinuxSecurityLabel": "ay", "ProcessFD": "h"}
        for key, kind in types.items():
            self.assertEqual(known.get(key, kind if "." in key else None), kind, key)
        self.assertLessEqual({"UnixUserID", "ProcessID", "UnixGroupIDs"}, set(types))

    def test_security_label_if_the_kernel_has_one(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mine:
            mine.connect(self.bus.address.split(",")[0].removeprefix("unix:path="))
            try:
                label = mine.getsockopt(socket.SOL_SOCKET, 31, 256)  # SO_PEERSEC
            except OSError:
                label = None
        found, _ = self.credentials(self.client.name)
        if label is None:
            self.assertNotIn("LinuxSecurityLabel", found)
        else:
            self.assertEqual(found["LinuxSecurityLabel"], label.rstrip(b"\0") + b"\0")

    def test_process_descriptor_is_that_of_the_process(self):
        found, reply = self.credentials(self.client.name)
        if "ProcessFD" not in found:
            self.assertEqual(reply.fds, [])
            return
        self.check_pid_of(reply.fds[found["ProcessFD"]], os.getpid())

    def check_pid_of(self, fd, pid):
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
            pids = [line.split()[1] for line in info if line.startswith("Pid:")]
        os.close(fd)
        self.assertEqual(pids, [str(pid)])

    def test_process_descriptor_only_for_those_who_take_descriptors(self):
        plain = self.connect(fds=False)
        (found,) = plain.bus("GetConnectionCredentials", "s", self.client.name).body
        self.assertNotIn("ProcessFD", found)

    def test_single_getters(self):
        name = self.client.name
        self.assertEqual(self.client.bus("GetConnectionUnixUser", "s", name).body,
                         (os.getuid(),))
        self.assertEqual(self.client.bus("GetConnectionUnixProcessID", "s", name).body,
                         (os.getpid(),))

    def test_of_the_bus_itself(self):
        found, reply = self.credentials(BUS_NAME)
        for fd in reply.fds:
            self.check_pid_of(fd, self.daemon_pid())
        found.pop("ProcessFD", None)
        self.assertEqual(found, {"UnixUserID": os.getuid(), "ProcessID": self.daemon_pid()})
        self.assertEqual(self.client.bus("GetConnectionUnixUser", "s", BUS_NAME).body,
                         (os.getuid(),))
        self.assertEqual(self.client.bus("GetConnectionUnixProcessID", "s", BUS_NAME).body,
                         (self.daemon_pid(),))

    def daemon_pid(self):
        """The daemon's own, which a wrapper such as valgrind keeps."""
        return self.bus.pid

    def test_of_a_process_that_has_ended_while_its_socket_lives_on(self):
        """Credentials are those of connect() and are not read from /proc later."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        program = ("import array, socket, sys; s = socket.socket(socket.AF_UNIX);"
                   "s.connect(sys.argv[1]); o = socket.socket(fileno=int(sys.argv[2]));"
                   "o.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,"
                   " array.array('i', [s.fileno()]))])")
        path = self.bus.address.split(",")[0].removeprefix("unix:path=")
        child = subprocess.Popen([sys.executable, "-c", program, path, str(theirs.fileno())],
                                 pass_fds=(theirs.fileno(),))
        self.assertEqual(child.wait(DEADLINE), 0)
        _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        fds = array.array("i")
        fds.frombytes(ancillary[0][2])
        ours.close()
        theirs.close()
        orphan = RawClient(self.bus.address, connection=socket.socket(fileno=fds[0]))
        self.addCleanup(orphan.close)
        found, reply = self.credentials(orphan.name)
        for fd in reply.fds:
            os.close(fd)
        self.assertEqual((found["ProcessID"], found["UnixUserID"]), (child.pid, os.getuid()))


@unittest.skipUnless(os.getuid() == 0, "only root can connect as somebody else")
class OtherUsers(harness.BusTestCase):
    """A bus that lets everybody in, with peers of other users; the bus owner is root."""

    config = harness.busconfig(
        policy=harness.ALLOW_EVERYTHING.replace("<allow own", '<allow user="*"/><allow own'))

    PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[2])
os.setgroups([4243, 4242])
os.setgid(4244)
os.setuid(65534)
from rawclient import RawClient, BusError
client = RawClient(sys.argv[1])
print(client.name, flush=True)
for member, signature, body, interface in (
        ("UpdateActivationEnvironment", "a{ss}", ({"A": "B"},), "org.freedesktop.DBus"),
        ("AddMatch", "s", ("eavesdrop=true",), "org.freedesktop.DBus"),
        ("BecomeMonitor", "asu", ([], 0), "org.freedesktop.DBus.Monitoring")):
    try:
        client.bus(member, signature, *body, interface=interface)
        print("allowed", flush=True)
    except BusError as error:
        print(error.name, flush=True)
sys.stdin.read()
"""

    def setUp(self):
        os.chmod(self.bus.directory, 0o755)
        source = os.path.dirname(os.path.abspath(__file__))
        self.child = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM, self.bus.address, source],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.child.wait)
        self.addCleanup(self.child.stdout.close)
        self.addCleanup(self.child.stdin.close)
        self.answers = read_lines(self.child.stdout.fileno(), 4)

    def test_credentials_of_another_user(self):
        (found,) = self.connect().bus("GetConnectionCredentials", "s", self.answers[0]).body
        self.assertEqual((found["UnixUserID"].value, found["ProcessID"].value,
                          found["UnixGroupIDs"].value),
                         (NOBODY, self.child.pid, [4242, 4243, 4244]))

    def test_another_user_is_not_privileged(self):
        self.assertEqual(self.answers[1:], ["AccessDenied"] * 3)


@unittest.skipUnless(os.getuid() == 0, "only root can connect as somebody else")
class Admission(harness.BusTestCase):
    """Without a rule only the bus owner and root may connect."""

    def test_another_user_is_not_let_in(self):
        os.chmod(self.bus.directory, 0o755)
        source = os.path.dirname(os.path.abspath(__file__))
        program = """
import os, sys
sys.path.insert(0, sys.argv[2])
os.setgroups([])
os.setgid(4244)
os.setuid(65534)
from rawclient import Disconnected, RawClient
try:
    RawClient(sys.argv[1])
except Disconnected:
    print("closed")
"""
        done = subprocess.run([sys.executable, "-c", program, self.bus.address, source],
                              stdout=subprocess.PIPE, timeout=DEADLINE, check=True)
        self.assertEqual(done.stdout, b"closed\n")


if __name__ == "__main__":
    harness.main()
