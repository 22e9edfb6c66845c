# SPDX-License-Identifier: Apache-2.0
"""The metrics socket: valid OpenMetrics over HTTP, for root and the bus owner, whatever happens.

dbus-daemon has nothing like it.
"""

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import threading

import harness
import openmetrics
from process_case import ProcessTestCase
from rawclient import RawClient
from waiting import DEADLINE, Deadline, wait_readable, wait_until
from wire import CALL, SIGNAL, Message

NOBODY = 65534
BOUND = 100000
CONFIG = harness.busconfig(limits={**harness.SESSION_LIMITS, "max_outgoing_bytes": BOUND})


class HttpOverUnix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


def request(path, method="GET", target="/metrics"):
    """Status, content type and text of an answer."""
    connection = HttpOverUnix(path)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
    finally:
        connection.close()


def value_of(samples, name, **labels):
    return samples[name, tuple(labels.items())]


class MetricsTestCase(harness.BusTestCase):
    def setUp(self):
        self.directory = self.enterContext(harness.private_directory())
        self.path = os.path.join(self.directory, "metrics")
        self.daemon = self.start_daemon(CONFIG, [f"--metrics-address=unix:path={self.path}"])

    def connect(self, daemon=None, **options):
        return super().connect(daemon or self.daemon, **options)

    def scrape(self):
        status, _, text = request(self.path)
        self.assertEqual(status, 200, text)
        return openmetrics.parse(text)[0]


