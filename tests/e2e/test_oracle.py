"""Nothing acknowledged is lost, nothing is sent twice, whatever fails: the short form of
`make torture`."""

import sys

import program

sys.path.append(str(program.TOP / "tests/torture"))
import chain  # noqa: E402
import storm  # noqa: E402


def test_storm():
    """1,000 messages and 20 kills, then the drainer of the running processes."""
    storm.Storm(n=1000, kills=20, say=print).run().check()


def test_storm_drained_by_command():
    """No process is left that could drain: `qtoa drain` does it."""
    storm.Storm(n=200, kills=4, seed=1, drainer="command", say=print).run().check()


def test_killed_while_draining():
    print(storm.drain_and_kill(n=400, kills=10))


def test_the_collector_counts_each_message_once():
    """QT is our own collector, and has its troubles: 1,000 messages, 20 kills."""
    chain.Chain(n=1000, kills=20, say=print).run().check()
