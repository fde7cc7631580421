"""`qtoa datacube` against a WeChat that enforces its rules, at dates of the test's choice
(libfaketime)."""

import contextlib
import csv
import glob
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
from datetime import date, datetime, timedelta, timezone

import pytest

import cubeapi
import program
from cubeapi import DAY, INTERFACES, Broken, refusal
from test_queue_cli import Terminal
from wechat import SAFE

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 3, 20, 10, 0, tzinfo=CHINA)
YESTERDAY = date(2026, 3, 19)
DAYS = int(os.environ.get("E2E_DAYS", 90))
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]
EVERY = sorted(INTERFACES)
DAILY = {name for name in EVERY if INTERFACES[name].last_of(YESTERDAY) == YESTERDAY}
KILLS = 20


@pytest.fixture(scope="module")
def running_api(tmp_path_factory):
    server = cubeapi.CubeAPI(tmp_path_factory.mktemp("wechat"), NOW)
    yield server
    server.stop()


@pytest.fixture
def api(running_api):
    running_api.reset()
    running_api.now = NOW
    return running_api


@pytest.fixture
def site(api):
    home = program.Home("http://127.0.0.1:1/", ca_file=api.authority.file)
    home.env["E2E_WECHAT_API"] = api.url
    yield home
    home.remove()


def environment(home, now):
    """The program's, in which it is so late."""
    utc = now.astimezone(timezone.utc)
    env = {**home.env, "LD_PRELOAD": FAKETIME, "FAKETIME": f"@{utc:%Y-%m-%d %H:%M:%S}",
           "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    if "ASAN_OPTIONS" in env:   # which wants to be loaded first
        env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    return env


def start(home, api, *args):
    return subprocess.Popen([program.binary("cube"), "datacube", *args], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=environment(home, api.now),
                            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))


def run(home, api, *args):
    proc = start(home, api, *args)
    out, err = proc.communicate(timeout=300)
    return proc.returncode, out.decode(), err.decode()


def pull(home, api, *args, code=0, says=""):
    """One run; how many calls WeChat saw."""
    before = len(api.calls)
    got, out, err = run(home, api, "pull", *args)
    assert got == code and (says in err if says else err == ""), (got, out, err)
    assert out.startswith("pulled: ") or "up to" in out, out
    return len(api.calls) - before


def since(day, *names):
    return ["--from", str(day), *(a for n in names for a in ("--endpoint", n))]


def compare(home, api, names, begin, end, appid=SAFE.appid):
    """The tables have what WeChat has, and nothing else."""
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db:
        db.row_factory = sqlite3.Row
        for name in names:
            for table, rows in cubeapi.tables(api, name, begin, end).items():
                assert cubeapi.canonical(cubeapi.stored(db, table, appid)) == \
                    cubeapi.canonical(rows), table


def least(api, names, begin, end):
    return sum(cubeapi.least_calls(api, name, begin, end) for name in names)


@pytest.mark.parametrize("name", EVERY)
def test_every_end_point(api, site, name):
    """In as few calls as can be; a second run has nothing to do."""
    begin = YESTERDAY - (29 if INTERFACES[name].span == 1 else 99) * DAY
    assert pull(site, api, *since(begin, name)) == least(api, [name], begin, YESTERDAY)
    compare(site, api, [name], begin, YESTERDAY)
    assert set(api.codes) == {0}
    assert pull(site, api, *since(begin, name)) == 0


def test_killed_again_and_again(api, site):
    """Months of every end point, kill -9 at 20 places: nothing is missing, and a kill costs one
    call at most.  `make year` takes a year."""
    begin = YESTERDAY - (DAYS - 1) * DAY
    want = least(api, EVERY, begin, YESTERDAY)
    dice = random.Random(KILLS)
    left = sorted(dice.sample(range(2, want), KILLS))

    def watch(number):
        if left and number >= left[0]:
            left.pop(0)
            proc.send_signal(signal.SIGKILL)

    api.watch = watch
    for _ in range(KILLS):
        proc = start(site, api, "pull", *since(begin))
        out, err = proc.communicate(timeout=120)
        assert proc.returncode == -signal.SIGKILL, (out, err)
    pull(site, api, *since(begin))
    assert want <= len(api.calls) <= want + KILLS and want > 8 * DAYS
    print(f"{DAYS} days: {len(api.calls)} calls, {want} are the least; {KILLS} kills")
    compare(site, api, EVERY, begin, YESTERDAY)


