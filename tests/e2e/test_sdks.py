"""SDKs of other people as back ends: each verifies what a relay gets, and its answer reaches the
user through the real web servers.  `make sdks` fetches them."""

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

import fronts
import program
import relay
import wechat
from patience import PATIENCE_S
from wechat import SAFE

MODULES = program.TOP / "build/sdk/node_modules"
SDKS = ("co-wechat", "node-easywechat")
FORMS = {"raw": "answers", "resigned": "resigned"}      # the variant in which the SDK answers
TEXTS = ("hello", "你好 <b>&amp;</b> 😀")


class BackEnd:
    """One SDK that serves an account."""

    def __init__(self, sdk):
        assert MODULES.exists(), "run: make sdks"
        self.proc = subprocess.Popen(
            [shutil.which("node"), str(program.TOP / "tests/sdk/server.js"), str(MODULES), sdk,
             SAFE.token, SAFE.key, SAFE.appid], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.proc.stdout.readline())}/wx?from=qtoa"

    def accepted(self):
        """The next message that the SDK has accepted."""
        return json.loads(self.proc.stdout.readline())

    def ask(self, push):
        """What it says without us."""
        request = urllib.request.Request(f"{self.url}&{push.query}", push.body,
                                         {"Content-Type": "text/xml"})
        with contextlib.suppress(urllib.error.HTTPError), \
                urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read()
        return b""

    def stop(self):
        self.proc.terminate()
        self.proc.communicate()


@pytest.fixture(scope="module", params=SDKS)
def back_end(request):
    running = BackEnd(request.param)
    yield running
    running.stop()


@pytest.fixture
def make_front(back_end, qt):
    """Starts a web server with the program behind it, whose relay that answers is the SDK."""
    with contextlib.ExitStack() as stack:
        def start(name, variant):
            env = {"E2E_RAW": back_end.url}
            for other in ("E2E_SIGNED", "E2E_JSON"):
                copies = relay.Relay()
                stack.callback(copies.stop)
                env[other] = copies.url
            front = fronts.Front(name, qt.url, variant=variant, env=env)
            stack.callback(front.stop)
            return front

        yield start


def test_the_sdk_verifies(back_end):
    """A message that is signed with another Token, or sealed with another key, is not answered:
    an answer says that the SDK has verified."""
    xml = wechat.text_message("forged")
    for wrong in (dict(token="anotherToken"), dict(key=wechat.COMPATIBLE.key)):
        assert b"MsgSignature" not in back_end.ask(wechat.push(SAFE, xml, **wrong))
    right = back_end.ask(wechat.push(SAFE, wechat.text_message("right")))
    assert b"pong right" in relay.open_reply(SAFE, right)
    assert back_end.accepted()["Content"] == "right"


@pytest.mark.parametrize("server", ("lighttpd-fastcgi", "nginx"))
@pytest.mark.parametrize("form", FORMS)
def test_an_sdk_verifies_and_answers(back_end, make_front, qt, form, server):
    front = make_front(server, FORMS[form])
    for content in TEXTS:
        answer = front.push(SAFE, wechat.push(SAFE, wechat.text_message(content)))
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == \
            (200, "text/xml")
        reply = relay.open_reply(SAFE, answer.body).decode()
        assert f"pong {content}" in reply, reply
        said = back_end.accepted()
        assert said["MsgType"] == "text" and said["Content"] == content
    lines = front.log.wait(len(TEXTS), what="request", verdict="delivered")
    assert all("raw:answered" in line["relays"].split() for line in lines), lines
    assert len(qt.received) == len(TEXTS)
    front.check()
