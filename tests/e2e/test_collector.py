"""The collector: QT's answers to what is posted, and what is kept of it."""

import json
import threading
import time

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from qt import PATH, canonical, envelope, sign
from wechat import COMPATIBLE, PLAIN, SAFE

XML = "<xml><Content><![CDATA[\u4f60\u597d]]></Content></xml>"
# The thread sanitizer keeps its own on a worker's stack and leaves less of it.
DEEP = 500 if "thread" in program.SAN else 20000
TEXT = {code: f"Httpapi_300_{code}" for code in qt_side.MESSAGES}


def post(pool, body):
    return fcgi.call(pool.path, fcgi.cgi("POST", PATH, "", len(body)), body)


def kept(pool):
    path = pool.home.state / "collected.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def assert_answer(pool, body, code):
    """QT's answer; kept if and only if it is 200."""
    before = len(kept(pool))
    answer = post(pool, body if isinstance(body, bytes) else body.encode())
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {"code": TEXT[code], "message": qt_side.MESSAGES[code]}
    assert len(kept(pool)) == before + (code == 200)


def signed(account=SAFE, **fields):
    """An envelope's fields, signed as they are."""
    base = json.loads(envelope(account, XML))
    base.pop("sign")
    base.update(fields)
    return {**base, "sign": sign(base, account.service_secret)}


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
def test_accepted(pool, account):
    body = envelope(account, XML, timestamp="1712345678", nonce="1")
    before = time.time() * 1000
    assert_answer(pool, body, 200)
    line = kept(pool)[-1]
    stored = json.loads(line)
    assert list(stored) == ["received", "account", "message"]
    assert stored["account"] == account.path
    assert before - 1 <= stored["received"] <= time.time() * 1000 + 1
    assert line.encode().endswith(b'"message":' + body + b"}")
    pool.log.one(verdict="collect", account=account.path, status=200, qt=TEXT[200])


def test_what_the_forwarder_sends_is_accepted(pool, qt):
    """Both sides of ours against each other."""
    for account in (SAFE, COMPATIBLE, PLAIN):
        assert pool.push(account, wechat.push(account)).body == b"success"
    for r in qt.received:
        assert_answer(pool, r.body, 200)


