"""`qtoa check`: whatever may be wrong with a host it finds, and says what to do; it changes
nothing."""

import calendar
import contextlib
import email.utils
import errno
import fcntl
import json
import os
import pty
import pwd
import re
import resource
import shutil
import sqlite3
import ssl
import struct
import subprocess
import sys
import termios
import time
import unicodedata

import pytest
from cryptography import x509

import program
import qt as qt_side
import wechat
import wxnet
from test_cli import references, values  # noqa: F401
from test_token import authority, issuer, wx  # noqa: F401
from wechat import ACCOUNTS, SAFE

sys.path.append(str(program.TOP / "tests/torture"))
import faults  # noqa: E402

LINE = re.compile(r"^(ok|warning|failed) +(.+?): (.*)$")
# Root is to become somebody else, who may not do everything.
WHO = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
ME = dict(user=WHO.pw_uid, group=WHO.pw_gid, extra_groups=[]) if os.geteuid() == 0 else {}
KEYS = [v for a in ACCOUNTS
        for v in (a.token, a.old_token, a.key, a.old_key, a.service_secret) if v]


class Found:
    """What a check has said, and how it has ended."""

    def __init__(self, done, logged=False):
        self.code = done.returncode
        self.out = done.stdout.decode()
        assert bool(done.stderr) == logged, done.stderr
        assert not [k for k in KEYS if k in self.out], self.out
        *lines, self.sum = self.out.splitlines()
        self.lines = [LINE.match(line).groups() for line in lines]
        n = {s: sum(state == s for state, *_ in self.lines) for s in ("failed", "warning")}
        assert self.sum == "{failed} failed, {warning} warning".format(**n) + "s" * (
            n["warning"] != 1)
        assert self.code == (1 if n["failed"] else 0), self.out

    def of(self, state):
        return [(subject, text) for s, subject, text in self.lines if s == state]

    def one(self, state, subject, *words):
        """There is one such line, with a remedy if one is needed, and the words are in it."""
        lines = [text for s, text in self.of(state) if s == subject and words[0] in text]
        assert len(lines) == 1 and all(w in lines[0] for w in words), self.out
        assert state == "ok" or "; " in lines[0], self.out

    def only(self, state, subject, *words):
        """And nothing else is in that state."""
        self.one(state, subject, *words)
        assert len(self.of(state)) == 1, self.out


class Host:
    """A program of its user's own, and what it needs."""

    def __init__(self, url):
        self.home = program.Home(url, owner=(WHO.pw_uid, WHO.pw_gid))
        self.bin = self.home.subdir("bin")
        self.file = self.bin / "qtoa"
        self.install("main")

    def install(self, variant):
        shutil.copy(program.binary(variant), self.file)
        self.file.chmod(0o750)
        self.home.give(self.file)

    def run(self, *args, env=None, limits=None, who={}):
        env = {**self.home.env, **(env or {})}
        return subprocess.run([self.file, "check", *args], capture_output=True, env=env,
                              timeout=60, preexec_fn=limits, **who)

    def check(self, *args, logged=False, **how):
        return Found(self.run(*args, **how), logged)

    def make_store(self):
        """As the program does, with a message that waits."""
        closed = {"QTOA_QT_URL": "http://127.0.0.1:1/"}
        push = wechat.push(SAFE)
        params = program.fcgi.push_params(push, f"/qtoa/{SAFE.path}")
        subprocess.run([self.file], input=push.body, capture_output=True, check=True, **ME,
                       env={**self.home.env, **closed, **params})
        assert [r["state"] for r in self.home.rows()] == ["pending"]
        return self.home.state / "qtoa.db"

    def change(self, sql):
        with sqlite3.connect(self.home.state / "qtoa.db", timeout=60, isolation_level=None) as db:
            db.execute("PRAGMA journal_mode = TRUNCATE")
            db.execute(sql)
        db.close()
        for file in self.home.state.iterdir():
            self.home.give(file)


@pytest.fixture(scope="module")
def server():
    """A QT that is only asked how it is."""
    server = qt_side.QT(ACCOUNTS)
    yield server
    server.stop()


@pytest.fixture
def host(server):
    server.reset()
    host = Host(server.url)
    yield host
    assert not list(host.home.state.glob("qtoa.check-*"))
    host.home.remove()


@pytest.fixture
def authorities(host):
    """Ours, and one that nobody trusts, where the program's user may read them."""
    place = host.home.subdir("ca")
    two = [qt_side.Authority(place, name) for name in ("good", "evil")]
    for two_of in two:
        host.home.give(two_of.file)
    host.home.env["E2E_CA_FILE"] = str(two[0].file)
    return two


def origin(server):
    return server.url.removesuffix(qt_side.PATH)


# All is well.

