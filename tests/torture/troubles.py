"""Troubles that come over a stage: each is a class, begins, goes on for a while and ends.  What is
drawn in it comes from its seed.  `variants` are its forms, each of which can be had alone."""

import contextlib
import os
import random
import threading
import time
from zlib import crc32

import oracle
from stage import FOLLOWER, throw_away

BIG = 20000                 # bytes of a message that fills a disk
FULL_TRIES = 30             # so many in a row without `success`: the disk is full
AHEAD_S = 86000             # a day, but a push is still fresh for the program
GONE = r"what=store\b.*\b(gone|removed|replaced|lost|missing)\b"     # a queue is: in the log
PAGES = (403, 406, 503)     # with which firewalls block


class Trouble:
    variants = ("",)
    hold_s = 5              # how long it goes on
    short_s = 1             # in `make check`
    small_disk = False      # it wants a disk of its own
    unsafe_because = "."    # what the log says where a message could not be stored

    def __init__(self, stage, seed, variant=None):
        self.stage = stage
        self.qt = stage.qt
        self.rng = random.Random(f"{self.name} {seed}")
        self.variant = variant if variant is not None else self.rng.choice(self.variants)

    def __str__(self):
        return f"{self.name}/{self.variant}"

    def begin(self):
        pass

    def end(self):
        """QT is well, but for other troubles."""

    def leave(self):
        """What stays after the end goes."""


class Room(Trouble):
    """There is no room left on the disk while QT is down.  QT comes back, and there is still no
    room: the queue has filled it, a stranger, or both; a greedy one takes all that becomes free,
    too."""
    name = "room"
    variants = ("queue", "stranger", "both", "greedy")
    small_disk = True
    unsafe_because = "full|space|room|reserve"

    def begin(self):
        self.filler = self.stage.home.disk / f"filler-{self.rng.randrange(1 << 30)}"
        self.qt.down(self.name)
        self.stage.send(20)
        self.loss = self.stage.lose(str(self), r"what=seen\b", forgets=True)
        if self.variant != "stranger":
            self._fill_by_queue()
        if self.variant != "queue":
            self._fill_by_stranger()
        self.over = threading.Event()
        self.greedy = threading.Thread(target=self._take_what_comes, daemon=True)
        self.greedy.start()
        self.stage.say(f"{self}: {self.stage.pending()} wait, {self.stage.home.room()} bytes free")

    def _fill_by_queue(self):
        most = 3 * self.stage.home.room() // BIG + 100
        refused = 0
        for _ in range(most):
            refused = refused + 8 if self.stage.send(8, BIG) == 0 else 0
            if refused >= FULL_TRIES:
                return
        self.stage.problems.append("the queue filled no disk")

    def _fill_by_stranger(self):
        with open(self.filler, "ab", buffering=0) as f:
            for size in (1 << 20, 1 << 16, 1 << 12, 1 << 9, 1):
                with contextlib.suppress(OSError):
                    while f.write(b"\xff" * size) == size:
                        pass

    def _take_what_comes(self):
        while self.variant == "greedy" and not self.over.wait(0.05):
            self._fill_by_stranger()

    def end(self):
        self.qt.up(self.name)

    def leave(self):
        self.over.set()
        self.greedy.join()
        self.filler.unlink(missing_ok=True)
        self.loss.end = time.monotonic()


class Poison(Trouble):
    """QT, or what is before it, does not take the messages of one follower."""
    name = "poison"
    variants = ("500", "silence", "firewall", "all", "long")
    hold_s = 30
    short_s = 4

    def __init__(self, *args):
        super().__init__(*args)
        if self.variant == "long":
            self.hold_s = 120

    def begin(self):
        rows = {"500": [("status", 500)], "silence": [("mute", None)],
                "firewall": [("firewall", status) for status in PAGES]}
        rows["all"] = rows["long"] = [row for some in rows.values() for row in some]
        mine, follower = rows[self.variant], FOLLOWER.encode()

        def bend(account, xml):     # the same for the same message
            return mine[crc32(xml) % len(mine)] if follower in xml else None
        self.qt.bends[self.name] = bend
        self.begun = time.monotonic()

    def end(self):
        del self.qt.bends[self.name]
        self.stage.good.append((self.begun, time.monotonic()))


class Keys(Trouble):
    """QT does not accept signature or keys: once, a few times in a row, or for a while, of one
    account or of all; then it does again, and nobody does a thing."""
    name = "keys"
    variants = ("single", "row", "while-one", "while-all")

    def begin(self):
        self.account = self.rng.choice(oracle.ACCOUNTS)
        self.left = {"single": 1, "row": self.rng.randint(4, 12)}.get(self.variant, 1 << 60)
        self.code = self.rng.choice(oracle.STOPPERS)
        self.qt.bends[self.name] = self._bend

    def _bend(self, account, xml):
        if self.left == 0 or (self.variant == "while-one" and account != self.account):
            return None
        self.left -= 1
        return "code", self.code

    def end(self):
        del self.qt.bends[self.name]


