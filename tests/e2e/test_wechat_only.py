"""settings.wechat_only: pushes from elsewhere than WeChat's own addresses, and where its list of
them comes from."""

import contextlib
import json
import re
import subprocess
import time

import pytest

import exposition
import fcgi
import program
import wechat
from test_token import SECRET, authority, issuer, wx  # noqa: F401
from wechat import PLAIN, SAFE

KNOWN, UNKNOWN, PROXY = "106.55.206.146", "192.0.2.1", "127.0.0.9"
FILE = "qtoa.wechat-ips"
DAY = 86400


@pytest.fixture
def home(home, wx, authority):  # noqa: F811
    home.env.update(wx.env(), E2E_SECRET=SECRET, E2E_CA_FILE=str(authority.file))
    yield home
    assert not wx.secrets_in(home.log.text())


def write_list(home, *networks, fetched=0, tried=0, seen=0):
    """As if the list was fetched so many seconds ago."""
    now = int(time.time())
    file = home.state / FILE
    file.write_text("".join([f"qtoa-wechat-ips 1 {now - fetched} {now - tried}\n",
                             *(f"{n} {now - seen}\n" for n in networks)]))
    file.chmod(0o600)


def read_list(home):
    head, *lines = (home.state / FILE).read_text().splitlines()
    assert re.fullmatch(r"qtoa-wechat-ips 1 \d+ \d+", head)
    return [line.split()[0] for line in lines]


def push_params(push, peer, account=SAFE, **more):
    return program.fcgi.push_params(push, f"/qtoa/{account.path}", REMOTE_ADDR=peer, **more)


def cgi(home, variant, peer, push=None, account=SAFE, **more):
    push = push or wechat.push(account)
    return program.run_cgi(home, push_params(push, peer, account, **more), push.body or b"",
                           variant=variant)


PEERS = (   # the client's address, further variables, whether it is known
    (KNOWN, {}, True), ("101.226.103.127", {}, True), ("101.226.103.128", {}, False),
    (UNKNOWN, {}, False), (f"::ffff:{KNOWN}", {}, True), ("2001:db8::1", {}, False),
    ("", {}, False), ("unix:", {}, False),
    (PROXY, {"HTTP_X_FORWARDED_FOR": KNOWN}, True),
    (PROXY, {"HTTP_X_FORWARDED_FOR": f"{UNKNOWN}, {KNOWN}"}, True),
    (PROXY, {"HTTP_X_FORWARDED_FOR": f"{KNOWN}, {UNKNOWN}"}, False),
    (PROXY, {"HTTP_FORWARDED": f"for={KNOWN};proto=https"}, True),
    (PROXY, {}, False),
    (UNKNOWN, {"HTTP_X_FORWARDED_FOR": KNOWN}, False),
    ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": KNOWN}, False),
)


@pytest.mark.parametrize("peer, more, known", PEERS, ids=str)
def test_who_is_known(home, qt, wx, peer, more, known):  # noqa: F811
    write_list(home, KNOWN, "101.226.103.0/25")
    answer = cgi(home, "enforce", peer, **more)
    line, = home.log.wait(1, what="request")
    if known:
        assert answer.status == 200 and answer.body == b"success"
        assert "peer_unknown" not in line.get("detail", "")
    else:
        assert answer.status == 403 and line["error"] == "not from WeChat's addresses"
        assert ("trusted_proxies" in line["hint"]) and qt.received == []
    assert wx.net.asked == []
    answer = cgi(home, "advise", peer, **more)
    assert answer.status == 200 and answer.body == b"success"
    line = home.log.wait(2, what="request")[-1]
    assert ("peer_unknown" in line.get("detail", "")) == (not known)
    assert line["level"] == ("info" if known else "notice")


def test_what_is_not_compared(home, qt, wx):  # noqa: F811
    """Who does not know the Token hears the same as ever; a handshake changes nothing."""
    write_list(home, KNOWN)
    forged = wechat.push(SAFE, token="wrongToken")
    assert cgi(home, "enforce", UNKNOWN, forged).status == 403
    assert home.log.wait(1, what="request")[-1]["error"] == "signature mismatch"
    hello = wechat.handshake(SAFE)
    answer = program.run_cgi(home, push_params(hello, UNKNOWN), variant="enforce")
    assert answer.status == 200


@pytest.mark.parametrize("account", (SAFE, PLAIN), ids=lambda a: a.path)
def test_without_a_list_nothing_is_refused(home, qt, wx, account):  # noqa: F811
    """And the push itself never waits for WeChat."""
    wx.net.say["getcallbackip"] = (502, "")
    assert cgi(home, "enforce", UNKNOWN, account=account).status == 200
    program.until(lambda: (home.state / FILE).exists(), "the attempt is noted")
    assert cgi(home, "enforce", UNKNOWN, account=account).status == 200
    assert read_list(home) == [] and wx.net.asked.count("getcallbackip") == 2  # both accounts


