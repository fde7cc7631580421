"""Texts from outside that are longer than a row of a server's index may be, and texts that a server
cannot take: SQLite and PostgreSQL count the same, but for the ends of long names, and what comes
behind them is counted, too."""

import base64
import random
import re

import pytest

import program
import wechat
from test_alike import counted, homes, serving  # noqa: F401 (homes is a fixture)
from test_counting import BEGIN, dump, dump_of_sqlite
from test_privacy import AT, event
from test_statistics import answer, engines, row, table  # noqa: F401 (engines is a fixture)
from wechat import SAFE

LONG = 5000


def noise(seed, length=LONG):
    """A text that the server cannot compress, so that it would not fit."""
    return base64.b64encode(random.Random(seed).randbytes(length), b"-_").decode()[:length]


def xml_of(name, at, user="oLong_0123456789abcdefghijkl", key="", more=""):
    return event(user, name, at, key).replace(b"</xml>", more.encode() + b"</xml>")


def wide(seed):
    """The same of characters that have three bytes each."""
    rng = random.Random(seed)
    return "".join(chr(rng.randrange(0x4e00, 0x9fff)) for _ in range(LONG // 3))


PUSHES = {
    "user": xml_of("CLICK", AT, noise(1), "menu"),
    "user who follows": xml_of("subscribe", AT, noise(2)),
    "key of a menu": xml_of("CLICK", AT, key=noise(3)),
    "wide key of a menu": xml_of("CLICK", AT, key="x" + wide(3)),
    "scene of a follow": xml_of("subscribe", AT, key="qrscene_" + noise(4)),
    "scene of a scan": xml_of("SCAN", AT, key=noise(5)),
    "name of an event": xml_of(noise(6), AT),
    "status of a template": xml_of("TEMPLATESENDJOBFINISH", AT, more=f"<Status>{noise(7)}</Status>"
                                   "<MsgID>1</MsgID>"),
    "status of a mass message": xml_of("MASSSENDJOBFINISH", AT,
                                       more=f"<Status>{noise(8)}</Status><MsgID>2</MsgID>"),
    "templates of a subscription": xml_of(
        "subscribe_msg_popup_event", AT, more="<SubscribeMsgPopupEvent>" + "".join(
            f"<List><TemplateId>{noise(n, 100)}</TemplateId></List>" for n in range(50))
        + "</SubscribeMsgPopupEvent>"),
    "kind of a message": wechat.text_message("t", user="oKind").replace(
        b"<![CDATA[text]]>", f"<![CDATA[{noise(9)}]]>".encode()),
    "controls": xml_of("CLICK", AT, key="a\x01b\x1fc"),
    "a NUL": xml_of("CLICK", AT, key="a\0b"),
    "a NUL by its number": xml_of("CLICK", AT).replace(b"<EventKey><![CDATA[]]>", b"<EventKey>a&#0;b"),
    "half a character": xml_of("CLICK", AT, key="a@b").replace(b"@", b"\xe4\xb8"),
    "half a pair": xml_of("CLICK", AT).replace(b"<EventKey><![CDATA[]]>", b"<EventKey>&#xD800;"),
    "the text of an escape": xml_of("CLICK", AT, key="\\u0000"),
}


def test_pushes(shared, url, homes):
    with serving(homes[:2]) as pools:
        for n, (name, xml) in enumerate(PUSHES.items()):
            push = wechat.push(SAFE, xml.replace(str(AT).encode(), str(AT + n).encode()))
            heard = [pool.push(SAFE, push) for pool in pools]
            assert heard[0].body == heard[1].body and heard[0].status == heard[1].status, name
        behind = wechat.push(SAFE, xml_of("CLICK", AT + 100, key="behind"))
        assert [p.push(SAFE, behind).body for p in pools] == [b"success"] * 2
        here, there = counted(shared, url, homes)[::-1]
    assert len(here) == len(there)
    assert [r for r in here if len(r) < 400] == [r for r in there if len(r) < 400]
    assert [r for r in there if r.endswith("|behind")]
    # Each of them is counted that WeChat was told `success` for.
    assert len([r for r in there if r.startswith("event|")]) >= len(PUSHES)
    assert shared.primary.sql("SELECT max(octet_length(device)) FROM device", url) == "1024"
    for home in homes[:2]:
        assert not [r for r in home.log.lines(0) if r["level"] == "error"], home.log.text()


def test_names_that_wechat_tells(shared, url, tables):
    """UnionIDs, and users who are joined and forgotten."""
    tools = tables("sqlite"), tables(url)

    def ask(line):
        heard = {t.ask(line) for t in tools}
        assert len(heard) == 1 and heard.pop().startswith("ok"), (line[:60], heard)

    for n in range(4):
        ask(f"count {noise(n)} {BEGIN + n} {n} $$_menu_click {{}}")
        ask(f"turn {noise(n)} {BEGIN + n} 1")
    ask(f"join {noise(0)} {noise(10)}")
    ask(f"join {noise(1)} {noise(10)}")
    ask(f"join oShort {noise(11)}")
    ask(f"count {noise(1)} {BEGIN + 9} 9 $$_menu_click {{}}")
    ask(f"erase {noise(2)}")
    ask(f"count {noise(2)} {BEGIN + 10} 10 $$_menu_click {{}}")
    here, there = ([re.sub(r"[\w-]{1024,}", lambda m: m[0][:1024], row) for row in rows
                    if not row.startswith("erased|")]      # a name and its beginning: two there
                   for rows in (dump_of_sqlite(tools[0].state), dump(shared.primary, url)))
    assert sorted(here) == there
    assert shared.primary.sql("SELECT max(octet_length(openid)), max(octet_length(unionid)) FROM "
                              "unionid", url) == "1024|1024"


@pytest.mark.parametrize("endpoint, body, tables_of", [
    ("getarticlesummary", {"list": [row(msgid=noise(1), title=noise(2))]}, ("getarticlesummary",)),
    ("getarticletotal", {"list": [{"ref_date": noise(3), "msgid": noise(4), "details": [
        {"stat_date": noise(5)}]}]}, ("getarticletotal", "getarticletotal_details")),
    ("getarticleread", {"list": [{"ref_date": noise(6), "msgid": wide(7), "detail": {
        "read_user_source": [{"scene_desc": noise(8), "user_count": 1}]}}]},
     ("getarticleread", "getarticleread_source")),
])
def test_statistics(engines, endpoint, body, tables_of):
    for _ in range(2):
        assert answer(engines, endpoint, body).startswith("ok stored")
    for name in tables_of:
        assert len(table(engines, name)) == 1
