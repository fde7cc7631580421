"""inside.py ROOT URL: in a network of its own (unshare -rn) runs ROOT/qtoa check with ROOT as the
root directory, and prints what it says of QT at URL.

In that network a name server at 127.0.0.1 knows dns.example, 127.0.0.9, and nothing else; QT is
there, at 127.0.0.8, at 127.0.0.1 and at ::1, always at port 8080.  Each answers with its address.
"""
import fcntl
import http.server
import socket
import struct
import subprocess
import sys
import threading

ROOT, URL = sys.argv[1:]
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
KNOWN = b"\3dns\7example\0", socket.inet_aton("127.0.0.9")


def answer_names(s):
    while True:
        query, peer = s.recvfrom(512)
        end = query.index(b"\0", 12) + 1
        kind = struct.unpack(">H", query[end:end + 2])[0]
        name_known = query[12:end].lower() == KNOWN[0]
        found = name_known and kind == 1
        head = query[:2] + struct.pack(">HHHHH", 0x8180 if name_known else 0x8183, 1, found, 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + KNOWN[1] if found else b""
        s.sendto(head + query[12:end + 4] + record, peer)


class QT(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked.add(self.server.server_address[0])
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"code":"Httpapi_300_101","message":"Illegal signature"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class QT6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


asked = set()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
servers = [http.server.ThreadingHTTPServer((f"127.0.0.{n}", 8080), QT) for n in (1, 8, 9)]
servers.append(QT6(("::1", 8080), QT))
threading.Thread(target=answer_names, args=(names,), daemon=True).start()
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
done = subprocess.run(
    ["/usr/sbin/chroot", ROOT, "/qtoa", "check"], check=False,
    env={"QTOA_QT_URL": URL, "QTOA_STATE_DIR": "/state"}, stdout=subprocess.PIPE, text=True,
    stderr=subprocess.STDOUT, timeout=60)
print(done.stdout)
print("asked:", *sorted(asked))
