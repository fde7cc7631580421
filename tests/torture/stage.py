"""Where the troubles of troubles.py come: WeChat pushes all the time to several processes over one
state directory, on a disk that can be full; QT's answers can be bent for some messages; a collector
of ours counts what QT takes.  In the end the oracle judges, and each failure must be explained in
the log, without a secret."""

import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import chain
import fcgi
import oracle
import program
import qt as qt_side
import wechat
from host import Site

VARIANT = "ahead"
MINUTE = 60 * program.SLOWER    # after the last trouble the queue is empty by then
GRACE_S = 2 * program.SLOWER    # after a trouble no push is refused any more
GOOD_S = 5 * program.SLOWER     # what a good message waits at most because of bad ones
DUE_S = 5 * program.SLOWER      # `qtoa queue retry` means now
BLIND_S = 2 * program.SLOWER    # around a line that says that repeats are not recognized
MARK = "hushContent"            # in what users write: it must not be in the log
FOLLOWER = "oOracleThePoisonousFollower"
ENDED = (0, -signal.SIGTERM, -signal.SIGKILL)   # as we have it end
MANY = 8                        # threads that fill a disk


def mount_command(path, size, kind, image):
    if kind == "tmpfs":
        return ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", path]
    return ["sh", "-c", f"truncate -s {size} {image} && mkfs.ext4 -q -m 0 {image} && "
            f"mount -o loop {image} {path}"]


def mounted(stack, path, size, kinds=("tmpfs",)):
    """Mounts the first of these file systems that we may mount; False: none of them."""
    for kind in kinds:
        command = mount_command(str(path), size, kind, f"{path}.image")
        if subprocess.run(command, capture_output=True).returncode == 0:
            stack.callback(subprocess.run, ["umount", "-l", str(path)], check=True)
            return True
    return False


def may_mount():
    with tempfile.TemporaryDirectory() as path, contextlib.ExitStack() as stack:
        return mounted(stack, path, "1M")


class Place(program.Home):
    """The state directory is one level down, on a disk of its own if size says how large."""

    def __init__(self, qt_url, size=None, disks=("tmpfs",)):
        super().__init__(qt_url)
        self.mounts = contextlib.ExitStack()
        self.disk = self.subdir("disk")
        assert not size or mounted(self.mounts, self.disk, size, disks), "may not mount"
        self.state = self.disk / "state"
        self.state.mkdir(mode=0o700)
        self.env["QTOA_STATE_DIR"] = str(self.state)

    def room(self):
        st = os.statvfs(self.disk)
        return st.f_bavail * st.f_frsize

    def remove(self):
        self.mounts.close()
        super().remove()


class Heaven(oracle.LenientQT):
    """QT; what it does with some messages may be bent; what it takes goes to a collector, too."""

    def __init__(self, seed):
        self._downs = set()
        super().__init__(seed)
        self.bends = {}             # by name: functions that give a row of the weather, or None
        self.pool = None            # the collector

    def down(self, who="sky"):
        with self._lock:
            self._downs.add(who)
        super().down()

    def up(self, who="sky"):
        with self._lock:
            self._downs.discard(who)
            clear = not self._downs
        if clear:
            super().up()

    def _draw(self, account, xml):
        for bend in list(self.bends.values()):
            if (drawn := bend(account, xml)) is not None:
                return drawn
        return super()._draw(account, xml)

    def _keep(self, conn, r, message, read):
        params = fcgi.cgi("POST", qt_side.PATH, "", len(r.body))
        answer = fcgi.call(self.pool.path, params, r.body)
        if b"Httpapi_300_200" not in answer.body:
            self.problems.append(f"the collector: {answer.status} {answer.body[:200]}")
        super()._keep(conn, r, message, read)

    def _mute(self, conn, r, message, _):
        """It is not taken, and nobody answers."""
        conn.settimeout(30)
        conn.recv(1)
        raise oracle.Down

    def _firewall(self, conn, r, message, status):
        conn.sendall(qt_side.http(status, "<html><title>Request blocked</title>"
                                  "<body>Your request was blocked.</body></html>"))


