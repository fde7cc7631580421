"""`qtoa status`: its numbers are those of what was sent, its screen is one, and it works when
little else does."""

import contextlib
import fcntl
import json
import os
import pty
import re
import sqlite3
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

import program
import qt as qt_side
import wechat
from program import until
from test_cli import run
from test_queue_cli import Terminal
from wechat import PLAIN, SAFE

SICK = qt_side.answering(500, "<html>")
SECRET = "hushAppSecret0123456789abcdef012"
NO_TOKEN = {"E2E_SECRET": "", "E2E_WECHAT_API": "https://127.0.0.1:9"}


# It is noon in China: what is sent today is of today when it is looked at.
AHEAD = (4 * 3600 - int(time.time())) % 86400


@pytest.fixture
def home(home, qt):
    qt.ahead = AHEAD
    home.env.update(NO_TOKEN, **home.clock(AHEAD))
    return home


@pytest.fixture
def pool(home, make_pool):
    return make_pool("vital")


def status(home, *args, variant="vital", env=None):
    """Exit status, and the lines of the screen."""
    code, out, err = run(home, "status", *args, variant=variant, env=env)
    assert err == ""
    return code, out.splitlines()


def as_json(home, expect=0, **how):
    code, out, err = run(home, "status", "--json", variant="vital", **how)
    assert (code, err) == (expect, ""), (code, out, err)
    return json.loads(out)


def row(lines, table, account):
    """A line of a table by its words."""
    at = next(i for i, line in enumerate(lines) if line.startswith(table))
    return next(line.split() for line in lines[at + 1:] if line.startswith(account))


