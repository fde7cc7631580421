"""A CreateTime that cannot be is not believed: milliseconds are read as such, and else the time of
receipt counts.  What is told apart by CreateTime stays so."""

import contextlib
import json
import re
import sqlite3
import subprocess
import time

import pytest

import program
import wechat
from collector import TEXT, behind, posted
from wechat import COMPATIBLE, PLAIN, SAFE

REPORTS = program.TOP / "tests/vectors/reports"
MS, US = "CreateTime is in milliseconds", "CreateTime is in microseconds"
NONE = "CreateTime is missing or cannot be: the time of receipt counts"
YEAR = 365 * 86400


def at(value, xml=None):
    return re.sub(rb"<CreateTime>.*?</CreateTime>", b"<CreateTime>%s</CreateTime>" %
                  str(value).encode(), xml or wechat.text_message())


def counted(pool, qt, account, xml):
    """The event, what the forwarder said and what the collector said."""
    pool.log.mark()
    assert pool.push(account, wechat.push(account, xml)).body == b"success"
    forwarded = pool.log.one(verdict="delivered").get("detail")
    pool.log.mark()
    row, = behind(pool).takes(qt.received[-1].body)
    return row, forwarded, pool.log.one(verdict="collect", qt=TEXT[200]).get("detail")


def reported(home, question):
    done = subprocess.run([program.binary("main"), "report", question, "--json"], env=home.env,
                          stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("unit,remark", ((1, None), (1000, MS), (1000000, US)),
                         ids=("s", "ms", "us"))
def test_units(pool, qt, account, unit, remark):
    for back in (0, 3600, 5 * YEAR):
        want = int(time.time()) - back
        row, *said = counted(pool, qt, account, at(want * unit + unit // 2))
        assert (row["time"], said) == (want, [remark, remark])


@pytest.mark.parametrize("value", (
    1, 86400, 1325347199, 1325347199999, 9999999999, 999999999999999999, "ahead", "ahead-ms"))
def test_times_that_cannot_be(pool, qt, value):
    ahead = int(time.time()) + 2 * 86400
    value = {"ahead": ahead, "ahead-ms": ahead * 1000}.get(value, value)
    row, *said = counted(pool, qt, SAFE, at(value))
    assert abs(row["time"] * 1000 - row["received"]) <= 1000
    assert said == [NONE, NONE]


@pytest.mark.parametrize("value", ("", "soon", "-5", "0", "1e9", "1796024486.5", "9" * 30))
def test_no_number(pool, qt, value):
    row, _, said = counted(pool, qt, SAFE, at(value))
    assert abs(row["time"] * 1000 - row["received"]) <= 1000
    assert said == NONE


def test_beside_text_that_was_repaired(pool, qt):
    now = int(time.time())
    xml = at(now * 1000, wechat.text_message("a\x01b"))
    both = "repaired text: control character; " + MS
    row, *said = counted(pool, qt, SAFE, xml)
    assert (row["time"], said) == (now, [both, both])


def test_report_of_milliseconds(pool, qt):
    """The sample is of 2026: with a clock before that it is ahead."""
    xml = (REPORTS / "createtime-ms.xml").read_bytes()
    row, *_ = counted(pool, qt, SAFE, xml)
    if time.time() + 86400 >= 1796024486:
        assert row["time"] == 1796024486
    else:
        assert abs(row["time"] * 1000 - row["received"]) <= 1000


def test_who_subscribes_again_follows(make_pool):
    """One unsubscribe in milliseconds is not the last word for ever."""
    pool = make_pool("main")
    begin = int(time.time()) - 100
    cases = program.TOP / "tests/cases"
    follow = (cases / "event-subscribe-plain.xml").read_bytes()
    unfollow = (cases / "event-unsubscribe.xml").read_bytes()
    user = re.search(rb"<FromUserName>.*?</FromUserName>", follow)[0]
    unfollow = re.sub(rb"<FromUserName>.*?</FromUserName>", user, unfollow)
    place = behind(pool)
    for xml, when in ((follow, begin), (unfollow, (begin + 10) * 1000), (follow, begin + 20)):
        place.takes(posted(SAFE, wechat.push(SAFE, at(when, xml))))
    row, = reported(pool.home, "audience")
    assert (row["following"], row["events"]) == ("yes", 3)
    days = reported(pool.home, "follows")
    assert [sum(day[n] for day in days) for n in ("follows", "unfollows")] == [2, 1]


def test_a_store_with_wrong_times_is_repaired(home, make_pool):
    """By the statements of doc/collector.md: then it is as if the times had been right."""
    pool = make_pool("main")
    begin = int(time.time()) - 1000
    place = behind(pool)
    for n, user in enumerate(("oLast", "oFirst", "oOnly", "oRight")):
        for step in range(1 if user == "oOnly" else 3):
            place.takes(posted(SAFE, wechat.push(SAFE, wechat.text_message(
                user=user, at=begin + 10 * step + n))))
    tables = ("SELECT id, time, gap FROM event", "SELECT device, first, last FROM device")
    pool.stop()
    with contextlib.closing(sqlite3.connect(pool.home.state / "qtoa.db")) as db:
        right = [db.execute(sql).fetchall() for sql in tables]
        for event, times in ((3, 1000), (4, 1000000), (7, 1000)):
            db.execute("UPDATE event SET time = time * ? WHERE id = ?", (times, event))
            db.execute("UPDATE device SET first = min(first, (SELECT time FROM event WHERE id = ?1)),"
                       " last = max(last, (SELECT time FROM event WHERE id = ?1)) WHERE id ="
                       " (SELECT device FROM event WHERE id = ?1)", (event,))
        db.execute("UPDATE device SET first = last WHERE device = 'oOnly'")
        db.execute("UPDATE event SET gap = NULL WHERE id IN (5, 6)")
        db.commit()
        assert [db.execute(sql).fetchall() for sql in tables] != right
        text = (program.TOP / "doc/collector.md").read_text()
        db.executescript(text.split("```sql\n")[1].split("```")[0])
        assert [db.execute(sql).fetchall() for sql in tables] == right


def test_the_key_has_the_time_as_it_came(make_pool, qt):
    """Two messages that differ in CreateTime alone are two, also where it cannot be."""
    pool = make_pool("main")
    xml = wechat.text_message()
    for value in (5, 5, 6, 1796024486123, 1796024486123, 1796024486124):
        pool.push(SAFE, wechat.push(SAFE, at(value, xml)))
    assert len(qt.received) == 4
