"""Users by their unionid: `qtoa check` as the Test button of QT's console, and the
collector that asks WeChat for whom it does not know."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import program
import qt as qt_side
import wechat
import wxapi
from collector import TEXT, as_cgi, behind, posted
from test_cli import run
from wechat import PLAIN, SAFE
from wxapi import delayed, plain, saying, shaped

OURS = program.ONLY["unionid"]


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """Ours, and one that nobody trusts."""
    place = tmp_path_factory.mktemp("ca")
    return [qt_side.Authority(place, name) for name in ("good", "evil")]


@pytest.fixture
def wx(authorities):
    server = wxapi.WeChat(authorities[0].context())
    yield server
    server.stop()
    assert not server.problems, server.problems


@pytest.fixture
def home(home, wx, authorities):
    """It knows WeChat and its control server; no secret of theirs is ever told."""
    home.env.update(wx.env(), E2E_CA_FILE=str(authorities[0].file))
    yield home
    assert not wx.secrets_in(home.log.text()), home.log.text()


# The Test button.

@pytest.fixture(scope="module")
def probed():
    """QT, which `qtoa check` asks for a sign of life."""
    server = qt_side.QT(wechat.ACCOUNTS)
    yield server
    server.stop()


@pytest.fixture
def host(home, probed):
    home.env["QTOA_QT_URL"] = probed.url
    return home


def check(home, wx, *args, **env):
    code, out, err = run(home, "check", *args, variant="unionid", env=env)
    assert err == "" and not wx.secrets_in(out), out
    return code, out


def test_offline(host, wx):
    code, out = check(host, wx, "--offline")
    assert code == 0, out
    assert "control_url" not in out and wx.fetched == 0


def test_the_token_is_to_be_had(host, wx):
    code, out = check(host, wx)
    assert code == 0, out
    for account in OURS:
        assert (f"ok       {account.path}: control_url gives an access_token of {len(wx.token)} "
                "characters by $.access_token\n") in out
    assert (wx.fetched, wx.asked) == (len(OURS), 0)


@pytest.mark.parametrize("path, answer", (
    ("$.access_token", {"expires_in": 7200, "access_token": "TOKEN"}),
    ("$.data.token", {"code": 0, "data": {"token": "TOKEN"}}),
    ("$['data'][\"access token\"]", {"data": {"access token": "TOKEN"}}),
    ("$[0].token", [{"token": "TOKEN"}]),
    ("$.tokens[-1]", {"tokens": ["old", "TOKEN"]}),
    ("$.tokens[*].token", {"tokens": [{"appid": "wx"}, {"token": "TOKEN"}]}),
    ("$..access_token", {"result": [{"x": {"access_token": "TOKEN"}}]}),
    ("$.\u4ee4\u724c", {"\u4ee4\u724c": "TOKEN"}),
), ids=lambda v: v if isinstance(v, str) else "")
def test_paths(host, wx, path, answer):
    wx.control = shaped(answer)
    code, out = check(host, wx, E2E_TOKEN_PATH=path)
    assert code == 0 and f"of {len(wx.token)} characters by {path}\n" in out, out


WRONG = {
    "other-member": ("$.token", plain, "no .token at $, which is an object with access_token, expires_in"),
    "deeper": ("$.data.access_token", shaped({"data": {"data": {"access_token": "TOKEN"}}}),
               "no .access_token at $.data, which is an object with data"),
    "array": ("$.access_token", shaped([{"access_token": "TOKEN"}]),
              "no .access_token at $, which is an array of 1"),
    "object": ("$.data", shaped({"data": {"access_token": "TOKEN"}}),
               "$.data is an object with access_token, not a text"),
    "empty": ("", shaped({"access_token": ""}), "0 bytes, is not an access_token"),
    "blank": ("", shaped({"access_token": "TOKEN TOKEN"}), "is not an access_token"),
    "refused-by-wechat": ("", saying(200, json.dumps(wxapi.error(40164))),
                          "an object with errcode, errmsg"),
    "html": ("", saying(200, "<html>"), "control_url: the answer, 6 bytes, is not JSON"),
    "nothing": ("", saying(200, ""), "is not JSON"),
    "500": ("", saying(500, '{"access_token":"x"}'), "control_url: HTTP 500 instead of 200"),
    "elsewhere": ("", saying(302, ""), "HTTP 302 instead of 200, redirects are not followed"),
    "long": ("", saying(200, " " * 70000), "answer over 64 KiB"),
}


@pytest.mark.parametrize("path, answer, words", WRONG.values(), ids=WRONG)
def test_the_token_is_not_to_be_had(host, wx, path, answer, words):
    wx.control = answer
    code, out = check(host, wx, E2E_TOKEN_PATH=path)
    assert code == 1
    lines = [line for line in out.splitlines() if line.startswith("failed ")]
    assert len(lines) == len(OURS)
    for account, line in zip(OURS, lines):
        assert line.startswith(f"failed   {account.path}: control_") and words in line, out


@pytest.mark.parametrize("path, words", (
    ("$.access_token.", "at character 16: expected a name or *"),
    ("$.data[?(@.x)]", "at character 8: expected a name in quotes"),
    ("$['access_token", "at character 16: the quote is not closed")))
def test_no_path(host, wx, path, words):
    """It needs nobody to be asked."""
    for args in ((), ("--offline",)):
        code, out = check(host, wx, *args, E2E_TOKEN_PATH=path)
        assert code == 1 and out.count(f"control_token_path: {path}: {words}") == len(OURS), out
    assert wx.fetched == 0


def test_slow(host, wx):
    wx.control = delayed(0.3)
    code, out = check(host, wx)
    assert code == 0, out


def test_wrong_certificates(host, wx, authorities):
    for context in (authorities[1].context(), authorities[0].context(sans=("wx.example",))):
        other = wxapi.WeChat(context)
        try:
            code, out = check(host, wx, **other.env())
            assert code == 1 and out.count(f"failed   safe, plain: {other.api}: the certificate "
                                           "of CN = qt ") == 1, out
            assert other.fetched == 0 and not other.secrets_in(out)
        finally:
            other.stop()


def test_no_server(host, wx):
    mute = wxapi.Mute()
    origin = mute.url.partition("/control")[0]
    try:
        code, out = check(host, wx, E2E_CONTROL_URL=mute.url)
        assert code == 1 and f"failed   safe, plain: {origin}: there is no TLS: " in out, out
    finally:
        mute.stop()
    code, out = check(host, wx, E2E_CONTROL_URL=mute.url)
    assert code == 1 and f"failed   safe, plain: {origin}: no connection: " in out, out


def test_not_https(host, wx):
    code, out = check(host, wx, "--offline", E2E_CONTROL_URL="http://control.example/t?key=" + wxapi.KEY,
                      E2E_WECHAT_API="http://wechat.example")
    assert code == 0
    for account in OURS:
        assert f"warning  {account.path}: control_url is not https" in out
    assert "warning  settings: wechat_api is not https" in out


# The collector.

@pytest.fixture
def start(make_pool, home):
    def pool():
        return make_pool("unionid")
    return pool


def message(openid, account=SAFE):
    return posted(account, wechat.push(account, wechat.text_message(user=openid)))


def counts(at, wx, openid, account=SAFE):
    """A new message of this user, under the unionid."""
    [event] = at.takes(message(openid, account))
    assert event["device_id"] == wx.users[openid].unionid


def test_asked_for_once(start, wx):
    """Fifty messages, several at a time; another program knows it from the first."""
    openid = wx.user()
    pool = start()
    at = behind(pool)
    wx.slow = 0.2
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda body: at.answers(body, 200),
                             [message(openid) for _ in range(50)]):
            pass
    assert [row["device_id"] for row in at.counted()] == [wx.users[openid].unionid] * 50
    assert (wx.fetched, wx.asked) == (1, 1)
    pool.stop()
    counts(behind(start()), wx, openid)
    assert (wx.fetched, wx.asked) == (1, 1)


def test_each_user_once(start, wx):
    """One token will do for all of an account's; WeChat's errors are not remembered as users."""
    users = [wx.user() for _ in range(12)]
    at = behind(start())
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda openid: at.answers(message(openid), 200), users * 3):
            pass
    assert wx.fetched == 1
    assert [wx.users[openid].asked for openid in users] == [1] * len(users)
    assert sorted(row["device_id"] for row in at.counted()) == sorted(
        3 * [wx.users[openid].unionid for openid in users])


def test_as_cgi(home, wx):
    """A process for each message: what is known is in the store."""
    at = as_cgi(home, "unionid")
    users = [wx.user(), wx.user()]
    for openid in users * 2:
        counts(at, wx, openid)
    assert (wx.fetched, wx.asked) == (2, 2)


def test_one_person_in_two_accounts(start, wx):
    at = behind(start())
    first = wx.user()
    second = wx.user(unionid=wx.users[first].unionid)
    counts(at, wx, first, SAFE)
    counts(at, wx, second, PLAIN)
    assert (wx.fetched, wx.asked) == (2, 2)


@pytest.mark.parametrize("end", ("expire", "issue"))
def test_the_token_ends(start, wx, end):
    """42001 or 40001: another one is fetched, once, whoever asks."""
    at = behind(start())
    counts(at, wx, wx.user())
    getattr(wx, end)()
    users = [wx.user() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda openid: at.answers(message(openid), 200), users):
            pass
    counts(at, wx, wx.user())
    assert wx.fetched == 2
    assert [wx.users[openid].asked for openid in users] == [1] * len(users)


def control(answer):
    def spoil(wx):
        wx.control = answer
    return spoil


def say(code):
    def spoil(wx):
        wx.code = code
    return spoil


def stale(wx):
    """The control server still has the token before."""
    old = wx.token
    wx.issue()
    wx.control = lambda wx, token: plain(wx, old)


# What can go wrong for all users, and what the log says of it.
TROUBLE = {
    "control-500": (control(saying(500, "")), "control_url: HTTP 500"),
    "control-html": (control(saying(200, "<html>")), "is not JSON"),
    "control-path": (control(shaped({"token": "TOKEN"})),
                     "control_token_path: no .access_token at $, which is an object with token"),
    "stale-token": (stale, "WeChat: errcode 40001: "),
    "no-token": (control(shaped({"access_token": "rubbish"})), "WeChat: errcode 40014: "),
    "address": (say(40164), "put this address on the IP whitelist in WeChat's console: "
                            "invalid ip 192.0.2.7"),
    "not-allowed": (say(48001), "WeChat: errcode 48001: "),
    "minute": (say(45011), "WeChat: errcode 45011: "),
    "quota": (say(45009), "WeChat: errcode 45009: "),
}


@pytest.mark.parametrize("spoil, words", TROUBLE.values(), ids=TROUBLE)
def test_110(start, wx, spoil, words):
    """Nothing is stored, and for a moment nobody is asked; whom the store knows is counted."""
    pool = start()
    at = behind(pool)
    known, new = wx.user(), wx.user()
    counts(at, wx, known)
    pool.stop()                         # which forgets the token
    pool = start()
    at = behind(pool)
    spoil(wx)
    pool.log.mark()
    at.refuses(message(new), 110)
    line = pool.log.one(verdict="collect", account=SAFE.path, qt="Httpapi_300_110")
    assert words in line["detail"] and "; nobody is asked for 2 s" in line["detail"], line
    before = (wx.fetched, wx.asked)
    pool.log.mark()
    at.refuses(message(wx.user()), 110)
    assert (wx.fetched, wx.asked) == before
    line = pool.log.one(verdict="collect", account=SAFE.path, qt="Httpapi_300_110")
    assert words in line["detail"] and "nobody" not in line["detail"], line
    counts(at, wx, known)
    pool.check()


@pytest.mark.parametrize("spoil", (control(saying(500, "")), stale), ids=("control", "wechat"))
def test_it_is_mended(start, wx, spoil):
    at = behind(start())
    openid = wx.user()
    body = message(openid)
    spoil(wx)
    at.refuses(body, 110)
    wx.control = plain
    program.until(lambda: b"_200" in at.post(body).body, "it goes on")
    assert [row["device_id"] for row in at.counted()] == [wx.users[openid].unionid]


# WeChat's definite answer that there is no unionid, and what the log says of it.
GONE = (200, (program.TOP / "tests/vectors/reports/userinfo-unfollowed.json").read_bytes())
NONE = {
    "gone": (dict(follows=False), "no unionid: the user does not follow the account"),
    "gone-by-report": (dict(answer=GONE), "no unionid: the user does not follow the account"),
    "gone-null": (dict(answer=(200, b'{"subscribe":0,"unionid":null}')), "does not follow"),
    "gone-empty": (dict(answer=(200, b'{"subscribe":"0","unionid":""}')), "does not follow"),
    "unbound": (dict(unionid=""), "no unionid: the account is bound to no open platform"),
    "another-account's": (dict(answer=40003), "errcode 40003"),
    "not-a-user": (dict(answer=46004), "errcode 46004: there is no such user"),
    "not-a-follower": (dict(answer=43004), "errcode 43004"),
}


def marked(home):
    """The openids that are known to have no unionid."""
    return {row["openid"] for row in home.query("SELECT openid FROM unionid WHERE unionid = ''")}


def event(openid, name, time_s, account=SAFE):
    xml = wechat.text_message(user=openid).replace(
        b"<MsgType><![CDATA[text]]>", b"<MsgType><![CDATA[event]]>").replace(
        b"</xml>", f"<Event><![CDATA[{name}]]></Event></xml>".encode())
    xml = re.sub(rb"<CreateTime>\d+", f"<CreateTime>{time_s}".encode(), xml)
    return posted(account, wechat.push(account, xml))


@pytest.mark.parametrize("how, words", NONE.values(), ids=NONE)
def test_there_is_none(start, home, wx, how, words):
    """It is counted under the openid, once; the next event asks again, and joins the two."""
    pool = start()
    at = behind(pool)
    openid = wx.user(**how)
    bodies = [message(openid) for _ in range(2)]
    pool.log.mark()
    [row] = at.takes(bodies[0])
    line = pool.log.one(verdict="collect", qt=TEXT[200])
    assert row["device_id"] == openid and words in line["detail"], line
    at.takes(bodies[0], 0)
    at.takes(bodies[1])
    assert marked(home) == {openid}
    counts(at, wx, wx.user())
    wx.users[openid] = wxapi.User("uAtLast")
    counts(at, wx, openid)
    assert [r["device_id"] for r in at.counted() if r["device_id"] in (openid, "uAtLast")] == \
        ["uAtLast"] * 3
    assert not marked(home)
    asked = wx.asked
    wx.users[openid].follows = False
    counts(at, wx, openid)
    assert wx.asked == asked


def test_a_control_character_in_a_nickname(start, wx):
    """As it was reported: the unionid is read all the same."""
    at = behind(start())
    answer = (program.TOP / "tests/vectors/reports/userinfo-x14.json").read_bytes()
    openid, cut = wx.user(answer=(200, answer)), wx.user(
        answer=(200, answer.replace(b"\xe7\x90\xa6", b"\xe7\x90")))
    for user in (openid, cut):
        [row] = at.takes(message(user))
        assert row["device_id"] == "oU_ox140000000000000000000000001"


@pytest.mark.parametrize("name", ("", "o b", "\u7528\u6237", "o" * 200))
def test_not_an_openid(start, home, wx, name):
    """WeChat cannot be asked about it, today or later."""
    at = behind(start())
    if not name:
        return at.refuses(message(name), 108)
    [row] = at.takes(message(name))
    assert row["device_id"] == name and wx.asked == 0 and marked(home) == {name}


def test_the_unfollow_of_a_fresh_install(start, home, wx):
    """Users who followed before there was qtoa leave, and some come back: one user each."""
    at = behind(start())
    now = int(time.time()) - 1000
    users = [wx.user(follows=False) for _ in range(5)]
    for n, openid in enumerate(users):
        at.takes(event(openid, "unsubscribe", now + n))
    for n, openid in enumerate(users[:3]):
        wx.users[openid].follows = True
        at.takes(event(openid, "subscribe", now + 100 + n))
        at.takes(event(openid, "CLICK", now + 50 + n))      # comes late
    life = {u: [(r["event_code"], r["time"] - now, r["gap"]) for r in sorted(
        at.counted(), key=lambda r: r["time"]) if r["device_id"] == u]
        for u in {r["device_id"] for r in at.counted()}}
    follow, unfollow, click = (f"$$_{c}" for c in (
        "official_account_follow", "official_account_unfollow", "menu_click"))
    assert life == {
        **{wx.users[u].unionid: [(unfollow, n, None), (click, 50 + n, 50), (follow, 100 + n, 50)]
           for n, u in enumerate(users[:3])},
        **{u: [(unfollow, n, None)] for n, u in enumerate(users) if n > 2}}
    assert {tuple(r) for r in home.query(
        f"SELECT device, first - {now}, last - {now} FROM device")} == {
        (u, events[0][1], events[-1][1]) for u, events in life.items()}
    out = run(home, "report", "audience", "--json", variant="unionid")[1]
    assert out.count('"following":"yes"') == 3 and out.count('"following":"no"') == 2, out


def test_the_unsubscribe_that_was_reported(start, wx):
    at = behind(start())
    xml = (program.TOP / "tests/vectors/reports/uni-unsubscribe-gone.xml").read_bytes()
    openid = "ogone00000000000000000000001"
    wx.users[openid] = wxapi.User("uGone", follows=False)
    [row] = at.takes(posted(SAFE, wechat.push(SAFE, xml)))
    assert (row["device_id"], row["event_code"]) == (openid, "$$_official_account_unfollow")


def test_one_person_joined_in_two_accounts(start, home, wx):
    """Each openid is joined when its own account's WeChat tells the unionid."""
    at = behind(start())
    first = wx.user(unionid="", follows=True)
    second = wx.user(unionid="", follows=True)
    at.takes(message(first, SAFE))
    at.takes(message(second, PLAIN))
    wx.users[first].unionid = wx.users[second].unionid = "uOnePerson"
    counts(at, wx, first, SAFE)
    assert {r["device_id"] for r in at.counted()} == {"uOnePerson", second}
    counts(at, wx, second, PLAIN)
    assert {r["device_id"] for r in at.counted()} == {"uOnePerson"}


