"""CGI (RFC 3875), driven by its variables: lengths, query strings, paths, arguments, and a
configuration that is not usable."""

import os
import signal
import socket
import subprocess
import time

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from program import TIGHT, run_cgi
from wechat import PLAIN, SAFE

BODY_MAX = 64 * 1024


def params_of(push, path="/qtoa/safe", **more):
    return fcgi.push_params(push, path, **more)


# CONTENT_LENGTH: sent, then the status for a body of `size` bytes.

@pytest.mark.parametrize("length,status", (
    ("+5", 400), ("-1", 400), ("0x10", 400), ("1e2", 400), ("5 ", 400), (" 5", 400), ("5,5", 400),
    ("05.0", 400), ("\u0665", 400), ("x", 400), ("9223372036854775808", 400),
    ("18446744073709551616", 400), ("18446744073709551621", 400), ("9" * 400, 400),
    ("9223372036854775807", 400), ("999999999999999999", 413), (str(BODY_MAX + 1), 413)))
def test_lengths_that_are_none(home, qt, length, status):
    push = wechat.push(PLAIN)
    answer = run_cgi(home, params_of(push, "/qtoa/plain", CONTENT_LENGTH=length), push.body)
    assert answer.status == status
    assert not qt.received


def test_length_right(home, qt):
    push = wechat.push(SAFE)
    answer = run_cgi(home, params_of(push), push.body)
    assert (answer.status, answer.body) == (200, b"success")
    assert answer.headers["status"] == "200 OK"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    push = wechat.push(SAFE)
    zeros = params_of(push, CONTENT_LENGTH="000" + str(len(push.body)))
    assert run_cgi(home, zeros, push.body).body == b"success"
    assert len(qt.received) == 2


@pytest.mark.parametrize("length", (None, ""), ids=("absent", "empty"))
def test_no_length(home, qt, length):
    """The body ends where the input does (a chunked one has no length)."""
    push = wechat.push(SAFE)
    assert run_cgi(home, params_of(push, CONTENT_LENGTH=length), push.body).body == b"success"
    assert run_cgi(home, params_of(push, CONTENT_LENGTH=length), b"").status == 403
    over = wechat.push(PLAIN, b"x" * (BODY_MAX + 1))
    assert run_cgi(home, params_of(over, "/qtoa/plain", CONTENT_LENGTH=length),
                   over.body).status == 413
    assert len(qt.received) == 1


def test_body_shorter_than_its_length(home, qt):
    push = wechat.push(PLAIN)
    for missing in (1, 10, len(push.body)):
        answer = run_cgi(home, params_of(push, "/qtoa/plain"), push.body[:-missing])
        assert answer.status == 400
    assert not qt.received


def test_body_longer_than_its_length(home, qt):
    """Only what the length says is the body."""
    push = wechat.push(PLAIN)
    answer = run_cgi(home, params_of(push, "/qtoa/plain"), push.body + b"<more/>" * 20000)
    assert answer.body == b"success"
    r, = qt.received
    assert r.fields["weChatOAData"] == push.body.decode()


def test_body_that_does_not_come(home, qt):
    """Standard input open and silent: io_ms ends it."""
    push = wechat.push(SAFE)
    assert run_cgi(home, params_of(push), None, "tight").status == 400
    assert int(home.log.one(status=400)["ms"]) < TIGHT["deadline_ms"]


@pytest.mark.parametrize("redirection", ("</dev/null", "<&-", "</", "0>/dev/null"))
def test_input_that_is_not_there(home, qt, redirection):
    """Standard input empty, closed, a directory, for writing only."""
    push = wechat.push(SAFE)
    done = subprocess.run(["/bin/sh", "-c", f'exec "$0" {redirection}', program.binary("main")],
                          capture_output=True, env={**home.env, **params_of(push)},
                          timeout=PATIENCE_S)
    assert fcgi.parse(done.stdout).status == 400 and done.returncode == 0
    assert not qt.received


# QUERY_STRING.

