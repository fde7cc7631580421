#!/usr/bin/python3
"""cluster_size.py: how much room a store on PostgreSQL needs (`make bench-cluster-size`).

    cluster_size.py DIR [size|cost|week]...

DIR has the program traffic.  A server is started here, with Debian's settings for autovacuum, but
for the pause between two looks at the tables, since days are shorter here.

size: 10^5, 10^6 and 10^7 known messages go into a database each, claimed and marked as hosts do
it; what they need on disk.
cost: what further messages cost there, in turns.
week: DAYS days of traffic go into one more database at full speed, with the sweeps of the
maintenance after each hour; what the tables need after each day.  The server's clock is moved from
hour to hour by a function of that database, clock_timestamp(), that the statements find before the
server's own.

BENCH_KEEP=DIR keeps the databases of known messages there, and uses those that it finds.
BENCH_SCALE=0.01: with so much less of everything.  Needs 3 GB of disk and 40 minutes.
Exit status: 0 all targets met, 1 one missed, 2 could not measure.
"""
import contextlib
import os
import subprocess
import sys
import time

import bench
import cluster
import servers

MIB = 1 << 20
SIZES = (100_000, 1_000_000, 10_000_000)
RATE = 17           # messages a second: 10^7 in a week
ROUNDS, ROUND = 7, 20_000
DAY_S, HOUR_S = 86400, 3600
DAYS, DAY = 9, 1_000_000
DEDUPE_DAYS, KEEP_DAYS = 2, 1
QUEUED = 0.05       # of a day's messages come while QT is down
ROOM = 1_000_000_000    # for 10^7 known messages
NAP_S = 1           # of autovacuum; its minute would be too long for days of two minutes
LEVEL = 1.1         # the most that a table may grow when all has been there once
CLOCK = """CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
VOLATILE AS $$ SELECT pg_catalog.clock_timestamp() + interval '{} s' $$"""
SIZE = """SELECT pg_relation_size(oid), pg_indexes_size(oid),
pg_total_relation_size(oid) FROM pg_class WHERE oid = '{}'::regclass"""
TABLES = "seen", "message"


def scaled(n):
    return max(int(n * float(os.environ.get("BENCH_SCALE", "1"))), 1)


class Store:
    """A database, and the traffic that goes into it."""

    def __init__(self, server, tool, name):
        self.server, self.tool, self.name = server, tool, name
        self.url = server.url.replace("/postgres?", f"/{name}?")
        self.state = f"{server.dir}/{name}"
        os.makedirs(self.state, exist_ok=True)

    def exists(self):
        return bool(self.server.sql(f"SELECT 1 FROM pg_database WHERE datname = '{self.name}'"))

    def make(self):
        self.server.sql(f"DROP DATABASE IF EXISTS {self.name}")
        self.server.sql(f"CREATE DATABASE {self.name}")

    def sql(self, text):
        return self.server.sql(text, self.url)

    def traffic(self, *args):
        """Gives the seconds that it took."""
        done = subprocess.run([self.tool, self.state, self.url, *map(str, args)], check=False,
                              stdout=subprocess.PIPE, preexec_fn=bench.die_with_parent)
        if done.returncode != 0:
            raise bench.Failed(f"traffic {args} has failed")
        return int(done.stdout) / 1000

    def sizes(self, table):
        """Bytes of the rows, of the indexes, and of all with what is out of line."""
        return list(map(int, self.sql(SIZE.format(table)).split("|")))


