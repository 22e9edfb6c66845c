# SPDX-License-Identifier: Apache-2.0
"""Starts the daemon under test, waits without sleeping and reports in TAP.

BUZON_TEST_DAEMON names the daemon (default: dbus-daemon in PATH). BUZON_TEST_WRAPPER is a command
put before it, such as valgrind.
"""

import contextlib
import functools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from rawclient import RawClient
from waiting import DEADLINE, read_lines

DAEMON = shutil.which(os.environ.get("BUZON_TEST_DAEMON") or "dbus-daemon")
WRAPPER = shlex.split(os.environ.get("BUZON_TEST_WRAPPER", ""))

needs_all_descriptors = unittest.skipIf(WRAPPER, "the wrapper has descriptors of its own")
needs_program_names = unittest.skipIf(
    WRAPPER, "valgrind has no pidfds, and without one nobody is asked for the name of a program")

# True where the daemon under test is the reference implementation itself.
IS_REFERENCE = os.path.basename(os.path.realpath(DAEMON or "")) == "dbus-daemon"

ALLOW_EVERYTHING = """
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>"""

# As in the stock session.conf.
SESSION_LIMITS = {
    "max_incoming_bytes": 1000000000,
    "max_incoming_unix_fds": 250000000,
    "max_outgoing_bytes": 1000000000,
    "max_outgoing_unix_fds": 250000000,
    "max_message_size": 1000000000,
    "auth_timeout": 240000,
    "max_completed_connections": 100000,
    "max_incomplete_connections": 10000,
    "max_connections_per_user": 100000,
    "max_names_per_connection": 50000,
    "max_match_rules_per_connection": 50000,
    "max_replies_per_connection": 50000,
}


def differs(ours, reference, why):
    """The expected value where we depart from dbus-daemon on purpose; `why` is for the reader."""
    assert why
    return reference if IS_REFERENCE else ours


def busconfig(listen="unix:path={directory}/bus", auth=("EXTERNAL",), limits=None,
              policy=ALLOW_EVERYTHING, extra="", bus_type="session"):
    """Text of a configuration; {directory} stands for the daemon's private directory."""
    listens = [listen] if isinstance(listen, str) else listen
    limits = SESSION_LIMITS if limits is None else limits
    lines = ["<busconfig>", f"  <type>{bus_type}</type>", "  <keep_umask/>"]
    lines += [f"  <listen>{address}</listen>" for address in listens]
    lines += [f"  <auth>{mechanism}</auth>" for mechanism in auth]
    lines += [f'  <limit name="{name}">{value}</limit>' for name, value in limits.items()]
    return "\n".join(lines + [policy, extra, "</busconfig>", ""])


@contextlib.contextmanager
def private_directory():
    """A directory with a path short enough for sockets, removed at the end."""
    path = tempfile.mkdtemp(prefix="buzon-", dir="/tmp")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def umask():
    """Ours, which the daemon inherits."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def is_running(pid):
    """Whether a process that may not be our child still runs."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def clean_environment(**changes):
    """Our environment without the bus that it may name, and with `changes`."""
    unwanted = ("DBUS_SESSION_BUS_ADDRESS", "DBUS_SESSION_BUS_PID", "DBUS_SYSTEM_BUS_ADDRESS",
                "DBUS_STARTER_ADDRESS", "DBUS_STARTER_BUS_TYPE", "LISTEN_FDS", "LISTEN_PID",
                "NOTIFY_SOCKET")
    environment = {k: v for k, v in os.environ.items() if k not in unwanted}
    environment.update({k: v for k, v in changes.items() if v is not None})
    return environment


