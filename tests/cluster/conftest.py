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
from qt_fixtures import qt, qt_server  # noqa: E402,F401 (pytest finds them here)


class Program:
    """A host of qtoa, as far as a tool knows it: it answers a line with a line."""

    def __init__(self, state, tool, *args, env=None):
        self.state = state
        state.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [os.environ[tool], str(state), *map(str, args)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
            env={**os.environ, **(env or {})})

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline().rstrip("\n")

    def ask(self, line):
        self.send(line)
        return self.hear()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


class Tool(Program):
    """A store_tool: a host as far as its store goes."""

    def __init__(self, state, url, ack="replica", ms=400, env=None, local=False):
        super().__init__(state, "STORE_TOOL", url, ack, ms, *(["local"] if local else []), env=env)

    def hear(self):
        """"ok" or "failed", milliseconds, and what else it says."""
        word, ms, *rest = super().hear().split(" ", 2)
        return word, int(ms), rest[0] if rest else ""


class Tables(Program):
    """A tables_tool: a host as far as its tables go."""

    def __init__(self, state, url, ms):
        super().__init__(state, "TABLES_TOOL", url, ms)

    def hear(self):
        return super().hear().rstrip(" ")


@pytest.fixture(scope="session")
def made():
    """A pair that does not run, to be copied."""
    with servers.directory() as top:
        pair = servers.Pair(top)
        try:
            pair.make()
            yield pair
        finally:
            pair.end()


@contextlib.contextmanager
def running(made):
    with servers.directory() as top:
        pair = servers.Pair(top)
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
