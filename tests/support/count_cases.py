# SPDX-License-Identifier: Apache-2.0
"""Adds up the test cases in a testlog.json of `meson test`.

Prints "PASSED FAILED", then a line for each failed case; names on stderr the cases that were
skipped or are known to fail. A program that writes neither TAP nor GoogleTest's lines counts as
one case.
"""

import collections
import json
import re
import sys

GTEST_PASSED = re.compile(r"^\[       OK \] (\S+)", re.MULTILINE)
GTEST_FAILED = re.compile(r"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)$", re.MULTILINE)
GTEST_SKIPPED = re.compile(r"^\[  SKIPPED \] (\S+?),? .*\(\d+ ms\)$", re.MULTILINE)
TAP_CASE = re.compile(r"^(not )?ok \d+ *-? *([^#\n]*)(# *(?:skip|todo)[^\n]*)?", re.M | re.I)
GOOD = ("OK", "EXPECTEDFAIL")


def cases_of(program):
    """Returns the names of (passed, failed, skipped) cases of one program's run."""
    output = program.get("stdout", "")
    passed = GTEST_PASSED.findall(output)
    failed = GTEST_FAILED.findall(output)
    skipped = GTEST_SKIPPED.findall(output)
    if not passed and not failed and not skipped:
        for bad, name, directive in TAP_CASE.findall(output):
            if "skip" in directive.lower():
                skipped.append(name + directive)
            elif bad and directive:  # TODO: known to fail
                skipped.append(name + directive)
            elif bad or directive:
                failed.append(name)
            else:
                passed.append(name)
    if program["result"] == "SKIP" and not skipped:
        skipped.append("the whole program")
    elif program["result"] not in GOOD + ("SKIP",) and not failed:
        failed.append(f"the program itself: {program['result']}")
    elif not passed and not failed and not skipped:
        passed.append("the program itself")
    return passed, failed, skipped


def main(path):
    passed, failed, left_out = 0, [], collections.Counter()
    with open(path, encoding="utf-8") as log:
        for line in log:
            program = json.loads(line)
            good, bad, skipped = cases_of(program)
            passed += len(good)
            title = program["name"].rpartition(" / ")[2]
            failed += [f"{title}: {name.strip()}" for name in bad]
            for name in skipped:
                case, _, reason = name.partition("#")
                left_out[f"{title}: {reason or case}".strip()] += 1
    for reason, count in left_out.items():
        print(f"  left out: {count} of {reason}", file=sys.stderr)
    print(passed, len(failed))
    for name in failed:
        print(name)


main(sys.argv[1])
