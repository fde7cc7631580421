"""Everything that WeChat and forgers send, through every web server, started from the example
files."""

import contextlib
import json
import re
import threading

import pytest

import collector
import fronts
import qt as qt_side
import wechat
from program import until
from wechat import COMPATIBLE, KEYLESS, PLAIN, ROTATED, SAFE, SPARE

pytestmark = pytest.mark.parametrize("running_front", fronts.NAMES, indirect=True)

BODY_MAX = 64 * 1024


def assert_success(answer):
    """Seven bytes and nothing else."""
    assert (answer.status, answer.body) == (200, b"success")
    assert answer.headers["content-length"] == "7"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def assert_forwarded(qt, account, push, body):
    r, = qt.received
    assert r.fields["app_id"] == account.service_id
    assert r.fields["weChatOAData"] == qt_side.java_decode(body)
    wechats = {k: v for k, v in push.params if k in qt_side.WECHAT_FIELDS}
    assert {k: v for k, v in r.fields.items() if k in qt_side.WECHAT_FIELDS} == wechats


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN), ids=lambda a: a.path)
def test_handshake(front, account):
    for echostr in ("5837390273648210", "a b+c%/&=?;#\u4e2d\u6587\U0001f600", "<script>",
                    "x" * 1000):
        answer = front.push(account, wechat.handshake(account, echostr))
        assert (answer.status, answer.body) == (200, echostr.encode())
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(front.log.wait(4, account=account.path, verdict="handshake", status=200)) == 4


MESSAGES = {
    "ascii": "hello",
    "chinese-emoji": "\u4f60\u597d\uff0c\U0001f600\u2028\u007f\u00a0 \"quoted\" \\ </script>\r\n\t",
    "long": "\u6c49" * 9000,
}


