"""The log as an operator reads it: what a line has, whom it names, what is left out, what is
summed up, and that it can be rotated."""

import calendar
import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import collector
import fcgi
import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from program import until
from wechat import COMPATIBLE, KEYLESS, PLAIN, SAFE

USER = "oQtoaE2eUser0000000000000001"
LIMIT = program.SETTINGS["flood"]["log_flood"]
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def alias(user):
    """printf %s USER | sha256sum | cut -c1-12"""
    return hashlib.sha256(user.encode()).hexdigest()[:12]


@pytest.fixture
def home(home):
    home.env["E2E_LOG_LEVEL"] = "info"
    return home


def forged(account=SAFE, n=0):
    return wechat.push(account, wechat.text_message(msgid=n + 1), token="wrong")


def cgi(home, push, variant="flood", **more):
    params = fcgi.push_params(push, "/qtoa/safe", **more)
    return program.run_cgi(home, params, push.body, variant)


def stop(pool):
    """What the last call says is said by then."""
    pool.signal()       # it has answered, so it heeds it
    pool.proc.wait(PATIENCE_S)


def lines(home, what):
    return [r for r in home.log.lines(0) if r["what"] == what]


def told(home, **want):
    """How many failures the log tells of, each in a line or in a sum."""
    def has(r):
        return {k: r.get(k) for k in want} == want
    return (sum(has(r) for r in lines(home, "request")) +
            sum(int(r["count"]) for r in lines(home, "repeated") if has(r)))


# A line.