def query_of(*parts):
    return "&".join(f"{k}={v}" for k, v in parts)


def percent(text):
    return "".join(f"%{b:02x}" for b in text.encode())


QUERIES = {
    # How the genuine query is written, and whether that is still it.
    "percent-encoded": (lambda p: query_of(*((k, percent(v)) for k, v in p.params)), 200),
    "names-percent-encoded": (lambda p: query_of(*((percent(k), v) for k, v in p.params)), 200),
    "upper-case-hex": (lambda p: p.query.replace("signature", "%73ig%6Eature", 1), 200),
    "reversed": (lambda p: "&".join(reversed(p.query.split("&"))), 200),
    "empty-parts": (lambda p: "&&" + p.query.replace("&", "&&") + "&", 200),
    "empty-names": (lambda p: "=x&=&" + p.query, 200),
    "others-beside": (lambda p: p.query + "&a&b=&c=1&c=2&d=%ff%00&e=+&f", 200),
    "other-with-broken-percent": (lambda p: p.query + "&x=%zz&y=%&z=%4", 200),
    "semicolons": (lambda p: p.query.replace("&", ";"), 403),
    "no-equals": (lambda p: p.query.replace("=", ""), 403),
    "empty": (lambda p: "", 403),
    "question-mark": (lambda p: "?" + p.query, 403),
    "nul-in-value": (lambda p: p.query.replace("&timestamp", "%00&timestamp"), 403),
    "nul-in-name": (lambda p: p.query.replace("signature", "signature%00", 1), 403),
    "plus-in-value": (lambda p: p.query.replace("&timestamp", "+&timestamp"), 403),
    "broken-percent-in-value": (lambda p: p.query.replace("&timestamp", "%&timestamp"), 403),
    "broken-percent-cut": (lambda p: p.query.replace("&timestamp", "%4&timestamp"), 403),
    "other-case": (lambda p: p.query.replace("signature", "Signature", 1), 403),
    "blank-before-name": (lambda p: p.query.replace("signature", "+signature", 1), 403),
    "overlong-utf8-name": (lambda p: p.query.replace("signature", "%c1%b3ignature", 1), 403),
    "twice-percent-encoded": (lambda p: p.query + "&%6eonce=" + p.get("nonce"), 403),
    "twice-without-value": (lambda p: p.query + "&nonce", 403),
    "twice-first-empty": (lambda p: "nonce=&" + p.query, 403),
    "double-encoded": (lambda p: query_of(*((k, percent(percent(v))) for k, v in p.params)), 403),
    "too-many": (lambda p: p.query + "".join(f"&x{i}=1" for i in range(40)), 400),
    "64-kib": (lambda p: p.query + "&x=" + "x" * 65536, 400),
    "64-kib-of-ampersands": (lambda p: p.query + "&" * 65536, 400),
}


@pytest.mark.parametrize("name", QUERIES)
def test_queries(home, qt, name):
    write, status = QUERIES[name]
    push = wechat.push(SAFE)
    assert push.query.startswith("signature=")
    answer = run_cgi(home, params_of(push, QUERY_STRING=write(push)), push.body)
    assert answer.status == status
    assert len(qt.received) == (status == 200)
    if status == 200:
        assert {k: v for k, v in qt.received[0].fields.items()
                if k in qt_side.WECHAT_FIELDS} == dict(push.params)


def test_values_that_json_must_escape(home, qt):
    """A nonce and an openid out of the ordinary are signed and passed on as decoded."""
    at, nonce = str(int(time.time())), 'n"\\\u4e2d\u2028\x7f/<>&\'\U0001f600'
    push = wechat.Push((("signature", wechat.sha1_sorted(PLAIN.token, at, nonce)),
                        ("timestamp", at), ("nonce", nonce), ("openid", "o\t\x01")),
                       wechat.text_message())
    assert run_cgi(home, params_of(push, "/qtoa/plain"), push.body).body == b"success"
    r, = qt.received
    assert (r.fields["nonce"], r.fields["openid"]) == (nonce, "o\t\x01")