@pytest.mark.parametrize("text", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("account,key", (
    (SAFE, None), (COMPATIBLE, None), (PLAIN, None), (SPARE, None), (KEYLESS, None),
    (ROTATED, None), (ROTATED, ROTATED.old_key)),
    ids=("safe", "compatible", "plain", "spare-bits", "no-appkey", "new-key", "old-key"))
def test_message(front, qt, account, key, text):
    push = wechat.push(account, wechat.text_message(text), key=key)
    assert_success(front.push(account, push))
    assert_forwarded(qt, account, push, push.body)
    front.log.one(account=account.path, verdict="delivered", status=200, qt="Httpapi_300_200")


@pytest.mark.parametrize("account", (ROTATED, KEYLESS), ids=("safe", "plain"))
def test_the_old_token(front, qt, account):
    """WeChat may use either Token: handshake and messages, with the key that goes with it."""
    for token in (account.token, account.old_token):
        probe = wechat.handshake(account, token=token)
        assert front.push(account, probe).body.decode() == probe.get("echostr")
        for key in {account.key, account.old_key}:
            push = wechat.push(account, wechat.text_message(token), token=token, key=key)
            assert_success(front.push(account, push))
            assert_forwarded(qt, account, push, push.body)
            qt.received.clear()
    wrong = account.old_token[:-1] + "x"
    assert front.push(account, wechat.push(account, token=wrong)).status == 403
    assert front.push(account, wechat.handshake(account, token=wrong)).status == 403


def test_every_padding(front, qt):
    for n in range(32):
        assert_success(front.push(SAFE, wechat.push(SAFE, wechat.text_message("x" * n))))
    assert len(qt.received) == 32


def test_bytes_that_are_no_utf8(front, qt):
    body = b"\xef\xbb\xbf<xml><a>\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe4\xb8</a>\x00\x1b</xml>"
    push = wechat.push(PLAIN, body)
    assert_success(front.push(PLAIN, push))
    assert_forwarded(qt, PLAIN, push, body)


def test_only_wechats_parameters_are_passed_on(front, qt):
    push = wechat.push(PLAIN)
    more = push.plus("@type", "java.net.Inet4Address").plus("$ref", "$").plus("sign", "0") \
        .plus("app_id", "x").plus("x", "1").plus("x", "2").plus("weChatOAData", "y")
    assert_success(front.push(PLAIN, more))
    assert_forwarded(qt, PLAIN, push, push.body)


def test_every_forgery_is_refused_alike(front, qt):
    seen = set()
    for name, push, code in wechat.refused_pushes(SAFE) + wechat.refused_handshakes(SAFE):
        front.log.mark()
        answer = front.push(SAFE, push)
        assert answer.status == 403, name
        front.log.one(status=403, wechat=code, account="safe")
        headers = {k: v for k, v in answer.headers.items() if k != "date"}
        seen.add((answer.body, *sorted(headers.items())))
    assert len(seen) == 1, seen
    assert not qt.received


def test_every_mode_refuses(front, qt):
    for account in (COMPATIBLE, PLAIN):
        needed = ("signature", "timestamp", "nonce")
        needed += ("msg_signature",) if account.key else ()
        pushes = [p for _, p, _ in wechat.refused_params(wechat.push(account), needed)]
        pushes += [wechat.push(account, token="anotherToken"),
                   wechat.push(account, at=1712345678)]
        if account.key:
            # The plain part is there, the encrypted one is not or does not open.
            xml = wechat.text_message()
            pushes += [wechat.Push(wechat.url_params(account), xml),
                       wechat.push(account, xml, key=SAFE.key)]
        for push in pushes:
            assert front.push(account, push).status == 403, push
    # One account's signature is nothing to another.
    assert front.push(SAFE, wechat.push(COMPATIBLE)).status == 403
    assert not qt.received


@pytest.mark.parametrize("method", ("PUT", "DELETE", "PATCH"))
def test_other_methods(front, qt, method):
    push = wechat.push(SAFE)
    answer = front.request(method, f"/qtoa/safe?{push.query}", push.body)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert not qt.received


def head_targets():
    """Targets below the program's path, with the status of GET."""
    right, forged = wechat.handshake(SAFE), wechat.handshake(SAFE, token="anotherToken")
    return {"/-/health": 200, "/-/metrics": 200, "/-/report": 200, "/-/report?lang=zh": 200, "/-/report/nothing.csv": 404,
            "/-/nothing": 404, f"/safe?{right.query}": 200, f"/safe?{forged.query}": 403,
            "/safe": 403, "/nobody": 404}


def ask_twice(front, target):
    """HEAD and GET on one connection: bytes of a body after HEAD would be read as GET's answer."""
    conn = front.connect()
    try:
        answers = []
        for method in ("HEAD", "GET"):
            conn.request(method, target)
            answer = conn.getresponse()
            headers = {k.lower(): v for k, v in answer.getheaders()}
            answers.append((answer.status, {k: v for k, v in headers.items()
                                            if k not in ("date", "connection", "keep-alive")},
                            answer.read()))
        return answers
    finally:
        conn.close()


def test_head_is_get_without_the_body(front, qt):
    for target, status in head_targets().items():
        def same():
            """The numbers of some pages change from one request to the next."""
            head, get = ask_twice(front, f"/qtoa{target}")
            assert (head[0], head[2]) == (status, b"") and get[0] == status, target
            assert len(get[2]) == int(get[1]["content-length"])
            return head[1] == get[1]
        until(same, f"{target}: HEAD has the headers of GET")
    assert not qt.received


def test_head_where_get_is_not_allowed(front):
    answer = front.request("HEAD", qt_side.PATH)
    assert (answer.status, answer.headers["allow"], answer.body) == (405, "POST", b"")


def test_one_slash_after_the_account(front, qt):
    """As people type the URL into WeChat's console."""
    push, shake = wechat.push(SAFE), wechat.handshake(SAFE, "x y")
    assert_success(front.request("POST", f"/qtoa/safe/?{push.query}", push.body))
    assert_forwarded(qt, SAFE, push, push.body)
    assert front.request("GET", f"/qtoa/safe/?{shake.query}").body == b"x y"
    assert front.request("HEAD", "/qtoa/safe/").status == 403


@pytest.mark.parametrize("path", ("nobody", "SAFE", "safe.", "safe/more", "nobody/",
                                  "%73afe%00", ""))
def test_other_paths(front, qt, path):
    push = wechat.push(SAFE)
    answer = front.request("POST", f"/qtoa/{path}?{push.query}", push.body)
    # Some of them servers refuse by themselves.
    assert answer.status in ((404, 400) if "%" in path else (404,))
    assert not qt.received


@pytest.mark.parametrize("path", ("/qtoa", "/qtoa/", "/qtoa/x", "/server", "/server/", "/server/x"))
def test_the_program_is_never_handed_out(front, path):
    """A server that takes it for a file would give away the secrets compiled in."""
    answer = front.request("GET", path)
    assert answer.status != 200 and b"ELF" not in answer.body[:8]


def test_body_at_the_limit(front, qt):
    push = wechat.push(PLAIN, b"x" * BODY_MAX)
    assert_success(front.push(PLAIN, push))
    assert_forwarded(qt, PLAIN, push, push.body)


def test_body_over_the_limit(front, qt):
    answer = front.push(PLAIN, wechat.push(PLAIN, b"x" * (BODY_MAX + 1)))
    assert answer.status == 413
    front.log.one(status=413, error="body too large")
    assert not qt.received


def in_chunks(body):
    return [body[i:i + 8192] for i in range(0, len(body), 8192)]


@pytest.mark.parametrize("path", ("/qtoa/plain", qt_side.PATH))
def test_body_over_the_servers_limit(front, qt, path):
    """The server's own limit, where it has one; in no case a message."""
    body = b"x" * (1 << 20)
    for sent in (body, in_chunks(body)):
        push = wechat.push(PLAIN, body)
        try:
            status = front.request("POST", f"{path}?{push.query}", sent).status
            assert status in (413, front.kind.too_large, front.kind.chunks(413))
        except (BrokenPipeError, ConnectionResetError):
            pass    # refused before all of it was sent
    assert not qt.received
    assert not (front.kind.bounds and front.log.lines())
    assert_success(front.push(PLAIN, wechat.push(PLAIN)))


def test_body_without_a_length(front, qt):
    """WeChat sends none, but others may."""
    for size, status in ((BODY_MAX, 200), (BODY_MAX + 1, 413)):
        push = wechat.push(PLAIN, b"chunk" + b"x" * (size - 5))
        answer = front.request("POST", f"/qtoa/plain?{push.query}", in_chunks(push.body))
        assert answer.status == front.kind.chunks(status), size
    assert len(qt.received) == (front.kind.chunks(200) == 200)


def test_a_client_sets_headers(front, qt):
    """httpoxy and its like: what a client sends is in the environment of a CGI."""
    trap = qt_side.Trap()
    headers = [("Proxy", trap.url), ("All-Proxy", trap.url), ("Https-Proxy", trap.url),
               ("Qtoa-Qt-Url", trap.url), ("X-Forwarded-Host", trap.url[7:])]
    try:
        assert_success(front.push(SAFE, wechat.push(SAFE), headers))
        assert not trap.touched()
    finally:
        trap.stop()
    assert len(qt.received) == 1


def test_qt_is_down_and_comes_back(sick_front, qt):
    """Nobody answers; `success`, because our disk has it; QT gets it when it is back, once."""
    front, push = sick_front, wechat.push(SAFE)
    qt.behave = qt_side.reset
    assert_success(front.push(SAFE, push))
    front.log.one(status=200, verdict="queued", error="not confirmed by QT", **{"class": "retry"})
    row = front.home.rows()[-1]
    assert (row["state"], row["query"].decode(), row["body"]) == ("pending", push.query, push.body)
    qt.behave = qt_side.genuine

    def drained():
        if front.kind.cgi:      # in what is left of the time of whoever comes next
            assert_success(front.push(SAFE, wechat.push(SAFE)))
        return [r for r in front.log.lines() if r["what"] == "drain"]

    line, = until(drained, "the queue is drained")
    assert (line["account"], line["verdict"], line["id"]) == ("safe", "delivered", str(row["id"]))
    assert len(qt.confirmed(push)) == 1
    assert_success(front.push(SAFE, wechat.push(SAFE)))
    assert not [r for r in front.home.rows() if r["state"] != "delivered"]


def test_many_at_once(front, qt):
    qt.behave = qt_side.delayed(0.05)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        front.push(SAFE, wechat.push(SAFE)))) for _ in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [a.body for a in answers] == [b"success"] * 24
    assert len({r.fields["nonce"] for r in qt.received}) == 24


