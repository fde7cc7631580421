"""Both sides of the wire are ours: QT is the collector of the same program, with a state directory
of its own, behind a web server that has its weather.  Processes of both sides are killed, the
collector's disk fails and its processes stand still for a while.  WeChat asks until it is heard,
and in the end the collector has counted each message, and once."""

import contextlib
import errno
import os
import random
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

import faults
import fcgi
import oracle
import program
import qt as qt_side
from counted import event_of, events_in, flaws
from host import Site
from oracle import Weather
from storm import SLOWNESS, Cron, Helper, Reaper, Sky

SYNC_MS = 10
# What a message may meet on its way; nothing that refuses it for good.
WEATHERS = {
    "fine": (12, oracle.FINE),
    "mixed": (8, Weather(
        (.06, "slow", lambda rng: rng.uniform(*SLOWNESS)),
        (.06, "cut", lambda rng: rng.randrange(60)), (.04, "reset", None),
        (.04, "garbage", None), (.02, "silent", None),
        (.04, "status", lambda rng: rng.choice((500, 502, 503, 429))), (.04, "code", 110),
        (.04, "status", lambda rng: rng.choice(oracle.GATEWAY)),
        (.02, "unread", lambda rng: rng.choice(oracle.UNREADABLE)), (.10, "odd", None))),
    "gateway": (1, Weather((.95, "status", lambda rng: rng.choice(oracle.GATEWAY)))),
    "slow": (1, Weather((1, "slow", lambda rng: rng.uniform(*SLOWNESS)))),
    "cut": (2, Weather((.8, "cut", lambda rng: rng.randrange(60)))),
    "resets": (1, Weather((.9, "reset", None))),
    "down": (2, None),
}


class Front(oracle.QT):
    """A web server in front of the collector's processes."""

    def __init__(self, seed):
        super().__init__(seed)
        self.pools = []
        self.answers = Counter()    # the collector's: statuses and codes

    def _take(self, conn, r):
        self.requests += 1
        with self._lock:
            name, value = self.weather.draw(self._rng)
            self.drawn[name] += 1
        getattr(self, "_" + name)(conn, r, None, value)

    def _collected(self, r):
        """What the collector answers; 502 if nothing."""
        params = fcgi.cgi("POST", qt_side.PATH, "", len(r.body))
        try:
            answer = fcgi.call(self._rng.choice(self.pools).path, params, r.body)
        except (OSError, AssertionError):   # killed
            answer = None
        if answer is None:
            answer = fcgi.Response(502, {}, b"<html>bad gateway</html>")
        code = re.search(rb"Httpapi_300_(\d+)", answer.body)
        with self._lock:
            self.answers[code.group(1).decode() if code else answer.status] += 1
        return qt_side.http(answer.status, answer.body)

    def _fine(self, conn, r, message, _):
        conn.sendall(self._collected(r))

    def _odd(self, conn, r, message, _):
        """The collector's answer, as some gateway passes it on."""
        head, _, body = self._collected(r).partition(b"\r\n\r\n")
        status = 202 if head.split()[1] == b"200" else int(head.split()[1])
        conn.sendall(qt_side.http(status, b"\xef\xbb\xbf" + body + b"\n<!-- gw -->"))

    def _unread(self, conn, r, message, answer):
        self._collected(r)
        conn.sendall(qt_side.http(*answer))

    def _silent(self, conn, r, message, _):
        self._collected(r)
        conn.settimeout(30)
        conn.recv(1)
        raise oracle.Down

    def _cut(self, conn, r, message, keep):
        conn.sendall(self._collected(r)[:keep])
        raise oracle.Down

    def _garbage(self, conn, r, message, _):
        self._collected(r)
        conn.sendall(qt_side.http(200, "<html>welcome</html>"))
        raise oracle.Down


