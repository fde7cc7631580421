"""`qtoa report` as its users meet it.  That the numbers are right is tests/models' affair."""

import csv
import io
import json
import subprocess
import time
from datetime import date, timedelta

import pytest

import collector
import program
import wechat
from test_queue_cli import Terminal
from wechat import PLAIN

HOSTILE = "\x1b[31m<script>alert(1)</script>\u202egnp.\U0001f600 \"'=" + "x" * 10000


def run(home, *args):
    done = subprocess.run([program.binary("main"), "report", *args], env=home.env,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def click(key, user="oClicks"):
    """Control characters are none of XML's: they cannot come that way."""
    return ("<xml><ToUserName>gh</ToUserName>"
            f"<FromUserName>{user}</FromUserName><CreateTime>{int(time.time())}</CreateTime>"
            "<MsgType>event</MsgType><Event>CLICK</Event>"
            f"<EventKey><![CDATA[{key}]]></EventKey></xml>").encode()


@pytest.fixture
def filled(home):
    there = collector.as_cgi(home)
    for n, key in enumerate(["A"] * 4 + ["B"] * 2 + [HOSTILE.replace("\x1b", "")]):
        there.takes(collector.posted(PLAIN, wechat.push(PLAIN, click(key, f"o{n}"))))
    return home


def test_before_anything_came(home):
    assert run(home, "days", "--json") == (0, "[\n]\n", "")
    assert run(home, "menu", "--csv") == (0, "key,clicks,devices,share\r\n", "")
    code, out, err = run(home)
    assert (code, err) == (0, "") and "  nothing\n" in out
    assert not (home.state / "qtoa.db").exists()


def test_forms(filled):
    code, out, err = run(filled, "menu", "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert [(r["clicks"], r["devices"]) for r in rows] == [(4, 4), (2, 2), (1, 1)]
    assert rows[2]["key"] == HOSTILE.replace("\x1b", "")
    code, out, err = run(filled, "menu", "--csv")
    sheet = list(csv.reader(io.StringIO(out, newline="")))
    assert sheet[0] == ["key", "clicks", "devices", "share"]
    assert [float(x) for x in (row[3] for row in sheet[1:])] == [r["share"] for r in rows]
    code, out, err = run(filled, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["menu"] == rows and len(json.loads(out)) == 9
    code, out, err = run(filled, "menu")
    lines = out.splitlines()
    assert (code, err) == (0, "") and lines[1].split() == ["key", "clicks", "devices", "share"]
    assert lines[2].split() == ["A", "4", "4", "57.1", "%"]
    assert "\u202e" not in out and len(lines[4]) < 100


def test_on_a_terminal(filled):
    code, text = Terminal(filled, "report", "menu", columns=120).end()
    bars = [line.count("\u2587") for line in text.splitlines() if "%" in line]
    assert code == 0 and bars[0] == 2 * bars[1] == 4 * bars[2] > 8


def test_account_and_period(filled):
    begin = str(date.today() - timedelta(days=100))
    for args, rows in ((("--account", PLAIN.path), 3), (("--account", PLAIN.appid), 3),
                       (("--account", "nobody"), 0), (("--from", begin), 3),
                       (("--from", "2020-01-01", "--to", "2020-02-01"), 0)):
        code, out, err = run(filled, "menu", "--json", *args)
        assert (code, err) == (0, "") and len(json.loads(out)) == rows, args


def test_usage(home):
    for args in (("nothing",), ("--csv",), ("days", "--from"), ("days", "--window", "5"),
                 ("days", "days")):
        code, out, err = run(home, *args)
        assert (code, out) == (2, "") and err.startswith("usage: qtoa report"), args
        assert "funnel" in err
    for args, says in ((("--from", "2026-02-30"), "2026-02-30"),
                       (("--from", "2026-02-03", "--to", "2026-02-01"), "from"),
                       (("funnel", "--window", "x"), "window"),
                       (("funnel", "--steps", "never_heard_of"), "steps")):
        code, out, err = run(home, *args)
        assert (code, out) == (2, "") and says in err and err.count("\n") == 1, (args, err)
