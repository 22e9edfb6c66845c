# SPDX-License-Identifier: Apache-2.0
"""A daemon started with any command line, as a process to look at."""

import contextlib
import os
import signal
import subprocess

import harness
from rawclient import RawClient, parse_address
from waiting import DEADLINE, read_lines, wait_until


class ProcessTestCase(harness.TableTestCase):
    def setUp(self):
        self.directory = self.enterContext(harness.private_directory())
        self.config = os.path.join(self.directory, "bus.conf")
        self.write_config(harness.busconfig())

    def write_config(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("{directory}", self.directory))

    def path(self, name):
        return os.path.join(self.directory, name)

    def command(self, *arguments):
        return [*harness.WRAPPER, harness.DAEMON, *arguments]

    def environment(self, **changes):
        return harness.clean_environment(XDG_RUNTIME_DIR=self.directory, **changes)

    def run_daemon(self, *arguments, **options):
        """Runs to the end; returns exit status, standard output and standard error."""
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env=self.environment(), timeout=DEADLINE, **options)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def start(self, *arguments, **options):
        """Starts one with standard output as a pipe; it is ended after the test."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL,
                   "stdin": subprocess.DEVNULL, "env": self.environment(), **options}
        process = subprocess.Popen(self.command(*arguments), **options)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        if process.poll() is None:
            process.terminate()
        process.wait(DEADLINE)

    def end_pid(self, pid):
        """Ends a daemon that has forked itself away."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not harness.is_running(pid), "the end of the forked daemon")

    def lines(self, process, count):
        return read_lines(process.stdout.fileno(), count)

    def check_address(self, address):
        """That somebody listens there, and that the GUID is that of the listener."""
        with contextlib.closing(RawClient(address)) as client:
            self.assertEqual(client.guid, parse_address(address)[0][1]["guid"])
