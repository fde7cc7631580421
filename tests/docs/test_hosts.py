"""The pages about hosts: what they name is there.  Files, make's targets and variables, verbs, units,
variables of the environment, packages, the parts of compose.yaml, and messages word for word."""

import re
import shlex
import subprocess

import pytest

import docs

PAGES = ("install", "shared-hosting", "bt-panel", "container", "rhel", "upgrade")
# First words of lines that are commands for a shell.
COMMANDS = {"./setup", "./qtoa.cgi", "apt-get", "make", "install", "cp", "cd", "mv", "mkdir", "qtoa", "sudo",
            "systemctl", "journalctl", "docker", "dnf", "semanage", "restorecon", "setsebool", "curl",
            "ausearch", "firewall-cmd", "certbot", "nginx", "useradd", "setpriv", "sysctl", "ldd", "ls",
            "subscription-manager", "systemd-tmpfiles", "/etc/init.d/nginx", "/etc/init.d/httpd",
            "/usr/local/bin/qtoa", "/www/server/nginx/sbin/nginx", "/www/server/apache/bin/httpd"}


def page(name):
    return docs.text(f"doc/{name}.md")


def commands(name):
    """The commands of the code blocks, a line each, and those of the text."""
    for section in docs.sections(page(name)):
        for block in section.blocks:
            text = "\n".join(block).replace("\\\n", " ")
            yield from (line for line in text.splitlines() if line.split(" ")[0] in COMMANDS)
        text = "\n".join([*section.prose, *(c for t in section.tables for r in t for c in r)])
        yield from (span for span in re.findall(r"`([^`]+)`", text.replace("\n", " "))
                    if span.split(" ")[0] in COMMANDS and " " in span)


def spans(name):
    return re.findall(r"`([^`]+)`", page(name))


def test_commands_are_found():
    assert {name: len([*commands(name)]) > 5 for name in PAGES} == dict.fromkeys(PAGES, True)


@pytest.mark.parametrize("name", PAGES)
def test_a_shell_takes_them(name):
    for command in commands(name):
        done = subprocess.run(["sh", "-nc", command], capture_output=True, text=True, timeout=10)
        assert (done.returncode, done.stderr) == (0, ""), command


def make_variables():
    """Those that the makefiles give a default, or that are in the text of `make help`."""
    text = "".join(docs.text(f) for f in ("Makefile", "packaging/install.mk", "packaging/static.mk"))
    return set(re.findall(r"^([A-Z_]+)\s*\??=", text, re.M)) | {"LDFLAGS"}


def make_targets():
    text = "".join(docs.text(f) for f in ("Makefile", "packaging/install.mk", "packaging/static.mk"))
    return set(re.findall(r"^([a-z-]+):", text, re.M))


@pytest.mark.parametrize("name", PAGES)
def test_make(name):
    for command in commands(name):
        words = shlex.split(command)
        if words[0] != "make":
            continue
        for word in words[1:]:
            variable, is_set, _ = word.partition("=")
            if is_set:
                assert variable in make_variables(), command
            else:
                assert word in make_targets(), command


def test_each_variable_of_make_install_is_in_the_table():
    places = re.search(r"^PLACES\s*=(.*?[^\\])\n", docs.text("packaging/install.mk"), re.S | re.M)[1]
    known = {*places.replace("\\", " ").split(), "PREFIX", "PROGRAM"} - {"NOTED"}
    section = next(s for s in docs.sections(page("install")) if s.title == "make install")
    named = {w for row in section.tables[0] for cell in row for w in re.findall(r"`([A-Z]+)`", cell)}
    assert named >= known


@pytest.mark.parametrize("name", PAGES)
def test_files_of_the_tree(name):
    for span in {*spans(name), *(w for c in commands(name) for w in c.split())}:
        if re.match(r"(examples|packaging|demo)/\S+$", span):
            made = {"examples/logrotate": "packaging/systemd/logrotate-example",
                    "examples/messages": "demo/messages"}.get(span, span)
            assert (docs.TOP / made).exists(), span


