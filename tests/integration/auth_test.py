# SPDX-License-Identifier: Apache-2.0
"""The authentication dialogue: transcripts of what a client sends and what the server answers."""

import hashlib
import os
import pwd
import re
import stat
import subprocess

import harness
from harness import differs
from rawclient import BUS_NAME, Disconnected, parse_address
from waiting import DEADLINE
from wire import Message

CLOSED = object()
UID = str(os.getuid()).encode().hex().encode()
OTHER_UID = str(os.getuid() + 1).encode().hex().encode()
GUID = "OK [0-9a-f]{32}"
ALL = "REJECTED EXTERNAL DBUS_COOKIE_SHA1 ANONYMOUS"
ONLY = "REJECTED EXTERNAL"
HELLO = Message(path="/org/freedesktop/DBus", interface=BUS_NAME, member="Hello",
                destination=BUS_NAME, serial=1).to_bytes()

# Transcripts: each item is what the client sends and the lines that answer it (regular
# expressions), or CLOSED. The first NUL is sent before.
TRANSCRIPTS = [
    ("the usual way", [(b"AUTH EXTERNAL " + UID, [GUID])]),
    ("no initial response, then an empty one",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"DATA", [GUID])]),
    ("no initial response, then the uid",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"DATA " + UID, [GUID])]),
    ("no initial response, then a wrong uid",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"DATA " + OTHER_UID, [ONLY])]),
    ("another uid", [(b"AUTH EXTERNAL " + OTHER_UID, [ONLY])]),
    ("a user name", [(b"AUTH EXTERNAL " + b"root".hex().encode(), [ONLY])]),
    ("a second attempt after a rejection",
     [(b"AUTH EXTERNAL " + OTHER_UID, [ONLY]), (b"AUTH EXTERNAL " + UID, [GUID])]),
    ("upper-case hexadecimal", [(b"AUTH EXTERNAL " + UID.upper(), [GUID])]),
    ("no mechanism", [(b"AUTH", [ONLY])]),
    ("unknown mechanism", [(b"AUTH KERBEROS_V4", [ONLY])]),
    ("mechanism in lower case", [(b"AUTH external " + UID, [ONLY])]),
    ("mechanism that is not configured", [(b"AUTH ANONYMOUS", [ONLY])]),
    ("command in lower case", [(b"auth EXTERNAL " + UID, ['ERROR "Unknown command"'])]),
    ("unknown command", [(b"FOO", ['ERROR "Unknown command"'])]),
    ("empty line", [(b"", ['ERROR "Unknown command"'])]),
    ("bytes beyond ASCII", [(b"AUTH \xc3\xa4", ['ERROR "Command contained non-ASCII"'])]),
    ("spaces and tabs between the words", [(b"AUTH \t  EXTERNAL \t " + UID, [GUID])]),
    ("bad hexadecimal", [(b"AUTH EXTERNAL zz", ['ERROR "Invalid hex encoding"'])]),
    ("bad hexadecimal, then good",
     [(b"AUTH EXTERNAL zz", ['ERROR "Invalid hex encoding"']), (b"AUTH EXTERNAL " + UID, [GUID])]),
    ("cancel before anything",
     [(b"CANCEL", ['ERROR "Not currently in an auth conversation"'])]),
    ("data before anything",
     [(b"DATA 30", ['ERROR "Not currently in an auth conversation"'])]),
    ("error before anything", [(b"ERROR", [ONLY])]),
    ("begin before anything", [(b"BEGIN", CLOSED)]),
    ("descriptors before anything",
     [(b"NEGOTIATE_UNIX_FD", ['ERROR "Need to authenticate first"'])]),
    ("auth while data is awaited",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"AUTH EXTERNAL " + UID, ["ERROR .*"]), (b"DATA", [GUID])]),
    ("cancel while data is awaited",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"CANCEL", [ONLY]), (b"AUTH EXTERNAL " + UID, [GUID])]),
    ("error while data is awaited", [(b"AUTH EXTERNAL", ["DATA"]), (b"ERROR", [ONLY])]),
    ("begin while data is awaited", [(b"AUTH EXTERNAL", ["DATA"]), (b"BEGIN", CLOSED)]),
    ("descriptors while data is awaited",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"NEGOTIATE_UNIX_FD", ["ERROR .*"])]),
    ("unknown command while data is awaited",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"FOO", ['ERROR "Unknown command"']), (b"DATA", [GUID])]),
    ("bad hexadecimal while data is awaited",
     [(b"AUTH EXTERNAL", ["DATA"]), (b"DATA zz", ['ERROR "Invalid hex encoding"']),
      (b"DATA", [GUID])]),
    ("auth while begin is awaited",
     [(b"AUTH EXTERNAL " + UID, [GUID]),
      (b"AUTH EXTERNAL " + UID, ['ERROR "Sent AUTH while expecting BEGIN"'])]),
    ("data while begin is awaited",
     [(b"AUTH EXTERNAL " + UID, [GUID]),
      (b"DATA", ['ERROR "Sent DATA while expecting BEGIN"'])]),
    ("cancel while begin is awaited",
     [(b"AUTH EXTERNAL " + UID, [GUID]), (b"CANCEL", [ONLY]), (b"AUTH EXTERNAL " + UID, [GUID])]),
    ("error while begin is awaited",
     [(b"AUTH EXTERNAL " + UID, [GUID]), (b"ERROR", [ONLY])]),
    ("unknown command while begin is awaited",
     [(b"AUTH EXTERNAL " + UID, [GUID]), (b"FOO", ['ERROR "Unknown command"'])]),
    ("descriptors, twice, with an argument",
     [(b"AUTH EXTERNAL " + UID, [GUID]), (b"NEGOTIATE_UNIX_FD", ["AGREE_UNIX_FD"]),
      (b"NEGOTIATE_UNIX_FD please", ["AGREE_UNIX_FD"])]),
    ("the sixth rejection closes",
     [(b"AUTH", [ONLY])] * 5 + [(b"AUTH", [ONLY, CLOSED])]),
    ("errors are not rejections",
     [(b"FOO", ['ERROR "Unknown command"'])] * 20 + [(b"AUTH EXTERNAL " + UID, [GUID])]),
    ("several lines at once",
     [(b"AUTH EXTERNAL " + UID + b"\r\nNEGOTIATE_UNIX_FD", [GUID, "AGREE_UNIX_FD"])]),
    ("as sd-bus writes it",
     [(b"AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD", ["DATA", GUID, "AGREE_UNIX_FD"])]),
]

