"""Every question of the report, asked of the program, against models.py."""

import inspect
import itertools
import random
import subprocess
import time
from collections import Counter

import pytest

import gen
import models
from conftest import ENV, SQL, TOOL, Wrong
from gen import (CAFE, FOLLOW, MASS, MENU, MESSAGE, SCAN, SCHOOL, SHOP, SUBSCRIPTION, TEMPLATE,
                 UNFOLLOW)

MARCH = ("2024-03-01", "2024-03-31")
# A question and options that each is asked with.
ASKED = {
    "days": [{}], "follows": [{}], "scenes": [{}], "sources": [{}], "menu": [{}], "messages": [{}],
    "sends": [{}], "latest": [{}], "retention": [{}],
    "event": [{}, dict(code=MENU), dict(by="week"), dict(by="month"),
              dict(by="hour", code=MESSAGE), dict(by="account"), dict(by="account", code=MENU),
              dict(by="item"), dict(by="item", code=MENU)],
    "funnel": [{}, dict(steps=f"{MENU},{MENU},{MENU}", window=3600),
               dict(steps=f"{FOLLOW},{UNFOLLOW},{FOLLOW},{UNFOLLOW}", window=2592000),
               dict(steps=SCAN), dict(steps=f"{MESSAGE},{MENU}", window=1)],
    "distribution": [{}, dict(code=MENU)],
    "interval": [{}, dict(first=MENU, second=MENU), dict(first=UNFOLLOW, second=FOLLOW)],
    "path": [dict(start=FOLLOW), {}, dict(start=MENU, pause=60)],
    "lifecycle": [{}, dict(silence=1), dict(silence=30)],
    "attribution": [{}, dict(target=UNFOLLOW), dict(target=MENU, window=60)],
    "audience": [{}, dict(code=MENU, at_least=3, at_most=5), dict(code=MENU, item="V01_ITEM"),
                 dict(following="yes", limit=50), dict(following="no", at_least=10)],
}
PERIODS = (("2024-02-29", "2024-02-29"), ("2024-03-10", "2024-03-16"), ("2023-11-01", "2024-02-27"))


def assert_rows(got, want):
    assert len(got) == len(want), (got[:3], want[:3])
    for i, (g, w) in enumerate(zip(got, want)):
        assert list(g) == list(w), i
        for k in w:
            if isinstance(w[k], float) and g[k] is not None:
                assert g[k] == pytest.approx(w[k], abs=1e-9, rel=1e-9), (i, k, g, w)
            else:
                assert g[k] == w[k], (i, k, g, w)


def unset(name, options):
    """path has a default for people that the statement has not."""
    return {**({"start": ""} if name == "path" and "start" not in options else {}), **options}


def compare(store, model, name, options, period, **where):
    """Asks both; the program's rows."""
    got = store.ask(name, from_=period[0], to=period[1], **where, **unset(name, options))
    assert_rows(got, model.ask(name, period, **options))
    return got


CASES = [(name, options) for name, sets in ASKED.items() for options in sets]
PLAIN = [(name, sets[0]) for name, sets in ASKED.items()]


def names(x):
    return x if isinstance(x, str) else ",".join(f"{k}={v}" for k, v in x.items()) or "plain"


@pytest.mark.parametrize("account", (None, CAFE.path), ids=str)
@pytest.mark.parametrize("name, options", CASES, ids=names)
def test_month(month, model, name, options, account):
    where = dict(account=account) if account else {}
    assert compare(month, model(account), name, options, MARCH, **where)


@pytest.mark.parametrize("name, options", PLAIN, ids=names)
def test_account_by_appid(month, model, name, options):
    assert compare(month, model(SCHOOL.appid), name, options, MARCH, account=SCHOOL.appid)


@pytest.mark.parametrize("period", PERIODS, ids="/".join)
@pytest.mark.parametrize("name, options", PLAIN, ids=names)
def test_periods(month, model, name, options, period):
    compare(month, model(CAFE.name), name, options, period, account=CAFE.name)


def test_all_questions_are_asked():
    columns = subprocess.run([TOOL, "columns"], check=True, stdout=subprocess.PIPE, text=True)
    rows = [line.split("\t") for line in columns.stdout.splitlines()]
    assert {name for name, _, _ in rows} == set(ASKED) | {"health", "replies"}
    assert {f.stem for f in SQL.glob("*.sql")} == set(ASKED)
    for name, _, options in rows:
        if name in ASKED:
            of_model = inspect.signature(getattr(models.Models, name)).parameters
            assert set(of_model) - {"self"} == set(options.split()), name


