"""qtoa.lock cannot be used: what WeChat repeats at the same time, at several processes, reaches QT once
nevertheless; the log, `qtoa check`, `qtoa status` and /-/health say it (the
latter in tests/unit/monitor)."""

import contextlib
import errno
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import program

sys.path.append(str(program.TOP / "tests/torture"))
import faults  # noqa: E402
import oracle  # noqa: E402
from rig import Rig, slow  # noqa: E402

PROCESSES, MESSAGES, COPIES = 3, 8, 6


def directory(rig, lock):
    lock.mkdir()


def mode_000(rig, lock):
    lock.touch(mode=0o000)


def link(rig, lock):
    lock.symlink_to("/nonexistent/qtoa.lock")


def pipe(rig, lock):
    os.mkfifo(lock, 0o600)


def no_locks(rig, lock):
    rig.faults.fail(errno.ENOLCK, (faults.LOCK,))


WAYS = {w.__name__: w for w in (directory, mode_000, link, pipe, no_locks)}
UNUSABLE = [n for n in WAYS if n != "mode_000"]     # it is ours: its mode is corrected


@pytest.fixture
def rig():
    with contextlib.ExitStack() as stack:
        yield Rig(stack, pools=0, disk=True)


def repeated_at_once(rig):
    """Each message several times at the same moment, at different doors; QT is slow."""
    rig.qt.weather = slow(0.1)
    messages = [rig.message() for _ in range(MESSAGES)]
    doors = rig.site.doors(cgi=1)
    with ThreadPoolExecutor(COPIES * MESSAGES) as pool:
        sent = [pool.submit(rig.send, m, doors[(i + n) % len(doors)])
                for n in range(COPIES) for i, m in enumerate(messages)]
        assert any(s.result() for s in sent)
    rig.qt.weather = oracle.FINE


@pytest.mark.parametrize("way", WAYS)
def test_each_message_once(rig, way):
    WAYS[way](rig, rig.home.state / "qtoa.lock")
    for _ in range(PROCESSES):
        rig.start()
    repeated_at_once(rig)
    lines = [r for r in rig.log.lines() if r["what"] == "lock"]
    assert bool(lines) == (way in UNUSABLE)
    assert len({r["time"] for r in lines}) <= len(lines) <= PROCESSES + len(rig.sent) * COPIES
    rig.faults.off()
    rig.check()


def has_open(pool, path):
    """The file that has the name now."""
    return any(os.path.samestat(os.stat(fd), os.stat(path))
               for fd in Path(f"/proc/{pool.proc.pid}/fd").iterdir() if fd.exists())


@pytest.mark.parametrize("way", ("directory", "pipe", "mode_000"))
def test_it_becomes_unusable_while_they_run(rig, way):
    lock = rig.home.state / "qtoa.lock"
    for _ in range(PROCESSES):
        rig.start()
    assert all(rig.send(rig.message(), door) for door in rig.site.doors())
    lock.unlink()
    WAYS[way](rig, lock)

    def seen():
        assert all(rig.send(rig.message(), door) for door in rig.site.doors())
        if way in UNUSABLE:
            return sum(r["what"] == "lock" for r in rig.log.lines()) == PROCESSES
        return all(has_open(pool, lock) for pool in rig.site.pools)
    program.until(seen, "a look")
    repeated_at_once(rig)
    rig.check()


@pytest.mark.parametrize("way", UNUSABLE)
def test_it_is_said(rig, way):
    WAYS[way](rig, rig.home.state / "qtoa.lock")
    rig.start()
    assert rig.push()
    [line] = [r for r in rig.log.lines() if r["what"] == "lock"]
    assert line["level"] == "error" and "qtoa.lock" in line["msg"]
    out, code = rig.site.run(["check", "--offline"], env=rig.site.env, good=(0, 1))
    found = [row for row in out.decode().splitlines() if "qtoa.lock" in row]
    assert code == 1 and found, out
    status = json.loads(rig.site.run(["status", "--json"], env=rig.site.env, good=(0, 1))[0])
    assert "qtoa.lock" in json.dumps(status)
    rig.faults.off()
