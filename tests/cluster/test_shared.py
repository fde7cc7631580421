"""What hosts share: claims of messages, known messages, leases."""

import glob
import select
import time

import servers

CLAIM_S = 6     # DEDUP_SHARED_CLAIM_MS
LEASE_S = 15    # LEASE_MS
PATIENCE = 60000
SHORT = 4000    # a wait for what another one has; the store must answer within it


def test_one_host_gets_a_message(url, host):
    hosts = [host(url, ms=5000) for _ in range(3)]
    assert [h.ask("known 0")[2] for h in hosts] == ["never"] * 3     # they are connected
    for n in range(1, 41):
        for h in hosts:         # WeChat sends it to all of them at the same moment
            h.send(f"claim {n} {PATIENCE}")
        ready, _, _ = select.select([h.process.stdout for h in hosts], [], [])
        first, = [h for h in hosts if h.process.stdout in ready]    # the others wait for it
        assert first.hear()[::2] == ("ok", "never")
        assert first.ask(f"mark {n}")[0] == "ok"
        others = [h for h in hosts if h is not first]
        assert [h.hear()[::2] for h in others] == [("ok", "done")] * 2
        assert others[1].ask(f"known {n}")[2] == "done"
        assert others[1].ask(f"queued {n}")[0] == "ok"      # that it is done is not forgotten
        assert others[1].ask(f"claim {n} {PATIENCE}")[2] == "done"


def test_a_message_that_is_queued_can_be_claimed(url, host):
    a, b = host(url, ms=5000), host(url, ms=5000)
    assert a.ask("known 1")[2] == "never" and b.ask("known 1")[2] == "never"
    assert a.ask(f"claim 1 {PATIENCE}")[2] == "never" and a.ask("queued 1")[0] == "ok"
    assert b.ask(f"claim 1 {PATIENCE}")[2] == "queued" and a.ask(f"claim 1 {SHORT}")[2] == "late"


def test_a_dead_host_keeps_nothing(url, host):
    a, b = host(url, ms=5000), host(url, ms=5000)
    assert b.ask("known 1")[2] == "never"
    assert a.ask("lease 0")[2] == "mine" and a.ask(f"claim 1 {PATIENCE}")[2] == "never"
    begin = time.monotonic()
    a.end()                     # kill -9
    assert b.ask("lease 0")[2] == "busy"
    assert b.ask(f"claim 1 {PATIENCE}")[::2] == ("ok", "queued")
    assert time.monotonic() - begin > CLAIM_S - 2
    assert b.ask(f"lease {PATIENCE}")[2] == "mine"
    assert time.monotonic() - begin > LEASE_S - 2


def test_a_lease_goes_from_host_to_host(url, host):
    hosts = [host(url, ms=5000) for _ in range(3)]
    for a, b in zip(hosts, hosts[1:] + hosts[:1]):
        assert a.ask("lease 0")[2] == "mine" and b.ask("lease 0")[2] == "busy"
        assert a.ask("keep")[2] == "mine"
        a.ask("end")
    assert hosts[0].ask("lease 0")[2] == "mine"


