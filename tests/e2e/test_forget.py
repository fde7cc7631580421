"""Events that are older than collect_days: they go day by day, whatever happens meanwhile; and
none that has gone is counted again."""

import contextlib
import sqlite3
import struct
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

import program
import wechat
from collector import as_cgi, behind, posted
from patience import PATIENCE_S
from wechat import PLAIN, SAFE

sys.path.append(str(program.TOP / "tests/torture"))
import faults  # noqa: E402

DAY = 86400
KEPT = program.SETTINGS["days"]["collect_days"]
MENU = "$$_menu_click"


def day_of(stamp):
    return (int(stamp) + 8 * 3600) // DAY


def push(account, at, msgid):
    return posted(account, wechat.push(account, wechat.text_message(at=at, msgid=msgid)))


@pytest.fixture
def now():
    """Not within a minute of midnight in China: the test may run on into the next day."""
    stamp = int(time.time())
    return stamp - 120 if (stamp + 8 * 3600) % DAY > DAY - 60 else stamp


class Filled:
    """A store with many events of the days before today, and one of now."""

    def __init__(self, home, now, events, days=10):
        self.home, self.now = home, now
        as_cgi(home).takes(push(SAFE, now, 1))
        self.events = {}        # id: device, time, gap
        last, first = {}, {}
        begin = now - days * DAY
        with self.db() as db:
            for n in range(events):
                device, at = 10 + n % 97, begin + n * (days - 1) * DAY // events
                gap = at - last[device] if device in last else None
                first.setdefault(device, at)
                last[device] = at
                self.events[1000 + n] = device, at, gap
            db.executemany("INSERT INTO device VALUES (?, 'app', 'o' || ?1, ?, ?)",
                           ((d, first[d], last[d]) for d in first))
            db.executemany(
                "INSERT INTO event (id, account, device, code, time, gap, received, message, "
                "part, attributes) VALUES (?, 1, ?, ?, ?, ?, 0, ?, 0, '{}')",
                ((i, d, MENU, at, gap, struct.pack(">QQQ", at, 0, i))
                 for i, (d, at, gap) in self.events.items()))
        self.since = day_of(now) - KEPT
        self.old = {i for i, (_, at, _) in self.events.items() if day_of(at) < self.since}
        assert 0 < len(self.old) < events

    @contextlib.contextmanager
    def db(self):
        file = self.home.state / "qtoa.db"
        with contextlib.closing(sqlite3.connect(file, timeout=PATIENCE_S)) as db:
            with db:
                yield db

    def left(self):
        return {r[0]: tuple(r[1:]) for r in
                self.home.query("SELECT id, device, time, gap FROM event "
                                "WHERE received = 0")}

    def is_done(self):
        return not self.old & self.left().keys()

    def check(self):
        """What is there is as it was; what is gone was old, and the last of it is known."""
        with self.db() as db:       # of one moment
            db.execute("BEGIN")
            left = self.left()
            past = dict(db.execute("SELECT device, last FROM past"))
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        gone = self.events.keys() - left.keys()
        assert gone <= self.old
        assert left == {i: e for i, e in self.events.items() if i not in gone}
        last = defaultdict(int)
        for i in gone:
            device, at, _ = self.events[i]
            last[device] = max(last[device], at)
        assert past == last


def test_killed_again_and_again(home, now):
    """Before any of its writes, however fast it is; each life gets further than the last."""
    filled, control = Filled(home, now, 8000), faults.Faults(home)
    kills = steps = 0
    while not filled.is_done():
        before = len(filled.left())
        control.kill_at(10 + 50 * kills)
        pool = program.Pool(home, "days", env=control.env)
        pool.exits = {0, -9}
        program.until(lambda: pool.proc.poll() is not None or filled.is_done(), "an end")
        pool.stop()
        filled.check()
        kills += pool.proc.returncode == -9
        steps += len(filled.left()) < before
    control.close()
    assert kills > 3 and steps > 1


def test_while_events_come(make_pool, home, now):
    """At full speed; each is answered as ever, and counted."""
    filled = Filled(home, now, 8000)
    place = behind(make_pool("days"))

    def run(k):
        for n in range(60):
            # Some are late, but of a day that is kept.
            at = now - n % (KEPT - 1) * DAY
            place.answers(push((SAFE, PLAIN)[n % 2], at, 10000 + n * 8 + k), 200)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, range(8)))
    program.until(filled.is_done, "all that is old is gone")
    assert len(place.counted()) - len(filled.left()) == 1 + 8 * 60
    filled.check()
    for line in home.log.lines():
        assert line["what"] == "request" and line["status"] == "200", line


def test_none_comes_back(make_pool, home, now):
    """Whoever posts it again, and by whatever way."""
    old = [push(SAFE, now - (KEPT + n) * DAY, 100 + n) for n in range(1, 5)]
    kept = [push(SAFE, now - n * DAY, 200 + n) for n in range(KEPT + 1)]
    for body in old + kept:
        as_cgi(home).takes(body)
    place = behind(make_pool("days"))
    program.until(lambda: len(place.counted()) == len(kept), "the old ones are gone")
    first = place.home.query("SELECT first FROM device")[0][0]
    assert day_of(first) == day_of(now) - KEPT - 4
    before = place.everything()
    for place in (place, as_cgi(home, "days"), as_cgi(home)):
        home.log.mark()
        for body in old + kept:
            place.answers(body, 200)
        assert place.everything() == before
        details = [r.get("detail", "") for r in home.log.lines()]
        assert [("forgotten" in d, "counted before" in d) for d in details] == \
            [(True, False)] * len(old) + [(False, True)] * len(kept)
    # One that has never been seen is none either, and not new.
    place.answers(push(SAFE, now - 100 * DAY, 300), 200)
    assert len(place.counted()) == len(kept)
    assert not any(r["is_first_day"] for r in place.counted())


def qtoa(home, *args, variant="days"):
    return subprocess.run([program.binary(variant), *args], env=home.env, capture_output=True,
                          text=True, timeout=60)


def test_by_cron(home, now):
    """`qtoa drain` forgets, too, a little each time; and the report says from when on it is."""
    filled = Filled(home, now, 4000)
    runs = 0
    while not filled.is_done():
        before = len(filled.left())
        done = qtoa(home, "drain")
        assert (done.returncode, done.stderr) == (0, ""), done
        assert len(filled.left()) < before
        runs += 1
    assert runs > 1
    filled.check()
    day = lambda number: time.strftime("%Y-%m-%d", time.gmtime(number * DAY))
    for args in ((), ("days",), ("lifecycle", "--csv"), ("funnel", "--json")):
        for since, warned in ((filled.since, False), (filled.since - 1, True)):
            done = qtoa(home, "report", *args, "--from", day(since))
            assert done.returncode == 0
            assert done.stderr == (f"qtoa: events before {day(filled.since)} are forgotten, "
                                   "as settings.collect_days says\n" if warned else "")


@pytest.mark.parametrize("shift", (400 * DAY, -400 * DAY), ids=("ahead", "behind"))
def test_a_clock_that_is_wrong(make_pool, home, now, shift):
    """Forgets nothing that WeChat's times do not call old."""
    kept = [push(SAFE, now - n * DAY, 200 + n) for n in range(KEPT + 1)]
    for body in kept:
        as_cgi(home).takes(body)
    place = behind(make_pool("days", env=home.clock(shift)))
    program.until(lambda: home.query("SELECT * FROM forgotten"), "a sweep")
    assert len(place.counted()) == len(kept)
    place.answers(kept[0], 200)
    assert place.takes(push(SAFE, now, 999))
