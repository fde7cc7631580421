"""Alerts: each change of health is told once, by whichever process; a receiver that is dead or
silent keeps nobody waiting; the summary of a week; `qtoa alert`."""

import datetime
import json
import re
import time

import pytest

import fcgi
import program
import proxy as proxy_side
import qt as qt_side
import wechat
from program import until
from receiver import Receiver, Robot
from test_cli import run
from wechat import PLAIN, SAFE

FAILS = 5       # that open a breaker
CHINA = datetime.timezone(datetime.timedelta(hours=8))
MONDAY = datetime.datetime(2027, 3, 8, tzinfo=CHINA)


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.stop()


@pytest.fixture
def home(home, receiver):
    """The key in the receiver's address is never told."""
    home.env.update(E2E_ALERT_URL=receiver.url, E2E_ALERT_SECRET="", E2E_PROXY="")
    yield home
    assert "hushAlertKey" not in home.log.text()


def push(pool, account=SAFE):
    assert pool.push(account, wechat.push(account, wechat.text_message())).body == b"success"


def break_qt(pool, qt):
    qt.behave = qt_side.answering(500, "<html>")
    for _ in range(FAILS):
        push(pool)


def looks(home, n):
    """Waits until the processes have looked at the state n times more."""
    def looked():
        file = home.state / "qtoa.alerts"
        return file.read_bytes()[:8] if file.exists() else b""

    for _ in range(n):
        before = looked()
        until(lambda: looked() != before, "a look")


def test_each_change_once(home, make_pool, qt, receiver):
    """Of three processes; one of them starts again in between."""
    pools = [make_pool("alert") for _ in range(3)]
    until((home.state / "qtoa.alerts").exists, "a first look")
    break_qt(pools[0], qt)
    down = until(receiver.health, "the breaker is told")[0]
    assert (down["status"], down["sign"], down["missed"]) == ("failing", "breaker", 0)
    assert [(c["account"], c["sign"], c["state"], c["level"]) for c in down["changes"]] == [
        (a, "breaker", "begun", "problem") for a in ("safe", "plain")]
    assert down["text"].startswith(f"qtoa on {down['host']}: there is a problem\n✘ safe: QT has ")
    pools[1].stop()
    pools.append(make_pool("alert"))
    looks(home, 6)
    qt.behave = qt_side.genuine
    up = until(lambda: receiver.health()[1:], "that it is over is told")[0]
    assert up["status"] == "ok" and up["id"] != down["id"]
    assert [(c["account"], c["sign"], c["state"]) for c in up["changes"]] == [
        (a, "breaker", "over") for a in ("safe", "plain")]
    looks(home, 6)
    assert len(receiver.messages) == 2
    with pools[0].connect() as c:
        page = c.send(fcgi.request(fcgi.cgi("GET", "/qtoa/-/metrics", REMOTE_ADDR="127.0.0.1")))
        assert b"\nqtoa_alerts_sent_total 2\n" in page.answer().body


