"""The collector: QT's answer to everything that may be posted, each for its cause, and what is
counted: once however often it is posted, and nothing of what was refused."""

import contextlib
import errno
import itertools
import json
import random
import re
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

import pytest

import collector
import fcgi
import fronts
import program
import qt as qt_side
import wechat
from collector import TEXT, as_cgi, behind, behind_front, in_one_application, posted
from qt import PATH, canonical, envelope, sign
from patience import PATIENCE_S
from wechat import COMPATIBLE, KEYLESS, PLAIN, ROTATED, SAFE, SPARE

sys.path.append(str(program.TOP / "tests/torture"))
import faults  # noqa: E402

# The thread sanitizer keeps its own on a worker's stack and leaves less of it.
DEEP = 500 if "thread" in program.SAN else 20000
CASES = sorted((program.TOP / "tests/cases").glob("*.xml"))
POSTED_MAX = 65536 * 6 + 4096       # body_max, and every byte of it may take six
DAY = 86400
NOON = 1712030400                   # 2024-04-02 12:00 in China
ESCAPES = "\b\t\n\f\r\"\\/<>&'\u007f\u0085\u2028\u2029\ufeff\x01"


@pytest.fixture(scope="module")
def module_fronts(qt_server):
    """lighttpd with the program as FastCGI, by variant."""
    with contextlib.ExitStack() as stack:
        running = {}

        def get(variant):
            if variant not in running:
                running[variant] = fronts.Front("lighttpd-fastcgi", qt_server.url,
                                                variant=variant)
                stack.callback(running[variant].stop)
            return running[variant]

        yield get


@pytest.fixture
def main(pool):
    return behind(pool)


@pytest.fixture
def at(module_pools, qt):
    """The collector of a variant; its pool is as it was in the end."""
    used = []

    def get(variant):
        used.append(module_pools(variant))
        return behind(used[-1])

    yield get
    for pool in used:
        pool.check()


def push(account, xml=None, **how):
    return posted(account, wechat.push(account, xml, **how))


def signed(account=SAFE, xml=None, **fields):
    """A good envelope's fields with these beside or instead, signed as they are."""
    base = json.loads(push(account, xml))
    base.pop("sign")
    base = {k: v for k, v in {**base, **fields}.items() if v is not None}
    return {**base, "sign": sign(base, account.service_secret)}


def changed(**fields):
    """Changed after it was signed."""
    return canonical({**signed(), **fields})


def lacks(element, xml=None):
    return re.sub(rb"<%s>.*?</%s>\n?" % (element, element), b"", xml or wechat.text_message())


def empty(element):
    return re.sub(rb"<%s>.*?</%s>" % (element, element), rb"<%s></%s>" % (element, element),
                  wechat.text_message())


def case(name):
    return (program.TOP / f"tests/cases/{name}.xml").read_bytes()


def strict(xml):
    return push(in_one_application(SAFE), xml)


# Each of QT's codes, and what provokes it.

NO_JSON = (
    b"", b" ", b"x", b"[]", b'"text"', b"5", b"null", b"{", b"}", b'{"a":}', b"{'a':'b'}",
    b'{"a":"b"', b'{"a":"b"}x', b'{"a":"b"}{"a":"b"}', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\ud800"}', b'{"a":"\\x"}', b'{"a":"\n"}', b"\xef\xbb\xbf{}", b"<xml></xml>",
    b"a=b&c=d", b"\0" * 100, b"[" * DEEP, b'{"a":' * DEEP, b'{"a":1e999}',
    b'{"a":99999999999999999999999999}')
