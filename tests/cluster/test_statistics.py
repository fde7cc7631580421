"""WeChat's statistics: SQLite and PostgreSQL have the same rows after the same answers."""

import json

import pytest

DAY = "2026-03-01"


def row(**values):
    return {"ref_date": DAY, **values}


ANSWERS = {
    "plain": ("getusersummary", {"list": [row(user_source=30, new_user=5, cancel_user=0)]}),
    "no date, no key, no figure": ("getusercumulate", {"list": [{}]}),
    "digits in quotes, a fraction of none": ("getusercumulate", {"list": [
        row(user_source="7", cumulate_user="12"), row(user_source=8, cumulate_user=3.0)]}),
    "no numbers": ("getusercumulate", {"list": [
        row(user_source=1, cumulate_user=v) for v in ("x", 1.5, [1], {"a": 1}, 2**63 - 1)]
        + [row(user_source=n, cumulate_user=v) for n, v in enumerate(("x", 1.5, [1, " "], True,
                                                                      None, "1e3", ""))]}),
    "keys of another type": ("getusercumulate", {"list": [
        {"ref_date": v, "user_source": w} for v, w in ((5, "a"), ({"a": 1}, [2]), (True, None))]}),
    "texts": ("getarticlesummary", {"list": [
        row(msgid=n, title=v) for n, v in enumerate(
            ("中文\n\"'\\", "", "nul: \0.", 7, 1.25, True, [1, {"a": " "}], "\U0001f600%_:x"))]}),
    "the order of bytes": ("getarticlesummary", {"list": [
        row(msgid=m) for m in ("a", "B", "_", "ä", "a b", "A", "10_1", "9_1")]}),
    "unknown fields": ("getusercumulate", {"list": [
        row(cumulate_user=9, x={"y": [1, True, None, "文"]}, z=1.50, a="é")]}),
    "details": ("getarticletotal", {"list": [row(msgid="7_1", title="t", details=[
        {"stat_date": "2026-03-01", "target_user": 4, "new": 1},
        {"stat_date": "2026-03-02", "feed_share_from_other_cnt": 6}])]}),
    "merged": ("getarticleread", {"is_delay": True, "list": [
        {"ref_date": DAY, "msgid": "7_1", "q": 1, "p": 5, "detail": {
            "read_user": 8, "p": 2, "n": None, "read_user_source": [
                {"scene_desc": "s", "user_count": 3}, {"scene_desc": "s", "user_count": 4}]}},
        row(msgid="m", detail="x"), row(msgid="n", detail=None)]}),
    "reals": ("getarticletotaldetail", {"list": [row(msgid="7", detail_list=[
        {"stat_date": "2026-03-02", "read_finish_rate": v, "read_delivery_rate": w,
         "read_jump_position": [{"position": 2, "rate": 0.1}]}
        for v, w in ((0.1, 1), ("0.25", 1e300), (1e-7, "x"), (5, "nan"))])]}),
    "rows that are none": ("getarticletotaldetail", {"list": ["x", 1, None, [2], {
        "msgid": "m", "detail_list": ["x", 1, None, [3], {
            "stat_date": "d", "read_user_source": ["x", {"scene_desc": "s"}]}]},
        {"msgid": "o", "detail_list": {"a": {"stat_date": "e"}}}]}),
    "a settlement": ("publisher_settlement", {
        "base_resp": {"ret": 0}, "body": "b", "revenue_all": 5, "new": 6, "total_num": 1,
        "settlement_list": [{"date": "2026-04-20", "month": "202603", "order": 2, "slot_revenue": [
            {"slot_id": "S", "slot_settled_revenue": 7}]}, {"month": 202603, "order": 1}, {}]}),
}
TABLES = {
    "getarticletotal": ("getarticletotal", "getarticletotal_details"),
    "getarticleread": ("getarticleread", "getarticleread_source"),
    "getarticletotaldetail": tuple(f"getarticletotaldetail{t}" for t in (
        "", "_day", "_source", "_jump")),
    "publisher_settlement": tuple(f"publisher_settlement{t}" for t in ("", "_slot", "_account")),
}


def answer(tools, endpoint, body, begin=DAY, end=DAY, page=1):
    """All tools store an answer, and say the same."""
    heard = {t.ask(f"answer {endpoint} {begin} {end} {page} {json.dumps(body)}") for t in tools}
    assert len(heard) == 1, heard
    return heard.pop()


def table(tools, name, what="table"):
    """The rows, which are the same in all."""
    heard = {t.ask(f"{what} {name}") for t in tools}
    assert len(heard) == 1, heard
    return [json.loads(r) for r in heard.pop().removeprefix("ok").strip().split("/") if r]


