"""The disk in all kinds of trouble: no `success` that neither QT nor the disk stands for, nothing
lost that was acknowledged, service goes on, and all is well again soon after."""

import contextlib
import errno
import os
import random
import re
import resource
import sqlite3
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import program
from wechat import SAFE

sys.path.append(str(program.TOP / "tests/torture"))
import crash  # noqa: E402
import faults  # noqa: E402
import oracle  # noqa: E402
import storm  # noqa: E402
from rig import SICK, Rig  # noqa: E402

RECOVERY_S = 5 * program.SLOWER
UNSAFE_MS = 50      # what saying no may take beside QT's time


def recovers(rig):
    """A message that QT does not take is safe again, soon."""
    rig.qt.weather = SICK
    program.until(rig.push, "recovery by itself", RECOVERY_S)


@pytest.fixture
def rig():
    with contextlib.ExitStack() as stack:
        yield Rig(stack, disk=True)


@pytest.fixture
def stopped():
    with contextlib.ExitStack() as stack:
        yield Rig(stack, pools=0, disk=True)


# What safe means.

def test_acknowledged_means_synced(rig):
    rig.qt.weather = SICK
    for _ in range(10):
        before = rig.faults.count(faults.SYNC)
        assert rig.push()
        assert rig.faults.count(faults.SYNC) > before
    rig.check()


def test_one_sync_for_many(rig):
    """Who waits for a slow disk waits together."""
    rig.queued(5)
    rig.faults.slow_sync(30)
    before = rig.faults.count(faults.SYNC)
    messages = [rig.message() for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(rig.send, messages))
    assert rig.faults.count(faults.SYNC) - before <= len(messages) / 2
    rig.faults.off()
    rig.check()


def test_power_failure():
    """Only what was synced is left of the files: that is enough."""
    with contextlib.ExitStack() as stack:
        rig = Rig(stack, disk=True, images=True)
        rig.queued(20)
        rig.site.kill(rig.pool)
        rig.faults.power_back()
        rig.restart()
        rig.check()


# A disk that fails.

FAILING = {
    "eio": (errno.EIO, faults.ALL),
    "eio-in-sync": (errno.EIO, (faults.SYNC,)),
    "eio-in-write": (errno.EIO, (faults.WRITE,)),
    "disk-full": (errno.ENOSPC, (faults.WRITE, faults.TRUNCATE)),
    "read-only": (errno.EROFS, faults.ALL),
}


def said_no(rig, n):
    """The last n pushes were answered 503, each soon after QT's failure."""
    rows = rig.log.wait(n, what="request", verdict="unsafe")
    assert all((r["status"], r["error"]) == ("503", "not stored") for r in rows), rows
    own = [int(r["ms"]) - int(r.get("qt_ms", 0)) for r in rows]
    assert statistics.median(own) <= UNSAFE_MS * program.SLOWER, own


@pytest.mark.parametrize("name", FAILING)
def test_unsafe_is_not_acknowledged(rig, name):
    """QT sick and the disk too: 503, whether QT was asked or the breaker is open."""
    rig.queued(1)
    rig.faults.fail(*FAILING[name])
    rig.log.mark()
    assert not any(rig.pushes(12))
    said_no(rig, 12)
    rig.faults.off()
    recovers(rig)
    rig.check()


@pytest.mark.parametrize("name", FAILING)
def test_forwarding_goes_on_without_the_disk(rig, name):
    rig.queued(1)
    rig.qt.weather = oracle.FINE
    rig.faults.fail(*FAILING[name])
    assert all(rig.pushes(20))
    rig.faults.off()
    recovers(rig)
    rig.check()


@pytest.mark.parametrize("name", ("eio", "read-only"))
def test_started_without_a_disk(stopped, name):
    stopped.faults.fail(*FAILING[name])
    stopped.start()
    assert all(stopped.pushes(5))
    stopped.qt.weather = SICK
    assert not any(stopped.pushes(5))
    stopped.faults.off()
    recovers(stopped)
    stopped.check()


def test_no_state_directory(stopped):
    """Something else is in its place, or (but root may do anything) it is not writable."""
    state = stopped.home.state
    state.rmdir()
    state.write_text("")
    stopped.start()
    assert all(stopped.pushes(2))
    stopped.qt.weather = SICK
    assert not any(stopped.pushes(2))
    state.unlink()
    state.mkdir(mode=0o500)
    assert os.getuid() == 0 or not any(stopped.pushes(2))
    state.chmod(0o700)
    recovers(stopped)
    stopped.check()