def test_the_answer_none_is_overtaken(start, home, wx):
    """While one process hears that there is none, another one stores the unionid."""
    slow, fast = behind(start()), behind(start())
    openid = wx.user(follows=False)
    wx.slow = 1.5
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(slow.post, message(openid))
        program.until(lambda: wx.users[openid].asked == 1, "WeChat is asked")
        wx.users[openid].follows = True
        wx.slow = 0
        counts(fast, wx, openid)
        assert b"_200" in waiting.result().body
    assert {r["device_id"] for r in fast.counted()} == {wx.users[openid].unionid}
    assert not marked(home)


# One user about whom there is no answer that can be read.
ALONE = {
    "html": (200, b"<html>"), "empty": (200, b""), "cut": (200, b'{"subscribe":1,"unionid":"u'),
    "nothing": (200, b"{}"), "null": (200, b"null"), "502": (502, b""), "404": (404, b"{}"),
    "no-unionid": (200, b'{"unionid":"a b"}'), "unknown-code": (200, b'{"errcode":61234}'),
    "busy": -1, "large": (200, b" " * 70000),
}


@pytest.mark.parametrize("answer", ALONE.values(), ids=ALONE)
def test_one_user_does_not_stop_the_next(start, wx, answer):
    """It is not known whether there is none, so it is asked again: others are not refused."""
    at = behind(start())
    bad = wx.user(answer=answer)
    body = message(bad)
    for _ in range(2):
        at.refuses(body, 110)
        at.refuses(body, 110)
        counts(at, wx, wx.user())
    wx.users[bad].answer = None
    at.takes(body)


