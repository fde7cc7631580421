"""A libcurl that is older than the one of the build, or lacks something.  Options that qtoa can do
without are left out, and all is delivered.  Of what it needs, the start, `check` and `drain` say what
is missing, and nothing is acknowledged that could not be sent."""

import pytest

import program
import wechat
from program import run_cgi
from test_cgi import params_of
from test_cli import run
from wechat import PLAIN, SAFE

# Numbers of options in curl.h.
PROTOCOLS_STR, QUICK_EXIT, PROTOCOLS, UPLOAD_BUFFERSIZE = 318, 322, 181, 280
NOSIGNAL, WRITEFUNCTION, SSL_VERIFYPEER, CONNECTTIMEOUT_MS, HEADERFUNCTION = 99, 11, 64, 156, 79
PROXY, NOPROXY, PROXY_CAINFO, CAPATH, SSL_CTX_FUNCTION, NETRC = 4, 177, 246, 97, 108, 51

GOOD = {
    "7.68.0": dict(version="7.68.0", refuses=(PROTOCOLS_STR, QUICK_EXIT)),
    "7.76.1": dict(version="7.76.1", refuses=(PROTOCOLS_STR, QUICK_EXIT)),
    "7.81.0": dict(version="7.81.0", refuses=(PROTOCOLS_STR, QUICK_EXIT)),
    "7.85.0": dict(version="7.85.0", refuses=(QUICK_EXIT,)),
    "no proxies": dict(refuses=(PROXY, NOPROXY, PROXY_CAINFO)),
    "no extras": dict(refuses=(UPLOAD_BUFFERSIZE, CAPATH, SSL_CTX_FUNCTION, NETRC)),
    "no HTTPS": dict(without="https"),
}
# What is said of it.
BAD = {
    "7.64.0": (dict(version="7.64.0"), "libcurl 7.64.0 is too old: qtoa needs 7.68.0 or later"),
    "7.67.0": (dict(version="7.67.0"), "libcurl 7.67.0 is too old: qtoa needs 7.68.0 or later"),
    "no protocols": (dict(version="7.74.0", refuses=(PROTOCOLS_STR, PROTOCOLS)),
                     "libcurl 7.74.0 does not know CURLOPT_PROTOCOLS, which qtoa needs"),
    "no http": (dict(version="7.88.1", without="http"), "libcurl 7.88.1 was built without http"),
    **{f"no {n}": (dict(version="7.88.1", refuses=(globals()[n],)),
                   f"libcurl 7.88.1 does not know CURLOPT_{n}, which qtoa needs")
       for n in ("NOSIGNAL", "WRITEFUNCTION", "HEADERFUNCTION", "SSL_VERIFYPEER",
                 "CONNECTTIMEOUT_MS")},
}


def make_older(home, version="", refuses=(), without=""):
    home.env.update(LD_PRELOAD=str(program.SHARED / "curl.so"), OLD_CURL_VERSION=version,
                    OLD_CURL_REFUSES=",".join(map(str, refuses)), OLD_CURL_WITHOUT=without,
                    **home.late_sanitizer())


@pytest.mark.parametrize("how", GOOD.values(), ids=GOOD)
def test_all_is_delivered(home, qt, make_pool, how):
    make_older(home, **how)
    pool = make_pool()
    for account in (SAFE, PLAIN):
        assert pool.push(account, wechat.push(account)).body == b"success"
    assert run_cgi(home, params_of(push := wechat.push(SAFE)), push.body).body == b"success"
    assert len(qt.received) == 3 and "what=start" not in home.log.text()
    code, out, _ = run(home, "check", "--online")
    assert code == 0 and f"libcurl: {how.get('version', '')}" in out, out
    qt.reset()      # of the {} that it was asked


def test_what_waits_is_sent(home, qt, make_pool):
    make_older(home, **GOOD["7.68.0"])
    url, home.env["QTOA_QT_URL"] = home.env["QTOA_QT_URL"], "http://127.0.0.1:9/"
    assert run_cgi(home, params_of(push := wechat.push(SAFE)), push.body).body == b"success"
    home.env["QTOA_QT_URL"] = url
    code, out, err = run(home, "drain")
    assert code == 0 and "1 delivered" in out, out + err
    assert len(qt.received) == 1


