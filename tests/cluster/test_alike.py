"""The program on a file and on a store of several hosts: the same figures and the same output."""

import concurrent.futures
import contextlib
import sqlite3
import subprocess
from datetime import timedelta

import pytest

import cubeapi
import fansapi
import program
import servers
import wechat
from collector import behind, posted
from test_counting import dump, dump_of_sqlite
from test_datacube import NOW, YESTERDAY, environment
from test_privacy import AT, event, holders, text
from wechat import PLAIN, SAFE

USER = "oForgetMe_0123456789abcdefgh"


@contextlib.contextmanager
def three(url, qt):
    """One with a file, and two hosts that share a store."""
    made = [program.Home(qt.url) for _ in range(3)]
    for home, store in zip(made, ("", url, url)):
        home.env.update(E2E_STORE=store, E2E_WECHAT_API="http://127.0.0.1:1")
    yield made
    for home in made:
        home.remove()


@pytest.fixture
def homes(url, qt):
    with three(url, qt) as made:
        yield made


@pytest.fixture(scope="module")
def frozen():
    """A server for which it is always NOW."""
    with servers.directory() as top:
        server = servers.Server(top, "frozen")
        server.make()
        server.env = {k: v for k, v in frozen_at(NOW).items() if k != "TZ"}
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def frozen_homes(frozen, qt, request):
    """The same, with such a server: a store has the time of its server."""
    frozen.sql(f'CREATE DATABASE "{request.node.name}"')
    with three(frozen.url.replace("/postgres?", f"/{request.node.name}?"), qt) as made:
        yield made


def run(home, *args, code=(0,), env=None):
    done = subprocess.run([program.binary("alike"), *args], stdin=subprocess.DEVNULL, text=True,
                          env=env or home.env, capture_output=True, timeout=120, check=False)
    assert done.returncode in code, (args, done.stdout, done.stderr)
    return done.stdout


def frozen_at(now, home=None):
    """An environment in which no time passes."""
    env = environment(home or Nowhere, now)
    return {**env, "FAKETIME": env["FAKETIME"].lstrip("@")}


class Nowhere:
    """A home without an environment of its own."""
    env = {}


def without_time(out):
    """How long it took differs."""
    first, _, rest = out.partition("\n")
    return first.rsplit(",", 1)[0] + "\n" + rest


def without_received(rows):
    """When a message came differs between hosts."""
    return sorted("|".join(r.split("|")[:6] + r.split("|")[7:]) if r.startswith("event") else r
                  for r in rows)


def pushes():
    """Messages of some users, as WeChat sends them."""
    now = 1_790_000_000
    for n in range(6):
        user = USER if n == 2 else f"oUser{n:04}_0123456789abcdefgh"
        for k, xml in enumerate((event(user, "subscribe", AT + n, "qrscene_spring"),
                                 event(user, "CLICK", AT + 100 + 60 * n, f"menu_{n % 3}"),
                                 text(user, AT + 1000 + 120 * n, now + n),
                                 event(user, "unsubscribe", AT + 5000 + 9000 * n))):
            account = (SAFE, PLAIN)[(n + k) % 2]
            yield account, wechat.push(account, xml)


def sent(pools):
    """Pushes them to the host with a file, and to both other hosts at the same moment; what comes to
    the collector as well is of one account."""
    alone, *two = pools
    with concurrent.futures.ThreadPoolExecutor() as threads:
        for n, (account, push) in enumerate(pushes()):
            answers = [alone.push(account, push), *threads.map(
                lambda p, a=account, m=push: p.push(a, m), two)]
            assert [a.body for a in answers] == [b"success"] * 3, n
            if n % 3 == 0:
                for pool in pools[:2]:
                    behind(pool).answers(posted(account, push), 200)


@contextlib.contextmanager
def serving(homes):
    with contextlib.ExitStack() as stack:
        pools = []
        for home in homes:
            pools.append(program.Pool(home, "alike"))
            stack.callback(pools[-1].stop)
        yield pools


def counted(shared, url, homes):
    """Until all is counted, and no host has a file of what is not."""
    program.until(lambda: not any(p.name.startswith("qtoa.arrivals") and p.stat().st_size
                                  for h in homes for p in h.state.iterdir()),
                  "everything is counted")
    return without_received(dump(shared.primary, url)), without_received(
        dump_of_sqlite(homes[0].state))