def test_echo_is_decoded_once(home):
    push = wechat.handshake(SAFE, "%41+%2B")
    assert run_cgi(home, params_of(push)).body == b"%41+%2B"


def test_echo_of_bytes(home):
    """Whatever it decodes to comes back, a NUL and a line end too."""
    at = str(int(time.time()))
    query = query_of(("signature", wechat.sha1_sorted(SAFE.token, at, "1")), ("timestamp", at),
                     ("nonce", "1"), ("echostr", "a%00b%0d%0aX-Header:%20y%0d%0a%0d%0a%ff"))
    answer = run_cgi(home, fcgi.cgi("GET", "/qtoa/safe", query))
    assert answer.body == b"a\0b\r\nX-Header: y\r\n\r\n\xff"
    assert "x-header" not in answer.headers


# The path.

@pytest.mark.parametrize("script,info,uri,status", (
    ("/qtoa", "/safe", None, 200), ("/qtoa/safe", None, None, 200), ("", "/safe", None, 200),
    ("/cgi-bin/qtoa.cgi", "/safe", None, 200), (None, None, "/qtoa/safe", 200),
    (None, None, "/qtoa/safe?x=/plain", 200), ("", "", "/qtoa/safe", 200),
    ("/qtoa", "/x/../safe", None, 200),     # its last part is what counts
    ("/qtoa", "/safe/", None, 200), ("/qtoa/safe", "/", None, 200),
    ("/qtoa/safe/", None, None, 200),
    (None, None, "/qtoa/safe/?x=/", 200), ("/qtoa/safe/", "/", None, 404),
    ("/qtoa", "/safe//", None, 404), ("/qtoa", "/safe/.", None, 404),
    ("/qtoa", "/nobody/", None, 404),
    ("/qtoa", "/safe/..", None, 404), ("/qtoa", "", None, 404),
    ("/qtoa", "/Safe", None, 404), ("/qtoa", "/safe\n", None, 404), ("/qtoa", "/safe ", None, 404),
    ("/qtoa", "//", None, 404), (None, None, None, 404), ("/safe", "/x", None, 404),
    ("/qtoa", "/" + "x" * 3000, None, 400), ("/qtoa", "/%73afe", None, 404)))
def test_paths(home, qt, script, info, uri, status):
    push = wechat.push(SAFE)
    params = params_of(push, SCRIPT_NAME=script, PATH_INFO=info, REQUEST_URI=uri)
    assert run_cgi(home, params, push.body).status == status
    assert len(qt.received) == (status == 200)


@pytest.mark.parametrize("script,info,status", (
    ("/server", "/thirdPartyDataSource", 200), ("/server/thirdPartyDataSource", None, 200),
    ("/FILE.cgi", "/server/thirdPartyDataSource", 200),
    ("/~shop/wechat/FILE.cgi", "/server/thirdPartyDataSource", 200),
    ("/qtoa", "/server/thirdPartyDataSource", 404),
    ("/qtoa/server/thirdPartyDataSource", None, 404),
    ("/qtoa/other.cgi", "/server/thirdPartyDataSource", 404),
    ("/FILE.cgi/server/thirdPartyDataSource", None, 404),
    ("/FILE.cgi", "/x/server/thirdPartyDataSource", 404),
    ("/server/server", "/thirdPartyDataSource", 404),
    ("/server", "/thirdPartyDataSource/", 404)))
def test_the_place_of_the_collector(home, script, info, status):
    """/server; or the program's own file, where that is the only place there is."""
    file = home.dir / "qtoa.cgi"
    file.touch()
    script = script.replace("FILE", "qtoa")
    params = fcgi.cgi("POST", script, "", 2, PATH_INFO=info, SCRIPT_FILENAME=str(file))
    assert run_cgi(home, params, b"{}").status == status


