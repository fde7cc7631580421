"""A primary and a synchronous standby for tests, copied from a pair that is made once."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import servers

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

import program  # noqa: E402 (it is in that directory)
import qt as qt_side  # noqa: E402
import wechat  # noqa: E402


class Tool:
    """A store_tool: a host of qtoa, as far as its store goes."""

    def __init__(self, state, url, ack="replica", ms=400, env=None, local=False):
        self.state = state
        state.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [os.environ["STORE_TOOL"], str(state), url, ack, str(ms),
             *(["local"] if local else [])], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
            env={**os.environ, **(env or {})})

    def ask(self, line):
        self.send(line)
        return self.hear()

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        """"ok" or "failed", milliseconds, and what else it says."""
        word, ms, *rest = self.process.stdout.readline().rstrip("\n").split(" ", 2)
        return word, int(ms), rest[0] if rest else ""

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


class Tables:
    """A tables_tool: a host of qtoa, as far as its tables go."""

    def __init__(self, state, url, ms):
        self.state = state
        state.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [os.environ["TABLES_TOOL"], str(state), url, str(ms)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline().rstrip("\n").rstrip(" ")

    def tell(self, line):
        self.send(line)
        return self.hear()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


class Pair:
    """A primary that waits for one standby."""

    def __init__(self, top):
        self.primary = servers.Server(top, "one")
        self.standby = servers.Server(top, "two")

    def make(self):
        self.primary.make()
        self.primary.start()
        self.standby.make_standby(self.primary)
        for server in self.primary, self.standby:
            server.set(synchronous_standby_names="ANY 1 (one, two)")
        self.primary.stop()

    def copy(self, pair):
        self.primary.copy(pair.primary)
        self.standby.copy(pair.standby)
        self.standby.follow(self.primary)
        self.primary.start()
        self.standby.start()
        self.settle()

    def settle(self):
        servers.wait_until("the standby follows",
                           lambda: self.primary.follows(self.standby))

    def end(self):
        self.primary.kill()
        self.standby.kill()


@pytest.fixture(scope="session")
def made():
    """A pair that does not run, to be copied."""
    with servers.directory() as top:
        pair = Pair(top)
        try:
            pair.make()
            yield pair
        finally:
            pair.end()


@contextlib.contextmanager
def running(made):
    with servers.directory() as top:
        pair = Pair(top)
        try:
            pair.copy(made)
            yield pair
        finally:
            pair.end()


@pytest.fixture
def pair(made):
    """For a test that breaks its servers."""
    with running(made) as pair:
        yield pair


@pytest.fixture(scope="module")
def shared(made):
    """For tests that do not; each has a database of its own."""
    with running(made) as pair:
        yield pair


@pytest.fixture
def url(shared, request):
    name = request.node.name[:60]
    shared.primary.sql(f'CREATE DATABASE "{name}"')
    return shared.primary.url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def host(tmp_path):
    """A function that starts a store_tool on a server."""
    tools = []

    def start(url, ack="replica", ms=400, state=None, **more):
        state = state or tmp_path / f"host{len(tools)}"
        tools.append(Tool(state, url, ack, ms, **more))
        return tools[-1]

    yield start
    for tool in tools:
        tool.end()


@pytest.fixture(scope="session")
def qt_server():
    server = qt_side.QT(wechat.ACCOUNTS)
    yield server
    server.stop()


@pytest.fixture
def qt(qt_server):
    qt_server.reset()
    yield qt_server
    assert not qt_server.problems, qt_server.problems


@pytest.fixture
def start(qt):
    """A function that starts the program on a store, with a state directory of its own."""
    with contextlib.ExitStack() as stack:
        def new(url, variant="several", env=None, clock=0):
            home = program.Home(qt.url)
            stack.callback(home.remove)
            home.env["E2E_STORE"] = url
            if clock:       # the host's clock is so many seconds ahead
                env = {**home.clock(clock), **(env or {})}
            pool = program.Pool(home, variant, env)
            stack.callback(pool.stop)
            return pool

        yield new


@pytest.fixture
def tables(tmp_path):
    """A function that starts a tables_tool on a server, or on a SQLite of its own."""
    tools = []

    def start(url, ms=5000):
        tools.append(Tables(tmp_path / f"tables{len(tools)}", url, ms))
        return tools[-1]

    yield start
    for tool in tools:
        tool.end()
