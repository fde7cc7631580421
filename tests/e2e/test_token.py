"""The account's own access_token: WeChat asked as seldom as may be, by whomever; the control
server that hands it out; `qtoa token`."""

import contextlib
import json
import re
import sqlite3
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

import fcgi
import fronts
import program
import qt as qt_side
import wechat
import wxapi
import wxnet
import wxtoken
from collector import as_cgi as as_cgi_collector
from collector import posted
from patience import PATIENCE_S
from test_cli import run
from wechat import PLAIN, SAFE

SECRET = "hushAppSecret" + "0" * 19
KEY = "hushControlKey/+&"
PATH = "/qtoa/safe/access_token"
HEADER = {"HTTP_AUTHORIZATION": f"Bearer {KEY}"}
OURS = (SAFE, PLAIN)
ENV = {"E2E_SECRET": SECRET, "E2E_KEY": KEY, "E2E_ALLOW": ""}


@pytest.fixture(scope="module")
def authority():
    """In a directory that the web servers' user may read, too."""
    with tempfile.TemporaryDirectory(prefix="qtoa-e2e-") as place:
        Path(place).chmod(0o755)
        yield qt_side.Authority(Path(place), "good")


@pytest.fixture
def wx(authority):
    server = wxapi.WeChat(authority.context())
    server.issuer = wxtoken.Issuer(server, {a.appid: SECRET for a in OURS})
    server.net = wxnet.Net(server)
    yield server
    server.stop()
    assert not server.problems, server.problems


@pytest.fixture
def issuer(wx):
    return wx.issuer


@pytest.fixture
def home(home, wx, authority):
    """No key, token or secret is ever told."""
    home.env.update(wx.env(), **ENV, E2E_CA_FILE=str(authority.file))
    yield home
    log = home.log.text()
    assert not wx.secrets_in(log) and KEY not in log and "key=" + quote(KEY) not in log, log


def store(home, sql):
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db", timeout=PATIENCE_S)) as db, db:
        db.execute(sql)


def ours_pass(home, seconds):
    """As if our clock had gone on, for all that the store knows of tokens."""
    store(home, f"UPDATE token SET fetched = fetched - {seconds}, expires = expires - {seconds}, "
                f"renew = renew - {seconds}, forced_at = forced_at - {seconds}, "
                f"pause = pause - {seconds * 1000}")


def both_pass(home, issuer, seconds):
    issuer.ahead += seconds
    ours_pass(home, seconds)


def params(query="", path=PATH, **more):
    return fcgi.cgi("GET", path, query, **{**HEADER, **more})


def as_cgi(home, variant="token", **more):
    return program.run_cgi(home, params(**more), variant=variant)


def ask(pool, **more):
    return fcgi.call(pool.path, params(**more))


def token_of(answer, least=300):
    """The token of an answer, which is all that it should be."""
    assert answer.status == 200, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    fields = json.loads(answer.body)
    assert set(fields) == {"access_token", "expires_in"}
    assert least <= fields["expires_in"] <= 7200
    return fields["access_token"]


def assert_none(answer, words):
    assert answer.status == 503, answer.body
    fields = json.loads(answer.body)
    assert set(fields) == {"error"} and words in fields["error"], fields


# One call, whoever and how many want to know.

def at_once(home, pools, issuer, threads=25, cgis=50):
    """The answers to so many requests that come while WeChat thinks."""
    issuer.gate.clear()
    with ThreadPoolExecutor(len(pools) * threads + cgis) as crowd:
        waiting = [crowd.submit(ask, pool) for pool in pools for _ in range(threads)]
        waiting += [crowd.submit(as_cgi, home) for _ in range(cgis)]
        program.until(lambda: issuer.calls, "WeChat is asked")
        program.until(lambda: all(f.running() or f.done() for f in waiting),
                      "all have asked")
        issuer.gate.set()
        return [f.result() for f in waiting]


LATE = "no time left to wait"


def if_late(answer, pool):
    """A machine that is busy may leave no time to wait for it: then it is there soon."""
    if answer.status != 503:
        return answer
    assert_none(answer, LATE)
    return ask(pool)


