"""A webhook that gets alerts: a server whose answers a test chooses."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Keeps the bodies of all requests, also of those that it does not answer well."""

    def __init__(self):
        self.messages, self.paths = [], []
        self.answer = (200, b"{}")      # status and body; None: it is silent
        self.delay = 0                  # seconds before the answer
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer, delay = outer.answer, outer.delay
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
        self.thread.join(10)
