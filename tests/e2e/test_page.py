"""The report's page in a real browser, behind a real web server, with what strangers may send."""

import contextlib
import csv
import io
import json
import re
import sqlite3
import time
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest

import browser as chromium
import collector
import fronts
import program
import wechat
from browser import DESK, PHONE
from patience import PATIENCE_S
from wechat import COMPATIBLE, PLAIN, SAFE

REPORT = "/qtoa/-/report"
OVERVIEW = ("days", "follows", "scenes", "sources", "menu", "messages", "sends", "latest", "health")
MODELS = ("event", "funnel", "retention", "distribution", "interval", "path", "lifecycle",
          "attribution", "audience")
PAGES = [REPORT] + [f"{REPORT}/{name}" for name in MODELS]
HOSTILE = (
    "<script>window.hit = 1</script>", "\"><img src=x onerror='window.hit = 1'>",
    "</style><style>*{display:none}</style>", "</title></svg><svg onload=\"window.hit=1\">",
    "javascript:window.hit=1", "\u202egpj.exe\u2066", "\u0645\u0631\u062d\u0628\u0627", "\U0001f600",
    "=1+1", "&lt;b&gt;&amp;", "k" * 10240,
)
DAY = 86400


def event(user, at, kind, key="", **more):
    fields = {"Event": kind, "EventKey": key, **more}
    return ("<xml><ToUserName><![CDATA[gh_e2e000000001]]></ToUserName>"
            f"<FromUserName><![CDATA[{user}]]></FromUserName><CreateTime>{at}</CreateTime>"
            "<MsgType><![CDATA[event]]></MsgType>" + "".join(
                f"<{k}><![CDATA[{v}]]></{k}>" for k, v in fields.items()) + "</xml>").encode()


