# SPDX-License-Identifier: Apache-2.0
"""buzonctl policy: explain, check and diff, on files and on the running bus.

BUZON_TEST_CTL names buzonctl.
"""

import json
import os
import shutil
import subprocess
import unittest

import harness
from harness import IS_REFERENCE
from rawclient import BUS_NAME
from waiting import DEADLINE

CTL = os.environ.get("BUZON_TEST_CTL") or "buzonctl"
NOBODY = 65534

# Each rule has a line of its own; the tests name the lines.
POLICY = """<policy context="default">
<allow user="*"/>
<deny own="*"/>
<deny send_type="method_call"/>
<allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/>
<allow receive_type="method_call"/>{replies}
<allow send_destination="org.freedesktop.DBus"/>
<allow send_destination="org.example.Mail" send_interface="org.example.Mail1"/>
<deny receive_sender="org.example.Spam"/>
</policy>
<policy user="root">
<allow own="org.example.Mail"/>
</policy>
<policy context="mandatory">
<deny send_interface="org.example.Debug1" send_destination="org.example.Mail"/>
</policy>""".replace("{replies}", "".join(
    f'<allow receive_type="{answer}" receive_sender="{BUS_NAME}"/>'
    for answer in ("method_return", "error", "signal")))
CONFIG = harness.busconfig(policy=POLICY)
FIRST = CONFIG[:CONFIG.index(POLICY)].count("\n") + 1


