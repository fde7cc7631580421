"""Messages that QT, or a firewall before it, does not take, or whose keys it seems to refuse,
delay no others; and nothing waits for a clock that was wrong."""

import contextlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import program
import wechat
from wechat import COMPATIBLE, SAFE

sys.path.append(str(program.TOP / "tests/torture"))
import oracle  # noqa: E402
from rig import Rig, code  # noqa: E402

STOPS = 5       # refusals in a row that stop an account
DAY = 86400
ANSWERS = {
    "500": ("status", 500),
    "silent": ("silent", None),
    "reset": ("reset", None),
    "page": ("garbage", None),
    "403": ("status", 403),
}


@pytest.fixture
def make_rig():
    with contextlib.ExitStack() as stack:
        yield lambda *args, **how: Rig(stack, *args, **how)


def judge_by_content(rig, *names):
    """QT answers each odd message in one of these ways, and takes all others."""
    answers = [ANSWERS[name] for name in names]
    rig.qt.by_content = lambda xml: answers[sum(xml) % len(answers)] if b"strange" in xml else None


def strange(rig, account=SAFE):
    rig.message(account)
    message = oracle.Message(account, rig.sent[-1].xml.replace(b"[CDATA[", b"[CDATA[strange", 1))
    rig.sent[-1] = message
    return message


def doors(rig):
    return [rig.door(n) for n in range(len(rig.site.pools))] or [rig.site.through_cgi]


def send(rig, messages):
    with ThreadPoolExecutor(8) as pool:
        ways = doors(rig)
        assert all(pool.map(lambda n: rig.send(messages[n], ways[n % len(ways)]),
                            range(len(messages))))


def taken(rig, messages):
    """QT has all of these."""
    ids = {d.message for d in list(rig.qt.deliveries)}
    return all(m.id in ids for m in messages)


@pytest.mark.parametrize("names,pools", (
    (("500",), 1), (("silent",), 1), (("403", "page", "reset"), 1), (tuple(ANSWERS), 2),
    (tuple(ANSWERS), 0),
), ids=lambda x: "-".join(x) if isinstance(x, tuple) else ("cgi", "one", "two")[x])
def test_good_ones_overtake(make_rig, names, pools):
    """Odd ones have opened the breaker, and are first in the queue."""
    rig = make_rig(pools=pools)
    judge_by_content(rig, *names)
    bad = [strange(rig) for _ in range(8)]
    send(rig, bad)
    good = [rig.message(COMPATIBLE if n % 2 else SAFE) for n in range(20)]
    send(rig, good)

    def passed():
        if not pools:           # nobody drains but who has a request
            good.append(rig.message())
            send(rig, good[-1:])
        return taken(rig, good)
    program.until(passed, "the good ones at QT")

    def waiting():              # QT's answers are settled a moment after they came
        return [row for row in rig.site.waiting() if row["account"] == SAFE.path]
    program.until(lambda: len(waiting()) <= len(bad), "only the odd ones wait")
    assert len(waiting()) == len(bad)
    rig.qt.by_content = lambda xml: None
    rig.site.run(["queue", "retry", "all"])
    if not pools:
        program.until(rig.site.drain, "a drain of all")
    rig.check(retry=False)


def test_a_few_odd_refusals_stop_nothing(make_rig):
    """With an accepted message between; the odd ones are tried again with their own pauses."""
    rig = make_rig()
    rig.qt.by_content = lambda xml: ("code", 101) if b"strange" in xml else None
    for _ in range(3):
        send(rig, [strange(rig)])
        assert rig.push()
    for _ in range(STOPS - 1):
        send(rig, [strange(rig)])
    assert rig.push()
    assert "stopped" not in [r.get("class") for r in rig.requests(3 * 2 + STOPS)]
    program.until(lambda: any(row["attempts"] > 1 for row in rig.site.rows()), "another attempt")
    rig.qt.by_content = lambda xml: None
    rig.check()


def test_a_stop_ends_by_itself(make_rig):
    """QT accepts the keys again: a probe finds out, and nobody had to do anything."""
    rig = make_rig()
    rig.qt.weather = code(106)
    assert all(rig.pushes(STOPS + 3))
    assert [r["class"] for r in rig.requests(STOPS + 3)] == ["config"] * STOPS + ["stopped"] * 3
    out, _ = rig.site.run(["queue", "list"], good=(0,))
    assert b"is stopped" in out and b"next probe in " in out
    rig.check(retry=False)
    rig.log.wait(1, what="breaker", level="notice")


@pytest.mark.parametrize("retry", (False, True), ids=("by-itself", "retry"))
def test_clock_that_was_a_day_ahead(make_rig, retry):
    """What was queued meanwhile goes out now, with the clock set back."""
    rig = make_rig(pools=0)
    rig.site.env.update(rig.home.clock(DAY))
    rig.start()
    rig.qt.down()
    for _ in range(8):
        message = rig.message()
        push = wechat.push(message.account, message.xml, at=time.time() + DAY)
        assert oracle.WeChat([]).attempt(message, push, rig.door())
    rig.site.kill(rig.pool)
    rig.home.clock(0)
    if retry:
        rig.site.run(["queue", "retry", "all"])
        assert all(row["next"] <= time.time() * 1000 for row in rig.home.rows())
    rig.qt.up()
    rig.restart()
    program.until(lambda: taken(rig, rig.sent), "all of them at QT")
    rig.check(retry=False)
