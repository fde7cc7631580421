"""`qtoa forget`: no file has the user any more, and no figure of the report changes."""

import contextlib
import json
import sqlite3
import subprocess

import pytest

import program
import qt as qt_side
import wechat
from collector import as_cgi, posted
from patience import PATIENCE_S
from test_queue_cli import Terminal, run
from wechat import COMPATIBLE, PLAIN, SAFE

USER = "oForgetMe_0123456789abcdefgh"
OTHER = "oStays_00123456789abcdefghij"
AT = 1_790_000_000
QUESTIONS = ("days", "messages", "lifecycle", "retention", "audience", "follows", "interval",
             "path", "scenes", "menu", "event", "distribution")


def event(user, name, at, key=""):
    return (f"<xml><ToUserName><![CDATA[gh_e2e000000001]]></ToUserName>"
            f"<FromUserName><![CDATA[{user}]]></FromUserName><CreateTime>{at}</CreateTime>"
            f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>"
            f"<EventKey><![CDATA[{key}]]></EventKey></xml>").encode()


def text(user, at, n):
    return wechat.text_message(f"secret of {user}", user=user, at=at, msgid=n)


def messages(user, at):
    return [event(user, "subscribe", at, "qrscene_spring"), event(user, "SCAN", at + 60, "spring"),
            event(user, "CLICK", at + 120, "menu_1"), text(user, at + 180, at),
            event(user, "unsubscribe", at + 90000), event(user, "subscribe", at + 180000)]


def count(home, account, users, variant="keeps"):
    """Lets the collector count messages of some users."""
    place = as_cgi(home, variant)
    for k, user in enumerate(users):
        for xml in messages(user, AT + 3600 * k):
            place.answers(posted(account, wechat.push(account, xml)), 200)


def figures(home, variant="keeps"):
    """Each question's answer of that period."""
    period = ("--from", "2026-09-01", "--to", "2026-10-31", "--json")
    answers = {}
    for q in QUESTIONS:
        rc, out, err = run(home, "report", q, *period, variant=variant)
        assert rc in (0, 2), (q, err)
        answers[q] = out
    return answers


def holders(home, *names):
    """The files of the state directory that have one of the names."""
    return [p.name for p in home.state.rglob("*") if p.is_file()
            and any(n.encode() in p.read_bytes() for n in names)]


def test_nowhere_and_no_figure_changes(home, qt):
    users = [f"oUser{n:04}_0123456789abcdefgh" for n in range(20)]
    users[7:7] = [USER]
    count(home, SAFE, users)
    # Somebody else was invited by the user's own code.
    as_cgi(home, "keeps").answers(posted(SAFE, wechat.push(SAFE, event(
        OTHER, "SCAN", AT + 5, f"invite_{USER}"))), 200)
    before = figures(home)
    assert holders(home, USER) and USER in before["audience"]
    rc, out, err = run(home, "forget", "--yes", USER, variant="keeps")
    assert rc == 0, out + err
    assert "events that stay, without the user: 6" in out and "none of them" in out
    assert not holders(home, USER)
    after = figures(home)
    label = home.query("SELECT device FROM device WHERE device LIKE 'forgotten-%'")[0]["device"]
    for q, answer in before.items():
        want = answer.replace(f"invite_{USER}", "invite_forgotten").replace(USER, label)
        assert after[q] == want, q
    # Nothing tells what the user wrote; what the others wrote is there.
    left = [row["attributes"] for row in home.query("SELECT attributes FROM event")]
    assert not any(USER in a for a in left) and sum("secret of" in a for a in left) == 20
    # Old messages of the user that come late are counted without the user.
    as_cgi(home, "keeps").answers(posted(SAFE, wechat.push(SAFE, text(USER, AT + 500, 77))), 200)
    assert not holders(home, USER)
    assert home.query("SELECT count(*) AS n FROM event")[0]["n"] == 21 * 6 + 2


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
def test_messages(home, qt, account, make_pool):
    """Beside a process that serves: copies go, what waits goes to QT first."""
    pool = make_pool("keeps")

    def send(xml):
        push = wechat.push(account, xml)
        assert pool.push(account, push).body == b"success"

    send(text(USER, None, 1))
    send(text(OTHER, None, 2))
    qt.behave = qt_side.code(103)
    send(text(USER, None, 3))
    qt.behave = qt_side.answering(500, "<html>")
    send(text(USER, None, 4))
    program.until(lambda: len(home.rows()) == 4, "all are stored")
    rc, out, err = run(home, "forget", "--yes", USER, variant="keeps")
    assert rc == 1, out + err
    assert "copies of messages that QT has: 1, deleted" in out, out
    assert "wait for QT: 1" in out and "QT refused: 1, which stay" in out and "still in" in out
    assert sorted(r["state"] for r in home.rows()) == ["dead", "delivered", "pending"]
    qt.behave = qt_side.genuine
    assert run(home, "queue", "retry", account.path, variant="keeps")[0] == 0
    program.until(lambda: [r["state"] for r in home.rows()] in (["delivered"], ["delivered", "dead"]),
                  "what waits is gone")
    rc, out, err = run(home, "forget", "--yes", "--dead", USER, variant="keeps")
    assert rc == 0, out + err
    assert not holders(home, USER) and holders(home, OTHER)


