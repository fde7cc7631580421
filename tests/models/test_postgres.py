"""The questions where hosts share a store on PostgreSQL: the same models judge the answers, and a
store on SQLite that had all the messages gives the same bytes."""

import concurrent.futures
import itertools
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import gen
import models
import test_models
from conftest import Store, Wrong
from gen import CAFE, MENU, SHOP
from test_models import CASES, MARCH, PERIODS, PLAIN, compare, unset

pytestmark = pytest.mark.xdist_group("postgres")    # one server for all
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))
import servers      # noqa: E402


# Texts are in the order of words, but not in the answers.
WORDS = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'"


class Shared(Store):
    """A host; hosts share what `url` names."""

    def __init__(self, where, server, url, messages=()):
        self.server, self.url, self.where = server, url, {"MODELS_STORE": url}
        where.mkdir(exist_ok=True)
        super().__init__(where, messages)

    def text(self, name, again=True, **args):
        """again: of what the store has now, and not when it was asked last."""
        if again:
            self.program.stdin.write(b"again\n")
        return super().text(name, **args)

    def add_followers(self, followers):
        rows = [dict(appid=f.account.appid, openid=f.openid, device=f.device, scene=f.source,
                     subscribe_time=f.time, qr_scene=f.qr_scene, qr_scene_str=f.qr_scene_str,
                     gone_at=f.gone, seen_at=0, asked_at=0) for f in followers]
        for at in range(0, len(rows), 200):
            some = json.dumps(rows[at:at + 200]).replace("'", "''")
            self.server.sql("INSERT INTO follower SELECT * FROM json_populate_recordset("
                            f"NULL::follower, '{some}')", self.url)

    def rows(self, sql):
        text = self.server.sql(f"SELECT json_agg(row_to_json(r)) FROM ({sql}) AS r", self.url)
        return [tuple(row.values()) for row in json.loads(text or "null") or []]


@pytest.fixture(scope="module")
def server():
    with servers.directory() as top:
        one = servers.Server(top, "one")
        try:
            one.make()
            one.set(fsync="off", full_page_writes="off")
            one.start()
            yield one
        finally:
            one.kill()


@pytest.fixture
def make_store(server, tmp_path):
    """Like that of conftest.py; `beside`: another host of that store."""
    stores = []

    def make(messages=(), now=None, beside=None):
        assert now is None      # the server's clock cannot be set
        name = f"s{len(stores)}"
        if beside is None:
            server.sql(f"DROP DATABASE IF EXISTS {name}")
            server.sql(f"CREATE DATABASE {name} {WORDS}")
        url = beside.url if beside else server.url.replace("/postgres?", f"/{name}?")
        stores.append(Shared(tmp_path / name, server, url, messages))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture(scope="module")
def messages():
    """A part of a month, so that it is not much work.  No two are of the same second: hosts decide
    together which of those comes first."""
    made = gen.Month(20240302, "2024-02-26", "2024-04-02", 1_200).run()
    return list({m.time: m for m in reversed(made)}.values())[::-1]


@pytest.fixture(scope="module")
def alone(messages, tmp_path_factory):
    """One SQLite that had all messages."""
    store = Store(tmp_path_factory.mktemp("alone"), messages)
    store.add_followers(gen.fans(messages))
    yield store
    store.close()


def judge(store, messages):
    """Each question, of all accounts and of one, as the model answers it."""
    events, fans = models.events_of(messages), gen.fans(messages)
    for account in None, CAFE.path:
        model = models.Models(events, account, followers=fans)
        where = dict(account=account) if account else {}
        for name, options in CASES:
            compare(store, model, name, options, MARCH, **where)


def assert_same(store, alone, account, cases, periods):
    """The same bytes."""
    for (name, options), period in itertools.product(cases, periods):
        args = dict(from_=period[0], to=period[1], account=account, **unset(name, options))
        assert store.text(name, **args) == alone.text(name, **args), (name, args)


def test_month(make_store, messages, alone):
    store = make_store(messages)
    store.add_followers(gen.fans(messages))
    test_models.check_life(store, messages)
    judge(store, messages)
    assert_same(store, alone, CAFE.appid, PLAIN, PERIODS)


