"""Hosts with state directories of their own, and one store."""

import concurrent.futures
import subprocess

import program
import qt as qt_side
import servers
import wechat
from patience import PATIENCE_S
from wechat import SAFE

SICK = qt_side.answering(500, "<html>")


def push(text="hello"):
    return wechat.push(SAFE, wechat.text_message(text))


def is_success(answer):
    return answer.status == 200 and answer.body == b"success"


def test_a_message_that_comes_to_two_hosts_goes_to_qt_once(url, start, qt):
    pools = [start(url), start(url)]
    for n in range(5):
        one = push(str(n))
        with concurrent.futures.ThreadPoolExecutor() as threads:
            answers = list(threads.map(lambda p: p.push(SAFE, one), pools))
        assert all(map(is_success, answers)), answers
        assert is_success(pools[n % 2].push(SAFE, one))
    assert len(qt.received) == 5


def test_a_replica_that_the_server_does_not_wait_for_is_refused(made, start):
    with servers.directory() as top:
        alone = servers.Server(top, "alone")
        alone.make()
        alone.start()
        try:
            pool = start(alone.url, "replica")
            pool.exits = {1}
            assert pool.proc.wait(PATIENCE_S) == 1
            assert "store_ack = REPLICA cannot be kept" in pool.log.text()
        finally:
            alone.kill()


def test_without_the_server_this_host_keeps_messages(pair, start, qt):
    pool = start(pair.primary.url)
    assert is_success(pool.push(SAFE, push("first")))
    pair.primary.kill()
    qt.behave = SICK
    kept = push("kept")
    assert is_success(pool.push(SAFE, kept))
    assert [r["state"] for r in pool.home.rows()] == ["pending"]
    said, = [r["msg"] for r in pool.log.lines(0) if r["what"] == "store"]
    assert "this host's own store" in said and said.endswith("look at the database, and run: qtoa check")
    pair.primary.start()
    program.until(lambda: pool.home.rows() == [], "it is moved")
    qt.behave = qt_side.genuine
    program.until(lambda: qt.confirmed(kept), "QT has it")


def test_a_host_that_keeps_nothing_refuses(pair, start, qt):
    pool = start(pair.primary.url, "refusing")
    assert is_success(pool.push(SAFE, push("first")))
    pair.primary.kill()
    qt.behave = SICK
    assert pool.push(SAFE, push("second")).status == 503
    assert pool.home.rows() == []


def test_a_verb_reads_what_hosts_share(url, start, qt):
    pool = start(url)
    qt.behave = SICK
    assert is_success(pool.push(SAFE, push("waits")))
    other = program.Home(qt.url)
    other.env["E2E_STORE"] = url
    try:
        done = subprocess.run([program.binary("several"), "queue", "list"], env=other.env,
                              capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        assert "pending" in done.stdout and "1" in done.stdout
    finally:
        other.remove()


def test_the_log_says_of_which_messages_other_hosts_do_not_know(pair, start):
    pool = start(pair.primary.url)
    assert is_success(pool.push(SAFE, push("first")))
    pair.primary.kill()
    assert is_success(pool.push(SAFE, push("second")))
    key = [r["key"] for r in pool.log.lines(0) if r["what"] == "request"][-1]
    program.until(lambda: [r["msg"] for r in pool.log.lines(0)
                           if r["what"] == "seen" and r.get("key") == key] ==
                  ["other hosts do not know that this one has the message",
                   "other hosts do not know that the message is done"], "its two lines")


def test_the_drainer_sends_nothing_that_another_host_has_in_hand(shared, url, start, qt):
    pool = start(url)
    qt.behave = SICK
    waits = push("waits")
    assert is_success(pool.push(SAFE, waits))
    shared.primary.sql("UPDATE seen SET until = clock_timestamp() + interval '1 hour'", url)
    qt.behave = qt_side.genuine
    program.until(lambda: [r for r in pool.log.lines(0) if r["what"] == "drain"
                           and r.get("detail") == "it is under way"], "a try")
    assert not qt.confirmed(waits)
    shared.primary.sql("UPDATE seen SET until = clock_timestamp()", url)
    program.until(lambda: qt.confirmed(waits), "QT has it")


def test_a_message_that_another_host_has_in_hand_is_kept(shared, url, start, qt):
    pool = start(url)
    qt.behave = SICK
    one = push("one")
    assert is_success(pool.push(SAFE, one))
    shared.primary.sql("DELETE FROM message", url)
    shared.primary.sql("UPDATE seen SET until = clock_timestamp() + interval '1 hour'", url)
    qt.behave = qt_side.genuine
    assert is_success(pool.push(SAFE, one))
    assert [r["class"] for r in pool.log.lines(0) if r["what"] == "request"][-1] == "elsewhere"
    assert not qt.confirmed(one)
    shared.primary.sql("UPDATE seen SET until = clock_timestamp()", url)
    program.until(lambda: qt.confirmed(one), "QT has it")
