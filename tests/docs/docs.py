"""What the sources, config.h, the pages and the manuals say, as data."""

import functools
import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
QTOA = os.environ.get("QTOA", TOP / "qtoa")
CONFRULES = os.environ.get("CONFRULES", TOP / "build/confrules")


PAGES = sorted(str(p.relative_to(TOP)) for p in (*TOP.glob("*.md"), *TOP.glob("doc/**/*.md")))


@functools.lru_cache(maxsize=None)
def text(name):
    return (TOP / name).read_text(encoding="utf-8")


@functools.lru_cache(maxsize=None)
def qtoa(*args):
    done = subprocess.run([QTOA, *args], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (0, ""), (args, done.stderr)
    return done.stdout


def verb_list(language="en"):
    """The parts of `qtoa -h`: heading, and rows of usage and help."""
    parts = []
    for part in qtoa("--lang", language, "-h").split("\n\n")[1:-1]:
        heading, *lines = part.splitlines()
        rows = []
        for line in lines:
            if not line.startswith("   "):
                rows.append([line[2:23].strip(), line[24:]] if line[23:24] == " " or len(line) < 24
                            else [line[2:], ""])
            else:
                rows[-1][1] = f"{rows[-1][1]} {line.strip()}".strip()
        parts.append((heading, rows))
    return parts


# core/conf.c and core/conf.h

def number(expression):
    """16 << 20, 64 * 1024"""
    assert re.fullmatch(r"-?[\d\s*<]+", expression), expression
    return eval(expression)     # digits and operators only


def table(name):
    return re.search(rf"\b{name}\[\] = \{{\n(.*?)^\}};", text("core/conf.c"), re.S | re.M).group(1)


def account_rules():
    return re.findall(r"^\t\{ (?:ACCOUNT|SECRET)\((\w+)\),", table("account_rules"), re.M)


def text_settings():
    """Name to default; None where there is none."""
    rows = re.findall(r'\{ \{ (?:SETTING|LOGIN|HIDDEN)\((\w+)\),[^}]*\},\s*(NULL|"[^"]*") \}',
                      table("settings_texts"))
    return {name: None if value == "NULL" else value.strip('"') for name, value in rows}


def number_settings():
    """Name to default, least and most."""
    rows = re.findall(r"\{ SETTING\((\w+)\),\s*([^,]+),\s*([^,]+),\s*([^},]+?) \}",
                      table("settings_numbers"))
    return {name: tuple(map(number, values)) for name, *values in rows}


def members(struct):
    body = re.search(rf"^struct {struct} \{{\n(.*?)^\}};", text("core/conf.h"), re.S | re.M).group(1)
    return re.findall(r"^\t[^/;]*?(\w+);", body, re.M)


UNITS = (("_ms", "ms"), ("_s", "s"), ("_days", "days"), ("body_max", "bytes"))


def unit_by_name(name):
    """A name that ends so has this unit; None: the name does not tell."""
    return next((unit for end, unit in UNITS if name.endswith(end)), None)


# config.h

def shipped(which):
    """Field to its value as it stands there, and what the comments before and behind it say."""
    body = re.search(rf"\b{which}(?:\[\])? = \{{\n(.*?)^\}};", text("config.h"),
                     re.S | re.M).group(1)
    fields, above = {}, ""
    pattern = (r"/\*(?P<comment>.*?)\*/|\.(?P<name>\w+)\s*=\s*(?P<value>\"[^\"]*\"|[^,]*),"
               r"(?:[ \t]*/\*(?P<behind>.*?)\*/)?|(?P<gap>\n[ \t]*\n)")
    for found in re.finditer(pattern, body, re.S):
        if found["comment"]:
            above = found["comment"]
        elif found["gap"]:
            above = ""
        else:
            fields[found["name"]] = (found["value"], " ".join(above.split()),
                                     " ".join((found["behind"] or "").split()))
    return fields


# Markdown

class Section:
    def __init__(self, level, title):
        self.level, self.title = level, title
        self.prose, self.blocks, self.tables = [], [], []


def sections(markdown):
    """Headings with what is below them: prose, code blocks, tables; the first has no heading."""
    all_ = [Section(0, "")]
    code, rows = [], []
    for line in [*markdown.splitlines(), "", "# "]:
        if (line.startswith("    ") or (code and not line)) and not rows:
            code.append(line[4:])
            continue
        if code:
            while code and not code[-1]:
                code.pop()
            all_[-1].blocks.append(code)
            code = []
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append([c.strip() for c in cells])
            continue
        if rows:
            all_[-1].tables.append([r for r in rows if not re.fullmatch(r":?-+:?", r[0])])
            rows = []
        heading = re.match(r"(#+) (.*)", line)
        if heading:
            all_.append(Section(len(heading[1]), heading[2]))
        elif line:
            all_[-1].prose.append(line)
    return all_[:-1]


def slug(title):
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def links(markdown):
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", markdown)


def fields():
    """The names of all settings, fields of an account and of a relay."""
    return {*members("settings"), *members("account"), *members("relay"), "relays"}


RELAYS = re.compile(r"<!-- relay: .*?<!-- end -->", re.S)


def relay_table(markdown):
    """The fields of a relay: each to its cells."""
    return _tables(RELAYS.search(markdown)[0])[0]


def settings_tables(markdown):
    """The tables of accounts' fields (four columns) and of settings (five): field to its cells."""
    return _tables(RELAYS.sub("", markdown))


def _tables(markdown):
    found = [{}, {}]
    for rows in (t for s in sections(markdown) for t in s.tables):
        if len(rows[0]) not in (4, 5) or not all(re.fullmatch(r"`\.\w+`", r[0]) for r in rows[1:]):
            continue
        fields = found[len(rows[0]) - 4]
        for first, *rest in rows[1:]:
            assert first not in fields, first
            fields[first.strip("`.")] = rest
    return found


# The manuals

@functools.lru_cache(maxsize=None)
def manual(name):
    """As it is read, in lines that do not end before they must; section to text."""
    done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=900", TOP / "man" / name],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    plain = re.sub(".\b", "", done.stdout)
    parts = re.split(r"^([A-Z][A-Z ]+)\n", plain, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def items(section):
    """Tagged paragraphs of a section: tag to text."""
    found, tag = {}, None
    for line in section.splitlines():
        if re.match(r" {5}\S", line):
            tag, _, rest = line.strip().partition("  ")
            found[tag] = rest.strip()
        elif re.match(r" {3}\S", line):     # a subsection
            tag = None
        elif tag and line.strip():
            found[tag] += " " + line.strip()
    return {tag: said.strip() for tag, said in found.items() if said}
