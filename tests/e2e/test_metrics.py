"""/-/metrics: known numbers of requests of each kind through FastCGI pools and CGI runs that share
a state directory, against what a reader of its own finds in the page."""

import contextlib
import signal
import sqlite3
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import collector
import exposition
import fcgi
import program
import qt as qt_side
import test_tally
import wechat
from program import until
from wechat import ACCOUNTS, COMPATIBLE, PLAIN, SAFE

PATH = "/qtoa/-/metrics"
ALLOWED = "127.0.0.1"
USER = "oE2eMetricsUser00000000000001"
MENU = b"""<xml><ToUserName>gh</ToUserName><FromUserName>%s</FromUserName><CreateTime>%d</CreateTime>
<MsgType>event</MsgType><Event>CLICK</Event><EventKey>%d</EventKey></xml>"""


def get(peer=ALLOWED, path=PATH, method="GET"):
    return fcgi.cgi(method, path, REMOTE_ADDR=peer)


class Site:
    """Pools and CGI runs with one state directory, by turns."""

    def __init__(self, home, make_pool, pools=2):
        self.home = home
        self.pools = [make_pool() for _ in range(pools)]
        self.turn = 0
        self.pages = []

    def call(self, params, body=b""):
        self.turn += 1
        pool = self.turn % (len(self.pools) + 1)
        if pool == len(self.pools):
            return program.run_cgi(self.home, params, body)
        return fcgi.call(self.pools[pool].path, params, body)

    def push(self, account, push):
        return self.call(fcgi.push_params(push, f"/qtoa/{account.path}"), push.body or b"")

    def send(self, account, n, xml=None, **how):
        """Pushes of that many messages, which they are."""
        pushes = [wechat.push(account, xml(i) if xml else wechat.text_message(user=USER), **how)
                  for i in range(n)]
        return [(p, self.push(account, p)) for p in pushes]

    def page(self):
        answer = self.call(get())
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.pages.append(answer.body)
        return exposition.parse(answer.body)

    def kill(self, n):
        """And start it anew; who waits on the socket waits for that one."""
        pool = self.pools[n]
        pool.signal(signal.SIGKILL)
        pool.proc.wait()
        pool.start()


@pytest.fixture
def site(home, make_pool, qt):
    return Site(home, make_pool)


def counters(families):
    """Everything that may only grow."""
    return {key: value for f in families.values() if f.type != "gauge"
            for key, value in f.samples.items()}


def grown(before, after):
    """None has fallen, none has gone."""
    before, after = counters(before), counters(after)
    return set(before) <= set(after) and all(after[key] >= before[key] for key in before)


def by(families, name, label, account):
    """The numbers of an account that are not 0, by a label."""
    found = Counter()
    for (_, labels), value in families[name].samples.items():
        if dict(labels)["account"] == account and value:
            found[dict(labels)[label]] = value
    return dict(found)


def promtool(*args, text=None):
    done = subprocess.run(["promtool", *args], input=text, capture_output=True, timeout=60,
                          cwd=program.TOP)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def clean(page):
    assert promtool("check", "metrics", text=page) == ""


def test_every_account_from_the_start(site):
    families = site.page()
    clean(site.pages[0])
    for account in ACCOUNTS:
        assert ("qtoa_breaker_open", (("account", account.path),)) in \
            families["qtoa_breaker_open"].samples
        kinds = {dict(labels)["verdict"] for _, labels in
                 families["qtoa_requests_total"].samples if ("account", account.path) in labels}
        assert {"delivered", "queued", "dead", "repeat", "unsafe", "rejected"} <= kinds
    assert set(counters(families).values()) == {0}
    assert families["qtoa_store_writable"].of() == 1
    version = subprocess.run([program.binary("main"), "-V"], capture_output=True, text=True,
                             check=True).stdout.split()[-1]
    assert families["qtoa_build_info"].of(version=version) == 1
    assert grown(families, second := site.page())
    assert by(second, "qtoa_requests_total", "verdict", "-") == {"page": 1}