def a_month(now):
    """Messages of 30 days: follows, scans, menus, texts, results of sending."""
    start = now - 29 * DAY
    for n in range(60):
        user = f"oE2ePage{n:020}"
        at = start + n * (28 * DAY // 60)
        yield event(user, at, "subscribe", f"qrscene_shop{n % 4}" if n % 3 else "")
        yield event(user, at + 60 + n, "CLICK", f"KEY_{n % 5}")
        if n % 2:
            yield wechat.text_message(f"message {n}", user, at + 7000, msgid=10 ** 9 + n)
        if n % 5 == 0:
            yield event(user, at + 3 * DAY // 2, "SCAN", f"shop{n % 4}")
        if n % 7 == 0 and at + 5 * DAY < now:
            yield event(user, at + 5 * DAY, "unsubscribe")
        if n % 10 == 0:
            yield event(user, at + 100, "TEMPLATESENDJOBFINISH", MsgID=str(n),
                        Status="success" if n % 20 else "failed:user block")
            yield event(user, at + 200, "not_in_the_table")
    for n, text in enumerate(HOSTILE):
        user = f"o<b>E2e{n}\u202e"
        yield event(user, now - 100 - n, "CLICK", text)
        yield event(user, now - 200 - n, "subscribe", "qrscene_" + text)
        yield wechat.text_message(text, user, now - 50 - n, msgid=10 ** 10 + n)


def count(front, account, messages):
    side = collector.behind_front(front)
    for xml in messages:
        side.answers(collector.posted(account, wechat.push(account, xml)), 200)


def followers(front, at):
    """As `qtoa followers pull` would have fetched them."""
    file = front.home.state / "qtoa.db"
    with contextlib.closing(sqlite3.connect(file, timeout=PATIENCE_S)) as db, db:
        db.executemany(
            "INSERT INTO follower (appid, openid, device, subscribe_time, scene, qr_scene_str, seen_at, "
            "asked_at) VALUES (?, ?1 || ?2, ?1 || ?2, ?3, 'ADD_SCENE_QR_CODE', ?4, ?3, ?3)",
            ((PLAIN.appid, n, at, text) for n, text in enumerate(HOSTILE)))


@pytest.fixture(scope="module")
def server(qt_server):
    front = fronts.Front("lighttpd-fastcgi", qt_server.url)
    try:
        front.empty = front.request("GET", REPORT)
        now = int(time.time())
        count(front, PLAIN, a_month(now))
        count(front, COMPATIBLE, [event("oE2eOnlyOne", now - 60, "subscribe")])
        followers(front, now - 60)
        yield front
        front.check()
    finally:
        front.stop()


@pytest.fixture(scope="module")
def window():
    it = chromium.Browser()
    yield it
    it.stop()


def clean(server, window, path):
    """Opens a page that has nothing to complain about and fetches nothing but itself."""
    said, fetched = window.get(server.url + path)
    assert not said, (path, said)
    assert [u for u in fetched if not u.startswith("data:")] == [server.url + path]
    assert window.js("return document.documentElement.scrollWidth <= innerWidth"), path
    assert window.js("return document.querySelectorAll('h1').length") == 1
    assert not window.js("return document.querySelector('script, img, iframe, object, "
                         "[style], [onerror], [onload], [onclick]')"), path
    assert window.js("return window.hit") is None


@pytest.mark.parametrize("language, scheme, width, axe", (
    ("en-US,en;q=0.9", "light", DESK, PAGES[::2]),
    ("zh-CN,zh;q=0.9,en;q=0.8", "dark", PHONE, PAGES[1::2])), ids=("light", "dark"))
def test_pages(server, window, language, scheme, width, axe):
    """Each page with its chart, in two of the ways in which it is read; in one of them axe, which
    takes its time, finds nothing either."""
    window.be(language, scheme, width)
    for path in PAGES:
        clean(server, window, path)
        assert window.js("return document.documentElement.lang") == language[:2] + (
            "-CN" if language[:2] == "zh" else "")
        assert window.js("return getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 26)")
        assert window.js("return document.querySelectorAll('main table, main svg').length") > 0, \
            path
        faults = path in axe and window.faults()
        assert not faults, (path, faults)


@pytest.mark.parametrize("scheme, width", (("dark", DESK), ("light", PHONE)))
def test_overview(server, window, scheme, width):
    """The page that is seen most, in the other two ways; everything is there."""
    window.be("en", scheme, width)
    clean(server, window, REPORT)
    assert not window.faults()
    sections = window.js("return [...document.querySelectorAll('main section')].map(s => s.id)")
    assert set(OVERVIEW) <= set(sections)
    assert window.js("return document.querySelectorAll('.figures dd').length") >= 7


def test_strangers_are_only_text(server, window):
    """What they sent stands there to be read, and is nothing else."""
    window.be()
    clean(server, window, f"{REPORT}/menu")
    cells = window.js("return [...document.querySelectorAll('tbody th bdi')]"
                      ".map(b => b.textContent)")
    for text in HOSTILE:
        shown = re.sub("[\u202e\u2066]", "\ufffd", text)
        shown = shown if len(shown) <= 80 else shown[:80] + "\u2026"
        assert shown in cells, text
    clean(server, window, f"{REPORT}/audience?item=%22%3E%3Cscript%3Ewindow.hit=1%3C/script%3E")
    assert window.js("return document.querySelector('#f-item').value") == \
        '"><script>window.hit=1</script>'


def test_none_and_one(server, window):
    """An account without events, and one with one."""
    window.be("en", "light", PHONE)
    for path in PAGES:
        for account in (SAFE, COMPATIBLE):
            clean(server, window, f"{path}?account={account.path}")
    clean(server, window, f"{REPORT}?account={COMPATIBLE.path}")
    assert window.js("return document.querySelector('.figures dd').textContent") == "1"
    assert not window.faults()


def test_before_anything_came(server):
    """The very first request that the program has got."""
    answer = server.empty
    assert answer.status == 200 and b"Nothing in this period." in answer.body


class Page(HTMLParser):
    """Links and tables of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.rows, self.cell = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.links.append(dict(attributes)["href"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = "" if "aria-hidden" not in dict(attributes) else None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.cell is not None:
            self.rows[-1].append(self.cell)
            self.cell = None


def page(server, path):
    answer = server.request("GET", path)
    assert answer.status == 200, path
    return Page(answer.body.decode())


def test_every_link_leads_somewhere(server):
    """From wherever the page is: links are relative, and stay where the program is."""
    seen = {}
    for start in (REPORT, REPORT + "/", f"{REPORT}/funnel", f"{REPORT}/nothing/at/all"):
        text = server.request("GET", start).body.decode()
        for link in Page(text).links:
            if link.startswith("#"):
                continue
            target = urlsplit(urljoin(server.url + start, link))
            assert target.path.startswith(REPORT), (start, link)
            where = target.path + ("?" + target.query if target.query else "")
            if where not in seen:
                seen[where] = server.request("GET", where).status
    assert set(seen.values()) == {200}, seen
    assert {f"{REPORT}/{name}.csv" for name in OVERVIEW} <= {w.split("?")[0] for w in seen}


def test_csv_and_json_are_the_table(server):
    """The same rows, the same values, under names that a program understands."""
    for name in OVERVIEW + MODELS:
        path = f"{REPORT}/{name}"
        answer = server.request("GET", path + ".json")
        assert answer.headers["content-type"] == "application/json"
        objects = json.loads(answer.body)
        answer = server.request("GET", path + ".csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        head, *lines = csv.reader(io.StringIO(answer.body.decode()))
        assert [list(o) for o in objects] == [head] * len(lines)
        assert objects, name
        for o, line in zip(objects, lines):
            for value, text in zip(o.values(), line):
                text = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text)
                assert text.lstrip("'") == ("" if value is None else f"{value:g}" if isinstance(
                    value, float) and float(text) == value else str(value)) or \
                    float(text) == value, (name, o, line)
    shown = page(server, f"{REPORT}/menu").rows[1:]
    objects = json.loads(server.request("GET", f"{REPORT}/menu.json").body)
    assert [row[1] for row in shown] == [str(o["clicks"]) for o in objects]
    assert max(len(o["key"]) for o in objects) == 10240    # what the page cuts is whole here


def test_form(server, window):
    """Steps are chosen one by one; what is wrong is said beside the form."""
    window.be()
    clean(server, window, f"{REPORT}/funnel")
    window.js("document.querySelector('#f-steps-2').value = '$$_receive_msg';"
              "document.querySelector('#f-steps-3').value = '';")
    window.driver.find_element("css selector", "form button").click()
    query = program.until(lambda: urlsplit(window.driver.current_url).query, "it is sent")
    assert query.count("steps=") == 4
    program.until(lambda: window.js("return document.readyState") == "complete", "it is there")
    assert window.js("return [...document.querySelectorAll('#f-steps-1, #f-steps-2, #f-steps-3')]"
                     ".map(s => s.value)") == ["$$_official_account_follow", "$$_receive_msg", ""]
    assert window.js("return document.querySelectorAll('main tbody tr').length") == 2
    assert window.logs()[0] == []
    for wrong, status in (("from=2026-02-30", 400), ("from=2026-03-02&to=2026-03-01", 400),
                          ("window=x", 400), ("steps=" + "a," * 300, 400), ("nothing=1", 200)):
        answer = server.request("GET", f"{REPORT}/funnel?{wrong}")
        assert answer.status == status, wrong
        assert (b'role="alert"' in answer.body) == (status == 400), wrong


def test_headers(server):
    answer = server.request("GET", REPORT, headers=[("Accept-Language", "zh-TW")])
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert {k: answer.headers[k] for k in (
        "x-content-type-options", "referrer-policy", "cache-control", "vary",
        "content-language")} == {
        "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
        "cache-control": "no-store", "vary": "Accept-Language", "content-language": "zh-CN"}
    assert server.request("GET", f"{REPORT}/nothing").status == 404