class Text(MetricsTestCase):
    def test_is_valid_openmetrics_under_that_name(self):
        status, content_type, text = request(self.path)
        self.assertEqual((status, content_type), (
            200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
        samples, types = openmetrics.parse(text)
        for name in types:
            self.assertRegex(name, "^(buzon|process)_")
        (version,) = [labels for name, labels in samples if name == "buzon_build_info"]
        self.assertEqual(version[0][0], "version")

    @harness.needs_all_descriptors
    def test_has_the_usual_figures_of_a_process(self):
        samples = self.scrape()
        self.assertGreater(value_of(samples, "process_resident_memory_bytes"), 1 << 20)
        self.assertGreater(value_of(samples, "process_cpu_seconds_total"), 0)
        self.assertGreater(value_of(samples, "process_start_time_seconds"),
                           os.stat(self.daemon.config_path).st_mtime - 1)
        self.assertEqual(value_of(samples, "process_max_fds"),
                         resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE)[0])

    @harness.each([("HEAD", "HEAD", "/metrics", 200), ("root", "GET", "/", 404),
                   ("POST", "POST", "/metrics", 405)])
    def test_other_requests(self, method, target, status):
        answer, _, text = request(self.path, method, target)
        self.assertEqual(answer, status)
        self.assertNotIn("# EOF", text)


class Figures(MetricsTestCase):
    def test_count_what_is_there(self):
        client = self.connect()
        client.request_name("a.b")
        client.add_match("type='signal',interface='x.y'")
        callee, silent = self.connect(), self.connect(hello=False)
        client.send(Message(CALL, "/", "a.b", "M", callee.name))
        client.sync()
        samples = self.scrape()
        self.assertEqual(value_of(samples, "buzon_connections", state="active"), 2)
        self.assertEqual(value_of(samples, "buzon_connections", state="incomplete"), 1)
        self.assertEqual(value_of(samples, "buzon_held_connections"), 3)
        self.assertEqual(value_of(samples, "buzon_names"), 1)
        self.assertEqual(value_of(samples, "buzon_match_rules"), 1)
        self.assertEqual(value_of(samples, "buzon_pending_replies"), 1)
        self.assertEqual(value_of(samples, "buzon_peak_match_rules"), 1)
        for each in (client, callee, silent):
            each.close()
        wait_until(lambda: value_of(self.scrape(), "buzon_held_connections") == 0,
                   "the end of all connections")
        samples = self.scrape()
        self.assertEqual(value_of(samples, "buzon_names"), 0)
        self.assertEqual(value_of(samples, "buzon_match_rules"), 0)
        self.assertEqual(value_of(samples, "buzon_peak_match_rules"), 1)

    def test_count_what_happens(self):
        client = self.connect()
        before = self.scrape()
        for _ in range(10):
            client.sync()
        after = self.scrape()
        for name in ("buzon_messages_total", "buzon_driver_messages_total"):
            self.assertEqual(value_of(after, name) - value_of(before, name), 10, name)
        self.assertGreater(value_of(after, "buzon_loop_turn_seconds_count"),
                           value_of(before, "buzon_loop_turn_seconds_count"))
        self.assertEqual(value_of(after, "buzon_throttled_total"), 0)

    def test_tell_of_a_full_queue(self):
        sender, receiver = self.connect(), self.connect()
        rest = sender.flood(receiver, lambda: value_of(self.scrape(), "buzon_throttled_senders"))
        samples = self.scrape()
        self.assertEqual(value_of(samples, "buzon_throttled_total"), 1)
        self.assertEqual(value_of(samples, "buzon_throttled_senders"), 1)
        self.assertGreater(value_of(samples, "buzon_held_bytes"), BOUND / 4)
        self.assertGreater(value_of(samples, "buzon_read_ahead_bytes"), 0)
        self.assertGreaterEqual(value_of(samples, "buzon_peak_queue_bytes"), BOUND / 4)
        self.assertLess(value_of(samples, "buzon_held_bytes"),
                        value_of(samples, "buzon_limit_bytes"))
        writer = threading.Thread(target=sender.send_bytes, args=(rest,))
        writer.start()
        for _ in range(100):
            receiver.receive()
        writer.join()
        sender.sync()
        samples = self.scrape()
        self.assertEqual(value_of(samples, "buzon_throttled_senders"), 0)
        self.assertEqual(value_of(samples, "buzon_held_bytes"), 0)
        self.assertEqual(value_of(samples, "buzon_read_ahead_bytes"), 0)

    def programs(self, name):
        """{pid: (labels, value)}"""
        found = {}
        for (sample, labels), value in self.scrape().items():
            if sample == name:
                found[dict(labels)["pid"]] = dict(labels), value
        return found

    def test_tell_who_holds_most(self):
        clients = [self.connect() for _ in range(3)]
        clients[0].add_match("type='signal'")
        self.assertEqual(
            value_of(self.scrape(), "buzon_user_held_connections", uid=str(os.getuid())), 3)
        pid = str(os.getpid())
        labels, value = self.programs("buzon_program_held_match_rules")[pid]
        self.assertEqual((labels["uid"], value), (str(os.getuid()), 1))
        self.assertEqual(self.programs("buzon_program_held_connections")[pid][1], 3)
        for client in clients:
            client.close()
        wait_until(lambda: not self.programs("buzon_program_held_bytes"), "the end of the program")

    @harness.needs_program_names
    def test_name_programs(self):
        self.connect().add_match("type='signal'")
        pid = str(os.getpid())
        # The name is asked for by the first who looks.
        with open("/proc/self/comm", encoding="utf-8") as file:
            own_name = file.read().removesuffix("\n")
        wait_until(lambda: self.programs("buzon_program_held_bytes")[pid][0]["comm"] == own_name,
                   "the name of this program")

    def test_are_of_ten_programs_at_most(self):
        children = [self.enterContext(self.another_program()) for _ in range(15)]
        self.assertEqual(value_of(self.scrape(), "buzon_held_connections"), len(children))
        self.assertEqual(len(self.programs("buzon_program_held_connections")), 10)

    @contextlib.contextmanager
    def another_program(self):
        """One with a connection to the bus."""
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys\nfrom rawclient import RawClient\n"
             "client = RawClient(sys.argv[1])\nprint(flush=True)\nsys.stdin.read()",
             self.daemon.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=os.path.dirname(os.path.abspath(__file__)))
        try:
            child.stdout.readline()
            yield child
        finally:
            child.communicate(timeout=DEADLINE)