FIELDS = {
    "array": {"x": ["1", "2"]}, "array-of-one": {"x": ["1"]}, "array-with-empty": {"x": ["", ""]},
    "empty-text": {"x": ""}, "number": {"x": 5}, "negative": {"x": -5}, "zero": {"x": 0},
    "large-number": {"x": 9223372036854775807}, "true": {"x": True}, "false": {"x": False},
    "array-of-numbers": {"x": [1, 2, 3]}, "many": {f"f{i:02}": "v" for i in range(50)},
    "names-out-of-order": {"\U0001f600": "astral", "\uff5e": "bmp", "A": "a", "a": "A",
                           "": "empty"},
    "escapes": {"x": "\b\t\n\f\r\"\\/<>&'\u007f\u0085\u2028\u2029\ufeff\x01"},
    "long": {"x": "\u4e2d" * 20000},
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_all_kinds(pool, name):
    fields = signed(**FIELDS[name])
    assert_answer(pool, canonical(fields), 200)
    assert json.loads(kept(pool)[-1])["message"] == fields


@pytest.mark.parametrize("write", (
    lambda f: json.dumps(f), lambda f: json.dumps(f, ensure_ascii=False, indent=4),
    lambda f: json.dumps(dict(reversed(f.items()))),
    lambda f: "\r\n \t" + json.dumps(f, separators=(" , ", " : ")) + "\n\n"),
    ids=("ascii", "indented", "reversed", "blanks"))
def test_json_is_printed_anew(pool, write):
    """What counts is what it says, not how it is written."""
    fields = signed(x="\u4e2d\U0001f600/\u2028", y=["b", "a"])
    assert_answer(pool, write(fields), 200)
    assert canonical(fields).decode() in kept(pool)[-1]


def test_null_is_no_field(pool):
    fields = signed()
    assert_answer(pool, json.dumps({**fields, "x": None}), 200)
    assert "x" not in json.loads(kept(pool)[-1])["message"]


def test_a_name_twice(pool):
    """As QT's parser does: the last one counts, for the signature too."""
    fields = signed(x="2")
    text = canonical(fields).decode()
    assert_answer(pool, '{"x":"1",' + text[1:], 200)
    assert_answer(pool, text[:-1] + ',"x":"1"}', 101)


def test_the_same_message_twice(pool):
    body = envelope(SAFE, XML)
    assert_answer(pool, body, 200)
    assert_answer(pool, body, 200)
    assert [json.loads(x)["message"] for x in kept(pool)[-2:]] == [json.loads(body)] * 2


@pytest.mark.parametrize("change", (
    {"sign": "0" * 32}, {"sign": "x"}, {"weChatOAData": XML + " "}, {"ts": "1"}, {"new": "field"},
    {"sign": 5}, {"nested": {"a": "b"}}, {"nested": [["a"]]}, {"nested": [{"a": "b"}]},
    {"fraction": 1.5}, {"empty": []}, {"sign": "0" * 100000}),
    ids=lambda c: "-".join(f"{k}={str(v)[:12]}" for k, v in c.items()))
def test_illegal_signature(pool, change):
    assert_answer(pool, json.dumps({**signed(), **change}), 101)


def test_illegal_signature_of_another(pool):
    fields = signed()
    assert_answer(pool, json.dumps({**fields, "sign": fields["sign"].upper()}), 101)
    assert_answer(pool, envelope(SAFE, XML, sign=sign(fields, PLAIN.service_secret)), 101)
    assert_answer(pool, envelope(SAFE, XML, sign=sign(fields, "")), 101)


@pytest.mark.parametrize("text", (
    b"", b" ", b"x", b"[]", b'"text"', b"5", b"null", b"{", b"}", b'{"a":}', b"{'a':'b'}",
    b'{"a":"b"', b'{"a":"b"}x', b'{"a":"b"}{"a":"b"}', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\x"}', b'{"a":"\n"}', b"\xef\xbb\xbf{}", b"<xml></xml>", b"a=b&c=d", b"\0" * 100,
    b"[" * DEEP, b'{"a":' * DEEP, b'{"a":1e999}', b'{"a":99999999999999999999999999}'),
    ids=lambda t: repr(t[:16]))
def test_no_json(pool, text):
    assert_answer(pool, text, 102)


@pytest.mark.parametrize("name", ("sign", "app_id", "appkey", "ts", "code", "weChatOAData"))
def test_missing_fields(pool, name):
    for change in ({name: None}, {name: ""}, {name: []}, {name: ["x"]}, {name: {}}):
        assert_answer(pool, json.dumps({**signed(), **change}), 103)
    fields = signed()
    fields.pop(name)
    assert_answer(pool, json.dumps(fields), 103)


def test_nothing_at_all(pool):
    assert_answer(pool, b"{}", 103)


@pytest.mark.parametrize("change", ({"app_id": "x"}, {"appkey": "x"}, {"code": "wx0"},
                                    {"app_id": PLAIN.service_id}, {"code": PLAIN.appid},
                                    {"app_id": SAFE.service_id + "\0"}), ids=str)
def test_unknown_keys(pool, change):
    assert_answer(pool, canonical(signed(**change)), 106)


def test_other_methods(pool):
    for method in ("GET", "PUT", "HEAD"):
        answer = fcgi.call(pool.path, fcgi.cgi(method, PATH))
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_too_large(pool):
    answer = post(pool, b'{"x":"' + b"x" * (1 << 20) + b'"}')
    assert answer.status == 413


def test_switched_off(tight):
    assert post(tight, envelope(SAFE, XML)).status == 404
    assert kept(tight) == []


# What cannot be kept is not confirmed.

def spoil_with_a_directory(home):
    (home.state / "collected.jsonl").mkdir()


def spoil_with_a_link(home):
    (home.state / "collected.jsonl").symlink_to(home.dir / "elsewhere")


def spoil_state_dir(home):
    home.env["QTOA_STATE_DIR"] = "/dev/null/state"


@pytest.mark.parametrize("spoil", (spoil_with_a_directory, spoil_with_a_link, spoil_state_dir))
def test_not_stored(make_pool, home, spoil):
    spoil(home)
    pool = make_pool()
    answer = post(pool, envelope(SAFE, XML))
    assert (answer.status, answer.body) == (503, b"not accepted\n")
    pool.log.wait(what="request", status=503, error="not stored")
    assert not (home.dir / "elsewhere").exists()
    pool.check()


def test_no_torn_line(make_pool, home):
    """The file may not grow: what does not fit is taken back and not confirmed."""
    pool = make_pool(limits="trap '' 25; ulimit -f 10")     # SIGXFSZ; blocks of 512
    statuses = [post(pool, envelope(SAFE, XML)).status for _ in range(30)]
    assert statuses[0] == 200 and statuses[-1] == 503
    lines = (home.state / "collected.jsonl").read_bytes()
    assert lines.endswith(b"}\n") and lines.count(b"\n") == statuses.count(200)


def test_many_writers(make_pool, home):
    """Threads of two processes append whole lines."""
    pools = [make_pool(), make_pool()]
    answers = []

    def run(pool, k):
        for i in range(10):
            answers.append(post(pool, envelope(SAFE, "x" * 5000, nonce=f"{k}-{i}")).status)

    threads = [threading.Thread(target=run, args=(pools[k % 2], k)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [200] * 80
    got = [json.loads(line)["message"]["nonce"] for line in kept(pools[0])]
    assert sorted(got) == sorted(f"{k}-{i}" for k in range(8) for i in range(10))


def test_state_dir_is_made_for_us_alone(make_pool, home):
    state = home.dir / "made"
    home.env["QTOA_STATE_DIR"] = str(state)
    pool = make_pool()
    assert post(pool, envelope(SAFE, XML)).status == 200
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "collected.jsonl").stat().st_mode & 0o777 == 0o600


def test_by_cgi(home):
    body = envelope(SAFE, XML)
    answer = program.run_cgi(home, fcgi.cgi("POST", PATH, "", len(body)), body)
    assert json.loads(answer.body)["code"] == TEXT[200]
    assert len((home.state / "collected.jsonl").read_text().splitlines()) == 1
