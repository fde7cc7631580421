"""QT in all kinds of trouble: the class in the log, the answer to WeChat in time, and the next
message unharmed."""

import contextlib
import time

import pytest

import program
import qt as qt_side
import wechat
from program import LIMITS, TIGHT
from qt import answer_of, answering, code, http
from wechat import SAFE

GOOD = http(200, answer_of(200))
# The thread sanitizer keeps its own on a worker's stack and leaves less of it.
DEEP = 500 if "thread" in program.SAN else 20000


def timed(pool, limits):
    """One push that QT does not confirm: 503, inside the deadline, as WeChat sees it."""
    pool.log.mark()
    begin = time.monotonic()
    answer = pool.push(SAFE, wechat.push(SAFE))
    took_ms = (time.monotonic() - begin) * 1000
    assert (answer.status, answer.body) == (503, b"not accepted\n")
    assert took_ms <= limits["deadline_ms"] * program.SLOWER
    line = pool.log.one(account="safe", status=503, error="not confirmed by QT")
    assert int(line["ms"]) <= limits["deadline_ms"]
    return line


def assert_unharmed(pool, qt):
    qt.behave = qt_side.genuine
    pool.log.mark()
    for _ in range(2):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    pool.log.wait(2, verdict="delivered")


@pytest.mark.parametrize("number,verdict", (
    (101, "config"), (102, "refused"), (103, "refused"), (104, "refused"), (105, "refused"),
    (106, "config"), (107, "refused"), (108, "refused"), (109, "refused"), (110, "retry"),
    (201, "retry"), (2000, "retry"), (20, "retry")))
def test_codes(pool, qt, number, verdict):
    qt.behave = code(number)
    line = timed(pool, LIMITS)
    assert (line["verdict"], line["qt"]) == (verdict, f"Httpapi_300_{number}")
    assert_unharmed(pool, qt)