@pytest.mark.parametrize("how", ("dead", "silent", "refusing"))
def test_bad_receiver(home, make_pool, qt, receiver, how):
    """Nothing waits for it, nothing grows, and the program stops at once."""
    if how == "dead":
        home.env["E2E_ALERT_URL"] = "http://127.0.0.1:9/hook?key=hushAlertKey"
    receiver.answer = None if how == "silent" else (500, b"")
    pool = make_pool("alert")
    break_qt(pool, qt)
    until(lambda: receiver.messages or "could not be sent" in home.log.text(), "a try")
    size = (home.state / "qtoa.alerts").stat().st_size
    times = []
    for _ in range(30):
        begin = time.monotonic()
        push(pool)
        times.append(time.monotonic() - begin)
    assert sorted(times)[len(times) // 2] < 1
    if how != "silent":         # it is still waited for, and nobody looks meanwhile
        looks(home, 3)
    assert (home.state / "qtoa.alerts").stat().st_size == size
    assert len(receiver.messages) <= 1          # the next try comes after a pause
    begin = time.monotonic()
    pool.stop()
    assert time.monotonic() - begin < 5         # it would wait for 10 s


def test_slow_receiver(home, make_pool, qt, receiver):
    """It takes its time, and gets each message once all the same."""
    receiver.delay = 2
    pool = make_pool("alert")
    make_pool("alert")
    break_qt(pool, qt)
    home.log.wait(what="alert", msg="sent a change of health")
    looks(home, 4)
    assert len(receiver.messages) == 1


def test_cgi(home, qt, receiver):
    """A CGI looks after its answer, and qtoa drain does."""
    def send():
        p = wechat.push(SAFE, wechat.text_message())
        assert program.run_cgi(home, fcgi.push_params(p, "/qtoa/safe"), p.body or b"",
                               variant="alert").body == b"success"

    qt.behave = qt_side.answering(500, "<html>")
    for _ in range(FAILS):
        send()
    until(lambda: receiver.health() or send(), "told by a CGI")
    qt.behave = qt_side.genuine
    until(lambda: receiver.health()[1:] or run(home, "drain", variant="alert") and False,
          "told by qtoa drain")
    assert [m["status"] for m in receiver.health()] == ["failing", "ok"]


def test_week(home, make_pool, qt, receiver):
    """On Monday at nine: what came in the week, beside the week before."""
    def at(days, hour):
        when = MONDAY + datetime.timedelta(days=days, hours=hour)
        qt.ahead = when.timestamp() - time.time()
        return home.clock(qt.ahead)

    pool = make_pool("alert", env=at(-8, 20))
    push(pool)
    at(-7, 0.1)
    for account, n in ((SAFE, 3), (PLAIN, 1)):
        for _ in range(n):
            push(pool, account)
    at(-0.01, 0)
    push(pool, PLAIN)
    looks(home, 3)
    at(0, 8.9)
    looks(home, 3)
    assert not [m for m in receiver.messages if m.get("from") == "2027-03-01"]
    at(0, 9.1)
    week = until(lambda: [m for m in receiver.messages if m.get("from") == "2027-03-01"], "it")[0]
    assert (week["event"], week["to"]) == ("summary", "2027-03-07")
    numbers = {a["account"]: (a["week"]["received"], a["week"]["delivered"],
                              a["before"]["received"], a["last_push"]) for a in week["accounts"]}
    assert numbers == {"safe": (3, 3, 1, "2027-03-01T00:00+08:00"),
                       "plain": (2, 2, 0, "2027-03-07T23:00+08:00")}
    code, shown, err = run(home, "alert", "week", variant="alert", env=at(0, 9.2))
    assert (code, err) == (0, "") and week["text"].partition(": ")[2] == shown
    looks(home, 3)
    assert len([m for m in receiver.messages if m.get("from") == "2027-03-01"]) == 1


def test_verb(home, receiver):
    def test(url=None):
        return run(home, "alert", "test", variant="alert",
                   env={} if url is None else {"E2E_ALERT_URL": url})

    code, out, err = test()
    assert (code, err) == (0, "")
    assert re.fullmatch(r"webhook has taken the message: HTTP 200, \d+ ms\n", out)
    assert receiver.messages[0]["text"].endswith(": this is a test message")
    receiver.answer = (404, b"")
    assert test() == (1, "", "qtoa: settings.alert_url: the message was not taken: HTTP 404: "
                             "check the address\n")
    code, _, err = test("")
    assert code == 1 and "settings.alert_url is not set" in err
    code, _, err = test("http://alerts.example.com/?key=hushAlertKey")
    assert code == 1 and "settings.alert_url: must begin with https://" in err
    assert "hushAlertKey" not in err


ROBOTS = {
    "wecom": ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", "93000"),
    "dingtalk": ("https://oapi.dingtalk.com/robot/send?access_token=", "310000"),
    "feishu": ("https://open.feishu.cn/open-apis/bot/v2/hook/", "19021"),
}


@pytest.mark.parametrize("kind", ROBOTS)
def test_robots(home, tmp_path, kind):
    """Through a proxy that knows their names: a message that is taken, in Chinese; one that is not."""
    url, code = ROBOTS[kind]
    host = url.split("/")[2]
    authority = qt_side.Authority(tmp_path, "good")
    robot = Robot(kind, "hushAlertKey", None if kind == "wecom" else "SEChush/+=0123")
    server = Receiver(authority.context((host,)))
    server.answer = robot
    proxy = proxy_side.Proxy(hosts={f"{host}:443": server.server.server_address[1]})
    try:
        home.env.update(E2E_ALERT_URL=url + "hushAlertKey", E2E_PROXY=proxy.url(),
                        E2E_CA_FILE=str(authority.file), E2E_ALERT_SECRET=robot.secret or "")
        done, out, err = run(home, "alert", "test", variant="alert")
        assert (done, err) == (0, "") and " has taken the message: HTTP 200, " in out
        assert len(robot.said) == 1 and robot.said[0].endswith("）：这是一条测试消息")
        home.env.update({"E2E_ALERT_URL": url + "hushAlertKex"} if kind == "wecom" else
                        {"E2E_ALERT_SECRET": "SECwrong"})
        done, out, err = run(home, "alert", "test", variant="alert")
        assert (done, out) == (1, "") and f"errcode {code}: " in err and "hush" not in err
        assert len(robot.said) == 1
    finally:
        proxy.stop()
        server.stop()


def test_check(home, qt, receiver):
    """It asks the receiver nothing, and never shows the address whole."""
    def about():
        _, out, err = run(home, "check", "--json", variant="alert")
        assert "hushAlertKey" not in out + err
        return [(c["state"], c["text"]) for c in json.loads(out)["checks"]
                if c["subject"] == "settings.alert_url"]

    assert [state for state, _ in about()] == ["ok"] and not receiver.messages
    home.env["E2E_ALERT_URL"] = "http://127.0.0.1:9/hook?key=hushAlertKey"
    assert [(s, t.partition(": ")[0]) for s, t in about()] == [("failed", "http://127.0.0.1:9")]
    _, shown, _ = run(home, "config", variant="alert")
    assert "hushAlertKey" not in shown and "alert_url" in shown
    qt.reset()      # it was asked as nobody asks it who has a message
