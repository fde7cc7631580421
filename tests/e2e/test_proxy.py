"""All that goes out goes through settings.proxy, and nothing of the environment's: QT, control
server, WeChat; what settings.no_proxy names goes without it.  Its password is never told."""

import contextlib

import pytest

import fcgi
import program
import proxy as proxy_side
import qt as qt_side
import wechat
import wxapi
import wxnet
import wxtoken
from test_cli import run
from test_token import SECRET
from wechat import SAFE

USER, PASSWORD = "qtoa@office", "hush/Proxy:Pass%"
LOGIN = "qtoa%40office:hush%2FProxy:Pass%25"
QT_HOST, WX_HOST = "qt.nowhere.test", "wx.nowhere.test"


@pytest.fixture
def authority(tmp_path):
    return qt_side.Authority(tmp_path, "good")


@pytest.fixture
def safe_qt(authority):
    """QT behind HTTPS, under a name that only the proxy knows."""
    server = qt_side.QT(wechat.ACCOUNTS, tls=authority.context((QT_HOST,)))
    yield server
    server.stop()
    assert not server.problems, server.problems


@pytest.fixture
def wx(authority):
    server = wxapi.WeChat(authority.context((WX_HOST,)))
    server.issuer = wxtoken.Issuer(server, {SAFE.appid: SECRET})
    server.net = wxnet.Net(server)
    yield server
    server.stop()
    assert not server.problems, server.problems


@pytest.fixture
def make_proxy(qt, safe_qt, wx):
    with contextlib.ExitStack() as stack:
        def start(**how):
            proxy = proxy_side.Proxy(USER, PASSWORD, {
                f"{QT_HOST}:80": qt.port, f"{QT_HOST}:443": safe_qt.port,
                f"{WX_HOST}:443": wx.port}, **how)
            stack.callback(proxy.stop)
            return proxy

        yield start


@pytest.fixture
def proxy(make_proxy):
    return make_proxy()


@pytest.fixture
def home(home, authority, wx):
    """The environment has other proxies, which nobody asks."""
    trap = qt_side.Trap()
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")
    home.env.update(dict.fromkeys(names, trap.url), E2E_SECRET=SECRET, no_proxy="*",
                    E2E_CA_FILE=str(authority.file), E2E_WECHAT_API=f"https://{WX_HOST}",
                    E2E_NO_PROXY="")
    yield home
    assert not trap.touched()
    trap.stop()
    told = home.log.text()
    assert "hush" not in told, told


def through(home, proxy, qt_url, scheme="http", login=LOGIN, **more):
    home.env.update(E2E_PROXY=proxy.url(scheme, login), QTOA_QT_URL=qt_url, **more)


def deliver(home, make_pool, server):
    pool = make_pool("proxied")
    for _ in range(3):
        push = wechat.push(SAFE)
        assert pool.push(SAFE, push).body == b"success"
        assert len(server.confirmed(push)) == 1
    pool.log.wait(3, what="request", verdict="delivered")


def test_http(home, make_pool, proxy, qt):
    """QT sees a request like any other, and the proxy the whole address."""
    url = f"http://{QT_HOST}{qt_side.PATH}"
    through(home, proxy, url)
    deliver(home, make_pool, qt)
    assert proxy.seen == [f"POST {url}"] * 3


def test_https(home, make_pool, proxy, safe_qt):
    """A tunnel: the proxy sees the host alone, and one is enough for all."""
    through(home, proxy, f"https://{QT_HOST}{qt_side.PATH}")
    deliver(home, make_pool, safe_qt)
    assert proxy.seen == [f"CONNECT {QT_HOST}:443"]


def test_https_to_the_proxy(home, make_pool, make_proxy, authority, safe_qt):
    proxy = make_proxy(tls=authority.context())
    through(home, proxy, f"https://{QT_HOST}{qt_side.PATH}", "https")
    deliver(home, make_pool, safe_qt)
    assert proxy.seen == [f"CONNECT {QT_HOST}:443"]


def test_socks(home, make_pool, proxy, safe_qt):
    """The proxy gets the name, and not an address."""
    through(home, proxy, f"https://{QT_HOST}{qt_side.PATH}", "socks5h")
    deliver(home, make_pool, safe_qt)
    assert proxy.seen == [f"SOCKS {QT_HOST}:443"]


@pytest.mark.parametrize("spared", ("127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", "*"))
def test_no_proxy(home, make_pool, proxy, qt, spared):
    through(home, proxy, qt.url, E2E_NO_PROXY=spared)
    deliver(home, make_pool, qt)
    assert not proxy.seen


