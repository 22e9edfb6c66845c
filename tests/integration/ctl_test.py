# SPDX-License-Identifier: Apache-2.0
"""buzonctl beside busctl on the same bus: what scripts parse is the same, the rest is better.

BUZON_TEST_CTL names buzonctl.
"""

import json
import os
import re
import subprocess
import sys
import unittest

import harness
from harness import each
from waiting import DEADLINE, read_lines

CTL = os.environ.get("BUZON_TEST_CTL") or "buzonctl"
HERE = os.path.dirname(os.path.abspath(__file__))
DRIVER = ("org.freedesktop.DBus", "/org/freedesktop/DBus")
SAMPLE = ("org.example.Sample", "/org/example/Sample")
INTERFACE = "org.example.Sample1"
CALL = ("call", *SAMPLE, INTERFACE)
GET = ("get-property", *SAMPLE, INTERFACE)
SIMPLE_PROPERTIES = (
    "Byte", "Bool", "Int16", "Uint16", "Int32", "Uint32", "Int64", "Uint64", "Double", "Million",
    "Plain", "Weird", "Empty", "Path", "Type", "Strings", "NoStrings", "Pair", "Pairs", "Dict",
    "NoDict", "IntDict", "Bytes", "Any", "Anys", "Nested", "Long")
NOT_THE_SAME_IN_JSON = ("Double", "Million", "IntDict")
NOT_THE_SAME_IF_VERBOSE = ("Weird",)

# Arguments of Echo that both take.
ECHOES = (
    "u 0x10", "u 010", "u 0o17", "y 0b11", "u +1", "i -- -1", "x -- -9223372036854775808",
    "t 18446744073709551615", "d 0x10", "d 1e3", "d nan", "d -- -inf", "d 0.1", "b YES", "b T",
    "b off", "s list", "s [a,b]", "s -- --json=short", "o /a", "g a{sv}", "as 2 a b", "as 0",
    "as 0x1 a", "ay 2 1 0xff", "a{sv} 0", "a{sv} 2 a u 1 b as 1 x", "a{us} 1 1 x", "v s x",
    "(sv) a v s b", "a(ss) 1 a b", "aas 2 1 a 0")

# Arguments of Echo that both refuse.
NO_ECHOES = (
    "u -- -1", "u x", "u 08", "u 0x1G", "u 4294967296", "q 65536", "y 256", "x 9223372036854775808",
    "i 1.0", "d 1,5", "b maybe", "o a", "g a", "as 3 a b", "as 1 a b", "as -- -1", "()", "(s a",
    "{sv} a s b", "v", "v zz", "ss a b", "ay 1 256")


def without_identities(text):
    """Unique names and the tools' own names differ from one run to the next."""
    text = re.sub(r":[0-9]+\.[0-9]+", ":U", text)
    return re.sub(r"\b(busctl|buzonctl)\b", "tool", text)


class CtlTestCase(harness.BusTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "sample_service.py")],
            env=harness.shared_daemon(cls.config).environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE)
        cls.addClassCleanup(cls.stop_service)
        read_lines(cls.service.stdout.fileno(), 1, "the sample service")

    @classmethod
    def stop_service(cls):
        cls.service.kill()
        cls.service.wait()
        cls.service.stdout.close()

    def ctl(self, *arguments, **options):
        return self.run_command(CTL, "--user", *arguments, **options)

    def busctl(self, *arguments, **options):
        return self.run_command("busctl", "--user", "--no-pager", *arguments, **options)

    def output(self, *arguments):
        return self.output_of(CTL, "--user", *arguments)

    def assert_same(self, *arguments):
        """Exit status 0 and the same output."""
        theirs, ours = self.busctl(*arguments), self.ctl(*arguments)
        self.assertEqual((theirs.returncode, theirs.stderr), (0, ""), arguments)
        self.assertEqual((ours.returncode, ours.stderr), (0, ""), arguments)
        self.assertEqual(without_identities(ours.stdout), without_identities(theirs.stdout),
                         arguments)

    def assert_both_fail(self, *arguments):
        """Exit status 1, no output, and a reason in one line; returns our reason."""
        theirs, ours = self.busctl(*arguments), self.ctl(*arguments)
        self.assertEqual((theirs.returncode, theirs.stdout), (1, ""), arguments)
        self.assertEqual((ours.returncode, ours.stdout), (1, ""), arguments)
        self.assertEqual(len(ours.stderr.splitlines()), 1, ours.stderr)
        return ours.stderr


