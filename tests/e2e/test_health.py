"""/-/health: 200 while all is well; else 503, and which account has what."""

import contextlib
import errno
import json
import sys
import time

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from program import until
from test_cli import run
from wechat import PLAIN, SAFE

sys.path.append(str(program.TOP / "tests/torture"))
import faults  # noqa: E402
import oracle  # noqa: E402
from rig import SICK, Rig, code  # noqa: E402

PATH = "/qtoa/-/health"
FAILS = 5       # that open a breaker: the default
SECRET = "hushAppSecret0123456789abcdef012"
NO_TOKEN = {"E2E_SECRET": "", "E2E_WECHAT_API": "https://127.0.0.1:9"}


def params(method="GET", peer="127.0.0.1"):
    return fcgi.cgi(method, PATH, REMOTE_ADDR=peer)


def read(answer):
    """What is wrong, as (what, account); it is 503 where there is anything."""
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.body)
    assert set(body) == {"status", "problems", "warnings"}
    for sign in body["problems"] + body["warnings"]:
        assert set(sign) == {"what", "account", "text"} and sign["text"]
    failing = bool(body["problems"])
    assert (answer.status, body["status"]) == ((503, "failing") if failing else (200, "ok"))
    return [(s["what"], s["account"]) for s in body["problems"]], body


@pytest.fixture
def home(home):
    home.env.update(NO_TOKEN)
    return home


@pytest.fixture(params=("fastcgi", "cgi"))
def ask(request, home, make_pool):
    """Asks a process that runs all the time, or one that is started for it."""
    pool = make_pool("vital")
    if request.param == "cgi":
        def one(**how):
            return program.run_cgi(home, params(**how), variant="vital")
    else:
        def one(**how):
            with pool.connect() as c:
                return c.send(fcgi.request(params(**how))).answer()
    one.pool = pool
    return one


def push(pool, account):
    assert pool.push(account, wechat.push(account, wechat.text_message())).body == b"success"


def problems(ask):
    return read(ask())[0]


def test_silent():
    """Pushes came every day, and then none did."""
    qt = qt_side.QT([SAFE, PLAIN])      # one of its own: the times of what it gets are odd
    home = program.Home(qt.url)
    home.env.update(NO_TOKEN)

    def at(hours, account=None):
        home.env.update(home.clock(hours * 3600))
        if account:
            stamp = time.time() + hours * 3600
            sent = wechat.push(account, wechat.text_message(at=stamp), at=stamp)
            answer = program.run_cgi(home, fcgi.push_params(sent, f"/qtoa/{account.path}"),
                                     sent.body, variant="vital")
            assert answer.body == b"success"
        return read(program.run_cgi(home, params(), variant="vital"))[0]

    try:
        at(0, PLAIN)
        for day in range(8):
            assert at(24 * day, SAFE) == []
        assert at(24 * 8 - 1) == []
        assert at(24 * 8 + 1) == [("silent", "safe")]
        assert at(24 * 8 + 2, SAFE) == []
    finally:
        home.remove()
        qt.stop()


def test_well(ask, qt):
    assert problems(ask) == []
    push(ask.pool, SAFE)
    found, body = read(ask())
    assert found == [] and {w["what"] for w in body["warnings"]} <= {"disk"}


def test_who_may_ask(ask):
    for peer, status in (("127.0.0.1", 200), ("127.0.0.2", 403), ("203.0.113.9", 403), ("", 403)):
        answer = ask(peer=peer)
        assert answer.status == status
        assert status == 200 or answer.body == b"not accepted\n"
    assert ask(method="POST").status == 405


def test_nobody_by_default(home):
    assert program.run_cgi(home, params(), variant="tight").status == 403


def test_unusable_configuration(home):
    home.env["QTOA_QT_URL"] = "nonsense"
    assert program.run_cgi(home, params(), variant="vital").status == 503


def test_breaker(ask, qt):
    """Of every account that has this end point; until QT is back."""
    qt.behave = qt_side.answering(500, "<html>")
    for _ in range(FAILS):
        push(ask.pool, SAFE)
    until(lambda: {("breaker", "safe"), ("breaker", "plain")} <= set(problems(ask)),
          "an open breaker")
    qt.behave = qt_side.genuine
    until(lambda: problems(ask) == [], "QT is back")


