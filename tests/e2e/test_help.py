"""What the program says of its verbs, and that they take what it says."""

import datetime
import re
import subprocess

import pytest

import program

BROKEN = {"QTOA_QT_URL": "nonsense", "QTOA_STATE_DIR": "/missing"}


def run(home, *args, env=None):
    done = subprocess.run([program.binary("main"), *args], env={**home.env, **(env or {})},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


GROUPS = ("queue", "datacube", "alert", "reply", "menu", "followers", "qrcode", "store")


def verbs(home):
    """The names in the list of all, with the line that each has there."""
    rows = {}
    for line in run(home, "-h")[1].splitlines():
        if re.match("  [a-z-]", line):
            words = line[:24].split()
            name = [w for i, w in enumerate(words) if re.fullmatch("[a-z]+|-[Vh]", w)
                    and (i == 0 or words[0] in GROUPS) and i < 2]
            rows[" ".join(name)] = line
    return rows


def usage(said):
    """The usage in one line."""
    lines = said.split("\n\n")[0].splitlines()
    return " ".join(line.strip() for line in lines).removeprefix("usage: qtoa ")


def options(said):
    """Options as usage has them, and whether a value follows."""
    return dict(re.findall(r"(?<![^\[ ])(--[a-z]+)( \[?[A-Za-z][A-Za-z|]*)?", usage(said)))


def test_every_verb(home):
    rows = verbs(home)
    assert len(rows) > 15 and {"check", "queue retry", "datacube pull", "-V"} <= rows.keys()
    for name, line in rows.items():
        assert len(line) <= 80, line
        if name[0] == "-":
            continue
        said = [run(home, *words, env=BROKEN) for words in
                ((*name.split(), "--help"), (*name.split(), "-h"), ("help", *name.split()))]
        for code, out, err in said:
            assert (code, err) == (0, "") and out == said[0][1], name
        out = said[0][1]
        assert out.startswith(f"usage: qtoa {name}") and "\nexit status: 0 " in out, out
        assert max(map(len, out.splitlines())) <= 110, name
        assert "\nfor example:\n  " in out, name
        given = options(out)
        listed = re.findall(r"^  (--[a-z]+)", out, re.M)
        assert sorted(given) == sorted(listed), name
        assert re.search("^  -h, --help", out, re.M)


def test_list_of_all(home):
    """Grouped by what one wants to do; a narrow terminal shows it."""
    out = run(home, "-h")[1]
    assert max(map(len, out.splitlines())) <= 80 and not re.search(" $", out, re.M), out
    parts = out.split("\n\n")[1:-1]
    assert len(parts) >= 5, out
    for part in parts:
        heading, *lines = part.splitlines()
        assert re.match("[A-Z]", heading) and lines and all(re.match("  ", r) for r in lines), part
    assert [next(i for i, p in enumerate(parts) if f"\n  {verb} " in p)
            for verb in ("status", "drain", "report", "token", "completion")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("group", GROUPS)
def test_groups(home, group):
    rows = {n: line for n, line in verbs(home).items() if n.split()[0] == group}
    for args in ((group, "--help"), (group, "-h"), ("help", group)):
        code, out, err = run(home, *args, env=BROKEN)
        assert (code, err) == (0, "")
        assert all(line in out.splitlines() for line in rows.values()) and len(rows) > 1
    code, out, err = run(home, group)
    assert (code, out) == (2, "") and err == f"usage: qtoa {group} " + "|".join(
        n.split()[1] for n in rows) + " ...\n"


def test_questions(home):
    code, out, err = run(home, "report", "--help", env=BROKEN)
    assert (code, err) == (0, "")
    questions = re.findall(r"^  ([a-z]+) {2,}", out, re.M)
    assert {"days", "health", "funnel", "audience"} <= set(questions)
    for name in questions:
        code, out, err = run(home, "report", name, "--help", env=BROKEN)
        assert (code, err) == (0, "") and out.startswith(f"usage: qtoa report {name} ")
        assert out == run(home, "help", "report", name)[1]
        assert sorted(re.findall(r"\[(--\w+) ", usage(out).replace("--json | ", ""))) == sorted(
            o for o in re.findall(r"^  (--\w+)", out, re.M) if o not in ("--json", "--csv"))
    out = run(home, "report", "funnel", "--steps", "follow", "--help")[1]
    assert "--window N" in out and "604800" in out


UNKNOWN = (
    (("nonsense",), 'no verb "nonsense"'), (("nonsense", "--help"), 'no verb "nonsense"'),
    (("help", "nonsense"), 'no verb "nonsense"'), (("help", "queue", "eat"), "no eat"),
    (("queue", "eat"), "no eat"), (("queue", "--all"), "no --all"),
    (("datacube", "eat", "--help"), "no eat"), (("check", "--ofline"), "no option --ofline"),
    (("check", "-x", "--help"), "no option -x"), (("queue", "list", "--yes"), "no option --yes"),
    (("queue", "drop", "1", "--all"), "no option --all"), (("send", "--online"), "--online"),
    (("drain", "--second", "1"), "no option --second"), (("token", "safe", "--old"), "--old"),
    (("datacube", "pull", "--json"), "no option --json"),
    (("datacube", "show", "--all"), "no option --all"),
    (("reconcile", "--days"), "no option --days"), (("report", "--window", "1"), "--window"),
    (("report", "nothing"), "no question nothing"),
    (("report", "nothing", "--help"), "no question nothing"),
    (("report", "days", "--steps", "x"), "no option --steps"), (("map", "--json"), "--json"),
    (("completion", "--shell"), "--shell"), (("help", "--all"), "--all"),
)


# What was meant; None: nothing is near.
NEAR = (
    ("stauts", "status"), ("STATUS", "status"), ("stat", "status"), ("darin", "drain"),
    ("qeue", "queue"), ("queus list", "queue"), ("list", "queue list"), ("pull", "datacube pull"),
    ("cehck --offline", "check"), ("help stauts", "status"), ("-v", "-V"), ("nonsense", None),
    ("q", None), ("queue retri", "queue retry"), ("queue eat", None), ("datacube pul", "datacube pull"),
    ("check --ofline", "--offline"), ("check --off-line", "--offline"), ("check --xyzzy", None),
    ("drain --second 1", "--seconds"), ("queue export --state ded", "dead"),
    ("queue export --state nothing", None), ("report dayz", "days"), ("report dyas", "days"),
    ("report nothing", None), ("report --form 2026-01-01", "--from"),
    ("report --from=2026-01-01", "--from 2026-01-01"), ("report event --by wek", "week"),
    ("report event --code folow", "follow"), ("report event --code menu_clik", "menu_click"),
    ("report event --code abcdefghi", None), ("report funnel --setps follow", "--steps"),
    ("report funnel --steps follow,menu_clck", "menu_click"), ("completion bsh", "bash"),
    ("completion fish", None), ("token sfae", "safe"), ("token nobody", None),
    ("reconcile --account saef", "safe"), ("datacube show --account saef", "safe"),
    ("queue retry saef", "safe"), ("send saef http://127.0.0.1:1/ x", "safe"),
    ("datacube show getusersumary", "getusersummary"), ("datacube show nothing", None),
    ("datacube pull --endpoint getUserSummery", "getusersummary"),
)


@pytest.mark.parametrize("typed,meant", NEAR, ids=lambda v: v or "nothing")
def test_nearest(home, typed, meant):
    code, out, err = run(home, *typed.split())
    assert code in (1, 2) and out == "", err
    found = re.search(r"; did you mean (.*?)\?", err.splitlines()[0])
    assert (found[1] if found else None) == meant, err


@pytest.mark.parametrize("args,says", UNKNOWN, ids=lambda v: " ".join(v) if v[0] != " " else v)
def test_unknown(home, args, says):
    code, out, err = run(home, *args)
    assert (code, out) == (2, "") and says in err.splitlines()[0], err


# That a verb takes what its help says: nothing is there yet, so that nothing happens.

TODAY = datetime.date.today()
NOBODY = {"QTOA_QT_URL": "http://127.0.0.1:1/"}
VALUES = {"--from": str(TODAY - datetime.timedelta(5)), "--to": str(TODAY), "--account": "safe", "--seconds": "0",
          "--state": "dead", "--endpoint": "getusersummary", "--by": "week", "--following": "no",
          "--outcome": "HTTP 404", "--mode": "0600", "--user": "oUser", "--since": "2h",
          "--until": "1h", "--lines": "5", "--file": "/dev/null", "--out": "/dev/null", "--rules": "/dev/null",
          "--replies": "/dev/null", "--relay": "crm", "--older": "7", "--days": "7", "--scene": "a"}
NEEDED = {"map": ["/dev/null"], "send": ["safe", "http://127.0.0.1:1/", "/dev/null"],
          "queue show": ["1"], "queue retry": ["1"], "queue drop": ["1", "--yes"],
          "token": ["safe"], "rid": ["safe", "1-a"], "datacube export": ["getusersummary"], "report": ["days"],
          "followers export": ["safe"], "forget": ["oUser", "--yes"], "qrcode create": ["safe", "a"],
          "completion": ["bash"], "listen": ["/dev/null"], "reply import": ["safe"], "reply test": ["safe", "x"],
          "menu show": ["safe"], "menu import": ["safe"], "menu diff": ["safe", "/dev/null"],
          "menu push": ["safe", "/dev/null", "--yes"], "menu delete": ["safe", "--yes"]}


def test_every_option_is_taken(home):
    tried = 0
    for name in verbs(home):
        given = options(run(home, "help", *name.split())[1])
        for option, value in given.items():
            if option in ("--watch", "--follow"):   # it does not end
                continue
            extra = [VALUES[option]] if value else []
            words = [*name.split(), *NEEDED.get(name, []), option, *extra]
            if words.count("--yes") == 2:
                words.remove("--yes")
            code, _, err = run(home, *words, env=NOBODY)
            assert code in (0, 1) and "usage" not in err, (words, err)
            tried += 1
    assert tried > 30


def test_every_option_of_a_question_is_taken(home):
    for name in ("event", "funnel", "distribution", "interval", "path", "lifecycle",
                 "attribution", "audience"):
        said = run(home, "report", name, "--help")[1]
        own = [o for o in re.findall(r"^  (--\w+) (\S+)", said, re.M) if o[0] not in VALUES
               or o[0] in ("--by", "--following")]
        assert own
        for option, arg in own:
            value = VALUES.get(option, {"N": "2"}.get(arg, "follow"))
            code, _, err = run(home, "report", name, option, value)
            assert (code, err) == (0, ""), (name, option)
