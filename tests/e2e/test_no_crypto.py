"""OpenSSL without an algorithm, as in a FIPS mode: that is what it says, at the start, in `check`
and at each push; and nothing is acknowledged that could not be handled."""

import pytest

import program
import wechat
from test_cli import run
from wechat import PLAIN, SAFE

MISSING = {"MD5": "MD5", "SHA1": "SHA-1", "SHA256": "SHA-256", "AES-256-CBC": "AES-256-CBC",
           "MD5,SHA1,SHA256,AES-256-CBC": "MD5, SHA-1, SHA-256, AES-256-CBC"}


@pytest.fixture(params=MISSING)
def lacking(request, home):
    """What is said of it."""
    home.env.update(LD_PRELOAD=str(program.SHARED / "crypto.so"), NO_CRYPTO=request.param)
    if "ASAN_OPTIONS" in home.env:
        home.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    return f"offers no {MISSING[request.param]} here"


def test_check(home, lacking):
    code, out, _ = run(home, "check", "--offline")
    assert code == 1 and lacking in out and "FIPS" in out and "out of memory" not in out


def test_drain(home, qt, lacking, make_pool):
    if "MD5" in lacking:
        (home.state / "qtoa.db").touch()
        code, _, err = run(home, "drain")
        assert code == 1 and lacking in err


def test_pushes(home, qt, lacking, make_pool):
    pool = make_pool()
    answers = {a: pool.push(a, wechat.push(a)) for a in (SAFE, PLAIN)}
    only_safe = lacking == "offers no AES-256-CBC here"
    assert answers[SAFE].status == 503 and len(qt.received) == only_safe
    assert answers[PLAIN].status == (200 if only_safe else 503)
    (start,) = [s for s in home.log.path.read_text().splitlines() if "what=start" in s]
    assert lacking in start and "qtoa check" in start
    for row in home.log.wait(1, what="request", status=503):
        assert row["error"] == "crypto library failed" and lacking in row["detail"], row
    assert "out of memory" not in home.log.path.read_text()


def test_collector(home, qt, lacking, make_pool):
    """Its worker needs them before it can read anything."""
    pool = make_pool()
    with pool.connect() as c:
        answer = c.send(program.fcgi.request(program.fcgi.cgi(
            "POST", "/server/thirdPartyDataSource", "", 2), b"{}")).answer()
    assert answer.status in (200, 503)
    assert "out of memory" not in home.log.path.read_text()
