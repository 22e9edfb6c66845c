# SPDX-License-Identifier: Apache-2.0
"""Runs a program on a bus of the daemon under test; exits with its status.

usage: with_bus.py PROGRAM [ARGUMENT...]
"""

import subprocess
import sys

import harness


def main():
    daemon = harness.Daemon()
    try:
        status = subprocess.run(sys.argv[1:], env=daemon.environment(), check=False).returncode
    finally:
        daemon.stop()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