class Stage:
    """stack ends all that is begun here."""

    variant = VARIANT

    def __init__(self, stack, seed, size=None, rate=30, cgi=0, disks=("tmpfs",)):
        self.rng = random.Random(seed)
        self.qt = Heaven(seed)
        stack.callback(self.qt.stop)
        theirs = program.Home(self.qt.url)
        stack.callback(theirs.remove)
        self.collector = theirs
        self.qt.pool = program.Pool(theirs, "main")
        stack.callback(self.qt.pool.stop)
        self.home = Place(self.qt.url, size, disks)
        stack.callback(self.home.remove)
        self.log = self.home.log
        self.prepare(stack)
        self.site = Site(self.home, self.variant, env=self.home.clock())
        stack.callback(self.site.close)
        doors = [self._door(pool) for pool in self.site.pools] * (cgi or 1)
        doors += [self.site.through_cgi] if cgi else []
        self.we = oracle.WeChat(doors, pause_s=0.3, rate=rate, seed=seed)
        self.sent = []
        self.losses = []
        self.due = []               # (when, ids): an operator wants them sent now
        self.good = []              # (from, to): good messages must not wait for bad ones
        self.problems = []
        self.commands_fail = False  # an operator's command may: there are other troubles
        self.unsafe_because = "."   # what the log must say where it was not stored
        self.turn = threading.RLock()       # who has it may end and begin processes
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.we.send_all, args=(self._flow(),))
        stack.callback(self.quiet)
        self.pause = threading.Event().wait

    def prepare(self, stack):
        """What must be there before the program begins."""

    def well(self):
        """The last trouble is over."""

    def _door(self, pool):
        """As its service manager, it begins a process again that has died."""
        through = self.site.through(pool)

        def door(account, push):
            if (code := pool.proc.poll()) is None:
                return through(account, push)
            with self.turn:
                if pool.proc.returncode == code and self._note_death(pool):
                    self.site.restart(pool)
            raise ConnectionError
        return door

    def _note_death(self, pool):
        """True: it has died, and not by us."""
        if (code := pool.proc.poll()) is None or code in ENDED:
            return False
        if code not in pool.exits:
            self.problems.append(f"died: {code} {pool.stderr()[-500:]}")
            pool.exits.add(code)
        return True

    # WeChat's traffic.

    def message(self, size=0, account=None):
        """A new one; while some are bent as poison, one in six is the follower's."""
        with self._lock:
            n = len(self.sent)
            poison = "poison" in self.qt.bends and self.rng.randrange(6) == 0
            user = FOLLOWER if poison else f"oOracle{self.rng.randrange(40):021d}"
            form = self.rng.choice((oracle.TEXT, oracle.EVENT))
            xml = form.format(user=user, at=int(time.time()), msgid=24000000000000000 + n,
                              text=f"{MARK}{n}" + "x" * size, event="CLICK")
            message = oracle.Message(account or self.rng.choice(oracle.ACCOUNTS), xml.encode(),
                                     copies=3 if self.rng.randrange(10) == 0 else 1)
            self.sent.append(message)
        return message

    def _flow(self):
        while not self._over.is_set():
            yield self.message()

    def begin(self):
        self._thread.start()

    def quiet(self):
        """WeChat has no more, and has heard of all."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def send(self, n, size=0, doors=None):
        """n at once, one try each; how many were acknowledged."""
        def one(message):
            return self.we.attempt(message, wechat.push(message.account, message.xml),
                                   random.choice(doors or self.we.doors))
        with ThreadPoolExecutor(MANY) as pool:
            return sum(pool.map(one, [self.message(size) for _ in range(n)]))

    # What is in the queue.

    def rows(self, sql):
        """What the database answers, by a reading of our own that the program does not feel: of
        a copy.  OSError, sqlite3.Error: it cannot be read."""
        with tempfile.TemporaryDirectory() as place:
            copy = os.path.join(place, "qtoa.db")
            for _ in range(50):
                if self._copied(copy):
                    break
            else:
                raise OSError("it is written all the time")
            with contextlib.closing(sqlite3.connect(copy)) as db:
                db.row_factory = sqlite3.Row
                return db.execute(sql).fetchall()

    def back_up(self, target):
        """The database in one file."""
        while not self._copied(str(target)):
            self.pause(0.01)
        with contextlib.closing(sqlite3.connect(target)) as db:
            db.execute("PRAGMA journal_mode = DELETE")

    def _copied(self, copy):
        """Copies the database and its WAL.  False: it was written meanwhile."""
        def marks():
            return [(p.stat().st_ino, p.stat().st_size, p.stat().st_mtime_ns) if p.exists() else 0
                    for p in files]
        files = [self.home.state / name for name in ("qtoa.db", "qtoa.db-wal")]
        with contextlib.suppress(FileNotFoundError):
            before = marks()
            for file in files:
                target = copy + file.name[len("qtoa.db"):]
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(target)
                if file.exists():
                    shutil.copyfile(file, target)
            return before == marks()
        return False

    def ids(self, *states):
        """Of the messages in these states; None: it cannot be read."""
        by_path = {a.path: a for a in oracle.ACCOUNTS}
        try:
            rows = self.rows("SELECT account, body, state FROM message")
        except (OSError, sqlite3.Error):
            return None
        return {oracle.identity(by_path[r["account"]],
                                oracle.opened(by_path[r["account"]], r["body"]))
                for r in rows if r["state"] in states and r["account"] in by_path}

    def pending(self):
        """How many messages wait; or why that cannot be read."""
        if not (self.home.state / "qtoa.db").exists():
            return 0
        try:
            return self.rows("SELECT count(*) AS n FROM message WHERE state = 'pending'")[0]["n"]
        except (OSError, sqlite3.Error) as e:
            return f"unknown ({e})"

    def lose(self, what, said_by, **how):
        """From now on something is not there any more."""
        loss = oracle.Loss(what, time.monotonic(), said_by, len(self.log.text()), **how)
        self.losses.append(loss)
        return loss

    # The end.

    def emptied(self, since):
        """When the queue was empty and all had arrived, in s; None: not within a minute."""
        while time.monotonic() < since + MINUTE:
            if self.pending() == 0 and not self.set_aside() and not self.missing():
                return time.monotonic() - since
            self.pause(0.1)
        return None

    def missing(self):
        """Acknowledged messages that have not arrived, and may not be lost."""
        there = {d.message for d in self.qt.deliveries if d.read} | (self.ids("dead") or set())
        return [m for m in self.sent if m.acknowledged and m.id not in there
                and not any(loss.explains(m) for loss in self.losses)]

    def set_aside(self):
        """Files that may hold messages which are yet to be taken over."""
        return self.home.state.exists() and [*self.home.state.glob("qtoa.db.damaged-*"),
                                             *self.home.state.glob("qtoa.db.newer-*")]

    def judged(self, ended, emptied):
        for loss in self.losses:
            loss.said = said_loudly(self.log.text(), loss)
        self.losses += blind_times(self.log.text(), self.qt.ahead)
        dead = self.ids("dead") or set()
        self._ask_operator()
        for pool in self.site.pools:
            self._note_death(pool)
        j = oracle.judge(self.sent, self.qt, self.site.kills, dead, self.losses)
        waiting = self.ids("pending") or set()
        stuck = [row for row in j.lost if row[0].id in waiting]
        j.lost = [row for row in j.lost if row[0].id not in waiting]
        seen = Seen(j, emptied, len(stuck), problems=list(self.problems))
        late = [status for begin, status in self.we.refusals if begin > ended + GRACE_S]
        seen.refused = Counter(status for _, status in self.we.refusals)
        if late:
            lines = re.findall(r".* what=request .* status=[345].*", self.log.text())
            seen.problems.append(f"refused although all was well: {dict(Counter(late))}, the last: "
                                 f"{lines[-1:]}")
        if emptied is None:
            seen.problems.append(f"a minute after the last trouble {self.pending()} are in the "
                                 f"queue, and {len(self.missing())} have not arrived")
        seen.waits = self._waits()
        if seen.waits and max(seen.waits) > GOOD_S:
            seen.problems.append(f"good messages waited {max(seen.waits):.1f} s for bad ones")
        self._check_due(seen)
        self._check_collector(seen)
        check_log(seen, self.log.text(), self)
        return seen

    def _ask_operator(self):
        """The command can list what is in the queue."""
        try:
            self.site.rows()
        except (AssertionError, subprocess.TimeoutExpired) as e:
            self.problems.append(f"the operator cannot see the queue: {e}"[:300])

    def _waits(self):
        """How long good messages waited while there were bad ones, from `success` to QT."""
        now, taken = time.monotonic(), {}
        for d in self.qt.deliveries:
            taken.setdefault(d.message, d.at)
        return sorted(max(0, taken.get(m.id, now) - m.heard) for m in self.sent
                      if m.acknowledged and FOLLOWER.encode() not in m.xml
                      and any(a <= m.asked <= b for a, b in self.good))

    def _check_due(self, seen):
        for at, ids in self.due:
            late = ids - {d.message for d in self.qt.deliveries if d.at < at + DUE_S}
            if late:
                seen.problems.append(f"{len(late)} of {len(ids)} were due and did not go in "
                                     f"{DUE_S} s")

    def _check_collector(self, seen):
        """It has counted what QT took, and each message once."""
        if seen.emptied_s is None:      # it still comes in
            return
        want = Counter(chain.event_of(m) for m in self.sent
                       if m.id in {d.message for d in self.qt.deliveries})
        got = chain.events_in(self.collector)
        if got != want:
            seen.problems.append(f"the collector: {sum((want - got).values())} missing, "
                                 f"{sum((got - want).values())} too many")


@dataclass
class Seen:
    """What a stage has shown."""
    judgement: oracle.Judgement
    emptied_s: float            # from the end of the last trouble; None: not within a minute
    stuck: int                  # acknowledged, and still in the queue
    refused: Counter = field(default_factory=Counter)
    waits: list = field(default_factory=list)
    problems: list = field(default_factory=list)

    def __str__(self):
        waits = self.waits and (f"; good messages waited p50 {self.waits[len(self.waits) // 2]:.1f}"
                                f" s, at most {self.waits[-1]:.1f} s")
        emptied = "never" if self.emptied_s is None else f"in {self.emptied_s:.1f} s"
        return (f"{self.judgement}, stuck {self.stuck}; tries refused {dict(self.refused)}; "
                f"empty {emptied}{waits or ''}")

    def check(self):
        """Says all that is wrong, not only the first."""
        j = self.judgement
        wrong = [*self.problems, *map(str, j.wrong[:5])]
        silent = Counter(note for _, taken in j.lost for note in taken if isinstance(note, str))
        wrong += [f"lost {len(j.lost)} {dict(silent) or ''}, such as {brief(*j.lost[0])}"] \
            if j.lost else []
        wrong += [f"twice {len(j.twice)}, such as {brief(*j.twice[0])}"] if j.twice else []
        assert not wrong, "\n  ".join(["", *wrong])


def brief(message, taken):
    """A message and what became of it."""
    text = re.search(rb"hush\w{,20}", message.xml)[0].decode()
    times = [f"{d.at - message.asked:+.2f} s" if isinstance(d, oracle.Delivery) else d
             for d in taken]
    return f"{text} of {message.account.path}, {message.copies} copies; at QT: {times}"


# The log.

def said_loudly(text, loss):
    """An error in the log that tells of a loss, after it was."""
    return any(re.search(rf"level=(error|alert|crit)\b.*{loss.said_by}", line)
               for line in text[loss.log_at:].splitlines())


def blind_times(text, aheads):
    """When the log said that repeats may be forwarded twice, as losses of a moment."""
    begun = time.time() - time.monotonic()
    for line in re.findall(r"time=(\S+) level=error what=seen .*forwarded twice", text):
        at = datetime.fromisoformat(line.replace("Z", "+00:00")).timestamp()
        at -= max(s for s in aheads if at - time.time() > s / 2 or s == 0)
        yield oracle.Loss("what is known", at - begun - BLIND_S, "", end=at - begun + BLIND_S,
                          forgets=True, said=True)


def secrets():
    """What must not be in a log."""
    for a in wechat.ACCOUNTS:
        yield from (s for s in (a.token, a.key, a.old_key, a.old_token, a.service_secret) if s)
    yield MARK


def check_log(seen, text, stage):
    """No secret, and each failure has a line that says why."""
    for secret in secrets():
        if secret in text:
            at = text.index(secret)
            seen.problems.append(f"a secret in the log: {text[max(0, at - 200):at + 50]}")
    told, why = Counter(), Counter()
    for line in text.splitlines():
        row = {k: v.strip('"') for k, v in program.Log.PAIR.findall(line)}
        if row.get("what") == "request" and row.get("status") not in (None, "200"):
            told[int(row["status"])] += 1
            unsafe = row["status"] == "503"
            if not row.get("error") or unsafe and not re.search(stage.unsafe_because,
                                                                row.get("detail", "")):
                why[row.get("detail", line)] += 1
        elif row.get("verdict") in ("queued", "dead") and not row.get("class"):
            why[line] += 1
    seen.problems += [f"not explained, {n} times: {line}" for line, n in why.most_common(3)]
    missing = Counter(status for _, status in stage.we.refusals) - told
    if missing and not stage.site.kills:
        seen.problems.append(f"refused without a line: {dict(missing)}")


def throw_away(path):
    shutil.rmtree(path, ignore_errors=True)
