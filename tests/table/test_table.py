"""Every code and key of QT's table, in the program's table and in what comes out."""

import json
from pathlib import Path

import pytest

from qt_table import ALIASES, TABLE, is_message, rows

CASES = Path(__file__).parent.parent / "cases"
TYPES = [(code, name) for code, (names, _) in TABLE.items() for name in names]


def test_twelve_codes_nine_menu_events_seven_messages():
    assert len(TABLE) == 12
    assert len(TABLE["$$_menu_click"][0]) == 9
    assert len(TABLE["$$_receive_msg"][0]) == 7


def test_types_and_codes(qtoa):
    want = {("message:" if is_message(code) else "event:") + name: code
            for code, name in TYPES}
    assert qtoa.table()["types"] == want


def test_keys_types_and_order(qtoa):
    fields = qtoa.table()["fields"]
    assert sorted(fields) == sorted(TABLE)
    for code in TABLE:
        assert list(fields[code].items()) == [(k, kind) for k, kind, _ in rows(code)], code


class Element:
    """An element under construction: texts and children by name, in order."""

    def __init__(self):
        self.text = None
        self.children = []

    def child(self, name, again=False):
        for n, el in self.children:
            if n == name and not again:
                return el
        self.children.append((name, Element()))
        return self.children[-1][1]

    def xml(self, name):
        inner = self.text or "".join(el.xml(n) for n, el in self.children)
        return f"<{name}>{inner}</{name}>"


def build(code, name, values, rename=None):
    """The XML of a message with one item a list, holding values by key."""
    root = Element()
    root.child("FromUserName").text = "oUser"
    root.child("CreateTime").text = "1712000001"
    root.child("MsgType").text = name if is_message(code) else "event"
    if not is_message(code):
        root.child("Event").text = name
    for key, _, path in rows(code):
        if path is None or key in ("MsgType", "Event"):
            continue
        at = root
        for step in path.replace("[]", "").split("/"):
            at = at.child((rename or {}).get(step, step))
        at.text = values[key]
    return root.xml("xml")


def expected(code, name, values):
    want = {}
    for key, kind, path in rows(code):
        if key in ("MsgType", "Event"):
            want[key] = name if key == "Event" or is_message(code) else "event"
        elif path is not None:
            want[key] = float(values[key]) if kind == "number" else values[key]
    return want


def distinct(code):
    return {key: str(100 + i) for i, (key, _, _) in enumerate(rows(code))}


def plain_keys(attributes, code):
    """Without the keys that are made of others."""
    made = {key for key, _, path in rows(code) if path is None}
    return {k: v for k, v in attributes.items() if k not in made}


@pytest.mark.parametrize("code,name", TYPES)
def test_every_key_from_its_element(qtoa, code, name):
    values = distinct(code)
    event = qtoa.map_one(build(code, name, values))
    assert event["event_code"] == code
    assert (event["user"], event["time"]) == ("oUser", 1712000001)
    assert plain_keys(event["attributes"], code) == expected(code, name, values)
    for key, kind, _ in rows(code):
        if key in event["attributes"]:
            numeric = not isinstance(event["attributes"][key], str)
            assert numeric == (kind == "number"), key


@pytest.mark.parametrize("code,name", TYPES)
def test_keys_come_in_the_tables_order(qtoa, code, name):
    order = [key for key, _, _ in rows(code)]
    got = list(qtoa.map_one(build(code, name, distinct(code)))["attributes"])
    assert got == [key for key in order if key in got]


@pytest.mark.parametrize("code", ALIASES)
def test_other_spelling(qtoa, code):
    values, name = distinct(code), TABLE[code][0][0]
    event = qtoa.map_one(build(code, name, values, rename=ALIASES[code]))
    assert plain_keys(event["attributes"], code) == expected(code, name, values)


@pytest.mark.parametrize("code,name", TYPES)
def test_case_of_the_type_does_not_count(qtoa, code, name):
    for spelt in (name.upper(), name.lower(), name.swapcase()):
        assert qtoa.map_one(build(code, spelt, distinct(code)))["event_code"] == code


@pytest.mark.parametrize("code,name", TYPES)
def test_nothing_but_the_type_gives_no_other_key(qtoa, code, name):
    kind = name if is_message(code) else "event"
    event = "" if is_message(code) else f"<Event>{name}</Event>"
    got = qtoa.map_one(f"<xml><MsgType>{kind}</MsgType>{event}</xml>")
    assert set(got["attributes"]) <= {"MsgType", "Event", "is_scan"}
    assert (got["event_code"], got["user"], got["time"]) == (code, None, None)


@pytest.mark.parametrize("code,name", TYPES)
def test_repeated_items_are_joined(qtoa, code, name):
    lists = {key: path for key, _, path in rows(code) if path and "[]" in path}
    if not lists:
        assert code not in ("$$_send_msg_popup", "$$_mass_send_finish")
        return
    for key, path in lists.items():
        head, leaf = path.split("[]")
        *outer, item = head.split("/")
        leaf = leaf.lstrip("/")
        items = "".join(f"<{item}><{leaf}>{v}</{leaf}></{item}>" if leaf else
                        f"<{item}>{v}</{item}>" for v in ("a", "b,c", "d"))
        for name_ in reversed(outer):
            items = f"<{name_}>{items}</{name_}>"
        got = qtoa.map_one(f"<xml><MsgType>event</MsgType><Event>{name}</Event>{items}</xml>")
        assert got["attributes"][key] == "a,b,c,d", key


def test_samples(qtoa):
    files = sorted(CASES.glob("*.xml"))
    assert len(files) >= 70
    code, events, err = qtoa.map(*files)
    assert (code, err, len(events)) == (0, "", len(files))
    for file, event in zip(files, events):
        want = json.loads(file.with_suffix(".expected.json").read_text("utf-8"))
        assert event["event_code"] == want["event_code"], file.name
        assert event["attributes"] == want["attributes"], file.name


def test_samples_meet_every_code():
    codes = {json.loads(f.read_text("utf-8"))["event_code"] for f in CASES.glob("*.json")}
    assert codes == set(TABLE) | {None}