NEEDED = ("sign", "app_id", "appkey", "ts", "code", "weChatOAData")
# In WeChat's XML, plain or sealed.
NO_XML = {
    "text": b"hello", "blank": b" ", "json": b'{"MsgType":"text"}', "cut": b"<xml><a>b</a>",
    "tags-crossed": b"<xml><a><b></a></b></xml>", "two-roots": b"<xml></xml><xml></xml>",
    "not-the-root": wechat.text_message().replace(b"xml>", b"lmx>"),
    "doctype": b'<!DOCTYPE xml [<!ENTITY e "x">]>' + wechat.text_message(),
    "control-character": b"<xml><a>\x01", "nul-behind": wechat.text_message() + b"\0",
    "cdata-open": b"<xml><a><![CDATA[b</a></xml>",
    "deep": b"<xml>" + b"<a>" * 1000 + b"</a>" * 1000 + b"</xml>",
}
NO_MESSAGE = {
    "nothing": b"<xml></xml>", "no-msgtype": lacks(b"MsgType"), "empty-msgtype": empty(b"MsgType"),
    "no-user": lacks(b"FromUserName"), "empty-user": empty(b"FromUserName"),
    "deeper": b"<xml><a>" + wechat.text_message()[5:-6] + b"</a></xml>",
}
# What a forger may send is illegal, but for this.
FORGED = {
    "not-xml": 107, "json": 107, "cut-xml": 107, "doctype": 107, "other-root": 107,
    "empty-body": 103, "twice-other-encrypt_type": 109,
    # It may have waited for days, and its URL is what WeChat signed.
    "stale": 200, "from-the-future": 200, "timestamp-no-number": 200, "timestamp-overflow": 200,
    "timestamp-negative": 200,
    # What opens is WeChat's with or without these.
    "no-signature": 200, "empty-signature": 200, "empty-openid": 200, "empty-encrypt_type": 200,
    "array-signature": 200,
}


def no_json():
    for text in NO_JSON:
        yield repr(text[:16]), text, 102


def missing():
    for name in NEEDED:
        for value in ("", [], ["x"], ["x", "y"], {}, None):
            yield f"{name}={value}", json.dumps({**signed(), name: value}), 103
        yield f"no-{name}", canonical({k: v for k, v in signed().items() if k != name}), 103
    yield "nothing", b"{}", 103
    yield "account-without-appkey", push(KEYLESS), 103


def unknown():
    for change in ({"app_id": "x"}, {"appkey": "x"}, {"code": "wx0"},
                   {"app_id": PLAIN.service_id}, {"code": PLAIN.appid},
                   {"appkey": PLAIN.app_key}, {"app_id": SAFE.service_id + "\0"},
                   {"app_id": SAFE.service_id.lower()}):
        yield str(change), canonical(signed(**change)), 106
    yield "account-without-appkey", canonical(signed(KEYLESS, appkey="x")), 106


def wrong_sign():
    for change in ({"sign": "0" * 32}, {"sign": "x"}, {"weChatOAData": "<xml></xml>"}, {"ts": "1"},
                   {"new": "field"}, {"sign": 5}, {"nested": {"a": "b"}}, {"nested": [["a"]]},
                   {"nested": [{"a": "b"}]}, {"fraction": 1.5}, {"empty": []},
                   {"nonce": ["1", "2"]}, {"sign": "0" * 100000}):
        yield f"{change}"[:30], json.dumps({**signed(), **change}), 101
    fields = signed()
    yield "upper-case", changed(sign=fields["sign"].upper()), 101
    for secret in (PLAIN.service_secret, ""):
        yield f"secret-{secret}", canonical({**fields, "sign": sign(fields, secret)}), 101


def no_xml():
    for (name, xml), account in itertools.product(NO_XML.items(), (PLAIN, SAFE, COMPATIBLE)):
        yield f"{name}-{account.path}", push(account, xml), 107
    for name, xml in NO_XML.items():
        yield f"{name}-outside", canonical(signed(SAFE, weChatOAData=xml.decode())), 107


