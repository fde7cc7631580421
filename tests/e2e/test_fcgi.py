"""The FastCGI side, driven byte by byte: peers that stall, break off or talk nonsense, bursts,
shortage of descriptors, the clean stop, and memory that stays flat."""

import contextlib
import os
import random
import re
import secrets
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from fcgi import record
from patience import PATIENCE_S
from program import LIMITS, TIGHT, until
from wechat import PLAIN, SAFE

STOP_S = 2 * program.SLOWER     # all must be over by then
# Threads beside the workers: the first, the drainer; the thread sanitizer has one.
OTHERS = 3 if "thread" in program.SAN else 2


def assert_serving(pool, n=2):
    """QT gets what comes."""
    for _ in range(n):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    assert not pool.log.undelivered(pool.log.at)


def half(pool, push=None, keep=0.5):
    """A connection that has sent half a request and stops."""
    data = pool.bytes(SAFE, push or wechat.push(SAFE))
    c = pool.connect()
    return c.send(data[:int(len(data) * keep)])


def not_accepted(answer):
    """Nobody waits for it, so which refusal it is does not matter."""
    return answer is None or answer.status in (0, 400, 403, 404, 503)


# Stalled and slow peers.

@pytest.mark.parametrize("keep", (0, 0.02, 0.3, 0.9))
def test_a_stalled_peer_stops_nobody(tight, qt, keep):
    """One of two threads is held; the other serves on."""
    with half(tight, keep=keep) as stalled:
        assert_serving(tight, 20)
        # ... and the held one is let go after io_ms.
        assert not_accepted(stalled.answer())
        assert stalled.closed()
    assert len(qt.received) == 20


def test_more_stalled_peers_than_threads(tight, qt):
    stalled = [half(tight, keep=keep) for keep in (0, 0.01, 0.1, 0.3, 0.5, 0.9)]
    assert_serving(tight)
    for c in stalled:
        c.sock.close()
    assert len(qt.received) == 2


def test_a_dripping_body(tight, qt):
    """Never silent for io_ms, never done: the deadline ends it."""
    push = wechat.push(PLAIN, b"x" * 1000)
    head = fcgi.begin() + fcgi.stream(fcgi.PARAMS, fcgi.pairs(
        fcgi.push_params(push, "/qtoa/plain")))
    pause = threading.Event()
    with tight.connect() as c:
        begin = time.monotonic()
        c.send(head)
        c.sock.settimeout(0.1)
        for _ in range(200):
            try:
                c.send(record(fcgi.STDIN, b"x"))
                if c.sock.recv(1, socket.MSG_PEEK):
                    break
            except (BrokenPipeError, ConnectionResetError):
                break
            except TimeoutError:
                pause.wait(0.01)
        c.sock.settimeout(PATIENCE_S)
        assert c.answer().status == 503
        took_ms = (time.monotonic() - begin) * 1000
    assert TIGHT["deadline_ms"] - 50 <= took_ms <= \
        (TIGHT["deadline_ms"] + TIGHT["io_ms"]) * program.SLOWER
    assert not qt.received
    tight.log.wait(status=503, error="deadline passed")
    assert_serving(tight)


def test_a_slow_body_that_comes_in_time(tight, qt):
    push = wechat.push(SAFE)
    data = tight.bytes(SAFE, push)
    pause = threading.Event()
    with tight.connect() as c:
        for i in range(0, len(data), 400):
            c.send(data[i:i + 400])
            pause.wait(0.02)
        assert c.answer().body == b"success"


def test_the_deadline_counts_from_the_start(make_pool, qt):
    """What the web server used up QT does not get as well."""
    qt.behave = qt_side.silent
    push = wechat.push(SAFE)
    pool = make_pool()
    data = pool.bytes(SAFE, push)
    pause, sent = threading.Event(), 0
    with pool.connect() as c:
        end = time.monotonic() + 2.4    # of 4 s, so that 1.6 are left of QT's 2.5
        while (left := end - time.monotonic()) > 0:
            c.send(data[sent:sent + 10])
            sent += 10
            pause.wait(min(left, 0.2))
        c.send(data[sent:])
        assert c.answer().body == b"success"
    line = pool.log.one(verdict="queued", status=200)
    assert int(line["qt_ms"]) < LIMITS["forward_ms"] < int(line["ms"])
    assert [r["state"] for r in pool.home.rows()] == ["pending"]
    pool.check()


