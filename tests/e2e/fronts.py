"""The real web servers, started from the example files that are shipped: nothing of them is
changed but the values in the block "values" and which blocks are switched on."""

import http.client
import os
import pwd
import random
import re
import shlex
import shutil
import signal
import subprocess

import fcgi
import program

MODULES = "/usr/lib/apache2/modules"
PASSWORDS = "/etc/qtoa/htpasswd"
BLOCK = re.compile(r"(?m)^\t*# ---- (\w+):.*\n((?:(?!\t*# ----).*\n)*)^\t*# ----\n")
START = re.compile(r"(?m)^#\s+(spawn-fcgi .*)$")


def switch(text, on):
    """The example with exactly these blocks switched on."""
    def block(m):
        name, lines = m.group(1), m.group(2).splitlines(True)
        code = [i for i, line in enumerate(lines)
                if not line.lstrip("\t").startswith(("# ", "#\n"))]
        for i in code if name != "values" else ():
            off = re.match(r"(\t*)#", lines[i])
            if off and name in on:
                lines[i] = off.group(1) + lines[i][off.end():]
            elif not off and name not in on:
                lines[i] = "#" + lines[i]
        return m.group(0).replace(m.group(2), "".join(lines))

    names = {m.group(1) for m in BLOCK.finditer(text)}
    assert on <= names, (on, names)
    return BLOCK.sub(block, text)


def substitute(text, values):
    """Each example value in the block "values" is another."""
    m = next(m for m in BLOCK.finditer(text) if m.group(1) == "values")
    block = m.group(2)
    for old, new in values.items():
        assert old in block, f"{old} is not among the values"
        block = block.replace(old, new)
    return text.replace(m.group(2), block)


