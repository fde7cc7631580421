"""QT in all kinds of trouble: WeChat hears `success` in time, the log says why, the message is
on disk, and QT gets it once it is well again."""

import contextlib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable

import pytest

import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from program import LIMITS, SETTINGS, TIGHT
from qt import answer_of, answering, code, http
from wechat import PLAIN, SAFE

GOOD = http(200, answer_of(200))
# The thread sanitizer keeps its own on a worker's stack and leaves less of it.
DEEP = 500 if "thread" in program.SAN else 20000
ERROR = {"queued": "not confirmed by QT", "dead": "refused by QT"}
HINTS = {"gateway": "a gateway answers", "unreadable": "no code that can be read"}
STATE = {"queued": "pending", "dead": "dead"}


@contextlib.contextmanager
def scene(variant="main", server=None, **env):
    """A program with a store and a QT of its own: what fails is sent again by itself."""
    with contextlib.ExitStack() as stack:
        server = server or qt_side.QT(wechat.ACCOUNTS)
        stack.callback(server.stop)
        home = program.Home(server.url)
        stack.callback(home.remove)
        pool = program.Pool(home, variant, env=env)
        stack.callback(pool.stop)
        yield pool, server
        pool.check()


def command(pool, *args):
    return subprocess.run([program.binary("main"), *args], env=pool.home.env, text=True,
                          capture_output=True, timeout=PATIENCE_S)


def row_of(pool, push):
    row, = [r for r in pool.home.rows() if r["query"] == push.query.encode()]
    return row


def fail(pool, push, why, verdict="queued", limits=LIMITS):
    """One push that QT does not confirm: `success` inside the deadline, and it is on disk."""
    pool.log.mark()
    begin = time.monotonic()
    answer = pool.push(SAFE, push)
    took_ms = (time.monotonic() - begin) * 1000
    assert (answer.status, answer.body) == (200, b"success")
    assert took_ms <= limits["deadline_ms"] * program.SLOWER
    line = pool.log.one(account="safe", status=200, verdict=verdict, error=ERROR[verdict],
                        **{"class": why})
    assert int(line["ms"]) <= limits["deadline_ms"]
    assert HINTS.get(why, "") in line.get("hint", "")
    row = row_of(pool, push)
    assert (row["account"], row["state"], row["body"]) == ("safe", STATE[verdict], push.body)
    return line


def assert_delivered(pool, server, push):
    """By itself, as soon as QT is well; once; and then it takes no more room."""
    line, = pool.log.wait(what="drain", verdict="delivered", account="safe")
    assert line["event"] == "$$_receive_msg" and int(line["attempts"]) >= 2
    r, = server.confirmed(push)
    assert r.fields["weChatOAData"] == push.body.decode()
    assert not [r for r in pool.home.rows() if r["id"] == int(line["id"]) and
                (r["state"], r["query"], r["body"]) != ("delivered", None, None)]


def assert_unharmed(pool, server):
    """The next messages go straight to QT."""
    for _ in range(2):
        push = wechat.push(SAFE)
        assert pool.push(SAFE, push).body == b"success"
        assert len(server.confirmed(push)) == 1
    pool.log.wait(2, what="request", verdict="delivered", status=200)


@dataclass
class Case:
    """What QT does, why that is no delivery, and what becomes of the message."""
    behave: Callable
    why: str = "retry"
    verdict: str = "queued"
    variant: str = "main"
    line: dict = None       # what else the log says


def code_case(number, *what):
    return Case(code(number), *what, line={"qt": f"Httpapi_300_{number}", "qt_status": "200"})


