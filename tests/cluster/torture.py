"""Faults at random against a primary, its standby and three hosts, which add messages meanwhile.

    torture.py RUNS [SEED]

Each message goes to one to three hosts at the same moment.  At the end of a run the primary is
thrown away and the standby promoted: each message that was acknowledged must be there, once.
"""

import concurrent.futures
import contextlib
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time

import conftest
import servers

HOSTS = 3
SECONDS = 6
BACKENDS = "FROM pg_stat_activity WHERE application_name = 'qtoa'"


class Host:
    """A store_tool that is started again when it was killed."""

    def __init__(self, top, n, url):
        self.state = pathlib.Path(f"{top}/host{n}")
        self.url = url
        self.lock = threading.Lock()
        self.tool = conftest.Tool(self.state, url)

    def add(self, n):
        """True: it is acknowledged."""
        with self.lock:
            try:
                return self.tool.ask(f"add {n}")[0] == "ok"
            except (ValueError, OSError):       # it was killed
                self.tool.end()
                self.tool = conftest.Tool(self.state, self.url)
                return False

    def end(self):
        self.tool.end()


def freeze(rng, server):
    server.signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0.1, 2))
    server.signal(signal.SIGCONT)


def restart(rng, server):
    server.kill()
    time.sleep(rng.uniform(0, 0.5))
    server.start()


def ask(server, text):
    with contextlib.suppress(AssertionError):
        server.sql(text)


FAULTS = (
    ("the primary dies", lambda r, p, h: restart(r, p.primary)),
    ("the standby dies", lambda r, p, h: restart(r, p.standby)),
    ("both die", lambda r, p, h: (p.standby.kill(), restart(r, p.primary), p.standby.start())),
    ("the primary is frozen", lambda r, p, h: freeze(r, p.primary)),
    ("the standby is frozen", lambda r, p, h: freeze(r, p.standby)),
    ("waits are cancelled", lambda r, p, h: ask(
        p.primary, f"SELECT pg_cancel_backend(pid) {BACKENDS}")),
    ("connections are cut", lambda r, p, h: ask(
        p.primary, f"SELECT pg_terminate_backend(pid) {BACKENDS}")),
    ("a host dies", lambda r, p, h: r.choice(h).tool.process.kill()),
)


def run(made, seed):
    """One run.  How many messages were acknowledged, which of them are lost, and its faults."""
    rng = random.Random(seed)
    with servers.directory() as top, tempfile.TemporaryDirectory() as states:
        pair = conftest.Pair(top)
        hosts = []
        try:
            pair.copy(made)
            hosts = [Host(states, n, pair.primary.url) for n in range(HOSTS)]
            acked, faults = torment(rng, pair, hosts)
            pair.primary.kill()
            if pair.standby.process is None:
                pair.standby.start()
            pair.standby.run("pg_ctl", "promote", "-D", pair.standby.data, "-w")
            there = pair.standby.sql("SELECT encode(key, 'hex') FROM message").split()
        finally:
            for host in hosts:
                host.end()
            pair.end()
    ids = [int(key[-16:], 16) for key in there]     # see make_key() of store_tool.c
    assert len(set(ids)) == len(ids)
    return len(acked), acked - set(ids), faults


def torment(rng, pair, hosts):
    acked, faults = set(), []
    end = time.monotonic() + SECONDS
    stop = threading.Event()

    def send():
        n, choices = 0, random.Random()
        with concurrent.futures.ThreadPoolExecutor(HOSTS) as pool:
            while not stop.is_set():
                n += 1
                to = choices.sample(hosts, choices.choice((1, 1, 2, 3)))
                if any(list(pool.map(lambda h, n=n: h.add(n), to))):
                    acked.add(n)

    pool = concurrent.futures.ThreadPoolExecutor(1)
    sending = pool.submit(send)
    try:
        while time.monotonic() < end:
            time.sleep(rng.uniform(0.1, 0.6))
            name, fault = rng.choice(FAULTS)
            faults.append(name)
            fault(rng, pair, hosts)
    finally:
        stop.set()
        pool.shutdown()
    sending.result()
    return acked, faults


def main():
    runs = int(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    total, lost_in = 0, []
    with servers.directory() as top:
        made = conftest.Pair(top)
        made.make()
        for seed in range(first, first + runs):
            n, lost, faults = run(made, seed)
            total += n
            if lost:
                lost_in.append(seed)
                print(f"seed {seed}: lost {sorted(lost)[:20]} of {n}; {faults}", flush=True)
    print(f"{runs} runs from seed {first}: {total} acknowledged, lost in {len(lost_in)} runs")
    return 1 if lost_in else 0


if __name__ == "__main__":
    sys.exit(main())
