"""Shared hosting: Apache as a host has it set up, of which a user has only a directory, and
htaccess-example in it."""

import base64
import shutil

import pytest

import fronts
import qt as qt_side
import wechat
from wechat import PLAIN, SAFE

# Two users: one has qtoa.cgi, the other qtoa.fcgi and asks for a password.
USERS = {"shop": ("qtoa.cgi", {"cgi"}), "club": ("qtoa.fcgi", {"fcgid", "password"})}
URLS = ("/qtoa.cgi", "/~shop/qtoa.cgi", "/~shop/wechat/qtoa.cgi", "/~club/qtoa.fcgi")
# What does not belong there, and is there all the same.
MISTAKES = ("config.h", "config-shop.h", "qtoa", "qtoa.cgi~", "qtoa.cgi.bak", "qtoa.CGI.old",
            "qtoa.db", "qtoa.db-wal", "qtoa.seen-1", "state/qtoa.db", "state/qtoa.lock",
            ".htpasswd", "config.h~", "config.h.bak", ".config.h.swp", "#config.h#", "CONFIG.H.orig",
            ".git/config", ".gitignore", "core", "core.17", "token.old", "aes_key~", "QTOA.CGI",
            "Qtoa.fcgi", "qtoa.cgi.core", "qtoa-0.1.tar.gz")
# The program for the block that is off.
OTHER = {"qtoa.cgi": "qtoa.fcgi", "qtoa.fcgi": "qtoa.cgi"}
PASSWORDS = "operator:{SHA}T1cYHcqt6YBVXyzmdVykJfAGWL4=\n"
OPERATOR = [("Authorization", "Basic " + base64.b64encode(b"operator:swordfish").decode())]
SECRET = b"a secret of ours"


class SharedHost(fronts.Apache):
    file = "examples/htaccess-example"
    base = "/qtoa.cgi"

    def __init__(self, *modules):
        super().__init__("", "prefork")
        self.runs = modules

    def command(self, front):
        """What the host's administrator has written."""
        homes = front.home.dir / "home"
        env = {k: v for k, v in front.home.env.items() if k != "PATH"}
        return self.start(front, ("userdir", "auth_basic", "authn_core", "authn_file",
                                  "authz_user", *self.runs), f"""
DocumentRoot {homes}/shop/public_html
UserDir {homes}/*/public_html
<Directory {homes}>
	AllowOverride AuthConfig FileInfo Indexes Limit Options
	Options Indexes SymLinksIfOwnerMatch IncludesNoExec
	Require all granted
</Directory>
""" + "".join(f'SetEnv {k} "{v}"\n' for k, v in env.items())
            + "<IfModule fcgid_module>\n"
            + "".join(f'FcgidInitialEnv {k} "{v}"\n' for k, v in env.items()) + "</IfModule>\n")


class SharedFront(fronts.Front):
    """A host with two users; it is there when it answers, which without CGI is another answer."""

    def _spawn(self):
        for user, (name, blocks) in USERS.items():
            self._upload(self.home.dir / "home" / user, name, blocks)

    def _upload(self, home, name, blocks):
        web = home / "public_html"
        for directory in (web, web / "state", web / "wechat", web / ".git"):
            directory.mkdir(parents=True)
        htaccess = fronts.switch(self.kind.example(), blocks)
        htaccess = fronts.replace(htaccess, {"/home/USER/qtoa": str(home)})
        (home / "htpasswd").write_text(PASSWORDS)
        for directory in (web, web / "wechat"):
            shutil.copy(self.program, directory / name)
            (directory / name).chmod(0o755)
            (directory / ".htaccess").write_text(htaccess)
        for mistake in (*MISTAKES, OTHER[name]):
            (web / mistake).write_bytes(SECRET)
        (web / "index.html").write_text("the site")
        for path in (home, *home.rglob("*")):
            self.home.give(path)

    def _answers(self):
        if self.kind.runs:
            return super()._answers()
        return self.request("GET", "/index.html").body == b"the site"


@pytest.fixture(scope="module")
def host(qt_server):
    front = SharedFront(SharedHost("cgi", "fcgid"), qt_server.url)
    yield front
    front.stop()


@pytest.fixture
def front(host):
    host.log.mark()
    yield host
    assert not host.home.sanitizer_reports(), host.home.sanitizer_reports()


@pytest.mark.parametrize("url", URLS)
def test_message(front, qt, url):
    for account in (SAFE, PLAIN):
        push = wechat.handshake(account, "5837390273648210")
        assert front.request("GET", f"{url}/{account.path}?{push.query}").body == \
            b"5837390273648210"
        push = wechat.push(account)
        answer = front.request("POST", f"{url}/{account.path}?{push.query}", push.body)
        assert (answer.status, answer.body) == (200, b"success")
    assert len(qt.received) == 2
    assert front.request("POST", url + qt_side.PATH, b"{}").status == 200


@pytest.mark.parametrize("url", URLS)
def test_the_program_is_never_handed_out(front, url):
    for path in (url, url + "/", url + "/nobody", url + "?x"):
        answer = front.request("GET", path)
        assert answer.status == 404 and b"ELF" not in answer.body, path


@pytest.mark.parametrize("user", USERS)
def test_what_does_not_belong_there(front, user):
    for name in (*MISTAKES, OTHER[USERS[user][0]], ".htaccess", "wechat/.htaccess", "QTOA.DB"):
        answer = front.request("GET", f"/~{user}/{name}".replace("#", "%23"))
        assert answer.status == 403, name
        assert SECRET not in answer.body
    # The rest of the site is as it was.
    answer = front.request("GET", f"/~{user}/index.html")
    assert (answer.status, answer.body) == (200, b"the site")


@pytest.mark.parametrize("page", fronts.PAGES)
def test_pages(front, page):
    for headers in ([], [("X-Forwarded-For", "127.0.0.1")]):
        path = f"/qtoa.cgi/-/{page}"
        assert front.request("GET", path, headers=headers).status == (403 if headers else 200)
        assert front.request("GET", path, headers=headers, source="127.0.0.2").status == 403


def test_password(front):
    url = "/~club/qtoa.fcgi"
    for path in ("/-/report", "/-/report/days.csv", "/%2d/report", "/x/-/report", "//-//report",
                 "/./-/report", "/%0a/-/report", "/safe/-/report", "/-/report?x",
                 "/-;/../-/report"):
        assert front.request("GET", url + path).status == 401, path
    assert not front.log.lines()
    assert front.request("GET", url + "/-/report", headers=OPERATOR).status == 200
    assert front.request("GET", "/~club/wechat/qtoa.fcgi/-/report").status == 401


def test_a_host_without_cgi(qt_server):
    """It would take the program for a file."""
    front = SharedFront(SharedHost(), qt_server.url)
    try:
        for url in URLS:
            for path in (url, url + "/safe"):
                answer = front.request("GET", path)
                assert answer.status in (403, 404) and b"ELF" not in answer.body, path
        assert front.request("GET", "/qtoa.cgi").status == 403
    finally:
        front.stop()