def test_hosts_together(make_store, messages, alone):
    """Each host gets a part of the messages at the same time, and some of another one's part."""
    first = make_store()
    hosts = [first, make_store(beside=first), make_store(beside=first)]
    first.add_followers(gen.fans(messages))
    numbered = list(enumerate(messages))
    parts = [[(i, m) for i, m in numbered if n in (i % 3, i % 7)] for n in range(3)]
    with concurrent.futures.ThreadPoolExecutor() as threads:
        done = [threads.submit(h.load_lines, [line for i, m in part for line in
                                              gen.lines([m], i)])
                for h, part in zip(hosts, parts)]
        for one in done:
            one.result()
    assert_same(hosts[2], alone, "", CASES, [MARCH])
    assert_same(hosts[2], alone, CAFE.name, PLAIN, [MARCH])


def test_empty_store(make_store):
    store = make_store()
    for name, _ in PLAIN:
        test_models.test_empty_store(lambda: store, name)


def test_hostile_text(make_store, monkeypatch):
    monkeypatch.setattr(test_models, "HOSTILE", [t for t in test_models.HOSTILE if len(t) < 1000])
    test_models.test_hostile_text(make_store)


def test_long_items(make_store):
    """Longer ones than an index takes, and than WeChat sends, are counted, each for itself."""
    rnd = random.Random(1)
    letters = [*map(chr, range(33, 127)), *map(chr, range(0x4e00, 0x9f00))]
    text = lambda n: "".join(rnd.choices(letters, k=n))
    short, url = text(600), "https://example.com/" + "".join(map(str, range(1000)))[:1004]
    long = [short * 2 + text(n) for n in (1, 3000, 20000)] + [short * 2 + "x"]
    start = gen.seconds("2024-03-02")
    messages = [gen.Message(SHOP, f"o{i}", start + i, [(MENU, {"EventKey": key})])
                for i, key in enumerate([short, url, *long])]
    rows = make_store(messages).ask("menu", from_=MARCH[0], to=MARCH[1])
    assert [r["clicks"] for r in rows] == [1] * len(messages)
    assert {short, url} < {r["key"] for r in rows}
    assert all(r["key"].startswith(short[:480]) for r in rows if r["key"] != url)


def test_a_page_is_of_one_moment(make_store, messages):
    store = make_store(messages[:50])
    period = dict(from_="2024-02-26", to=MARCH[1])
    ask = lambda again: store.text("days", again, **period)
    before = ask(True)
    store.load(messages[50:100])
    assert ask(False) == before
    assert ask(True) != before


def test_a_question_ends_in_time(make_store, server):
    """For its reader, and for the server, which would go on with it."""
    store = make_store()
    store.close()
    store.start(MODELS_MS="1000")
    with subprocess.Popen([f"{servers.BIN}/psql", "-XAtq", "-d", store.url], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as busy:
        busy.stdin.write("BEGIN; LOCK TABLE event; SELECT 'locked';\n")
        busy.stdin.flush()
        assert busy.stdout.readline() == "locked\n"
        with pytest.raises(Wrong):
            store.ask("days")
        servers.wait_until("the server ends it", lambda: server.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'qtoa'") == "0")
        busy.stdin.close()


def test_life_in_any_order_of_arrival(make_store):
    test_models.test_life_in_any_order_of_arrival(make_store, 0)


def test_around_the_first_day_that_is_kept(make_store):
    test_models.test_around_the_first_day_that_is_kept(make_store)


def test_forgotten_days(make_store):
    """Users whose unionid comes late, and days that are forgotten meanwhile."""
    rnd = random.Random(7)
    messages = test_models.by_openid(gen.Month(7, "2024-04-01", "2024-05-12", 1_000).run(), rnd)
    half = len(messages) * 2 // 3
    store = make_store(messages[:half])
    store.forget(test_models.KEPT)
    store.load(messages[half:])
    since = store.rows("SELECT before FROM forgotten")[0][0]
    last = max((m.time + 8 * 3600) // 86400 for m in messages)
    test_models.check_left(store, messages, since)
    test_models.compare_kept(store, test_models.known(messages), since, last - 1, PLAIN)