def test_killed_after_the_answer(api, site):
    """While an answer is being stored."""
    begin = YESTERDAY - 29 * DAY
    want = least(api, ["getuserreadhour"], begin, YESTERDAY)
    kills = 0
    proc = None

    for n in range(6):
        marks = [len(api.calls) + 2 + n % 3]

        def watch(number):
            if number == marks[0]:      # the answer before it is being stored, or has been
                proc.send_signal(signal.SIGKILL)

        api.watch = watch
        proc = start(site, api, "pull", *since(begin, "getuserreadhour"))
        proc.communicate(timeout=60)
        kills += proc.returncode == -signal.SIGKILL
    api.watch = None
    pull(site, api, *since(begin, "getuserreadhour"))
    assert kills == 6 and len(api.calls) <= want + kills
    compare(site, api, ["getuserreadhour"], begin, YESTERDAY)


def test_told_to_stop(api, site):
    """It ends after the call under way, which counts."""
    begin = YESTERDAY - 39 * DAY
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        api.watch = lambda n, at=len(api.calls) + 5: proc.send_signal(number) if n == at else None
        proc = start(site, api, "pull", *since(begin, "getuserreadhour"))
        out, err = proc.communicate(timeout=60)
        assert proc.returncode == 128 + number and b"the next run goes on" in err, (out, err)
        assert f"stopped by {number.name} after 5 of 40 calls".encode() in err or number != 2, err
    assert len(api.calls) == 15
    api.watch = None
    assert pull(site, api, *since(begin, "getuserreadhour")) == 25
    compare(site, api, ["getuserreadhour"], begin, YESTERDAY)


def test_first_run_and_the_next_days(api, site):
    """Thirty days the first time; then what has come since, and what grows."""
    pull(site, api)
    assert {(b, e) for n, b, e, _ in api.calls if n == "getinterfacesummary"} == \
        {(YESTERDAY - 29 * DAY, YESTERDAY)}
    compare(site, api, EVERY[:8], YESTERDAY - 29 * DAY, YESTERDAY)
    api.now += DAY
    api.calls.clear()
    pull(site, api)
    asked = [(n, b, e) for n, b, e, _ in api.calls]
    assert asked.count(("getusersummary", YESTERDAY + DAY, YESTERDAY + DAY)) == 1
    assert sum(n == "getuserreadhour" for n, _, _ in asked) == 1
    grown = [b for n, b, e in asked if n == "getarticletotal"]
    assert grown == [YESTERDAY + n * DAY for n in range(-6, 2)]
    assert sum(n == "getarticletotaldetail" for n, _, _ in asked) == 31
    compare(site, api, ["getarticletotal", "getarticletotaldetail"],
            YESTERDAY - 29 * DAY, YESTERDAY + DAY)


@pytest.mark.parametrize("hour, last", [(7, YESTERDAY - DAY), (8, YESTERDAY)])
def test_yesterday_is_ready_at_eight(api, site, hour, last):
    api.now = NOW.replace(hour=hour, minute=59 if hour == 7 else 0)
    pull(site, api, *since(YESTERDAY - 9 * DAY, "getusersummary"), "--to", "2030-01-01")
    assert max(e for _, _, e, _ in api.calls) == last
    assert set(api.codes) == {0}


def test_floor(api, site):
    pull(site, api, *since(date(2025, 10, 1), "getarticleread"), "--to", "2025-11-02")
    assert [b for _, b, _, _ in api.calls] == [date(2025, 11, 1), date(2025, 11, 2)]


def test_empty_yesterday(api, site):
    """It is asked for again some hours later, and then taken for empty."""
    api.hidden.add(("getusercumulate", YESTERDAY))
    args = since(YESTERDAY - 2 * DAY, "getusercumulate")
    code, out, err = run(site, api, "pull", *args)
    assert code == 0 and "2026-03-20 13:00 (China)" in out, (out, err)
    assert pull(site, api, *args) == 0
    api.now += timedelta(hours=3, minutes=1)
    assert pull(site, api, *args) == 1
    api.now += timedelta(hours=4)
    assert pull(site, api, *args) == 0
    compare(site, api, ["getusercumulate"], YESTERDAY - 2 * DAY, YESTERDAY)


