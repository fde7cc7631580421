"""Nothing acknowledged is lost: the long forms of the tests of the store, the queue and the
breaker.  Each part prints what it did; the seed repeats what is drawn, though not the moments.

    torture.py [--seed N] [storm|command|chain|drain|points|disk|full|filled|hole|relays|
                                beset|crowd|mix ...]
    torture.py [--seed N] [--short] [room|poison|keys|clock|gone][/FORM] ...

The second line's parts are troubles that come alone (tests/torture/troubles.py), in each of their
forms or in one; `mix` has all of them together.  Some want a small disk: who may not mount one
gets a namespace of his own, in which he may."""

import argparse
import contextlib
import functools
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

import beset  # noqa: E402
import chain  # noqa: E402
import crash  # noqa: E402
import full  # noqa: E402
import fullfs  # noqa: E402
import hole  # noqa: E402
import mix  # noqa: E402
import program  # noqa: E402
import stage  # noqa: E402
import storm  # noqa: E402
import three  # noqa: E402
import troubles  # noqa: E402
from rig import SICK, Rig  # noqa: E402


def torture_storm(seed):
    """10,000 messages, 200 kills, QT in every mood; drained by the running processes."""
    storm.Storm(n=10000, kills=200, seed=seed, hurry=False, say=print).run().check()


def torture_command(seed):
    """The same at a fifth, drained by `qtoa drain` with no process left."""
    storm.Storm(n=2000, kills=40, seed=seed, drainer="command", say=print).run().check()


def torture_chain(seed):
    """10,000 messages to a collector of ours that has its troubles; 200 kills on both sides."""
    chain.Chain(n=10000, kills=200, seed=seed, say=print).run().check()


def torture_drain(seed):
    """5,000 messages that wait, and 100 kills while they are sent."""
    print(storm.drain_and_kill(n=5000, kills=100, seed=seed))


def torture_points(seed):
    """The end at each call that writes, in each way."""
    done = crash.walk(crash.points())
    for point in done:
        point.judgement.check()
    print(f"{len(done)} points, died at {sum(p.died for p in done)}:",
          dict(Counter(p.mode for p in done if p.died)),
          f"taken again: {sum(p.judgement.in_flight for p in done)} in flight at the end")


@contextlib.contextmanager
def small_disk(path, size="2M"):
    """A file system that is soon full, where we may mount one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def torture_disk(seed):
    """A disk that is really full; then there is room again."""
    with contextlib.ExitStack() as stack:
        rig = Rig(stack, pools=0)
        if not stack.enter_context(small_disk(rig.home.state)):
            print("left out: no tmpfs can be mounted here")
            return
        rig.start()
        stack.callback(rig.pool.proc.kill)
        rig.qt.weather = SICK
        program.until(lambda: not rig.push(size=30000), "a full disk", 30)
        assert not any(rig.pushes(5, size=30000))
        subprocess.run(["mount", "-o", "remount,size=100M", str(rig.home.state)], check=True)
        begin = time.monotonic()
        program.until(lambda: rig.push(size=30000), "recovery", 5)
        took = time.monotonic() - begin
        print(f"full after {len(rig.sent)} messages, well again after {took:.2f} s;", rig.check())
        rig.site.terminate(rig.pool)


def torture_full(seed):
    """A full file system that fails pages: copy on write, and small blocks."""
    for kind in fullfs.KINDS:
        seen = fullfs.full(kind, seconds=20)
        if seen is None:
            print(f"{kind}: left out: it cannot be mounted here")
            continue
        print(kind, seen)
        # On btrfs a page that could be written a moment ago may not be writable now.
        assert seen["deaths"] <= (8 if kind.startswith("btrfs") else 0)
        assert set(seen["by"]) <= {1}, "a process that ends says why"
        assert seen["well"][1] - seen["well"][0] <= seen["deaths"], "QT had them"
        seen["judgement"].check()


def torture_filled(seed):
    """A disk that the queue has filled, and one where others take the rest: it empties by itself."""
    for kind in full.KINDS:
        # btrfs gives blocks back late: what is given up there may go to the others for good.
        for hog in (False,) if kind == "btrfs" else (False, True):
            j = full.full(kind, hog, say=print)
            assert j is None or not (j.lost or j.twice or j.wrong), j


def torture_hole(seed):
    """A black hole under 100 pushes a second for a minute, and its return."""
    seen = hole.black_hole(rate=100, seconds=60)
    print(seen)
    assert seen.refused == 0
    assert seen.slowest <= program.LIMITS["deadline_ms"], "somebody waited too long"
    assert seen.p99 <= 50, "the open breaker is slow"
    assert seen.rate >= 2000, "the queue is drained too slowly"
    assert seen.rss_kib[2] - seen.rss_kib[1] <= 8 * 1024, "memory grows with the queue"


def torture_relays(seed):
    """One relay answers, one is silent, one fails, and QT is a black hole, under 100 a second."""
    seen = three.three(rate=100, seconds=60)
    print(seen)
    assert seen.unanswered == 0
    assert seen.p99 <= 300, "the answer is late"
    for name, (messages, not_once) in seen.amounts.items():
        assert (messages, not_once) == (seen.pushes, 0), name


def torture_crowd(seed):
    """Two processes of 32 threads on one store."""
    seen = hole.two_processes(10000)
    print(seen)
    assert seen["locked"] == 0 and seen["unsafe"] == 0
    seen["judgement"].check()


MIX_S = 300         # how long troubles come in the mix
SIDE_BY_SIDE = 4    # forms of a trouble: most of the time they wait


def torture_mix(seed):
    """All troubles, QT's weather, 60 kills, `qtoa drain`; in the end nobody does a thing."""
    size = "24M" if stage.may_mount() else None
    mix.together(seed, MIX_S, kills=60, size=size, disks=mix.LONG).check()


