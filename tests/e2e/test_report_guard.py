"""Who may see the report: by address.  What web servers add to that: test_guarded_fronts.py."""

import fcgi
import program

PATH = "/qtoa/-/report"


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