@pytest.mark.parametrize("path,status", (
    ("/qtoa/-/health", 200), ("/-/health", 200), ("/a/b/c/-/health", 200), ("/qtoa.cgi/-/health", 200),
    ("/qtoa/-/-/health", 404), ("/qtoa/-/x/-/health", 404), ("/qtoa/-/report/-/health", 404),
    ("/server/thirdPartyDataSource/-/health", 404), ("/qtoa/safe/access_token/-/health", 404),
    ("/qtoa/-/health/", 404), ("/qtoa/-/health/x", 404), ("/qtoa/-/safe", 404),
    ("/server/thirdPartyDataSource/safe", 404), ("/qtoa/safe", 403), ("/qtoa/safe/safe", 403)))
def test_no_route_is_below_another(home, path, status):
    assert run_cgi(home, fcgi.cgi("GET", path, REMOTE_ADDR="127.0.0.1")).status == status


# Methods.

@pytest.mark.parametrize("method,status", (("get", 405), ("Post", 405), ("", 405), ("POST ", 405),
                                           ("PUT", 405), ("TRACE", 405), ("head", 405), ("HEAD ", 405),
                                           ("x" * 5000, 405)))
def test_methods(home, qt, method, status):
    push = wechat.push(SAFE)
    answer = run_cgi(home, params_of(push, REQUEST_METHOD=method), push.body)
    assert (answer.status, answer.headers["allow"]) == (status, "GET, HEAD, POST")
    assert not qt.received


@pytest.mark.parametrize("token,status", ((None, 200), ("anotherToken", 403)))
def test_head_of_a_handshake(home, token, status):
    """The headers are those of GET, the length of the body with them; there is no body."""
    push = wechat.handshake(SAFE, "x" * 100, **({"token": token} if token else {}))
    get = run_cgi(home, params_of(push))
    head = run_cgi(home, params_of(push, REQUEST_METHOD="HEAD"))
    assert (get.status, head.status, head.headers, head.body) == (status, status, get.headers, b"")
    assert int(head.headers["content-length"]) == len(get.body) > 0


def test_head_while_the_configuration_is_unusable(home):
    home.env["QTOA_QT_URL"] = "nonsense"
    params = params_of(wechat.handshake(SAFE), REQUEST_METHOD="HEAD")
    answer = run_cgi(home, params, variant="vital")
    assert (answer.status, answer.headers["content-length"], answer.body) == (503, "13", b"")


def test_no_method(home, qt):
    push = wechat.push(SAFE)
    answer = run_cgi(home, params_of(push, REQUEST_METHOD=None), push.body)
    assert answer.status == 405


# Arguments: of a CGI they may be the query string.

@pytest.mark.parametrize("args", (("-V",), ("-h",), ("check",), ("send", "safe", "http://x/", "-"),
                                  ("--help",), ("-c", "/etc/passwd")), ids=" ".join)
def test_arguments_are_ignored(home, qt, args):
    push = wechat.push(SAFE)
    assert run_cgi(home, params_of(push), push.body, args=args).body == b"success"
    only_gateway = {"GATEWAY_INTERFACE": "CGI/1.1"}
    assert run_cgi(home, only_gateway, args=args).status == 404
    assert len(qt.received) == 1


# A configuration that is not usable: 503 for all, and one line that says why.

def unusable(home, env, *, removed=()):
    home.env.update(env)
    for name in removed:
        home.env.pop(name)
    push = wechat.push(SAFE)
    answers = [run_cgi(home, params_of(push), push.body),
               run_cgi(home, params_of(wechat.handshake(SAFE))),
               run_cgi(home, params_of(push, "/qtoa/nobody"), push.body),
               run_cgi(home, params_of(push, "/server/thirdPartyDataSource"), push.body),
               run_cgi(home, params_of(push, REQUEST_METHOD="PUT"), push.body)]
    assert {(a.status, a.body) for a in answers} == {(503, b"not accepted\n")}
    home.log.wait(5, what="request", status=503, error="configuration unusable")
    lines = home.log.wait(5, what="start", level="error")
    return lines[0]["msg"]


