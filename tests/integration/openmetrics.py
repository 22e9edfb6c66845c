# SPDX-License-Identifier: Apache-2.0
"""Reads OpenMetrics text and raises ValueError at the first thing that the format does not allow.

Stricter than readers have to be: only what buzond writes is known (no timestamps, exemplars or
summaries). Source: OpenMetrics 1.0.0, "Text format".
"""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
METADATA = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
NUMBER = re.compile(r"[0-9]+|[0-9]+\.[0-9]+(e[-+][0-9]+)?|[0-9]+e[-+][0-9]+")
BOUND = re.compile(r"[0-9]+\.[0-9]+|[0-9](\.[0-9]+)?e[-+][0-9]{2}|\+Inf")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",),
            "histogram": ("_bucket", "_count", "_sum")}


def expect(condition, line):
    if not condition:
        raise ValueError(f"not OpenMetrics: {line!r}")


def parse_labels(text, line):
    """Pairs in their order."""
    if text is None:
        return ()
    labels, position = [], 0
    while True:
        label = LABEL.match(text, position)
        expect(label, line)
        value = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label[2])
        labels.append((label[1], value))
        position = label.end()
        if position == len(text):
            break
        expect(text[position] == ",", line)
        position += 1
    expect(len({name for name, _ in labels}) == len(labels), line)
    return tuple(labels)


def check_histogram(samples, line):
    """The samples of one family without labels of its own."""
    buckets = [(dict(labels)["le"], value) for (name, labels), value in samples.items()
               if name.endswith("_bucket")]
    for bound, _ in buckets:
        expect(BOUND.fullmatch(bound), line)
    bounds = [float(bound) for bound, _ in buckets]
    counts = [value for _, value in buckets]
    expect(bounds and bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), line)
    expect(counts == sorted(counts), line)
    plain = {name.rpartition("_")[2]: value for (name, labels), value in samples.items()
             if not labels}
    expect(set(plain) == {"count", "sum"} and plain["count"] == counts[-1], line)


class Family:
    def __init__(self, name, line):
        self.name, self.line, self.metadata, self.samples = name, line, {}, {}

    def add_metadata(self, what, text, line):
        expect(what not in self.metadata and not self.samples, line)
        expect(what == "TYPE" or "TYPE" in self.metadata, line)
        expect(what != "TYPE" or text in SUFFIXES, line)
        expect(what != "UNIT" or self.name.endswith("_" + text), line)
        expect(what != "HELP" or not re.search(r'(?<!\\)(?:\\\\)*(?:"|\\[^n"\\])', text), line)
        self.metadata[what] = text

    def add_sample(self, name, labels, number, line):
        suffixes = SUFFIXES[self.metadata["TYPE"]]
        expect(name in [self.name + suffix for suffix in suffixes], line)
        expect(("le" in dict(labels)) == name.endswith("_bucket"), line)
        expect(NUMBER.fullmatch(number), line)
        expect((name, labels) not in self.samples, line)
        self.samples[name, labels] = float(number)

    def finish(self):
        expect(self.metadata.keys() >= {"TYPE", "HELP"} and self.metadata["HELP"], self.line)
        expect(self.samples, self.line)
        if self.metadata["TYPE"] == "histogram":
            check_histogram(self.samples, self.line)


def parse(text):
    """{(name, labels): value}, and {family: type}."""
    expect(text.endswith("# EOF\n"), text[-20:])
    families = {}
    family = None
    for line in text.removesuffix("# EOF\n").splitlines(keepends=True):
        expect(line.endswith("\n"), line)
        line = line[:-1]
        metadata = METADATA.fullmatch(line)
        if metadata:
            what, name, rest = metadata.groups()
            if family is None or name != family.name:
                expect(name not in families, line)
                family = families[name] = Family(name, line)
            family.add_metadata(what, rest, line)
            continue
        sample = SAMPLE.fullmatch(line)
        expect(sample and family, line)
        family.add_sample(sample[1], parse_labels(sample[2], line), sample[3], line)
    samples = {}
    for each in families.values():
        each.finish()
        expect(not samples.keys() & each.samples.keys(), each.line)
        samples.update(each.samples)
    return samples, {name: each.metadata["TYPE"] for name, each in families.items()}
