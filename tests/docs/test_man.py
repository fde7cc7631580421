"""The manuals: clean, and they name the verbs, options and questions that there are, no others."""

import re
import subprocess

import pytest

import docs

PAGES = ("qtoa.8", "qtoa-config.5", "zh_CN/qtoa.8", "zh_CN/qtoa-config.5")
VERBS = ("qtoa.8", "zh_CN/qtoa.8")
# Which of the sources read the options of which verbs.
SOURCES = {
    "reply": ("cli/cmd_reply.c",), "menu": ("cli/cmd_menu.c",),
    "check": ("cli/check/cmd_check.c",), "send": ("cli/cmd_send.c",), "drain": ("cli/cmd_drain.c",),
    "queue": ("cli/cmd_queue.c", "cli/cmd_queue_list.c", "cli/cmd_queue_show.c"),
    "token": ("cli/cmd_token.c",), "rid": ("cli/cmd_rid.c",), "listen": ("cli/cmd_listen.c",),
    "config": ("cli/cmd_config.c",), "log": ("cli/cmd_log.c",),
    "datacube": ("cli/cmd_datacube.c",), "reconcile": ("cli/cmd_reconcile.c", "cli/term_table.c"), "status": ("cli/cmd_status.c",),
    "alert": ("cli/cmd_alert.c",), "followers": ("cli/cmd_followers.c",), "forget": ("cli/cmd_forget.c",),
    "qrcode": ("cli/cmd_qrcode.c", "cli/term_table.c"), "store": ("cli/cmd_store.c",),
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
            group = words[0] in ("queue", "datacube", "alert", "reply", "menu", "followers", "qrcode",
                                 "store")
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


@pytest.mark.parametrize("page", VERBS)
def test_verbs_and_their_options(page):
    said = [normal(tag.removeprefix("qtoa ")) for tag in
            docs.items(docs.manual(page)["VERBS"]) if tag.startswith("qtoa ")]
    known = [name if name[0] == "-" else
             usage(*name.split()).removesuffix(" [--OPTION VALUE]...") for name in verbs()]
    assert len(known) > 15 and sorted(said) == sorted(known)


@pytest.mark.parametrize("page", VERBS)
def test_each_option_is_explained(page):
    """Where it is not one of several verbs': there once."""
    page = docs.text(f"man/{page}")
    for name in verbs():
        for option in options(usage(*name.split())) if name[0] != "-" else ():
            assert re.search(rf"^\.It .*Fl {option[1:]}\b", page, re.M), (name, option)


@pytest.mark.parametrize("page", VERBS)
def test_questions(page):
    said = {normal(tag) for tag in docs.items(docs.manual(page)["QUESTIONS"])
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
    known = docs.fields()
    for page in PAGES:
        source = docs.text(f"man/{page}")
        named = re.findall(r"^\.Va (?:settings)?\.(\w+)|\\fI\.(\w+)\\fR", source, re.M)
        named = [a or b for a, b in named]
        assert named and set(named) <= known, page


def skeleton(source):
    """What a translation keeps: sections, items, examples and blocks, without titles in Chinese."""
    blocks = re.findall(r"^\.Bd .*?^\.Ed$", source, re.M | re.S)
    return blocks, re.findall(r"^\.(?:(?:Dt|Os|Sh|It|Xo|Op|Xc|Dl|Bl|El)\b.*|Ss)", source, re.M)


@pytest.mark.parametrize("page", ("qtoa.8", "qtoa-config.5"))
def test_translation(page):
    ours, theirs = (docs.text(f"man/{name}") for name in (page, f"zh_CN/{page}"))
    assert skeleton(ours) == skeleton(theirs)
    for macro in ("Xr", "Pa", "Va", "Ev", "Fl"):
        found = [set(re.findall(rf"\b{macro} ([\w./$-]+)", text)) for text in (ours, theirs)]
        found = [{w.replace("zh/", "").rstrip(".,") for w in words} for words in found]
        assert found[0] == found[1], macro


@pytest.mark.parametrize("change", ((r"^\.Sh SIGNALS\n", ""), (r"Fl -outcome", "Fl -outcom"),
                                    (r"\.It Cm menu\n", ""), (r"qtoa queue show 17", "qtoa queue show 18")))
def test_a_difference_is_seen(change):
    text = docs.text("man/qtoa.8")
    changed = re.sub(*change, text, count=1, flags=re.M)
    assert changed != text and skeleton(changed) != skeleton(text)
