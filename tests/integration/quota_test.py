# SPDX-License-Identifier: Apache-2.0
"""org.buzon.Quota1 and buzonctl quota: who holds what, whose queue is full, and who waits.

BUZON_TEST_CTL names buzonctl. dbus-daemon has nothing like it.
"""

import json
import os
import shutil
import subprocess
import threading

import harness
from driver_case import PROPERTIES, DriverTestCase
from waiting import DEADLINE
from wire import CALL, Message

CTL = os.environ.get("BUZON_TEST_CTL") or "buzonctl"
QUOTA = "org.buzon.Quota1"
BOUND = 100000
NOBODY = 65534
OPEN_TO_ALL = (
    '<policy context="default"><allow user="*"/><allow own="*"/><allow eavesdrop="true"/>'
    '<allow send_destination="*" eavesdrop="true"/></policy>')


class QuotaTestCase(DriverTestCase):
    config = harness.busconfig(limits={**harness.SESSION_LIMITS, "max_outgoing_bytes": BOUND})

    def ask(self, member, signature=None, *arguments):
        return self.client.bus(member, signature, *arguments, interface=QUOTA).body

    def counters(self):
        return self.ask("GetCounters")[0]

    def ctl(self, *options):
        done = self.run_command(CTL, "--user", "quota", *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), options)
        return done.stdout

    def flood(self):
        """A sender and the receiver who does not read and keeps it waiting."""
        sender, receiver = self.connect(), self.connect()
        data = sender.flood(receiver, lambda: self.ask("GetThrottled", "u", 0)[0])
        return sender, receiver, data


class Interface(QuotaTestCase):
    def accounts(self):
        """All pages, by id."""
        found, first = {}, 0
        while True:
            _, page, first = self.ask("GetAccounts", "t", first)
            for account in page:
                self.assertNotIn(account[0], found)
                self.assertIn(account[1], {*found, account[0]}, "parents come first")
                found[account[0]] = account
            if first == 0:
                return found

    def test_each_connection_stands_below_its_program_user_and_the_bus(self):
        accounts = self.accounts()
        by_name = {account[4]: account for account in accounts.values()}
        levels, account = [], by_name[self.client.name]
        self.assertEqual((account[3], account[6]), ("open", os.getpid()))
        while True:
            levels.append((account[2], account[4]))
            if account[0] == account[1]:
                break
            account = accounts[account[1]]
        self.assertEqual([level for level, _ in levels], ["connection", "principal", "user", "bus"])
        self.assertEqual(levels[2][1], f"uid {os.getuid()}")

    def test_what_an_account_holds_is_what_its_children_hold(self):
        others = [self.connect() for _ in range(3)]
        accounts = self.accounts()
        names = {account[4] for account in accounts.values()}
        self.assertLessEqual({other.name for other in others}, names)
        for account in accounts.values():
            below = [child for child in accounts.values()
                     if child[1] == account[0] and child[0] != account[0]]
            if not below:
                continue
            for index, (resource, held, _) in enumerate(account[7]):
                self.assertEqual(held, sum(child[7][index][1] for child in below), resource)

    def test_a_closed_connection_is_there_no_more(self):
        other = self.connect()
        names = {account[4] for account in self.accounts().values()}
        self.assertIn(other.name, names)
        self.client.add_match(f"member='NameOwnerChanged',arg0='{other.name}'")
        other.close()
        self.client.receive_signal("NameOwnerChanged")
        names = {account[4] for account in self.accounts().values()}
        self.assertNotIn(other.name, names)

    def test_pools_and_resources_have_the_same_names(self):
        pools, accounts, _ = self.ask("GetAccounts", "t", 0)
        resources = [pool[0] for pool in pools]
        self.assertEqual(resources, ["bytes", "descriptors", "match rules", "names",
                                     "pending replies", "activations", "waiting calls",
                                     "connections"])
        for account in accounts:
            self.assertEqual([row[0] for row in account[7]], resources)
        for resource, capacity, pocket, pockets in pools:
            self.assertLess(pocket * pockets, capacity, resource)

    def test_a_page_begins_where_it_is_told(self):
        all_accounts = sorted(self.accounts())
        _, page, following = self.ask("GetAccounts", "t", all_accounts[1])
        self.assertEqual([account[0] for account in page], all_accounts[1:])
        self.assertEqual(following, 0)
        self.assertEqual(self.ask("GetAccounts", "t", 2**64 - 1)[1:], ([], 0))

    def test_at_rest_nobody_waits_and_queues_are_empty(self):
        self.assertEqual(self.ask("GetQueues", "u", 0), ([], 0))
        self.assertEqual(self.ask("GetThrottled", "u", 0), ([], 0))

    def test_a_flood_shows_who_waits_for_whom_and_whose_queue_is_full(self):
        before = self.counters()
        sender, receiver, rest = self.flood()
        (waiting,), count = self.ask("GetThrottled", "u", 0)
        self.assertEqual((waiting[1], waiting[3], waiting[4], count),
                         (sender.name, [receiver.name], False, 1))
        (queue,), count = self.ask("GetQueues", "u", 0)
        self.assertEqual((queue[1], queue[3], count), (receiver.name, BOUND, 1))
        self.assertGreater(queue[2], BOUND / 4)
        (holder,) = queue[8]
        self.assertEqual((holder[0], holder[2]), (waiting[0], sender.name))
        held = {row[0]: row[1] for row in self.accounts()[waiting[0]][7]}
        self.assertGreater(holder[3], 0)
        self.assertLessEqual(holder[3], held["bytes"])
        after = self.counters()
        self.assertEqual(after["Throttled"], before["Throttled"] + 1)
        self.assertGreater(after["Messages"], before["Messages"])

        writer = threading.Thread(target=sender.send_bytes, args=(rest,))
        writer.start()
        for _ in range(100):
            receiver.receive()
        writer.join()
        sender.sync()
        self.assertEqual(self.ask("GetThrottled", "u", 0), ([], 0))
        self.assertEqual(self.counters()["DisconnectedReceivers"], before["DisconnectedReceivers"])

    def test_a_refused_call_is_counted(self):
        before = self.counters()["RefusedCalls"]
        _, receiver, _ = self.flood()
        caller = self.connect()
        for _ in range(10):
            caller.send(Message(CALL, "/", "a.b", "M", receiver.name, "ay", (bytes(65536),)))
            caller.sync()
        refused = [m for m in caller.inbox if m.error_name]
        self.assertTrue(refused)
        self.assertEqual(self.counters()["RefusedCalls"], before + len(refused))

    def test_it_has_no_properties(self):
        reply = self.client.bus("GetAll", "s", QUOTA, interface=PROPERTIES)
        self.assertEqual(reply.body[0], {})

    @harness.each([("GetAccounts", "GetAccounts"), ("GetQueues", "GetQueues"),
                   ("GetThrottled", "GetThrottled")])
    def test_wrong_arguments(self, member):
        self.expect_error("InvalidArgs", member, "s", "x", interface=QUOTA)


