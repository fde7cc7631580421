#!/usr/bin/env python3
"""style.py FILE...: what STYLE says of C that a program can see, over the program's own files.

Each line that it prints is a fault: where it is, and what it is."""

import re
import statistics
import sys
from collections import defaultdict
from pathlib import PurePath

COLUMNS = 100
LINES = 50      # of a function, its type and its last brace included
MEDIAN = 12
FILES = 3       # in which a static function's name may stand

# A word alone does not say what is done to what.
BARE = set("""add ask begin check copy count do draw end fail fetch fill find finish get go heed hold
    judge keep load look look_at map mark next note on open place prepare print put read run say see
    send set settle show start take tell text try use walk watch work write""".split())

# What a reader stumbles over; see "Prose" in STYLE.
PROSE = [re.compile(p, re.I) for p in (
    r"\bnone (is|are|was|were|has|had|may|can)\b", r"\b(is|are|was|were) none\b(?! of)",
    r"\b(anew|whom|heeds?|heeded|thereof|hitherto|thereby)\b", r"\bof late\b", r"\bbe had\b",
    r"\bmend(s|ed)?\b", r"\bbears? with\b",
)] + [re.compile(p) for p in (
    r"(?:^|[.:;] +)(?:Who|Whom|Whose|Whoever|Whatever|Whichever) [a-z]",
    r"(?:^|\. +)What [a-z' -]+ (?:is|are|was|has|have|can|may|must|goes|stays|comes|wants)\b[^?]*$",
)]

COMMENT = re.compile(r"/\*.*?\*/", re.S)
FUNCTION = re.compile(r"^(?P<type>[a-z_][\w *]*\n)(?P<name>\w+)\([^;{]*?\)\n\{\n.*?^\}$", re.M | re.S)
GUARD = re.compile(r"^#ifndef (\w+)\n#define \1$", re.M)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def comments(text):
    """Each comment's line, and its words with single blanks between them."""
    for m in COMMENT.finditer(text):
        words = re.sub(r"^\s*\*+ ?", " ", m[0][2:-2], flags=re.M)
        yield line_of(text, m.start()), " ".join(words.split())


class Style:
    def __init__(self):
        self.found = []
        self.lengths = []
        self.statics = defaultdict(set)
        self.files = defaultdict(set)

    def say(self, file, line, what):
        self.found.append(f"{file}:{line}: {what}")

    def read(self, file, text):
        self.files[PurePath(file).name].add(file)
        self.check_guard(file, text)
        for n, line in enumerate(text.split("\n"), 1):
            columns = len(line.expandtabs(8))
            if columns > COLUMNS:
                self.say(file, n, f"the line has {columns} columns, {COLUMNS} are the limit")
        for n, words in comments(text):
            for p in PROSE:
                if p.search(words):
                    self.say(file, n, f"prose: {p.search(words)[0].strip()!r} in: {words[:90]}")
        for m in FUNCTION.finditer(text):
            self.check_function(file, line_of(text, m.start()), m)

    def check_guard(self, file, text):
        want = re.sub(r"\W", "_", file).upper()
        if file.endswith(".h") and file != "config.h" and GUARD.search(text)[1] != want:
            self.say(file, 1, f"the guard must be {want}")

    def check_function(self, file, line, m):
        length = m[0].count("\n") + 1
        self.lengths.append(length)
        if length > LINES:
            self.say(file, line, f"{m['name']} has {length} lines, {LINES} are the limit")
        if m["type"].startswith("static"):
            self.statics[m["name"]].add(file)
            if m["name"] in BARE:
                self.say(file, line, f"{m['name']} does not say what is done to what")

    def end(self):
        """What only all files together show."""
        for name, where in sorted(self.statics.items()):
            if len(where) > FILES:
                self.found.append(f"{name} is a static function of {len(where)} files: "
                                  + " ".join(sorted(where)))
        for name, where in sorted(self.files.items()):
            if len(where) > 1:
                self.found.append(f"two files are called {name}: {' '.join(sorted(where))}")
        if self.lengths and statistics.median(self.lengths) > MEDIAN:
            self.found.append(f"the median function has {statistics.median(self.lengths)} lines, "
                              f"{MEDIAN} are the limit")
        return self.found


def main(files):
    style = Style()
    for file in files:
        with open(file, encoding="utf-8") as f:
            style.read(file, f.read())
    return style.end()


if __name__ == "__main__":
    found = main(sys.argv[1:])
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
