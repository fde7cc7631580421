"""An oracle: WeChat remembers each `success` it was given, QT each message that it took and
whether its answer was read; in the end the two are compared.

What counts as the program's fault: a message that WeChat was told `success` for and that is
neither at QT nor kept as dead (lost), and one that QT took again although the program had read
QT's good answer and lived on (twice).  Taken again is no fault where QT's answer was cut or came
too late (unread), nor where the process was killed after it had read it (in flight at a kill);
both are counted.  If a file of the program's is taken away, what waited in it may be gone, but the
log must say so; what is acknowledged afterwards must arrive."""

import base64
import collections
import contextlib
import fcntl
import hashlib
import itertools
import os
import random
import re
import socket
import struct
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import program
import qt as qt_side
import wechat

ACCOUNTS = (wechat.SAFE, wechat.COMPATIBLE, wechat.PLAIN)
REFUSALS = (102, 103, 104, 105, 107, 108, 109)  # this message, for good
UNREAD_MAX = 5                                  # so often it asks on when it cannot read
STOPPERS = (101, 106)                           # the whole account
# From QT's answer to the end of what a process does with it, at the most.
SETTLE_S = 0.25 * program.SLOWER
# After that every process has seen that its files are others.
NOTICE_S = 1 * program.SLOWER


# Messages.

@dataclass
class Message:
    """One message of WeChat's, however often it is sent."""
    account: wechat.Account
    xml: bytes
    copies: int = 1             # sent so many times at once
    acknowledged: bool = False  # one of them was answered `success`
    asked: float = 0            # when the last try that was acknowledged began, monotonic
    heard: float = 0            # when it was answered
    tries: int = 0
    broken: int = 0             # tries that ended without an answer

    @property
    def id(self):
        return identity(self.account, self.xml)


def identity(account, xml):
    return account.path, hashlib.sha256(xml).hexdigest()


TEXT = ("<xml><ToUserName><![CDATA[gh_e2e000000001]]></ToUserName>"
        "<FromUserName><![CDATA[{user}]]></FromUserName><CreateTime>{at}</CreateTime>"
        "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
        "<MsgId>{msgid}</MsgId></xml>")
EVENT = ("<xml><ToUserName><![CDATA[gh_e2e000000001]]></ToUserName>"
         "<FromUserName><![CDATA[{user}]]></FromUserName><CreateTime>{at}</CreateTime>"
         "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event>"
         "<EventKey><![CDATA[{text}]]></EventKey></xml>")
FAMILIES = ((TEXT, {"msgid": 1}), (EVENT, {"event": ("CLICK", "VIEW")}))


def family(rng, serial, now):
    """A message, and others that each differ from it in one field only."""
    form, own = FAMILIES[serial % len(FAMILIES)]
    base = dict(user=f"oOracle{rng.randrange(40):021d}", at=now, text=f"{serial}",
                msgid=24000000000000000 + serial, event="CLICK")
    if rng.randrange(40) == 0:
        base["text"] += "长" * rng.randrange(5000)
    others = [dict(user="oOracleTheOther"), dict(at=now + 1), dict(text=base["text"] + "'")]
    others += [dict(msgid=base["msgid"] + 10 ** 9)] if "msgid" in own else [dict(event="VIEW")]
    return [form.format(**{**base, **other}).encode() for other in ({}, *others)]


