"""A small stage: one or more processes over one state directory, a QT that can misbehave, a disk
that can fail, and the oracle over all."""

import os
import random
import time

import faults
import oracle
import program
import wechat
from host import Site
from wechat import SAFE

SICK = oracle.Weather((1, "status", 500))


def code(n):
    return oracle.Weather((1, "code", n))


def slow(seconds):
    return oracle.Weather((1, "slow", seconds))


class Rig:
    """stack ends all that is begun here."""

    def __init__(self, stack, variant="storm", pools=1, disk=False, images=False, env=None):
        self.qt = oracle.QT()
        stack.callback(self.qt.stop)
        self.home = program.Home(self.qt.url)
        stack.callback(self.home.remove)
        self.log = self.home.log
        self.faults = faults.Faults(self.home, images) if disk else None
        self.site = Site(self.home, variant, pools=0,
                         env={**(env or {}), **(self.faults.env if disk else {})})
        stack.callback(self.site.close)
        self.sent = []
        self.rng = random.Random(1)
        for _ in range(pools):
            self.start()

    @property
    def pool(self):
        return self.site.pools[0]

    @property
    def db(self):
        return self.home.state / "qtoa.db"

    def start(self, **how):
        self.site.pools.append(program.Pool(self.home, self.site.variant, env=self.site.env,
                                            **how))

    def restart(self):
        self.site.restart(self.pool)

    def door(self, n=0):
        return self.site.through(self.site.pools[n])

    def message(self, account=SAFE, size=0):
        """A new one."""
        xml = oracle.family(self.rng, len(self.sent), int(time.time()))[0]
        if size:
            xml = wechat.text_message(os.urandom(size // 2).hex())
        self.sent.append(oracle.Message(account, xml))
        return self.sent[-1]

    def send(self, message, door=None):
        """One try; whether it was acknowledged."""
        we = oracle.WeChat([])
        return we.attempt(message, wechat.push(message.account, message.xml),
                          door or self.door())

    def push(self, **how):
        return self.send(self.message(**how))

    def pushes(self, n, **how):
        return [self.push(**how) for _ in range(n)]

    def queued(self, n):
        """n messages that wait, on disk."""
        self.qt.weather = SICK
        assert all(self.pushes(n))

    def requests(self, n=1, **want):
        """The log's lines of the requests since the mark, once there are n."""
        return self.log.wait(n, what="request", **want)

    def rescued(self):
        """What was set aside, and may hold messages, has been looked through."""
        return not [*self.home.state.glob("qtoa.db.damaged-*"),
                    *self.home.state.glob("qtoa.db.newer-*")]

    def settled(self, retry=True):
        """The judgement, once QT is well and nothing waits."""
        self.qt.weather = oracle.FINE
        program.until(self.rescued, "the rescue from what was set aside")
        if retry:
            self.site.run(["queue", "retry", "all"])
        self.site.drained()
        program.until(self.rescued, "the rescue from what was set aside")
        self.site.drained()
        return oracle.judge(self.sent, self.qt, self.site.kills, self.site.dead())

    def check(self, retry=True):
        """All that was acknowledged gets to QT, and once."""
        j = self.settled(retry)
        j.check()
        return j
