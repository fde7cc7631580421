"""`qtoa followers` against a WeChat with quotas, faults and pages; kill -9 at any call.
FANS is the number of followers: `make followers` takes 1,234,567."""

import contextlib
import csv
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from datetime import datetime, timedelta

import pytest

import fansapi
import program
import qt as qt_side
import wechat
from cubeapi import Broken, refusal
from fansapi import INFO, LIST, info, least_calls, openid
from patience import PATIENCE_S
from test_datacube import CHINA, environment
from wechat import SAFE

FANS = int(os.environ.get("FANS", 23456))
KILLS = 12
COLUMNS = ("openid, unionid, subscribe_time, scene, qr_scene, qr_scene_str, language, remark, "
           "tags")


@pytest.fixture(scope="module")
def running_api(tmp_path_factory):
    server = fansapi.FansAPI(tmp_path_factory.mktemp("wechat"), None)
    yield server
    server.stop()


@pytest.fixture
def api(running_api):
    running_api.reset()
    yield running_api
    assert not running_api.problems


@pytest.fixture
def site(api):
    home = program.Home("http://127.0.0.1:1/", ca_file=api.authority.file)
    home.env["E2E_WECHAT_API"] = api.url
    yield home
    home.remove()


def start(home, *args, env=None):
    return subprocess.Popen([program.binary("cube"), "followers", *args],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=env or home.env)


def run(home, *args, code=0, says="", env=None):
    proc = start(home, *args, env=env)
    out, err = (text.decode() for text in proc.communicate(timeout=3600))
    assert proc.returncode == code and (says in err if says else err == ""), (out, err)
    return out


def pull(home, api, *args, **how):
    """How many calls WeChat saw, and what the program says."""
    before = len(api.calls)
    out = run(home, "pull", *args, **how)
    return len(api.calls) - before, out


def each_row(home, where="gone_at IS NULL"):
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db:
        db.row_factory = sqlite3.Row
        yield from map(dict, db.execute(f"SELECT {COLUMNS} FROM follower WHERE appid = ? "
                                        f"AND {where} ORDER BY openid", (SAFE.appid,)))


def rows(home, where="gone_at IS NULL"):
    return list(each_row(home, where))


def compare(home, api):
    """All who follow are there once, as WeChat knows them."""
    found = each_row(home)
    for o in sorted(map(openid, api.order)):
        assert next(found) == fansapi.row(api.tell(api.numbers[o]))
    assert next(found, None) is None


def test_pull(api, site):
    """The least calls; the second pull asks only about those who have come since."""
    api.follow(*range(FANS))
    api.names_last = False
    assert pull(site, api)[0] == least_calls(FANS)
    compare(site, api)
    assert api.quotas == [LIST, INFO]
    api.follow(*range(FANS, FANS + 150))
    api.unfollow(3, 50, FANS - 1)
    calls, out = pull(site, api, "safe")
    assert calls == least_calls(len(api.order), 150)
    assert f"pulled: {len(api.order)} followers, 150 new, 0 back, 3 gone; asked about 150, 0 left" \
        in out
    compare(site, api)
    assert [r["openid"] for r in rows(site, "gone_at IS NOT NULL")] == \
        sorted(openid(n) for n in (3, 50, FANS - 1))
    assert set(api.asked.values()) == {1}
    api.follow(50)
    assert "1 back, 0 gone; asked about 1," in pull(site, api)[1]
    compare(site, api)


@pytest.mark.parametrize("n", (0, 1, 100, 9999, 10000, 10001))
def test_sizes(api, site, n):
    """Around the size of a page; a last page that is full names a next one, which is empty."""
    api.follow(*range(n))
    more = 1 if n == 10000 else 0
    assert pull(site, api)[0] == least_calls(n) + more
    compare(site, api)
    api.names_last = False
    assert pull(site, api)[0] == least_calls(n, 0)


def test_memory(api, site):
    """It does not grow with the number of followers."""
    api.follow(*range(FANS))
    peaks = []

    def watch(number):
        with open(f"/proc/{proc.pid}/status", encoding="ascii") as f:
            peaks.append(int(next(line for line in f if line.startswith("VmHWM")).split()[1]))

    api.watch = watch
    proc = start(site, "pull")
    assert proc.communicate(timeout=3600)[1] == b""
    print(f"{FANS} followers: {peaks[-1]} KiB")
    assert program.SAN or peaks[-1] < 32 * 1024


def test_killed_with_faults(api, site):
    """kill -9 at many places while calls fail by chance: all are there once, and what is beyond
    the least calls are the faults, and one call at most for each kill."""
    api.follow(*range(FANS))
    api.faulty = 0.03
    dice = random.Random(KILLS)
    left = sorted(dice.sample(range(2, least_calls(FANS)), KILLS))

    def watch(number):
        if left and number >= left[0]:
            left.pop(0)
            proc.send_signal(signal.SIGKILL)

    api.watch = watch
    for _ in range(KILLS):
        proc = start(site, "pull")
        out, err = proc.communicate(timeout=3600)
        assert proc.returncode == -signal.SIGKILL, (out, err)
    pull(site, api)
    least = least_calls(FANS)
    good = sum(api.good.values())
    print(f"{FANS} followers: {len(api.calls)} calls, {good} answered, {least} are the least; "
          f"{KILLS} kills")
    assert least <= good <= least + KILLS
    compare(site, api)
    assert site.query("SELECT count(*) FROM follower")[0][0] == FANS


