"""QT's side of the wire: a small threaded HTTP/1.1 server on a port of its own that checks
each envelope with its own reading of fastjson's canonical form, keeps what it got and can
be told to misbehave; and the certificates for it."""

import contextlib
import datetime
import hashlib
import ipaddress
import json
import re
import socket
import ssl
import struct
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from patience import PATIENCE_S

PATH = "/server/thirdPartyDataSource"
OUR_FIELDS = {"sign", "app_id", "appkey", "ts", "code", "weChatOAData"}
WECHAT_FIELDS = {"signature", "timestamp", "nonce", "openid", "encrypt_type", "msg_signature"}

MESSAGES = {
    200: "Report success", 101: "Illegal signature",
    102: "The reported data type is not in JSON format.", 103: "Missing required fields",
    104: "The user attribute is missing a required field", 105: "Illegal event id",
    106: "Incorrect ak/sk",
    107: "Non-standard xml format of WeChat official account reporting log",
    108: "The reported WeChat official account message is illegal",
    109: "Unrecognized WeChat official account encryption type",
    110: "Failed to obtain the unionid.",
}

SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"',
         "\\": "\\\\"}


ESCAPES = {**{n: f"\\u{n:04X}" for n in (*range(0x20), *range(0x7f, 0xa0), 0x2028, 0x2029)},
           **{ord(ch): text for ch, text in SHORT.items()}}


def canonical_string(text):
    return '"' + text.translate(ESCAPES) + '"'


def canonical(fields):
    """What JSONObject.toJSONString(fields, MapSortField) prints, as UTF-8."""
    def value(v):
        if isinstance(v, list):
            return "[" + ",".join(value(x) for x in v) + "]"
        if isinstance(v, str):
            return canonical_string(v)
        return json.dumps(v)        # a number, true, false
    keys = sorted(fields, key=lambda k: k.encode("utf-16-be"))
    return ("{" + ",".join(canonical_string(k) + ":" + value(fields[k]) for k in keys)
            + "}").encode()


def sign(fields, secret):
    rest = {k: v for k, v in fields.items() if k != "sign"}
    return hashlib.md5(canonical(rest) + secret.encode()).hexdigest()


def envelope(account, body, **more):
    """What a forwarder posts for this account, signed; a field given as None is left out."""
    fields = {"app_id": account.service_id, "appkey": account.app_key,
              "ts": str(int(time.time() * 1000)), "code": account.appid, "weChatOAData": body}
    fields.update(more)
    fields = {k: v for k, v in fields.items() if v is not None}
    fields.setdefault("sign", sign(fields, account.service_secret))
    return canonical(fields)


def java_decode(data):
    """new String(data, UTF_8): one U+FFFD for each maximal valid prefix."""
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode()
    out, i = [], 0
    first = {0xe0: (0xa0, 0xbf), 0xf0: (0x90, 0xbf), 0xf4: (0x80, 0x8f)}
    while i < len(data):
        b = data[i]
        size = 1 if b < 0x80 else 2 if 0xc2 <= b <= 0xdf else 3 if 0xe0 <= b <= 0xef \
            else 4 if 0xf0 <= b <= 0xf4 else 0
        j = i + 1
        while size > 1 and j < min(i + size, len(data)):
            low, high = first.get(b, (0x80, 0xbf)) if j == i + 1 else (0x80, 0xbf)
            if not low <= data[j] <= high:
                break
            j += 1
        try:
            out.append(data[i:j].decode())
        except UnicodeDecodeError:
            out.append("\ufffd")
        i = j
    return "".join(out)


@dataclass
class Received:
    """One request as it came, and what is wrong with it."""
    method: str
    target: str
    headers: list
    body: bytes
    peer: tuple
    at: float
    fields: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)
    confirmed: bool = False

    def header(self, name):
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return values[0] if len(values) == 1 else values or None


