# SPDX-License-Identifier: Apache-2.0
"""Greps the includes of every folder: nothing may use a layer above its own.

usage: layering_test.py ROOT; exit status 1 and one line for each include that points upwards.
"""

import pathlib
import re
import sys

# What each folder may include besides itself. Subfolders come first, the longest match counts.
ALLOWED = {
    "bus/base": set(),
    "bus": {"bus/base"},
    "policy": {"bus", "bus/base"},
    "introspection": {"bus", "bus/base"},
    "broker": {"bus", "bus/base", "policy", "introspection"},
    "clients/examples": {"bus", "bus/base"},
    "clients": {"bus", "bus/base", "policy", "introspection"},
}
# The broker's driver writes introspection XML; it never reads any.
BROKER_MAY_USE = {"introspection/model.h", "introspection/xml_writer.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def layer_of(path):
    parts = path.split("/")
    for length in (2, 1):
        name = "/".join(parts[:length])
        if name in ALLOWED and len(parts) > length:
            return name
    return None


def violations(root):
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        layer = layer_of(name)
        if layer is None or file.suffix not in (".h", ".cc"):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            used = layer_of(found.group(1))
            if used is None and "/" not in found.group(1):
                continue  # beside the file itself
            if used is None or (used != layer and used not in ALLOWED[layer]):
                yield f"{name}:{number}: {layer} must not include {found.group(1)}"
            elif layer == "broker" and used == "introspection" and \
                    found.group(1) not in BROKER_MAY_USE:
                yield f"{name}:{number}: broker uses of introspection only {sorted(BROKER_MAY_USE)}"


def main():
    root = pathlib.Path(sys.argv[1])
    checked = sum(1 for layer in ALLOWED for _ in (root / layer).glob("*.cc"))
    found = list(violations(root))
    print("\n".join(found) or f"{checked} source files include nothing above their layer")
    return 1 if found or checked < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