def test_parts(pool, qt):
    """All that an operator may ask of a message is in its line."""
    qt.behave = qt_side.delayed(0.02)
    push = wechat.push(SAFE, wechat.text_message("a body that nobody may see"))
    begun = time.time()
    assert pool.push(SAFE, push).body == b"success"
    row = pool.log.one(level="info", account="safe", verdict="delivered", status=200,
                       qt="Httpapi_300_200", qt_status=200, event="$$_receive_msg",
                       user=alias(USER), bytes=len(push.body), peer="192.0.2.1")
    assert re.fullmatch(STAMP, row["time"]) and re.fullmatch("[0-9a-f]+-[0-9a-f]+", row["id"])
    at = calendar.timegm(time.strptime(row["time"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert begun - 2 < at < time.time() + 2
    assert 20 <= int(row["qt_ms"]) <= int(row["ms"])


def test_user_is_the_message_s(pool):
    """The user in the message, not the one that the URL names: nobody has signed that."""
    for user in ("oAnother", "o with = and \" in it", "o\u5e97"):
        pool.log.mark()
        pool.push(PLAIN, wechat.push(PLAIN, wechat.text_message(user=user)))
        assert pool.log.one(verdict="delivered")["user"] == alias(user)
    pool.log.mark()
    pool.push(PLAIN, forged(PLAIN))
    assert "user" not in pool.log.one(verdict="rejected")


def test_users_as_they_are(home, make_pool):
    pool = make_pool("flood")
    for user in (USER, "o with = and \" in it"):
        pool.log.mark()
        pool.push(PLAIN, wechat.push(PLAIN, wechat.text_message(user=user)))
        row = pool.log.one(verdict="delivered")
        assert row["user"].replace("\\", "") == user


def everything(home, pool, qt):
    """One of each kind of line; what stood in them that is nobody's business."""
    hush = ["hush-the-body", "hush-the-echo", "hush-the-answer"]

    def message(n):
        return wechat.text_message(f"{hush[0]}{n}")

    once = wechat.push(SAFE, message(1))
    for push in (once, once, wechat.push(SAFE, message(2)), forged(), once.without("nonce"),
                 wechat.handshake(SAFE), wechat.handshake(SAFE, echostr=hush[1], token="wrong")):
        pool.push(SAFE, push)
    for _, push, _ in wechat.refused_pushes(SAFE):
        pool.push(SAFE, push)
    pool.push(PLAIN, wechat.push(PLAIN, b"<xml>" + hush[0].encode()))
    pool.push(PLAIN, wechat.push(PLAIN, hush[0].encode() * 10000))
    for behave in (qt_side.code(108), qt_side.answering(500, hush[2]),
                   qt_side.answering(200, hush[2])):
        qt.behave = behave
        pool.push(COMPATIBLE, wechat.push(COMPATIBLE, message(3)))
    for posted in (collector.posted(KEYLESS, wechat.push(KEYLESS, message(4))),
                   collector.posted(SAFE, wechat.push(SAFE, message(5)), sign="0" * 32),
                   b"{" + hush[0].encode()):
        with pool.connect() as c:
            c.send(fcgi.request(fcgi.cgi("POST", qt_side.PATH, length=len(posted)), posted))
            c.answer()
    stop(pool)
    return hush


@pytest.mark.parametrize("variant", ("main", "flood"))
def test_nothing_secret(home, make_pool, qt, variant):
    hush = everything(home, make_pool(variant), qt)
    text = home.log.text()
    for a in wechat.ACCOUNTS:
        hush += [a.token, a.old_token, a.key, a.old_key, a.app_key, a.service_secret]
    assert [h for h in hush if h and h in text] == []
    assert (USER in text) == (variant == "flood")
    assert {r["verdict"] for r in lines(home, "request")} >= {
        "delivered", "repeat", "rejected", "handshake", "dead", "queued", "collect"}


def test_foreign_bytes(home, make_pool):
    """Whatever a client sends stays within its value, also where it is summed up."""
    evil = 'x" level=error what=start\n\x1b[31m\xff\u202e\\'
    pool = make_pool("flood")
    for _ in range(LIMIT + 2):
        pool.push(SAFE, forged(), REMOTE_ADDR=evil)
        pool.push(PLAIN, wechat.push(PLAIN, wechat.text_message(user=evil)
                                     .replace(b"CDATA[text", b"CDATA[te\nxt\xc2\x9b")))
        with pool.connect() as c:
            c.send(fcgi.request(fcgi.cgi("GET", "/nowhere/\x1b[2J%0a"))).answer()
    stop(pool)
    rows = home.log.text().splitlines()
    assert len(rows) == 3 * LIMIT + 2 + 2
    for row in rows:
        assert re.match(rf"time={STAMP} level=(info|notice) what=(request|repeated) ", row)
        assert row.isprintable()
    assert len(lines(home, "repeated")) == 2
    assert {r["peer"] for r in lines(home, "repeated")} == {
        'x\\" level=error what=start\\x0a\\x1b[31m\xff\\xe2\\x80\\xae\\\\',
        "192.0.2.1"}


# Which lines.

def test_levels(home, make_pool, qt):
    """With "warning" neither what went well nor what a stranger sends; what failed is there."""
    home.env["E2E_LOG_LEVEL"] = "warning"
    pool = make_pool("flood")
    for n in range(3):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        assert pool.push(SAFE, forged()).status == 403
    assert home.log.text() == ""
    qt.behave = qt_side.answering(500, "<html>")
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    assert pool.log.one(verdict="queued")["level"] == "warning"
    home.env["E2E_LOG_LEVEL"] = "error"
    other = make_pool("flood")
    pool.log.mark()
    assert other.push(SAFE, wechat.push(SAFE)).body == b"success"
    stop(other)
    assert [r for r in pool.log.lines() if r["level"] != "error"] == []


# Sums.

def test_flood(home, make_pool):
    """Of 200 forgeries, sent to two processes at once, a few lines and the number of the others."""
    pools, each = [make_pool("flood"), make_pool("flood")], 200
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as crew:
        answers = list(crew.map(lambda n: pools[n % 2].push(SAFE, forged(n=n)).status, range(each)))
    assert set(answers) == {403}
    assert pools[0].push(SAFE, wechat.push(SAFE)).body == b"success"
    minutes = 1 + int((time.monotonic() - begun) / 60)
    rows = [r for r in lines(home, "request") if r["verdict"] == "rejected"]
    assert LIMIT <= len(rows) <= LIMIT * minutes
    for pool in pools:
        stop(pool)
    assert told(home, error="signature mismatch", peer="192.0.2.1") == each
    sums = lines(home, "repeated")
    assert 1 <= len(sums) <= minutes
    assert sums[0].items() >= dict(level="notice", line="request", account="safe").items()
    assert "reason" not in sums[0] and ".token" in sums[0]["hint"]
    assert re.fullmatch(STAMP, sums[0]["first"]) and re.fullmatch(STAMP, sums[0]["last"])
    assert rows[0]["time"] <= sums[0]["first"] <= sums[0]["last"] <= sums[0]["time"]
    assert len([r for r in lines(home, "request") if r["verdict"] == "delivered"]) == 1


def test_flood_of_cgi_runs(home, make_pool):
    """Runs of one request each know of each other; and what they leave others say."""
    for n in range(LIMIT + 4):
        assert cgi(home, forged(n=n)).status == 403
    assert len(lines(home, "request")) == LIMIT and lines(home, "repeated") == []
    pool = make_pool("flood")
    assert pool.push(SAFE, forged(n=99)).status == 403
    stop(pool)
    assert told(home, error="signature mismatch") == LIMIT + 5
    assert len(lines(home, "repeated")) == 1


def test_all_well_opens_nothing(home, make_pool):
    push = wechat.push(SAFE)
    assert cgi(home, push).body == b"success"
    assert not (home.state / "qtoa.failures").exists()
    assert cgi(home, forged()).status == 403
    assert (home.state / "qtoa.failures").stat().st_size == 4096 + 256 * 512


def test_flood_after_death(home, make_pool):
    """Who is killed has said nothing of what it counted; the next one does."""
    pool = make_pool("flood")
    for n in range(20):
        assert pool.push(SAFE, forged(n=n)).status == 403
    pool.exits.add(-9)
    pool.signal(9)
    pool.proc.wait()
    assert told(home, verdict="rejected") == LIMIT
    pool = make_pool("flood")
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    stop(pool)
    assert told(home, error="signature mismatch") == 20


def test_qt_is_down(home, make_pool, qt):
    """Messages that wait are summed up as well, by why they do; the sum names no client."""
    pool = make_pool("flood")
    qt.behave = qt_side.answering(500, "<html>")
    each = 30
    for _ in range(each):
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    stop(pool)
    assert told(home, error="not confirmed by QT") == each
    sums = lines(home, "repeated")
    assert sums and all("peer" not in r and r["level"] == "warning" and r["reason"] in
                        ("retry", "breaker") for r in sums if r["line"] == "request"), sums


# Rotation.

def test_rotation(home, make_pool):
    """Renamed away, the log goes on in a new file; nobody is told, and no line is lost."""
    pool, old, sent = make_pool("flood"), home.logs / "log.1", 0

    def push():
        nonlocal sent
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        sent += 1
        return home.log.path.exists()

    push()
    home.log.path.rename(old)
    until(push, "a new file")
    push()
    stop(pool)
    both = program.Log(old).lines(0) + home.log.lines(0)
    assert len(both) == sent
    assert home.log.path.stat().st_mode & 0o7 == 0
