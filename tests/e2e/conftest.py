"""Fixtures: what is built is built once, servers run for the session, each test leaves them
as it found them."""

import contextlib

import pytest

import fronts
import program
from qt_fixtures import qt, qt_server  # noqa: F401 (pytest finds them here)


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):      # once, not in every xdist worker
        program.build_shared()


# The files that take longest.
LONG = ["test_page.py", "test_models.py", "test_fronts.py", "test_fcgi.py", "test_store_faults.py",
        "test_oracle.py", "test_breaker.py", "test_collector.py", "test_install.py",
        "test_datacube.py", "test_troubles.py"]


def tests_others(item):
    """Make, the scripts, what the compiler says and web servers are what is tested, and no
    sanitizer looks at those."""
    return item.path.name in ("test_install.py", "test_account.py", "test_mistakes.py",
                              "test_needs.py", "test_handed_out.py") or \
        item.name.startswith(("test_make_", "test_what_is_built_"))


def pytest_collection_modifyitems(config, items):
    """The long files come first: then no process has one of them left at the end."""
    items.sort(key=lambda i: LONG.index(i.path.name) if i.path.name in LONG else len(LONG))
    if program.SAN:
        config.hook.pytest_deselected(items=[i for i in items if tests_others(i)])
        items[:] = [i for i in items if not tests_others(i)]


@pytest.fixture(scope="session")
def running_front(request, qt_server):
    front = fronts.Front(request.param, qt_server.url)
    yield front
    front.stop()


@pytest.fixture
def front(running_front):
    """Behind it `success` says that QT has the message."""
    running_front.log.mark()
    at = running_front.log.at
    yield running_front
    running_front.check()
    assert not running_front.log.undelivered(at)


@pytest.fixture
def sick_front(running_front):
    """The same for a test that makes QT sick."""
    running_front.log.mark()
    yield running_front
    running_front.check()


@pytest.fixture
def home(qt):
    """A directory for one test."""
    place = program.Home(qt.url)
    yield place
    place.remove()


@pytest.fixture
def make_pool(home):
    """Starts pools for one test, stops them after it."""
    with contextlib.ExitStack() as stack:
        def start(variant="main", **how):
            pool = program.Pool(home, variant, **how)
            stack.callback(pool.stop)
            return pool

        yield start


@pytest.fixture(scope="module")
def module_pools(qt_server):
    """Pools by variant, for all tests of a module."""
    pools = {}
    with contextlib.ExitStack() as stack:
        def get(variant):
            if variant not in pools or pools[variant].proc.poll() is not None:
                home = program.Home(qt_server.url)
                stack.callback(home.remove)
                pools[variant] = program.Pool(home, variant)
                stack.callback(pools[variant].stop)
            return pools[variant]

        yield get


def _pool(module_pools, variant):
    """In it `success` says that QT has the message: who makes QT sick has a pool of its own."""
    pool = module_pools(variant)
    pool.log.mark()
    at = pool.log.at
    yield pool
    pool.check()
    assert not pool.log.undelivered(at)


@pytest.fixture
def pool(module_pools, qt):
    yield from _pool(module_pools, "main")


@pytest.fixture
def tight(module_pools, qt):
    yield from _pool(module_pools, "tight")