def test_columns(month):
    """The program says what the statements give."""
    columns = subprocess.run([TOOL, "columns"], check=True, stdout=subprocess.PIPE, text=True)
    for line in columns.stdout.splitlines():
        name, columns, _ = line.split("\t")
        if name not in ("health", "replies"):
            assert list(month.ask(name, from_=MARCH[0], to=MARCH[1])[0]) == columns.split(), name


@pytest.mark.parametrize("name", ASKED)
def test_by_hand(month, name):
    """The files are what is built in."""
    for options in ASKED[name][:2]:
        args = dict(from_=MARCH[0], to=MARCH[1], account=CAFE.path)
        assert_rows(month.ask(name, **args, **unset(name, options)),
                    month.by_hand(name, **args, **options))


def test_sqlite3_tool(month):
    """What the files say of running them."""
    for f in SQL.glob("*.sql"):
        how = [line for line in f.read_text().splitlines() if line.startswith("--\tsqlite3 ")]
        assert len(how) == 1 and how[0].endswith(f"qtoa.db <report/sql/{f.name}")
        line = how[0][3:].replace("qtoa.db <report/sql/", f"{month.dir}/qtoa.db <{SQL}/")
        assert "'2026-11-01'" in line
        p = subprocess.run(line, shell=True, env=ENV, capture_output=True, text=True, timeout=60)
        assert (p.returncode, p.stderr) == (0, ""), f
        plain = subprocess.run(["sqlite3", "-readonly", f"{month.dir}/qtoa.db"], env=ENV,
                               timeout=60, input=f.read_text(), capture_output=True, text=True)
        assert (plain.returncode, plain.stderr) == (0, ""), f


# Where there is next to nothing.

@pytest.mark.parametrize("name", ASKED)
def test_empty_store(make_store, name):
    rows = make_store().ask(name)
    if name in ("follows", "lifecycle"):
        assert len(rows) == 30
        assert all(v == 0 for r in rows for k, v in r.items() if k != "day")
    elif name == "funnel":
        assert [r["devices"] for r in rows] == [0, 0, 0]
        assert all(r[k] is None for r in rows for k in ("share", "from_last", "seconds"))
    else:
        assert rows == []


@pytest.mark.parametrize("code", [FOLLOW, MENU, None])
def test_one_event(make_store, code):
    attributes = {FOLLOW: {"EventKey": "qrscene_7"}, MENU: {"EventKey": "K"}}.get(code, {})
    end = gen.seconds("2024-02-29", 24) - 1
    messages = [gen.Message(SHOP, "oOne", end, [(code, attributes)])]
    store, model = make_store(messages), models.Models(models.events_of(messages))
    for name, options in CASES:
        compare(store, model, name, options, ("2024-02-20", "2024-03-05"))


HOSTILE = ["<script>alert(1)</script>", "' OR 1=1 --", '"; DROP TABLE event; --',
           "\u202eevil\u202c",
           "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467", "K" * 10240, "\u4e2d" * 3413,
           "\\", "\\u0000", "a\tb\nc\rd", "\x01\x1b[31m\x7f", "%s%n", "=1+1", "", " ", "null", "[]",
           "\u2028\u2029\ufeff\ufffd", "e\u0301", "a,b", "$.x"]


def test_hostile_text(make_store):
    """Text comes out as it went in, and means nothing on its way."""
    start, messages = gen.seconds("2024-03-02", 10), []
    for i, text in enumerate(HOSTILE):
        for j, (code, attributes) in enumerate((
                (FOLLOW, {"EventKey": "qrscene_" + text}), (SCAN, {"EventKey": text}),
                (MENU, {"EventKey": text}), (MESSAGE, {"MsgType": text}),
                (TEMPLATE, {"Status": text}), (MASS, {"Status": text}),
                (SUBSCRIPTION, {"TemplateId": text, "ErrorCode": text}), (UNFOLLOW, {}))):
            device = f"o{i}" if "\t" in text or "\n" in text else f"o{i}{text}"
            messages.append(gen.Message(SHOP, device, start + i * 60 + j, [(code, attributes)]))
    store, model = make_store(messages), models.Models(models.events_of(messages))
    for name, options in CASES:
        compare(store, model, name, options, ("2024-03-01", "2024-03-03"))
    keys = {r["key"] for r in store.ask("menu", from_="2024-03-01", to="2024-03-03")}
    assert keys == set(HOSTILE)
    for text in HOSTILE[:5]:
        got = store.ask("audience", from_="2024-03-01", to="2024-03-03", code=MENU, item=text)
        assert [r["events"] for r in got] == [1]
        assert store.ask("days", from_="2024-03-01", to="2024-03-03", account=text) == []