def test_several_end_points(api, site):
    """All that are named, each once, in whatever order; and no other."""
    names = ["getusersummary", "publisher_adpos_general", "getinterfacesummaryhour"]
    args = since(YESTERDAY - 4 * DAY, *reversed(names), names[0])
    assert pull(site, api, *args) == least(api, names, YESTERDAY - 4 * DAY, YESTERDAY)
    compare(site, api, names, YESTERDAY - 4 * DAY, YESTERDAY)
    asked = {line.split()[1] for line in run(site, api, "show")[1].splitlines()[1:]
             if "never pulled" not in line}
    assert asked == set(names)
    assert pull(site, api, *args) == 0


def test_late_figures(api, site):
    """What was empty in the morning is there in the afternoon."""
    api.hidden.add(("getusercumulate", YESTERDAY))
    pull(site, api, *since(YESTERDAY - 2 * DAY, "getusercumulate"))
    api.hidden.clear()
    api.now += timedelta(hours=4)
    pull(site, api, "--endpoint", "getusercumulate")
    compare(site, api, ["getusercumulate"], YESTERDAY - 2 * DAY, YESTERDAY)


def test_delayed_figures(api, site):
    api.delayed = True
    args = since(YESTERDAY - 20 * DAY, "getbizsummary")
    assert pull(site, api, *args) == 1
    api.delayed = False
    api.now += timedelta(hours=4)
    assert pull(site, api, *args) == 1
    api.now += timedelta(hours=4)
    assert pull(site, api, *args) == 0


def test_not_allowed(api, site):
    """Off with one line; asked again after a week, or when told so."""
    api.off.add("publisher_cps_general")
    args = ["--from", str(YESTERDAY - 9 * DAY)]
    pull(site, api, *args, says="publisher_cps_general is switched off")
    assert pull(site, api, *args) == 0
    assert "off since 2026-03-20 (48001)" in run(site, api, "show")[1]
    assert pull(site, api, *args, "--retry", says="switched off") == 1
    api.off.clear()
    api.now += timedelta(days=7, minutes=1)
    pull(site, api, "--endpoint", "publisher_cps_general", *args)
    compare(site, api, ["publisher_cps_general"], YESTERDAY - 9 * DAY, YESTERDAY + 7 * DAY)


def test_quota(api, site):
    """Nothing more today; tomorrow it goes on where it was."""
    begin = YESTERDAY - 39 * DAY
    args = since(begin, "getuserreadhour")
    api.quota = 12
    assert pull(site, api, *args, code=1, says="nothing more today") == 13
    api.quota = None
    assert pull(site, api, *args, code=1, says="quota") == 0
    api.now = NOW.replace(hour=23, minute=58)
    assert pull(site, api, *args, code=1, says="quota") == 0
    api.now = NOW.replace(hour=0, minute=1) + timedelta(days=1)
    assert pull(site, api, *args) == 28
    compare(site, api, ["getuserreadhour"], begin, YESTERDAY)


@pytest.mark.parametrize("code, says, calls", [
    (-1, "left for the next run", 1),
    (61503, "left for the next run", 1),
    (61501, "please report it", 1),
    (61500, "please report it", 1),
    (40164, "40164", 1),
    (50002, "50002", 1),
    (77777, "77777", 1),
])
def test_refused(api, site, code, says, calls):
    """Said, nothing marked as done, and mended by the next run."""
    begin = YESTERDAY - 9 * DAY
    api.faults["getuserreadhour"] = [None, refusal(code)]
    args = since(begin, "getuserreadhour")
    assert pull(site, api, *args, code=1, says=says) == 1 + calls
    assert pull(site, api, *args) == 9
    compare(site, api, ["getuserreadhour"], begin, YESTERDAY)


def test_refusals_stay_with_their_end_point(api, site):
    api.faults["getusersummary"] = [refusal(-1)]
    pull(site, api, code=1, says="getusersummary")
    assert {n for n, *_ in api.calls} == set(EVERY)
    api.calls.clear()
    pull(site, api)
    assert {n for n, *_ in api.calls} == {"getusersummary"}


@pytest.mark.parametrize("answer", [{"list": 5}, {}, {"lists": []}])
def test_strange_answers(api, site, answer):
    api.faults["getusersummary"] = [answer]
    pull(site, api, *since(YESTERDAY, "getusersummary"), code=1, says="no list")
    pull(site, api, *since(YESTERDAY, "getusersummary"))


# One end point that does not answer as WeChat does: the others are pulled all the same.