class Illness(Helper):
    """The collector's disk is slow, so that kills find it writing, and fails, or a process of it
    stands still; in the end all is well."""

    def __init__(self, site, seed, disk):
        super().__init__(site, seed)
        self.disk = disk
        self.failures = self.halts = 0
        disk.slow_sync(SYNC_MS)

    def step(self):
        self.over.wait(self.rng.uniform(0.2, 0.6))
        self.rng.choice((self._fail, self._fail, self._halt))()

    def _fail(self):
        self.disk.fail(self.rng.choice((errno.ENOSPC, errno.EIO)))
        self.over.wait(self.rng.uniform(0.1, 0.5))
        self.disk.off()
        self.disk.slow_sync(SYNC_MS)
        self.failures += 1

    def _halt(self):
        proc = self.rng.choice(self.site.pools).proc
        with contextlib.suppress(ProcessLookupError):
            os.kill(proc.pid, signal.SIGSTOP)
            self.over.wait(self.rng.uniform(0.1, 0.7))
            os.kill(proc.pid, signal.SIGCONT)
        self.halts += 1

    def stop(self):
        super().stop()
        self.disk.off()


# What it comes to.

@dataclass
class Count:
    """Messages and events."""
    sent: int
    acknowledged: int
    counted: int
    posts: int
    missing: list = field(default_factory=list)
    twice: list = field(default_factory=list)
    foreign: list = field(default_factory=list)
    wrong: list = field(default_factory=list)

    def __str__(self):
        return (f"{self.acknowledged} of {self.sent} messages acknowledged, posted {self.posts} "
                f"times, {self.counted} events counted; missing {len(self.missing)}, twice "
                f"{len(self.twice)}, of nobody {len(self.foreign)}")

    def check(self):
        assert self.acknowledged == self.sent
        for found in (self.wrong, self.missing, self.twice, self.foreign):
            assert not found, found[:10]
        assert self.counted == self.sent


def count(sent, front, home, dead):
    want = Counter(event_of(m) for m in sent)
    got = events_in(home)
    return Count(len(sent), sum(m.acknowledged for m in sent), sum(got.values()),
                 sum(front.answers.values()), missing=list((want - got).elements()),
                 twice=[e for e, n in got.items() if n > want[e] > 0],
                 foreign=[e for e in got if e not in want],
                 wrong=[*flaws(home), *(f"dead: {d}" for d in dead)])


@dataclass
class Chain:
    n: int = 1000
    kills: int = 20             # of both sides together
    seed: int = 0
    rate: float = 160           # messages a second
    say: callable = lambda text: None

    def run(self):
        with contextlib.ExitStack() as stack:
            front = Front(self.seed)
            stack.callback(front.stop)
            ours, theirs = (self._home(stack, front) for _ in range(2))
            disk = faults.Faults(theirs)
            stack.callback(disk.close)
            forwarder = Site(ours, "storm")
            stack.callback(forwarder.close)
            collecting = Site(theirs, "main", env=disk.env)
            stack.callback(collecting.close)
            front.pools = collecting.pools
            sent = self._blow(front, disk, forwarder, collecting)
            begin = time.monotonic()
            forwarder.run(["queue", "retry", "all"])
            forwarder.drained(120)
            counted = count(sent, front, theirs, forwarder.dead())
            self.say(f"drained in {time.monotonic() - begin:.1f} s\n{counted}")
            return counted

    @staticmethod
    def _home(stack, front):
        home = program.Home(front.url)
        stack.callback(home.remove)
        return home

    def _blow(self, front, disk, forwarder, collecting):
        sent = oracle.messages(random.Random(self.seed), self.n)
        we = oracle.WeChat(forwarder.doors(15), tries=1000, pause_s=0.3, rate=self.rate,
                           seed=self.seed)
        total = sum(m.copies for m in sent)
        reapers = [Reaper(site, self.seed + k, self.kills // 2, lambda: we.begun / total)
                   for k, site in enumerate((forwarder, collecting))]
        illness = Illness(collecting, self.seed, disk)
        helpers = [Sky(forwarder, self.seed, front, WEATHERS), illness, *reapers, Cron(forwarder)]
        begin = time.monotonic()
        for helper in helpers:
            helper.start()
        try:
            we.send_all(sent)
        finally:
            for helper in helpers:
                helper.stop()
        self.say(f"{[r.killed for r in reapers]} kills, {[r.ended for r in reapers]} ends by "
                 f"SIGTERM, {illness.failures} times a disk that failed, {illness.halts} halts, "
                 f"{time.monotonic() - begin:.1f} s; on the way: "
                 f"{dict(sorted(front.drawn.items()))}; the collector: {dict(front.answers)}")
        assert all(r.killed >= self.kills // 2 for r in reapers)
        return sent