def wrong_clock(**by):
    """The environment of a host whose clock is off: FAKETIME="+1h"."""
    library = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]
    return {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": "verify_asan_link_order=0", **by}


def test_a_clock_that_is_an_hour_off(url, host):
    off = [host(url, ms=5000, env=wrong_clock(FAKETIME=by)) for by in ("+1h", "-1h")]
    right = host(url, ms=5000)
    assert [h.ask("known 9")[2] for h in (*off, right)] == ["never"] * 3
    for n, (a, b) in enumerate(((off[0], right), (right, off[1]), (off[1], off[0]))):
        assert a.ask(f"claim {n} {PATIENCE}")[2] == "never" and b.ask(f"claim {n} {SHORT}")[2] == "late"
        assert a.ask(f"mark {n}")[0] == "ok" and b.ask(f"claim {n} {PATIENCE}")[2] == "done"
        assert a.ask("lease 0")[2] == "mine" and b.ask("lease 0")[2] == "busy"
        a.ask("end")
    assert off[0].ask("sweep 1")[0] == "ok" and right.ask("known 0")[2] == "done"


def agree(hosts, word, least, most):
    said = [int(h.ask(word)[2]) for h in hosts]
    assert all(least <= ms <= most for ms in said), said


def test_times_are_the_servers(url, host):
    """A message is as old, and waits as long, for each host."""
    hosts = [host(url, ms=5000, env=wrong_clock(FAKETIME=by)) for by in ("+1h", "-1h", "+0")]
    for n, h in enumerate(hosts):
        assert h.ask(f"later {n} 240000")[0] == "ok"
    agree(hosts, "next", 180000, 240000)
    agree(hosts, "age", 0, 60000)


def test_a_clock_that_is_set_while_the_program_runs(url, host, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    moved = host(url, ms=5000, env=wrong_clock(FAKETIME_TIMESTAMP_FILE=str(clock),
                                               FAKETIME_NO_CACHE="1"))
    right = host(url, ms=5000)
    assert moved.ask("later 1 240000")[0] == "ok"
    for by in ("+1h", "-1h", "+0"):
        clock.write_text(by + "\n")
        agree([moved, right], "next", 180000, 240000)
        agree([moved, right], "age", 0, 60000)
        assert moved.ask(f"later {by.strip('+-h')}7 240000")[0] == "ok"
        agree([moved, right], "age", 0, 60000)


def test_old_ones_are_forgotten(shared, url, host):
    """The keys say that all are old; those that waited for QT were marked later."""
    def known():
        return [n for n in range(1, 12) if b.ask(f"known {n}")[2] == "done"]

    a, b = host(url, ms=5000), host(url, ms=5000)
    for n in range(1, 12):
        assert a.ask(f"mark {n}")[0] == "ok"
        if n == 8:
            shared.primary.sql("UPDATE seen SET made = made - 4", url)
    assert b.ask("sweep 4")[0] == "ok" and known() == list(range(1, 12))
    assert b.ask("sweep 3")[0] == "ok" and known() == [9, 10, 11]
    shared.primary.sql("UPDATE seen SET made = made - 4", url)
    assert b.ask("sweep 3")[0] == "ok" and known() == []
    assert a.ask("known 1")[2] == "done"    # it has marked that itself


def test_young_ones_are_not_looked_at(shared, url, host):
    """A sweep ends where the keys are too young, by the server's clock."""
    now = int(shared.primary.sql("SELECT extract(epoch FROM clock_timestamp())::bigint"))
    host(url, ms=5000, env=wrong_clock(FAKETIME="-10d")).ask("sweep 3")    # it makes the table
    shared.primary.sql("INSERT INTO seen SELECT (lpad(to_hex(%d - n * 86400), 8, '0') || "
                       "repeat('0', 24))::uuid, 0, 3 FROM generate_series(-1, 9) AS n" % now, url)
    assert host(url, ms=5000, env=wrong_clock(FAKETIME="-10d")).ask("sweep 3")[0] == "ok"
    assert int(shared.primary.sql("SELECT count(*) FROM seen", url)) in (4, 5)


def test_known_messages_need_little_room(shared, url, host):
    """A row is written twice, and the room of its first version is used again."""
    a = host(url, ms=5000)
    assert a.ask("claims 5000 1")[2] == "5000"
    row, index = map(int, shared.primary.sql(
        "SELECT pg_relation_size('seen') / 5000, pg_indexes_size('seen') / 5000", url).split("|"))
    assert 40 < row < 70 and 20 < index < 60


def test_without_the_server_a_host_knows_what_it_did(pair, host):
    a, b = host(pair.primary.url), host(pair.primary.url)
    assert a.ask("claim 1 5000")[2] == "never" and a.ask("mark 1")[0] == "ok"
    pair.primary.kill()
    pair.standby.kill()
    assert a.ask("claim 1 5000")[2] == "done" and b.ask("claim 1 5000")[2] == "never"
    assert b.ask("mark 1")[0] == "ok" and a.ask("lease 0")[2] == "busy"
    assert b.ask("claim 2 5000")[2] == "never" and b.ask(f"claim 2 {SHORT}")[2] == "late"
    assert a.ask("claim 3 5000")[2] == "never" and a.ask("mark 3")[0] == "ok"
    # The server comes back, and hears from another host that the message is in the queue.
    pair.primary.start()
    pair.standby.start()
    pair.settle()
    c = host(pair.primary.url, ms=5000)
    assert c.ask("queued 3")[0] == "ok" and c.ask("known 3")[2] == "queued"
    servers.wait_until("the server is asked", lambda: c.ask("mark 9")[0] == "ok"
                       and a.ask("known 9")[2] == "done")
    assert a.ask("known 3")[2] == "done" and c.ask("known 3")[2] == "queued"
    assert a.ask("claim 3 5000")[2] == "done"       # and that tells the others
    assert c.ask("claim 3 5000")[2] == "done"


def test_others_wait_until_they_are_told(shared, url, host):
    # WeChat has its answer before the other hosts know that the message is done.
    a, b = host(url, ms=5000), host(url, ms=5000)
    assert a.ask("claim 1 5000")[2] == "never" and a.ask("answered 1")[0] == "ok"
    assert b.ask(f"claim 1 {SHORT}")[2] == "late"
    assert a.ask("told 1")[0] == "ok" and b.ask("claim 1 5000")[2] == "done"


def test_what_a_server_has_forgotten_is_told_again(shared, url, host):
    # A mark waits for no disk, so a server that dies may lose the last ones.
    a, b = host(url, ms=5000), host(url, ms=5000)
    for n in range(1, 300):
        assert a.ask(f"mark {n}")[0] == "ok"
    assert a.ask("queued 300")[0] == "ok"
    shared.primary.sql("DELETE FROM seen", url)
    a.ask("retell")
    assert b.ask("known 1")[2] == "never"       # the connection is the same
    shared.primary.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       "WHERE application_name = 'qtoa'", url)
    a.ask("retell")
    assert [b.ask(f"known {n}")[2] for n in (1, 299, 300)] == ["done", "done", "queued"]


def test_what_a_server_has_not_heard_is_told_later(pair, host):
    a, b = host(pair.primary.url), host(pair.primary.url)
    assert a.ask("mark 1")[0] == "ok" and b.ask("known 1")[2] == "done"
    pair.primary.kill()
    for n in range(2, 6):
        assert a.ask(f"mark {n}")[0] == "ok"
    a.ask("retell")
    pair.primary.start()

    def is_told():
        a.ask("retell")
        return [b.ask(f"known {n}")[2] for n in range(1, 6)] == ["done"] * 5
    servers.wait_until("it is told", is_told)
