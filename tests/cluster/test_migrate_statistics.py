"""WeChat's statistics move into the shared store and back; what a store has asked for itself stays."""

import json

import pytest

import program
from conftest import Tables
from test_migrate import Host
from test_statistics import ANSWERS, DAY, TABLES, row

MS = 5000
ENDPOINTS = sorted({endpoint for endpoint, _ in ANSWERS.values()})
NAMES = sorted({t for e in ENDPOINTS for t in TABLES.get(e, (e,))})
PAGE = {"base_resp": {"ret": 0}, "total_num": 200, "list": [
    {"ad_slot": "s", "date": DAY, "slot_id": n} for n in range(90)]}


@pytest.fixture
def host(url, qt):
    home = program.Home(qt.url)
    yield Host(url, home)
    home.remove()


def answer(tool, endpoint, body, page=1):
    heard = tool.ask(f"answer {endpoint} {DAY} {DAY} {page} {json.dumps(body)}")
    assert heard.startswith("ok stored") or heard.startswith("ok more"), heard


def rows(state, url):
    """All that the tables of a store have."""
    tool = Tables(state, url, MS)
    try:
        return {**{n: tool.ask(f"table {n}") for n in NAMES},
                **{f"stock {e}": tool.ask(f"stock {e}") for e in ENDPOINTS}}
    finally:
        tool.end()


def fill(state, url, answers):
    tool = Tables(state, url, MS)
    for endpoint, body in answers:
        answer(tool, endpoint, body)
    tool.end()


def test_there_and_back(host, url, shared, tmp_path):
    here = host.home.state
    fill(here, "sqlite", ANSWERS.values())
    # One with some thousand rows, and an answer of which pages miss.
    fill(here, "sqlite", [("getarticlesummary", {"list": [
        row(msgid=f"m{n}", title=f"t{n}") for n in range(3000)]}), ("publisher_adpos_general", PAGE)])
    before = rows(here, "sqlite")
    assert any(len(r) > 1000 for r in before.values())
    out = host.command("migrate", "--yes")
    assert " datacube " in out.replace("\n", " ")
    assert rows(tmp_path, url) == before
    assert shared.primary.sql("SELECT count(*) FROM datacube_page", url) == "1"
    assert set(rows(here, "sqlite").values()) == {"ok"}
    host.command("migrate", "--back", "--yes")
    assert rows(here, "sqlite") == before
    assert set(rows(tmp_path, url).values()) == {"ok"}


def test_what_the_store_has_asked_for_itself_stays(host, url, tmp_path):
    def of(new):
        return "getusersummary", {"list": [row(user_source=s, new_user=new, cancel_user=0)
                                           for s in range(new)]}

    fill(host.home.state, "sqlite", [of(5), ANSWERS["details"]])
    fill(tmp_path, url, [of(3)])
    there = rows(tmp_path, url)
    host.command("migrate", "--yes")
    both = rows(tmp_path, url)
    assert both["getusersummary"] == there["getusersummary"] != "ok"
    assert both["stock getusersummary"] == there["stock getusersummary"]
    assert "7_1" in both["getarticletotal"] and "2026-03-02" in both["getarticletotal_details"]
    assert set(rows(host.home.state, "sqlite").values()) == {"ok"}


def test_a_store_without_statistics(host, shared, url):
    host.command("migrate", "--yes")
    assert shared.primary.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'datacube%'", url) == "0"
    assert "datacube" not in host.command("show")
