"""A raw FastCGI client (FastCGI 1.0, section numbers in parentheses), so that tests can send
what no web server would; and the variables that web servers send."""

import socket
import struct
from dataclasses import dataclass

from patience import PATIENCE_S

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA = range(1, 9)
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)


def record(kind, content=b"", rid=1, padding=0, version=1):
    return struct.pack(">BBHHBx", version, kind, rid, len(content), padding) \
        + content + bytes(padding)


def stream(kind, data, rid=1, step=65528):
    """A stream in records, with its end (3.3)."""
    parts = [data[i:i + step] for i in range(0, len(data), step)]
    return b"".join(record(kind, p, rid, padding=-len(p) % 8) for p in parts) \
        + record(kind, b"", rid)


def length(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)


def pair(name, value):
    name, value = (x if isinstance(x, bytes) else x.encode() for x in (name, value))
    return length(len(name)) + length(len(value)) + name + value


def pairs(params):
    return b"".join(pair(k, v) for k, v in params.items())


def begin(role=RESPONDER, keep=False, rid=1):
    return record(BEGIN, struct.pack(">HB5x", role, keep), rid)


def cgi(method="GET", path="/", query="", length=None, **more):
    """The variables of RFC 3875 as lighttpd sets them; one given as None is left out."""
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
           "SERVER_SOFTWARE": "tests", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
           "REMOTE_ADDR": "192.0.2.1", "REQUEST_METHOD": method, "SCRIPT_NAME": path,
           "REQUEST_URI": path + ("?" + query if query else ""), "QUERY_STRING": query}
    if length is not None:
        env["CONTENT_LENGTH"] = str(length)
        env["CONTENT_TYPE"] = "text/xml"
    env.update(more)
    return {k: v for k, v in env.items() if v is not None}


def push_params(push, path, **more):
    return cgi(push.method, path, push.query, None if push.body is None else len(push.body), **more)


def request(params, body=b"", keep=False, rid=1):
    return begin(keep=keep, rid=rid) + stream(PARAMS, pairs(params), rid) \
        + stream(STDIN, body, rid)


@dataclass
class Response:
    status: int
    headers: dict
    body: bytes
    stderr: bytes = b""
    app_status: int = 0
    protocol_status: int = 0


def parse(output, **more):
    """A CGI response (RFC 3875, 6)."""
    head, blank, body = output.partition(b"\r\n\r\n")
    assert blank, f"no CGI response: {output[:200]!r}"
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(": ")
        assert colon and name.lower() not in headers, f"header {line!r}"
        headers[name.lower()] = value
    return Response(int(headers.get("status", "200").split()[0]), headers, body, **more)


class Connection:
    def __init__(self, path, timeout=PATIENCE_S):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)
        return self

    def _exactly(self, n):
        """n bytes; what there is, if the connection ends before."""
        while len(self.buffer) < n:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                break
            self.buffer += more
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def record(self):
        """(type, request id, content), None at the end of the connection."""
        head = self._exactly(8)
        if len(head) < 8:
            assert not head, f"half a record: {head!r}"
            return None
        version, kind, rid, size, padding = struct.unpack(">BBHHBx", head)
        assert version == 1
        content = self._exactly(size + padding)
        assert len(content) == size + padding, "half a record"
        return kind, rid, content[:size]

    def answer(self, rid=1):
        """The whole response, None if the connection ended without any."""
        streams = {STDOUT: b"", STDERR: b""}
        while (r := self.record()) is not None:
            kind, got, content = r
            assert got == rid, f"record {r!r}"
            if kind == END:
                app, protocol = struct.unpack(">IB3x", content)
                if not streams[STDOUT] and protocol != REQUEST_COMPLETE:
                    return Response(0, {}, b"", streams[STDERR], app, protocol)
                return parse(streams[STDOUT], stderr=streams[STDERR], app_status=app,
                             protocol_status=protocol)
            streams[kind] += content
        assert not streams[STDOUT], "response without its end"
        return None

    def closed(self):
        """True once the peer has closed."""
        return self.record() is None


def call(path, params, body=b"", timeout=PATIENCE_S):
    with Connection(path, timeout) as c:
        return c.send(request(params, body)).answer()