def test_faults_one_by_one(api, site):
    """Each fault costs the call that it hits, and no more."""
    api.follow(*range(250))
    api.faults = [refusal(-1), None, refusal(40001, "invalid credential"), Broken(502, b"x"), None,
                  Broken(200, b"{}"[:1], 5), refusal(-1), None]
    calls, _ = pull(site, api)
    assert calls == least_calls(250) + 5
    compare(site, api)


@pytest.mark.parametrize("answer, says", (
    (refusal(40013, "invalid appid"), "40013"), (refusal(40164, "invalid ip 192.0.2.7"), "40164"),
    ({"errcode": 0, "total": 5}, "no list"), ({}, "no list"),
    ({"total": 5, "count": 0, "next_openid": ""}, "ended after 0 of 5"),
    ({"total": 500, "count": 1, "data": {"openid": [openid(0)]}, "next_openid": ""}, "1 of 500")))
def test_list_refused(api, site, answer, says):
    """Nobody is gone because of a list that is none."""
    api.follow(*range(5))
    pull(site, api)
    api.faults = [answer]
    assert pull(site, api, code=1, says=says)[0] == 1
    compare(site, api)
    assert pull(site, api)[0] == least_calls(5, 0)
    compare(site, api)


def test_quota(api, site):
    """A tenth of the day's calls is left to others; the next day goes on."""
    api.follow(*range(2500))
    api.limit[INFO] = 20
    api.left[INFO] = 12
    calls, out = pull(site, api, code=1, says="used up but for a tenth")
    assert calls == 1 + 10 and "asked about 1000, 1500 left" in out
    assert pull(site, api, code=1, says="used up but for a tenth")[0] == 0
    api.left[INFO] = 20
    assert pull(site, api)[0] == 15
    compare(site, api)


def test_quota_refused(api, site):
    """45009: nothing more is asked on this day in China, unless --retry says so."""
    api.follow(*range(250))
    api.faults = [None, None, refusal(45009, "reach max api daily quota limit")]
    assert pull(site, api, code=1, says="nobody is asked before tomorrow")[0] == 3
    quotas = len(api.quotas)
    assert pull(site, api, code=1, says="errcode 45009")[0] == 0 and len(api.quotas) == quotas
    assert pull(site, api, "--retry")[0] == 2
    compare(site, api)


def test_not_allowed(api, site):
    api.follow(*range(5))
    api.off = True
    assert pull(site, api, code=1, says="nobody is asked for 7 days")[0] == 1
    assert pull(site, api, code=1, says="errcode 48001")[0] == 0
    assert "WeChat refuses (48001)" in run(site, "show")


def test_one_user_spoils_a_call(api, site):
    """WeChat refuses a call because of one openid: the others are told about all the same."""
    api.follow(*range(100))
    api.unknown = {openid(37)}
    calls, out = pull(site, api)
    assert "asked about 99, 0 left" in out and calls <= 1 + 2 * 8
    assert [r["openid"] for r in rows(site, "scene IS NULL")] == [openid(37)]
    assert pull(site, api)[0] == 1


def test_age(api, site):
    """What has changed of a user is seen when WeChat is asked again: after --older days."""
    api.follow(*range(120))
    pull(site, api)
    api.changed[7] = {"remark": "new", "tagid_list": [2, 128, 3]}
    later = environment(site, datetime.now(CHINA) + timedelta(days=10))
    assert pull(site, api, env=later)[0] == 1
    assert pull(site, api, "--older", "7", env=later)[0] == least_calls(120)
    compare(site, api)
    api.changed[8] = {"remark": "newer"}
    assert pull(site, api, "--all")[0] == least_calls(120)
    compare(site, api)


def test_one_process(api, site):
    """A second pull at the same time waits a while, and then does nothing."""
    api.follow(*range(1000))
    second = []

    def watch(number):
        if number == 3:
            second.append(start(site, "pull").communicate(timeout=60))

    api.watch = watch
    assert pull(site, api)[0] == least_calls(1000)
    assert b"another process" in second[0][1]


