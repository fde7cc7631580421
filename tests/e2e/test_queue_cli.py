"""The operator's side of the queue: `qtoa queue` and `qtoa drain`, by themselves and beside a
process that serves."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import termios
import time

import pytest

import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from terminal import Screen
from wechat import ACCOUNTS, COMPATIBLE, PLAIN, SAFE

NOBODY = 65534
MENU = ("<xml><ToUserName><![CDATA[gh_e2e000000001]]></ToUserName><FromUserName><![CDATA[oUser]]>"
        "</FromUserName><CreateTime>1795000000</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        "<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[菜单]]></EventKey></xml>").encode()
SICK = qt_side.answering(500, "<html>")
BROKEN = {"QTOA_QT_URL": "nonsense"}


@pytest.fixture
def server():
    """A QT whose port refuses until it is started."""
    place = qt_side.QT(ACCOUNTS, listen=False)
    yield place
    place.stop()


@pytest.fixture
def site(server):
    place = program.Home(server.url)
    yield place
    place.remove()


def run(home, *args, variant="main", env=None):
    done = subprocess.run([program.binary(variant), *args], capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL, env={**home.env, **(env or {})})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Terminal(Screen):
    """A command on a terminal of so many columns."""

    def __init__(self, home, *args, columns=80, variant="main", **how):
        super().__init__()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.proc = subprocess.Popen([program.binary(variant), *args], env=home.env, stdin=slave,
                                     stdout=slave, stderr=slave, start_new_session=True, **how)
        os.close(slave)

    def expect(self, text):
        end = time.monotonic() + PATIENCE_S
        while text not in self.text:
            ended = self.proc.poll() is not None
            assert self.read(0.1) or not ended and time.monotonic() < end, self.text

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """Its exit status, and all it wrote."""
        while self.proc.poll() is None:
            self.read(0.1)
        while self.read(0):
            pass
        os.close(self.master)
        return self.proc.returncode, self.text.replace("\r\n", "\n")


def table(out):
    """The rows of the list as dicts, and the lines after it."""
    lines = out.splitlines()
    names = re.split(" {2,}", lines[0].strip())
    rows = []
    for line in lines[1:]:
        cells = re.split(" {2,}", line.strip())
        if len(cells) != len(names) or not cells[0].isdigit():
            break
        rows.append(dict(zip(names, cells)))
    return rows, lines[1 + len(rows):]


def exported(home, *args):
    code, out, err = run(home, "queue", "export", *args)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


@contextlib.contextmanager
def serving(home):
    pool = program.Pool(home, "main")
    try:
        yield pool
    finally:
        pool.stop()


def fill(home, server, pushes, behave=SICK):
    """These pushes are acknowledged while QT misbehaves, by a process that is gone then."""
    if server._thread is None:
        server.start()
    server.behave = behave
    with serving(home) as pool:
        for account, push in pushes:
            answer = pool.push(account, push)
            assert (answer.status, answer.body) == (200, b"success")
    server.behave = qt_side.genuine
    server.received.clear()


def backlog(home, n, account=PLAIN):
    """So many that wait; QT is not even there."""
    with serving(home) as pool:
        for i in range(n):
            push = wechat.push(account, wechat.text_message(f"{i}", msgid=1000 + i))
            assert pool.push(account, push).body == b"success"


@pytest.fixture
def queue(site, server):
    """One dead message and three that wait; QT is well again."""
    pushes = [(SAFE, wechat.push(SAFE, MENU)), (PLAIN, wechat.push(PLAIN, MENU)),
              (COMPATIBLE, wechat.push(COMPATIBLE))]
    fill(site, server, [(SAFE, wechat.push(SAFE))], qt_side.code(107))
    fill(site, server, pushes)
    return pushes


def test_nothing_there(site):
    """No state yet: there is nothing in it, and nothing is made."""
    for args, status, said in ((("queue", "list"), 0, "the queue is empty\n"),
                               (("queue", "list", "--all"), 0, "the queue is empty\n"),
                               (("queue", "export"), 0, ""), (("queue", "show", "1"), 1, ""),
                               (("queue", "drop", "1", "--yes"), 1, ""),
                               (("queue", "retry", "1"), 1, ""),
                               (("queue", "retry", "all"), 0, "0 messages are due now\n"),
                               (("drain",), 0, "the queue is empty\n")):
        assert run(site, *args)[:2] == (status, said), args
        assert os.listdir(site.state) == []
    away = {"QTOA_STATE_DIR": str(site.dir / "away")}
    assert run(site, "queue", "list", env=away) == (0, "the queue is empty\n", "")
    assert run(site, "drain", env=away)[0] == 0
    assert not (site.dir / "away").exists()


@pytest.mark.parametrize("args", (
    "queue", "queue nonsense", "queue list more", "queue list --all more", "queue show",
    "queue show x", "queue show 1 2", "queue show -1", "queue show 99999999999999999999",
    "queue retry", "queue retry 1 2", "queue retry --outcome",
    "queue retry all --outcome x more", "queue retry --outcome x --outcome y", "queue drop", "queue drop x", "queue drop 1",
    "queue drop 1 yes", "queue drop 1 --yes more", "queue export more", "queue export --state",
    "queue export --state delivered", "drain more", "drain --seconds", "drain --seconds x",
    "drain --seconds -1", "drain --seconds 1s"))
def test_wrong_usage(site, args):
    code, out, err = run(site, *args.split())
    assert (code, out) == (2, "") and err.startswith("usage: qtoa ") and err.count("\n") == 1


def test_list(site, queue):
    code, out, err = run(site, "queue", "list")
    assert (code, err) == (0, "")
    rows, rest = table(out)
    assert [(r["account"], r["event"], r["state"], r["last outcome"]) for r in rows] == [
        ("safe", "$$_receive_msg", "dead", "Httpapi_300_107"),
        ("safe", "$$_menu_click", "pending", "HTTP 500"),
        ("plain", "$$_menu_click", "pending", "HTTP 500"),
        ("compatible", "$$_receive_msg", "pending", "HTTP 500")]
    assert [int(r["id"]) for r in rows] == sorted(int(r["id"]) for r in rows)
    assert all(re.fullmatch(r"\d+ s", r["age"]) and int(r["attempts"]) >= 1 for r in rows)
    assert rows[0]["next"] == "-"
    assert all(re.fullmatch(r"now|in \d+ s", r["next"]) for r in rows[1:])
    assert rest == ["3 pending, 1 dead"]
    # Columns stand below each other: what is aligned to the left begins where its name does.
    lines = out.splitlines()
    for name in ("account", "event", "state", "next", "last outcome"):
        at = lines[0].index(name)
        assert all(line[at - 2:at] == "  " and line[at] != " " for line in lines[1:5]), out


def test_list_is_cut_on_a_terminal_only(site, queue):
    for columns in (40, 60, 120):
        code, out = Terminal(site, "queue", "list", columns=columns).end()
        lines = out.splitlines()
        assert code == 0 and lines[5] == "3 pending, 1 dead"
        assert max(map(len, lines[:5])) <= columns
        assert ("HTTP 500" in out) == (columns == 120)
    assert "…" not in run(site, "queue", "list")[1]


def test_list_pages(site):
    backlog(site, 103)
    code, out, _ = run(site, "queue", "list")
    rows, rest = table(out)
    assert code == 0 and len(rows) == 100
    assert rest[0] == "103 pending, 0 dead; these are the first, all of them with: " \
        "qtoa queue list --all"
    rows, rest = table(run(site, "queue", "list", "--all")[1])
    assert [int(r["id"]) for r in rows] == list(range(1, 104)) and rest[0] == "103 pending, 0 dead"
    assert "does not answer as QT does: next probe" in rest[1] and len(rest) == 2
    assert len(exported(site)) == 103


def test_show(site, queue):
    rows = exported(site)
    for row, (account, push) in zip(rows[1:], queue):
        done = subprocess.run([program.binary("main"), "queue", "show", str(row["id"])],
                              env=site.env, capture_output=True, check=True)
        head, _, body = done.stdout.partition(b"\n\n")
        assert body == push.body
        fields = dict(line.split(None, 1) for line in head.decode().splitlines())
        assert fields["id"] == str(row["id"]) and fields["account"] == account.path
        assert fields["state"] == "pending" and fields["outcome"] == "HTTP 500"
        assert re.fullmatch("[0-9a-f]{48}", fields["key"])
        assert f"({row['received']}), " in fields["received"]
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["next"])
        assert dict(p.split("=") for p in fields["query"].split("&"))["timestamp"] \
            == push.get("timestamp")
        assert fields["body"] == f"{len(push.body)} bytes, as they came:"
        assert json.loads(fields["is"])["event_code"] == row["event_code"]
    xml = site.dir / "menu.xml"
    xml.write_bytes(MENU)
    assert run(site, "queue", "show", str(rows[1]["id"]))[1].split("\nis        ")[1].split(
        "\n")[0] == run(site, "map", str(xml))[1].rstrip("\n")
    code, out, err = run(site, "queue", "show", "999")
    assert (code, out, err) == (1, "", "qtoa: there is no message 999; run: qtoa queue list\n")


def test_what_is_delivered_is_gone(site, queue):
    row = exported(site)[1]
    assert run(site, "drain")[0] == 0
    code, _, err = run(site, "queue", "show", str(row["id"]))
    assert code == 1 and "there is no message" in err


@pytest.fixture(scope="module")
def keeping():
    """A program that keeps delivered messages."""
    settings = {**program.SETTINGS["main"], "keep_days": 7}
    program.build("keeping", program.config_text(settings))
    return "keeping"


def test_what_is_delivered_and_kept(site, queue, keeping):
    """It can be looked at, but is not in the queue any more."""
    row = exported(site)[2]
    assert run(site, "drain", variant=keeping)[0] == 0
    code, out, _ = run(site, "queue", "show", str(row["id"]))
    assert code == 0 and "\nstate     delivered\n" in out and out.endswith(MENU.decode())
    code, _, err = run(site, "queue", "drop", str(row["id"]), "--yes")
    assert code == 1 and "is delivered" in err
    assert run(site, "queue", "retry", str(row["id"]))[0] == 1
    assert [r["state"] for r in exported(site)] == ["dead"]


def test_show_on_a_terminal(site, server):
    """Nothing that was sent to us moves the cursor."""
    fill(site, server, [(PLAIN, wechat.push(PLAIN, wechat.text_message("\x1b[31m\x9b1m\x07")))])
    code, out = Terminal(site, "queue", "show", "1").end()
    assert code == 0 and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out), repr(out)
    assert "<Content><![CDATA[\\u001b[31m" in out
    assert '\nis        {"event_code":"$$_receive_msg",' in out
    fill(site, server, [(PLAIN, wechat.push(PLAIN, b"<xml>\x07"))])
    assert "\nis        cannot be translated: cut short" in Terminal(
        site, "queue", "show", "2").end()[1]


def test_export(site, server):
    odd = wechat.text_message("x").replace(b"<![CDATA[x]]>", b"<![CDATA[\xff\x01\xe2\x80\xa8\"\\]]>")
    pushes = [(SAFE, wechat.push(SAFE)), (PLAIN, wechat.push(PLAIN, odd))]
    fill(site, server, [(SAFE, wechat.push(SAFE, MENU))], qt_side.code(107))
    fill(site, server, pushes)
    code, out, err = run(site, "queue", "export")
    assert (code, err) == (0, "") and out.count("\n") == 3 and len(out.splitlines()) == 3
    dead, *pending = (json.loads(line) for line in out.splitlines())
    assert list(dead) == ["id", "account", "event_code", "state", "received", "attempts", "next",
                          "outcome", "query", "body"]
    assert (dead["account"], dead["event_code"], dead["state"], dead["next"], dead["outcome"]) \
        == ("safe", "$$_menu_click", "dead", None, "Httpapi_300_107")
    assert pending[0]["body"] == pushes[0][1].body.decode()
    assert pending[0]["next"] > pending[0]["received"] > 1.6e12
    assert pending[1]["event_code"] == "$$_receive_msg"
    assert pending[1]["body"] == odd.decode("utf-8", "replace")
    assert [r["id"] for r in exported(site, "--state", "dead")] == [dead["id"]]
    assert [r["id"] for r in exported(site, "--state", "pending")] == [r["id"] for r in pending]


def test_retry_one(site, queue, server):
    """One that is dead gets another chance; there is one of that number only."""
    dead = exported(site, "--state", "dead")[0]["id"]
    assert run(site, "queue", "retry", str(dead)) == (0, "1 message is due now\n", "")
    assert exported(site, "--state", "dead") == []
    code, out, err = run(site, "queue", "retry", "999")
    assert (code, out) == (1, "") and "999" in err
    assert run(site, "drain")[0] == 0
    assert len(server.received) == 4


def test_retry_account_and_all(site, queue):
    now = time.time() * 1000

    def due():
        return {r["account"] for r in exported(site, "--state", "pending") if r["next"] <= now}

    assert run(site, "queue", "retry", "plain")[:2] == (0, "1 message is due now\n")
    assert due() >= {"plain"}
    assert run(site, "queue", "retry", "/safe")[:2] == (0, "2 messages are due now\n")
    assert run(site, "queue", "retry", "all")[:2] == (0, "4 messages are due now\n")
    assert due() == {"plain", "safe", "compatible"} and not exported(site, "--state", "dead")
    code, out, err = run(site, "queue", "retry", "nobody")
    assert (code, out) == (1, "") and "nobody" in err
    code, _, err = run(site, "queue", "retry", "/all")
    assert code == 1 and '"all"' in err


def test_retry_what_died_of_the_same(site, server):
    """Whatever it was, by the text that the list shows; of all accounts, or of one."""
    for outcome, behave in (("HTTP 413", qt_side.answering(413, "")), ("Httpapi_300_107",
                                                                       qt_side.code(107))):
        fill(site, server, [(a, wechat.push(a)) for a in (SAFE, PLAIN, SAFE)], behave)
        assert [r["outcome"] for r in exported(site)][-3:] == [outcome] * 3

    def left():
        return [(r["account"], r["outcome"]) for r in exported(site, "--state", "dead")]

    retry = ("queue", "retry")
    assert run(site, *retry, "plain", "--outcome", "HTTP 413")[:2] == (0, "1 message is due now\n")
    assert ("plain", "HTTP 413") not in left() and len(left()) == 5
    assert run(site, *retry, "--outcome", "Httpapi_300_107")[:2] == (0, "3 messages are due now\n")
    assert left() == [("safe", "HTTP 413")] * 2
    assert run(site, *retry, "--outcome", "HTTP 413", "all")[:2] == (0, "3 messages are due now\n")
    assert left() == []
    for args in (("--outcome", "HTTP 41"), ("compatible", "--outcome", "HTTP 413")):
        code, out, err = run(site, *retry, *args)
        assert (code, out) == (1, "") and "no message has the last outcome" in err
        assert ("did you mean HTTP 413?" in err) == (args[1] == "HTTP 41"), err
    code, out, err = run(site, *retry, "1", "--outcome", "HTTP 404")
    assert (code, out) == (1, "") and "message 1 with this outcome" in err
    assert run(site, "drain")[0] == 0 and not exported(site)


def test_drop(site, queue):
    ids = [r["id"] for r in exported(site)]
    code, out, _ = run(site, "queue", "drop", str(ids[0]), "--yes")
    assert code == 0 and re.match(f"message {ids[0]} is dropped: safe, .*, dead, ", out)
    code, out, err = run(site, "queue", "drop", str(ids[0]), "--yes")
    assert (code, out, err) == (1, "", f"qtoa: there is no message {ids[0]}; run: qtoa queue list\n")
    assert [r["id"] for r in exported(site)] == ids[1:]


@pytest.mark.parametrize("answer,dropped", (("y\n", True), ("Y\n", True), ("n\n", False),
                                            ("\n", False), ("x\n", False), ("\x04", False)))
def test_drop_asks(site, queue, answer, dropped):
    ids = [r["id"] for r in exported(site)]
    terminal = Terminal(site, "queue", "drop", str(ids[1]))
    terminal.expect("[y/N] ")
    assert f"message {ids[1]}: safe, $$_menu_click, pending, " in terminal.text
    terminal.type(answer)
    code, out = terminal.end()
    assert code == (0 if dropped else 1) and ("is kept" in out) != dropped
    assert ([r["id"] for r in exported(site)] == ids) != dropped


def test_broken_configuration(site, queue):
    """To look and to drop no account is needed; to send, all must be right."""
    ids = [str(r["id"]) for r in exported(site)]
    for args in (("list",), ("show", ids[1]), ("export",), ("drop", ids[0], "--yes")):
        code, out, err = run(site, "queue", *args, env=BROKEN)
        assert code == 0 and out and "qt_url" in err, args
    for args in (("queue", "retry", "all"), ("drain",)):
        code, out, err = run(site, *args, env=BROKEN)
        assert (code, out) == (1, "") and "qt_url" in err
    env = {**site.env}
    del env["QTOA_STATE_DIR"]
    done = subprocess.run([program.binary("main"), "queue", "list"], env=env, capture_output=True)
    assert done.returncode == 1 and b"state_dir has no value" in done.stderr


def test_state_that_cannot_be_used(site):
    (site.state / "qtoa.db").mkdir()
    for args in (("queue", "list"), ("queue", "export"), ("drain",)):
        code, out, err = run(site, *args)
        assert code == 1 and out == "" and err.startswith("qtoa: "), args
    (site.state / "qtoa.db").rmdir()


def test_root_becomes_the_owner(server):
    """Whoever runs it, no file is left that the owner of the directory cannot use."""
    root = os.geteuid() == 0
    home = program.Home(server.url, owner=(NOBODY, NOBODY) if root else None)
    try:
        # A store, made by the command: what it finds is worth looking at.
        (home.state / "qtoa.db").write_bytes(b"")
        home.give(home.state / "qtoa.db")
        assert run(home, "queue", "list") == (0, "the queue is empty\n", "")
        assert run(home, "drain")[0] == 0
        owner = NOBODY if root else os.geteuid()
        assert len(os.listdir(home.state)) > 1
        assert {(home.state / f).stat().st_uid for f in os.listdir(home.state)} == {owner}
    finally:
        home.remove()


# drain

SUMMARY = re.compile(r"drained: (\d+) delivered, (\d+) dead, (\d+) failed, (\d+) still pending, "
                     r"\d+\.\d s(; another process was sending too)?\n")


def numbers(out):
    match = SUMMARY.fullmatch(out)
    assert match, out
    return tuple(int(n) for n in match.groups()[:4])


def test_drain(site, queue, server):
    code, out, err = run(site, "drain")
    assert (code, err) == (0, "") and numbers(out) == (3, 0, 0, 0)
    assert len(server.received) == 3 and not server.problems
    assert {r.fields["weChatOAData"] for r in server.received} == {
        p.body.decode() for _, p in queue}
    rows = site.log.wait(3, what="drain", verdict="delivered")
    assert all(r["age_s"].isdigit() and int(r["attempts"]) >= 2 for r in rows)
    rows, rest = table(run(site, "queue", "list")[1])
    assert [r["state"] for r in rows] == ["dead"] and rest == ["0 pending, 1 dead"]
    code, out, _ = run(site, "drain")
    assert code == 0 and numbers(out) == (0, 0, 0, 0)


def test_drain_into_trouble(site, queue, server):
    """Each message is tried once at most, and what is left is 1."""
    server.behave = qt_side.code(107)
    assert run(site, "queue", "retry", "1")[0] == 0
    code, out, _ = run(site, "drain")
    assert code == 0 and numbers(out) == (0, 4, 0, 0)
    assert run(site, "queue", "retry", "all")[0] == 0
    server.behave = SICK
    server.received.clear()
    code, out, _ = run(site, "drain")
    delivered, dead, failed, pending = numbers(out)
    assert code == 1 and (delivered, dead, pending) == (0, 0, 4)
    assert failed == len(server.received) <= 4
    server.behave = qt_side.genuine
    code, out, _ = run(site, "drain")
    assert code == 0 and numbers(out) == (4, 0, 0, 0)


def test_drain_while_qt_is_down(site):
    backlog(site, 12)
    code, out, err = run(site, "drain")
    assert code == 1 and numbers(out)[0] == 0 and numbers(out)[3] == 12
    assert "does not answer as QT does" in err and "qtoa check" in err


def test_drain_takes_its_time_only(site, server):
    backlog(site, 3)
    server.start()
    code, out, _ = run(site, "drain", "--seconds", "0")
    assert code == 1 and numbers(out) == (0, 0, 0, 3) and not server.received
    code, out, _ = run(site, "drain", "--seconds", "30")
    assert code == 0 and numbers(out) == (3, 0, 0, 0)


def test_a_stopped_account(site, server):
    """It says so everywhere; retry sends again, and another answer of QT's lets it go on."""
    fill(site, server, [(SAFE, wechat.push(SAFE)) for _ in range(6)], qt_side.code(106))
    fill(site, server, [(PLAIN, wechat.push(PLAIN))])
    code, out, _ = run(site, "queue", "list")
    rows, rest = table(out)
    assert [r["next"] for r in rows[:6]] == ["stopped"] * 6 and rows[6]["next"] != "stopped"
    assert rest[0] == "7 pending, 0 dead" and "next probe in " in rest[1]
    assert rest[1].startswith("safe is stopped") and rest[1].endswith("qtoa queue retry safe")
    code, out, err = run(site, "drain")
    assert code == 1 and numbers(out) == (1, 0, 0, 6) and "safe is stopped" in err
    assert run(site, "queue", "retry", "safe")[:2] == (0, "6 messages are due now\n")
    code, out, err = run(site, "drain")
    assert (code, err) == (0, "") and numbers(out) == (6, 0, 0, 0)