class PolicyTestCase(harness.BusTestCase):
    config = CONFIG

    def ctl(self, *arguments):
        """Exit status and output; nothing may be on standard error."""
        done = self.run_command(CTL, "--user", *arguments)
        self.assertEqual(done.stderr, "", arguments)
        return done.returncode, done.stdout

    def fails(self, *arguments):
        """The complaint of what can't be done, which exits with 2."""
        done = self.run_command(CTL, "--user", *arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    def file(self, name, text):
        path = os.path.join(self.bus.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("{directory}", self.bus.directory))
        self.addCleanup(os.unlink, path)
        return path

    def explain(self, *arguments):
        """What JSON says: allowed, and for each side its rules as (line of POLICY, fate)."""
        status, text = self.ctl("policy", "explain", "--json=short", *arguments)
        answer = json.loads(text)
        self.assertEqual(status, 0 if answer["allowed"] else 1)
        sides = {side: [(rule["line"] - FIRST + 1, rule["fate"]) for rule in answer[side]["rules"]]
                 for side in ("send", "receive", "own", "connect") if side in answer}
        return answer["allowed"], sides


CALL = ("--destination=org.example.Mail", "--path=/", "--member=M")
QUESTIONS = [
    ("a call that a rule allows",
     (*CALL, "--interface=org.example.Mail1"),
     True, {"send": [(9, "decides"), (4, "later-rule")], "receive": [(7, "decides")]}),
    ("a call of another interface",
     (*CALL, "--interface=org.example.Other1"),
     False, {"send": [(4, "decides")], "receive": [(7, "decides")]}),
    ("a mandatory rule",
     (*CALL, "--interface=org.example.Debug1"),
     False, {"send": [(16, "decides"), (4, "stronger-context")], "receive": [(7, "decides")]}),
    ("a sender's name",
     (*CALL, "--interface=org.example.Mail1", "--sender=org.example.Spam"),
     False, {"send": [(9, "decides"), (4, "later-rule")],
             "receive": [(10, "decides"), (7, "later-rule")]}),
    ("the driver", ("--destination=org.freedesktop.DBus", "--path=/",
                    "--interface=org.freedesktop.DBus", "--member=Hello"),
     True, {"send": [(8, "decides"), (4, "later-rule")], "receive": []}),
    ("what no rule is about",
     ("--destination=org.example.Mail", "--error=org.example.E"),
     False, {"send": [], "receive": []}),
    ("a requested answer", ("--destination=:1.77", "--reply=requested"),
     False, {"send": [(6, "decides")], "receive": []}),
    ("an answer that nobody asked for", ("--destination=:1.77", "--reply=unrequested"),
     False, {"send": [], "receive": []}),
    ("a broadcast", ("--broadcast", "--path=/", "--interface=a.b", "--member=S"),
     False, {"send": [(5, "decides")], "receive": []}),
    ("owning", ("--own=org.example.Mail",), False, {"own": [(3, "decides")]}),
    ("owning as root", ("--own=org.example.Mail", "--uid=root"),
     True, {"own": [(13, "decides"), (3, "stronger-context")]}),
    ("connecting", ("--connect", "--uid=12345"), True, {"connect": [(2, "decides")]}),
]


class Explain(PolicyTestCase):
    @harness.each(QUESTIONS)
    def test_in_a_file(self, arguments, allowed, sides):
        config = "--config=" + self.bus.config_path
        self.assertEqual(self.explain(config, *arguments), (allowed, sides))

    @harness.each(QUESTIONS)
    @unittest.skipIf(IS_REFERENCE, "dbus-daemon explains nothing")
    def test_on_the_running_bus(self, arguments, allowed, sides):
        self.assertEqual(self.explain(*arguments), (allowed, sides))

    def test_for_people(self):
        status, text = self.ctl("policy", "explain", "--config=" + self.bus.config_path,
                                "--own=org.example.Mail", "--uid=root", "--gid=root")
        place = f"{self.bus.config_path}:{{}}"
        self.assertEqual(status, 0)
        self.assertEqual(text.splitlines(), [
            "own org.example.Mail",
            "",
            "own: allowed for uid 0, groups 0",
            f'  {place.format(FIRST + 12)}: <allow own="org.example.Mail"/>',
            '      in <policy user="root">: decides',
            f'  {place.format(FIRST + 2)}: <deny own="*"/>',
            '      in <policy context="default">: a <policy> of a stronger context decides'])

    def test_hints_at_what_was_left_out(self):
        _, text = self.ctl("policy", "explain", "--config=" + self.bus.config_path,
                           "--destination=org.example.Mail")
        self.assertIn("Without --interface=: ", text)
        self.assertIn("Without --path= and --member=: ", text)

    @harness.each_named([
        ("no question", ()),
        ("not a name", ("--own=a b",)),
        ("not a type", ("--destination=a.b", "--type=x")),
        ("not a kind of answer", ("--destination=a.b", "--reply=yes")),
        ("nobody", ("--connect", "--uid=there-is-no-such-user")),
        ("two questions", ("--connect", "--own=a.b")),
        ("an argument too many", ("a", "--connect")),
        ("an option that is none", ("--bogus",)),
    ])
    def test_questions_that_are_none(self, _, arguments):
        self.fails("policy", "explain", "--config=" + self.bus.config_path, *arguments)

    def test_a_file_that_is_not_there(self):
        self.assertIn("/nowhere.conf", self.fails("policy", "explain", "--config=/nowhere.conf",
                                                  "--connect"))


@unittest.skipUnless(IS_REFERENCE, "for a bus that explains nothing")
class ExplainOnDbusDaemon(PolicyTestCase):
    def test_says_what_to_do(self):
        for arguments in (("--connect",), ("--own=a.b",), CALL):
            self.assertIn("--config=", self.fails("policy", "explain", *arguments))


@unittest.skipIf(IS_REFERENCE, "dbus-daemon explains nothing")
class RunningBus(PolicyTestCase):
    def test_looks_up_who_is_on_the_bus(self):
        owner = self.connect()
        owner.bus("RequestName", "su", "org.example.Mail", 0)
        self.addCleanup(owner.bus, "ReleaseName", "s", "org.example.Mail")
        status, text = self.ctl("policy", "explain", f"--sender={owner.name}",
                                "--destination=org.example.Mail", "--path=/", "--member=M",
                                "--interface=org.example.Mail1", "--json=short")
        answer = json.loads(text)
        self.assertEqual(status, 0)
        self.assertIn(f"{owner.name} org.example.Mail, uid {os.getuid()}",
                      answer["send"]["subject"])
        self.assertIn(f"{owner.name} org.example.Mail, uid {os.getuid()}",
                      answer["receive"]["subject"])

    def test_follows_a_reload(self):
        daemon = self.start_daemon(CONFIG)
        client = self.connect(daemon)
        command = [CTL, "--address=" + daemon.address, "policy", "explain", "--own=org.example.New"]
        def status():
            return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=DEADLINE, check=False).returncode
        self.assertEqual(status(), 1)
        daemon.write_config(harness.busconfig(
            policy=POLICY.replace('<deny own="*"/>', '<allow own="*"/>')))
        client.bus("ReloadConfig")
        self.assertEqual(status(), 0)

    def test_tells_that_the_bus_is_permissive(self):
        daemon = self.start_daemon(CONFIG, ["--permissive"])
        done = subprocess.run([CTL, "--address=" + daemon.address, "policy", "explain",
                               "--own=a.b"], stdout=subprocess.PIPE, text=True, timeout=DEADLINE,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("permissive", done.stdout)

    def test_only_for_root_and_the_bus_owner(self):
        if os.getuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv")
        daemon = self.start_daemon(CONFIG)
        os.chmod(daemon.directory, 0o755)
        ctl = shutil.copy(CTL, daemon.directory)
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        for question in (["--connect"], ["--own=a.b"], list(CALL)):
            done = subprocess.run(
                [*as_nobody, ctl, "--address=" + daemon.address, "policy", "explain", *question],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn("(org.freedesktop.DBus.Error.AccessDenied)", done.stderr)

    def test_conditions_that_are_not_known(self):
        for question in ("{'typo': <'x'>, 'destination': <'a.b'>}",
                         "{'destination': <1>}", "{'type': <'x'>, 'destination': <'a.b'>}",
                         "{'destination': <'a b'>}", "{'type': <'method_call'>}"):
            done = self.run_command("gdbus", "call", "--session", "--dest", BUS_NAME,
                                    "--object-path", "/org/freedesktop/DBus", "--method",
                                    "org.buzon.Policy1.Explain", question)
            self.assertIn("InvalidArgs", done.stderr, question)


class Check(PolicyTestCase):
    def findings(self, *arguments):
        status, text = self.ctl("policy", "check", "--json=short", *arguments)
        return status, [(found["line"], found["severity"], found["kind"])
                        for found in json.loads(text)]

    def test_nothing_to_find(self):
        path = self.file("good.conf", harness.busconfig())
        self.assertEqual(self.ctl("policy", "check", path), (0, ""))

    def test_findings_have_a_place(self):
        path = self.file("bad.conf", harness.busconfig(
            policy='<policy context="default"><deny own="a b"/></policy>'))
        status, text = self.ctl("policy", "check", path)
        self.assertEqual(status, 1)
        self.assertRegex(text, rf'^{path}:\d+:\d+: warning: <deny own="a b"/>: own="a b" is not '
                               r"the name of anything on a bus \[never-matches\]\n    ")

    def test_notes_count_if_strict(self):
        path = self.file("note.conf", harness.busconfig(
            policy='<policy context="default"><deny own="a.b"/>\n<deny own="a.b"/></policy>'))
        self.assertEqual(self.ctl("policy", "check", path)[0], 0)
        self.assertEqual(self.ctl("policy", "check", "--strict", path)[0], 1)

    def test_part_of_a_configuration(self):
        path = self.file("part.conf", "<busconfig>\n<policy user='root'>\n<allow own='a.b'/>\n"
                                      "</policy></busconfig>")
        done = self.run_command(CTL, "policy", "check", path)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("no <listen>", done.stderr)

    def test_service_files(self):
        services = os.path.join(self.bus.directory, "services")
        os.mkdir(services)
        self.addCleanup(shutil.rmtree, services)
        with open(os.path.join(services, "a.service"), "w", encoding="utf-8") as file:
            file.write("[D-BUS Service]\nName=a.b\nExec=/bin/true\n")
        path = self.file("services.conf", harness.busconfig(
            policy='<policy context="default"><deny own="a.b"/><deny own="a.c"/></policy>',
            extra=f"<servicedir>{services}</servicedir>"))
        status, found = self.findings(path)
        self.assertEqual((status, [finding[1:] for finding in found]),
                         (0, [("note", "unknown-service")]))

    def test_several_files(self):
        one = self.file("one.conf", harness.busconfig(
            policy='<policy user="no-such-user"></policy>'))
        two = self.file("two.conf", harness.busconfig(
            policy='<policy context="default"><deny send_interface="a.b"/></policy>'))
        status, found = self.findings(one, two)
        self.assertEqual((status, [finding[2] for finding in found]),
                         (1, ["unknown-user", "send-without-destination"]))

    def test_what_cannot_be_read_does_not_keep_the_rest_from_being_checked(self):
        broken = self.file("broken.conf", "<busconfig>\n<policy/></busconfig>")
        bad = self.file("bad.conf", harness.busconfig(
            policy='<policy context="default"><deny own="a b"/></policy>'))
        status, text = self.ctl("policy", "check", "--json", "/nowhere.conf", broken, bad)
        found = json.loads(text)
        self.assertEqual(status, 2)
        self.assertEqual([(one["file"], one["severity"], one["kind"]) for one in found],
                         [("/nowhere.conf", "error", "malformed"), (broken, "error", "malformed"),
                          (bad, "warning", "never-matches")])
        self.assertEqual((found[1]["line"], found[1]["column"]), (2, 1))
        self.assertIn("exactly one of context, user", found[1]["text"])
        status, text = self.ctl("policy", "check", broken)
        self.assertEqual(status, 2)
        self.assertTrue(text.startswith(f"{broken}:2:1: error: <policy> needs"), text)

    def test_files_of_buzons_own(self):
        good = self.file("good-own.conf", "<busconfig>\n<limit name='stuck_timeout'>1</limit>\n"
                                          "<limits user='no-such-user'/></busconfig>")
        broken = self.file("broken-own.conf", "<busconfig>\n<limit name='stuck'>1</limit>"
                                              "</busconfig>")
        status, found = self.findings(f"--mailbox-config={good}")
        self.assertEqual((status, found), (1, [(3, "warning", "unknown-user")]))
        whole = self.file("good.conf", harness.busconfig())
        status, found = self.findings(whole, f"--mailbox-config={good}",
                                      f"--mailbox-config={broken}")
        self.assertEqual((status, found), (2, [(3, "warning", "unknown-user"),
                                               (2, "error", "malformed")]))

    def test_a_directory(self):
        status, text = self.ctl("policy", "check", self.bus.directory)
        self.assertEqual(status, 2)
        self.assertIn("it is a directory", text)

    def test_several_parts_of_a_configuration(self):
        paths = [self.file(name, "<busconfig/>") for name in ("one.conf", "two.conf")]
        done = self.run_command(CTL, "policy", "check", *paths)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertTrue(done.stderr.startswith("2 files have no <listen>"), done.stderr)


class Diff(PolicyTestCase):
    def test_the_same(self):
        path = self.bus.config_path
        status, text = self.ctl("policy", "diff", path, path)
        self.assertEqual(status, 0)
        self.assertTrue(text.startswith("No difference found in "), text)

    def test_a_change(self):
        after = self.file("after.conf", harness.busconfig(
            policy=POLICY.replace('<allow own="org.example.Mail"/>', "")))
        status, text = self.ctl("policy", "diff", self.bus.config_path, after)
        self.assertEqual(status, 1)
        self.assertEqual(text.splitlines()[:3], [
            text.splitlines()[0],
            f'  A: allowed by {self.bus.config_path}:{FIRST + 12}: <allow own="org.example.Mail"/>',
            f'  B: denied by {after}:{FIRST + 2}: <deny own="*"/>'])
        self.assertRegex(text.splitlines()[0], r"^own: uid 0.* owns org\.example\.Mail$")

    def test_in_json(self):
        after = self.file("after.conf", harness.busconfig(
            policy=POLICY.replace('<allow user="*"/>', '<allow user="root"/>')))
        status, text = self.ctl("policy", "diff", "--json=short", self.bus.config_path, after)
        changes = json.loads(text)["changes"]
        self.assertEqual(status, 1)
        self.assertEqual([(change["kind"], change["before"]["allowed"], change["after"]["allowed"])
                          for change in changes], [("connect", True, False)])

    def test_limits(self):
        limit = '<limit name="{}">{}</limit>'
        one = self.file("one.conf", harness.busconfig(
            policy=POLICY, extra=limit.format("max_replies_per_connection", 5)))
        two = self.file("two.conf", harness.busconfig(
            policy=POLICY, extra=limit.format("max_replies_per_connection", 6)
            + limit.format("reply_timeout", 1000)))
        status, text = self.ctl("policy", "diff", one, two)
        self.assertEqual(status, 1)
        self.assertEqual(text.splitlines()[:-1], [
            "limit: reply_timeout", "  A: none", "  B: 1000",
            "limit: max_replies_per_connection", "  A: 5", "  B: 6"])
        status, text = self.ctl("policy", "diff", "--json", one, two)
        answer = json.loads(text)
        self.assertEqual((status, answer["changes"], answer["limits"]), (1, [], [
            {"name": "reply_timeout", "before": None, "after": 1000},
            {"name": "max_replies_per_connection", "before": 5, "after": 6}]))

    def test_what_cannot_be_read(self):
        self.fails("policy", "diff", self.bus.config_path, "/nowhere.conf")
        self.fails("policy", "diff", self.bus.config_path)
        self.fails("policy", "compare", self.bus.config_path)


if __name__ == "__main__":
    harness.main()
