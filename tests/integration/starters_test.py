# SPDX-License-Identifier: Apache-2.0
"""Those who start a bus and hand it on: they find the daemon under the name dbus-daemon."""

import os
import re
import signal
import subprocess
import sys

import harness
from waiting import DEADLINE, wait_until

GET_ID = ["dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/",
          "org.freedesktop.DBus.GetId"]


class StartersTestCase(harness.TableTestCase):
    """A directory, first in PATH, in which the daemon is called dbus-daemon."""

    def setUp(self):
        self.directory = self.enterContext(harness.private_directory())
        link = os.path.join(self.directory, "dbus-daemon")
        if harness.WRAPPER:
            with open(link, "w", encoding="utf-8") as script:
                script.write(f"#!/bin/sh\nexec {' '.join(harness.WRAPPER)} {harness.DAEMON} \"$@\"\n")
            os.chmod(link, 0o755)
        else:
            os.symlink(harness.DAEMON, link)
        self.environment = harness.clean_environment(
            PATH=f"{self.directory}:{os.environ['PATH']}", XDG_RUNTIME_DIR=self.directory,
            DISPLAY="", DBUS_TEST_STARTERS=self.directory)

    def run_program(self, *command, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL,
                              timeout=DEADLINE, check=False, text=True, **options)

    def daemons(self):
        """Pids of the daemons that were started with our environment and still run."""
        mark = f"DBUS_TEST_STARTERS={self.directory}".encode()
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if mark in file.read().split(b"\0") and int(pid) != os.getpid():
                        found.append(int(pid))
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                pass
        return [pid for pid in found if harness.is_running(pid)]

    def wait_for_the_end_of_all(self):
        wait_until(lambda: not self.daemons(), "the end of the bus")


class DbusRunSession(StartersTestCase):
    def test_command_has_a_bus_which_ends_with_it(self):
        done = self.run_program("dbus-run-session", "--", *GET_ID)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.strip(), "^[0-9a-f]{32}$")
        self.wait_for_the_end_of_all()

    @harness.each([("status", "exit 42", 42), ("signal", "kill -KILL $$", 128 + 9)])
    def test_passes_on_the(self, script, status):
        done = self.run_program("dbus-run-session", "--", "sh", "-c", script)
        self.assertEqual(done.returncode, status)
        self.wait_for_the_end_of_all()

    def test_missing_program(self):
        done = self.run_program("dbus-run-session", "--", "/nonexistent/program")
        self.assertIn(done.returncode, (1, 127))
        self.assertIn("/nonexistent/program", done.stderr)
        self.wait_for_the_end_of_all()

    def test_environment(self):
        self.environment.update(DBUS_SESSION_BUS_PID="1", DBUS_SESSION_BUS_WINDOWID="1",
                                DBUS_STARTER_BUS_TYPE="session", DBUS_STARTER_ADDRESS="unix:path=/")
        done = self.run_program("dbus-run-session", "--", "env")
        lines = [line for line in done.stdout.splitlines() if line.startswith("DBUS_S")]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"^DBUS_SESSION_BUS_ADDRESS=unix:path=\S+,guid=[0-9a-f]{32}$")

    def test_config_file(self):
        config = os.path.join(self.directory, "bus.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(harness.busconfig(listen=f"unix:path={self.directory}/configured"))
        done = self.run_program("dbus-run-session", f"--config-file={config}", "--",
                                "sh", "-c", "echo $DBUS_SESSION_BUS_ADDRESS")
        self.assertIn(f"unix:path={self.directory}/configured,", done.stdout)

    def test_two_beside_each_other_have_a_bus_each(self):
        script = f"dbus-run-session -- {' '.join(GET_ID)}; {' '.join(GET_ID)}"
        done = self.run_program("dbus-run-session", "--", "sh", "-c", script)
        ids = done.stdout.split()
        self.assertEqual(len(set(ids)), 2, done)


class DbusLaunch(StartersTestCase):
    def launch(self, *options):
        """Returns what is printed, which ends the daemon after the test."""
        done = self.run_program("dbus-launch", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        pid = re.search(r"DBUS_SESSION_BUS_PID=(\d+)", done.stdout)
        self.addCleanup(self.wait_for_the_end_of_all)
        self.addCleanup(os.kill, int(pid[1]), signal.SIGTERM)
        return done.stdout

    def test_prints_address_and_pid_of_a_forked_daemon(self):
        output = self.launch()
        self.assertRegex(output, r"^DBUS_SESSION_BUS_ADDRESS=unix:path=\S+,guid=[0-9a-f]{32}\n"
                         r"DBUS_SESSION_BUS_PID=\d+\n")
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = re.search(r"ADDRESS=(\S+)", output)[1]
        self.assertRegex(self.run_program(*GET_ID).stdout.strip(), "^[0-9a-f]{32}$")

    def test_sh_syntax(self):
        self.assertRegex(self.launch("--sh-syntax"),
                         r"^DBUS_SESSION_BUS_ADDRESS='unix:path=\S+,guid=[0-9a-f]{32}';\n"
                         r"export DBUS_SESSION_BUS_ADDRESS;\nDBUS_SESSION_BUS_PID=\d+;\n")

    def test_program(self):
        done = self.run_program("dbus-launch", *GET_ID)
        self.assertRegex(done.stdout.strip(), "^[0-9a-f]{32}$")
        for pid in self.daemons():
            os.kill(pid, signal.SIGTERM)
        self.wait_for_the_end_of_all()


class GTestDBus(StartersTestCase):
    PROGRAM = """
import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib
bus = Gio.TestDBus.new(Gio.TestDBusFlags.NONE)
bus.up()
connection = Gio.bus_get_sync(Gio.BusType.SESSION, None)
reply = connection.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId", None,
                             None, Gio.DBusCallFlags.NONE, -1, None)
print(reply.unpack()[0], bus.get_bus_address())
connection.set_exit_on_close(False)
connection.close_sync(None)
del connection
bus.down()
"""

    def test_up_and_down(self):
        done = self.run_program(sys.executable, "-c", self.PROGRAM)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^[0-9a-f]{32} unix:\S+,guid=[0-9a-f]{32}\n$")
        self.wait_for_the_end_of_all()


class UserService(StartersTestCase):
    """The command lines of dbus.service and of others that start a bus by hand."""

    @harness.each([
        ("as python-dbusmock does", ["--session", "--print-address=1", "--print-pid=1", "--fork"],
         r"^unix:\S+\n\d+\n$"),
        ("with descriptors as words",
         ["--session", "--print-address", "1", "--print-pid", "1", "--fork"],
         r"^unix:\S+\n\d+\n$"),
        ("with syslog", ["--syslog", "--fork", "--print-pid", "1", "--print-address", "1",
                         "--session"], r"^unix:\S+\n\d+\n$"),
    ])
    def test_forking_command_line(self, options, printed):
        done = self.run_program("dbus-daemon", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, printed)
        os.kill(int(done.stdout.split()[1]), signal.SIGTERM)
        self.wait_for_the_end_of_all()


if __name__ == "__main__":
    harness.main()