def columns(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def message(account, **how):
    at = time.time() + AHEAD
    return wechat.push(account, wechat.text_message(at=at), at=at, **how)


def push(pool, account, **how):
    return pool.push(account, message(account, **how))


def warned(lines):
    """The screen says no more than that this host's disk is nearly full, if it is."""
    return [line for line in lines if line.startswith(("failed", "warning"))
            and "make room" not in line and "left of" not in line]


def test_no_state(home):
    code, lines = status(home)
    assert code == 0 and lines[0].startswith("well") and warned(lines) == []
    assert row(lines, "today", "safe") == ["safe", *"000000", "-", "-"]
    assert row(lines, "now", "plain") == ["plain", "0", "-", "0", "-", "ok", "-"]
    assert os.listdir(home.state) == []
    seen = as_json(home)
    assert seen["health"]["problems"] == [] and seen["failures"] == seen["knocking"] == []
    assert [a["account"] for a in seen["accounts"]] == ["safe", "plain"]
    away = {"QTOA_STATE_DIR": str(home.dir / "away")}
    assert status(home, env=away)[0] == 0 and not (home.dir / "away").exists()


def test_numbers(home, pool, qt):
    once = message(SAFE)
    for p in (once, once, message(SAFE)):
        assert pool.push(SAFE, p).body == b"success"
    for _ in range(3):
        assert push(pool, SAFE, token="wrong").status == 403
    pool.push(SAFE, wechat.handshake(SAFE, at=time.time() + AHEAD))
    push(pool, PLAIN)
    qt.behave = qt_side.code(108)
    push(pool, SAFE)
    qt.behave = SICK
    push(pool, PLAIN)
    until(lambda: status(home)[0] == 1, "a message that waits too long")

    seen = as_json(home, 1)
    safe, plain = seen["accounts"]
    names = ("received", "delivered", "queued", "dead", "repeats", "refused", "unsafe",
             "pending_now", "dead_now", "handshakes")
    assert [safe[n] for n in names] == [7, 2, 0, 1, 1, 3, 0, 0, 1, 1]
    assert [plain[n] for n in names] == [2, 1, 1, 0, 0, 0, 0, 1, 0, 0]
    assert plain["pending_age_ms"] > 1000 and safe["pending_age_ms"] is None
    assert safe["dead_age_ms"] >= 0
    for a in (safe, plain):
        assert 0 <= a["qt_p50_ms"] <= a["qt_p99_ms"] and 0 <= a["p50_ms"] <= a["p99_ms"]
        assert a["token_left_s"] is a["token_failures"] is None
    assert {(p["what"], p["account"]) for p in seen["health"]["problems"]} >= {
        ("pending", "plain")}
    assert ("dead", "safe") in {(p["what"], p["account"]) for p in seen["health"]["warnings"]}
    files = {p.name: p.stat().st_blocks * 512 for p in home.state.iterdir()}
    disk = seen["disk"]
    assert disk["state_bytes"] >= disk["db_bytes"] >= files["qtoa.db"] > 0
    assert disk["disk_bytes"] >= disk["free_bytes"] > 0 and disk["events"] == 0
    assert disk["daily_bytes"] > 100000 and disk["full_days"] >= 0

    code, lines = status(home)
    assert code == 1 and re.match(r"failing: .*pending plain", lines[0])
    assert row(lines, "today", "safe")[1:7] == ["7", "2", "0", "1", "1", "3"]
    assert row(lines, "today", "plain")[1:7] == ["2", "1", "1", "0", "0", "0"]
    assert row(lines, "now", "plain")[1] == "1" and row(lines, "now", "safe")[3] == "1"
    words = " ".join(" ".join(lines).split())
    assert "failed plain: 1 message waits for QT, the oldest for" in words
    assert "warning safe: 1 dead message waits for people, the oldest for" in words
    assert len(lines) <= 24 and max(map(columns, lines)) <= 80


def test_failures_and_who_knocks(home, pool, qt):
    """Each peer with how often it was; of other failures what it was."""
    for peer, times in (("203.0.113.9", 3), ("198.51.100.7", 5)):
        for _ in range(times):
            assert pool.push(SAFE, message(SAFE, token="wrong"), REMOTE_ADDR=peer).status == 403
    qt.behave = qt_side.code(107)
    push(pool, PLAIN)
    seen = as_json(home)
    assert [(k["peer"], k["account"], k["count"]) for k in seen["knocking"]] == [
        ("198.51.100.7", "safe", 5), ("203.0.113.9", "safe", 3)]
    failure = seen["failures"][0]
    assert (failure["what"], failure["account"], failure["error"]) == (
        "request", "plain", "refused by QT") and failure["count"] == 1
    lines = status(home)[1]
    bad = [line for line in lines if "signature wrong" in line]
    assert len(bad) == 2 and bad[0].startswith("bad clients ")
    assert re.search(r" 5 x  198\.51\.100\.7 at safe: ", bad[0])
    assert any(line.startswith("failures ") and "plain: refused by QT" in line for line in lines)


def test_breaker_and_stop(home, pool, qt):
    qt.behave = SICK
    for _ in range(6):
        push(pool, SAFE)
    until(lambda: "breaker" in status(home)[1][0], "an open breaker")
    code, lines = status(home)
    assert code == 1 and "breaker safe, plain" in lines[0]
    assert "open" in " ".join(row(lines, "now", "safe"))
    qt.behave = qt_side.genuine
    until(lambda: status(home)[0] == 0 and not home.rows(), "well again, and all sent")
    qt.behave = qt_side.code(106)
    for _ in range(5):
        push(pool, PLAIN)
    code, lines = status(home)
    assert code == 1 and "stopped plain" in lines[0] and "safe" not in lines[0]
    assert " ".join(row(lines, "now", "plain")[-5:]).startswith("stopped, in ")


def test_token(home):
    """Of an account with .secret: none, and why; no secret is shown."""
    env = {"E2E_SECRET": SECRET}
    assert run(home, "token", "safe", variant="vital", env=env)[0] == 1
    code, lines = status(home, env=env)
    assert code == 1 and "token safe" in lines[0]
    assert row(lines, "now", "safe")[6:] == ["none,", "fails"]
    assert row(lines, "now", "plain")[6:] == ["-"]
    assert "qtoa token safe --refresh" in " ".join(" ".join(lines).split())
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db, db:
        db.execute("UPDATE token SET token = 'hushToken', fails = 0, why = '', "
                   "fetched = ?1, expires = ?1 + 7000", (int(time.time()) + AHEAD,))
    code, lines = status(home, env=env)
    assert code == 0 and row(lines, "now", "safe")[6:] == ["116", "min", "left"]
    seen = as_json(home, env=env)
    assert 6900 < seen["accounts"][0]["token_left_s"] <= 7000
    assert "hush" not in str(seen) and "hush" not in "".join(lines)


# A store in trouble.

def test_locked(home, pool):
    """Another process writes all the time: what can be read is shown."""
    push(pool, SAFE)
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        code, lines = status(home)
        assert code == 1 and lines[0].startswith("failing: store ")
        assert "locked" in " ".join(lines) and row(lines, "today", "safe")[1] == "1"
        db.execute("ROLLBACK")
    assert status(home)[0] == 0


def test_damaged(home):
    """The file is moved away, and a warning stays until its messages are taken over."""
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db:
        db.execute("CREATE TABLE t (a)")
        db.commit()
    (home.state / "qtoa.db").write_bytes(os.urandom(50000))
    code, lines = status(home)
    assert code == 0 and lines[0].startswith("well, but ")
    assert "qtoa.db.damaged-" in " ".join(lines) and "run: qtoa drain" in " ".join(lines)
    assert run(home, "drain", variant="vital")[0] == 0
    assert warned(status(home)[1]) == []


def test_no_store_to_be_had(home):
    (home.state / "qtoa.db").mkdir()
    code, lines = status(home)
    assert code == 1 and lines[0].startswith("failing: store ")
    assert row(lines, "now", "safe") == ["safe", "?", "-", "?", "-", "ok", "-"]
    assert as_json(home, 1)["accounts"][0]["pending_now"] is None


def test_unusable_configuration(home, pool):
    push(pool, SAFE)
    code, out, err = run(home, "status", variant="vital", env={"QTOA_QT_URL": "nonsense"})
    assert code == 1 and out.startswith("failing: configuration ") and "qt_url" in err
    assert "run: qtoa check" in " ".join(out.split()) and "disk " in out
    code, out, err = run(home, "status", "--json", variant="vital",
                         env={"QTOA_QT_URL": "nonsense", "QTOA_STATE_DIR": ""})
    assert code == 1
    assert [p["what"] for p in json.loads(out)["health"]["problems"]] == ["configuration"]


@pytest.mark.parametrize("args", ("more", "--watch x", "--watch 0", "--watch -1",
                                  "--watch 99999999", "--watch 2 more", "--csv"))
def test_wrong_usage(home, args):
    code, out, err = run(home, "status", *args.split(), variant="vital")
    assert (code, out) == (2, "") and err.startswith("usage: qtoa status")


# The screen.

@pytest.fixture
def ten(home):
    """QT as it knows the ten accounts."""
    server = qt_side.QT(wechat.TEN)
    home.env["QTOA_QT_URL"] = server.url
    yield server
    server.stop()


def test_names_that_are_none(home, ten):
    """Ten accounts on one screen; nothing of a name gets to the terminal as it is."""
    code, lines = status(home, variant="ten")
    assert code == 0 and len(lines) <= 24, lines
    assert max(map(columns, lines)) <= 80
    text = "\n".join(lines)
    assert all(c.isprintable() or c == "\n" for c in text), repr(text)
    for name in ("two?lines", "tab?here", "x$(reboot)", "<b>bold</b>", "aaaaaaaaaaa…", "选店选店选…"):
        assert sum(line.startswith(name) for line in lines) == 2, name
    ten.behave = qt_side.code(106)
    pool = program.Pool(home, "ten")
    try:
        for account in wechat.TEN * 5:
            assert push(pool, account).body == b"success"
    finally:
        pool.stop()
    code, lines = status(home, variant="ten")
    assert code == 1 and lines[0].startswith("failing: stopped ?[2J?]0;title?, two?lines, ")
    assert len(lines) <= 24 and max(map(columns, lines)) <= 80
    done = run(home, "status", "--json", variant="ten")
    assert len(json.loads(done[1])["health"]["problems"]) == 10


@pytest.mark.parametrize("width", (40, 60, 132))
def test_width(home, pool, qt, width):
    qt.behave = qt_side.code(106)
    for _ in range(5):
        push(pool, SAFE)
    code, out = Terminal(home, "status", columns=width, variant="vital").end()
    lines = out.splitlines()
    assert code == 1 and len(lines) <= 24 and "\x1b" not in out
    assert max(map(columns, lines)) <= width
    said = " ".join(" ".join(lines).split())
    assert "failed safe: QT refuses the account's signature or keys, its messages wait" in said


class Watched(Terminal):
    """`status --watch` where Ctrl-C is typed: on a terminal that is its session's own."""

    def __init__(self, home, seconds):
        self.written = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.proc = subprocess.Popen(
            [program.binary("vital"), "status", "--watch", seconds], env=home.env, stdin=slave,
            stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def shows(self, condition, what):
        """Waits until that is true of the screens that are whole."""
        until(lambda: self.read(0.1) and condition(screens(self.text)), what)

    def interrupt(self):
        self.type("\x03")
        until(lambda: self.read(0.01) or self.proc.poll() is not None, "the end")
        return self.end()


def screens(text):
    """What stood on a terminal after each drawing."""
    return [part.replace("\x1b[K", "") for part in re.findall(r"\x1b\[H(.*?)\x1b\[J", text, re.S)]


@pytest.fixture
def watched(home):
    """Starts one, which a test that fails does not leave behind."""
    with contextlib.ExitStack() as stack:
        def start(seconds):
            t = Watched(home, seconds)
            stack.callback(t.proc.wait)
            stack.callback(t.proc.kill)
            return t
        yield start


def test_watch(home, pool, watched):
    """Drawn anew, with no line more than the terminal has, until Ctrl-C; then all is as it was."""
    t = watched("1")
    before = termios.tcgetattr(t.master)
    t.expect("\x1b[J")
    assert t.text.startswith("\x1b[?1049h\x1b[H")
    push(pool, SAFE)
    t.shows(lambda seen: any(re.search(r"(?m)^safe +1 +1 ", s) for s in seen), "the push")
    assert termios.tcgetattr(t.master) == before
    code, out = t.interrupt()
    assert code == 0 and out.endswith("\x1b[?1049l")
    for screen in screens(out):
        lines = screen.splitlines()
        assert lines[0].startswith("well") and len(lines) <= 24 and not screen.endswith("\n")


def test_watch_another_size(watched):
    """The terminal is made smaller: drawn at once, and no more than there is room for."""
    t = watched("3600")
    t.expect("\x1b[J")
    fcntl.ioctl(t.master, termios.TIOCSWINSZ, struct.pack("HHHH", 4, 50, 0, 0))
    t.shows(lambda seen: len(seen) == 2, "drawn anew")
    lines = screens(t.text)[1].splitlines()
    assert len(lines) == 4 and max(map(columns, lines)) <= 50
    assert t.interrupt()[0] == 0


def test_watch_without_a_terminal(home):
    """One screen after another; a reader that is gone ends it."""
    proc = subprocess.Popen([program.binary("vital"), "status", "--watch", "1"], env=home.env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    heads = 0
    while heads < 2:
        line = proc.stdout.readline()
        assert line and b"\x1b" not in line
        heads += line.startswith(b"well")
    proc.stdout.close()
    until(lambda: proc.poll() is not None, "its end")
    assert proc.stderr.read() == b""
    proc.stderr.close()
