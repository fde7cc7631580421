"""The other side of tests/faults/faults.c: a library, preloaded into the program, that counts
the calls with which it writes in its state directory, fails them, or kills it in them."""

import errno
import mmap
import os
import shutil
import struct

import program

WRITE, SYNC, TRUNCATE, OPEN, NAME = range(5)
ALL = (WRITE, SYNC, TRUNCATE, OPEN, NAME)
LOCK = len(ALL)     # fails, but is not counted
COUNT, FAIL, KILL_BEFORE, KILL_WITHIN, KILL_DARK = range(5)

# struct control: where its fields are, each of 8 bytes, and the two paths.
MODE, KINDS_AT, ERROR, AT, SYNC_MS, CALLS, COUNTS = range(7)
DISK, OTHERS, NO_INODES = (COUNTS + len(ALL) + n for n in range(3))
FIELDS = COUNTS + len(ALL) + 3
DIR_MAX = 1024
SIZE = FIELDS * 8 + 2 * DIR_MAX


class Faults:
    """The control file of one state directory; env is what a process needs to heed it."""

    def __init__(self, home, images=False):
        self.state = home.state
        self.path = home.dir / "faults"
        self.images = home.dir / "images" if images else None
        if images:
            self.images.mkdir(mode=0o700)
        self.path.write_bytes(bytes(FIELDS * 8) + self._name(self.state)
                              + self._name(self.images or ""))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)
        self.env = {"FAULTS_CONTROL": str(self.path), "LD_PRELOAD": str(program.FAULTS)}
        if program.SAN:     # which wants to be first itself
            self.env["ASAN_OPTIONS"] = home.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"

    @staticmethod
    def _name(path):
        return str(path).encode().ljust(DIR_MAX, b"\0")

    def _set(self, field, value):
        struct.pack_into("=Q", self.map, field * 8, value)

    def _get(self, field):
        return struct.unpack_from("=Q", self.map, field * 8)[0]

    def off(self):
        self._set(MODE, COUNT)
        self._set(SYNC_MS, 0)

    def fail(self, error=errno.EIO, kinds=ALL):
        """From now on, until off()."""
        self._set(KINDS_AT, sum(1 << k for k in kinds))
        self._set(ERROR, error)
        self._set(AT, 0)
        self._set(MODE, FAIL)

    def kill_at(self, number, mode=KILL_BEFORE):
        """At the number-th call from now on."""
        self._set(MODE, COUNT)
        self._set(AT, self._get(CALLS) + number)
        self._set(MODE, mode)

    def disk(self, size, others=0):
        """The state directory is on a disk of so many bytes, of which others' files take some;
        0: on the real one."""
        self._set(OTHERS, others)
        self._set(DISK, size)

    def fill(self):
        """Others' files take what is left."""
        ours = sum(p.stat().st_blocks * 512 for p in self.state.iterdir())
        self._set(OTHERS, max(0, self._get(DISK) - ours))

    def inodes(self, left):
        """Whether a further file can be made."""
        self._set(NO_INODES, not left)

    def slow_sync(self, ms):
        """A sync takes so long at least."""
        self._set(SYNC_MS, ms)

    @property
    def calls(self):
        return self._get(CALLS)

    def count(self, kind):
        return self._get(COUNTS + kind)

    def power_back(self):
        """The state directory has what was synced, and nothing else."""
        shutil.rmtree(self.state)
        self.state.mkdir(mode=0o700)
        for image in self.images.iterdir():
            if image.suffix != ".new":
                shutil.copyfile(image, self.state / image.name)
                os.chmod(self.state / image.name, 0o600)

    def close(self):
        self.map.close()
