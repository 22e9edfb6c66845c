# SPDX-License-Identifier: Apache-2.0
"""Match rules: which texts are rules, and which messages a rule selects."""

import harness
from harness import differs
from rawclient import BUS_NAME, BUS_PATH, BusError
from wire import CALL, ERROR, NO_REPLY_EXPECTED, RETURN, SIGNAL, Message, Variant

PATH, INTERFACE, MEMBER = "/com/example/Object", "com.example.Interface", "Happened"

VALID = [
    "", " ", "   ", "=", "='x'", "type='signal'", "type=signal", "  type='signal'", "type='signal',",
    "type='signal',  member='A'", "\ttype='signal'", "type=method_call", "type=method_return",
    "type=error", "sender=':1.5'", "sender='a.b'", f"sender='{BUS_NAME}'", "sender=':1'",
    "interface='a.b'", "member='A'", "path='/'", "path='/a/b'", "path_namespace='/'",
    "path_namespace='/a'", "destination=':1.5'", "destination='a.b'", "eavesdrop=true",
    "eavesdrop='false'", "eavesdrop=true,eavesdrop=false", "arg0=''", "arg0=", "arg0='x'",
    "arg63='x'", "arg01='x'", "arg0path=''", "arg0path='/'", "arg0path='not a path'",
    "arg63path='/x'", "arg0namespace='a'", "arg0namespace='a.b'", "arg0namespace=':1.5'",
    "arg0='a''b'", "arg0='it'\\''s'", "arg0=\\'", "arg0=a\\b", "arg0='a,b'", "arg0='a=b'",
    "arg0=a=b", "arg0=' x '", "arg0='ä'", "arg0='x',arg1='y',arg2path='/z'",
    "type='sig'nal", "arg0='x'y'z'",
]

INVALID = [
    "x", "type", "type=", "type=''", "type='Signal'", "type='signals'", "type = 'signal'",
    "type= 'signal'", "type='signal ',member='A'", "type='signal' ,member='A'", ",", ",,",
    "type='signal',,", "type='signal',,member='A'", "type='signal',x",
    "type='signal',type='signal'", "member='A',member='B'", "arg0='a',arg0='b'",
    "type='signal", "'type'='signal'", "Type='signal'", "foo='bar'", "arg='x'", "argx='x'",
    "arg64='x'", "arg-1='x'", "arg100='x'", "arg0foo='x'", "arg1namespace='a'",
    "arg0='x',arg0path='/x'", "arg0path='/x',arg0='x'", "arg0namespace='a',arg0='x'",
    "arg0namespace='a',arg0path='/x'", "arg0namespace=''", "arg0namespace='a..b'",
    "arg0namespace='.a'", "arg0namespace='a.'", "arg0namespace='/a'", "sender=''", "sender='a'",
    "sender='a..b'", "destination=''", "destination='a'", "interface=''", "interface='a'",
    "interface='a-b.c'", "member=''", "member='a.b'", "member='1'", "path=''", "path='a'",
    "path='/a/'", "path_namespace=''", "path_namespace='a'", "path_namespace='/a/'",
    "path='/a',path_namespace='/a'", "eavesdrop=''", "eavesdrop=yes", "eavesdrop=1",
    "eavesdrop='True'", "arg1='x',arg01='x'",
]


class Grammar(harness.BusTestCase):
    @harness.each([(repr(rule), rule) for rule in VALID])
    def test_valid(self, rule):
        client = self.connect()
        client.add_match(rule)
        client.bus("RemoveMatch", "s", rule)

    @harness.each([(repr(rule), rule) for rule in INVALID])
    def test_invalid(self, rule):
        client = self.connect()
        for method in ("AddMatch", "RemoveMatch"):
            with self.assertRaises(BusError) as raised:
                client.bus(method, "s", rule)
            self.assertEqual(raised.exception.name, "MatchRuleInvalid", raised.exception.text)

    @harness.each([("1024 bytes", 1024, None), ("1025 bytes", 1025, "LimitsExceeded")])
    def test_length_of(self, length, error):
        client = self.connect()
        rule = "arg0='" + "x" * (length - 7) + "'"
        if error is None:
            client.add_match(rule)
            return
        with self.assertRaises(BusError) as raised:
            client.add_match(rule)
        self.assertEqual(raised.exception.name, error)


def signal(*body, signature=None, path=PATH, interface=INTERFACE, member=MEMBER):
    return Message(SIGNAL, path, interface, member,
                   signature=signature or "s" * len(body) or None, body=body)


