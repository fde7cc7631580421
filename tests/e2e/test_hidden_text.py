"""Text from outside that would lie on a screen: what turns the direction, hides, ends a line or
commands a terminal.  It gets to nobody's eyes as it is, and JSON has all of it, escaped."""

import json
import unicodedata

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from test_cli import run
from test_queue_cli import Terminal
from wechat import PLAIN

EVIL = ("a\u202eb\u2066c\u200bd\u2028e\u2029f\u061cg\U000e0041h\ufeffi\u00adj\u180ek"
        "\u2062l\ufff9m\u200fn\u0085o\u009bp\u034fq")
ESCAPED = "a\\u202eb\\u2066c\\u200bd\\u2028e"
VERBS = (("queue", "list"), ("queue", "show", "1"), ("queue", "export"), ("status",),
         ("status", "--json"), ("check", "--offline"), ("check", "--offline", "--json"),
         ("report",), ("report", "--json"), ("queue", "retry", "--outcome", EVIL),
         ("queue", "retry", EVIL), ("queue", "drop", EVIL, "--yes"), ("token", EVIL),
         ("report", EVIL), ("report", "days", "--account", EVIL), ("report", "--" + EVIL, "1"),
         ("datacube", "show", EVIL), ("datacube", "pull", "--from", EVIL),
         ("datacube", "export", EVIL), ("reconcile", EVIL), ("reconcile", "--from", EVIL),
         ("send", EVIL, EVIL), ("map", EVIL), ("help", EVIL), (EVIL,), ("drain", EVIL),
         ("completion", EVIL), ("queue", EVIL))


def hidden(text):
    """The characters that no one would see, or that do something else."""
    return {hex(ord(c)) for c in text if c not in "\n\r\t" and (
        unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") or c in "\u034f\ufff9")}


@pytest.fixture
def queued(home, qt, make_pool):
    """A message waits; QT's answer to it was evil, too."""
    qt.behave = qt_side.answering(500, json.dumps({"code": EVIL, "msg": EVIL}))
    pool = make_pool()
    xml = wechat.text_message(EVIL)
    pool.push(PLAIN, wechat.push(PLAIN, xml), HTTP_USER_AGENT=EVIL, HTTP_X_FORWARDED_FOR=EVIL)
    with pool.connect() as c:
        c.send(fcgi.request(fcgi.cgi("GET", "/qtoa/" + EVIL, "a=" + EVIL,
                                     HTTP_USER_AGENT=EVIL))).answer()
    pool.stop()
    return xml


def test_commands_show_nothing_hidden(home, queued):
    for verb in VERBS:
        _, out, err = run(home, *verb)
        assert not hidden(out + err), (verb, hidden(out + err))
    assert not hidden(home.log.path.read_text())


def test_a_terminal_shows_nothing_hidden(home, queued):
    for verb in (("queue", "list"), ("queue", "show", "1"), ("status",)):
        shown = Terminal(home, *verb).end()[1]
        assert not hidden(shown.replace("\x1b[", "")), verb


def test_export_has_all_of_it(home, queued):
    _, out, _ = run(home, "queue", "export")
    assert ESCAPED in out and json.loads(out)["body"] == queued.decode()
    _, out, _ = run(home, "queue", "show", "1")
    assert ESCAPED in out
