"""What must survive is not to be where the web server's visitors can fetch it: the program refuses
to work there."""

import os

import pytest

import fcgi
import program
import wechat
from wechat import SAFE

HINT = "visitors could fetch it: move settings.state_dir out of the document root"


def params(push, **more):
    return {**fcgi.push_params(push, f"/qtoa/{SAFE.path}"), "GATEWAY_INTERFACE": "CGI/1.1", **more}


@pytest.fixture
def link(home):
    """Another name of the directory above the state directory."""
    path = home.dir / "link"
    path.symlink_to(home.dir)
    return path


# How the web server may name what it serves, and whether our state is in there.
ROOTS = [
    ({"DOCUMENT_ROOT": "{dir}"}, True),
    ({"DOCUMENT_ROOT": "{dir}/"}, True),
    ({"DOCUMENT_ROOT": "{dir}/state"}, True),
    ({"DOCUMENT_ROOT": "{dir}/logs/../state"}, True),
    ({"DOCUMENT_ROOT": "{link}"}, True),
    ({"DOCUMENT_ROOT": "{dir}/logs", "CONTEXT_PREFIX": "/~shop",
      "CONTEXT_DOCUMENT_ROOT": "{dir}"}, True),
    ({"DOCUMENT_ROOT": "{dir}/logs", "CONTEXT_PREFIX": "/qtoa",
      "CONTEXT_DOCUMENT_ROOT": "{dir}"}, False),
    ({"DOCUMENT_ROOT": "{dir}/stat"}, False),
    ({"DOCUMENT_ROOT": "{dir}/logs"}, False),
    ({"DOCUMENT_ROOT": "{dir}/nothing"}, False),
    ({"DOCUMENT_ROOT": "/"}, False),
    ({"DOCUMENT_ROOT": ""}, False),
]


@pytest.mark.parametrize("roots, served", ROOTS,
                         ids=[" ".join(r.values()) or "empty" for r, _ in ROOTS])
def test_cgi(home, qt, link, roots, served):
    push = wechat.push(SAFE)
    roots = {k: v.format(dir=home.dir, link=link) for k, v in roots.items()}
    answer = program.run_cgi(home, params(push, **roots), push.body)
    assert (answer.status, len(qt.received)) == ((503, 0) if served else (200, 1))
    row = home.log.one(status=answer.status)
    assert (row.get("hint") == HINT) == served


def test_fastcgi_asks_again_where_the_root_is_another(pool, qt):
    """One process may serve several sites."""
    for root, status in (("logs", 200), ("", 503), ("logs", 200), ("state", 503), ("run", 200)):
        push = wechat.push(SAFE)
        answer = pool.push(SAFE, push, DOCUMENT_ROOT=os.path.join(pool.home.dir, root))
        assert answer.status == status, root
