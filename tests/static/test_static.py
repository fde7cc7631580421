"""The programs of `make static`: they need nothing of the host, find names without glibc, and
deliver the demo's messages behind lighttpd, those for arm64 by qemu-user."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from served import CPUS, TOP, emulator, program

HERE = Path(__file__).resolve().parent
# The demo's messages are of that day.
DAY = "2025-01-01"
MESSAGES = sorted((TOP / "demo" / "messages").glob("*.xml"))
LIGHTTPD = shutil.which("lighttpd", path=os.environ["PATH"] + ":/usr/sbin")

each_cpu = pytest.mark.parametrize("cpu", CPUS)


def output(*argv, **how):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **how).stdout


@each_cpu
def test_it_needs_no_library_and_is_hardened(cpu):
    headers = output("readelf", "-hlW", program(cpu))
    dynamic = output("readelf", "-dW", program(cpu))
    assert "INTERP" not in headers and "NEEDED" not in dynamic
    assert re.search(r"Type: +DYN", headers) and "GNU_RELRO" in headers and "BIND_NOW" in dynamic
    assert re.search(r"GNU_STACK .* RW +0x", headers)
    assert ("AArch64" if cpu == "aarch64" else "X86-64") in headers


@each_cpu
def test_it_reads_fastcgi_with_its_own_bounds(cpu):
    assert re.search(r" W OS_Read$", output("nm", program(cpu)), re.M)


@each_cpu
def test_it_runs_where_there_is_nothing(cpu, tmp_path):
    shutil.copy(program(cpu), tmp_path / "qtoa")
    assert output(*emulator(cpu), tmp_path / "qtoa", "-V", env={}).startswith("qtoa ")
    if not emulator(cpu):
        assert output("unshare", "-r", "/usr/sbin/chroot", tmp_path, "/qtoa", "-V",
                      env={}).startswith("qtoa ")


# The host of the URL; /etc/resolv.conf and /etc/hosts, None: there is no such file; the address
# that is asked, a pattern, None: the name has no address.  The c-ares of Debian 13 gives localhost
# two addresses.
SERVER = "nameserver 127.0.0.1\n"


@pytest.mark.parametrize("host,resolv,hosts,address", [
    ("dns.example", SERVER, None, "127.0.0.9"),
    ("DNS.Example", SERVER, "", "127.0.0.9"),
    ("dns", SERVER + "search example\n", "", "127.0.0.9"),
    ("none.example", SERVER, "", None),
    ("dns.example", SERVER, "127.0.0.8 dns.example\n", "127.0.0.8"),
    ("file.example", SERVER, "127.0.0.8\tother file.example # QT\n", "127.0.0.8"),
    ("file.example", None, "127.0.0.8 file.example\n", "127.0.0.8"),
    ("six.example", None, "::1 six.example\n", "::1"),
    ("127.0.0.8", None, None, "127.0.0.8"),
    ("[::1]", None, None, "::1"),
    ("localhost", SERVER, "127.0.0.1 localhost\n", "(127.0.0.1|::1)( ::1)?"),
    ("localhost", None, None, "(127.0.0.1|::1)( ::1)?"),
])
def test_names(tmp_path, host, resolv, hosts, address):
    (tmp_path / "etc").mkdir()
    (tmp_path / "state").mkdir(mode=0o700)
    shutil.copy(program(os.uname().machine), tmp_path / "qtoa")
    for name, text in (("resolv.conf", resolv), ("hosts", hosts)):
        if text is not None:
            (tmp_path / "etc" / name).write_text(text)
    said = output("unshare", "-rn", "/usr/bin/python3", "-B", HERE / "inside.py", tmp_path,
                  f"http://{host}:8080/server/thirdPartyDataSource")
    assert re.search(f"^asked: {address}$" if address else "^asked:$", said, re.M), said
    assert ("the name has no address" in said) == (address is None), said


def test_users_are_those_of_etc_passwd(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "etc" / "passwd").write_text("a:x:5:5::/:\nkeeper:x:0:0::/:/bin/sh\n")
    shutil.copy(program(os.uname().machine), tmp_path / "qtoa")
    done = subprocess.run(["unshare", "-rn", "/usr/sbin/chroot", tmp_path, "/qtoa", "check",
                           "--offline"], check=False, stdout=subprocess.PIPE, text=True,
                          env={"QTOA_QT_URL": "http://127.0.0.1/", "QTOA_STATE_DIR": "/state"})
    assert "/state, owner keeper, mode 0700" in done.stdout, done.stdout


class Web:
    """lighttpd with that program, on a socket that it is handed."""

    def __init__(self, place, cpu, fastcgi):
        self.place, self.cpu = place, cpu
        state = place / "state"
        state.mkdir(mode=0o700)
        (place / "www").mkdir()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.environment = {"QTOA_QT_URL": f"{self.url}/server/thirdPartyDataSource",
                            "QTOA_STATE_DIR": str(state)}
        starter = place / "qtoa.cgi"
        starter.write_text(f"#!/bin/sh\nexec {' '.join([*emulator(cpu), str(program(cpu))])}\n")
        starter.chmod(0o755)
        (place / "lighttpd.conf").write_text(self.conf(starter, fastcgi))
        fd = self.listening.fileno()
        self.proc = subprocess.Popen(
            ["/bin/bash", "-c", f"exec 3<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 exec {LIGHTTPD} -D -f "
             f"{place}/lighttpd.conf"], pass_fds=(fd,), stderr=(place / "log").open("w"))

    def conf(self, starter, fastcgi):
        values = "".join(f'"{k}" => "{v}",' for k, v in self.environment.items())
        lines = ['server.systemd-socket-activation = "enable"', f"server.port = {self.url[17:]}",
                 'server.bind = "127.0.0.1"', f'server.document-root = "{self.place}/www"',
                 'server.modules = ("mod_alias", "mod_setenv", "mod_cgi", "mod_fastcgi")']
        if fastcgi:
            lines += [f'fastcgi.server += ("{path}" => (("bin-path" => "{starter}", '
                      f'"socket" => "{self.place}/{name}.sock", "check-local" => "disable", '
                      f'"max-procs" => 1, "bin-environment" => ({values}))))'
                      for path, name in (("/qtoa", "forwarder"), ("/server", "collector"))]
        else:
            lines += [f"setenv.set-environment = ({values})",
                      f'alias.url = ("/qtoa" => "{starter}", "/server" => "{starter}")',
                      'cgi.assign = ("" => "")']
        return "\n".join(lines) + "\n"

    def qtoa(self, *argv):
        return output(*emulator(self.cpu), program(self.cpu), *map(str, argv),
                      env=self.environment, timeout=60)

    def events(self):
        """How many events are counted; a line each begins with a brace."""
        return sum(self.qtoa("report", "latest", "--account", account, "--json", "--from", DAY,
                             "--to", DAY).count("\n{") for account in ("demo", "demo-plain"))

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        self.listening.close()


@each_cpu
@pytest.mark.parametrize("fastcgi", [True, False], ids=["FastCGI", "CGI"])
def test_messages_are_delivered(tmp_path, cpu, fastcgi):
    with contextlib.ExitStack() as on:
        web = Web(tmp_path, cpu, fastcgi)
        on.callback(web.stop)
        for account in ("demo", "demo-plain"):
            said = web.qtoa("send", account, f"{web.url}/qtoa/{account}", *MESSAGES)
            assert said.count("200 success") == len(MESSAGES), said
        # It was told success when QT had it, or when it was queued; so it may take a moment.
        until = time.monotonic() + 30
        while (n := web.events()) < 2 * len(MESSAGES) and time.monotonic() < until:
            time.sleep(0.1)
        assert n == 2 * len(MESSAGES), (tmp_path / "log").read_text()
        checked = web.qtoa("check")
        assert "\n0 failed" in checked, checked
