"""Users are answered by the rules in a file: each type of reply in each mode, opened here as WeChat
does; a repeat gets the same; neither QT nor a full disk keeps a reply back, and nothing is lost."""

import base64
import json
import re
import secrets
import signal
import struct
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import exposition
import fcgi
import fronts
import program
import qt as qt_side
import wechat
from test_cli import run
from wechat import COMPATIBLE, PLAIN, ROTATED, SAFE

VARIANT = "replies"
USER, GH = "oQtoaE2eUser0000000000000001", "gh_e2e000000001"
HARD = "a]]>b \U0001f600\u4f60\u597d <a href=\"https://x/?a=1&b=2\">x</a>\n\x01\x0bend]]"
LONG = "\u6c49" * 600


def info(kind, **fields):
    return {"type": kind, **fields}


# Each type: what the file says, and the elements that WeChat must find.
TYPES = {
    "text": (info("text", content=HARD), {"Content": HARD.replace("\x01\x0b", "")}),
    "long": (info("text", content=LONG), {"Content": LONG}),
    "image": (info("img", content="media-1"), {"Image/MediaId": "media-1"}),
    "voice": (info("voice", content="media-2"), {"Voice/MediaId": "media-2"}),
    "video": (info("video", media_id="media-3", title="t<>", description="d"),
              {"Video/MediaId": "media-3", "Video/Title": "t<>", "Video/Description": "d"}),
    "music": (info("music", title="song", musicurl="http://m/?a&b", hqmusicurl="http://h",
                   thumb_media_id="media-4"),
              {"Music/Title": "song", "Music/MusicUrl": "http://m/?a&b",
               "Music/HQMusicUrl": "http://h", "Music/ThumbMediaId": "media-4"}),
    "news": (info("news", news_info={"list": [{
        "title": "\u65b0\u95fb", "author": "a", "digest": "d", "show_cover": 1,
        "cover_url": "http://cover", "content_url": "http://content", "source_url": ""}]}),
        {"ArticleCount": "1", "Articles/item/Title": "\u65b0\u95fb",
         "Articles/item/Description": "d", "Articles/item/PicUrl": "http://cover",
         "Articles/item/Url": "http://content"}),
    "transfer": (info("transfer_customer_service", kf_account="one@shop"),
                 {"TransInfo/KfAccount": "one@shop"}),
}
MSGTYPES = {"long": "text", "transfer": "transfer_customer_service"}


def keyword(word, *replies, mode="equal", **more):
    return {"rule_name": f"rule-{word}", "keyword_list_info": [
        {"type": "text", "match_mode": mode, "content": word}],
        "reply_list_info": list(replies), **more}


RULES = {
    "is_add_friend_reply_open": 1, "is_autoreply_open": 1,
    "add_friend_autoreply_info": info("text", content="welcome"),
    "message_default_autoreply_info": info("text", content="nobody is here"),
    "keyword_autoreply_info": {"list": [
        *(keyword(name, reply) for name, (reply, _) in TYPES.items()),
        keyword("dice", *(info("text", content=str(n)) for n in range(6)),
                reply_mode="random_one")]},
    "click": [{"key": "HOURS", "reply_list_info": [info("text", content="9 to 5")]}],
}


@pytest.fixture
def home(home):
    home.rules = home.dir / "rules.json"
    home.env.update(E2E_REPLIES=str(home.rules), E2E_SECRET="", E2E_WECHAT_API="https://127.0.0.1:1")
    write(home, RULES)
    return home


def write(home, rules):
    """As an editor that replaces the file."""
    new = home.dir / f"rules.{secrets.token_hex(4)}"
    new.write_text(rules if isinstance(rules, str) else json.dumps(rules, ensure_ascii=False))
    new.rename(home.rules)


@pytest.fixture
def pool(home, make_pool):
    pool = make_pool(VARIANT)
    yield pool
    pool.check()