def test_collector(front):
    """The other pool."""
    place = collector.behind_front(front)
    push = wechat.push(SAFE, wechat.text_message(front.name))
    row, = place.takes(collector.posted(SAFE, push))
    front.log.one(verdict="collect", account="safe", qt="Httpapi_300_200", event="$$_receive_msg")
    assert (row["event_code"], row["path"]) == ("$$_receive_msg", "safe")
    assert json.loads(row["attributes"])["Content"] == front.name
    place.takes(collector.posted(SAFE, push), events=0)
    # As a JSON string each of these bytes is six.
    body = wechat.text_message("\u0007" * (BODY_MAX - 1000)).decode()
    large = qt_side.envelope(PLAIN, body, **collector.parameters(wechat.push(PLAIN)))
    assert len(large) > 6 * (BODY_MAX - 1000)
    place.takes(large)
    place.refuses(qt_side.envelope(SAFE, "<xml></xml>", sign="0" * 32), 101)
    refused = front.request("GET", qt_side.PATH)
    assert (refused.status, refused.headers["allow"]) == (405, "POST")


def test_the_collector_has_one_place(front, qt):
    """Its bodies are larger than what a server lets through to the forwarder."""
    body = qt_side.envelope(SAFE, "<xml></xml>")
    for path in ("/qtoa" + qt_side.PATH, "/qtoa/safe" + qt_side.PATH, "/qtoa/x.cgi" + qt_side.PATH,
                 "/qtoa/qtoa" + qt_side.PATH, "/server" + qt_side.PATH, "/server/x" + qt_side.PATH,
                 "/server/thirdPartyDataSource/", "/server/x/thirdPartyDataSource"):
        assert front.request("POST", path, body).status == 404, path
    assert not [r for r in front.log.lines() if r.get("verdict") == "collect"]
    assert front.request("POST", qt_side.PATH, body).status == 200