def test_one_call_for_all(home, make_pool, issuer):
    """100 threads in 4 processes and 50 CGI runs, with none and then with an expired one."""
    pools = [make_pool("token") for _ in range(4)]
    seen = set()
    for _ in range(2):
        issuer.calls.clear()
        got = {token_of(if_late(a, pools[0])) for a in at_once(home, pools, issuer)}
        assert issuer.calls == [(SAFE.appid, "stable", False)]
        assert got == {issuer.stable[SAFE.appid].current} and not got & seen
        seen |= got
        both_pass(home, issuer, 7200)
    assert home.query("SELECT sum(calls) AS n FROM token")[0]["n"] == 2


def test_a_failure_for_all(home, make_pool, issuer):
    pools = [make_pool("token") for _ in range(4)]
    issuer.code = -1
    for answer in at_once(home, pools, issuer):
        assert_none(answer, LATE if LATE.encode() in answer.body else
                    "errcode -1: WeChat is busy: system error")
    assert len(issuer.calls) == 1


# Time.

def test_two_days(home, make_pool, issuer):
    """Every ten minutes: always one that WeChat takes for five minutes at least."""
    pool = make_pool("token")
    for _ in range(2 * 144):
        token = token_of(ask(pool))
        assert issuer.judge(token) == 0 and issuer.tokens[token] - issuer.now >= 299
        both_pass(home, issuer, 600)
    # Each is asked for once, and perhaps once more before WeChat has the next one.
    assert 24 <= len(issuer.calls) <= 50
    assert len(set(issuer.stable[SAFE.appid].ends)) <= 26


def test_a_restart_costs_no_call(home, make_pool, issuer):
    pool = make_pool("token")
    token = token_of(ask(pool))
    pool.stop()
    assert token_of(ask(make_pool("token"))) == token == token_of(as_cgi(home))
    assert len(issuer.calls) == 1


def test_no_network(home, make_pool, wx, issuer):
    """The old one as long as it lasts; then none, and no more calls than the pauses allow."""
    pool = make_pool("token")
    old = token_of(ask(pool))
    wx.down = True
    both_pass(home, issuer, 7200 - 290)
    for left in (290, 190, 90):
        assert token_of(ask(pool), 0) == old and issuer.judge(old) == 0
        assert "WeChat: no answer" in pool.log.wait(verdict="token", status=200)[-1]["detail"]
        both_pass(home, issuer, 100 if left > 90 else 91)
    for answer in (ask(pool), as_cgi(home)):
        assert_none(answer, "WeChat: no answer")
    row, = home.query("SELECT * FROM token")
    assert row["fails"] == 4
    line = pool.log.wait(verdict="token", status=503)[-1]
    assert line["error"] == "no access_token" and line["level"] == "warning"
    wx.down = False
    both_pass(home, issuer, 300)
    assert token_of(ask(pool)) not in (old, "")


def test_killed_while_asking(home, make_pool, issuer):
    """Whoever dies in it leaves it to others, after the pause that a failure has."""
    pool = make_pool("token")
    pool.exits = {-9}
    issuer.gate.clear()
    with ThreadPoolExecutor(1) as other:
        lost = other.submit(ask, pool)
        program.until(lambda: issuer.calls, "WeChat is asked")
        pool.signal(9)
        assert lost.result() is None
    issuer.gate.set()
    assert_none(as_cgi(home), "the process that asked WeChat ended before the answer came")
    assert len(issuer.calls) == 1
    ours_pass(home, 1)
    token_of(as_cgi(home))
    assert home.query("SELECT calls, fails, pause FROM token")[0][:] == (2, 0, 0)


def test_what_is_wrong_is_said(home, issuer):
    issuer.listed = False
    assert_none(as_cgi(home), "errcode 40164: put this address on the IP whitelist in WeChat's "
                              "console: invalid ip 192.0.2.7")
    # Another secret is another beginning.
    home.env["E2E_SECRET"] = "hushAnotherSecret"
    issuer.listed = True
    assert_none(as_cgi(home), "errcode 40125: secret is not the AppSecret")
    assert_none(as_cgi(home), "errcode 40125: secret is not the AppSecret")
    assert len(issuer.calls) == 2
    assert "hushAnotherSecret" not in home.log.text()


