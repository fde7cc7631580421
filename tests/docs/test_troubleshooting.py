"""troubleshooting.md has each error, class and hint of the program, in both languages."""

import re

import pytest

import docs

PAGES = ("doc/troubleshooting.md", "doc/zh/troubleshooting.md")
STRING = r'"(?:[^"\\]|\\.)*"'
STRINGS = rf"{STRING}(?:\s*{STRING})*"
# Programs of their own, and what has no line in the log.
ELSEWHERE = ("tests", "bench", "packaging", "cli")


def joined(strings):
    """What adjacent literals of C are together."""
    return "".join(s[1:-1] for s in re.findall(STRING, strings)).replace('\\"', '"')


def errors():
    """Name to HTTP status, WeChat's number and hint."""
    rows = re.findall(rf"\[ERR_\w+\]\s*=\s*\{{ ({STRING}), (\d+), (-?\d+), LEVEL_\w+,\s*({STRINGS}) \}}",
                      docs.text("core/error.c"))
    return {joined(name): (status, number, joined(hint)) for name, status, number, hint in rows}


def classes():
    names = re.findall(r'\[QT_\w+\]\s*= "(\w+)"', docs.text("forwarder/qt_client.c"))
    bars = re.findall(r'\[BAR_\w+\]\s*= \{ "(\w+)"', docs.text("forwarder/deliver.c"))
    return {*names, *bars} - {"delivered"}


def other_hints():
    found = set()
    for path in (*docs.TOP.glob("*.c"), *docs.TOP.glob("[a-z]*/**/*.c")):
        name = path.relative_to(docs.TOP)
        if name.parts[0] in ELSEWHERE or name.parts[0].startswith("build"):
            continue
        source = docs.text(str(name))
        found |= {joined(s) for s in re.findall(rf"hint(?:\[\])? = ({STRINGS})", source)}
    client = docs.text("forwarder/qt_client.c")
    table = re.search(r"\} hints\[QT__MAX\] = \{(.*?)^\};", client, re.S | re.M)[1]
    found |= {joined(s) for pair in re.findall(rf"\{{ ({STRINGS}),\s*({STRINGS}) \}}", table) for s in pair}
    hint = re.search(r"^qt_client_hint.*?^\}", client, re.S | re.M)[0]
    found |= {joined(s) for s in re.findall(rf"return ({STRINGS});", hint)}
    found |= {joined(s) for s in re.findall(rf"\[BAR_\w+\]\s*= \{{ {STRING}, ({STRINGS}) \}}",
                                            docs.text("forwarder/deliver.c"))}
    return found - {""}


def rows_of(page, head):
    """Rows of the table whose first cell is this."""
    for section in docs.sections(docs.text(page)):
        for table in section.tables:
            if table[0][0] == head:
                return table[1:]
    raise AssertionError(f"{page} has no table {head}")


def test_the_sources_are_read():
    enum = re.search(r"enum error \{(.*?)ERR__MAX", docs.text("core/error.h"), re.S)[1]
    assert len(errors()) == len(re.findall(r"^\tERR_", enum, re.M)) > 25
    assert errors()["signature mismatch"] == (
        "403", "-40001", "if WeChat sent it: .token differs from the console's Token")
    assert {"retry", "breaker", "jammed", "refused"} < classes() and len(classes()) >= 8
    assert len(other_hints()) >= 20 and "" not in other_hints()


@pytest.mark.parametrize("page", PAGES)
def test_each_error(page):
    said = {row[0].strip("`"): row[1:3] for row in rows_of(page, "`error=`")}
    assert said == {name: [status if number == "0" else f"{status}, {number}", hint]
                    for name, (status, number, hint) in errors().items()}


@pytest.mark.parametrize("page", PAGES)
def test_each_class(page):
    assert {row[0].strip("`") for row in rows_of(page, "`class=`")} == classes()


@pytest.mark.parametrize("page", PAGES)
def test_each_other_hint(page):
    assert {row[0] for row in rows_of(page, "`hint=`")} == other_hints()


@pytest.mark.parametrize("page", PAGES)
def test_each_says_what_to_do(page):
    """A row that has no hint has advice."""
    for row in rows_of(page, "`error=`"):
        assert row[2] or row[3], row[0]


@pytest.mark.parametrize("page", PAGES)
def test_each_symptom_has_a_section(page):
    """The table at the top leads to all sections that explain something, and each has a command."""
    sections = docs.sections(docs.text(page))
    links = {t[1:] for r in sections[1].tables[0][1:] for c in r for t in docs.links(c)}
    console = next(s for s in sections if s.level == 3)
    parent = sections[sections.index(console) - 1].title
    assert links == {docs.slug(s.title) for s in sections[2:]} - {docs.slug(parent)}
    tables = 0
    for section in sections[2:]:
        heads = {t[0][0] for t in section.tables}
        if heads & {"`error=`", "`class=`", "`hint=`"}:
            tables += 1
        elif section.title != parent:
            assert section.blocks, section.title
    assert tables == 3
