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
import ssl
import subprocess

import fcgi
import program
from patience import PATIENCE_S

MODULES = "/usr/lib/apache2/modules"
HOST = "wechat.example.com"
PASSWORDS = "/etc/qtoa/htpasswd"
ENCRYPT = f"/etc/letsencrypt/live/{HOST}/"
WWW = "/var/www/html"
PROGRAM = "/usr/local/bin/qtoa"
SOCKETS = "/run/qtoa"
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


def replace(text, values):
    """The same for what stands elsewhere."""
    for old, new in values.items():
        assert old in text, f"{old} is not there"
        text = text.replace(old, new)
    return text


class Front:
    """One web server with the program behind it."""

    def __init__(self, name, qt_url, ca_file="/dev/null", variant="main", blocks=frozenset(),
                 files=None, env=None, authority=None):
        """name: of a kind, or a kind; blocks: of the example, switched on beside what the kind
        needs; files: what they want to have in the directory of the server; env: E2E_... that
        the program wants; authority: HTTPS, with a certificate of its."""
        self.kind = KINDS[name] if isinstance(name, str) else name
        self.name = name if isinstance(name, str) else name.file
        self.blocks = blocks | (self.kind.tls if authority else set())
        self.user = None
        if os.geteuid() == 0:       # never as root: not the server, not the program
            who = pwd.getpwnam("nobody")
            self.user = dict(user=who.pw_uid, group=who.pw_gid, extra_groups=[])
        self.home = program.Home(qt_url, ca_file,
                                 owner=(who.pw_uid, who.pw_gid) if self.user else None)
        self.home.env.update(env or {})
        self.run = self.home.subdir("run")
        self.www = self.home.subdir("www")
        self.tls = None
        if authority:
            self.tls = ssl.create_default_context(cafile=authority.file)
            key, certificate = authority.issue((HOST,))
            files = {"fullchain.pem": certificate, "privkey.pem": key, **(files or {})}
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
                                stderr=self.out, cwd="/", **(self.user or {}), **more)

    def _start(self):
        self.out = (self.home.logs / "server.out").open("wb")
        self._spawn()
        for attempt in range(8):
            # Below the ports that the system hands out by itself.
            self.port = random.randrange(20000, 32000, 2)
            self.tls_port = self.port + 1
            # What the program is to know from its environment the example must hand on.
            self.server = self._popen(self.kind.command(self), {
                "PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(self.run),
                "XDG_CONFIG_HOME": str(self.run)}, start_new_session=True)
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
        if self.server.poll() is not None:
            raise RuntimeError("ended")
        try:
            return self._answers()
        except ssl.SSLCertVerificationError:
            raise
        except OSError:
            return False

    def _answers(self):
        """So that our own log knows of it: another server could have the port."""
        return self.request("GET", f"{self.kind.base}/nobody").status == 404 and \
            self.log.wait(error="no such account")

    def _spawn(self):
        """The commands that the example's comments tell to type."""
        if not self.kind.spawned:
            return
        for line in START.findall(self.kind.example()):
            line = re.sub(r" -u www-data\b", "", line)  # for root to give
            line = replace(line, {SOCKETS: str(self.run), PROGRAM: str(self.wrapper)})
            command = shlex.split(line)
            pid_file = self.run / f"{len(self.spawned)}.pid"
            done = self._popen(["spawn-fcgi", "-P", str(pid_file), *command[1:]], self.home.env)
            assert done.wait(PATIENCE_S) == 0, self.words()
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

    def access_log(self):
        """Its lines for requests; Caddy has one log for all."""
        file = self.run / "access.log"
        return file.read_text(errors="replace") if file.exists() else self.words()

    def connect(self, source=None, plain=False, timeout=PATIENCE_S):
        """A connection to the server, by HTTPS if that is on, with the server's name proved."""
        tls = self.tls if not plain else None
        conn = http.client.HTTPConnection("127.0.0.1", self.tls_port if tls else self.port,
                                          timeout=timeout, source_address=source and (source, 0))
        conn.connect()
        if tls:
            conn.sock = tls.wrap_socket(conn.sock, server_hostname=HOST)
        return conn

    def request(self, method, target, body=None, headers=(), source=None, plain=False,
                timeout=PATIENCE_S):
        """One request on a connection of its own; a body that is a list goes in chunks."""
        chunked = isinstance(body, list)
        conn = self.connect(source, plain, timeout)
        try:
            conn.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            conn.putheader("Host", f"{HOST if self.tls else '127.0.0.1'}:{conn.port}")
            for name, value in headers:
                conn.putheader(name, value)
            if body is not None:
                conn.putheader("Content-Type", "text/xml")
                if chunked:
                    conn.putheader("Transfer-Encoding", "chunked")
                else:
                    conn.putheader("Content-Length", str(len(body)))
            conn.endheaders(body, encode_chunked=chunked)
            answer = conn.getresponse()
            return fcgi.Response(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                                 answer.read())
        finally:
            conn.close()

    def push(self, account, push, headers=(), timeout=PATIENCE_S):
        return self.request(push.method, f"{self.kind.base}/{account.path}?{push.query}", push.body,
                            headers, timeout=timeout)

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
            self.server.wait(PATIENCE_S)
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
    file = "examples/lighttpd-example.conf"
    run = "/run/lighttpd"
    base = "/qtoa"
    tls = {"tls", "redirect"}
    bounds = True               # over its own limit it lets the program hear nothing,
    too_large = 413             # and answers this
    unsized = None              # to a body without a length; None: as to any other
    patience = ("server.max-read-idle = 10", "server.max-read-idle = 1")

    def __init__(self, block, cgi=False):
        self.block, self.cgi, self.spawned = block, cgi, block == "socket"

    def chunks(self, status):
        """How a body without a length ends that would end so with one."""
        return self.unsized or status

    def example(self):
        return (program.TOP / self.file).read_text()

    def values(self, front):
        """Those that all have that start the program themselves."""
        return {PROGRAM: str(front.wrapper), SOCKETS: str(front.run),
                "https://qt.example.com/server/thirdPartyDataSource":
                    front.home.env["QTOA_QT_URL"],
                "/var/lib/qtoa": str(front.home.state), ENCRYPT: f"{front.run}/",
                PASSWORDS: str(front.run / "htpasswd")}

    def command(self, front):
        text = switch(self.example(), {"alone", self.block} | front.blocks)
        text = substitute(text, {self.run: str(front.run), **self.values(front)})
        # As in Debian's 10-accesslog.conf.
        text = ('server.modules += ( "mod_accesslog" )\n'
                f'accesslog.filename = "{front.run}/access.log"\n{text}')
        # The ports stand where they are needed.
        text = replace(text, {"8080": str(front.port), "0.0.0.0:443":
                              f"127.0.0.1:{front.tls_port}", **self.hasty(front)})
        return ["/usr/sbin/lighttpd", "-D", "-f", front.write("lighttpd.conf", text)]

    def hasty(self, front):
        """What makes an example for HTTPS impatient with slow clients."""
        return dict([self.patience]) if front.tls else {}