def frames(text):
    return [f for f in text.split("\r") if f.startswith("[")]


@pytest.mark.parametrize("columns", (30, 80, 200))
def test_progress(site, server, columns):
    backlog(site, 150)
    server.behave = qt_side.delayed(0.05)
    server.start()
    begin = time.monotonic()
    code, out = Terminal(site, "drain", columns=columns).end()
    took = time.monotonic() - begin
    drawn = frames(out)
    assert code == 0 and len(drawn) >= 3, repr(out)
    assert len(drawn) <= took * 10 + 2
    assert all(len(f) < columns for f in drawn)
    if columns >= 80:   # what is left, and for how long
        left = [re.search(r" (\d+)/150 \d+/s, (\d+) left(, \d+ s)?", f) for f in drawn]
        assert all(m and int(m[1]) + int(m[2]) == 150 for m in left) and any(m[3] for m in left), drawn
    shown = [re.match(r"\[(#*)\.*\] (\d+)/150 \d+/s", f) for f in drawn]
    assert all(shown), drawn
    done = [int(m.group(2)) for m in shown]
    assert done == sorted(done) and done[-1] <= 150
    assert [len(m.group(1)) for m in shown] == sorted(len(m.group(1)) for m in shown)
    assert numbers(out.split("\r")[-1]) == (150, 0, 0, 0)
    # A message that QT answers too late on a busy machine has a line for that, too.
    delivered = [d for d in site.log.wait(150, what="drain") if "class" not in d]
    assert "what=drain" not in out and len(delivered) == 150


