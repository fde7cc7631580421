"""The files that the program maps: somebody cuts them short, and the file system is full in ways that
fail a page and not a write.  The process goes on, or ends with a line that says why."""

import contextlib
import os
import sys

import pytest

import program

sys.path.append(str(program.TOP / "tests/torture"))
import fullfs  # noqa: E402
import oracle  # noqa: E402
from rig import SICK, Rig  # noqa: E402


@pytest.fixture
def rig():
    with contextlib.ExitStack() as stack:
        yield Rig(stack, pools=2)


OURS = {"a-day": ("qtoa.tally-2*", "tally"), "the-totals": ("qtoa.tally-total", "tally"),
        "failures": ("qtoa.failures", "flood")}
LENGTHS = {"nothing": 0, "a-head": 100, "a-page": 4096}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", OURS)
def test_a_file_of_ours_is_cut_short(rig, name, length):
    pattern, what = OURS[name]
    rig.qt.weather = SICK
    doors = rig.site.doors()
    assert all(rig.push() for _ in range(5))
    assert all(rig.send(rig.message(), door) for door in doors)
    rig.log.mark()
    [path] = rig.home.state.glob(pattern)
    os.truncate(path, LENGTHS[length])

    def noticed():
        assert all(rig.send(rig.message(), door) for door in doors)
        return [r for r in rig.log.lines() if r["what"] == what]
    program.until(noticed, "a line in the log")
    program.until(lambda: all(rig.send(rig.message(), d) for d in doors) and
                  [*rig.home.state.glob(pattern)] and
                  [*rig.home.state.glob(pattern)][0].stat().st_size > 4096, "a whole file")
    for pool in rig.site.pools:
        pool.check()
    rig.check()


@pytest.mark.parametrize("length", (0, 100, 20000))
def test_the_index_of_the_database_is_cut_short(rig, length):
    """Nobody goes on with an index that others do not see.  A process that ends says why."""
    rig.qt.weather = SICK
    doors = rig.site.doors()
    assert all(rig.send(rig.message(), door) for door in doors * 3)
    os.truncate(rig.home.state / "qtoa.db-shm", length)
    run = fullfs.Supervised(rig)
    run.pushes(0.5)
    for pool in rig.site.pools:
        pool.exits = {0, 1}
        if pool.proc.poll() is None:
            continue
        assert pool.proc.returncode == 1
        assert any("qtoa.db-shm cannot be used" in r.get("msg", "") for r in rig.log.lines())
        rig.site.restart(pool)
    program.until(rig.push, "recovery")
    assert all(code == 1 for code in run.deaths)
    rig.check()


@pytest.mark.parametrize("kind", fullfs.KINDS)
def test_a_full_file_system(kind):
    """Where a mount is allowed.  The long form is in tests/torture.

    On btrfs a page that could be written a moment ago may not be writable now: then a process
    ends, and says why.  Before, all of them ended again and again.
    """
    seen = fullfs.full(kind, seconds=0.5 * program.SLOWER)
    if seen is None:
        return
    assert seen["deaths"] <= kind.startswith("btrfs"), seen
    assert set(seen["by"]) <= {1}, seen
    assert seen["well"][1] - seen["well"][0] <= seen["deaths"], "QT had them"
    seen["judgement"].check()
