# SPDX-License-Identifier: Apache-2.0
"""Unicast messages: who gets them, which errors come back, and which replies are let through."""

import harness
from rawclient import BUS_NAME, BusError
from wire import CALL, ERROR, NO_AUTO_START, NO_REPLY_EXPECTED, RETURN, SIGNAL, Message

ERRORS = "org.freedesktop.DBus.Error."
NO_REPLY_TEXT = "Message recipient disconnected from message bus without replying"


def call_to(destination, **options):
    return Message(CALL, "/", "com.example.I", "M", destination, **options)


def each_type(destination):
    """One message of each type to a destination."""
    return [call_to(destination), Message(RETURN, destination=destination, reply_serial=9),
            Message(ERROR, destination=destination, reply_serial=9, error_name="a.b"),
            Message(SIGNAL, "/", "com.example.I", "S", destination)]


class Destination(harness.BusTestCase):
    def setUp(self):
        self.a, self.b = self.connect(), self.connect()

    @harness.each([("unique name", None), ("well-known name", "com.example.Destination")])
    def test_every_type_reaches_a(self, name):
        if name:
            self.b.request_name(name)
        for message in each_type(name or self.b.name):
            serial = self.a.send(message)
            received = [m for m in self.b.drain() if m.sender == self.a.name]
            self.assertEqual([(m.type, m.serial, m.destination) for m in received],
                             [(message.type, serial, name or self.b.name)])

    def test_well_known_name_means_its_owner_and_not_those_who_wait(self):
        self.a.request_name("com.example.Destination")
        self.b.request_name("com.example.Destination")
        self.b.send(call_to("com.example.Destination"))
        self.assertEqual(self.a.receive_call().sender, self.b.name)
        self.assertEqual(self.b.drain(), [])

    def test_oneself(self):
        serial = self.a.send(call_to(self.a.name))
        question = self.a.receive_call()
        self.assertEqual((question.serial, question.sender), (serial, self.a.name))
        self.a.reply(question, "s", "mine")
        self.assertEqual(self.a.reply_to(serial).body, ("mine",))

    @harness.each([(f"{name} {kind} {flags}", name, number, flags)
                   for name in ("com.example.Missing", ":1.999999")
                   for number, kind in enumerate(("call", "return", "error", "signal"))
                   for flags in (0, NO_REPLY_EXPECTED)])
    def test_missing_name_gives_an_error_whatever_the_type(self, name, number, flags):
        message = each_type(name)[number]
        message.flags = flags
        serial = self.a.send(message)
        (reply,) = self.a.drain()
        self.assertEqual((reply.type, reply.error_name, reply.reply_serial, reply.sender,
                          reply.destination, reply.flags),
                         (ERROR, ERRORS + "ServiceUnknown", serial, BUS_NAME, self.a.name,
                          NO_REPLY_EXPECTED))
        self.assertEqual(reply.body[0],
                         f"The name {name} was not provided by any .service files")

    @harness.each([(name, name) for name in ("com.example.Missing", ":1.999999")])
    def test_missing_name_without_auto_start(self, name):
        for message in each_type(name):
            message.flags = NO_AUTO_START
            serial = self.a.send(message)
            (reply,) = self.a.drain()
            self.assertEqual((reply.error_name, reply.reply_serial),
                             (ERRORS + "NameHasNoOwner", serial))

    def test_unicast_signal_needs_no_rule_and_selects_nobody_else(self):
        other = self.connect()
        other.add_match("type='signal',interface='com.example.I'")
        self.a.send(Message(SIGNAL, "/", "com.example.I", "S", self.b.name))
        self.assertEqual(len(self.b.drain()), 1)
        self.assertEqual(other.drain(), [])

    def test_order_between_two_peers_holds(self):
        for number in range(500):
            self.a.send(Message(SIGNAL, "/", "com.example.I", f"S{number}", self.b.name))
        self.assertEqual([m.member for m in self.b.drain()], [f"S{n}" for n in range(500)])

    def test_order_over_all_senders_is_the_same_for_all_receivers(self):
        receivers = [self.connect() for _ in range(4)]
        for receiver in receivers:
            receiver.add_match("interface='com.example.Order'")
        for number in range(200):
            for sender in (self.a, self.b):
                sender.send(Message(SIGNAL, "/", "com.example.Order", f"S{number}"))
        self.a.drain()
        self.b.drain()
        orders = [[(m.sender, m.member) for m in receiver.drain()] for receiver in receivers]
        self.assertEqual(len(orders[0]), 400)
        for order in orders[1:]:
            self.assertEqual(order, orders[0])

    def test_1000_messages_in_one_piece(self):
        data = b"".join(call_to(self.b.name, serial=n, flags=NO_REPLY_EXPECTED).to_bytes()
                        for n in range(1, 1001))
        self.a.send_bytes(data)
        self.assertEqual([m.serial for m in self.b.drain()], list(range(1, 1001)))