def answers(site, qt, expect):
    """Requests of each kind; expect is what they are to be counted as, by account."""
    def some(account, verdict, n, **how):
        expect[account.path][verdict] += n
        return site.send(account, n, **how)

    for account, n in ((SAFE, 7), (PLAIN, 3), (COMPATIBLE, 2)):
        sent = some(account, "delivered", n)
        assert {a.body for _, a in sent} == {b"success"}
    for push, _ in sent:
        assert site.push(COMPATIBLE, push).body == b"success"
        expect["compatible"]["repeat"] += 1
    some(PLAIN, "delivered", 4, xml=lambda i: MENU % (USER.encode(), 1700000000 + i, i))
    for _, answer in some(SAFE, "rejected", 3, token="wrong"):
        assert answer.status == 403
    for token, verdict in ((None, "handshake"), (None, "handshake"), ("wrong", "rejected")):
        site.push(SAFE, wechat.handshake(SAFE, token=token))
        expect["safe"][verdict] += 1
    posted = [collector.posted(COMPATIBLE, wechat.push(COMPATIBLE)) for _ in range(2)]
    for body in (*posted, posted[0]):
        site.call(fcgi.cgi("POST", qt_side.PATH, "", len(body)), body)
        expect["compatible"]["collect"] += 1
    site.call(fcgi.cgi("POST", qt_side.PATH, "", 1), b"{")
    site.call(get(peer="192.0.2.9"))
    site.call(get(path="/qtoa/nobody"))
    expect["-"].update(collect_refused=1, rejected=2)
    qt.behave = qt_side.code(108)
    some(COMPATIBLE, "dead", 2)


def drained(site, qt, expect):
    """What QT had no answer for waits; once it has, it goes.  So few that no breaker opens."""
    qt.behave = qt_side.answering(500, "<html>")
    site.send(SAFE, 2)
    expect["safe"]["queued"] += 2
    families = site.page()
    assert by(families, "qtoa_queue_messages", "state", "safe") == {"pending": 2}
    assert families["qtoa_queue_oldest_age_seconds"].of(account="safe", state="pending") > 0
    assert by(families, "qtoa_queue_messages", "state", "compatible") == {"dead": 2}
    qt.behave = qt_side.genuine
    until(lambda: site.page()["qtoa_drain_attempts_total"].of(outcome="delivered") == 2, "drained")
    assert by(site.page(), "qtoa_queue_messages", "state", "safe") == {}


def times_agree(site, families):
    """With those in the log: what it says of QT is exact, its end of a request a little earlier."""
    for account in ACCOUNTS:
        rows = [r for r in site.home.log.lines(0) if r["what"] == "request" and
                r["account"] == account.path]
        at_qt = [int(r.get("qt_ms", 0)) for r in rows if "qt_status" in r]
        waited = [int(r["ms"]) for r in rows if r["verdict"] in
                  ("delivered", "queued", "dead", "repeat")]
        forward = families["qtoa_forward_duration_seconds"]
        assert forward.of("_count", account=account.path) == len(at_qt)
        assert forward.of("_sum", account=account.path) == pytest.approx(sum(at_qt) / 1000)
        assert forward.of("_bucket", account=account.path, le="0.04") == sum(
            ms < 40 for ms in at_qt)
        request = families["qtoa_request_duration_seconds"]
        assert request.of("_count", account=account.path) == len(waited)
        assert request.of("_sum", account=account.path) >= sum(waited) / 1000 - 1e-6


def test_each_kind(site, qt):
    expect = {name: Counter() for name in ("safe", "plain", "compatible", "-")}
    before = site.page()
    answers(site, qt, expect)
    drained(site, qt, expect)
    expect["-"]["page"] = len(site.pages)
    families = site.page()
    clean(site.pages[-1])
    assert grown(before, families)
    for account, counts in expect.items():
        assert by(families, "qtoa_requests_total", "verdict", account) == dict(counts), account
    assert by(families, "qtoa_refused_total", "reason", "safe") == {"signature": 4}
    assert by(families, "qtoa_refused_total", "reason", "-") == {"address": 1, "path": 1}
    assert by(families, "qtoa_events_total", "event", "safe") == {"$$_receive_msg": 9}
    assert by(families, "qtoa_events_total", "event", "plain") == {"$$_receive_msg": 3,
                                                                   "$$_menu_click": 4}
    assert by(families, "qtoa_events_total", "event", "compatible") == {"$$_receive_msg": 4}
    assert families["qtoa_repeats_total"].of() == 2
    assert families["qtoa_store_errors_total"].of() == 0
    assert by(families, "qtoa_drain_attempts_total", "outcome", "safe") == {
        "delivered": 2, **failed_attempts(site)}
    times_agree(site, families)