def test_unusable_without_a_variable(home, qt):
    message = unusable(home, {}, removed=["QTOA_QT_URL"])
    assert "qt_url" in message and "QTOA_QT_URL" in message
    assert not qt.received


@pytest.mark.parametrize("url", ("", "qt.example.com", "ftp://x/", "file:///etc/passwd",
                                 "http://", "https:///x", "http://user@x/", "http://a b/",
                                 "https://x/" + "y" * 2000))
def test_unusable_url(home, url):
    assert "qt_url" in unusable(home, {"QTOA_QT_URL": url})


def test_unusable_in_fastcgi(make_pool, home):
    pool = make_pool(env={"QTOA_QT_URL": "nonsense"})
    for _ in range(3):
        answer = pool.push(SAFE, wechat.push(SAFE))
        assert (answer.status, answer.body) == (503, b"not accepted\n")
    pool.check()


def test_the_log_cannot_be_written(home, qt):
    """Then it is standard error, and messages go on."""
    home.env["E2E_LOG"] = str(home.dir / "missing" / "log")
    push = wechat.push(SAFE)
    done = subprocess.run([program.binary("main")], input=push.body, capture_output=True,
                          env={**home.env, **params_of(push)}, timeout=PATIENCE_S)
    assert fcgi.parse(done.stdout).body == b"success"
    assert b"settings.log" in done.stderr and b"verdict=delivered" in done.stderr


@pytest.fixture
def log_link(home):
    (home.dir / "log-link").symlink_to("/dev/fd")
    return str(home.dir / "log-link" / "1")


@pytest.mark.parametrize("target", ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/stdin",
                                    "/proc/thread-self/fd/0", "//dev/./stdout", "stdout", None))
@pytest.mark.parametrize("kind", ("pipe", "file"))
def test_the_log_is_never_part_of_the_answer(home, qt, log_link, target, kind):
    """None: a symbolic link.  A terminal or a file may be standard output, too."""
    home.env["E2E_LOG"] = target or log_link
    push = wechat.push(SAFE)
    with (home.dir / "out").open("w+b") as out:
        done = subprocess.run([program.binary("main")], input=push.body, stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE if kind == "pipe" else out, cwd=home.dir,
                              env={**home.env, **params_of(push)}, timeout=PATIENCE_S)
        out.seek(0)
        answer = done.stdout if kind == "pipe" else out.read()
    assert fcgi.parse(answer).body == b"success" and b"what=" not in answer
    start, request = done.stderr.splitlines()
    assert b"what=start" in start and b"settings.log" in start and b"verdict=delivered" in request


@pytest.mark.parametrize("target", ("stderr", "/dev/stderr", "/dev/fd/2", "/dev/stdout", ""))
@pytest.mark.parametrize("kind", ("pipe", "socket"))
def test_a_server_that_joins_both_outputs(home, qt, target, kind):
    """As thttpd and mini_httpd do: the log goes to syslog, and the answer stays whole."""
    home.env["E2E_LOG"] = target
    push = wechat.push(SAFE)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run([program.binary("main")], input=push.body, stderr=subprocess.STDOUT,
                              stdout=subprocess.PIPE if kind == "pipe" else theirs,
                              env={**home.env, **params_of(push)}, timeout=PATIENCE_S)
        answer = done.stdout if kind == "pipe" else ours.recv(65536)
    assert fcgi.parse(answer).body == b"success" and b"what=" not in answer


@pytest.mark.parametrize("target", ("/dev/fd/0", "/proc/self/fd/0", "/dev/stdout"))
def test_the_log_is_never_the_fastcgi_socket(make_pool, home, qt, target):
    pool = make_pool(env={"E2E_LOG": target})
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    program.until(lambda: pool.stderr().count("\n") == 2, "two lines")
    start, request = pool.stderr().splitlines()
    assert f"settings.log: {target} leads to" in start and "verdict=delivered" in request
    os.truncate(home.logs / "stderr", 0)


