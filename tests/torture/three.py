"""Three relays, one that answers users in 200 ms, one that is silent, one that always fails, and
QT as a black hole, at a steady rate; then all of them are well.  Back ends and WeChat are one event
loop, which is hardly any part of the measurement."""

import asyncio
import collections
import contextlib
import hashlib
import json
import re
import statistics
import threading
import time
from dataclasses import dataclass

import fcgi
import program
import qt as qt_side
import relay
import wechat
from host import Site
from wechat import SAFE

THINK_S = 0.2       # how long the one that answers needs
NAMES = ("raw", "signed", "json")
GOOD = qt_side.http(200, qt_side.answer_of(200))


def name_of(headers, body):
    """The message: relays are told its name, QT gets what WeChat has encrypted."""
    found = re.search(rb"\r\nidempotency-key: *([^\r]+)", headers, re.I)
    return found[1].decode() if found else \
        hashlib.sha256(json.loads(body)["weChatOAData"].encode()).hexdigest()


class Backend:
    """QT or a relay.  well: it answers; else it is silent, or says what it has in `answer`."""

    def __init__(self, loop, answer=None, think_s=0, good=b"HTTP/1.1 200 OK\r\n"
                 b"Content-Length: 7\r\n\r\nsuccess"):
        self.good, self.bad, self.think_s, self.well = good, answer, think_s, False
        self.got = collections.Counter()        # of each message, how often it was taken
        self.asked = 0
        self.open = {}                          # connections, and the task of each
        self.server = loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0,
                                                                   backlog=4096))
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}{qt_side.PATH}"

    async def _serve(self, reader, writer):
        self.open[writer] = asyncio.current_task()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                headers = await reader.readuntil(b"\r\n\r\n")
                size = int(re.search(rb"\r\ncontent-length: *(\d+)", headers, re.I)[1])
                body = await reader.readexactly(size)
                self.asked += 1
                if not self.well and self.bad is None:
                    continue
                if self.think_s:
                    await asyncio.sleep(self.think_s)
                if self.well:
                    self.got[name_of(headers, body)] += 1
                writer.write(self.good if self.well else self.bad)
        del self.open[writer]
        writer.close()

    def recover(self):
        self.well = True
        for writer in self.open:        # nobody waits for what it has not answered
            writer.close()

    async def stop(self):
        self.server.close()
        for writer in self.open:
            writer.transport.abort()
        await asyncio.gather(*self.open.values())


@dataclass
class Seen:
    pushes: int
    unanswered: int             # WeChat did not hear what the relay said
    p50: float
    p99: float
    slowest: float
    late: list                  # (second, ms) of those above the limit
    emptied_s: float
    amounts: dict               # of each destination: messages, and how many came not once

    def __str__(self):
        return (f"{self.pushes} pushes, {self.unanswered} without the answer; p50 {self.p50:.0f} "
                f"ms, p99 {self.p99:.0f} ms, slowest {self.slowest:.0f} ms; over 300 ms at "
                f"{self.late[:20]}; empty {self.emptied_s:.1f} s after the return; "
                f"{self.amounts}")


class Load:
    def __init__(self, pool):
        self.pool = pool
        self.answers = []       # (when, ms, the answer) of each

    async def _one(self, xml, due):
        push = wechat.push(SAFE, xml)
        reader, writer = await asyncio.open_unix_connection(str(self.pool.path))
        writer.write(self.pool.bytes(SAFE, push))
        data = await reader.read(-1)
        self.answers.append((due, (asyncio.get_running_loop().time() - due) * 1000, xml, data))
        writer.close()

    async def run(self, rate, seconds):
        loop = asyncio.get_running_loop()
        begin, jobs = loop.time() + 0.1, []
        for n in range(int(rate * seconds)):
            await asyncio.sleep(max(0, begin + n / rate - loop.time()))
            jobs.append(asyncio.create_task(self._one(wechat.text_message(str(n)), loop.time())))
        await asyncio.gather(*jobs)
        self.answers = [(due - begin, ms, xml, data) for due, ms, xml, data in self.answers]


def stdout_of(data):
    """What a FastCGI response has on its stdout."""
    out, at = b"", 0
    while at < len(data):
        kind, size, padding = data[at + 1], int.from_bytes(data[at + 4:at + 6], "big"), data[at + 6]
        if kind == fcgi.STDOUT:
            out += data[at + 8:at + 8 + size]
        at += 8 + size + padding
    return out


def has_answer(xml, data):
    answer = fcgi.parse(stdout_of(data))
    return answer.status == 200 and answer.body != b"success" and \
        relay.open_reply(SAFE, answer.body) == relay.reply_to(xml)


def end_loop(loop, helper, backends):
    loop.call_soon_threadsafe(loop.stop)
    helper.join()
    for backend in backends:
        loop.run_until_complete(backend.stop())
    loop.close()


def three(rate, seconds, variant="three", env=None):
    """What WeChat, QT and the relays see."""
    loop = asyncio.new_event_loop()
    reply = relay.reply_to(wechat.text_message())
    speaks = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply)
    fails = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
    qt = Backend(loop, good=GOOD)
    relays = dict(zip(NAMES, (Backend(loop, think_s=THINK_S, good=speaks), Backend(loop),
                              Backend(loop, fails))))
    relays["raw"].well = True
    with contextlib.ExitStack() as stack:
        home = program.Home(qt.url)
        stack.callback(home.remove)
        home.env.update({f"E2E_{n.upper()}": r.url for n, r in relays.items()})
        site = Site(home, variant, pools=1, env=env)
        stack.callback(site.close)
        load = Load(site.pools[0])
        loop.run_until_complete(load.run(rate, seconds))
        begin = time.monotonic()
        for backend in (qt, *relays.values()):
            backend.recover()
        helper = threading.Thread(target=loop.run_forever)
        helper.start()
        stack.callback(end_loop, loop, helper, (qt, *relays.values()))
        site.run(["queue", "retry", "all"])
        program.until(lambda: not site.rows(), "an empty queue", 120)
        emptied_s = time.monotonic() - begin
        times = [ms for _, ms, _, _ in load.answers]
        cuts = statistics.quantiles(times, n=100)
        return Seen(len(times), sum(not has_answer(x, d) for _, _, x, d in load.answers), cuts[49],
                    cuts[98], max(times),
                    [(round(at, 2), round(ms)) for at, ms, _, _ in sorted(load.answers) if ms > 300],
                    emptied_s,
                    {n: (len(b.got), sum(k != 1 for k in b.got.values()))
                     for n, b in (("qt", qt), *relays.items())})
