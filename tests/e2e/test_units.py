"""The program does all its work under what systemd's units forbid it, and as their sockets
start it."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

import collector
import fcgi
import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from wechat import PLAIN, SAFE

JAIL = [sys.executable, "-B", str(Path(__file__).with_name("jail.py"))]
SIGSYS = 31


def jailed(*command):
    """What sanitizers call for themselves is not the program's."""
    return [*([] if program.SAN else JAIL), *map(str, command)]


def run(home, *args):
    """By hand, or by a timer.  Ended by SIGSYS: strace -f tells which call is forbidden."""
    done = subprocess.run(jailed(program.binary("main"), *args), env=home.env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def test_it_jails():
    """What the units forbid kills here, so the tests below cannot overlook it."""
    def ends(code):
        return subprocess.run([*JAIL, sys.executable, "-c", code], capture_output=True,
                              timeout=60).returncode
    assert ends("import socket; socket.socket(socket.AF_UNIX)") == 0
    for code in ("import socket; socket.socket(socket.AF_PACKET)",
                 "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
                 "import os; os.setpriority(os.PRIO_PROCESS, 0, 1)",
                 "import os; os.chroot('/')"):
        assert ends(code) == -SIGSYS, code


def test_names_are_resolved():
    done = subprocess.run([*JAIL, "/usr/bin/getent", "ahosts", "localhost"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "STREAM" in done.stdout, done


@pytest.fixture
def far(tmp_path):
    """QT by TLS, and what trusts it."""
    authority = qt_side.Authority(tmp_path, "good")
    server = qt_side.QT(wechat.ACCOUNTS, tls=authority.context())
    server.ca_file = authority.file
    yield server
    server.stop()
    assert not server.problems, server.problems


@pytest.fixture
def jail(far):
    """A home, and the program in it on FastCGI sockets."""
    home = program.Home(far.url, far.ca_file)
    limits = "exec " + " ".join(f"'{word}'" for word in jailed()) + ' "$0"'
    with contextlib.ExitStack() as stack:
        def start():
            pool = program.Pool(home, limits=limits)
            stack.callback(pool.stop)
            return pool
        start.home = home
        yield start
    home.remove()


def test_delivery_queue_drain_collector_and_report(jail, far):
    home, pool = jail.home, jail()
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    pool.log.wait(what="request", verdict="delivered")

    # QT fails; the queue is sent by the process, and then by the timer's service.
    far.behave = qt_side.answering(503, b"")
    assert pool.push(PLAIN, wechat.push(PLAIN)).body == b"success"
    pool.log.wait(what="request", verdict="queued")
    far.behave = qt_side.genuine
    pool.log.wait(what="drain", verdict="delivered")
    far.behave = qt_side.answering(503, b"")
    assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
    pool.stop()
    far.behave = qt_side.genuine
    assert "1 delivered" in run(home, "drain", "--seconds", "50")

    pool = jail()
    counts = collector.behind(pool)
    counts.takes(collector.posted(SAFE, wechat.push(SAFE)))
    with pool.connect() as c:
        params = fcgi.cgi("GET", "/qtoa/-/report", REMOTE_ADDR="127.0.0.1")
        answer = c.send(fcgi.request(params)).answer()
    assert answer.status == 200 and b"</html>" in answer.body
    assert "$$_receive_msg" in run(home, "report", "days")
    run(home, "datacube", "show")
    run(home, "check", "--online")
    far.reset()     # of the probe, which is no message


def test_a_socket_that_somebody_else_has_made_is_its_standard_input(home, qt):
    """As with StandardInput=socket and Accept=no: started by the first connection, which it
    then serves."""
    path = home.dir / "forwarder.sock"
    env = [word for k, v in home.env.items() for word in ("-E", f"{k}={v}")]
    proc = subprocess.Popen(["systemd-socket-activate", "--inetd", "-l", path, *env,
                             *jailed(program.binary("main"))],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)
    try:
        # The path alone is there before anything listens.
        assert b"Listening on" in proc.stderr.readline()
        push = wechat.push(SAFE)
        answer = fcgi.call(path, fcgi.push_params(push, f"/qtoa/{SAFE.path}"), push.body)
        assert answer.body == b"success"
        assert len(qt.wait(1)) == 1
        proc.terminate()
        assert proc.wait(PATIENCE_S) == 0, proc.stderr.read()
    finally:
        proc.kill()
        proc.wait()
        proc.stderr.close()
