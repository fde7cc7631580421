"""A host's own store moves into the shared one and back; the tables of both are read by sqlite3 and
psql, and what must be there comes from a model."""

import json
import random
import re
import sqlite3
import subprocess
import time
from collections import defaultdict
from pathlib import Path

import pytest

import program
from patience import PATIENCE_S
from test_long import noise

# Without the numbers of rows, which are each store's own.  B(x): bytes as hex.
VIEWS = {
    "message": "SELECT B(key) AS k, account, code, received, state, attempts, unread, next, outcome, "
               "qt_ms, B(query) AS q, B(body) AS b, message.id IN (SELECT message FROM leaving) AS l "
               "FROM message",
    "event": "SELECT B(message) AS k, part, appid, account.application, path, name, device.device, "
             "code, time, gap, received, attributes, item, day FROM event JOIN account ON account.id "
             "= event.account JOIN device ON device.id = event.device",
    "device": "SELECT application, device, first, last FROM device",
    "account": "SELECT appid, application, path, name FROM account",
    "past": "SELECT appid, device.device, past.last, turned, follows FROM past JOIN device ON "
            "device.id = past.device JOIN account ON account.id = past.account",
    "erased": "SELECT B(name) AS k, device.device, until FROM erased LEFT JOIN device ON device.id "
              "= erased.device",
    "unionid": "SELECT appid, openid, unionid FROM unionid",
    "follower": "SELECT * FROM follower",
    "follower_pull": "SELECT * FROM follower_pull",
    "qrcode": "SELECT * FROM qrcode",
    "token": "SELECT * FROM token",
    "stopped": "SELECT account, config, since, outcome, refusals, probes, probe, fresh_probes, "
               "fresh_probe FROM stopped",
    "endpoint": "SELECT url, fails, opened, probes, probe, outcome, gateway FROM endpoint",
    "departed": "SELECT at, since, until, appid, name FROM departed",
    "forgotten": "SELECT before FROM forgotten",
}
DAY = 86400
BEGIN = 10000 * DAY


def value(v):
    return int(v) if isinstance(v, bool) else v


def rows_of(found):
    return sorted((tuple(map(value, r)) for r in found), key=repr)


class Here:
    """The SQLite of a host."""

    def __init__(self, home):
        self.path = home.state / "qtoa.db"

    def __call__(self, view):
        db = sqlite3.connect(self.path, timeout=PATIENCE_S)
        try:
            return rows_of(db.execute(re.sub(r"B\((\w+)\)", r"iif(\1 IS NULL, NULL, hex(\1))",
                                             VIEWS[view])))
        finally:
            db.close()

    def fill(self, tables):
        db = sqlite3.connect(self.path, timeout=PATIENCE_S)
        with db:
            for table, rows in tables.items():
                for row in rows:
                    names = ", ".join(row)
                    db.execute(f"INSERT INTO {table} ({names}) VALUES "
                               f"({', '.join('?' * len(row))})", list(row.values()))
        db.close()


class There:
    """The shared store, by psql."""

    def __init__(self, server, url):
        self.server, self.url = server, url

    def __call__(self, view):
        sql = re.sub(r"B\((\w+)\)", r"upper(encode(\1, 'hex'))", VIEWS[view])
        text = self.server.sql(f"SELECT coalesce(json_agg(row_to_json(v)), '[]') FROM ({sql}) AS v",
                               self.url)
        return rows_of(r.values() for r in json.loads(text))


def dump(store):
    return {view: store(view) for view in VIEWS}


def key_of(n, time_s=0):
    return time_s.to_bytes(8, "big") + (n * 0x9e3779b97f4a7c15 % (1 << 128)).to_bytes(16, "big")


def gaps(events, past):
    """Sets the gap of each event: since the one before it, or the last one that is forgotten."""
    of = defaultdict(list)
    for e in events:
        of[e["user"]].append(e)
    for user, all_ in of.items():
        before = past.get(user)
        for e in sorted(all_, key=lambda e: e["time"]):
            e["gap"] = None if before is None else e["time"] - before
            before = e["time"]