# Other spellings of the uid. dbus-daemon takes what strtoul() takes, we take decimal digits only.
SAME_TO_STRTOUL = ["{:#x}", " {}", "+{}"]
WRONG_FOR_ALL = ["{} ", "{}x", "99999999999999999999", "4294967296", "x"]


class Stranger(harness.BusTestCase):
    """What all classes below need: connections that are not authenticated yet."""

    def stranger(self):
        """A connection that has sent the first NUL."""
        client = self.connect(auth=False)
        client.send_bytes(b"\0")
        return client

    def play(self, client, transcript):
        for sent, answers in transcript:
            client.send_bytes(sent + b"\r\n")
            for answer in [CLOSED] if answers is CLOSED else answers:
                if answer is CLOSED:
                    with self.assertRaises(Disconnected):
                        client.read_line()
                else:
                    self.assertRegex(client.read_line(), f"^{answer}$")


class Dialogue(Stranger):
    @harness.each(TRANSCRIPTS)
    def test_transcript(self, transcript):
        self.play(self.stranger(), transcript)

    def test_first_byte_must_be_nul(self):
        client = self.connect(auth=False)
        client.send_bytes(b"AUTH EXTERNAL " + UID + b"\r\n")
        with self.assertRaises(Disconnected):
            client.read_line()

    def test_nul_and_first_line_in_one_piece(self):
        client = self.connect(auth=False)
        client.send_bytes(b"\0AUTH EXTERNAL " + UID + b"\r\n")
        self.assertRegex(client.read_line(), GUID)

    def test_byte_by_byte(self):
        client = self.stranger()
        for byte in b"AUTH EXTERNAL " + UID + b"\r\n":
            client.send_bytes(bytes([byte]))
        self.assertRegex(client.read_line(), GUID)

    def test_bare_line_feed_ends_no_line(self):
        client = self.stranger()
        client.send_bytes(b"AUTH EXTERNAL\nFOO\r\n")
        self.assertRegex(client.read_line(), "REJECTED|ERROR")
        client.send_bytes(b"AUTH EXTERNAL " + UID + b"\r\n")
        self.assertRegex(client.read_line(), GUID)

    def test_line_of_more_than_16_kib_closes(self):
        client = self.stranger()
        client.send_bytes(b"A" * 16385)
        with self.assertRaises(Disconnected):
            client.read_line()

    def test_line_of_16_000_bytes_is_answered(self):
        client = self.stranger()
        client.send_bytes(b"A" * 16000 + b"\r\n")
        self.assertRegex(client.read_line(), "ERROR")

    @harness.each([(repr(form), form, False) for form in WRONG_FOR_ALL] +
                  [(repr(form), form, True) for form in SAME_TO_STRTOUL])
    def test_uid_written_as(self, form, same_to_strtoul):
        client = self.stranger()
        uid = form.format(os.getuid()).encode().hex().encode()
        client.send_bytes(b"AUTH EXTERNAL " + uid + b"\r\n")
        wanted = differs(ONLY, GUID if same_to_strtoul else ONLY, "only decimal digits are a uid")
        self.assertRegex(client.read_line(), wanted)

    def test_odd_number_of_hexadecimal_digits(self):
        client = self.stranger()
        client.send_bytes(b"AUTH EXTERNAL " + UID + b"3\r\n")
        self.assertRegex(client.read_line(),
                         differs('ERROR "Invalid hex encoding"', GUID,
                                 "Z1: dbus-daemon ignores the odd digit"))

    def test_guid_of_ok_is_that_of_the_address(self):
        client = self.connect()
        self.assertEqual(client.guid, parse_address(self.bus.address)[0][1]["guid"])

    def test_guid_of_the_listener_is_not_the_id_of_the_bus(self):
        client = self.connect()
        (bus_id,) = client.bus("GetId").body
        self.assertRegex(bus_id, "^[0-9a-f]{32}$")
        self.assertNotEqual(bus_id, client.guid)

    def test_everything_in_one_piece_up_to_hello(self):
        client = self.stranger()
        client.send_bytes(b"AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n" + HELLO)
        lines = [client.read_line() for _ in range(3)]
        self.assertEqual([lines[0], lines[2]], ["DATA", "AGREE_UNIX_FD"])
        self.assertEqual(client.receive().reply_serial, 1)

    def test_arguments_of_begin_are_ignored(self):
        client = self.stranger()
        client.send_bytes(b"AUTH EXTERNAL " + UID + b"\r\nBEGIN the beguine\r\n" + HELLO)
        self.assertRegex(client.read_line(), GUID)
        self.assertEqual(client.receive().reply_serial, 1)

    def test_descriptors_can_be_agreed_again_after_a_cancel(self):
        self.play(self.stranger(), [
            (b"AUTH EXTERNAL " + UID, [GUID]), (b"NEGOTIATE_UNIX_FD", ["AGREE_UNIX_FD"]),
            (b"CANCEL", [ONLY]), (b"NEGOTIATE_UNIX_FD", ['ERROR "Need to authenticate first"']),
            (b"AUTH EXTERNAL " + UID, [GUID]), (b"NEGOTIATE_UNIX_FD", ["AGREE_UNIX_FD"])])

    def test_peer_that_never_begins_is_no_peer(self):
        watcher = self.connect()
        watcher.add_match("member='NameOwnerChanged'")
        client = self.stranger()
        client.send_bytes(b"AUTH EXTERNAL " + UID + b"\r\n")
        client.read_line()
        client.close()
        self.assertEqual(watcher.drain(), [])