CONTROL = (program.TOP / "tests/vectors/reports/datacube-title-control.json").read_bytes()
BROKEN = {
    "502": (Broken(502, b"<html>502</html>"), "WeChat: HTTP 502 instead of 200"),
    "404": (Broken(404), "WeChat: HTTP 404 instead of 200"),
    "302": (Broken(302), "WeChat: HTTP 302 instead of 200"),
    "html": (Broken(200, b"<html>"), "WeChat: the answer, 6 bytes, is not JSON"),
    "empty": (Broken(200), "WeChat: the answer, 0 bytes, is not JSON"),
    "cut-json": (Broken(200, b'{"list":[{"ref_date":"2026'), "is not JSON"),
    "cut-body": (Broken(200, b'{"list":[', 1000), "WeChat: no answer: "),
    "oversized": (Broken(200, b" " * (16 << 20) + b"{}"), "WeChat: no answer: answer over 16384 KiB"),
    "no-answer": (Broken(silent=True), "WeChat: no answer: "),
    "no-list": ({"list": 5}, "WeChat's answer has no list"),
    "number": (b"5", "WeChat's answer has no list"),
    "errcode": (refusal(65000), "WeChat: errcode 65000: "),
    "busy": (refusal(-1), "WeChat: errcode -1: WeChat is busy"),
    "restricted": (refusal(50002), "WeChat: errcode 50002: "),
}


def missing(out):
    """What the summary says: (end point, units): why."""
    lines = [line.removeprefix("missing: ") for line in out.splitlines()
             if line.startswith("missing: ")]
    heads = [(*line.split(": ", 1)[0].split(" ", 1), line.split(": ", 1)[1]) for line in lines]
    assert {account for account, _, _ in heads} <= {SAFE.path}, out
    return {tuple(what.split(", ")): why for _, what, why in heads}


@pytest.mark.parametrize("answer, why", BROKEN.values(), ids=BROKEN)
def test_one_end_point_is_broken(api, site, answer, why):
    """It is left, in this run and in the next, and the summary says so; then it is made good."""
    begin, bad = YESTERDAY - 9 * DAY, ("getarticlesummary", "getuserread")
    args = ["--from", str(begin)]
    api.broken = dict.fromkeys(bad, answer)
    for run_ in range(2):
        api.calls.clear()
        code, out, err = run(site, api, "pull", *args)
        assert code == 1 and why in err, (out, err)
        found = missing(out)
        assert set(found) == {(name, "10 days") for name in bad}, out
        assert all(why in text and "not asked" not in text for text in found.values()), out
        asked = {n for n, *_ in api.calls}
        assert asked == set(bad) if run_ else asked >= DAILY
    compare(site, api, DAILY - set(bad), begin, YESTERDAY)
    api.broken.clear()
    api.now += timedelta(hours=4)
    assert missing(run(site, api, "pull", *args)[1]) == {}
    compare(site, api, bad, begin, YESTERDAY)


@pytest.mark.parametrize("answer", (Broken(502), b"<html>", {}, refusal(77777)),
                         ids=("502", "html", "no-list", "errcode"))
def test_one_day_is_broken(api, site, answer):
    """The end point is left there; the next run goes past that day."""
    name, begin = "getuserreadhour", YESTERDAY - 9 * DAY
    args = since(begin, name)
    api.faults[name] = [None, None, answer]
    code, out, err = run(site, api, "pull", *args)
    assert code == 1 and list(missing(out)) == [(name, "8 days")], (out, err)
    api.faults[name] = [answer]
    code, out, err = run(site, api, "pull", *args)
    assert code == 1 and list(missing(out)) == [(name, "1 day")], (out, err)
    assert pull(site, api, *args) == 1
    compare(site, api, [name], begin, YESTERDAY)


def test_a_page_in_the_middle_is_broken(api, site):
    """The pages before it are kept; the others of the end points are not affected."""
    name, begin = "publisher_adpos_general", YESTERDAY - 79 * DAY
    args = since(begin, name, "publisher_cps_general")
    for answer in (Broken(502), b"<html>", Broken(200, b"{", 9), refusal(-1)):
        api.faults[name] = [None, answer]
        api.calls.clear()
        code, out, err = run(site, api, "pull", *args, "--all")
        assert code == 1 and missing(out).keys() == {(name, "80 days")}, (out, err)
        assert {n for n, *_ in api.calls} == {name, "publisher_cps_general"}
        api.calls.clear()
        assert run(site, api, "pull", *args, "--all")[0] == 0
        assert [page for n, _, _, page in api.calls if n == name] == [2, 3]
        compare(site, api, [name], begin, YESTERDAY)


