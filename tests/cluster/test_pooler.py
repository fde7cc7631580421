"""The store through pgbouncer in transaction mode, which gives no session to anybody."""

import subprocess

import pytest

import program
import servers


@pytest.fixture
def pooler(shared):
    with servers.directory() as top:
        pooler = servers.Pooler(top, shared.primary)
        try:
            pooler.start()
            yield pooler
        finally:
            pooler.kill()


def test_all_work(shared, url, host, pooler):
    through = url.replace(shared.primary.dir, pooler.dir)
    tools = [host(through, ms=5000) for _ in range(4)]      # more than the pooler has
    for tool in tools:
        tool.send("many 500 4")
    assert [t.hear()[::2] for t in tools] == [("ok", "500")] * 4
    for tool in tools:
        assert tool.ask("due")[::2] == ("ok", "500")
    for n, tool in enumerate(tools):
        assert tool.ask(f"claim {n} 5000")[2] == "never" and tool.ask(f"mark {n}")[0] == "ok"
    assert [t.ask("known 0")[2] for t in tools] == ["done"] * 4
    assert tools[0].ask("lease 0")[2] == "mine" and tools[1].ask("lease 0")[2] == "busy"


def test_it_restarts(shared, url, host, pooler):
    tool = host(url.replace(shared.primary.dir, pooler.dir), ms=5000)
    assert tool.ask("add 0")[0] == "ok"
    for n in range(1, 4):
        pooler.kill()
        pooler.start()
        servers.wait_until("it is stored", lambda n=n: tool.ask(f"add {n}")[0] == "ok")
    assert tool.ask("due")[::2] == ("ok", "4")


def test_a_report_leaves_the_connection_as_it_was(shared, url, pooler):
    through = url.replace(shared.primary.dir, pooler.dir)
    home = program.Home("http://127.0.0.1:1")
    home.env["E2E_STORE"] = through
    try:
        for _ in range(2):
            done = subprocess.run([program.binary("several"), "report", "days", "--csv"],
                                  env=home.env, capture_output=True, text=True,
                                  timeout=60, check=True)
            assert done.stdout == "day,code,events,devices\n"
            for name, value in (("statement_timeout", "0"), ("transaction_read_only", "off"),
                                ("idle_in_transaction_session_timeout", "0")):
                assert shared.primary.sql(f"SHOW {name}", through) == value, name
    finally:
        home.remove()
    with open(f"{pooler.dir}/log", encoding="utf-8") as log:
        assert "server was not ready" not in log.read()     # it had to close none


@pytest.mark.parametrize("direct", [True, False])
def test_the_server_keeps_statements(shared, url, host, pooler, direct):
    """What each message needs is parsed once for a connection, unless a pooler is in between."""
    shared.primary.sql("DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET log_statement = "
                       "''all''', current_database()); END$$", url)
    log = f"{shared.primary.dir}/log"
    with open(log, encoding="utf-8") as f:
        f.seek(0, 2)
        tool = host(url if direct else url.replace(shared.primary.dir, pooler.dir), ms=5000)
        assert tool.ask("add 0")[0] == "ok" and tool.ask("add 1")[0] == "ok"
        assert tool.ask("claim 0 5000")[2] == "never" and tool.ask("mark 0")[0] == "ok"
        lines = f.read().splitlines()
    for table, times in (("message", 2), ("seen", 2)):
        names = [line.split("execute ")[1].partition(":")[0] for line in lines
                 if f": INSERT INTO {table} " in line and "execute " in line]
        assert len(names) == times and len(set(names)) == 1, lines
        assert names[0].startswith("qtoa_") == direct
