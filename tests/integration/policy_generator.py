# SPDX-License-Identifier: Apache-2.0
"""Random policies and random messages, over so few names that rules and messages meet often.

A case is plain data, {"policy": XML, "steps": [...]}, so that it can be kept in a file.
"""

NAMES = ["a.b", "a.b.c", "a.bc", "x.y", "z.z", "org.freedesktop.DBus"]
INTERFACES = ["i.A", "i.B", "org.freedesktop.DBus", "org.freedesktop.DBus.Peer"]
MEMBERS = ["M", "N", "RequestName", "NameOwnerChanged", "Ping"]
PATHS = ["/p", "/q", "/org/freedesktop/DBus"]
ERRORS = ["e.E", "e.F", "org.freedesktop.DBus.Error.AccessDenied"]
TYPES = ["method_call", "method_return", "signal", "error"]
PEERS = ["alice", "bob", "carol", "eve"]

# Widely open, so that single rules decide something.
OPEN = {"send": '<allow send_destination="*" eavesdrop="true"/>',
        "receive": '<allow eavesdrop="true"/>',
        "own": '<allow own="*"/>',
        "connect": '<allow user="*"/>'}
EVERYTHING = f'<policy context="default">{"".join(OPEN.values())}</policy>'
# For who runs the case: to load the next policy, and to wait for what the bus has to do. It comes last
# and is narrow, so that it voids nothing. What it hides, the returns of the bus itself, is a matter
# of unit tests.
CONTROL = """<policy context="mandatory">
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"
         send_member="ReloadConfig"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"
         send_member="GetId"/>
  <allow receive_sender="org.freedesktop.DBus" receive_type="method_return"/>
</policy>"""


def _message_attributes(random, side):
    """What a send_ or receive_ rule asks for; now and then what may not stand together."""
    found = {}

    def maybe(chance, name, values):
        if random.random() < chance:
            found[name] = random.choice(values)

    maybe(0.35, f"{side}_interface", INTERFACES + ["*"])
    if any(name in found for name in (f"{side}_interface",)) or random.random() < 0.03:
        maybe(0.4, f"{side}_member", MEMBERS + ["*"])
    maybe(0.15, f"{side}_path", PATHS + ["*"])
    maybe(0.25, f"{side}_type", TYPES + ["*"])
    if f"{side}_interface" not in found or random.random() < 0.05:
        maybe(0.1, f"{side}_error", ERRORS)
    maybe(0.15, f"{side}_requested_reply", ["true", "false"])
    maybe(0.12, "eavesdrop", ["true", "false"])
    maybe(0.06, "min_fds", ["0", "1", "2"])
    maybe(0.06, "max_fds", ["0", "1", "2"])
    if side == "receive":
        maybe(0.35, "receive_sender", NAMES + ["*"])
        return found
    maybe(0.4, "send_destination", NAMES + ["*"])
    if "send_destination" not in found or random.random() < 0.03:
        maybe(0.12, "send_destination_prefix", ["a", "a.b", "x", "org.freedesktop"])
    maybe(0.1, "send_broadcast", ["true", "false"])
    maybe(0.05, "log", ["true", "false"])
    return found


def rule(random, context):
    """One <allow> or <deny>."""
    kind = random.choices(["send", "receive", "own", "connect"],
                          [45, 35, 15, 5 if context in ("default", "mandatory") else 0])[0]
    if kind == "own":
        attributes = (
            {"own_prefix": random.choice(["a", "a.b", "x"])} if random.random() < 0.3 else
            {"own": random.choice(NAMES[:5] + ["*"])})
    elif kind == "connect":
        attributes = random.choice([{"user": "root"}, {"user": "nobody"}, {"user": "*"},
                                    {"group": "root"}, {"group": "nogroup"}, {"group": "*"},
                                    {"user": "nosuchuser"}])
    else:
        attributes = _message_attributes(random, kind)
        if not any(name.startswith((kind, "eavesdrop")) for name in attributes):
            attributes[f"{kind}_type"] = random.choice(TYPES)
    text = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return f"<{random.choice(['allow', 'deny'])} {text}/>"


def policy(random):
    """Some <policy> elements."""
    opened = "".join(text for text in OPEN.values() if random.random() < 0.8)
    blocks = [f'<policy context="default">{opened}</policy>']
    for _ in range(random.randint(1, 4)):
        context = random.choices(
            ['context="default"', 'context="mandatory"', 'user="root"', 'user="nobody"',
             'user="65534"', 'group="root"', 'group="nogroup"', 'user="nosuchuser"'],
            [40, 15, 12, 8, 5, 10, 8, 2])[0]
        name = context.partition('"')[2].rstrip('"')
        rules = "\n  ".join(rule(random, name) for _ in range(random.randint(1, 6)))
        blocks.append(f"<policy {context}>\n  {rules}\n</policy>")
    return "\n".join([*blocks, CONTROL])


def _destination(random):
    return random.choice(NAMES[:5] + ["@" + peer for peer in PEERS])


def step(random, earlier):
    """One message: who sends what. "@bob" stands for a unique name; `earlier` are steps before."""
    kind = random.choices(["call", "signal", "broadcast", "reply", "driver"],
                          [30, 15, 15, 25, 15])[0]
    found = {"from": random.choice(PEERS), "kind": kind, "fds": random.choice([0] * 8 + [1, 2])}
    if kind == "driver":
        found["member"] = random.choice(["RequestName", "ReleaseName", "Ping", "ListNames",
                                         "GetNameOwner", "Introspect"])
        found["name"] = random.choice(NAMES[:5])
        found["fds"] = 0
        return found
    if kind == "reply":
        calls = [number for number, each in enumerate(earlier) if each["kind"] == "call"]
        found["to"] = random.choice(calls) if calls and random.random() < 0.8 else None
        found["destination"] = "@" + random.choice(PEERS)
        found["error"] = random.choice([None, None, *ERRORS])
        if found["to"] is not None and random.random() < 0.8:
            call = earlier[found["to"]]
            found["destination"] = "@" + call["from"]
            found["from"] = owner_of(call["destination"]) or found["from"]
        return found
    found.update(path=random.choice(PATHS), interface=random.choice(INTERFACES[:2]),
                 member=random.choice(MEMBERS[:2]))
    if kind == "call":
        found["no_reply"] = random.random() < 0.2
        if random.random() < 0.2:
            found["interface"] = None
    if kind != "broadcast":
        found["destination"] = _destination(random)
    return found


def owner_of(destination):
    """The peer that has this name when a case begins."""
    if destination.startswith("@"):
        return destination[1:]
    return {"a.b": "bob", "a.b.c": "bob", "x.y": "alice", "a.bc": "carol"}.get(destination)


def case(random):
    """A policy and what is sent under it."""
    steps = []
    for _ in range(random.randint(10, 30)):
        steps.append(step(random, steps))
    return {"policy": policy(random), "steps": steps}