def test_no_bar_elsewhere(site, queue):
    code, out, _ = run(site, "drain")
    assert code == 0 and "\r" not in out and out.count("\n") == 1


def start_drain(site, hangup):
    """hangup: what its parent has left of SIGHUP."""
    return subprocess.Popen([program.binary("main"), "drain"], env=site.env,
                            stdout=subprocess.PIPE, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGHUP, hangup))


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
def test_stopped_by_hand(site, server, number):
    """What is under way is settled: nothing is sent twice, nothing lost."""
    backlog(site, 60)
    server.behave = qt_side.delayed(0.2)
    server.start()
    proc = start_drain(site, signal.SIG_DFL)
    server.wait(9)
    proc.send_signal(number)
    out = proc.communicate(timeout=PATIENCE_S)[0]
    delivered, _, _, pending = numbers(out)
    assert proc.returncode == 128 + number and delivered + pending == 60 and pending > 0
    server.behave = qt_side.genuine
    assert run(site, "drain")[0] == 0
    ids = [re.search(r"<MsgId>(\d+)", r.fields["weChatOAData"]).group(1) for r in server.received]
    assert sorted(map(int, ids)) == list(range(1000, 1060))


class Foreground(Terminal):
    """Where Ctrl-C is typed: on a terminal that is its session's own."""

    def __init__(self, home, *args):
        super().__init__(home, *args, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))


