"""`qtoa map` as a user meets it."""

import json
import subprocess
from pathlib import Path

import pytest

REPORTS = Path(__file__).parent.parent / "vectors/reports"

XML = ("<xml><FromUserName>oU</FromUserName><CreateTime>1712000001</CreateTime>"
       "<MsgType>event</MsgType><Event>LOCATION</Event><Latitude>23.1370</Latitude></xml>")
LINE = ('{"event_code":"$$_send_localtion","user":"oU","time":1712000001,'
        '"attributes":{"Event":"LOCATION","Latitude":23.1370}}\n')


def run(qtoa, *args, stdin=""):
    p = subprocess.run([qtoa.program, "map", *map(str, args)], input=stdin.encode(),
                       capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin"})
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def test_standard_input(qtoa):
    assert run(qtoa, stdin=XML) == (0, LINE, "")


def test_numbers_keep_their_digits(qtoa):
    assert '"Latitude":23.1370}' in run(qtoa, stdin=XML)[1]
    assert '"Latitude":-0.10e+3}' in run(qtoa, stdin=XML.replace("23.1370", "-0.10e+3"))[1]


def test_ids_are_strings(qtoa):
    xml = "<xml><MsgType>text</MsgType><MsgId>24529870011223344</MsgId></xml>"
    assert '"MsgId":"24529870011223344"' in run(qtoa, stdin=xml)[1]


def test_files_give_a_line_each(qtoa, tmp_path):
    files = [tmp_path / name for name in ("one", "two", "three")]
    for f in files:
        f.write_text(XML)
    assert run(qtoa, *files) == (0, LINE * 3, "")


def test_a_type_without_row_is_no_error(qtoa):
    code, out, err = run(qtoa, stdin="<xml><MsgType>event</MsgType><Event>x</Event></xml>")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"event_code": None, "user": None, "time": None,
                               "attributes": {}}


def test_no_xml_among_files(qtoa, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(XML)
    bad.write_text("not XML")
    code, out, err = run(qtoa, good, bad, good)
    assert (code, out) == (1, LINE * 2)
    assert err.count("\n") == 1 and "bad" in err


def test_what_is_no_xml(qtoa):
    for xml in ("", "hello", "{}", "<xml>", "<xml><a></xml>", "<html/>", "<xml>\x01<a></xml>",
                '<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/hostname">]><xml>&a;</xml>',
                "<xml/><xml/>", "<xml>" + "<a>" * 1000):
        code, out, err = run(qtoa, stdin=xml)
        assert (code, out) == (1, ""), xml[:40]
        assert err.count("\n") == 1, xml[:40]


@pytest.mark.parametrize("file,content,what", (
    ("ctl-1d", " \ufffdc", "control character"), ("utf8-cut", "\u6e05\ufffd", "not UTF-8"),
    ("cdata-end-in-text", "a]]>b", "]]> within the text")))
def test_what_users_type_is_repaired(qtoa, file, content, what):
    file = REPORTS / f"{file}.xml"
    code, out, err = run(qtoa, file)
    assert (code, err) == (0, f"qtoa: {file}: repaired text: {what}\n")
    event = json.loads(out)
    assert event["user"] == "oUser000000000000000000000001"
    assert (event["event_code"], event["attributes"]["Content"]) == ("$$_receive_msg", content)


def test_a_missing_file(qtoa, tmp_path):
    code, out, err = run(qtoa, tmp_path / "none")
    assert (code, out) == (1, "") and "none" in err


def test_the_library_prints_nothing(qtoa):
    p = subprocess.run([qtoa.tool, "broken"], capture_output=True, timeout=60)
    assert (p.returncode, p.stdout, p.stderr) == (0, b"", b"")


def test_one_line_whatever_the_text(qtoa):
    text = "a\n\t\"\\/\u2028\u0085\U0001F600"
    xml = f"<xml><MsgType>text</MsgType><Content><![CDATA[{text}]]></Content></xml>"
    code, out, _ = run(qtoa, stdin=xml)
    assert (code, out.count("\n")) == (0, 1)
    assert json.loads(out)["attributes"]["Content"] == text
