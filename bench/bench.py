#!/usr/bin/python3
"""bench.py: qtoa against the most that a program of its kind can do (`make bench`).

    bench.py DIR [request|late|memory|queue|relay|collector|cgi]...

DIR has the programs that bench.mk built; what a run makes goes there too, the store as
well, so it must be on a disk.  The ceiling is a FastCGI (CGI) program, linked to the same
libraries, behind the same web server, that posts a fixed body to the same sink and keeps
nothing; where QT answers at once, with as many threads as make it fastest, else with as
many as qtoa has.  Both are measured in turns, figures are medians.  No message is sent to
qtoa twice.  BENCH_QUICK=1: shorter, rougher.  BENCH_FLAT=1: part queue has the same figures
with 10^7 known messages and 10^6 that wait, too, beside those of an empty store.
Exit status: 0 all targets met, 1 one missed, 2 could not measure.

Not imported here: whatever loads OpenSSL, whose pages qtoa would then share.
"""
import contextlib
import ctypes
import glob
import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
CLOCK_TICK = os.sysconf("SC_CLK_TCK")
LIGHTTPD = shutil.which("lighttpd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

ACCOUNT = {
    "token": "benchToken",
    "aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "appid": "wx0123456789abcdef",
    "app_key": "benchAppKey",
    "service_id": "benchServiceId",
    "service_secret": "benchServiceSecret",
}

CONFIG = """
static const struct account accounts[] = {{
	{{
		.path		= "bench",
		.appid		= "{appid}",
		.token		= "{token}",
		.mode		= SAFE,
		.aes_key	= "{aes_key}",
		.qt_url		= "$BENCH_SINK",
		.app_key	= "{app_key}",
		.service_id	= "{service_id}",
		.service_secret	= "{service_secret}",
		{relays}
	}},
}};

static const struct settings settings = {{
	.state_dir	= "$BENCH_STATE",
	.ca_file	= "$BENCH_CA",
	.log		= "$BENCH_LOG",
	.threads	= {threads},
	.fresh_s	= 3600,
	.collector	= {collector},
}};
"""

RELAYS = '.relays = { { .url = "$BENCH_RELAY", .name = "relay", .answers = 1 } },'

# The fastcgi block is that of lighttpd-example.conf, for either program.
LIGHTTPD_CONF = """
server.bind		= "127.0.0.1"
server.port		= {port}
server.document-root	= "/srv"
server.errorlog		= "{run}/lighttpd.log"
server.max-fds		= 4096
server.modules		= ( "mod_fastcgi" )
"""
LIGHTTPD_POOL = """
fastcgi.server += (
	"/{name}/" => ((
		"bin-path"		=> "{command}",
		"bin-environment"	=> ({environment}),
		"socket"		=> "{socket}",
		"max-procs"		=> 1,
		"listen-backlog"	=> 1024,
		"check-local"		=> "disable",
	)),
)
"""
URLS = {
    "qtoa": "/qtoa/bench",
    "relay": "/relay/bench",
    "ceiling": "/ceiling/bench",
    "server": "/server/thirdPartyDataSource",
    "disk": "/disk/bench",
}

# What the collector reaches of a program that only writes what it is sent through to disk.
COLLECTOR = 0.5

FULL = {"pairs": 5, "seconds": 4, "warm": 2, "memory": 4, "queue": 6, "pace": 4, "cgi": 300}
QUICK = {"pairs": 3, "seconds": 1, "warm": 1, "memory": 1, "queue": 1, "pace": 1, "cgi": 60}
PACE = 200  # pushes a second beside a drain
KNOWN, WAITING = 10_000_000, 1_000_000  # messages of a store that is full


class Failed(Exception):
    """Nothing can be said about the speed."""


def die_with_parent():
    """A bench that is killed leaves nothing behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def until(condition, what, seconds=10):
    """Waits for the condition to hold."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.01)
    return result


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- processes: who they are and what they use


def executable_of(pid):
    """What it runs; qtoa shows nobody but root more than how it was called."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except PermissionError:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().partition(b"\0")[0].decode()


def children(pid):
    """{executable: pid} of a process's children."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/stat", encoding="utf-8") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == pid:
                    found[executable_of(entry)] = int(entry)
    return found


def cpu_s(pid):
    """CPU seconds of a process and all its threads so far."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK


def busy_s():
    """CPU seconds of everything on this machine so far."""
    with open("/proc/stat", encoding="utf-8") as f:
        user, nice, system, _, _, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / CLOCK_TICK


def file_system(path):
    """Type of the file system that a directory is on."""
    best = ("", "?")
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            fields = line.split()
            point = fields[4].rstrip("/") + "/"
            if (path + "/").startswith(point):
                best = max(best, (point, fields[fields.index("-") + 1]), key=lambda x: len(x[0]))
    return best[1]


def resident(pid):
    """What a process has in memory: MiB, and threads.  Without root the shared part of qtoa is not
    to be seen: all of it counts then."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
            kib = dict(line.split()[:2] for line in f if line[:4] in ("Pss:", "Rss:"))
    except PermissionError:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            rss = next(line.split()[1] for line in f if line.startswith("VmRSS:"))
        kib = {"Pss:": rss, "Rss:": rss}
    return {
        "pss": int(kib["Pss:"]) / 1024,
        "rss": int(kib["Rss:"]) / 1024,
        "threads": len(os.listdir(f"/proc/{pid}/task")),
    }


class Peak(threading.Thread):
    """Highest values of what a function gives while the block runs."""

    def __init__(self, read):
        super().__init__(daemon=True)
        self.read, self.values, self.done = read, read(), threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            self.values = {k: max(v, self.values[k]) for k, v in self.read().items()}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


# ---- what is started


@contextlib.contextmanager
def process(argv, stop=signal.SIGTERM, wait=False, **kw):
    """wait: it is a command, which ends by itself and well."""
    p = subprocess.Popen(argv, preexec_fn=die_with_parent, **kw)
    try:
        yield p
        if wait and p.wait() != 0:
            raise Failed(f"{argv} has failed")
    finally:
        p.send_signal(stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            p.wait(5)
        p.kill()
        p.wait()


# Another process: see above what is not imported.
COUNT_TLS = """
import ssl, sys, urllib.request
context = ssl._create_unverified_context()
print(urllib.request.urlopen(sys.argv[1], context=context).read().decode())
"""


class Sink:
    """A running sink."""

    def __init__(self, p, scheme):
        self.pid = p.pid
        self.port = int(p.stdout.readline())
        self.url = f"{scheme}://127.0.0.1:{self.port}/server/thirdPartyDataSource"

    def begin(self):
        """One that was late takes connections from now on."""
        os.kill(self.pid, signal.SIGUSR1)
        until(self.listens, "the sink listens")

    def listens(self):
        with contextlib.suppress(ConnectionRefusedError):
            return bool(self.count())
        return False

    def count(self):
        """Requests and connections so far."""
        if self.url.startswith("https"):
            argv = [sys.executable, "-c", COUNT_TLS, f"https://127.0.0.1:{self.port}/count"]
            return json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(b"GET /count HTTP/1.1\r\n\r\n")
            return json.loads(s.recv(4096).partition(b"\r\n\r\n")[2])


@contextlib.contextmanager
def sink(run, delay_ms=0, tls=False, late=False, relay=False):
    argv = [f"{run.bin}/sink", "-d", str(delay_ms)] + ["-l"] * late + ["-r"] * relay
    if tls:
        argv += ["-c", f"{run.dir}/sink.pem", "-k", f"{run.dir}/sink.key"]
    with process(argv, stdout=subprocess.PIPE) as p:
        yield Sink(p, "https" if tls else "http")


class Web:
    """A running lighttpd and the programs it started."""

    def __init__(self, p, port):
        self.pid, self.port = p.pid, port
        self.pids = {}

    def find(self, commands):
        found = children(self.pid)
        self.pids = {n: found.get(c.split()[0]) for n, c in commands.items()}
        return None not in self.pids.values()


@contextlib.contextmanager
def web(run, commands, environment, suffix=""):
    """lighttpd with one pool for each name in commands; suffix: apart from others at a time."""
    port = free_port()
    conf = LIGHTTPD_CONF.format(port=port, run=run.dir)
    for name, command in commands.items():
        conf += LIGHTTPD_POOL.format(
            name=name,
            command=command,
            socket=f"{run.sockets}/{name}{suffix}",
            environment="".join(f'"{k}" => "{v}", ' for k, v in environment.items()),
        )
    path = f"{run.dir}/lighttpd{suffix}.conf"
    with open(path, "w", encoding="utf-8") as f:
        f.write(conf)
    with process([LIGHTTPD, "-D", "-f", path], stop=signal.SIGINT) as p:
        w = Web(p, port)
        until(lambda: w.find(commands), f"{LIGHTTPD} -f {path}")
        run.webs.append(w)
        try:
            yield w
        finally:
            run.webs.remove(w)


class Run:
    """Directories, programs and pushes of this run."""

    def __init__(self, bench):
        self.bin = os.path.abspath(bench)
        self.limits = QUICK if os.environ.get("BENCH_QUICK", "0") not in ("", "0") else FULL
        self.dir = os.path.join(self.bin, "run")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        if file_system(os.path.realpath(self.dir)) in ("tmpfs", "ramfs"):
            raise Failed(f"{self.dir} is in memory: give a B= on a disk")
        self.sockets = tempfile.mkdtemp(prefix="qtoa-bench-")  # a socket's path is short
        self.webs = []  # that run now
        self.states = 0  # directories made
        self.made = 0  # messages
        self.kind = []  # of pushes: the last arguments of push.py
        self.at = [0, 0]  # where in its file of pushes each thread of wrk goes on
        self.left = 0  # pushes from there on
        self.rate = 5000  # the highest so far
        self.tls_files()

    def close(self):
        shutil.rmtree(self.sockets, ignore_errors=True)

    def python(self, program, *args):
        subprocess.run([sys.executable, f"{HERE}/{program}", *map(str, args)], check=True)

    def tls_files(self):
        """A certificate for the sink; its issuer's in a directory as that of the system."""
        os.mkdir(f"{self.dir}/certs")
        names = ("certs/ca.pem", "sink.pem", "sink.key")
        self.python("certificate.py", *(f"{self.dir}/{name}" for name in names))
        subprocess.run(["openssl", "rehash", f"{self.dir}/certs"], check=True)

    def pushes(self, count):
        """Writes so many new pushes, half for each thread of wrk."""
        with open(f"{self.dir}/account.json", "w", encoding="utf-8") as f:
            json.dump(ACCOUNT, f)
        half = count // 2 + 1
        with contextlib.ExitStack() as stack:
            for n in (1, 2):
                argv = [sys.executable, f"{HERE}/push.py", f"{self.dir}/account.json"]
                argv += [str(self.made), str(half), f"{self.dir}/pushes.{n}", *self.kind]
                stack.enter_context(process(argv, wait=True))
                self.made += half
        self.at, self.left = [0, 0], 2 * half

    def stock(self, seconds, times=2):
        """Sees to it that there are pushes for so long, were it so much faster than so far."""
        need = int(self.rate * seconds * times) + 1000
        if self.left < need:
            self.pushes(need * 3 // 2)

    def qtoa(self, threads, collector=0, relays=""):
        """Builds qtoa for so many threads, gives its path."""
        name = str(threads) + "-collector" * bool(collector) + "-relay" * bool(relays)
        settings = {"threads": threads, "collector": collector, "relays": relays}
        return self.build(name, CONFIG.format(**settings, **ACCOUNT))

    def build(self, name, text):
        """A qtoa with that configuration."""
        config = f"{self.bin}/config-{name}.h"
        program = f"{self.bin}/qtoa-{name}"
        if not os.path.exists(config) or open(config, encoding="utf-8").read() != text:
            with open(config, "w", encoding="utf-8") as f:
                f.write(text)
        make = [os.environ.get("MAKE", "make"), "-s", "-C", TOP, f"CONFIG={config}"]
        make += [f"B={self.bin}/obj-{name}", f"BIN={program}", program]
        if subprocess.run(make, check=False).returncode != 0:
            raise Failed("qtoa does not build")
        return program

    def static(self, threads):
        """The same as a static program; None: `make static` has built none."""
        place = os.environ.get("STATIC", f"{TOP}/build/static")
        program = f"{self.bin}/static-{threads}/qtoa-{os.uname().machine}"
        make = [os.environ.get("MAKE", "make"), "-s", "-C", TOP, f"STATIC={place}"]
        make += [f"CONFIG={self.bin}/config-{threads}.h", f"STATIC_OUT={os.path.dirname(program)}"]
        if not os.path.exists(f"{place}/qtoa-{os.uname().machine}"):
            return None
        if subprocess.run(make + [program], check=False).returncode != 0:
            raise Failed("the static qtoa does not build")
        return program

    def full_state(self):
        """A state directory with KNOWN and WAITING messages, which later runs use again."""
        state = f"{self.bin}/full-{KNOWN}-{WAITING}"
        if not os.path.exists(state):
            shutil.rmtree(f"{state}.new", ignore_errors=True)
            os.mkdir(f"{state}.new")
            argv = [f"{self.bin}/fill", f"{state}.new", "bench", str(KNOWN), str(WAITING)]
            subprocess.run(argv + [f"{self.dir}/pushes.1"], check=True)
            os.rename(f"{state}.new", state)
        return state

    def environment(self, url, full=()):
        """For a qtoa with a store that is empty, but for what `full` names of one that is full."""
        self.states += 1
        state = f"{self.dir}/state-{self.states}"
        os.mkdir(state, mode=0o700)
        for name in full:
            for path in glob.glob(f"{self.full_state()}/{name}"):
                shutil.copy(path, state)
        return {
            "BENCH_SINK": url,
            "BENCH_STATE": state,
            "BENCH_CA": f"{self.dir}/certs",
            "BENCH_LOG": f"{self.dir}/qtoa.log",
        }

    def commands(self, url, threads, names, ceiling=None):
        """What lighttpd starts; ceiling: threads of the ceiling, if it has others."""
        make = {
            "qtoa": lambda: self.qtoa(threads),
            "relay": lambda: self.qtoa(threads, relays=RELAYS),
            "server": lambda: self.qtoa(threads, 1),
            "disk": lambda: f"{self.bin}/ceiling_disk {threads} {self.dir}/disk.{threads}",
            "ceiling": lambda: f"{self.bin}/ceiling {ceiling or threads} {url}",
        }
        return {name: make[name]() for name in names}


# ---- measuring


def wrk(run, w, name, concurrency, seconds):
    """One run of wrk; every answer must be `success`."""
    # A ceiling may get the same ones again; it does not know them.
    again = name in ("ceiling", "disk")
    at = ["0", "0", "again"] if again else list(map(str, run.at))
    argv = ["wrk", "-t", "2", "-c", str(concurrency), "-d", f"{seconds}s"]
    argv += ["-s", f"{HERE}/push.lua", f"http://127.0.0.1:{w.port}/", "--"]
    argv += [f"{run.dir}/pushes", URLS[name], *at]
    before = os.times()
    out = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    after = os.times()
    r = json.loads(out.splitlines()[-1])
    if r["over"]:
        raise Failed(f"{name} is faster than expected: no pushes left")
    if r["requests"] == 0 or r["bad"] or r["errors"]:
        raise Failed(f"{name}: not every answer was `success`: {r}; see {run.dir}/*.log")
    if not again:
        run.at, run.left = r["at"], run.left - r["requests"] - 2 * concurrency
    del r["at"]
    r["rate"] = r["requests"] / r["seconds"]
    run.rate = max(run.rate, r["rate"])
    r["wrk"] = after.children_user + after.children_system
    r["wrk"] = (r["wrk"] - before.children_user - before.children_system) / r["requests"]
    return r


def settle(run):
    """Waits until the disk has what was written, and all programs have counted the messages of the
    turn before: neither belongs to the next one's figures."""
    pids = [pid for w in run.webs for pid in w.pids.values()]

    def idle():
        before = sum(map(cpu_s, pids))
        time.sleep(0.2)
        return sum(map(cpu_s, pids)) - before <= 0.02

    os.sync()
    until(idle, "the programs have nothing to do", 60)


def turn(run, s, w, name, concurrency, seconds):
    """One measured run: wrk's figures, CPU per request, all of it seen by the sink."""
    run.stock(seconds)
    settle(run)
    count = s.count()
    who = {"program": w.pids[name], "lighttpd": w.pid, "sink": s.pid}
    cpu, busy = {k: cpu_s(pid) for k, pid in who.items()}, busy_s()
    r = wrk(run, w, name, concurrency, seconds)
    r.update({k: (cpu_s(pid) - cpu[k]) / r["requests"] for k, pid in who.items()})
    ours = sum(r[k] for k in who) + r["wrk"]
    r["others"] = (busy_s() - busy) / r["requests"] - ours
    after = s.count()
    r["connections"] = after["connections"] - count["connections"] - 1
    if after["requests"] - count["requests"] < r["requests"]:
        raise Failed(f"{name}: answered `success` to more than it forwarded: {r}")
    return r


def medians(runs):
    """Of each figure, over the runs of each name."""
    return {n: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for n, rs in runs.items()}


def fastest(run, concurrency):
    """The number of threads with which the ceiling is fastest while QT answers at once."""
    rates = {}
    with sink(run) as s:
        for threads in (4, 8, 16, 32, 64):
            with web(run, run.commands(s.url, threads, ["ceiling"]), {}) as w:
                turns = [turn(run, s, w, "ceiling", concurrency, 1)["rate"] for _ in range(3)]
                rates[threads] = max(turns)
    return max(rates, key=rates.get)


def versus(run, concurrency, threads, delay_ms, ceiling=None):
    """Medians of interleaved runs: {"qtoa": {...}, "ceiling": {...}}."""
    runs = {"ceiling": [], "qtoa": []}
    with sink(run, delay_ms) as s:
        commands = run.commands(s.url, threads, runs, ceiling)
        with web(run, commands, run.environment(s.url)) as w:
            for name in runs:
                turn(run, s, w, name, concurrency, run.limits["warm"])
            for _ in range(run.limits["pairs"]):
                for name, results in runs.items():
                    results.append(turn(run, s, w, name, concurrency, run.limits["seconds"]))
    return medians(runs)


def memory(run, name, delay_ms=0, tls=False):
    """Highest resident() under load; nothing else that we run maps the same libraries."""
    run.stock(run.limits["memory"])
    with sink(run, delay_ms, tls) as s:
        with web(run, run.commands(s.url, 64, [name]), run.environment(s.url)) as w:
            pid = w.pids[name]
            with Peak(lambda: resident(pid)) as peak:
                wrk(run, w, name, 64, run.limits["memory"])
    return peak.values


def relays(run):
    """Medians of interleaved runs, an account without relays and one whose relay answers."""
    runs = {"qtoa": [], "relay": []}
    with sink(run) as s, sink(run, relay=True) as r, contextlib.ExitStack() as stack:
        webs = {}
        for name in runs:
            environment = {**run.environment(s.url), "BENCH_RELAY": r.url}
            commands = run.commands(s.url, 64, [name])
            webs[name] = stack.enter_context(web(run, commands, environment, f"-{name}"))
            turn(run, s, webs[name], name, 64, run.limits["warm"])
        for _ in range(run.limits["pairs"]):
            for name, w in webs.items():
                runs[name].append(turn(run, s, w, name, 64, run.limits["seconds"]))
        if r.count()["requests"] < sum(t["requests"] for t in runs["relay"]):
            raise Failed("the relay did not get every message")
    return medians(runs)


def collector(run):
    """Medians of interleaved runs, envelopes of distinct messages: {"server": {}, "disk": {}}."""
    runs = {"disk": [], "server": []}
    run.kind, run.left = ["envelopes"], 0
    commands = run.commands("http://127.0.0.1:9/", 64, runs)
    with web(run, commands, run.environment("http://127.0.0.1:9/")) as w:
        for i in range(1 + run.limits["pairs"]):
            for name, results in runs.items():
                run.stock(run.limits["seconds"])
                settle(run)
                cpu = cpu_s(w.pids[name])
                r = wrk(run, w, name, 64, run.limits["seconds"])
                r["program"] = (cpu_s(w.pids[name]) - cpu) / r["requests"]
                results += [r] if i != 0 else []  # the first turn warms up
    run.kind, run.left = [], 0
    return medians(runs)


class Syncs:
    """How often a program with the library syncs.so preloaded has written through to disk, and how
    many bytes it has written at all."""

    def __init__(self, run):
        self.path = f"{run.dir}/syncs"
        with open(self.path, "wb") as f:
            f.write(bytes(16))
        self.environment = {"LD_PRELOAD": f"{run.bin}/syncs.so", "BENCH_SYNCS": self.path}

    def count(self):
        with open(self.path, "rb") as f:
            return struct.unpack("=QQ", f.read(16))


def bare(run, size, each):
    """Messages a second that a program keeps that does nothing else: see bare.c."""
    argv = [f"{run.bin}/bare", f"{run.dir}/bare", str(size), str(each), "1"]
    return float(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout)


@contextlib.contextmanager
def paced(run, w):
    """PACE pushes a second while the block runs; then what pace.c says of them is in the dict."""
    argv = [f"{run.bin}/pace", str(w.port), URLS["qtoa"], f"{run.dir}/pushes.1", str(run.at[0])]
    argv += [str(PACE), str(run.limits["pace"])]
    result = {}
    with process(argv, wait=True, stdout=subprocess.PIPE, text=True) as p:
        yield result
        result.update(json.loads(p.stdout.read()))
    if result["bad"]:
        raise Failed(f"not every answer was `success`: {result}")
    run.at[0] = result["at"]
    run.left -= 2 * result["requests"]


def drained(run, s, w, n, all_of_them):
    """QT is there again, and gets n messages.  Pushes come meanwhile, and afterwards once more if
    those are all that wait."""
    pid = w.pids["qtoa"]
    cpu = cpu_s(pid)
    with Peak(lambda: resident(pid)) as peak:
        s.begin()
        until(lambda: s.count()["requests"] > 1, "the drain begins", 15)
        begin, had = time.monotonic(), s.count()["requests"]
        with paced(run, w) as beside:
            pass
        left = n + beside["requests"] - s.count()["requests"]
        n += beside["requests"]
        until(lambda: s.count()["requests"] >= n, "the drain ends", n / 100 + 10)
        took = time.monotonic() - begin
    r = {"drain": (n - had) / took, "drain cpu": (cpu_s(pid) - cpu) / n, "backlog": n}
    r.update({"beside": beside["p99_ms"], "left": left, "drain pss": peak.values["pss"]})
    if all_of_them:
        with paced(run, w) as idle:
            pass
        r["idle"] = idle["p99_ms"]
    return r


def queue(run, full=False):
    """QT is down and its breaker open: all goes to disk.  Then QT is there, and gets it."""
    syncs, seconds = Syncs(run), run.limits["queue"]
    run.stock(2 * seconds, times=4)
    with sink(run, late=True) as s:
        environment = run.environment(s.url, ("qtoa.seen-*", "qtoa.db*") if full else ())
        environment.update(syncs.environment)
        with web(run, run.commands(s.url, 64, ["qtoa"]), environment) as w:
            n = wrk(run, w, "qtoa", 64, seconds)["requests"]
            before = syncs.count()
            r = wrk(run, w, "qtoa", 64, seconds)
            r["syncs"], r["bytes"] = (a - b for a, b in zip(syncs.count(), before))
            n += r["requests"]
            r.update(drained(run, s, w, WAITING // 5 if full else n, not full))
    each = max(round(r["requests"] / max(r["syncs"], 1)), 1)
    r["bare"] = bare(run, r["bytes"] // r["requests"], each)
    shutil.rmtree(environment["BENCH_STATE"])
    return r


def disk(run):
    """fdatasyncs a second, one after the other, of a file that grows by 1 KiB each."""
    n, end = 0, time.monotonic() + 0.5
    with open(f"{run.dir}/disk", "wb", buffering=0) as f:
        while time.monotonic() < end:
            f.write(bytes(1024))
            os.fdatasync(f.fileno())
            n += 1
    return n / 0.5


def cgi_once(run, program, environment, query, body):
    """Seconds for one CGI request; of `true`, which answers nothing, for starting a process."""
    out = f"{run.dir}/cgi.out"
    with open(f"{run.dir}/cgi.in", "w", encoding="utf-8") as f:
        f.write(body)
    env = dict(
        environment,
        GATEWAY_INTERFACE="CGI/1.1",
        SERVER_PROTOCOL="HTTP/1.1",
        SERVER_NAME="127.0.0.1",
        SERVER_PORT="80",
        REMOTE_ADDR="127.0.0.1",
        REQUEST_METHOD="POST",
        SCRIPT_NAME="/qtoa",
        PATH_INFO="/bench",
        REQUEST_URI=f"/qtoa/bench?{query}",
        QUERY_STRING=query,
        CONTENT_TYPE="text/xml",
        CONTENT_LENGTH=str(len(body.encode())),
    )
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, f"{run.dir}/cgi.in", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    begin = time.perf_counter()
    pid = os.posix_spawn(program, [program], env, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - begin
    with open(out, "rb") as f:
        answer = f.read().replace(b"\r\n", b"\n")
    if os.path.basename(program) == "true":
        return took
    if status != 0 or not answer.endswith(b"\n\nsuccess") or answer.startswith(b"Status: 5"):
        raise Failed(f"{program} as CGI: status {status}, {answer[:300]}")
    return took


def read_pushes(path):
    """(query, body) of each."""
    with open(path, "rb") as f:
        while length := f.read(4):
            head, _, body = f.read(struct.unpack("<I", length)[0]).partition(b"\r\n\r\n")
            yield head.partition(b" ")[0].decode(), body.decode()


def cgi(run, tls):
    """Medians in seconds, whole and from main to exit: {"qtoa": s, "ceiling": s} each; whole has
    "true", and without TLS "static" if it is built, too."""
    n, inside = run.limits["cgi"], f"{run.dir}/inside"
    run.pushes(2 * n)
    pushes = list(read_pushes(f"{run.dir}/pushes.1")) + list(read_pushes(f"{run.dir}/pushes.2"))
    with sink(run, tls=tls) as s:
        programs = {"ceiling": f"{run.bin}/ceiling_cgi", "qtoa": run.qtoa(64), "true": "/bin/true"}
        if not tls and (static := run.static(64)):
            programs["static"] = static
        environment = run.environment(s.url)
        environment.update(CEILING_URL=s.url, CEILING_CA=environment["BENCH_CA"])
        environment["PATH"] = os.environ["PATH"]
        probe = {"LD_PRELOAD": f"{run.bin}/inside.so", "BENCH_INSIDE": inside}
        times, spans = ({name: [] for name in names} for names in (programs, ("ceiling", "qtoa")))
        for i in range(n):
            for name, program in programs.items():
                query, body = pushes[2 * i + (name == "static")]
                if i % 2 == 0:
                    times[name].append(cgi_once(run, program, environment, query, body))
                elif name in spans:
                    with open(inside, "wb"):
                        pass
                    cgi_once(run, program, {**environment, **probe}, query, body)
                    with open(inside, "rb") as f:
                        spans[name].append(struct.unpack("=d", f.read())[0])
        if s.count()["requests"] != (n + 1) // 2 * (len(programs) - 1) + n // 2 * len(spans):
            raise Failed("CGI: answered `success` to what it did not forward")
    warm = n // 20
    return tuple({name: statistics.median(t[warm:]) for name, t in table.items()}
                 for table in (times, spans))


def system_calls(run, ceiling):
    """{call: {"ceiling": n, "qtoa": n}} of a request; None where nobody may look."""
    table = {}
    with sink(run) as s:
        commands = run.commands(s.url, 64, ["ceiling", "qtoa"], ceiling)
        with web(run, commands, run.environment(s.url)) as w:
            for name in commands:
                turn(run, s, w, name, 64, 1)
                settle(run)
                out = f"{run.dir}/strace"
                argv = ["strace", "-c", "-f", "-p", str(w.pids[name]), "-o", out]
                with process(argv, stop=signal.SIGINT, stderr=subprocess.PIPE) as p:
                    if b"attached" not in p.stderr.readline():
                        return None
                    n = turn(run, s, w, name, 64, 1)["requests"]
                with open(out, encoding="utf-8") as f:
                    for fields in map(str.split, f):
                        if len(fields) in (5, 6) and fields[3].isdigit() and fields[-1] != "total":
                            table.setdefault(fields[-1], {})[name] = int(fields[3]) / n
    return {k: v for k, v in table.items() if max(v.values()) >= 0.05}


# ---- the table


class Table:
    """Prints figures as they come and remembers whether all were good enough."""

    FORM = "{:<44} {:>9} {:>9} {:>7}  {:<10} {}"

    def __init__(self, one="ceiling", other="qtoa"):
        self.missed = 0
        print(self.FORM.format("figure", one, other, "ratio", "target", ""))

    def row(self, figure, ceiling, qtoa, target=None, at_least=False, absolute=False):
        """target bounds the ratio, or where absolute the value of qtoa itself."""
        ratio = qtoa / ceiling if ceiling else None
        value = qtoa if absolute else ratio
        verdict = bound = ""
        if target is not None:
            good = value >= target if at_least else value <= target
            self.missed += not good
            verdict = "ok" if good else "MISSED"
            bound = f"{'>=' if at_least else '<='} {target:g}"
        shown = [f"{v:.2f}" if v < 100 else f"{v:.0f}" for v in (ceiling or 0, qtoa)]
        print(
            self.FORM.format(
                figure,
                shown[0] if ceiling else "-",
                shown[1],
                f"{ratio:.3f}" if ratio else "-",
                bound,
                verdict,
            ).rstrip(),
            flush=True,
        )


def cpu_rows(table, r):
    c, q = r["ceiling"], r["qtoa"]
    for who in ("program", "lighttpd", "sink", "wrk", "others"):
        table.row(f"  CPU a request, {who}, us", c[who] * 1e6, q[who] * 1e6)


def call_rows(table, run, ceiling):
    calls = system_calls(run, ceiling) if shutil.which("strace") else None
    if calls is None:
        print("  system calls: strace is missing, or may not look into the program")
        return
    total = {who: sum(v.get(who, 0) for v in calls.values()) for who in ("ceiling", "qtoa")}
    table.row("  system calls a request", total["ceiling"], total["qtoa"])
    for call, n in sorted(calls.items(), key=lambda x: -x[1].get("qtoa", 0)):
        table.row(f"    {call}", n.get("ceiling", 0), n.get("qtoa", 0))


def memory_rows(table, what, c, q, limit):
    c = c or dict.fromkeys(q)
    table.row(f"64 at once, {what}: Pss, MiB", c["pss"], q["pss"], limit, absolute=True)
    table.row("  Rss, MiB", c["rss"], q["rss"])
    table.row("  threads", c["threads"], q["threads"])


def queue_rows(table, r):
    """The ceiling is a bare program that writes as many bytes and syncs as often, if that can do
    less than the target."""
    target = min(10000, 0.8 * r["bare"])
    table.row("64 at once, QT down: acknowledged/s", r["bare"], r["rate"], target, at_least=True,
              absolute=True)
    table.row("  p99, ms", None, r["p99_ms"], 30, absolute=True)
    table.row("  fdatasyncs/s", None, r["syncs"] / r["seconds"])
    table.row("  messages each", None, r["requests"] / max(r["syncs"], 1))
    table.row("  bytes written a message", None, r["bytes"] / r["requests"])
    table.row(f"QT back: drained/s, of {r['backlog']}", None, r["drain"], 15000, at_least=True,
              absolute=True)
    table.row(f"  p99 of {PACE} pushes/s, idle and beside, ms", r["idle"], r["beside"], 2)
    if r["left"] <= 0:
        print("  (the drain was over before the pushes)")
    table.row("  CPU a message, program, us", None, r["drain cpu"] * 1e6)
    table.row("  Pss, MiB", None, r["drain pss"])


def flat_turns(run):
    """Medians of interleaved runs of two qtoas: with an empty store, and with KNOWN messages."""
    runs = {"empty": [], "full": []}
    with sink(run) as s, contextlib.ExitStack() as stack:
        webs = {}
        for name, full in (("empty", ()), ("full", ("qtoa.seen-*",))):
            environment = run.environment(s.url, full)
            commands = run.commands(s.url, 64, ["qtoa"])
            webs[name] = stack.enter_context(web(run, commands, environment, name))
            turn(run, s, webs[name], "qtoa", 64, run.limits["warm"])
        for _ in range(run.limits["pairs"]):
            for name, w in webs.items():
                r = turn(run, s, w, "qtoa", 64, run.limits["seconds"])
                runs[name].append({**r, **resident(w.pids["qtoa"])})
        size = sum(os.path.getsize(p) for p in glob.glob(f"{environment['BENCH_STATE']}/*seen-*"))
    return medians(runs), size


def flat_rows(table, run, empty):
    """The figures of a store that is full; those of an empty one stand where the ceiling's do."""
    r, size = flat_turns(run)
    e, f = r["empty"], r["full"]
    table.row(f"{KNOWN} known: requests/s", e["rate"], f["rate"], 0.9, at_least=True)
    table.row("  CPU a request, program, us", e["program"] * 1e6, f["program"] * 1e6, 1.15)
    table.row("  p99, ms", e["p99_ms"], f["p99_ms"])
    table.row("  Rss of all but the known messages, MiB", None, f["rss"] - size / 2**20)
    table.row("  disk, MiB", None, size / 2**20)
    r = queue(run, full=True)
    table.row(f"and {WAITING} waiting: acknowledged/s", empty["rate"], r["rate"], 0.9,
              at_least=True)
    table.row("  p99, ms", empty["p99_ms"], r["p99_ms"])
    table.row("  drained/s", empty["drain"], r["drain"], 0.9, at_least=True)
    table.row("  CPU a message, program, us", empty["drain cpu"] * 1e6, r["drain cpu"] * 1e6)
    table.row(f"  p99 of {PACE} pushes/s, idle and beside, ms", empty["idle"], r["beside"], 2)


def request_part(table, run):
    ceiling = fastest(run, 64)
    r = versus(run, 64, 64, 0, ceiling)
    c, q = r["ceiling"], r["qtoa"]
    table.row("64 at once, sink 0 ms: requests/s", c["rate"], q["rate"], 0.84, at_least=True)
    table.row("  threads of the ceiling", None, ceiling)
    table.row("  p99, ms", c["p99_ms"], q["p99_ms"], 1.2)
    table.row("  p50, ms", c["p50_ms"], q["p50_ms"])
    cpu_rows(table, r)
    call_rows(table, run, ceiling)


def late_part(table, run):
    r = versus(run, 256, 256, 50)
    c, q = r["ceiling"], r["qtoa"]
    table.row("256 at once, sink 50 ms: requests/s", c["rate"], q["rate"], 0.8, at_least=True)
    table.row("  p99, ms", c["p99_ms"], q["p99_ms"])
    cpu_rows(table, r)


def memory_part(table, run):
    """The targets are for a sink that answers at once; at 50 ms all 64 threads are busy."""
    for delay_ms, limit in ((0, 8), (50, None)):
        c, q = (memory(run, name, delay_ms) for name in ("ceiling", "qtoa"))
        memory_rows(table, f"HTTP sink {delay_ms} ms", c, q, limit)
    for delay_ms, limit in ((0, 16), (50, None)):
        q = memory(run, "qtoa", delay_ms, tls=True)
        memory_rows(table, f"HTTPS sink {delay_ms} ms", None, q, limit)


def queue_part(table, run):
    r = queue(run)
    queue_rows(table, r)
    if os.environ.get("BENCH_FLAT", "0") not in ("", "0"):
        flat_rows(table, run, r)


def relay_part(table, run):
    r = relays(run)
    c, q = r["qtoa"], r["relay"]
    # Two exchanges a message and not one.
    table.row("64 at once, a relay answers: requests/s", c["rate"], q["rate"], 0.5, at_least=True)
    table.row("  p99, ms", c["p99_ms"], q["p99_ms"])
    cpu_rows(table, {"ceiling": c, "qtoa": q})


def collector_part(table, run):
    r = collector(run)
    c, q = r["disk"], r["server"]
    table.row("64 at once, collector: envelopes/s", c["rate"], q["rate"], COLLECTOR, at_least=True)
    table.row("  p99, ms", c["p99_ms"], q["p99_ms"])
    table.row("  CPU a request, program, us", c["program"] * 1e6, q["program"] * 1e6)


def cgi_part(table, run):
    for what, tls in (("CGI", False), ("CGI by HTTPS", True)):
        whole, inside = cgi(run, tls)
        table.row(f"{what}, one request, ms", whole["ceiling"] * 1e3, whole["qtoa"] * 1e3)
        table.row("  from main to exit, ms", inside["ceiling"] * 1e3, inside["qtoa"] * 1e3, 1.2)
        if "static" in whole:
            above = {name: (seconds - whole["true"]) * 1e3 for name, seconds in whole.items()}
            table.row("CGI, dynamic and static, above /bin/true, ms", above["qtoa"],
                      above["static"], 0.4)


PARTS = {
    "request": request_part,
    "late": late_part,
    "memory": memory_part,
    "queue": queue_part,
    "relay": relay_part,
    "collector": collector_part,
    "cgi": cgi_part,
}


def measure(run):
    table = Table()
    table.row(f"this disk ({file_system(run.dir)}): fdatasyncs/s, one by one", None, disk(run))
    for part in sys.argv[2:] or PARTS:
        PARTS[part](table, run)
    return table.missed


def missing():
    """Debian packages that are not here."""
    crypto = subprocess.run(
        [sys.executable, "-c", "import cryptography"], check=False, stderr=subprocess.DEVNULL
    )
    have = {
        "wrk": shutil.which("wrk"),
        "openssl": shutil.which("openssl"),
        "lighttpd": LIGHTTPD,
        "python3-cryptography": crypto.returncode == 0,
    }
    return [name for name, there in have.items() if not there]


def judge(figures):
    """Runs a function that measures and says how many targets it missed; the exit status."""
    # So that a signal unwinds and stops what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    run = Run(sys.argv[1])
    try:
        return 1 if figures(run) else 0
    except (Failed, subprocess.CalledProcessError) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 2
    finally:
        run.close()


def main():
    if lacking := missing():
        print("bench: not installed: " + " ".join(lacking), file=sys.stderr)
        return 2
    return judge(measure)


if __name__ == "__main__":
    sys.exit(main())