def test_ctrl_c(site, server):
    """What is under way is finished; the last line says what is left, and the status is 130."""
    backlog(site, 60)
    server.behave = qt_side.delayed(0.2)
    server.start()
    term = Foreground(site, "drain")
    server.wait(9)
    term.type("\x03")
    code, out = term.end()
    last = out.split("\r")[-1]
    delivered, _, _, pending = numbers(last[last.index("drained"):].splitlines(True)[0])
    assert code == 130 and delivered + pending == 60 and delivered >= 8 and pending > 0, out
    assert f"qtoa: stopped by SIGINT; {pending} messages are left; to go on, run: qtoa drain" in out


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_retry_is_stopped(site, number):
    """After the step that is under way; the others are named.  The store is held until it has come."""
    backlog(site, 2)
    with contextlib.closing(sqlite3.connect(site.state / "qtoa.db", isolation_level=None)) as db:
        db.execute("UPDATE message SET id = 20000 WHERE id = (SELECT max(id) FROM message)")
        db.execute("BEGIN IMMEDIATE")
        proc = subprocess.Popen([program.binary("main"), "queue", "retry", "all"], env=site.env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        program.until(lambda: catches(proc.pid, number), "the handler")
        proc.send_signal(number)
        program.until(lambda: not pends(proc.pid, number), "the signal")
        db.execute("ROLLBACK")
    out, err = proc.communicate(timeout=PATIENCE_S)
    assert proc.returncode == 128 + number and "due now" in out, (out, err)
    assert f"stopped by {number.name}; messages from " in err and " to 20000 are left" in err, err


def mask_of(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1], 16) for line in f if line.startswith(name))