class Daemon:
    """The daemon under test in the foreground, ready when the constructor returns."""

    def __init__(self, config=None, arguments=(), environment=None, program=DAEMON):
        self._stack = contextlib.ExitStack()
        self.directory = self._stack.enter_context(private_directory())
        self.config_path = os.path.join(self.directory, "bus.conf")
        self.write_config(config or busconfig())
        self.log_path = os.path.join(self.directory, "log")
        readable, writable = os.pipe()
        environment = environment or clean_environment(XDG_RUNTIME_DIR=self.directory)
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*WRAPPER, program, f"--config-file={self.config_path}", "--nofork",
                 f"--print-address={writable}", *arguments],
                pass_fds=(writable,), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment)
        os.close(writable)
        with os.fdopen(readable, "rb", buffering=0) as pipe:
            try:
                self.address = read_lines(pipe.fileno(), 1, "the printed address")[0]
            except AssertionError as error:
                self.process.kill()
                self.process.wait()
                log = self.log()
                self._stack.close()
                raise AssertionError(f"{error}\n{log}") from None

    def write_config(self, text):
        """Replaces the configuration file; the daemon reads it at the next reload."""
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace("{directory}", self.directory))

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def environment(self, **changes):
        """For clients of this bus."""
        return clean_environment(DBUS_SESSION_BUS_ADDRESS=self.address,
                                 XDG_RUNTIME_DIR=self.directory, **changes)

    def stop(self):
        """Ends the daemon; raises if it had died or does not end well."""
        died = self.process.poll()
        if died is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "no end after SIGTERM"
        log = self.log()
        self._stack.close()
        if died is not None or status != 0:
            raise AssertionError(f"{DAEMON} ended with {status}, early: {died is not None}\n{log}")


@functools.lru_cache(maxsize=None)
def shared_daemon(config):
    """One daemon for all tests of this program with this configuration."""
    daemon = Daemon(config)
    unittest.addModuleCleanup(daemon.stop)
    return daemon


def each(rows):
    """Makes a test of each row for a method that takes a row; a row's first item names the test."""
    def mark(function):
        function.rows = rows
        return function
    return mark


def each_named(rows):
    """Like each(), but the method takes the first item as well."""
    return each([(row[0], *row) for row in rows])


class TableTestCase(unittest.TestCase):
    """Tests whose methods may be marked with each()."""

    maxDiff = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, function in list(vars(cls).items()):
            if hasattr(function, "rows"):
                delattr(cls, name)
                for row in function.rows:
                    title = f"{name} {row[0]}"
                    assert not hasattr(cls, title), f"two rows are named {title!r}"
                    setattr(cls, title, functools.partialmethod(function, *row[1:]))


class BusTestCase(TableTestCase):
    """Tests against one running daemon, shared by all tests with the same `config`."""

    config = busconfig()

    @property
    def bus(self):
        return shared_daemon(self.config)

    def start_daemon(self, *arguments, **options):
        """A daemon for this test alone."""
        daemon = Daemon(*arguments, **options)
        self.addCleanup(daemon.stop)
        return daemon

    def connect(self, daemon=None, **options):
        """A raw client, of the shared daemon if none is given, that is closed after the test."""
        daemon = daemon or self.bus
        client = RawClient(daemon.address, **options)
        client.group = self.__dict__.setdefault("groups", {}).setdefault(daemon, [])
        client.group.append(client)
        self.addCleanup(client.close)
        return client

    def run_command(self, *command, input_text=None, **environment):
        """Runs a stock client to its end on the bus; returns the finished process."""
        return subprocess.run(command, env=self.bus.environment(**environment), text=True,
                              input=input_text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=DEADLINE, check=False,
                              stdin=None if input_text is not None else subprocess.DEVNULL)

    def output_of(self, *command, **options):
        """Standard output of a command that must succeed."""
        done = self.run_command(*command, **options)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}{done.stdout}")
        return done.stdout


class TapResult(unittest.TestResult):
    """Prints a line per test as it ends."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def _report(self, test, good, directive=""):
        self.number += 1
        name = test.id().removeprefix("__main__.").replace("#", " ")
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}{directive}", flush=True)

    def _explain(self, test, error):
        for line in self._exc_info_to_string(error, test).splitlines():
            print("#  ", line)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._report(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._explain(test, err)
        self._report(test, False)

    addError = addFailure

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._report(test, True, f" # SKIP {reason}")


def main():
    """Runs the tests of the program that calls this, or those that its arguments name."""
    # What ignores a signal when it starts us, such as nohup, is not to change the daemon.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    loader = unittest.TestLoader()
    module = sys.modules["__main__"]
    suite = loader.loadTestsFromModule(module)
    if len(sys.argv) > 1:
        wanted = [test for group in suite for test in group
                  if any(word in test.id() for word in sys.argv[1:])]
        suite = unittest.TestSuite(wanted)
    result = TapResult()
    print(f"# {DAEMON}")
    suite.run(result)
    print(f"1..{result.number}")
    sys.exit(0 if result.wasSuccessful() and result.number else 1)
