"""One host: FastCGI processes, CGI processes and the operator's commands that share a state
directory; and who kills them."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import fcgi
import program
from oracle import Kill, identity, opened, ports_of
from patience import PATIENCE_S
from wechat import ACCOUNTS

BY_PATH = {a.path: a for a in ACCOUNTS}


def seen_by_tests(home, env):
    """The environment of a process whose descriptors a test may see, also as an ordinary user."""
    more = home.open()
    both = [e["LD_PRELOAD"] for e in (env, more) if "LD_PRELOAD" in e]
    return {**more, **env, **({"LD_PRELOAD": ":".join(both)} if both else {})}


class Site:
    """Pools of one variant over one Home.  env goes to the pools and to the CGI processes."""

    def __init__(self, home, variant, pools=2, env=None):
        self.home = home
        self.variant = variant
        self.env = seen_by_tests(home, env or {})
        self.pools = []
        for _ in range(pools):
            self.pools.append(program.Pool(home, variant, env=self.env))
        self.kills = []
        self._running = set()       # CGI processes and commands
        self._lock = threading.Lock()

    # Doors for WeChat.

    def through(self, pool, timeout=5):
        def door(account, push):
            with pool.connect(timeout) as c:
                return c.send(pool.bytes(account, push)).answer()
        return door

    def through_cgi(self, account, push):
        params = fcgi.push_params(push, f"/qtoa/{account.path}")
        out, code = self.run([], push.body, params)
        return fcgi.parse(out) if code == 0 else None

    def doors(self, cgi=0):
        """Each pool's several times, so that one in so many goes through CGI."""
        pools = [self.through(p) for p in self.pools]
        return pools * (cgi or 1) + ([self.through_cgi] if cgi else [])

    # Commands.

    def run(self, args, data=b"", env=None, good=(0,), timeout=PATIENCE_S):
        """A process of the program: (what it printed, its status); it may be killed."""
        proc = subprocess.Popen([str(program.binary(self.variant)), *args],
                                env={**self.home.env, **(self.env if env else {}), **(env or {})},
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        with self._lock:
            self._running.add(proc)
        try:
            out, err = proc.communicate(data, timeout)
        finally:
            with self._lock:
                self._running.discard(proc)
            proc.kill()
        if proc.returncode not in (*good, -signal.SIGKILL):
            raise AssertionError((args, proc.returncode, out, err))
        return out, proc.returncode

    def drain(self):
        """By command; True if nothing is left that could be sent."""
        return self.run(["drain"], good=(0, 1))[1] == 0

    def rows(self):
        """What the queue holds: what `qtoa queue export` prints."""
        return [json.loads(line) for line in self.run(["queue", "export"])[0].splitlines()]

    def waiting(self):
        """What is to be sent; a damaged row may belong to no account any more."""
        return [r for r in self.rows()
                if r["state"] not in ("dead", "delivered") and r["account"] in BY_PATH]

    def dead(self):
        """The messages that are kept as refused."""
        found = set()
        for row in self.rows():
            if row["state"] == "dead" and row["account"] in BY_PATH:
                account = BY_PATH[row["account"]]
                found.add(identity(account, opened(account, row["body"].encode())))
        return found

    def drained(self, timeout=PATIENCE_S):
        """Once nothing waits; looking costs a process."""
        pause = threading.Event()
        program.until(lambda: not self.waiting() or pause.wait(0.05), "an empty queue", timeout)

    # Ends.

    def kill(self, pool):
        """kill -9 at any moment, noting what the process had in hand; and a new one."""
        self._kill(pool.proc)
        pool.proc.wait()

    def _kill(self, proc):
        """Stopped first, so that what is noted is what was."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(proc.pid, signal.SIGSTOP)
            ports = ports_of(proc.pid)
            os.kill(proc.pid, signal.SIGKILL)
            self.kills.append(Kill(time.monotonic(), ports))

    def kill_running(self, rng):
        """One of the CGI processes and commands; False if there is none."""
        with self._lock:
            running = sorted(self._running, key=lambda p: p.pid)
        if not running:
            return False
        self._kill(rng.choice(running))
        return True

    def restart(self, pool):
        pool.start(self.variant, self.env)

    def terminate(self, pool):
        """SIGTERM; how long it took to end, in s."""
        begin = time.monotonic()
        pool.proc.terminate()
        pool.proc.wait(PATIENCE_S)
        # One that has only begun does not know the signal yet.
        assert pool.proc.returncode in (0, -signal.SIGTERM), (pool.proc.returncode, pool.stderr())
        return time.monotonic() - begin

    def stop_pools(self):
        for pool in self.pools:
            self.terminate(pool)

    def close(self):
        for pool in self.pools:
            pool.stop()