# rule, message, whether the rule selects it
SELECTIONS = [
    ("", signal(), True), ("type='signal'", signal(), True),
    ("type='method_call'", signal(), False), ("type='error'", signal(), False),
    (f"interface='{INTERFACE}'", signal(), True), ("interface='com.example'", signal(), False),
    (f"member='{MEMBER}'", signal(), True), ("member='happened'", signal(), False),
    (f"path='{PATH}'", signal(), True), ("path='/com/example'", signal(), False),
    ("path='/'", signal(), False), ("path='/'", signal(path="/"), True),
    ("path_namespace='/'", signal(), True), ("path_namespace='/'", signal(path="/"), True),
    ("path_namespace='/com/example'", signal(), True),
    (f"path_namespace='{PATH}'", signal(), True),
    ("path_namespace='/com/exam'", signal(), False),
    ("path_namespace='/com/example/Object/Below'", signal(), False),
    (f"sender='{BUS_NAME}'", signal(), False), ("sender=':1.999999'", signal(), False),
    ("sender='com.example.Missing'", signal(), False),
    ("destination=':1.999999'", signal(), False),
    ("arg0='x'", signal("x"), True), ("arg0='x'", signal("y"), False),
    ("arg0='x'", signal(), False), ("arg0=''", signal(""), True), ("arg0=''", signal(), False),
    ("arg0='x'", signal("xy"), False), ("arg0='ä'", signal("ä"), True),
    ("arg0='it'\\''s'", signal("it's"), True), ("arg0=a\\b", signal("a\\b"), True),
    ("arg0='a,b'", signal("a,b"), True), ("arg0=a'b c'd", signal("ab cd"), True),
    ("arg0=' x '", signal(" x "), True), ("arg0=x ", signal("x "), True),
    ("arg1='y'", signal("x", "y"), True), ("arg1='y'", signal("y"), False),
    ("arg01='y'", signal("x", "y"), True),
    ("arg0='x',arg1='y'", signal("x", "y"), True), ("arg0='x',arg1='y'", signal("x", "z"), False),
    ("arg0='1'", signal(1, signature="u"), False),
    ("arg0='/a'", signal("/a", signature="o"), False),
    ("arg0='a'", signal("a", signature="g"), False),
    ("arg0='x'", signal(Variant("s", "x"), signature="v"), False),
    ("arg0='x'", signal(["x"], signature="as"), False),
    ("arg1='x'", signal(5, "x", signature="us"), True),
    ("arg1='x'", signal(["a", "b"], "x", signature="ass"), True),
    ("arg1='x'", signal({"k": Variant("au", [1, 2])}, "x", signature="a{sv}s"), True),
    ("arg2='x'", signal((1, "s"), Variant("(ss)", ("a", "b")), "x", signature="(ys)vs"), True),
    ("arg63='last'", signal(*["x"] * 63, "last"), True),
    ("arg63='last'", signal(*["x"] * 63), False),
    ("arg0path='/a/b'", signal("/a/b"), True),
    ("arg0path='/a/b'", signal("/a/b", signature="o"), True),
    ("arg0path='/a/b'", signal("/a"), False), ("arg0path='/a/b'", signal("/a/"), True),
    ("arg0path='/a/b'", signal("/a/b/c"), False), ("arg0path='/a/b'", signal("/a/b/"), False),
    ("arg0path='/a/b/'", signal("/a/b/"), True), ("arg0path='/a/b/'", signal("/a/b/c"), True),
    ("arg0path='/a/b/'", signal("/a/b"), False), ("arg0path='/a/b/'", signal("/a/"), True),
    ("arg0path='/a/b/'", signal("/"), True), ("arg0path='/'", signal("/anything"), True),
    ("arg0path='/a/b/'", signal("/a/bc"), False), ("arg0path=''", signal(""), True),
    ("arg0path='aa/bb/'", signal("aa/bb/cc"), True), ("arg0path='/a'", signal(), False),
    ("arg0path='/a'", signal(1, signature="u"), False),
    ("arg0namespace='com.example'", signal("com.example"), True),
    ("arg0namespace='com.example'", signal("com.example.Below"), True),
    ("arg0namespace='com.example'", signal("com.exampleLonger"), False),
    ("arg0namespace='com.example'", signal("com"), False),
    ("arg0namespace='com.example'", signal(), False),
    ("arg0namespace='com.example'", signal("/com", signature="o"), False),
    ("arg0namespace='com'", signal("com.example"), True),
    ("arg0namespace='com'", signal("command"), False),
    ("eavesdrop=true", signal(), True), ("eavesdrop=false", signal(), True),
]