class Replies(harness.BusTestCase):
    def setUp(self):
        self.a, self.b = self.connect(), self.connect()

    def question(self, **options):
        """A call from a to b, received by b."""
        self.a.send(call_to(self.b.name, **options))
        return self.b.receive_call()

    def test_return(self):
        question = self.question()
        self.b.reply(question, "su", "x", 5)
        reply = self.a.reply_to(question.serial)
        self.assertEqual((reply.type, reply.body, reply.sender), (RETURN, ("x", 5), self.b.name))

    def test_error(self):
        question = self.question()
        self.b.error(question, "com.example.Error", "because")
        reply = self.a.reply_to(question.serial)
        self.assertEqual((reply.type, reply.error_name, reply.body),
                         (ERROR, "com.example.Error", ("because",)))

    def test_replies_in_another_order(self):
        questions = [self.question() for _ in range(5)]
        for question in reversed(questions):
            self.b.reply(question, "u", question.serial)
        self.assertEqual([m.reply_serial for m in self.a.drain()],
                         [q.serial for q in reversed(questions)])

    @harness.each([("second reply to a call", 0, 2), ("reply that was not expected",
                                                      NO_REPLY_EXPECTED, 1)])
    def test_session_policy_lets_through_a(self, flags, count):
        question = self.question(flags=flags)
        for _ in range(count):
            self.b.reply(question)
        self.assertEqual([m.reply_serial for m in self.a.drain()], [question.serial] * count)
        self.assertEqual(self.b.drain(), [])

    def test_serial_of_an_unanswered_call_cannot_be_used_again(self):
        self.question(serial=100)
        self.a.send(call_to(self.b.name, serial=100))
        (reply,) = self.a.drain()
        self.assertEqual((reply.error_name, reply.reply_serial), (ERRORS + "AccessDenied", 100))
        self.assertEqual(self.b.drain(), [])

    def test_serial_can_be_used_again_after_the_answer_and_towards_others(self):
        self.b.reply(self.question(serial=100))
        self.a.reply_to(100)
        self.question(serial=100)
        other = self.connect()
        self.a.send(call_to(other.name, serial=100))
        self.assertEqual(other.receive_call().serial, 100)

    def test_callee_disconnects(self):
        for flags in (0, NO_REPLY_EXPECTED):
            question = self.question(flags=flags)
        first = question.serial - 1
        self.b.close()
        reply = self.a.receive()
        self.assertEqual((reply.error_name, reply.reply_serial, reply.sender, reply.body),
                         (ERRORS + "NoReply", first, BUS_NAME, (NO_REPLY_TEXT,)))
        self.assertEqual(self.a.drain(), [], "none for the call that expected no reply")

    def test_callee_disconnects_under_many_calls(self):
        callers = [self.connect() for _ in range(10)]
        for caller in callers:
            for _ in range(10):
                caller.send(call_to(self.b.name))
                self.b.receive_call()
        self.b.close()
        for caller in callers:
            serials = [caller.receive().reply_serial for _ in range(10)]
            self.assertEqual(len(set(serials)), 10)

    def test_callee_loses_its_name_and_still_answers(self):
        self.b.request_name("com.example.Passing")
        self.a.send(call_to("com.example.Passing"))
        question = self.b.receive_call()
        self.b.bus("ReleaseName", "s", "com.example.Passing")
        self.b.reply(question)
        self.assertEqual(self.a.reply_to(question.serial).type, RETURN)

    def test_caller_disconnects(self):
        question = self.question()
        self.b.add_match(f"member='NameOwnerChanged',arg0='{self.a.name}'")
        self.a.close()
        self.b.receive_signal("NameOwnerChanged")
        serial = self.b.reply(question)
        (reply,) = self.b.drain()
        self.assertEqual((reply.error_name, reply.reply_serial),
                         (ERRORS + "ServiceUnknown", serial))

    def test_calls_to_oneself_end_with_oneself(self):
        self.a.send(call_to(self.a.name))
        self.a.receive_call()
        self.a.close()
        self.assertIsNone(self.b.owner_of(self.a.name))


