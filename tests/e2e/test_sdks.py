"""SDKs of other people as back ends: each verifies what a relay gets, and its answer reaches the
user.  `make sdks` fetches them."""

import contextlib
import json
import shutil
import subprocess

import pytest

import program
import relay
import wechat
from test_relays import Scene
from wechat import SAFE

MODULES = program.TOP / "build/sdk/node_modules"
SDKS = ("co-wechat", "node-easywechat")
FORMS = {"raw": "answers", "resigned": "resigned"}      # the variant in which the SDK answers


@contextlib.contextmanager
def back_end(sdk):
    """Its URL, and the process."""
    assert MODULES.exists(), "run: make sdks"
    command = [shutil.which("node"), str(program.TOP / "tests/sdk/server.js"), str(MODULES), sdk,
               SAFE.token, SAFE.key, SAFE.appid]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proc:
        try:
            yield f"http://127.0.0.1:{int(proc.stdout.readline())}/wx?from=qtoa", proc
        finally:
            proc.terminate()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_verifies_and_answers(sdk, form):
    with contextlib.ExitStack() as stack:
        url, proc = stack.enter_context(back_end(sdk))
        scene = Scene(stack, FORMS[form])
        scene.home.env["E2E_RAW"] = url
        scene.start()
        for content in ("hello", "你好 <b>&amp;</b> 😀"):
            xml = wechat.text_message(content)
            answer = scene.door(1)(SAFE, wechat.push(SAFE, xml))
            reply = relay.open_reply(SAFE, answer.body).decode()
            assert f"pong {content}" in reply, reply
            said = json.loads(proc.stdout.readline())
            assert said["MsgType"] == "text" and said["Content"] == content