CASES = {
    **{f"code-{n}": code_case(n, "refused", "dead") for n in (102, 103, 104, 105, 107, 108, 109)},
    **{f"code-{n}": code_case(n) for n in (110, 201, 2000, 20)},
    # A refusal is QT's, with whichever status it comes.
    **{f"{status}-with-code-107": Case(answering(status, answer_of(107)), "refused", "dead")
       for status in (201, 400, 404, 500)},
    "413": Case(answering(413, "<html>too large</html>"), "refused", "dead"),
    "500": Case(answering(500, "boom")),
    "500-with-good-code": Case(answering(500, answer_of(200))),
    "502-html": Case(answering(502, "<html>Bad Gateway</html>")),
    "503": Case(answering(503, "")),
    "429": Case(answering(429, answer_of(200), "Retry-After: 1")),
    "408": Case(answering(408, "")),
    "425": Case(answering(425, "")),
    **{str(status): Case(answering(status, "<html>no</html>"), "gateway")
       for status in (400, 402, 403, 404, 405, 407, 410, 421, 451, 499)},
    "401": Case(answering(401, "", 'WWW-Authenticate: Basic realm="x"'), "gateway"),
    "404-json": Case(answering(404, '{"code":"404","message":"no route"}'), "gateway"),
    "404-with-good-code": Case(answering(404, answer_of(200)), "gateway"),
    "html": Case(answering(200, "<html>login</html>"), "gateway"),
    "html-after-a-mark": Case(answering(200, "\ufeff\n<!doctype html>"), "gateway"),
    "204": Case(answering(204, ""), "unreadable"),
    **{name: Case(answering(200, body), "unreadable") for name, body in {
        "empty": "", "words": "success", "cut-json": answer_of(200)[:-1],
        "no-code": '{"message":"Report success"}', "code-is-a-number": '{"code":200}',
        "code-in-an-array": '[{"code":"Httpapi_300_200"}]',
        "code-deeper": '{"data":{"code":"Httpapi_300_200"}}', "code-null": '{"code":null}',
        "other-code": '{"code":"success"}',
        "code-with-controls": '{"code":"Httpapi\\u0000\\n_300 \\"x"}', "deep": "[" * DEEP,
    }.items()},
    "code-very-long": Case(answering(200, '{"code":"Httpapi_300_200%s"}' % ("0" * 5000))),
    "large": Case(answering(200, answer_of(200) + " " * (70 * 1024))),
    "no-http": Case(qt_side.cut(b"SSH-2.0-OpenSSH_9.2\r\n", 21)),
    "cut-in-head": Case(qt_side.cut(GOOD, 30), "unreadable"),
    "cut-in-body": Case(qt_side.cut(GOOD, len(GOOD) - 5)),
    "closed": Case(qt_side.cut(GOOD, 0)),
    "reset": Case(qt_side.reset),
    "endless-head": Case(qt_side.endless_headers),
    "endless-body": Case(qt_side.endless_body),
    # The shipped limits: QT has forward_ms of the time and not more.
    "ten-seconds": Case(qt_side.delayed(10)),
    **{name: Case(behave, variant="tight") for name, behave in (
        ("slow", qt_side.delayed(10)), ("silent", qt_side.silent),
        ("dripping", qt_side.dripping(0.2)))},
}
SLOW = ("ten-seconds", "slow", "silent", "dripping")


def play(case):
    """One message into the trouble, out of it, and two more; the log line of the first."""
    push = wechat.push(SAFE)
    limits = SETTINGS[case.variant]
    with scene(case.variant) as (pool, server):
        server.behave = case.behave
        line = fail(pool, push, case.why, case.verdict, limits)
        server.behave = qt_side.genuine
        if case.verdict == "queued":
            assert_delivered(pool, server, push)
        assert_unharmed(pool, server)
        if case.verdict == "dead":      # kept, and never sent again by itself
            assert not server.confirmed(push) and row_of(pool, push)["state"] == "dead"
        assert not server.problems, server.problems
        return line


@pytest.fixture(scope="module")
def lines(request):
    """Of each case that is asked for.  Several at once: most wait for their second attempt."""
    asked = [item.callspec.params["name"] for item in request.session.items
             if item.module is request.module and item.originalname == "test_trouble"]
    with ThreadPoolExecutor(6) as executor:
        yield {name: executor.submit(play, CASES[name]) for name in asked}


@pytest.mark.parametrize("name", CASES)
def test_trouble(lines, name):
    line, case = lines[name].result(), CASES[name]
    want = case.line or {}
    assert {k: line.get(k) for k in want} == want
    if name in SLOW:
        assert int(line["qt_ms"]) >= SETTINGS[case.variant]["forward_ms"] - 50


