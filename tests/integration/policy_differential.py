#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random policies and messages on two daemons, which must decide them alike.

Each case is loaded into both, the same peers send the same messages, and everything that every peer
then has is compared: what arrived, which errors came, how many rules matched. BUZON_TEST_DAEMON is
compared with BUZON_TEST_REFERENCE (default: dbus-daemon). A disagreement is printed, and written to
a file with --keep; cases in policy_cases/ are run first, whatever the seed. As root, half the peers
belong to another user.
"""

import argparse
import array
import contextlib
import fcntl
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import sys
import tempfile
import termios

import harness
import policy_generator
from rawclient import BUS_NAME, BUS_PATH, BusError, Disconnected, RawClient
from waiting import wait_until
from wire import CALL, ERROR, NO_REPLY_EXPECTED, RETURN, SIGNAL, Message

HERE = pathlib.Path(__file__).resolve().parent
NOBODY = 65534
REFERENCE = os.environ.get("BUZON_TEST_REFERENCE") or shutil.which("dbus-daemon")


@contextlib.contextmanager
def identity(user):
    """Connects as `user` and its only group; as ourselves unless we are root."""
    if user == 0 or os.getuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([user])
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def unread_bytes(connection):
    """Of what was sent here, what the other side has not read (with the kernel's own overhead)."""
    room = array.array("i", [0])
    fcntl.ioctl(connection, termios.TIOCOUTQ, room)
    return room[0]


class Side:
    """One daemon with somebody who reloads it.

    Nobody watches as a monitor: dbus-daemon 1.14 aborts when one watches and a message of the bus
    itself is denied.
    """

    def __init__(self, program, config):
        self.daemon = harness.Daemon(config, program=program)
        os.chmod(self.daemon.directory, 0o755)
        self.control = RawClient(self.daemon.address)
        self.peers = {}
        self.visitors = []

    def close(self):
        for client in (*self.peers.values(), *self.visitors, self.control):
            client.close()
        self.daemon.stop()

    def load(self, policy):
        """Reloads; returns the name of the error if it is refused."""
        self.daemon.write_config(harness.busconfig(policy=policy))
        try:
            self.control.bus("ReloadConfig")
        except BusError as error:
            return error.name
        return None

    def settle(self, peer):
        """Returns when the bus has dealt with what `peer` sent, whether or not it may answer."""
        wait_until(lambda: unread_bytes(peer.socket) == 0, "the bus to read")
        # What the first call finds read may still wait for the end of the bus's turn.
        self.control.bus("GetId")
        self.control.bus("GetId")

    def connect(self):
        """The peers of a case; bob and carol are somebody else."""
        for name in policy_generator.PEERS:
            with identity(NOBODY if name in ("bob", "carol") else 0):
                self.peers[name] = RawClient(self.daemon.address)
        peers = self.peers
        for peer, name in (("alice", "x.y"), ("bob", "a.b"), ("bob", "a.b.c"), ("bob", "x.y"),
                           ("carol", "a.bc")):
            peers[peer].request_name(name)
        for name in ("alice", "bob", "carol"):
            peers[name].add_match("type='signal'")
        peers["eve"].add_match("eavesdrop='true'")
        for peer in peers.values():
            peer.drain()

    def disconnect(self):
        """Ends the peers of a case, and waits until the bus has noticed."""
        gone = [*self.peers.values(), *self.visitors]
        for client in gone:
            client.close()
        for client in gone:
            wait_until(lambda name=client.name: not self.control.owner_of(name), "a peer to go")
        self.peers, self.visitors = {}, []
        self.control.inbox.clear()

    def try_to_connect(self, user):
        """Whether somebody gets in. No other policy is asked about Hello."""
        with identity(user):
            try:
                visitor = RawClient(self.daemon.address, hello=False)
                reply = visitor.reply_to(visitor.send(Message(CALL, BUS_PATH, BUS_NAME, "Hello",
                                                              BUS_NAME)))
            except Disconnected:
                return False
        visitor.name = reply.body[0]
        self.visitors.append(visitor)
        return True

    def resolve(self, name):
        return self.peers[name[1:]].name if name and name.startswith("@") else name

    def message(self, step, serials):
        """The message of a step."""
        kind = step["kind"]
        if kind == "driver":
            member = step["member"]
            interface = {"Ping": "org.freedesktop.DBus.Peer",
                         "Introspect": "org.freedesktop.DBus.Introspectable"}.get(member, BUS_NAME)
            signature, body = {"RequestName": ("su", (step["name"], 0)),
                               "ReleaseName": ("s", (step["name"],)),
                               "GetNameOwner": ("s", (step["name"],))}.get(member, (None, ()))
            return Message(CALL, BUS_PATH, interface, member, BUS_NAME, signature, body)
        destination = self.resolve(step.get("destination"))
        if kind == "reply":
            serial = 4711 if step["to"] is None else serials[step["to"]]
            if step["error"]:
                return Message(ERROR, destination=destination, error_name=step["error"],
                               reply_serial=serial)
            return Message(RETURN, destination=destination, reply_serial=serial)
        if kind == "call":
            return Message(CALL, step["path"], step["interface"], step["member"], destination,
                           flags=NO_REPLY_EXPECTED if step["no_reply"] else 0)
        return Message(SIGNAL, step["path"], step["interface"], step["member"], destination)

    def play(self, steps):
        """Sends all messages, each when the bus has dealt with those before it."""
        serials = []
        for step in steps:
            peer = self.peers[step["from"]]
            message = self.message(step, serials)
            message.fds = [0] * step["fds"]
            serials.append(peer.send(message))
            self.settle(peer)

    def label(self, name):
        """Unique names by whom they belong to."""
        known = {peer.name: label for label, peer in self.peers.items()}
        known.update((peer.name, f"visitor {i}") for i, peer in enumerate(self.visitors))
        return "@" + known[name] if name in known else name

    def seen_by(self, name):
        """What a peer has got, in words that do not depend on the daemon."""
        found = []
        for message in self.peers[name].drain():
            for fd in message.fds:
                os.close(fd)
            # Whether an eavesdropper gets the call that reloads is judged by the old policy here, and
            # by the new one in dbus-daemon, which has read the files by then.
            if message.sender != self.control.name:
                found.append(self.describe(message))
        return found

    def describe(self, message):
        words = [("", "call", "return", "error", "signal")[message.type],
                 f"from {self.label(message.sender)}"]
        if message.sender != BUS_NAME:
            words.append(f"serial {message.serial}")
        for word in ("destination", "path", "interface", "member", "error_name", "reply_serial"):
            value = getattr(message, word)
            if value is not None:
                words.append(f"{word} {self.label(value) if word == 'destination' else value}")
        if message.fds:
            words.append(f"{len(message.fds)} descriptors")
        if message.type == ERROR and message.sender == BUS_NAME and message.body:
            counted = re.match(r"Rejected (?:send|receive) message, \d+ matched rules",
                               message.body[0])
            if counted:
                words.append(counted[0])
        if message.member == "NameOwnerChanged":
            words.append(" ".join(self.label(each) or "nobody" for each in message.body))
        return ", ".join(words)

    def run(self, case):
        """What this daemon makes of a case, by line of a report."""
        self.connect()
        report = {"reload": self.load(case["policy"])}
        if not report["reload"]:
            for user in (0, NOBODY):
                report[f"connecting as {user}"] = self.try_to_connect(user)
            self.play(case["steps"])
            assert self.load(policy_generator.EVERYTHING) is None
        for name in self.peers:
            report[name] = self.seen_by(name)
        self.disconnect()
        return report


def differences(ours, reference):
    """Lines for a reader; none if both are the same."""
    for key, theirs in reference.items():
        mine = ours.get(key)
        if mine == theirs:
            continue
        yield f"{key}:"
        if not isinstance(theirs, list) or not isinstance(mine, list):
            yield f"  ours {mine}, reference {theirs}"
            continue
        yield from (f"  only ours:      {each}" for each in mine if each not in theirs)
        yield from (f"  only reference: {each}" for each in theirs if each not in mine)
        if sorted(mine) == sorted(theirs):
            yield "  in another order"


def cases(options):
    """The kept ones, then random ones."""
    for path in sorted((HERE / "policy_cases").glob("*.json")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))
    for number in range(options.first, options.first + options.count):
        generator = random.Random(f"{options.seed}-{number}")
        yield f"seed {options.seed} case {number}", policy_generator.case(generator)


