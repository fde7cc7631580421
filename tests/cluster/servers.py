"""PostgreSQL servers from Debian, started by an ordinary user in a directory of the test."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "e2e"))
from patience import PATIENCE_S  # noqa: E402 (it is in that directory)

BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[-2]))[-1]
PORT = 5432     # of the Unix socket, which is a file in the server's own directory


def user():
    """Whom the servers run as: initdb refuses root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _become():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user().pw_gid)
        os.setuid(user().pw_uid)


def wait_until(what, check):
    end = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Server:
    """A server.  Its data, log and socket are in .dir."""

    def __init__(self, top, name):
        self.name = name
        self.dir = f"{top}/{name}"
        self.data = f"{self.dir}/data"
        self.process = None
        self.env = {}           # more of it
        os.makedirs(self.dir, 0o700, exist_ok=True)
        os.chown(self.dir, user().pw_uid, user().pw_gid)

    @property
    def url(self):
        return f"postgresql:///postgres?host={self.dir}&port={PORT}&user=qtoa"

    def run(self, tool, *args):
        done = subprocess.run([f"{BIN}/{tool}", *args], preexec_fn=_become, cwd=self.dir,
                              capture_output=True, text=True, timeout=PATIENCE_S,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, (tool, args, done.stderr)
        return done.stdout

    def set(self, **values):
        with open(f"{self.data}/postgresql.conf", "a", encoding="utf-8") as f:
            for name, value in values.items():
                f.write(f"{name} = '{value}'\n")

    def make(self, segment_mb=1):
        """segment_mb: of the log; little saves room, but a server syncs each that it begins."""
        self.run("initdb", "-D", self.data, "-U", "qtoa", "-A", "trust", "-E", "UTF8",
                 "--locale=C", "-N", f"--wal-segsize={segment_mb}")
        self.set(listen_addresses="", unix_socket_directories=self.dir, port=PORT,
                 max_connections=40, shared_buffers="16MB", wal_level="replica",
                 max_wal_senders=4, hot_standby="on", wal_keep_size="64MB",
                 wal_sender_timeout="5s", log_min_messages="warning")

    def copy(self, server):
        """The same as a server that does not run, in this one's directory."""
        subprocess.run(["cp", "-a", server.data, self.data], check=True)
        self.set(unix_socket_directories=self.dir)

    def follow(self, primary, port=None):
        """Lets a standby follow this primary; port: over a link on this machine."""
        where = f"host={primary.dir} port={PORT}" if port is None else \
            f"host=127.0.0.1 port={port} connect_timeout=2"
        with open(f"{self.data}/postgresql.auto.conf", "a", encoding="utf-8") as f:
            f.write(f"primary_conninfo = '{where} user=qtoa application_name={self.name}'\n")

    def make_standby(self, primary):
        self.run("pg_basebackup", "-D", self.data, "-h", primary.dir, "-p", str(PORT), "-U",
                 "qtoa", "-X", "stream", "-R", "-c", "fast", "-N", "-d",
                 f"application_name={self.name}")
        self.set(unix_socket_directories=self.dir)

    def begin(self):
        """Starts, and waits for nothing."""
        with open(f"{self.dir}/log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [f"{BIN}/postgres", "-D", self.data], preexec_fn=_become, cwd=self.dir,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.env})

    def start(self):
        self.begin()
        wait_until(f"{self.name} starts", self.is_ready)

    def is_ready(self):
        assert self.process.poll() is None, open(f"{self.dir}/log", encoding="utf-8").read()
        return self.answers()

    def answers(self):
        return subprocess.run([f"{BIN}/pg_isready", "-q", "-h", self.dir, "-p", str(PORT)],
                              check=False).returncode == 0

    def sql(self, text, url=None):
        return self.run("psql", "-XAtq", "-d", url or self.url, "-c", text).strip()

    def signal(self, number):
        """Sends a signal to the server and to all its processes."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                                  capture_output=True, text=True, check=False).stdout.split()
        for pid in [str(self.process.pid), *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), number)

    def stop(self):
        """As an operator ends it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_S)
        self.process = None

    def kill(self):
        """As a power cut ends it."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.data}/postmaster.pid")

    def follows(self, standby):
        """True: the standby has all that the primary has written."""
        return self.sql("SELECT count(*) FROM pg_stat_replication WHERE application_name = "
                        f"'{standby.name}' AND sync_state IN ('sync', 'quorum')") == "1"


class Pair:
    """A primary that waits for one standby."""

    def __init__(self, top):
        self.primary = Server(top, "one")
        self.standby = Server(top, "two")

    def make(self, segment_mb=1, **settings):
        """Makes both; they do not run then."""
        self.primary.make(segment_mb)
        self.primary.set(**settings)
        self.primary.start()
        self.standby.make_standby(self.primary)
        for server in self.primary, self.standby:
            server.set(synchronous_standby_names="ANY 1 (one, two)")
        self.primary.stop()

    def copy(self, pair):
        self.primary.copy(pair.primary)
        self.standby.copy(pair.standby)
        self.standby.follow(self.primary)
        self.primary.start()
        self.standby.start()
        self.settle()

    def settle(self):
        wait_until("the standby follows", lambda: self.primary.follows(self.standby))

    def end(self):
        self.primary.kill()
        self.standby.kill()


class Pooler:
    """pgbouncer in front of a server; each transaction may get another connection.  port: the server
    is behind a link on this machine."""

    def __init__(self, top, server, port=None):
        where = f"host={server.dir} port={PORT}" if port is None else \
            f"host=127.0.0.1 port={port}"
        self.dir = f"{top}/pooler"
        self.process = None
        os.mkdir(self.dir, 0o700)
        os.chown(self.dir, user().pw_uid, user().pw_gid)
        with open(f"{self.dir}/users", "w", encoding="utf-8") as f:
            f.write('"qtoa" ""\n')
        with open(f"{self.dir}/ini", "w", encoding="utf-8") as f:
            f.write(f"""[databases]
* = {where}
[pgbouncer]
listen_addr =
unix_socket_dir = {self.dir}
listen_port = {PORT}
auth_type = trust
auth_file = {self.dir}/users
pool_mode = transaction
default_pool_size = 3
server_login_retry = 1
server_connect_timeout = 2
logfile = {self.dir}/log
""")

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/pgbouncer", "-q", f"{self.dir}/ini"],
                                        preexec_fn=_become, cwd=self.dir,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("the pooler starts", lambda: os.path.exists(f"{self.dir}/.s.PGSQL.{PORT}"))

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.dir}/.s.PGSQL.{PORT}")


@contextlib.contextmanager
def directory(where="/tmp"):
    top = tempfile.mkdtemp(prefix="qtoa-pg-", dir=where)
    os.chmod(top, 0o755)
    try:
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)