def make(seed, users, numbers, past_users=(), n_messages=260):
    """What a host has: events of these numbers, and a few rows of all that there is."""
    rnd = random.Random(seed)
    past = {u: BEGIN - 100 - i for i, u in enumerate(past_users)}
    events = []
    for n in numbers:
        code = ["$$_menu_click", "$$_official_account_follow", "$$_receive_msg", None][n % 4]
        events.append(dict(n=n, time=BEGIN + n * 7919 % 100003, user=users[n % len(users)], code=code,
                           account=1 + n % 2, attributes=json.dumps(
                               {"EventKey": f"qrscene_{n % 5}", "Content": "\u4f60\u597d" * (n % 3)})))
    gaps(events, past)
    seen = defaultdict(list)
    for e in events:
        seen[e["user"]].append(e["time"])
    names = sorted({*seen, *past, "forgotten-1-7"})
    ids = {u: 10 + 3 * i for i, u in enumerate(names)}
    return {
        "account": [dict(id=i, appid=f"wx{i}", application="app", path=p, name=p.title())
                    for i, p in ((1, "shop"), (2, "news"))],
        "device": [dict(id=ids[u], application="app", device=u,
                        first=min([*seen[u], past.get(u, 1 << 40)]) if seen[u] or u in past else 7,
                        last=max([*seen[u], past.get(u, 0)]) if seen[u] or u in past else 8)
                   for u in names],
        "event": [dict(account=e["account"], device=ids[e["user"]], code=e["code"], time=e["time"],
                       gap=e["gap"], received=e["time"] * 1000, message=key_of(e["n"], e["time"]),
                       part=0, attributes=e["attributes"]) for e in events],
        "past": [dict(device=ids[u], account=1, last=t, turned=t - 5, turn=3, follows=1)
                 for u, t in past.items()],
        "forgotten": [dict(id=1, before=12)],
        "erased": [dict(name=bytes([seed]) * 16, device=ids["forgotten-1-7"], until=9),
                   dict(name=bytes([seed + 1]) * 16, device=None, until=5)],
        "unionid": [dict(appid="wx1", openid=f"a{seed}{i}", unionid=f"u{i}" if i % 2 else "")
                    for i in range(60)],
        "follower": [dict(appid="wx1", openid=f"f{seed}{i}", device=f"f{seed}{i}", seen_at=i,
                          asked_at=rnd.randrange(9), remark="\u5907\u6ce8" if i % 3 else None,
                          tags="[1,2]", subscribe_time=None if i % 4 else i) for i in range(700)],
        "follower_pull": [dict(appid=f"p{seed}", state=2, began=5, cursor="f1")],
        "qrcode": [dict(appid="wx1", name=f"code{seed}", scene="s", ticket="t", url="u", made=1,
                        expires=0)],
        "token": [dict(appid=f"wx{seed}", config="c", token="T", fetched=1, expires=2, renew=3, fails=4,
                       pause=5, day=6, calls=7, forced=8, forced_at=9, why=None)],
        "stopped": [dict(account=f"s{seed}", config="c", since=1, outcome=None)],
        "endpoint": [dict(url=f"http://{seed}", fails=1, opened=2, probes=3, probe=4, outcome="x")],
        "message": [dict(id=n + 1, key=key_of(n + seed * 1000, 5), account="shop", code=None,
                         received=n, state=["pending", "dead", "delivered"][n % 3], attempts=n % 4,
                         unread=n % 2, next=n if n % 3 == 0 else None, outcome="HTTP 500", qt_ms=3,
                         query=None if n % 3 == 2 else b"a=b", body=None if n % 3 == 2 else
                         b"\0\xff" * (n % 50)) for n in range(n_messages)],
        "leaving": [dict(message=n) for n in (1, 4)],
        "departed": [dict(at=-1, since=1, until=2, appid="wx1", name=f"d{seed}")],
    }