# What breaks off, and what is no FastCGI.

@pytest.mark.parametrize("account", (SAFE, PLAIN), ids=lambda a: a.path)
def test_broken_off(pool, qt, account):
    """A request cut anywhere is none, even where only the URL is signed: never forwarded."""
    data = pool.bytes(account, wechat.push(account))
    ends = []       # of the parameters, where a cut looks most like an end
    at = 24
    for pair in fcgi.push_params(wechat.push(account), f"/qtoa/{account.path}").items():
        at += len(fcgi.pair(*pair))
        ends.append(at)
    rng = random.Random(1)
    for at in [*range(40), *ends, *rng.sample(range(64, len(data) - 8), 60)]:
        with pool.connect() as c:
            c.send(data[:at])
            c.sock.shutdown(socket.SHUT_WR)
            assert not_accepted(c.answer()), at
    assert not qt.received
    assert_serving(pool)


def test_aborted(pool, qt):
    """ABORT_REQUEST instead of the rest of the body."""
    push = wechat.push(SAFE)
    data = fcgi.begin() + fcgi.stream(fcgi.PARAMS, fcgi.pairs(
        fcgi.push_params(push, "/qtoa/safe"))) + record(fcgi.STDIN, push.body[:100])
    with pool.connect() as c:
        assert not_accepted(c.send(data + record(fcgi.ABORT)).answer())
    assert not qt.received
    assert_serving(pool)


def test_peers_that_do_not_wait_for_the_answer(pool, qt):
    for _ in range(30):
        with pool.connect() as c:
            c.send(pool.bytes(SAFE, wechat.push(SAFE)))
    qt.wait(30)
    assert_serving(pool)


def params_record(content):
    return fcgi.begin() + record(fcgi.PARAMS, content) + record(fcgi.PARAMS) + record(fcgi.STDIN)


