"""What is counted: requests of each kind through a real server, FastCGI and CGI, and the files
read by a reader of its own, written from what state/counters.h says of them."""

import contextlib
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone

import pytest

import collector
import fcgi
import fronts
import program
import qt as qt_side
import wechat
from program import until
from wechat import ACCOUNTS, COMPATIBLE, PLAIN, SAFE

CHINA = timezone(timedelta(hours=8))
PLACES = {0: "delivered", 1: "queued", 2: "dead", 3: "repeat", 4: "unsafe", 5: "handshake",
          6: "collected", 7: "not collected", 8: "page", 9: "late delivered", 10: "late dead",
          11: "late failed", 12: "token", 13: "unsettled", 14: "ignored"}
REASONS = {4: "path", 5: "method", 6: "too big", 8: "parameter", 9: "signature", 11: "xml"}
REFUSED, REFUSED_ELSE, COUNTS, BUCKETS = 16, 48, 80, 110
ACKNOWLEDGED = ("delivered", "queued", "dead", "repeat")


def place(n):
    if n >= REFUSED_ELSE:
        return "else: " + REASONS.get(n - REFUSED_ELSE, str(n))
    return REASONS.get(n - REFUSED, str(n)) if n >= REFUSED else PLACES[n]


def bucket_of(ms):
    """Written as state/counters.h has it: in words."""
    begins = list(range(20))
    while len(begins) < BUCKETS:
        step = 2 ** (len(begins) // 10 - 1)
        begins.append(begins[-10] * 2 if len(begins) % 10 == 0 else begins[-1] + step)
    return max(i for i, begin in enumerate(begins) if begin <= ms)


class Hour:
    """One hour of one slot."""

    def __init__(self, numbers):
        self.counts = Counter({place(i): n for i, n in enumerate(numbers[:COUNTS]) if n})
        self.waited_ms, self.qt_ms, *spare = numbers[COUNTS:COUNTS + 4]
        assert spare == [0, 0]
        self.waited = numbers[COUNTS + 4:COUNTS + 4 + BUCKETS]
        self.qt = numbers[COUNTS + 4 + BUCKETS:]
        assert len(self.waited) == len(self.qt) == BUCKETS


def read_file(path):
    """{(account, hour): Hour}"""
    data = path.read_bytes()
    magic, version, day, room, head, slot, hour, used, number = struct.unpack_from("=8s6IQq", data)
    assert (magic, version) == (b"qtoatall", 1)
    assert f"qtoa.tally-{date(1970, 1, 1) + timedelta(days=day):%Y%m%d}" == path.name
    assert number > 0 and not any(data[48:64]) and head == 64 * (room + 1)
    assert hour == 8 * (COUNTS + 4 + 2 * BUCKETS) and slot == 24 * hour and 0 < used <= room
    assert len(data) == head + used * slot
    hours = {}
    for n in range(used):
        name = data[64 + 64 * n:128 + 64 * n].rstrip(b"\0").decode()
        assert (n == 0) == (name == "")
        for h in range(24):
            numbers = list(struct.unpack_from(f"={hour // 8}Q", data, head + n * slot + h * hour))
            if any(numbers):
                hours[name, h] = Hour(numbers)
    assert not any(data[64 + 64 * used:head])
    return hours


class Tally:
    def __init__(self, home):
        self.home = home
        self.begun = datetime.now(CHINA)

    def hours(self):
        """All there are, which are those since it was begun."""
        found = []
        for path in self.home.state.glob("qtoa.tally-2*"):
            for (account, hour), counted in read_file(path).items():
                at = datetime.strptime(path.name[-8:], "%Y%m%d").replace(tzinfo=CHINA, hour=hour)
                assert self.begun - timedelta(hours=1) < at <= datetime.now(CHINA)
                found.append((account, counted))
        return found

    def counts(self, account):
        """Of an account ("": of none), but for attempts, of which there are as many as there are."""
        total = sum((h.counts for a, h in self.hours() if a == account), Counter())
        del total["late failed"]
        return dict(total)

    def of_all(self, what):
        return sum(h.counts[what] for _, h in self.hours())


@pytest.fixture(params=("lighttpd-fastcgi", "lighttpd-cgi"))
def site(request):
    """A server, the QT behind it, and its tally."""
    with contextlib.ExitStack() as stack:
        qt = qt_side.QT(ACCOUNTS)
        stack.callback(qt.stop)
        front = fronts.Front(request.param, qt.url)
        stack.callback(front.stop)
        yield front, qt, Tally(front.home)
        front.check()


def times_agree(front, tally):
    """With those in the log: what the log says of QT is exact, its end is a little earlier."""
    lines = [r for r in front.log.lines(0) if r["what"] == "request"]
    acknowledged = [int(r["ms"]) for r in lines if r["verdict"] in ACKNOWLEDGED]
    at_qt = [int(r.get("qt_ms", 0)) for r in lines if "qt_status" in r]
    hours = [h for _, h in tally.hours()]
    assert sum(sum(h.waited) for h in hours) == len(acknowledged)
    assert sum(h.waited_ms for h in hours) >= sum(acknowledged)
    assert sum(h.qt_ms for h in hours) == sum(at_qt)
    buckets = [sum(n) for n in zip(*(h.qt for h in hours))]
    assert Counter({i: n for i, n in enumerate(buckets) if n}) == Counter(map(bucket_of, at_qt))


def test_each_kind(site):
    front, qt, tally = site
    fresh = tally.counts("")["else: path"]      # the server was asked whether it is up

    def push(account=SAFE, **kw):
        return wechat.push(account, wechat.text_message(), **kw)

    once = push()
    for p in (once, once, push()):
        assert front.push(SAFE, p).body == b"success"
    front.push(PLAIN, push(PLAIN))
    front.push(SAFE, wechat.handshake(SAFE))
    front.push(SAFE, wechat.handshake(SAFE, token="wrong"))
    front.push(SAFE, push(token="wrong"))
    front.push(SAFE, push().without("nonce"))
    front.push(PLAIN, wechat.push(PLAIN, b"x" * 70000))
    front.request("PUT", "/qtoa/safe", b"")
    front.request("POST", "/qtoa/nobody", b"x")
    body = collector.posted(COMPATIBLE, push(COMPATIBLE))
    for posted in (body, body, b"{", collector.posted(COMPATIBLE, push(COMPATIBLE), sign="0" * 32)):
        assert front.request("POST", qt_side.PATH, posted).status == 200

    qt.behave = qt_side.code(108)
    front.push(COMPATIBLE, push(COMPATIBLE))
    qt.behave = qt_side.answering(500, "<html>")
    waiting = push(COMPATIBLE)
    front.push(COMPATIBLE, waiting)
    qt.behave = qt_side.genuine
    front.push(COMPATIBLE, waiting)

    more = 0
    while not tally.of_all("late delivered"):   # with CGI later requests do it
        more += 1
        assert front.push(PLAIN, push(PLAIN)).body == b"success"
        with contextlib.suppress(AssertionError):
            until(lambda: tally.of_all("late delivered"), "drained", 0.5)
        assert more < 60

    assert tally.counts("safe") == {"delivered": 2, "repeat": 1, "handshake": 1, "signature": 1,
                                    "parameter": 1, "else: signature": 1, "else: method": 1}
    assert tally.counts("plain") == {"delivered": 1 + more, "too big": 1}
    assert tally.counts("compatible").items() >= {
        "collected": 2, "dead": 1, "queued": 1, "repeat": 1, "late delivered": 1}.items()
    assert tally.of_all("not collected") == 2
    assert tally.counts("")["else: path"] == fresh + 1
    times_agree(front, tally)


def test_processes_and_cgi_runs(home, make_pool, qt):
    """All count in one file, and none gets lost; nor when one is killed."""
    tally, each = Tally(home), 40
    pools = [make_pool(), make_pool()]

    def send(n):
        push = wechat.push(PLAIN, wechat.text_message(msgid=n + 1))
        if n % 10 == 0:
            params = fcgi.push_params(push, "/qtoa/plain")
            return program.run_cgi(home, params, push.body).body
        return pools[n % 2].push(PLAIN, push).body

    with ThreadPoolExecutor(8) as crew:
        assert set(crew.map(send, range(each))) == {b"success"}
        assert tally.counts("plain") == {"delivered": each}
        pools[0].exits.add(-9)
        pools[0].signal(9)
        pools[0].proc.wait()
        assert tally.counts("plain") == {"delivered": each}
        pools[0] = make_pool()
        assert set(crew.map(send, range(each, 2 * each))) == {b"success"}
    assert tally.counts("plain") == {"delivered": 2 * each}
    assert len(qt.received) == 2 * each


def test_no_room(home, make_pool, qt):
    """What cannot be counted is answered all the same, and said once."""
    blocked = [home.state / f"qtoa.tally-{day:%Y%m%d}"
               for day in (datetime.now(CHINA), datetime.now(CHINA) + timedelta(days=1))]
    for path in blocked:
        path.mkdir()
    pool = make_pool()
    for _ in range(20):
        push = wechat.push(SAFE, wechat.text_message())
        assert pool.push(SAFE, push).body == b"success"
    lines = [r for r in pool.log.lines() if r["what"] == "tally"]
    assert len(lines) == 1 and lines[0]["level"] == "warning"
    for path in blocked:
        path.rmdir()

    def counted():
        assert pool.push(SAFE, wechat.push(SAFE, wechat.text_message())).body == b"success"
        return Tally(home).of_all("delivered")
    until(counted, "counted again")
    assert "counted again" in pool.log.wait(2, what="tally")[1]["msg"]