def codes(shared, url, homes):
    """QR codes with a name, and what came through them, are listed in the same order."""
    for n, (name, scene) in enumerate((("b", "spring"), ("B", "x"), ("海报", "x y"), ("_", "menu_1"),
                                       ("a", "A"), ("a b", "b"))):
        row = (f"INSERT INTO qrcode VALUES ('{SAFE.appid}', '{name}', '{scene}', 't', 'u', 1, "
               f"{n % 2})")
        shared.primary.sql(row, url)
        with contextlib.closing(sqlite3.connect(homes[0].state / "qtoa.db")) as db:
            db.execute(row)
            db.commit()
    lists = [run(h, "qrcode", "list", *more) for h in homes for more in ((), ("--json",))]
    assert lists[:2] == lists[2:4] == lists[4:] and "spring" in lists[0]


def test_counted_once_and_forgotten(shared, url, homes, qt):
    """A forwarder and a collector on one store, and two hosts, count a message once; a user who is
    forgotten is in no table and in no file of any host, and no count changes."""
    with serving(homes) as pools:
        sent(pools)
        got, want = counted(shared, url, homes)
        assert got == want and sum(r.startswith("event") for r in got) == 24
        codes(shared, url, homes)
        assert USER in shared.primary.run("pg_dump", "--inserts", url)
        outs = [run(home, "forget", "--yes", USER) for home in homes]
        assert all("is in none of them" in out for out in outs), outs
        assert "events that stay, without the user: 4" in outs[1] and "tables of the store" in outs[1]
        assert all(f"copies of messages that QT has: {n}, deleted" in out
                   for n, out in zip((4, 4), outs)), outs
    for home in homes:
        assert not holders(home, USER)
    everything = shared.primary.run("pg_dump", "--inserts", url)
    assert USER not in everything and USER.encode().hex() not in everything
    assert "oUser0001" in everything
    got, want = (without_received(rows) for rows in (dump(shared.primary, url),
                                                     dump_of_sqlite(homes[0].state)))
    assert got == want and sum(r.startswith("event") for r in got) == 24


def test_statistics_of_wechat(frozen_homes, tmp_path):
    """pull, show, export and reconcile say the same."""
    api = cubeapi.CubeAPI(tmp_path, NOW)
    names = ("getusersummary", "getarticletotal", "getbizsummary", "publisher_settlement",
             "publisher_adpos_general", "getinterfacesummaryhour")
    begin = ("--from", str(YESTERDAY - timedelta(days=4)))
    try:
        said = []
        for home in frozen_homes[:2]:
            home.env.update(E2E_WECHAT_API=api.url, E2E_CA_FILE=str(api.authority.file))

            def do(*args, code=(0,), home=home):
                return run(home, *args, code=code, env=frozen_at(NOW, home))

            api.reset()
            api.now = NOW
            lines = [without_time(do("datacube", "pull", *begin, *(
                a for n in names for a in ("--endpoint", n))))]
            lines += [do("datacube", "show"), do("datacube", "show", "getarticletotal_details"),
                      do("reconcile", "--json", *begin, code=(0, 1))]
            lines += [do("datacube", "export", t, *more) for n in names
                      for t in cubeapi.tables(api, n, YESTERDAY, YESTERDAY)
                      for more in ((), ("--json",))]
            said.append(lines)
        for own, there in zip(*said):
            assert own == there
        assert sum(len(lines) for lines in said[0]) > 10000
    finally:
        api.stop()


def test_followers(frozen_homes, tmp_path):
    """The list, what WeChat tells about each, those who have gone, and the second pull."""
    api = fansapi.FansAPI(tmp_path, None)
    try:
        said = []
        for home in frozen_homes[:2]:
            home.env.update(E2E_WECHAT_API=api.url, E2E_CA_FILE=str(api.authority.file))
            api.reset()
            api.names_last = False
            api.follow(*range(1500))

            def do(*args, home=home):
                out = run(home, "followers", *args, env=frozen_at(NOW, home))
                return (without_time(out) if args[0] == "pull" else out).splitlines()

            first = do("pull", "safe")
            api.unfollow(3, 50)
            api.follow(*range(1500, 1520))
            said.append(first + do("pull", "safe") + do("show", "safe") + do(
                "export", "safe", "--gone") + do("export", "safe", "--json"))
        assert said[0] == said[1] and len(said[0]) > 3000
    finally:
        api.stop()