def messages(rng, n, accounts=ACCOUNTS):
    """n distinct messages, one in ten of them to be sent three times at once; also such as
    differ in nothing but the account."""
    out = []
    for serial in range(n):
        xmls = family(rng, serial, int(time.time()) - rng.randrange(3))
        account, *others = rng.sample(accounts, min(2, len(accounts)))
        out += [Message(account, xml) for xml in xmls]
        out += [Message(other, xmls[0]) for other in others]
        if len(out) >= n:
            break
    for message in rng.sample(out[:n], n // 10):
        message.copies = 3
    return out[:n]


# WeChat.

@dataclass
class WeChat:
    """Sends messages through doors: callables that take account and push and return the
    answer, None if there was none."""
    doors: list
    tries: int = 3
    pause_s: float = 0.2
    workers: int = 16
    rate: float = 1e6           # messages a second at the most
    seed: int = 0
    begun: int = 0
    took_ms: list = field(default_factory=list)
    refusals: list = field(default_factory=list)    # when such a try began, and its status
    stopping: threading.Event = field(default_factory=threading.Event)

    def send_all(self, todo):
        """Every message, until it is acknowledged or WeChat has had enough."""
        rng = random.Random(self.seed)
        begin = time.monotonic()
        with ThreadPoolExecutor(self.workers) as pool:
            jobs = []
            for n, message in enumerate(todo):
                self.stopping.wait(max(0, begin + n / self.rate - time.monotonic()))
                jobs += [pool.submit(self.send, message, rng.random())
                         for _ in range(message.copies)]
        for job in jobs:
            job.result()

    def send(self, message, seed=None):
        rng = random.Random(seed)
        push = None
        self.begun += 1
        for n in range(self.tries):
            if n > 0:
                self.stopping.wait(self.pause_s)
            if message.acknowledged and n > 0:
                return
            if push is None or rng.random() < 0.5:      # the same bytes, or sealed anew
                push = wechat.push(message.account, message.xml)
            if self.attempt(message, push, rng.choice(self.doors)):
                return

    def attempt(self, message, push, door):
        begin = time.monotonic()
        message.tries += 1
        try:
            answer = door(message.account, push)
        except (OSError, AssertionError):       # cut, half a record, nothing in time
            answer = None
        if answer is None:
            message.broken += 1
            return False
        self.took_ms.append((time.monotonic() - begin) * 1000)
        if (answer.status, answer.body) != (200, b"success"):
            self.refusals.append((begin, answer.status))
            return False
        message.acknowledged = True
        if begin >= message.asked:
            message.asked, message.heard = begin, time.monotonic()
        return True


# QT.

@dataclass
class Delivery:
    """A message that QT took, over one connection of the program's."""
    message: tuple
    port: int           # the program's side of the connection
    at: float           # when it was answered, monotonic
    read: bool = True   # the program has read the good answer


def opened(account, body):
    """The XML in an envelope of WeChat's, by a reading of our own; b"" if it is damaged."""
    try:
        return _opened(account, body)
    except (ValueError, struct.error):
        return b""


def _opened(account, body):
    found = re.search(rb"<Encrypt><!\[CDATA\[([^\]]*)\]\]></Encrypt>", body)
    if account.mode == "PLAIN" or not found:
        return body
    raw = wechat.raw_key(account.key)
    dec = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    text = dec.update(base64.b64decode(found.group(1))) + dec.finalize()
    (length,) = struct.unpack(">I", text[16:20])
    return text[20:20 + length]


def was_taken(conn):
    """The peer has closed: had it got all that was sent?  Its kernel says so, or resets."""
    pause = threading.Event()
    while True:
        (waiting,) = struct.unpack("i", fcntl.ioctl(conn, termios.TIOCOUTQ, bytes(4)))
        if conn.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            return False
        if waiting == 0:
            return True
        pause.wait(0.001)


GOOD = qt_side.http(200, qt_side.answer_of(200))
# Statuses of gateways, which never are the end of a message; what is not QT's, and nevertheless
# a yes; and yes in writings that are odd.
GATEWAY = (301, 400, 401, 403, 404, 405, 407, 408, 410, 425)
UNREADABLE = ((200, ""), (204, ""), (202, "ok"), (200, "{}"), (200, '{"code":0}'))
_YES = qt_side.answer_of(200)
ODD = ((200, "\ufeff" + _YES), (201, _YES), (202, _YES + "<!-- gw -->"),
       (200, _YES.replace("Report", "R\x01\x1b")), (200, _YES.encode().replace(b"Re", b"\xb3\xc9")),
       (200, b"\xef\xbb\xbf" + _YES.encode().replace(b"Re", b"\xd5") + b"\0"))


class Down(Exception):
    """The connection is to be closed."""


class Weather:
    """What QT does with a request: (probability, name, value) rows, the rest is fine."""

    def __init__(self, *rows):
        self.rows = rows

    def draw(self, rng):
        x = rng.random()
        for probability, name, value in self.rows:
            if x < probability:
                return name, value(rng) if callable(value) else value
            x -= probability
        return "fine", None


FINE = Weather()


class QT:
    """Verifies each request, keeps what it takes.  Its port refuses connections while down."""

    def __init__(self, seed=0):
        self.deliveries = []
        self.refused = set()        # messages that it refused for good
        self.unread = collections.Counter()     # by message, answers that cannot be read
        self.problems = []
        self.weather = FINE
        self.by_content = lambda xml: None      # instead of the weather: (name, value)
        self.drawn = collections.Counter()
        self.requests = 0
        self.busy = self.busiest = 0    # requests at the same time
        self.stopping = threading.Event()
        self._rng = random.Random(seed)
        self._by_service = {a.service_id: a for a in wechat.ACCOUNTS}
        self._open = {}             # connections, and the delivery each had last
        self._lock = threading.Lock()
        self._listener = self._bind(0)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{qt_side.PATH}"
        # Bound by number it keeps the port while it does not listen.
        self._listener.close()
        self._listener = self._bind(self.port)
        self._thread = None
        self.up()

    @staticmethod
    def _bind(port):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        return s

    def up(self):
        if self._thread is None:
            self._listener.listen(1024)
            self._thread = threading.Thread(target=self._accept, daemon=True)
            self._thread.start()

    def down(self):
        """Refuses connections and drops those it has."""
        if self._thread is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._thread = None
        self.drop()

    def drop(self):
        """Closes all connections, for writing only: what still comes on one shows that the
        answer before was read."""
        with self._lock:
            conns = list(self._open)
        for conn in conns:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_WR)

    def stop(self):
        self.stopping.set()
        self.down()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                conn, peer = self._listener.accept()
            except OSError:
                return
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._last(conn, None)
            threading.Thread(target=self._serve, args=(conn, peer), daemon=True).start()

    def _serve(self, conn, peer):
        buffer = bytearray()
        try:
            while (r := self._request(conn, peer, buffer)) is not None:
                self._last(conn, None)
                self._count(+1)
                try:
                    self._take(conn, r)
                finally:
                    self._count(-1)
            if not was_taken(conn):
                self._was_not_read(conn)
        except Down:
            pass
        except OSError:         # a reset: the last answer was not read
            self._was_not_read(conn)
        finally:
            with self._lock:
                self._open.pop(conn, None)
            conn.close()

    def _last(self, conn, delivery):
        with self._lock:
            self._open[conn] = delivery

    def _count(self, more):
        with self._lock:
            self.busy += more
            self.busiest = max(self.busiest, self.busy)

    def _was_not_read(self, conn):
        if (last := self._open.get(conn)) is not None:
            last.read = False

    def _request(self, conn, peer, buffer):
        """The next request, None at the end."""
        while b"\r\n\r\n" not in buffer:
            if not (more := conn.recv(65536)):
                return None
            buffer += more
        head, _, rest = bytes(buffer).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [(k, v.strip()) for k, _, v in (line.partition(":") for line in lines)]
        method, target, _ = first.split(" ")
        r = qt_side.Received(method, target, headers, b"", peer, time.time())
        size = int(r.header("Content-Length") or 0)
        parts = [rest]
        missing = size - len(rest)
        while missing > 0:
            if not (more := conn.recv(65536)):
                return None
            parts.append(more)
            missing -= len(more)
        whole = b"".join(parts)
        r.body = whole[:size]
        buffer[:] = whole[size:]
        return r

    def _take(self, conn, r):
        self.requests += 1
        code = self._verify(r)
        self.problems += r.problems
        if r.problems:
            return conn.sendall(qt_side.http(200, qt_side.answer_of(code)))
        account = self._by_service[r.fields["app_id"]]
        xml = opened(account, r.fields["weChatOAData"].encode())
        if not xml.endswith(b"</xml>"):
            self.problems.append(f"no message: {xml[:100]}")
            return conn.sendall(qt_side.http(200, qt_side.answer_of(108)))
        message = identity(account, xml)
        with self._lock:
            name, value = self.by_content(xml) or self._draw(account, xml)
            self.drawn[f"{name} {value}" if name in ("code", "status") else name] += 1
        getattr(self, "_" + name)(conn, r, message, value)

    def _verify(self, r):
        return qt_side.verify(r, wechat.ACCOUNTS)

    def _draw(self, account, xml):
        """What becomes of a message, under the lock."""
        return self.weather.draw(self._rng)

    # What the weather may bring.

    def _fine(self, conn, r, message, answer):
        try:        # a client that has hung up reads no answer
            hung_up = conn.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            hung_up = False
        self._keep(conn, r, message, read=not hung_up)
        conn.sendall(answer or GOOD)

    def _keep(self, conn, r, message, read):
        delivery = Delivery(message, r.peer[1], time.monotonic(), read)
        self.deliveries.append(delivery)
        self._last(conn, delivery)

    def _slow(self, conn, r, message, seconds):
        self.stopping.wait(seconds)
        self._fine(conn, r, message, None)

    def _silent(self, conn, r, message, _):
        self._keep(conn, r, message, read=False)
        conn.settimeout(30)
        conn.recv(1)
        raise Down

    def _cut(self, conn, r, message, keep):
        self._keep(conn, r, message, read=False)
        conn.sendall(GOOD[:keep])
        raise Down

    def _reset(self, conn, r, message, _):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Down

    def _garbage(self, conn, r, message, _):
        self._keep(conn, r, message, read=False)
        conn.sendall(qt_side.http(200, "<html>welcome</html>"))
        raise Down

    def _unread(self, conn, r, message, answer):
        """It is counted, and the answer cannot be read."""
        with self._lock:
            self.unread[message] += 1
        self._keep(conn, r, message, read=False)
        conn.sendall(qt_side.http(*answer))

    def _odd(self, conn, r, message, answer):
        """It is counted, and the answer says so, in a way of its own."""
        self._fine(conn, r, message, qt_side.http(*answer))

    def _status(self, conn, r, message, status):
        conn.sendall(qt_side.http(status, "<html>no</html>"))

    def _code(self, conn, r, message, code):
        if code in REFUSALS:
            with self._lock:
                self.refused.add(message)
        conn.sendall(qt_side.http(200, qt_side.answer_of(code)))