class Apache(Lighttpd):
    file = "apache-example.conf"
    always = ["authz_core", "alias", "env", "reqtimeout", "setenvif"]
    needs = {"fcgid": ["fcgid"], "proxy": ["proxy", "proxy_fcgi"], "cgi": ["cgi"]}
    patience = ("body=5,", "body=1,")

    def __init__(self, block, mpm, cgi=False, too_large=413, own=None):
        super().__init__(block, cgi)
        self.own = self.needs.get(block, []) if own is None else own
        self.mpm, self.spawned, self.too_large = mpm, block == "proxy", too_large
        self.bounds = block == "fcgid"

    def modules(self, front):
        """What the comments say."""
        names = list(self.own)
        if front.tls:
            names += ["ssl"]
        if "password" in front.blocks:
            names += ["auth_basic", "authn_core", "authn_file", "authz_user"]
        return names

    def command(self, front):
        example = substitute(switch(self.example(), {self.block} | front.blocks),
                             self.values(front))
        example = replace(example, {"*:80>": f"*:{front.port}>", "*:443>": f"*:{front.tls_port}>",
                                    WWW: str(front.www), **self.hasty(front)})
        return self.start(front, self.modules(front), f"""
<Directory {front.www}>
	Require all granted
</Directory>
Include {front.write("example.conf", example)}
""")

    def start(self, front, modules, more):
        """What Debian's apache2.conf and ports.conf are to an example; and more modules and
        lines."""
        run = front.run
        text = "".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so\n"
                       for m in (f"mpm_{self.mpm}", *self.always, *modules))
        text += f"""
ServerRoot {run}
ServerName localhost
Listen 127.0.0.1:{front.port}
PidFile {run}/apache.pid
ErrorLog {run}/error.log
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {run}/access.log combined
DefaultRuntimeDir {run}
DocumentRoot {front.www}
Mutex {"pthread" if self.mpm == "event" else f"file:{run}"}
RequestReadTimeout header=20-40,minrate=500
RequestReadTimeout body=10,minrate=500
<IfModule cgid_module>
	ScriptSock {run}/cgid.sock
</IfModule>
<IfModule fcgid_module>
	FcgidIPCDir {run}/fcgid
	FcgidProcessTableFile {run}/fcgid.shm
</IfModule>
<IfModule ssl_module>
	Listen 127.0.0.1:{front.tls_port}
</IfModule>
<Directory />
	AllowOverride None
	Require all denied
</Directory>
{more}"""
        return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", front.write("apache.conf", text)]