def _unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def verify(r, accounts):
    """Fills r.fields and r.problems; returns the code that QT would answer."""
    say = r.problems.append
    if (r.method, r.target) != ("POST", PATH):
        say(f"{r.method} {r.target}")
    if r.header("Content-Type") != "application/json":
        say(f"Content-Type {r.header('Content-Type')}")
    for name in ("Expect", "Authorization", "Proxy-Authorization", "Proxy-Connection", "Cookie",
                 "Transfer-Encoding"):
        if r.header(name):
            say(f"{name}: {r.header(name)}")
    try:
        fields = r.fields = json.loads(r.body.decode(), object_pairs_hook=_unique)
    except ValueError as e:
        say(f"no JSON: {e}")
        return 102
    if set(fields) - OUR_FIELDS - WECHAT_FIELDS:
        say(f"foreign fields {set(fields) - OUR_FIELDS - WECHAT_FIELDS}")
    if not all(isinstance(v, str) for v in fields.values()):
        say("a value is no string")
    missing = OUR_FIELDS - {"appkey"} - set(fields)
    if missing:
        say(f"missing {missing}")
        return 103
    account = {a.service_id: a for a in accounts}.get(fields["app_id"])
    if account is None:
        say(f"unknown app_id {fields['app_id']}")
        return 106
    if fields.get("appkey") != (account.app_key or None):
        say(f"appkey {fields.get('appkey')}")
    if fields["code"] != account.appid:
        say(f"code {fields['code']}")
    if not re.fullmatch(r"\d{13}", fields["ts"]) or abs(int(fields["ts"]) / 1000 - r.at) > 60:
        say(f"ts {fields['ts']}")
    if fields["sign"] != sign(fields, account.service_secret):
        say("sign is wrong")
        return 101
    if r.body != canonical(fields):
        say("posted JSON is not in canonical order and form")
    return 200


# What the server can do with a request: behaviours take the server, the connection and the
# request, and say whether the connection may stay open.

def http(status, body, headers=(), reason="x", length=None):
    body = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status} {reason}", "Content-Type: application/json",
             f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answer_of(code):
    return json.dumps({"code": f"Httpapi_300_{code}", "message": MESSAGES.get(code, "?")})


def genuine(qt, conn, r):
    r.confirmed = r.code == 200
    conn.sendall(http(200, answer_of(r.code)))
    return True


def code(n):
    def behave(qt, conn, r):
        conn.sendall(http(200, answer_of(n)))
        return True
    return behave


def answering(status, body, *headers):
    def behave(qt, conn, r):
        conn.sendall(http(status, body, headers))
        return True
    return behave


def delayed(seconds, then=genuine):
    """Holds the answer back; a server that stops does not wait for it."""
    def behave(qt, conn, r):
        qt.stopping.wait(seconds)
        return then(qt, conn, r)
    return behave


def held(qt, conn, r):
    """Holds the answer until the test lets go."""
    qt.gate.wait(PATIENCE_S)
    return genuine(qt, conn, r)


def silent(qt, conn, r):
    """Never answers: waits until the peer gives up."""
    conn.settimeout(PATIENCE_S)
    return bool(conn.recv(1))


def cut(answer, keep):
    """The first `keep` bytes of an answer, then the end."""
    def behave(qt, conn, r):
        conn.sendall(answer[:keep])
        return False
    return behave


def reset(qt, conn, r):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def dripping(interval, data=http(200, answer_of(200))):
    def behave(qt, conn, r):
        for i in range(len(data)):
            conn.sendall(data[i:i + 1])
            if qt.stopping.wait(interval):
                break
        return False
    return behave


def chunked(qt, conn, r):
    body = answer_of(200).encode()
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for i in range(0, len(body), 7):
        piece = body[i:i + 7]
        conn.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    conn.sendall(b"0\r\n\r\n")
    return True


def endless_headers(qt, conn, r):
    conn.sendall(b"HTTP/1.1 200 OK\r\n")
    while not qt.stopping.is_set():
        conn.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
    return False


def endless_body(qt, conn, r):
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not qt.stopping.is_set():
        conn.sendall(b" " * 4096)
    return False


def closing_after(qt, conn, r):
    """Answers, promises to stay and closes: the idle connection is dead when used next."""
    conn.sendall(http(200, answer_of(200)))
    return False


def resetting_next(qt, conn, r):
    """Answers, and closes just as the next request comes on the kept connection."""
    conn.sendall(http(200, answer_of(200)))
    conn.recv(1, socket.MSG_PEEK)
    return False


