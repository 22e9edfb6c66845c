# SPDX-License-Identifier: Apache-2.0
"""Files of buzon's own, with limits for users and for the owners of names.

BUZON_TEST_CTL names buzonctl. dbus-daemon has nothing like it.
"""

import os
import re
import subprocess

import harness
from process_case import ProcessTestCase
from rawclient import BusError
from waiting import DEADLINE
from wire import CALL, NO_REPLY_EXPECTED, Message

CTL = os.environ.get("BUZON_TEST_CTL") or "buzonctl"
LIMITS_EXCEEDED = "org.freedesktop.DBus.Error.LimitsExceeded"


def limit(name, value):
    return f'<limit name="{name}">{value}</limit>'


def limits(elements, **subject):
    ((kind, name),) = subject.items()
    return f'<limits {kind}="{name}">{elements}</limits>'


class BuzonFilesTestCase(harness.BusTestCase):
    """Each test has a daemon with one file of ours, `own`."""

    def setUp(self):
        self.directory = self.enterContext(harness.private_directory())
        self.own = os.path.join(self.directory, "own.conf")

    def write(self, *elements):
        with open(self.own, "w", encoding="utf-8") as file:
            file.write("\n".join(["<busconfig>", *elements, "</busconfig>"]))

    def start(self, *elements, **more_limits):
        self.write(*elements)
        self.daemon = self.start_daemon(
            harness.busconfig(limits={**harness.SESSION_LIMITS, **more_limits}),
            [f"--mailbox-config={self.own}"])
        self.client = self.connect(self.daemon)

    def ask(self, member, signature=None, *arguments):
        return self.client.bus(member, signature, *arguments, interface="org.buzon.Quota1").body

    def reload(self):
        self.client.bus("ReloadConfig")


class Destinations(BuzonFilesTestCase):
    BOUND = 200000

    def calls_refused(self, receiver, count=200):
        """How many of so many calls with 64 KiB each are refused for lack of room."""
        sender = self.connect(self.daemon)
        for _ in range(count):
            sender.send(Message(CALL, "/", "a.b", "M", receiver, "ay", (bytes(65536),)))
            sender.sync()
        errors = [m for m in sender.inbox if m.error_name]
        self.assertLessEqual({m.error_name for m in errors}, {LIMITS_EXCEEDED})
        return len(errors)

    def test_a_queue_has_the_bound_of_the_name_that_its_owner_has(self):
        self.start(limits(limit("max_outgoing_bytes", self.BOUND), destination="org.example.Mail"))
        mail, other = self.connect(self.daemon), self.connect(self.daemon)
        mail.request_name("org.example.Mail")
        self.assertGreater(self.calls_refused("org.example.Mail"), 0)
        self.assertGreater(self.calls_refused(mail.name, 10), 0, "however it is called")
        self.assertEqual(self.calls_refused(other.name), 0)
        bounds = {queue[1]: queue[3] for queue in self.ask("GetQueues", "u", 0)[0]}
        self.assertEqual(bounds, {mail.name: self.BOUND,
                                  other.name: harness.SESSION_LIMITS["max_outgoing_bytes"]})

    def test_a_receiver_is_ended_after_its_own_stuck_timeout(self):
        self.start(limits(limit("max_outgoing_bytes", self.BOUND) + limit("stuck_timeout", 100),
                          destination="org.example.Mail"))
        mail, sender = self.connect(self.daemon), self.connect(self.daemon)
        mail.request_name("org.example.Mail")
        data = b"".join(Message(CALL, "/", "a.b", "M", mail.name, "ay", (bytes(65536),),
                                flags=NO_REPLY_EXPECTED, serial=serial).to_bytes()
                        for serial in range(1000, 1100))
        sender.send_bytes(data)  # it could not write all of it if the receiver stayed
        sender.sync()
        self.assertIn("stuck_timeout=100ms", self.daemon.log())
        self.assertNotIn("org.example.Mail", sender.bus("ListNames").body[0])

    def test_a_reload_changes_it(self):
        self.start()
        mail = self.connect(self.daemon)
        mail.request_name("org.example.Mail")
        self.assertEqual(self.calls_refused(mail.name, 50), 0)
        self.write(limits(limit("max_outgoing_bytes", self.BOUND), destination="org.example.Mail"))
        self.reload()
        ((queue,), _) = self.ask("GetQueues", "u", 0)
        self.assertEqual((queue[1], queue[3]), (mail.name, self.BOUND))
        self.assertGreater(self.calls_refused(mail.name, 10), 0)