class AllMechanisms(Stranger):
    """No <auth>: every mechanism is offered, in a fixed order; anonymous peers are not let in."""

    config = harness.busconfig(auth=())

    def test_rejection_lists_all_in_order(self):
        self.play(self.stranger(), [(b"AUTH", [ALL])])

    def test_external_works(self):
        self.play(self.stranger(), [(b"AUTH EXTERNAL " + UID, [GUID])])

    @harness.each([("without trace", b"", GUID), ("with a trace", b" 74657374", GUID),
                   ("with a trace that is not UTF-8", b" ff", ALL),
                   ("with bad hexadecimal", b" zz", 'ERROR "Invalid hex encoding"')])
    def test_anonymous(self, trace, answer):
        self.play(self.stranger(), [(b"AUTH ANONYMOUS" + trace, [answer])])

    def test_anonymous_is_closed_at_begin(self):
        client = self.stranger()
        client.send_bytes(b"AUTH ANONYMOUS\r\n")
        self.assertRegex(client.read_line(), GUID)
        client.send_bytes(b"BEGIN\r\n" + HELLO)
        self.assertEqual(client.expect_closed(), [])


class Anonymous(Stranger):
    config = harness.busconfig(
        auth=("ANONYMOUS", "EXTERNAL"), extra="<allow_anonymous/>",
        policy=harness.ALLOW_EVERYTHING.replace("<allow own", '<allow user="*"/><allow own'))

    def anonymous(self):
        client = self.stranger()
        client.send_bytes(b"AUTH ANONYMOUS\r\n")
        self.assertRegex(client.read_line(), GUID)
        client.send_bytes(b"BEGIN\r\n")
        return client

    def test_mechanisms_are_listed_in_the_fixed_order(self):
        self.play(self.stranger(), [(b"AUTH", ["REJECTED EXTERNAL ANONYMOUS"])])

    def test_anonymous_peer_becomes_a_peer_without_uid(self):
        client = self.anonymous()
        client.hello()
        (credentials,) = client.bus("GetConnectionCredentials", "s", client.name).body
        self.assertNotIn("UnixUserID", credentials)
        self.assertEqual(credentials["ProcessID"].value, os.getpid())

    def test_anonymous_peer_is_not_privileged(self):
        client = self.anonymous()
        client.hello()
        serial = client.send(Message(path="/org/freedesktop/DBus",
                                     interface="org.freedesktop.DBus.Monitoring",
                                     member="BecomeMonitor", destination=BUS_NAME,
                                     signature="asu", body=([], 0)))
        self.assertEqual(client.reply_to(serial).error_name,
                         "org.freedesktop.DBus.Error.AccessDenied")


