"""What stands around a genuine <Encrypt> is not signed: it goes to QT only if it says what was
decrypted.  A forged copy that comes first takes nothing from the true one."""

import re
import secrets
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

import program
import qt as qt_side
import wechat
from wechat import COMPATIBLE, SAFE

SEALED = pytest.mark.parametrize("account", (SAFE, COMPATIBLE), ids=lambda a: a.path)
CASES = program.TOP / "tests/cases"
EVIL = b"oEvil0000000000000000000evil"


@pytest.fixture
def pool(module_pools, qt):
    """Here `repeat` is what is wanted."""
    pool = module_pools("main")
    pool.log.mark()
    yield pool
    pool.check()


def message(text="hello"):
    return wechat.text_message(text)


def sealed_in(body):
    return re.search(rb"<Encrypt>.*</Encrypt>", body, re.S)[0]


def put(before, what):
    """Inserts something before the first place where that stands."""
    return lambda body: body.replace(before, what + before, 1)


def swap(old, new):
    def change(body):
        changed = re.sub(old, lambda m: new, body, count=1, flags=re.S)
        return changed
    return change


END = b"</xml>"
FORGERIES = {
    "content": put(END, b"<Content><![CDATA[evil]]></Content>"),
    "content-first": put(b"<ToUserName>", b"<Content><![CDATA[evil]]></Content>"),
    "user": put(b"<ToUserName>", b"<FromUserName>" + EVIL + b"</FromUserName>"),
    "time": put(END, b"<CreateTime>1</CreateTime>"),
    "msgid": put(END, b"<MsgId>666</MsgId>"),
    "event": put(END, b"<MsgType>event</MsgType><Event>subscribe</Event>"),
    "agent": put(END, b"<AgentID>evil</AgentID>"),
    "to": swap(rb"gh_e2e000000001", b"gh_evil"),
    "to-twice": put(b"<ToUserName>", b"<ToUserName>gh_evil</ToUserName>"),
    "to-twice-behind": put(END, b"<ToUserName>gh_evil</ToUserName>"),
    "to-with-a-child": swap(rb"<ToUserName>.*</ToUserName>",
                            b"<ToUserName>gh_e2e000000001<evil/></ToUserName>"),
    "to-attribute": swap(rb"<ToUserName>", b'<ToUserName evil="1">'),
    "encrypt-behind": put(END, b"<Encrypt>evil</Encrypt>"),
    "encrypt-attribute": swap(rb"<Encrypt>", b'<Encrypt evil="1">'),
    "encrypt-nested": put(END, b"<a><Encrypt>evil</Encrypt></a>"),
    "encrypt-in-comment": put(END, b"<!-- <Encrypt>evil</Encrypt> -->"),
    "encrypt-in-cdata": put(END, b"<![CDATA[<Encrypt>evil</Encrypt>]]>"),
    "encrypt-with-a-child": swap(rb"</Encrypt>", b"<evil>evil</evil></Encrypt>"),
    "encrypt-with-a-comment": swap(rb"</Encrypt>", b"<!--evil--></Encrypt>"),
    "encrypt-empty-behind": put(END, b"<Encrypt/><evil/>"),
    "comment": put(END, b"<!--evil-->"),
    "comment-before": lambda body: b"<!--evil-->" + body,
    "comment-behind": lambda body: body + b"<!--evil-->",
    "instruction": lambda body: b"<?evil evil?>" + body,
    "encoding": lambda body: b'<?xml version="1.0" encoding="evil"?>' + body,
    "text": put(END, b"evil"),
    "root-attribute": swap(rb"<xml>", b'<xml evil="evil">'),
    "root-namespace": swap(rb"<xml>", b'<xml xmlns="evil">'),
    "deep": put(END, b"<a><b><c>evil</c></b></a>"),
}


def opened(account, r):
    """What QT decrypts, and that all that stands around says the same."""
    root = ET.fromstring(r.fields["weChatOAData"])
    (encrypt,) = root.findall("Encrypt")
    assert len(encrypt) == 0 and root.attrib == {} and encrypt.attrib == {}
    assert wechat.sha1_sorted(account.token, r.fields["timestamp"], r.fields["nonce"],
                              encrypt.text) == r.fields["msg_signature"]
    xml = wechat.unseal(account, encrypt.text)
    inner = [(e.tag, e.text) for e in ET.fromstring(xml)]
    outer = [(e.tag, e.text) for e in root if e.tag != "Encrypt"]
    if account is COMPATIBLE:
        assert outer == inner
    else:
        assert outer == [("ToUserName", "gh_e2e000000001")]
    return xml


def send(pool, account, push):
    answer = pool.push(account, push)
    assert (answer.status, answer.body) == (200, b"success")


@SEALED
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_copy_first(pool, qt, account, name):
    xml = message()
    push = wechat.push(account, xml)
    forged = replace(push, body=FORGERIES[name](push.body))
    assert forged.body != push.body
    pool.log.mark()
    send(pool, account, forged)
    line = pool.log.one(verdict="delivered")
    assert "around <Encrypt>" in line["detail"] and line["level"] == "notice"
    send(pool, account, push)
    send(pool, account, forged)
    r, = qt.received
    assert opened(account, r) == xml
    assert "evil" not in r.fields["weChatOAData"]


