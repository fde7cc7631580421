"""A host of the URL that does not answer as a server that is down would: it is silent, or it closes
each connection, as a balancer without servers does."""

import pytest

import links
import servers


@pytest.fixture
def wires():
    wires = links.Wires()
    yield wires
    wires.close()


@pytest.mark.parametrize("bend", [links.Link.hold, links.Link.cut], ids=["silent", "closing"])
@pytest.mark.parametrize("bad", [0, 1])
def test_the_next_host_is_tried(shared, host, wires, bend, bad):
    there = [wires.link(f"{n}", f"{shared.primary.dir}/.s.PGSQL.{servers.PORT}") for n in range(2)]
    bend(there[bad])
    url = f"postgresql://qtoa@127.0.0.1:{there[0].port},127.0.0.1:{there[1].port}/postgres"
    tool = host(url)
    servers.wait_until("it is stored", lambda: tool.ask("add 1")[0] == "ok")
    there[bad].heal(drop=True)
    bend(there[1 - bad])        # and back
    servers.wait_until("it is stored", lambda: tool.ask("add 2")[0] == "ok")


def test_a_connection_may_take_longer_than_a_commit(shared, host, wires):
    link = wires.link("far", f"{shared.primary.dir}/.s.PGSQL.{servers.PORT}")
    link.slow(0.3, late=2)      # both come before the server is asked for anything
    tool = host(f"postgresql://qtoa@127.0.0.1:{link.port}/postgres", ms=500)
    servers.wait_until("it connects", lambda: tool.ask("due")[0] == "ok")
