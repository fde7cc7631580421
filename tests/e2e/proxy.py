"""An outgoing proxy: CONNECT, absolute URIs and SOCKS5 with names, with a login if it wants one.
It finds hosts by itself, in a table: names that no DNS knows."""

import base64
import contextlib
import select
import socket
import threading


class Refused(Exception):
    """The client is told this status."""


class Proxy:
    """A port of its own; `seen` is what it was asked for: "CONNECT qt.test:443", ..."""

    def __init__(self, user=None, password=None, hosts=None, tls=None):
        self.login = f"{user}:{password}" if user is not None else None
        self.hosts = hosts or {}        # by "name:port", the port on 127.0.0.1
        self.tls = tls
        self.seen = []
        self.status = 0                 # said to everybody, unless it is 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, scheme="http", login=None):
        return f"{scheme}://{login + '@' if login else ''}127.0.0.1:{self.port}"

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with contextlib.suppress(OSError, ValueError), contextlib.closing(conn):
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            first = conn.recv(1)
            if first == b"\x05":
                self._socks(conn)
            elif first:
                self._http(conn, first)

    def _open(self, name, port):
        """A connection to a host of the table, or to an address of this host."""
        if self.status:
            raise Refused(self.status)
        to = self.hosts.get(f"{name}:{port}", int(port) if name == "127.0.0.1" else None)
        if to is None:
            raise Refused(502)
        try:
            return socket.create_connection(("127.0.0.1", to))
        except OSError:
            raise Refused(502) from None

    @staticmethod
    def _head(conn, begun=b""):
        while b"\r\n\r\n" not in begun:
            more = conn.recv(65536)
            if not more:
                return None, b""
            begun += more
        head, _, rest = begun.partition(b"\r\n\r\n")
        return head.decode("latin-1").split("\r\n"), rest

    def _check(self, headers):
        want = self.login and "Basic " + base64.b64encode(self.login.encode()).decode()
        if want and headers.get("proxy-authorization") != want:
            raise Refused(407)

    def _http(self, conn, begun):
        try:
            while self._one(conn, begun):
                begun = b""
        except Refused as e:
            status, = e.args
            conn.sendall(f"HTTP/1.1 {status} no\r\nContent-Length: 4\r\n"
                         'Proxy-Authenticate: Basic realm="p"\r\n\r\nno\r\n'.encode())

    def _one(self, conn, begun):
        lines, rest = self._head(conn, begun)
        if lines is None:
            return False
        method, target, _ = lines[0].split()
        headers = {k.lower(): v.strip() for k, _, v in (li.partition(":") for li in lines[1:])}
        self.seen.append(f"{method} {target}")
        self._check(headers)
        if method == "CONNECT":
            with self._open(*target.rsplit(":", 1)) as peer:
                conn.sendall(b"HTTP/1.1 200 established\r\n\r\n")
                self._pump(conn, peer)
            return False
        scheme, _, place = target.partition("://")
        assert scheme == "http", target         # what is not absolute is not for a proxy
        host, _, path = place.partition("/")
        name, _, port = host.partition(":")
        rest += self._exactly(conn, int(headers.get("content-length", 0)) - len(rest))
        kept = [li for li in lines[1:] if not li.lower().startswith(("proxy-", "connection:"))]
        with self._open(name, port or 80) as peer:
            peer.sendall("\r\n".join([f"{method} /{path} HTTP/1.1", *kept, "", ""])
                         .encode("latin-1") + rest)
            answer, body = self._head(peer)
            size = next((int(li.split(":")[1]) for li in answer
                         if li.lower().startswith("content-length:")), 0)
            body += self._exactly(peer, size - len(body))
        conn.sendall("\r\n".join([*answer, "", ""]).encode("latin-1") + body)
        return True

    @staticmethod
    def _exactly(conn, n):
        out = b""
        while len(out) < n and (more := conn.recv(n - len(out))):
            out += more
        return out

    @staticmethod
    def _pump(a, b):
        while True:
            ready = [a] if getattr(a, "pending", int)() else select.select([a, b], [], [], 30)[0]
            for one in ready:
                data = one.recv(65536)
                if not data:
                    return
                (b if one is a else a).sendall(data)
            if not ready:
                return

    def _socks(self, conn):
        methods = self._exactly(conn, self._exactly(conn, 1)[0])
        if self.login:
            assert 2 in methods
            conn.sendall(b"\x05\x02")
            self._exactly(conn, 1)
            user = self._exactly(conn, self._exactly(conn, 1)[0])
            password = self._exactly(conn, self._exactly(conn, 1)[0])
            good = user + b":" + password == self.login.encode()
            conn.sendall(b"\x01" + (b"\x00" if good else b"\x01"))
            if not good:
                return
        else:
            conn.sendall(b"\x05\x00")
        _, _, _, kind = self._exactly(conn, 4)
        name = self._exactly(conn, self._exactly(conn, 1)[0]).decode() if kind == 3 else \
            socket.inet_ntoa(self._exactly(conn, 4))
        port = int.from_bytes(self._exactly(conn, 2), "big")
        self.seen.append(f"SOCKS {name}:{port}")
        try:
            with self._open(name, port) as peer:
                conn.sendall(b"\x05\x00\x00\x01" + bytes(6))
                self._pump(conn, peer)
        except Refused:
            conn.sendall(b"\x05\x02\x00\x01" + bytes(6))