@pytest.mark.parametrize("name", PAGES)
def test_verbs_and_their_options(name):
    known = {tuple(u.split()[:n]) for _, rows in docs.verb_list() for u, _ in rows for n in (1, 2)}
    for command in commands(name):
        found = re.search(r"(?:^|/|qtoa )(?:qtoa|/qtoa)(?:\.cgi)? ([a-z]+(?: [a-z]+)?)", command)
        if found:
            words = tuple(found[1].split())
            assert words in known or words[:1] in known, command
    for span in spans(name):
        if found := re.match(r"qtoa ([a-z]+)\b", span):
            assert (found[1],) in known, span


@pytest.mark.parametrize("name", PAGES)
def test_units(name):
    made = {p.name.removesuffix(".in") for p in (docs.TOP / "packaging/systemd").iterdir()}
    for unit in re.findall(r"\bqtoa[a-z-]*\.(?:service|socket|timer)\b", page(name)):
        assert unit in made, unit


@pytest.mark.parametrize("name", PAGES)
def test_variables_of_the_environment(name):
    fields = {*docs.members("account"), *docs.members("settings")}
    for variable in re.findall(r"\bQTOA_([A-Z_]+)\b", page(name)):
        assert variable.lower() in fields, variable


@pytest.mark.parametrize("name", PAGES)
def test_settings(name):
    fields = {*docs.members("account"), *docs.members("settings")}
    for span in spans(name):
        if found := re.match(r"\.([a-z_]+)(?: = .*)?$", span):
            assert found[1] in fields | {"htaccess"}, span


def test_packages_for_dnf():
    """Those that needs.sh names."""
    rows = re.search(r"packages='\n(.*?)'", docs.text("packaging/needs.sh"), re.S)[1].split("\n")
    needed = {p for row in rows for p in row.split()[2].split("+")}
    line = next(c for c in commands("rhel") if c.startswith("dnf install gcc"))
    assert set(line.split()[2:]) == needed


def test_compose():
    example = docs.text("examples/compose.yaml")
    text = page("container")
    for service in re.findall(r"docker compose (?:exec|logs -f|logs) ([a-z]+)", text):
        assert f"\n  {service}:\n" in example, service
    assert {"profiles: [collector]", 'group_add: ["65532"]', "name: qtoa", "env_file: qtoa.env"} <= {
        line.strip() for line in example.splitlines()}
    assert "\nuser=65532\n" in docs.text("packaging/image.sh") and "number 65532" in text


# What a page shows of the log and of `qtoa check`: the parts that are not of one host, and the source.
SAID = (
    ("upgrade", "is of a newer qtoa, version", "cli/check"),
    ("upgrade", "qtoa quarantines it at the next message", "cli/check"),
    ("upgrade", "the next message migrates it to", "cli/check"),
    ("upgrade", "was made by an older version: its marks are taken over", "state"),
    ("upgrade", "a later qtoa's database", "state"),
    ("upgrade", "messages that wait in it are taken over if they can be read", "state"),
    ("upgrade", "the file is now called", "state"),
    ("shared-hosting", "state_dir is within what is served", ""),
    ("bt-panel", "another site of nginx has the name", "packaging"),
    ("install", "not accepted: this host is not in settings.report_hosts", ""),
    ("install", "it came through a proxy: ", ""),
    ("install", "not from WeChat's addresses", ""),
)


def strings(where):
    """All texts of a room, with those together that C puts together."""
    files = [p for kind in ("c", "h", "text") for p in (docs.TOP / where).rglob(f"*.{kind}")
             if not p.relative_to(docs.TOP).parts[0].startswith(("build", "tests"))]
    return "\n".join(re.sub(r'"\s*\n\s*"', "", p.read_text(encoding="utf-8")) for p in files)


@pytest.mark.parametrize("name, words, where", SAID)
def test_messages(name, words, where):
    assert words in " ".join(page(name).split())
    if words == "not accepted: this host is not in settings.report_hosts":
        words = "this host is not in settings.report_hosts"
    assert words in strings(where), words
