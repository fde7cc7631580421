"""The pages: their links, the list of verbs, and translations against what they translate: the same
headings, settings, commands and links.  README.zh-CN.md translates README.md, and doc/zh/NAME.md
translates doc/NAME.md."""

import re
from collections import Counter

import pytest

import docs

PAGES = docs.PAGES
ENGLISH = {"README.zh-CN.md": "README.md",
           **{p: p.replace("doc/zh/", "doc/") for p in PAGES if p.startswith("doc/zh/")}}
CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
# What is the same in every language: verbs, options, fields, commands.
CODE = re.compile(r"qtoa |--|\.[a-z]|make|\./|/-/|\$|@")


@pytest.mark.parametrize("name", [p for p in PAGES if p.startswith("doc/")])
def test_both_languages(name):
    """A page of doc/ has its Chinese in doc/zh/, and the other way round."""
    other = ENGLISH.get(name) or name.replace("doc/", "doc/zh/")
    assert (docs.TOP / other).exists(), f"{name} has no {other}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_verb_list(language):
    """A code block of operating.md has the lines of `qtoa -h`, and a line for each verb."""
    page = "doc/operating.md" if language == "en" else "doc/zh/operating.md"
    found = [b for s in docs.sections(docs.text(page)) for b in s.blocks
             if any(line.startswith("qtoa check ") for line in b) and len(b) > 9]
    assert len(found) == 1
    assert ["".join(line.split()) for line in found[0] if line] == [
        "".join(line.split()) for heading, rows in docs.verb_list(language)
        for line in (heading, *(f"qtoa {usage} {what}" for usage, what in rows))]


def anchors(name):
    return {docs.slug(s.title) for s in docs.sections(docs.text(name))}


@pytest.mark.parametrize("name", PAGES)
def test_links(name):
    """Files exist, anchors are headings there."""
    for target in docs.links(docs.text(name)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (docs.TOP / name).parent / file if file else docs.TOP / name
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.resolve().relative_to(docs.TOP)), target


# The translation.

def first_cell(line):
    return re.split(r"\s{2,}|\s+#\s|\|", line.strip())[0].strip()


def same_line(ours, theirs):
    """What is not translated is the same; of what is, the part before a gap or a comment."""
    if not CJK.search(theirs):
        return ours.split() == theirs.split()
    return bool(CJK.search(first_cell(theirs))) or first_cell(ours) == first_cell(theirs)


def is_output(block):
    """A command of qtoa's and what it says, in Chinese."""
    return block[0].strip().startswith("$ qtoa ") and len(block) > 1 and bool(CJK.search(block[1]))


def differ_in_code(ours, theirs):
    if len(ours.blocks) != len(theirs.blocks):
        yield f"{len(ours.blocks)} and {len(theirs.blocks)} code blocks"
        return
    for mine, other in zip(ours.blocks, theirs.blocks):
        if is_output(other) and mine[0] == other[0]:
            continue
        if len(mine) != len(other):
            yield f"a code block of {len(mine)} and of {len(other)} lines: {mine[0]}"
            continue
        for a, b in zip(mine, other):
            if not same_line(a, b):
                yield f"code: {a!r} and {b!r}"


def spans(text):
    return {s for s in re.findall(r"`([^`]+)`", text) if CODE.match(s) and not CJK.search(s)}


def differ_in_tables(ours, theirs):
    shape = [[len(t), *{len(r) for r in t}] for t in ours.tables]
    if shape != [[len(t), *{len(r) for r in t}] for t in theirs.tables]:
        yield "tables of another size"
        return
    for mine, other in zip(ours.tables, theirs.tables):
        for a, b in zip(mine[1:], other[1:]):
            if re.findall("`[^`]*`", a[0]) != re.findall("`[^`]*`", b[0]):
                yield f"table: {a[0]!r} and {b[0]!r}"
            elif spans(" ".join(a)) != spans(" ".join(b)):
                yield f"table, {a[0]}: {spans(' '.join(a)) ^ spans(' '.join(b))}"


def target_of(link):
    """The page or file that a link names, whichever language its page has."""
    return link.rpartition("/")[2].replace(".zh-CN.md", ".md").partition("#")[0]


def differ_in_links(ours, theirs, numbers):
    def targets(section, where):
        text = "\n".join([*section.prose, *(c for t in section.tables for r in t for c in r)])
        return Counter(where.get(t[1:], t) if t.startswith("#") else target_of(t)
                       for t in docs.links(text) if target_of(t) != "README.md")

    mine, other = targets(ours, numbers[0]), targets(theirs, numbers[1])
    if mine != other:
        yield f"links: {(mine - other) + (other - mine)}"


