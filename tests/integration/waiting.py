# SPDX-License-Identifier: Apache-2.0
"""Waiting without sleeping: for a descriptor, for lines, up to a deadline.

BUZON_TEST_TIME_FACTOR lengthens every deadline, for slow daemons such as those under valgrind.
"""

import os
import select
import time

DEADLINE = 20.0 * float(os.environ.get("BUZON_TEST_TIME_FACTOR", "1"))


class Deadline:
    """A point in time that a test must not pass."""

    def __init__(self, seconds=DEADLINE):
        self.end = time.monotonic() + seconds

    def left(self, what):
        """Seconds left; raises if there are none, naming what was waited for."""
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise AssertionError(f"waited in vain for {what}")
        return seconds


def wait_readable(fd, deadline, what):
    """Returns once `fd` can be read or is at its end."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    poller.poll(deadline.left(what) * 1000)
    deadline.left(what)


def read_all(fd, deadline=None, what="the end of the output"):
    """Everything up to end-of-file."""
    deadline = deadline or Deadline()
    parts = []
    while True:
        wait_readable(fd, deadline, what)
        part = os.read(fd, 65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def read_lines(fd, count, what="a line of output"):
    """The next `count` lines, without their ends; reads no byte more."""
    deadline, lines, line = Deadline(), [], b""
    while len(lines) < count:
        wait_readable(fd, deadline, what)
        byte = os.read(fd, 1)
        if not byte:
            raise AssertionError(f"end of file instead of {what}; so far {lines} {line}")
        if byte == b"\n":
            lines.append(line.decode())
            line = b""
        else:
            line += byte
    return lines


def wait_until(condition, what):
    """For what cannot be waited for, such as the end of a process that is not our child."""
    deadline, pause = Deadline(), 0.0
    while not condition():
        deadline.left(what)
        time.sleep(pause)
        pause = min(0.01, pause + 0.0005)
