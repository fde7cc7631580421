"""What hosts must not do twice, what one finds that another has left, and whose clock counts."""

import collections
import contextlib
import glob
import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import fcgi
import program
import pytest
import qt as qt_side
import wechat
import wxapi
import wxnet
import wxtoken
from patience import PATIENCE_S
from program import until
from wechat import SAFE

SICK = qt_side.answering(500, "<html>")
LEASE_S = 15        # LEASE_MS
PLACES = 8          # drain_parallel
HOUR = 3600


def push(text="hello"):
    return wechat.push(SAFE, wechat.text_message(text))


def queue(pool, *texts):
    """Pushes that wait for QT, and are acknowledged."""
    pushes = [push(text) for text in texts]
    for one in pushes:
        answer = pool.push(SAFE, one)
        assert (answer.status, answer.body) == (200, b"success")
    return pushes


def verdicts(pool, n, at=0):
    """The first n verdicts of its requests, from a place in the log on, and why."""
    def found():
        rows = [r for r in pool.log.lines(at) if r["what"] == "request"]
        return rows if len(rows) >= n else None
    return [(r["verdict"], r.get("class")) for r in until(found, f"{n} requests")]


def verdicts_after(pool, texts):
    at = len(pool.log.text())
    queue(pool, *texts)
    return verdicts(pool, len(texts), at)


def confirmed_counts(qt):
    """How often QT has taken each message; its body names it."""
    return collections.Counter(r.fields["weChatOAData"] for r in qt.received if r.confirmed)


def test_a_message_of_a_dead_host_is_sent(url, start, qt):
    """No other host was told of it: they look."""
    a, b = start(url), start(url)
    qt.behave = SICK
    one, = queue(a, "left behind")
    until(lambda: len(qt.received) > 1, "its drainer has tried, so it has the lease")
    a.exits = {-9}
    a.signal(signal.SIGKILL)
    a.proc.wait(PATIENCE_S)
    died = time.monotonic()
    qt.behave = qt_side.genuine
    until(lambda: qt.confirmed(one), "another host sends it")
    # Probes are ten seconds apart at most; the rest is a machine that is busy.
    assert time.monotonic() - died < LEASE_S + 35
    until(lambda: b.log.lines() and any(r["what"] == "drain" for r in b.log.lines()), "it says so")


class Watched:
    """A QT that needs some time, and knows how many are with it at once."""

    def __init__(self, seconds, then):
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.seconds, self.then = seconds, then

    def __call__(self, qt, conn, r):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        qt.stopping.wait(self.seconds)
        with self.lock:
            self.now -= 1
        return self.then(qt, conn, r)


def freeze(pool, watched):
    """True: it stands still, and all that it may send at once is with QT.  So there is no message
    that it has begun and will send when it wakes."""
    pool.signal(signal.SIGSTOP)
    until(lambda: set(states(pool)) == {"T"}, "it stands still")
    if watched.now == PLACES:
        return True
    pool.signal(signal.SIGCONT)
    return False


def states(pool):
    """Of its threads."""
    for stat in Path(f"/proc/{pool.proc.pid}/task").glob("*/stat"):
        yield stat.read_text().rpartition(")")[2].split()[0]


def test_a_frozen_host_sends_nothing_late(url, start, qt):
    a = start(url)
    qt.behave = SICK
    pushes = queue(a, *(f"message {n}" for n in range(80)))
    qt.behave = watched = Watched(0.2, qt_side.genuine)
    until(lambda: len(confirmed_counts(qt)) >= PLACES, "the queue is being sent")
    until(lambda: freeze(a, watched), "all that is under way is with QT")
    stopped = time.monotonic()
    start(url)
    qt.behave = qt_side.genuine
    until(lambda: all(map(qt.confirmed, pushes)), "another host sends the rest")
    assert time.monotonic() - stopped > LEASE_S - 6      # the lease was kept 5 s before, at most
    sent = confirmed_counts(qt)
    a.signal(signal.SIGCONT)
    queue(a, "awake")
    until(lambda: len(confirmed_counts(qt)) == 81, "it works")
    assert {m: n for m, n in confirmed_counts(qt).items() if m in sent} == sent
    twice = [m for m, n in sent.items() if n > 1]       # they were under way when it stood still
    assert len(twice) <= PLACES and set(sent.values()) <= {1, 2}
    if twice:       # an answer that had come while it stood still is read as well
        until(lambda: "may be sent twice" in a.log.text() or
              "other hosts may not have known" in a.log.text(), "it says so")


def test_hosts_share_a_breaker(url, start, qt):
    hosts = [start(url) for _ in range(3)]
    assert verdicts_after(hosts[1], ["first"]) == [("delivered", None)]
    qt.behave = SICK
    queue(hosts[0], *"abcde")
    assert "go to the queue" in hosts[0].log.text()
    # The others learn it without a failure of their own.
    for other in hosts[1:]:
        until(lambda h=other: (h.home.state / "qtoa.work").exists(), "it has looked")
        until(lambda h=other: verdicts_after(h, ["x"])[-1] == ("queued", "breaker"), "it knows")
    qt.behave = watched = Watched(0.15, SICK)
    seen = len(qt.received)
    until(lambda: len(qt.received) >= seen + 3, "some probes")
    assert watched.most == 1            # one host probes, or the breaker of another has closed
    qt.behave = qt_side.genuine
    for h in hosts:
        until(lambda h=h: verdicts_after(h, ["y"])[-1] == ("delivered", None),
              "it knows that QT answers")
    until(lambda: all(n == 1 for n in confirmed_counts(qt).values()), "each once")


