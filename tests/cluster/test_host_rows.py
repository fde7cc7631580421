"""Hosts that share a store know of each other, and add up what each has counted."""

import shutil

import servers

TOTALS = "SELECT coalesce(sum(total), 0), count(DISTINCT file) FROM host_counter"


def named(host, url, name, **more):
    return host(url, env={"QTOA_HOST": name}, **more)


def age(server, url, name, ms):
    """Lets a host's row be so old."""
    server.sql(f"UPDATE host SET seen = seen - {ms}, first = first - {ms} "
               f"WHERE name = '{name}'", url)


def test_counters_of_all_hosts(shared, url, host):
    a, b = named(host, url, "a"), named(host, url, "b")
    a.ask("count 3")
    a.ask("host")
    b.ask("count 4")
    b.ask("host")
    assert shared.primary.sql(TOTALS, url) == "7|2"
    assert a.ask("hosts")[2] == "a b"
    assert a.ask("sums")[2] == b.ask("sums")[2] == "7"
    a.ask("count 1")    # one's own are there at once
    assert (a.ask("sums")[2], b.ask("sums")[2]) == ("8", "7")
    # It is not due yet, and what is written twice counts once.
    a.ask("host")
    assert shared.primary.sql(TOTALS, url) == "7|2"
    a.ask("stop")
    a.ask("stop")
    assert shared.primary.sql(TOTALS, url) == "8|2"
    assert b.ask("hosts")[2] == "a. b"
    numbers = shared.primary.sql("SELECT numbers FROM host_counter WHERE total = 4 AND "
                                 "home = (SELECT home FROM host WHERE name = 'a')", url)
    assert numbers.split()[0] == "0=4"


def test_a_lost_directory_loses_no_count(shared, url, host):
    a = named(host, url, "a")
    a.ask("count 5")
    a.ask("host")
    a.end()
    shutil.rmtree(a.state)
    a = named(host, url, "a", state=a.state)
    a.ask("count 2")
    a.ask("host")
    assert shared.primary.sql(TOTALS, url) == "7|2"
    # It is one host, which goes on: the first one has ended before the second one began.
    assert a.ask("hosts")[2] == "a"


def test_a_file_with_less_than_its_row(shared, url, host):
    a = named(host, url, "a")
    a.ask("count 5")
    a.ask("host")
    shared.primary.sql("UPDATE host_counter SET total = 9, numbers = '0=9 '", url)
    a.ask("count 1")
    a.ask("stop")       # writes, whether it is due or not
    assert shared.primary.sql(TOTALS, url) == "9|1"
    a.ask("count 5")
    a.ask("stop")
    assert shared.primary.sql(TOTALS, url) == "11|1"


def test_two_hosts_of_one_name(shared, url, host):
    a, b = named(host, url, "a"), named(host, url, "a")
    a.ask("host")
    assert a.ask("hosts")[2] == "a"
    b.ask("host")
    a.ask("stop")       # it is seen after the other one began
    assert a.ask("hosts")[2] in ("a=. a=", "a= a=.")
    age(shared.primary, url, "a", 400000)
    assert "=" not in a.ask("hosts")[2]


def test_a_copied_directory_gets_a_number_of_its_own(shared, url, host, tmp_path):
    a = named(host, url, "a")
    a.ask("host")
    shutil.copytree(a.state, tmp_path / "copy")
    b = named(host, url, "b", state=tmp_path / "copy")
    b.ask("stop")
    a.ask("stop")       # its row has another number now
    a.ask("stop")
    assert a.ask("hosts")[2] == "a. b."
    assert shared.primary.sql("SELECT count(*) FROM host", url) == "2"


def test_a_host_that_is_not_seen(shared, url, host):
    a, b = named(host, url, "a"), named(host, url, "b")
    a.ask("host")
    b.ask("host")
    age(shared.primary, url, "b", 299000)
    assert a.ask("hosts")[2] == "a b"
    age(shared.primary, url, "b", 2000)
    assert a.ask("hosts")[2] == "a b-"
    age(shared.primary, url, "b", 7 * 86400000)
    assert a.ask("hosts")[2] == "a"


def test_a_store_that_fails_is_noticed_without_messages(pair, host):
    a = host(pair.primary.url, ack="disk", local=True)
    a.ask("host")
    assert a.ask("degraded")[2] == "no"
    pair.primary.kill()
    a.ask("count 2")
    a.ask("stop")
    assert a.ask("degraded")[2] == "yes"
    assert a.ask("sums")[2] == "2?"
    assert a.ask("add 1")[0] == "ok" and a.ask("here")[2] == "1"
    pair.primary.start()

    def works():
        a.ask("stop")
        return a.ask("degraded")[2] == "no"

    servers.wait_until("it is used again", works)


def test_a_standby_that_is_gone_is_noticed(pair, host):
    a = host(pair.primary.url, local=True)
    a.ask("stop")
    assert a.ask("degraded")[2] == "no"
    pair.standby.kill()
    a.ask("stop")
    assert a.ask("degraded")[2] == "yes"
