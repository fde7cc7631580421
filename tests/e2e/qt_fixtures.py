"""A QT for all tests of a run: fixtures of several directories."""

import pytest

import qt as qt_side
import wechat


@pytest.fixture(scope="session")
def qt_server():
    server = qt_side.QT(wechat.ACCOUNTS)
    yield server
    server.stop()


@pytest.fixture
def qt(qt_server):
    """QT, with nothing received yet; in the end nothing of it may have been wrong."""
    qt_server.reset()
    yield qt_server
    assert not qt_server.problems, qt_server.problems
