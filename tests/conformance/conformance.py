# SPDX-License-Identifier: Apache-2.0
"""Runs the conformance tests of Debian's dbus-tests against dbus-daemon and against buzond.

Each case is compared with expectations.txt; README.md is the table of all of them. Reports in TAP:
an expected failure is a TODO, so that passing unnoticed is an error too. Each case has a process
of its own, so that one that aborts hides no other.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import functools
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILDS = {
    "release": pathlib.Path("/usr/lib/dbus-1.0/installed-tests/dbus"),
    "debug": pathlib.Path("/usr/lib/dbus-1.0/debug-build/libexec/installed-tests/dbus"),
}
STOCK = "/usr/bin/dbus-daemon"
NOBODY = 65534
TIMEOUT = 60 * float(os.environ.get("BUZON_TEST_TIME_FACTOR", "1"))

# Programs that start DBUS_TEST_DAEMON. write_readme() checks that no other does.
PROGRAMS = ("test-apparmor-activation", "test-containers", "test-dbus-daemon",
            "test-dbus-daemon-eavesdrop", "test-dbus-daemon-fork.sh", "test-header-fields",
            "test-monitor", "test-sd-activation", "test-uid-permissions",
            "integration/transient-services.sh")
HELPERS = ("test-service", "test-shell", "test-sleep-forever", "test-privserver")
EXCLUDED = {
    "test-apparmor-activation.sh": "wraps test-apparmor-activation, which is run by itself",
    "test-dbus-launch-eval.sh": "starts the daemon of its own build whatever it is told",
    "test-dbus-launch-x11.sh": "starts the daemon of its own build whatever it is told",
}
PURE = "tests libdbus in its own process and starts no daemon"


@dataclasses.dataclass(frozen=True)
class Case:
    build: str
    program: str
    name: str  # a path of GLib's test framework; "" for a script, which is run as a whole

    @property
    def title(self):
        return f"{self.build}/{self.program} {self.name}".strip()


@dataclasses.dataclass
class Expectation:
    program: str
    case: str
    stock: str
    buzond: str
    why: str
    used: bool = False


@dataclasses.dataclass
class Result:
    status: str  # pass, fail or skip
    detail: str


def read_expectations():
    """The lines of expectations.txt, in order."""
    found = []
    for line in (HERE / "expectations.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            found.append(Expectation(*line.split(None, 4)))
    return found


def expectation_for(case, expectations):
    """The first that fits; pass on both if none does."""
    for expectation in expectations:
        if (fnmatch.fnmatch(f"{case.build}/{case.program}", expectation.program)
                and fnmatch.fnmatch(case.name or "-", expectation.case)):
            expectation.used = True
            return expectation
    return Expectation("*", "*", "pass", "pass", "-")


def cases():
    """Every case of every program, asked from the programs themselves."""
    for build, directory in BUILDS.items():
        for program in PROGRAMS:
            path = directory / program
            if program.endswith(".sh"):
                yield Case(build, program, "")
                continue
            listed = subprocess.run([path, "-l"], check=True, stdout=subprocess.PIPE, text=True)
            for name in filter(lambda line: line.startswith("/"), listed.stdout.splitlines()):
                yield Case(build, program, name)


def environment(case, daemon, directory):
    """A clean one, with a home and a runtime directory of its own."""
    tests = BUILDS[case.build]
    kept = {k: os.environ[k] for k in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS")
            if k in os.environ}
    return {**kept, "DBUS_TEST_DAEMON": daemon, "DBUS_TEST_EXEC": str(tests),
            "DBUS_TEST_DATA": str(tests / "data"), "HOME": directory, "TMPDIR": directory,
            "XDG_RUNTIME_DIR": directory, "DBUS_TEST_TIMEOUT_MULTIPLIER": "4"}


def command(case):
    path = str(BUILDS[case.build] / case.program)
    if case.program == "integration/transient-services.sh":
        return ["/bin/sh", "-c", TRANSIENT, "sh", path]
    return [path] if path.endswith(".sh") else [path, "--tap", "-p", case.name]


# That script wants to find a session bus where a user session has it.
TRANSIENT = """
"$DBUS_TEST_DAEMON" --session --address=unix:runtime=yes --nofork --print-address=3 \\
    3>"$HOME/address" >&2 &
