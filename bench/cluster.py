#!/usr/bin/python3
"""cluster.py: hosts that share a store on PostgreSQL, against one that has its own (`make
bench-cluster`).

    cluster.py DIR

DIR is as for bench.py.  The primary and its synchronous standby run here, too, on the same
disk: what they use of the processors is in the table.  BENCH_QUICK=1: shorter, rougher.
Exit status: 0 all targets met, 1 one missed, 2 could not measure.
"""
import contextlib
import os
import shutil
import signal
import statistics
import sys

import bench
from bench import Failed

sys.path.append(os.path.join(bench.TOP, "tests", "cluster"))

import servers  # noqa: E402 (it is in that directory)

SHARED = """	.store		= "$BENCH_STORE",
	.store_ack	= REPLICA,
	.store_ms	= 2000,
"""
THREADS = 64
TWO = ("one", "two")

# Two hosts behind one balancer.
BALANCED = """
fastcgi.server = ( "/qtoa/" => (
{hosts}
))
"""
HOST = """	(
		"bin-path"		=> "{command}",
		"bin-environment"	=> ({environment}),
		"socket"		=> "{socket}",
		"max-procs"		=> 1,
		"listen-backlog"	=> 1024,
		"check-local"		=> "disable",
	),
"""


class Pair(servers.Pair):
    """Both run while the block does."""

    def __enter__(self):
        self.make(segment_mb=16, shared_buffers="64MB", max_wal_size="2GB")
        self.primary.start()
        self.standby.start()
        self.settle()
        return self

    def __exit__(self, *_):
        self.end()

    def cpu_s(self):
        return server_cpu_s(self.primary) + server_cpu_s(self.standby)


def server_cpu_s(server):
    """CPU seconds of all processes of a server, those that have ended too."""
    pid = server.process.pid
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    total = sum(map(int, fields[11:15])) / bench.CLOCK_TICK
    for child in children(pid):
        with contextlib.suppress(OSError):
            total += bench.cpu_s(child)
    return total


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
        return list(map(int, f.read().split()))


def program(run):
    text = bench.CONFIG.format(threads=THREADS, collector=0, relays="", **bench.ACCOUNT)
    return run.build("shared", text.replace("\t.fresh_s", SHARED + "\t.fresh_s"))


@contextlib.contextmanager
def host(run, command, url, store, name):
    """A web server with one qtoa behind it."""
    environment = {**run.environment(url), "BENCH_STORE": store}
    with bench.web(run, {"qtoa": command}, environment, name) as w:
        yield w


@contextlib.contextmanager
def balanced(run, command, url, store):
    """A web server with two hosts behind it, each with a state directory of its own."""
    commands, hosts = {}, ""
    for name in TWO:
        commands[name] = f"{command}-{name}"
        shutil.copy(command, commands[name])    # so that they are told apart
        environment = {**run.environment(url), "BENCH_STORE": store}
        hosts += HOST.format(command=commands[name], socket=f"{run.sockets}/{name}",
                             environment="".join(f'"{k}" => "{v}", '
                                                 for k, v in environment.items()))
    port, path = bench.free_port(), f"{run.dir}/lighttpd-balanced.conf"
    with open(path, "w", encoding="utf-8") as f:
        f.write(bench.LIGHTTPD_CONF.format(port=port, run=run.dir) + BALANCED.format(hosts=hosts))
    with bench.process([bench.LIGHTTPD, "-D", "-f", path], stop=signal.SIGINT) as p:
        w = bench.Web(p, port)
        bench.until(lambda: w.find(commands), path)
        yield w


def turn(run, s, pair, w, seconds):
    """One measured run: requests, the CPU of all hosts behind the web server, of the servers."""
    run.stock(seconds, times=4)
    pids = w.pids.values()
    before, db, n = sum(map(bench.cpu_s, pids)), pair.cpu_s(), s.count()["requests"]
    r = bench.wrk(run, w, "qtoa", 64, seconds)
    if s.count()["requests"] - n < r["requests"]:
        raise Failed(f"answered `success` to more than it forwarded: {r}")
    r["program"] = (sum(map(bench.cpu_s, pids)) - before) / r["requests"]
    r["servers"] = (pair.cpu_s() - db) / r["requests"]
    return r


def healthy(run, pair):
    """QT and the store are well: interleaved runs of a host alone and of one that shares."""
    runs = {"alone": [], "shared": [], "two": []}
    with bench.sink(run) as s, contextlib.ExitStack() as stack:
        hosts = {"alone": run.qtoa(THREADS), "shared": program(run)}
        webs = {name: stack.enter_context(host(run, command, s.url, pair.primary.url, name))
                for name, command in hosts.items()}
        webs["two"] = stack.enter_context(balanced(run, hosts["shared"], s.url, pair.primary.url))
        for i in range(1 + run.limits["pairs"]):
            for name, w in webs.items():
                r = turn(run, s, pair, w, run.limits["seconds"])
                runs[name] += [r] if i else []
        paces = {name: [] for name in hosts}
        for _ in range(3):
            for name in hosts:
                w = webs[name]
                run.stock(run.limits["pace"])
                with bench.paced(run, w) as beside:
                    pass
                paces[name].append(beside["p99_ms"])
    r = bench.medians(runs)
    for name in hosts:
        r[name]["paced"] = statistics.median(paces[name])
    return r


def pending(run, pair):
    """QT is down: all goes to the disks of the primary and the standby."""
    with bench.sink(run, late=True) as s:
        with host(run, program(run), s.url, pair.primary.url, "down") as w:
            run.stock(2 * run.limits["queue"], times=4)
            bench.wrk(run, w, "qtoa", 64, run.limits["warm"])
            return bench.wrk(run, w, "qtoa", 64, run.limits["queue"])


def measure(run):
    table = bench.Table("alone", "shared")
    with servers.directory() as top, Pair(top) as pair:
        r = healthy(run, pair)
        a, b = r["alone"], r["shared"]
        table.row("64 at once: requests/s", a["rate"], b["rate"], 0.6, at_least=True)
        table.row("  p50, ms", a["p50_ms"], b["p50_ms"])
        table.row("  p99, ms", a["p99_ms"], b["p99_ms"])
        table.row("  CPU a request, program, us", a["program"] * 1e6, b["program"] * 1e6)
        table.row("  CPU a request, both servers, us", None, b["servers"] * 1e6)
        two = r["two"]
        table.row("two hosts, 64 at once: requests/s", b["rate"], two["rate"])
        table.row("  CPU a request, programs, us", b["program"] * 1e6, two["program"] * 1e6, 1.1)
        table.row("  CPU a request, both servers, us", b["servers"] * 1e6, two["servers"] * 1e6)
        table.row(f"p99 of {bench.PACE} pushes/s, ms", a["paced"], b["paced"], a["paced"] + 2,
                  absolute=True)
        r = pending(run, pair)
        table.row("64 at once, QT down: acknowledged/s", None, r["rate"], 5000, at_least=True,
                  absolute=True)
        table.row("  p99, ms", None, r["p99_ms"])
    return table.missed


if __name__ == "__main__":
    sys.exit(bench.judge(measure))
