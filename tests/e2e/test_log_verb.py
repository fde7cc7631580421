"""`qtoa log`: why a message failed, wherever the log is: in a file and rotated ones, in the
journal, in a web server's error log; and what is written while one looks."""

import contextlib
import gzip
import hashlib
import json
import lzma
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from program import until
from test_cli import run
from wechat import PLAIN, SAFE

USER = "oQtoaE2eUser0000000000000001"
JOURNAL = Path(__file__).with_name("journal.xz")
DAY = 86400


def alias(user):
    return hashlib.sha256(user.encode()).hexdigest()[:12]


def line(at, n=0, account="safe", level="info", more="verdict=delivered", user=USER):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".000Z"
    return (f"time={stamp} level={level} what=request id=1-{n} account={account} {more} "
            f"event=$$_receive_msg key={n:016x} user={alias(user)} bytes=5 ms=12\n")


def rows(home, *args, expect=0, **how):
    code, out, err = run(home, "log", "--json", *args, **how)
    assert (code, err) == (expect, ""), (code, out, err)
    return [json.loads(text) for text in out.splitlines()]


def ids(*found):
    return [r["id"] for r in found]


# What the program itself has written.

@pytest.fixture
def messages(home, qt, make_pool):
    """One delivered, one queued, one dead, one forged."""
    pool = make_pool("main")
    pool.push(SAFE, wechat.push(SAFE, wechat.text_message("one", user=USER, msgid=1)))
    qt.behave = qt_side.answering(500, "<html>")
    pool.push(SAFE, wechat.push(SAFE, wechat.text_message("two", user=USER, msgid=2)))
    qt.behave = qt_side.code(108)
    pool.push(PLAIN, wechat.push(PLAIN, wechat.text_message("three", user="oOther", msgid=3)))
    pool.push(SAFE, wechat.push(SAFE, wechat.text_message(msgid=4), token="wrong"))
    home.log.wait(4, what="request")
    pool.signal()
    pool.proc.wait(PATIENCE_S)
    return home


def test_what_failed(messages):
    found = [r for r in rows(messages, "--failed") if r["what"] == "request"]
    assert [r["verdict"] for r in found] == ["queued", "dead", "rejected"]
    assert all(r["failed"] for r in found) and all(r["advice"] for r in found)
    queued, dead, forged = found
    assert queued["queue"]["state"] == "pending" and queued["queue"]["attempts"] >= 1
    assert dead["queue"]["state"] == "dead" and "108" in dead["queue"]["outcome"]
    assert "queue" not in forged and forged["status"] == 403
    code, out, err = run(messages, "log", "--failed")
    assert (code, err) == (0, "") and "\x1b" not in out
    said = [text for text in out.splitlines() if " queued " in text and "$$_receive_msg" in text]
    assert "not confirmed by QT" in said[0] and "run: qtoa queue show" in said[0]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  safe ", said[0])


def test_one_user(messages):
    for who in (USER, alias(USER)):
        found = [r for r in rows(messages, "--user", who) if r["what"] == "request"]
        assert [r["verdict"] for r in found] == ["delivered", "queued"]
    assert [r["verdict"] for r in rows(messages, "--user", "oOther")] == ["dead"]
    assert rows(messages, "--user", "oNobody") == []


def test_what_is_sent_later_is_the_user_s_too(messages, qt):
    qt.behave = qt_side.answering(200, '{"code":"Httpapi_300_200"}')
    run(messages, "drain")
    found = rows(messages, "--user", USER)
    assert [(r["what"], r["verdict"]) for r in found if "verdict" in r][-1][0] == "drain"
    assert found[-1]["key"] == [r for r in found if r.get("verdict") == "queued"][0]["key"]


def test_one_account(messages):
    for word in ("plain", PLAIN.appid):
        assert {r["account"] for r in rows(messages, word)} == {"plain"}
    code, out, err = run(messages, "log", "nobody")
    assert (code, out) == (1, "") and "there is no account nobody" in err


def test_a_log_of_openids(home):
    home.log.path.write_text(line(0).replace(f"user={alias(USER)}", f"user={USER}"))
    assert len(rows(home, "--user", USER)) == 1 and rows(home, "--user", "oOther") == []