class Host:
    """A state directory, and the program with settings.store."""

    def __init__(self, url, start_home):
        self.home = start_home
        self.home.env["E2E_STORE"] = url
        self.here = Here(self.home)
        self.command("show")

    def start(self, *args):
        return subprocess.Popen([program.binary("several"), "store", *args], env=self.home.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def command(self, *args, rc=0):
        process = self.start(*args)
        out, err = process.communicate(timeout=120)
        assert process.returncode == rc, (out, err)
        return out + err


@pytest.fixture
def new_host(url, qt):
    homes = []

    def new():
        homes.append(program.Home(qt.url))
        return Host(url, homes[-1])

    yield new
    for home in homes:
        home.remove()


@pytest.fixture
def there(shared, url):
    return There(shared.primary, url)


def same(have, want):
    for view, rows in want.items():
        assert have[view] == rows, view


USERS = [f"o{i}" for i in range(37)]


def test_there_and_back(new_host, there, shared, url):
    host = new_host()
    host.here.fill(make(1, USERS, range(1500), USERS[:5]))
    before = dump(host.here)
    assert "moved: " in host.command("migrate", "--yes")
    same(dump(there), before)
    assert all(rows == [] for rows in dump(host.here).values())
    counts = shared.primary.sql("SELECT count(*), sum((known = 2)::integer) FROM seen", url)
    assert counts == f"260|{sum(r[4] == 'pending' for r in before['message'])}"
    host.command("migrate", "--yes")        # there is nothing to do
    same(dump(there), before)
    assert "next: " in host.command("migrate", "--back", "--yes")
    same(dump(host.here), before)
    assert all(rows == [] for rows in dump(there).values())
    assert shared.primary.sql("SELECT count(*) FROM seen", url) == "0"


def test_names_of_all_kinds(new_host, there, shared, url):
    """Each comes as it is, but for one that does not fit into an index: that is cut."""
    kinds = ['o"q', "o\\b\\\\", "NULL", "null", "", "{}", "a,b", " c ", "d\ne", "\u4e2d\u6587\U0001f600", "'", "$1"]
    host = new_host()
    host.here.fill(make(1, kinds, range(600), kinds[:4]))
    before = dump(host.here)
    host.command("migrate", "--yes")
    same(dump(there), before)
    host.command("migrate", "--back", "--yes")
    same(dump(host.here), before)
    long = noise(1)
    other = new_host()
    other.here.fill({**make(3, [long, "short"], range(700, 720), [long]), "unionid": [
        dict(appid="wx1", openid=long, unionid=noise(2)), dict(appid="wx1", openid="o", unionid=long)]})
    other.command("migrate", "--yes")
    assert shared.primary.sql("SELECT max(octet_length(device.device)), count(*) FROM device JOIN event "
                              "ON event.device = device.id GROUP BY device.id ORDER BY 1", url) == \
        "5|10\n1024|10"
    assert shared.primary.sql("SELECT count(*), max(octet_length(openid || unionid)) FROM unionid",
                              url) == "2|2048"


def merge(first, second):
    """One host that has what both have."""
    union = {t: [*first[t]] for t in first}
    for table, rows in second.items():
        union[table] = [*union[table], *(r for r in rows if r not in union[table])]
    return union


def test_several_hosts_and_kills(new_host, there):
    """Both move at the same time, and are killed again and again.  Half of the events came to both."""
    hosts = [new_host(), new_host()]
    parts = [range(0, 900), range(600, 1500)]
    for seed, (host, numbers) in enumerate(zip(hosts, parts)):
        host.here.fill(make(3 + 2 * seed, USERS, numbers, USERS[:4]))
    alone = new_host()
    alone.here.fill(make(9, USERS, range(1500), USERS[:4]))
    whole = dump(alone.here)
    parts = [dump(host.here) for host in hosts]
    rnd = random.Random(5)
    kills, running = 0, {host: host.start("migrate", "--yes") for host in hosts}
    while running:
        time.sleep(rnd.random() * 0.08)         # anywhere in what it does
        for host, process in [*running.items()]:
            if process.poll() is None and kills < 40:
                process.kill()
                kills += 1
            elif process.poll() is None:
                continue
            out, err = process.communicate(timeout=60)
            if process.returncode == 0:
                del running[host]
            else:
                assert process.returncode == -9, (out, err)
                running[host] = host.start("migrate", "--yes")
    assert kills >= 10
    have = dump(there)
    for view in ("event", "device", "account", "past", "forgotten"):
        assert have[view] == whole[view], view
    for view in ("message", "unionid", "follower", "follower_pull", "qrcode", "token", "stopped",
                 "endpoint", "departed", "erased"):
        assert have[view] == rows_of({*parts[0][view], *parts[1][view]}), view
    for host in hosts:
        assert all(rows == [] for rows in dump(host.here).values())


def test_a_store_that_fails(pair, qt):
    """Nothing is lost, and the message says what it waits for."""
    home = program.Home(qt.url)
    try:
        host = Host(pair.primary.url, home)
        host.here.fill(make(1, USERS, range(9000)))
        before = dump(host.here)
        process = host.start("migrate", "--yes")
        program.until(lambda: pair.primary.sql("SELECT count(*) FROM event") != "0", "it moves")
        pair.primary.kill()
        process.send_signal(2)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        pair.primary.start()
        pair.settle()
        host.command("migrate", "--yes")
        same(dump(There(pair.primary, pair.primary.url)), before)
    finally:
        home.remove()


def test_without_a_shared_store(qt):
    home = program.Home(qt.url)
    try:
        done = subprocess.run([program.binary("several"), "store", "migrate", "--yes"], env={
            **home.env, "E2E_STORE": ""}, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (1, "") and "settings.store is empty" in done.stderr
        assert not Path(home.state / "qtoa.db").exists()
    finally:
        home.remove()
