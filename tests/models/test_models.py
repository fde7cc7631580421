"""Every question of the report, asked of the program, against models.py."""

import inspect
import random
import subprocess
import time

import pytest

import gen
import models
from conftest import SQL, TOOL, Wrong
from gen import (CAFE, FOLLOW, MASS, MENU, MESSAGE, SCAN, SCHOOL, SHOP, SUBSCRIPTION, TEMPLATE,
                 UNFOLLOW)

MARCH = ("2024-03-01", "2024-03-31")
# A question and options that each is asked with.
ASKED = {
    "days": [{}], "follows": [{}], "scenes": [{}], "menu": [{}], "messages": [{}],
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
    assert {name for name, _, _ in rows} == set(ASKED) | {"health"}
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
        if name != "health":
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
        assert len(how) == 1 and how[0].endswith(f"qtoa.db <sql/{f.name}")
        line = how[0][3:].replace("qtoa.db <sql/", f"{month.dir}/qtoa.db <{SQL}/")
        assert "'2026-11-01'" in line
        p = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
        assert (p.returncode, p.stderr) == (0, ""), f
        plain = subprocess.run(["sqlite3", "-readonly", f"{month.dir}/qtoa.db"], timeout=60,
                               input=f.read_text(), capture_output=True, text=True)
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


def test_last_thirty_days(make_store):
    """What nobody chose: today in China and the 29 days before it."""
    now = int(time.time())
    messages = [gen.Message(SHOP, "o1", now - d * 86400, [(MENU, {})]) for d in (0, 28, 31)]
    store = make_store(messages)
    got = store.ask("event")
    assert sum(r["events"] for r in got) == 2 and len(store.ask("follows")) == 30
    assert_rows(store.by_hand("event"), got)


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
    with store.db() as db:
        got = {row[0]: row[1:] for row in db.execute("SELECT id, time, gap, day, item FROM event")}
        ends = {row[:2]: row[2:] for row in
                db.execute("SELECT application, device, first, last FROM device")}
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
