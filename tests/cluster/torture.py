"""The whole oracle on three hosts that share a store on three PostgreSQL servers.

    torture.py [--seed N] [--runs N] [--seconds S] [--side-by-side N] [--say]

WeChat sends each push to one to three hosts at the same moment.  Servers, links, hosts and a
pgbouncer fail in every way meanwhile, and QT has its weather.  Then all is well again; at last a
host and the primary are thrown away, while WeChat goes on.  In the end each `success` must be at
QT, and what came twice must be explained in the log of a host.  The clock of one host is an hour
ahead."""

import argparse
import contextlib
import pathlib
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import hosts
import links
import nemesis
import nodes
import servers
import verdict
from hosts import oracle, program
from nemesis import storm

WEATHERS = {
    "fine": (6, oracle.FINE),
    "mixed": (4, oracle.Weather(
        (.06, "slow", lambda rng: rng.uniform(0.05, 1)), (.02, "cut", lambda rng: rng.randrange(60)),
        (.03, "reset", None), (.06, "status", lambda rng: rng.choice((500, 502, 503))),
        (.02, "code", lambda rng: rng.choice(oracle.REFUSALS)))),
    "sick": (3, oracle.Weather((1, "status", 500))),
    "down": (3, None),
}
RATE = 40           # messages a second
AHEAD_S = 3600      # the clock of the last host
LAST = 20           # messages after the last fault
# How long what is stopped stands still: a moment, longer than a request, longer than a claim.
FREEZE_S = ((0.2, 3), (0.2, 3), (3, 6), (6, 20))
QUIET_S = 120 * program.SLOWER


class Run:
    def __init__(self, stack, made, seed, say=lambda text: None, freeze=FREEZE_S, link_s=3):
        self.seed = seed
        self.begun = time.monotonic()
        self.say = lambda text: say(f"{time.monotonic() - self.begun:6.2f} {text}")
        self.freeze_s = lambda rng: rng.uniform(*rng.choice(freeze))
        self.link_s = link_s
        self.failover_s = None
        top = stack.enter_context(servers.directory(roomy()))
        self.wires = links.Wires()
        stack.callback(self.wires.close)
        self.nodes = nodes.Nodes(top, self.wires)
        stack.callback(self.nodes.end)
        self.nodes.copy(made)
        self.qt = oracle.LenientQT(seed)
        stack.callback(self.qt.stop)
        vip = self.wires.link("pgbouncer to the primary", self.nodes.socket_of_primary)
        self.pooler = servers.Pooler(top, None, vip.port)
        self.pooler.start()
        stack.callback(self.pooler.kill)
        self.hosts = []
        for n, url in enumerate((self._url(0), self._pooled(), self._url(2))):
            host = hosts.Host(f"host {n}", self.qt, url, AHEAD_S if n == 2 else 0)
            stack.callback(host.end)
            self.hosts.append(host)
        self.flow = hosts.Flow(seed)
        self.lanes = []

    def _url(self, n):
        ports = [self.wires.link(f"host {n} to {s.name}", self.nodes._socket(s)).port
                 for s in self.nodes.all]
        where = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://qtoa@{where}/postgres"

    def _pooled(self):
        return f"postgresql:///postgres?host={self.pooler.dir}&port={servers.PORT}&user=qtoa"

    # WeChat.

    def _wechat(self, some, rate=RATE):
        return hosts.WeChat([h.door for h in some], tries=4, pause_s=0.4, rate=rate,
                            seed=self.seed, workers=48)

    @contextlib.contextmanager
    def traffic(self, some, rate=RATE):
        """Messages to these hosts meanwhile."""
        we, begin = self._wechat(some, rate), len(self.flow.sent)
        self.flow.over.clear()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(we.send_all, self.flow)
            try:
                yield we
            finally:
                self.flow.over.set()
            sending.result()
        self.say(f"{len(self.flow.sent) - begin} messages")

    # The faults.

    def torment(self, seconds):
        sky = storm.Sky(None, self.seed, self.qt, WEATHERS)
        self.lanes = [nemesis.Lane(self, "servers", nemesis.SERVERS),
                      nemesis.Lane(self, "links", nemesis.LINKS, rest=(0.5, 3)),
                      nemesis.Lane(self, "hosts", nemesis.HOSTS, rest=(0.3, 2))]
        with self.traffic(self.hosts):
            for lane in (sky, *self.lanes):
                lane.start()
            try:
                time.sleep(seconds)
            finally:
                for lane in (sky, *self.lanes):
                    lane.over.set()
                for lane in (sky, *self.lanes):
                    lane.stop()
        self.mend()

    def mend(self):
        """Nothing is wrong any more."""
        for link in self.wires.links:
            link.heal(drop=True)
        self.nodes.mend()
        self.say("all is well")

    def carried(self, some):
        """Until these hosts have nothing of their own."""
        program.until(lambda: not any(h.here() for h in some), "nothing in a host's own store",
                      QUIET_S)

    def throw_away(self):
        """A host and the primary, when nothing is in that host's own store."""
        self.qt.down()
        self.carried(self.hosts)
        we = self._wechat(self.hosts)
        we.send_all([self.flow.message() for _ in range(LAST)])
        self.carried(self.hosts)
        gone, *left = sorted(self.hosts, key=lambda h: hash((self.seed, h.name)))
        gone.kill()
        shutil.rmtree(gone.home.state)
        self.say(f"{gone.name} and server {self.nodes.primary.name} are thrown away")
        with self.traffic(left, rate=20) as we:
            begin = time.monotonic()
            old = self.nodes.primary
            old.kill()
            shutil.rmtree(old.data)
            self.nodes.fail_over()
            self.failover_s = self._durable() - begin
        self.refused = Counter(status for _, status in we.refusals)
        self.say(f"durable again after {self.failover_s:.2f} s; refused: {dict(self.refused)}")
        return left

    def _durable(self):
        """When a message that has just been acknowledged is in the new primary."""
        program.until(lambda: self.nodes.following() >= 1, "a standby of the new primary", QUIET_S)

        def is_stored():
            return int(self.nodes.primary.sql("SELECT count(*) FROM message")) > count
        count = int(self.nodes.primary.sql("SELECT count(*) FROM message"))
        program.until(is_stored, "a durable acknowledgement", QUIET_S)
        return time.monotonic()

    def end(self, left):
        """All that waits goes to QT; what came of it."""
        self.qt.up()
        self.qt.weather = oracle.FINE
        self.carried(left)
        program.until(lambda: left[0].site.run(["queue", "retry", "all"], env=left[0].site.env,
                                               good=(0, 1))[1] == 0, "a command", QUIET_S)

        def is_empty():
            return self.nodes.primary.sql(
                "SELECT count(*) FROM message WHERE state = 'pending'") == "0" \
                and not any(h.here() for h in left)
        program.until(is_empty, "an empty queue", QUIET_S)
        kills = [kill for h in self.hosts for kill in h.site.kills]
        lines = [row for h in self.hosts for row in h.lines()]
        verdict.set_times(lines, {h.name: h.ahead for h in self.hosts})
        return verdict.judge(self.flow.sent, self.qt, kills, hosts.dead_in(self.nodes.primary),
                             lines)


    def keep(self, where):
        """Copies the logs."""
        where.mkdir(parents=True, exist_ok=True)
        for n, host in enumerate(self.hosts):
            (where / f"host{n}").write_text(host.home.log.text() + host.pool.stderr())
            with contextlib.suppress(OSError):
                shutil.copytree(host.home.state, where / f"state{n}", dirs_exist_ok=True)
        for server in self.nodes.all:
            shutil.copyfile(f"{server.dir}/log", where / server.name)


