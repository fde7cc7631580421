"""Three servers, one of them the primary, which waits for one of two standbys; and what an operator
of theirs does, or a program such as Patroni: fails over, and brings the old primary back."""

import contextlib
import errno
import os
import pathlib
import shutil
import sys
import threading
import types

import servers

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "torture"))
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "e2e"))
import faults  # noqa: E402
import program  # noqa: E402

NAMES = ("one", "two", "three")
SETTINGS = dict(synchronous_standby_names=f"ANY 1 ({', '.join(NAMES)})", wal_log_hints="on",
                wal_retrieve_retry_interval="200ms", wal_receiver_timeout="5s",
                wal_sender_timeout="3s")
REACHED = "SELECT greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), " \
          "coalesce(pg_last_wal_replay_lsn(), '0/0')) - '0/0'::pg_lsn"
FOLLOWING = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' " \
            "AND state = 'streaming'"


class Disk(faults.Faults):
    """A server's disk, which is full when a test says so: for its user, too, who may not mount."""

    def __init__(self, server):
        super().__init__(types.SimpleNamespace(state=server.data, dir=pathlib.Path(server.dir),
                                               env={"ASAN_OPTIONS": ""}))
        library = shutil.copy(program.FAULTS, server.dir)   # its user may read this one
        os.chmod(library, 0o755)
        os.chown(self.path, servers.user().pw_uid, servers.user().pw_gid)
        self.env = {"FAULTS_CONTROL": str(self.path), "LD_PRELOAD": library}

    def full(self):
        self.fail(errno.ENOSPC, (faults.WRITE, faults.TRUNCATE))


class Nodes:
    """The servers.  wires: standbys reach their primary over links that can fail."""

    def __init__(self, top, wires=None):
        self.all = [servers.Server(top, name) for name in NAMES]
        self.primary = self.all[0]
        self.turn = threading.RLock()   # who has it may end and begin servers
        self.disks = {}
        self.links = {}
        if wires is not None:
            self.links = {(a.name, b.name): wires.link(f"{a.name} to {b.name}", self._socket(b))
                          for a in self.all for b in self.all if a is not b}

    @staticmethod
    def _socket(server):
        return f"{server.dir}/.s.PGSQL.{servers.PORT}"

    def socket_of_primary(self):
        return self._socket(self.primary)

    @property
    def standbys(self):
        return [s for s in self.all if s is not self.primary]

    def make(self):
        self.primary.make()
        self.primary.set(**SETTINGS, max_connections=100, max_wal_senders=8)
        self.primary.set(synchronous_standby_names="")
        self.primary.start()
        for server in self.standbys:
            server.make_standby(self.primary)
        for server in self.all:
            server.set(**SETTINGS)
        self.primary.stop()

    def copy(self, made):
        for server, source in zip(self.all, made.all):
            server.copy(source)
            self.disks[server.name] = Disk(server)
            server.env = self.disks[server.name].env
        self.primary.start()
        for server in self.standbys:
            self._follow(server)
            server.start()
        self.settle()

    def _follow(self, server):
        link = self.links.get((server.name, self.primary.name))
        server.follow(self.primary, link and link.port)

    def settle(self, n=2):
        """Until so many standbys have all that the primary has."""
        servers.wait_until("the standbys follow", lambda: self.following() >= n)

    def following(self):
        try:
            return int(self.primary.sql(FOLLOWING))
        except AssertionError:
            return 0

    # What an operator does.

    def revive(self, server):
        """Starts a server that does not run; a disk that was full may have ended it."""
        if server.process is not None and server.process.poll() is not None:
            server.kill()
        if server.process is None:
            server.start()

    def fail_over(self):
        """The primary is dead.  The standby that has the most takes its place.  The old one."""
        old = self.primary
        old.kill()
        for server in self.standbys:
            self.revive(server)
        new = max(self.standbys, key=self._reached)
        new.run("pg_ctl", "promote", "-D", new.data, "-w")
        self.primary = new
        for server in self.standbys:
            if server is not old:
                self._follow(server)
                server.run("pg_ctl", "reload", "-D", server.data)
        return old

    @staticmethod
    def _reached(server):
        """How far it is, once it has read all that is on its disk."""
        seen = [-1, -2]

        def stands():
            with contextlib.suppress(AssertionError):
                seen.append(int(server.sql(REACHED)))
            return seen[-1] == seen[-2]
        servers.wait_until(f"{server.name} stands", stands)
        return seen[-1]

    def rejoin(self, old, rewind=True):
        """The old primary becomes a standby.  It may have what no other server has."""
        old.kill()
        self.primary.sql("CHECKPOINT")      # pg_rewind reads there that it is another's past now
        try:
            assert rewind
            old.run("pg_rewind", "-D", old.data, f"--source-server={self.primary.url}")
        except AssertionError:
            shutil.rmtree(old.data)
            old.make_standby(self.primary)
        with open(f"{old.data}/standby.signal", "w", encoding="utf-8"):
            pass
        old.set(unix_socket_directories=old.dir)
        self._follow(old)
        old.start()

    def mend(self):
        """All run, and follow.  One that ends because its disk was full may do so late."""
        for disk in self.disks.values():
            disk.off()

        def is_well():
            for server in self.all:
                self.revive(server)
            return self.following() == 2
        servers.wait_until("the standbys follow", is_well)

    def end(self):
        for server in self.all:
            server.kill()
        for disk in self.disks.values():
            disk.close()