class Ctl(QuotaTestCase):
    def test_the_tree_shows_a_flood(self):
        sender, receiver, _ = self.flood()
        text = self.ctl("--full")
        lines = text.splitlines()
        self.assertEqual(lines[0].split()[:3], ["ACCOUNT", "PID", "PROCESS"])
        self.assertTrue(lines[1].startswith("bus "))
        self.assertTrue(lines[2].startswith(f"  uid {os.getuid()} "))
        (line,) = [line for line in lines if line.startswith(f"      {sender.name} ")]
        self.assertIn("throttled for ", line)
        self.assertTrue(line.endswith(f": {receiver.name}"), line)
        (queue,) = [line for line in lines if line.startswith(f"{receiver.name} ")]
        self.assertIn(f"{sender.name} ", queue)
        self.assertIn("Throttled=", lines[-1])

    @harness.needs_program_names
    def test_the_tree_names_programs(self):
        self.flood()
        (process,) = [line.split() for line in self.ctl("--full").splitlines()
                      if line.startswith("    process ")
                      and line.split()[1] == str(os.getpid())]
        self.assertRegex(process[2], "python")

    def test_json(self):
        sender, receiver, _ = self.flood()
        report = json.loads(self.ctl("--json=short"))
        (throttled,) = report["throttled"]
        self.assertEqual((throttled["sender"], throttled["receivers"]),
                         (sender.name, [receiver.name]))
        (queue,) = report["queues"]
        self.assertEqual((queue["receiver"], queue["bound"]), (receiver.name, BOUND))
        accounts = {account["id"]: account for account in report["accounts"]}
        account = accounts[throttled["account"]]
        self.assertEqual(account["name"], sender.name)
        self.assertGreaterEqual(account["held"]["bytes"], queue["senders"][0]["bytes"])
        self.assertEqual(report["counters"]["DisconnectedReceivers"], 0)

    def test_watching_a_number_of_times(self):
        reports = self.ctl("--watch", "--count=2", "--json=short").splitlines()
        self.assertEqual(len(reports), 2)
        for report in reports:
            self.assertIn("accounts", json.loads(report))
        self.assertEqual(self.ctl("--count=1").count("ACCOUNT"), 1)

    def test_only_for_root_and_the_bus_owner(self):
        if os.getuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv")
        daemon = self.start_daemon(harness.busconfig(policy=OPEN_TO_ALL))
        os.chmod(daemon.directory, 0o755)
        ctl = shutil.copy(CTL, daemon.directory)
        done = subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", ctl,
             "--address=" + daemon.address, "quota"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
            check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn("(org.freedesktop.DBus.Error.AccessDenied)", done.stderr)

    def test_without_legend(self):
        self.assertTrue(self.ctl("--no-legend").startswith("bus "))


if __name__ == "__main__":
    harness.main()
