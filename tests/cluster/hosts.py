"""Hosts of qtoa, each with a state directory, a log and a socket of its own, and one store."""

import contextlib
import json
import os
import re
import signal
import sys
import threading
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "torture"))
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "e2e"))
import oracle  # noqa: E402
import program  # noqa: E402
import wechat  # noqa: E402
from host import Site  # noqa: E402

VARIANT = "cluster"


class Host:
    """One host; ahead: how many seconds its clock is."""

    def __init__(self, name, qt, url, ahead=0):
        self.name = name
        self.ahead = ahead
        self.home = program.Home(qt.url)
        self.home.env["E2E_STORE"] = url
        qt.ahead = {*qt.ahead, ahead}
        self.site = Site(self.home, VARIANT, env=self.home.clock(ahead) if ahead else None,
                         pools=1)
        self.pool, = self.site.pools
        self.door = self.site.through(self.pool)
        self.turn = threading.RLock()   # who has it may end and begin its process

    def kill(self):
        self.site.kill(self.pool)

    def restart(self):
        if self.pool.proc.poll() is not None:
            self.site.restart(self.pool)

    def freeze(self, seconds):
        self.pool.signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.pool.signal(signal.SIGCONT)

    def here(self):
        """How many messages are in its own store."""
        rows = self.home.query("SELECT count(*) AS n FROM message")
        return rows[0]["n"] if rows else 0

    def lines(self):
        """The lines of its log, with its name."""
        return [{"host": self.name, **row} for row in self.home.log.lines(0)]

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.pool.proc.kill()
        self.pool.proc.wait()
        self.pool.listener.close()
        self.home.remove()


def push_of(message):
    """A push with the openid of the message's user."""
    return wechat.push(message.account, message.xml).with_("openid", user_of(message))


def user_of(message):
    return re.search(rb"oCluster\d{20}", message.xml)[0].decode()


class WeChat(oracle.WeChat):
    """Each message goes to `copies` hosts at the same moment, and again to any host."""

    def send_all(self, todo):
        begin = time.monotonic()
        with oracle.ThreadPoolExecutor(self.workers) as pool:
            jobs = []
            for n, message in enumerate(todo):
                self.stopping.wait(max(0, begin + n / self.rate - time.monotonic()))
                rng = oracle.random.Random(n)
                jobs += [pool.submit(self.send_to, message, door, rng.random())
                         for door in rng.sample(self.doors, min(message.copies, len(self.doors)))]
        for job in jobs:
            job.result()

    def send_to(self, message, door, seed):
        rng = oracle.random.Random(seed)
        for n in range(self.tries):
            if n > 0:
                self.stopping.wait(self.pause_s)
                if message.acknowledged:
                    return
            if self.attempt(message, push_of(message), door if n == 0 else rng.choice(self.doors)):
                return


class Flow:
    """Messages, each of another user: the log has users, and a message is found there by its."""

    def __init__(self, seed):
        self.rng = oracle.random.Random(f"flow {seed}")
        self.sent = []
        self.over = threading.Event()

    @staticmethod
    def user(n):
        return f"oCluster{n:020d}"

    def message(self, copies=None):
        n = len(self.sent)
        form = self.rng.choice((oracle.TEXT, oracle.EVENT))
        xml = form.format(user=self.user(n), at=int(time.time()), msgid=24000000000000000 + n,
                          text=f"text {n}", event="CLICK").encode()
        self.sent.append(oracle.Message(self.rng.choice(oracle.ACCOUNTS), xml,
                                        copies=copies or self.rng.choice((1, 1, 2, 3))))
        return self.sent[-1]

    def __iter__(self):
        while not self.over.is_set():
            yield self.message()


def dead_in(server):
    """The messages that the shared store keeps as refused."""
    by_path = {a.path: a for a in wechat.ACCOUNTS}
    rows = json.loads(server.sql("SELECT coalesce(json_agg(json_build_array(account, "
                                 "encode(body, 'hex'))), '[]') FROM message "
                                 "WHERE state = 'dead'"))
    return {oracle.identity(by_path[path], oracle.opened(by_path[path], bytes.fromhex(body)))
            for path, body in rows}