class Selection(harness.BusTestCase):
    def setUp(self):
        self.sender, self.receiver = self.connect(), self.connect()

    @harness.each([(f"{number}: {rule!r} {'selects' if wanted else 'leaves'} {message.body}",
                    rule, message, wanted)
                   for number, (rule, message, wanted) in enumerate(SELECTIONS)])
    def test_rule(self, rule, message, wanted):
        for order in "lB":
            message.order = order
            message.serial = 0
            receiver = self.connect()
            receiver.add_match(rule)
            receiver.drain()
            self.sender.send(message)
            seen = [m for m in receiver.drain() if m.type == SIGNAL and m.sender != BUS_NAME]
            self.assertEqual(len(seen), int(wanted))

    def test_sender_by_unique_name(self):
        self.receiver.add_match(f"sender='{self.sender.name}'")
        self.sender.send(signal())
        self.receiver.send(signal())
        self.assertEqual([m.sender for m in self.receiver.drain()], [self.sender.name])

    def test_sender_by_well_known_name_is_looked_up_at_delivery(self):
        self.receiver.add_match("sender='com.example.Sender'")
        self.sender.send(signal("before"))
        self.sender.request_name("com.example.Sender")
        other = self.connect()
        other.request_name("com.example.Sender")
        other.send(signal("waiting"))
        self.sender.send(signal("owner"))
        self.sender.bus("ReleaseName", "s", "com.example.Sender")
        self.sender.send(signal("after"))
        other.send(signal("heir"))
        self.assertEqual([m.body[0] for m in self.receiver.drain()], ["owner", "heir"])

    def test_destination_never_selects_unicast_without_eavesdropping(self):
        third = self.connect()
        third.add_match(f"destination='{self.receiver.name}'")
        third.add_match("type='signal'")
        message = signal()
        message.destination = self.receiver.name
        self.sender.send(message)
        self.assertEqual(self.receiver.receive_signal(MEMBER).sender, self.sender.name)
        self.assertEqual([m for m in third.drain() if m.sender != BUS_NAME], [])

    def test_one_copy_however_many_rules_match(self):
        for rule in ("", "type='signal'", f"member='{MEMBER}'", f"member='{MEMBER}'",
                     f"path='{PATH}'", "arg0='x'"):
            self.receiver.add_match(rule)
        self.receiver.drain()
        self.sender.send(signal("x"))
        self.assertEqual(len([m for m in self.receiver.drain() if m.member == MEMBER]), 1)

    def test_sender_receives_its_own_broadcast(self):
        self.sender.add_match(f"member='{MEMBER}'")
        self.sender.send(signal())
        self.assertEqual([m.sender for m in self.sender.drain()], [self.sender.name])

    def test_all_receivers_get_it(self):
        receivers = [self.connect() for _ in range(20)]
        for receiver in receivers:
            receiver.add_match(f"member='{MEMBER}'")
        self.sender.send(signal("x"))
        for receiver in receivers:
            self.assertEqual([m.body for m in receiver.drain()], [("x",)])

    def test_broadcast_has_no_destination(self):
        self.receiver.add_match(f"member='{MEMBER}'")
        self.sender.send(signal())
        self.assertIsNone(self.receiver.receive_signal(MEMBER).destination)

    @harness.each([
        ("sender", f"sender='{BUS_NAME}'", True), ("path", f"path='{BUS_PATH}'", True),
        ("interface", f"interface='{BUS_NAME}'", True), ("arg0", "arg0='com.example.Noc'", True),
        ("arg0namespace", "arg0namespace='com.example'", True), ("arg2", "arg2=''", False),
        ("arg1", "arg1=''", True), ("another arg0", "arg0='com.example.Noc2'", False),
        ("usual rule", f"type='signal',sender='{BUS_NAME}',interface='{BUS_NAME}',"
         f"member='NameOwnerChanged',path='{BUS_PATH}',arg0='com.example.Noc'", True),
    ])
    def test_name_owner_changed_by(self, rule, wanted):
        self.receiver.add_match(rule)
        self.receiver.drain()
        self.sender.request_name("com.example.Noc")
        seen = [m for m in self.receiver.drain() if m.member == "NameOwnerChanged"]
        self.assertEqual([m.body for m in seen],
                         [("com.example.Noc", "", self.sender.name)] if wanted else [])

    def test_more_than_16_keys_all_count(self):
        keys = ["type='signal'", *(f"arg{n}='x'" for n in range(16)), "arg16='y'"]
        self.receiver.add_match(",".join(keys))
        self.sender.send(signal(*["x"] * 16, "y"))
        self.sender.send(signal(*["x"] * 16, "z"))
        wanted = differs(["y"], ["y", "z"], "Z1: dbus-daemon drops keys beyond the 16th")
        self.assertEqual([m.body[16] for m in self.receiver.drain()], wanted)