# About midnight in China and elsewhere; at the end of a leap day, a year, a month; later.
NOWS = [gen.seconds("2024-02-29", 24) - 1, gen.seconds("2024-03-01"), gen.seconds("2024-03-01", 8),
        gen.seconds("2026-12-31", 24) - 1, gen.seconds("2027-01-01"),
        gen.seconds("2027-03-31", 23) + 1799, gen.seconds("2038-01-20", 12)]
at_now = pytest.mark.parametrize(
    "now", NOWS, ids=lambda now: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))


@at_now
def test_last_thirty_days(make_store, now):
    """What nobody chose: today in China and the 29 days before it."""
    today = (now + 8 * 3600) // 86400
    begin, end = ((d * 24 - 8) * 3600 for d in (today - 29, today + 1))
    messages = [gen.Message(SHOP, "o1", at, [(MENU, {})]) for at in (begin - 1, begin, end - 1, end)]
    store = make_store(messages, now)
    got = store.ask("event")
    assert sum(r["events"] for r in got) == 2
    assert_rows(store.by_hand("event"), got)
    assert [r["day"] for r in store.ask("follows")] == [
        models.day_text(d) for d in range(today - 29, today + 1)]


@at_now
def test_retention_so_far(make_store, now):
    """As many days as have come."""
    today = (now + 8 * 3600) // 86400
    messages = [gen.Message(SHOP, f"o{d}", now - d * 86400, [(FOLLOW, {})]) for d in range(32)]
    messages += [gen.Message(SHOP, f"o{d}", now - n * 86400, [(MENU, {})])
                 for d in range(32) for n in range(d)]
    store = make_store(messages, now)
    period = tuple(map(models.day_text, (today - 31, today)))
    of = models.Models(models.events_of(messages), today=today)
    got = compare(store, of, "retention", {}, period)
    assert len(got) == 30 + sum(range(31))
    assert_rows(store.by_hand("retention", from_=period[0], to=period[1]), got)


# What is asked for.

@pytest.mark.parametrize("args", [
    dict(from_="2024-02-30"), dict(to="yesterday"), dict(from_="2024-03-02", to="2024-03-01"),
    dict(from_="2000-01-01", to="2024-01-01"), dict(window="0"), dict(window="-1"),
    dict(window="1e3"), dict(window="99999999999999999999"), dict(steps="nothing"),
    dict(steps=f"{MENU},"), dict(steps=""), dict(steps=",".join([MENU] * 40)),
    dict(account="x" * 256), dict(account="\x01"), dict(account="\x7f")])
def test_wrong_arguments(month, args):
    with pytest.raises(Wrong):
        month.ask("funnel", **args)


def test_brief_codes(month):
    args = dict(from_=MARCH[0], to=MARCH[1])
    want = month.ask("funnel", steps=f"{FOLLOW},{MENU},{SCAN},{UNFOLLOW}", **args)
    assert month.ask("funnel", steps="follow, menu_click ,scan,unfollow", **args) == want


# What the questions rely on.

def check_life(store, messages):
    """gap, first and last are what the events in their order say, however they came."""
    lives = {}
    for e in models.events_of(messages):
        lives.setdefault(e.device, []).append(e)
    got = {row[0]: row[1:] for row in store.rows("SELECT id, time, gap, day, item FROM event")}
    ends = {row[:2]: row[2:] for row in
            store.rows("SELECT application, device, first, last FROM device")}
    for device, life in lives.items():
        life.sort(key=lambda e: e.order)
        assert ends[device] == (life[0].time, life[-1].time)
        for before, e in zip([None, *life], life):
            gap = None if before is None else e.time - before.time
            assert got[e.id] == (e.time, gap, e.day, e.item), (device, e)
    assert len(ends) == len(lives) and len(got) == sum(map(len, lives.values()))