ANSWERS = {
    # What came, its class, a word of the reason.
    "500": (answering(500, "boom"), "retry"),
    "500-with-good-code": (answering(500, answer_of(200)), "retry"),
    "502-html": (answering(502, "<html>Bad Gateway</html>"), "retry"),
    "503": (answering(503, ""), "retry"),
    "429": (answering(429, answer_of(200), "Retry-After: 7"), "retry"),
    "400": (answering(400, "no"), "refused"),
    "404": (answering(404, "<html>Not Found</html>"), "refused"),
    "401": (answering(401, "", 'WWW-Authenticate: Basic realm="x"'), "refused"),
    "204": (answering(204, ""), "retry"),
    "html": (answering(200, "<html>login</html>"), "retry"),
    "empty": (answering(200, ""), "retry"),
    "cut-json": (answering(200, answer_of(200)[:-1]), "retry"),
    "no-code": (answering(200, '{"message":"Report success"}'), "retry"),
    "code-is-a-number": (answering(200, '{"code":200}'), "retry"),
    "code-in-an-array": (answering(200, '[{"code":"Httpapi_300_200"}]'), "retry"),
    "code-deeper": (answering(200, '{"data":{"code":"Httpapi_300_200"}}'), "retry"),
    "code-null": (answering(200, '{"code":null}'), "retry"),
    "other-code": (answering(200, '{"code":"success"}'), "retry"),
    "code-very-long": (answering(200, '{"code":"Httpapi_300_200%s"}' % ("0" * 5000)), "retry"),
    "code-with-controls": (answering(200, '{"code":"Httpapi\\u0000\\n_300 \\"x"}'), "retry"),
    "nul": (answering(200, answer_of(200) + "\0"), "retry"),
    "deep": (answering(200, "[" * DEEP), "retry"),
    "large": (answering(200, answer_of(200) + " " * (70 * 1024)), "retry"),
    "no-http": (qt_side.cut(b"SSH-2.0-OpenSSH_9.2\r\n", 21), "retry"),
    "cut-in-head": (qt_side.cut(GOOD, 30), "retry"),
    "cut-in-body": (qt_side.cut(GOOD, len(GOOD) - 5), "retry"),
    "closed": (qt_side.cut(GOOD, 0), "retry"),
    "reset": (qt_side.reset, "retry"),
    "endless-head": (qt_side.endless_headers, "retry"),
    "endless-body": (qt_side.endless_body, "retry"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(pool, qt, name):
    qt.behave, verdict = ANSWERS[name]
    assert timed(pool, LIMITS)["verdict"] == verdict
    assert_unharmed(pool, qt)


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
def test_redirects_are_not_followed(pool, qt, status):
    trap = qt_side.Trap()
    try:
        qt.behave = answering(status, answer_of(200), f"Location: {trap.url}{qt_side.PATH}")
        assert timed(pool, LIMITS)["verdict"] == "config"
        assert not trap.touched() and len(qt.received) == 1
    finally:
        trap.stop()
    assert_unharmed(pool, qt)


def test_chunked_answer(pool, qt):
    qt.behave = qt_side.chunked
    for _ in range(3):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"


def test_ten_seconds(pool, qt):
    """The shipped limits: QT has forward_ms of the time and not more."""
    qt.behave = qt_side.delayed(10)
    line = timed(pool, LIMITS)
    assert line["verdict"] == "retry" and int(line["qt_ms"]) >= LIMITS["forward_ms"] - 50
    qt.drop()
    assert_unharmed(pool, qt)


@pytest.mark.parametrize("behave", (qt_side.delayed(10), qt_side.silent, qt_side.dripping(0.2)),
                         ids=("slow", "silent", "dripping"))
def test_slow(tight, qt, behave):
    qt.behave = behave
    line = timed(tight, TIGHT)
    assert line["verdict"] == "retry" and int(line["qt_ms"]) >= TIGHT["forward_ms"] - 50
    assert_unharmed(tight, qt)


def test_slow_but_in_time(tight, qt):
    qt.behave = qt_side.delayed(0.3)
    assert tight.push(SAFE, wechat.push(SAFE)).body == b"success"


@contextlib.contextmanager
def tight_pool_of(server):
    """A pool whose QT is this one."""
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        home = program.Home(server.url)
        stack.callback(home.remove)
        pool = program.Pool(home, "tight")
        stack.callback(pool.stop)
        yield pool
        pool.check()


def test_refused_then_there():
    server = qt_side.QT(wechat.ACCOUNTS, listen=False)
    with tight_pool_of(server) as pool:
        assert timed(pool, TIGHT)["verdict"] == "retry"
        server.start()
        assert_unharmed(pool, server)
        assert not server.problems


def test_black_hole():
    """Packets to QT vanish: connect_ms is the limit, not forward_ms."""
    with tight_pool_of(qt_side.Deaf()) as pool:
        line = timed(pool, TIGHT)
        assert line["verdict"] == "retry" and int(line["qt_ms"]) < TIGHT["forward_ms"]


def test_unknown_host(make_pool):
    # A label longer than DNS has: no resolver needs to be asked.
    pool = make_pool("tight", env={"QTOA_QT_URL": f"http://{'q' * 64}.invalid{qt_side.PATH}"})
    assert timed(pool, TIGHT)["verdict"] == "retry"
    pool.check()


@pytest.mark.parametrize("behave", (qt_side.closing_after, qt_side.resetting_next),
                         ids=("idle", "just-as-it-is-used"))
def test_kept_connections_that_qt_closes(pool, qt, behave):
    """QT ends a kept connection: nobody may notice."""
    qt.behave = behave
    for _ in range(20):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    assert len({r.fields["nonce"] for r in qt.received}) == 20


def test_connections_are_kept(make_pool, qt):
    pool = make_pool()
    before = qt.connections
    for _ in range(50):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    assert qt.connections == before + 1


def test_qt_restarts_under_load(pool, qt):
    """Connections cut while idle, again and again."""
    for _ in range(10):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        qt.drop()
