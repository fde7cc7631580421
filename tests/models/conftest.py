import json
import os
import re
import sqlite3
import subprocess
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

import gen
import models

SQL = Path(__file__).resolve().parents[2] / "report/sql"
TOOL = os.environ["MODELS_TOOL"]


class Wrong(Exception):
    """What the program has against a question."""


class Store:
    """A state directory whose database the program's own collector/event_store.c has filled."""

    def __init__(self, where, messages=()):
        self.dir, self.loaded = where, 0
        self.load(messages)
        self.program = Popen([TOOL, "ask", where], stdin=PIPE, stdout=PIPE)

    def load(self, messages, again=0):
        """Further ones; again: of those that are there so many are posted once more."""
        start = self.loaded - again
        lines = "".join(line + "\n" for line in gen.lines(messages, start))
        subprocess.run([TOOL, "load", self.dir], input=lines.encode("utf-8", "surrogatepass"),
                       check=True, timeout=300)
        self.loaded = start + len(messages)

    def forget(self, days, steps=1000000):
        """How many steps it took, of as many at most; the longest in microseconds."""
        out = subprocess.run([TOOL, "forget", self.dir, str(days), str(steps)], check=True,
                             stdout=PIPE, timeout=300).stdout
        return tuple(map(int, out.split()))

    @classmethod
    def open(cls, where):
        """One that is there already."""
        store = cls.__new__(cls)
        store.dir, store.program = where, Popen([TOOL, "ask", where], stdin=PIPE, stdout=PIPE)
        return store

    def ask(self, name, **args):
        """The rows that the program gives; every argument as text."""
        line = "\t".join([name, *(f"{k.rstrip('_')}={v}" for k, v in args.items())])
        self.program.stdin.write(line.encode() + b"\n")
        self.program.stdin.flush()
        size = self.program.stdout.readline().strip()
        if size == b"!":
            raise Wrong(self.program.stdout.readline().decode().strip())
        return json.loads(self.program.stdout.read(int(size)))

    def by_hand(self, name, **args):
        """The same with Python's sqlite3 and the file itself."""
        sql = (SQL / f"{name}.sql").read_text()
        names = set(re.findall(r":([a-z_]+)", sql))
        with sqlite3.connect(f"file:{self.dir}/qtoa.db?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            values = {**dict.fromkeys(names), **{k.rstrip("_"): v for k, v in args.items()}}
            return [dict(row) for row in db.execute(sql, values)]

    def db(self):
        return sqlite3.connect(f"{self.dir}/qtoa.db")

    def close(self):
        self.program.stdin.close()
        assert self.program.wait(timeout=60) == 0


@pytest.fixture
def make_store(tmp_path):
    stores = []

    def make(messages=()):
        where = tmp_path / str(len(stores))
        where.mkdir()
        stores.append(Store(where, messages))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture(scope="session")
def messages():
    return gen.month()


@pytest.fixture(scope="session")
def month(messages, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("month"), messages)
    yield store
    store.close()


@pytest.fixture(scope="session")
def model(messages):
    """The independent computation, for an account or all."""
    events, made = models.events_of(messages), {}

    def of(account=None):
        if account not in made:
            made[account] = models.Models(events, account)
        return made[account]

    return of
