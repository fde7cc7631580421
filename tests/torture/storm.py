"""Messages in a storm: QT misbehaves in every way, processes are killed and restarted at random
moments, one message in ten comes three times at once.  Then the sky clears, the queue is
drained, and the oracle judges."""

import contextlib
import random
import threading
import time
from dataclasses import dataclass

import counted
import oracle
import program
from oracle import ACCOUNTS, REFUSALS, STOPPERS, Weather
from host import Site
from rig import Rig

FORWARD_S = program.SETTINGS["storm"]["forward_ms"] / 1000

# Named, and how often each is drawn.
SLOWNESS = (0.05, 1.5 * FORWARD_S)
WEATHERS = {
    "fine": (8, oracle.FINE),
    "mixed": (12, Weather(
        (.06, "slow", lambda rng: rng.uniform(*SLOWNESS)),
        (.04, "cut", lambda rng: rng.randrange(60)), (.04, "reset", None),
        (.02, "garbage", None), (.01, "silent", None),
        (.04, "status", lambda rng: rng.choice((500, 502, 503, 429))),
        (.04, "status", lambda rng: rng.choice(oracle.GATEWAY)),
        (.10, "odd", lambda rng: rng.choice(oracle.ODD)),
        (.03, "unread", lambda rng: rng.choice(oracle.UNREADABLE)),
        (.05, "code", lambda rng: rng.choice(REFUSALS)), (.04, "code", 110))),
    "slow": (2, Weather((1, "slow", lambda rng: rng.uniform(*SLOWNESS)))),
    "cut": (1, Weather((.8, "cut", lambda rng: rng.randrange(60)))),
    "gateway": (2, Weather((.95, "status", lambda rng: rng.choice(oracle.GATEWAY)))),
    "unread": (1, Weather((.8, "unread", lambda rng: rng.choice(oracle.UNREADABLE)))),
    "odd": (2, Weather((1, "odd", lambda rng: rng.choice(oracle.ODD)))),
    "sick": (1, Weather((.9, "status", 500))),
    "resets": (1, Weather((.9, "reset", None))),
    "keys": (1, Weather((.2, "code", lambda rng: rng.choice(STOPPERS)))),
    "down": (2, None),
}


class Helper(threading.Thread):
    """Does its step again and again until told to stop, which tells what went wrong in it."""

    def __init__(self, site, seed=0):
        super().__init__(daemon=True)
        self.site = site
        self.rng = random.Random(seed)
        self.over = threading.Event()
        self.failed = None

    def run(self):
        try:
            while not self.over.is_set():
                self.step()
        except Exception as e:
            self.failed = e

    def stop(self):
        self.over.set()
        self.join()
        if self.failed:
            raise self.failed


class Sky(Helper):
    """Changes QT's weather; in the end it is fine."""

    def __init__(self, site, seed, qt, weathers=WEATHERS):
        super().__init__(site, seed)
        self.qt = qt
        self.weathers = weathers

    def step(self):
        weights = [weight for weight, _ in self.weathers.values()]
        name = self.rng.choices(list(self.weathers), weights)[0]
        weather = self.weathers[name][1]
        self.qt.weather = weather or oracle.FINE
        if weather is None:
            self.qt.down()
        self.over.wait(self.rng.uniform(0.1, 0.8))
        self.qt.up()
        if name == "keys":
            self.qt.weather = oracle.FINE
            for account in ACCOUNTS:
                self.site.run(["queue", "retry", account.path])

    def stop(self):
        super().stop()
        self.qt.weather = oracle.FINE
        self.qt.up()


