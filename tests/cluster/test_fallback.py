"""While the shared store fails, a host keeps messages in its own SQLite."""

import signal

import servers

MS = 400
LATE_MS = 5000


def test_no_message_is_refused_in_a_failover(pair, host):
    both = f"{pair.primary.dir},{pair.standby.dir}"
    url = f"postgresql:///postgres?host={both}&port={servers.PORT}&user=qtoa"
    # The new primary has no standby of its own, so it can keep messages on its disk alone.
    tool = host(url, ack="disk", ms=MS, local=True)
    assert tool.ask("add 0")[0] == "ok" and tool.ask("here")[2] == "0"
    pair.primary.kill()
    for n in range(1, 6):
        word, ms, _ = tool.ask(f"add {n}")
        assert word == "ok" and ms < LATE_MS
    assert tool.ask("here")[2] == "5"
    assert tool.ask("carry")[0] == "failed" and tool.ask("here")[2] == "5"
    pair.standby.run("pg_ctl", "promote", "-D", pair.standby.data, "-w")

    def stored():
        word, _, _ = tool.ask("add 6")
        assert word == "ok"
        return pair.standby.sql("SELECT count(*) FROM message") == "2"

    servers.wait_until("the new primary is used", stored)
    assert tool.ask("carry")[::2] in (("ok", "5"), ("ok", "6"))     # message 6 was there, too
    assert tool.ask("here")[2] == "0"
    assert pair.standby.sql("SELECT count(*) FROM message") == "7"
    assert tool.ask("carry")[::2] == ("ok", "0")


def test_what_was_stored_after_all_is_there_once(pair, host):
    tool = host(pair.primary.url, ms=MS, local=True)
    assert tool.ask("add 0")[0] == "ok"
    pair.standby.signal(signal.SIGSTOP)
    assert tool.ask("add 1")[0] == "ok" and tool.ask("here")[2] == "1"
    pair.standby.signal(signal.SIGCONT)
    pair.settle()
    servers.wait_until("both work", lambda: tool.ask("carry")[0] == "ok")
    assert tool.ask("here")[2] == "0"
    assert pair.standby.sql("SELECT count(*), count(DISTINCT key) FROM message") == "2|2"


def test_many_are_carried(shared, url, host):
    wrong = url.replace("postgresql:///", "postgresql:///no-")
    away = host(wrong, local=True)
    assert away.ask("many 730 4")[::2] == ("ok", "730") and away.ask("here")[2] == "730"
    away.end()
    tool = host(url, ms=5000, local=True, state=away.state)     # the server is there now
    assert tool.ask("add 0")[0] == "ok" and tool.ask("here")[2] == "730"
    assert tool.ask("carry")[::2] == ("ok", "730")
    assert tool.ask("here")[2] == "0" and tool.ask("due")[2] == "731"
