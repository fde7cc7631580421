"""The store on a PostgreSQL server that works."""

SCHEMA = "6"    # the last version that state/postgres/pg_schema.c has


def test_messages(url, host):
    a, b = host(url), host(url)
    assert a.ask("confirm 1")[::2] == ("ok", "new")
    assert a.ask("add 1")[0] == "ok"
    assert b.ask("confirm 1")[::2] == ("ok", "pending")
    assert b.ask("add 1")[0] == "ok"        # the same message again
    assert b.ask("write 2")[0] == "ok"
    assert a.ask("due")[::2] == ("ok", "2")
    assert a.ask("deliver 1")[0] == "ok"
    assert b.ask("due")[::2] == ("ok", "1")


def test_all_statements(url, host):
    word, _, found = host(url, ms=5000).ask("prepare")
    assert word == "ok" and int(found) > 60, found


def test_all_of_many_threads(shared, url, host):
    a, b = host(url, ms=5000), host(url, ms=5000)
    a.send("many 2000 16")
    b.send("many 2000 16")      # the same messages
    assert a.hear()[::2] == ("ok", "2000") and b.hear()[::2] == ("ok", "2000")
    assert a.ask("due")[::2] == ("ok", "2000")
    there = url.replace(shared.primary.dir, shared.standby.dir)
    assert shared.standby.sql("SELECT count(*) FROM message", there) == "2000"


def test_hosts_make_the_tables_once(shared, url, host):
    tools = [host(url, ms=5000) for _ in range(4)]
    for n, tool in enumerate(tools):
        tool.send(f"add {n}")
    assert [t.hear()[0] for t in tools] == ["ok"] * 4
    assert shared.primary.sql("SELECT version FROM qtoa_schema", url) == SCHEMA


def test_a_newer_schema_is_refused(shared, url, host):
    assert host(url).ask("add 1")[0] == "ok"
    shared.primary.sql("UPDATE qtoa_schema SET version = 99", url)
    word, _, why = host(url).ask("add 2")
    assert word == "failed" and "newer qtoa, version 99" in why
    assert shared.primary.sql("SELECT count(*) FROM message", url) == "1"


def test_a_lost_connection_is_made_again(shared, url, host):
    tool = host(url)
    for n in range(5):
        assert tool.ask(f"add {n}")[0] == "ok"
        shared.primary.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE application_name = 'qtoa'")
    assert tool.ask("due")[::2] == ("ok", "5")
