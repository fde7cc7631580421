"""What users type: it reaches QT as it came, and the collector counts it in all three modes, also
where it makes WeChat's XML not well-formed."""

import json

import pytest

import program
import wechat
from collector import TEXT, behind, posted
from wechat import COMPATIBLE, PLAIN, SAFE

REPORTS = program.TOP / "tests/vectors/reports"
USER = "oQtoaE2eUser0000000000000001"
CONTROL, NOT_UTF8, END = (f"repaired text: {what}" for what in (
    "control character", "not UTF-8", "]]> within the text"))

# What is in the CDATA section of a text, what counts of it, and what the log says.
TYPED = {
    "control": (b"a\x1db", "a\ufffdb", CONTROL),
    "nul": (b"a\0b", "a\ufffdb", CONTROL),
    "cut": ("\u6e05\u6670".encode()[:-1], "\u6e05\ufffd", NOT_UTF8),
    "gbk": ("\u4f60\u597d".encode("gbk"), "\ufffd" * 3, NOT_UTF8),
    "surrogates": (b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd\ufffd", NOT_UTF8),
    "overlong": (b"\xc0\xaf", "\ufffd\ufffd", NOT_UTF8),
    "noncharacter": (b"\xef\xbf\xbf", "\ufffd", "repaired text: character that XML forbids"),
    "section-end": (b"a]]>b", "a]]>b", END),
    "section-ends": (b"]]>]]> & ]]>", "]]>]]> & ]]>", END),
    "section": (b"a<![CDATA[b]]>c", "a<![CDATA[b]]>c", END),
    "tag": (b"a]]><b>c", "a]]><b>c", END),
    "half-a-tag": (b"a]]><b", "a]]><b", END),
    "comment": (b"a]]><!-- b", "a]]><!-- b", END),
    "end-of-content": (b"a]]></Content>b", "a]]></Content>b", END),
}


def message(content, user=USER, cdata=True):
    xml = wechat.text_message("CONTENT", user=user)
    whole = b"<![CDATA[CONTENT]]>"
    return xml.replace(whole, b"<![CDATA[%s]]>" % content if cdata else content)


def counted(pool, qt, account, xml):
    """The event that comes of a push, through both sides; the two lines of the log."""
    pool.log.mark()
    push = wechat.push(account, xml)
    assert pool.push(account, push).body == b"success"
    forwarded = pool.log.one(verdict="delivered", account=account.path)
    body = qt.received[-1].body
    # Nothing of it is repaired on its way; only JSON cannot have what is not UTF-8.
    assert json.loads(body)["weChatOAData"] == java_utf8(push.body)
    pool.log.mark()
    row, = behind(pool).takes(body)
    return row, forwarded, pool.log.one(verdict="collect", qt=TEXT[200])


def java_utf8(text):
    """As Java reads it: a surrogate in three bytes is one U+FFFD."""
    out, at = "", 0
    while at < len(text):
        if text[at] == 0xed and at + 2 < len(text) and 0xa0 <= text[at + 1] <= 0xbf:
            out, at = out + "\ufffd", at + 3
            continue
        end = at + 1
        while end < len(text) and text[end] != 0xed:
            end += 1
        out, at = out + text[at:end].decode("utf-8", "replace"), end
    return out


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("name", TYPED)
def test_it_counts(pool, qt, account, name):
    typed, content, what = TYPED[name]
    row, forwarded, collected = counted(pool, qt, account, message(typed))
    assert json.loads(row["attributes"])["Content"] == content
    assert (row["event_code"], row["device_id"]) == ("$$_receive_msg", USER)
    assert (forwarded["event"], forwarded["detail"]) == ("$$_receive_msg", what)
    # In plain mode the JSON has U+FFFD already.
    if account != PLAIN or what != NOT_UTF8:
        assert collected["detail"] == what


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
def test_text_that_is_no_section(pool, qt, account):
    xml = message(b" a & b &nbsp; &#29;&#x1F;&#0;&#xD800; &amp; ", cdata=False)
    row, _, collected = counted(pool, qt, account, xml)
    assert json.loads(row["attributes"])["Content"] == "a & b &nbsp; \ufffd\ufffd\ufffd\ufffd &"
    assert collected["detail"] == "repaired text: & that begins no reference"


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
def test_other_elements(pool, qt, account):
    """A user and a key of the menu; the rest of a message that is GBK as a whole."""
    xml = message(b"hi", user="o\x01U")
    assert counted(pool, qt, account, xml)[0]["device_id"] == "o\ufffdU"
    menu = (program.TOP / "tests/cases/event-click.xml").read_bytes()
    key = menu.split(b"<EventKey><![CDATA[")[1].split(b"]]>")[0]
    row, *_ = counted(pool, qt, account, menu.replace(key, b"a]]>\x02b"))
    assert json.loads(row["attributes"])["EventKey"] == "a]]>\ufffdb"
    gbk = '<?xml version="1.0" encoding="GBK"?>'.encode() + message("\u4f60".encode("gbk"))
    assert counted(pool, qt, account, gbk)[0]["event_code"] == "$$_receive_msg"


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("name,content", (
    ("ctl-1d", " \ufffdc"), ("utf8-cut", "\u6e05\ufffd"), ("cdata-end-in-text", "a]]>b")))
def test_reports(pool, qt, account, name, content):
    row, *_ = counted(pool, qt, account, (REPORTS / f"{name}.xml").read_bytes())
    assert json.loads(row["attributes"])["Content"] == content
    assert row["device_id"] == "oUser000000000000000000000001"


def test_a_repeat_is_a_repeat(make_pool, qt):
    """The key is that of the text as it came."""
    pool = make_pool("main")
    xml = message(b"a\x1d]]>b")
    for _ in range(2):
        pool.push(SAFE, wechat.push(SAFE, xml))
    assert len(qt.received) == 1
    pool.push(SAFE, wechat.push(SAFE, xml.replace(b"\x1d", b"\x1c")))
    assert len(qt.received) == 2


@pytest.mark.parametrize("account", (SAFE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("xml", (
    b"<xml>\x01", b"<xml><a>\x01</b></xml>", message(b"a]]></Content><b>"),
    b"<!DOCTYPE xml><xml>\x01</xml>"), ids=("cut", "crossed", "typed-tags", "doctype"))
def test_structure_is_not_repaired(pool, account, xml):
    behind(pool).refuses(posted(account, wechat.push(account, xml)), 107)
