"""The manuals: clean, and they name the verbs, options and questions that there are, no others."""

import re
import subprocess

import pytest

import docs

PAGES = ("qtoa.8", "qtoa-config.5", "zh_CN/qtoa-config.5")
# Which of the sources read the options of which verbs.
SOURCES = {
    "check": ("cli/check/cmd_check.c",), "send": ("cli/cmd_send.c",), "drain": ("cli/cmd_drain.c",),
    "queue": ("cli/cmd_queue.c", "cli/cmd_queue_list.c", "cli/cmd_queue_show.c"),
    "token": ("cli/cmd_token.c",), "rid": ("cli/cmd_rid.c",), "listen": ("cli/cmd_listen.c",),
    "config": ("cli/cmd_config.c",), "log": ("cli/cmd_log.c",),
    "datacube": ("cli/cmd_datacube.c",), "reconcile": ("cli/cmd_reconcile.c", "cli/term_table.c"), "status": ("cli/cmd_status.c",),
    "report": ("cli/cmd_report.c", "cli/term_table.c"), "completion": ("cli/cmd_completion.c",),
}
# Of them all, and of the program without a verb.
COMMON = {"--help", "--version", "--lang"}


def verbs():
    """The names in `qtoa -h`."""
    names = []
    for _, rows in docs.verb_list():
        for usage_, _ in rows:
            words = usage_.split()
            group = words[0] in ("queue", "datacube")
            names.append(" ".join(words[:2] if group else words[:1]))
    return names


def usage(*words):
    """In one line; alternatives without blanks."""
    said = docs.qtoa("help", *words).split("\n\n")[0]
    return normal(" ".join(said.split()).removeprefix("usage: qtoa "))


def normal(line):
    return re.sub(r"\s*\|\s*", "|", line.replace(" ...", "...")).strip()


def options(line):
    return set(re.findall(r"--[a-z_]+", line))


@pytest.mark.parametrize("page", PAGES)
def test_lint(page):
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", docs.TOP / "man" / page],
                          capture_output=True, text=True, timeout=60)
    assert done.stdout + done.stderr == "" and done.returncode == 0


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", (80, 120))
def test_groff(page, width):
    done = subprocess.run(["groff", "-mandoc", "-Kutf8", "-Tutf8", "-ww", f"-rLL={width}n", "-P-c",
                           docs.TOP / "man" / page], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    plain = re.sub(".\b", "", done.stdout)
    assert max(map(len, plain.splitlines())) <= max(width, 86)


def test_verbs_and_their_options():
    said = [normal(tag.removeprefix("qtoa ")) for tag in
            docs.items(docs.manual("qtoa.8")["VERBS"]) if tag.startswith("qtoa ")]
    known = [name if name[0] == "-" else
             usage(*name.split()).removesuffix(" [--OPTION VALUE]...") for name in verbs()]
    assert len(known) > 15 and sorted(said) == sorted(known)


def test_each_option_is_explained():
    """Where it is not one of several verbs': there once."""
    page = docs.text("man/qtoa.8")
    for name in verbs():
        for option in options(usage(*name.split())) if name[0] != "-" else ():
            assert re.search(rf"^\.It .*Fl {option[1:]}\b", page, re.M), (name, option)


def test_questions():
    said = {normal(tag) for tag in docs.items(docs.manual("qtoa.8")["QUESTIONS"])
            if "." not in tag.replace("...", "")}
    names = re.findall(r"^  ([a-z]+) {2,}", docs.qtoa("report", "--help"), re.M)
    known = set()
    for name in names:
        line = usage("report", name).removeprefix("report ")
        for common in ("[--from DAY] ", "[--to DAY] ", "[--account ACCOUNT] "):
            assert common in line
            line = line.replace(common, "")
        known.add(line.replace("[--json|--csv]", "").replace("  ", " ").strip())
    assert len(known) > 15 and said == known


def test_no_other_option():
    known = set(COMMON)
    for name in verbs():
        known |= options(usage(*name.split())) if name[0] != "-" else set()
    known |= options(" ".join(docs.manual("qtoa.8")["QUESTIONS"].split()))
    for page in PAGES:
        for section, said in docs.manual(page).items():
            lines = [line for line in said.splitlines() if "setpriv" not in line]
            assert options("\n".join(lines)) <= known, (page, section)


def test_no_other_verb():
    names = {name.split()[0] for name in verbs()}
    for page in PAGES:
        for said in docs.manual(page).values():
            for line in said.splitlines():
                for verb in re.findall(r"^ +qtoa ([a-z]+)|\$\(qtoa ([a-z]+)", line):
                    assert (set(verb) - {""}) <= names | {"verb", "receives", "reads"}, line


def test_the_table_has_what_the_verbs_read():
    """What a verb compares its arguments with, and what the table lets through, are the same."""
    given = {}
    for name in verbs():
        if name[0] != "-":
            given.setdefault(name.split()[0], set()).update(options(usage(*name.split())))
    for verb, files in SOURCES.items():
        found = set()
        for name in files:
            source = docs.text(name)
            found |= set(re.findall(r'"(--[a-z-]+)"', source))
            if common := re.search(r"common\[\] = \{([^}]*)\}", source):
                found |= {"--" + w for w in re.findall(r'"(\w+)"', common[1])}
        assert found == given[verb] - {"--OPTION"}, verb
    assert not any(given[verb] for verb in given.keys() - SOURCES.keys())


def test_settings_that_are_named_exist():
    known = {*docs.members("settings"), *docs.members("account")}
    for page in PAGES:
        source = docs.text(f"man/{page}")
        named = re.findall(r"^\.Va (?:settings)?\.(\w+)|\\fI\.(\w+)\\fR", source, re.M)
        named = [a or b for a, b in named]
        assert named and set(named) <= known, page
