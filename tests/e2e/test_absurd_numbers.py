"""Times and counts that no clock has: from a damaged store, from damaged files, from the command
line.  Nothing overflows, hangs or dies, and messages go on."""

import contextlib
import sqlite3
import struct

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from test_cli import run
from wechat import PLAIN

ABSURD = {"largest": 2**63 - 1, "smallest": -2**63, "beyond-a-double": 2**53 + 1, "minus-one": -1}
VERBS = (("status",), ("status", "--json"), ("check", "--offline"), ("queue", "list"),
         ("queue", "show", "1"), ("queue", "export"), ("datacube", "show"), ("report",),
         ("queue", "retry", "all"), ("drain", "--seconds", "1"))


def push(pool, n):
    return pool.push(PLAIN, wechat.push(PLAIN, wechat.text_message(f"number {n}")))


def spoil_store(home, value):
    """Each integer of each table, but no id, becomes that value."""
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                   "name NOT LIKE 'sqlite_%'").fetchall():
            for name, kind in [(r[1], r[2]) for r in db.execute(f"PRAGMA table_info({table})")]:
                if kind == "INTEGER" and name not in ("id", "account", "device"):
                    db.execute(f'UPDATE OR IGNORE {table} SET "{name}" = ?', (value,))
        db.commit()


def spoil_files(home, value):
    """What stands behind the head of each file, in words of 64 bits."""
    for path in home.state.iterdir():
        if path.name.startswith(("qtoa.seen-", "qtoa.tally-", "qtoa.failures")):
            begin = 16 if path.name.startswith("qtoa.seen-") else 4096
            size = path.stat().st_size
            with path.open("r+b") as f:
                f.seek(begin)
                f.write(struct.pack("=q", value) * (min(size - begin, 200000) // 8))


@pytest.mark.parametrize("spoil", (spoil_store, spoil_files))
@pytest.mark.parametrize("value", ABSURD.values(), ids=ABSURD)
def test_absurd_numbers(home, qt, make_pool, value, spoil):
    qt.behave = qt_side.answering(500, "<html>")
    pool = make_pool()
    for n in range(3):
        push(pool, n)
    pool.stop()
    spoil(home, value)
    for verb in VERBS:
        code, _, err = run(home, *verb)
        assert code in (0, 1), (verb, code, err)
    qt.behave = qt_side.genuine
    pool = make_pool()
    push(pool, 10)
    for path in ("metrics", "health", "report"):
        with pool.connect() as c:
            got = c.send(fcgi.request(fcgi.cgi("GET", f"/qtoa/-/{path}", REMOTE_ADDR="127.0.0.1")))
            assert got.answer().status in (200, 404, 503), path
    program.until(lambda: qt.received, "a message at QT")
    assert not home.sanitizer_reports()


@pytest.mark.parametrize("args", (
    ("drain", "--seconds", "999999999999999999"), ("status", "--watch", "999999999999999999"),
    ("queue", "show", "9223372036854775807"), ("queue", "show", "999999999999999999"),
    ("queue", "drop", "999999999999999999", "--yes"), ("queue", "retry", "999999999999999999"),
    ("report", "events", "--from", "9999-12-31"), ("datacube", "pull", "--from", "9999-12-31"),
    ("reconcile", "--from", "9999-12-31"), ("report", "top", "--limit", "999999999999999999")))
def test_absurd_arguments(home, args):
    code, _, err = run(home, *args)
    assert code in (1, 2), (code, err)
    assert not home.sanitizer_reports()