@pytest.mark.parametrize("number", (101, 106))
def test_keys_that_qt_does_not_accept(number):
    """The account stops, others go on; nothing is lost, and it goes on when the operator says so."""
    pushes, other = [wechat.push(SAFE) for _ in range(6)], wechat.push(PLAIN)
    with scene() as (pool, server):
        server.behave = code(number)
        for push in pushes[:5]:
            line = fail(pool, push, "config")
            assert line["qt"] == f"Httpapi_300_{number}"
        server.behave = qt_side.genuine
        fail(pool, pushes[5], "stopped")
        assert pool.push(PLAIN, other).body == b"success"
        assert len(server.confirmed(other)) == 1
        assert not server.confirmed(pushes[5])
        command(pool, "queue", "retry", "all")
        pool.log.wait(6, what="drain", verdict="delivered", account="safe")
        assert [len(server.confirmed(push)) for push in pushes] == [1] * 6
        assert_unharmed(pool, server)
        assert not server.problems


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
def test_redirects_are_not_followed(status):
    trap, push = qt_side.Trap(), wechat.push(SAFE)
    try:
        with scene() as (pool, server):
            server.behave = answering(status, answer_of(200), f"Location: {trap.url}{qt_side.PATH}")
            fail(pool, push, "config")
            assert not trap.touched() and len(server.received) == 1
            server.behave = qt_side.genuine
            assert_delivered(pool, server, push)
            assert_unharmed(pool, server)
            assert not trap.touched()
    finally:
        trap.stop()


def test_refused_then_there():
    push = wechat.push(SAFE)
    with scene("tight", qt_side.QT(wechat.ACCOUNTS, listen=False)) as (pool, server):
        fail(pool, push, "retry", limits=TIGHT)
        server.start()
        assert_delivered(pool, server, push)
        assert_unharmed(pool, server)
        assert not server.problems


def test_black_hole():
    """Packets to QT vanish: connect_ms is the limit, not forward_ms."""
    with scene("tight", qt_side.Deaf()) as (pool, _):
        line = fail(pool, wechat.push(SAFE), "retry", limits=TIGHT)
        assert int(line["qt_ms"]) < TIGHT["forward_ms"]


def test_unknown_host():
    # A label longer than DNS has: no resolver needs to be asked.
    url = f"http://{'q' * 64}.invalid{qt_side.PATH}"
    with scene("tight", QTOA_QT_URL=url) as (pool, server):
        fail(pool, wechat.push(SAFE), "retry", limits=TIGHT)
        assert not server.received


def test_a_repeat_of_what_failed_is_not_sent():
    """WeChat asks again as it does: a new signature over the same message."""
    xml = wechat.text_message()
    first = wechat.push(SAFE, xml)
    with scene() as (pool, server):
        server.behave = answering(500, "")
        fail(pool, first, "retry")
        for _ in range(2):
            pool.log.mark()
            assert pool.push(SAFE, wechat.push(SAFE, xml)).body == b"success"
            pool.log.one(verdict="repeat", status=200)
        server.behave = qt_side.genuine
        assert_delivered(pool, server, first)
        assert pool.push(SAFE, wechat.push(SAFE, xml)).body == b"success"
        assert len([r for r in server.received if r.confirmed]) == 1


def test_a_message_whose_answer_cannot_be_read_is_sent_five_times():
    """QT has probably counted it each time; and it can be sent again by one command."""
    push, text = wechat.push(SAFE), "QT's answer cannot be read"
    with scene() as (pool, server):
        server.behave = answering(202, "ok")
        fail(pool, push, "unreadable")
        assert row_of(pool, push)["outcome"] == text
        for _ in range(6):
            command(pool, "drain")
        assert len(server.received) == 5
        row = row_of(pool, push)
        assert (row["state"], row["outcome"], row["attempts"]) == ("dead", text, 5)
        pool.log.wait(what="drain", verdict="dead", **{"class": "unreadable"})
        assert text in command(pool, "queue", "list").stdout
        server.behave = qt_side.genuine
        out = command(pool, "queue", "retry", "--outcome", text).stdout
        assert out == "1 message is due now\n"
        assert_delivered(pool, server, push)


