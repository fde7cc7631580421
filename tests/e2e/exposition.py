"""The text format of Prometheus 0.0.4, read by its description ("Exposition formats"), strictly."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass
class Family:
    name: str
    help: str
    type: str = ""
    samples: dict = field(default_factory=dict)     # (name, labels) to its value

    def of(self, suffix="", **labels):
        """The sum of the samples that have these labels."""
        return sum(value for (name, own), value in self.samples.items()
                   if name == self.name + suffix and labels.items() <= dict(own).items())


def labels_of(text):
    found, at = {}, 0
    while at < len(text):
        m = LABEL.match(text, at)
        assert m and m[1] not in found, text
        found[m[1]] = re.sub(r'\\[\\"n]', lambda e: ESCAPES[e[0]], m[2])
        at = m.end()
    return tuple(sorted(found.items()))


def parse(page):
    """Families by name."""
    text = page.decode()        # or it is no UTF-8
    assert text.endswith("\n")
    families, family = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            assert name not in families and words and "\\" not in words
            family = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family.name and not family.type and not family.samples
            family.type = line.split(" ")[3]
        else:
            add_sample(family, *SAMPLE.fullmatch(line).groups())
    for family in families.values():
        assert family.type in ("counter", "gauge", "histogram"), family
        if family.type == "histogram":
            check_histogram(family)
    return families


def add_sample(family, name, labels, value):
    suffix = name.removeprefix(family.name)
    assert suffix in (SUFFIXES if family.type == "histogram" else ("",)), name
    key = (name, labels_of(labels or ""))
    assert key not in family.samples, key
    assert re.fullmatch(r"(0|[1-9]\d*)(\.\d*[1-9])?", value), value
    assert "." not in value or family.type == "gauge" or suffix == "_sum", value
    family.samples[key] = float(value)


def check_histogram(family):
    """Buckets in order, each with all that is in those before it; the last has everything."""
    buckets = defaultdict(list)
    for (name, labels), value in family.samples.items():
        if name.endswith("_bucket"):
            rest = tuple(pair for pair in labels if pair[0] != "le")
            buckets[rest].append((float(dict(labels)["le"]), value))
    for rest, found in buckets.items():
        assert found == sorted(found), found
        counts = [n for _, n in found]
        assert counts == sorted(counts) and found[-1][0] == float("inf")
        assert counts[-1] == family.samples[family.name + "_count", rest]
        assert (family.name + "_sum", rest) in family.samples
