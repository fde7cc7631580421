import calendar
import contextlib
import glob
import json
import os
import re
import sqlite3
import subprocess
import time
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

import gen
import models

SQL = Path(__file__).resolve().parents[2] / "report/sql"
TOOL = os.environ["MODELS_TOOL"]
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


# A program without libpq has no other store, and nothing of a date is in which one it is.
if os.environ.get("POSTGRES") == "0" or "MODELS_PRELOAD" in os.environ:
    collect_ignore = ["test_postgres.py"]


class Wrong(Exception):
    """What the program has against a question."""


# For what reads the clock.  tests/dates gives it one.
ENV = {**os.environ}
if "MODELS_PRELOAD" in ENV:
    ENV["LD_PRELOAD"] = ENV.pop("MODELS_PRELOAD")


def environment(now):
    """For a program whose clock stands at this epoch second."""
    env = {**ENV, "LD_PRELOAD": FAKETIME[0], "FAKETIME_FMT": "%s", "FAKETIME": str(now),
           "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"}
    if gen.SAN:     # which wants to be loaded first
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return env


class Store:
    """A state directory whose database the program's own collector/event_store.c has filled."""

    where = {}      # of the environment: the store, if it is not the file

    def __init__(self, where, messages=(), now=None):
        """now: when it is asked; None: today."""
        self.dir, self.loaded, self.now = where, 0, now
        self.load(messages)
        self.start()

    def start(self, **env):
        """The program that answers."""
        now = ENV if self.now is None else environment(self.now)
        self.program = Popen([TOOL, "ask", self.dir], stdin=PIPE, stdout=PIPE,
                             env={**now, **self.where, **env})

    def load(self, messages, again=0):
        """Further ones; again: of those that are there so many are posted once more."""
        start = self.loaded - again
        self.load_lines(gen.lines(messages, start))
        self.loaded = start + len(messages)

    def load_lines(self, lines):
        text = "".join(line + "\n" for line in lines)
        subprocess.run([TOOL, "load", self.dir], input=text.encode("utf-8", "surrogatepass"),
                       check=True, timeout=300, env={**os.environ, **self.where})

    def add_followers(self, followers):
        """As a pull and the answers about users leave them."""
        with contextlib.closing(self.db()) as db, db:
            db.executemany(
                "INSERT INTO follower (appid, openid, device, subscribe_time, scene, qr_scene, "
                "qr_scene_str, gone_at, seen_at, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
                ((f.account.appid, f.openid, f.device, f.time, f.source, f.qr_scene,
                  f.qr_scene_str, f.gone) for f in followers))

    def forget(self, days, steps=1000000):
        """How many steps it took, of as many at most; the longest in microseconds."""
        out = subprocess.run([TOOL, "forget", self.dir, str(days), str(steps)], check=True,
                             env={**ENV, **self.where}, stdout=PIPE, timeout=300).stdout
        return tuple(map(int, out.split()))

    @classmethod
    def open(cls, where):
        """One that is there already."""
        store = cls.__new__(cls)
        store.dir, store.now = where, None
        store.start()
        return store

    def ask(self, name, **args):
        """The rows that the program gives; every argument as text."""
        return json.loads(self.text(name, **args))

    def text(self, name, **args):
        line = "\t".join([name, *(f"{k.rstrip('_')}={v}" for k, v in args.items())])
        self.program.stdin.write(line.encode() + b"\n")
        self.program.stdin.flush()
        size = self.program.stdout.readline().strip()
        if size == b"!":
            raise Wrong(self.program.stdout.readline().decode().strip())
        return self.program.stdout.read(int(size))

    def by_hand(self, name, **args):
        """The same with Python's sqlite3 and the file itself."""
        sql = (SQL / f"{name}.sql").read_text()
        names = set(re.findall(r":([a-z_]+)", sql))
        with sqlite3.connect(f"file:{self.dir}/qtoa.db?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            if self.now is not None:
                db.create_function("strftime", -1, self.strftime)
            values = {**dict.fromkeys(names), **{k.rstrip("_"): v for k, v in args.items()}}
            return [dict(row) for row in db.execute(sql, values)]

    def strftime(self, how, text, shift=None):
        """SQLite's, as far as the files need it; now is when the store is asked."""
        if how != "%s":
            assert shift == "unixepoch"
            return time.strftime(how, time.gmtime(text))
        if text == "now":
            assert shift == "+8 hours"
            return str(self.now + 8 * 3600)
        return text and str(calendar.timegm(time.strptime(text, "%Y-%m-%d")))

    def db(self):
        return sqlite3.connect(f"{self.dir}/qtoa.db")

    def rows(self, sql):
        with contextlib.closing(self.db()) as db:
            return list(db.execute(sql))

    def close(self):
        self.program.stdin.close()
        assert self.program.wait(timeout=60) == 0


@pytest.fixture
def make_store(tmp_path):
    stores = []

    def make(messages=(), now=None):
        where = tmp_path / str(len(stores))
        where.mkdir()
        stores.append(Store(where, messages, now))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture(scope="session")
def messages():
    return gen.month()


@pytest.fixture(scope="session")
def followers(messages):
    return gen.fans(messages)


@pytest.fixture(scope="session")
def month(messages, followers, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("month"), messages)
    store.add_followers(followers)
    yield store
    store.close()


@pytest.fixture(scope="session")
def model(messages, followers):
    """The independent computation, for an account or all."""
    events, made = models.events_of(messages), {}

    def of(account=None):
        if account not in made:
            made[account] = models.Models(events, account, followers=followers)
        return made[account]

    return of