# Who was killed.

def ports_of(pid):
    """The local TCP ports of a process; None: nobody may look."""
    inodes = set()
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        return None
    for fd in fds:
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            continue
        if found:
            inodes.add(found.group(1))
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in list(table)[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in inodes}


class LenientQT(QT):
    """Does not mind that the program's clock is ahead."""

    def __init__(self, *args, **how):
        self.ahead = {0}            # seconds that the program's clock may be ahead of ours
        super().__init__(*args, **how)

    def _verify(self, r):
        code = super()._verify(r)
        stamp = int(r.fields.get("ts") or 0) / 1000
        if any(abs(stamp - r.at - s) <= 60 for s in self.ahead):
            r.problems = [p for p in r.problems if not p.startswith("ts ")]
        return code


@dataclass
class Kill:
    """A process was killed: what it had answered just before may not be settled."""
    at: float
    ports: set = None           # the process's own ones; None: nobody could look

    def explains(self, delivery):
        return (self.ports is None or delivery.port in self.ports) \
            and 0 <= self.at - delivery.at <= SETTLE_S


# What was taken away.  The log must tell of it.

@dataclass
class Loss:
    """Something of the program's was taken away while it ran: files that were removed or replaced,
    or the room that it needs to note a message down."""
    what: str
    begin: float                # monotonic: then it was read what waits
    said_by: str                # a regular expression: the line of the log that tells of it
    log_at: int = 0             # that line comes after this
    end: float = float("inf")
    waited: set = None          # ids of the messages that waited; None: nobody could look
    takes: bool = False         # what waits is gone
    forgets: bool = False       # what it knows of messages is gone
    said: bool = False

    def explains(self, message):
        """A message that is lost, if it was acknowledged before."""
        waited = self.waited is None or message.id in self.waited
        return self.takes and message.asked < self.end and (waited or message.heard >= self.begin)

    def explains_again(self, one, other):
        """A message that came twice, once before it was forgotten and once after."""
        return self.forgets and self.said and one.at < self.end + NOTICE_S \
            and other.at > self.begin


