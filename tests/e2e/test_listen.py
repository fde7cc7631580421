"""`qtoa listen`: the program makes its socket file itself, and removes it in the end."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import fcgi
import fronts
import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from program import until
from wechat import PLAIN, SAFE


def is_served(path):
    """A process listens there; the connection is closed again."""
    with socket.socket(socket.AF_UNIX) as s:
        return path.exists() and s.connect_ex(str(path)) == 0


class Listening:
    """The program that listens there itself."""

    def __init__(self, home, path, *more):
        self.home, self.path = home, path
        self.proc = subprocess.Popen(
            [program.binary("main"), "listen", str(path), *more], env=home.env,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until(lambda: is_served(path) or self.proc.poll() is not None, "it listens")
        assert self.proc.poll() is None, self.proc.stderr.read()

    def push(self, account, push):
        with fcgi.Connection(self.path) as c:
            params = fcgi.push_params(push, f"/qtoa/{account.path}")
            return c.send(fcgi.request(params, push.body or b"")).answer()

    def kill(self):
        self.proc.kill()
        self.proc.communicate()

    def stop(self, number=signal.SIGTERM):
        """The exit status and what was said."""
        self.proc.send_signal(number)
        said = self.proc.communicate(timeout=PATIENCE_S)[1]
        return self.proc.returncode, said


@contextlib.contextmanager
def listening(home, path, *more):
    served = Listening(home, path, *more)
    try:
        yield served
    finally:
        if served.proc.poll() is None:
            served.kill()


def refusal(home, *args, **how):
    done = subprocess.run([program.binary("main"), "listen", *args], env=home.env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, **how)
    assert done.stdout == ""
    return done.returncode, done.stderr


class Served(fronts.Front):
    """A web server in front; the two processes listen by themselves."""

    def _spawn(self):
        self.procs = [self._popen([str(self.wrapper), "listen", f"{self.run}/{name}.sock"],
                                  self.home.env) for name in ("forwarder", "collector")]
        for name in ("forwarder", "collector"):
            until(lambda: is_served(self.run / f"{name}.sock"), name)

    def end(self):
        for proc in self.procs:
            proc.terminate()
            assert proc.wait(PATIENCE_S) == 0, self.words()
        assert list(self.run.glob("*.sock")) == []


@pytest.mark.parametrize("name", ("nginx", "caddy"))
def test_behind_a_web_server(qt, name):
    front = Served(name, qt.url)
    try:
        probe = wechat.handshake(SAFE)
        assert front.push(SAFE, probe).body.decode() == probe.get("echostr")
        for account in (SAFE, PLAIN):
            answer = front.push(account, wechat.push(account))
            assert (answer.status, answer.body) == (200, b"success")
        assert len(qt.received) == 2
        front.check()
    finally:
        front.end()
        front.stop()


@pytest.mark.parametrize("args,mode", (
    ((), 0o660), (("--mode", "0600"), 0o600), (("--mode", "660"), 0o660),
    (("--mode", "0666"), 0o666)), ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_mode(home, args, mode):
    """Whatever the umask is; all users are more than it should be."""
    path = home.dir / "sock"
    before = os.umask(0o027)
    try:
        with listening(home, path, *args) as served:
            st = path.stat()
            assert (stat.S_ISSOCK(st.st_mode), stat.S_IMODE(st.st_mode)) == (True, mode)
            probe = wechat.handshake(SAFE)
            assert served.push(SAFE, probe).body.decode() == probe.get("echostr")
            assert served.stop() == (0, "")
    finally:
        os.umask(before)
    assert ("all users of this host" in home.log.text()) == (mode == 0o666)


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1))
def test_a_signal_ends_it_and_removes_the_socket(home, number):
    """As early as the socket is there."""
    with listening(home, home.dir / "sock") as served:
        assert served.stop(number) == (0, "")
    assert not (home.dir / "sock").exists()


def test_what_is_under_way_is_answered(home, qt):
    qt.behave = qt_side.held
    with listening(home, home.dir / "sock") as served, ThreadPoolExecutor() as threads:
        answer = threads.submit(served.push, SAFE, wechat.push(SAFE))
        qt.wait(1)
        assert served.stop() == (0, "")
        qt.gate.set()
        assert (answer.result().status, answer.result().body) == (200, b"success")
    assert [r["state"] for r in home.rows()] == ["pending"]
    assert not (home.dir / "sock").exists()


def test_a_socket_that_was_left_is_replaced(home):
    path = home.dir / "sock"
    with listening(home, path) as first:
        first.kill()
        assert path.exists()
        with listening(home, path) as served:
            assert served.push(SAFE, wechat.handshake(SAFE)).status == 200
            assert served.stop() == (0, "")
    assert not path.exists()


def test_a_socket_in_use_stays(home):
    path = home.dir / "sock"
    with listening(home, path) as first:
        code, said = refusal(home, str(path))
        assert code == 1 and said.startswith(f"qtoa: {path}: another process listens on it")
        assert first.push(SAFE, wechat.handshake(SAFE)).status == 200


def test_a_socket_with_a_full_queue_is_in_use(home):
    path = home.dir / "sock"
    with socket.socket(socket.AF_UNIX) as busy, contextlib.ExitStack() as full:
        busy.bind(str(path))
        busy.listen(0)
        for _ in range(8):
            s = full.enter_context(socket.socket(socket.AF_UNIX))
            s.setblocking(False)
            s.connect_ex(str(path))
        code, said = refusal(home, str(path))
        assert code == 1 and "another process listens on it" in said
        assert path.exists()


def test_what_others_have_put_there_stays(home):
    """The file that it removes in the end is its own."""
    path = home.dir / "sock"
    with listening(home, path) as served:
        path.unlink()
        path.write_text("not a socket")
        assert served.stop() == (0, "")
    assert path.read_text() == "not a socket"


def names(home):
    (home.dir / "file").write_text("x")
    (home.dir / "link").symlink_to(home.dir / "nothing")
    place = str(home.dir)
    tcp = "there is no TCP"
    return [("9000", tcp), (":9000", tcp), ("127.0.0.1:9000", tcp), ("[::1]:9000", tcp),
            ("tcp://127.0.0.1:9000", tcp), ("unix:/run/qtoa.sock", tcp), ("sock", tcp),
            ("@sock", tcp), ("", tcp),
            (f"{place}/file", "is not a socket"), (f"{place}/link", "is not a socket"),
            (place, "is not a socket"), (f"{place}/missing/sock", "No such file"),
            (f"{place}/file/sock", "Not a directory"), (f"{place}/{'x' * 108}", "shorter")]


def test_names_that_cannot_be(home):
    for name, says in names(home):
        code, said = refusal(home, name)
        assert code == 1 and says in said and said.count("\n") == 1, (name, said)
    assert (home.dir / "file").read_text() == "x" and (home.dir / "link").is_symlink()


@pytest.mark.parametrize("args", (
    (), ("/a", "/b"), ("--mode", "0600"), ("/a", "--mode"), ("/a", "--mode", ""),
    ("/a", "--mode", "9"), ("/a", "--mode", "0888"), ("/a", "--mode", "01777"),
    ("/a", "--mode", "0060"), ("/a", "--mode", "rw-"), ("/a", "--mode", "-660")),
    ids=lambda v: " ".join(v))
def test_usage(home, args):
    code, said = refusal(home, *args)
    assert code == 2 and said.startswith("usage: qtoa listen SOCKET [--mode MODE]")


def test_without_standard_input(home):
    """Descriptor 0 is free then, and becomes the socket itself."""
    path = home.dir / "sock"
    proc = subprocess.Popen(["/bin/sh", "-c", 'exec "$0" listen "$1" <&-',
                             program.binary("main"), str(path)], env=home.env)
    try:
        until(lambda: is_served(path), "it listens")
        with fcgi.Connection(path) as c:
            params = fcgi.push_params(wechat.handshake(SAFE), f"/qtoa/{SAFE.path}")
            assert c.send(fcgi.request(params)).answer().status == 200
    finally:
        proc.terminate()
    assert proc.wait(PATIENCE_S) == 0 and not path.exists()


def test_the_environment_file_of_the_service(home):
    """Supervisor, say, sets none of its variables."""
    file = home.dir / "environment"
    file.write_text("".join(f"{name}={home.env.pop(name)}\n" for name in ("QTOA_QT_URL", "QTOA_STATE_DIR")))
    file.chmod(0o640)
    home.env["QTOA_ENVIRONMENT"] = str(file)
    with listening(home, home.subdir("run") / "s.sock") as served:
        assert served.push(PLAIN, wechat.push(PLAIN)).body == b"success"