def illegal():
    for (name, xml), account in itertools.product(NO_MESSAGE.items(), (PLAIN, SAFE)):
        yield f"{name}-{account.path}", push(account, xml), 108
    for name, forged, _ in wechat.refused_pushes(SAFE):
        if (code := FORGED.get(name, 108)) != 200:
            yield name, posted(SAFE, forged), code
    xml = wechat.text_message()
    for account in (SAFE, COMPATIBLE):
        plain = wechat.Push(wechat.url_params(account), xml)
        yield f"plain-{account.path}", posted(account, plain), 108
        yield f"raw-{account.path}", posted(account, plain.plus("encrypt_type", "raw")), 108
        yield f"bare-{account.path}", envelope(account, xml.decode()), 108
    for name in ("signature", "timestamp", "nonce"):
        yield f"plain-other-{name}", canonical(signed(PLAIN, **{name: "1" * 10})), 108
        yield f"plain-two-{name}", canonical(signed(PLAIN, **{name: ["1", "1"]})), 108
    yield "plain-other-token", push(PLAIN, token="anotherToken"), 108
    yield "of-another-account", canonical(
        signed(SAFE, **parameters_of(ROTATED))), 108


def parameters_of(account):
    other = wechat.push(account)
    return {**collector.parameters(other), "weChatOAData": other.body.decode()}


def wrong_encryption():
    for kind in ("AES", "Aes", "RAW", "rsa", "aes,raw", "0", "\u0430es", " aes", "aes\0"):
        yield f"{kind}-{SAFE.path}", canonical(signed(SAFE, encrypt_type=kind)), 109
        yield f"{kind}-{PLAIN.path}", canonical(signed(PLAIN, encrypt_type=kind)), 109
    yield "number", canonical(signed(PLAIN, encrypt_type=5)), 109
    sealed = wechat.envelope(wechat.seal(SAFE, wechat.text_message())).decode()
    for kind in ("aes", "raw", None):
        yield f"plain-mode-{kind}", canonical(
            signed(PLAIN, weChatOAData=sealed, encrypt_type=kind)), 109
    yield "plain-mode-aes-plain", canonical(signed(PLAIN, encrypt_type="aes")), 109


def strictly():
    for name in ("event-click", "msg-text-basic", "event-mass-success-urls"):
        yield f"no-user-{name}", strict(lacks(b"FromUserName", case(name))), 104
    yield "empty-user", strict(empty(b"FromUserName")), 104
    for xml in CASES:
        if xml.name.startswith("unmapped-"):
            yield xml.stem, strict(xml.read_bytes()), 105
    yield "no-event", strict(lacks(b"Event", case("event-click"))), 105
    yield "unknown-without-user", strict(lacks(b"FromUserName", case("unmapped-event-unknown"))), \
        108
    yield "no-msgtype", strict(lacks(b"MsgType")), 108


def two_at_once():
    """Of two faults one decides."""
    yield "103-106", canonical(signed(app_id="x", ts="")), 103
    yield "103-101", canonical({**signed(), "ts": "", "x": "y"}), 103
    yield "106-101", changed(code="wx0"), 106
    yield "101-109", changed(encrypt_type="rsa"), 101
    yield "101-108", changed(msg_signature="0" * 40), 101
    yield "101-107", changed(weChatOAData="hello"), 101
    yield "109-108", canonical(signed(encrypt_type="rsa", msg_signature="0" * 40)), 109
    yield "109-107", canonical(signed(PLAIN, encrypt_type="rsa", weChatOAData="hello")), 109
    yield "109-twice", canonical(signed(encrypt_type="rsa", nonce=["1", "1"])), 109
    yield "twice-107", canonical(signed(PLAIN, b"hello", nonce=["1", "1"])), 108
    yield "108-107", canonical(signed(PLAIN, b"hello", signature="0" * 40)), 108
    yield "107-108", canonical(signed(PLAIN, b"<xml><a></xml>")), 107


def refusals():
    for variant, kinds in (("main", (no_json, missing, unknown, wrong_sign, no_xml, illegal,
                                     wrong_encryption, two_at_once)),
                           ("strict", (strictly,))):
        for kind in kinds:
            for name, body, code in kind():
                body = body if isinstance(body, bytes) else body.encode()
                yield pytest.param(variant, body, code, id=f"{code}-{kind.__name__}-{name}")