class AddAndRemove(harness.BusTestCase):
    def setUp(self):
        self.client = self.connect()

    def count(self):
        """How many copies of a rule are in force: how often it can be removed."""
        for number in range(10):
            try:
                self.client.bus("RemoveMatch", "s", f"member='{MEMBER}'")
            except BusError as error:
                self.assertEqual(error.name, "MatchRuleNotFound")
                return number
        return 10

    def test_equal_rules_count_each(self):
        for _ in range(3):
            self.client.add_match(f"member='{MEMBER}'")
        self.assertEqual(self.count(), 3)

    @harness.each([
        ("another order of keys", "type='signal',member='A',path='/a'",
         "path='/a',member='A',type='signal'", True),
        ("another quoting", "member='A'", "member=A", True),
        ("white space before a key", "type='signal',member='A'", "type='signal', member='A'", True),
        ("another member", "member='A'", "member='B'", False),
        ("one key less", "type='signal',member='A'", "member='A'", False),
        ("another argument number", "arg0='x'", "arg1='x'", False),
        ("another kind of argument", "arg0='x'", "arg0path='x'", False),
        ("another value of an argument", "arg0='x'", "arg0='y'", False),
        ("eavesdrop=false said aloud", "member='A'", "member='A',eavesdrop=false", True),
        ("eavesdrop", "member='A'", "member='A',eavesdrop=true", False),
    ])
    def test_removal_by(self, added, removed, found):
        self.client.add_match(added)
        if found:
            self.client.bus("RemoveMatch", "s", removed)
            return
        with self.assertRaises(BusError) as raised:
            self.client.bus("RemoveMatch", "s", removed)
        self.assertEqual(raised.exception.name, "MatchRuleNotFound")

    def test_removal_by_another_path_namespace(self):
        self.client.add_match("path_namespace='/a'")
        serial = self.client.send(Message(path=BUS_PATH, interface=BUS_NAME, member="RemoveMatch",
                                          destination=BUS_NAME, signature="s",
                                          body=("path_namespace='/b'",)))
        wanted = differs(ERROR, RETURN, "Z1: dbus-daemon takes any two path_namespaces as equal")
        self.assertEqual(self.client.reply_to(serial).type, wanted)

    def test_failing_removal_is_answered_once(self):
        serial = self.client.send(Message(path=BUS_PATH, interface=BUS_NAME, member="RemoveMatch",
                                          destination=BUS_NAME, signature="s",
                                          body=("member='None'",)))
        answers = self.client.drain()
        self.assertEqual([(m.type, m.reply_serial) for m in answers], [(ERROR, serial)])

    def test_rules_of_others_are_not_removed(self):
        other = self.connect()
        other.add_match(f"member='{MEMBER}'")
        self.assertEqual(self.count(), 0)
        self.client.send(signal())
        self.assertEqual(len(other.drain()), 1)

    def test_rule_is_in_force_before_it_is_acknowledged(self):
        other = self.connect()
        self.client.send(Message(path=BUS_PATH, interface=BUS_NAME, member="AddMatch",
                                 destination=BUS_NAME, signature="s", body=(f"member='{MEMBER}'",),
                                 flags=NO_REPLY_EXPECTED))
        self.client.drain()
        other.send(signal())
        self.assertEqual(len(self.client.drain()), 1)

    def test_removed_rule_selects_no_more(self):
        self.client.add_match(f"member='{MEMBER}'")
        self.client.send(signal("1"))
        self.client.bus("RemoveMatch", "s", f"member='{MEMBER}'")
        self.client.send(signal("2"))
        self.assertEqual([m.body for m in self.client.drain()], [("1",)])

    @harness.each([("sender", "sender"), ("destination", "destination")])
    def test_rule_vanishes_with_the_unique_name_in_its(self, key):
        other = self.connect()
        other.add_match("")  # dbus-daemon looks for such rules only if the other had rules itself
        rule = f"{key}='{other.name}'"
        self.client.add_match(f"member='NameOwnerChanged',arg0='{other.name}'")
        self.client.add_match(rule)
        other.close()
        self.client.receive_signal("NameOwnerChanged")
        with self.assertRaises(BusError) as raised:
            self.client.bus("RemoveMatch", "s", rule)
        self.assertEqual(raised.exception.name, "MatchRuleNotFound")

    def test_rules_end_with_their_connection(self):
        other = self.connect()
        other.add_match("type='signal'")
        self.client.add_match(f"member='NameOwnerChanged',arg0='{other.name}'")
        other.close()
        self.client.receive_signal("NameOwnerChanged")
        self.client.send(signal())
        self.assertEqual(self.client.drain(), [])


