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
from datetime import datetime, timedelta

import pytest

import fansapi
import program
from cubeapi import Broken, refusal
from fansapi import BATCH, INFO, LIST, info, least_calls, openid
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
    import subprocess
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


def rows(home, where="gone_at IS NULL"):
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db:
        db.row_factory = sqlite3.Row
        return [dict(r) for r in db.execute(f"SELECT {COLUMNS} FROM follower WHERE appid = ? "
                                            f"AND {where} ORDER BY openid", (SAFE.appid,))]


def compare(home, api):
    """All who follow are there once, as WeChat knows them."""
    want = sorted((fansapi.row(api.tell(n)) for n in api.order), key=lambda r: r["openid"])
    assert rows(home) == want


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
    """A second pull at the same time does nothing."""
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


@pytest.mark.parametrize("args", (
    ("pull", "--older", "0"), ("pull", "--older"), ("pull", "--older", "x"), ("export",), ("pull", "nobody"),
    ("show", "--all"), ("pull", "--json"), ("eat",), ()))
def test_usage(site, args):
    run(site, *args, code=2, says="qtoa")
