"""A host in FIPS mode, where OpenSSL does not give what WeChat and QT sign with: the program needs
OpenSSL for TLS only.  A server's process has no such variable in its environment, a verb has."""

import subprocess

import pytest

import qt as qt_side
import wechat
from test_cli import run
from wechat import ACCOUNTS, PLAIN, SAFE

# This host has no provider with that property, so OpenSSL gives no algorithm at all.
OPENSSL_CONF = """openssl_conf = init
[init]
alg_section = algorithms
[algorithms]
default_properties = fips=yes
"""


@pytest.fixture
def fips(home):
    conf = home.dir / "openssl.cnf"
    conf.write_text(OPENSSL_CONF)
    home.env["OPENSSL_CONF"] = str(conf)
    for digest in ("-md5", "-sha1"):
        lacks = subprocess.run(["openssl", "dgst", digest, "/dev/null"], env=home.env,
                               capture_output=True, check=False)
        assert lacks.returncode != 0, f"OpenSSL has {digest} all the same"


def test_check(home, fips):
    code, out, _ = run(home, "check", "--offline")
    assert code == 0 and "0 failed" in out, out


@pytest.mark.parametrize("account", (SAFE, PLAIN), ids=lambda a: a.path)
def test_verbs(home, qt, fips, make_pool, account):
    """What waits is decrypted to be shown, signed to be sent."""
    push = wechat.push(account, wechat.text_message("in FIPS mode"))
    qt.behave = qt_side.answering(503, "")
    pool = make_pool()
    assert pool.push(account, push).body == b"success"
    pool.stop()
    qt.behave = qt_side.genuine
    code, out, _ = run(home, "queue", "show", "1")
    assert code == 0 and "in FIPS mode" in out
    code, out, err = run(home, "drain")
    assert (code, err) == (0, ""), out
    assert len(qt.confirmed(push)) == 1


def test_send(home, fips, tmp_path):
    (tmp_path / "message.xml").write_bytes(wechat.text_message())
    server = qt_side.QT(ACCOUNTS)
    server.behave = qt_side.answering(200, "success")
    try:
        code, out, err = run(home, "send", "safe", server.url, str(tmp_path / "message.xml"))
        assert code == 0 and out.startswith("200 success"), out + err
    finally:
        server.stop()
