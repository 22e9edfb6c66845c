#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over the programs' sources: run_tidy.py BUILD_DIRECTORY [FILE...].

A file that passed is not looked at again until it, a header of ours that it includes, or .clang-tidy
changes. Exit status 1: findings, or a file that clang-tidy can't read.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys

FOLDERS = ("bus", "policy", "broker", "introspection", "clients")


def dependencies(build):
    """Source -> files of the tree that it is compiled from, as ninja has recorded them."""
    listing = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True,
                             capture_output=True, text=True).stdout
    found = {}
    for block in re.split(r"\n\s*\n", listing):
        files = [line.strip() for line in block.splitlines() if line.startswith("    ")]
        ours = [os.path.normpath(os.path.join(build, each)) for each in files]
        ours = [each for each in ours if not each.startswith(("/", ".."))]
        for source in (each for each in ours if each.endswith(".cc")):
            found[source] = sorted(ours)
    return found


def fingerprint(files):
    digest = hashlib.sha256()
    for each in [".clang-tidy", *files]:
        digest.update(hashlib.sha256(pathlib.Path(each).read_bytes()).digest())
    return digest.hexdigest()


def check(build, source, stamp, mark):
    """Clang-tidy's findings, or nothing where there are none."""
    if stamp.exists() and stamp.read_text() == mark:
        return ""
    run = subprocess.run(["clang-tidy", "-p", build, "--quiet", "--warnings-as-errors=*", source],
                         capture_output=True, text=True)
    if run.returncode == 0:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(mark)
        return ""
    return run.stdout or run.stderr


def main():
    build, wanted = sys.argv[1], sys.argv[2:]
    known = dependencies(build)
    sources = wanted or subprocess.run(
        ["git", "ls-files", *(f"{folder}/*.cc" for folder in FOLDERS)],
        check=True, capture_output=True, text=True).stdout.split()
    not_built = [each for each in sources if each not in known]
    if not_built:
        sys.exit("not built yet, so clang-tidy can't read them: " + " ".join(not_built))

    stamps = pathlib.Path(build, "tidy")
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(check, build, each, stamps / (each + ".ok"),
                            fingerprint(known[each])): each for each in sources}
        for done in concurrent.futures.as_completed(runs):
            if done.result():
                bad += 1
                print(done.result(), end="", flush=True)
    print(f"clang-tidy: {len(sources) - bad} of {len(sources)} files are clean")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
