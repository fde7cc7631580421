"""A relay that answers users: what WeChat hears, and that the relay is called once although WeChat
sends a message three times."""

import contextlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import program
import relay
import wechat
from test_relays import FAILS, Scene
from wechat import PLAIN, SAFE

sys.path.append(str(program.TOP / "tests/torture"))
import oracle  # noqa: E402
from rig import SICK  # noqa: E402

SILENT = oracle.Weather((1, "silent", None))


@pytest.fixture
def make_scene():
    with contextlib.ExitStack() as stack:
        def make(variant, pools=1, **how):
            api = relay.API()
            stack.callback(api.stop)
            scene = Scene(stack, variant, {"E2E_WECHAT_API": api.url, "E2E_STORE": ""},
                          **how)
            scene.api = api
            for _ in range(pools - 1):
                scene.start()
            return scene
        yield make


@pytest.fixture
def scene(make_scene):
    return make_scene("answers")


@pytest.fixture
def bots(make_scene):
    """Three processes, and a bot that thinks until its gate opens."""
    scene = make_scene("bot", pools=3)
    scene.bot = scene.relays["raw"]
    scene.bot.body = plain(SAFE)
    scene.bot.gate.clear()
    return scene


def plain(account):
    return lambda got: relay.reply_to(relay.verify_push(account, got))


def sealed(account):
    return lambda got: relay.sealed_reply(account, relay.reply_to(relay.verify_push(account, got)))


@pytest.mark.parametrize("account, make", [(SAFE, plain), (SAFE, sealed), (PLAIN, plain)])
def test_the_answer_is_the_users(scene, account, make):
    """Encrypted or not, WeChat hears it as the account's mode says."""
    scene.relays["raw"].body = make(account)
    xml = wechat.text_message()
    answer = scene.door()(account, wechat.push(account, xml))
    assert answer.status == 200
    assert relay.open_reply(account, answer.body) == relay.reply_to(xml)
    assert scene.requests()[0]["relays"] == "raw:answered signed:delivered json:delivered"


@pytest.mark.parametrize("body", [b"", b"success", b" success\n"])
def test_nothing_to_say(scene, body):
    scene.relays["raw"].body = body
    assert scene.door()(SAFE, wechat.push(SAFE)).body == b"success"
    assert not [r for r in scene.log.lines() if r["what"] == "answer"]


@pytest.mark.parametrize("body", [b"{}", b"<html>busy</html>", b"pong", b"<xml></xml>",
                                  b"\xff\xfe"])
def test_what_wechat_must_not_have(scene, body):
    """`success`, a line of the log, a counter; the relay has the message."""
    scene.relays["raw"].body = body
    assert scene.door()(SAFE, wechat.push(SAFE)).body == b"success"
    scene.log.wait(1, what="answer")
    assert not scene.home.rows()
    assert 'qtoa_relay_answers_total{account="safe",relay="raw",outcome="unusable"} 1' in \
        scene.metrics()


def test_another_users_reply_is_not_given(scene):
    xml = wechat.text_message(user="oQtoaE2eUser0000000000000002")
    scene.relays["raw"].body = lambda got: relay.reply_to(wechat.text_message())
    assert scene.door()(SAFE, wechat.push(SAFE, xml)).body == b"success"


def test_without_the_relay(scene):
    """It fails: `success`, and it has the message later, once."""
    scene.relays["raw"].status = 500
    assert scene.door()(SAFE, wechat.push(SAFE)).body == b"success"
    assert [r["account"] for r in scene.home.rows()] == ["safe/raw"]
    scene.relays["raw"].status = 200
    scene.site.run(["queue", "retry", "all"])
    program.until(lambda: not scene.home.rows(), "an empty queue")
    assert len(scene.relays["raw"].got) == 2


def test_a_repeat_has_the_same_answer(scene):
    count = iter(range(100))
    scene.relays["raw"].body = lambda got: relay.reply_to(relay.verify_push(SAFE, got),
                                                          f"answer {next(count)}")
    xml = wechat.text_message()
    answers = [relay.open_reply(SAFE, scene.door()(SAFE, wechat.push(SAFE, xml)).body)
               for _ in range(3)]
    assert answers == [relay.reply_to(xml, "answer 0")] * 3
    scene.got("raw", 1)


def test_nobody_delays_the_answer(scene):
    """QT is silent, one relay is silent, another fails: the answer is there all the same, and each
    of them has the message once afterwards."""
    scene.relays["raw"].body = plain(SAFE)
    scene.relays["signed"].gate.clear()
    scene.relays["json"].status = 500
    scene.qt.weather = SILENT
    message = scene.message()
    begun = time.monotonic()
    answer = scene.door()(SAFE, wechat.push(SAFE, message.xml))
    assert time.monotonic() - begun < program.SETTINGS["answers"]["forward_ms"] / 1000
    assert relay.open_reply(SAFE, answer.body) == relay.reply_to(message.xml)
    assert sorted(r["account"] for r in scene.home.rows()) == ["safe", "safe/json", "safe/signed"]
    message.acknowledged = True
    scene.relays["signed"].gate.set()
    scene.relays["json"].status = 200
    scene.check()
    program.until(lambda: not scene.home.rows(), "an empty queue")
    scene.got("signed", 1)
    scene.got("raw", 1)
    assert len(scene.relays["json"].got) == 2