class Calls(CtlTestCase):
    @each([(mode, *options) for mode, *options in (
        ("terse",), ("short JSON", "--json=short"), ("pretty JSON", "--json=pretty"), ("-j", "-j"),
        ("verbose", "--verbose"), ("JSON off", "--json=off"), ("quiet", "-q"))])
    def test_same_reply(self, *options):
        properties = ("org.freedesktop.DBus.Properties", "GetAll", "s", "org.freedesktop.DBus")
        self.assert_same("call", *DRIVER, *properties, *options)
        self.assert_same("call", *DRIVER, "org.freedesktop.DBus", "GetId", *options)
        self.assert_same("call", *DRIVER, "org.freedesktop.DBus.Peer", "Ping", *options)
        self.assert_same(*CALL, "Echo", "v", "a{sv}", "1", "k", "(as)", "1", "x", *options)
        self.assert_same(*CALL, "GetDescriptor", *options)

    @each([(text, text.split(" ")) for text in ECHOES])
    def test_same_values(self, arguments):
        self.assert_same(*CALL, "Echo", "v", *arguments)

    def test_same_text_with_anything_in_it(self):
        for text in ("", "a b", "'", "\u00e9", "\n", "{}", "%%"):
            self.assert_same(*CALL, "Echo", "v", "s", text)

    @each([(text, text.split(" ")) for text in NO_ECHOES])
    def test_both_refuse(self, arguments):
        self.assert_both_fail(*CALL, "Echo", "v", *arguments)

    @each([
        ("no such method", "UnknownMethod", (*CALL, "Nothing")),
        ("no such name", "ServiceUnknown", ("call", "org.example.None", "/", "a.b", "C")),
        ("no such name, not to be started", "NameHasNoOwner",
         ("call", "org.example.None", "/", "a.b", "C", "--auto-start=no")),
        ("wrong arguments", "InvalidArgs",
         ("call", *DRIVER, "org.freedesktop.DBus", "NameHasOwner", "u", "1")),
        ("no answer in time", "Timeout", (*CALL, "NeverAnswer", "--timeout=50ms")),
    ])
    def test_error_reply(self, name, arguments):
        self.assertIn(f"(org.freedesktop.DBus.Error.{name})", self.assert_both_fail(*arguments))

    def test_error_of_a_service(self):
        self.assertEqual(self.assert_both_fail(*CALL, "Fail"),
                         "Call failed: it is broken (org.example.Error.Broken)\n")

    def test_without_a_reply(self):
        self.assert_same(*CALL, "Ignore", "s", "x", "--expect-reply=no")
        self.assert_same("call", "org.example.None", "/", "a.b", "C", "--expect-reply=no")

    def test_negative_numbers_need_no_dashes(self):
        self.assertEqual(self.output(*CALL, "Echo", "v", "i", "-1"), "v i -1\n")

    def test_descriptors_are_passed(self):
        self.assertEqual(self.output_of("bash", "-c", 'exec "$@" 3<<<letter', "-", CTL, "--user",
                                        *CALL, "ReadAll", "h", "3"), 's "letter\\n"\n')
        closed = self.ctl(*CALL, "ReadAll", "h", "99")
        self.assertEqual(closed.returncode, 1)
        self.assertIn("Bad file descriptor", closed.stderr)

    def test_unwritten_output_is_a_failure(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([CTL, "--user", "list"], env=self.bus.environment(), stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=DEADLINE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)


class Properties(CtlTestCase):
    @each([(name, name) for name in SIMPLE_PROPERTIES])
    def test_same_value_of(self, name):
        self.assert_same(*GET, name)
        if name not in NOT_THE_SAME_IN_JSON:
            self.assert_same(*GET, name, "--json=short")
            self.assert_same(*GET, name, "--json=pretty")
        if name not in NOT_THE_SAME_IF_VERBOSE:
            self.assert_same(*GET, name, "--verbose")

    def test_same_values_of_several(self):
        for options in ([], ["-j"], ["--verbose"]):
            self.assert_same(*GET, "Byte", "Dict", "Plain", *options)

    def test_first_missing_one_ends_it(self):
        done = self.ctl(*GET, "Byte", "None", "Bool")
        self.assertEqual((done.returncode, done.stdout), (1, "y 255\n"))
        self.assertRegex(done.stderr, r"Failed to get property None .*\(org\.freedesktop\.DBus\.")

    def test_json_of_dictionaries_whose_keys_are_numbers(self):
        self.assertEqual(self.output(*GET, "IntDict", "-j"), '{"type":"a{us}","data":{"3":"c"}}\n')

    def test_json_of_numbers_is_short_and_exact(self):
        self.assertEqual(self.output(*GET, "Double", "Pi", "-j"),
                         '{"type":"d","data":1.5}\n{"type":"d","data":3.141592653589793}\n')
        self.assertEqual(self.output(*GET, "Pi"), "d 3.141592653589793\n")

    def test_verbose_text_stays_on_its_line(self):
        self.assertEqual(self.output(*GET, "Weird", "--verbose"),
                         'STRING "s \\"q\\" \'a\' \\\\ \\n\\t\\r\\a\\b\\f\\v \u00e9 \\001 \\177";\n')

    def test_setting(self):
        setting = ("set-property", *SAMPLE, INTERFACE)
        self.assertEqual(self.output(*setting, "Loud", "s", "new value"), "")
        self.assertEqual(self.output(*GET, "Loud"), 's "new value"\n')
        self.assert_same(*setting, "Loud", "s", "newer value")
        self.assert_both_fail(*setting, "Loud", "s", "a", "b")
        self.assert_both_fail(*setting, "Loud", "ss", "a", "b")
        self.assertIn("PropertyReadOnly", self.assert_both_fail(
            "set-property", *DRIVER, "org.freedesktop.DBus", "Features", "as", "0"))


class Looking(CtlTestCase):
    def rows(self, done):
        """Lines without the run's own process ids and the width of columns."""
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [without_identities(line).split() for line in done.stdout.splitlines()]
        for row in rows:
            if "tool" in row:
                row[row.index("tool") - 1] = "PID"
        return sorted(rows)

    @each([(" ".join(options) or "all", options) for options in (
        [], ["--unique"], ["--acquired"], ["--acquired", "--unique"], ["--no-legend"],
        ["--show-machine"], ["--acquired", "-l"])])
    def test_same_list(self, options):
        theirs = self.rows(self.busctl("list", *options))
        self.assertEqual(self.rows(self.ctl("list", *options)), theirs)
        if not options:
            self.assertEqual(self.rows(self.ctl()), theirs)

    def test_same_list_as_json(self):
        for mode in ("short", "pretty"):
            self.assert_same("list", "--acquired", f"--json={mode}")

    def test_activatable_names_are_those_not_owned(self):
        done = self.ctl("list", "--activatable", "-j")
        self.assertTrue(all(row["connection"] == "(activatable)" for row in json.loads(done.stdout)))
        self.assertNotIn("org.freedesktop.DBus", [row["name"] for row in json.loads(done.stdout)])

    @each([("the bus",), ("a name", SAMPLE[0]), ("no /proc", SAMPLE[0], "--augment-creds=no")])
    def test_same_status_of(self, *arguments):
        self.assert_same("status", *arguments)

    def test_same_status_of_a_process(self):
        self.assert_same("status", str(os.getpid()))

    def test_status_as_json(self):
        fields = json.loads(self.output("status", "-j"))
        self.assertEqual((fields["PID"], fields["BusScope"]), (self.bus.pid, "user"))
        self.assertIsInstance(fields["CommandLine"], list)
        self.assertIsNone(json.loads(self.output("status", SAMPLE[0], "-j"))["UserUnit"])

    def test_status_of_nobody(self):
        self.assertIn("NameHasNoOwner", self.assert_both_fail("status", "org.example.None"))
        self.assert_both_fail("status", "999999999")
        self.assert_both_fail("status", "no name")

    def test_same_tree(self):
        for options in ([], ["--list"]):
            self.assert_same("tree", SAMPLE[0], *options)
            self.assert_same("tree", SAMPLE[0], DRIVER[0], *options)
        theirs, ours = self.busctl("tree").stdout, self.ctl("tree").stdout
        self.assertEqual(sorted(ours.splitlines()), sorted(theirs.splitlines()))

    def test_tree_as_json(self):
        self.assertEqual(json.loads(self.output("tree", DRIVER[0], "-j")),
                         [{"service": DRIVER[0], "objects": ["/", DRIVER[1]]}])

    def test_tree_of_nobody(self):
        done = self.ctl("tree", "org.example.None")
        self.assertEqual((done.returncode, done.stdout), (1, "No objects discovered.\n"))
        self.assertIn("ServiceUnknown", done.stderr)

    def test_same_introspection_of_the_driver(self):
        self.assert_same("introspect", *DRIVER)
        arguments = ("introspect", *DRIVER, "--no-legend")
        self.assertEqual(self.rows(self.ctl(*arguments)), self.rows(self.busctl(*arguments)))
        self.assert_same("introspect", *DRIVER, "--xml-interface")

    def test_same_introspection_but_for_some_values(self):
        theirs, ours = (self.rows(tool("introspect", *SAMPLE)) for tool in (self.busctl, self.ctl))
        better = {".Pair": ["(si)", '"p"', "3"], ".Any": ["v", "u", "1"],
                  ".Pi": ["d", "3.141592653589793"]}
        for row in theirs:
            if row[0] in better:
                row[2:4] = better[row[0]]
        self.assertEqual(ours, theirs)

    def test_introspection_of_one_interface(self):
        arguments = ("introspect", *DRIVER, "org.freedesktop.DBus.Peer")
        self.assertEqual(self.rows(self.ctl(*arguments)), self.rows(self.busctl(*arguments)))
        self.assert_same("introspect", *DRIVER, "org.example.None")

    def test_introspection_as_json(self):
        peer, = json.loads(self.output("introspect", *DRIVER, "org.freedesktop.DBus.Peer", "-j"))
        self.assertEqual(peer["methods"][0],
                         {"name": "GetMachineId", "signature": "", "result": "s", "flags": []})

    def test_introspection_of_nobody(self):
        self.assertIn("ServiceUnknown", self.assert_both_fail("introspect", "org.example.None", "/"))


class Watching(CtlTestCase):
    def monitor(self, *command):
        """A running monitor, that has begun; its blocks or lines can be read until it is told."""
        process = subprocess.Popen([*command, "--user"], env=self.bus.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        begun = read_lines(process.stderr.fileno(), 1, f"{command} to begin")
        self.assertEqual(begun, ["Monitoring bus message stream."])
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()

    def make_traffic(self):
        for tool in (self.busctl, self.ctl):
            tool(*CALL, "Echo", "v", "a{sv}", "1", "k", "as", "1", "x")
            tool(*CALL, "Fail")
            tool(*CALL, "Ignore", "s", "", "--auto-start=no", "--expect-reply=no")
            tool(*CALL, "Fail", "--allow-interactive-authorization=no")
            tool("emit", "/a/b", "org.example.I", "Told", "sv", "\u00e9", "u", "1",
                 "--destination=org.example.Sample")
            tool("emit", "/a/b", "org.example.I", "ToldAll", "--auto-start=no")
        self.ctl("emit", "/", "org.example.I", "TrafficEnds", f"--destination={SAMPLE[0]}")

    def seen(self, process):
        """All lines up to the end of the traffic, without the time."""
        lines = []
        while not lines or "TrafficEnds" not in lines[-1]:
            lines += read_lines(process.stdout.fileno(), 1, "a message")
        return [re.sub(r'((Timestamp=")|("timestamp-realtime" ?: ?)).*?([",]|$)', r"\g<1>0\g<4>", line)
                for line in lines]

    @each([("text",), ("short JSON", "--json=short"), ("pretty JSON", "--json=pretty"),
           ("matches", "--match=type='error'", "--match=interface='org.example.I'")])
    def test_same_messages(self, *options):
        arguments = ("monitor", SAMPLE[0], *options)
        theirs, ours = self.monitor("busctl", *arguments), self.monitor(CTL, *arguments)
        self.make_traffic()
        seen = self.seen(ours)
        self.assertGreater(len(seen), 8)
        self.assertEqual(seen, self.seen(theirs))

    def test_both_emit_the_same(self):
        process = self.monitor(CTL, "monitor", "--match=interface='org.example.I'", "-j")
        self.make_traffic()
        signals = [json.loads(line) for line in self.seen(process) if "Told" in line]
        for message in signals:
            del message["sender"], message["timestamp-realtime"]
        self.assertEqual(len(signals), 4)
        self.assertEqual(signals[:2], signals[2:])

    def test_refused_rule(self):
        self.assertIn("MatchRuleInvalid", self.assert_both_fail("monitor", "--match=bad=rule"))
        self.assert_both_fail("monitor", "no name")

    def test_the_end_of_the_bus_ends_it(self):
        daemon = harness.Daemon()
        environment = daemon.environment()
        ends = []
        for tool in ("busctl", CTL):
            process = subprocess.Popen([tool, "--user", "monitor"], env=environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE)
            self.addCleanup(self.end_of_error_only, process)
            read_lines(process.stderr.fileno(), 1, f"{tool} to begin")
            ends.append(process)
        daemon.stop()
        self.assertEqual([process.wait(DEADLINE) for process in ends], [0, 0])

    @staticmethod
    def end_of_error_only(process):
        process.kill()
        process.wait()
        process.stderr.close()


class CommandLine(CtlTestCase):
    @each([
        ("no such verb", ("dance",)),
        ("no such option", ("--foo",)),
        ("too many arguments", ("list", "x")),
        ("too few arguments", ("call", *SAMPLE)),
        ("bad JSON mode", ("list", "--json=xml")),
        ("bad boolean", (*CALL, "Fail", "--expect-reply=maybe")),
        ("bad time", (*CALL, "Fail", "--timeout=soon")),
        ("bad service", ("call", "no name", "/", "a.b", "C")),
        ("bad path", ("call", SAMPLE[0], "a/b", "a.b", "C")),
        ("bad interface", ("call", *SAMPLE, "a", "C")),
        ("bad member", ("call", *SAMPLE, "a.b", "C.d")),
        ("bad signal", ("emit", "/", "a", "B")),
        ("no text", ("call", *SAMPLE, INTERFACE, "Echo", "s", b"\xff")),
    ])
    def test_both_refuse(self, arguments):
        self.assert_both_fail(*arguments)

    def test_address(self):
        address = f"--address={self.bus.address}"
        theirs = self.run_command("busctl", address, "status").stdout
        self.assertEqual(self.output_of(CTL, address, "status"), theirs)
        self.assertEqual(self.output_of(CTL, "status", address), theirs)
        for wrong in ("nonsense", "unix:path=/nowhere/at/all"):
            done = self.run_command(CTL, f"--address={wrong}", "list")
            self.assertEqual(done.returncode, 1)
            self.assertIn(wrong, done.stderr)

    def test_system_bus_by_default(self):
        environment = {"DBUS_SYSTEM_BUS_ADDRESS": self.bus.address}
        status = self.output_of(CTL, "status", **environment)
        self.assertEqual(self.output_of("busctl", "status", **environment), status)
        self.assertIn("BusScope=system\n", status)

    def test_help_and_version(self):
        self.assertIn("get-property SERVICE", self.output("--help"))
        self.assertEqual(self.output("help"), self.output("-h"))
        self.assertRegex(self.output("--version"), r"^buzonctl [0-9.]+\n$")


if __name__ == "__main__":
    unittest.TestCase.longMessage = True
    harness.main()