# QT is down: our disk has it, and some later process sends it.

def queued(home, qt):
    """A message that QT did not take; QT is well again."""
    push = wechat.push(SAFE)
    qt.behave = qt_side.reset
    assert run_cgi(home, params_of(push), push.body).body == b"success"
    qt.behave = qt_side.genuine
    home.log.one(verdict="queued", status=200, error="not confirmed by QT", **{"class": "retry"})
    row, = home.rows()
    assert (row["state"], row["body"]) == ("pending", push.body)
    return push


def assert_drained(home, qt, push):
    home.log.wait(what="drain", verdict="delivered", account="safe")
    assert len(qt.confirmed(push)) == 1
    assert not [r for r in home.rows() if r["state"] != "delivered"]


def test_drained_by_the_next_request(home, qt):
    """... that comes when the back-off is over."""
    push = queued(home, qt)

    def drained():
        other = wechat.push(SAFE)
        assert run_cgi(home, params_of(other), other.body).body == b"success"
        assert len(qt.confirmed(other)) == 1
        return "what=drain" in home.log.text()

    program.until(drained, "the queue is drained")
    assert_drained(home, qt, push)


def test_drained_by_command(home, qt):
    """At once: what is asked for does not wait for the back-off."""
    push = queued(home, qt)
    done = subprocess.run([program.binary("main"), "drain"], env=home.env, capture_output=True,
                          timeout=PATIENCE_S)
    assert done.returncode == 0, done
    assert_drained(home, qt, push)


def test_a_repeat_in_another_process(home, qt):
    """Each has nothing but the disk to know it by."""
    xml = wechat.text_message()
    for verdict in ("delivered", "repeat", "repeat"):
        push = wechat.push(SAFE, xml)
        home.log.mark()
        assert run_cgi(home, params_of(push), push.body).body == b"success"
        home.log.one(verdict=verdict, status=200)
    assert len(qt.received) == 1


# What else must not disturb.

def test_nothing_of_a_message_or_secret_is_logged(home, qt):
    body = wechat.text_message("a-secret-content")
    for account in wechat.ACCOUNTS:
        push = wechat.push(account, body)
        run_cgi(home, params_of(push, f"/qtoa/{account.path}"), push.body)
        run_cgi(home, params_of(push.with_("nonce", "x"), f"/qtoa/{account.path}"), push.body)
    text = home.log.text()
    for account in wechat.ACCOUNTS:
        for secret in (account.token, account.key, account.old_key, account.service_secret,
                       account.app_key):
            assert not secret or secret not in text
    assert "a-secret-content" not in text and "oQtoaE2eUser" not in text


def test_foreign_text_in_the_log_is_escaped(home):
    """Nobody writes lines of ours."""
    for text in ("x\nlevel=error what=request status=200", "\x1b[31mred", '"quoted" = \\', "\r",
                 "\u4e2d", "\u4e2d" * 500, "\u202egnp", "a\u2028b", "\x85", "\u200b\ufeff",
                 "\U000e0041", "y" * 1500):
        before = len(home.log.text())
        run_cgi(home, fcgi.cgi("BREW\n" + text, "/qtoa/" + text, REMOTE_ADDR=text))
        added = home.log.text()[before:]
        assert added.count("\n") == 1 and added.endswith("\n")
        assert len(added.encode()) <= 1024 and added[:-1].isprintable()
    assert " path=/qtoa/\u4e2d " in home.log.text()


def test_peer_that_goes_away(home, qt):
    """Nobody reads the answer: no message is lost for that, no signal kills."""
    push = wechat.push(SAFE)
    proc = subprocess.Popen([program.binary("main")], env={**home.env, **params_of(push)},
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    proc.stdout.close()
    proc.stdin.write(push.body)
    proc.stdin.close()
    assert proc.wait(PATIENCE_S) in (0, -signal.SIGPIPE)
    assert len(qt.received) == 1
    home.log.one(verdict="delivered")