def test_a_breaker_without_the_store(pair, start, qt):
    pool = start(pair.primary.url)
    assert verdicts_after(pool, ["first"]) == [("delivered", None)]
    pair.primary.kill()
    qt.behave = SICK
    until(lambda: verdicts_after(pool, ["x"])[-1] == ("queued", "breaker"), "it opens")
    seen = len(qt.received)
    qt.behave = qt_side.genuine
    until(lambda: verdicts_after(pool, ["y"])[-1] == ("delivered", None), "it closes")
    assert len(qt.received) - seen <= 3


def has_open_files(directory):
    """True: a process has a file of the directory open."""
    for fd in glob.iglob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(fd).startswith(f"{directory}/"):
                return True
    return False


@pytest.fixture
def cgi(qt):
    """A host on which the program runs as CGI; a function for a push to it, that says how it went."""
    home = program.Home(qt.url)

    def run(url, text):
        home.env["E2E_STORE"] = url
        one, at = push(text), len(home.log.text())
        answer = program.run_cgi(home, fcgi.push_params(one, f"/qtoa/{SAFE.path}"), one.body,
                                 variant="several")
        assert (answer.status, answer.body) == (200, b"success")
        rows = [r for r in home.log.lines(at) if r.get("what") == "request"]
        return [(r["verdict"], r.get("class")) for r in rows]

    yield run
    until(lambda: not has_open_files(home.dir), "the processes that drain have ended")
    home.remove()


def test_cgi_learns_of_a_breaker(url, start, cgi, qt):
    """After the answer it looks, at most once a second; the next push finds the flag."""
    server = start(url)
    assert cgi(url, "first") == [("delivered", None)]
    qt.behave = SICK
    queue(server, *"abcde")
    until(lambda: cgi(url, "x") == [("queued", "breaker")], "it knows")
    qt.behave = qt_side.genuine
    until(lambda: cgi(url, "y") == [("delivered", None)], "it knows that QT answers")


def test_cgi_without_the_store(pair, cgi, qt):
    """Its processes keep the breaker in this host's own store."""
    url = pair.primary.url
    assert cgi(url, "first") == [("delivered", None)]
    pair.primary.kill()
    qt.behave = SICK
    until(lambda: cgi(url, "x") == [("queued", "breaker")], "it opens")
    qt.behave = qt_side.genuine
    until(lambda: cgi(url, "y") == [("delivered", None)], "it closes")


def test_clocks_that_are_an_hour_off(url, start, qt):
    """A message waits no longer, is sent no earlier, and has the right time."""
    late, early = start(url, clock=-HOUR), start(url, clock=HOUR)
    right = start(url)
    for pool in late, early, right:
        until(lambda p=pool: verdicts_after(p, ["here"])[-1][0] == "delivered", "it is connected")
    qt.behave = SICK
    waiting = [one for pool in (late, early, right) for one in queue(pool, "a", "b", "c")]
    qt.behave = qt_side.genuine
    until(lambda: all(map(qt.confirmed, waiting)), "all are sent")
    assert set(confirmed_counts(qt).values()) == {1}
    for pool in late, early, right:
        until(lambda p=pool: verdicts_after(p, ["end"])[-1][0] == "delivered", "its breaker closes")


SECRET = "hushAppSecret" + "0" * 19


@pytest.fixture
def wx():
    with tempfile.TemporaryDirectory(prefix="qtoa-e2e-") as place:
        authority = qt_side.Authority(Path(place), "good")
        server = wxapi.WeChat(authority.context())
        server.issuer = wxtoken.Issuer(server, {SAFE.appid: SECRET, wechat.PLAIN.appid: SECRET})
        server.net = wxnet.Net(server)
        server.authority = authority
        yield server
        server.stop()
        assert not server.problems, server.problems


def ask_token(home, clock=0):
    env = {**home.env, **(home.clock(clock) if clock else {})}
    return subprocess.Popen([program.binary("together"), "token", SAFE.path], env=env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_one_token_for_all_hosts(url, wx):
    """Three hosts ask at the same moment; one of them fetches, whatever their clocks say."""
    homes = [program.Home("http://127.0.0.1:1/") for _ in range(3)]
    try:
        for home in homes:
            home.env.update(wx.env(), E2E_STORE=url, E2E_SECRET=SECRET,
                            E2E_CA_FILE=str(wx.authority.file))
        wx.issuer.gate.clear()
        asking = [ask_token(h, clock) for h, clock in zip(homes, (0, HOUR, -HOUR))]
        until(lambda: wx.issuer.calls, "WeChat is asked")
        wx.issuer.gate.set()
        said = [p.communicate(timeout=PATIENCE_S) for p in asking]
        assert {out.strip() for out, _ in said} == {wx.issuer.stable[SAFE.appid].current}, said
        assert len(wx.issuer.calls) == 1
        again = [ask_token(h, clock).communicate(timeout=PATIENCE_S)[0].strip()
                 for h, clock in zip(homes, (0, HOUR, -HOUR))]
        assert set(again) == {wx.issuer.stable[SAFE.appid].current}
        assert len(wx.issuer.calls) == 1
    finally:
        for home in homes:
            home.remove()
