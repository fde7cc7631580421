"""A disk that is full: the queue has filled it, or others' files have.  Nothing is acknowledged that
neither QT nor the disk has; once QT is back the queue empties by itself, with no other room on the
disk; and all is well again when there is room."""

import contextlib
import errno
import json
import resource
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import program

sys.path.append(str(program.TOP / "tests/torture"))
import faults  # noqa: E402
import oracle  # noqa: E402
from rig import SICK, Rig  # noqa: E402

DISK = 3_600_000
BODY = 20_000


class Full(Rig):
    """A rig on a small disk."""

    def __init__(self, stack, **how):
        super().__init__(stack, pools=0, disk=True, **how)

    def began(self):
        self.start()
        self.qt.weather = oracle.FINE
        assert self.push()
        program.until((self.home.state / "qtoa.reserve").exists, "the reserve")
        return self

    def filled(self, size=BODY):
        """QT takes nothing, and the queue fills the disk; how many messages wait."""
        self.qt.weather = SICK
        refused = 0
        with ThreadPoolExecutor(4) as pool:
            while refused < 12:
                todo = [self.message(size=size) for _ in range(4)]
                refused = 0 if any(pool.map(self.send, todo)) else refused + 4
                assert len(self.sent) < 2000
        return len(self.waiting())

    def dropped(self, row):
        """The message of a row is dropped; it is not to be asked for."""
        out, _ = self.run("queue", "drop", str(row["id"]), "--yes")
        assert b"is dropped" in out
        account = {a.path: a for a in oracle.ACCOUNTS}[row["account"]]
        gone = oracle.identity(account, oracle.opened(account, row["body"].encode()))
        for message in self.sent:
            message.acknowledged &= message.id != gone

    def run(self, *args, good=(0,)):
        return self.site.run(list(args), env=self.site.env, good=good)

    def waiting(self):
        rows = map(json.loads, self.run("queue", "export")[0].splitlines())
        return [row for row in rows if row["state"] == "pending"]

    def emptied(self):
        program.until(lambda: not self.waiting(), "an empty queue")


@pytest.fixture
def rig():
    with contextlib.ExitStack() as stack:
        rig = Full(stack)
        rig.faults.disk(DISK)
        yield rig


@pytest.mark.parametrize("others", (False, True), ids=("ours", "others-too"))
def test_the_queue_empties_by_itself(rig, others):
    """QT is back: the queue is sent, and what comes meanwhile is answered `success`."""
    rig.began()
    assert rig.filled() > 20
    if others:
        rig.faults.fill()
    said = rig.log.wait(1, what="store", level="error")
    # The WAL may give some of its blocks back, so that it is full more than once.
    assert len(said) <= 3 and "full" in said[0]["msg"], said
    rig.qt.weather = oracle.FINE
    assert all(rig.pushes(20))
    rig.emptied()
    rig.faults.disk(DISK)
    rig.qt.weather = SICK
    program.until(rig.push, "a queue again")
    rig.check()


def test_without_the_margin(rig):
    """Others' files fill the disk while the queue grows, so that SQLite finds it full."""
    rig.began()
    rig.qt.weather = SICK
    assert all(rig.pushes(30, size=BODY))
    rig.faults.fill()
    rig.filled()
    rig.qt.weather = oracle.FINE
    assert all(rig.pushes(10))
    rig.emptied()
    rig.check()


def test_commands_on_a_full_disk(rig):
    """drop, retry and drain work beside a process and without one; so does a restart."""
    rig.began()
    rig.filled()
    rig.faults.fill()
    first, *_, last = rig.waiting()
    rig.dropped(first)
    rig.run("queue", "retry", "all")
    rig.site.terminate(rig.pool)
    rig.dropped(last)
    rig.run("queue", "retry", "all")
    rig.qt.weather = oracle.FINE
    program.until(lambda: rig.run("drain", good=(0, 1))[1] == 0, "a drained queue")
    assert not rig.waiting()
    rig.restart()
    assert all(rig.pushes(5))
    rig.check()


def test_cgi_on_a_full_disk(rig):
    """No process is left: each push opens the database, and sends some of what waits."""
    rig.began()
    rig.filled()
    rig.site.terminate(rig.pool)
    rig.faults.fill()
    assert not rig.send(rig.message(size=BODY), rig.site.through_cgi)
    rig.qt.weather = oracle.FINE
    program.until(lambda: rig.send(rig.message(), rig.site.through_cgi) and not rig.waiting(),
                  "an empty queue")
    assert rig.sent[-1].acknowledged
    rig.restart()
    rig.check()


