"""How long each question of the report takes: a million events of one account within a month;
and forgetting the first of its days.

usage: bench.py DIR [EVENTS [MONTHS]]     (make report-bench; the store is made once, in DIR)
"""

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from gen import (FOLLOW, LOCATION, MENU, MESSAGE, SCAN, SUBSCRIPTION, TEMPLATE, UNFOLLOW, seconds)

TYPES = ("text", "text", "text", "image", "voice")
KINDS = {
    MENU: (40, lambda r, i: '{"MsgType":"event","Event":"CLICK","EventKey":"V%02d_ITEM"}'
           % min(39, r.expovariate(0.1))),
    MESSAGE: (34, lambda r, i: '{"MsgType":"%s","Content":"\u4f60\u597d hello %d",'
              '"MsgId":"24529870%010d"}' % (r.choice(TYPES), i, i)),
    SCAN: (8, lambda r, i: '{"MsgType":"event","Event":"SCAN","EventKey":"%d",'
           '"Ticket":"gQFs8DwAAAAAA"}' % r.randrange(300)),
    TEMPLATE: (10, lambda r, i: '{"MsgType":"event","MsgID":"%d","Status":"%s"}'
               % (i, r.choice(("success",) * 9 + ("failed:user block",)))),
    LOCATION: (5, lambda r, i: '{"Event":"LOCATION","Latitude":23.13,"Longitude":113.32}'),
    SUBSCRIPTION: (3, lambda r, i: '{"TemplateId":"9nLIlbOQZC5Y89AZteFEux3WCXRRRG5Wfzkpssu4bLI",'
                   '"MsgID":"%d","ErrorCode":"%s"}' % (i, r.choice(("0", "0", "43101")))),
}
ASKED = [
    ("days", {}), ("follows", {}), ("scenes", {}), ("sources", {}), ("menu", {}), ("messages", {}), ("sends", {}),
    ("latest", {}), ("event", {}), ("event", dict(code=MENU)), ("event", dict(by="week")),
    ("event", dict(by="month")), ("event", dict(by="hour")), ("event", dict(by="account")),
    ("event", dict(by="item")), ("event", dict(by="item", code=MENU)), ("funnel", {}),
    ("funnel", dict(steps=f"{MENU},{MESSAGE},{MENU}")), ("retention", {}), ("distribution", {}),
    ("distribution", dict(code=MENU)), ("interval", {}),
    ("interval", dict(first=MENU, second=MESSAGE)),
    ("path", {}), ("path", dict(start=MENU)), ("path", dict(start="")), ("lifecycle", {}),
    ("attribution", {}), ("attribution", dict(target=UNFOLLOW)), ("audience", {}),
    ("audience", dict(code=MENU, item="V03_ITEM", at_least=2)), ("audience", dict(following="yes")),
]
FIRST = "2024-03-01"