class QT:
    """With listen=False its port refuses connections until start()."""

    def __init__(self, accounts, tls=None, listen=True):
        self.accounts = accounts
        self.tls = tls                  # an ssl.SSLContext
        self.received = []
        self.connections = 0
        self.tls_failures = []
        self.behave = genuine
        self.ahead = 0                  # seconds that the program's clock is ahead of ours
        self.gate = threading.Event()
        self.stopping = threading.Event()
        self._news = threading.Condition()
        self._open = set()
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self._thread = None
        if listen:
            self.start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{PATH}"

    def start(self):
        self._sock.listen(1024)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        self.stopping.set()
        self.gate.set()
        if self._thread:
            self._sock.shutdown(socket.SHUT_RDWR)
            self._thread.join(PATIENCE_S)
        self._sock.close()
        self.drop()

    def reset(self):
        """As new, for the next test."""
        self.behave, self.ahead = genuine, 0
        self.gate.clear()
        with self._news:
            self.received.clear()
        self.tls_failures.clear()

    def drop(self):
        """Closes every connection that is open."""
        with self._news:
            conns = list(self._open)
        for conn in conns:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def problems(self):
        return [p for r in self.received for p in r.problems]

    def confirmed(self, push):
        """The requests with this push that QT has confirmed."""
        return [r for r in self.received
                if r.confirmed and r.fields["nonce"] == push.get("nonce")]

    def wait(self, n, timeout=PATIENCE_S):
        """The first n requests, as soon as they are there."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.received) >= n, timeout), \
                f"QT got {len(self.received)} requests, not {n}"
            return self.received[:n]

    def _accept(self):
        while True:
            try:
                conn, peer = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(conn, peer), daemon=True).start()

    def _serve(self, conn, peer):
        with self._news:
            self._open.add(conn)
        plain = conn
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                conn.settimeout(PATIENCE_S)
                conn = self.tls.wrap_socket(conn, server_side=True)
                conn.settimeout(None)
            self._requests(conn, peer)
        except ssl.SSLError as e:
            self.tls_failures.append(str(e))
        except OSError:
            pass
        finally:
            with self._news:
                self._open.discard(plain)
            conn.close()

    def _requests(self, conn, peer):
        lines = conn.makefile("rb")
        while (r := self._read(lines, peer)) is not None:
            with self._news:
                self.received.append(r)
                self._news.notify_all()
            if not self.behave(self, conn, r):
                return

    def _read(self, lines, peer):
        first = lines.readline().decode("latin-1").split()
        if len(first) != 3:
            return None
        headers = []
        while (line := lines.readline().strip().decode("latin-1")):
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        r = Received(first[0], first[1], headers, b"", peer, time.time() + self.ahead)
        r.body = lines.read(int(r.header("Content-Length") or 0))
        r.code = verify(r, self.accounts)
        return r


class Deaf:
    """Connections to it are neither taken nor refused: its queue is full."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(0)
        self.port = self.sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{PATH}"
        self.fill = []
        while True:
            s = socket.socket()
            s.settimeout(0.2)
            self.fill.append(s)
            try:
                s.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return

    def stop(self):
        for s in (*self.fill, self.sock):
            s.close()


class Trap:
    """A port that nobody must ever connect to."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def touched(self):
        try:
            self.sock.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def stop(self):
        self.sock.close()


class Authority:
    """A certificate authority in a directory; file is what trusts it."""

    def __init__(self, directory, name):
        self.dir = directory
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self._build(name, self.key, [], ca=True)
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def _build(self, name, key, sans, ca=False, days=(-1, 30), signer=None):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        issuer = self.cert.subject if hasattr(self, "cert") and signer is None else subject
        public = (signer or self.key).public_key()
        build = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
                 .public_key(key.public_key()).serial_number(x509.random_serial_number())
                 .not_valid_before(now + datetime.timedelta(days=days[0]))
                 .not_valid_after(now + datetime.timedelta(days=days[1]))
                 .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                 .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                 .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False))
        if sans:
            build = build.add_extension(x509.SubjectAlternativeName(sans), False)
        if ca:
            build = build.add_extension(x509.KeyUsage(
                key_cert_sign=True, crl_sign=True, digital_signature=False,
                content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, encipher_only=False, decipher_only=False), critical=True)
        return build.sign(signer or self.key, hashes.SHA256())

    def issue(self, sans=("127.0.0.1",), days=(-1, 30), self_signed=False, name="qt"):
        """A private key and a certificate made for these names, both PEM."""
        names = [x509.IPAddress(ipaddress.ip_address(s)) if s[0].isdigit() else x509.DNSName(s)
                 for s in sans]
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._build(name, key, names, days=days, signer=key if self_signed else None)
        return (key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()).decode(),
                cert.public_bytes(serialization.Encoding.PEM).decode())

    def context(self, sans=("127.0.0.1",), days=(-1, 30), self_signed=False, maximum=None,
                name="qt"):
        """A server's TLS context with a certificate made for it."""
        key, cert = self.issue(sans, days, self_signed, name)
        with tempfile.NamedTemporaryFile("w", dir=self.dir, suffix=".pem") as pem:
            pem.write(key + cert)
            pem.flush()
            return self._context(pem.name, maximum)

    @staticmethod
    def _context(pem, maximum):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if maximum:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = maximum
        context.load_cert_chain(pem)
        return context
