"""A host's own SQLite that cannot be used goes into quarantine; what was in it reaches the shared
store: events and devices at once, messages by way of the new file."""

import contextlib
import sqlite3
import subprocess

import pytest

import program

DAY = 86400
BEGIN = 20000 * DAY
USERS = [f"o{i:027}" for i in range(5)]
EVENTS = 300
MESSAGES = 7
# What is asked of both stores.
COUNTS = ("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM device), "
          "(SELECT count(*) FROM past), (SELECT count(*) FROM unionid), "
          "(SELECT count(*) FROM message)")
OVER = f"{EVENTS}|{len(USERS)}|1|1|{MESSAGES}", "0|0|0|0|0"


def key_of(n):
    return (BEGIN + n).to_bytes(8, "big") + (n + 1).to_bytes(16, "big")


def fill(home, url):
    """A file as a host has it that counts, and whose messages wait."""
    home.env["E2E_STORE"] = url
    subprocess.run([program.binary("several"), "store", "show"], env=home.env,
                   stdout=subprocess.DEVNULL, check=True)
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db, db:
        db.execute("INSERT INTO account (id, appid, application, path, name) "
                   "VALUES (1, 'wx1', 'app', 'shop', 'Shop')")
        db.executemany("INSERT INTO device (id, application, device, first, last) "
                       "VALUES (?, 'app', ?, ?, ?)",
                       [(i, u, BEGIN, BEGIN + EVENTS) for i, u in enumerate(USERS, 1)])
        db.executemany("INSERT INTO event (account, device, code, time, gap, received, message, part, "
                       "attributes) VALUES (1, ?, '$$_menu_click', ?, 5, 7, ?, 0, '{}')",
                       [(1 + n % len(USERS), BEGIN + n, key_of(n)) for n in range(EVENTS)])
        db.execute("INSERT INTO past (device, account, last) VALUES (1, 1, ?)", (BEGIN - 5,))
        db.execute("INSERT INTO unionid VALUES ('wx1', ?, '')", (USERS[0],))
        db.executemany("INSERT INTO message (key, account, code, received, state, attempts, next, "
                       "outcome, query, body) VALUES (?, 'nobody', 'c', ?, 'dead', 3, 1, 'HTTP 500', "
                       "?, ?)", [(key_of(1000 + n), BEGIN * 1000, b"a=b", b"<xml/>")
                                 for n in range(MESSAGES)])


def make_unusable(home, how):
    path = home.state / "qtoa.db"
    if how == "newer":
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    else:
        for end in "-wal", "-shm":
            path.with_name(path.name + end).unlink(missing_ok=True)
        with open(path, "r+b") as f:
            f.write(b"no file of SQLite")


def state_of(server, url, home):
    """How many rows the shared store and the file of this host have; messages last."""
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db", timeout=20)) as db:
        here = db.execute(COUNTS).fetchone()
    return server.sql(COUNTS, url), "|".join(map(str, here))


@pytest.fixture
def home(qt):
    home = program.Home(qt.url)
    yield home
    home.remove()


@pytest.mark.parametrize("how", ("newer", "damaged"))
def test_what_was_in_it_reaches_the_shared_store(shared, url, home, how):
    fill(home, url)
    make_unusable(home, how)
    done = subprocess.run([program.binary("several"), "drain"], env=home.env, capture_output=True,
                          text=True, timeout=60, check=False)
    assert state_of(shared.primary, url, home) == OVER, (done, home.log.text())
    assert [*home.state.glob("qtoa.db.rescued-*")]
    assert shared.primary.sql("SELECT count(*) FROM event WHERE gap = 5", url) == str(EVENTS)


def test_it_waits_for_the_shared_store(pair, home):
    """The server of the store is away when the program finds the file, and comes back later."""
    url = pair.primary.url
    fill(home, url)
    make_unusable(home, "newer")
    pair.primary.kill()
    pool = program.Pool(home, "several")
    try:
        program.until(lambda: [*home.state.glob("qtoa.db.newer-*")], "it is in quarantine", 30)
        pair.primary.start()
        pair.settle()
        program.until(lambda: state_of(pair.primary, url, home) == OVER, "it is over", 60)
        program.until(lambda: [*home.state.glob("qtoa.db.rescued-*")], "it has its name", 30)
    finally:
        pool.stop()