# Files.

@pytest.fixture
def rotated(home):
    """Five days, a file each, as logrotate leaves them; all changed just now."""
    now = int(time.time())
    log = home.log.path
    names = ["log", "log.1", "log.2.gz", "log.3.gz", "log.10.gz"]
    for n in (4, 0, 2, 1, 3):
        text = "".join(line(now - n * DAY - i, 10 * n + i) for i in (2, 1)).encode()
        path = log.with_name(names[n])
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    log.with_name("log.1.bak").write_text(line(now, 77))
    log.with_name("logistics.1").write_text(line(now, 78))
    return home


def test_rotated_files(rotated):
    everything = [f"1-{10 * n + i}" for n in (4, 3, 2, 1, 0) for i in (2, 1)]
    assert ids(*rows(rotated)) == everything
    assert ids(*rows(rotated, "--since", "30d")) == everything
    assert ids(*rows(rotated, "--lines", "3")) == everything[-3:]
    assert ids(*rows(rotated, "--lines", "1")) == everything[-1:]
    assert ids(*rows(rotated, "--since", "36h")) == everything[-4:]
    assert ids(*rows(rotated, "--since", "60h", "--until", "12h")) == everything[-6:-2]
    assert ids(*rows(rotated, "--since", "30d", "--lines", "2")) == everything[-2:]


def test_no_unpacker(rotated):
    """One line says it, and only if a packed file is needed."""
    rotated.env["PATH"] = str(rotated.dir)
    plain = [f"1-{10 * n + i}" for n in (1, 0) for i in (2, 1)]
    code, out, err = run(rotated, "log", "--json")
    assert code == 0 and [json.loads(row)["id"] for row in out.splitlines()] == plain
    assert err == (f"qtoa: {rotated.log.path}: packed files are left out, since there is no gzip in "
                   "PATH; install gzip\n")
    assert run(rotated, "log", "--lines", "1")[2] == ""
    rotated.log.path.unlink()
    rotated.log.path.with_name("log.1").unlink()
    code, out, err = run(rotated, "log")
    assert code == 1 and out == "" and err.count("\n") == 1 and "no gzip in PATH" in err


def test_files_that_are_older_are_not_read(rotated):
    """A file that was changed before the time has no later line."""
    old = rotated.log.path.with_name("log.10.gz")
    old.write_bytes(gzip.compress(line(time.time(), 99).encode()))
    os.utime(old, (0, 0))
    assert "1-99" not in ids(*rows(rotated, "--since", "30d"))
    assert "1-99" in ids(*rows(rotated))


def test_dated_files(home):
    log = home.log.path
    for n, name in enumerate(("log-20261120", "log-20261119.gz", "log-20261118.gz")):
        text = line(1000 - n, n).encode()
        log.with_name(name).write_bytes(gzip.compress(text) if ".gz" in name else text)
    log.write_text(line(2000, 9))
    assert ids(*rows(home)) == ["1-2", "1-1", "1-0", "1-9"]
    assert ids(*rows(home, "--lines", "2")) == ["1-0", "1-9"]
    log.with_name("my-20261120.log").write_text(line(1, 1))
    log.with_name("my.log").write_text(line(2, 2))
    assert ids(*rows(home, "--file", str(log.with_name("my.log")))) == ["1-1", "1-2"]


def test_a_long_log(home):
    home.log.path.write_text("".join(line(1000 + i, i) for i in range(20000)) + "x" * 200000
                             + "\n" + line(50000, 20000).rstrip())
    assert ids(*rows(home)) == [f"1-{i}" for i in range(19951, 20001)]
    assert len(rows(home, "--since", "1970-01-01")) == 20001


def test_no_file(home):
    code, out, err = run(home, "log")
    assert (code, out) == (1, "") and str(home.log.path) in err and "settings.log" in err
    code, out, err = run(home, "log", "--file", "/missing")
    assert (code, out) == (1, "") and err.startswith("qtoa: /missing: No such file")
    assert run(home, "log", "--file", str(home.dir))[0] == 1


def test_empty_file(home):
    home.log.path.touch()
    assert rows(home) == []


