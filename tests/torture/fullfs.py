"""File systems that are full in ways that kill whoever has a file mapped: copy on write (btrfs), and
blocks that are smaller than a page (ext4 with 1 KiB)."""

import contextlib
import os
import subprocess
import time

import oracle
import program
from rig import SICK, Rig

KINDS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-b", "1024", "-O", "^has_journal"],
    "ext4-journal": ["mkfs.ext4", "-q", "-F", "-b", "1024"],
    "btrfs": ["mkfs.btrfs", "-q", "--mixed", "-m", "single", "-d", "single"],
    "btrfs-parts": ["mkfs.btrfs", "-q", "-m", "single", "-d", "single"],     # data apart
}


@contextlib.contextmanager
def mounted(kind, image, where, mb=128):
    """False where we may not mount, or have no such mkfs."""
    with open(image, "wb") as file:
        file.truncate(mb << 20)
    commands = ([*KINDS[kind], str(image)], ["mount", "-o", "loop", str(image), str(where)])
    try:
        good = all(subprocess.run(c, capture_output=True).returncode == 0 for c in commands)
    except OSError:     # there is none; PermissionError if a directory of PATH cannot be searched
        good = False
    if not good:
        yield False
        return
    try:
        os.chmod(where, 0o700)
        yield True
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def fill(directory):
    """Files until not one more block is to be had: large ones first, then small ones."""
    block, number = 1 << 20, 0
    while block >= 512:
        path = directory / f"filler-{number}"
        number += 1
        try:
            with open(path, "wb", buffering=0) as file:
                while file.write(os.urandom(block)) == block:
                    pass
                os.fsync(file.fileno())
        except OSError:
            block //= 2
    os.sync()


def empty(directory):
    for path in directory.glob("filler-*"):
        path.unlink()
    os.sync()


class Supervised:
    """A rig whose process is started again when it dies; its deaths are counted."""

    def __init__(self, rig):
        self.rig, self.deaths = rig, []

    def push(self):
        if self.rig.pool.proc.poll() is not None:
            self.deaths.append(self.rig.pool.proc.returncode)
            self.rig.restart()
        try:
            return self.rig.push()
        except (OSError, AssertionError):
            return False

    def pushes(self, seconds):
        """How many were acknowledged, and how many were sent."""
        end, good, n = time.monotonic() + seconds, 0, 0
        while time.monotonic() < end:
            good += self.push()
            n += 1
        return good, n


def full(kind, seconds=4):
    """The figures of a run; None where it cannot be mounted."""
    with contextlib.ExitStack() as stack:
        rig = Rig(stack, pools=0)
        if not stack.enter_context(mounted(kind, rig.home.dir / "image", rig.home.state)):
            return None
        rig.start()
        stack.callback(lambda: rig.pool.proc.kill())
        run = Supervised(rig)
        rig.qt.weather = SICK
        before = run.pushes(1)
        rig.qt.weather = oracle.FINE
        fill(rig.home.state)
        well = run.pushes(seconds)
        rig.qt.weather = SICK
        sick = run.pushes(seconds)
        empty(rig.home.state)
        program.until(run.push, "recovery", 10)
        judgement = rig.check()
        rig.site.terminate(rig.pool)
        return dict(before=before, well=well, sick=sick, deaths=len(run.deaths),
                    by=sorted(set(run.deaths)), judgement=judgement)
