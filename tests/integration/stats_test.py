# SPDX-License-Identifier: Apache-2.0
"""org.freedesktop.DBus.Debug.Stats: the keys, and that the numbers move with what happens."""

import harness
from driver_case import STATS, DriverTestCase
from rawclient import BUS_NAME, BUS_PATH
from wire import Message

BUS_KEYS = {"Serial", "ActiveConnections", "IncompleteConnections", "MatchRules", "PeakMatchRules",
            "PeakMatchRulesPerConnection", "BusNames", "PeakBusNames", "PeakBusNamesPerConnection"}
PEER_KEYS = {"Serial", "MatchRules", "PeakMatchRules", "BusNames", "PeakBusNames",
             "IncomingMessages", "IncomingBytes", "IncomingFDs", "PeakIncomingBytes",
             "PeakIncomingFDs", "OutgoingMessages", "OutgoingBytes", "OutgoingFDs",
             "PeakOutgoingBytes", "PeakOutgoingFDs"}


class Stats(DriverTestCase):
    def bus_stats(self):
        reply = self.client.bus("GetStats", interface=STATS)
        self.assertEqual(reply.signature, "a{sv}")
        return reply.body[0]

    def peer_stats(self, name):
        return self.client.bus("GetConnectionStats", "s", name, interface=STATS).body[0]

    def test_keys_of_the_bus(self):
        stats = self.bus_stats()
        self.assertLessEqual(BUS_KEYS, set(stats))
        self.assertEqual({value.signature for value in stats.values()}, {"u"})

    def test_numbers_of_the_bus(self):
        before = {key: value.value for key, value in self.bus_stats().items()}
        other, stranger = self.connect(), self.connect(hello=False)
        other.request_name("com.example.Stats")
        for rule in ("member='A'", "member='A'", "member='B'"):
            other.add_match(rule)
        stranger.call_message(peer_ping())
        after = {key: value.value for key, value in self.bus_stats().items()}
        grown = {key: after[key] - before[key] for key in
                 ("ActiveConnections", "IncompleteConnections", "MatchRules", "BusNames")}
        self.assertEqual(grown, {"ActiveConnections": 1, "IncompleteConnections": 1,
                                 "MatchRules": 3, "BusNames": 2})
        self.assertGreaterEqual(after["PeakMatchRulesPerConnection"], 3)

    def test_keys_of_a_peer(self):
        for name in (self.client.name, self.connect().name):
            stats = self.peer_stats(name)
            self.assertLessEqual(PEER_KEYS | {"UniqueName"}, set(stats))
            self.assertEqual((stats["UniqueName"].signature, stats["UniqueName"].value),
                             ("s", name))
            self.assertEqual({stats[key].signature for key in PEER_KEYS}, {"u"})

    def test_numbers_of_a_peer(self):
        other = self.connect()
        other.request_name("com.example.Stats")
        other.add_match("member='A'")
        other.add_match("member='B'")
        other.bus("RemoveMatch", "s", "member='A'")
        for name in (other.name, "com.example.Stats"):
            stats = {key: value.value for key, value in self.peer_stats(name).items()}
            self.assertEqual((stats["UniqueName"], stats["MatchRules"], stats["PeakMatchRules"],
                              stats["BusNames"], stats["PeakBusNames"]),
                             (other.name, 1, 2, 2, 2))

    def test_errors(self):
        self.expect_error("NameHasNoOwner", "GetConnectionStats", "s", "com.example.Missing",
                          interface=STATS)
        self.expect_error("InvalidArgs", "GetConnectionStats", "s", BUS_NAME, interface=STATS)

    def rules_of(self, client):
        reply = self.client.bus("GetAllMatchRules", interface=STATS)
        self.assertEqual(reply.signature, "a{sas}")
        return reply.body[0][client.name]

    def test_peer_without_rules_has_an_empty_list(self):
        self.assertEqual(self.rules_of(self.connect()), [])

    @harness.each([
        ("all keys in their order",
         "arg1path='/x',arg0='a',eavesdrop=true,destination='a.b',sender='c.d',path='/p',"
         "member='M',interface='i.j',type='signal'",
         "type='signal',interface='i.j',member='M',path='/p',sender='c.d',destination='a.b',"
         "eavesdrop='true',arg0='a',arg1path='/x'"),
        ("path_namespace", "path_namespace='/p',type=error",
         "type='error',path_namespace='/p'"),
        ("arg0namespace", "arg0namespace='a.b'", "arg0namespace='a.b'"),
        ("several arguments", "arg10='x',arg2='y'", "arg2='y',arg10='x'"),
    ])
    def test_canonical_text(self, rule, text):
        other = self.connect()
        other.add_match(rule)
        self.assertEqual(self.rules_of(other), [text])

    def test_rules_come_and_go(self):
        other = self.connect()
        for rule in ("member='A'", "member='B'", "member='A'"):
            other.add_match(rule)
        self.assertEqual(sorted(self.rules_of(other)), ["member='A'", "member='A'", "member='B'"])
        other.bus("RemoveMatch", "s", "member='A'")
        self.assertEqual(sorted(self.rules_of(other)), ["member='A'", "member='B'"])

    def test_very_many_rules_and_what_is_called_behind_it(self):
        others = [self.connect() for _ in range(10)]
        rules = [f"member='M{i}',arg0='{'x' * 300}'" for i in range(200)]
        for other in others:
            for rule in rules:
                other.add_match(rule)
        asked = Message(path=BUS_PATH, interface=STATS, member="GetAllMatchRules",
                        destination=BUS_NAME)
        pinged = Message(path=BUS_PATH, interface=BUS_NAME, member="GetId", destination=BUS_NAME)
        serials = [self.client.send(asked), self.client.send(pinged)]
        answers = [self.client.receive(), self.client.receive()]
        self.assertEqual([answer.reply_serial for answer in answers], serials)
        for other in others:
            self.assertEqual(answers[0].body[0][other.name], rules)

    def test_a_caller_that_hangs_up_before_it_has_its_answer(self):
        others = [self.connect() for _ in range(10)]
        for other in others:
            for i in range(200):
                other.add_match(f"member='M{i}',arg0='{'x' * 300}'")
        for _ in range(20):
            caller = self.connect()
            caller.send(Message(path=BUS_PATH, interface=STATS, member="GetAllMatchRules",
                                destination=BUS_NAME))
            caller.close()
        self.assertEqual(len(self.rules_of(others[0])), 200)


def peer_ping():
    """A call that the connection itself answers, Hello or not."""
    return Message(path="/", interface="org.freedesktop.DBus.Peer", member="Ping")


if __name__ == "__main__":
    harness.main()