@pytest.fixture
def engines(url, tables):
    return tables("sqlite"), tables(url)


def test_the_same_rows(engines):
    """Also the day and what was stored are the same; each answer is stored twice."""
    found = {}
    for name, (endpoint, body) in ANSWERS.items():
        for _ in range(2):
            heard = answer(engines, endpoint, body)
            assert heard.startswith("ok stored"), (name, heard)
        found[name] = [table(engines, t) for t in TABLES.get(endpoint, (endpoint,))]
        table(engines, endpoint, "stock")
    assert found["plain"] == [[{"appid": "wx1", **row(user_source=30, new_user=5, cancel_user=0),
                                "extra": None}]]
    # A value that is of another type is not lost.
    by_key = {r["user_source"]: (r["cumulate_user"], r["extra"]) for r in found["no numbers"][0]}
    assert by_key == {0: (None, '{"cumulate_user":"x"}'), 1: (None, '{"cumulate_user":1.5}'),
                      2: (None, '{"cumulate_user":[1," "]}'), 3: (1, None), 4: (None, None),
                      5: (1000, None), 6: (None, '{"cumulate_user":""}')}
    assert [r["msgid"] for r in found["the order of bytes"][0]] == sorted(
        (r["msgid"] for r in found["the order of bytes"][0]), key=str.encode)
    extra = next(r["extra"] for r in found["unknown fields"][0] if r["cumulate_user"] == 9)
    assert json.loads(extra) == {"x": {"y": [1, True, None, "文"]}, "z": 1.5, "a": "é"}
    assert found["merged"][0][0]["extra"] == '{"q":1,"p":2}'
    assert [r["read_finish_rate"] for r in found["reals"][1]] == [5.0]
    assert [r["ref_date"] for r in found["a settlement"][0]] == [DAY, "2026-03-16"]
    for body in "", "[]", "5", '{"list":5}', '{"list":[}', '{"list":{}}':
        assert [t.ask(f"answer getusercumulate {DAY} {DAY} 1 {body}") for t in engines] == [
            "ok strange 0 0"] * 2


def test_pages(engines):
    """The rows change when the last page has come."""
    def page(slot):
        return {"list": [{"date": DAY, "ad_slot": slot, "slot_id": 1}], "total_num": 181}

    for n, slot in enumerate("ab", 1):
        assert answer(engines, "publisher_adpos_general", page(slot), page=n) == "ok more 0 0"
        assert table(engines, "publisher_adpos_general") == []
    assert answer(engines, "publisher_adpos_general", page("c"), page=3) == "ok stored 3 0"
    assert [r["ad_slot"] for r in table(engines, "publisher_adpos_general")] == list("abc")


def test_hosts_make_the_tables_at_the_same_time(url, tables):
    hosts = [tables(url, ms=10000) for _ in range(3)]
    body = json.dumps({"list": [row(cumulate_user=1)]})
    for h in hosts:
        h.send(f"answer getusercumulate {DAY} {DAY} 1 {body}")
    assert [h.hear() for h in hosts] == ["ok stored 1 0"] * 3
    assert len(table(hosts, "getusercumulate")) == 1
    known, = table(hosts, "getusercumulate", "stock")
    assert known["rows"] == 1 and known["times"] == 3


def test_a_column_of_a_newer_program(shared, url, tables):
    """A table that an older program has made gets the column, with what was in extra."""
    tool = tables(url)
    answer([tool], "getusersummary", {"list": [row(new_user=1, cancel_user=3, x=5)]})
    shared.primary.sql("ALTER TABLE datacube_getusersummary DROP COLUMN cancel_user, "
                       "DROP COLUMN new_user", url)
    shared.primary.sql("UPDATE datacube_getusersummary SET extra = "
                       "'{\"cancel_user\":3,\"x\":5,\"new_user\":\"y\"}'", url)
    answer([tool], "getusersummary", {"list": []}, "2026-03-02", "2026-03-02")
    assert table([tool], "getusersummary") == [
        {"appid": "wx1", **row(user_source=0, new_user=None, cancel_user=3),
         "extra": '{"x":5,"new_user":"y"}'}]


def test_an_answer_that_takes_longer_than_store_ms(url, tables):
    """Many rows are stored, although one commit of messages may take much less time."""
    tool = tables(url, ms=300)
    rows = [row(msgid=f"{n}_1", details=[
        {"stat_date": f"2026-03-{d:02}", "target_user": d} for d in range(1, 29)])
        for n in range(300)]
    assert answer([tool], "getarticletotal", {"list": rows}) == "ok stored 8700 0"