def catches(pid, number):
    return mask_of(pid, "SigCgt") >> (number - 1) & 1


def pends(pid, number):
    return (mask_of(pid, "SigPnd") | mask_of(pid, "ShdPnd")) >> (number - 1) & 1


def test_hangup_under_nohup(site, server):
    """Whoever ignores SIGHUP for it wants it to go on."""
    backlog(site, 30)
    server.behave = qt_side.delayed(0.1)
    server.start()
    proc = start_drain(site, signal.SIG_IGN)
    server.wait(9)
    proc.send_signal(signal.SIGHUP)
    assert numbers(proc.communicate(timeout=PATIENCE_S)[0])[::3] == (30, 0) and proc.returncode == 0


def test_beside_one_that_serves(site, server):
    """Another process has the queue in hand: it is watched, and nothing is sent twice."""
    backlog(site, 40)
    server.behave = qt_side.held
    server.start()
    with serving(site):
        server.wait(1)      # it probes, and so holds the queue
        terminal = Terminal(site, "drain")
        terminal.expect("another process is sending to 1 of the QT addresses; waiting for it")
        server.gate.set()
        code, out = terminal.end()
        assert code == 0, out
        assert numbers(out.split("\r")[-1])[3] == 0 and "; another process was sending too" in out
    ids = [re.search(r"<MsgId>(\d+)", r.fields["weChatOAData"]).group(1) for r in server.received]
    assert sorted(map(int, ids)) == list(range(1000, 1040))


def test_two_at_once(site, server):
    backlog(site, 200)
    server.behave = qt_side.delayed(0.01)
    server.start()
    procs = [subprocess.Popen([program.binary("main"), "drain"], env=site.env, text=True,
                              stdout=subprocess.PIPE) for _ in range(3)]
    outs = [p.communicate(timeout=60)[0] for p in procs]
    assert [p.returncode for p in procs] == [0, 0, 0], outs
    assert sum(numbers(out)[0] for out in outs) == 200
    assert len(server.received) == 200


def test_drain_rescues(site, queue, server):
    """What waits in a file that was set aside is sent, too."""
    for end in ("", "-wal", "-shm"):
        old = site.state / f"qtoa.db{end}"
        if old.exists():
            old.rename(site.state / f"qtoa.db.damaged-1{end}")
    code, out, _ = run(site, "drain")
    assert code == 0 and numbers(out) == (3, 0, 0, 0) and len(server.received) == 3
    assert any(f.startswith("qtoa.db.rescued-1") for f in os.listdir(site.state))