def test_all_is_well(host, server):
    found = host.check()
    assert found.lines[0][1] == "user" and WHO.pw_name in found.lines[0][2]
    assert not found.of("failed"), found.out
    assert {text.split(";")[0] for _, text in found.of("warning")} == {
        "in plain mode WeChat does not sign the body", "still accepts the old Token",
        "still accepts the old Token and the old key",
        "app_key is empty: QT's document requires it"}
    found.one("warning", "keyless", "app_key is empty")
    found.one("warning", "rotated", "remove .token_old and .aes_key_old")
    for account in ACCOUNTS:
        found.one("ok", account.path, f".../{account.path}, {account.mode.lower()} mode")
    everybody = f"{', '.join(a.path for a in ACCOUNTS[:3])} and {len(ACCOUNTS) - 3} more"
    found.one("ok", everybody, f"{origin(server)}: connected to 127.0.0.1 in ")
    found.one("ok", everybody, f"{server.url} answers Httpapi_300_103 in ")
    found.one("ok", "program", f"{host.file}, owner {WHO.pw_name}, mode 0750")
    found.one("ok", "settings.state_dir", str(host.home.state))
    found.one("ok", "settings.log", str(host.home.log.path))
    found.one("ok", "disk", "64 KiB are written and synced in ")
    found.one("ok", "disk", " are free at ")
    found.one("ok", "store", "does not exist yet")
    assert [r.body for r in server.received] == [b"{}"]
    assert os.listdir(host.home.state) == []


def test_a_store_that_is_well(host):
    host.make_store()
    found = host.check("--offline")
    assert not found.of("failed"), found.out
    found.one("ok", "store", "committed and synced in ")
    found.one("ok", "queue", "1 message waits for QT")
    assert {os.stat(f).st_uid for f in host.home.state.iterdir()} == {WHO.pw_uid}


def test_offline(host, server):
    before = server.connections
    found = host.check("--offline")
    assert not found.of("failed") and "answers" not in found.out and "connected" not in found.out
    assert server.received == [] and server.connections == before
    for args in ((), ("--online",), ("--offline", "--online")):
        assert " answers Httpapi_300_103" in host.check(*args).out


@pytest.mark.parametrize("args", (("more",), ("--nothing",), ("--offline", "more"),
                                  ("--json", "--online", "--no")), ids=" ".join)
def test_usage(host, args):
    done = host.run(*args)
    assert (done.returncode, done.stdout) == (2, b"") and b"usage: qtoa check" in done.stderr


def without_numbers(text):
    return re.sub(r"\d+", "N", text)


@pytest.mark.parametrize("env", ({}, {"QTOA_QT_URL": "ftp://x/", "E2E_CA_FILE": '/mis"sing'},
                                 {"E2E_LOG": "/missing/\n\x1b[1mlog"}),
                         ids=("well", "failed", "hostile"))
def test_json(host, env):
    """It says the same as the lines."""
    host.home.state.chmod(0o755)
    found, done = host.check(env=env), host.run("--json", env=env)
    document = json.loads(done.stdout)
    assert list(document) == ["checks", "failed", "warnings"] and done.returncode == found.code
    assert [(c["state"], c["subject"], without_numbers(c["text"] + (c["remedy"] and "; ")
                                                       + c["remedy"]))
            for c in document["checks"]] == [
        (state, subject, without_numbers(text)) for state, subject, text in found.lines]
    for state, number in (("failed", "failed"), ("warning", "warnings")):
        assert document[number] == len(found.of(state))
    for check in document["checks"]:
        assert list(check) == ["state", "subject", "text", "remedy"]
        assert bool(check["remedy"]) == (check["state"] != "ok"), check


# On a terminal.

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SIZES = (  # columns of the terminal, COLUMNS, columns that are used, blanks before a line
    (40, None, 40, 9), (80, None, 80, 9), (200, None, 200, 9), (0, None, 80, 9),
    (80, "50", 50, 9), (80, "0", 80, 9), (80, "wide", 80, 9), (30, None, 30, 2), (9, None, 9, 2))


