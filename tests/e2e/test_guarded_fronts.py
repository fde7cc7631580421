"""Each web server as it is on the Internet: HTTPS, nothing by plain HTTP, a password for what is
below /-/, and clients that are slow."""

import base64
import contextlib
import re
import socket
import ssl
import warnings
from collections import Counter

import pytest

import fronts
import qt as qt_side
import wechat
from wechat import COMPATIBLE, PLAIN, SAFE

pytestmark = pytest.mark.parametrize("guarded", fronts.WAYS, indirect=True)

# As `htpasswd -nbs operator swordfish` and `caddy hash-password` print it.
PASSWORDS = {
    "htpasswd": "operator:{SHA}T1cYHcqt6YBVXyzmdVykJfAGWL4=\n",
    "caddy-passwords": "operator $2y$04$5aQO4LS/Zm1GWFd0b3RUIubK5nNzD6FwjTEWrWWpboxE9pXuDoRY2\n",
}
REPORT = "/qtoa/-/report"
# Ways to write it, or what a server may take for it, or for something else.
DETOURS = (
    "/qtoa/%2d/report", "/qtoa/%2D/%72eport", "/qtoa//-/report", "/qtoa/-//report",
    "//qtoa/-/report", "/qtoa/./-/report", "/qtoa/-/./report", "/./qtoa/-/report",
    "/qtoa/%2e/-/report", "/qtoa/x/../-/report", "/x/../qtoa/-/report",
    "/qtoa/%2e%2e/qtoa/-/report", "/qtoa/x/-/report", "/qtoa/safe/-/report",
    "/qtoa/x/y/z/-/report", "/server/-/report", "/server/x/-/report",
    "/server/thirdPartyDataSource/-/report", "/qtoa/%2f-/report", "/qtoa%2f-/report",
    "/qtoa%2f-%2freport", "/qtoa/-%2freport", "/qtoa/x%2f-%2freport", "/server%2f-%2freport",
    "/qtoa/-/report/", "/qtoa/-/report/days.csv", "/qtoa/-/report;x", "/qtoa/-;x/report",
    "/qtoa/;/-/report", "/qtoa;x/-/report", "/QTOA/-/report", "/Qtoa/-/report", "/SERVER/-/report",
    "/qtoa/-/REPORT", "/qtoa/%0a/-/report", "/qtoa/%0d%0a/-/report", "/qtoa/x%0ay/-/report",
    "/server/%0a/-/report", "/qtoa/%00/-/report", "/qtoa/-/report%00", "/qtoa/%c0%af-/report",
    "/qtoa/%ff/-/report", "/qtoa/%252d/report", "/qtoa/%25%32%64/report", "/qtoa/-/report%3f",
    "/qtoa/-/report%23", "/qtoa/-/report?x", "/qtoa/-/report?/../", "/qtoa/\\-/report",
    "/qtoa/-\\report", "/qtoa/-/report/../report", "/qtoa/-/x/../report", "/qtoa/x?/-/report",
    f"https://{fronts.HOST}/qtoa/-/report", f"http://{fronts.HOST}/qtoa/-/report",
)