def lives(rnd, count, begin, end):
    """time, device, code: twelve events a device, in sessions of two to three."""
    events, names = [], list(KINDS)
    weights = [w for w, _ in KINDS.values()]
    for device in range(1, count // 12 + 1):
        at, left = begin + rnd.randrange((end - begin) * 9 // 10), int(rnd.expovariate(1 / 12)) + 1
        if rnd.random() < 0.9:
            events.append((at, device, FOLLOW))
        for code in rnd.choices(names, weights, k=left):
            at += rnd.randrange(600) if rnd.random() < 0.6 else rnd.randrange(3600, 3 * 86400)
            if at >= end:
                break
            events.append((at, device, code))
        if rnd.random() < 0.3 and at + 90 < end:
            events.append((at + rnd.randrange(90), device, UNFOLLOW))
    while len(events) < count:
        events.append((rnd.randrange(begin, end), rnd.randrange(1, count // 12 + 1),
                       rnd.choices(names, weights)[0]))
    return sorted(events[:count])


def rows(rnd, events, first, last):
    for i, (at, device, code) in enumerate(events):
        gap = at - last[device] if device in last else None
        first.setdefault(device, at)
        last[device] = at
        attributes = KINDS[code][1](rnd, i) if code in KINDS else (
            '{"Event":"subscribe","EventKey":"qrscene_%d"}' % rnd.randrange(300)
            if code == FOLLOW and rnd.random() < 0.6 else '{"Event":"unsubscribe"}')
        key = at.to_bytes(8, "big") + rnd.randbytes(16)
        yield device, code, at, gap, at * 1000, key, attributes


def fill(file, count, months):
    """As archive_add() would leave it, but for the time that takes."""
    rnd, first, last = random.Random(5), {}, {}
    begin = seconds(FIRST)
    with sqlite3.connect(file, isolation_level=None) as db:
        db.execute("PRAGMA synchronous = OFF")
        indexes = db.execute("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'event!_%' "
                             "ESCAPE '!' AND type = 'index'").fetchall()
        db.execute("BEGIN")
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        db.execute("INSERT INTO account VALUES (1, 'wx1111111111111111', 'app', 'shop', 'shop')")
        events = lives(rnd, count, begin, begin + months * 31 * 86400)
        db.executemany("INSERT INTO event (account, device, code, time, gap, received, message, "
                       "part, attributes) VALUES (1, ?, ?, ?, ?, ?, ?, 0, ?)",
                       rows(rnd, events, first, last))
        db.executemany("INSERT INTO device VALUES (?, 'app', ?, ?, ?)",
                       ((d, f"oQtoa{d:023d}", first[d], last[d]) for d in first))
        for _, sql in indexes:
            db.execute(sql)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def forget(store, days):
    """All but the last so many days go, from a copy."""
    from conftest import Store
    copy = store.with_suffix(".copy")
    subprocess.run(["rm", "-rf", str(copy)], check=True)
    subprocess.run(["cp", "-r", str(store), str(copy)], check=True)
    program = Store.open(copy)
    with program.db() as db:
        count = lambda: db.execute("SELECT count(*) FROM event").fetchone()[0]
        size = lambda: (copy / "qtoa.db").stat().st_size / 1e6
        events, large = count(), size()
        began = time.perf_counter()
        steps, longest = program.forget(days)
        took = time.perf_counter() - began
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        print(f"forgetting {events - count():,} of {events:,} events: {took:.1f} s in {steps} "
              f"steps, the longest transaction {longest / 1000:.0f} ms; "
              f"{large:.0f} MB, then {size():.0f} MB")
    program.close()
    subprocess.run(["rm", "-rf", str(copy)], check=True)


def main(where, count=1_000_000, months=1):
    from conftest import Store
    store = Path(where) / f"bench-{count}-{months}"
    if not store.exists():
        new = store.with_suffix(".new")
        subprocess.run(["rm", "-rf", str(new)], check=True)
        new.mkdir(parents=True)
        Store(new).close()
        fill(new / "qtoa.db", int(count), int(months))
        new.rename(store)
    size = sum(f.stat().st_size for f in store.iterdir()) / 1e6
    print(f"{int(count):,} events in {months} month(s), {size:.0f} MB; best of three, seconds")
    program, slow = Store.open(store), 0
    for name, options in ASKED:
        best = 99.0
        for _ in range(3):
            began = time.perf_counter()
            found = program.ask(name, from_=FIRST, to="2024-03-31", account="shop", **options)
            best = min(best, time.perf_counter() - began)
        slow += best >= 1
        text = " ".join(f"{k}={v or '-'}" for k, v in options.items()).replace("$$_", "")
        print(f"  {name:13} {text:52} {best:6.3f}  {len(found):5} rows", flush=True)
    program.close()
    for days in (int(months) * 31 - 2, int(months) * 31 - 11):
        forget(store, days)
    print(f"{slow} of {len(ASKED)} at a second or over; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
