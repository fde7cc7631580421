#!/usr/bin/python3
"""Compares the texts in the sources of the command line with the rows in cli/zh.

A text is a string literal of a few words in FILES, or any literal within lang_text().  It needs a
row; a row needs a text, another language, and the conversions of the English format.  In cli/ what
prints words prints them through lang_text()."""

import os
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FILES = ("cli/*.c", "cli/check/*.c", "core/conf*.c", "core/error.c", "core/proxy.c", "core/jsonpath.c",
         "monitor/alert_news.c", "monitor/alert_week.c", "monitor/health_state.c", "monitor/status.c",
         "collector/follower_pull.c", "wechat/datacube/datacube_pull.c", "reply/rules.c", "reply/menu.c",
         "reply/import.c")
PARTS = ("wechat/errcode.c", "wechat/access_token.c", "wechat/callback_ips.c",
         "monitor/alert_robot.c")       # reasons, for lang_parts()
SHELL = {"cli/cmd_completion.c"}        # it speaks to shells
VERBS = "cli/verb.c"
ROWS = "cli/zh/*.c"
SYSTEM = "zh_errno.c"                   # its texts are the C library's
NAMES = {"token"}                       # what has the same name in Chinese
PRINTS = {"printf", "fprintf", "fputs", "puts", "snprintf", "buf_printf", "buf_puts", "buf_write"}

TOKEN = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\])*'|\#[^\n]*(?:\\\n[^\n]*)*"""
                   r"""|[A-Za-z_]\w*|\d\w*|\s+|.""", re.S)
CONVERSION = re.compile(r"%(?:(\d+)\$)?[-+ #0]*(\*|\d+)?(?:\.(\*|\d+))?(hh|h|ll|l|z|j|t)?([a-zA-Z%])")


def tokens(text, line=1):
    """Each token and its line; of a #define its value, of other directives nothing."""
    for match in TOKEN.finditer(text):
        token = match.group()
        if token[0] == "#":
            if token.startswith("#define"):
                yield from tokens(token[len("#define"):], line)
        elif not token.isspace() and token[:2] not in ("/*", "//"):
            yield token, line
        line += token.count("\n")


def literals(text):
    """Each string literal, its pieces joined: text as it is written, line, the calls around it."""
    calls, before, said, at = [], "", None, 0
    for token, line in tokens(text):
        if token[0] == '"':
            said, at = (said or "") + token[1:-1], at if said is not None else line
            continue
        if said is not None:
            yield said, at, tuple(calls)
            said = None
        if token == "(":
            calls.append(before)
        elif token == ")" and calls:
            calls.pop()
        before = token
    if said is not None:
        yield said, at, tuple(calls)


def is_statement(text):
    """SQL."""
    return re.match("(SELECT|PRAGMA|INSERT|UPDATE|DELETE|BEGIN|COMMIT) ", text) is not None


def parts(text):
    """What lang_parts() looks up of a reason; a part with a value in it stays English."""
    return [p for p in text.split(": ") if "%" not in p and is_words(p) and p[0].isalpha()]


def is_words(text):
    """At least two words; a word of the shell, SQL or a verb's name is not for people."""
    plain = CONVERSION.sub("%s", text.replace("\\n", " "))
    return re.search(r"[A-Za-z]{2,}[,:;.)\"\\]* +\(?(?:\S*%s\S* +)?\(?[A-Za-z.]+", plain) is not None \
        and not is_statement(plain) and not re.match(r"\[--| --|[A-Z.| ]+$", plain) \
        and not re.fullmatch(r"(queue|datacube|followers|config|log|alert|reply|menu|qrcode|store)( [a-z]+)+|[a-z]+ %s", plain)


def conversions(text):
    """The types by the number of their value; None: numbered ones have a gap, or are mixed."""
    types, n, numbered = {}, 0, set()
    for match in CONVERSION.finditer(text):
        number, width, precision, size, kind = match.groups()
        if kind == "%":
            continue
        numbered.add(number is not None)
        for star in (width, precision):
            if star == "*":
                n += 1
                types[n] = "*"
        n += 1
        types[int(number) if number else n] = (size or "") + kind
    if len(numbered) > 1 or sorted(types) != list(range(1, len(types) + 1)):
        return None
    return [types[i] for i in sorted(types)]


def rows(top):
    """English, Chinese, file and line of each row."""
    for path in sorted(top.glob(ROWS)):
        pair = []
        text = path.read_text(encoding="utf-8")
        for said, line, _ in literals(re.sub(r"#include.*", "", text)):
            pair.append(said)
            if len(pair) == 2:
                yield *pair, path.relative_to(top), line
                pair = []


def row_faults(top, everywhere):
    seen = set()
    for english, chinese, path, line in rows(top):
        where = f"{path}:{line}: \"{english}\""
        if english in seen:
            yield f"{where} has two rows; remove one"
        seen.add(english)
        if not any(c > "\u2e00" for c in chinese) and english not in NAMES:
            yield f"{where} has no Chinese"
        if conversions(english) != conversions(chinese):
            yield f"{where} has other conversions than \"{chinese}\"; keep their order, or number them"
        if english.endswith("\\n") != chinese.endswith("\\n"):
            yield f"{where} and its Chinese must both end a line"
        if english not in everywhere and path.name != SYSTEM:
            yield f"{where} is not in the code any more; remove the row"


def faults(top):
    known = {english for english, *_ in rows(top)}
    everywhere = set()
    for path in sorted(top.glob("**/*.[ch]")):
        name = str(path.relative_to(top))
        if not name.startswith(("tests", "build", "cli/zh")):
            said = {said for said, *_ in literals(path.read_text(encoding="utf-8"))}
            everywhere |= said.union(*(parts(text) for text in said if name in PARTS))
    yield from row_faults(top, everywhere)
    yield from part_faults(top, known)
    for path in sorted({p for pattern in FILES for p in top.glob(pattern)}):
        name = str(path.relative_to(top))
        if name in SHELL:
            continue
        for said, line, calls in literals(path.read_text(encoding="utf-8")):
            if name == VERBS and re.match("qtoa |eval ", said):     # an example
                continue
            marked = "lang_text" in calls
            if (marked or is_words(said)) and said not in known:
                yield f"{name}:{line}: \"{said}\" has no Chinese; add a row to {ROWS}"
            elif is_words(said) and not marked and name.startswith("cli/") and calls and calls[-1] in PRINTS:
                yield f"{name}:{line}: \"{said}\" is printed without lang_text()"


def part_faults(top, known):
    for name in PARTS:
        if not (top / name).exists():
            continue
        for said, line, calls in literals((top / name).read_text(encoding="utf-8")):
            if "log_msg" not in calls and not is_statement(said):
                for part in parts(said):
                    if part not in known:
                        yield f"{name}:{line}: \"{part}\" has no Chinese; add a row to {ROWS}"


def main():
    found = list(faults(TOP))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    os.chdir(TOP)
    sys.exit(main())