def test_file_size_limit(stopped):
    """As a disk that is full: what was acknowledged is there, and more once there is room."""
    stopped.start(limits="ulimit -S -f 1000")       # of 512 bytes
    stopped.qt.weather = SICK
    # A copy of the log into the database makes room once more, whenever it is done.
    program.until(lambda: not any(stopped.push(size=20000) for _ in range(4)), "a full disk")
    stopped.log.wait(4, verdict="unsafe")
    none = resource.RLIM_INFINITY
    resource.prlimit(stopped.pool.proc.pid, resource.RLIMIT_FSIZE, (none, none))
    recovers(stopped)
    assert sum(m.acknowledged for m in stopped.sent) > 5
    stopped.check()


def test_the_disk_fails_under_load(rig):
    """On and off while messages come from all sides: nothing acknowledged is lost."""
    sent = oracle.messages(random.Random(2), 400, (SAFE,))
    we = oracle.WeChat([rig.door()], pause_s=0.1)
    rig.qt.weather = oracle.Weather((.5, "status", 500))

    class Disk(storm.Helper):
        def step(self):
            rig.faults.fail(*FAILING[self.rng.choice(list(FAILING))])
            self.over.wait(0.1)
            rig.faults.off()
            self.over.wait(0.2)

    disk = Disk(rig.site)
    disk.start()
    we.send_all(sent)
    disk.stop()
    rig.faults.off()
    rig.sent = sent
    recovers(rig)
    j = rig.settled()
    assert not j.lost, j.lost       # what could not be noted down may come twice


# Files that are not what they should be.

def set_aside(rig):
    """The line in the log, and the file it names."""
    rig.log.wait(1, what="store", level="error")
    aside = [p for p in rig.home.state.iterdir() if p.name.startswith("qtoa.db.")]
    assert aside, list(rig.home.state.iterdir())
    return aside


def with_backlog(rig, n=30):
    """A database with waiting messages, and nobody who uses it."""
    rig.start()
    rig.queued(n)
    rig.site.terminate(rig.pool)
    with contextlib.closing(sqlite3.connect(rig.db)) as db:     # all of it in the one file
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def flip(path, rng, n=40, begin=4096):
    """Bits here and there, in place; not in the first page, unless told."""
    with open(path, "r+b") as f:
        size = path.stat().st_size
        for at in (rng.randrange(min(begin, size - 1), size) for _ in range(n)):
            f.seek(at)
            byte = f.read(1)[0] ^ 1 << rng.randrange(8)
            f.seek(at)
            f.write(bytes([byte]))


def other_database(path, version=0):
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (a, b)")
        db.execute("INSERT INTO theirs VALUES (1, 2)")
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()