def basic(user, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


OPERATOR = basic("operator", "swordfish")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return qt_side.Authority(tmp_path_factory.mktemp("tls"), "guarded")


@pytest.fixture(scope="module")
def guarded(request, qt_server, authority):
    front = fronts.Front(request.param, qt_server.url, blocks={"password"}, files=PASSWORDS,
                         authority=authority)
    with contextlib.ExitStack() as stack:
        stack.callback(front.stop)
        # A slow client, from the start: what the others take is not waited for again.
        front.slow = front.connect()
        stack.callback(front.slow.close)
        front.slow.putrequest("POST", f"/qtoa/{COMPATIBLE.path}", skip_host=True)
        front.slow.putheader("Host", f"{fronts.HOST}:{front.tls_port}")
        front.slow.putheader("Content-Length", "1000")
        front.slow.endheaders(b"<xml>")
        yield front
        front.check()


@pytest.fixture
def front(guarded):
    guarded.log.mark()
    return guarded


def logged_by(front):
    """What the program has logged, but for the slow client, whose line comes at any time."""
    return [r for r in front.log.lines() if r.get("account") != COMPATIBLE.path]


def shake(front, context):
    """A TLS handshake; the protocol that both agree on."""
    with socket.create_connection(("127.0.0.1", front.tls_port), 20) as plain, \
            context.wrap_socket(plain, server_hostname=fronts.HOST) as tls:
        return tls.version()


def only(version):
    """A client of one protocol, as lax as OpenSSL can be, that proves nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


def test_https(front, qt):
    """The certificate is proved; WeChat's handshake and messages go through."""
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(front, ssl.create_default_context())
    answer = front.push(SAFE, wechat.handshake(SAFE, "5837390273648210"))
    assert (answer.status, answer.body) == (200, b"5837390273648210")
    for account in (SAFE, PLAIN):
        answer = front.push(account, wechat.push(account))
        assert (answer.status, answer.body) == (200, b"success")
    assert len(qt.received) == 2


def test_protocols(front):
    version = ssl.TLSVersion
    assert [shake(front, only(v)) for v in (version.TLSv1_2, version.TLSv1_3)] == [
        "TLSv1.2", "TLSv1.3"]
    for old in (version.TLSv1, version.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            shake(front, only(old))


def test_plain_http(front, qt):
    """It leads to HTTPS: nothing is taken, and no password asked for, in the open."""
    if "redirect" not in front.blocks:
        return      # Caddy does it by itself, with certificates that it gets by itself
    push = wechat.push(PLAIN)
    target = f"/qtoa/plain?{push.query}"
    for method, path, body in (("POST", target, push.body), ("GET", REPORT, None),
                               ("POST", qt_side.PATH, b"{}"), ("GET", "/server/-/report", None)):
        answer = front.request(method, path, body, plain=True)
        assert answer.status in (301, 308), path
        assert re.fullmatch(r"https://[^/]+(/.*)", answer.headers["location"]).group(1) == path
    assert not logged_by(front) and not qt.received


@pytest.mark.parametrize("page", fronts.PAGES)
def test_password(front, page):
    path = f"/qtoa/-/{page}"
    for one in (path, path + "/funnel", path + "?x=1", f"/qtoa/x/-/{page}", f"/server/-/{page}",
                f"/qtoa/%2d/{page}"):
        answer = front.request("GET", one)
        assert answer.status == 401, one
        assert answer.headers["www-authenticate"].startswith("Basic "), one
    assert front.request("GET", path, headers=OPERATOR).status == 200
    # The password is not instead of the address.
    for headers in (OPERATOR, [*OPERATOR, ("X-Forwarded-For", "127.0.0.1")]):
        assert front.request("GET", path, headers=headers, source="127.0.0.2").status == 403
    # WeChat is asked for none.
    assert front.request("GET", "/qtoa/nobody").status == 404


def test_wrong_password(front):
    """lighttpd takes its time over it."""
    assert front.request("GET", REPORT, headers=basic("operator", "wrong")).status == 401
    assert not logged_by(front)


def test_no_detour_around_the_password(front):
    """However the path is written: the program does not see it, or finds nothing there."""
    seen = Counter()
    for path in DETOURS:
        answer = front.request("GET", path)
        assert answer.status in (400, 401, 403, 404), (path, answer)
        seen[answer.status] += 1
        if answer.status == 401:
            continue
        # With the password it is no page either, so that it is not the guard who let it through.
        assert front.request("GET", path, headers=OPERATOR).status == answer.status, path
    assert seen[401] > len(DETOURS) / 2, seen
    assert not [r for r in logged_by(front) if r["verdict"] == "page" and r["status"] != "404"]


def test_slow_client(front):
    """A body that does not come does not hold a worker for good."""
    front.slow.sock.settimeout(8)
    answer = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while more := front.slow.sock.recv(4096):
            answer += more
    assert not answer or re.match(rb"HTTP/1\.[01] [45]\d\d ", answer), answer
