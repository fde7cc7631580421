"""What the tests of the static programs share: the program on a socket of its own, WeChat, QT."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
STATIC = Path(os.environ["STATIC"])
CPUS = ("x86_64", "aarch64")
HERE = os.uname().machine

sys.path.append(str(TOP / "tests" / "e2e"))
import fcgi     # noqa: E402
import qt as qt_side    # noqa: E402
import wechat   # noqa: E402

# The first account of demo/config.h.
DEMO = wechat.Account("demo", "SAFE", "wx0123456789abcdef", "qtoaDemoToken",
                      "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", app_key="demoAppKey",
                      service_id="demoServiceId", service_secret="demoServiceSecret")


def emulator(cpu):
    """What runs a program of that machine here."""
    return [] if cpu == HERE else [shutil.which(f"qemu-{cpu}")]


def program(cpu, which="demo"):
    """demo: with the demo's configuration; tls: with tests/static/config.h."""
    return STATIC / which / f"qtoa-{cpu}"


def until(condition, what, timeout=30):
    pause, end = threading.Event(), time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        pause.wait(0.01)
    return value


class Served:
    """A command that ends in `qtoa listen`; socket is where the tests find its socket file."""

    def __init__(self, command, environment, socket):
        self.socket = socket
        self.log = socket.parent / "log"
        with self.log.open("w") as log:
            self.proc = subprocess.Popen(list(map(str, command)), env=environment,
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: self.proc.poll() is not None or self.is_served(), "it listens")
            assert self.proc.poll() is None, self.log.read_text()
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def is_served(self):
        try:
            with fcgi.Connection(self.socket):
                return True
        except OSError:
            return False

    def push(self, push, account=DEMO):
        with fcgi.Connection(self.socket) as c:
            params = fcgi.push_params(push, f"/qtoa/{account.path}")
            return c.send(fcgi.request(params, push.body or b"")).answer()

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def stop(self):
        """As a container is stopped; the exit status."""
        self.proc.terminate()
        return self.proc.wait(30)
