"""QT's Java demo as a client of the collector: WeChat, the demo, lighttpd, the program."""

import base64
import contextlib
import json

import pytest

import collector
import fronts
import java_demo
import program
import wechat
from java_demo import HashMap, JavaDemo
from qt import PATH
from wechat import COMPATIBLE, PLAIN, ROTATED, SAFE

VECTORS = (program.TOP / "tests/vectors/sign-vectors.jsonl").read_text().splitlines()
TEXTS = ("hello", "\u6c49" * 5000, "",
         "\u4f60\u597d\uff0c\U0001f600\u2028\u007f\u00a0 \"quoted\" \\ </script> & 'x' = y\n\t")


@pytest.fixture(scope="module")
def front(qt_server):
    """The collector does without an appkey: the demo sends none."""
    running = fronts.Front("lighttpd-fastcgi", qt_server.url, variant="optional")
    yield running
    running.stop()


@pytest.fixture
def demo_of():
    """A demo in front of a collector, for an account."""
    with contextlib.ExitStack() as stack:
        def start(account, front):
            demo = JavaDemo(account, front.url + PATH)
            stack.callback(demo.stop)
            return demo

        yield start


@pytest.mark.parametrize("line", VECTORS, ids=lambda v: json.loads(v)["name"])
def test_it_prints_as_fastjson_does(line):
    """These were printed by the library itself."""
    vector = json.loads(line)
    fields = {k: v for k, v in vector["fields"].items() if k != "sign"}
    text = java_demo.fastjson_sorted(fields)
    assert text.encode() == base64.b64decode(vector["canonical_utf8_base64"])
    assert java_demo.md5(text + vector["secret"]) == vector["sign"]


def test_its_own_digests():
    """What the demo's main() prints."""
    assert [java_demo.md5(s) for s in ("abc12390\0~!@#$%^&*()_+", "20121221", "Encryption")] == [
        "d407ee0eabe21ceac30480c294e41e22", "1f69b3d54c2f95a014ea3cc131a34d5b",
        "d7f2615c71a1567cc13cf3a7f7de0aea"]


def test_a_map_is_walked_as_in_java():
    """In a bucket the first comes first: "q" and "a", "Aa" and "BB" share one."""
    assert [k for k, _ in HashMap(b=1, q=2, a=3).entries()] == ["q", "a", "b"]
    for first, second in (("Aa", "BB"), ("BB", "Aa")):
        assert [k for k, _ in HashMap({first: 1, second: 2}).entries()] == [first, second]
    # With the thirteenth the table doubles, and "q" and "a" part.
    many = HashMap({k: 1 for k in "qacdefghijklm"})
    assert [k for k, _ in many.entries()][-1] == "q"


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN, ROTATED), ids=lambda a: a.path)
def test_all_are_accepted_and_counted(front, demo_of, account):
    demo = demo_of(account, front)
    place = collector.behind_front(front)
    before = len(place.counted())
    for text in TEXTS:
        push = wechat.push(account, wechat.text_message(text, user=f"oDemo{len(text)}"))
        for _ in range(2):      # WeChat thinks that the first got lost
            demo.push(push)
    assert demo.answers == [{"code": "Httpapi_300_200", "message": "Report success"}] * 8
    rows = place.counted()[before:]
    assert [json.loads(r["attributes"])["Content"] for r in rows] == list(TEXTS)
    assert [r["device_id"] for r in rows] == [f"oDemo{len(text)}" for text in TEXTS]
    assert {(r["appid"], r["application"]) for r in rows} == {(account.appid, account.app_key)}
    front.check()


def test_other_parameters(front, demo_of):
    """What else stands in the URL is passed on, as an array where it stands there twice."""
    demo = demo_of(PLAIN, front)
    push = wechat.push(PLAIN).plus("x", "1").plus("x", "<2>").plus("\u00e9 &", "").plus("x", "1")
    for n in range(20):         # another table size for the map
        push = push.plus(f"field{n}", "v")
    demo.push(push)
    demo.push(wechat.push(PLAIN).plus("nonce", "1"))
    demo.push(wechat.push(PLAIN).plus("encrypt_type", "raw"))
    assert [a["code"][-3:] for a in demo.answers] == ["200", "108", "200"]


def test_an_appkey_is_missing(pool, qt, demo_of):
    """Where the configuration does not say that it is optional."""
    push = wechat.push(SAFE)
    body = java_demo.desired(push.query, push.body, SAFE.service_id, SAFE.service_secret,
                             SAFE.appid)
    collector.behind(pool).refuses(body.encode(), 103)


def test_another_secret(front, demo_of):
    demo = demo_of(wechat.replace(SAFE, service_secret="another"), front)
    demo.push(wechat.push(SAFE))
    assert demo.answers == [{"code": "Httpapi_300_101", "message": "Illegal signature"}]