@pytest.mark.parametrize("answer", ((502, b""), -1), ids=("502", "busy"))
def test_two_users_in_a_row_are_a_failure_of_all(start, wx, answer):
    pool = start()
    at = behind(pool)
    users = [wx.user(answer=answer) for _ in range(3)]
    pool.log.mark()
    for openid in users:
        at.refuses(message(openid), 110)
    details = [line["detail"] for line in pool.log.wait(3, qt=TEXT[110])]
    assert ["nobody is asked for 2 s" in d for d in details] == [False, True, False]
    assert wx.users[users[2]].asked == 0
    for openid in users:
        wx.users[openid].answer = None
    body = message(users[2])
    program.until(lambda: b"_200" in at.post(body).body, "it goes on")
    counts(at, wx, users[0])


@pytest.mark.parametrize("which", ("E2E_WECHAT_API", "E2E_CONTROL_URL"))
def test_110_without_a_server(start, home, wx, authorities, which):
    """Nobody there, TLS that does not begin, and a certificate that is not trusted."""
    mute, evil = wxapi.Mute(), wxapi.WeChat(authorities[1].context())
    try:
        for url in (f"https://127.0.0.1:{qt_side.QT((), listen=False).port}", mute.url,
                    evil.env()[which]):
            home.env.update({**wx.env(), which: url})
            pool = start()
            at = behind(pool)
            pool.log.mark()
            at.refuses(message(wx.user()), 110)
            assert "no answer: " in pool.log.one(qt="Httpapi_300_110")["detail"]
            pool.stop()
        assert (evil.fetched, evil.asked) == (0, 0)
    finally:
        mute.stop()
        evil.stop()