REFUSALS = list(refusals())


@pytest.mark.parametrize("variant,body,code", REFUSALS)
def test_refused(module_fronts, variant, body, code):
    front = module_fronts(variant)
    front.log.mark()
    behind_front(front).refuses(body, code)
    assert front.log.one(verdict="collect", status=200)["qt"] == TEXT[code]


def test_every_code_is_provoked():
    """110 is about the unionid (test_identity.py)."""
    assert {p.values[2] for p in REFUSALS} == set(qt_side.MESSAGES) - {200, 110}


@pytest.mark.parametrize("code", sorted({p.values[2] for p in REFUSALS}))
def test_refused_by_cgi(home, code):
    variant, body, _ = next(p.values for p in REFUSALS if p.values[2] == code)
    place = as_cgi(home, variant)
    place.refuses(body, code)
    place.takes(push(SAFE) if variant == "main" else strict(wechat.text_message()))
    place.refuses(body, code)


# What is accepted is counted, translated.

@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("file", CASES, ids=lambda f: f.stem)
def test_sample(main, account, file):
    xml = file.read_bytes()
    message = ElementTree.fromstring(xml)
    expected = json.loads(file.with_suffix(".expected.json").read_text())
    begin = time.time() * 1000
    # What stands beside the sealed message in compatible mode does not count.
    row, = main.takes(posted(account, wechat.push_sealed(account, wechat.seal(account, xml))
                             if account.key else wechat.push(account, xml)))
    assert json.loads(row["attributes"]) == expected["attributes"]
    assert (row["event_code"], row["part"]) == (expected["event_code"], 0)
    assert row["device_id"] == message.findtext("FromUserName").strip()
    assert row["time"] == int(message.findtext("CreateTime"))
    assert begin - 1 <= row["received"] <= time.time() * 1000 + 1
    assert (row["appid"], row["application"], row["path"], row["name"]) == (
        account.appid, account.app_key, account.path, account.path)
    assert (row["platform"], row["platform_type"], row["event_type"]) == (
        f"{account.appid}@wechatoa", "WeChat Official Accounts", "Custom event")


@pytest.mark.parametrize("account,key", (
    (ROTATED, None), (ROTATED, ROTATED.old_key), (SPARE, None)),
    ids=("new-key", "old-key", "spare-bits"))
def test_keys(main, account, key):
    main.takes(push(account, key=key))


def test_what_the_forwarder_sends_is_accepted(pool, qt):
    """Both sides of ours against each other."""
    for account in (SAFE, COMPATIBLE, PLAIN):
        assert pool.push(account, wechat.push(account)).body == b"success"
    for r in qt.received:
        pool.log.mark()
        behind(pool).takes(r.body)
        pool.log.one(verdict="collect", status=200, qt=TEXT[200])


@pytest.mark.parametrize("name", [name for name, code in FORGED.items() if code == 200])
def test_how_old_it_is_does_not_matter(main, name):
    """Nor are parameters needed that say nothing more of its origin."""
    forged, = (f for n, f, _ in wechat.refused_pushes(SAFE) if n == name)
    main.takes(posted(SAFE, forged))


def test_without_the_parameters_of_the_url(main):
    """A message in plain mode; QT's table of fields does not know WeChat's."""
    main.takes(envelope(PLAIN, wechat.text_message().decode()))
    for name in ("signature", "timestamp", "nonce"):
        main.takes(canonical(signed(PLAIN, **{name: None})))


def test_without_a_time_it_is_now(main):
    row, = main.takes(push(PLAIN, lacks(b"CreateTime")))
    assert abs(row["time"] * 1000 - row["received"]) <= 1000


def test_events_that_qt_does_not_know(main):
    """They are counted where the collector is not strict."""
    for file in CASES:
        if file.stem.startswith("unmapped-"):
            row, = main.takes(push(ROTATED, file.read_bytes()))
            assert (row["event_code"], row["attributes"]) == (None, "{}")