@pytest.mark.parametrize("status", (404, 401, 200))
def test_a_gateway_in_qts_place_kills_nothing(status):
    """It answers with pages: the breaker opens, all messages wait, health says what is there."""
    pushes = [wechat.push(account) for account in (SAFE, PLAIN) for _ in range(10)]
    with scene() as (pool, server):
        server.behave = answering(status, "<html>maintenance</html>")
        for push in pushes:
            assert pool.push(SAFE if push in pushes[:10] else PLAIN, push).body == b"success"
        for _ in range(7):
            command(pool, "drain")
        rows = pool.home.rows()
        assert {r["state"] for r in rows} == {"pending"} and len(rows) == 20
        lines = pool.log.wait(20, what="request", verdict="queued")
        assert {r["class"] for r in lines} == {"gateway", "breaker"}
        assert "cannot be reached" not in " ".join(r.get("hint", "") for r in lines)
        out = command(pool, "status").stdout
        assert "something else has: " in " ".join(out.split())
        server.behave = qt_side.genuine
        command(pool, "queue", "retry", "all")
        program.until(lambda: not pool.home.rows(), "all at QT")
        assert all(len(server.confirmed(push)) == 1 for push in pushes) and not server.problems


# QT that is well, in its own ways.

MARK = "\ufeff"
YES = {
    "mark": answering(200, MARK + answer_of(200)),
    "marks-and-blanks": answering(200, f"\r\n{MARK}{MARK} " + answer_of(200)),
    "control": answering(200, answer_of(200).replace("Report", "Re\x01\x1bport")),
    "line-ends": answering(200, answer_of(200).replace("Report", "Re\r\nport")),
    "nul-in-message": answering(200, answer_of(200).replace("Report", "Re\0port")),
    "gbk": answering(200, answer_of(200).replace("Report", "\u6210\u529f").encode("gbk")),
    "gbk-with-a-backslash": answering(
        200, '{"message":"\u8aa0","code":"Httpapi_300_200"}'.encode("gbk")),
    "cut-character": answering(200, answer_of(200).encode().replace(b"Report", b"\xe6\x88")),
    "nul-behind": answering(200, answer_of(200) + "\0"),
    "object-behind": answering(200, answer_of(200) + answer_of(107)),
    "script-behind": answering(200, answer_of(200) + "<script src=//gw/x.js></script>"),
    "semicolon-behind": answering(200, answer_of(200) + ";\n"),
    **{str(status): answering(status, answer_of(200)) for status in (201, 202, 203, 206)},
    "all-at-once": answering(201, (MARK + answer_of(200)).encode()
                             .replace(b"Report", b"\xb3\xc9\x07") + b"\xff"),
    "report": answering(200, (program.TOP / "tests/vectors/reports/qt-answer-bom.json")
                        .read_bytes()),
}


@pytest.mark.parametrize("name", YES)
def test_yes_is_yes(pool, qt, name):
    """However it is written: it is counted, and not sent again."""
    qt.behave = YES[name]
    for _ in range(2):
        pool.log.mark()
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        pool.log.one(verdict="delivered", qt="Httpapi_300_200")


def test_chunked_answer(pool, qt):
    qt.behave = qt_side.chunked
    for _ in range(3):
        pool.log.mark()
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        pool.log.one(verdict="delivered")


def test_slow_but_in_time(tight, qt):
    qt.behave = qt_side.delayed(0.3)
    assert tight.push(SAFE, wechat.push(SAFE)).body == b"success"
    tight.log.one(verdict="delivered")


@pytest.mark.parametrize("behave", (qt_side.closing_after, qt_side.resetting_next),
                         ids=("idle", "just-as-it-is-used"))
def test_kept_connections_that_qt_closes(pool, qt, behave):
    """QT ends a kept connection: nobody may notice."""
    qt.behave = behave
    for _ in range(20):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    pool.log.wait(20, what="request", verdict="delivered")
    assert len({r.fields["nonce"] for r in qt.received}) == 20


def test_connections_are_kept(make_pool, qt):
    pool = make_pool()
    before = qt.connections
    for _ in range(50):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    pool.log.wait(50, what="request", verdict="delivered")
    assert qt.connections == before + 1


def test_qt_restarts_under_load(pool, qt):
    """Connections cut while idle, again and again."""
    for _ in range(10):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        qt.drop()
    pool.log.wait(10, what="request", verdict="delivered")