def columns_of(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def at_terminal(host, columns, env):
    """What a check of its user prints to a terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([host.file, "check", "--offline"], stdout=follower,
                          env={**host.home.env, "TERM": "xterm", **env}) as check:
        os.close(follower)
        out = b""
        with contextlib.suppress(OSError):      # EIO: its other end is closed
            while more := os.read(leader, 65536):
                out += more
    os.close(leader)
    return out.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns, said, width, indent", SIZES)
def test_a_terminal_of_any_width(host, columns, said, width, indent):
    host.home.state.chmod(0o755)
    plain = host.run("--offline", env={"COLUMNS": "30"}).stdout.decode()
    shown = at_terminal(host, columns, {"COLUMNS": said} if said else {})
    lines = COLOUR.sub("", shown).splitlines()
    *lines, total = lines
    assert max(map(columns_of, lines)) <= max(width, 9), shown
    results = []
    for line in lines:
        if line.startswith(" "):
            assert line.startswith(" " * indent) and line[indent] != " ", line
            results[-1] += line
        else:
            results.append(line)
    # What is left of both, without blanks, is the same: a word may be cut at a line's end.
    assert [without_numbers(re.sub(" ", "", r)) for r in [*results, total]] == [
        without_numbers(re.sub(" ", "", r)) for r in plain.splitlines()]
    if width == 200:
        assert len(lines) < len(plain) / 60


@pytest.mark.parametrize("env, colours", (
    ({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False),
    ({"TERM": ""}, False)), ids=str)
def test_colours(host, env, colours):
    host.home.state.chmod(0o755)
    shown = at_terminal(host, 80, env)
    words = set(re.findall(r"^(.*?\S) +\S", shown, re.M))
    if colours:
        assert "\x1b[32mok\x1b[0m" in words and "\x1b[33mwarning\x1b[0m" in words, shown
        assert all(COLOUR.match(line) for line in shown.splitlines()[:-1] if line[0] != " ")
    else:
        assert "\x1b" not in shown and "ok" in words, shown
    assert b"\x1b" not in host.run("--offline", env=env).stdout


# The configuration.

def test_all_that_is_wrong_with_it(host):
    found = host.check(env={"QTOA_QT_URL": "ftp://x/", "E2E_CA_FILE": "/missing"})
    assert sum(".qt_url" in text for _, text in found.of("failed")) == len(ACCOUNTS)
    found.one("failed", "settings.ca_file", "/missing: No such file", "leave ca_file out")
    assert all(": must begin with https://" in t for s, t in found.of("failed")
               if s == "configuration")


def test_what_only_root_may_read_is_not_read(host, values):  # noqa: F811
    """The program would not come to it either."""
    where, env = values
    host.install("references")
    host.home.env.update(env)
    (where / "token").chmod(0)
    try:
        found = host.check("--offline")
        found.one("failed", "configuration", ".token", "Permission denied")
    finally:
        (where / "token").chmod(0o600)


def test_what_roots_group_may_read(host):
    """Who has become another user is in none of root's groups."""
    file = host.home.dir / "ca.pem"
    file.touch()
    file.chmod(0o040)
    found = host.check("--offline", env={"E2E_CA_FILE": str(file)},
                       limits=lambda: os.geteuid() or os.setgroups([0]))
    found.only("failed", "settings.ca_file", f"{file}: Permission denied", "make it readable")


def test_what_its_group_may_read(host):
    """Whatever the group of the state directory is."""
    file = host.home.dir / "ca.pem"
    file.touch()
    file.chmod(0o640)
    os.chown(file, -1, WHO.pw_gid)
    os.chown(host.home.state, -1, os.getegid())
    found = host.check("--offline", env={"E2E_CA_FILE": str(file)})
    found.one("ok", "settings.ca_file", str(file))


def test_ca_file_is_a_directory(host):
    """It needs names that are hashes, as `openssl rehash` makes them, and must be open to its user."""
    place = host.home.dir / "authorities"
    place.mkdir(mode=0o755)

    def check():
        return host.check("--offline", env={"E2E_CA_FILE": str(place)})

    (place / "123456789.0").touch()
    check().one("failed", "settings.ca_file", f"{place} has no certificates", f"openssl rehash {place}")
    (place / "1a2b3c4d.0").symlink_to("123456789.0")
    check().one("ok", "settings.ca_file", str(place))
    place.chmod(0)
    found = check()
    place.chmod(0o755)  # or it cannot be removed
    found.one("failed", "settings.ca_file", "Permission denied", "make it readable")


def test_files_that_others_may_read(home, references, values):  # noqa: F811
    host_env = {**home.env, **values[1]}

    def check():
        return Found(subprocess.run([program.binary("references"), "check", "--offline"],
                                    env=host_env, capture_output=True))
    for name, mode in (("token", 0o644), ("aes_key", 0o640), ("service_id", 0o644),
                       ("service_secret", 0o646)):
        (references / name).chmod(mode)
    try:
        found = check()
        found.one("warning", "by-name", "token: everybody may read",
                  f"chmod o-r {references}/token")
        found.one("ok", "by-name", f"aes_key: from {references}/aes_key, mode 0640")
        found.one("ok", "by-name", "service_id: from ")
        found.one("failed", "by-name", "service_secret: everybody may write to",
                  f"chmod o-rw {references}/service_secret")
        assert "the keys of config.h are in it" not in found.out
    finally:
        for file in references.iterdir():
            file.chmod(0o600)
    assert check().code == 0


# Files and directories.

def make_public(host):
    path = host.home.subdir("public_html") / "state"
    path.mkdir(mode=0o700)
    host.home.give(path)
    return path


def guard(host):
    (host.home.dir / ".htaccess").write_text("Require all denied\n")
    return host.home.state


def chmod(mode):
    def change(host):
        host.home.state.chmod(mode)
        return host.home.state
    return change


STATES = {
    "open": (chmod(0o750), "warning", "is open to others, mode 0750", "chmod 0700 "),
    "closed": (chmod(0o500), "failed", f"{WHO.pw_name} may not write to it",
               "chmod 0700 "),
    "not there": (lambda host: host.home.dir / "none/state", "failed", "No such file or directory",
                  "mkdir -m 0700 "),
    "a file": (lambda host: host.file, "failed", "is not a directory", "set it to a directory"),
    "served": (make_public, "warning", "visitors of the web site may be able to fetch it: there is "
               "{dir}/public_html", "give a directory outside"),
    "guarded": (guard, "warning", "there is {dir}/.htaccess", "give a directory outside"),
}


@pytest.mark.parametrize("prepare, state, text, remedy", STATES.values(), ids=STATES)
def test_state_dir(host, prepare, state, text, remedy):
    path = prepare(host)
    found = host.check("--offline", env={"QTOA_STATE_DIR": str(path)})
    found.one(state, "settings.state_dir", text.format(dir=host.home.dir), remedy)


def test_state_dir_of_somebody_else(host):
    """Whoever runs it, the host's top is not his."""
    found = host.check("--offline", env={"QTOA_STATE_DIR": "/"}, who=ME)
    found.one("failed", "settings.state_dir", f"/ belongs to root, and this is {WHO.pw_name}",
              f"chown {WHO.pw_name} /", "run qtoa check as root")
    assert not [line for line in found.lines if line[1] in ("disk", "store")]


PROGRAMS = {
    "group-writable": (0o770, 0o755, "warning", "qtoa is writable by its group", "chmod g-w"),
    "world-writable": (0o752, 0o755, "failed", "qtoa is writable by everybody", "chmod go-w"),
    "world-readable": (0o755, 0o755, "warning", "the keys of config.h are in it", "chmod o-r"),
    "setuid": (0o4750, 0o755, "failed", "is setuid or setgid", "chmod ug-s"),
    "directory group-writable": (0o750, 0o775, "warning", "bin is writable by its group",
                                 "chmod g-w"),
    "directory world-writable": (0o750, 0o777, "failed", "bin is writable by everybody",
                                 "chmod go-w"),
}


@pytest.mark.parametrize("mode, dir_mode, state, text, remedy", PROGRAMS.values(), ids=PROGRAMS)
def test_program(host, mode, dir_mode, state, text, remedy):
    host.file.chmod(mode)
    host.bin.chmod(dir_mode)
    found = host.check("--offline", who=ME)
    found.one(state, "program", text, remedy)
    assert sum(subject == "program" for _, subject, _ in found.lines) == 1, found.out


def test_a_log_that_cannot_be_written(host):
    found = host.check("--offline", env={"E2E_LOG": "/nothing/here/log"})
    found.only("failed", "settings.log", "/nothing/here/log: No such file", "make it, or its dir")


@pytest.mark.parametrize("target", ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/0", "stdout"))
def test_a_log_where_the_answer_goes(host, target):
    found = host.check("--offline", env={"E2E_LOG": target})
    found.only("failed", "settings.log", f"{target} leads to the request or its answer",
               'set "stderr", "syslog" or a file')


# The disk and the store.

def test_no_space(host):
    disk = faults.Faults(host.home)
    disk.path.chmod(0o666)
    disk.fail(errno.ENOSPC)
    found = host.check("--offline", env=disk.env)
    found.only("failed", "disk", "cannot be written to", "No space left on device", "make room")


def test_no_space_for_a_commit(host):
    host.make_store()
    disk = faults.Faults(host.home)
    disk.path.chmod(0o666)
    disk.fail(errno.ENOSPC, (faults.SYNC,))
    found = host.check("--offline", env=disk.env, logged=True)
    found.one("failed", "disk", "cannot be written to", "make room")
    found.one("failed", "store", "not stored", "the disk (df, quota)")


def test_a_limit(host):
    found = host.check("--offline", limits=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (32768, 32768)))
    found.only("failed", "disk", "cannot be written to", "ulimit -f")


def spoil_head(host, file):
    with file.open("r+b") as f:
        f.write(b"no database")


def spoil_pages(host, file):
    host.change("PRAGMA user_version")      # all of it is in the file
    size = file.stat().st_size
    with file.open("r+b") as f:
        f.seek(1024)
        f.write(bytes(size - 1024))


def spoil_index(host, file):
    """Of which nothing but a look through all of it tells."""
    host.change("PRAGMA user_version")
    (page, size), = host.home.query("SELECT rootpage, (SELECT page_size FROM pragma_page_size) "
                                    "FROM sqlite_schema WHERE name = 'event_day'")
    with file.open("r+b") as f:
        f.seek((page - 1) * size)
        f.write(b"\xff" * size)


def change(sql):
    def spoil(host, file):
        host.change(sql)
    return spoil


def foreign(host, file):
    host.change("DROP TABLE past")
    host.change("PRAGMA application_id = 7")


STORES = {
    "no database": (spoil_head, "failed", "file is not a database", "run: qtoa drain"),
    "damaged": (spoil_pages, "failed", "damaged", "run: qtoa drain"),
    "damaged index": (spoil_index, "failed", "is damaged: ", "run: qtoa drain"),
    "newer": (change("PRAGMA user_version = 1000"), "failed", "is of a newer qtoa, version 1000",
              "install the newer qtoa again"),
    "marked": (change("PRAGMA application_id = 7"), "failed", "is damaged: it does not say",
               "run: qtoa drain"),
    "foreign": (foreign, "failed", "is another program's database", "a directory of its own"),
}


def files(host):
    return {f.name: f.read_bytes() for f in host.home.state.iterdir()
            if not f.name.endswith("-shm")}


@pytest.mark.parametrize("spoil, state, text, remedy", STORES.values(), ids=STORES)
def test_store(host, spoil, state, text, remedy):
    """And it is left as it is."""
    file = host.make_store()
    host.change("PRAGMA user_version")
    spoil(host, file)
    before = files(host)
    host.check("--offline").only(state, "store", text, remedy)
    after = files(host)
    assert {n: c for n, c in after.items() if c} == {n: c for n, c in before.items() if c}


def test_a_damaged_log(host):
    """Something is behind the damage; SQLite does not see it."""
    file = host.make_store()
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        for n in range(20):
            db.execute(f"CREATE TABLE other_{n} (a)")
            db.commit()
        log = file.with_name("qtoa.db-wal")
        was = log.read_bytes()
        file_was = file.read_bytes()
    file.write_bytes(file_was)
    log.write_bytes(was[:len(was) // 2] + b"x" * 2000 + was[len(was) // 2 + 2000:])
    file.with_name("qtoa.db-shm").unlink(missing_ok=True)
    for path in (file, log):
        host.home.give(path)
    host.check("--offline").one("warning", "store", "qtoa.db-wal is damaged", "restart qtoa")


def test_an_older_store(host):
    """It is for the program to change it."""
    file = host.make_store()
    host.change("PRAGMA user_version = 1")
    found = host.check("--offline")
    assert not found.of("failed")
    found.one("ok", "store", "version 1; the next message migrates it to ")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1


ASIDE = {"damaged": "run: qtoa drain", "newer": "install the newer qtoa again",
         "foreign": "move it", "rescued": "remove it"}


@pytest.mark.parametrize("kind", ASIDE)
def test_files_set_aside(host, kind):
    for end in ("", "-wal"):
        path = host.home.state / f"qtoa.db.{kind}-1793334821000{end}"
        path.write_bytes(b"")
        host.home.give(path)
    found = host.check("--offline")
    found.one("warning", "store", f"qtoa.db.{kind}-1793334821000 ", ASIDE[kind])


def test_messages(host):
    host.make_store()
    host.change("UPDATE message SET received = received - 700000")
    found = host.check("--offline")
    found.one("warning", "queue", "1 message waits for QT, the oldest for 11 min", "qtoa queue list")
    host.change("UPDATE message SET state = 'dead'")
    found = host.check("--offline")
    found.one("warning", "queue", "QT has refused 1 message for good", "qtoa queue retry")
    found.one("ok", "queue", "0 messages wait for QT")


# QT.

def dated(seconds):
    def behave(server, conn, r):
        date = email.utils.formatdate(time.time() + seconds, usegmt=True)
        conn.sendall(qt_side.http(200, qt_side.answer_of(103), (f"Date: {date}",)))
        return True
    return behave


@pytest.mark.parametrize("seconds, state, text", (
    (0, "ok", "this host's clock is "), (60, "warning", " s behind QT's; set the clock"),
    (-60, "warning", " s ahead of QT's; set the clock"),
    (3600, "failed", " s behind QT's: pushes and signatures are refused as too old; set the clock")))
def test_clock(host, server, seconds, state, text):
    server.behave = dated(seconds)
    found = host.check()
    found.one(state, found.lines[-1][1], "this host's clock is ", text)


def test_a_date_that_is_none(host, server):
    server.behave = qt_side.answering(200, qt_side.answer_of(103), "Date: yesterday")
    found = host.check()
    assert found.code == 0 and "clock is" not in found.out


@pytest.mark.parametrize("status, body", (
    (200, "<html>"), (404, "<html>"), (302, ""), (500, ""), (200, '{"code":"ok"}'), (200, "{}"),
    (404, '{"code":"Httpapi_300_103"}')))
def test_not_qt(host, server, status, body):
    server.behave = qt_side.answering(status, body)
    found = host.check()
    (subject, text), = found.of("failed")
    assert subject.startswith(ACCOUNTS[0].path) and "/server/thirdPartyDataSource" in text
    assert f"HTTP {status}, and the answer is not QT's" in text


def test_the_connection_ends(host, server):
    server.behave = qt_side.cut(b"HTTP/1.1 200", 5)
    (_, text), = host.check().of("failed")
    assert ": no answer: " in text and "ask those who run QT" in text


@pytest.mark.parametrize("url, text, remedy", (
    ("https://name.invalid/qt", "https://name.invalid: the name has no address: ", "this host's DNS"),
    ("http://127.0.0.1:{port}/qt", ": no connection: ", "whether the server runs"),
), ids=("DNS", "refused"))
def test_nobody_there(host, url, text, remedy):
    closed = qt_side.QT(ACCOUNTS, listen=False)
    try:
        found = host.check(env={"QTOA_QT_URL": url.format(port=closed.port)})
    finally:
        closed.stop()
    (subject, line), = found.of("failed")
    assert subject.startswith(ACCOUNTS[0].path) and text in line and remedy in line


def test_a_name(host, server):
    found = host.check(env={"QTOA_QT_URL": server.url.replace("127.0.0.1", "localhost")})
    everybody = found.lines[-1][1]
    found.one("ok", everybody, f"http://localhost:{server.port}: the name resolves to ", "127.0.0.1")


# Certificates.

CERTIFICATES = {
    "good": (lambda good, evil: good.context(), "ok",
             r"certificate of CN = qt, from CN = good, verified, until 2\d\d\d-\d\d-\d\d, "
             r"(29|30) days more"),
    "without a name": (lambda good, evil: good.context(name=""), "ok",
                       r"certificate of IP Address:127\.0\.0\.1, from CN = good, verified"),
    "nearly over": (lambda good, evil: good.context(days=(-1, 13)), "warning",
                    r"of CN = qt ends on .*, in 1[23] days; ask those who run the server to renew it"),
    "over": (lambda good, evil: good.context(days=(-30, -1)), "failed",
             r"of CN = qt ended on .*; ask those who run the server to renew it"),
    "not yet": (lambda good, evil: good.context(days=(1, 30)), "failed",
                r"of CN = qt begins on .*; check this host's clock"),
    "self-signed": (lambda good, evil: good.context(self_signed=True), "failed",
                    r"is self-signed.*; .*give that certificate as settings\.ca_file"),
    "other authority": (lambda good, evil: evil.context(), "failed",
                        r"is from CN = evil, a CA that .*good\.pem does not have: .*; .*add that CA"),
    "other host": (lambda good, evil: good.context(sans=("qt.example.com",)), "failed",
                   r"is for DNS:qt\.example\.com: .*; check the address"),
}


def end_of_certificate(port):
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return calendar.timegm(x509.load_pem_x509_certificate(pem.encode()).not_valid_after.timetuple())


@pytest.mark.parametrize("context, state, text", CERTIFICATES.values(), ids=CERTIFICATES)
def test_certificate(host, authorities, context, state, text):
    server = qt_side.QT(ACCOUNTS, tls=context(*authorities))
    try:
        found = host.check(env={"QTOA_QT_URL": server.url})
        ends = end_of_certificate(server.port)
    finally:
        server.stop()
    assert found.code == (state == "failed")
    line, = [t for s, t in found.of(state) if "certificate" in t and t.startswith(origin(server))]
    assert re.search(text, line), line
    assert [r.body for r in server.received] == ([] if state == "failed" else [b"{}"])
    # For /-/metrics, trusted or not.
    begin, note = (host.home.state / "qtoa.observed").read_text().splitlines()
    assert (begin, note.split()[:4]) == ("qtoa-observed 1", [
        "certificate", f"127.0.0.1:{server.port}", "0", str(ends)])
    assert abs(int(note.split()[4]) - time.time()) < 600


def test_no_tls(host, server, authorities):
    host.install("tight")
    found = host.check(env={"QTOA_QT_URL": server.url.replace("http:", "https:")})
    (_, text), = found.of("failed")
    assert "there is no TLS" in text and "check the port" in text


def test_a_ca_file_that_is_none(host, authorities):
    server = qt_side.QT(ACCOUNTS, tls=authorities[0].context())
    try:
        found = host.check(env={"QTOA_QT_URL": server.url, "E2E_CA_FILE": "/etc/hostname"})
    finally:
        server.stop()
    (_, text), = found.of("failed")
    assert "/etc/hostname has no CA certificates" in text and "settings.ca_file" in text


# access_tokens: what the store has costs no call.

def test_access_token(home, server, wx, issuer, authority):  # noqa: F811
    secret = "hushAppSecret" + "0" * 19
    env = {**home.env, **wx.env(), "E2E_SECRET": secret, "E2E_KEY": "hushControlKey/+&",
           "E2E_ALLOW": "", "E2E_CA_FILE": str(authority.file), "QTOA_QT_URL": server.url}

    def check(**more):
        found = Found(subprocess.run([program.binary("token"), "check"], capture_output=True,
                                     env={**env, **more}))
        assert secret not in found.out and not wx.secrets_in(found.out)
        return found
    for _ in range(2):
        found = check()
        assert found.code == 0, found.out
        for account in program.ONLY["token"]:
            found.one("ok", account.path, "the access_token is valid for 7")
        assert len(issuer.calls) == len(program.ONLY["token"])
    found = check(E2E_SECRET="hushAppSecret" + "1" * 19)
    for account in program.ONLY["token"]:
        found.one("failed", account.path, "there is no access_token: WeChat: errcode ",
                  f"qtoa token {account.path} --refresh")


# How WeChat sees the host.

ACCOUNTS_OF_TOKEN = [a.path for a in program.ONLY["advise"]]


@pytest.fixture
def asked(home, server, wx, issuer, authority):  # noqa: F811
    """Runs `qtoa check` of accounts that have .secret, whatever WeChat says."""
    secret = "hushAppSecret" + "0" * 19
    env = {**home.env, **wx.env(), "E2E_SECRET": secret, "E2E_CA_FILE": str(authority.file),
           "QTOA_QT_URL": server.url}

    def check(**more):
        begin = time.monotonic()
        found = Found(subprocess.run([program.binary("advise"), "check"], capture_output=True,
                                     env={**env, **more}, timeout=120))
        found.seconds = time.monotonic() - begin
        assert secret not in found.out and not wx.secrets_in(found.out)
        assert found.code == 0, found.out
        return found
    return check


def test_how_wechat_sees_it(asked, wx):  # noqa: F811
    wx.net.dns = ["127.0.0.1"]
    found = asked()
    for path in ACCOUNTS_OF_TOKEN:
        found.one("ok", path, "WeChat sends pushes to 127.0.0.1, an address of this host")
        found.one("ok", path, "localhost resolves here to ", "an address that WeChat sends")
        found.one("ok", path, "WeChat's ping was not answered: many hosts and firewalls drop it")
        found.one("ok", path, "499970 of 500000 calls of /cgi-bin/stable_token are left today")
    found.one("ok", "getcallbackip", "WeChat's pushes come from 3 addresses and networks")
    assert "own certificate" not in found.out       # localhost is not a public name
    found.one("ok", "get_api_domain_ip", "TCP port 443", "2 addresses: 198.51.100.7, 198.51.100.8")
    both = ["callback/check", "openapi/quota/get"]
    assert sorted(wx.net.asked) == sorted([*both, *both, "getcallbackip", "get_api_domain_ip"])
    asked()
    assert wx.net.asked.count("getcallbackip") == 1     # a day has not passed


def test_offline_asks_wechat_nothing(home, wx, asked):  # noqa: F811
    done = subprocess.run([program.binary("advise"), "check", "--offline"], env=home.env,
                          capture_output=True, text=True)
    assert wx.net.asked == [] and "there is no list of WeChat's addresses yet" in done.stdout


VIEWS = {   # what WeChat resolves, what it says of its ping, and words of the line
    "elsewhere": (["203.0.113.5"], ["0%"], "ok", "WeChat sends pushes to 203.0.113.5; this host has "),
    "another name": (["203.0.113.5"], ["0%"], "warning", "but here localhost resolves to "),
    "pinged": (["203.0.113.5", "203.0.113.6"], ["0%", "100%"], "ok",
               "WeChat's ping was answered, 1 of 2"),
    "private": (["10.255.255.1"], ["100%"], "warning", "which the Internet cannot reach"),
    "IPv6": (["2001:db8::7"], [], "ok", "WeChat sends pushes to 2001:db8::7; this host has "),
    "none": ([], [], "warning", "has no addresses in dns"),
    "garbage": (["x", "", "1.2.3", "203.0.113.5\n"], ["100%"], "warning", "has no addresses in dns"),
    "many": ([f"203.0.113.{i}" for i in range(100)], ["100%"] * 100, "ok",
             "203.0.113.15 and 84 more; this host has"),
}


@pytest.mark.parametrize("dns, loss, state, words", VIEWS.values(), ids=VIEWS)
def test_views(asked, wx, dns, loss, state, words):  # noqa: F811
    wx.net.dns, wx.net.loss = dns, loss
    asked().one(state, "safe", words)


REFUSALS = {
    40201: "no URL, or an illegal one, is set in WeChat's console: invalid url rid: ",
    40202: "the kind of check is wrong: invalid action rid: ",
    40203: "the network to check from is wrong: invalid check_operator rid: ",
    48001: "the account may not use this interface",
    45009: "the day's quota of this interface is used up",
    -1: "WeChat is busy: system error rid: ",
}


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("path", ("callback/check", "openapi/quota/get", "get_api_domain_ip"))
def test_refused_by_wechat(asked, wx, path, code):  # noqa: F811
    wx.net.say[path] = code
    found = asked()
    found.one("warning", "safe", f"/cgi-bin/{path}: WeChat: errcode {code}: {REFUSALS[code]}")
    (rid,) = re.findall(rf"{path}: .* rid: (\w+); .*qtoa rid safe (\w+)$",
                        "\n".join(t for s, t in found.of("warning") if s == "safe"), re.M)
    assert rid[0] == rid[1]


HOSTILE_ANSWERS = {
    "nothing": (200, ""), "HTML": (200, "<html>"), "an array": (200, "[]"), "null": (200, "null"),
    "a number": (200, "7"), "empty": (200, "{}"), "502": (502, "<html>"), "302": (302, ""),
    "other kinds": (200, '{"dns":7,"ping":"x","ip_list":{"a":1},"quota":[1]}'),
    "lists of others": (200, '{"dns":[1,null,[],{"ip":7}],"ping":[0,{}],"ip_list":[{},[],null],'
                             '"quota":{"daily_limit":"x","remain":null}}'),
    "negative": (200, '{"quota":{"daily_limit":-1,"used":-5,"remain":-9}}'),
    "huge numbers": (200, '{"quota":{"daily_limit":1e400,"remain":99999999999999999999999}}'),
    "deep": (200, '{"dns":' + "[" * 5000 + "]" * 5000 + "}"),
    "many": (200, json.dumps({"dns": [{"ip": "1.2.3.4"}] * 9000, "ip_list": ["1.2.3.4"] * 9000})),
    "too many": (200, json.dumps({"ip_list": [f"10.{i % 256}.{i // 256}.1" for i in range(60000)]})),
    "escapes": (200, '{"dns":[{"ip":"\\u001b[31m"}],"ip_list":["1.2.3.4\\u0000"],"errmsg":"\\n"}'),
    "not UTF-8": (200, b'{"dns":[{"ip":"\xff\xfe"}],"ip_list":["\xff"]}'),
}


@pytest.mark.parametrize("answer", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
def test_hostile_answers(asked, wx, answer):  # noqa: F811
    for path in ("callback/check", "getcallbackip", "openapi/quota/get", "get_api_domain_ip"):
        wx.net.say[path] = answer
    found = asked()
    assert found.seconds < 20 * program.SLOWER and len(found.out) < 20000
    assert found.of("warning"), found.out


def test_a_silent_wechat(asked, wx):  # noqa: F811
    """After one call without an answer nothing more is asked."""
    asked()
    wx.net.asked.clear()
    wx.net.slow = 60
    found = asked()
    assert found.seconds < 15 + 10 * (program.SLOWER - 1) and wx.net.asked == ["callback/check"]
    found.one("warning", "safe", "/cgi-bin/callback/check: WeChat: no answer: ", "run it again later")


@pytest.mark.parametrize("quota, state, words", (
    ({"daily_limit": 2000, "used": 1900, "remain": 100}, "warning", "of 2000 calls of "
     "/cgi-bin/stable_token a day only 100 are left"),
    ({"daily_limit": 5, "used": 5, "remain": 0}, "warning", "only 0 are left"),
    ({"daily_limit": "2000", "used": "1", "remain": "1999"}, "ok", "1999 of 2000 calls of "),
    ({"daily_limit": 0, "used": 0, "remain": 0}, "warning", "has no quota of "),
    ({"daily_limit": 9, "used": 0, "remain": 9, "rate_limit": {"call_count": 1}}, "ok", "9 of 9 "),
), ids=str)
def test_quotas(asked, wx, quota, state, words):  # noqa: F811
    wx.net.quota = quota
    asked().one(state, "safe", words)


def test_rid(home, wx, issuer, authority):  # noqa: F811
    env = {**home.env, **wx.env(), "E2E_SECRET": "hushAppSecret" + "0" * 19,
           "E2E_CA_FILE": str(authority.file)}

    def rid(*args):
        return subprocess.run([program.binary("advise"), "rid", *args], env=env, text=True,
                              capture_output=True)
    done = rid("safe", wxnet.RID)
    assert done.returncode == 0 and done.stderr == "" and not wx.secrets_in(done.stdout)
    assert done.stdout.startswith("time     2026-11-22 12:44:44\nms       30\nfrom     192.0.2.7\n")
    assert r'{"errcode":45009,"errmsg":"reach max\nlimit"}' in done.stdout
    assert '"secret":"...."' in done.stdout and "access_token=..." in done.stdout
    done = rid("safe", "1-2")
    assert (done.returncode, done.stdout) == (1, "") and "errcode 76001: there is no call" in done.stderr
    for args in ((), ("safe",), ("safe", "a b"), ("safe", 'x"'), ("safe", "x" * 65), ("safe", "")):
        assert rid(*args).returncode == 2
    assert rid("nobody", wxnet.RID).returncode == 1