def test_asks(home):
    count(home, PLAIN, [USER])
    assert run(home, "forget", USER, variant="keeps")[0] == 2
    for name in ("", "o x", "o'; DROP", "a" * 129):
        rc, _, err = run(home, "forget", "--yes", name, variant="keeps")
        assert rc == 2, (name, err)
    asked = Terminal(home, "forget", USER, variant="keeps")
    asked.expect("[y/N]")
    asked.type("n\n")
    asked.expect("is not forgotten")
    assert holders(home, USER)
    asked = Terminal(home, "forget", "--account", PLAIN.path, USER, variant="keeps")
    asked.expect("[y/N]")
    asked.type("y\n")
    asked.expect("none of them")
    assert not holders(home, USER)
    assert run(home, "forget", "--yes", "--account", "none", USER, variant="keeps")[0] == 1


@pytest.mark.parametrize("name", (USER, "uForgetMe_0123456789abcdefgh"), ids=("openid", "unionid"))
def test_a_follower(home, name):
    """As `qtoa followers pull` would have stored one who never sent a message, and another one."""
    count(home, PLAIN, [OTHER])
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db", timeout=PATIENCE_S)) as db, db:
        db.execute("DELETE FROM follower")
        db.executemany("INSERT INTO follower (appid, openid, device, unionid, seen_at, asked_at) "
                       "VALUES (?, ?, ?2, ?, 1, 1)",
                       ((PLAIN.appid, USER, "uForgetMe_0123456789abcdefgh"),
                        (PLAIN.appid, OTHER, "uStays")))
    rc, out, err = run(home, "forget", "--yes", name, variant="keeps")
    assert rc == 0, out + err
    assert not holders(home, USER, "uForgetMe_0123456789abcdefgh")
    assert [row["openid"] for row in home.query("SELECT openid FROM follower")] == [OTHER]


def test_where_nothing_is(home):
    rc, out, err = run(home, "forget", "--yes", USER, variant="keeps")
    assert rc == 0 and "none of them" in out, out + err
    assert not list(home.state.iterdir())


def test_one_who_leaves(home, qt, make_pool):
    """By the settings, some seconds after the event."""
    count(home, SAFE, [OTHER])
    pool = make_pool("leaves", env=home.clock())
    assert pool.push(SAFE, wechat.push(SAFE, text(USER, None, 1))).body == b"success"
    place = as_cgi(home, "leaves")
    place.answers(posted(SAFE, wechat.push(SAFE, event(USER, "CLICK", AT, "m"))), 200)
    place.answers(posted(SAFE, wechat.push(SAFE, event(
        USER, "user_authorization_cancellation", AT + 9))), 200)
    assert holders(home, USER)
    env = home.clock(60)
    done = subprocess.run([program.binary("leaves"), "drain"], env={**home.env, **env},
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not home.query("SELECT * FROM device WHERE device = ?", USER)
    assert not home.query("SELECT * FROM departed")
    assert len(home.query("SELECT * FROM event")) == 8
    # The user is back.
    place.answers(posted(SAFE, wechat.push(SAFE, event(USER, "subscribe", AT + 10))), 200)
    assert home.query("SELECT first FROM device WHERE device = ?", USER)[0]["first"] == AT + 10
