"""No server sends what it should run, or what lies about by mistake: not with a module missing, not
by another way to write the path."""

import re
import subprocess

import pytest

import fronts

SECRET = b"a secret of ours"
# What does not belong into a site, and is there all the same.
MISTAKES = (
    "config.h", "config-shop.h", "config.h~", "config.h.bak", "config.h.orig", ".config.h.swp",
    ".config.h.swo", "#config.h#", ".#config.h", "CONFIG.H", "config.h.save", "config.old.h",
    "qtoa", "qtoa.cgi", "qtoa.fcgi", "qtoa.c~", "qtoa.bak", "qtoa.db", "qtoa.db-wal", "qtoa.lock",
    "QTOA.DB", "qtoa.db.damaged-1", ".git/config", ".git/HEAD", ".gitignore", ".htpasswd", "core",
    "core.1234", "token.bak", "aes_key~", "sub/config.h", "sub/qtoa", "sub/.git/index",
    "sub/core.7", "qtoa-0.1/build/core/conf.o", "state/qtoa.db", "qtoa.d/secret",
)
# What a server may take for the program's own file.
BEHIND = (
    "", "/", "//", "/.", "/..", "/nobody", "/nobody/", ".", "..", "./", "%20", "%00", "~", ".c",
    ".bak", ";", ";x", "?", "?x", "%3f", "#", "/%2e", "/%2e%2e", "/x/..", "/x/../", "%2f", "%5c",
    "\\", "/-/report", "/..%2f", ":", "::$DATA", "/.htaccess", "/index.html",
)
BEFORE = ("/", "//", "/./", "/x/../", "/%2e/", "/x/%2e%2e/")
NAMES = ("qtoa", "%71toa", "q%74oa", "QTOA", "Qtoa", "server", "%73erver", "SERVER")
PATHS = sorted({f"/{name}{behind}" for name in NAMES[:2] for behind in BEHIND} |
               {f"{before}{name}{behind}" for before in BEFORE for name in NAMES
                for behind in ("", "/", "/nobody")})


class Refused(Exception):
    """The server does not start, so it sends nothing."""


class Site:
    """A web server with a site of its own, in which mistakes lie about, and maybe without one of
    the modules that its example, or its comments, name."""

    def __init__(self, kind, module=None):
        self.__dict__.update(kind.__dict__)
        self.of = kind
        self.module = module

    def __getattr__(self, name):
        return getattr(self.of, name)

    def command(self, front):
        for mistake in (*MISTAKES, "index.html"):
            path = front.www / mistake
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(SECRET if mistake in MISTAKES else b"the site")
        for path in front.www.rglob("*"):
            front.home.give(path)
        kind = without(self.of, self.module)
        command = kind.command(front)
        check(command)
        return command


def check(command):
    """Refused: the server does not take this configuration."""
    option = {"apache2": "-t", "lighttpd": "-tt"}.get(command[0].rpartition("/")[2])
    if option is None:
        return
    command = [command[0], option, *(c for c in command[1:] if c not in ("-D", "-DFOREGROUND"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stdout + done.stderr)


class Included(fronts.Lighttpd):
    """lighttpd as Debian has it: the example is a part of its configuration."""

    def __init__(self, block, module):
        super().__init__(block, cgi=block == "cgi")
        self.module = module

    def example(self):
        text = super().example()
        return re.sub(rf'(, )?"{self.module}"(, )?', " ", text) if self.module else text

    def command(self, front):
        text = fronts.substitute(fronts.switch(self.example(), {self.block}), {
            self.run: str(front.run), **self.values(front)})
        modules = "" if self.module == "mod_access" else '"mod_access"'
        text = (f'server.bind = "127.0.0.1"\nserver.port = {front.port}\n'
                f'server.document-root = "{front.www}"\nserver.modules = ( {modules} )\n'
                f'server.errorlog = "{front.run}/error.log"\n{text}')
        return ["/usr/sbin/lighttpd", "-D", "-f", front.write("lighttpd.conf", text)]


def without(kind, module):
    """The same without that module; None: with all."""
    if isinstance(kind, fronts.Apache):
        less = fronts.Apache(kind.block, kind.mpm, kind.cgi,
                             own=[m for m in kind.own if m != module])
        less.always = [m for m in kind.always if m != module]
        return less
    return Included(kind.block, module) if type(kind) is fronts.Lighttpd else kind


class Front(fronts.Front):
    """It is there when it answers anything at all."""

    def _answers(self):
        return self.request("GET", "/index.html").status > 0


LIGHTTPD = {"fastcgi": ["mod_fastcgi"], "socket": ["mod_fastcgi"],
            "cgi": ["mod_alias", "mod_cgi", "mod_setenv"]}


def modules_of(kind):
    if isinstance(kind, fronts.Apache):
        return [*kind.always, *kind.own]
    return ["mod_access", *LIGHTTPD[kind.block]] if kind.block else []


KINDS = fronts.KINDS | {"apache-cgid": fronts.Apache("cgi", "event", cgi=True, own=["cgid"])}
CASES = [(name, module) for name, kind in KINDS.items() for module in (None, *modules_of(kind))]


def assert_nothing_is_sent(front, paths, secrets):
    for path in paths:
        answer = front.request("GET", path)
        assert not [s for s in secrets if s in answer.body], path


def variants_of(mistake):
    name = mistake.replace("#", "%23")
    first = name.replace(name[0], f"%{ord(name[0]):02x}", 1) if name[0] != "%" else name
    return (f"/{name}", f"//{name}", f"/{first}", f"/{name}/", f"/./{name}", f"/x/../{name}",
            f"/sub/../{name}", f"/{name}?x", f"/{name}%00")


@pytest.mark.parametrize("name, module", CASES,
                         ids=[f"{n}-without-{m}" if m else n for n, m in CASES])
def test_only_answers_are_sent(qt_server, name, module):
    try:
        front = Front(Site(KINDS[name], module), qt_server.url)
    except Refused:
        assert module is not None
        return
    try:
        program = front.program.read_bytes()[:64], front.wrapper.read_bytes()[:40]
        assert_nothing_is_sent(front, PATHS, (*program, SECRET))
        if module in (None, "mod_access"):
            assert front.request("GET", "/index.html").body in (b"the site", b"")
        assert_nothing_is_sent(front, [p for m in MISTAKES for p in variants_of(m)], (SECRET,))
    finally:
        front.stop()