def roomy():
    """Where servers write fast, if there is such a place."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > 4 << 30:
            return "/dev/shm"
    return tempfile.gettempdir()


def run(made, seed, seconds, say=lambda text: None, keep=None, **how):
    """One run: its verdict, and what else was seen.  keep: where the logs go if it fails."""
    with contextlib.ExitStack() as stack:
        r = Run(stack, made, seed, say, **how)
        try:
            r.torment(seconds)
            v = r.end(r.throw_away())
            if r.refused[503]:
                v.wrong.append(f"refused while a standby took over: {dict(r.refused)}")
            v.check()
        except BaseException:
            if keep is not None:
                r.keep(pathlib.Path(keep) / str(seed))
            raise
        return v, r


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 30))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--side-by-side", type=int, default=2)
    parser.add_argument("--keep", help="a directory for the logs of runs that fail")
    parser.add_argument("--say", action="store_true", help="each fault")
    args = parser.parse_args()
    program.build_shared()
    program.binary(hosts.VARIANT)
    total = verdict.Verdict()
    failed, failovers = [], []
    lock = threading.Lock()

    def one(seed):
        begin = time.monotonic()
        try:
            v, r = run(made, seed, args.seconds, print if args.say else lambda text: None,
                       args.keep)
        except Exception as e:      # what a run finds, and what breaks in it
            with lock:
                failed.append(seed)
                print(f"seed {seed}: {type(e).__name__}: {e}", flush=True)
            return
        with lock:
            total.add(v)
            failovers.append((r.failover_s, seed))
            print(f"seed {seed}: {v}; durable {r.failover_s:.1f} s after the primary's death, "
                  f"refused {dict(r.refused)}; {time.monotonic() - begin:.0f} s", flush=True)

    with servers.directory(roomy()) as top:
        made = nodes.Nodes(top)
        made.make()
        with ThreadPoolExecutor(args.side_by_side) as pool:
            list(pool.map(one, range(args.seed, args.seed + args.runs)))
    failovers.sort()
    print(f"{args.runs} runs from seed {args.seed}: {total}")
    if failovers:
        print(f"durable after the primary's death: median "
              f"{failovers[len(failovers) // 2][0]:.1f} s, at most {failovers[-1][0]:.1f} s (seed "
              f"{failovers[-1][1]})")
    print(f"failed: {failed}" if failed else "all good")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