class Trouble(MetricsTestCase):
    def test_a_flooded_bus_answers(self):
        flooders = [self.connect() for _ in range(4)]
        block = b"".join(
            Message(SIGNAL, "/", "a.b", "S", serial=serial).to_bytes() for serial in range(1, 2000))
        over = threading.Event()

        def flood(flooder):
            while not over.is_set():
                flooder.send_bytes(block)

        threads = [threading.Thread(target=flood, args=(flooder,)) for flooder in flooders]
        for thread in threads:
            thread.start()
        try:
            before = value_of(self.scrape(), "buzon_messages_total")
            for _ in range(20):
                now = value_of(self.scrape(), "buzon_messages_total")
                self.assertGreaterEqual(now, before)
                before = now
            wait_until(lambda: value_of(self.scrape(), "buzon_messages_total") > before + 10000,
                       "the flood")
        finally:
            over.set()
            for flooder in flooders:
                flooder.socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that is writing
            for thread in threads:
                thread.join()

    @harness.needs_all_descriptors
    def test_a_bus_without_descriptors_answers(self):
        taken = len(os.listdir(f"/proc/{self.daemon.pid}/fd"))
        _, most = resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE, (taken + 20, most))
        self.addCleanup(lambda: [client.close() for client in clients])
        clients = [RawClient(self.daemon.address, hello=False, auth=False) for _ in range(30)]
        wait_until(lambda: "accept a connection: Too many open files" in self.daemon.log(),
                   "the last descriptor")
        for _ in range(20):
            samples = self.scrape()
        self.assertEqual(value_of(samples, "process_open_fds"),
                         value_of(samples, "process_max_fds"))
        self.assertNotIn("reader of metrics", self.daemon.log())

    def test_a_reader_that_says_nothing_keeps_nobody_out(self):
        silent = [socket.socket(socket.AF_UNIX) for _ in range(10)]
        for each in silent:
            self.addCleanup(each.close)
            each.connect(self.path)
        self.scrape()
        wait_readable(silent[0].fileno(), Deadline(), "the end of the oldest")
        self.assertEqual(silent[0].recv(1), b"")

    def test_only_for_root_and_the_bus_owner(self):
        if os.getuid() != 0:
            self.skipTest("needs root, to be somebody else")
        os.chmod(self.directory, 0o755)
        child = os.fork()
        if child == 0:
            status = 2
            try:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                client = socket.socket(socket.AF_UNIX)
                client.connect(self.path)
                status = 0 if client.recv(1) == b"" else 1
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertIn(f"Reader of metrics refused (uid={NOBODY})", self.daemon.log())
        self.scrape()


class Start(ProcessTestCase):
    def start_with_metrics(self, *arguments, **options):
        process = self.start(f"--config-file={self.config}", "--print-pid", *arguments,
                             f"--metrics-address=unix:path={self.path('metrics')}", **options)
        (pid,) = self.lines(process, 1)
        return process, int(pid)

    def is_gone(self):
        return not os.path.exists(self.path("metrics"))

    def check(self):
        status, _, text = request(self.path("metrics"))
        self.assertEqual(status, 200)
        openmetrics.parse(text)

    @harness.each_named([("SIGTERM",), ("SIGKILL",)])
    def test_the_socket_goes_with_the_bus(self, name):
        process, _ = self.start_with_metrics("--nofork")
        self.check()
        process.send_signal(signal.Signals[name])
        process.wait(DEADLINE)
        wait_until(self.is_gone, "the end of the socket file")

    def test_in_the_background(self):
        process, pid = self.start_with_metrics("--fork")
        process.wait(DEADLINE)
        self.check()
        self.end_pid(pid)
        wait_until(self.is_gone, "the end of the socket file")

    def test_an_abstract_address(self):
        name = f"buzon-metrics-test-{os.getpid()}"
        process = self.start(f"--config-file={self.config}", "--nofork", "--print-pid",
                             f"--metrics-address=unix:abstract={name}")
        self.lines(process, 1)
        self.assertEqual(request("\0" + name)[0], 200)

    def test_the_address_of_the_bus_is_refused(self):
        status, _, error = self.run_daemon(
            f"--config-file={self.config}", "--nofork",
            f"--metrics-address=unix:path={self.path('bus')}")
        self.assertEqual(status, 1)
        self.assertIn(f"The bus itself listens at the metrics address, {self.path('bus')}", error)

    def test_an_address_that_can_not_be_bound_is_refused(self):
        status, _, error = self.run_daemon(
            f"--config-file={self.config}", "--nofork",
            f"--metrics-address=unix:path={self.path('nowhere/metrics')}")
        self.assertEqual(status, 1)
        self.assertIn("cannot bind the socket: No such file or directory", error)


if __name__ == "__main__":
    harness.main()
