"""Relays: other back ends behind the same URL.  Each gets each message once, in its own form, and
what one of them cannot take waits for it alone."""

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fcgi
import program
import relay
import wechat
from wechat import PLAIN, SAFE

sys.path.append(str(program.TOP / "tests/torture"))
import oracle  # noqa: E402
from rig import SICK, Rig  # noqa: E402

NAMES = ("raw", "signed", "json")
DISK = 3_600_000
FAILS = 5       # failures in a row that open a breaker


class Scene(Rig):
    """A rig with three relays.  fill: its disk is full from the start."""

    def __init__(self, stack, variant="relays", env=None, fill=False, **how):
        self.relays = {}
        for name in NAMES:
            self.relays[name] = relay.Relay()
            stack.callback(self.relays[name].stop)
        env = {**(env or {}), **{f"E2E_{n.upper()}": r.url for n, r in self.relays.items()}}
        super().__init__(stack, variant, pools=0, **how)
        self.home.env.update(env)
        if self.faults:
            self.faults.disk(DISK)
        if fill:
            self.faults.fill()
        self.start()

    def push_one(self, xml):
        return self.door()(SAFE, wechat.push(SAFE, xml))

    def cli(self, *args, status=0):
        done = subprocess.run([str(program.binary(self.site.variant)), *args],
                              env={**self.home.env, "LC_ALL": "C"}, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == status, (args, done)
        return done.stdout

    def metrics(self):
        params = fcgi.cgi("GET", "/-/metrics", REMOTE_ADDR="127.0.0.1", HTTP_HOST="127.0.0.1")
        with self.pool.connect() as c:
            return c.send(fcgi.request(params)).answer().body.decode()

    def got(self, name, n):
        """What that relay got, once these are n."""
        program.until(lambda: len(self.relays[name].got) >= n, f"{n} messages at {name}")
        assert len(self.relays[name].got) == n
        return self.relays[name].got


@pytest.fixture
def make_scene():
    with contextlib.ExitStack() as stack:
        yield lambda **how: Scene(stack, **how)


@pytest.fixture
def scene(make_scene):
    return make_scene()


def click(key):
    return (f"<xml><ToUserName><![CDATA[gh_e2e000000001]]></ToUserName>"
            f"<FromUserName><![CDATA[oQtoaE2eUser0000000000000001]]></FromUserName>"
            f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
            "</xml>").encode()


@pytest.mark.parametrize("account", [SAFE, PLAIN], ids=lambda a: a.mode)
def test_each_relay_gets_its_form(scene, account):
    """The original byte for byte; signed again, as plain XML; as JSON that a webhook verifies."""
    xml = wechat.text_message("hello & <good> ]] bye")
    push = wechat.push(account, xml)
    assert scene.door()(account, push).body == b"success"
    raw, signed, hook = (scene.got(name, 1)[0] for name in NAMES)
    assert (raw.query, raw.body) == (push.query, push.body)
    assert raw.headers["content-type"] == "text/xml"
    assert relay.verify_push(account, raw) == xml
    assert relay.verify_push(account, signed) == xml
    assert signed.params["nonce"] != push.get("nonce")
    assert abs(int(signed.params["timestamp"]) - time.time()) < 60
    mapped = subprocess.run([str(program.binary("relays")), "map"], input=xml, env=scene.home.env,
                            capture_output=True, check=True).stdout
    assert relay.verify_hook(program.HOOK_SECRET, hook) == json.loads(mapped)
    assert raw.name == signed.name == hook.name == hook.headers["webhook-id"]
    line = scene.requests()[0]
    assert line["verdict"] == "delivered"
    assert line["relays"] == "raw:delivered signed:delivered json:delivered"


def test_only(scene):
    """A relay gets what its words name; the others get all."""
    wanted = [click("crm_open"), wechat.text_message(), click("shop_open")]
    for xml in wanted:
        assert scene.door()(SAFE, wechat.push(SAFE, xml)).body == b"success"
    assert [relay.verify_push(SAFE, g) for g in scene.got("raw", 3)] == wanted
    assert [g["attributes"].get("EventKey") for g in
            (relay.verify_hook(program.HOOK_SECRET, g) for g in scene.got("json", 2))] == \
        ["crm_open", None]


def test_a_repeat_is_no_new_message(scene):
    xml = wechat.text_message()
    for _ in range(3):
        assert scene.door()(SAFE, wechat.push(SAFE, xml)).body == b"success"
    for name in NAMES:
        scene.got(name, 1)
    assert [r["verdict"] for r in scene.requests(3)] == ["delivered", "repeat", "repeat"]


def test_a_sick_relay_has_a_queue_of_its_own(scene):
    """QT and the others have everything at once; the sick one gets it when it is well."""
    scene.relays["raw"].status = 500
    messages = [scene.message() for _ in range(FAILS + 3)]
    assert all(scene.send(m) for m in messages)
    scene.got("signed", len(messages))
    assert [r["verdict"] for r in scene.requests(len(messages))] == ["delivered"] * len(messages)
    listed = scene.cli("queue", "list", "--relay", "raw")
    assert listed.count(" safe/raw  ") == len(messages)
    assert "HTTP 500" in listed and "breaker" in listed
    assert " safe/raw  " not in scene.cli("queue", "list", "--relay", "signed")
    status = json.loads(scene.cli("status", "--json"))
    row = {r["relay"]: r for r in status["relays"] if r["account"] == "safe"}
    assert (row["raw"]["pending_now"], row["raw"]["state"]) == (len(messages), "breaker open")
    assert (row["signed"]["pending_now"], row["signed"]["state"]) == (0, "ok")
    scene.relays["raw"].status = 200
    at = len(scene.relays["raw"].got)
    scene.site.run(["queue", "retry", "all"])
    program.until(lambda: not scene.home.rows(), "an empty queue")
    after = scene.relays["raw"].names()[at:]
    assert sorted(after) == sorted(scene.relays["signed"].names())
    scene.check()


def test_a_message_that_a_relay_refuses_is_dead_there(scene):
    scene.relays["json"].status = 422
    assert scene.door()(SAFE, wechat.push(SAFE)).body == b"success"
    rows = scene.home.rows()
    assert [(r["account"], r["state"], r["outcome"]) for r in rows] == \
        [("safe/json", "dead", "HTTP 422")]


def test_a_slow_copy_delays_nobody(scene):
    """The request does not wait; the call goes on, and the relay has the message once."""
    assert scene.door()(SAFE, wechat.push(SAFE)).body == b"success"     # connections are there
    scene.relays["raw"].gate.clear()
    assert scene.door()(SAFE, wechat.push(SAFE)).body == b"success"
    line = scene.requests(2)[1]
    assert line["relays"] == "raw:queued signed:delivered json:delivered"
    assert int(line["ms"]) < program.SETTINGS["relays"]["forward_ms"]
    scene.relays["raw"].gate.set()
    scene.log.wait(1, what="relay", account="safe/raw", verdict="delivered")
    program.until(lambda: not scene.home.rows(), "an empty queue")
    assert len(set(scene.relays["raw"].names())) == len(scene.got("raw", 2))


def test_qt_and_relays_are_settled_together(scene):
    """QT sick, a relay sick: two rows; each gets its own."""
    scene.qt.weather = SICK
    scene.relays["signed"].status = 503
    message = scene.message()
    assert scene.send(message)
    assert sorted(r["account"] for r in scene.home.rows()) == ["safe", "safe/signed"]
    scene.relays["signed"].status = 200
    scene.check()
    program.until(lambda: not scene.home.rows(), "an empty queue")
    assert len(scene.relays["signed"].got) == 2
    scene.got("raw", 1)


def test_qt_is_asked_if_the_disk_takes_nothing(make_scene):
    """Its breaker is open; the request asks it all the same, and leaves nothing behind."""
    scene = make_scene(disk=True)
    scene.qt.by_content = lambda xml: None if b"now" in xml else ("status", 500)
    assert all(scene.pushes(FAILS + 1))
    scene.log.wait(1, what="breaker", level="error")
    scene.faults.fill()
    program.until(lambda: not scene.push(), "a full disk")
    for n in range(3):
        assert scene.push_one(wechat.text_message(f"now {n}")).body == b"success"
    assert [r["verdict"] for r in scene.requests()[-3:]] == ["delivered"] * 3
    scene.faults.disk(30_000_000)
    scene.qt.by_content = lambda xml: None
    scene.site.run(["queue", "retry", "all"])
    program.until(lambda: not scene.home.rows(), "an empty queue")


def test_cgi(scene):
    scene.relays["json"].status = 500
    push = wechat.push(SAFE)
    assert scene.site.through_cgi(SAFE, push).body == b"success"
    assert scene.got("raw", 1)[0].body == push.body
    program.until(lambda: [r["account"] for r in scene.home.rows()] == ["safe/json"], "its row")


def test_metrics(scene):
    scene.relays["raw"].status = 500
    assert scene.door()(SAFE, wechat.push(SAFE)).body == b"success"
    text = scene.metrics()
    labels = 'account="safe",relay='
    assert f'qtoa_relay_messages_total{{{labels}"raw",outcome="queued"}} 1' in text
    assert f'qtoa_relay_messages_total{{{labels}"signed",outcome="delivered"}} 1' in text
    assert f'qtoa_relay_pending{{{labels}"raw"}} 1' in text
    assert f'qtoa_relay_breaker_open{{{labels}"raw"}} 0' in text


def test_check(scene):
    """It says whether each relay's server can be reached."""
    said = scene.cli("check")
    for name in NAMES:
        assert f"safe/{name}" in said
    assert "failed   safe/" not in said
    scene.relays["raw"].stop()
    assert "failed   safe/raw, plain/raw: http://127.0.0.1" in scene.cli("check", status=1)


# kill -9, while relays fail.

class Storm:
    """Messages through two processes that are killed; relays and QT fail now and then."""

    def __init__(self, scene, seed):
        self.scene, self.rng = scene, random.Random(seed)
        self.sent = []
        self.lock = threading.Lock()

    def deliver(self, n):
        """As WeChat does it: up to three times, until it hears a good answer."""
        with self.lock:
            message = self.scene.message()
        for _ in range(3):
            door = self.scene.door(self.rng.randrange(2))
            with contextlib.suppress(OSError, AssertionError, EOFError):
                if self.scene.send(message, door):
                    self.sent.append(message)
                    return

    def round(self):
        for r in self.scene.relays.values():
            r.status = self.rng.choice([200, 200, 500, 503, 429])
        self.scene.qt.weather = self.rng.choice([oracle.FINE, SICK])
        with ThreadPoolExecutor(8) as pool:
            work = [pool.submit(self.deliver, n) for n in range(24)]
            program.until(lambda: sum(w.done() for w in work) > self.rng.randrange(20), "some")
            victim = self.rng.choice(self.scene.site.pools)
            victim.exits.add(-9)
            self.scene.site.kill(victim)
            self.scene.site.restart(victim)
            for w in work:
                w.result()


def test_nothing_acknowledged_is_lost(scene):
    """Neither for QT nor for a relay; and what came twice came with a kill or a failure."""
    scene.start()
    storm = Storm(scene, 7)
    for _ in range(4):
        storm.round()
    for r in scene.relays.values():
        r.status = 200
    scene.check()
    scene.site.run(["queue", "retry", "all"])
    program.until(lambda: not scene.home.rows(), "an empty queue")
    assert len(storm.sent) > 40
    want = {m.xml for m in storm.sent}
    for name, read in (("raw", relay.verify_push), ("signed", relay.verify_push)):
        got = [read(SAFE, g) for g in scene.relays[name].got]
        assert want <= set(got), name
