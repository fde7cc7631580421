"""Events, devices, followers and forgotten users: SQLite and PostgreSQL have the same rows after the
same messages, and hosts that count at the same moment get the rows of one host."""

import contextlib
import json
import random
import sqlite3

import servers

DAY = 86400
BEGIN = 20000 * DAY
CODES = ("$$_menu_click", "$$_receive_msg", "$$_official_account_follow",
         "$$_official_account_unfollow")
LEFT = BEGIN + 100 * DAY
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

# All that does not depend on the order in which rows were made.  A device without a name has a
# random one.  Python sorts the rows.
DUMP = """
SELECT 'event', CASE WHEN device.device LIKE 'forgotten-%' THEN 'forgotten' ELSE device.device END,
       account.appid, code, time, gap, received, part, attributes, item
FROM event JOIN device ON device.id = event.device JOIN account ON account.id = event.account;
SELECT 'device', application, CASE WHEN device LIKE 'forgotten-%' THEN 'forgotten' ELSE device END,
       first, last FROM device;
SELECT 'past', CASE WHEN device.device LIKE 'forgotten-%' THEN 'forgotten' ELSE device.device END,
       account.appid, past.last, turned, follows
FROM past JOIN device ON device.id = past.device JOIN account ON account.id = past.account;
SELECT 'unionid', appid, openid, unionid FROM unionid;
SELECT 'follower', openid, device, unionid, subscribe_time, seen_at, asked_at, gone_at, followed_at,
       unfollowed_at FROM follower;
SELECT 'since', appid, since FROM follower_pull;
SELECT 'erased', count(*), count(DISTINCT device), count(device) FROM erased;
SELECT 'before', before FROM forgotten;
"""


def dump_of_sqlite(state):
    with contextlib.closing(sqlite3.connect(state / "qtoa.db")) as db:
        return sorted("|".join("" if v is None else str(v) for v in row)
                      for one in DUMP.split(";")[:-1] for row in db.execute(one))


def dump(server, url):
    return sorted(server.sql(DUMP, url).split("\n"))


def orders(rng, n):
    """Commands of a tables_tool, with repeats, late events, joins and forgetting among them."""
    users = [f"o{i:027}" for i in range(6)]
    sent = []
    for i in range(n):
        user = rng.choice(users)
        if rng.random() < 0.03:
            yield f"join {user} u{user[-1] * 20}"
        elif rng.random() < 0.02:
            yield f"erase {user}"
        elif rng.random() < 0.02:
            yield f"age {(BEGIN // DAY) + 40} {rng.choice((10, 20, 30))}"
        elif sent and rng.random() < 0.1:
            yield rng.choice(sent)
        else:
            time = BEGIN + rng.randrange(40 * DAY)
            data = json.dumps({"EventKey": f"k{i % 5}", "MsgType": "text", "x": "中%_\\"},
                              ensure_ascii=False, separators=(",", ":"))
            sent.append(f"count {user} {time} {i} {rng.choice(CODES)} {data}")
            yield sent[-1]


def test_the_same_rows(shared, url, tables):
    own, there = tables("sqlite"), tables(url)
    for order in orders(random.Random(20), 300):
        assert own.ask(order) == there.ask(order), order
    own.end()
    assert dump(shared.primary, url) == dump_of_sqlite(own.state)


def test_two_hosts_count_the_same_messages(shared, url, tables):
    """Each host has all of them, in an order of its own; as if one host had had them."""
    wanted = [o for o in orders(random.Random(21), 120) if o.startswith("count")]
    own, a, b = tables("sqlite"), tables(url), tables(url)
    for order in wanted:
        own.ask(order)
    for one, two in zip(wanted, random.Random(22).sample(wanted, len(wanted))):
        a.send(one)
        b.send(two)
        assert {a.hear(), b.hear()} <= {"ok new", "ok repeat"}
    own.end()
    # What is known of followers depends on the order in which events come.
    got, want = ([r for r in rows if not r.startswith(("follower", "since"))] for rows in (
        dump(shared.primary, url), dump_of_sqlite(own.state)))
    assert got == want


def held(shared, first, second, does, then):
    """second does something while first has done something that it commits a moment later."""
    first.send(f"!{does}")
    assert first.hear() == "held"
    second.send(then)
    servers.wait_until("the other host waits", lambda: shared.primary.sql(WAITING) != "0")
    first.send("go")
    return first.hear(), second.hear()


def events(shared, url):
    return shared.primary.sql("SELECT d.device, e.gap FROM event e JOIN device d ON d.id = "
                              "e.device ORDER BY e.time", url).splitlines()


def test_the_same_message_at_the_same_moment(shared, url, tables):
    a, b = tables(url), tables(url)
    one = f"count o1 {BEGIN} 1 $$_official_account_follow"
    assert held(shared, a, b, one, one) == ("ok new", "ok repeat")
    assert shared.primary.sql("SELECT count(*) FROM event", url) == "1"
    assert shared.primary.sql("SELECT count(*) FROM follower", url) == "1"