# A web server's error log.

def test_error_log(home):
    text = line(1000, 1, more='verdict=rejected error="signature mismatch" status=403').rstrip()
    apache = text.replace("\\", "\\\\").replace('"', '\\"')
    log = home.dir / "error.log"
    log.write_text(f"[Sun Nov 22 07:02:41.2 2026] [mpm_event:notice] [pid 1] resuming\n"
                   f"[Sun Nov 22 07:02:41.2 2026] [cgid:error] [pid 1:tid 2] [client 1.2.3.4:5] "
                   f"AH01215: stderr from /usr/lib/cgi-bin/qtoa.cgi: {apache}\n"
                   f'2026/11/22 07:02:41 [error] 5#5: *1 FastCGI sent in stderr: "{text}" while '
                   "reading response header from upstream, client: 1.2.3.4, server: _\n"
                   f"Nov 22 07:02:41 host qtoa[12]: {text.partition(' ')[2]}\n")
    found = rows(home, "--file", str(log), "--failed")
    assert len(found) == 3
    assert {(r["error"], r["id"], r["ms"]) for r in found} == {("signature mismatch", "1-1", 12)}


# The journal.

@pytest.fixture
def journal(home):
    """journalctl, of a journal file that systemd has written; what it was asked is in asked."""
    file = home.dir / "qtoa.journal"
    file.write_bytes(lzma.decompress(JOURNAL.read_bytes()))
    bin_ = home.subdir("bin")
    (bin_ / "journalctl").write_text(
        f'#!/bin/sh\necho "$@" >>{home.dir}/asked\n'
        f'exec {shutil.which("journalctl")} --file={file} "$@"\n')
    (bin_ / "journalctl").chmod(0o755)
    home.env["PATH"] = f"{bin_}:{home.env['PATH']}"
    return home


def test_journal(journal):
    journal.env["E2E_LOG"] = "stderr"
    found = [r for r in rows(journal) if r["id"].startswith("6d2-")]
    assert ids(*found) == ["6d2-4", "6d2-5", "6d2-6"]
    # A line to syslog has no time of its own.
    assert [r["time"] for r in found] == ["2026-11-22T07:02:41.227Z", "2026-11-22T07:03:41.227Z",
                                          "2026-11-22T07:05:41.227Z"]
    assert found[2]["account"] == "\u5e97"
    asked = (journal.dir / "asked").read_text()
    assert re.match("-q --no-pager -o json -t qtoa -t lighttpd --lines=", asked)
    assert ids(*rows(journal, "--failed")) == ["6d2-4", "6d2-6"]
    assert ids(*rows(journal, "--since", "2026-11-22 15:03", "--until", "2026-11-22 15:04")) == \
        ["6d2-5"]
    assert "--since=@1795330980" in (journal.dir / "asked").read_text()
    assert ids(*rows(journal, "--lines", "1")) == ["6d2-6"]


def test_no_place_can_be_read(home):
    """Neither a journal nor an error log; the sink has its name in the message."""
    home.env["PATH"] = "/missing"
    home.env["E2E_LOG"] = "stderr"
    code, out, err = run(home, "log")
    assert (code, out) == (1, "") and "settings.log is stderr" in err and "--file FILE" in err
    home.env["E2E_LOG"] = "/dev/null"
    code, out, err = run(home, "log")
    assert (code, out) == (1, "") and "/dev/null: is not a file" in err


def test_a_journal_without_a_line(home):
    """As it is for a user who may not read it."""
    bin_ = home.subdir("bin")
    (bin_ / "journalctl").write_text("#!/bin/sh\nexit 1\n")
    (bin_ / "journalctl").chmod(0o755)
    home.env.update(PATH=f"{bin_}:/usr/bin:/bin", E2E_LOG="stderr")
    code, out, err = run(home, "log")
    assert (code, out) == (1, "") and "run qtoa as root" in err
    assert run(home, "log", "--since", "1h")[0] == 0