def differ_in_settings(ours, theirs):
    for mine, other in zip(docs.settings_tables(ours), docs.settings_tables(theirs)):
        if list(mine) != list(other):
            yield f"settings: {set(mine) ^ set(other) or 'another order'}"
            continue
        for name, cells in mine.items():
            for a, b in zip(cells[:-1], other[name][:-1]):
                if re.findall(r"`[^`]*`|\d+", a) != re.findall(r"`[^`]*`|\d+", b):
                    yield f"setting {name}: {a!r} and {b!r}"
                elif bool(a) != bool(b) or (a.isascii() and b.isascii() and a != b):
                    yield f"setting {name}: {a!r} and {b!r}"


def differences(ours, theirs):
    """What a translation does not have in common with what it translates."""
    mine, other = docs.sections(ours), docs.sections(theirs)
    levels = [[s.level for s in all_] for all_ in (mine, other)]
    if levels[0] != levels[1]:
        return [f"headings: {levels[0]} and {levels[1]}"]
    found = list(differ_in_settings(ours, theirs))
    numbers = [{docs.slug(s.title): i for i, s in enumerate(all_)} for all_ in (mine, other)]
    for a, b in zip(mine, other):
        prose = [spans(" ".join(s.prose)) for s in (a, b)]
        here = [*differ_in_code(a, b), *differ_in_tables(a, b), *differ_in_links(a, b, numbers)]
        if prose[0] != prose[1]:
            here.append(f"text: {prose[0] ^ prose[1]}")
        found += [f"{a.title}: {what}" for what in here]
    return found


@pytest.mark.parametrize("name", ["README.md", *ENGLISH])
def test_translation(name):
    assert differences(docs.text(ENGLISH.get(name, name)), docs.text(name)) == []


# Page, and how it is changed.
CHANGES = {
    "a heading less": ("operating", r"\n## Backup\n", "\n"),
    "a heading deeper": ("operating", r"\n## Backup\n", "\n### Backup\n"),
    "another default": ("configuration", r"(`\.threads` \| )64", r"\g<1>65"),
    "another unit": ("configuration", r"(`\.fresh_s` \|[^|]*\| )s ", r"\g<1>ms "),
    "no unit": ("configuration", r"(`\.fresh_s` \|[^|]*\| )s ", r"\1"),
    "another range": ("configuration", r"(`\.threads` .*1 to 10)24", r"\g<1>25"),
    "a setting less": ("configuration", r"\| `\.io_ms`[^\n]*\n", ""),
    "a setting of another name": ("configuration", r"\| `\.io_ms`", "| `.io_max`"),
    "another command": ("configuration", r"\n    make CONFIG=/etc/qtoa/config\.h",
                        "\n    make CONFIG=/etc/config.h"),
    "a command translated": ("configuration", r"\n    make CONFIG=/etc/qtoa/config\.h",
                             "\n    make CONFIG=/etc/config.h   # 编译"),
    "a line of code less": ("configuration", r"\n    QTOA_MODE=SAFE\n", "\n"),
    "another verb in the text": ("configuration", r"`qtoa check`", "`qtoa test`"),
    "another link": ("configuration", r"\(install\.md\)", "(collector.md)"),
    "another anchor": ("troubleshooting", r"\(#dead-messages\)", "(#the-disk-is-full)"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_difference_is_seen(what):
    page, *change = CHANGES[what]
    markdown = docs.text(f"doc/{page}.md")
    changed = re.sub(*change, markdown, count=1)
    assert changed != markdown and differences(markdown, changed) != []


TRANSLATED = {
    "operating": (("## Backup", "## 备份"), ("# how is it now, on one screen", "# 当前状况"),
                  ("messages that wait or are dead", "待发消息和死信")),
    "configuration": (("| field | default |", "| 字段 | 默认值 |"), ("none | | |", "无 | | |"),
                      ("How many workers one", "一个进程中最多"), (" (shipped: ", " (自带: ")),
    "troubleshooting": (("## Dead messages", "## 死信"), ("(#dead-messages)", "(#死信)")),
}


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_translation_is_none(page):
    """Words, headings, comments and descriptions may be in Chinese."""
    markdown = changed = docs.text(f"doc/{page}.md")
    for english, chinese in TRANSLATED[page]:
        assert english in changed, english
        changed = changed.replace(english, chinese)
    assert differences(markdown, changed) == []