@pytest.mark.parametrize("how, said", BAD.values(), ids=BAD)
def test_nothing_is_acknowledged(home, qt, make_pool, how, said):
    make_older(home, **how)
    pool = make_pool()
    for account in (SAFE, PLAIN):
        assert pool.push(account, wechat.push(account)).status == 503
    started = [s for s in home.log.text().splitlines() if "what=start" in s]
    assert started and all(said in s and "7.68.0 or later" in s for s in started)
    rows = home.log.wait(2, what="request", status=503)
    push = wechat.push(SAFE)
    assert run_cgi(home, params_of(push), push.body).status == 503
    for row in home.log.wait(3, what="request", status=503):
        assert row["error"] == "libcurl cannot be used" and said in row["detail"], row
    assert not home.rows() and not qt.received and len(rows) == 2
    _, out, _ = run(home, "status")
    assert f"libcurl cannot be used, {said[:14]}" in out, out


@pytest.mark.parametrize("how, said", BAD.values(), ids=BAD)
def test_check(home, qt, how, said):
    make_older(home, **how)
    for where in "--offline", "--online":
        code, out, _ = run(home, "check", where)
        assert code == 1 and said in out and "firewall" not in out, out
        assert "7.68.0 or later" in out and "503" in out
    assert not qt.received


def test_drain(home, qt):
    """What waits from before stays as it is."""
    home.env["QTOA_QT_URL"] = "http://127.0.0.1:9/"
    assert run_cgi(home, params_of(push := wechat.push(SAFE)), push.body).body == b"success"
    how, said = BAD["7.64.0"]
    before = [tuple(r) for r in home.rows()]
    make_older(home, **how)
    code, out, err = run(home, "drain")
    assert code == 1 and said in err and "qtoa check" in err and out == ""
    assert [tuple(r) for r in home.rows()] == before and len(before) == 1


def test_a_repair(home, qt, make_pool):
    """WeChat sends again what was answered 503; by then there is a libcurl that is new enough."""
    push = wechat.push(SAFE)
    make_older(home, version="7.64.0")
    assert run_cgi(home, params_of(push), push.body).status == 503
    make_older(home)
    assert run_cgi(home, params_of(push), push.body).body == b"success"
    assert run_cgi(home, params_of(push), push.body).body == b"success"
    assert len(qt.received) == 1


def test_the_other_address(home, qt, make_pool):
    """Without HTTPS a standby by HTTP is still there."""
    make_older(home, without="https")
    home.env["QTOA_STANDBY_URL"] = home.env["QTOA_QT_URL"]
    home.env["QTOA_QT_URL"] = "https://127.0.0.1:9/"
    home.env["QTOA_SECRET"] = SAFE.service_secret
    push = wechat.push(SAFE)
    assert run_cgi(home, params_of(push), push.body, variant="standby").status == 200
    home.env["QTOA_STANDBY_URL"] = "https://127.0.0.1:9/"
    push = wechat.push(SAFE)
    assert run_cgi(home, params_of(push), push.body, variant="standby").status == 503


def test_no_ca_certificates(home, qt, make_pool):
    """A local cause that one file cures: the message is kept, and nobody looks for a firewall."""
    home.env.update(E2E_CA_FILE=str(home.dir / "none.pem"),
                    QTOA_QT_URL=home.env["QTOA_QT_URL"].replace("http:", "https:"))
    push = wechat.push(SAFE)
    assert run_cgi(home, params_of(push), push.body, variant="any_age").body == b"success"
    (row,) = home.log.wait(1, what="request", verdict="queued")
    assert "on this host" in row["hint"] and "none.pem" in row["detail"], row
    code, out, _ = run(home, "check", variant="any_age")
    assert code == 1 and "none.pem" in out and "firewall" not in out
    _, out, _ = run(home, "status", variant="any_age")
    assert "safe: not confirmed by QT, no CA certificates" in out, out[-400:]
