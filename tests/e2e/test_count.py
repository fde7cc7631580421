"""The forwarder counts what it acknowledges, as the collector counts what is posted to it."""

import json
import signal
import subprocess

import pytest

import collector
import fcgi
import program
import wechat
from wechat import PLAIN, SAFE

ACCOUNTS = (SAFE, PLAIN)


def pushes(n, account=SAFE):
    return [wechat.push(account, wechat.text_message(f"{i}")) for i in range(n)]


def events(home):
    """Without the time of receipt, by content."""
    return sorted(tuple(row[k] for k in row.keys() if k != "received")
                  for row in home.query(collector.COUNTED))


def counted(home, n):
    program.until(lambda: len(events(home)) >= n, f"{n} events")
    return events(home)


def files(home):
    return [f.name for f in home.state.iterdir() if f.name.startswith("qtoa.arrivals")]


def run(home, *args):
    done = subprocess.run([program.binary("counting"), *args], capture_output=True, env=home.env,
                          timeout=60, check=True)
    return done.stdout


def test_as_the_collector_counts(home, make_pool, qt):
    """The same messages, forwarded and posted: the same rows."""
    pool = make_pool("counting")
    sent = [(a, p) for a in ACCOUNTS for p in pushes(3, a)]
    for account, push in sent:
        assert pool.push(account, push).body == b"success"
        assert pool.push(account, push).body == b"success"      # WeChat repeats it
    forwarded = counted(home, len(sent))
    other = program.Home(qt.url)
    try:
        for account, push in sent:
            collector.as_cgi(other).answers(collector.posted(account, push), 200)
        assert forwarded == events(other) and len(forwarded) == len(sent)
    finally:
        other.remove()
    program.until(lambda: files(home) == [], "no file that waits")


def test_beside_the_collector(home, make_pool):
    """QT is the collector of this host: each message is counted once, by one of them."""
    pool = make_pool("beside", env={"QTOA_QT_URL": "http://127.0.0.1:1/"})
    sent = pushes(3)
    for push in sent:
        assert pool.push(SAFE, push).body == b"success"
        collector.behind(pool).answers(collector.posted(SAFE, push), 200)
    assert len(counted(home, 3)) == 3
    program.until(lambda: files(home) == [], "no file that waits")
    assert len(events(home)) == 3


def test_killed(home, make_pool, qt):
    """What the process has acknowledged is counted by the next one."""
    pool = make_pool("counting")
    sent = pushes(4)
    for push in sent:
        assert pool.push(SAFE, push).body == b"success"
        pool.signal(signal.SIGSTOP)
        pool.signal(signal.SIGCONT)
    pool.signal(signal.SIGKILL)
    pool.proc.wait()
    pool.exits.add(-signal.SIGKILL)
    pool.start("counting")
    assert len(counted(home, len(sent))) == len(sent)


def test_cgi(home, qt):
    """Runs of CGI share a file; `qtoa drain` and the report count what is in it."""
    sent = pushes(3)
    for push in sent:
        params = fcgi.push_params(push, "/qtoa/safe")
        assert program.run_cgi(home, params, push.body, "counting").body == b"success"
    assert len(files(home)) == 1 and events(home) == []
    out = run(home, "report", "days", "--json")
    assert [row["events"] for row in json.loads(out)] == [len(sent)]
    assert files(home) == []


def test_qt_is_down(home, make_pool):
    """What waits for QT is acknowledged, so it counts."""
    pool = make_pool("counting", env={"QTOA_QT_URL": "http://127.0.0.1:1/"})
    for push in pushes(3):
        assert pool.push(SAFE, push).body == b"success"
    assert len(counted(home, 3)) == 3


@pytest.mark.parametrize("how", ("forged", "text"))
def test_what_does_not_count(home, make_pool, qt, how):
    """A push that is refused, and text that is no message."""
    pool = make_pool("counting")
    if how == "forged":
        _, push, _ = wechat.refused_pushes(SAFE)[0]
        assert pool.push(SAFE, push).status == 403
    else:
        assert pool.push(PLAIN, wechat.push(PLAIN, b"no XML")).body == b"success"
    assert pool.push(SAFE, pushes(1)[0]).body == b"success"
    assert len(counted(home, 1)) == 1
