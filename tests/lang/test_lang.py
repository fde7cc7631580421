"""lang.py finds what is forgotten, and is silent about the rest."""

import pytest

import lang

ROW = 'const struct lang_row zh_x[] = {\n\t{ "%s", "%s" },\n\t{ NULL, NULL }\n};\n'
SAY = 'int f(void) { fprintf(stderr, lang_text("qtoa: no %s "\n    "here\\n"), x); }\n'


def tree(tmp_path, code, *rows, name="cli/cmd_x.c"):
    (tmp_path / "cli/zh").mkdir(parents=True)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(code)
    (tmp_path / "cli/zh/zh_x.c").write_text(
        '#include "cli/zh/zh.h"\n' + "".join(ROW % row for row in rows), encoding="utf-8")
    return list(lang.faults(tmp_path))


GOOD = ("qtoa: no %s here\\n", "qtoa: 没有 %s\\n")


def test_all_is_well(tmp_path):
    assert tree(tmp_path, SAY, GOOD) == []


@pytest.mark.parametrize("code, says", (
    (SAY, 'cmd_x.c:1: "qtoa: no %s here\\n" has no Chinese'),
    ('f(r, CHECK_FAILED, "x", "the file is\\ngone away");', '"the file is\\ngone away" has no Chinese'),
    ('#define WHAT "only this one"\n', 'cmd_x.c:1: "only this one" has no Chinese'),
    ('g(lang_text("oldest"));', '"oldest" has no Chinese'),
    ('static const char *const a[] = { "it is odd" };', '"it is odd" has no Chinese'),
))
def test_forgotten(tmp_path, code, says):
    found = tree(tmp_path, code)
    assert len(found) == 1 and says in found[0]


@pytest.mark.parametrize("code", (
    '/* "it is a comment" */', '#include "a b c.h"', 'db("SELECT max(day) FROM t WHERE x = ?");',
    'f("queue list");', 'f("state"); f("a", "b"); f("%s, %s"); c = \'"\'; f("x");',
))
def test_what_is_no_text(tmp_path, code):
    assert tree(tmp_path, code) == []


@pytest.mark.parametrize("row, says", (
    (("qtoa: no %s here\\n", "qtoa: 没有 %d\\n"), "other conversions"),
    (("qtoa: no %s here\\n", "qtoa: 没有\\n"), "other conversions"),
    (("qtoa: no %s here\\n", "qtoa: 没有 %2$s\\n"), "other conversions"),
    (("qtoa: no %s here\\n", "qtoa: 没有 %s"), "both end a line"),
    (("qtoa: no %s here\\n", "qtoa: none of %s\\n"), "has no Chinese"),
))
def test_bad_row(tmp_path, row, says):
    found = tree(tmp_path, SAY, row)
    assert len(found) == 1 and says in found[0]


def test_rows_too_many(tmp_path):
    found = tree(tmp_path, SAY, GOOD, GOOD, ("it was here", "以前有"))
    assert len(found) == 2 and "two rows" in found[0] and "not in the code any more" in found[1]


def test_printed_without(tmp_path):
    found = tree(tmp_path, 'int f(void) { printf("it is here\\n"); }', ("it is here\\n", "在此\\n"))
    assert len(found) == 1 and "printed without lang_text()" in found[0]


@pytest.mark.parametrize("format, types", (
    ("%s: %lld of %5.1f%%", ["s", "lld", "f"]), ("%2$s %1$lld", ["lld", "s"]), ("%.*s", ["*", "s"]),
    ("%.0s%-10s", ["s", "s"]), ("%2$s", None), ("%1$s %d", None), ("", []),
))
def test_conversions(format, types):
    assert lang.conversions(format) == types


def test_reasons(tmp_path):
    """Each part by itself, but what has a value in it."""
    found = tree(tmp_path, 'f("WeChat: it is busy: code %d is odd"); f(", so to say");', name="wechat/errcode.c")
    assert found == ['wechat/errcode.c:1: "it is busy" has no Chinese; add a row to cli/zh/*.c']
