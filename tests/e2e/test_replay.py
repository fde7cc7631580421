"""A push that was recorded and is sent again, long after: WeChat's signature does not tell the
timestamp from the nonce, nor where one ends and the other begins.  In the modes that encrypt the
CreateTime inside tells it."""

import re
import time

import pytest

import program
import wechat
from collector import behind
from wechat import COMPATIBLE, PLAIN, SAFE

DAY = 86400
SEALED = pytest.mark.parametrize("account", (SAFE, COMPATIBLE), ids=lambda a: a.path)


@pytest.fixture
def pool(module_pools, qt):
    """Here `repeat` is what is wanted."""
    pool = module_pools("main")
    pool.log.mark()
    yield pool
    pool.check()


def at(value, xml=None):
    return re.sub(rb"<CreateTime>.*?</CreateTime>", b"<CreateTime>%s</CreateTime>" %
                  str(value).encode(), xml or wechat.text_message())


def recorded(account, then, nonce, xml=None, **kw):
    """A genuine push of that time.  What is signed is sorted: a text in <Encrypt> that begins with
    a digit could come between the time and the nonce, so it is made again."""
    xml = at(int(then)) if xml is None else xml
    push = wechat.push(account, xml, at=then, nonce=str(nonce), **kw)
    again = re.search(rb"<Encrypt><!\[CDATA\[\d", push.body)
    return recorded(account, then, nonce, xml, **kw) if again else push


def renamed(push, timestamp, nonce):
    return push.with_("timestamp", str(timestamp)).with_("nonce", str(nonce))


def swapped(push):
    return renamed(push, push.get("nonce"), push.get("timestamp"))


def assert_replay(pool, qt, account, push):
    pool.log.mark()
    qt.received.clear()
    answer = pool.push(account, push)
    assert (answer.status, answer.body) == (200, b"success")
    line = pool.log.one(verdict="replay", error="replay of an old push", level="notice")
    assert line["event"] == "$$_receive_msg" and line["detail"]
    assert not qt.received


def assert_delivered(pool, qt, account, push):
    qt.received.clear()
    assert pool.push(account, push).body == b"success"
    r, = qt.received
    assert r.fields["weChatOAData"].encode() == push.body
    return r


@SEALED
@pytest.mark.parametrize("unit", (1, 1000, 1000000), ids=("s", "ms", "us"))
def test_timestamp_and_nonce_swapped(pool, qt, account, unit):
    now = int(time.time())
    for days in (7, 8, 30, 400):
        then = now - days * DAY - 5
        push = swapped(recorded(account, then, now, at((then - 2) * unit)))
        assert_replay(pool, qt, account, push)


def test_with_the_token_before(pool, qt):
    now = int(time.time())
    for token in (wechat.ROTATED.token, wechat.ROTATED.old_token):
        push = recorded(wechat.ROTATED, now - 30 * DAY, now, token=token)
        assert_replay(pool, qt, wechat.ROTATED, swapped(push))


@SEALED
def test_cut_in_another_place(pool, qt, account):
    """Only the text that both make together is signed."""
    now = int(time.time())
    then = now - 30 * DAY
    # The last digits of a longer nonce.
    assert_replay(pool, qt, account, renamed(recorded(account, then, f"3{now}"), now, f"{then}3"))
    # Its first ones, where it comes first.
    stamp = str(now)
    first = recorded(account, int(f"2{stamp[1:]}"), f"{now}", at(then))
    assert pool.push(account, first).status == 403
    # The end of a timestamp and a short nonce: these are more than a day before and after.
    for back in range(8 * DAY, 400 * DAY, 3600):
        then = int(str(now - back)[:6] + stamp[:4])
        nonce = stamp[4:]
        if then < now - 8 * DAY and str(then) < nonce and str(then)[:6] < stamp:
            push = recorded(account, then, nonce, at(then - 3))
            assert_replay(pool, qt, account, renamed(push, now, str(then)[:6]))
            break