def newer(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")
        db.commit()


WAITED = 30
DAMAGE = {
    # How, whether it shows at once, and how many of those that waited may be beyond help.
    "garbage": (lambda path: path.write_bytes(os.urandom(50000)), True, WAITED),
    "zeros": (lambda path: path.write_bytes(bytes(50000)), True, WAITED),
    "text": (lambda path: path.write_text("hello\n"), True, WAITED),
    "empty": (lambda path: path.write_bytes(b""), False, WAITED),
    "header": (lambda path: path.write_bytes(b"x" * 100 + path.read_bytes()[100:]), True, WAITED),
    "cut": (lambda path: os.truncate(path, path.stat().st_size // 2), True, WAITED),
    "cut-in-a-page": (lambda path: os.truncate(path, path.stat().st_size - 1000), False, WAITED),
    "flipped": (lambda path: flip(path, random.Random(3)), False, WAITED),
    "flipped-schema": (lambda path: flip(path, random.Random(4), begin=100), False, WAITED),
    "foreign": (other_database, True, WAITED),
    "foreign-numbered": (lambda path: other_database(path, 1), True, WAITED),
    "newer": (newer, True, 0),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_that_is_no_good(stopped, name):
    """Set aside; service goes on, and what can be read is taken over."""
    rig = stopped
    with_backlog(rig, WAITED)
    damage, shows, may_lose = DAMAGE[name]
    damage(rig.db)
    was = rig.db.read_bytes()
    rig.log.mark()
    rig.restart()
    rig.queued(5)
    if shows:
        aside = set_aside(rig)
        assert name == "newer" or was in [p.read_bytes() for p in aside]
    j = rig.settled()
    print(name, "lost", len(j.lost))
    assert len(j.lost) <= may_lose
    new = rig.sent[WAITED:]
    assert not [m for m, _ in j.lost + j.twice if m in new]


PAGES = {   # which bytes are damaged, and how many messages may be beyond help
    "header": (lambda size: (0, 100), 0),
    "first": (lambda size: (0, 20000), 40),
    "middle": (lambda size: (size // 2, 20000), 40),
    "end": (lambda size: (size - 20000, 20000), 40),
}


@pytest.mark.parametrize("name", PAGES)
def test_page_by_page(stopped, name):
    """20 kB of garbage cost what is in them, not what is behind; and the log has the numbers."""
    rig = stopped
    with_backlog(rig, 150)
    where, may_lose = PAGES[name]
    at, n = where(rig.db.stat().st_size)
    with open(rig.db, "r+b") as f:
        f.seek(at)
        f.write(os.urandom(n))
    rig.restart()
    rig.queued(5)
    j = rig.settled()
    print(name, "lost", len(j.lost))
    assert len(j.lost) <= may_lose and not j.twice
    if [*rig.home.state.glob("qtoa.db.rescued-*")]:
        (line,) = [s for s in rig.log.text().splitlines() if "events are taken over" in s]
        # Of a message that is half garbage the rest is taken over, too.
        taken = int(re.search(r": (\d+) waiting messages and", line)[1])
        assert 150 - len(j.lost) <= taken <= 150, line


def test_a_damaged_log_is_read_behind_the_damage(stopped):
    rig = stopped
    rig.start()
    rig.queued(60)
    rig.site.kill(rig.pool)
    log = rig.home.state / "qtoa.db-wal"
    with open(log, "r+b") as f:
        f.seek(log.stat().st_size // 3)
        f.write(os.urandom(5000))
    rig.home.state.joinpath("qtoa.db-shm").unlink()
    rig.restart()
    j = rig.settled()
    print("lost", len(j.lost))
    assert len(j.lost) <= 8
    assert [*rig.home.state.glob("qtoa.db.rescued-*")]


def test_a_good_log_beside_a_damaged_file(stopped):
    """A process that was killed leaves qtoa.db-wal: what is in it is not given up."""
    rig = stopped
    rig.start()
    rig.queued(30)
    rig.site.kill(rig.pool)
    rig.restart()
    rig.check()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ("qtoa.db", "qtoa.db-wal"))
def test_damaged_while_running(rig, name, seed):
    """Never a crash; and all that comes after the next start is safe."""
    rig.queued(20)
    flip(rig.home.state / name, random.Random(seed), begin=100)
    rig.pushes(20)
    rig.pool.check()
    rig.site.terminate(rig.pool)
    rig.restart()
    recovers(rig)
    before = len(rig.sent)
    rig.queued(20)
    rig.pool.check()
    j = rig.settled()
    print(name, seed, "lost", len(j.lost), "of", before)
    assert not [m for m, _ in j.lost if m in rig.sent[before:]]


SPOILT = {
    "removed": lambda path: path.unlink(),
    "garbage": lambda path: path.write_bytes(os.urandom(path.stat().st_size)),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "marks": lambda path: path.write_bytes(path.read_bytes()[:4096]
                                           + os.urandom(path.stat().st_size - 4096)),
}


@pytest.mark.parametrize("running", (True, False), ids=("running", "stopped"))
@pytest.mark.parametrize("name", SPOILT)
def test_what_was_seen_is_spoilt(rig, name, running):
    """A repeat may go twice then; nothing is taken for a repeat that is none, nothing is lost."""
    rig.queued(10)
    rig.qt.weather = oracle.FINE
    if not running:
        rig.site.terminate(rig.pool)
    for path in rig.home.state.glob("qtoa.seen-*"):
        SPOILT[name](path)
    if not running:
        rig.restart()
    assert all(rig.pushes(20))
    assert all(rig.send(message) for message in rig.sent)
    recovers(rig)
    rig.pool.check()
    assert not (j := rig.settled()).lost, j.lost


def test_the_files_are_private(rig):
    rig.queued(1)
    for path in rig.home.state.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_crash_points():
    """A sample of the points at which `make torture` ends the program."""
    todo = crash.points()
    random.Random(time.time()).shuffle(todo)
    done = crash.walk(todo[:60], seconds=5)
    for point in done:
        point.judgement.check()
    assert len(done) >= 5 and any(p.died for p in done)