class Clock(Trouble):
    """The program's clock runs a day ahead while QT is sick, and comes back; an operator runs
    `qtoa queue retry all` while it is ahead, afterwards, or both times.  QT does not take some
    messages, so that the breaker stays closed, or (-all) no message."""
    name = "clock"
    variants = ("ahead", "back", "both", "back-all")

    def begin(self):
        share = 1 if self.variant.endswith("-all") else 10
        self.qt.ahead.add(AHEAD_S)
        self.stage.home.clock(AHEAD_S)
        self.stage.pause(0.2)       # what is under way has the time of before
        self.qt.bends[self.name] = \
            lambda account, xml: ("status", 500) if crc32(xml) % share == 0 else None

    def _retry(self):
        good = (0, 1) if self.stage.commands_fail else (0,)
        self.stage.site.run(["queue", "retry", "all"], env=self.stage.site.env, good=good)

    def end(self):
        if self.variant in ("ahead", "both"):
            self._retry()
            self.stage.pause(0.5)
        self.stage.home.clock(0)
        del self.qt.bends[self.name]
        if self.variant not in ("back", "both", "back-all"):
            return
        self._retry()
        self.stage.due.append((time.monotonic(), self.stage.ids("pending") or set()))


class Gone(Trouble):
    """Files of the program's are removed or replaced while messages wait in them."""
    name = "gone"
    variants = ("wal", "shm", "wal-and-shm", "db", "db-and-wal", "all-three", "db-empty",
                "db-older", "wal-empty", "wal-garbage", "shm-garbage", "directory",
                "directory-moved", "directory-again")

    def begin(self):
        state = self.stage.home.state
        self.db = state / "qtoa.db"
        self.backup = self.stage.home.dir / f"backup-{self.rng.randrange(1 << 30)}"
        self.qt.down(self.name)
        self.stage.send(10)
        if self.variant == "db-older":
            self.stage.back_up(self.backup)
            self.stage.send(10)
        whole = self.variant.startswith("directory")
        loss = self.stage.lose(str(self), GONE, takes=True, forgets=whole)
        loss.waited = self.stage.ids("pending", "dead")
        self._take_away(state)
        loss.end = time.monotonic()
        self.after = self.rng.choice(("kill", "kill", "end", "stay"))
        waited = "?" if loss.waited is None else len(loss.waited)
        self.stage.say(f"{self}: {waited} waited; then the processes {self.after}")
        self.stage.send(10)
        self.stage.send(2, doors=[self.stage.site.through_cgi])
        self._restart()

    def _restart(self):
        """What was acknowledged must be in files that have a name."""
        site = self.stage.site
        for pool in site.pools if self.after != "stay" else ():
            with self.stage.turn:
                (site.kill if self.after == "kill" else site.terminate)(pool)
                site.restart(pool)

    def _beside(self, end):
        return self.db.with_name(self.db.name + end)

    def _replace(self, path, data):
        new = path.with_name("new")
        new.write_bytes(data)
        new.chmod(0o600)
        os.replace(new, path)

    def _take_away(self, state):
        what, ends = self.variant, {
            "wal": ("-wal",), "shm": ("-shm",), "wal-and-shm": ("-wal", "-shm"), "db": ("",),
            "db-and-wal": ("", "-wal"), "all-three": ("", "-wal", "-shm")}
        for end in ends.get(what, ()):
            self._beside(end).unlink(missing_ok=True)
        if what in ("db-empty", "wal-empty"):
            self._replace(self._beside("" if what == "db-empty" else "-wal"), b"")
        elif what in ("wal-garbage", "shm-garbage"):
            path = self._beside("-" + what[:3])
            self._replace(path, self.rng.randbytes(path.stat().st_size if path.exists() else 32768))
        elif what == "db-older":
            self._replace(self.db, self.backup.read_bytes())
        elif what == "directory":
            with contextlib.suppress(OSError):      # something new is in it
                throw_away(state)
        elif what.startswith("directory-"):
            state.rename(state.with_name(f"was-{self.rng.randrange(1 << 30)}"))
            if what == "directory-again":
                state.mkdir(mode=0o700)

    def end(self):
        self.stage.send(10)
        self.qt.up(self.name)

    def leave(self):
        for old in self.stage.home.disk.glob("was-*"):
            throw_away(old)


TROUBLES = {t.name: t for t in (Room, Poison, Keys, Clock, Gone)}