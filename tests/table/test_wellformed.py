"""What is XML, and what its texts are, as expat sees it: samples changed at random (the
same changes on every run) are good for both or for neither, and mean the same.  What is not
well-formed is refused or, where only what users type is at fault, repaired."""

import random
from pathlib import Path
from xml.parsers import expat

CASES = Path(__file__).parent.parent / "cases"

PIECES = [
    b"<", b">", b"&", b"/", b"!", b"?", b"-", b".", b"1", b":", b"_", b"=", b"'", b'"', b" ",
    b"]]>", b"]]", b"<![CDATA[", b"<![CDATA[]]>", b"<!--", b"-->", b"--", b"<!---->",
    b"<!-- a -->", b"<?a b?>", b"<?a?>", b"</a>", b"<a>", b"<a/>", b"<a b='c'/>", b"&amp;",
    b"&lt;", b"&quot;", b"&apos;", b"&nbsp;", b"&lt", b";", b"&#65;", b"&#x4F60;", b"&#13;",
    b"&#x1;", b"&#xD800;", b"&#xFFFE;", b"&#x110000;", b' a="b"', b" a='1' a='2'", b" a=b",
    b"\0", b"\x01", b"\x1b", b"\x7f", b"\t", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf",
    b"\xe4\xbd\xa0", b"\xf0\x9f\x98\x80", b"\xc2\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xff",
    b"\xfe\xff", b"\xef\xbf\xbf", b"\xf4\x90\x80\x80", b"xml", b"</xml>", b"<!DOCTYPE xml>",
]


def change(rng, text):
    text = bytearray(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(text) + 1)
        how = rng.randrange(5)
        if how < 3:
            text[at:at] = rng.choice(PIECES)
        elif how == 3:
            del text[at:at + rng.randrange(1, 12)]
        else:
            again = rng.randrange(len(text) + 1)
            text[at:at] = text[again:again + rng.randrange(1, 40)]
    return bytes(text)


class Reader:
    """The message as expat reads it: texts of the root's children by the first name."""

    def __init__(self):
        self.depth = 0
        self.root = None
        self.name = None
        self.texts = {}
        self.doctype = False
        self.runs = []      # of the child being read: (text, is it CDATA)
        self.cdata = False

    def read(self, text):
        p = expat.ParserCreate("UTF-8")
        p.buffer_text = True
        p.buffer_size = 1 << 20
        p.StartElementHandler = self.start
        p.EndElementHandler = self.end
        p.CharacterDataHandler = self.characters
        p.StartCdataSectionHandler = self.start_cdata
        p.EndCdataSectionHandler = self.end_cdata
        p.StartDoctypeDeclHandler = self.start_doctype
        try:
            p.Parse(text, True)
        except expat.ExpatError:
            return False
        return not self.doctype

    def start_doctype(self, *_):
        self.doctype = True

    def start(self, name, _):
        self.depth += 1
        if self.depth == 1:
            self.root = name
        if self.depth == 2:
            self.name, self.runs = name, []
        elif self.depth == 3:
            self.runs.append(None)

    def end(self, name):
        if self.depth == 2:
            self.texts.setdefault(name, self.runs)
        self.depth -= 1

    def start_cdata(self):
        self.cdata = True
        if self.depth == 2:
            self.runs.append(("", True))

    def end_cdata(self):
        self.cdata = False

    def characters(self, data):
        if self.depth == 2:
            self.runs.append((data, self.cdata))

    def text(self, name):
        """The value by the rules; absent: None; "?" where children part the text."""
        runs = self.texts.get(name)
        if runs is None or None in runs:
            return None if runs is None else "?"
        if not any(cdata for _, cdata in runs):
            return "".join(t for t, _ in runs).strip(" \t\r\n")
        return "".join(t for t, cdata in runs if cdata or t.strip(" \t\r\n"))


def samples():
    return [f.read_bytes() for f in sorted(CASES.glob("*.xml"))]


def test_agrees_with_expat(qtoa):
    rng = random.Random(20240401)
    seeds = samples()
    texts = [change(rng, rng.choice(seeds)) for _ in range(8000)]
    good = bad = 0
    for text, got in zip(texts, qtoa.read_many(texts)):
        reader = Reader()
        is_xml = reader.read(text)
        if text.startswith(b"<?xml") and text[:38] != seeds_declaration(text):
            continue    # the inside of a declaration is not looked at
        if is_xml and reader.root == "xml":
            assert isinstance(got, dict) and "repaired" not in got, (text, got)
            user = reader.text("FromUserName")
            assert user == "?" or got["user"] == user, text
            good += 1
        else:
            assert isinstance(got, str) or "repaired" in got, (text, got)
            bad += 1
    assert good > 500 and bad > 2000


def seeds_declaration(text):
    return b'<?xml version="1.0" encoding="UTF-8"?>' if text[:5] == b"<?xml" else b""


CONTENT = [
    b" ", b"\n", b"\r\n", b"\r", b"a", b"b c", b"]", b"]]", b">", b"&lt;", b"&amp;", b"&gt;",
    b"&#65;", b"&#x1F600;", b"&#13;", b"\xe4\xbd\xa0", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80",
    b"<![CDATA[x]]>", b"<![CDATA[ y ]]>", b"<![CDATA[]]>", b"<![CDATA[<&>]]>",
    b"<![CDATA[]]]]>", b"<![CDATA[>]]>", b"<![CDATA[\r\n\xef\xbb\xbf]]>", b"<!-- c -->",
    b"<!---->", b"<?p i?>",
]


def test_texts_are_expats(qtoa):
    rng = random.Random(20240402)
    texts = [b"<xml><MsgType>text</MsgType><Content>%s</Content></xml>" %
             b"".join(rng.choice(CONTENT) for _ in range(rng.randrange(1, 9)))
             for _ in range(8000)]
    read = 0
    for text, got in zip(texts, qtoa.read_many(texts)):
        reader = Reader()
        if not reader.read(text):
            assert isinstance(got, str) or "repaired" in got, (text, got)
            continue
        assert "repaired" not in got, text
        assert got["attributes"]["Content"] == reader.text("Content"), text
        read += 1
    assert read > 5000
