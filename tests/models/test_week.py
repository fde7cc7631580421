"""The summary of a week (monitor/alert_week.h) against plain Python: pushes from files of counters
that are written here, as state/counters.h says, follows from the models."""

import json
import math
import random
import struct
import subprocess
from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest

import gen
import models
from conftest import ENV, TOOL
from gen import CAFE, SCHOOL, SHOP

MONDAY = date(2024, 3, 11)
ACCOUNTS = (SHOP, CAFE, SCHOOL)
HEAD, COUNTS, TIMES, BUCKETS = 4096, 80, 2, 110
HOUR = 8 * (COUNTS + TIMES + 2 + TIMES * BUCKETS)
# Places of enum counter.
PLACES = dict(delivered=0, queued=1, dead=2, repeats=3, unsafe=4, handshake=5, collected=6,
              late_delivered=9, late_dead=10, refused=16 + 7, elsewhere=16 + 32 + 3)
PUSHES = ("delivered", "queued", "dead", "repeats", "unsafe", "refused")
ANSWERED = ("delivered", "queued", "dead", "repeats")


def bucket(ms):
    """0 to 9 have one each, then there are ten for each doubling."""
    if ms < 10:
        return ms
    doubling = int(math.log2(ms / 10))
    return min(10 + 10 * doubling + (ms - 10 * 2 ** doubling) // 2 ** doubling, BUCKETS - 1)


class Days:
    """What happened in each hour of each account: (day, hour, path) to kinds with a time each."""

    def __init__(self, seed):
        self.rnd, self.hours = random.Random(seed), defaultdict(list)
        for back in range(-7, 9):       # the week before, the week, and two days more
            day = MONDAY + timedelta(days=back)
            for account in (SHOP, CAFE):
                for hour in self.rnd.sample(range(24), 5):
                    self.fill(day, hour, account.path)

    def fill(self, day, hour, path):
        for _ in range(self.rnd.randrange(1, 60)):
            kind = self.rnd.choices(list(PLACES), (60, 9, 3, 9, 2, 2, 9, 5, 1, 5, 3))[0]
            self.hours[day, hour, path].append((kind, int(self.rnd.expovariate(0.01))))

    def write(self, where):
        slots = ["", *(a.path for a in ACCOUNTS), "gone"]
        for day in {d for d, _, _ in self.hours}:
            head = struct.pack("=8s6IQ", b"qtoatall", 1, (day - models.EPOCH).days,
                               (HEAD - 64) // 64, HEAD, 24 * HOUR, HOUR, len(slots))
            head = head.ljust(64, b"\0") + b"".join(s.encode().ljust(64, b"\0") for s in slots)
            body = b"".join(self.hour(day, hour, s) for s in slots for hour in range(24))
            name = f"qtoa.tally-{day:%Y%m%d}"
            (where / name).write_bytes(head.ljust(HEAD, b"\0") + body)

    def hour(self, day, hour, path):
        rows = self.hours.get((day, hour, path), [])
        counts, times = [0] * COUNTS, [0] * BUCKETS
        for kind, ms in rows:
            counts[PLACES[kind]] += 1
            if kind in ANSWERED:
                times[bucket(ms)] += 1
        waited = sum(ms for kind, ms in rows if kind in ANSWERED)
        return struct.pack(f"={COUNTS + 4 + 2 * BUCKETS}Q", *counts, waited, 0, 0, 0, *times,
                           *[0] * BUCKETS)

    def between(self, path, first, last):
        return [row for (d, _, p), rows in self.hours.items() if p == path and first <= d <= last
                for row in rows]

    def last_push(self, path):
        return max(((d, h) for (d, h, p), rows in self.hours.items() if p == path and
                    any(kind in PUSHES for kind, _ in rows)), default=None)


def is_near(got, times, share):
    """The smallest time that this share does not exceed, and less than a tenth wrong."""
    if not times:
        return got is None
    want = sorted(times)[math.ceil(len(times) * share) - 1]
    return want * 0.9 - 1 <= got <= want * 1.1 + 1


def week_of(store, monday):
    lines = "".join(f"{a.path}\t{a.name}\n" for a in ACCOUNTS)
    done = subprocess.run([TOOL, "week", store.dir, monday.isoformat()], input=lines.encode(),
                          env=ENV, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b""), done
    return json.loads(done.stdout)


@pytest.mark.parametrize("seed", range(3))
def test_week(make_store, messages, seed):
    store, days = make_store(messages), Days(seed)
    days.write(store.dir)
    events = models.events_of(messages)
    week = week_of(store, MONDAY)
    assert (week["from"], week["to"]) == ("2024-03-11", "2024-03-17")
    assert [a["account"] for a in week["accounts"]] == [a.name for a in ACCOUNTS]
    for account, got in zip(ACCOUNTS, week["accounts"]):
        model = models.Models(events, account.path)
        for name, first in (("week", MONDAY), ("before", MONDAY - timedelta(days=7))):
            last, numbers = first + timedelta(days=6), got[name]
            rows = days.between(account.path, first, last)
            kinds = Counter(kind for kind, _ in rows)
            for kind in (*PUSHES, "late_delivered", "late_dead"):
                assert numbers[kind] == kinds[kind], (account, name, kind)
            assert numbers["received"] == sum(kinds[k] for k in PUSHES)
            times = [ms for kind, ms in rows if kind in ANSWERED]
            assert is_near(numbers["p50_ms"], times, 0.5), (numbers, sorted(times))
            assert is_near(numbers["p99_ms"], times, 0.99), (numbers, sorted(times))
            follows = model.ask("follows", (first.isoformat(), last.isoformat()))
            for kind in ("follows", "unfollows"):
                assert numbers[kind] == sum(r[kind] for r in follows)
        last = days.last_push(account.path)
        assert got["last_push"] == (last and f"{last[0]}T{last[1]:02d}:00+08:00")
    assert sum(a["week"]["follows"] for a in week["accounts"]) > 0
    assert sum(a["week"]["received"] for a in week["accounts"]) > 100


def test_without_anything(make_store):
    week = week_of(make_store(), MONDAY)
    for account in week["accounts"]:
        assert account["last_push"] is None
        assert {k for k, v in account["week"].items() if v != 0} == {"p50_ms", "p99_ms"}