class Front:
    """One web server with the program behind it."""

    def __init__(self, name, qt_url, ca_file="/dev/null", variant="main", blocks=frozenset(),
                 files=None, env=None):
        """blocks: of the example, switched on beside what the kind needs; files: what they
        want to have in the directory of the server; env: E2E_... that the program wants."""
        self.name = name
        self.blocks = blocks
        self.kind = KINDS[name]
        self.user = None
        if os.geteuid() == 0:       # never as root: not the server, not the program
            who = pwd.getpwnam("nobody")
            self.user = dict(user=who.pw_uid, group=who.pw_gid, extra_groups=[])
        self.home = program.Home(qt_url, ca_file,
                                 owner=(who.pw_uid, who.pw_gid) if self.user else None)
        self.home.env.update(env or {})
        self.run = self.home.subdir("run")
        self.program = self.home.dir / "qtoa"
        shutil.copy(program.binary(variant), self.program)
        self.program.chmod(0o755)
        self.wrapper = program.wrapper(self.home, self.home.dir / "start", self.program)
        self.server = None
        self.spawned = []
        self.workers = set()
        for file, text in (files or {}).items():
            self.write(file, text)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    @property
    def log(self):
        return self.home.log

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _popen(self, command, env, **more):
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=self.out,
                                stderr=self.out, cwd=self.run, **(self.user or {}), **more)

    def _start(self):
        self.out = (self.home.logs / "server.out").open("wb")
        self._spawn()
        for attempt in range(8):
            # Below the ports that the system hands out by itself.
            self.port = random.randrange(20000, 32000)
            # What the program is to know from its environment the example must hand on.
            self.server = self._popen(self.kind.command(self), {"PATH": "/usr/bin:/bin"},
                                      start_new_session=True)
            try:
                program.until(self._is_up, f"{self.name} answers")
                break
            except (AssertionError, RuntimeError):
                self._stop_server()
                if attempt == 7:
                    raise AssertionError(f"{self.name} does not start: {self.words()}") from None
        self.workers = set(program.processes_of(self.home.dir))
        self.log.mark()

    def _is_up(self):
        """An answer that our own log knows of: another server could have the port."""
        if self.server.poll() is not None:
            raise RuntimeError("ended")
        try:
            return self.request("GET", "/qtoa/nobody").status == 404 and \
                self.log.wait(error="no such account", timeout=5)
        except OSError:
            return False

    def _spawn(self):
        """The commands that the example's comments tell to type."""
        if not self.kind.spawned:
            return
        for line in START.findall(self.kind.example()):
            line = re.sub(r" -u www-data\b", "", line)  # for root to give
            for old, new in ((self.kind.run, str(self.run)),
                             ("/usr/local/bin/qtoa", str(self.wrapper))):
                assert old in line
                line = line.replace(old, new)
            command = shlex.split(line)
            pid_file = self.run / f"{len(self.spawned)}.pid"
            done = self._popen(["spawn-fcgi", "-P", str(pid_file), *command[1:]], self.home.env)
            assert done.wait(10) == 0, self.words()
            self.spawned.append(int(pid_file.read_text()))
        assert len(self.spawned) == 2

    def write(self, name, text):
        path = self.run / name
        path.write_text(text)
        self.home.give(path)
        return str(path)

    def words(self):
        """What the server has to say."""
        files = [self.home.logs / "server.out", *self.run.glob("*.log")]
        return "\n".join(p.read_text(errors="replace") for p in files if p.exists())

    def request(self, method, target, body=None, headers=()):
        """One request on a connection of its own."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            conn.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                conn.putheader(name, value)
            if body is not None:
                conn.putheader("Content-Type", "text/xml")
                conn.putheader("Content-Length", str(len(body)))
            conn.endheaders(body)
            answer = conn.getresponse()
            return fcgi.Response(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                                 answer.read())
        finally:
            conn.close()

    def push(self, account, push, headers=()):
        return self.request(push.method, f"/qtoa/{account.path}?{push.query}", push.body, headers)

    def check(self):
        """After a test: the server and the program are as they were."""
        assert self.server.poll() is None, f"{self.name} ended: {self.words()}"
        assert not self.home.sanitizer_reports(), self.home.sanitizer_reports()
        if self.kind.cgi:
            program.until(lambda: not program.processes_of(self.home.dir), "a CGI is left over")
        else:
            now = set(program.processes_of(self.home.dir))
            assert self.workers <= now, f"{self.name}: of {self.workers} only {now} are left"
            self.workers = now

    def _stop_server(self):
        if self.server is None:
            return
        self.server.terminate()
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
            raise
        self.server = None

    def _end(self):
        try:
            self._stop_server()
        finally:
            for pid in self.spawned:
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass        # check() or remove() says what is wrong
            self.out.close()

    def stop(self):
        try:
            self._end()
            program.until(lambda: not program.processes_of(self.home.dir), f"{self.name} is gone")
        finally:
            self.home.remove()


class Lighttpd:
    file = "lighttpd-example.conf"
    run = "/run/lighttpd"

    def __init__(self, block, cgi=False):
        self.block, self.cgi, self.spawned = block, cgi, block == "socket"

    def example(self):
        return (program.TOP / self.file).read_text()

    def command(self, front):
        text = switch(self.example(), {"alone", self.block} | front.blocks)
        # The port stands in the block "alone", for whom it is meant.
        assert "8080" in text
        text = substitute(text, {
            "/usr/local/bin/qtoa": str(front.wrapper), self.run: str(front.run),
            "https://qt.example.com/server/thirdPartyDataSource": front.home.env["QTOA_QT_URL"],
            "/var/lib/qtoa": str(front.home.state),
            PASSWORDS: str(front.run / "htpasswd")}).replace("8080", str(front.port))
        return ["/usr/sbin/lighttpd", "-D", "-f", front.write("lighttpd.conf", text)]


class Apache(Lighttpd):
    file = "apache-example.conf"
    run = "/run/qtoa"
    own = {"fcgid": ["fcgid"], "proxy": ["proxy", "proxy_fcgi"], "cgi": ["cgi"]}

    def __init__(self, block, mpm, cgi=False):
        super().__init__(block, cgi)
        self.mpm, self.spawned = mpm, block == "proxy"

    def command(self, front):
        example = substitute(switch(self.example(), {self.block} | front.blocks), {
            "/usr/local/bin/qtoa": str(front.wrapper), self.run: str(front.run),
            "https://qt.example.com/server/thirdPartyDataSource": front.home.env["QTOA_QT_URL"],
            "/var/lib/qtoa": str(front.home.state), PASSWORDS: str(front.run / "htpasswd")})
        # What Debian's apache2.conf is to it.
        modules = [f"mpm_{self.mpm}", "authz_core", "alias", "env", "reqtimeout",
                   *self.own[self.block]]
        if "password" in front.blocks:
            modules += ["auth_basic", "authn_core", "authn_file", "authz_user"]
        lines = [f"LoadModule {m}_module {MODULES}/mod_{m}.so" for m in modules]
        run = front.run
        lines += [f"ServerRoot {run}", "ServerName localhost", f"Listen 127.0.0.1:{front.port}",
                  f"PidFile {run}/apache.pid", f"ErrorLog {run}/error.log",
                  f"DefaultRuntimeDir {run}", f"DocumentRoot {run}", "Mutex pthread"
                  if self.mpm == "event" else f"Mutex file:{run}",
                  "<Directory />\n\tAllowOverride None\n\tRequire all granted\n</Directory>"]
        if self.block == "fcgid":
            lines += [f"FcgidIPCDir {run}/fcgid", f"FcgidProcessTableFile {run}/fcgid.shm"]
        lines += [f"Include {front.write('example.conf', example)}", ""]
        return ["/usr/sbin/apache2", "-DFOREGROUND", "-f",
                front.write("apache.conf", "\n".join(lines))]


class Nginx(Lighttpd):
    file = "nginx-example.conf"
    run = "/run/qtoa"

    def __init__(self):
        super().__init__("", False)
        self.spawned = True

    def command(self, front):
        run = front.run
        example = substitute(switch(self.example(), front.blocks), {
            self.run: str(run), "80;": f"127.0.0.1:{front.port};"})
        example = example.replace(PASSWORDS, str(run / "htpasswd"))
        paths = "".join(f"\t{kind}_temp_path {run}/{kind};\n" for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # What Debian's nginx.conf is to it.
        text = (f"daemon off;\nworker_processes 2;\npid {run}/nginx.pid;\n"
                f"error_log {run}/error.log;\nevents {{ worker_connections 1024; }}\n"
                f"http {{\n\taccess_log off;\n{paths}"
                f"\tinclude {front.write('example.conf', example)};\n}}\n")
        return ["/usr/sbin/nginx", "-p", str(run), "-e", f"{run}/error.log", "-c",
                front.write("nginx.conf", text)]


KINDS = {
    "lighttpd-fastcgi": Lighttpd("fastcgi"),
    "lighttpd-socket": Lighttpd("socket"),
    "lighttpd-cgi": Lighttpd("cgi", cgi=True),
    "apache-fcgid": Apache("fcgid", "event"),
    "apache-proxy": Apache("proxy", "event"),
    "apache-cgi": Apache("cgi", "prefork", cgi=True),
    "nginx": Nginx(),
}
NAMES = list(KINDS)