def test_restarted_on_a_full_disk(rig):
    rig.began()
    rig.filled()
    rig.faults.fill()
    rig.site.kill(rig.pool)
    rig.qt.weather = oracle.FINE
    rig.restart()
    rig.emptied()
    rig.check()


def test_full_from_the_start(rig):
    """There is no qtoa.db yet, and no room for one."""
    rig.faults.fill()
    rig.start()
    assert all(rig.pushes(5))
    rig.qt.weather = SICK
    assert not any(rig.pushes(5))
    assert "full" in rig.log.wait(1, what="store", level="error")[0]["msg"]
    rig.faults.disk(DISK)
    program.until(rig.push, "recovery")
    rig.check()


def test_no_inodes(rig):
    """None for the files of the database; then for the flag only."""
    rig.faults.inodes(False)
    rig.start()
    rig.qt.weather = SICK
    assert not any(rig.pushes(5))
    assert rig.log.wait(1, what="store", level="error")[0]["msg"].startswith("/")
    rig.faults.inodes(True)
    program.until(rig.push, "recovery")
    rig.faults.inodes(False)
    rig.qt.weather = oracle.FINE
    rig.emptied()
    rig.qt.weather = SICK
    assert rig.push()
    rig.qt.weather = oracle.FINE
    rig.emptied()
    rig.faults.inodes(True)
    rig.check()


@pytest.mark.parametrize("error", (errno.EDQUOT, errno.EFBIG, errno.ENOSPC),
                         ids=("quota", "file-size", "disk"))
def test_the_system_says_no(rig, error):
    """In whatever words: 503, one line, and QT is asked in spite of an open breaker."""
    rig.faults.disk(0)
    rig.began()
    rig.queued(8)
    rig.log.mark()
    rig.faults.fail(error, (faults.WRITE, faults.TRUNCATE))
    assert not any(rig.pushes(8))
    assert len(rig.log.wait(1, what="store", level="error")) == 1
    rig.qt.weather = oracle.FINE
    assert all(rig.pushes(8))
    rig.faults.off()
    rig.emptied()
    rig.check()


def test_file_size_limit_is_reached(rig):
    """ulimit -f: what is below it is sent, with the limit still there."""
    rig.faults.disk(0)
    rig.start(limits="ulimit -S -f 2000")       # of 512 bytes
    assert rig.filled() > 5
    rig.qt.weather = oracle.FINE
    rig.emptied()
    none = resource.RLIM_INFINITY
    resource.prlimit(rig.pool.proc.pid, resource.RLIMIT_FSIZE, (none, none))
    rig.check()


def test_copies_make_room():
    """keep_days: copies of what QT has fill the disk; the queue needs the room more."""
    with contextlib.ExitStack() as stack:
        rig = Full(stack, variant="kept")
        rig.faults.disk(DISK)
        rig.began()
        assert all(rig.pushes(DISK // BODY, size=BODY))
        rig.qt.weather = SICK
        program.until(lambda: rig.push(size=BODY) and len(rig.waiting()) >= 10, "a queue again")
        rig.qt.weather = oracle.FINE
        rig.emptied()
        rig.check()


def test_health_says_why(rig):
    def says(*args):
        """The WAL may give some of its blocks back meanwhile; then the disk is filled again."""
        rig.filled()
        return b"nothing is queued" in rig.run(*args, good=(0, 1, 2))[0]

    rig.began()
    program.until(lambda: says("status", "--json"), "the disk is in the status")
    program.until(lambda: says("check", "--offline"), "the disk is in the check")
    rig.qt.weather = oracle.FINE
    rig.emptied()
    rig.check()


def test_only_the_reserve_is_left(rig):
    """Somebody has emptied the WAL, and others' files took its blocks; the messages are large."""
    rig.faults.disk(2 * DISK)
    rig.began()
    rig.qt.weather = SICK
    assert all(rig.pushes(20, size=44_000))
    rig.site.terminate(rig.pool)
    with contextlib.closing(sqlite3.connect(rig.db)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rig.faults.fill()
    rig.qt.weather = oracle.FINE
    rig.restart()
    rig.emptied()
    rig.check()