def test_cgi(scene):
    scene.relays["raw"].body = plain(SAFE)
    xml = wechat.text_message()
    answer = scene.site.through_cgi(SAFE, wechat.push(SAFE, xml))
    assert relay.open_reply(SAFE, answer.body) == relay.reply_to(xml)


@pytest.mark.parametrize("ever", [True, False], ids=["once-had-room", "never-had-room"])
def test_full_disk(make_scene, ever):
    """QT and a relay are dead, and the disk is full: the user gets the answer, and they get the
    message when they are well.  What has no answer is refused."""
    scene = make_scene("answers", disk=True, fill=not ever)
    answering, dead = scene.relays["raw"], scene.relays["signed"]
    answering.body = plain(SAFE)
    if ever:
        scene.faults.disk(30_000_000)   # whatever else is written first
        first = scene.message()
        assert is_answer(scene.push_one(first.xml), first.xml)
        program.until((scene.home.state / "qtoa.spare").exists, "the spare room")
        scene.faults.fill()
    dead.status, scene.qt.weather = 500, SICK
    at = len(dead.got)
    messages = [scene.message() for _ in range(FAILS + 3)]
    for message in messages * 2:        # WeChat may repeat it
        assert is_answer(scene.push_one(message.xml), message.xml)
        message.acknowledged = True
    line = scene.requests(1, verdict="queued")[-1]
    assert line["detail"].startswith("kept in " + ("qtoa.spare: " if ever else "memory: "))
    assert line["relays"].startswith("raw:answered signed:queued json:")
    answering.body = b"success"
    assert scene.push_one(wechat.text_message()).status == 503
    scene.pool.exits.add(-9)
    scene.site.kill(scene.pool)
    dead.status, dead.got[at:] = 200, []
    scene.faults.disk(30_000_000)
    scene.restart()
    scene.qt.weather = oracle.FINE
    scene.site.run(["queue", "retry", "all"])
    program.until(lambda: len(set(dead.names()[at:])) >= len(messages), "all that was answered")
    program.until(lambda: not scene.home.rows(), "an empty queue")
    assert {relay.verify_push(SAFE, g) for g in dead.got[at:]} >= {m.xml for m in messages}
    scene.check()


# Slow answers.

@contextlib.contextmanager
def delivery(scene, xml, n):
    """One that waits: .result() is its answer."""
    with ThreadPoolExecutor(1) as pool:
        at = scene.log.text().count("what=request")
        yield pool.submit(scene.door(n), SAFE, wechat.push(SAFE, xml))
        program.until(lambda: scene.log.text().count("what=request") > at, "its line")


def is_answer(answer, xml):
    return answer.status == 200 and relay.open_reply(SAFE, answer.body) == relay.reply_to(xml)


@pytest.mark.parametrize("which", [2, 3])
def test_a_later_delivery_carries_it(bots, which):
    """Each delivery in another process; the bot is called once."""
    xml = wechat.text_message()
    for n in range(which - 1):
        answer = bots.door(n)(SAFE, wechat.push(SAFE, xml))
        assert answer.status == 503
    with delivery(bots, xml, which - 1) as waiting:
        bots.bot.gate.set()
        assert is_answer(waiting.result(), xml)
    bots.got("raw", 1)


def test_an_answer_between_two_deliveries(bots):
    xml = wechat.text_message()
    assert bots.door(0)(SAFE, wechat.push(SAFE, xml)).status == 503
    bots.bot.gate.set()
    bots.log.wait(1, what="relay", verdict="delivered")
    assert is_answer(bots.door(1)(SAFE, wechat.push(SAFE, xml)), xml)
    bots.got("raw", 1)


def test_a_kill_between(bots):
    """The process that has called the bot dies; the next delivery calls it again."""
    xml = wechat.text_message()
    assert bots.door(0)(SAFE, wechat.push(SAFE, xml)).status == 503
    bots.site.pools[0].exits.add(-9)
    bots.site.pools[0].signal(9)
    bots.site.pools[0].proc.wait()
    with delivery(bots, xml, 1) as waiting:
        bots.got("raw", 2)
        bots.bot.gate.set()
        assert is_answer(waiting.result(), xml)


def three_times(bots, xml):
    return [bots.door(n)(SAFE, wechat.push(SAFE, xml)) for n in range(3)]


def test_too_late_for_wechat(bots):
    """The third delivery hears `success`; the user gets the answer as a message, once."""
    xml = wechat.text_message()
    answers = three_times(bots, xml)
    assert [a.status for a in answers] == [503, 503, 200] and answers[2].body == b"success"
    bots.bot.gate.set()
    program.until(lambda: bots.api.sent, "a customer-service message")
    assert bots.api.sent == [{"touser": "oQtoaE2eUser0000000000000001", "msgtype": "text",
                              "text": {"content": "pong"}}]
    assert bots.door(0)(SAFE, wechat.push(SAFE, xml)).body == b"success"
    bots.got("raw", 1)


@pytest.mark.parametrize("code", [45015, 45047, 48001])
def test_wechat_does_not_take_it(bots, code):
    """It is not sent again."""
    bots.api.code = code
    three_times(bots, wechat.text_message())
    bots.bot.gate.set()
    line = bots.log.wait(1, what="answer")[0]
    assert str(code) in line["msg"]
    assert len(bots.api.sent) == 1
