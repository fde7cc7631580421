"""`qtoa qrcode`: a named code is made at WeChat, and its scans are counted under the name."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

import program
import wechat
import wxqrcode
from collector import as_cgi, posted
from test_privacy import AT, event
from test_queue_cli import run
from test_token import SECRET, authority, wx  # noqa: F401
from wechat import PLAIN, SAFE

PERIOD = ("--from", "2026-09-01", "--to", "2026-10-31", "--json")


@pytest.fixture
def codes(wx):  # noqa: F811
    return wxqrcode.Codes(wx)


@pytest.fixture
def site(qt, wx, authority, home):  # noqa: F811
    home.env.update(wx.env(), E2E_CA_FILE=str(authority.file), E2E_SECRET=SECRET,
                    E2E_KEY="", E2E_ALLOW="")
    return home


def qrcode(home, *args, rc=0):
    code, out, err = run(home, "qrcode", *args, variant="token")
    assert code == rc, out + err
    return out if rc == 0 else err


def fields(out):
    return dict(line.split(None, 1) for line in out.splitlines())


def scan(home, account, user, name, key, at):
    as_cgi(home, "keeps").answers(posted(account, wechat.push(
        account, event(user, name, at, key))), 200)


def test_counted_under_its_name(site, codes):
    poster = fields(qrcode(site, "create", "safe", "海报 1", "--scene", "poster1"))
    assert poster["scene"] == "poster1" and poster["until"] == "for ever"
    ticket = parse_qs(urlsplit(poster["picture"]).query)["ticket"][0]
    assert codes.made == {ticket: ("QR_LIMIT_STR_SCENE", "poster1")}
    fair = fields(qrcode(site, "create", "safe", "fair", "--days", "7"))
    assert fair["until"] != "for ever" and fair["scene"] == "fair"
    # It is there: WeChat is not asked again.
    assert fields(qrcode(site, "create", "safe", "海报 1", "--scene", "poster1")) == poster
    assert codes.asked == 2
    for n, (user, name, key) in enumerate((
            ("o1", "subscribe", "qrscene_poster1"), ("o2", "subscribe", "qrscene_poster1"),
            ("o2", "SCAN", "poster1"), ("o3", "subscribe", "qrscene_fair"),
            ("o4", "subscribe", ""), ("o1", "SCAN", "elsewhere"))):
        scan(site, SAFE, user, name, key, AT + n)
    scan(site, PLAIN, "o9", "subscribe", "qrscene_poster1", AT)     # another account's scene
    rows = json.loads(qrcode(site, "list", "safe", "--json"))
    assert [(r["account"], r["name"], r["scene"], r["follows"], r["scans"]) for r in rows] == \
        [("safe", "海报 1", "poster1", 2, 1), ("safe", "fair", "fair", 1, 0)]
    assert rows[0]["ticket"] == ticket and rows[0]["until"] is None and rows[1]["until"] > AT
    assert [r["name"] for r in json.loads(qrcode(site, "list", "safe", "fair", "--json"))] == \
        ["fair"]
    assert json.loads(qrcode(site, "list", "plain", "--json")) == []
    code, out, err = run(site, "report", "scenes", "--account", "safe", *PERIOD, variant="token")
    assert code == 0, err
    names = {r["scene"]: (r["name"], r["follows"], r["scans"]) for r in json.loads(out)}
    assert names == {"poster1": ("海报 1", 2, 1), "fair": ("fair", 1, 0), "": (None, 1, 0),
                     "elsewhere": (None, 0, 1)}


@pytest.mark.parametrize("args, rc", (
    (("create", "safe"), 2), (("create",), 2), ((), 2), (("create", "safe", "a" * 65), 2),
    (("create", "safe", ""), 2), (("create", "safe", "a\nb"), 2),
    (("create", "safe", "a", "--days", "31"), 2), (("create", "safe", "a", "--days", "0"), 2),
    (("create", "safe", "a", "--scene", "b" * 65), 2), (("create", "nobody", "a"), 1),
    (("list", "nobody"), 1), (("list", "safe", "a", "b"), 2)), ids=lambda a: str(a)[:30])
def test_wrong_words(site, codes, args, rc):
    qrcode(site, *args, rc=rc)
    assert codes.asked == 0


def test_as_long_as_can_be(site, codes):
    """64 characters, not bytes."""
    name = "码" * 63 + "\""
    assert fields(qrcode(site, "create", "safe", name))["scene"] == name
    assert [scene for _, scene in codes.made.values()] == [name]


def test_what_is_refused(site, codes, wx):  # noqa: F811
    codes.permanent = 1
    qrcode(site, "create", "safe", "one")
    assert "45029" in qrcode(site, "create", "safe", "two", rc=1)
    qrcode(site, "create", "safe", "two", "--days", "30")
    codes.code = 45009
    assert "quota" in qrcode(site, "create", "safe", "three", rc=1)
    codes.code = 48001
    assert "48001" in qrcode(site, "create", "safe", "three", rc=1)
    codes.code = 0
    asked = codes.asked
    assert "another code" in qrcode(site, "create", "safe", "one", "--days", "3", rc=1)
    assert "code one" in qrcode(site, "create", "safe", "four", "--scene", "one", rc=1)
    assert codes.asked == asked
    # The other account has its own names and scenes.
    codes.permanent = 10
    qrcode(site, "create", "plain", "one")
    assert len(json.loads(qrcode(site, "list", "--json"))) == 3


def test_when_it_has_ended(site, codes):
    """A temporary code is made again; its name and its figures stay."""
    first = fields(qrcode(site, "create", "safe", "week", "--days", "7"))
    scan(site, SAFE, "o1", "subscribe", "qrscene_week", AT)
    site.env.update(site.clock(8 * 86400))
    second = fields(qrcode(site, "create", "safe", "week", "--days", "7"))
    assert second["picture"] != first["picture"] and codes.asked == 2
    (row,) = json.loads(qrcode(site, "list", "--json"))
    assert row["follows"] == 1
