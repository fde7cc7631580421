"""What goes wrong: each lane has faults of its own, one after the other, and lanes run side by
side.  A fault begins, goes on for a while and ends; at the end of a lane all is as it was."""

import contextlib
import os
import signal
import sys
import threading

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "torture"))
import storm  # noqa: E402

BACKENDS = "FROM pg_stat_activity WHERE application_name = 'qtoa' AND random() < 0.7"


class Lane(storm.Helper):
    """faults: (weight, name, function of the lane)."""

    def __init__(self, run, name, faults, rest=(0.1, 1.5)):
        super().__init__(None, f"{name} {run.seed}")
        self.run_ = run
        self.faults = faults
        self.rest = rest
        self.done = []
        self.pause = threading.Event().wait

    def step(self):
        if self.over.wait(self.rng.uniform(*self.rest)):
            return
        name, fault = self.rng.choices([f[1:] for f in self.faults],
                                       [f[0] for f in self.faults])[0]
        self.run_.say(f"{name}")
        self.done.append(name)
        fault(self)

    def span(self, most):
        return self.rng.uniform(0.1, most)


# Servers.

def _restart(lane, server, most):
    server.kill()
    lane.pause(lane.rng.uniform(0, most))
    lane.run_.nodes.revive(server)


def primary_dies(lane):
    with lane.run_.nodes.turn:
        _restart(lane, lane.run_.nodes.primary, 0.5)


def standby_dies(lane):
    with lane.run_.nodes.turn:
        _restart(lane, lane.rng.choice(lane.run_.nodes.standbys), 2)


def both_standbys_die(lane):
    with lane.run_.nodes.turn:
        for server in lane.run_.nodes.standbys:
            server.kill()
        lane.pause(lane.span(2))
        for server in lane.run_.nodes.standbys:
            lane.run_.nodes.revive(server)


def _freeze(lane, server):
    server.signal(signal.SIGSTOP)
    lane.pause(lane.run_.freeze_s(lane.rng))
    server.signal(signal.SIGCONT)


def primary_freezes(lane):
    with lane.run_.nodes.turn:
        _freeze(lane, lane.run_.nodes.primary)


def standby_freezes(lane):
    with lane.run_.nodes.turn:
        _freeze(lane, lane.rng.choice(lane.run_.nodes.standbys))


def disk_is_full(lane):
    nodes = lane.run_.nodes
    with nodes.turn:
        nodes.disks[nodes.primary.name].full()
        lane.pause(lane.span(3))
        nodes.mend()


def fail_over(lane):
    nodes = lane.run_.nodes
    with nodes.turn:
        if lane.rng.random() < 0.3:     # it hangs before it is ended for good
            nodes.primary.signal(signal.SIGSTOP)
            lane.pause(lane.span(1))
        nodes.primary.kill()
        lane.pause(lane.span(1))
        old = nodes.fail_over()
        lane.pause(lane.span(1))
        nodes.rejoin(old, rewind=lane.rng.random() < 0.7)


def _tell_backends(lane, what):
    for _ in range(lane.rng.randint(1, 5)):
        with contextlib.suppress(AssertionError):
            lane.run_.nodes.primary.sql(f"SELECT {what}(pid) {BACKENDS}")
        lane.pause(lane.span(0.3))


def backends_are_cancelled(lane):
    with lane.run_.nodes.turn:
        _tell_backends(lane, "pg_cancel_backend")


def backends_are_ended(lane):
    with lane.run_.nodes.turn:
        _tell_backends(lane, "pg_terminate_backend")


SERVERS = (
    (2, "the primary dies", primary_dies),
    (1, "a standby dies", standby_dies),
    (1, "both standbys die", both_standbys_die),
    (1, "the primary freezes", primary_freezes),
    (1, "a standby freezes", standby_freezes),
    (1, "the primary's disk is full", disk_is_full),
    (3, "failover", fail_over),
    (2, "backends are cancelled", backends_are_cancelled),
    (2, "backends are ended", backends_are_ended),
)


# Links.

def _bend(lane, bend):
    links = lane.run_.wires.links
    some = lane.rng.sample(links, lane.rng.choice((1, 2, 3, len(links) // 2)))
    for link in some:
        bend(link)
    lane.pause(lane.span(lane.run_.link_s))
    for link in some:
        link.heal(drop=lane.rng.random() < 0.5)


LINKS = (
    (2, "links are cut", lambda lane: _bend(lane, lambda link: link.cut())),
    (2, "links are half open", lambda lane: _bend(lane, lambda link: link.hold())),
    (2, "links go one way", lambda lane: _bend(lane, lambda link: link.hold(
        lane.rng.randrange(2)))),
    (1, "links are slow", lambda lane: _bend(lane, lambda link: link.slow(
        lane.rng.uniform(0.05, 0.5)))),
)


# Hosts and the pooler.

def host_dies(lane):
    host = lane.rng.choice(lane.run_.hosts)
    with host.turn:
        host.kill()
        lane.pause(lane.rng.choice((0, 0, 0.1, 1)))
        host.restart()


def host_freezes(lane):
    host = lane.rng.choice(lane.run_.hosts)
    with host.turn:
        host.freeze(lane.run_.freeze_s(lane.rng))


def pooler_restarts(lane):
    lane.run_.pooler.kill()
    lane.pause(lane.rng.uniform(0, 0.5))
    lane.run_.pooler.start()


HOSTS = (
    (4, "a host dies", host_dies),
    (1, "a host freezes", host_freezes),
    (2, "pgbouncer restarts", pooler_restarts),
)
