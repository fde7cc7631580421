"""Ways in which an acknowledgement could be false: each was seen on a server that did as it should.

store_ack is REPLICA: "ok" means that a standby has the message, whatever happens to the primary.
"""

import signal

import servers

MS = 400        # store_ms of the hosts
LATE_MS = 5000  # much later than that, on a slow machine
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def waits(server, sessions=1):
    """Until so many sessions of the server wait for the standby."""
    servers.wait_until("a session waits for the standby",
                       lambda: server.sql(WAITING) == str(sessions))


def test_the_standby_is_gone(pair, host):
    # No setting of the server ends the wait for a standby: statement_timeout does not.
    pair.primary.sql("ALTER ROLE qtoa SET statement_timeout = '100ms'")
    tool = host(pair.primary.url, ms=MS)
    assert tool.ask("add 1")[0] == "ok"
    pair.standby.kill()
    word, ms, why = tool.ask("add 2")
    assert word == "failed" and MS / 2 < ms < LATE_MS, (ms, why)
    assert "in time" in why


def test_the_same_message_while_the_first_try_still_waits(pair, host):
    tool, other = host(pair.primary.url, ms=MS), host(pair.primary.url, ms=MS)
    assert tool.ask("add 1")[0] == "ok" and other.ask("add 1")[0] == "ok"
    pair.standby.kill()
    assert tool.ask("add 2")[0] == "failed"
    waits(pair.primary)         # the server did not notice that the client is gone
    for line in "add 2", "confirm 2":
        word, ms, _ = other.ask(line)
        assert (word == "failed" or line.startswith("confirm")) and ms < LATE_MS
    assert tool.ask("add 2")[0] == "failed"
    pair.standby.start()
    pair.settle()
    servers.wait_until("it is stored", lambda: tool.ask("add 2")[0] == "ok")
    assert pair.standby.sql("SELECT count(*) FROM message") == "2"


def test_the_wait_is_cancelled(pair, host):
    # The server answers INSERT 0 1 and COMMIT, with no more than a warning before.
    for how, n in ("pg_cancel_backend", 2), ("pg_terminate_backend", 3):
        tool = host(pair.primary.url, ms=30000)
        assert tool.ask("add 1")[0] == "ok"
        pair.standby.signal(signal.SIGSTOP)
        tool.send(f"add {n}")
        waits(pair.primary)
        done = f"SELECT {how}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        pair.primary.sql(done)
        waits(pair.primary)     # it tries again, as the first try counts for nothing
        pair.primary.sql(done)
        word, _, why = tool.hear()
        assert word == "failed" and ("replication" in why or "closed" in why), why
        pair.standby.signal(signal.SIGCONT)
        servers.wait_until("it is stored", lambda: tool.ask(f"add {n}")[0] == "ok")


def test_the_primary_comes_back_without_its_standby(pair, host):
    tool = host(pair.primary.url, ms=MS)
    assert tool.ask("add 1")[0] == "ok"
    pair.standby.kill()
    assert tool.ask("add 2")[0] == "failed"
    pair.primary.kill()
    pair.primary.start()
    # Nobody but this server has message 2, and now everybody can read it.
    servers.wait_until("it is visible", lambda: pair.primary.sql(
        "SELECT count(*) FROM message WHERE received = 1") == "2")
    for line in "add 2", "confirm 2", "add 1":
        word, ms, why = host(pair.primary.url, ms=MS).ask(line)     # one that connects at once
        assert word == "failed" and ms < LATE_MS, (line, why)
    pair.standby.start()
    pair.settle()
    servers.wait_until("it is stored", lambda: tool.ask("add 2")[0] == "ok")
    assert tool.ask("confirm 2")[::2] == ("ok", "pending")
    pair.primary.kill()
    pair.standby.run("pg_ctl", "promote", "-D", pair.standby.data, "-w")
    assert pair.standby.sql("SELECT count(*) FROM message") == "2"


def test_two_primaries(pair, host):
    tool = host(pair.primary.url, ms=MS)
    assert tool.ask("add 1")[0] == "ok"
    pair.primary.kill()
    pair.standby.run("pg_ctl", "promote", "-D", pair.standby.data, "-w")
    new = host(pair.standby.url, ms=MS)
    # It has the primary's settings, and so it acknowledges nothing before it has a standby.
    word, ms, _ = new.ask("add 2")
    assert word == "failed" and ms < LATE_MS
    # Nor does the old one, when it comes back and knows of nothing.
    pair.primary.start()
    for line in "add 3", "confirm 1":
        word, ms, why = host(pair.primary.url, ms=MS).ask(line)
        assert word == "failed" and ms < LATE_MS, (line, why)


def test_the_operator_switches_the_wait_off(pair, host):
    early = host(pair.primary.url)
    assert early.ask("add 1")[0] == "ok"
    pair.primary.set(synchronous_standby_names="")
    pair.primary.sql("SELECT pg_reload_conf()")
    servers.wait_until("it is off", lambda: pair.primary.sql(
        "SHOW synchronous_standby_names") == "")
    for tool in early, host(pair.primary.url):
        word, _, why = tool.ask("add 2")
        assert word == "failed" and "waits for no standby" in why
    assert host(pair.primary.url, ack="disk").ask("add 3")[0] == "ok"