# The judgement.

@dataclass
class Judgement:
    sent: int = 0
    acknowledged: int = 0
    dead: int = 0
    unreadable: int = 0         # of these, such as QT has counted unread
    broken: int = 0             # tries of WeChat's that ended without an answer
    unread: int = 0             # taken again because QT's answer was not read
    in_flight: int = 0          # taken again because of a kill
    gone: int = 0               # acknowledged, and taken away with the queue
    forgotten: int = 0          # taken again because what was known was taken away
    lost: list = field(default_factory=list)
    twice: list = field(default_factory=list)
    wrong: list = field(default_factory=list)

    def __str__(self):
        return (f"{self.acknowledged} of {self.sent} messages acknowledged, {self.dead} dead "
                f"({self.unreadable} for answers that cannot be read), "
                f"{self.broken} tries broken off; taken again: {self.in_flight} in flight at a "
                f"kill, {self.unread} whose answer was cut or late, {self.forgotten} forgotten; "
                f"{self.gone} gone with their queue; lost {len(self.lost)}, "
                f"twice {len(self.twice)}")

    def check(self):
        assert not self.wrong, self.wrong[:10]
        assert not self.lost, self.lost[:10]
        assert not self.twice, self.twice[:10]


def judge(sent, qt, kills=(), dead=(), losses=()):
    """sent: messages; dead: ids of those that the program keeps as refused for good."""
    j = Judgement(sent=len(sent), acknowledged=sum(m.acknowledged for m in sent),
                  dead=len(dead), broken=sum(m.broken for m in sent), wrong=list(qt.problems))
    taken = collections.defaultdict(list)
    for delivery in qt.deliveries:
        taken[delivery.message].append(delivery)
    known = {m.id: m for m in sent}
    j.wrong += [f"QT got what WeChat did not send: {i}" for i in taken if i not in known]
    j.wrong += [f"dead, but not refused: {i}" for i in dead
                if i not in qt.refused and qt.unread[i] < UNREAD_MAX]
    j.wrong += [f"sent for ever: {i}, {n}" for i, n in qt.unread.items() if n > 2 * UNREAD_MAX]
    for i, m in known.items():
        read = sorted((d for d in taken[i] if d.read), key=lambda d: d.at)
        if m.acknowledged and not read and i not in dead:
            judge_lost(j, m, taken[i], losses)
        j.unread += len(taken[i]) - len(read) if read else max(len(taken[i]) - 1, 0)
        for one, other in itertools.pairwise(read):
            if any(kill.explains(one) for kill in kills):
                j.in_flight += 1
            elif any(loss.explains_again(one, other) for loss in losses):
                j.forgotten += 1
            else:
                j.twice.append((m, taken[i]))
    j.unreadable = sum(i not in qt.refused for i in dead)
    return j


def judge_lost(j, message, taken, losses):
    """A message that did not arrive: its queue may be gone, if the log says so."""
    found = [loss for loss in losses if loss.explains(message)]
    if any(loss.said for loss in found):
        j.gone += 1
    else:
        j.lost.append((message, taken + [f"gone without a line: {loss.what}" for loss in found]))
