"""The check of style finds what it is for."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))
import style  # noqa: E402

FUNCTION = "static int\nread_{}(void)\n{{\n{}}}\n"


def faults(files):
    checker = style.Style()
    for name, text in files.items():
        checker.read(name, text)
    return checker.end()


CASES = {
    "a long line": ({"core/a.c": "\t" * 12 + "12345\n"}, "101 columns"),
    "a long function": ({"core/a.c": FUNCTION.format("a", "\tx;\n" * 47)}, "read_a has 51 lines"),
    "a long median": ({"core/a.c": FUNCTION.format("a", "\tx;\n" * 9)}, "median function has 13"),
    "a name in four files": ({f"core/{n}.c": FUNCTION.format("a", "") for n in "abcd"},
                             "read_a is a static function of 4 files"),
    "a bare name": ({"core/a.c": "static int\nput(void)\n{\n}\n"}, "put does not say"),
    "two of a name": ({"core/a.h": "#ifndef CORE_A_H\n#define CORE_A_H\n",
                       "net/a.h": "#ifndef NET_A_H\n#define NET_A_H\n"}, "two files are called a.h"),
    "a wrong guard": ({"core/a.h": "#ifndef A_H\n#define A_H\n"}, "must be CORE_A_H"),
    "none": ({"core/a.c": "/* NULL: there\n * is none. */\n"}, "is none"),
    "a clause": ({"core/a.c": "/*\n * Who dies within leaves a place that is free.\n */\n"}, "Who d"),
    "an old word": ({"core/a.c": "/* The list is made anew. */\n"}, "anew"),
}


@pytest.mark.parametrize("case", CASES)
def test_found(case):
    files, what = CASES[case]
    assert [f for f in faults(files) if what in f], faults(files)


def test_nothing_to_find():
    good = {f"core/{n}.c": "\t" * 12 + "1234\n" + FUNCTION.format("a", "\tx;\n" * 8) +
            "/* NULL: there is no account.  The caller frees it. */\n" for n in "abc"}
    assert faults(good) == []


@pytest.mark.parametrize("symbol, good", (
    ("buf", True), ("buf_put", True), ("buffer", False), ("put", False)))
def test_exports(tmp_path, symbol, good):
    (tmp_path / "buf.c").write_text(f"int {symbol};\n")
    subprocess.run(["cc", "-c", "buf.c"], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rcs", "lib.a", "buf.o"], cwd=tmp_path, check=True)
    for file in ("buf.o", "lib.a"):
        done = subprocess.run([HERE / "exports.sh", file], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode == 0) == good, done.stdout