class Users(BuzonFilesTestCase):
    def user_account(self):
        _, accounts, _ = self.ask("GetAccounts", "t", 0)
        (account,) = [a for a in accounts if a[4] == f"uid {os.getuid()}"]
        return {name: cap for name, _, cap in account[7]}

    def add_matches(self, client):
        """How many rules it may add, of three."""
        for number in range(3):
            try:
                client.add_match(f"member='M{number}'")
            except BusError as error:
                self.assertEqual(error.name, "LimitsExceeded")
                return number
        return 3

    def test_a_user_has_a_bound_on_what_her_connections_have_together(self):
        self.start(limits(limit("max_match_rules_per_user", 4), user=os.getuid()))
        self.assertEqual(self.add_matches(self.connect(self.daemon)), 3)
        self.assertEqual(self.add_matches(self.connect(self.daemon)), 1)
        self.assertEqual(self.user_account()["match rules"], 4)
        done = self.run_ctl("quota", "--json=short")
        self.assertIn('"match rules":4', done.stdout.replace(" :", ":"))

    def run_ctl(self, *arguments):
        return subprocess.run([CTL, f"--address={self.daemon.address}", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=True, timeout=DEADLINE)

    def test_it_is_hers_alone(self):
        self.start(limits(limit("max_match_rules_per_user", 1), user=os.getuid() + 1))
        self.assertEqual(self.add_matches(self.connect(self.daemon)), 3)

    def test_a_reload_changes_it(self):
        self.start(limits(limit("max_connections_per_user", 2), user=os.getuid()))
        self.connect(self.daemon)
        third = self.connect(self.daemon, hello=False)
        with self.assertRaises(BusError) as raised:
            third.hello()
        self.assertEqual(raised.exception.name, "LimitsExceeded")
        self.write()
        self.reload()
        third.hello()

    def test_who_connects_too_fast_waits(self):
        self.start(limit("max_connections_per_second", 2), auth_timeout=20000)
        before = self.ask("GetCounters")[0]
        for _ in range(22):
            self.connect(self.daemon).close()
        after = self.ask("GetCounters")[0]
        self.assertGreater(after["DelayedConnections"], before["DelayedConnections"])
        self.assertEqual(after["RefusedConnections"], 0)


class Broken(ProcessTestCase):
    def write_own(self, text):
        with open(self.path("own.conf"), "w", encoding="utf-8") as file:
            file.write(text)

    def arguments(self):
        return [f"--config-file={self.config}", "--nofork",
                f"--mailbox-config={self.path('own.conf')}"]

    @harness.each([
        ("a limit", "<busconfig>\n <limit name='stuck'>1</limit></busconfig>",
         ":2:2: there is no limit called \"stuck\""),
        ("an element", "<busconfig>\n<listen>unix:tmpdir=/tmp</listen></busconfig>",
         ":2:1: element <listen> is not allowed in a file of buzon's own"),
        ("a limit of others",
         "<busconfig><limits user='0'>\n<limit name='auth_timeout'>1</limit></limits></busconfig>",
         ":2:1: limit auth_timeout can't be said for one user; these can: max_connections_per_user"),
        ("XML", "<busconfig>", ":1:12: "),
    ])
    def test_a_bus_does_not_start_with(self, text, error):
        self.write_own(text)
        status, output, errors = self.run_daemon(*self.arguments())
        self.assertEqual((status, output), (1, ""))
        self.assertIn("Failed to start message bus: " + self.path("own.conf") + error, errors)

    def test_a_bus_does_not_start_without_a_file_that_is_given(self):
        status, _, errors = self.run_daemon(*self.arguments())
        self.assertEqual(status, 1)
        self.assertIn(self.path("own.conf") + ": can't be read: No such file", errors)

    def test_dbus_daemons_files_say_where_such_limits_belong(self):
        self.write_config(harness.busconfig(extra=limit("stuck_timeout", 5)))
        status, _, errors = self.run_daemon(f"--config-file={self.config}", "--nofork")
        self.assertEqual(status, 1)
        self.assertIn("limit stuck_timeout is for files that dbus-daemon never reads", errors)


class BrokenLater(BuzonFilesTestCase):
    def test_a_reload_keeps_what_there_is(self):
        self.start(limit("max_match_rules_per_user", 2))
        self.write("<bogus/>")
        with self.assertRaises(BusError) as raised:
            self.reload()
        self.assertEqual(raised.exception.name, "Failed")
        self.assertIn(self.own + ":2:1: element <bogus> is not allowed",
                      str(raised.exception.reply.body))
        self.client.add_match("member='A'")
        self.client.add_match("member='B'")
        with self.assertRaises(BusError):
            self.client.add_match("member='C'")


class Example(BuzonFilesTestCase):
    """The file that is installed for copying."""

    PATH = os.path.join(os.path.dirname(__file__), "..", "..", "broker", "buzon-limits.conf")

    def test_it_changes_nothing_until_its_comments_are_taken_out(self):
        with open(self.PATH, encoding="utf-8") as file:
            text = file.read()
        self.start()
        without = re.sub(r"<!--\s*(<limit.*?)-->", r"\1", text, flags=re.DOTALL)
        self.assertEqual((text.count("<limit"), without.count("<!--\n  <limit")), (19, 0))
        for elements in (text, without.replace("guest", str(os.getuid()))):
            with open(self.own, "w", encoding="utf-8") as file:
                file.write(elements)
            self.reload()
            names = 16 if "<!-- <limit" not in elements else 20
            self.assertEqual(self.names_it_may_have(20), min(names, 20))

    def names_it_may_have(self, most):
        client = self.connect(self.daemon)
        for number in range(1, most):  # the unique name counts
            try:
                client.request_name(f"a.b{number}")
            except BusError:
                return number
        return most


if __name__ == "__main__":
    harness.main()
