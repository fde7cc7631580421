"""What the build leaves on the disk is its owner's alone, the compiler's guards are in it, and what
runs does not show its memory."""

import contextlib
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import fcgi
import program
import wechat
from program import until
from wechat import SAFE

SECRET = "qtSecretThatOnlyThisTestHas"


def readable_by_others(top, secret):
    return [str(p) for p in sorted(top.rglob("*")) if p.is_file() and not p.is_symlink()
            and stat.S_IMODE(p.stat().st_mode) & 0o077 and secret.encode() in p.read_bytes()]


# What was there before: nothing, and the files of a build by a version that left them open.
@pytest.mark.parametrize("umask, before", ((0, False), (0o022, True), (0o002, True)))
def test_what_is_built_is_its_owners_alone(tmp_path, umask, before):
    config, where = tmp_path / "config.h", tmp_path / "built"
    rows = [program.account_row(SAFE, service_secret=SECRET)]
    config.write_text(program.config_text(program.LIMITS, rows))
    config.chmod(0o600)
    names = ("qtoa", "confcheck", "core/conf.o")
    if before:
        (where / "core").mkdir(parents=True)
        for name in names:
            (where / name).touch()
            (where / name).chmod(0o777)
            os.utime(where / name, (0, 0))
    old = os.umask(umask)
    try:
        done = program.make(config, program.SHARED, f"BC={where}", f"BIN={where}/qtoa")
    finally:
        os.umask(old)
    assert done.returncode == 0, done.stderr
    modes = [stat.S_IMODE((where / name).stat().st_mode) for name in names]
    assert modes == [0o700, 0o700, 0o600]
    assert all(SECRET.encode() in (where / name).read_bytes() for name in names)
    assert not readable_by_others(tmp_path, SECRET)


def test_the_tests_own_programs_are_private():
    """All of them are linked with a configuration."""
    program.binary("main")
    assert not readable_by_others(program.SHARED / "e2e" / "main", SAFE.service_secret)


def tool(name, *args):
    assert shutil.which(name), name
    return subprocess.run([name, *map(str, args)], capture_output=True, text=True,
                          check=True).stdout


def test_the_compilers_guards_are_in_it():
    binary = program.binary("main")
    segments, dynamic = tool("readelf", "-lW", binary), tool("readelf", "-dW", binary)
    assert re.search(r"^\s*GNU_STACK .* RW\s+0x", segments, re.M) and "GNU_RELRO" in segments
    assert "BIND_NOW" in dynamic and "PIE" in dynamic
    if program.SAN:     # sanitizers have checks of their own for what follows
        return
    symbols = tool("nm", "-D", binary)
    assert "__stack_chk_fail" in symbols and "__memcpy_chk" in symbols
    flags = (program.SHARED / "flags").read_text()
    assert "-D_FORTIFY_SOURCE=3" in flags
    cc = flags.split()[0]
    for flag in ("-fstack-clash-protection", "-fcf-protection=full",
                 "-mbranch-protection=standard"):
        has = subprocess.run([cc, "-Werror", flag, "-x", "c", "-S", "-o", os.devnull, os.devnull],
                             capture_output=True, check=False).returncode == 0
        assert (f" {flag} " in flags) == has, flag
    notes = tool("readelf", "-n", program.SHARED / "qtoa.o")
    assert ("-fcf-protection=full" in flags) == ("IBT, SHSTK" in notes)


# What runs.

@pytest.fixture
def other():
    """A user that is neither root nor a process that may trace others."""
    if os.geteuid() != 0:
        return {}
    who = pwd.getpwnam("nobody")
    return dict(user=who.pw_uid, group=who.pw_gid, extra_groups=[])


LOOK = """
import os, sys
for name in ("mem", "maps", "environ", "auxv"):
    try:
        open(f"/proc/{sys.argv[1]}/{name}", "rb").close()
        print(name)
    except PermissionError:
        pass
"""


def seen_by(user, pid):
    """The files of /proc/PID that another process of that user can open."""
    return subprocess.run([sys.executable, "-c", LOOK, str(pid)], capture_output=True, text=True,
                          check=True, **user).stdout.split()


def limit_of(pid, name):
    text = Path(f"/proc/{pid}/limits").read_text()
    return re.search(rf"^{name} +(\S+) +(\S+)", text, re.M).groups()


@pytest.fixture
def place(home, other):
    """The program in a directory of that user, which may dump cores of any size."""
    binary = home.dir / "qtoa"
    shutil.copy(program.binary("main"), binary)
    if other:
        for path in (home.dir, binary, *home.dir.rglob("*")):
            os.chown(path, other["user"], other["group"])
    return binary


def cores():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def test_other_processes_of_its_user_cannot_read_a_server(home, place, other, qt):
    listener = socket.socket(socket.AF_UNIX)
    path = home.dir / "socket"
    listener.bind(str(path))
    listener.listen(8)
    path.chmod(0o777)
    with subprocess.Popen([place], env=home.env, stdin=listener, preexec_fn=cores,
                          **other) as proc:
        try:
            with fcgi.Connection(path, 20) as c:
                push = wechat.push(SAFE)
                data = fcgi.request(fcgi.push_params(push, "/qtoa/safe"), push.body)
                assert c.send(data).answer().body == b"success"
            assert seen_by(other, proc.pid) == []
            assert limit_of(proc.pid, "Max core file size") == ("0", "0")
            proc.send_signal(signal.SIGABRT)
            status = os.waitstatus_to_exitcode(os.waitpid(proc.pid, 0)[1])
            proc.returncode = status
            if not program.SAN:
                assert status == -signal.SIGABRT
        finally:
            with contextlib.suppress(ProcessLookupError):
                proc.kill()
            listener.close()
    assert not list(home.dir.glob("core*"))
    assert len(qt.received) == 1


def test_other_processes_of_its_user_cannot_read_a_cgi(home, place, other, qt):
    """While it waits for its body."""
    push = wechat.push(SAFE)
    params = {**fcgi.push_params(push, "/qtoa/safe"), "GATEWAY_INTERFACE": "CGI/1.1"}
    with subprocess.Popen([place], env={**home.env, **params}, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, preexec_fn=cores, **other) as proc:
        until(lambda: limit_of(proc.pid, "Max core file size") == ("0", "0"), "it is sealed")
        until(lambda: seen_by(other, proc.pid) == [], "it is not readable")
        out, _ = proc.communicate(push.body, 20)
    assert fcgi.parse(out).body == b"success" and len(qt.received) == 1
