"""A webhook that gets alerts: a server whose answers a test chooses; and the robots of WeCom,
DingTalk and Feishu, as their documents describe them."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from patience import PATIENCE_S


class Receiver:
    """Keeps the bodies of all requests, also of those that it does not answer well."""

    def __init__(self, tls=None):
        self.messages, self.paths = [], []
        self.answer = (200, b"{}")      # status and body; None: silent; or made from path and body
        self.delay = 0                  # seconds before the answer
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer, delay = outer.answer, outer.delay
                if callable(answer):
                    answer = 200, json.dumps(answer(self.path, json.loads(body))).encode()
                outer.paths.append(self.path)
                outer.messages.append(json.loads(body))
                outer.stopping.wait(600 if answer is None else delay)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *args: None       # the peer has gone
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook?key=hushAlertKey"

    def health(self):
        """The messages about health."""
        return [m for m in self.messages if m["event"] == "health"]

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE_S)


def signature(key, text):
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


class Robot:
    """A robot that wants messages signed if it has a secret; what it took is in said."""

    def __init__(self, kind, key, secret=None):
        self.kind, self.key, self.secret, self.said = kind, key, secret, []

    def __call__(self, path, body):
        return getattr(self, self.kind)(urlsplit(path).path, parse_qs(urlsplit(path).query), body)

    def take(self, text, limit):
        assert 0 < len(text.encode()) <= limit
        self.said.append(text)

    def wecom(self, path, query, body):
        if path != "/cgi-bin/webhook/send" or query != {"key": [self.key]}:
            return {"errcode": 93000, "errmsg": f"invalid webhook url {self.key}"}
        if set(body) != {"msgtype", "text"} or body["msgtype"] != "text":
            return {"errcode": 40008, "errmsg": "invalid message type"}
        self.take(body["text"]["content"], 2048)
        return {"errcode": 0, "errmsg": "ok"}

    def dingtalk(self, path, query, body):
        if path != "/robot/send" or query.get("access_token") != [self.key]:
            return {"errcode": 300005, "errmsg": "token is not exist"}
        if self.secret:
            stamp, = query.get("timestamp", ["0"])
            if query.get("sign") != [signature(self.secret, f"{stamp}\n{self.secret}")] or \
                    abs(int(stamp) / 1000 - time.time()) > 3600:
                return {"errcode": 310000, "errmsg": "sign not match"}
        self.take(body["text"]["content"], 20000)
        return {"errcode": 0, "errmsg": "ok"}

    def feishu(self, path, query, body):
        if path != f"/open-apis/bot/v2/hook/{self.key}" or query:
            return {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
        if self.secret and (body.get("sign") != signature(f"{body.get('timestamp')}\n{self.secret}", "")
                            or abs(int(body["timestamp"]) - time.time()) > 3600):
            return {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}
        assert body["msg_type"] == "text"
        self.take(body["content"]["text"], 20000)
        return {"code": 0, "msg": "success", "data": {}}
