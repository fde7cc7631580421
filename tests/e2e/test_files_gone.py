"""Files of the state directory are removed, replaced or cut short while processes have them open: what
was acknowledged before and after reaches QT, once, and the log says what was done."""

import contextlib
import os
import random
import shutil
import sys

import pytest

import program

sys.path.append(str(program.TOP / "tests/torture"))
import oracle  # noqa: E402
from rig import SICK, Rig  # noqa: E402

DB = ("qtoa.db", "qtoa.db-wal", "qtoa.db-shm")


@pytest.fixture
def rig():
    with contextlib.ExitStack() as stack:
        yield Rig(stack, pools=0)


def with_each(act, names):
    """A way that acts on each of the files; the program may have removed one just before."""
    def do(state):
        for name in names:
            for path in state.glob(name):
                with contextlib.suppress(FileNotFoundError):
                    act(path)
    return do


def remove(*names):
    return with_each(os.unlink, names)


def move(*names):
    """To another directory."""
    def away(path):
        to = path.parents[1] / f"away-{random.random()}"
        to.mkdir()
        path.rename(to / path.name)
    return with_each(away, names)


def copy_over(*names):
    """As an editor or rsync does: a copy gets the name."""
    def copy(path):
        shutil.copy(path, path.parents[1] / "copy")
        os.rename(path.parents[1] / "copy", path)
    return with_each(copy, names)


def empty_over(*names):
    def do(state):
        for name in names:
            (state.parent / "empty").touch(0o600)
            os.rename(state.parent / "empty", state / name)
    return do


def remove_all(state):
    remove("*")(state)


def new_directory(state):
    gone = state.parent / "gone"        # at once: the program makes files there meanwhile
    state.rename(gone)
    state.mkdir(0o700, exist_ok=True)
    shutil.rmtree(gone, ignore_errors=True)


def move_directory(state):
    state.rename(state.parent / "moved")


def other_link(state):
    """The directory is a link, which now leads elsewhere."""
    other = state.parent / "other"
    other.mkdir(0o700)
    link = state.parent / "link"
    link.symlink_to(other)
    os.rename(link, state)


WAYS = {
    "wal": remove("qtoa.db-wal"), "wal-moved": move("qtoa.db-wal"),
    "wal-copied": copy_over("qtoa.db-wal"), "wal-emptied": empty_over("qtoa.db-wal"),
    "shm": remove("qtoa.db-shm"), "shm-moved": move("qtoa.db-shm"),
    "shm-copied": copy_over("qtoa.db-shm"), "shm-emptied": empty_over("qtoa.db-shm"),
    "wal-and-shm": remove("qtoa.db-wal", "qtoa.db-shm"),
    "db": remove("qtoa.db"), "db-moved": move("qtoa.db"), "db-copied": copy_over("qtoa.db"),
    "all-three": remove(*DB), "all-three-copied": copy_over(*DB), "all": remove_all,
    "directory": new_directory, "directory-moved": move_directory, "link": other_link,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_lost(rig, way):
    state = rig.home.state
    if way == "link":
        state.rename(state.parent / "real")
        state.symlink_to(state.parent / "real")
    rig.qt.weather = SICK
    for _ in range(2):
        rig.start()
    doors = rig.site.doors()
    assert all(rig.send(rig.message(), doors[n % 2]) for n in range(12))
    WAYS[way](state)
    sent = [rig.send(rig.message(), doors[n % 2]) for n in range(30)]
    program.until(lambda: all(rig.send(rig.message(), door) for door in doors), "all is well")
    program.until(lambda: any(r["level"] == "error" and r["what"] == "store"
                              for r in rig.log.lines()), "a line in the log")
    for pool in rig.site.pools:
        pool.check()
    rig.check()
    assert sum(sent) > 15


@pytest.mark.parametrize("way", ("wal", "shm", "db", "all"))
def test_while_idle_and_with_cgi(rig, way):
    """Nobody asks the process that has them open; another one comes."""
    rig.qt.weather = SICK
    rig.start()
    assert all(rig.push() for _ in range(8))
    WAYS[way](rig.home.state)
    for _ in range(6):
        rig.send(rig.message(), rig.site.through_cgi)
    program.until(lambda: rig.send(rig.message(), rig.site.through_cgi), "all is well")
    rig.pool.check()
    rig.check()


@pytest.mark.parametrize("seed", range(2))
def test_again_and_again_under_load(rig, seed):
    """A process can only save what it has open: so each is used before the next removal."""
    rng = random.Random(seed)
    rig.qt.weather = SICK
    for _ in range(2):
        rig.start()
    doors = rig.site.doors(cgi=1)
    for _ in range(6):
        for n in range(9):
            rig.send(rig.message(), doors[n % len(doors)])
        program.until(lambda: all(rig.send(rig.message(), door) for door in doors), "all is well")
        WAYS[rng.choice([w for w in WAYS if w not in ("link", "directory-moved")])](rig.home.state)
    for n in range(9):
        rig.send(rig.message(), doors[n % len(doors)])
    program.until(lambda: all(rig.send(rig.message(), door) for door in doors), "all is well")
    rig.check()


@pytest.mark.parametrize("way", ("seen", "seen-copied", "lock", "all", "directory"))
def test_what_was_seen_is_known(rig, way):
    """WeChat repeats what QT has: it is not sent again."""
    ways = {**WAYS, "seen": remove("qtoa.seen-*"), "seen-copied": copy_over("qtoa.seen-*"),
            "lock": remove("qtoa.lock")}
    rig.qt.weather = oracle.FINE
    for _ in range(2):
        rig.start()
    doors = rig.site.doors()
    messages = [rig.message() for _ in range(10)]
    assert all(rig.send(m, doors[n % 2]) for n, m in enumerate(messages))
    ways[way](rig.home.state)
    program.until(lambda: all(rig.send(rig.message(), door) for door in doors) and
                  (way == "lock" or any(r["what"] == "seen" for r in rig.log.lines())), "a look")
    assert all(rig.send(m, doors[n // 5]) for n, m in enumerate(messages))
    rig.check()
