"""What strangers and large questions cost: the memory of the process while it answers, and after."""

import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from program import until
from wechat import PLAIN, SAFE

sys.path.append(str(program.TOP / "tests/models"))
import bench  # noqa: E402

POSTS, AT_ONCE = 256, 64
LARGE = 395_000                     # just below what the collector takes
PEAK_KIB, REST_KIB = 32 << 10, 8 << 10
MEASURED = not program.SAN          # sanitizers have a heap of their own


def filled(begin, unit, end):
    return begin + unit * ((LARGE - len(begin) - len(end)) // len(unit)) + end


def forged():
    """All that finds the account, and a sign that is wrong."""
    fields = json.loads(qt_side.envelope(SAFE, "<xml></xml>"))
    fields["weChatOAData"] = "\x7f" * (LARGE - 1000)
    return json.dumps(fields, ensure_ascii=False).encode()


BODIES = {
    "objects": filled(b'{"a":[{}', b",{}", b"]}"),
    "members": filled(b'{"a":1', b',"b%d":1', b"}"),
    "names": b"{" + b",".join(b'"%d":1' % i for i in range(38000)) + b"}",
    "texts": filled(b'{"a":[""', b',""', b"]}"),
    "deep": filled(b"", b'{"a":', b""),
    "one-text": filled(b'{"a":"', b"x", b'"}'),
    "escapes": filled(b'{"a":"', b"\\u4e2d", b'"}'),
    "digits": filled(b'{"a":0.', b"0", b"}"),
    "no-json": filled(b"", b"<a>", b""),
    "forged": forged(),
}


def in_parts(body):
    """Without its length, in small records."""
    return fcgi.begin() + fcgi.stream(fcgi.PARAMS, fcgi.pairs(fcgi.cgi("POST", qt_side.PATH))) \
        + fcgi.stream(fcgi.STDIN, body, step=4096)


def whole(body, path=qt_side.PATH):
    return fcgi.request(fcgi.cgi("POST", path, "", len(body)), body)


def answer(pool, data):
    with pool.connect(60) as c:
        try:
            c.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass        # refused before all of it was sent
        return c.answer()


def post_all(pool, data):
    with ThreadPoolExecutor(AT_ONCE) as clients:
        return {a.status for a in clients.map(lambda _: answer(pool, data), range(POSTS))
                if a is not None}


def warm(pool):
    """Its size once all that one message needs is there."""
    for _ in range(3):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    return pool.status("VmRSS")


def small_again(pool, before):
    if MEASURED:
        assert pool.status("VmHWM") - before < PEAK_KIB
        until(lambda: pool.status("VmRSS") - before < REST_KIB, "the memory is given back")
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    pool.check()


@pytest.mark.parametrize("name", BODIES)
def test_strangers_post_large_bodies(make_pool, qt, name):
    pool = make_pool()
    before = warm(pool)
    # 503: so many others are large just now.
    assert post_all(pool, whole(BODIES[name])) <= {200, 503}
    small_again(pool, before)


@pytest.mark.parametrize("name", ("objects", "forged"))
def test_bodies_without_a_length(make_pool, qt, name):
    pool = make_pool()
    before = warm(pool)
    assert post_all(pool, in_parts(BODIES[name])) <= {200, 503}
    small_again(pool, before)


def test_bodies_that_never_end(make_pool, qt):
    """All workers wait for the rest of a large body."""
    pool = make_pool()
    before = warm(pool)
    slow = [pool.connect(60) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as clients:
        list(clients.map(lambda c: send_all_but_the_end(c, whole(BODIES["one-text"])), slow))
    if MEASURED:
        assert pool.status("VmHWM") - before < PEAK_KIB
    for c in slow:
        c.sock.close()
    small_again(pool, before)


def send_all_but_the_end(c, data):
    try:
        c.send(data[:-100])
    except (BrokenPipeError, ConnectionResetError):
        pass            # it was sent away: too many are large


@pytest.mark.parametrize("path", ("/qtoa" + qt_side.PATH, "/qtoa/nobody", "/qtoa/safe"))
def test_the_forwarder_takes_no_large_body(make_pool, qt, path):
    pool = make_pool()
    before = warm(pool)
    assert post_all(pool, whole(BODIES["objects"], path)) <= {403, 404, 413}
    small_again(pool, before)


@pytest.mark.parametrize("headers", (
    {f"HTTP_X_{i}": "x" * 50 for i in range(2000)}, {"HTTP_COOKIE": "x" * 200_000},
    {"QUERY_STRING": "&".join(["a=b"] * 50_000)}), ids=("many", "long", "parameters"))
def test_many_headers_leave_nothing(make_pool, qt, headers):
    """Web servers have limits for them; the program has to hold what they let through."""
    pool = make_pool()
    before = warm(pool)
    assert post_all(pool, fcgi.request({**fcgi.cgi("POST", "/qtoa/safe", length=2), **headers},
                                       b"{}")) <= {400, 403, 503}
    small_again(pool, before)


def test_large_messages_of_an_account_leave_nothing(make_pool, qt):
    """WeChat's own, as large as they may be: forwarded, and then forgotten."""
    pool = make_pool()
    before = warm(pool)
    with ThreadPoolExecutor(AT_ONCE) as clients:
        answers = list(clients.map(
            lambda i: pool.push(PLAIN, wechat.push(PLAIN, wechat.text_message("\x7f" * 60000))),
            range(POSTS // 2)))
    assert {a.body for a in answers} == {b"success"}
    if MEASURED:
        until(lambda: pool.status("VmRSS") - before < 2 * REST_KIB, "the memory is given back")
    pool.check()


# The report.

EVENTS = 20_000 if program.SAN else 200_000     # enough to fill what a question may keep
SOME = 30_000
MONTH = "from=2024-03-01&to=2024-03-31"


def with_events(pool, count):
    """Its store has so many events of one month."""
    warm(pool)
    assert page(pool).status == 200     # the first page makes the tables
    bench.fill(pool.home.state / "qtoa.db", count, 1)
    return pool


def page(pool, name="", kind=""):
    path = "/qtoa/-/report" + (f"/{name}{kind}" if name else "")
    with pool.connect(60) as c:
        return c.send(fcgi.request(fcgi.cgi("GET", path, MONTH, REMOTE_ADDR="127.0.0.1"))).answer()


def test_a_report_over_everything(make_pool, qt):
    full = with_events(make_pool(), EVENTS)
    before = full.status("VmRSS")
    for name in ("", "event", "retention", "lifecycle", "funnel", "audience"):
        answer = page(full, name)
        assert answer.status == 200 and len(answer.body) > 10000, name
    if MEASURED:
        assert full.status("VmHWM") - before < 48 << 10
        until(lambda: full.status("VmRSS") - before < REST_KIB, "the memory is given back")
    assert not [f.name for f in full.home.state.iterdir() if f.name.startswith("etilqs")]
    full.check()


def holds_a_lock(pool):
    """True: it has locked a byte of qtoa.lock, which are far behind those that SQLite locks."""
    for line in Path("/proc/locks").read_text().splitlines():
        kind, _, how, pid, _, first, _ = line.split()[-7:]
        if (kind, how, pid) == ("POSIX", "WRITE", str(pool.proc.pid)) and int(first) > 1 << 32:
            return True
    return False


def stop_within_a_report(pool, answers):
    """Stops the process while it makes a page."""
    asked = threading.Thread(target=lambda: answers.append(page(pool).status))
    asked.start()
    while asked.is_alive():
        if holds_a_lock(pool):
            os.kill(pool.proc.pid, signal.SIGSTOP)
            return asked
    asked.join()
    return None


def test_one_report_at_a_time(make_pool, qt):
    """Another process has to wait, and says so; its other workers do what they are there for."""
    full, other, answers = with_events(make_pool(), SOME), make_pool(), []
    asked = until(lambda: stop_within_a_report(full, answers), "a report is being made")
    try:
        crowd = ThreadPoolExecutor(8)
        busy = [crowd.submit(page, other) for _ in range(8)]
        assert other.push(SAFE, wechat.push(SAFE)).body == b"success"
        for b in busy:
            answer = b.result()
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert b"try again" in answer.body
    finally:
        os.kill(full.proc.pid, signal.SIGCONT)
    asked.join()
    assert answers[-1] == 200 and page(other).status == 200
