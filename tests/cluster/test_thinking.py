"""A relay that answers users and thinks for longer than the claim of an ordinary message lasts, with
two hosts on one store: it is called once, also if its host dies."""

import contextlib
import time

import pytest

import program
import relay
import servers
import wechat
from wechat import SAFE

THINKS_S = 9
LATER_S = 6.5           # a claim of an ordinary message would have ended
UNTIL = "SELECT coalesce(max(extract(epoch FROM until - clock_timestamp())), 0)::integer FROM seen"


@pytest.fixture
def bot():
    """It answers when its gate is open."""
    bot = relay.Relay()
    bot.gate.clear()
    yield bot
    bot.stop()


@pytest.fixture
def two_hosts(url, qt, bot):
    with contextlib.ExitStack() as stack:
        api = relay.API()
        stack.callback(api.stop)
        pools = []
        for _ in range(2):
            home = program.Home(qt.url)
            stack.callback(home.remove)
            home.env.update(E2E_STORE=url, E2E_RAW=bot.url, E2E_WECHAT_API=api.url)
            pools.append(program.Pool(home, "bot"))
            stack.callback(pools[-1].stop)
        yield pools


def wait_since(begin, seconds):
    program.until(lambda: time.monotonic() >= begin + seconds, "time passes", seconds + 5)


def test_the_other_host_does_not_call_it_again(shared, url, two_hosts, bot):
    one, other = two_hosts
    push = wechat.push(SAFE)
    bot.body = lambda got: relay.reply_to(relay.verify_push(SAFE, got))
    one.push(SAFE, push)
    program.until(lambda: bot.got, "the relay is called")
    begin = time.monotonic()
    left = int(shared.primary.sql(UNTIL, url))
    assert LATER_S + 2 < left < 20
    for seconds in LATER_S, LATER_S + 1, THINKS_S - 0.5:
        wait_since(begin, seconds)
        other.push(SAFE, push)
    assert len(bot.got) == 1
    wait_since(begin, THINKS_S)
    bot.gate.set()
    servers.wait_until("the queue is empty",
                       lambda: shared.primary.sql("SELECT count(*) FROM message", url) == "0")
    assert len(bot.got) == 1


def test_it_is_called_by_the_other_host_if_its_own_dies(shared, url, two_hosts, bot):
    """Its row is in the queue from the beginning, and is sent when the claim has ended."""
    one, other = two_hosts
    one.push(SAFE, wechat.push(SAFE))
    program.until(lambda: bot.got, "the relay is called")
    one.proc.kill()
    one.proc.wait()
    one.exits = {-9}
    bot.gate.set()
    servers.wait_until("the other host sends it",
                       lambda: shared.primary.sql("SELECT count(*) FROM message", url) == "0")
    assert len(bot.got) == 2
    assert other.push(SAFE, wechat.push(SAFE, wechat.text_message("next"))).status == 200