def test_other_hosts_are_not_spared(home, make_pool, proxy, qt):
    through(home, proxy, qt.url, E2E_NO_PROXY="qt.nowhere.test, .local, 10.0.0.0/8")
    deliver(home, make_pool, qt)
    assert proxy.seen == [f"POST {qt.url}"] * 3


def test_wechat(home, proxy, wx):
    """The access_token, too."""
    through(home, proxy, f"https://{QT_HOST}{qt_side.PATH}")
    code, out, err = run(home, "token", SAFE.path, variant="proxied")
    assert (code, err) == (0, "") and out.strip() in wx.issuer.tokens
    assert proxy.seen == [f"CONNECT {WX_HOST}:443"]


@pytest.mark.parametrize("scheme, url", (
    ("http", f"http://{QT_HOST}"), ("http", f"https://{QT_HOST}"), ("socks5h", f"http://{QT_HOST}")))
def test_wrong_password(home, make_pool, proxy, qt, safe_qt, scheme, url):
    """The message waits, and goes out when the password is right."""
    through(home, proxy, url + qt_side.PATH, scheme, "qtoa:hushWrong")
    pool, push = make_pool("proxied"), wechat.push(SAFE)
    assert pool.push(SAFE, push).body == b"success"
    line, = pool.log.wait(what="request", verdict="queued")
    assert "407" in line["detail"] or "proxy: " in line["detail"]
    pool.stop()
    through(home, proxy, url + qt_side.PATH, scheme)
    assert run(home, "drain", variant="proxied")[0] == 0
    assert len(qt.confirmed(push) + safe_qt.confirmed(push)) == 1 and not home.rows()


@pytest.mark.parametrize("status", (403, 502, 503))
def test_a_proxy_that_refuses(home, make_pool, proxy, status):
    """Nothing is dead: a proxy is not QT."""
    proxy.status = status
    lines = []
    for n, url in enumerate((f"https://{QT_HOST}", f"http://{QT_HOST}"), 1):
        through(home, proxy, url + qt_side.PATH)
        pool = make_pool("proxied")
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        lines.append(pool.log.wait(n, what="request", verdict="queued")[-1])
        pool.stop()
    assert {r["state"] for r in home.rows()} == {"pending"}
    # The rows may have been sent again since, by the second process.
    assert f"CONNECT tunnel failed, response {status}" in lines[0]["detail"]
    assert lines[1]["qt_status"] == str(status)


def test_check(home, proxy, safe_qt, qt):
    """It says what is between, and asks no DNS of this host."""
    through(home, proxy, f"https://{QT_HOST}{qt_side.PATH}")
    code, out, err = run(home, "check", variant="proxied")
    place = f"127.0.0.1:{proxy.port}"
    assert f"https://{QT_HOST}: connected through the proxy http://{place} in " in " ".join(
        out.split()) and "certificate of" in out and "hush" not in out + err
    assert "resolves to" not in out and "no connection" not in out
    through(home, proxy, f"https://{QT_HOST}{qt_side.PATH}", login="qtoa:hushWrong")
    code, out, err = run(home, "check", variant="proxied")
    text = " ".join(out.split())
    assert code == 1 and "hush" not in out + err
    assert f"the proxy http://{place} does not lead there: CONNECT tunnel failed, response " \
        "407" in text
    safe_qt.received.clear()    # what check sends is not signed


@pytest.mark.parametrize("value, why", (
    ("hush.example:3128", "must begin with http://, https:// or socks5h://"),
    ("http://u:hush@proxy.example", "has no port"), ("http://u:hush%0a@p:1", "control"),
    ("http://u:hush@p:1/x", "has more than")))
def test_addresses_that_are_refused(home, value, why):
    """And not repeated."""
    home.env.update(E2E_PROXY=value)
    code, out, err = run(home, "check", "--offline", variant="proxied")
    assert code == 1 and why in " ".join(out.split()) and "hush" not in out + err


def test_the_password_may_stand_in_a_file(home, make_pool, proxy, qt, tmp_path):
    file = tmp_path / "proxy"
    file.write_text(proxy.url("http", LOGIN) + "\n")
    settings = program.SETTINGS["proxied"]
    binary = program.build("proxyfile", program.config_text(
        {**settings, "proxy": f"@{file}"},
        [program.account_row(SAFE, qt_url=f"http://{QT_HOST}{qt_side.PATH}")]))
    push = wechat.push(SAFE)
    assert binary and not proxy.seen
    answer = program.run_cgi(home, fcgi.push_params(push, f"/qtoa/{SAFE.path}"), push.body,
                             variant="proxyfile")
    assert answer.body == b"success" and len(qt.confirmed(push)) == 1
