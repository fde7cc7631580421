"""What the pages tell readers to type, in both languages: verbs and their options, targets of make,
files, units and settings exist, and blocks of shell have no fault."""

import functools
import re
import shlex
import subprocess

import pytest

import docs

SHELL = ("$ ", "# qtoa", "make", "qtoa ", "./", "install ", "cp ", "ln ", "apt-get ", "dnf ", "systemctl ",
         "curl ", "certbot ", "setpriv ", "spawn-fcgi ", "a2en", "lighty-", "eval ", "adduser ",
         "df ", "timedatectl", "grep ", "docker ", "podman ", "git ", "tar ", "ldd ", "chmod ",
         "chown ", "mkdir ", "sqlite3 ", "QTOA_QT_URL=", "E2E_ARGS=", "BENCH_", "for ", "nginx ",
         "journalctl ", "promtool ", "unzip ", "wget ", "sudo ", "cd ", "scp ", "rsync ", "man ")
# In the tree, or beside it after a build.
ROOMS = ("core", "net", "state", "wechat", "forwarder", "collector", "report", "monitor", "server",
         "cli", "examples", "doc", "man", "tests", "packaging", "demo", "bench", "debian")
# Names that begin with a dot and are no settings.
FILES = {"htaccess", "bashrc", "zshrc", "profile", "git", "env", "log", "json", "csv", "md", "cgi",
         "fcgi", "deb", "rpm", "tar", "gz", "xz", "service", "socket", "timer", "container", "conf",
         "yml", "yaml", "sh", "php", "user"}


def spans_and_lines(name):
    """What stands in code: spans of the text, then lines of blocks."""
    for section in docs.sections(docs.text(name)):
        cells = [c for t in section.tables for r in t for c in r]
        for span in re.findall(r"`([^`]+)`", "\n".join([*section.prose, *cells])):
            yield " ".join(span.split())
        for block in section.blocks:
            yield from ([block[0][2:]] if block[0].startswith(("$ ", "# qtoa")) else
                        [" ".join(line.split()) for line in "\n".join(block).replace("\\\n", " ").split("\n")])


# What may stand before a command: a prompt, variables, the times of a crontab, another user.
BEFORE = re.compile(r"([$#] |(sudo|runuser|setpriv|env|exec) |(-u|-c) [\w-]+ |--[\w-]*(=\S*)? |\w+=\S* |"
                    r"((\*|\*/\d+|\d+) +){5}([\w-]+ )?)*(\S*/)?qtoa(\.cgi)?( |$)")


def is_said(text):
    """A sentence, such as what a program prints: outside of quotes a blank follows a colon."""
    return ": " in re.sub(r"'[^']*'|\"[^\"]*\"", "", text)


def calls(text):
    """Words behind each `qtoa` that is called."""
    for said in re.split(r"(?:^|[;&]|[^a-zA-Z]\||\$\(|run: )\s*", text):
        if not (found := BEFORE.match(said)):
            continue
        rest = re.sub(r"[<>)#].*", "", said[found.end():])
        if is_said(rest):
            continue
        try:
            yield shlex.split(rest)
        except ValueError:
            yield rest.split()


@functools.lru_cache(maxsize=None)
def groups():
    """The words that several verbs begin with, such as queue."""
    first = [usage.split()[0] for _, rows in docs.verb_list() for usage, _ in rows]
    return {word for word in first if first.count(word) > 1}


@functools.lru_cache(maxsize=None)
def verbs():
    return {" ".join(usage.split()[:2 if usage.split()[0] in groups() else 1])
            for _, rows in docs.verb_list() for usage, _ in rows}


@functools.lru_cache(maxsize=None)
def options_of(verb):
    said = docs.qtoa("help", *verb.split())
    if verb == "report":
        said += "".join(docs.qtoa("report", question, "--help") for question in
                        re.findall(r"^  ([a-z]+) {2,}", docs.qtoa("report", "--help"), re.M))
    return {*re.findall(r"--[a-z-]+", said), "--help", "--lang"}


def mistakes_of_call(words):
    if words[:1] == ["--lang"]:
        words = words[2:]
    if not words or not re.fullmatch("[a-z][a-z-]*", words[0]):
        unknown = [w for w in words[:1] if w[0] == "-" and w not in ("-h", "-V", "--help", "--version")]
        return unknown
    verb = " ".join(words[:2]) if words[0] in groups() else words[0]
    if verb not in verbs():
        return [] if verb in groups() else [f"no verb {verb}"]
    return [f"{verb} has no {w}" for w in words if w.startswith("--")
            and w.split("=")[0] not in options_of(verb)]


def mistakes_of_calls(text):
    return [m for words in calls(text) for m in mistakes_of_call(words)]


@functools.lru_cache(maxsize=None)
def make_files():
    return "\n".join(docs.text(str(p.relative_to(docs.TOP))) for p in
                     (docs.TOP / "Makefile", *docs.TOP.glob("*/*.mk"), *docs.TOP.glob("*/*/*.mk")))


