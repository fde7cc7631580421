"""WeChat's API and an access_token control server over HTTPS, after WeChat's documentation: one
token is valid at a time, what is wrong is said by errcode; what is asked is counted and checked."""

import json
import re
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from patience import PATIENCE_S

KEY = "hushControlKey"      # who has it gets the token
MESSAGES = {
    -1: "system error", 40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid", 43004: "require subscribe", 46004: "user not exist", 40014: "invalid access_token",
    40164: "invalid ip 192.0.2.7 ipv6 ::ffff:192.0.2.7, not in whitelist",
    40002: "invalid grant_type", 40013: "invalid appid", 40125: "invalid appsecret",
    41001: "access_token missing", 41002: "appid missing", 41004: "appsecret missing",
    43002: "require POST method", 45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit", 47001: "data format error", 42001: "access_token expired", 48001: "api unauthorized",
}


def error(code):
    return {"errcode": code, "errmsg": f"{MESSAGES[code]} rid: {secrets.token_hex(4)}"}


# What the control server can answer: the server and a token to status and text.

def plain(wx, token):
    return 200, json.dumps({"access_token": token, "expires_in": 7200})


def shaped(template):
    """JSON with the token for TOKEN."""
    return lambda wx, token: (200, json.dumps(template).replace("TOKEN", token))


def saying(status, text):
    return lambda wx, token: (status, text)


def delayed(seconds, then=plain):
    def behave(wx, token):
        wx.stopping.wait(seconds)
        return then(wx, token)
    return behave


def held(wx, token):
    """Not before the test lets go."""
    wx.gate.wait(PATIENCE_S)
    return plain(wx, token)


@dataclass
class User:
    """As WeChat knows one of an account's."""
    unionid: str
    follows: bool = True
    asked: int = 0
    answer: object = None       # a status and bytes, or an errcode, instead of what WeChat knows


class WeChat:
    """Both servers on one port; control and slow say how they behave."""

    def __init__(self, tls):
        self.tls = tls
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.gate = threading.Event()
        self.users = {}
        self.tokens = []            # all there were; the last one is valid
        self.expired = set()
        self.fetched = 0
        self.asked = 0
        self.problems = []
        self.control = plain
        self.code = 0               # said of every user where it is not 0
        self.slow = 0               # seconds that user/info takes
        self.down = False           # no request is answered
        self.issuer = None          # of access_tokens: see wxtoken.py
        # What there is, by path: a query, or a body, to status and text.
        self.gets = {"/control": self._control, "/cgi-bin/user/info": self._user_info}
        self.posts = {}
        self.forms = set()          # those that take no JSON; they are told the Content-Type
        self.issue()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server._get(self)

            def do_POST(self):
                server._post(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, False)
        self.server.request_queue_size = 128
        self.server.server_bind()
        self.server.server_activate()
        self.server.daemon_threads = True
        self.server.handle_error = self._on_error
        # The handshake is the connection's own thread's.
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                             do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def api(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def control_url(self):
        return f"{self.api}/control?key={KEY}"

    @property
    def token(self):
        return self.tokens[-1]

    def env(self, **more):
        """What the variant "unionid" wants to know."""
        return {"E2E_WECHAT_API": self.api, "E2E_CONTROL_URL": self.control_url,
                "E2E_TOKEN_PATH": "", **more}

    def issue(self):
        """Another token; the one before is no longer the latest."""
        self.tokens.append(f"{len(self.tokens)}_" + secrets.token_urlsafe(100))

    def expire(self):
        """The token's two hours are over; the control server has a new one."""
        self.expired.add(self.token)
        self.issue()

    def user(self, **how):
        """A new one's openid."""
        openid = "o" + secrets.token_urlsafe(20)
        with self.lock:
            self.users[openid] = User(**{"unionid": "u" + secrets.token_urlsafe(20), **how})
        return openid

    def secrets_in(self, text):
        issued = self.issuer.secrets if self.issuer else ()
        return [s for s in (*self.tokens, *issued, KEY) if s in text]

    def stop(self):
        self.stopping.set()
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE_S)

    def _on_error(self, request, address):
        """A peer that goes in the middle, or does not like the certificate."""

    def _get(self, handler):
        url = urlsplit(handler.path)
        for name in ("Content-Type", "Content-Length", "Expect", "Authorization", "Cookie"):
            if handler.headers[name] is not None:
                self.problems.append(f"{name}: {handler.headers[name]}")
        self._answer(handler, self.gets.get(url.path), url.query)

    def _post(self, handler):
        url = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        for name in ("Expect", "Authorization", "Cookie", "Transfer-Encoding"):
            if handler.headers[name] is not None:
                self.problems.append(f"{name}: {handler.headers[name]}")
        kind = handler.headers["Content-Type"]
        if url.path not in self.forms and kind != "application/json":
            self.problems.append(f"Content-Type: {kind}")
        more = (kind,) if url.path in self.forms else ()
        answer = self.posts.get(url.path)
        self._answer(handler, answer and (lambda query: answer(query, body, *more)), url.query)

    def _answer(self, handler, answer, query):
        if self.down:
            handler.close_connection = True
            return
        if answer is None:
            self.problems.append(f"{handler.command} {handler.path}")
            status, text = 404, ""
        else:
            status, text = answer(query)
        body = text.encode() if isinstance(text, str) else text
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        if 300 <= status < 400:
            handler.send_header("Location", self.control_url)
        handler.end_headers()
        handler.wfile.write(body)

    def _control(self, query):
        with self.lock:
            self.fetched += 1
            token = self.token
        if query != f"key={KEY}":
            self.problems.append(f"control?{query}")
            return 403, "{}"
        return self.control(self, token)

    def _user_info(self, query):
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        fields = dict(pairs)
        if [name for name, _ in pairs] != ["access_token", "openid", "lang"]:
            self.problems.append(f"user/info?{query}")
        if fields.get("lang") not in ("zh_CN", "zh_TW", "en"):
            self.problems.append(f"lang={fields.get('lang')}")
        with self.lock:
            self.asked += 1
            answer = self._judge(fields.get("access_token", ""), fields.get("openid", ""))
        self.stopping.wait(self.slow)
        return answer if isinstance(answer, tuple) else \
            (200, json.dumps(answer, ensure_ascii=False))

    def _judge(self, token, openid):
        if not token:
            return error(41001)
        if not re.fullmatch(r"[\w-]{100,512}", token):
            return error(40014)
        if self.issuer and (code := self.issuer.judge(token)):
            return error(code)
        if token in self.expired:
            return error(42001)
        if not self.issuer and token != self.token:
            return error(40001)
        if self.code:
            return error(self.code)
        user = self.users.get(openid)
        if user is None:
            return error(40003)
        user.asked += 1
        if user.answer is not None:
            return error(user.answer) if isinstance(user.answer, int) else user.answer
        union = {"unionid": user.unionid} if user.unionid else {}
        if not user.follows:
            return {"subscribe": 0, "openid": openid, "tagid_list": []}
        return {"subscribe": 1, "openid": openid, "nickname": "", "sex": 0, "language": "zh_CN",
                "city": "", "province": "", "country": "", "headimgurl": "",
                "subscribe_time": int(time.time()), **union, "remark": "\u5907\u6ce8",
                "groupid": 0, "tagid_list": [128, 2], "subscribe_scene": "ADD_SCENE_QR_CODE",
                "qr_scene": 98765, "qr_scene_str": ""}


class Mute:
    """Takes connections and says no word: there is no TLS."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.url = f"https://127.0.0.1:{self.sock.getsockname()[1]}/control?key={KEY}"

    def stop(self):
        self.sock.close()