def test_two_programs(start, home, wx):
    """Each may ask once for whom neither knows; they agree, and then nobody asks."""
    ways = [behind(start()), behind(start())]
    users = [wx.user() for _ in range(10)]
    wx.slow = 0.05
    jobs = [(ways[i % 2], openid) for i in range(4) for openid in users]
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda job: job[0].answers(message(job[1]), 200), jobs):
            pass
    assert wx.fetched <= 2
    assert all(1 <= wx.users[openid].asked <= 2 for openid in users)
    assert {tuple(row) for row in home.query("SELECT openid, unionid FROM unionid")} == {
        (openid, wx.users[openid].unionid) for openid in users}
    asked = wx.asked
    for at in ways:
        for openid in users[:3]:
            counts(at, wx, openid)
    assert wx.asked == asked


def test_nobody_waits_for_one(start, wx):
    """While the control server is silent: whom the store knows, and other accounts, go on."""
    at = behind(start())
    known, new = wx.user(), wx.user()
    counts(at, wx, known)
    counts(at, wx, known, PLAIN)
    wx.expire()
    wx.control = wxapi.held
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(at.post, message(new))
        program.until(lambda: wx.fetched == 3, "the control server is asked")
        counts(at, wx, known)
        counts(at, wx, known, PLAIN)
        assert not waiting.done()
        wx.gate.set()
        assert b"_200" in waiting.result().body
    assert wx.fetched == 3