FIELDS = {
    "array": {"x": ["1", "2"]}, "array-of-one": {"x": ["1"]}, "array-with-empty": {"x": ["", ""]},
    "empty-text": {"x": ""}, "number": {"x": 5}, "negative": {"x": -5}, "zero": {"x": 0},
    "large-number": {"x": 9223372036854775807}, "true": {"x": True}, "false": {"x": False},
    "array-of-numbers": {"x": [1, 2, 3]}, "many": {f"f{i:02}": "v" for i in range(50)},
    "names-out-of-order": {"\U0001f600": "astral", "\uff5e": "bmp", "A": "a", "a": "A",
                           "": "empty"},
    "escapes": {"x": ESCAPES}, "long": {"x": "\u4e2d" * 20000},
    "number-for-ts": {"ts": 1659493170125}, "no-time": {"ts": "soon"}, "echostr": {"echostr": "x"},
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_all_kinds(main, name):
    main.takes(canonical(signed(**FIELDS[name])))


@pytest.mark.parametrize("account", (SAFE, PLAIN), ids=lambda a: a.path)
def test_numbers_for_text(main, account):
    """WeChat's numbers as JSON's: what is signed are their digits."""
    fields = signed(account)
    main.takes(canonical(signed(account, **{
        **fields, **{name: int(fields[name]) for name in ("ts", "timestamp", "nonce")}})))


@pytest.mark.parametrize("write", (
    lambda f: json.dumps(f), lambda f: json.dumps(f, ensure_ascii=False, indent=4),
    lambda f: json.dumps(dict(reversed(f.items()))),
    lambda f: json.dumps(dict(random.Random(1).sample(sorted(f.items()), len(f)))),
    lambda f: "\r\n \t" + json.dumps(f, separators=(" , ", " : ")) + "\n\n"),
    ids=("ascii", "indented", "reversed", "shuffled", "blanks"))
def test_json_is_printed_anew(main, write):
    """What counts is what it says, not how it is written."""
    fields = signed(PLAIN, wechat.text_message("\u4e2d\U0001f600/\u2028"), y=["b", "a"])
    row, = main.takes(write(fields).encode())
    assert json.loads(row["attributes"])["Content"] == "\u4e2d\U0001f600/\u2028"


def test_null_is_no_field(main):
    main.takes(json.dumps({**signed(), "x": None}).encode())


def test_a_name_twice(main):
    """As QT's parser does: the last one counts, for the signature too."""
    text = canonical(signed(x="2")).decode()
    main.refuses((text[:-1] + ',"x":"1"}').encode(), 101)
    main.takes(('{"x":"1",' + text[1:]).encode())


def test_appkey_is_optional(at):
    """Where the configuration says so; a wrong one is wrong all the same."""
    place = at("optional")
    for account in (SAFE, PLAIN, KEYLESS):
        for fields in (dict(appkey=None), dict(appkey="")):
            row, = place.takes(canonical(signed(account, **fields)))
            assert (row["appid"], row["application"]) == (account.appid, account.app_key)
        place.refuses(canonical(signed(account, appkey="x")), 106)
    place.takes(push(SAFE))
    place.refuses(canonical(signed(appkey=None, ts="")), 103)
    place.refuses(canonical({**signed(appkey=None), "x": "y"}), 101)


LIST = b"<List><TemplateId>t%d</TemplateId><SubscribeStatusString>accept</SubscribeStatusString>" \
       b"<PopupScene>2</PopupScene></List>"


def popup(items):
    head, tail = lacks(b"MsgType", lacks(b"Content"))[:-6], b"</xml>"
    return (head + b"<MsgType>event</MsgType><Event>subscribe_msg_popup_event</Event>"
            b"<SubscribeMsgPopupEvent>" + b"".join(LIST % n for n in range(items))
            + b"</SubscribeMsgPopupEvent>" + tail)


@pytest.mark.parametrize("items,parts", ((0, 1), (1, 1), (2, 2), (63, 63), (64, 64), (100, 64)))
def test_one_event_per_item(at, items, parts):
    """The parts of a message come together, and once."""
    place, xml = at("strict"), popup(items)
    rows = place.takes(strict(xml), events=parts)
    assert [row["part"] for row in rows] == list(range(parts))
    assert {row["event_code"] for row in rows} == {"$$_click_msg_popup"}
    got = [json.loads(row["attributes"]).get("TemplateId") for row in rows]
    each = [f"t{n}" for n in range(items)] or [None]
    assert got == [*each[:63], *([",".join(each[63:])] if items > 63 else [])]
    place.takes(strict(xml), events=0)


def test_one_event_a_list(main):
    row, = main.takes(push(SAFE, popup(3)))
    assert json.loads(row["attributes"])["TemplateId"] == "t0,t1,t2"


# What a device has to do with it.

def at_time(seconds, user):
    return wechat.text_message(user=user, at=seconds)


def days_of(place, user):
    return [(row["time"], row["is_first_day"], row["gap"]) for row in sorted(
        (r for r in place.counted() if r["device_id"] == user), key=lambda r: r["time"])]


def test_first_day(at):
    """Of the device in its application, whichever account it was; what comes late counts too."""
    place, user = at("strict"), "oFirstDay"
    one, other = in_one_application(SAFE), in_one_application(PLAIN)
    place.takes(push(one, at_time(NOON, user)))
    assert days_of(place, user) == [(NOON, 1, None)]
    place.takes(push(other, at_time(NOON + DAY, user)))
    place.takes(push(other, at_time(NOON + 60, user)))
    assert days_of(place, user) == [(NOON, 1, None), (NOON + 60, 1, 60),
                                    (NOON + DAY, 0, DAY - 60)]
    place.takes(push(one, at_time(NOON - DAY, user)))
    assert days_of(place, user) == [(NOON - DAY, 1, None), (NOON, 0, DAY), (NOON + 60, 0, 60),
                                    (NOON + DAY, 0, DAY - 60)]


def test_a_day_is_one_of_china(at):
    place, user = at("strict"), "oMidnight"
    midnight = NOON + DAY // 2
    for seconds in (midnight - 1, midnight):
        place.takes(push(in_one_application(SAFE), at_time(seconds, user)))
    assert [flag for _, flag, _ in days_of(place, user)] == [1, 0]


def test_each_application_has_its_own_devices(main):
    user = "oInTwoApplications"
    main.takes(push(SAFE, at_time(NOON, user)))
    main.takes(push(PLAIN, at_time(NOON + DAY, user)))
    assert days_of(main, user) == [(NOON, 1, None), (NOON + DAY, 1, None)]


# Once.

def again(xml):
    """The same message in other words."""
    first = push(SAFE, xml, at=NOON)
    fields = json.loads(first)
    fields.pop("sign")

    def with_(**more):
        new = {**fields, **more}
        return canonical({**new, "sign": sign(new, SAFE.service_secret)})
    return {
        "same-bytes": first, "other-ts": with_(ts="1"), "more-fields": with_(x=["1", "2"]),
        "indented": json.dumps(json.loads(first), indent=1).encode(),
        "sealed-anew": push(SAFE, xml), "openid": with_(openid="oSomebodyElse"),
    }


def test_counted_once(main):
    xml = wechat.text_message()
    ways = again(xml)
    main.takes(ways["same-bytes"])
    for name, body in again(xml).items():
        main.takes(ways.get(name) or body, events=0)
        main.takes(body, events=0)


def test_counted_once_with_both_keys(main):
    xml = wechat.text_message()
    main.takes(push(ROTATED, xml))
    main.takes(push(ROTATED, xml, key=ROTATED.old_key), events=0)


def test_counted_once_plain_and_encrypted(make_pool, home):
    """WeChat's console was switched over in between."""
    sealed, plain = behind(make_pool("main")), behind(make_pool("strict"))
    for account in (SAFE, COMPATIBLE):
        xmls = [wechat.text_message(), wechat.text_message()]
        sealed.takes(push(account, xmls[0]))
        plain.takes(push(in_one_application(account), xmls[0]), events=0)
        plain.takes(push(in_one_application(account), xmls[1]))
        sealed.takes(push(account, xmls[1]), events=0)


def test_counted_once_in_all_lives(make_pool, home):
    pool = make_pool()
    body = push(SAFE)
    behind(pool).takes(body)
    pool.signal()
    pool.proc.wait()
    as_cgi(home).takes(body, events=0)
    pool.start()
    behind(pool).takes(body, events=0)


def test_what_differs_is_counted(main):
    """Messages that differ in one thing only."""
    xml = wechat.text_message(at=NOON, msgid=1)
    others = [wechat.text_message("hellO", at=NOON, msgid=1),
              wechat.text_message(at=NOON + 1, msgid=1), wechat.text_message(at=NOON, msgid=2),
              wechat.text_message(at=NOON, msgid=1, user="oAnother")]
    for one in (xml, *others):
        main.takes(push(SAFE, one))
    main.takes(push(COMPATIBLE, xml))
    main.takes(push(PLAIN, xml))


def test_three_at_once(make_pool, home):
    """Of each message three posts at the same moment, to two processes."""
    places = [behind(make_pool()), behind(make_pool())]
    together = threading.Barrier(3)

    def run(k):
        for n in range(40):
            body = push(SAFE, wechat.text_message(at=NOON, msgid=n + 1))
            together.wait(PATIENCE_S)
            places[(n + k) % 2].answers(body, 200)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    assert list(places[0].messages().values()) == [1] * 40


def test_many_at_once(make_pool, home):
    """2,000 messages, each third of them posted again, to two processes."""
    accounts = (SAFE, COMPATIBLE, PLAIN)
    places = [behind(make_pool()), behind(make_pool())]
    xmls = [wechat.text_message(str(n), user=f"oUser{n % 97}", at=NOON + n % 50, msgid=n + 1)
            for n in range(2000)]
    todo = [(accounts[n % 3], xml) for n, xml in enumerate(xmls)]
    todo += todo[::3]
    random.Random(2).shuffle(todo)

    def run(k):
        for account, xml in todo[k::8]:
            places[k % 2].answers(push(account, xml), 200)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    rows = places[0].counted()
    got = {json.loads(r["attributes"])["Content"]: (r["appid"], r["device_id"], r["time"])
           for r in rows}
    assert len(rows) == len(got) == 2000
    assert got == {str(n): (accounts[n % 3].appid, f"oUser{n % 97}", NOON + n % 50)
                   for n in range(2000)}
    assert len(home.query("SELECT * FROM device")) == 3 * 97
    assert len(home.query("SELECT * FROM account")) == 3


# Whatever is in it.

HOSTILE = {
    "script": "<script>alert(1)</script>", "sql": "'; DROP TABLE event; --", "percent": "%s%n%00",
    "quotes": "\"'`\\", "json": '{"MsgType":"event"}', "path": "$.EventKey", "escape": "\\u0000",
    "controls": "\t\n\u007f\u0085\u2028\u2029",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "rtl": "\u202e\u05d0\u0627\u202c", "bom": "\ufeff", "last": "\ufffd\U0010ffff", "empty": "",
    "blanks": "  \t ", "formula": "=1+1", "10-kib": "\u4e2d" * 3500, "cdata": "]]>",
    "escapes-most": "\u007f" * 60000,
}


@pytest.mark.parametrize("account", (SAFE, PLAIN), ids=lambda a: a.path)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text(main, account, text):
    inside = text.replace("]]>", "]]]]><![CDATA[>")
    row, = main.takes(push(account, wechat.text_message(inside)))
    assert json.loads(row["attributes"])["Content"] == text
    if text.strip():
        row, = main.takes(push(account, wechat.text_message(user="o" + inside)))
        assert row["device_id"] == "o" + text
    key = f"<EventKey><![CDATA[{inside}]]></EventKey>".encode()
    click = re.sub(rb"<EventKey>.*</EventKey>", lambda _: key, case("event-click"))
    row, = main.takes(push(account, click))
    assert json.loads(row["attributes"])["EventKey"] == row["item"] == text


def test_nothing_of_a_message_is_in_the_log(pool):
    place, user = behind(pool), "oNotForTheLog"
    place.takes(push(PLAIN, wechat.text_message("not-for-the-log", user=user)))
    place.refuses(canonical(signed(PLAIN, wechat.text_message("not-for-the-log"), ts="")), 103)
    place.refuses(push(PLAIN, lacks(b"MsgType", wechat.text_message("not-for-the-log"))), 108)
    text = pool.log.text()
    for secret in (user, "not-for-the-log", PLAIN.service_secret, PLAIN.token):
        assert secret not in text


def test_bodies_are_not_kept(make_pool, home):
    place = behind(make_pool())
    place.takes(push(PLAIN))
    for file in home.state.iterdir():
        assert b"gh_e2e000000001" not in file.read_bytes(), file
        assert not file.name.startswith("collected")


# How it is asked.

def test_other_methods(pool):
    for method in ("GET", "PUT", "HEAD"):
        answer = fcgi.call(pool.path, fcgi.cgi(method, PATH))
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_body_at_the_limit(main):
    body = push(SAFE)
    main.takes(body + b" " * (POSTED_MAX - len(body)))
    before = main.everything()
    answer = main.post(body + b" " * (POSTED_MAX - len(body) + 1))
    assert answer.status == 413 and b"Httpapi" not in answer.body
    assert main.post(b'{"x":"' + b"x" * (1 << 20) + b'"}').status == 413
    assert main.everything() == before


def test_switched_off(tight):
    place = behind(tight)
    assert place.post(push(SAFE)).status == 404
    assert place.counted() == []


# What cannot be stored is not confirmed.

def assert_not_confirmed(place, body):
    """The sender must ask again."""
    answer = place.post(body)
    assert (answer.status, answer.body) == (503, b"not accepted\n")


def test_no_state_dir(make_pool, home):
    home.env["QTOA_STATE_DIR"] = "/dev/null/state"
    pool = make_pool()
    assert_not_confirmed(behind(pool), push(SAFE))
    pool.log.wait(what="request", verdict="collect", status=503, error="not stored")
    assert_not_confirmed(as_cgi(home), push(SAFE))
    behind(pool).answers(changed(ts="1"), 101)
    pool.check()


@pytest.fixture
def on_a_disk(make_pool, home):
    """The collector on a disk that can fail: (place, disk)."""
    disk = faults.Faults(home)
    yield behind(make_pool(env=disk.env)), disk
    disk.close()


def test_confirmed_means_synced(on_a_disk):
    """The forwarder forgets what is confirmed."""
    place, disk = on_a_disk
    for _ in range(10):
        before = disk.count(faults.SYNC)
        place.takes(push(SAFE))
        assert disk.count(faults.SYNC) > before


@pytest.mark.parametrize("error", (errno.ENOSPC, errno.EIO), ids=("full", "broken"))
def test_a_disk_that_fails(on_a_disk, error):
    place, disk = on_a_disk
    place.takes(push(SAFE))
    body = push(SAFE)
    before = place.everything()
    disk.fail(error)
    for _ in range(3):
        assert_not_confirmed(place, body)
    place.answers(changed(ts="1"), 101)
    disk.off()
    assert place.everything() == before
    program.until(lambda: place.post(body).status == 200, "recovery by itself")
    place.takes(body, events=0)
    assert len(place.counted()) == 2


def test_state_dir_is_made_for_us_alone(make_pool, home):
    state = home.dir / "made"
    home.env["QTOA_STATE_DIR"] = str(state)
    behind(make_pool()).answers(push(SAFE), 200)
    assert state.stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in state.iterdir()} == {0o600}
