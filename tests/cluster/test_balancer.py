"""examples/nginx-balancer-example.conf between a client and two hosts, all on Unix sockets."""

import contextlib
import http.client
import http.server
import os
import re
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

import program
from patience import PATIENCE_S


class Host(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Says what it is told to say, and keeps what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path):
        self.status, self.asked = 200, []
        super().__init__(str(path), Handler)
        os.chmod(path, 0o666)       # nginx is another user
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()
        os.unlink(self.server_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, body, self.headers["X-Forwarded-For"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"success")

    def log_message(self, *args):
        pass

    def address_string(self):
        return ""


class Client(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("wechat.example.com", timeout=PATIENCE_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self.path)


class Balancer:
    def __init__(self, top):
        self.top = top
        self.hosts = [Host(top / name) for name in ("a", "b")]
        self.socket = top / "front"
        text = (program.TOP / "examples/nginx-balancer-example.conf").read_text(encoding="utf-8")
        for old, new in ((r"10\.0\.0\.1:80", f"unix:{top}/a"), (r"10\.0\.0\.2:80", f"unix:{top}/b"),
                         (r"listen\t+443 ssl;", f"listen unix:{self.socket};"),
                         (r"\tssl_\w+\t+[^;]*;\n", ""), (r"/var/log/nginx/", f"{top}/")):
            text, n = re.subn(old, new, text)
            assert n, old
        paths = "".join(f"{k}_temp_path {top}/{k};" for k in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (top / "conf").write_text(
            f"daemon off; pid {top}/pid; error_log {top}/errors; events {{}} http {{ {paths}\n{text} }}",
            encoding="utf-8")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", top, "-e", f"{top}/errors", "-c",
                                         f"{top}/conf"])
        program.until(self.answers, "nginx listens")

    def answers(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.socket))
            return True
        return False

    def push(self, n, path="/qtoa/shop"):
        client = Client(self.socket)
        try:
            client.request("POST", f"{path}?signature=abc{n}", b"<xml>%d</xml>" % n)
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def asked(self):
        return [len(host.asked) for host in self.hosts]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        for host in self.hosts:
            with contextlib.suppress(OSError):
                host.stop()


@pytest.fixture
def balancer():
    top = Path(tempfile.mkdtemp(prefix="qb-", dir="/tmp"))
    top.chmod(0o755)
    try:
        balancer = Balancer(top)
        yield balancer
        balancer.stop()
    finally:
        shutil.rmtree(top)


def test_both_hosts_get_their_share(balancer):
    assert {balancer.push(n) for n in range(20)} == {(200, b"success")}
    assert sum(balancer.asked()) == 20 and min(balancer.asked()) >= 5
    log = (balancer.top / "qtoa.log").read_text(encoding="utf-8")
    assert "POST /qtoa/shop" in log and "signature" not in log


def test_a_host_that_is_away_is_not_missed(balancer):
    balancer.hosts[0].stop()
    assert {balancer.push(n) for n in range(20)} == {(200, b"success")}
    assert balancer.asked()[1] == 20


def test_a_host_that_cannot_keep_a_message_is_not_the_last(balancer):
    """The push goes to the other host, once, with all that was in it."""
    balancer.hosts[0].status = 503
    assert {balancer.push(n) for n in range(6)} == {(200, b"success")}
    assert balancer.asked()[1] == 6
    bodies = [body for _, body, _ in balancer.hosts[1].asked]
    assert sorted(bodies) == [b"<xml>%d</xml>" % n for n in range(6)]
    assert all(path.startswith("/qtoa/shop?signature=abc") for path, *_ in balancer.hosts[1].asked)


def test_pages_are_of_a_host(balancer):
    assert balancer.push(1, "/qtoa/-/report")[0] == 404
    assert balancer.push(1, "/other")[0] in (404, 405)
    assert balancer.asked() == [0, 0]