def event(name, key="", user=USER):
    return (f"<xml><ToUserName><![CDATA[{GH}]]></ToUserName><FromUserName><![CDATA[{user}]]>"
            f"</FromUserName><CreateTime>{int(time.time())}</CreateTime>"
            f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>"
            f"<EventKey><![CDATA[{key}]]></EventKey></xml>").encode()


def unseal(account, body, key=None, token=None):
    """As WeChat opens an answer: the signature, the padding, the AppID."""
    root = ET.fromstring(body)
    assert [e.tag for e in root] == ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"]
    sealed, signature, at, nonce = (e.text for e in root)
    assert signature == wechat.sha1_sorted(token or account.token, at, nonce, sealed)
    assert abs(int(at) - time.time()) < 60
    raw = wechat.raw_key(key or account.key)
    dec = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    clear = dec.update(base64.b64decode(sealed)) + dec.finalize()
    assert len(clear) % 32 == 0 and 1 <= clear[-1] <= 32
    assert clear[-clear[-1]:] == bytes([clear[-1]]) * clear[-1]
    clear = clear[:-clear[-1]]
    size, = struct.unpack(">I", clear[16:20])
    assert clear[20 + size:] == account.appid.encode()
    return clear[20:20 + size]


def opened(account, answer, user=USER, **how):
    """The reply in an answer; None: it is `success`."""
    assert answer.status == 200, (answer.status, answer.body)
    if answer.body == b"success":
        return None
    assert answer.headers["content-type"].startswith("text/xml")
    xml = answer.body if account.mode == "PLAIN" else unseal(account, answer.body, **how)
    root = ET.fromstring(xml)
    assert root.tag == "xml"
    assert root.findtext("ToUserName") == user and root.findtext("FromUserName") == GH
    assert abs(int(root.findtext("CreateTime")) - time.time()) < 60
    return root


def say(pool, content, account=PLAIN, user=USER, push=None):
    xml = wechat.text_message(content, user)
    return opened(account, pool.push(account, push or wechat.push(account, xml)), user)


def content(root):
    return None if root is None else root.findtext("Content")


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN, ROTATED), ids=lambda a: a.path)
def test_each_type(pool, qt, account):
    for name, (_, want) in TYPES.items():
        root = say(pool, name, account)
        assert root.findtext("MsgType") == MSGTYPES.get(name, name)
        assert {path: root.findtext(path) for path in want} == want
    line = pool.log.wait(len(TYPES), what="request")[0]
    assert line["verdict"] == "delivered" and line["reply"] == "keyword"
    assert line["rule"] == "rule-text"
    assert len(qt.received) == len(TYPES)


@pytest.mark.parametrize("server", ("lighttpd-fastcgi", "nginx"))
def test_through_a_web_server(home, qt, server):
    """All bytes of a reply get through a real one, with the length that it has."""
    env = {k: home.env[k] for k in ("E2E_REPLIES", "E2E_SECRET", "E2E_WECHAT_API")}
    front = fronts.Front(server, qt.url, variant=VARIANT, env=env)
    try:
        for account in (SAFE, PLAIN):
            for name in ("text", "long"):
                answer = front.push(account, wechat.push(account, wechat.text_message(name)))
                assert int(answer.headers["content-length"]) == len(answer.body)
                assert content(opened(account, answer)) == TYPES[name][1]["Content"]
        assert [line["rule"] for line in front.log.wait(4, what="request", reply="keyword")] == \
            ["rule-text", "rule-long"] * 2
        assert len(qt.received) == 4
        xml = home.dir / "text.xml"
        xml.write_bytes(wechat.text_message("text"))
        code, out, err = run(home, "send", "safe", f"{front.url}/qtoa/safe", str(xml), variant=VARIANT)
        assert code == 0 and out.startswith("200 <xml><ToUserName>"), (out, err)
        front.check()
    finally:
        front.stop()