def test_the_older_way(home, make_pool, issuer):
    pool = make_pool("legacy")
    token = token_of(ask(pool))
    both_pass(home, issuer, 6000)
    assert token_of(ask(pool)) == token
    both_pass(home, issuer, 1000)
    assert token_of(ask(pool)) == issuer.legacy[SAFE.appid].current != token
    assert issuer.calls == [(SAFE.appid, "legacy", False)] * 2


# What it is good for here.

def counted(home, openid):
    """As whom the collector has counted a user's message."""
    push = wechat.push(PLAIN, wechat.text_message(user=openid))
    answer = as_cgi_collector(home, "token").post(posted(PLAIN, push))
    row = home.query("SELECT device FROM device ORDER BY id DESC LIMIT 1")
    return json.loads(answer.body)["code"][-3:], row[0]["device"] if row else None


def test_unionid_with_our_own(home, wx, issuer):
    """Somebody else forces a token, WeChat refuses ours: another one is fetched, once."""
    users = [wx.user() for _ in range(4)]
    for user in users[:2]:
        assert counted(home, user) == ("200", wx.users[user].unionid)
    issuer.invalidate(PLAIN.appid)
    for user in users[2:]:
        assert counted(home, user) == ("200", wx.users[user].unionid)
    assert issuer.calls == [(PLAIN.appid, "stable", False)] * 2
    # One that WeChat gives and refuses: said, and not asked for again and again.
    wx.code = 40001
    for _ in range(3):
        assert counted(home, wx.user())[0] == "110"
    assert len(issuer.calls) == 3
    assert "the same access_token again" in home.log.lines()[-1]["detail"]


# The guard.

REFUSED = {
    "no key": (dict(HTTP_AUTHORIZATION=None), "control key missing or wrong"),
    "empty": (dict(HTTP_AUTHORIZATION="Bearer "), "control key missing or wrong"),
    "wrong": (dict(HTTP_AUTHORIZATION="Bearer x" + KEY[1:]), "control key missing or wrong"),
    "wrong at its end": (dict(HTTP_AUTHORIZATION="Bearer " + KEY[:-1] + "x"),
                         "control key missing or wrong"),
    "in the query": (dict(HTTP_AUTHORIZATION=None, query="key=" + quote(KEY[:-1])),
                     "control key missing or wrong"),
    "twice": (dict(HTTP_AUTHORIZATION=None, query=f"key={quote(KEY)}&key={quote(KEY)}"),
              "control key missing or wrong"),
    "not encoded": (dict(HTTP_AUTHORIZATION=None, query="key=" + KEY),
                    "control key missing or wrong"),
    "address": (dict(REMOTE_ADDR="192.0.3.1"), "address not allowed"),
    "no address": (dict(REMOTE_ADDR=""), "address not allowed"),
    "forged": (dict(REMOTE_ADDR="192.0.3.1", HTTP_X_FORWARDED_FOR="192.0.2.1",
                    HTTP_X_REAL_IP="192.0.2.1", HTTP_FORWARDED="for=192.0.2.1"),
               "address not allowed"),
    "neither": (dict(HTTP_AUTHORIZATION=None, REMOTE_ADDR="192.0.3.1"),
                "control key missing or wrong"),
}


@pytest.fixture
def guarded(home, make_pool):
    home.env["E2E_ALLOW"] = "192.0.2.0/24, 2001:db8::/32"
    return make_pool("token")