class Nginx(Lighttpd):
    file = "examples/nginx-example.conf"
    patience = ("client_body_timeout\t10s", "client_body_timeout\t1s")
    connections = 1024

    def __init__(self):
        super().__init__("", False)
        self.spawned = True

    def command(self, front):
        run = front.run
        example = substitute(switch(self.example(), front.blocks), {
            SOCKETS: str(run), "80;": f"127.0.0.1:{front.port};", WWW: str(front.www)})
        example = example.replace("/var/log/nginx/", f"{run}/")
        example = replace(example, {
            PASSWORDS: str(run / "htpasswd"), ENCRYPT: f"{run}/",
            "443 ssl": f"127.0.0.1:{front.tls_port} ssl", **self.hasty(front)})
        paths = "".join(f"\t{kind}_temp_path {run}/{kind};\n" for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # What Debian's nginx.conf is to it.
        text = (f"daemon off;\nworker_processes 2;\npid {run}/nginx.pid;\n"
                f"error_log {run}/error.log;\nevents {{ worker_connections {self.connections}; }}\n"
                f"http {{\n\taccess_log off;\n{paths}"
                f"\tinclude {front.write('example.conf', example)};\n}}\n")
        return ["/usr/sbin/nginx", "-p", str(run), "-e", f"{run}/error.log", "-c",
                front.write("nginx.conf", text)]


class Caddy(Nginx):
    file = "examples/Caddyfile-example"
    tls = {"tls"}               # it redirects by itself
    unsized = 400               # it says that the length is -1
    bounds = False
    patience = ("read_body 10s", "read_body 2s")

    def sites(self, front, site):
        """The addresses of its one site."""
        return site

    def command(self, front):
        run = front.run
        site = f"https://{HOST}:{front.tls_port}" if front.tls else f"http://127.0.0.1:{front.port}"
        text = substitute(switch(self.example(), {"alone", "log"} | front.blocks), {
            f"http://127.0.0.1, {HOST} {{": f"{self.sites(front, site)} {{", WWW: str(front.www)})
        text = replace(text, {
            SOCKETS: str(run), "/etc/caddy/": f"{run}/", "/etc/qtoa/": f"{run}/",
            **self.hasty(front)})
        return ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config",
                front.write("Caddyfile", text)]


KINDS = {
    "lighttpd-fastcgi": Lighttpd("fastcgi"),
    "lighttpd-socket": Lighttpd("socket"),
    "lighttpd-cgi": Lighttpd("cgi", cgi=True),
    "apache-fcgid": Apache("fcgid", "event", too_large=500),
    "apache-proxy": Apache("proxy", "event"),
    "apache-cgi": Apache("cgi", "prefork", cgi=True),
    "nginx": Nginx(),
    "caddy": Caddy(),
}
NAMES = list(KINDS)
# What is below /-/.
PAGES = ("report", "metrics", "health")
# One way to the program behind each server, and two where the way itself differs.
WAYS = [name for name in NAMES if name != "lighttpd-socket"]