NONSENSE = {
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "http": b"GET /qtoa/demo HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
    "version-0": record(fcgi.BEGIN, bytes(8), version=0),
    "version-2": record(fcgi.BEGIN, bytes(8), version=2),
    "unknown-type": record(99, b"x" * 8) + record(fcgi.STDIN),
    "params-first": record(fcgi.PARAMS, fcgi.pair("A", "b")) + record(fcgi.PARAMS),
    "stdin-first": record(fcgi.STDIN, b"<xml/>") + record(fcgi.STDIN),
    "begin-short": record(fcgi.BEGIN, b"\0\1"),
    "begin-long": record(fcgi.BEGIN, bytes(100)),
    "begin-empty": record(fcgi.BEGIN),
    "begin-twice": fcgi.begin() + fcgi.begin(),
    "role-0": fcgi.begin(role=0),
    "role-authorizer": fcgi.begin(role=fcgi.AUTHORIZER) + params_record(b""),
    "role-filter": fcgi.begin(role=fcgi.FILTER) + params_record(b""),
    "role-65535": fcgi.begin(role=65535),
    "other-id": fcgi.begin(rid=1) + fcgi.stream(fcgi.PARAMS, fcgi.pair("A", "b"), rid=2),
    "id-0": fcgi.begin(rid=0) + fcgi.stream(fcgi.PARAMS, b"", rid=0),
    "name-longer-than-record": params_record(b"\x7f\x01A"),
    "length-all-ones": params_record(b"\xff\xff\xff\xff\xff\xff\xff\xffA"),
    "length-wraps": params_record(struct.pack(">II", 0xffffffff, 0x80000001) + b"A" * 64),
    "length-cut": params_record(b"\x80\x00"),
    "length-2-gib": params_record(struct.pack(">II", 0xffffffff, 0xffffffff)),
    "pair-cut": params_record(fcgi.pair("SCRIPT_NAME", "/qtoa/safe")[:-3]),
    "padding-only": record(fcgi.BEGIN, b"", padding=255) * 8,
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense(pool, qt, name):
    with pool.connect() as c:
        c.send(NONSENSE[name])
        c.sock.shutdown(socket.SHUT_WR)
        while c.record() is not None:
            pass
    assert not qt.received
    assert_serving(pool)


@pytest.fixture
def leaky(make_pool, home):
    """libfcgi itself leaks 48 bytes for each management record that it does not know."""
    if "ASAN_OPTIONS" in home.env:
        home.env["ASAN_OPTIONS"] += ":detect_leaks=0"
    return make_pool()


def test_random_bytes_and_random_damage(leaky, qt):
    pool = leaky
    # Not what makes a length of up to 2 GiB: libfcgi allocates that or, failing that, aborts.
    values = range(128)
    rng = random.Random(2)
    for i in range(300):
        good = pool.bytes(SAFE, wechat.push(SAFE))
        if i % 3 == 0:
            data = bytes(rng.choice(values) for _ in range(rng.randrange(1, 400)))
        else:
            damaged = bytearray(good)
            for _ in range(rng.randrange(1, 5)):    # in the records' heads and the parameters
                damaged[rng.randrange(min(600, len(damaged)))] = rng.choice(values)
            data = bytes(damaged)
        with pool.connect() as c:
            try:
                c.send(data)
                c.sock.shutdown(socket.SHUT_WR)
                while c.sock.recv(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    pool.check()
    assert_serving(pool)


def test_other_roles_are_told_so(pool, qt):
    for role in (fcgi.AUTHORIZER, fcgi.FILTER, 9):
        with pool.connect() as c:
            c.send(fcgi.begin(role=role) + fcgi.stream(fcgi.PARAMS, b"") + fcgi.stream(
                fcgi.STDIN, b""))
            answer = c.answer()
            assert answer is None or answer.status != 200
    assert_serving(pool)


# Records as the specification allows them.

def test_records_of_any_size(pool, qt):
    for step in (1, 2, 7, 8, 255, 4096):
        push = wechat.push(SAFE)
        params = fcgi.pairs(fcgi.push_params(push, "/qtoa/safe"))
        data = fcgi.begin() + fcgi.stream(fcgi.PARAMS, params, step=step) \
            + fcgi.stream(fcgi.STDIN, push.body, step=step)
        with pool.connect() as c:
            assert c.send(data).answer().body == b"success", step
    with pool.connect() as c:   # byte by byte
        for b in pool.bytes(SAFE, wechat.push(SAFE)):
            c.send(bytes([b]))
        assert c.answer().body == b"success"
    assert len(qt.received) == 7


def test_padding(pool, qt):
    for padding in (1, 8, 255):
        push = wechat.push(SAFE)
        params = fcgi.pairs(fcgi.push_params(push, "/qtoa/safe"))
        data = fcgi.begin() + record(fcgi.PARAMS, params, padding=padding) \
            + record(fcgi.PARAMS) \
            + record(fcgi.STDIN, push.body, padding=padding) + record(fcgi.STDIN, padding=padding)
        with pool.connect() as c:
            assert c.send(data).answer().body == b"success"
    assert len(qt.received) == 3


def test_kept_connection(pool, qt):
    """Several requests one after the other on one connection, until it is not to be kept."""
    with pool.connect() as c:
        for rid in (1, 1, 7, 300):
            push = wechat.push(SAFE)
            data = fcgi.request(fcgi.push_params(push, "/qtoa/safe"), push.body, keep=True,
                                rid=rid)
            assert c.send(data).answer(rid).body == b"success"
        assert c.send(pool.bytes(SAFE, wechat.push(SAFE))).answer().body == b"success"
        assert c.closed()
    assert len(qt.received) == 5


def test_kept_connection_after_a_refusal(pool, qt):
    """The body that nobody read does not become the next request."""
    big = wechat.push(PLAIN, b"x" * 100000)
    with pool.connect() as c:
        data = fcgi.request(fcgi.push_params(big, "/qtoa/plain"), big.body, keep=True)
        assert c.send(data).answer().status == 413
        try:
            c.send(pool.bytes(SAFE, wechat.push(SAFE)))
            after = c.answer()
        except (BrokenPipeError, ConnectionResetError):
            after = None
        assert after is None or after.body == b"success"
    assert_serving(pool)


def test_kept_connections_idle(tight, qt):
    """More of them than threads: io_ms ends each, others are served."""
    kept = [tight.connect() for _ in range(6)]
    for c in kept:
        push = wechat.push(SAFE)
        c.send(fcgi.request(fcgi.push_params(push, "/qtoa/safe"), push.body, keep=True))
        assert c.answer().body == b"success"
    assert_serving(tight)
    for c in kept:
        c.sock.close()


def test_management_records(leaky, qt):
    """GET_VALUES is answered, an unknown one named (4.1, 4.2); the request behind is served."""
    pool = leaky
    asked = fcgi.pairs({"FCGI_MAX_CONNS": "", "FCGI_MAX_REQS": "", "FCGI_MPXS_CONNS": ""})
    for sent, want, word in ((record(fcgi.GET_VALUES, asked, rid=0), fcgi.GET_VALUES_RESULT,
                              fcgi.pair("FCGI_MPXS_CONNS", "0")),
                             (record(77, rid=0), fcgi.UNKNOWN_TYPE, bytes([77]))):
        with pool.connect() as c:
            c.send(sent + pool.bytes(SAFE, wechat.push(SAFE)))
            kind, rid, content = c.record()
            assert (kind, rid) == (want, 0) and word in content
            assert c.answer().body == b"success"


def test_huge_parameters(pool, qt):
    """Refused or skipped, in bounded memory."""
    for extra, status in (({"HTTP_X": "x" * 60000}, 200),
                          ({f"HTTP_X{i}": "x" * 50 for i in range(1000)}, 200),
                          ({"SCRIPT_NAME": "/qtoa/" + "x" * 60000}, 400),
                          ({"QUERY_STRING": "signature=" + "0" * 60000}, 400),
                          ({"QUERY_STRING": "&".join(f"a{i}=1" for i in range(1000))}, 400)):
        assert pool.push(SAFE, wechat.push(SAFE), **extra).status == status, list(extra)[0]
    before = pool.status("VmRSS")
    with pool.connect() as c:
        try:
            # 13 MiB of one parameter.
            c.send(fcgi.begin() + record(fcgi.PARAMS, b"\xff\xff\xff\xff\1"))
            for _ in range(200):
                c.send(record(fcgi.PARAMS, b"x" * 65000))
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert_serving(pool)
    if not program.SAN:
        assert pool.status("VmRSS") - before < 64 * 1024
    assert len(qt.received) == 4


# Lengths of a name and of its value: over all memory, over an int, their sum over an int.
LENGTHS = [(0x7ffffff0, 0x7ffffff0), (0x7fffffff, 0x7fffffff), (0x7fffffff, 5), (5, 0x7ffffffe),
           (0x7fffffff, 0), (0x40000000, 0x40000000), (262140, 5)]


@pytest.mark.parametrize("name, value", LENGTHS, ids=[f"{n:x}-{v:x}" for n, v in LENGTHS])
@pytest.mark.parametrize("kind, rid", ((fcgi.PARAMS, 1), (fcgi.GET_VALUES, 0)),
                         ids=("params", "get-values"))
def test_lengths_that_end_libfcgi(pool, qt, kind, rid, name, value):
    """They do not end the process, and nothing is allocated for them."""
    lengths = struct.pack(">II", 1 << 31 | name, 1 << 31 | value) + b"abc"
    before = pool.status("VmPeak")
    begin = fcgi.begin() if kind == fcgi.PARAMS else b""
    for cut in (0, 3, 9) if begin else (0,):    # the lengths may be in two records
        first = record(kind, lengths[:cut], rid=rid) if cut else b""
        with pool.connect() as c:
            c.send(begin + first + record(kind, lengths[cut:], rid=rid))
            c.sock.shutdown(socket.SHUT_WR)
            assert c.answer() is None
    assert_serving(pool)
    assert "fcgi" in {r["what"] for r in pool.log.lines(0)}
    if not program.SAN:
        assert pool.status("VmPeak") - before < 256 * 1024


# Bursts and shortage.

def test_burst_of_500_connections(make_pool, qt):
    """All at once, far more than threads: each is answered, and QT gets it, at once or, where
    it needs its time, by the queue."""
    pool = make_pool()
    pushes = [wechat.push(SAFE) for _ in range(500)]
    conns = [pool.connect(60) for _ in pushes]
    for c, push in zip(conns, pushes):
        c.send(pool.bytes(SAFE, push))
    answers = [c.answer() for c in conns]
    for c in conns:
        c.sock.close()
    assert [a.body for a in answers] == [b"success"] * 500
    until(lambda: {r.fields["nonce"] for r in qt.received} == {p.get("nonce") for p in pushes},
          "QT has all", 60)
    pool.check()


def descriptors_of(pool):
    return len(os.listdir(f"/proc/{pool.proc.pid}/fd"))


@pytest.mark.parametrize("limit", (24, 32, 64, 128))
def test_few_descriptors(home, make_pool, qt, limit):
    """Idle connections never take those with which messages reach QT, and it does not spin."""
    pool = make_pool(limits=f"ulimit -n {limit}", env=home.open())
    assert_serving(pool)
    stalled = [pool.connect() for _ in range(limit + 30)]
    line, = pool.log.wait(what="accept", level="error")
    assert "raise" in line["msg"]
    assert descriptors_of(pool) < limit
    before = pool.cpu_s()
    threading.Event().wait(0.5)
    assert pool.cpu_s() - before < 0.25
    for c in stalled:
        c.sock.close()
    assert_serving(pool)
    assert not pool.log.undelivered() and len(pool.log.wait(what="accept")) == 1
    pool.check()


@pytest.mark.parametrize("limit", (24, 32, 64))
def test_few_descriptors_and_many_messages(home, make_pool, qt, limit):
    """All at once, between connections that stay silent: QT gets each at once."""
    qt.behave = qt_side.delayed(0.02)
    pool = make_pool("hasty", limits=f"ulimit -n {limit}", env=home.open())
    pushes = [wechat.push(SAFE) for _ in range(40)]
    conns = []
    for i, push in enumerate(pushes):
        if i % 8 == 0:
            conns.append(pool.connect())
        conns.append(pool.connect().send(pool.bytes(SAFE, push)))
    answers = [c.answer() for c in conns]
    assert [a.body for a in answers if a is not None] == [b"success"] * len(pushes)
    assert [len(qt.confirmed(push)) for push in pushes] == [1] * len(pushes)
    assert not pool.log.undelivered()
    assert descriptors_of(pool) < limit
    pool.check()


def test_a_low_soft_limit_is_raised(make_pool, qt):
    pool = make_pool(limits="ulimit -Sn 32")
    assert_serving(pool)
    stalled = [pool.connect() for _ in range(40)]
    assert_serving(pool)        # at once, beside them
    for c in stalled:
        c.sock.close()
    assert not [line for line in pool.log.lines() if line["what"] in ("accept", "start")]


def test_out_of_threads(make_pool, qt):
    """As many stalled peers as threads there may be: later ones wait, none is lost."""
    qt.behave = qt_side.held
    pool = make_pool("tight")
    pushes = [wechat.push(SAFE) for _ in range(8)]
    conns = [pool.connect().send(pool.bytes(SAFE, p)) for p in pushes]
    qt.wait(2)
    qt.gate.set()
    assert [c.answer().body for c in conns] == [b"success"] * 8
    assert pool.status("Threads") <= OTHERS + TIGHT["threads"]


# The end.

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


@pytest.mark.parametrize("number", STOPS, ids=lambda n: n.name)
def test_stop_answers_what_is_in_flight(make_pool, qt, number):
    qt.behave = qt_side.delayed(0.3)
    pool = make_pool()
    conns = [pool.connect().send(pool.bytes(SAFE, wechat.push(SAFE))) for _ in range(12)]
    qt.wait(12)
    begin = time.monotonic()
    pool.signal(number)
    assert [c.answer().body for c in conns] == [b"success"] * 12
    assert pool.proc.wait(PATIENCE_S) == 0
    assert time.monotonic() - begin < STOP_S
    # What QT has not confirmed by then is on disk.
    verdicts = {line["verdict"] for line in pool.log.wait(12, what="request")}
    assert "delivered" in verdicts and verdicts <= {"delivered", "queued"}


def test_stop_while_qt_is_silent(make_pool, qt):
    """What QT does not confirm in time is on disk for the next process, not cut."""
    qt.behave = qt_side.silent
    pool = make_pool()
    conns = [pool.connect().send(pool.bytes(SAFE, wechat.push(SAFE))) for _ in range(4)]
    qt.wait(4)
    begin = time.monotonic()
    pool.signal()
    assert [c.answer().body for c in conns] == [b"success"] * 4
    assert pool.proc.wait(PATIENCE_S) == 0
    assert time.monotonic() - begin < STOP_S
    pool.log.wait(4, what="request", verdict="queued")
    assert [r["state"] for r in pool.home.rows()] == ["pending"] * 4
    qt.behave = qt_side.genuine
    pool.start()
    pool.log.wait(4, what="drain", verdict="delivered")
    assert {r.fields["nonce"]: r.confirmed for r in qt.received[4:]} == \
        {r.fields["nonce"]: True for r in qt.received[:4]} and len(qt.received) == 8


def test_stop_while_the_queue_is_drained(make_pool, qt):
    """A backlog that goes nowhere is left where it is."""
    pushes = [wechat.push(SAFE) for _ in range(20)]
    qt.behave = qt_side.reset
    pool = make_pool()
    for push in pushes:
        assert pool.push(SAFE, push).body == b"success"
    qt.behave = qt_side.silent
    before = len(qt.received)
    qt.wait(before + 1)         # a probe, or the first of them
    begin = time.monotonic()
    pool.signal()
    assert pool.proc.wait(PATIENCE_S) == 0
    assert time.monotonic() - begin < STOP_S
    assert [r["state"] for r in pool.home.rows()] == ["pending"] * 20
    qt.behave = qt_side.genuine
    pool.start()
    pool.log.wait(20, what="drain", verdict="delivered")
    assert [len(qt.confirmed(push)) for push in pushes] == [1] * 20


def test_stop_while_peers_stall(make_pool, qt):
    pool = make_pool("tight")
    assert_serving(pool)
    stalled = [half(pool, keep=keep) for keep in (0, 0.1, 0.5, 0.9)]
    begin = time.monotonic()
    pool.signal()
    assert pool.proc.wait(PATIENCE_S) == 0
    assert time.monotonic() - begin < STOP_S
    for c in stalled:
        c.sock.close()


def test_stop_does_not_wait_for_a_peer_that_stalls_longer(make_pool, home, qt):
    """io_ms is more than there is time: the process ends nevertheless, and says what it cut."""
    if "TSAN_OPTIONS" in home.env:
        home.env["TSAN_OPTIONS"] += ":report_thread_leaks=0"
    pool = make_pool()
    pool.exits = {0, 1}
    assert_serving(pool)
    stalled = half(pool)
    begin = time.monotonic()
    pool.signal()
    pool.proc.wait(PATIENCE_S)
    assert time.monotonic() - begin < STOP_S
    assert pool.proc.returncode == 0 or pool.log.wait(what="stop", level="error")
    stalled.sock.close()


@pytest.mark.parametrize("number", STOPS, ids=lambda n: n.name)
def test_stop_although_the_parent_ignores_the_signal(make_pool, qt, number):
    """As nohup and shells without job control leave it."""
    pool = make_pool(limits=f"trap '' {number.name[3:]}")
    assert_serving(pool)
    pool.signal(number)
    assert pool.proc.wait(PATIENCE_S) == 0


def test_stop_when_idle(make_pool, qt):
    for number in (*STOPS, signal.SIGTERM):
        pool = make_pool()
        assert_serving(pool)
        pool.signal(number)
        assert pool.proc.wait(PATIENCE_S) == 0


def test_stop_at_once(make_pool):
    """Told to stop before it has served anything."""
    for _ in range(10):
        pool = make_pool()
        until(lambda: pool.status("Threads") > OTHERS, "it has started")
        pool.signal()
        assert pool.proc.wait(PATIENCE_S) == 0


def test_stop_leaves_the_backlog_to_the_next(make_pool, qt):
    """A new process on the same socket answers what the old one did not accept."""
    qt.behave = qt_side.held
    old = make_pool("tight")
    conns = [old.connect().send(old.bytes(SAFE, wechat.push(SAFE))) for _ in range(6)]
    qt.wait(2)
    old.signal()
    qt.gate.set()
    assert old.proc.wait(PATIENCE_S) == 0
    old.start("tight")
    assert [c.answer().body for c in conns] == [b"success"] * 6
    old.log.wait(6, what="request", verdict="delivered")


# Nothing to do.

def wake_ups(pool):
    """How often its threads have woken up since they began."""
    total = 0
    tasks = sorted(os.listdir(f"/proc/{pool.proc.pid}/task"), key=int)
    if "thread" in program.SAN:     # the sanitizer's own thread, made before any of ours
        del tasks[1:2]
    for task in tasks:
        status = Path(f"/proc/{pool.proc.pid}/task/{task}/status").read_text()
        total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M).group(1))
    return total


