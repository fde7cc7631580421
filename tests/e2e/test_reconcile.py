"""`qtoa reconcile`: a month of pushes beside WeChat's own count of them, at times of the test's
making."""

import json
import random
import subprocess
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest

import program
import qt as qt_side
import wechat
from cubeapi import DAY, INTERFACES
from test_datacube import CHINA, NOW, YESTERDAY, api, environment, running_api  # noqa: F401
from wechat import SAFE

DAYS = 30
FIRST = YESTERDAY - (DAYS - 1) * DAY
HOURLY, DAILY = "getinterfacesummaryhour", "getinterfacesummary"


class Ledger:
    """What WeChat counts of its calls: by day and hour, calls and failures."""

    def __init__(self, monkeypatch):
        self.calls, self.fails = Counter(), Counter()
        monkeypatch.setattr(INTERFACES[HOURLY], "rows", self.hours)
        monkeypatch.setattr(INTERFACES[DAILY], "rows", self.day)

    def row(self, day, calls, fails, **more):
        return {"ref_date": str(day), **more, "callback_count": calls, "fail_count": fails,
                "total_time_cost": 5 * calls, "max_time_cost": 9}

    def hours(self, dice, day):
        return [self.row(day, n, self.fails[d, h], ref_hour=100 * h)
                for (d, h), n in sorted(self.calls.items()) if d == day and n]

    def day(self, dice, day):
        calls = sum(n for (d, h), n in self.calls.items() if d == day)
        return [self.row(day, calls, sum(n for (d, h), n in self.fails.items() if d == day))]

    def count(self, at, ok):
        key = at.date(), at.hour
        self.calls[key] += 1
        self.fails[key] += not ok


