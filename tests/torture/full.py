"""A disk that is full: the queue has filled it, or somebody else has.  QT is down meanwhile; once it
is back the queue empties by itself, and nothing that was acknowledged is lost."""

import contextlib
import json
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import oracle
import program
from host import BY_PATH
from rig import Rig

KINDS = {"ext4": (80, "-q"), "btrfs": (130, "-q", "-m", "single"), "tmpfs": (4,)}
BACK_S = 40         # how long QT is back before it is asked what came of it
BODY = 20000


def _mount(*args):
    return subprocess.run(["mount", *args], capture_output=True).returncode == 0


@contextlib.contextmanager
def small_disk(kind, at, image):
    """A file system of its own at a directory; False where none can be mounted."""
    mb, *options = KINDS[kind]
    if kind == "tmpfs":
        mounted = _mount("-t", "tmpfs", "-o", f"size={mb}M,mode=0700", "tmpfs", str(at))
    else:
        with open(image, "wb") as file:
            file.truncate(mb << 20)
        made = subprocess.run([f"mkfs.{kind}", *options, str(image)], capture_output=True)
        mounted = made.returncode == 0 and _mount("-o", "loop", str(image), str(at))
    if not mounted:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


class Hog:
    """Another's data on the same disk: takes whatever becomes free, all the time."""

    def __init__(self, directory):
        self.path = directory / "another's"
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.fill()
        self.thread.start()

    def fill(self):
        with self.path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, 1 << 16, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(os.urandom(size))

    def run(self):
        while not self.over.wait(0.05):
            self.fill()

    def close(self):
        self.over.set()
        self.thread.join()
        self.path.unlink(missing_ok=True)


def fill(rig, most=20000, workers=8, size=BODY):
    """Pushes until none is taken any more."""
    refused = 0
    with ThreadPoolExecutor(workers) as pool:
        while refused < 3 * workers and len(rig.sent) < most:
            todo = [rig.message(size=size) for _ in range(workers)]
            taken = sum(pool.map(rig.send, todo))
            refused = 0 if taken else refused + workers
    return sum(m.acknowledged for m in rig.sent)


def new_pushes(rig, seconds, a_second=4):
    """Pushes for so long: how many were answered 503."""
    pause, refused = threading.Event(), 0
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end:
        refused += not rig.push()
        n += 1
        pause.wait(1 / a_second)
    return refused, n


def command(rig, *args):
    done = subprocess.run([str(program.binary(rig.site.variant)), *args], env=rig.home.env,
                          capture_output=True, text=True, timeout=120)
    return done.returncode, (done.stdout + done.stderr).strip().splitlines()[-1:]


def waiting(rig):
    """What waits; by a process of its own, since SQLite maps a file that is on the full disk."""
    rows = rig.site.run(["queue", "export"])[0].splitlines()
    return [row for row in map(json.loads, rows) if row["state"] == "pending"]


def drop_first(rig):
    """Drops a message, which is not to be asked for then."""
    row = waiting(rig)[0]
    account = BY_PATH[row["account"]]
    gone = oracle.identity(account, oracle.opened(account, row["body"].encode()))
    rc, said = command(rig, "queue", "drop", str(row["id"]), "--yes")
    for message in rig.sent:
        message.acknowledged &= message.id != gone
    return rc, said


def full(kind, hog=False, seconds=BACK_S, say=print):
    """One run: its figures, and the judgement of the oracle; None where nothing can be mounted."""
    with contextlib.ExitStack() as stack:
        rig = Rig(stack, pools=0)
        if not stack.enter_context(small_disk(kind, rig.home.state, rig.home.dir / "image")):
            return say(f"left out: no {kind} can be mounted here")
        rig.start()
        stack.callback(rig.pool.proc.kill)
        rig.qt.down()
        queued = fill(rig)
        say(f"{kind}{', and others take the rest' if hog else ''}: full after {queued}")
        other = stack.enter_context(contextlib.closing(Hog(rig.home.state))) if hog else None
        commands = [drop_first(rig), command(rig, "queue", "retry", "all")]
        rig.site.terminate(rig.pool)
        commands.append(drop_first(rig))
        rig.restart()
        before = len(waiting(rig))
        rig.qt.up()
        begin = time.monotonic()
        refused, n = new_pushes(rig, seconds)
        say(f"  commands: {commands}")
        say(f"  {seconds} s after QT's return {before - len(waiting(rig))} of {before} are sent, "
            f"{refused} of {n} new pushes got 503")
        with contextlib.suppress(AssertionError):
            program.until(lambda: not waiting(rig), "an empty queue", 60)
        say(f"  {time.monotonic() - begin:.0f} s after it {len(waiting(rig))} wait")
        if hog:
            other.close()
        j = rig.settled()
        say("  ", j)
        rig.site.terminate(rig.pool)
        assert refused == 0 and not any(rc for rc, _ in commands), (refused, commands)
        return j