@pytest.mark.parametrize("ask", ("fastcgi",), indirect=True)
@pytest.mark.parametrize("status", (404, 200))
def test_gateway(ask, qt, status):
    """Not QT but somebody else answers for longer than late_s: that needs people."""
    qt.behave = qt_side.answering(status, "<html>moved</html>")
    for _ in range(FAILS):
        push(ask.pool, SAFE)
    until(lambda: ("gateway", "safe") in problems(ask), "a gateway for long")
    text, = [p["text"] for p in read(ask())[1]["problems"]
             if (p["what"], p["account"]) == ("gateway", "safe")]
    assert text.startswith("people are needed: ") and "qtoa queue retry safe" in text
    assert ("HTTP 404" if status == 404 else "a page instead of QT's answer") in text
    qt.behave = qt_side.genuine
    until(lambda: problems(ask) == [], "QT is back")


@pytest.mark.parametrize("ask", ("fastcgi",), indirect=True)
def test_pending(ask, qt):
    """One message that waits longer than late_s."""
    qt.behave = qt_side.answering(500, "<html>")
    push(ask.pool, PLAIN)
    until(lambda: ("pending", "plain") in problems(ask), "a message that is late")
    assert ("pending", "safe") not in problems(ask)
    qt.behave = qt_side.genuine
    until(lambda: problems(ask) == [], "it is sent")


def test_stopped_and_dead(ask, home, qt):
    qt.behave = qt_side.code(106)
    for _ in range(5):
        push(ask.pool, SAFE)
    until(lambda: ("stopped", "safe") in problems(ask), "a stop")
    assert ("stopped", "plain") not in problems(ask)
    qt.behave = qt_side.code(108)
    assert run(home, "queue", "retry", "safe", variant="vital")[0] == 0
    until(lambda: problems(ask) == [], "it goes on")

    def dead():
        found, body = read(ask())
        return found == [] and ("dead", "safe") in {(w["what"], w["account"])
                                                    for w in body["warnings"]}
    until(dead, "a dead message, which is but a warning")


def test_token(ask, home):
    """None to be had: a problem, as long as there is none that holds."""
    home.env["E2E_SECRET"] = SECRET
    assert problems(lambda: program.run_cgi(home, params(), variant="vital")) == []
    code, out, err = run(home, "token", "plain", variant="vital")
    assert code == 1
    found, body = read(program.run_cgi(home, params(), variant="vital"))
    assert found == [("token", "plain")]
    assert "qtoa token plain --refresh" in body["problems"][0]["text"]
    assert SECRET not in str(body)


# A disk that fails.

@pytest.fixture
def rig():
    with contextlib.ExitStack() as stack:
        rig = Rig(stack, "vital", pools=0, disk=True)
        rig.home.env.update(NO_TOKEN)
        rig.start()
        yield rig


def through(rig):
    def ask():
        with rig.pool.connect() as c:
            return c.send(fcgi.request(params())).answer()
    return ask


@pytest.mark.parametrize("error, kinds", (
    (errno.EROFS, faults.ALL), (errno.EIO, (faults.SYNC,)),
    (errno.ENOSPC, (faults.WRITE, faults.TRUNCATE))), ids=("read-only", "eio-in-sync", "disk-full"))
def test_store(rig, error, kinds):
    """Nothing has been pushed: it is by a write of its own that it knows."""
    ask = through(rig)
    assert problems(ask) == []
    rig.faults.fail(error, kinds)
    found, body = read(ask())
    assert ("store", "") in found
    assert str(rig.home.state) in body["problems"][0]["text"]
    rig.faults.off()
    until(lambda: problems(ask) == [], "the disk is well again")
    rig.check()


def test_the_write_is_synced(rig):
    ask = through(rig)
    assert problems(ask) == []
    for _ in range(3):
        before = rig.faults.count(faults.SYNC)
        assert problems(ask) == []
        assert rig.faults.count(faults.SYNC) > before


def test_all_at_once(rig):
    """What is in the queue while the disk fails as well is still told, or said to be unknown."""
    ask = through(rig)
    rig.qt.weather = code(106)
    assert all(rig.pushes(5))
    rig.qt.weather = SICK
    until(lambda: ("stopped", "safe") in problems(ask), "a stop")
    rig.faults.fail()
    found = problems(ask)
    assert found[0] == ("store", "") and ("stopped", "safe") in found
    rig.faults.off()
    rig.qt.weather = oracle.FINE
    rig.check()