def wait_asleep(pool, seconds=2):
    """For so long it has not woken up at all."""
    last, since = None, time.monotonic()

    def slept():
        nonlocal last, since
        if (now := wake_ups(pool)) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= seconds

    until(slept, "it sleeps")


def test_an_idle_server_sleeps(make_pool, qt):
    pool = make_pool()
    wait_asleep(pool)
    for _ in range(2):
        assert_serving(pool)
        wait_asleep(pool)


def put_off(home):
    """Makes the messages that wait due as late as the longest back-off.  How many there are."""
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db", timeout=PATIENCE_S)) as db:
        with db:
            db.execute("UPDATE message SET next = ? WHERE state = 'pending'",
                       (int(time.time() + 290) * 1000,))
    return len(home.rows())


def test_it_sleeps_while_a_message_is_in_back_off(make_pool, qt):
    """Until it is told that the message is due."""
    qt.behave = qt_side.code(110)
    pool = make_pool()
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    qt.behave = qt_side.genuine
    assert put_off(pool.home) == 1
    wait_asleep(pool)
    pool.check()
    done = subprocess.run([program.binary("main"), "queue", "retry", "all"], env=pool.home.env,
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout == "1 message is due now\n", done
    pool.log.wait(what="drain", verdict="delivered")


def test_it_wakes_when_a_message_is_due(make_pool, qt):
    """Which is in back-off for some seconds; nobody tells it."""
    qt.behave = qt_side.code(110)
    pool = make_pool()
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    qt.behave = qt_side.genuine
    pool.log.wait(what="drain", verdict="delivered")


@pytest.mark.parametrize("waits", (False, True), ids=("flag-down", "flag-up"))
def test_a_cgi_run_wakes_it(make_pool, qt, waits):
    """Its message is one that it could not send in the rest of its own time."""
    pool = make_pool()
    assert_serving(pool)
    if waits:
        qt.behave = qt_side.code(110)
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        assert put_off(pool.home) == 1
    wait_asleep(pool, 1)        # while awake it looks twice a second
    qt.behave = qt_side.silent
    push = wechat.push(SAFE)
    params = fcgi.push_params(push, "/qtoa/safe")
    assert program.run_cgi(pool.home, params, push.body, "tight").body == b"success"
    qt.behave = qt_side.genuine
    until(lambda: qt.confirmed(push), "QT has it")


# Memory and descriptors over many requests.

@pytest.fixture
def sink_url():
    """A QT that takes everything, in a process of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sink = subprocess.Popen([sys.executable, "-B", Path(__file__).with_name("sink.py")],
                            stdin=listener)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}{qt_side.PATH}"
    sink.kill()
    sink.wait()
    listener.close()


def test_flat_over_20000_requests(home, make_pool, sink_url):
    """All kinds of requests: once the store's cache is full neither memory nor files grow."""
    total = 2000 if program.SAN else 20000
    pool = make_pool(env={"QTOA_QT_URL": sink_url, **home.open()})
    forged = [pool.bytes(SAFE, p) for _, p, _ in wechat.refused_pushes(SAFE)]
    big = pool.bytes(PLAIN, wechat.push(PLAIN, b"x" * 70000))
    count = threading.Lock()
    wrong = []

    def one(i):
        if i % 10 == 9:
            data, want = forged[secrets.randbelow(len(forged))], 403
        elif i % 1000 == 500:
            data, want = big, 413
        else:
            data, want = pool.bytes(SAFE, wechat.push(SAFE, wechat.text_message("x" * 500))), 200
        with pool.connect() as c:
            status = c.send(data).answer().status
        if status != want:
            with count:
                wrong.append((i, status, want))

    def run(n):
        threads = [threading.Thread(target=lambda: [one(i) for i in range(n // 4)])
                   for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not wrong, wrong[:5]
        return (pool.status("RssAnon"), descriptors_of(pool),
                pool.status("Threads"))

    rss, files, threads = run(total // 2)
    end = run(total // 2)
    assert end[1] <= files + 4 and end[2] <= threads + 8, ((rss, files, threads), end)
    if not program.SAN:     # whose allocators keep what is freed; leaks they report at the end
        assert end[0] - rss <= 256, (rss, end)
    assert not pool.log.undelivered()
    pool.check()