def test_a_control_character_in_a_title(api, site):
    """As it was reported; the title is stored, and nothing is missing."""
    api.faults["getarticlesummary"] = [CONTROL.replace(b"2026-11-28", str(YESTERDAY).encode())]
    pull(site, api, *since(YESTERDAY, "getarticlesummary", "getusersummary"))
    [row] = site.query("SELECT title, int_page_read_user n FROM datacube_getarticlesummary")
    assert row["title"] in ("a\bb", "a\ufffdb") and row["n"] == 1
    compare(site, api, ["getusersummary"], YESTERDAY, YESTERDAY)


def test_strange_values_in_a_row(api, site):
    """What WeChat has never sent costs that answer at most."""
    rows = [{"ref_date": {"a": 1}, "user_source": [1], "new_user": "x"}, 5, None, [], {},
            {"ref_date": str(YESTERDAY), "user_source": 10 ** 30, "new_user": {"a": None}},
            {"ref_date": str(YESTERDAY), "user_source": 3, "new_user": 7}]
    api.faults["getusersummary"] = [{"list": rows}]
    code, out, err = run(site, api, "pull", *since(YESTERDAY, "getusersummary", "getuserread"))
    assert {n for n, *_ in api.calls} == {"getusersummary", "getuserread"}, (code, out, err)
    compare(site, api, ["getuserread"], YESTERDAY, YESTERDAY)


def test_several_end_points_without_an_answer(api, site):
    """Three in a row, and the account is left; two, and one that answers, are no reason."""
    order = list(dict.fromkeys(n for n, *_ in (run(site, api, "pull"), api.calls)[1]))
    api.broken = dict.fromkeys((order[2], order[3], order[5], order[6]), Broken(silent=True))
    api.calls.clear()
    code, out, err = run(site, api, "pull", "--all")
    assert code == 1 and {n for n, *_ in api.calls} == set(order), (out, err)
    assert {name for name, _ in missing(out)} == set(api.broken)
    api.broken = dict.fromkeys(order, Broken(silent=True))
    api.calls.clear()
    code, out, err = run(site, api, "pull", "--all")
    assert code == 1 and {n for n, *_ in api.calls} == set(order[:3]), (out, err)
    assert "several end points do not answer" in err
    found = {name: why for (name, _), why in missing(out).items()}
    assert list(found) == order
    assert [name for name, why in found.items() if why.startswith("not asked: ")] == order[3:]


@pytest.mark.parametrize("code", (40164, 45009, 45011))
def test_what_concerns_the_account(api, site, code):
    """Address and quota: the others are not asked, and the summary has them all."""
    api.broken["getusercumulate"] = refusal(code)
    got, out, err = run(site, api, "pull")
    assert got == 1 and {n for n, *_ in api.calls} == {"getusersummary", "getusercumulate"}
    found = {name: why for (name, _), why in missing(out).items()}
    assert set(found) == set(EVERY) - {"getusersummary"}
    assert all(f"errcode {code}: " in why for why in found.values()), out


def test_token_replaced(api, site):
    pull(site, api, *since(YESTERDAY, "getusersummary"))
    api.tokens = {"token-2", "x"}       # the next token is token-2
    pull(site, api, *since(YESTERDAY - 9 * DAY, "getusersummary"))
    assert api.codes[40001] == 1


def test_pulled_again_replaces(api, site):
    begin = YESTERDAY - 19 * DAY
    pull(site, api, *since(begin, "getusersummary"))
    api.shift = 1
    middle = since(YESTERDAY - 13 * DAY, "getusersummary") + ["--to", str(YESTERDAY - 7 * DAY)]
    assert pull(site, api, *middle) == 0
    assert pull(site, api, *middle, "--all") == 1
    compare_days(site, api, begin)
    assert pull(site, api, *since(begin, "getusersummary"), "--all") == 3
    compare(site, api, ["getusersummary"], begin, YESTERDAY)


def compare_days(home, api, begin):
    """The days in the middle have the new figures, the others the old ones."""
    want = []
    for shift, first, last in ((0, begin, YESTERDAY - 14 * DAY),
                               (1, YESTERDAY - 13 * DAY, YESTERDAY - 7 * DAY),
                               (0, YESTERDAY - 6 * DAY, YESTERDAY)):
        api.shift = shift
        want += api.rows("getusersummary", first, last)
    api.shift = 1
    with contextlib.closing(sqlite3.connect(home.state / "qtoa.db")) as db:
        db.row_factory = sqlite3.Row
        assert cubeapi.canonical(cubeapi.stored(db, "getusersummary", SAFE.appid)) == \
            cubeapi.canonical(want)