class Reaper(Helper):
    """Kills `want` times while progress() goes from 0 to 1; now and then one may end by SIGTERM."""

    def __init__(self, site, seed, want, progress):
        super().__init__(site, seed)
        self.want, self.progress = want, progress
        self.killed = self.ended = self.slow_ends = 0

    def step(self):
        if self.killed < self.want and self.progress() >= self.killed / self.want:
            self._strike(self.rng.random())
        self.over.wait(self.rng.uniform(0, 0.04))

    def _strike(self, what):
        if what < 0.1 and self.site.kill_running(self.rng):
            self.killed += 1
            return
        pool = self.rng.choice(self.site.pools)
        if what > 0.9:
            self.slow_ends += self.site.terminate(pool) > 2 * program.SLOWER
            self.ended += 1
        else:
            self.site.kill(pool)
            self.killed += 1
        self.over.wait(self.rng.choice((0, 0, 0.1)))
        self.site.restart(pool)


class Cron(Helper):
    """`qtoa drain` every now and then."""

    def step(self):
        if not self.over.wait(1):
            self.site.drain()


@dataclass
class Storm:
    """What is to happen; drainer: who empties the queue at the end, "thread" or "command"."""
    n: int = 1000
    kills: int = 20
    seed: int = 0
    drainer: str = "thread"
    hurry: bool = True      # in the end all are sent at once, the dead as well
    workers: int = 16
    rate: float = 130       # messages a second, so that a storm has its time
    cgi: int = 15           # one message in twice as many goes through CGI
    say: callable = lambda text: None

    def run(self):
        with contextlib.ExitStack() as stack:
            qt = oracle.QT(self.seed)
            stack.callback(qt.stop)
            home = program.Home(qt.url)
            stack.callback(home.remove)
            site = Site(home, "counted")
            stack.callback(site.close)
            return self._judge(qt, site, self._blow(qt, site))

    def _blow(self, qt, site):
        sent = oracle.messages(random.Random(self.seed), self.n)
        we = oracle.WeChat(site.doors(self.cgi), pause_s=0.3, workers=self.workers,
                           rate=self.rate, seed=self.seed)
        total = sum(m.copies for m in sent)
        reaper = Reaper(site, self.seed, self.kills, lambda: we.begun / total)
        helpers = [Sky(site, self.seed, qt), reaper, Cron(site)]
        begin = time.monotonic()
        for helper in helpers:
            helper.start()
        try:
            we.send_all(sent)
        finally:
            for helper in helpers:
                helper.stop()
        self.say(f"{reaper.killed} kills, {reaper.ended} ends by SIGTERM, "
                 f"{time.monotonic() - begin:.1f} s; QT: {dict(sorted(qt.drawn.items()))}")
        assert reaper.killed >= self.kills and not reaper.slow_ends, vars(reaper)
        return sent

    def _judge(self, qt, site, sent):
        begin = time.monotonic()
        if self.drainer == "command":
            site.stop_pools()
        if self.hurry:
            site.run(["queue", "retry", "all"])
        waiting = len(site.waiting())
        if self.drainer == "command":
            self._drain_by_command(site)
        site.drained(120)
        if not site.pools:
            site.drain()
        counted.check_forwarded(site.home, sent)
        judgement = oracle.judge(sent, qt, site.kills, site.dead())
        self.say(f"{waiting} waited at the end, drained by {self.drainer} in "
                 f"{time.monotonic() - begin:.1f} s\n{judgement}")
        return judgement

    @staticmethod
    def _drain_by_command(site):
        for _ in range(20):
            site.drain()
            if not site.waiting():
                return


def drain_and_kill(n, kills, seed=0):
    """A backlog, and a QT that is back: whoever drains is killed, again and again."""
    with contextlib.ExitStack() as stack:
        rig = Rig(stack, pools=2)
        rng = random.Random(seed)
        rig.sent = oracle.messages(rng, n)
        rig.qt.down()
        oracle.WeChat([rig.door(0), rig.door(1)]).send_all(rig.sent)
        for pool in rig.site.pools:
            rig.site.kill(pool)
        rig.qt.weather = oracle.Weather((1, "slow", 0.02))
        rig.qt.up()
        rig.site.run(["queue", "retry", "all"])
        for _ in range(kills):
            rig.qt.stopping.wait(rng.uniform(0.02, 0.2))
            pool = rng.choice(rig.site.pools)
            rig.site.kill(pool)
            rig.site.restart(pool)
        return rig.check()