class Month:
    """The program at times that the test sets."""

    def __init__(self, home, api, ledger):
        self.home, self.api, self.ledger = home, api, ledger
        self.pool = program.Pool(home, "cube", env=home.clock())

    def set(self, at):
        self.at = at
        self.home.clock(at.timestamp() - time.time())

    def send(self, push, status, ok=None, counts=True):
        """counts: it is WeChat who sends; ok: WeChat hears `success`."""
        assert self.pool.push(SAFE, push).status == status
        if counts:
            self.ledger.count(self.at, status == 200 if ok is None else ok)

    def good(self, **more):
        stamp = self.at.timestamp()
        push = wechat.push(SAFE, wechat.text_message(at=stamp), at=stamp)
        self.send(push, 200, **more)
        return push

    def hour(self, dice):
        """What may happen."""
        stamp = self.at.timestamp()
        for _ in range(dice.randrange(1, 3)):
            push = self.good(ok=dice.random() > 0.1)    # our answer may be lost
            if dice.random() < 0.1:     # it asks again, and the answer is known
                self.send(push, 200)
        if dice.random() < 0.15:        # WeChat's clock, or ours, is wrong
            self.send(wechat.push(SAFE, at=stamp - 5000), 403)
        if dice.random() < 0.15:        # a forger
            self.send(wechat.push(SAFE, at=stamp, token="notTheToken"), 403, counts=False)

    def run(self, *args):
        done = subprocess.run([program.binary("cube"), *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=environment(self.home, NOW))
        return done.returncode, done.stdout, done.stderr

    def pull(self, *more):
        for name in (HOURLY, DAILY):
            code, out, err = self.run("datacube", "pull", "--from", str(FIRST), "--endpoint", name,
                                      *more)
            assert code == 0, (out, err)

    def reconcile(self, *args):
        code, out, err = self.run("reconcile", "--from", str(FIRST), "--json", *args)
        assert err == "", err
        return code, json.loads(out)


    def noted(self):
        """Of the account: the missing calls, and the day that began when the last one ended."""
        line, = [line.split() for line in (self.home.state / "qtoa.observed").read_text()
                 .splitlines()[1:]]
        assert line[:2] == ["reconcile", SAFE.path]
        return line[2], datetime.fromtimestamp(int(line[3]), CHINA).date()


@pytest.fixture
def month(api, monkeypatch):    # noqa: F811
    qt = qt_side.QT([SAFE])     # one of its own: the times of what it gets are odd
    home = program.Home(qt.url, ca_file=api.authority.file)
    home.env["E2E_WECHAT_API"] = api.url
    m = Month(home, api, Ledger(monkeypatch))
    yield m
    m.pool.stop()
    home.remove()
    qt.stop()


def test_a_month(month):
    dice = random.Random(5)
    for n in range(DAYS):
        for hour in sorted(dice.sample(range(24), 6)):
            month.set(datetime(FIRST.year, FIRST.month, FIRST.day, hour, 30,
                               tzinfo=CHINA) + timedelta(days=n))
            month.hour(dice)
    ledger = month.ledger

    code, rows = month.reconcile()
    assert code == 1 and {r["state"] for r in rows} == {"not pulled"}

    month.pull()
    code, rows = month.reconcile()
    assert code == 0 and len(rows) == DAYS
    assert {r["state"] for r in rows} == {"ok"}
    for r in rows:
        day = [h for h in ledger.calls if str(h[0]) == r["day"]]
        assert r["calls"] == sum(ledger.calls[h] for h in day)
        assert r["failed_calls"] == sum(ledger.fails[h] for h in day)
    # What WeChat calls failed although it had its answer, or was refused for a reason.
    assert sum(r["unheard"] for r in rows) > 0
    assert sum(r["acknowledged"] for r in rows) < sum(ledger.calls.values())
    assert sum(r["refused"] for r in rows) > sum(ledger.calls.values()) - sum(
        r["acknowledged"] for r in rows)
    assert sum(r["missing"] + r["unclear"] for r in rows) == 0
    code, hours = month.reconcile("--hours")
    assert code == 0 and {(r["day"], r["hour"]): r["calls"] for r in hours} == {
        (str(d), h): n for (d, h), n in ledger.calls.items()}

    # One push that WeChat has made and nobody here has seen.
    quiet = [k for k in ledger.calls if not any(
        (r["day"], r["hour"]) == (str(k[0]), k[1]) and r["refused"] for r in hours)]
    day, hour = dice.choice(quiet)
    ledger.calls[day, hour] += 1
    ledger.fails[day, hour] += 1
    month.pull("--all")
    code, rows = month.reconcile()
    assert code == 1
    assert [(r["day"], r["missing"]) for r in rows if r["state"] != "ok"] == [(str(day), 1)]
    code, hours = month.reconcile("--hours")
    assert code == 1
    assert [(r["day"], r["hour"], r["missing"], r["unclear"]) for r in hours
            if r["state"] != "ok"] == [(str(day), hour, 1, 0)]


def test_what_the_month_may_hide(month):
    """Where something was refused in that hour the missing push may be among it."""
    month.set(datetime(FIRST.year, FIRST.month, FIRST.day, 12, 30, tzinfo=CHINA))
    month.good()
    month.send(wechat.push(SAFE, at=month.at.timestamp(), token="notTheToken"), 403, counts=False)
    month.ledger.count(month.at, False)
    month.pull()
    code, rows = month.reconcile("--to", str(FIRST))
    assert code == 1 and [(r["state"], r["unclear"], r["missing"]) for r in rows] == [
        ("unclear", 1, 0)]


def test_the_web_server_was_down(month):
    """Two came, the third found nobody."""
    month.set(datetime(FIRST.year, FIRST.month, FIRST.day, 12, 30, tzinfo=CHINA))
    month.good()
    month.good()
    month.ledger.count(month.at, False)
    month.pull()
    code, rows = month.reconcile("--to", str(FIRST))
    assert code == 1 and rows[0]["missing"] == 1 and rows[0]["failed_calls"] == 1
    noted = month.noted()
    assert noted == ("1", FIRST + DAY)
    # For /-/metrics the last three days count, and a comparison of earlier days changes nothing.
    for to, noted in ((FIRST + DAY, ("1", FIRST + 2 * DAY)), (FIRST, ("1", FIRST + 2 * DAY)),
                      (FIRST + 2 * DAY, ("1", FIRST + 3 * DAY)),
                      (FIRST + 3 * DAY, ("0", FIRST + 4 * DAY))):
        month.reconcile("--to", str(to))
        assert month.noted() == noted, to


def test_usage(month):
    for args in (("--from",), ("--from", "yesterday"), ("--from", "2026-02-01", "--to",
                                                        "2026-01-01"), ("--what", "1")):
        code, out, err = month.run("reconcile", *args)
        assert (code, out) == (2, "") and err.startswith("usage: ")
    code, out, err = month.run("reconcile", "--account", "nobody")
    assert code == 1 and "nobody" in err
