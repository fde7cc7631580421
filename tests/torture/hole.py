"""QT as a black hole: connections are taken by nobody; and its return, as a sink that is fast
enough to be no part of the measurement."""

import contextlib
import random
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import oracle
import program
import qt as qt_side
import wechat
from host import Site
from wechat import SAFE

QUEUE = 4096    # connections that the kernel takes although nobody does


class Hole:
    """Connections to it are taken, and then nothing, until a sink serves them."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(QUEUE)
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}{qt_side.PATH}"
        self.proc = None

    def become_sink(self):
        self.proc = subprocess.Popen([sys.executable, program.TOP / "tests/e2e/sink.py"],
                                     stdin=self.sock, stderr=subprocess.DEVNULL)

    def stop(self):
        if self.proc:
            self.proc.kill()
            self.proc.wait()
        self.sock.close()


class Load:
    """Pushes at a steady rate, whatever becomes of those before: (start, ms, status) each."""

    def __init__(self, door, rate, seconds, workers=256):
        self.door, self.rate, self.seconds, self.workers = door, rate, seconds, workers
        self.answers = []

    def run(self):
        begin = time.monotonic()
        pause = threading.Event()
        with ThreadPoolExecutor(self.workers) as pool:
            for n in range(int(self.rate * self.seconds)):
                due = begin + n / self.rate
                pause.wait(max(0, due - time.monotonic()))
                pool.submit(self._one, due, wechat.push(SAFE))
        return sorted(self.answers)

    def _one(self, due, push):
        try:
            answer = self.door(SAFE, push)
            status = answer.status if answer else 0
        except (OSError, AssertionError):
            status = 0
        self.answers.append((due, (time.monotonic() - due) * 1000, status))


@dataclass
class Outcome:
    """What was seen; times in ms."""
    pushes: int
    refused: int                # not answered `success`
    slowest: float
    opened_after_s: float
    p50: float                  # after the breaker had opened
    p99: float
    waited: int                 # messages on disk when QT came back
    drained_s: float            # from QT's return to an empty queue
    rate: float                 # messages a second while draining
    rss_kib: list = field(default_factory=list)     # before, with the backlog, while draining

    def __str__(self):
        return (f"{self.pushes} pushes, {self.refused} without success; breaker open after "
                f"{self.opened_after_s:.1f} s, from then on p50 {self.p50:.0f} ms, p99 "
                f"{self.p99:.0f} ms; slowest of all {self.slowest:.0f} ms; {self.waited} waited, "
                f"drained at {self.rate:.0f} a second, {self.drained_s:.1f} s after QT's return; "
                f"RSS {'/'.join(str(k) for k in self.rss_kib)} KiB")


def when(row):
    """The time of a log line, s."""
    return datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()


def drain_rate(rows):
    """Messages a second from the first settled to the last; the probe was one before them."""
    times = sorted(when(r) for r in rows)[1:]
    return (len(times) - 1) / max(times[-1] - times[0], 0.001) if len(times) > 1 else 0


def drained_lines(log):
    return [r for r in log.lines() if r["what"] == "drain" and r.get("verdict") == "delivered"]


def black_hole(rate, seconds, variant="main"):
    with contextlib.ExitStack() as stack:
        hole = Hole()
        stack.callback(hole.stop)
        home = program.Home(hole.url)
        stack.callback(home.remove)
        site = Site(home, variant, pools=1)
        stack.callback(site.close)
        return _watch(site, hole, rate, seconds)


def _watch(site, hole, rate, seconds):
    pool, log = site.pools[0], site.home.log
    rss = [pool.status("VmRSS")]
    answers = Load(site.through(pool), rate, seconds).run()
    rss.append(pool.status("VmRSS"))
    waited = len(site.waiting())
    opened = first_broken(log)
    hole.become_sink()
    begin = time.monotonic()
    peak = rss[-1]

    def empty():
        nonlocal peak
        peak = max(peak, pool.status("VmRSS"))
        return log.text().count(" what=drain ") >= waited and len(drained_lines(log)) >= waited
    program.until(empty, "an empty queue", 120)
    rss.append(peak)
    took = time.monotonic() - begin
    assert not site.waiting()
    begin_s = time.time() - time.monotonic() + answers[0][0]
    late = [ms for due, ms, _ in answers if due >= answers[0][0] + opened - begin_s]
    cuts = statistics.quantiles(late, n=100)
    return Outcome(len(answers), sum(s != 200 for _, _, s in answers), max(a[1] for a in answers),
                   opened - begin_s, cuts[49], cuts[98], waited, took,
                   drain_rate(drained_lines(log)), rss)


def first_broken(log):
    """When the first request was answered without asking QT."""
    return min(when(r) for r in log.lines() if r.get("class") == "breaker")


def two_processes(messages, seconds=None):
    """Two processes of 32 threads on one store, QT now well and now sick; what the log says."""
    with contextlib.ExitStack() as stack:
        qt = oracle.QT()
        stack.callback(qt.stop)
        home = program.Home(qt.url)
        stack.callback(home.remove)
        site = Site(home, "crowd", pools=2)
        stack.callback(site.close)
        sent = oracle.messages(random.Random(5), messages)
        we = oracle.WeChat(site.doors(), workers=64, tries=1)
        for part, weather in ((sent[:messages // 2], oracle.Weather((1, "reset", None))),
                              (sent[messages // 2:], oracle.FINE)):
            qt.weather = weather
            we.send_all(part)
        site.run(["queue", "retry", "all"])
        site.drained()
        text = home.log.text()
        return dict(judgement=oracle.judge(sent, qt),
                    locked=len(re.findall("locked|busy", text)),
                    unsafe=sum(r.get("status") == "503" for r in home.log.lines()))
