#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Policies of Debian packages, decided by buzond and dbus-daemon: debian_policies.py DIRECTORY.

DIRECTORY has the unpacked packages. Root and another user ask for every name that their system.d
files speak of, and call it with every interface and member that stand there. As root; otherwise
both are the same user.
"""

import contextlib
import itertools
import pathlib
import re
import sys
import xml.etree.ElementTree

import harness
from policy_differential import NOBODY, REFERENCE, Side, differences, identity
from rawclient import BusError, RawClient
from wire import CALL, Message

SYSTEM_CONF = pathlib.Path("/usr/share/dbus-1/system.conf")


def configuration(directories):
    """The stock system bus, with these directories instead of its own."""
    stock = "\n".join(re.findall(r"<policy.*?</policy>", SYSTEM_CONF.read_text("utf-8"), re.DOTALL))
    includes = "\n".join(f"<includedir>{each}</includedir>" for each in directories)
    return harness.busconfig(policy=stock + "\n" + includes, bus_type="system")


def values(root, *attributes):
    return sorted({rule.get(name) for rule in root.iter() for name in attributes
                   if rule.get(name) not in (None, "*")})


class Questions:
    """What one file speaks of, and something that it does not."""

    def __init__(self, path):
        root = xml.etree.ElementTree.parse(path).getroot()
        self.names = values(root, "own", "send_destination", "receive_sender")
        self.names += [prefix + ".Below" for prefix in values(root, "own_prefix")]
        self.interfaces = [None, *values(root, "send_interface"), "org.example.Other"]
        self.members = [*values(root, "send_member"), "Other"]
        self.paths = [*values(root, "send_path"), "/other"]


def ask_for(peer, name):
    """The result of RequestName, or its error."""
    try:
        return peer.request_name(name)
    except BusError as error:
        return error.name


def ask(side, questions):
    """What this daemon answers to all questions of a file."""
    report = {}
    for name in questions.names:
        report[name] = []
        for user, peer in side.peers.items():
            owned = ask_for(peer, name)
            report[name].append(f"{user} asks for it: {owned}")
            if owned == 1:
                report[name] += call(side, name, questions)
                peer.bus("ReleaseName", "s", name)
        for peer in side.peers.values():
            peer.drain()
    return report


def call(side, name, questions):
    """What becomes of every call to this name, whose owner is one of the peers."""
    for peer in side.peers.values():
        for path, interface, member in itertools.product(questions.paths, questions.interfaces,
                                                         questions.members):
            peer.send(Message(CALL, path, interface, member, name))
        side.settle(peer)
    return [line for peer in side.peers for line in side.seen_by(peer)]


def main():
    files = sorted(pathlib.Path(sys.argv[1]).resolve().glob("**/dbus-1/system.d/*.conf"))
    assert files, f"no system.d files in {sys.argv[1]}"
    config = configuration(sorted({path.parent for path in files}))
    bad = answered = 0
    with contextlib.ExitStack() as stack:
        sides = []
        for program in (harness.DAEMON, REFERENCE):
            sides.append(Side(program, config))
            stack.callback(sides[-1].close)
            for user, number in (("root", 0), ("nobody", NOBODY)):
                with identity(number):
                    sides[-1].peers[user] = RawClient(sides[-1].daemon.address)
        for number, path in enumerate(files, 1):
            questions = Questions(path)
            answers = [ask(side, questions) for side in sides]
            found = list(differences(*answers))
            bad += bool(found)
            print("".join(f"#   {line}\n" for line in found), end="")
            lines = sum(map(len, answers[1].values()))
            answered += lines
            print(f"{'not ok' if found else 'ok'} {number} - {path.name}: {lines} answers")
    assert answered > 1000, "so few answers: were the files read?"
    print(f"1..{len(files)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