def test_cgi_fetches_after_the_answer(home, qt, wx):  # noqa: F811
    wx.net.sources = [KNOWN, "101.226.103.0/25", "nonsense", "0.0.0.0/0", 7]
    assert cgi(home, "enforce", UNKNOWN).status == 200
    program.until(lambda: (home.state / FILE).exists(), "the list is there")
    assert read_list(home) == [KNOWN, "101.226.103.0/25"]
    assert cgi(home, "enforce", UNKNOWN).status == 403
    assert cgi(home, "enforce", KNOWN).status == 200
    assert wx.net.asked == ["getcallbackip"]


def test_new_addresses(home, qt, wx):  # noqa: F811
    """All have changed: the first push is refused, and the next one, sent again, is taken."""
    write_list(home, KNOWN, fetched=DAY + 60, tried=DAY + 60, seen=DAY + 60)
    wx.net.sources = ["198.51.100.0/24"]
    assert cgi(home, "enforce", "198.51.100.9").status == 403
    program.until(lambda: "198.51.100.0/24" in read_list(home), "the new list")
    assert read_list(home) == [KNOWN, "198.51.100.0/24"]
    assert cgi(home, "enforce", "198.51.100.9").status == 200
    assert cgi(home, "enforce", KNOWN).status == 200


def test_drain_fetches(home, wx):  # noqa: F811
    assert cgi(home, "enforce", KNOWN).status == 200
    program.until(lambda: (home.state / FILE).exists(), "the list is there")
    (home.state / FILE).unlink()
    done = subprocess.run([program.binary("enforce"), "drain"], env=home.env, capture_output=True)
    assert done.returncode == 0 and KNOWN in read_list(home)


@contextlib.contextmanager
def running(home, variant):
    pool = program.Pool(home, variant)
    try:
        yield pool
    finally:
        pool.stop()


def get(pool, page):
    return fcgi.call(pool.path, fcgi.cgi("GET", f"/qtoa/-/{page}", REMOTE_ADDR="127.0.0.1"))


def test_fastcgi(home, qt, wx):  # noqa: F811
    """The maintenance thread fetches; another process's list is taken over; numbers are shown."""
    with running(home, "advise") as pool:
        program.until(lambda: (home.state / FILE).exists(), "the list is there")
        assert read_list(home) == wx.net.sources
        for peer in (KNOWN, UNKNOWN, UNKNOWN):
            push = wechat.push(SAFE)
            answer = fcgi.call(pool.path, push_params(push, peer), push.body)
            assert answer.status == 200 and answer.body == b"success"
        page = get(pool, "metrics").body
        exposition.parse(page)
        page = page.decode()
        assert "\nqtoa_wechat_only 1\n" in page and "\nqtoa_wechat_addresses 3\n" in page
        assert re.search(r"^qtoa_wechat_addresses_age_seconds \d+$", page, re.M)
        assert re.search(r'^qtoa_peer_unknown_total\{account="safe"\} 2$', page, re.M)
        done = subprocess.run([program.binary("advise"), "status"], env=home.env,
                              capture_output=True, text=True)
        assert re.search(r"^wechat_only  advise: 3 networks, \d+ s old; unknown peers today: 2$",
                         done.stdout, re.M), done.stdout
        done = subprocess.run([program.binary("advise"), "status", "--json"], env=home.env,
                              capture_output=True, text=True)
        said = json.loads(done.stdout)["wechat_only"]
        assert (said["mode"], said["networks"], said["unknown_today"]) == ("advise", 3, 2)
        write_list(home, UNKNOWN)

        def is_known():
            push = wechat.push(SAFE)
            fcgi.call(pool.path, push_params(push, UNKNOWN), push.body)
            return "peer_unknown" not in home.log.wait(1, what="request")[-1].get("detail", "")
        program.until(is_known, "the other list is read")
    assert wx.net.asked == ["getcallbackip"]


def test_status_without_a_list(home, wx):  # noqa: F811
    wx.net.say["getcallbackip"] = 48001
    assert cgi(home, "advise", UNKNOWN).status == 200
    program.until(lambda: (home.state / FILE).exists(), "the attempt is noted")
    done = subprocess.run([program.binary("advise"), "status"], env=home.env, capture_output=True,
                          text=True)
    assert "there is no list of WeChat's addresses yet" in " ".join(done.stdout.split())
    done = subprocess.run([program.binary("main"), "status"], env=home.env, capture_output=True,
                          text=True)
    assert "wechat_only" not in done.stdout


def test_a_refused_call_is_named(home, wx):  # noqa: F811
    """A FastCGI process says once what WeChat said, with the rid."""
    wx.net.say["getcallbackip"] = 48001
    with running(home, "enforce"):
        line, = home.log.wait(1, what="wechat_only")
        assert line["level"] == "warning" and re.search(r"errcode 48001: .* rid: \w+", line["msg"])
        assert "without a list no push is refused" in line["msg"]
