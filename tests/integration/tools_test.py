# SPDX-License-Identifier: Apache-2.0
"""Command-line clients that every Debian has: busctl, gdbus, dbus-send, dbus-monitor, qdbus.

Each calls, is called for, or watches a service that the test plays with a raw client.
"""

import json
import os
import signal
import struct
import subprocess
import unittest

import harness
from rawclient import BUS_NAME
from waiting import DEADLINE, Deadline, read_all, read_lines
from wire import Message, Variant

NAME, PATH, INTERFACE = "com.example.Tools", "/com/example/Object", "com.example.Interface"
XML = f"""<node><interface name="{INTERFACE}">
<method name="Echo"><arg type="s" direction="in"/><arg type="s" direction="out"/></method>
<property name="Answer" type="i" access="readwrite"/><signal name="Happened"><arg type="s"/></signal>
</interface></node>"""
ID = "[0-9a-f]{32}"


class ToolsTestCase(harness.BusTestCase):
    def setUp(self):
        self.service = self.connect()
        self.service.request_name(NAME)

    def start(self, *command, **environment):
        """Starts a client with its output in a pipe; ends it after the test."""
        process = subprocess.Popen(command, env=self.bus.environment(**environment),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        process.stderr.close()
        process.wait(DEADLINE)

    def finish(self, process):
        """Standard output of a client that must end well."""
        output = read_all(process.stdout.fileno()).decode()
        errors = read_all(process.stderr.fileno()).decode()
        self.assertEqual(process.wait(DEADLINE), 0, errors)
        return output

    def serve(self, process, signature=None, *body):
        """Answers the client's call; returns the call and what the client prints."""
        call = self.service.receive_call()
        self.service.reply(call, signature, *body)
        return call, self.finish(process)

    def stopped(self, process):
        """Ends a client that watches, by Ctrl-C; returns its output."""
        process.send_signal(signal.SIGINT)
        return read_all(process.stdout.fileno()).decode()

    def wait_for_rule(self, part):
        """Returns once a peer has a match rule with `part` in it, so that it watches."""
        deadline = Deadline()
        while True:
            (rules,) = self.service.bus("GetAllMatchRules",
                                        interface="org.freedesktop.DBus.Debug.Stats").body
            if any(part in rule for of_peer in rules.values() for rule in of_peer):
                return
            deadline.left(f"a match rule with {part}")


class Busctl(ToolsTestCase):
    def busctl(self, *words):
        return ("busctl", "--no-pager", "--address=" + self.bus.address, *words)

    def test_list(self):
        lines = self.output_of(*self.busctl("list")).splitlines()
        self.assertRegex(lines[0], r"^NAME\s+PID PROCESS\s+USER\s+CONNECTION\s+UNIT\s+SESSION\s+"
                         r"DESCRIPTION")
        rows = {line.split()[0]: line.split() for line in lines[1:]}
        self.assertEqual(rows[NAME][1], str(os.getpid()))
        self.assertEqual(rows[NAME][4], self.service.name)
        self.assertIn(BUS_NAME, rows)

    def test_list_as_json(self):
        rows = json.loads(self.output_of(*self.busctl("--json=short", "list")))
        (row,) = [row for row in rows if row["name"] == NAME]
        self.assertEqual((row["pid"], row["connection"]), (os.getpid(), self.service.name))

    def test_status(self):
        output = self.output_of(*self.busctl("status", NAME))
        self.assertIn(f"PID={os.getpid()}", output)
        self.assertIn(f"UniqueName={self.service.name}", output)
        self.assertIn(f"UID={os.getuid()}", output)

    def test_status_of_the_bus(self):
        self.assertRegex(self.output_of(*self.busctl("status")), r"BusID=[0-9a-f]{32}")

    def test_tree(self):
        process = self.start(*self.busctl("tree", NAME))
        xml = {"/": '<node><node name="com"/></node>', "/com": '<node><node name="x"/></node>',
               "/com/x": "<node/>"}
        for _ in xml:
            call = self.service.receive_call()
            self.service.reply(call, "s", xml[call.path])
        self.assertIn("/com/x", self.finish(process))

    def test_introspect(self):
        process = self.start(*self.busctl("introspect", NAME, PATH))
        while True:
            call = self.service.receive_call()
            if call.member == "Introspect":
                self.service.reply(call, "s", XML)
            elif call.member == "GetAll":
                self.service.reply(call, "a{sv}", {"Answer": Variant("i", 42)})
                break
        output = self.finish(process)
        self.assertRegex(output, r"\.Echo\s+method\s+s\s+s")
        self.assertRegex(output, r"\.Answer\s+property\s+i\s+42")
        self.assertRegex(output, r"\.Happened\s+signal\s+s")

    def test_call(self):
        process = self.start(*self.busctl("call", NAME, PATH, INTERFACE, "Echo",
                                          "sasa{sv}", "x", "2", "a", "b", "1", "k", "u", "7"))
        call, output = self.serve(process, "sv", "answer", Variant("as", ["y", "z"]))
        self.assertEqual(call.body, ("x", ["a", "b"], {"k": Variant("u", 7)}))
        self.assertEqual((call.flags, output), (4, 'sv "answer" as 2 "y" "z"\n'))

    def test_call_as_json(self):
        process = self.start(*self.busctl("--json=short", "call", NAME, PATH, INTERFACE, "Echo"))
        _, output = self.serve(process, "as", ["a", "b"])
        self.assertEqual(json.loads(output), {"type": "as", "data": [["a", "b"]]})

    def test_error(self):
        process = self.start(*self.busctl("call", NAME, PATH, INTERFACE, "Fail"))
        self.service.error(self.service.receive_call(), "com.example.Error", "because")
        self.assertIn("because", read_all(process.stderr.fileno()).decode())
        self.assertEqual(process.wait(DEADLINE), 1)

    def test_properties(self):
        process = self.start(*self.busctl("get-property", NAME, PATH, INTERFACE, "Answer"))
        call, output = self.serve(process, "v", Variant("i", 42))
        self.assertEqual((call.member, call.body, output),
                         ("Get", (INTERFACE, "Answer"), "i 42\n"))
        process = self.start(*self.busctl("set-property", NAME, PATH, INTERFACE, "Answer", "i",
                                          "43"))
        call, output = self.serve(process)
        self.assertEqual((call.member, call.body, output),
                         ("Set", (INTERFACE, "Answer", Variant("i", 43)), ""))

    def test_property_of_the_bus(self):
        output = self.output_of(*self.busctl("get-property", BUS_NAME, "/org/freedesktop/DBus",
                                             BUS_NAME, "Interfaces"))
        self.assertIn('"org.freedesktop.DBus.Monitoring"', output)

    def test_emit(self):
        self.service.add_match(f"interface='{INTERFACE}'")
        self.output_of(*self.busctl("emit", PATH, INTERFACE, "Happened", "s", "news"))
        self.assertEqual(self.service.receive_signal("Happened").body, ("news",))

    def test_monitor(self):
        process = self.start(*self.busctl("monitor", NAME))
        self.assertIn("Monitoring bus message stream", read_lines(process.stderr.fileno(), 1)[0])
        other = self.connect()
        serial = other.send(Message(path=PATH, interface=INTERFACE, member="Echo",
                                    destination=NAME, signature="s", body=("seen",)))
        self.service.reply(self.service.receive_call())
        lines = []
        while not any("Type=method_return" in line for line in lines):
            lines += read_lines(process.stdout.fileno(), 1)
        output = "\n".join(lines)
        self.assertRegex(output, rf"Type=method_call  Endian=l  Flags=0  Version=1 Cookie={serial}")
        self.assertRegex(output, rf"Sender={other.name}  Destination={NAME}  Path={PATH}  "
                         rf"Interface={INTERFACE}  Member=Echo")
        self.assertIn('STRING "seen"', output)

    def test_capture(self):
        process = self.start(*self.busctl("capture"))
        self.assertIn("Monitoring bus message stream", read_lines(process.stderr.fileno(), 1)[0])
        self.service.signal(PATH, INTERFACE, "Happened")
        captured = b""
        while b"Happened" not in captured:
            captured += os.read(process.stdout.fileno(), 65536)
        self.assertEqual(captured[:4], b"\x0a\x0d\x0d\x0a")


class GDBus(ToolsTestCase):
    def gdbus(self, verb, *words):
        return ("gdbus", verb, "--session", *words)

    def test_call(self):
        process = self.start(*self.gdbus("call", "-d", NAME, "-o", PATH, "-m", f"{INTERFACE}.Echo",
                                         "'x'", "[1, 2]", "{'k': <uint32 7>}"))
        while (call := self.service.receive_call()).member == "Introspect":
            self.service.reply(call, "s", XML)
        self.assertEqual(call.body, ("x", [1, 2], {"k": Variant("u", 7)}))
        self.service.reply(call, "(us)ay", (5, "y"), b"\1\2")
        self.assertEqual(self.finish(process), "((uint32 5, 'y'), [byte 0x01, 0x02])\n")

    def test_call_of_the_bus(self):
        self.assertRegex(self.output_of(*self.gdbus(
            "call", "-d", BUS_NAME, "-o", "/", "-m", f"{BUS_NAME}.GetId")), rf"^\('{ID}',\)\n$")

    def test_error(self):
        done = self.run_command(*self.gdbus("call", "-d", "com.example.Missing", "-o", "/", "-m",
                                            "a.b.C"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("org.freedesktop.DBus.Error.ServiceUnknown", done.stderr)

    def test_introspect(self):
        process = self.start(*self.gdbus("introspect", "-d", NAME, "-o", PATH))
        while process.poll() is None:
            call = self.service.receive_call()
            if call.member == "Introspect":
                self.service.reply(call, "s", XML)
            else:
                self.service.reply(call, "a{sv}", {"Answer": Variant("i", 42)})
                break
        self.assertRegex(self.finish(process), r"Echo\(in  s arg_0,\s+out s arg_1\)")

    def test_introspect_the_bus(self):
        output = self.output_of(*self.gdbus("introspect", "-d", BUS_NAME, "-o",
                                            "/org/freedesktop/DBus"))
        for part in ("RequestName(in  s arg_0", "readonly as Features", "NameOwnerChanged(s arg_0"):
            self.assertIn(part, output)

    def test_monitor(self):
        process = self.start(*self.gdbus("monitor", "-d", NAME))
        lines = read_lines(process.stdout.fileno(), 2)
        self.assertIn(f"The name {NAME} is owned by {self.service.name}", lines[1])
        self.wait_for_rule(f"sender='{self.service.name}'")
        self.service.signal(PATH, INTERFACE, "Happened", "s", "news")
        self.assertEqual(read_lines(process.stdout.fileno(), 1),
                         [f"{PATH}: {INTERFACE}.Happened ('news',)"])
        self.service.bus("ReleaseName", "s", NAME)
        self.assertEqual(read_lines(process.stdout.fileno(), 1),
                         [f"The name {NAME} does not have an owner"])

    def test_emit(self):
        self.service.add_match(f"interface='{INTERFACE}'")
        self.output_of(*self.gdbus("emit", "-o", PATH, "-s", f"{INTERFACE}.Happened", "'news'"))
        self.assertEqual(self.service.receive_signal("Happened").body, ("news",))

    def test_wait(self):
        process = self.start(*self.gdbus("wait", "--timeout=60", "com.example.Awaited"))
        self.wait_for_rule("arg0='com.example.Awaited'")
        self.service.request_name("com.example.Awaited")
        self.assertEqual(process.wait(DEADLINE), 0)


class DBusSend(ToolsTestCase):
    def send(self, *words):
        return ("dbus-send", "--bus=" + self.bus.address, *words)

    ARGUMENTS = [
        ("string:x y", 'string "x y"'), ("int16:-3", "int16 -3"), ("uint16:4", "uint16 4"),
        ("int32:-5", "int32 -5"), ("uint32:7", "uint32 7"), ("int64:-9", "int64 -9"),
        ("uint64:10", "uint64 10"), ("double:1.5", "double 1.5"), ("byte:200", "byte 200"),
        ("boolean:true", "boolean true"), ("objpath:/a/b", 'object path "/a/b"'),
        ("array:string:a,b", 'array [\n      string "a"\n      string "b"\n   ]'),
        ("dict:string:uint32:a,1,b,2", 'array [\n      dict entry(\n         string "a"\n'
         '         uint32 1\n      )\n      dict entry(\n         string "b"\n         uint32 2\n'
         '      )\n   ]'),
        ("variant:uint32:0", "variant       uint32 0"),
    ]

    @harness.each([(argument, argument, printed) for argument, printed in ARGUMENTS])
    def test_argument_there_and_back(self, argument, printed):
        process = self.start(*self.send(f"--dest={NAME}", "--print-reply", PATH,
                                        f"{INTERFACE}.Echo", argument))
        call = self.service.receive_call()
        self.service.reply(call, call.signature, *call.body)
        output = self.finish(process)
        self.assertRegex(output.splitlines()[0],
                         rf"^method return time=\d+\.\d{{6}} sender={self.service.name} -> "
                         rf"destination={call.sender} serial=\d+ reply_serial={call.serial}$")
        self.assertEqual(output.split("\n", 1)[1], f"   {printed}\n")

    def test_literal(self):
        self.assertRegex(self.output_of(*self.send(
            f"--dest={BUS_NAME}", "--print-reply=literal", "/", f"{BUS_NAME}.GetId")), rf"^   {ID}$")

    def test_error(self):
        done = self.run_command(*self.send("--dest=com.example.Missing", "--print-reply", "/",
                                           "a.b.C"))
        self.assertEqual((done.returncode, done.stderr),
                         (1, "Error org.freedesktop.DBus.Error.ServiceUnknown: The name "
                          "com.example.Missing was not provided by any .service files\n"))

    def test_signal(self):
        self.service.add_match(f"interface='{INTERFACE}'")
        self.output_of(*self.send(PATH, f"{INTERFACE}.Happened", "string:news"))
        self.assertEqual(self.service.receive_signal("Happened").body, ("news",))

    def test_call_without_waiting_for_the_reply(self):
        self.output_of(*self.send(f"--dest={NAME}", "--type=method_call", PATH,
                                  f"{INTERFACE}.Forget"))
        call = self.service.receive_call()
        self.assertEqual((call.member, call.flags), ("Forget", 0))

    def test_reply_timeout(self):
        done = self.run_command(*self.send(f"--dest={NAME}", "--print-reply",
                                           "--reply-timeout=50", PATH, f"{INTERFACE}.Never"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("org.freedesktop.DBus.Error.NoReply", done.stderr)


class DBusMonitor(ToolsTestCase):
    def monitor(self, *words):
        """Starts dbus-monitor and reads its own farewell, which is the first that it prints."""
        process = self.start("dbus-monitor", "--address", self.bus.address, *words)
        return process

    def until(self, process, word):
        lines = []
        while not lines or word not in lines[-1]:
            lines += read_lines(process.stdout.fileno(), 1)
        return lines

    def test_default_format(self):
        process = self.monitor()
        self.until(process, "NameLost")
        other = self.connect()
        serial = other.send(Message(path=PATH, interface=INTERFACE, member="Echo",
                                    destination=NAME, signature="su", body=("text", 5)))
        reply = self.service.reply(self.service.receive_call())
        self.until(process, "member=Echo")[-1]
        self.assertEqual(read_lines(process.stdout.fileno(), 2),
                         ['   string "text"', "   uint32 5"])
        line = self.until(process, "method return")[-1]
        self.assertRegex(line, rf"^method return time=\d+\.\d+ sender={self.service.name} -> "
                         rf"destination={other.name} serial={reply} reply_serial={serial}$")

    def test_first_output_is_its_own_farewell(self):
        lines = self.until(self.monitor(), "NameLost")
        self.assertIn("member=NameAcquired", lines[0])

    def test_profile(self):
        process = self.monitor("--profile", f"interface='{INTERFACE}'", "type='error'")
        self.assertEqual(self.until(process, "in_reply_to"),
                         ["#type\ttimestamp\tserial\tsender\tdestination\tpath\tinterface\tmember",
                          "#\t\t\t\t\tin_reply_to"])
        self.until(process, "NameLost")
        serial = self.service.signal(PATH, INTERFACE, "Happened")
        row = self.until(process, "Happened")[-1].split("\t")
        self.assertEqual([row[0], *row[2:]],
                         ["sig", str(serial), self.service.name, "<none>", PATH, INTERFACE,
                          "Happened"])
        failing = self.service.send(Message(path="/", member="M", destination="a.b"))
        row = self.until(process, "err")[-1].split("\t")
        self.assertEqual([row[0], *row[3:]], ["err", BUS_NAME, self.service.name, str(failing)])

    def test_pcap(self):
        process = self.monitor("--pcap")
        header = b""
        while len(header) < 24:
            header += os.read(process.stdout.fileno(), 24 - len(header))
        self.assertEqual(struct.unpack("=IHHiIII", header),
                         (0xa1b2c3d4, 2, 4, 0, 0, 2**27, 231))


class Others(ToolsTestCase):
    def test_dbus_test_tool_echo_and_spam(self):
        echo = self.start("dbus-test-tool", "echo", "--session", "--name=com.example.Echo")
        self.service.add_match("member='NameOwnerChanged',arg0='com.example.Echo'")
        if not self.service.owner_of("com.example.Echo"):
            self.service.receive_signal("NameOwnerChanged")
        self.output_of("dbus-test-tool", "spam", "--session", "--dest=com.example.Echo",
                       "--count=1000", "--queue=50", "--payload=hello")
        self.assertIsNone(echo.poll())

    def test_black_hole_that_dies_gives_no_reply(self):
        hole = self.start("dbus-test-tool", "black-hole", "--session", "--name=com.example.Hole")
        self.service.add_match("member='NameOwnerChanged',arg0='com.example.Hole'")
        if not self.service.owner_of("com.example.Hole"):
            self.service.receive_signal("NameOwnerChanged")
        monitor = self.connect()
        monitor.bus("BecomeMonitor", "asu", ["member='Never'"], 0,
                    interface="org.freedesktop.DBus.Monitoring")
        caller = self.start("dbus-send", "--session", "--dest=com.example.Hole", "--print-reply",
                            "--reply-timeout=120000", "/", "a.b.Never")
        monitor.receive_call()
        hole.terminate()
        self.assertIn("NoReply", read_all(caller.stderr.fileno()).decode())

    def test_update_activation_environment(self):
        self.output_of("dbus-update-activation-environment", "NAME=value", "OTHER=")

    @unittest.skipUnless(harness.shutil.which("qdbus"), "there is no qdbus here")
    def test_qdbus(self):
        environment = {"QT_SELECT": "5"}
        self.assertIn(NAME, self.output_of("qdbus", **environment).split())
        self.assertIn("/org/freedesktop/DBus",
                      self.output_of("qdbus", BUS_NAME, **environment).split())
        self.assertRegex(self.output_of("qdbus", BUS_NAME, "/org/freedesktop/DBus",
                                        f"{BUS_NAME}.GetId", **environment), f"^{ID}\n$")


if __name__ == "__main__":
    harness.main()