class ReplyLimit(harness.BusTestCase):
    config = harness.busconfig(limits={"max_replies_per_connection": 2})

    def test_caller_with_too_many_unanswered_calls(self):
        a, b = self.connect(), self.connect()
        for _ in range(2):
            a.send(call_to(b.name))
        first = b.receive_call()
        serial = a.send(call_to(b.name))
        (reply,) = a.drain()
        self.assertEqual((reply.error_name, reply.reply_serial),
                         (ERRORS + "LimitsExceeded", serial))
        self.assertEqual(len([m for m in b.drain() if m.type == CALL]), 1)
        b.reply(first)
        a.reply_to(first.serial)
        a.send(call_to(b.name))
        self.assertEqual(b.receive_call().sender, a.name)

    def test_calls_that_expect_no_reply_do_not_count(self):
        a, b = self.connect(), self.connect()
        for _ in range(10):
            a.send(call_to(b.name, flags=NO_REPLY_EXPECTED))
        self.assertEqual(a.drain(), [])
        self.assertEqual(len(b.drain()), 10)


class ReplyTimeout(harness.BusTestCase):
    config = harness.busconfig(limits={"reply_timeout": 50})

    def test_caller_is_told(self):
        a, b = self.connect(), self.connect()
        serial = a.send(call_to(b.name))
        reply = a.receive()
        self.assertEqual((reply.error_name, reply.reply_serial, reply.body),
                         (ERRORS + "NoReply", serial,
                          ("Message did not receive a reply (timeout by message bus)",)))
        late = b.receive_call()
        b.reply(late)
        self.assertEqual([m.reply_serial for m in a.drain()], [serial],
                         "a late reply is one that was not requested, which the policy allows")


class OnlyRequestedReplies(harness.BusTestCase):
    """As on a system bus: replies only where one is awaited."""

    config = harness.busconfig(policy="""
      <policy context="default">
        <allow own="*"/>
        <allow send_type="method_call"/>
        <allow send_type="signal"/>
        <allow send_requested_reply="true" send_type="method_return"/>
        <allow send_requested_reply="true" send_type="error"/>
        <allow receive_type="method_call"/>
        <allow receive_type="method_return"/>
        <allow receive_type="error"/>
        <allow receive_type="signal"/>
      </policy>""")

    def setUp(self):
        self.a, self.b = self.connect(), self.connect()

    def test_awaited_reply_passes_once(self):
        self.a.send(call_to(self.b.name))
        question = self.b.receive_call()
        self.b.reply(question)
        self.assertEqual(self.a.reply_to(question.serial).type, RETURN)
        serial = self.b.reply(question)
        (refusal,) = self.b.drain()
        self.assertEqual((refusal.error_name, refusal.reply_serial),
                         (ERRORS + "AccessDenied", serial))
        self.assertEqual(self.a.drain(), [])

    @harness.each([("to nobody's call", 4711), ("to another call", None)])
    def test_reply_is_refused(self, reply_serial):
        self.a.send(call_to(self.b.name))
        question = self.b.receive_call()
        third = self.connect()
        self.a.drain()
        if reply_serial:
            self.b.send(Message(RETURN, destination=self.a.name, reply_serial=reply_serial))
            refused = self.b
        else:
            third.send(Message(RETURN, destination=self.a.name, reply_serial=question.serial))
            refused = third
        (refusal,) = refused.drain()
        self.assertEqual(refusal.error_name, ERRORS + "AccessDenied")
        self.assertEqual(self.a.drain(), [])

    def test_reply_to_a_call_without_reply_is_refused(self):
        self.a.send(call_to(self.b.name, flags=NO_REPLY_EXPECTED))
        self.b.reply(self.b.receive_call())
        self.assertEqual(self.b.drain()[0].error_name, ERRORS + "AccessDenied")
        self.assertEqual(self.a.drain(), [])


