"""Crash points: one short life of the program, cut off at each of the calls with which it writes:
before the call, within it, and by a power failure after which only what was synced is there."""

import contextlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import faults
import oracle
import program
from host import Site
from patience import PATIENCE_S

MODES = {"before": faults.KILL_BEFORE, "within": faults.KILL_WITHIN, "dark": faults.KILL_DARK}
ACCOUNT = oracle.ACCOUNTS[0]


@dataclass
class Point:
    """Call number `call` of that life, and how it ends there; call 0: it does not."""
    call: int
    mode: str = "before"
    died: bool = False
    judgement: oracle.Judgement = None


class Life:
    """A message delivered, one queued while QT is sick, the drain, the end by SIGTERM, and another
    life in which all that was acknowledged is known."""

    def __init__(self, point, stack):
        self.point = point
        self.qt = oracle.QT()
        stack.callback(self.qt.stop)
        self.home = program.Home(self.qt.url)
        stack.callback(self.home.remove)
        self.faults = faults.Faults(self.home, images=point.mode == "dark")
        stack.callback(self.faults.close)
        if point.call:
            self.faults.kill_at(point.call, MODES[point.mode])
        self.site = Site(self.home, "storm", pools=1, env=self.faults.env)
        self.pool = self.site.pools[0]
        stack.callback(self._close)
        self.sent = [oracle.Message(ACCOUNT, xml)
                     for xml in oracle.family(random.Random(1), 0, int(time.time()))[:2]]
        self.door = self.site.through(self.pool)

    def _close(self):
        self._revive()
        self.site.close()

    def _revive(self):
        """A new process where the old one has died of its point."""
        if self.pool.proc.poll() is None:
            return
        self.point.died = True
        assert self.pool.proc.returncode == -9, (self.pool.proc.returncode, self.pool.stderr())
        self.site.kills.append(oracle.Kill(time.monotonic()))
        self.faults.off()
        if self.point.mode == "dark":
            self.faults.power_back()
        self.site.restart(self.pool)

    def send(self, message):
        """As WeChat does, but it never has enough."""
        we = oracle.WeChat([self.door])

        def acknowledged():
            self._revive()
            return we.attempt(message, oracle.wechat.push(ACCOUNT, message.xml), self.door)
        program.until(acknowledged, f"success at {self.point}")

    def drained(self):
        pause = threading.Event()

        def empty():
            self._revive()
            return not self.site.waiting() or pause.wait(0.1)
        program.until(empty, f"an empty queue at {self.point}", 30)

    def end(self):
        """By SIGTERM, unless its point comes first."""
        self._revive()
        self.pool.proc.terminate()
        self.pool.proc.wait(PATIENCE_S)
        if self.pool.proc.returncode == 0:
            self.faults.off()
            self.site.restart(self.pool)
        self._revive()

    def live(self):
        """All of it; how many calls it took."""
        self.send(self.sent[0])
        self.qt.weather = oracle.Weather((1, "status", 500))
        self.send(self.sent[1])
        self.qt.weather = oracle.FINE
        self.drained()
        self.end()
        calls = self.faults.calls
        for message in self.sent:       # what was acknowledged is a repeat
            self.send(message)
        self.drained()
        return calls

    def judge(self):
        j = oracle.judge(self.sent, self.qt, self.site.kills)
        if self.point.mode == "dark":   # that it was delivered need not have been synced
            j.twice = []
        return j


def live(point):
    with contextlib.ExitStack() as stack:
        life = Life(point, stack)
        calls = life.live()
        point.judgement = life.judge()
        return calls


def points():
    """Every point that there is, as one life without faults shows."""
    calls = live(Point(0))
    return [Point(n, mode) for n in range(1, calls + 1) for mode in MODES]


def walk(todo, parallel=6, seconds=None):
    """Dies at each of these points; those that were reached in the time."""
    end = time.monotonic() + seconds if seconds else None

    def one(point):
        if end is None or time.monotonic() < end:
            live(point)
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(one, todo))
    return [p for p in todo if p.judgement]
