"""`./setup account`: the guide from nothing to the first event, for a script and for people, and with
the web server that it sets up."""

import contextlib
import fcntl
import http.client
import os
import pty
import pwd
import random
import re
import shutil
import socket
import subprocess
import tempfile
import termios
import time
from pathlib import Path

import pytest

import fcgi
import program
import qt as qt_side
import wechat
from patience import PATIENCE_S
from program import SAN, TOP
from terminal import Screen

NEEDED = ("host", "appid", "qt_url", "app_key", "service_id", "service_secret")


def user():
    """An ordinary one."""
    if os.geteuid():
        return {}
    who = pwd.getpwnam("nobody")
    return dict(user=who.pw_uid, group=who.pw_gid, extra_groups=[])


def give(path):
    if not os.geteuid():
        subprocess.run(["chown", "-R", "nobody:nogroup", str(path)], check=True)


@pytest.fixture(scope="module")
def objects():
    """What all builds share, so that only config.h is compiled, for a user who may write there."""
    place = Path(tempfile.mkdtemp(prefix="qtoa-e2e-"))
    subprocess.run(["cp", "-a", *(str(p) for p in program.SHARED.iterdir()
                                  if p.name not in ("e2e", "lint", "distcheck")), str(place)], check=True)
    give(place)
    yield place
    shutil.rmtree(place)