def report(case, found, directory):
    """Prints a disagreement, and keeps it."""
    print("\n".join("#   " + line for line in [*case["policy"].splitlines(), *found]))
    if directory:
        with tempfile.NamedTemporaryFile("w", dir=directory, suffix=".json", delete=False,
                                         encoding="utf-8") as file:
            json.dump(case, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--first", type=int, default=0, help="number of the first random case")
    parser.add_argument("--count", type=int, default=int(os.environ.get("BUZON_TEST_CASES", "100")))
    parser.add_argument("--keep", metavar="DIRECTORY", help="write each disagreement there")
    options = parser.parse_args()
    print(f"# seed {options.seed}: {harness.DAEMON} beside {REFERENCE}")
    with contextlib.ExitStack() as stack:
        sides = []
        for program in (harness.DAEMON, REFERENCE):
            sides.append(Side(program, harness.busconfig(policy=policy_generator.EVERYTHING)))
            stack.callback(sides[-1].close)
        bad = number = 0
        for number, (name, case) in enumerate(cases(options), 1):
            found = list(differences(*(side.run(case) for side in sides)))
            if found:
                bad += 1
                report(case, found, options.keep)
            print(f"{'not ok' if found else 'ok'} {number} - {name}", flush=True)
    print(f"1..{number}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