class Cookie(harness.BusTestCase):
    """DBUS_COOKIE_SHA1, with a keyring in a home directory of its own."""

    config = harness.busconfig(auth=("DBUS_COOKIE_SHA1",))

    def setUp(self):
        self.home = self.enterContext(harness.private_directory())
        self.daemon = self.start_daemon(
            self.config, environment=harness.clean_environment(HOME=self.home))

    def stranger(self):
        client = self.connect(self.daemon, auth=False)
        client.send_bytes(b"\0")
        return client

    def challenge(self, client, identity=UID):
        """Begins the dialogue; returns context, cookie id and challenge."""
        client.send_bytes(b"AUTH DBUS_COOKIE_SHA1 " + identity + b"\r\n")
        line = client.read_line()
        self.assertRegex(line, "^DATA [0-9a-f]+$")
        return bytes.fromhex(line.split()[1]).decode().split(" ")

    def cookie(self, context, wanted):
        path = os.path.join(self.home, ".dbus-keyrings", context)
        with open(path, encoding="ascii") as file:
            return dict(line.split()[::2] for line in file)[wanted]

    def answer(self, cookie, challenge):
        mine = "0123456789abcdef"
        digest = hashlib.sha1(f"{challenge}:{mine}:{cookie}".encode()).hexdigest()
        return b"DATA " + f"{mine} {digest}".encode().hex().encode() + b"\r\n"

    @harness.each([
        ("the uid", UID),
        ("the user name", pwd.getpwuid(os.getuid()).pw_name.encode().hex().encode()),
    ])
    def test_right_cookie_for(self, identity):
        client = self.stranger()
        context, cookie_id, challenge = self.challenge(client, identity)
        self.assertEqual(context, "org_freedesktop_general")
        self.assertRegex(challenge, "^[0-9a-f]{32}$")
        client.send_bytes(self.answer(self.cookie(context, cookie_id), challenge))
        self.assertRegex(client.read_line(), GUID)
        client.send_bytes(b"NEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        self.assertEqual(client.read_line(), "AGREE_UNIX_FD")
        client.hello()
        self.assertEqual(client.bus("GetConnectionUnixUser", "s", client.name).body,
                         (os.getuid(),))

    def test_wrong_cookie(self):
        client = self.stranger()
        _, _, challenge = self.challenge(client)
        client.send_bytes(self.answer("0" * 48, challenge))
        self.assertEqual(client.read_line(), "REJECTED DBUS_COOKIE_SHA1")

    @harness.each([("not two words", b"DATA 61\r\n"), ("nothing", b"DATA\r\n"),
                   ("three words", b"DATA " + b"a b c".hex().encode() + b"\r\n")])
    def test_malformed_answer(self, answer):
        client = self.stranger()
        self.challenge(client)
        client.send_bytes(answer)
        self.assertEqual(client.read_line(), "REJECTED DBUS_COOKIE_SHA1")

    @harness.each([("another uid", OTHER_UID), ("an unknown user", b"nosuchuser".hex().encode()),
                   ("an existing other user", b"daemon".hex().encode())])
    def test_identity_of(self, identity):
        client = self.stranger()
        client.send_bytes(b"AUTH DBUS_COOKIE_SHA1 " + identity + b"\r\n")
        self.assertEqual(client.read_line(), "REJECTED DBUS_COOKIE_SHA1")

    def test_keyring_is_private_and_well_formed(self):
        context, cookie_id, _ = self.challenge(self.stranger())
        directory = os.path.join(self.home, ".dbus-keyrings")
        self.assertEqual(stat.S_IMODE(os.stat(directory).st_mode), 0o700)
        with open(os.path.join(directory, context), encoding="ascii") as file:
            lines = file.read().splitlines()
        for line in lines:
            self.assertTrue(re.fullmatch(r"\d+ \d+ [0-9a-f]{48}", line), line)
        self.assertIn(cookie_id, [line.split()[0] for line in lines])

    def test_stock_client_gets_in(self):
        environment = harness.clean_environment(HOME=self.home,
                                                DBUS_SESSION_BUS_ADDRESS=self.daemon.address)
        done = subprocess.run(
            ["dbus-send", "--session", "--print-reply=literal", f"--dest={BUS_NAME}", "/",
             f"{BUS_NAME}.GetId"], env=environment, stdout=subprocess.PIPE,
            timeout=DEADLINE, check=True)
        self.assertRegex(done.stdout.decode().strip(), "^[0-9a-f]{32}$")


class Timeout(harness.BusTestCase):
    """auth_timeout runs from accept to Hello."""

    config = harness.busconfig(limits={"auth_timeout": 300})

    @harness.each([("after connecting", b""), ("before BEGIN", b"\0AUTH EXTERNAL " + UID + b"\r\n"),
                   ("before Hello", b"\0AUTH EXTERNAL " + UID + b"\r\nBEGIN\r\n")])
    def test_closes(self, sent):
        client = self.connect(auth=False)
        client.send_bytes(sent)
        if sent:
            self.assertRegex(client.read_line(), GUID)
        self.assertEqual(client.expect_closed(), [])

    def test_peers_live_on(self):
        peer = self.connect()
        stranger = self.connect(auth=False)
        stranger.expect_closed()
        self.assertEqual(peer.drain(), [])


if __name__ == "__main__":
    harness.main()
