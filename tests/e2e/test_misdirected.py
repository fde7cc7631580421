"""What WeChat sends by a mistake in a console or in the web server: the log says what the mistake
is, and nothing of it waits, or is dead, for ever."""

import re
from dataclasses import replace

import pytest

import program
import wechat
from wechat import COMPATIBLE, PLAIN, SAFE

REPORTS = program.TOP / "tests/vectors/reports"
TICKET = (REPORTS / "component-ticket.xml").read_bytes()
JSON = (REPORTS / "json-plain.json").read_bytes()
PLATFORM = replace(SAFE, appid="wx00112233445566aa")
REFUSED = (403, b"not accepted\n")


def answer(pool, account, push):
    pool.log.mark()
    got = pool.push(account, push)
    return got.status, got.body


def platform_envelope(account, xml, appid=PLATFORM.appid):
    """An envelope has the platform's AppID where an account's has its name."""
    push = wechat.push_sealed(replace(account, mode="SAFE"),
                              wechat.seal(account, xml, appid=appid))
    body = re.sub(rb"<ToUserName>.*?</ToUserName>",
                  b"<AppId><![CDATA[%s]]></AppId>" % appid.encode(), push.body)
    return replace(push, body=body)


# The query of a push twice: nginx adds it to a target of a rewrite that has it already.

@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("push", (wechat.push, wechat.handshake), ids=("message", "handshake"))
def test_doubled_query(pool, qt, account, push):
    assert "?$args last" in (REPORTS / "nginx-rewrite-twice.conf").read_text()
    good = push(account)
    assert answer(pool, account, replace(good, params=good.params * 2)) == REFUSED
    line = pool.log.one(status=403, error="parameter missing, empty or repeated",
                        detail="signature is repeated")
    assert "rewrite" in line["hint"]
    assert qt.received == []


def test_one_parameter_twice(pool):
    good = wechat.push(SAFE)
    for name in ("timestamp", "nonce", "openid", "encrypt_type", "msg_signature"):
        assert answer(pool, SAFE, good.plus(name, good.get(name))) == REFUSED
        assert "rewrite" in pool.log.one(detail=f"{name} is repeated")["hint"]


def test_missing_and_empty_are_not_repeated(pool):
    good = wechat.push(SAFE)
    for push in (good.without("nonce"), good.with_("nonce", "")):
        assert answer(pool, SAFE, push) == REFUSED
        assert "hint" not in pool.log.one(detail="nonce")


# JSON: a setting of WeChat's console.

@pytest.mark.parametrize("body", (JSON, b"\xef\xbb\xbf" + JSON, b"\r\n " + JSON, b'{"Encrypt":"x"}',
                                  b"[]", JSON[:40]))
def test_json_in_plain_mode(pool, qt, body):
    assert answer(pool, PLAIN, wechat.push(PLAIN, body)) == REFUSED
    line = pool.log.one(status=403, wechat=-40002, detail="the body is JSON")
    assert "data format" in line["hint"] and "XML" in line["hint"]
    assert qt.received == []


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE), ids=lambda a: a.path)
def test_json_that_is_sealed(pool, qt, account):
    sealed = wechat.push(account)
    assert answer(pool, account, replace(sealed, body=b'{"ToUserName":"gh","Encrypt":"x"}')) == \
        REFUSED
    line = pool.log.one(status=403, wechat=-40002, detail="the body is JSON")
    assert "data format" in line["hint"] and "XML" in line["hint"]
    assert answer(pool, account, wechat.push_sealed(account, wechat.seal(account, JSON))) == \
        REFUSED
    assert "data format" in pool.log.one(detail="the body is JSON")["hint"]
    assert qt.received == []


def test_what_is_neither_is_qt_s_to_judge(pool, qt):
    assert answer(pool, PLAIN, wechat.push(PLAIN, b"hello {}")) == (200, b"success")
    assert len(qt.received) == 1


# A third-party platform's pushes.

@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("kind", (
    "component_verify_ticket", "authorized", "unauthorized", "updateauthorized",
    "notify_third_fasteregister", "x" * 500))
def test_notices_to_a_platform(pool, qt, account, kind):
    xml = TICKET.replace(b"component_verify_ticket", kind.encode())
    push = wechat.push_sealed(account, wechat.seal(account, xml)) if account.key else \
        wechat.push(account, xml)
    assert answer(pool, account, push) == (200, b"success")
    line = pool.log.one(level="notice", verdict="ignored", status=200,
                        detail="InfoType " + kind[:60])
    assert "platform" in line["hint"] and "ticket@@@x" not in pool.log.text()
    assert qt.received == []
    assert not (pool.home.state / "qtoa.db").exists() or \
        pool.home.query("SELECT * FROM message") == []


def test_a_message_is_no_notice(pool, qt):
    xml = wechat.text_message().replace(b"</xml>", b"<InfoType>authorized</InfoType></xml>")
    assert answer(pool, PLAIN, wechat.push(PLAIN, xml)) == (200, b"success")
    assert len(qt.received) == 1


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE), ids=lambda a: a.path)
def test_an_envelope_for_a_platform(pool, qt, account):
    """With our keys, with another key, with another token; and one that names our AppID."""
    xml = wechat.text_message()
    good = platform_envelope(account, xml)
    other_key = replace(account, key=wechat.ROTATED.key)
    for push, error in (
            (good, "message for another AppID"),
            (platform_envelope(other_key, xml), "decryption failed"),
            (good.with_("signature", "0" * 40), "signature mismatch"),
            (good.with_("msg_signature", "0" * 40), "signature mismatch")):
        assert answer(pool, account, push) == REFUSED
        assert "third-party platform" in pool.log.one(status=403)["hint"]
        if error != "decryption failed":    # by chance its length is wrong
            assert pool.log.one()["error"] == error
    assert answer(pool, account, wechat.push_sealed(
        account, wechat.seal(account, xml, appid=PLATFORM.appid), xml)) == REFUSED
    assert "third-party platform" in pool.log.one(error="message for another AppID")["hint"]
    assert qt.received == []
    pool.log.mark()
    assert answer(pool, account, wechat.push(account, token="wrong")) == REFUSED
    assert "third-party platform" not in pool.log.one()["hint"]