def test_show(api, site):
    assert run(site, api, "show") == (0, "nothing\n", "")
    pull(site, api, *since(YESTERDAY - 9 * DAY, "getarticletotal"))
    code, out, err = run(site, api, "show")
    lines = {line.split()[1]: line.split() for line in out.splitlines()}
    assert code == 0 and set(lines) == {"end", *EVERY}
    assert lines["getarticletotal"][2:5] == [str(YESTERDAY - 9 * DAY), str(YESTERDAY), "10"]
    assert lines["getusersummary"][-2:] == ["never", "pulled"]
    code, out, err = run(site, api, "show", "getarticletotal", "--account", SAFE.path)
    titles = [r["title"] for r in api.rows("getarticletotal", YESTERDAY - 9 * DAY, YESTERDAY)]
    assert code == 0 and titles and all(t in out for t in titles)
    assert "see also: qtoa datacube show getarticletotal_details" in out


def test_export(api, site):
    begin = YESTERDAY - 99 * DAY
    pull(site, api, *since(begin, "getupstreammsg"))
    want = cubeapi.canonical(api.rows("getupstreammsg", begin, YESTERDAY))
    code, out, err = run(site, api, "export", "getupstreammsg", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and {r.pop("appid") for r in rows} == {SAFE.appid}
    assert {r.pop("extra") for r in rows} == {None} and cubeapi.canonical(rows) == want
    code, out, err = run(site, api, "export", "getupstreammsg")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and out.count("ref_date") == 1 and len(rows) == len(want)
    code, out, err = run(site, api, "export", "getupstreammsg", "--from", str(begin + DAY),
                         "--to", str(begin + 40 * DAY))
    days = [r["ref_date"] for r in csv.DictReader(io.StringIO(out))]
    assert (min(days), max(days)) == (str(begin + DAY), str(begin + 40 * DAY))


@pytest.mark.parametrize("args", [
    [], ["eat"], ["pull", "x"], ["pull", "--from"], ["pull", "--from", "2026-02-30"],
    ["pull", "--endpoint", "x"], ["pull", "--account", "x"], ["pull", "--json"],
    ["pull", "--from", "2026-02-02", "--to", "2026-02-01"], ["show", "--all"], ["show", "x"],
    ["export"], ["export", "getusersummary", "--csv", "--json"],
])
def test_usage(api, site, args):
    code, out, err = run(site, api, *args)
    assert code == 2 and out == "" and err


def test_account_without_secret(api, site):
    done = subprocess.run([program.binary("main"), "datacube", "pull"], env=site.env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and ".secret" in done.stderr and not api.calls


def test_two_at_once(api, site):
    """The second one is told, and does nothing."""
    other = []

    def watch(number):
        if number == 3:
            other.append(run(site, api, "pull", *since(YESTERDAY, "getusersummary")))

    api.watch = watch
    pull(site, api, *since(YESTERDAY - 9 * DAY, "getuserreadhour"))
    assert other[0][0] == 1 and "another process" in other[0][2]
    assert len(api.calls) == 10


def test_bar(api, site):
    """On a terminal there is one, and it is gone in the end."""
    site.env.update(environment(site, NOW))
    term = Terminal(site, "datacube", "pull", *since(YESTERDAY - 9 * DAY, "getuserreadhour"),
                    variant="cube")
    code, text = term.end()
    assert code == 0 and "[####" in text and "10/10 calls" in text, text
    assert text.rpartition("\r")[2].startswith("pulled: 10 calls"), text


def test_large_answer(api, site):
    """Many times what an ordinary answer has."""
    rows = [{"ref_date": str(YESTERDAY), "user_source": n, "new_user": n, "cancel_user": 0}
            for n in range(20000)]
    api.faults["getusersummary"] = [{"list": rows}]
    pull(site, api, *since(YESTERDAY, "getusersummary"))
    assert site.query("SELECT count(*) n FROM datacube_getusersummary")[0]["n"] == 20000


def test_same_keys(api, site):
    """A row more than its key allows is said."""
    row = {"ref_date": str(YESTERDAY), "user_source": 1, "new_user": 5, "cancel_user": 0}
    api.faults["getusersummary"] = [{"list": [row, {**row, "new_user": 6}, 7, "x", None]}]
    pull(site, api, *since(YESTERDAY, "getusersummary"), says="the same key")
    assert [tuple(r) for r in site.query("SELECT new_user FROM datacube_getusersummary")] == [(6,)]
