"""Who may see the report: by address, and by the password that each example can ask for."""

import base64

import pytest

import fcgi
import fronts
import program

KINDS = ("lighttpd-fastcgi", "lighttpd-cgi", "apache-fcgid", "apache-proxy", "apache-cgi", "nginx")
PATH = "/qtoa/-/report"
# As `htpasswd -nbs operator swordfish` prints it.
PASSWORDS = "operator:{SHA}T1cYHcqt6YBVXyzmdVykJfAGWL4=\n"


def basic(user, password):
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


@pytest.mark.parametrize("kind", KINDS)
def test_password(kind, qt):
    front = fronts.Front(kind, qt.url, blocks={"password"}, files={"htpasswd": PASSWORDS})
    try:
        for path in (PATH, PATH + "/funnel", PATH + "/days.csv"):
            assert front.request("GET", path).status == 401, path
        # lighttpd takes its time over a wrong password.
        answer = front.request("GET", PATH, headers=basic("operator", "wrong"))
        assert answer.status == 401
        answer = front.request("GET", PATH, headers=basic("operator", "swordfish"))
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/html")
        # WeChat is asked for none.
        assert front.request("GET", "/qtoa/nobody").status == 404
        front.check()
    finally:
        front.stop()


@pytest.mark.parametrize("running_front", KINDS, indirect=True)
def test_headers_do_not_forge_an_address(front):
    """The tests' configuration allows loopback: 200, whatever a client says of itself."""
    for headers in ((), [("X-Forwarded-For", "203.0.113.9")], [("Remote-Addr", "203.0.113.9")]):
        assert front.request("GET", PATH, headers=headers).status == 200
        assert front.request("POST", PATH, b"", headers=headers).status == 405


def ask(home, peer, variant="main"):
    params = fcgi.cgi("GET", PATH, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR="127.0.0.1",
                      HTTP_REMOTE_ADDR="127.0.0.1")
    return program.run_cgi(home, params, variant=variant)


def test_by_address(home):
    """What the web server says of the client's address counts, and nothing else."""
    for peer, status in (("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200),
                         ("127.0.0.2", 403), ("203.0.113.9", 403), ("", 403), ("localhost", 403),
                         ("127.0.0.1, 203.0.113.9", 403)):
        answer = ask(home, peer)
        assert answer.status == status, peer
        if status == 403:
            assert answer.body == b"not accepted\n"
    assert {r.get("error") for r in home.log.lines() if r["status"] == "403"} == {
        "address not allowed"}


def test_nobody_by_default(home):
    assert ask(home, "127.0.0.1", "tight").status == 403