def test_life_of_the_month(month, messages):
    check_life(month, messages)


@pytest.mark.parametrize("seed", range(5))
def test_life_in_any_order_of_arrival(make_store, seed):
    rnd = random.Random(seed)
    messages = [gen.Message(rnd.choice((SHOP, CAFE, SCHOOL)), f"o{rnd.randrange(5)}",
                            gen.seconds("2024-03-01") + rnd.randrange(60) * rnd.choice((1, 3600)),
                            [(rnd.choice((FOLLOW, UNFOLLOW, MENU, None)), {})
                             for _ in range(rnd.choice((1, 1, 1, 3)))]) for _ in range(300)]
    store, model = make_store(messages), models.Models(models.events_of(messages))
    check_life(store, messages)
    for name, options in CASES:
        compare(store, model, name, options, ("2024-03-01", "2024-03-04"))


# Users who are known by their openid only, until WeChat tells their unionid.

def by_openid(messages, rnd):
    """The same messages, of which most users' first ones are counted under an openid of the account.
    The answer "there is none" of a later message can be overtaken by the unionid."""
    turns, seen = {}, Counter()
    for m in messages:
        seen[m.account, m.device] += 1
    for user, n in seen.items():
        turns[user] = rnd.randrange(n) if rnd.random() < 0.8 else 0
    seen.clear()
    for m in messages:
        user, openid = (m.account, m.device), f"of-{m.account.path}-{m.device}"
        seen[user] += 1
        if seen[user] <= turns[user]:
            m.openid = openid
        elif seen[user] == turns[user] + 1:
            m.told = (openid,)
        elif rnd.random() < 0.01:
            m.openid = openid
    return messages


@pytest.mark.parametrize("seed", range(3))
def test_joined(make_store, seed):
    """All questions are answered as if every event had been counted under the unionid."""
    rnd = random.Random(seed)
    messages = by_openid(gen.Month(seed, "2024-02-26", "2024-04-02", 4_000).run(), rnd)
    assert sum(bool(m.openid) for m in messages) > len(messages) / 5
    store, of = make_store(messages), known(messages)
    check_life(store, messages)
    for (name, options), account in itertools.product(CASES, of):
        where = dict(account=account) if account else {}
        compare(store, of[account], name, options, MARCH, **where)