def test_nothing_else_is_served(front):
    """Not the log of a server that is alone, and nothing above what it serves."""
    state = f"{front.home.state.name}/qtoa.lock"
    assert (front.home.dir / state).exists()
    for path in ("/", "/error.log", "/qtoa.lock", f"/{state}", f"/../{state}",
                 f"/%2e%2e/{state}", f"/..%2f{state}", f"/qtoa/../../{state}",
                 f"/server/..%2f..%2f{state}", f"{front.home.dir}/{state}"):
        answer = front.request("GET", path)
        assert answer.status in (400, 403, 404, 405), path
    # What the example names itself.
    roots = re.findall(r"(?mi)^#?\s*(?:document)?root\s+(?:\* )?(/[^\s;]*)", front.kind.example())
    assert roots or "lighttpd" in front.kind.file
    assert not [root for root in roots if "/var/lib/qtoa/".startswith(root.rstrip("/") + "/")]


KEY = "keyThatIsInNoLog0123456789"
LINE = "/qtoa/the-last-one"


def test_no_secret_is_in_the_servers_logs(front):
    """Signatures, OpenIDs and keys are in URLs, and URLs in access logs."""
    said = {KEY}
    pushes = [(a, wechat.push(a)) for a in (SAFE, COMPATIBLE, PLAIN)]
    pushes += [(SAFE, wechat.handshake(SAFE)), (SAFE, wechat.push(SAFE, token="anotherToken"))]
    for account, push in pushes:
        front.push(account, push, [("Referer", f"http://127.0.0.1/qtoa/-/report?key={KEY}")])
        said |= {v for k, v in push.params if k in ("signature", "msg_signature", "openid", "nonce")}
    large = wechat.push(PLAIN, b"x" * 140_000)
    said.add(large.get("signature"))
    with contextlib.suppress(ConnectionError):      # nginx says so and closes
        front.push(PLAIN, large)
    for path in ("safe/access_token", *(f"-/{page}" for page in fronts.PAGES), "-/report/days.csv",
                 "nobody", "/-/report", "-//report", ""):
        for method in ("GET", "POST", "DELETE"):
            front.request(method, f"/qtoa/{path}?key={KEY}", b"")
    front.request("POST", f"{qt_side.PATH}?key={KEY}", b"{}")
    front.request("GET", f"{LINE}?key={KEY}")
    until(lambda: LINE in front.access_log(), f"{front.name} has logged the last request")
    assert len(said) > 8
    text = front.access_log() + front.words()
    assert not [s for s in said if s in text], [line for line in text.splitlines()
                                                if any(s in line for s in said)][:5]


# What a client may say of its address.
FORGED = [[(name, value.replace("PEER", peer)) for name, value in (
    ("X-Forwarded-For", "PEER"), ("X-Forwarded-For", "203.0.113.9, PEER"), ("X-Real-IP", "PEER"),
    ("Forwarded", 'for="PEER"'), ("Remote-Addr", "PEER"), ("Client-IP", "PEER"),
    ("True-Client-IP", "PEER"))] for peer in ("127.0.0.1", "::1", "203.0.113.9")]


@pytest.mark.parametrize("page", fronts.PAGES)
def test_only_addresses_that_are_allowed(front, page):
    """The tests' configuration allows 127.0.0.1, and a client may say of itself what it likes."""
    path = f"/qtoa/-/{page}"
    for headers in ([], *FORGED):
        assert front.request("GET", path, headers=headers, source="127.0.0.2").status == 403
    assert front.request("GET", path).status == 200
    # From this host it opens nothing either: a tunnel would say so of its client.
    assert front.request("GET", path, headers=FORGED[-1]).status == 403
    assert front.request("POST", path, b"").status == 405