def test_the_key_that_wechat_used(pool, qt):
    """While WeChat still uses the old key and the old Token, so does the answer."""
    xml = wechat.text_message("image")
    for key, token in ((ROTATED.old_key, ROTATED.token), (ROTATED.key, ROTATED.old_token),
                       (ROTATED.old_key, ROTATED.old_token)):
        push = wechat.push(ROTATED, xml, key=key, token=token)
        root = opened(ROTATED, pool.push(ROTATED, push), key=key, token=token)
        assert root.findtext("Image/MediaId") == "media-1"


def test_events(pool, qt):
    for xml, want in ((event("subscribe"), "welcome"), (event("subscribe", "qrscene_7"), "welcome"),
                      (event("CLICK", "HOURS"), "9 to 5"), (event("CLICK", "OTHER"), None),
                      (event("VIEW", "HOURS"), None), (event("unsubscribe"), None),
                      (event("SCAN", "7"), None), (event("LOCATION"), None)):
        assert content(opened(SAFE, pool.push(SAFE, wechat.push(SAFE, xml)))) == want, xml


def test_default_once_an_hour(home, make_pool, qt):
    """For each user and account, for all processes; and again in the next hour."""
    pools = [make_pool(VARIANT) for _ in range(2)]
    other = USER[:-1] + "2"
    assert content(say(pools[0], "x")) == "nobody is here"
    assert say(pools[1], "y") is None and say(pools[0], "z") is None
    push = wechat.push(PLAIN, wechat.text_message("w"))
    assert opened(PLAIN, program.run_cgi(home, fcgi.push_params(push, "/qtoa/plain"), push.body,
                                         VARIANT)) is None
    assert content(say(pools[1], "x", user=other)) == "nobody is here"
    assert content(say(pools[0], "x", SAFE)) == "nobody is here"
    assert say(pools[0], "image").findtext("MsgType") == "image"
    qt.ahead = 3700
    later = make_pool(VARIANT, env=home.clock(3700))
    push = wechat.push(PLAIN, wechat.text_message("later", at=time.time() + 3700),
                       at=time.time() + 3700)
    assert b"nobody is here" in later.push(PLAIN, push).body


def test_a_repeat_gets_the_same(home, make_pool, qt):
    """WeChat's second and third delivery, to whichever process; a drawn reply, and the default."""
    pools = [make_pool(VARIANT) for _ in range(3)]
    drawn = set()
    for n in range(12):
        xml = wechat.text_message("dice" if n else "nothing that is known")
        answers = [p.push(PLAIN, wechat.push(PLAIN, xml)).body for p in pools]
        push = wechat.push(PLAIN, xml)
        answers.append(program.run_cgi(home, fcgi.push_params(push, "/qtoa/plain"), push.body,
                                       VARIANT).body)
        assert len(set(answers)) == 1 and answers[0] != b"success"
        drawn.add(answers[0].rpartition(b"Content")[0][-8:])
    assert len(drawn) > 2
    assert len(qt.received) == 12       # each message once


def test_read_when_it_changes(home, pool, qt):
    assert content(say(pool, "dice")) is not None
    for n in range(3):
        write(home, {"keyword_autoreply_info": {"list": [
            keyword("dice", info("text", content=f"version {n}"))]}})
        assert content(say(pool, "dice")) == f"version {n}"
    home.rules.write_text('{"keyword_autoreply_info": {')       # in its place, and wrong
    for _ in range(5):
        assert content(say(pool, "dice")) == "version 2"
    line, = pool.log.wait(1, what="replies", level="warning")
    assert "not JSON: line 1" in line["msg"] and "the last good rules serve" in line["msg"]
    # A process that starts now has them, too.
    push = wechat.push(PLAIN, wechat.text_message("dice"))
    answer = program.run_cgi(home, fcgi.push_params(push, "/qtoa/plain"), push.body, VARIANT)
    assert content(opened(PLAIN, answer)) == "version 2"
    home.rules.unlink()
    assert content(say(pool, "dice")) == "version 2"
    write(home, {})
    assert say(pool, "dice") is None