def test_the_queue_is_not_asked_in_vain(home):
    """Who may read the log but not the state hears of that only where it matters."""
    home.log.path.write_text(line(1000, 1))
    (home.dir / "file").touch()
    env = {"QTOA_STATE_DIR": str(home.dir / "file")}
    assert run(home, "log", env=env)[::2] == (0, "")
    home.log.path.write_text(line(1000, 1, level="warning", more="verdict=queued"))
    code, out, err = run(home, "log", env=env)
    assert code == 0 and " queued " in out and str(home.dir / "file") in err


# While one looks.

class Follower:
    def __init__(self, home, *args):
        self.rows = []
        self.proc = subprocess.Popen([program.binary("main"), "log", "--json", "--follow", *args],
                                     env=home.env, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for text in self.proc.stdout:
            self.rows.append(json.loads(text))

    def wait(self, *want):
        until(lambda: ids(*self.rows) == [f"1-{n}" for n in want], f"{want}, not {self.rows}")

    def stop(self):
        self.proc.send_signal(signal.SIGINT)
        code = self.proc.wait(PATIENCE_S)
        self.thread.join()
        self.proc.stdout.close()
        return code


@contextlib.contextmanager
def follow(home, *args):
    f = Follower(home, *args)
    try:
        yield f
    finally:
        f.proc.kill()
        f.stop()


def test_follow(home):
    log = home.log.path
    log.write_text("".join(line(1000 + n, n) for n in range(3)))
    with follow(home, "--lines", "2") as f:
        f.wait(1, 2)
        with log.open("a") as out:
            out.write(line(1003, 3)[:50])
            out.flush()
            out.write(line(1003, 3)[50:] + line(1004, 4))
        f.wait(1, 2, 3, 4)
        with log.open("a") as out:
            log.rename(log.with_name("log.1"))
            out.write(line(1005, 5))
        log.write_text(line(1006, 6) + "not a line of the log\n")
        f.wait(1, 2, 3, 4, 5, 6)
        log.write_text("")
        with log.open("a") as out:      # copytruncate
            out.write(line(1007, 7))
        f.wait(1, 2, 3, 4, 5, 6, 7)
        assert f.stop() == 0


def test_follow_what_failed(home):
    home.log.path.write_text("")
    with follow(home, "--failed", "--user", USER) as f:
        with home.log.path.open("a") as out:
            out.write(line(1, 1) + line(2, 2, level="warning") +
                      line(3, 3, level="warning", user="oOther") + line(4, 4, level="error"))
        f.wait(2, 4)


# The screen, and the arguments.

def screen(home, *args, env=None):
    primary, secondary = pty.openpty()
    with subprocess.Popen([program.binary("main"), "log", *args], stdout=secondary,
                          stdin=subprocess.DEVNULL, env={**home.env, **(env or {})}):
        os.close(secondary)
        said = b""
        with contextlib.suppress(OSError):
            while more := os.read(primary, 65536):
                said += more
    os.close(primary)
    return said.decode().replace("\r\n", "\n")


def test_screen(home):
    home.log.path.write_text(line(1000, 1) + line(1001, 2, level="notice", more=(
        'verdict=rejected error="signature mismatch" detail="\\x1b[2J"')))
    said = screen(home)
    assert said.startswith("time  ") and "\x1b[32mdelivered" in said and "\x1b[33m" in said
    assert "[2J" in said and "\x1b[2J" not in said
    assert re.search(r"\n {20,}if WeChat sent it: \.token differs", said)
    plain = screen(home, env={"NO_COLOR": "1"})
    assert "\x1b" not in plain and plain == re.sub("\x1b\\[[0-9]*m", "", said)


@pytest.mark.parametrize("args", (("--since", "soon"), ("--until", "2026-13-01"), ("--lines", "0"),
                                  ("--lines", "x"), ("--lines",), ("a", "b"),
                                  ("--follow", "--until", "2h"), ("--nonsense",)), ids=" ".join)
def test_wrong_usage(home, args):
    code, out, err = run(home, "log", *args)
    assert (code, out) == (2, "") and err.startswith("usage: qtoa log")


def test_a_configuration_that_cannot_be_used(home):
    home.log.path.write_text(line(1000, 1))
    code, out, err = run(home, "log", env={"QTOA_QT_URL": "nonsense"})
    assert code == 0 and err == "" and out.count("\n") == 1
