# SPDX-License-Identifier: Apache-2.0
"""Server addresses: each form that can be listened on, lists of them, sockets handed in."""

import contextlib
import os
import socket
import stat
import subprocess
import sys

import harness
from rawclient import RawClient, parse_address
from waiting import DEADLINE, read_lines

GUID = "[0-9a-f]{32}"


class Listen(harness.TableTestCase):
    def setUp(self):
        self.directory = self.enterContext(harness.private_directory())

    def start(self, listen, **changes):
        """Starts with these <listen> elements; returns the printed address."""
        listen = [listen] if isinstance(listen, str) else listen
        daemon = harness.Daemon(
            harness.busconfig(listen=[text.format(directory=self.directory) for text in listen]),
            environment=harness.clean_environment(XDG_RUNTIME_DIR=self.directory, **changes))
        self.addCleanup(daemon.stop)
        return daemon.address

    def refuse(self, listen, **changes):
        """Starts with an address that must not work; returns what is written on standard error."""
        path = os.path.join(self.directory, "bus.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(harness.busconfig(listen=listen))
        done = subprocess.run(
            [*harness.WRAPPER, harness.DAEMON, f"--config-file={path}", "--print-address=1"],
            env=harness.clean_environment(XDG_RUNTIME_DIR=changes.get("XDG_RUNTIME_DIR")),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=DEADLINE, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        return done.stderr.decode()

    def check(self, address):
        """That the bus answers there under the printed GUID."""
        with contextlib.closing(RawClient(address)) as client:
            client.sync()
            self.assertEqual(client.guid, parse_address(address)[0][1]["guid"])

    @harness.each([
        ("path", "unix:path={directory}/s", r"unix:path={directory}/s,guid=G"),
        ("path that must be escaped", "unix:path={directory}/a%20b%3dc%2C",
         r"unix:path={directory}/a%20b%3dc%2c,guid=G"),
        ("path beyond ASCII", "unix:path={directory}/%C3%A4",
         r"unix:path={directory}/%c3%a4,guid=G"),
        ("dir", "unix:dir={directory}", r"unix:path={directory}/dbus-[A-Za-z0-9]{{10}},guid=G"),
        ("tmpdir", "unix:tmpdir={directory}",
         r"unix:path={directory}/dbus-[A-Za-z0-9]{{10}},guid=G"),
        ("runtime directory", "unix:runtime=yes", r"unix:path={directory}/bus,guid=G"),
        ("abstract name", "unix:abstract=buzon-test-{pid}",
         r"unix:abstract=buzon-test-{pid},guid=G"),
        ("list of which the first works", "unix:path={directory}/s;unix:path={directory}/t",
         r"unix:path={directory}/s,guid=G"),
        ("list of which the second works", "unix:path=/nonexistent/s;unix:path={directory}/t",
         r"unix:path={directory}/t,guid=G"),
        ("list of an unknown transport and a known one", "bogus:;unix:path={directory}/t",
         r"unix:path={directory}/t,guid=G"),
        ("list that ends in a semicolon", "unix:path={directory}/s;",
         r"unix:path={directory}/s,guid=G"),
        ("same key twice", "unix:path={directory}/s,path={directory}/t",
         r"unix:path={directory}/s,guid=G"),
    ])
    def test_listens_on(self, listen, printed):
        listen = listen.replace("{pid}", str(os.getpid()))
        printed = printed.replace("{pid}", str(os.getpid()))
        address = self.start(listen)
        pattern = printed.format(directory=self.directory).replace("G", GUID)
        self.assertRegex(address, f"^{pattern}$")
        self.check(address)

    @harness.each([
        ("nothing", ""), ("no colon", "unix"), ("no key", "unix:"), ("no value", "unix:path="),
        ("no equals sign", "unix:path"), ("empty key", "unix:=x"), ("unknown key", "unix:foo=x"),
        ("unknown transport", "bogus:a=b"), ("missing directory", "unix:path=/nonexistent/s"),
        ("bad escape", "unix:path=/tmp/%g0"), ("cut escape", "unix:path=/tmp/%2"),
        ("byte that must be escaped", "unix:path=/tmp/a b"),
        ("path and abstract", "unix:path=/tmp/x,abstract=y"),
        ("dir and tmpdir", "unix:dir=/tmp,tmpdir=/tmp"),
        ("runtime that is not yes", "unix:runtime=no"),
        ("path longer than a socket's", "unix:path=/tmp/" + "x" * 110),
        ("abstract name longer than a socket's", "unix:abstract=" + "x" * 110),
        ("systemd without sockets", "systemd:"), ("unixexec", "unixexec:path=/bin/true"),
        ("autolaunch", "autolaunch:"),
        ("list of which none works", "unix:path=/nonexistent/s;bogus:"),
    ])
    def test_refuses(self, listen):
        self.assertNotEqual(self.refuse(listen, XDG_RUNTIME_DIR=self.directory), "")

    def test_refuses_runtime_without_variable(self):
        self.assertNotEqual(self.refuse("unix:runtime=yes"), "")

    def test_tcp_is_refused_with_a_clear_reason(self):
        if harness.IS_REFERENCE:
            self.skipTest("dbus-daemon listens on tcp")
        for listen in ("tcp:host=localhost", "nonce-tcp:host=localhost"):
            self.assertIn("tcp", self.refuse(listen))

    def test_several_listen_elements_are_all_open_the_last_printed_first(self):
        address = self.start(["unix:path={directory}/a", "unix:tmpdir={directory}",
                              "unix:path={directory}/c"])
        entries = address.split(";")
        self.assertEqual([parse_address(e)[0][1]["path"] for e in (entries[0], entries[2])],
                         [f"{self.directory}/c", f"{self.directory}/a"])
        for entry in entries:
            self.check(entry)

    def test_socket_that_is_left_over_is_replaced(self):
        path = os.path.join(self.directory, "s")
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(path)
        self.check(self.start("unix:path={directory}/s"))

    def test_file_that_is_no_socket_is_left_alone(self):
        path = os.path.join(self.directory, "s")
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
        self.assertNotEqual(self.refuse(f"unix:path={path}"), "")
        self.assertTrue(stat.S_ISREG(os.stat(path).st_mode))

    def test_socket_is_removed_at_the_end_and_random_names_too(self):
        for listen in ("unix:path={directory}/s", "unix:dir={directory}", "unix:runtime=yes"):
            daemon = harness.Daemon(
                harness.busconfig(listen=listen.format(directory=self.directory)),
                environment=harness.clean_environment(XDG_RUNTIME_DIR=self.directory))
            self.check(daemon.address)
            daemon.stop()
            left = [name for name in os.listdir(self.directory) if name != "dbus-1"]
            self.assertEqual(left, [])

    def test_stock_client_finds_the_runtime_bus_without_any_address(self):
        self.start("unix:runtime=yes")
        done = subprocess.run(
            ["dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/",
             "org.freedesktop.DBus.GetId"], stdout=subprocess.PIPE, timeout=DEADLINE, check=True,
            env=harness.clean_environment(XDG_RUNTIME_DIR=self.directory, DISPLAY=None))
        self.assertRegex(done.stdout.decode().strip(), f"^{GUID}$")


class HandedIn(harness.TableTestCase):
    """systemd: takes the listening sockets of LISTEN_FDS."""

    def setUp(self):
        self.directory = self.enterContext(harness.private_directory())
        self.config = os.path.join(self.directory, "bus.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(harness.busconfig(listen=f"unix:path={self.directory}/unused"))

    def bound(self, name):
        """A listening socket on a path, or on an abstract name if that begins with @."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(name.replace("@", "\0") if name[0] == "@" else f"{self.directory}/{name}")
        listener.listen(5)
        return listener

    def start(self, *sockets, count=None):
        """Starts the daemon with these sockets as descriptors 3 and up."""
        readable, writable = os.pipe()
        self.addCleanup(os.close, readable)
        program = ("import os, sys;"
                   "[os.dup2(int(fd), 3 + n) for n, fd in enumerate(sys.argv[2].split())];"
                   "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[1]);"
                   "os.execvp(sys.argv[3], sys.argv[3:])")
        # The copies must not lie where the sockets belong.
        fds = [os.dup2(s.fileno(), 50 + n) for n, s in enumerate(sockets)]
        out = os.dup2(writable, 60)
        os.close(writable)
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(len(sockets) if count is None else count),
             " ".join(str(fd) for fd in fds), *harness.WRAPPER, harness.DAEMON,
             f"--config-file={self.config}", "--address=systemd:", "--nofork", "--nopidfile",
             "--systemd-activation", "--print-address=60"],
            pass_fds=(*fds, out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env=harness.clean_environment(XDG_RUNTIME_DIR=self.directory))
        for fd in (*fds, out):
            os.close(fd)
        self.addCleanup(self.end, process)
        self.process = process
        return readable

    def end(self, process):
        process.stderr.close()
        if process.poll() is None:
            process.terminate()
        process.wait(DEADLINE)

    def check(self, address):
        with contextlib.closing(RawClient(address)) as client:
            client.sync()
            return client.bus("Get", "ss", "org.freedesktop.DBus", "Features",
                              interface="org.freedesktop.DBus.Properties").body[0].value

    def test_one_socket(self):
        pipe = self.start(self.bound("handed"))
        (address,) = read_lines(pipe, 1)
        self.assertRegex(address, f"^unix:path={self.directory}/handed,guid={GUID}$")
        self.assertIn("SystemdActivation", self.check(address))

    def test_abstract_socket(self):
        name = f"buzon-handed-{os.getpid()}"
        (address,) = read_lines(self.start(self.bound("@" + name)), 1)
        if harness.IS_REFERENCE:  # It prints bytes behind the name that are not part of it.
            self.assertRegex(address, f"^unix:abstract={name}.*,guid={GUID}$")
        else:
            self.assertRegex(address, f"^unix:abstract={name},guid={GUID}$")
            self.check(address)

    def test_several_sockets(self):
        (line,) = read_lines(self.start(self.bound("one"), self.bound("two")), 1)
        entries = line.split(";")
        self.assertEqual({parse_address(e)[0][1]["path"] for e in entries},
                         {f"{self.directory}/one", f"{self.directory}/two"})
        for entry in entries:
            self.check(entry)

    def test_client_that_connected_before_the_daemon_started(self):
        listener = self.bound("handed")
        early = socket.socket(socket.AF_UNIX)
        early.connect(f"{self.directory}/handed")
        read_lines(self.start(listener), 1)
        with contextlib.closing(RawClient(None, connection=early)) as client:
            client.sync()

    def test_socket_file_stays_at_the_end(self):
        pipe = self.start(self.bound("handed"))
        (address,) = read_lines(pipe, 1)
        self.check(address)
        self.process.terminate()
        self.assertEqual(self.process.wait(DEADLINE), 0)
        self.assertTrue(os.path.exists(f"{self.directory}/handed"))

    def test_socket_that_does_not_listen_is_refused(self):
        pair = socket.socketpair()
        for end in pair:
            self.addCleanup(end.close)
        self.start(pair[0])
        self.assertEqual(self.process.wait(DEADLINE), 1)

    def test_no_socket_is_refused(self):
        self.start(count=0)
        self.assertEqual(self.process.wait(DEADLINE), 1)

    def test_systemd_socket_activate(self):
        path = f"{self.directory}/activated"
        process = subprocess.Popen(
            ["systemd-socket-activate", f"--listen={path}", *harness.WRAPPER, harness.DAEMON,
             f"--config-file={self.config}", "--address=systemd:", "--nofork"],
            env=harness.clean_environment(XDG_RUNTIME_DIR=self.directory),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        while "Listening on" not in read_lines(process.stderr.fileno(), 1)[0]:
            pass
        with contextlib.closing(RawClient(f"unix:path={path}")) as client:
            client.sync()


if __name__ == "__main__":
    harness.main()