FOR_RELAYS = [("room", form) for form in troubles.Room.variants] + \
    [("gone", form) for form in troubles.Gone.variants] + [("clock", "both")]


def torture_beset(seed):
    """Relays die and come back while the disk has its troubles, and in the mix."""
    small = stage.may_mount()
    def run(row):
        try:
            mix.alone(*row, seed, disks=mix.LONG, make=beset.Beset).check()
        except AssertionError as e:
            return f"{'/'.join(row)}: {e}"
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        failed = list(filter(None, pool.map(run, [r for r in FOR_RELAYS
                                                  if small or r[0] != "room"])))
    assert not failed, "\n".join(failed)
    mix.together(seed, MIX_S / 3, kills=20, size="24M" if small else None, disks=mix.LONG,
                 make=beset.Beset).check()


def trouble(name, seed, form="", short=False):
    """A trouble alone, in one form or in all."""
    kind = troubles.TROUBLES[name]
    if kind.small_disk and not stage.may_mount():
        print("left out: nothing can be mounted here")
        return
    def run(variant):
        try:
            seen = mix.short(name, variant, seed) if short else \
                mix.alone(name, variant, seed, disks=mix.LONG)
            seen.check()
        except AssertionError as e:
            return f"{name}/{variant}: {e}"
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        failed = list(filter(None, pool.map(run, [form] if form else kind.variants)))
    assert not failed, "\n".join(failed)


PARTS = {name.partition("_")[2]: fn for name, fn in list(globals().items())
         if name.startswith("torture_")}
PARTS.update({name: functools.partial(trouble, name) for name in troubles.TROUBLES})
for name, kind in troubles.TROUBLES.items():
    PARTS[name].__doc__ = kind.__doc__


def own_namespace():
    """Begins again where mounting is allowed and nobody else sees it."""
    if os.environ.get("TORTURE_NAMESPACE"):
        return
    for how in (["unshare", "-m"], ["unshare", "-Urm"]):
        if subprocess.run([*how, "true"], capture_output=True).returncode == 0:
            os.environ["TORTURE_NAMESPACE"] = "yes"
            os.execvp(how[0], [*how, sys.executable, "-B", *sys.argv])


def part(text):
    name, _, form = text.partition("/")
    kind = troubles.TROUBLES.get(name)
    if name not in PARTS or form and (kind is None or form not in kind.variants):
        raise argparse.ArgumentTypeError(f"{text}: there is no such part")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--short", action="store_true", help="troubles as in `make check`")
    parser.add_argument("parts", nargs="*", type=part, metavar="PART")
    args = parser.parse_args()
    if not args.parts or {"disk", "mix", "room", "beset"} & {p.partition("/")[0] for p in args.parts}:
        own_namespace()
    program.build_shared()
    failed = []
    for text in args.parts or PARTS:
        name, _, form = text.partition("/")
        how = dict(form=form, short=args.short) if name in troubles.TROUBLES else {}
        print(f"== {text}, seed {args.seed}: {PARTS[name].__doc__}", flush=True)
        begin = time.monotonic()
        try:
            PARTS[name](args.seed, **how)
        except AssertionError as e:
            failed.append(text)
            print(f"FAILED: {e}")
        print(f"   {time.monotonic() - begin:.1f} s", flush=True)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