def failed_attempts(site):
    n = sum(r["what"] == "drain" and r["verdict"] == "queued" for r in site.home.log.lines(0))
    return {"failed": n} if n else {}


def test_says_nothing_of_users_nor_secrets(site):
    site.send(SAFE, 1)
    site.send(PLAIN, 1)
    page = site.call(get()).body.decode()
    for account in ACCOUNTS:
        for secret in (account.token, account.key, account.old_key, account.app_key,
                       account.service_id, account.service_secret, account.appid):
            assert not secret or secret not in page
    assert USER not in page and "openid" not in page


def test_who_may_see(site):
    for peer in ("192.0.2.1", "::1.2", "", "127.0.0.1, 192.0.2.1"):
        answer = site.call(get(peer))
        assert (answer.status, answer.body) == (403, b"not accepted\n"), peer
    answer = site.call(get(method="POST"))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert site.call(get()).status == 200


def test_never_falls(site):
    """However processes end, and while many count."""
    stop, sent = threading.Event(), Counter()

    def count(n):
        while not stop.is_set():
            with contextlib.suppress(OSError, AssertionError):
                sent[n] += site.pools[1].push(PLAIN, wechat.push(PLAIN)).body == b"success"

    pages = [site.page()]
    with ThreadPoolExecutor(3) as crew:
        for n in range(3):
            crew.submit(count, n)
        try:
            for _ in range(3):
                until(lambda: site.pools[1].push(PLAIN, wechat.push(PLAIN)).status, "an answer")
                pages.append(exposition.parse(program.run_cgi(site.home, get()).body))
                site.kill(1)
                pages.append(exposition.parse(program.run_cgi(site.home, get()).body))
        finally:
            stop.set()
    pages.append(site.page())
    assert all(grown(a, b) for a, b in zip(pages, pages[1:]))
    delivered = pages[-1]["qtoa_requests_total"].of(account="plain", verdict="delivered")
    assert delivered >= sum(sent.values()) > 0
    for n in range(2):
        site.kill(n)
    assert grown(pages[-1], last := site.page())
    assert last["qtoa_requests_total"].of(account="plain", verdict="delivered") == delivered


def test_of_an_installation_before(site):
    """The day files of a qtoa that had no totals: nothing of them is missing, or twice."""
    site.send(SAFE, 4)
    site.send(PLAIN, 2, token="wrong")
    before = site.page()
    for n in range(2):
        site.kill(n)
    (site.home.state / "qtoa.tally-total").unlink()
    for _ in range(3):
        after = site.page()
        for name in ("qtoa_refused_total", "qtoa_forward_duration_seconds"):
            assert after[name].samples == before[name].samples
        assert by(after, "qtoa_requests_total", "verdict", "safe") == {"delivered": 4}
        assert by(after, "qtoa_requests_total", "verdict", "-") == {"page": len(site.pages) - 1}


def test_store_errors(home, make_pool, qt):
    """Somebody holds the store while QT takes what waited: that cannot be noted."""
    site = Site(home, make_pool, pools=1)
    qt.behave = qt_side.answering(500, "<html>")
    assert site.pools[0].push(SAFE, wechat.push(SAFE)).body == b"success"
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db:
        db.execute("BEGIN IMMEDIATE")
        qt.behave = qt_side.genuine
        until(lambda: test_tally.Tally(home).of_all("unsettled"), "it could not be noted")
        db.rollback()
    until(lambda: site.page()["qtoa_drain_attempts_total"].of(outcome="delivered") == 1, "drained")
    errors = site.page()["qtoa_store_errors_total"]
    assert errors.of(account="safe") == errors.of() >= 1


# What is shipped, and what other tests are made of.

def test_golden_page():
    page = (program.TOP / "tests/vectors/metrics.txt").read_bytes()
    clean(page)
    assert exposition.parse(page)["qtoa_account_stopped"].of(account='\u65b0 "\\\n\ufffd\ufffd!') == 1