def test_show_and_export(api, site):
    assert "nothing is stored yet" in run(site, "show")
    api.follow(*range(1000))
    pull(site, api)
    shown = json.loads(run(site, "show", "--json"))
    account, = shown["accounts"]
    assert (account["followers"], account["stored"], account["difference"]) == (1000, 1000, 1000)
    assert sum(r["followers"] for r in shown["scenes"]) == 1000
    assert {r["tag"]: r["followers"] for r in shown["tags"]} == {2: 200, 128: 200}
    assert "ADD_SCENE_QR_CODE" in run(site, "show", "safe")
    found = list(csv.DictReader(io.StringIO(run(site, "export", "safe"))))
    assert sorted(r["openid"] for r in found) == sorted(map(openid, range(1000)))
    lines = [json.loads(line) for line in run(site, "export", "safe", "--json").splitlines()]
    assert {line["openid"]: line["scene"] for line in lines} == \
        {r["openid"]: r["scene"] for r in found}
    api.unfollow(5)
    pull(site, api)
    assert len(run(site, "export", "safe", "--json").splitlines()) == 999
    assert len(run(site, "export", "safe", "--json", "--gone").splitlines()) == 1000


#
# New followers, while messages are forwarded.
#

@pytest.fixture
def fans_qt():
    qt = qt_side.QT([SAFE])
    yield qt
    qt.stop()


@pytest.fixture
def fans_pool(api, fans_qt):
    home = program.Home(fans_qt.url, ca_file=api.authority.file)
    home.env["E2E_WECHAT_API"] = api.url
    pool = program.Pool(home, "fans")
    yield pool
    pool.stop()
    home.remove()


def turn(pool, n, event):
    """WeChat tells that this follower has come, or has gone."""
    pushed = wechat.push(SAFE, (
        f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{openid(n)}]]>"
        f"</FromUserName><CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[event]]>"
        f"</MsgType><Event><![CDATA[{event}]]></Event><EventKey></EventKey></xml>").encode())
    assert pool.push(SAFE, pushed).body == b"success"


def test_new_followers(api, fans_pool):
    """WeChat is asked about them in the background, many in a call; their events, counted under
    the openid, become those of the UnionID."""
    api.follow(1, 2, 3)
    fans_pool.signal(signal.SIGSTOP)
    fans_pool.signal(signal.SIGCONT)
    for n in (1, 2, 3):
        turn(fans_pool, n, "subscribe")
    home = fans_pool.home
    program.until(lambda: len(home.query("SELECT 1 FROM follower WHERE scene IS NOT NULL")) == 3,
                  "three that WeChat has told about")
    assert sorted(r["device"] for r in home.query("SELECT device FROM device")) == \
        sorted(info(n)["unionid"] for n in (1, 2, 3))
    assert len(api.calls) <= 2 and set(api.calls) == {INFO}
    turn(fans_pool, 2, "unsubscribe")
    program.until(lambda: home.query("SELECT 1 FROM follower WHERE gone_at IS NOT NULL"),
                  "one who is gone")
    shown = json.loads(run_fans(home, "show", "--json"))["accounts"][0]
    assert (shown["stored"], shown["by_events"], shown["unfollows_unheard"]) == (2, 2, 0)


def test_unheard(api, fans_pool):
    """A second reconcile: follows and unfollows that never came as events."""
    home = fans_pool.home
    for n in (1, 2):
        api.follow(n)
        turn(fans_pool, n, "subscribe")
    program.until(lambda: len(home.query("SELECT 1 FROM event")) == 2, "two events")
    api.follow(5)
    api.changed[5] = {"subscribe_time": int(time.time()) + 90}
    run_fans(home, "pull")
    api.unfollow(1)
    # Who has come a moment ago may miss in a list.
    later = environment(home, datetime.now(CHINA) + timedelta(hours=1))
    run_fans(home, "pull", env=later)
    shown = json.loads(run_fans(home, "show", "--json"))["accounts"][0]
    assert shown["followers"] == shown["stored"] == 2 and shown["by_events"] == 2
    assert (shown["follows_unheard"], shown["unfollows_unheard"]) == (1, 1)


def test_a_silent_wechat(api, fans_pool, fans_qt):
    """WeChat is asked about a follower and says nothing; meanwhile the queue goes out."""
    asked, over = threading.Event(), threading.Event()

    def hold(_):
        asked.set()
        over.wait(PATIENCE_S)

    api.watch = hold
    api.follow(1, 2)
    turn(fans_pool, 1, "subscribe")
    assert asked.wait(PATIENCE_S)
    fans_qt.behave = qt_side.answering(503, "<html>")
    before = len(fans_qt.received)
    turn(fans_pool, 2, "subscribe")
    fans_qt.behave = qt_side.genuine
    again = fans_qt.wait(before + 2)[-1]
    assert "followers" not in [r["what"] for r in fans_pool.log.lines()]    # it waits for WeChat
    program.until(lambda: again.confirmed, "the queue goes out")
    over.set()


def run_fans(home, *args, env=None):
    done = subprocess.run([program.binary("fans"), "followers", *args], capture_output=True,
                          env=env or home.env, timeout=60, check=True)
    return done.stdout


@pytest.mark.parametrize("args", (
    ("pull", "--older", "0"), ("pull", "--older"), ("pull", "--older", "x"), ("export",), ("pull", "nobody"),
    ("show", "--all"), ("pull", "--json"), ("eat",), ()))
def test_usage(site, args):
    run(site, *args, code=2, says="qtoa")