@SEALED
def test_what_looks_alike_and_is_genuine(pool, qt, account):
    """A nonce that looks like a time refuses nothing, and neither does an old CreateTime."""
    now = int(time.time())
    for then in (now, now - 30 * DAY, now - 3600, now + 5, now - 400 * DAY):
        assert_delivered(pool, qt, account, recorded(account, now, then, at(now)))
    for back in (8 * DAY, 30 * DAY, 3000 * DAY):
        assert_delivered(pool, qt, account, wechat.push(account, at(now - back)))
    for value in ("", "0", "soon", now + 40 * DAY, 5):
        assert_delivered(pool, qt, account, recorded(account, now, now - 30 * DAY, at(value)))


def test_tries_of_wechat(pool, qt):
    """One that comes again soon is a repeat, whatever its nonce looks like."""
    now = int(time.time())
    push = recorded(SAFE, now, now + 2)
    assert_delivered(pool, qt, SAFE, push)
    for again in (push, swapped(push), push):
        pool.log.mark()
        assert pool.push(SAFE, again).body == b"success"
        pool.log.one(verdict="repeat")
    assert len(qt.received) == 1


def test_a_clock_that_is_wrong(home, make_pool, qt):
    """A month ahead and any age allowed: genuine pushes go on, and go once."""
    home.env.update(home.clock(ahead=30 * DAY))
    pool = make_pool("any_age")
    now = int(time.time())
    for nonce in (None, now - 30 * DAY, now + 30 * DAY):
        push = wechat.push(SAFE, at(now), at=now, nonce=nonce and str(nonce))
        assert_delivered(pool, qt, SAFE, push)
        assert all(problem.startswith("ts ") for problem in qt.problems)
        qt.reset()


def test_plain_mode_cannot_tell(pool, qt):
    """Nothing in it is signed but the two: the documents say so."""
    now = int(time.time())
    push = swapped(recorded(PLAIN, now - 30 * DAY, now))
    assert_delivered(pool, qt, PLAIN, push)


def test_it_is_counted(home, make_pool, qt):
    pool = make_pool("main")
    now = int(time.time())
    push = swapped(recorded(SAFE, now - 30 * DAY, now))
    for _ in range(3):
        assert pool.push(SAFE, push).body == b"success"
    pool.log.wait(3, verdict="replay")
    with pool.connect() as c:
        page = c.send(program.fcgi.request(program.fcgi.cgi(
            "GET", "/qtoa/-/metrics", REMOTE_ADDR="127.0.0.1"))).answer().body.decode()
    assert 'qtoa_refused_total{account="safe",reason="replay"} 3' in page
    assert not qt.received


def test_repeats_are_summed_up(home, make_pool, qt):
    """Many copies of one push are some lines and a sum, whatever is said of each."""
    pool = make_pool("flood", env={"E2E_LOG_LEVEL": "info"})
    now = int(time.time())
    fresh, old = wechat.push(SAFE), swapped(recorded(SAFE, now - 30 * DAY, now))
    stale = wechat.push(SAFE, at=now - 3600)
    shake = wechat.handshake(SAFE)
    for push in (fresh, old, stale, shake):
        for _ in range(60):
            pool.push(SAFE, push)
    copied = behind(pool)
    envelope = qt.received[0].body
    for _ in range(60):
        copied.answers(envelope, 200)
    pool.stop()
    lines = pool.log.lines()
    limit = program.SETTINGS["flood"]["log_flood"]
    for want, n in (({"verdict": "repeat"}, 59), ({"verdict": "replay"}, 60),
                    ({"error": "timestamp not fresh"}, 60), ({"verdict": "handshake"}, 60),
                    ({"verdict": "collect", "detail": "counted before"}, 59)):
        said = [r for r in lines if r["what"] == "request" and
                all(r.get(k) == v for k, v in want.items())]
        assert 1 <= len(said) <= 2 * limit, want      # the minute may be over in between
    sums = [int(r["count"]) for r in lines if r["what"] == "repeated"]
    assert sum(sums) + sum(r["what"] == "request" for r in lines) == 5 * 60
    assert len(sums) <= 10
