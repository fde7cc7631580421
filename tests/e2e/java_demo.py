"""The Java demo on QT's page (QT, "Official account tracking", 3.5), step by step in Python: it
takes WeChat's push and posts it to QT.  What the demo's libraries do to the bytes is done here
too: HashMap's order, Gson's and fastjson's printing.

Its own ways are kept: no appkey, every parameter of the URL is passed on, and what QT answers is
printed and not looked at.  Only the address is whole (the demo posts to API_URL + "/server")."""

import hashlib
import http.server
import json
import re
import threading
import time
import urllib.parse
import urllib.request

from patience import PATIENCE_S
from qt import canonical_string, java_decode

QUIET = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HashMap(dict):
    """java.util.HashMap<String, ?> as it is walked: by bucket, in a bucket as they came."""

    @staticmethod
    def _hash(key):
        h = 0
        units = key.encode("utf-16-be", "surrogatepass")
        for i in range(0, len(units), 2):
            h = (31 * h + (units[i] << 8) + units[i + 1]) & 0xffffffff
        return h ^ h >> 16

    def entries(self):
        size = 16
        while len(self) > size * 3 // 4:
            size *= 2
        return sorted(self.items(), key=lambda entry: self._hash(entry[0]) & (size - 1))


def utf16(key):
    """String.compareTo's order, which is TreeMap's."""
    return key.encode("utf-16-be", "surrogatepass")


def fastjson(entries):
    """JSON.toJSONString of a map that is walked so."""
    def value(v):
        if isinstance(v, list):
            return "[" + ",".join(canonical_string(x) for x in v) + "]"
        return canonical_string(v)
    return "{" + ",".join(f"{canonical_string(k)}:{value(v)}" for k, v in entries) + "}"


def fastjson_sorted(fields):
    """SerializerFeature.MapSortField."""
    return fastjson(sorted(fields.items(), key=lambda entry: utf16(entry[0])))


def gson(entries):
    """new Gson().toJson: what HTML minds is escaped."""
    text = json.dumps(dict(entries), ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&='\u2028\u2029]", lambda m: "\\u%04x" % ord(m.group()), text)


def md5(text):
    """MD5Util.md5."""
    return hashlib.md5(text.encode()).hexdigest()


def parameter_map(query):
    """HttpServletRequest.getParameterMap: names in the order in which they come, all values."""
    values = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return values


def param_map_to_json(param_map):
    body_map = HashMap()
    for key, value in param_map.items():
        if len(value) == 1:
            body_map[key] = value[0]
        else:
            body_map[key] = value
    return HashMap(json.loads(gson(body_map.entries())))


def desired(query, body, service_id, service_secret, code):
    """What the demo posts: desJsonString."""
    fields = param_map_to_json(parameter_map(query))
    fields["app_id"] = service_id
    fields["ts"] = str(int(time.time() * 1000))
    fields["code"] = code
    fields["weChatOAData"] = java_decode(body)
    fields["sign"] = md5(fastjson_sorted(fields) + service_secret)
    return fastjson(fields.entries())


class JavaDemo:
    """The demo's web server, for one account, on a port of its own; and what QT answered."""

    def __init__(self, account, api_url):
        self.account = account
        self.api_url = api_url
        self.answers = []
        demo = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                demo.token(self.path.partition("?")[2], body)
                self.send_response(200)         # nothing: WeChat takes that too
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def token(self, query, body):
        a = self.account
        post = desired(query, body, a.service_id, a.service_secret, a.appid)
        request = urllib.request.Request(self.api_url, post.encode(), {
            "Content-Type": "application/json; charset=utf-8"})
        with QUIET.open(request, timeout=PATIENCE_S) as response:
            self.answers.append(json.load(response))

    def push(self, push):
        """As WeChat does."""
        request = urllib.request.Request(f"{self.url}?{push.query}", push.body,
                                         {"Content-Type": "text/xml"})
        with QUIET.open(request, timeout=PATIENCE_S) as response:
            assert (response.status, response.read()) == (200, b"")