def test_guard(home, guarded, issuer):
    seen = set()
    for name, (how, error) in REFUSED.items():
        home.log.mark()
        for answer in (ask(guarded, **how), as_cgi(home, **how)):
            assert answer.status == 403, name
            seen.add((answer.body, *sorted(answer.headers.items())))
        assert {r["error"] for r in home.log.wait(2, what="request")} == {error}, name
    assert len(seen) == 1, seen
    assert not issuer.calls and not home.query("SELECT address FROM handed UNION "
                                               "SELECT appid FROM token")
    for how in (dict(), dict(REMOTE_ADDR="2001:db8:1::9"), dict(REMOTE_ADDR="::ffff:192.0.2.9"),
                dict(HTTP_AUTHORIZATION=None, query="x=1&key=" + quote(KEY, safe=""))):
        token_of(ask(guarded, **how))
    for method in ("POST", "PUT"):
        answer = ask(guarded, REQUEST_METHOD=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = ask(guarded, REQUEST_METHOD="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_refusals_take_the_same_time(guarded):
    """Medians of turns that they take."""
    ask(guarded)
    took = {name: [] for name in REFUSED}
    for turn in range(150):
        for n, (name, (how, _)) in enumerate(REFUSED.items()):
            # Of one address only some wrong keys are looked at.
            peer = f"192.0.3.{turn}" if how.get("REMOTE_ADDR") == "192.0.3.1" else \
                how.get("REMOTE_ADDR", f"2001:db8:{turn + 1:x}:{n:x}::1")
            request = fcgi.request(params(**{**how, "REMOTE_ADDR": peer}))
            with guarded.connect() as c:
                begin = time.perf_counter()
                assert c.send(request).answer().status == 403
                took[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(t) for name, t in took.items()}
    assert max(medians.values()) < 2 * min(medians.values()), medians


def test_where_there_is_none(home):
    """Without a key nobody is served, and nobody learns which accounts there are."""
    home.env["E2E_KEY"] = ""
    bodies = {(a.status, a.body) for a in (
        as_cgi(home), as_cgi(home, path="/qtoa/nobody/access_token"),
        as_cgi(home, path="/qtoa/access_token"), as_cgi(home, path="/access_token"),
        as_cgi(home, path="/qtoa/safe/access_token/"))}
    assert bodies == {(404, b"not accepted\n")}
    # The log says what an operator may have forgotten.
    assert ".control_key and .secret" in home.log.lines()[0]["hint"]


def test_not_too_often(home, make_pool, issuer):
    """Five a minute for an address, from all processes; a flood writes nothing."""
    pools = [make_pool("legacy") for _ in range(2)]

    def flood(n, **how):
        with ThreadPoolExecutor(8) as crowd:
            return list(crowd.map(lambda i: ask(pools[i % 2], **how) if i % 5 else
                                  as_cgi(home, "legacy", **how), range(n)))

    def in_a_minute():
        minute = int(time.time()) // 60
        answers = flood(60)
        return answers if int(time.time()) // 60 == minute else None

    while not (answers := in_a_minute()):
        store(home, "DELETE FROM handed")
    assert sorted({a.status for a in answers}) == [200, 429]
    assert sum(a.status == 200 for a in answers) == 5
    for a in answers:
        if a.status == 429:
            assert 1 <= int(a.headers["retry-after"]) <= 60
            assert json.loads(a.body) == {"error": "asked too often"}
    before = (home.state / "qtoa.db-wal").stat().st_mtime_ns
    if any(a.status == 200 for a in flood(60)):     # the minute was over
        return
    assert (home.state / "qtoa.db-wal").stat().st_mtime_ns == before
    assert ask(pools[0], REMOTE_ADDR="192.0.2.77").status == 200
    store(home, "UPDATE handed SET minute = minute - 1")
    assert ask(pools[0]).status == 200
    assert len(issuer.calls) == 1


@pytest.mark.parametrize("kind", fronts.WAYS)
def test_behind_a_server(kind, qt, wx, authority):
    """The key comes through in the header and in the query; an address cannot be forged."""
    front = fronts.Front(kind, qt.url, authority.file, "token",
                         env={**wx.env(), **ENV, "E2E_ALLOW": "::1, 127.0.0.0/8"})
    try:
        def get(headers=(), query=""):
            return front.request("GET", PATH + query, headers=headers)

        token = token_of(get([("Authorization", f"Bearer {KEY}")]))
        assert token == token_of(get(query="?key=" + quote(KEY, safe="")))
        for headers in ((), [("Authorization", "Bearer x")], [("Authorization", f"Basic {KEY}")]):
            assert get(headers).status == 403
        assert get([("Authorization", f"Bearer {KEY}"),
                    ("X-Forwarded-For", "203.0.113.9")]).status == 403
        assert not wx.secrets_in(front.log.text()) and KEY not in front.log.text()
        front.check()
    finally:
        front.stop()


# The verb.

def test_verb(home, issuer):
    for name in ("safe", "safe"):
        code, out, err = run(home, "token", name, variant="token")
        assert (code, err) == (0, "") and out == issuer.stable[SAFE.appid].current + "\n"
    assert len(issuer.calls) == 1
    both_pass(home, issuer, 100)
    code, out, err = run(home, "token", "--age", "safe", variant="token")
    age, left = map(int, re.fullmatch(r"age (\d+) s, (\d+) s left\n", out).groups())
    assert 100 <= age <= 130 and age + left in (7199, 7200) and (code, err) == (0, "")
    code, out, err = run(home, "token", "safe", "--refresh", variant="token")
    assert (code, out) == (0, issuer.stable[SAFE.appid].current + "\n")
    assert err == ("qtoa: safe: WeChat has given a new access_token; the old one is no longer valid\n")
    assert issuer.calls[-1] == (SAFE.appid, "stable", True)
    code, out, err = run(home, "token", "safe", "--refresh", variant="token")
    assert (code, out) == (1, "") and "WeChat wants 30 s between two" in err
    assert len(issuer.calls) == 2
    # What it got is what all have.
    assert token_of(as_cgi(home)) == issuer.stable[SAFE.appid].current


def test_verb_the_older_way(home, issuer):
    first = run(home, "token", "safe", variant="legacy")[1]
    code, out, err = run(home, "token", "safe", "--refresh", variant="legacy")
    assert code == 0 and out != first and "stays valid for some minutes" in err
    assert issuer.judge(first.strip()) == 0


def test_verb_refused(home, issuer):
    for args in ((), ("--age",), ("safe", "plain"), ("safe", "--what")):
        code, out, err = run(home, "token", *args, variant="token")
        assert (code, out) == (2, "") and err.startswith("usage: qtoa token "), args
    code, out, err = run(home, "token", "nobody", variant="token")
    assert (code, out) == (1, "") and 'no account has the .path or .name "nobody"' in err
    issuer.listed = False
    code, out, err = run(home, "token", "safe", variant="token")
    assert (code, out) == (1, "") and "invalid ip 192.0.2.7" in err
    issuer.listed = True
    # Whoever has put it on the list need not wait.
    assert run(home, "token", "safe", variant="token")[0] == 1
    assert run(home, "token", "safe", "--refresh", variant="token")[0] == 0
    code, out, err = run(home, "token", "safe", variant="main")
    assert (code, out) == (1, "") and "the account has no secret (AppSecret)" in err


def test_wrong_keys_are_limited(make_pool, home):
    """Ten a minute from an address; others, and other accounts, are not concerned."""
    pool = make_pool("token")
    wrong = {"HTTP_AUTHORIZATION": "Bearer wrong" + KEY}
    bad, good = "198.51.100.7", "198.51.100.8"
    other = "/qtoa/plain/access_token"
    for _ in range(10):
        assert ask(pool, REMOTE_ADDR=bad, **wrong).status == 403
    for more in (wrong, {}, {"HTTP_AUTHORIZATION": None}):
        for peer in (bad, f"::ffff:{bad}"):
            answer = ask(pool, REMOTE_ADDR=peer, **more)
            assert (answer.status, answer.body) == (429, b"not accepted\n")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    line = pool.log.wait(6, error="asked too often")[-1]
    assert (line["detail"], line["peer"]) == ("too many wrong keys", f"::ffff:{bad}")
    token_of(ask(pool, REMOTE_ADDR=good))
    token_of(ask(pool, REMOTE_ADDR=bad, path=other))
    # What a client says of its address does not help it.
    for header in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"):
        assert ask(pool, REMOTE_ADDR=bad, **{header: "198.51.100.9"}).status == 429
    for n in range(3):      # one customer's network
        for _ in range(4):
            ask(pool, REMOTE_ADDR=f"2001:db8:7::{n + 1:x}", **wrong)
    assert ask(pool, REMOTE_ADDR="2001:db8:7::99").status == 429
    token_of(ask(pool, REMOTE_ADDR="2001:db8:8::99"))


def test_a_proxy_hides_its_client(home):
    """An address in .control_allow that passes on the requests of others does not count."""
    home.env["E2E_ALLOW"] = "127.0.0.1"
    token_of(as_cgi(home, REMOTE_ADDR="127.0.0.1"))
    home.log.mark()
    for header in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_CF_CONNECTING_IP", "HTTP_VIA"):
        assert as_cgi(home, REMOTE_ADDR="127.0.0.1", **{header: "127.0.0.1"}).status == 403
    assert all("trusted_proxies" in r["hint"] for r in home.log.wait(4, status=403))
