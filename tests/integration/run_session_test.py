# SPDX-License-Identifier: Apache-2.0
"""buzon-run: a private bus, a program on it, and the end of both.

BUZON_TEST_RUN names the runner (default: dbus-run-session).
"""

import os
import pty
import re
import signal
import subprocess
import sys
import unittest

import harness
from harness import each
from waiting import DEADLINE, Deadline, read_all, read_lines, wait_until

RUN = os.environ.get("BUZON_TEST_RUN") or "dbus-run-session"
IS_REFERENCE = os.path.basename(RUN) == "dbus-run-session"

# Prints whether the session bus takes a connection, whenever SIGINT comes; ends with 5 after that.
ASK_BUS_ON_INTERRUPT = """
import os, signal, socket, sys
def ask(*ignored):
    path = os.environ["DBUS_SESSION_BUS_ADDRESS"].split("path=")[1].split(",")[0]
    bus = socket.socket(socket.AF_UNIX)
    print("bus", bus.connect_ex(path), flush=True)
    sys.exit(5)
signal.signal(signal.SIGINT, ask)
print("ready", flush=True)
signal.pause()
signal.pause()
"""

# Names itself, lets go of the descriptor in argv, and ends when its input does.
LET_GO_AND_WAIT = """
import os, sys
os.close(int(sys.argv[1]))
print(os.getpid(), flush=True)
sys.stdin.read()
"""


def ours(function):
    """For what dbus-run-session does not do."""
    return unittest.skipIf(IS_REFERENCE, "not in dbus-run-session")(function)