class SendPolicy(harness.BusTestCase):
    """The simple rules on sending and receiving, of the default context."""

    config = harness.busconfig(policy="""
      <policy context="default">
        <allow own="*"/>
        <allow send_destination="*"/>
        <allow receive_sender="*"/>
        <deny send_destination="com.example.NotTo"/>
        <deny send_interface="com.example.Denied"/>
        <deny send_interface="com.example.I" send_member="DeniedMember"/>
        <deny send_path="/denied"/>
        <deny send_type="signal" send_interface="com.example.DeniedSignal"/>
        <deny receive_interface="com.example.NotReceived"/>
        <deny receive_sender="com.example.NotFrom"/>
      </policy>""")

    def setUp(self):
        self.a, self.b = self.connect(), self.connect()

    @harness.each([
        ("plain", {}, True),
        ("denied interface", dict(interface="com.example.Denied"), False),
        ("denied member", dict(member="DeniedMember"), False),
        ("denied member of another interface",
         dict(interface="com.example.J", member="DeniedMember"), True),
        ("denied path", dict(path="/denied"), False),
        ("path below the denied one", dict(path="/denied/not"), True),
        ("denied as a signal, but a call", dict(interface="com.example.DeniedSignal"), True),
        ("not to be received", dict(interface="com.example.NotReceived"), False),
        ("no interface, so that deny rules match", dict(interface=None), False),
    ])
    def test_call(self, changes, allowed):
        options = dict(path="/", interface="com.example.I", member="M", destination=self.b.name)
        serial = self.a.send(Message(CALL, **{**options, **changes}))
        errors = [(m.error_name, m.reply_serial) for m in self.a.drain()]
        self.assertEqual(errors, [] if allowed else [(ERRORS + "AccessDenied", serial)])
        self.assertEqual(len(self.b.drain()), int(allowed))

    def test_denied_destination_also_by_the_owner_s_other_names(self):
        self.b.request_name("com.example.NotTo")
        self.b.request_name("com.example.ToToo")
        for name in ("com.example.NotTo", "com.example.ToToo", self.b.name):
            with self.assertRaises(BusError) as raised:
                self.a.call(name, "/", "com.example.I", "M")
            self.assertEqual(raised.exception.name, "AccessDenied")

    def test_denied_sender(self):
        self.a.request_name("com.example.NotFrom")
        with self.assertRaises(BusError) as raised:
            self.a.call(self.b.name, "/", "com.example.I", "M")
        self.assertEqual(raised.exception.name, "AccessDenied")
        self.assertEqual(self.b.drain(), [])

    @harness.each([("denied to send", "com.example.DeniedSignal", False),
                   ("denied to receive", "com.example.NotReceived", False),
                   ("allowed", "com.example.I", True)])
    def test_broadcast(self, interface, allowed):
        self.b.add_match("member='S'")
        self.a.send(Message(SIGNAL, "/", interface, "S"))
        self.assertEqual(self.a.drain(), [], "a broadcast gets no error")
        self.assertEqual(len(self.b.drain()), int(allowed))

    def test_text_of_the_refusal_names_the_parts(self):
        with self.assertRaises(BusError) as raised:
            self.a.call(self.b.name, "/", "com.example.Denied", "M")
        for part in ('type="method_call"', f'sender="{self.a.name}"',
                     'interface="com.example.Denied"', 'member="M"',
                     f'destination="{self.b.name}"'):
            self.assertIn(part, raised.exception.text)


if __name__ == "__main__":
    harness.main()