bus=$!
while ! [ -s "$HOME/address" ]; do kill -0 $bus || exit 1; sleep 0.05; done
"$1"
status=$?
kill $bus
wait $bus
exit $status
"""


def judge(status, output):
    """What a finished program says."""
    if status != 0:
        return Result("fail", f"exit status {status}")
    lines = re.findall(r"^(not ok|ok) \d+(.*)$", output, re.MULTILINE)
    if re.search(r"^1\.\.0\b", output, re.MULTILINE):
        return Result("skip", re.search(r"^1\.\.0(.*)", output, re.MULTILINE)[1].strip(" #"))
    if not lines or any(kind == "not ok" for kind, _ in lines) or "Bail out!" in output:
        return Result("fail", "not ok")
    skips = [text for _, text in lines if re.search(r"# SKIP", text, re.IGNORECASE)]
    if skips and len(skips) == len(lines):
        return Result("skip", re.split("# SKIP", skips[0], flags=re.IGNORECASE)[1].strip())
    return Result("pass", "")


def run_as(case, daemon, user, timeout):
    """Runs one case in a directory of its own; `user` None is ourselves."""
    with tempfile.TemporaryDirectory(prefix="conf-", dir="/tmp") as directory:
        if user is not None:
            os.chown(directory, user, user)
        with open(os.path.join(directory, "output"), "w+b") as output:
            process = subprocess.Popen(
                command(case), env=environment(case, daemon, directory), cwd=directory,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                user=user, group=user, extra_groups=None if user is None else [])
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # a test that aborts leaves its daemon
            process.wait()
            output.seek(0)
            text = output.read().decode(errors="replace")
    if status is None:
        return Result("fail", f"no end after {timeout:.0f} s"), text
    return judge(status, text), text


@functools.lru_cache(maxsize=None)
def nobody_can_run(daemon):
    """Whether root may hand a case to an unprivileged user."""
    if os.getuid() != 0:
        return False
    try:
        return subprocess.run([daemon, "--version"], user=NOBODY, group=NOBODY, extra_groups=[],
                              stdout=subprocess.DEVNULL, check=False).returncode == 0
    except PermissionError:
        return False


def run(case, daemon, wanted):
    """Runs one case, once more as nobody if it skips itself for root.

    One that is expected to fail, mostly by waiting in vain, is not waited for so long; those that
    pass take a second.
    """
    timeout = TIMEOUT / 6 if wanted == "fail" else TIMEOUT
    result, output = run_as(case, daemon, None, timeout)
    if result.status == "skip" and nobody_can_run(daemon):
        other, other_output = run_as(case, daemon, NOBODY, timeout)
        if other.status != "skip":
            return other, other_output
    return result, output


def report(number, case, which, wanted, why, result, output):
    """Prints one line of TAP; returns whether it is as expected."""
    title = f"{case.title} on {which}"
    good = result.status == wanted or (wanted == "may" and result.status in ("pass", "skip"))
    if not good:
        for line in output.splitlines()[-40:]:
            print("#  ", line)
    if result.status == "fail" and wanted == "fail":
        print(f"not ok {number} - {title} # TODO {why}")
    elif result.status == "pass" and wanted == "fail":
        print(f"ok {number} - {title} # TODO {why}")
    elif result.status == "skip" and good:
        print(f"ok {number} - {title} # SKIP {result.detail}; {why}")
    else:
        print(f"{'ok' if good else 'not ok'} {number} - {title}"
              f"{'' if good else f': {result.status} ({result.detail}), expected {wanted}'}")
    return good


def readme_text(all_cases, expectations):
    """The table, a function of the cases and the expectations alone."""
    words = {"pass": "pass", "fail": "**fail**", "skip": "skip", "may": "pass or skip"}
    lines = [(HERE / "README.head.md").read_text(encoding="utf-8"),
             "| case | dbus-daemon | buzond | why |", "| --- | --- | --- | --- |"]
    passing = {"dbus-daemon": 0, "buzond": 0}
    for case in all_cases:
        wanted = expectation_for(case, expectations)
        passing["dbus-daemon"] += wanted.stock == "pass"
        passing["buzond"] += wanted.buzond == "pass"
        why = "" if wanted.why == "-" else wanted.why
        lines.append(f"| {case.title} | {words[wanted.stock]} | {words[wanted.buzond]} | {why} |")
    lines += ["", f"{len(all_cases)} cases: {passing['dbus-daemon']} pass on dbus-daemon in every "
              f"environment, {passing['buzond']} on buzond.", "", "## Programs that are left out", "",
              "| program | why |", "| --- | --- |"]
    lines += [f"| {program} | {reason} |" for program, reason in excluded_programs()]
    return "\n".join(lines) + "\n"


def excluded_programs():
    """The test programs of both builds that are not run, with the reason."""
    names = {path.name for directory in BUILDS.values() for path in directory.glob("test-*")}
    for name in sorted(names - set(PROGRAMS) - set(HELPERS)):
        yield name, EXCLUDED.get(name, PURE)


def check_excluded():
    """Asserts that the programs that are left out start no DBUS_TEST_DAEMON."""
    for program, reason in excluded_programs():
        if reason != PURE:
            continue
        for build, directory in BUILDS.items():
            if not (directory / program).exists():
                continue
            with tempfile.TemporaryDirectory() as work:
                recorder = pathlib.Path(work, "recorder")
                recorder.write_text(f"#!/bin/sh\ntouch {work}/started\nexec {STOCK} \"$@\"\n",
                                    encoding="ascii")
                recorder.chmod(0o755)
                case = Case(build, program, "")
                subprocess.run([directory / program, "--tap"], check=False, cwd=work,
                               env=environment(case, str(recorder), work),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, timeout=TIMEOUT)
                assert not pathlib.Path(work, "started").exists(), f"{program} starts a daemon"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", help="path of buzond; without it only dbus-daemon is tested")
    parser.add_argument("--jobs", type=int, default=4, help="how many cases at a time")
    parser.add_argument("--repeat", type=int, default=1, help="how often to run each case")
    parser.add_argument("--only", default="", help="run only cases whose title contains this")
    parser.add_argument("--write-readme", action="store_true", help="write README.md and stop")
    options = parser.parse_args()

    all_cases, expectations = list(cases()), read_expectations()
    text = readme_text(all_cases, expectations)
    if options.write_readme:
        check_excluded()
        (HERE / "README.md").write_text(text, encoding="utf-8")
        return 0

    daemons = {"dbus-daemon": STOCK}
    if options.daemon:
        daemons["buzond"] = os.path.abspath(options.daemon)
    wanted = {case: expectation_for(case, expectations) for case in all_cases}
    runs = [(case, which, wanted[case].stock if which == "dbus-daemon" else wanted[case].buzond)
            for _ in range(options.repeat) for case in all_cases
            for which in daemons if options.only in case.title]
    print(f"1..{len(runs) + 2}")
    good = True
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda item: run(item[0], daemons[item[1]], item[2]), runs)
        for number, ((case, which, status), (result, output)) in enumerate(zip(runs, results), 1):
            good &= report(number, case, which, status, wanted[case].why, result, output)
    unused = [f"{e.program} {e.case}" for e in expectations if not e.used]
    print(f"{'not ok' if unused else 'ok'} {len(runs) + 1} - every expectation fits a case {unused}")
    current = text == (HERE / "README.md").read_text(encoding="utf-8")
    print(f"{'ok' if current else 'not ok'} {len(runs) + 2} - README.md is up to date")
    return 0 if good and not unused and current else 1


if __name__ == "__main__":
    sys.exit(main())