def test_who_says_that_it_is_wrong(home, pool, qt):
    """One line of the log, /-/health, `qtoa check` and `qtoa status`."""
    assert say(pool, "dice") is not None
    home.rules.write_text('{"click": [{"key": ""}]}')
    answer = fcgi.call(pool.path, fcgi.cgi("GET", "/qtoa/-/health", REMOTE_ADDR="127.0.0.1",
                                           HTTP_HOST="localhost"))
    found = [w for w in json.loads(answer.body)["warnings"] if w["what"] == "replies"]
    assert answer.status == 200 and len(found) == 4     # one for each account
    assert "click[0]: a reply has no type" in found[0]["text"] or "key must have" in found[0]["text"]
    code, out, _ = run(home, "check", "--offline", variant=VARIANT)
    assert code == 1 and re.search(r"failed +safe: .*rules.json: click\[0\]: key must have", out), out
    _, out, _ = run(home, "status", variant=VARIANT)
    assert "qtoa reply check" in out
    write(home, RULES)
    code, out, _ = run(home, "check", "--offline", variant=VARIANT)
    assert "9 keyword rules, 1 menu keys" in out


def test_no_file_from_the_start(home, make_pool, qt):
    home.rules.unlink()
    pool = make_pool(VARIANT)
    assert say(pool, "dice") is None and say(pool, "dice") is None
    line, = pool.log.wait(1, what="replies", level="warning")
    assert "cannot be read" in line["msg"] and "no message is answered" in line["msg"]
    write(home, RULES)
    assert content(say(pool, "dice")) is not None


def test_changed_under_load(home, make_pool, qt):
    """Threads answer by old rules while new ones are read: each answer is that of one file."""
    pool = make_pool(VARIANT)

    def turn(n):
        if n % 10 == 0:
            write(home, {"click": [{"key": "K", "type": "text", "content": f"v{n}" * 200}]})
        answer = pool.push(PLAIN, wechat.push(PLAIN, event("CLICK", "K")))
        return content(opened(PLAIN, answer))

    turn(0)
    with ThreadPoolExecutor(8) as threads:
        for text in threads.map(turn, range(1, 200)):
            assert re.fullmatch(r"(v\d+0|v0)\1{199}", text)
    pool.check()


def test_qt_is_dead(pool, qt):
    """The reply comes with each message that the disk has."""
    qt.behave = qt_side.answering(500, b"")
    for _ in range(12):
        assert content(say(pool, "dice", SAFE)) is not None
    rows = pool.log.wait(12, what="request")
    assert {r["verdict"] for r in rows} == {"queued"}
    assert rows[-1]["class"] == "breaker"   # it is open


def test_counted(home, pool, qt):
    for word in ("dice", "dice", "image"):
        say(pool, word, SAFE)
    pool.push(SAFE, wechat.push(SAFE, event("CLICK", "HOURS")))
    answer = fcgi.call(pool.path, fcgi.cgi("GET", "/qtoa/-/metrics", REMOTE_ADDR="127.0.0.1",
                                           HTTP_HOST="localhost"))
    families = exposition.parse(answer.body)
    counts = {dict(labels)["rule"]: n
              for (_, labels), n in families["qtoa_replies_total"].samples.items()}
    assert counts == {"rule-dice": 2, "rule-image": 1, "HOURS": 1}
    assert families["qtoa_replies_total"].of(account="safe", kind="click") == 1
    assert families["qtoa_reply_duration_seconds"].of("_count", account="safe") == 4
    code, out, _ = run(home, "report", "replies", "--json", variant=VARIANT)
    rows = {r["rule"]: r for r in json.loads(out)}
    assert code == 0 and {k: r["replies"] for k, r in rows.items()} == counts
    assert rows["HOURS"]["account"] == "safe" and rows["HOURS"]["kind"] == "click"