class Limit(harness.BusTestCase):
    config = harness.busconfig(limits={"max_match_rules_per_connection": 3})

    def test_limit_is_checked_before_the_text(self):
        client = self.connect()
        for _ in range(3):
            client.add_match("member='A'")
        for rule in ("member='A'", "nonsense"):
            with self.assertRaises(BusError) as raised:
                client.add_match(rule)
            self.assertEqual(raised.exception.name, "LimitsExceeded")
        self.assertIn("max_match_rules_per_connection=3", raised.exception.text)
        client.bus("RemoveMatch", "s", "member='A'")
        client.add_match("member='B'")

    def test_others_have_their_own_limit(self):
        for _ in range(3):
            client = self.connect()
            for _ in range(3):
                client.add_match("member='A'")


class Eavesdropping(harness.BusTestCase):
    def setUp(self):
        self.a, self.b, self.eavesdropper = self.connect(), self.connect(), self.connect()

    def overheard(self):
        return [(m.type, m.member, m.sender, m.destination) for m in self.eavesdropper.drain()
                if m.destination != self.eavesdropper.name]

    def test_call_and_return(self):
        self.eavesdropper.add_match("eavesdrop=true,interface='com.example.I'")
        self.eavesdropper.add_match("eavesdrop=true,type='method_return'")
        serial = self.a.send(Message(path="/", interface="com.example.I", member="M",
                                     destination=self.b.name))
        self.b.reply(self.b.receive_call())
        self.a.reply_to(serial)
        self.assertEqual(self.overheard(), [(CALL, "M", self.a.name, self.b.name),
                                            (RETURN, None, self.b.name, self.a.name)])

    @harness.each([("unique name", False), ("well-known name", True)])
    def test_destination_as_a(self, well_known):
        self.b.request_name("com.example.Overheard")
        rule = "com.example.Overheard" if well_known else self.b.name
        self.eavesdropper.add_match(f"eavesdrop=true,destination='{rule}'")
        for destination in (self.b.name, "com.example.Overheard", self.a.name):
            self.a.send(Message(SIGNAL, "/", "com.example.I", "S", destination))
        self.a.drain()
        self.assertEqual([o[3] for o in self.overheard()], [self.b.name, "com.example.Overheard"])

    def test_calls_to_the_driver_but_not_its_answers(self):
        self.eavesdropper.add_match("eavesdrop=true,member='GetId'")
        self.eavesdropper.add_match("eavesdrop=true,type='method_return'")
        self.a.bus("GetId")
        self.assertEqual(self.overheard(), [(CALL, "GetId", self.a.name, BUS_NAME)])

    def test_calls_that_the_driver_refuses_are_not_overheard(self):
        self.eavesdropper.add_match("eavesdrop=true,type='method_call'")
        with self.assertRaises(BusError):
            self.a.bus("NoSuchMethod")
        self.assertEqual([o for o in self.overheard() if o[1] == "NoSuchMethod"], [])

    def test_signals_of_the_driver_to_others_are_not_overheard(self):
        self.eavesdropper.add_match("eavesdrop=true,type='signal'")
        self.a.request_name("com.example.Overheard2")
        self.assertNotIn("NameAcquired", [o[1] for o in self.overheard()])

    def test_addressee_gets_no_second_copy(self):
        self.b.add_match("eavesdrop=true")
        self.b.drain()
        self.a.send(Message(SIGNAL, "/", "com.example.I", "S", self.b.name))
        self.assertEqual(len([m for m in self.b.drain() if m.member == "S"]), 1)


if __name__ == "__main__":
    harness.main()
