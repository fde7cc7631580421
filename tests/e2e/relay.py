"""Back ends behind qtoa: an HTTP server on a free port that keeps what it got and answers as told;
and readers of what it got, written from WeChat's and Standard Webhooks' documents."""

import base64
import hashlib
import hmac
import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import wechat


@dataclass
class Got:
    target: str
    headers: dict
    body: bytes
    status: int = 0     # that was answered

    @property
    def query(self):
        return urlsplit(self.target).query

    @property
    def params(self):
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def name(self):
        return self.headers.get("idempotency-key")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):         # a client that has gone
        pass


class Relay:
    """status: of each answer, 0: the connection ends; body: bytes, or a function of a Got; gate:
    answers wait for it; silent: no answer at all; tls: a context for HTTPS."""

    def __init__(self, status=200, body=b"success", silent=False, tls=None):
        self.status, self.body, self.silent, self.tls = status, body, silent, tls
        self.gate = threading.Event()
        self.gate.set()
        self.over = threading.Event()
        self.got = []
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                headers = {k.lower(): v for k, v in self.headers.items()}
                got = Got(self.path, headers, self.rfile.read(length))
                relay.got.append(got)
                if relay.silent:
                    relay.over.wait()
                    self.close_connection = True
                    return
                relay.gate.wait()
                if (status := relay.status) == 0:
                    self.close_connection = True
                    return
                got.status = status
                body = relay.body(got) if callable(relay.body) else relay.body
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.handler, self.server = Handler, None
        self.up(0)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"

    def up(self, port=None):
        """Listens, on the same port as before."""
        if self.server is None:
            self.server = Server(("127.0.0.1", self.port if port is None else port), self.handler)
            self.port = self.server.server_port
            if self.tls:
                self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True,
                                                          do_handshake_on_connect=False)
            threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        """Refuses connections."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def names(self):
        """The messages it got, each as often as it came."""
        return [g.name for g in self.got]

    def stop(self):
        self.over.set()
        self.gate.set()
        self.down()


def verify_push(account, got):
    """A push as WeChat sends it, by WeChat's document: the message in plain."""
    p = got.params
    assert wechat.sha1_sorted(account.token, p["timestamp"], p["nonce"]) == p["signature"]
    if "msg_signature" not in p:
        return got.body
    text = re.search(rb"<Encrypt><!\[CDATA\[(.*?)\]\]></Encrypt>", got.body)[1].decode()
    assert p["encrypt_type"] == "aes"
    assert wechat.sha1_sorted(account.token, p["timestamp"], p["nonce"], text) == p["msg_signature"]
    return wechat.unseal(account, text)


def verify_hook(secret, got):
    """A webhook by Standard Webhooks: its payload."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{mac}" in got.headers["webhook-signature"].split()
    return json.loads(got.body)


def reply_to(got_xml, content="pong"):
    """A passive reply, as a back end writes it."""
    def of(name):
        return re.search(rf"<{name}><!\[CDATA\[(.*?)\]\]></{name}>".encode(), got_xml)[1].decode()
    return (f"<xml><ToUserName><![CDATA[{of('FromUserName')}]]></ToUserName>"
            f"<FromUserName><![CDATA[{of('ToUserName')}]]></FromUserName>"
            "<CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType>"
            f"<Content><![CDATA[{content}]]></Content></xml>").encode()


def sealed_reply(account, xml):
    """The same, encrypted by WeChat's document."""
    text = wechat.seal(account, xml)
    time, nonce = "1700000001", "nonce1"
    sign = wechat.sha1_sorted(account.token, time, nonce, text)
    return (f"<xml><Encrypt><![CDATA[{text}]]></Encrypt><MsgSignature><![CDATA[{sign}]]>"
            f"</MsgSignature><TimeStamp>{time}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
            ).encode()


def open_reply(account, body):
    """What WeChat makes of an answer: the reply in plain."""
    if account.mode == "PLAIN":
        return body
    def of(name):
        return re.search(rf"<{name}>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</{name}>".encode(), body)[1].decode()
    text = of("Encrypt")
    assert of("MsgSignature") == wechat.sha1_sorted(account.token, of("TimeStamp"), of("Nonce"), text)
    return wechat.unseal(account, text)


class API:
    """Of WeChat's API the token and the customer-service messages; code: errcode of the latter."""

    def __init__(self):
        self.sent, self.code = [], 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = {"access_token": "t" * 40, "expires_in": 7200}
                if urlsplit(self.path).path == "/cgi-bin/message/custom/send":
                    api.sent.append(body)
                    answer = {"errcode": api.code, "errmsg": "ok"}
                text = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