def test_joined_after_days_were_forgotten(make_store):
    messages = by_openid(gen.Month(7, "2024-04-01", "2024-05-12", 6_000).run(), random.Random(7))
    half = len(messages) * 2 // 3
    store = make_store(messages[:half])
    store.forget(KEPT)
    store.load(messages[half:])
    since = store.rows("SELECT before FROM forgotten")[0][0]
    last = max((m.time + 8 * 3600) // 86400 for m in messages)
    check_left(store, messages, since)
    compare_kept(store, known(messages), since, last - 1, CASES)


# What is left when days are forgotten.

KEPT, WINDOW = 20, 7        # days; that attribution looks back


def known(messages):
    """The model, by account."""
    events = models.events_of(messages)
    return {account: models.Models(events, account) for account in (None, CAFE.path)}


def compare_kept(store, of, since, last, cases):
    """The questions about the days that are kept are answered as if none were forgotten."""
    for (name, options), account in itertools.product(cases, of):
        first = since + (WINDOW if name == "attribution" else 0)
        where = dict(account=account) if account else {}
        for period in ((first, last), (first, first + 1)):
            compare(store, of[account], name, options, tuple(map(models.day_text, period)),
                    **where)


def check_left(store, messages, since):
    """Of the events those of the days that are kept, whole; of the devices everything."""
    lives = {}
    for e in models.events_of(messages):
        lives.setdefault(e.device, []).append(e)
    got = store.rows("SELECT application, device.device, time, gap FROM event "
                     "JOIN device ON device.id = event.device")
    ends = {row[:2]: row[2:] for row in
            store.rows("SELECT application, device, first, last FROM device")}
    want = []
    for life in lives.values():
        life.sort(key=lambda e: e.order)
        want += [(*e.device, e.time, None if before is None else e.time - before.time)
                 for before, e in zip([None, *life], life) if e.day >= since]
    assert sorted(got, key=repr) == sorted(want, key=repr)
    assert ends == {d: (life[0].time, life[-1].time) for d, life in lives.items()}


def test_forgotten(make_store):
    """Messages come in, late ones too, and every few days the oldest days go."""
    messages = gen.Month(5, "2024-04-01", "2024-05-12", 6_000).run()
    store, of = make_store(), known(messages)
    size = len(messages) // 12 + 1
    for at in range(0, len(messages), size):
        store.load(messages[at:at + size])
        store.forget(KEPT)
    newest = max(e.day for e in of[None].events)
    since = newest - KEPT
    check_left(store, messages, since)
    compare_kept(store, of, since, newest, CASES)
    # Nothing of it is counted again.
    rows = lambda: [sorted(store.rows(f"SELECT * FROM {t}"), key=repr)
                    for t in ("event", "past", "device")]
    before = rows()
    store.load(messages, again=len(messages))
    assert rows() == before


def test_forgotten_with_followers(make_store):
    """Followers without an event, or from before it, on both sides of the first day that is kept."""
    messages = gen.Month(8, "2024-04-01", "2024-05-12", 6_000).run()
    fans = gen.fans(messages)
    store = make_store(messages)
    store.add_followers(fans)
    events = models.events_of(messages)
    of = {None: models.Models(events, followers=fans)}
    newest = max(e.day for e in events)
    cases = [c for c in CASES if c[0] in ("lifecycle", "retention", "audience", "sources")]
    compare_kept(store, of, newest - KEPT, newest, cases)
    store.forget(KEPT)
    compare_kept(store, of, newest - KEPT, newest, cases)


def test_forgetting_is_never_seen(make_store):
    """Half done, and with all that is left to do: the days that stay are as they were."""
    messages = gen.Month(6, "2024-04-01", "2024-05-12", 4_000).run()
    store, of = make_store(messages), known(messages)
    newest = max(e.day for e in of[None].events)
    steps = 0
    for most in (1, 5, 1000):
        steps += store.forget(KEPT, most)[0]
        compare_kept(store, of, newest - KEPT, newest, PLAIN)
    assert steps > 6
    check_left(store, messages, newest - KEPT)


def test_around_the_first_day_that_is_kept(make_store):
    """Visits that go on over its midnight; devices of which nothing is left, and that come back;
    late ones from before it."""
    midnight = gen.seconds("2024-05-05")
    one = lambda account, user, at, code: gen.Message(account, user, midnight + at, [(code, {})])
    days = lambda n: n * 86400
    before = [
        one(CAFE, "oVisit", -600, MENU), one(SHOP, "oVisit", 300, MENU),
        one(CAFE, "oVisit", 600, MESSAGE), one(SHOP, "oVisit", 700, MESSAGE),
        one(SHOP, "oGone", -days(9), FOLLOW), one(SHOP, "oBack", -days(3), FOLLOW),
        one(CAFE, "oBack", -days(3), UNFOLLOW), one(SHOP, "oLate", -days(8), MENU),
        one(SHOP, "oLate", days(3), MENU), one(SHOP, "oNew", days(KEPT), FOLLOW)]
    after = [
        one(SHOP, "oBack", days(4), MENU), one(CAFE, "oBack", days(5), MENU),
        one(SHOP, "oLate", -days(2), UNFOLLOW), one(CAFE, "oLate", days(2), MENU),
        one(SHOP, "oOnlyLate", -60, FOLLOW), one(SHOP, "oOnlyLate", 60, MENU),
        one(SHOP, "oOnlyLate", -120, UNFOLLOW)]
    store, of = make_store(before), known(before + after)
    store.forget(KEPT)
    store.load(after)
    since = models.day_number("2024-05-05")
    check_left(store, before + after, since)
    compare_kept(store, of, since, since + KEPT, CASES)


def test_forgetting_goes_one_way(make_store):
    """What is to be kept longer again is kept from then on; nothing comes back."""
    noon = gen.seconds("2024-05-01", 12)
    days = range(10)
    messages = [gen.Message(SHOP, f"o{d % 3}", noon + d * 86400, [(MENU, {})]) for d in days]
    store = make_store(messages)
    left = lambda: [r["events"] for r in store.ask("days", from_="2024-05-01", to="2024-05-10")]
    for kept, want in ((0, 10), (30, 10), (9, 10), (4, 5), (8, 5), (0, 5), (1, 2)):
        store.forget(kept)
        assert sum(left()) == want, kept
        store.load(messages, again=len(messages))
        assert sum(left()) == want, kept
