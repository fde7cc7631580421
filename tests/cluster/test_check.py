"""`qtoa check` asks the server what an acknowledgement is worth."""

import subprocess

import program
import servers

SECRET = "s3cr3t-of-the-store"


def check(url, variant="several", args=()):
    """The lines about the store, and all of the output."""
    home = program.Home("http://127.0.0.1:1")
    home.env["E2E_STORE"] = url
    try:
        done = subprocess.run([program.binary(variant), "check", *args], env=home.env,
                              capture_output=True, text=True, timeout=60, check=False)
    finally:
        home.remove()
    text = done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if " store: " in line], text


def said(lines, state, words):
    return any(line.startswith(state) and words in line for line in lines)


def test_a_pair(pair):
    url = pair.primary.url
    lines, _ = check(url)
    assert said(lines, "ok", "there are no tables yet")
    lines, _ = check(url, "replica")
    assert said(lines, "ok", "two disks have it, that of the server and that of a standby "
                "(ANY 1 (one, two))"), lines
    assert not said(lines, "failed", "")
    lines, _ = check(pair.standby.url)
    assert said(lines, "failed", "is a standby")
    # The primary is found behind the standby.
    both = f"postgresql:///postgres?host={pair.standby.dir},{pair.primary.dir}&port=" \
           f"{servers.PORT}&user=qtoa"
    assert not said(check(both)[0], "failed", "")
    pair.standby.kill()
    servers.wait_until("it is missed", lambda: pair.primary.sql(
        "SELECT count(*) FROM pg_stat_replication") == "0")
    lines, _ = check(url, "replica")
    assert said(lines, "failed", "not one follows it"), lines


def test_a_server_alone(host):
    with servers.directory() as top:
        alone = servers.Server(top, "alone")
        alone.make()
        alone.start()
        try:
            assert host(alone.url, ack="disk").ask("add 1")[0] == "ok"
            lines, _ = check(alone.url)
            assert said(lines, "ok", "if that disk is lost, the messages that waited are lost")
            assert said(lines, "ok", "commits, half took up to"), lines
            lines, _ = check(alone.url, "replica")
            assert said(lines, "failed", "does not start")
            alone.sql("UPDATE qtoa_schema SET version = 99")
            assert said(check(alone.url)[0], "failed", "newer qtoa, version 99")
            alone.sql("UPDATE qtoa_schema SET version = version - 90; CREATE ROLE other LOGIN; "
                      "GRANT SELECT ON ALL TABLES IN SCHEMA public TO other")
            other = alone.url.replace("user=qtoa", "user=other")
            lines, _ = check(other)
            assert said(lines, "failed", "may not read and write all tables")
        finally:
            alone.kill()


def test_no_password_is_shown():
    for url in (f"postgresql://u:{SECRET}@127.0.0.1:1/db",
                f"postgresql://u:{SECRET}/x@127.0.0.1:1/db",
                f"postgresql://u:x@{SECRET}@127.0.0.1:1/db",
                f"postgresql://u:{SECRET}%zz@127.0.0.1:1/db",
                f"postgresql://u:1/{SECRET}@127.0.0.1:1/db",
                f"postgresql://127.0.0.1:1/db?user=u&password=x&{SECRET}"):
        lines, text = check(url)
        assert said(lines, "failed", "the shared database cannot be used"), text
        assert SECRET not in text, text
        assert "postgresql://u" not in text, text