class Known:
    """So many known messages, the last of which has come just now."""

    def __init__(self, server, tool, n):
        self.n = n
        self.store = Store(server, tool, f"known_{n}")
        self.time_s = int(time.time())
        if not self.store.exists() or self.count() < n:     # it was stopped while it filled it
            self.store.make()
            self.store.traffic("known", 0, n, self.time_s - n // RATE, n // RATE)
        self.next = self.count()

    def count(self):
        return int(self.store.sql("SELECT count(*) FROM seen"))

    def cost(self, n):
        """CPU of the server and time, of a further message: us."""
        before = cluster.server_cpu_s(self.store.server)
        seconds = self.store.traffic("known", self.next, n, self.time_s, n // RATE)
        cpu = cluster.server_cpu_s(self.store.server) - before
        self.next, self.time_s = self.next + n, self.time_s + n // RATE
        return {"us": seconds / n * 1e6, "cpu": cpu / n * 1e6}


def size(table, server, tool):
    """What known messages need on disk."""
    for s in [Known(server, tool, scaled(n)) for n in SIZES]:
        row, index, total = s.store.sizes("seen")
        target = ROOM / MIB if s.n == SIZES[-1] else None
        table.row(f"{s.next} known: MiB", None, total / MIB, target, absolute=True)
        table.row("  bytes a message, of its row", None, row / s.next)
        table.row("  bytes a message, in the index", None, index / s.next)


def cost(table, server, tool):
    """What further messages cost beside them."""
    stores = [Known(server, tool, scaled(n)) for n in SIZES]
    runs = {s.n: [] for s in stores}
    for i in range(1 + ROUNDS):
        for s in stores:
            r = s.cost(ROUND)
            runs[s.n] += [r] if i else []
    r = bench.medians(runs)
    for s in stores[1:]:
        small, large = r[stores[0].n], r[s.n]
        what = f"claim and mark, {stores[0].n} and {s.n} known"
        table.row(f"{what}: us", small["us"], large["us"])
        table.row("  server's CPU, us", small["cpu"], large["cpu"], 1.3)


def hours(store, day):
    """A day of traffic, with the sweeps after each hour."""
    n, queued = scaled(DAY) // 24, scaled(DAY * QUEUED)
    begin_s = day * DAY_S
    for hour in range(24):
        store.sql(CLOCK.format(begin_s + hour * HOUR_S))
        now_s = int(time.time()) + begin_s + hour * HOUR_S
        first = (day * 24 + hour) * n
        store.traffic("known", first, n, now_s, HOUR_S)
        if hour == 10:
            store.traffic("queued", (1 << 40) + day * queued, queued, now_s, HOUR_S)
        store.traffic("sweep", DEDUPE_DAYS, KEEP_DAYS)


def report(table, store, day):
    """Gives the bytes of each table."""
    sizes = {t: store.sizes(t)[2] for t in TABLES}
    rows = [int(store.sql(f"SELECT count(*) FROM {t}")) for t in TABLES]
    table.row(f"after day {day}: seen, MiB", None, sizes["seen"] / MIB)
    table.row("  its messages, in days", None, rows[0] / scaled(DAY))
    table.row("  message, MiB", None, sizes["message"] / MIB)
    table.row("  its messages, in days", None, rows[1] / scaled(DAY * QUEUED))
    return sizes


def week(table, server, tool):
    store = Store(server, tool, "week")
    store.make()
    store.sql("ALTER DATABASE week SET search_path = public, pg_catalog")
    after = []
    for day in range(DAYS):
        hours(store, day)
        after.append(report(table, store, day + 1))
    first = DEDUPE_DAYS + 2     # a row may live for a day more
    for t in TABLES:
        at_first, most = (max(a[t] for a in some) / MIB for some in (after[:first], after[first:]))
        table.row(f"{t}: most MiB until day {first}, and later", at_first, most, LEVEL)


PARTS = {"size": size, "cost": cost, "week": week}


def make(server):
    server.make(segment_mb=16)
    server.set(shared_buffers="128MB", wal_keep_size="0", max_wal_size="1GB",
               autovacuum_naptime=f"{NAP_S}s")


@contextlib.contextmanager
def running():
    """A server, in a directory of its own or in the one that is kept."""
    with contextlib.ExitStack() as stack:
        top = os.environ.get("BENCH_KEEP") or stack.enter_context(servers.directory())
        os.makedirs(top, exist_ok=True)
        server = servers.Server(top, "one")
        if not os.path.exists(server.data):
            make(server)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def measure(run):
    table = bench.Table("small", "large")
    with running() as server:
        for part in sys.argv[2:] or PARTS:
            PARTS[part](table, server, f"{run.bin}/traffic")
    return table.missed


if __name__ == "__main__":
    sys.exit(bench.judge(measure))