@SEALED
def test_less_than_there_was(pool, qt, account):
    """What was cut out of a copy is there again: QT must be able to read it."""
    fields = (b"ToUserName",) if account is SAFE else (
        b"ToUserName", b"FromUserName", b"MsgType", b"Content", b"MsgId")
    for name in fields:
        xml = message()
        push = wechat.push(account, xml)
        body = re.sub(rb"<%s>.*</%s>\s*" % (name, name), b"", push.body)
        qt.received.clear()
        send(pool, account, replace(push, body=body))
        send(pool, account, push)
        r, = qt.received
        assert opened(account, r) == xml


@SEALED
def test_a_false_encrypt_before_the_true_one(pool, qt, account):
    """It is not the one that is signed: refused, and the true push is none the worse."""
    push = wechat.push(account)
    forged = replace(push, body=push.body.replace(b"<Encrypt>", b"<Encrypt>ZXZpbA==</Encrypt>"
                                                                b"<Encrypt>", 1))
    assert pool.push(account, forged).status == 403
    send(pool, account, push)
    r, = qt.received
    assert r.fields["weChatOAData"].encode() == push.body


@SEALED
def test_parameters_that_are_not_signed(pool, qt, account):
    """The kind of encryption and the user stand in the URL, beside the signatures."""
    good = wechat.push(account)
    for change in (lambda p: p.with_("encrypt_type", "raw"), lambda p: p.without("encrypt_type"),
                   lambda p: p.with_("encrypt_type", "evil"),
                   lambda p: p.with_("openid", EVIL.decode())):
        push = wechat.push(account)
        qt.received.clear()
        send(pool, account, change(push))
        send(pool, account, push)
        r, = qt.received
        assert r.fields["weChatOAData"].encode() == push.body
        assert (r.fields["encrypt_type"], r.fields["openid"]) == ("aes", good.get("openid"))


def genuine_bodies():
    """Ways in which WeChat's own body may be written."""
    for name, mark, end in (
            ("as it is", b"", b"<Encrypt><![CDATA[%s]]></Encrypt></xml>"),
            ("on a line", b"", b"\n<Encrypt><![CDATA[%s]]></Encrypt>\n</xml>\n"),
            ("no cdata", b"", b"    <Encrypt>%s</Encrypt>\r\n</xml>"),
            ("byte order mark", b"\xef\xbb\xbf", b"<Encrypt><![CDATA[%s]]></Encrypt></xml>")):
        xml = message("a & b < c ]] >")
        yield name, xml, mark + xml[:-len(END)] + end
    xml = message("a & b")
    lines = re.sub(rb"\n", b"", xml[:-len(END)])
    yield "on one line", xml, lines + b"<Encrypt>%s</Encrypt></xml>"
    xml = message("ab")
    other = xml[:-len(END)].replace(b"<![CDATA[ab]]>", b"&#97;<![CDATA[b]]>")
    yield "other sections", xml, other + b"<Encrypt>%s</Encrypt></xml>"
    stray = wechat.text_message("x]]>y</z>&")
    yield "typed end of cdata", stray, stray[:-len(END)] + b"<Encrypt>%s</Encrypt></xml>"
    odd = message().replace(b"hello", b"\x01\xff\xe4\xbd")
    yield "no characters", odd, odd[:-len(END)] + b"<Encrypt>%s</Encrypt></xml>"


def test_genuine_bodies_go_as_they_came(pool, qt):
    for name, xml, form in genuine_bodies():
        sealed = wechat.seal(COMPATIBLE, xml)
        push = replace(wechat.push_sealed(COMPATIBLE, sealed),
                       body=form.replace(b"%s", sealed.encode()))
        qt.received.clear()
        send(pool, COMPATIBLE, push)
        r, = qt.received
        assert r.fields["weChatOAData"] == qt_side.java_decode(push.body), name


def test_every_message_of_wechat(pool, qt):
    """All samples, in both modes."""
    for file in sorted(CASES.glob("*.xml")):
        xml = re.sub(rb"<CreateTime>.*?</CreateTime>", b"<CreateTime>%d</CreateTime>" %
                     (time.time() - secrets.randbelow(9)), file.read_bytes().rstrip())
        if not xml.endswith(END) or b"<Encrypt>" in xml:
            continue
        for account in (SAFE, COMPATIBLE):
            sealed = wechat.seal(account, xml)
            push = wechat.push_sealed(account, sealed, xml)
            if b"<ToUserName>" not in xml and account is SAFE:
                push = replace(push, body=re.sub(rb"<ToUserName>.*?</ToUserName>\n", b"", push.body))
            qt.received.clear()
            pool.log.mark()
            answer = pool.push(account, push)
            assert answer.body == b"success", (file.name, pool.log.lines())
            if r := qt.received:
                assert r[0].fields["weChatOAData"] == qt_side.java_decode(push.body), file.name
            else:
                pool.log.one(verdict="ignored")