def test_events_of_one_device_at_the_same_moment(shared, url, tables):
    """Each knows of the other, whichever is later: gaps are to the event before."""
    a, b = tables(url), tables(url)
    assert held(shared, a, b, f"count o1 {BEGIN} 1 x", f"count o1 {BEGIN + 5} 2 x") == (
        "ok new", "ok new")
    assert held(shared, b, a, f"count o1 {BEGIN + 30} 3 x", f"count o1 {BEGIN + 9} 4 x") == (
        "ok new", "ok new")
    assert events(shared, url) == ["o1|", "o1|5", "o1|4", "o1|21"]


def test_a_unionid_comes_at_the_moment_of_an_event(shared, url, tables):
    """No event stays with the openid, whichever is first."""
    a, b = tables(url), tables(url)
    held(shared, a, b, f"count o1 {BEGIN} 1 x", "join o1 u1")
    held(shared, b, a, "join o2 u2", f"count o2 {BEGIN + 1} 2 x")
    held(shared, b, a, "join o3 u1", f"count o3 {BEGIN + 2} 3 x")
    assert a.ask(f"count o4 {BEGIN + 3} 4 x") == "ok new"
    held(shared, a, b, f"count o4 {BEGIN + 4} 5 x", "join o4 u4")
    assert events(shared, url) == ["u1|", "u2|", "u1|2", "u4|", "u4|1"]


def test_a_user_is_forgotten_at_the_moment_of_an_event(shared, url, tables):
    """No event keeps the name, whichever is first; the counts stay."""
    a, b = tables(url), tables(url)
    a.ask(f"count o9 {BEGIN} 9 x")     # so that the application is known
    held(shared, a, b, f"count o1 {BEGIN} 1 x", "erase o1")
    held(shared, b, a, "erase o2", f"count o2 {BEGIN + 1} 2 x")
    # Two events of a user who is forgotten already are of one device without a name.
    held(shared, a, b, f"count o2 {BEGIN + 2} 3 x", f"count o2 {BEGIN + 3} 4 x")
    assert shared.primary.sql("SELECT count(*) FROM event", url) == "5"
    assert shared.primary.sql("SELECT count(DISTINCT device), count(*) FROM device WHERE device "
                              "LIKE 'forgotten-%'", url) == "2|2"
    assert shared.primary.sql("SELECT device FROM device WHERE device NOT LIKE 'forgotten-%'",
                              url) == "o9"


def test_two_hosts_forget_old_days_at_the_same_moment(shared, url, tables):
    """What must stay of each event stays: when it was, and who follows."""
    own, a, b = tables("sqlite"), tables(url), tables(url)
    for n in range(20):
        order = f"count o{n} {BEGIN + n % 3 * DAY} {n} {CODES[n % 4]}"
        assert [t.ask(order) for t in (own, a)] == ["ok new"] * 2
    order = f"age {BEGIN // DAY + 10} 1"
    for t in own, a:
        t.ask(f"count o1 {BEGIN + 10 * DAY} 99 x")
    own.ask(order)
    assert held(shared, a, b, order, order) == ("ok", "ok")
    own.end()
    assert dump(shared.primary, url) == dump_of_sqlite(own.state)


def test_two_hosts_forget_who_has_left(shared, url, tables):
    """Each takes another user; a host whose clock is ahead is not earlier."""
    a, b = tables(url), tables(url)
    for n in range(4):
        a.ask(f"count o{n} {BEGIN} {n} x")
        a.ask(f"leave o{n}")
    a.ask("depart")
    assert shared.primary.sql("SELECT count(*) FROM departed WHERE at = -1", url) == "4"
    shared.primary.sql("UPDATE departed SET since = since - 10000", url)
    for t in a, b:
        t.send("depart")
    assert [t.hear() for t in (a, b)] == ["ok", "ok"]
    assert shared.primary.sql("SELECT count(*) FROM departed", url) == "0"
    assert shared.primary.sql("SELECT count(*), count(DISTINCT e.device) FROM event e JOIN device "
                              "d ON d.id = e.device WHERE d.device LIKE 'forgotten-%'", url) == "4|4"
    assert shared.primary.sql("SELECT count(*) FROM device", url) == "4"


def test_odd_and_long_texts(shared, url, tables):
    """It is counted all the same, and does not stop what comes after it."""
    own, there = tables("sqlite"), tables(url)
    noise = random.Random(23)
    long = "".join(noise.choice("abcdefghij中文") for _ in range(9000))
    for n, text in enumerate((r'{"EventKey":"\u0001\u001f"}', '{"EventKey":"\uFFFD\U0001F600"}',
                              '{"EventKey":""}', '{"EventKey":7}', "{}",
                              '{"EventKey":"%s"}' % long[:500], '{"MsgType":"%s"}' % long)):
        order = f"count o1 {BEGIN + n} {n} $$_menu_click {text}"
        assert [t.ask(order) for t in (own, there)] == ["ok new"] * 2, text
    own.end()
    assert dump(shared.primary, url) == dump_of_sqlite(own.state)
    assert there.ask(f'count o1 {BEGIN} 99 $$_menu_click {{"EventKey":"{long}"}}') == "ok new"