class Guide:
    """The guide, and the home of the user who runs it."""

    def __init__(self, home, objects):
        self.home = home
        self.dir = home.dir / "operator"
        self.dir.mkdir()
        give(self.dir)
        self.objects = objects
        self.config = self.dir / "qtoa/config.h"
        self.port = random.randrange(20000, 32000)

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "LC_", "LANG"))}
        return {**env, **program.MAKE_VARIABLES, "SAN": SAN, "B": str(self.objects), "HOME": str(self.dir),
                "TMPDIR": str(self.dir), **{k: v for k, v in self.home.env.items() if "SAN" in k},
                **more}

    def answers(self, account, **more):
        """A file of answers, with what both consoles show."""
        values = {"path": account.path, "host": "wechat.example.com", "appid": account.appid,
                  "token": account.token, "mode": account.mode, "aes_key": account.key,
                  "qt_url": self.home.env["QTOA_QT_URL"], "app_key": account.app_key,
                  "service_id": account.service_id, "service_secret": account.service_secret,
                  "server": "lighttpd", "port": self.port, **more}
        return self.write("\n".join(f"{k} = {v}" for k, v in values.items() if v is not None))

    def write(self, text):
        file = self.dir / "answers"
        file.write_text(text)
        return str(file)

    def command(self, *args):
        return [str(TOP / "setup"), "account", *args]

    def run(self, *args, expect=0, root=False, **env):
        before = ["fakeroot"] if root else []
        if root and SAN:
            env["ASAN_OPTIONS"] = self.home.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
        done = subprocess.run([*before, *self.command(*args)], env=self.env(**env), capture_output=True,
                              text=True, timeout=300, stdin=subprocess.DEVNULL, cwd="/", **user())
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self):
        return {str(p.relative_to(self.dir)) for p in self.dir.rglob("*")}

    def field(self, path, name):
        done = subprocess.run(["awk", "-v", "cmd=get", "-v", f"path={path}", "-v", f"field={name}", "-f",
                               str(TOP / "packaging/account.awk")], stdin=self.config.open(),
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def value(self, path, name):
        """What the program will read there."""
        text = self.field(path, name)
        return Path(text[1:]).read_text().rstrip("\n") if text.startswith("@") else text


class Terminal(Screen):
    """The guide on a terminal, and somebody who types."""

    def __init__(self, guide, *args, **env):
        super().__init__()
        self.seen = 0
        self.master, slave = pty.openpty()
        self.proc = subprocess.Popen(guide.command(*args), env=guide.env(TERM="dumb", **env), cwd="/",
                                     stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                     **user())
        os.close(slave)

    def expect(self, text, timeout=PATIENCE_S):
        """Waits for what was not there before."""
        end = time.monotonic() + timeout
        while text not in self.text[self.seen:]:
            ended = self.proc.poll() is not None
            assert self.read() or not ended and time.monotonic() < end, (text, self.text[self.seen:])
        self.seen = self.text.index(text, self.seen) + len(text)

    def answer(self, question, *lines):
        """Each answer but the last is wrong."""
        self.expect(question)
        for line, message in lines[:-1]:
            os.write(self.master, f"{line}\n".encode())
            self.expect(message)
            self.expect(question)
        os.write(self.master, f"{lines[-1]}\n".encode())

    def end(self, expect=0):
        end = time.monotonic() + PATIENCE_S
        while self.proc.poll() is None:
            assert time.monotonic() < end, self.text
            self.read()
        while self.read():
            pass
        os.close(self.master)
        assert self.proc.returncode == expect, self.text
        return self.text[self.seen:].replace("\r\n", "\n")


@pytest.fixture
def qt():
    """A QT that `qtoa check` asks for a sign of life, which is not a message."""
    server = qt_side.QT(wechat.ACCOUNTS)
    yield server
    server.stop()


def messages(qt, n):
    """QT has so many, and no other."""
    program.until(lambda: sum(r.confirmed for r in qt.received) >= n, f"{n} messages")
    assert sum(r.confirmed for r in qt.received) == n


@pytest.fixture
def guide(qt, objects):
    home = program.Home(qt.url)
    yield Guide(home, objects)
    home.remove()


class Lighttpd:
    """The web server, started as the guide says."""

    def __init__(self, guide, words):
        command = re.search(r"(lighttpd -D -f \S+)", words).group(1).split()
        self.port, self.dir = guide.port, guide.dir
        self.env = guide.env(PATH="/usr/bin:/bin:/usr/sbin")
        self.proc = subprocess.Popen(command, env=self.env, cwd="/", stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user())
        program.until(self._is_up, "lighttpd answers")

    def _is_up(self):
        assert self.proc.poll() is None, "lighttpd ended"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def send(self, account, push):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            conn.request(push.method, f"/qtoa/{account.path}?{push.query}", push.body)
            answer = conn.getresponse()
            return answer.status, answer.read()
        finally:
            conn.close()

    def stop(self):
        self.proc.terminate()
        self.proc.wait(PATIENCE_S)
        program.until(lambda: not program.processes_of(self.dir), "the program is gone")


def play(web, account, words):
    """WeChat saves the URL, and sends a first message; words() waits for what the guide says."""
    assert web.send(account, wechat.handshake(account, "5837390273648210")) == (200, b"5837390273648210")
    words("WeChat has called")
    assert web.send(account, wechat.push(account)) == (200, b"success")
    words("The first event has come, and QT has it")


def test_from_nothing_to_the_first_event(guide, qt):
    """A script's account, then one that somebody types in Chinese, wrong at first."""
    one, two = wechat.SAFE, wechat.PLAIN
    screen = Terminal(guide, "--answers", guide.answers(one, token=None, aes_key=None))
    screen.expect("URL: http://wechat.example.com/qtoa/safe\r\n")
    screen.expect("Then press")
    token, key = guide.value("safe", "token"), guide.value("safe", "aes_key")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", token) and re.fullmatch(r"[A-Za-z0-9]{43}", key)
    assert f"Token: {token}\r\n" in screen.text and f"EncodingAESKey: {key}\r\n" in screen.text
    assert wechat.raw_key(key)
    mine = wechat.replace(one, token=token, key=key)
    with contextlib.ExitStack() as stack:
        web = Lighttpd(guide, screen.text)
        stack.callback(web.stop)
        assert web.send(mine, wechat.handshake(mine, token="other"))[0] == 403
        screen.expect("A call was refused: signature mismatch")
        play(web, mine, screen.expect)
        screen.end()
    messages(qt, 1)
    secrets = sorted(guide.config.parent.glob("safe.*"))
    assert [p.name for p in secrets] == ["safe.aes_key", "safe.service_secret", "safe.token"]
    assert {p.stat().st_mode & 0o777 for p in (*secrets, guide.config)} == {0o600}
    assert not any(v in guide.config.read_text() for v in (token, key, one.service_secret))

    before = guide.config.read_text()
    screen = Terminal(guide, "--wait", "60", LANG="zh_CN.UTF-8")
    screen.answer("配置文件 [", ("config.h", "config.h 不是绝对路径"), "")
    screen.expect("中已有账号：safe")
    screen.answer("账号简称", ("no/th", "/ 不能用在这里"), ("-", "- 在 qtoa 中另有含义"), two.path)
    screen.answer("微信访问的域名", ("", "必须填写"), ("wechat.example.com:8080", "只接受 80 和 443"),
                  ("weixin", "weixin 不是域名"), "https://WeChat.example.com/qtoa")
    screen.expect("微信后台")
    screen.answer("AppID", ("gh_0123456789ab", "原始 ID"), ("ｗx", "ｗ 是全角字符：请关闭中文输入法，改为 w"),
                  (two.appid[:-1], "共 17 个字符，应为 18 个"), ("wx0123456789abcdeg", "只有 0 至 9 和 a 至 f"),
                  f" \u3000{two.appid}\u3000")
    screen.answer("加解密方式", ("safer", "请填 1"), "明文模式")
    screen.answer("Token", ("to-ken", "- 不是字母或数字"), ("ab", "共 2 个字符"), two.token)
    screen.answer("QT 的主域名", ("ftp://qt.example.com", "必须以 https://"),
                  ("http://qt.example.com:0/", "0 不是端口"), guide.home.env["QTOA_QT_URL"])
    screen.answer("appkey", two.app_key)
    screen.answer("ServiceID", (f"{two.service_id[:3]} {two.service_id[3:]}", "中间有空格"), two.service_id)
    screen.answer("ServiceSecret", two.service_secret)
    screen.answer("AppSecret", ("0123", "共 4 个字符，应为 32 个"), "")
    screen.answer("Web 服务器", ("iis", "请填 nginx"), "none")
    screen.answer("开始编译？", ("quoi", "请填 y 或 n"), "是")
    screen.expect("URL（服务器地址）: https://wechat.example.com/qtoa/plain\r\n")
    screen.expect("正在等待微信的首次请求")
    # dash loses a signal that comes while it starts a program.
    end = time.monotonic() + PATIENCE_S
    while "等待已结束" not in screen.text[screen.seen:]:
        assert time.monotonic() < end, screen.text[screen.seen:]
        os.write(screen.master, b"\3")
        for _ in range(10):
            screen.read()
    assert "等待已结束" in screen.end()
    after = guide.config.read_text()
    assert [guide.field(two.path, f) for f in ("appid", "mode", "app_key")] == [
        two.appid, "PLAIN", two.app_key]
    # What was there is as it was, and there is a copy.
    assert after.replace(re.search(r'\t\{\n\t\t\.path\t\t= "plain".*?\n\t\},\n', after, re.S)[0], "") == before
    assert (guide.config.parent / "config.h.bak-1").read_text() == before
    assert guide.value("safe", "token") == token
    with contextlib.ExitStack() as stack:
        web = Lighttpd(guide, f"lighttpd -D -f {guide.dir}/qtoa/lighttpd.conf")
        stack.callback(web.stop)
        for account in (mine, two):
            assert web.send(account, wechat.push(account)) == (200, b"success")
    messages(qt, 3)


def test_an_account_is_changed_only_if_that_is_wanted(guide):
    row = program.account_row(wechat.SAFE, qt_url=guide.home.env["QTOA_QT_URL"])
    guide.config.parent.mkdir()
    guide.config.write_text(program.config_text({"state_dir": f"{guide.dir}/state", "log": "stderr"}, [row]))
    give(guide.config.parent)
    kept = {p: p.read_text() for p in guide.config.parent.iterdir()}
    change = guide.write("path=safe\nhost=wechat.example.com\ntoken=anotherToken\nserver=none\n")
    out = guide.run("--answers", change, "--no-wait", expect=1)
    assert "has the account safe already; to change it, add --yes" in out
    assert all(p.read_text() == text for p, text in kept.items())
    # What the file of answers does not name stays.
    guide.run("--answers", change, "--no-wait", "--yes")
    assert guide.value("safe", "token") == "anotherToken"
    for field in ("aes_key", "service_secret", "service_id", "appid", "qt_url"):
        account = wechat.SAFE
        want = {"aes_key": account.key, "qt_url": guide.home.env["QTOA_QT_URL"]}.get(
            field) or getattr(account, field)
        assert guide.value("safe", field) == want
    assert (guide.config.parent / "config.h.bak-1").exists()


# Lines of a file of answers, the line that is reported, and what is said of it.
FAULTS = [
    ("path=a/b", "path: / cannot be in a URL"),
    ("host=weixin", "host: weixin is not the name of a host"),
    ("appid=gh_0123456789ab", "appid: gh_... is the original ID"),
    ("mode=safest", "mode: write 1"),
    ("token=\u201cabc\u201d", 'token: \u201c is a full-width character: write "'),
    ("aes_key=" + "a" * 43 + "=", "aes_key: without the = at the end"),
    ("qt_url=http://a_b/", "qt_url: a_b is not the name of a host"),
    ("app_key=\u5bc6\u94a5", "app_key: \u5bc6 does not belong there"),
    ("service_id=x\x1b[2Jy", "service_id: there is a character that cannot be seen"),
    ("service_secret=a\u3000b", "service_secret: there is a blank within it"),
    ("secret=abc", "secret: it has 3 characters and must have 32"),
    ("server=iis", "server: write nginx"),
    ("state_dir=state", "state_dir: state is not a whole path"),
    ("certificate=/nothere.pem", "certificate: there is no file /nothere.pem"),
    ("port=80", "port: 80 is not a port"),
    ("reload=perhaps", "reload: write y or n"),
    ("appID=x", "this is not NAME=VALUE"),
    ("hots=wechat.example.com", "there is no name hots; the names: config path"),
    ("path=b", "path is given twice"),
    ("hello", "this is not NAME=VALUE: hello"),
]


def test_all_mistakes_in_a_file_are_said_at_once(guide):
    lines = [line for line, _ in FAULTS]
    out = guide.run("--answers", guide.write("\ufeff# answers\r\n\r\n" + "\r\n".join(lines)), expect=1)
    said = out.splitlines()
    for number, (line, message) in enumerate(FAULTS, 3):
        assert f"{guide.dir}/answers:{number}: {message}" in said[number - 3], line
    assert said[-1] == f"setup: {guide.dir}/answers: {len(FAULTS)} to correct; nothing was changed."
    assert "\x1b" not in out and guide.files() == {"answers"}


def test_what_has_no_default_is_missed(guide):
    out = guide.run("--answers", guide.write("# nothing\n"), "--no-wait", expect=1)
    assert re.findall(r"answers: (\w+) is missing: this is needed", out) == list(NEEDED)
    assert guide.files() == {"answers"}
    assert "there is no file /nothere" in guide.run("--answers", "/nothere", expect=1)
    for wrong in (["--wait"], ["--wait", "soon"], ["--answer", "x"], ["x"]):
        assert "./setup account" in guide.run(*wrong, expect=2)


def test_where_it_cannot_write(guide):
    account = wechat.SAFE
    (guide.dir / "shut").mkdir(mode=0o500)
    give(guide.dir / "shut")
    for config in (guide.dir / "shut/config.h", guide.dir / "shut/in/config.h"):
        out = guide.run("--answers", guide.answers(account, config=config), "--no-wait", expect=1)
        assert f"cannot write {config}; give another file" in out
    guide.config.parent.mkdir()
    guide.config.write_text(program.config_text({"state_dir": "/srv/there"}, []))
    out = guide.run("--answers", guide.answers(account, state_dir="/srv/else"), "--no-wait", expect=1)
    assert f"state_dir: {guide.config} has /srv/there: change it there" in out


def test_a_configuration_that_cannot_be_read_stays(guide):
    guide.config.parent.mkdir()
    guide.config.write_text("int accounts;\n")
    give(guide.config.parent)
    out = guide.run("--answers", guide.answers(wechat.SAFE), "--no-wait", expect=1)
    assert "has no accounts[] that can be read" in out
    assert guide.config.read_text() == "int accounts;\n"


def test_a_site_where_one_can_only_put_files(guide, qt):
    """The program runs there as CGI, as the host would run it.  In a config.h that is there all stays
    that is not the account, the comments too."""
    site = guide.dir / "public_html"
    site.mkdir()
    (site / ".htaccess").write_text("Options -Indexes\n")
    guide.config.parent.mkdir()
    text = (TOP / "config.h").read_text().replace('"/var/lib/qtoa"', f'"{guide.dir}/state"')
    guide.config.write_text(text)
    for path in (site, guide.config.parent):
        give(path)
    account = wechat.SAFE
    out = guide.run("--answers", guide.answers(account, server=None, port=None), "--no-wait")
    after = guide.config.read_text()
    row = re.search(r'\t\{\n\t\t\.path\t\t= "safe".*?\n\t\},\n', after, re.S)[0]
    assert after.replace(row, "") == text
    assert f"URL: https://wechat.example.com/qtoa.cgi/{account.path}\n" in out
    assert (site / ".htaccess").read_text() == "Options -Indexes\n" + \
        (TOP / "examples/htaccess-example").read_text()
    assert (site / "qtoa.cgi").stat().st_mode & 0o777 == 0o755
    push = wechat.push(account)
    params = fcgi.push_params(push, f"/qtoa.cgi/{account.path}")
    env = {k: v for k, v in guide.home.env.items() if "SAN" in k}
    done = subprocess.run([site / "qtoa.cgi"], env={**env, **params}, input=push.body,
                          capture_output=True, timeout=PATIENCE_S, cwd="/", **user())
    assert fcgi.parse(done.stdout).body == b"success", done
    messages(qt, 1)


def test_root_gives_the_secrets_to_the_group_and_writes_for_a_web_server(guide):
    where = {"config": guide.dir / "etc/qtoa/config.h", "prefix": guide.dir / "usr",
             "state_dir": guide.dir / "state", "user": "nobody", "server": "nginx",
             "server_conf": guide.dir / "site.conf", "port": None}
    look = 'cd "$0" && stat -c "%a %U:%G %n" etc/qtoa etc/qtoa/* state usr/bin/qtoa'
    file = guide.answers(wechat.SAFE, **where)
    done = subprocess.run(
        ["fakeroot", "sh", "-c", f'"$@" >&2 && {look}', str(guide.dir),
         *guide.command("--answers", file, "--no-wait")], cwd="/", capture_output=True, text=True,
        timeout=300, stdin=subprocess.DEVNULL, **user(), env=guide.env(
            **({"ASAN_OPTIONS": guide.home.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
               if SAN else {})))
    assert done.stdout.splitlines() == [
        "711 root:root etc/qtoa", "600 root:nogroup etc/qtoa/config.h",
        "640 root:nogroup etc/qtoa/safe.aes_key", "640 root:nogroup etc/qtoa/safe.service_secret",
        "640 root:nogroup etc/qtoa/safe.token", "700 nobody:nogroup state",
        "750 root:nogroup usr/bin/qtoa"], done.stdout + done.stderr
    site = (guide.dir / "site.conf").read_text()
    assert "server_name\twechat.example.com" in site and "wechat.example.com/fullchain.pem" in site


def test_each_answer_is_documented():
    keys = re.search(r"^keys='(.*?)'", (TOP / "packaging/account.sh").read_text(), re.S | re.M).group(1).split()
    section = re.search(r"## setup account\n(.*?)\n## ", (TOP / "doc/install.md").read_text(), re.S).group(1)
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.M)
    documented = {k for cell in cells for k in re.findall(r"`(\w+)`", cell)}
    assert documented == set(keys)


def test_its_texts_are_there_in_both_languages():
    """Each key once, with an English and a Chinese line that take the same values; and each that the
    scripts use is there."""
    text = (TOP / "packaging/account.text").read_text()
    rows = re.findall(r"^([a-z][\w.-]*)\n((?:\t.*\n)+)", text, re.M)
    keys = [key for key, _ in rows]
    assert len(keys) == len(set(keys))
    for key, lines in rows:
        english, chinese = lines.splitlines()
        assert re.findall(r"%.", english) == re.findall(r"%.", chinese), key
    script = "".join(p.read_text() for p in (*TOP.glob("packaging/account*.sh"), TOP / "setup"))
    used = set(re.findall(r"(?m)(?:\$\(|^\s*|\|\| |; )text ([a-z][\w.-]*)", script))
    used |= {f"wrong.{k}" for k in re.findall(r"\bbad ([a-z_.]+)", script)}
    used |= {f"label.{k}" for k in re.findall(r"\bsay ([a-z]+) ", script)}
    used |= {f"answers.{k}" for k in re.findall(r"\bfault \S+ ([a-z-]+) ", script)}
    used |= set(re.findall(r"\bconsent ([a-z.]+)", script))
    made = {k for k in keys if k.endswith((".ask", ".hint")) or k.startswith("mode.")}
    assert used <= set(keys), used - set(keys)
    assert set(keys) <= used | made, set(keys) - used