class RunSession(harness.BusTestCase):

    def setUp(self):
        directory = self.enter(harness.private_directory())
        self.config = os.path.join(directory, "bus.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(harness.busconfig().replace("{directory}", directory))

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def command(self, *program, arguments=None):
        arguments = [f"--config-file={self.config}"] if arguments is None else arguments
        return [RUN, f"--dbus-daemon={harness.DAEMON}", *arguments, *program]

    def run_on_bus(self, *program, arguments=None, **environment):
        """The finished process of the runner."""
        return subprocess.run(self.command(*program, arguments=arguments), text=True,
                              env=harness.clean_environment(**environment), timeout=DEADLINE,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)

    def start(self, *program, **options):
        """The runner, whose standard output is read from; ended after the test."""
        process = subprocess.Popen(self.command(*program), stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL,
                                   env=harness.clean_environment(), **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    @each([
        ("success", ["true"], 0),
        ("failure", ["false"], 1),
        ("any status", ["sh", "-c", "exit 42"], 42),
        ("a signal", ["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
        ("a crash", ["sh", "-c", "kill -SEGV $$"], 128 + signal.SIGSEGV),
        ("no such program", ["/nonexistent/program"], 1 if IS_REFERENCE else 127),
        ("a directory", ["/tmp"], 1 if IS_REFERENCE else 127),
        ("after --", ["--", "sh", "-c", "exit 3"], 3),
    ])
    def test_status_after(self, program, status):
        self.assertEqual(self.run_on_bus(*program).returncode, status)

    @each([
        ("no program", []),
        ("an unknown option", ["--bogus", "true"]),
        ("a configuration that is not there", ["--config-file=/nonexistent/conf", "true"]),
    ])
    def test_fails_with_127_for(self, words):
        done = self.run_on_bus(arguments=words)
        self.assertEqual((done.returncode, done.stdout), (127, ""))
        self.assertIn(os.path.basename(RUN), done.stderr)

    @each([
        ("is not there", "/nonexistent/bus"),
        ("fails at once", "/bin/false"),
        ("prints no address", "/bin/true"),
    ])
    def test_fails_with_127_for_a_bus_that(self, daemon):
        done = subprocess.run([RUN, "--dbus-daemon", daemon, "--", "echo", "ran"],
                              capture_output=True, text=True, timeout=DEADLINE, check=False)
        self.assertEqual((done.returncode, done.stdout), (127, ""))

    def test_program_finds_only_the_private_bus(self):
        done = self.run_on_bus(
            "sh", "-c", "env | grep ^DBUS_ | sort",
            DBUS_SESSION_BUS_ADDRESS="unix:path=/other", DBUS_SESSION_BUS_PID="1",
            DBUS_SESSION_BUS_WINDOWID="2", DBUS_STARTER_ADDRESS="unix:path=/other",
            DBUS_STARTER_BUS_TYPE="session", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/system")
        lines = done.stdout.splitlines()
        self.assertEqual([line.split("=")[0] for line in lines],
                         ["DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"])
        self.assertIn(os.path.dirname(self.config), lines[0])

    def test_program_uses_the_bus(self):
        done = self.run_on_bus("dbus-send", "--session", "--print-reply=literal",
                               "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.DBus")
        self.assertIn("boolean true", done.stdout)

    def test_standard_session_configuration_is_the_default(self):
        done = self.run_on_bus("printenv", "DBUS_SESSION_BUS_ADDRESS", arguments=[])
        self.assertRegex(done.stdout, "^unix:path=/tmp/dbus-[^,]*,guid=[0-9a-f]{32}\n$")

    def test_output_of_the_program_is_all_of_standard_output(self):
        self.assertEqual(self.run_on_bus("echo", "text").stdout, "text\n")

    def test_bus_and_its_socket_are_gone_at_the_end(self):
        done = self.run_on_bus("true")
        self.assertEqual(done.returncode, 0)
        # dbus-run-session does not wait for the end of its bus.
        wait_until(lambda: os.listdir(os.path.dirname(self.config)) == ["bus.conf"],
                   "the end of the socket")

    def test_program_goes_on_when_the_bus_ends(self):
        script = ("import os, subprocess, sys\n"
                  "bus = [int(p) for p in subprocess.check_output(['ps', '-o', 'pid=', '--ppid',"
                  " str(os.getppid())]).split() if int(p) != os.getpid()][0]\n"
                  "os.kill(bus, 9)\n"
                  "while True:\n"
                  "    try: open(f'/proc/{bus}/cmdline').read() or sys.exit(6)\n"
                  "    except OSError: sys.exit(6)\n")
        done = self.run_on_bus(sys.executable, "-c", script)
        self.assertEqual(done.returncode, 6, done.stderr)

    @ours
    def test_ends_the_program_when_asked_to_end(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            program = self.start("sh", "-c", "echo ready; exec sleep 600")
            read_lines(program.stdout.fileno(), 1)
            program.send_signal(number)
            self.assertEqual(program.wait(DEADLINE), 128 + number)

    @ours
    def test_bus_dies_with_a_runner_that_is_killed(self):
        alive_reader, alive = os.pipe()  # at its end once neither runner nor bus are left
        input_reader, program_input = os.pipe()
        program = self.start(sys.executable, "-c", LET_GO_AND_WAIT, str(alive),
                             pass_fds=[alive], stdin=input_reader)
        os.close(alive)
        os.close(input_reader)
        read_lines(program.stdout.fileno(), 1)
        program.kill()
        read_all(alive_reader, Deadline(), "the end of the bus")
        os.close(alive_reader)
        os.close(program_input)

    @ours
    def test_interrupt_from_the_terminal_is_for_the_program(self):
        child, terminal = pty.fork()
        if child == 0:
            os.execvpe(RUN, self.command(sys.executable, "-c", ASK_BUS_ON_INTERRUPT),
                       harness.clean_environment())
        try:
            output = b""
            while b"ready" not in output:
                output += os.read(terminal, 4096)
            os.write(terminal, b"\x03")
            while not re.search(rb"bus \d+\r?\n", output):
                output += os.read(terminal, 4096)
            self.assertIn(b"bus 0", output)
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.close(terminal)
        self.assertEqual(status, 5)


if __name__ == "__main__":
    harness.main()