@functools.lru_cache(maxsize=None)
def targets():
    return {word for line in re.findall(r"^([^\t#=\n]+?):(?!=)", make_files(), re.M)
            for word in line.split()}


def mistakes_of_make(text):
    for said in re.findall(r"(?:^|[;&|] )(?:[$#] )?(?:sudo )?make( [^;&|#]*)?$", text):
        skip = False
        for word in said.replace("'", " ' ").split():
            if word == "'":
                skip = not skip
            elif skip or word.startswith("-") or not re.match("[A-Za-z]", word):
                continue
            elif "=" in word:
                variable = word.split("=")[0]
                if not re.search(rf"\b{variable}\b", make_files() + docs.text("tests/fresh/fresh.sh")):
                    yield f"make has no variable {variable}"
            elif not word.isupper() and word not in targets() and not re.match(r"\w+\.(h|cgi|fcgi)$", word):
                yield f"make has no target {word}"


@functools.lru_cache(maxsize=None)
def installed_examples():
    """What `make install` puts beside the examples under another name."""
    return {f"examples/{name}" for name in
            ("apache-example.conf", *re.findall(r'DOCDIR/examples/([\w.]+)', docs.text("packaging/install.sh")))}


def mistakes_of_files(text):
    for word in re.findall(r"(?:^|[\s\"'=(])((?:%s)/[\w.*/-]+)" % "|".join(ROOMS), text):
        word = word.rstrip(".,")
        if re.search("[A-Z]{3,}", word.replace("README", "")) or word in installed_examples():
            continue
        if not (docs.TOP / word).exists() and not list(docs.TOP.glob(word + "*")):
            yield f"there is no file {word}"


def mistakes_of_units(text):
    for unit in re.findall(r"\bqtoa[a-z-]*\.(?:service|socket|timer)\b", text):
        if not (docs.TOP / f"packaging/systemd/{unit}.in").exists():
            yield f"there is no unit {unit}"


def mistakes_of_settings(text):
    known = {*docs.fields(), *FILES}
    for name in re.findall(r"^(?:settings)?\.([a-z_]{2,})(?: = .*|,)?$", text):
        if name not in known:
            yield f"there is no setting .{name}"


def mistakes(text):
    return [*mistakes_of_calls(text), *mistakes_of_make(text), *mistakes_of_files(text),
            *mistakes_of_units(text), *mistakes_of_settings(text)]


PAGES = [p for p in docs.PAGES if p != "CHANGELOG.md"]


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_exists(name):
    assert [f"{m}: {text}" for text in spans_and_lines(name) for m in mistakes(text)] == []


def shell_of(block):
    """A block as a shell reads it; None: it is not shell.  With a prompt, the rest is output."""
    if block[0].startswith(("$ ", "# qtoa")):
        return block[0][2:]
    return "\n".join(block) if block[0].startswith(SHELL) and not is_said(block[0]) else None


@pytest.mark.parametrize("name", docs.PAGES)
def test_shell(name):
    for section in docs.sections(docs.text(name)):
        for block in section.blocks:
            if (script := shell_of(block)) is None:
                continue
            done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, timeout=60)
            assert done.stderr == "", (section.title, script)


# The checks themselves.

@pytest.mark.parametrize("text, mistake", [
    ("qtoa chekc", "no verb chekc"),
    ("qtoa queue lst --all", "no verb queue lst"),
    ("qtoa queue list --al", "queue list has no --al"),
    ("$ qtoa drain --minutes 5", "drain has no --minutes"),
    ("cd /; ./qtoa statu --json", "no verb statu"),
    ("* * * * * www-data env A=b /usr/local/bin/qtoa drian", "no verb drian"),
    ('eval "$(qtoa complete bash)"', "no verb complete"),
    ("qtoa --lang zh statsu", "no verb statsu"),
    ("make instal OWNER=www-data", "make has no target instal"),
    ("make install OWNR=www-data", "make has no variable OWNR"),
    ("cp examples/nginx.conf /etc/nginx/", "there is no file examples/nginx.conf"),
    ("systemctl restart qtoa-drain.servic qtoa-pull.timer", "there is no unit qtoa-pull.timer"),
    (".deadline", "there is no setting .deadline"),
    (".modes = SAFE", "there is no setting .modes"),
])
def test_a_mistake_is_seen(text, mistake):
    assert mistake in mistakes(text)


@pytest.mark.parametrize("text", [
    "qtoa queue retry --outcome 'HTTP 413'", "qtoa queue", "qtoa VERB --help", "qtoa -V",
    "qtoa --lang zh status", "qtoa report days --from 2026-11-01 --csv", "qtoa(8)", ".state_dir",
    "qtoa log --failed --since 2h | grep shop", "make CONFIG=/etc/qtoa/config.h install",
    "make check-e2e E2E_ARGS='-k nginx'", ".mode = SAFE", ".htaccess", "examples/*", "make",
    "qtoa queue retry [ID|all|ACCOUNT] send messages again, now",
    "qtoa on web1: there is a problem",
])
def test_no_mistake_is_seen(text):
    assert mistakes(text) == []