@pytest.fixture
def disk(home):
    """A test can fill the program's disk."""
    sys.path.append(str(program.TOP / "tests/torture"))
    import faults
    control = faults.Faults(home)
    control.disk(30_000_000)
    yield control
    control.close()


def without_reply():
    return wechat.push(PLAIN, event("CLICK", secrets.token_hex(8)))


def fill(pool, disk):
    """QT takes nothing and the disk is full: a message without a reply is refused."""
    disk.fill()
    refused = 0
    while refused < 5:
        refused = refused + 1 if pool.push(PLAIN, without_reply()).status == 503 else 0
    assert pool.push(PLAIN, without_reply()).status == 503


def contents(qt):
    """What QT got of our texts."""
    return [m[1] for r in qt.received
            if (m := re.search(r"<Content><!\[CDATA\[(.*?)\]\]>", r.fields["weChatOAData"]))]


def test_full_disk_and_dead_qt(home, make_pool, qt, disk):
    """Users are answered all the same, and nothing that was answered is lost, kill -9 or not."""
    pool = make_pool(VARIANT, env=disk.env)
    assert pool.push(PLAIN, without_reply()).body == b"success"
    program.until((home.state / "qtoa.spare").exists, "the spare room")
    qt.behave = qt_side.answering(500, b"")
    fill(pool, disk)
    texts = [f"dice {n}" for n in range(10)]
    write(home, {"keyword_autoreply_info": {"list": [
        keyword("dice", info("text", content="6"), mode="contain")]}})
    pushes = [wechat.push(PLAIN, wechat.text_message(text)) for text in texts]
    for push in pushes + pushes[:3]:        # some of them are repeats
        assert content(opened(PLAIN, pool.push(PLAIN, push))) == "6"
    assert pool.push(PLAIN, without_reply()).status == 503
    line = pool.log.wait(10, what="request", verdict="queued", reply="keyword")[-1]
    assert line["detail"].startswith("kept in qtoa.spare: ")
    pool.exits.add(-signal.SIGKILL)
    pool.signal(signal.SIGKILL)
    pool.proc.wait()
    disk.disk(30_000_000)
    qt.reset()
    pool.start(VARIANT, disk.env)
    program.until(lambda: set(texts) <= set(contents(qt)), "all that was answered")
    assert sorted(contents(qt)) == sorted(texts)


def test_spare_room_is_emptied(home, make_pool, qt, disk):
    """Its messages are in the queue as soon as there is room, and then at QT."""
    pool = make_pool(VARIANT, env=disk.env)
    assert pool.push(PLAIN, without_reply()).body == b"success"
    program.until((home.state / "qtoa.spare").exists, "the spare room")
    qt.behave = qt_side.answering(500, b"")
    fill(pool, disk)
    assert content(say(pool, "dice")) is not None
    disk.disk(30_000_000)
    pool.log.wait(1, what="spare")
    qt.reset()
    program.until(lambda: "dice" in contents(qt), "the message")
    assert contents(qt).count("dice") == 1


def test_full_from_the_start(home, make_pool, qt, disk):
    """The disk never had room: the user is answered, and memory keeps the message, kill -9 or not."""
    disk.fill()
    pool = make_pool(VARIANT, env=disk.env)
    qt.behave = qt_side.answering(500, b"")
    push = wechat.push(PLAIN, wechat.text_message("dice"))
    answers = [pool.push(PLAIN, push) for _ in range(3)]
    assert len({content(opened(PLAIN, a)) for a in answers}) == 1
    line = pool.log.wait(3, what="request", verdict="queued", reply="keyword")[-1]
    assert line["detail"].startswith("kept in memory: ")
    assert pool.push(PLAIN, without_reply()).status == 503
    pool.exits.add(-signal.SIGKILL)
    pool.signal(signal.SIGKILL)
    pool.proc.wait()
    disk.disk(30_000_000)
    qt.reset()
    pool.start(VARIANT, disk.env)
    program.until(lambda: "dice" in contents(qt), "the message")
    assert contents(qt) == ["dice"]
