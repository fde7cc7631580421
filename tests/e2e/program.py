"""The program under test: built with the tests' own configurations, run as a web server would
run it (CGI, FastCGI socket) or by hand; its log; what it left behind."""

import contextlib
import fcntl
import functools
import os
import re
import shlex
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import fcgi
import wechat
from patience import PATIENCE_S

TOP = Path(__file__).resolve().parents[2]
SAN = os.environ.get("SAN", "")
# What all programs share, and what the tests' own make.
SHARED = Path(os.environ.get("QTOA_B", TOP / "build")).resolve()
OBJECTS = SHARED / "e2e"
REPORTED = OBJECTS / "reported"       # a sanitizer has found something in this run
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
# Preloaded: makes writing fail, sets the clock, opens /proc/PID to its user (tests/faults).
FAULTS, CLOCK, OPEN = (SHARED / f"{name}.so" for name in ("faults", "clock", "open"))
# What a user may have set for make; anything else of make's own stays out.
MAKE_VARIABLES = {k: os.environ[k] for k in ("CC", "CFLAGS", "LDFLAGS") if k in os.environ}

# A shell lets what it runs in the background ignore SIGINT.  What the tests start would ignore it,
# too, and no trap of a shell would help.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Times that a test measures may be this much longer: sanitizers take theirs.
SLOWER = 3 if SAN else 1

SETTINGS = {
    # The shipped limits.
    "main": dict(threads=64, deadline_ms=4000, forward_ms=2500, connect_ms=1000, io_ms=2000,
                 fresh_s=600, collector=1, ca_file="$E2E_CA_FILE",
                 report_allow="127.0.0.1, ::1", report_hosts="wechat.example.com"),
    # Impatient and small, so that what takes its time in "main" is quick to see.
    "tight": dict(threads=2, deadline_ms=2000, forward_ms=800, connect_ms=300, io_ms=500,
                  fresh_s=600, ca_file="$E2E_CA_FILE"),
    # As large as "main", but it soon gives up those that are silent.
    "hasty": dict(threads=64, deadline_ms=4000, forward_ms=2500, connect_ms=1000, io_ms=500,
                  fresh_s=600, ca_file="$E2E_CA_FILE"),
    # Many faults in little time.
    "storm": dict(threads=16, deadline_ms=2000, forward_ms=500, connect_ms=300, io_ms=2000,
                  fresh_s=600),
    # Several hosts on one store; the same, and a standby must have what is acknowledged; the same,
    # and a host keeps nothing itself.
    "several": dict(threads=16, deadline_ms=2000, forward_ms=500, connect_ms=300, io_ms=2000,
                    fresh_s=600, metrics_allow="127.0.0.1", store="$E2E_STORE",
                    host="$E2E_HOST"),
    "replica": dict(threads=16, deadline_ms=2000, forward_ms=500, connect_ms=300, io_ms=2000,
                    fresh_s=600, metrics_allow="127.0.0.1", store="$E2E_STORE", store_ack=1),
    "refusing": dict(threads=16, deadline_ms=2000, forward_ms=500, connect_ms=300, io_ms=2000,
                     fresh_s=600, store="$E2E_STORE", store_degrade=1),
    # On a file, or on a store of several hosts, as the environment says.
    "alike": dict(threads=8, fresh_s=600, collector=1, count=1, keep_days=7, ca_file="$E2E_CA_FILE",
                  wechat_api="$E2E_WECHAT_API", store="$E2E_STORE"),
    # Several hosts, and one access_token for all.
    "together": dict(threads=8, fresh_s=600, ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API",
                     store="$E2E_STORE"),
    # Counts what it acknowledges.
    "counted": dict(threads=16, deadline_ms=2000, forward_ms=500, connect_ms=300, io_ms=2000,
                    fresh_s=600, count=1),
    # Counts what it forwards, for a QT that is another host's.
    "counting": dict(threads=8, fresh_s=600, ca_file="$E2E_CA_FILE", count=1),
    # The same, and it asks WeChat about new followers.
    "fans": dict(threads=8, fresh_s=600, ca_file="$E2E_CA_FILE", count=1,
                 wechat_api="$E2E_WECHAT_API"),
    "beside": dict(threads=8, fresh_s=600, collector=1, count=1),
    # Keeps copies of what QT has.
    "kept": dict(threads=16, deadline_ms=2000, forward_ms=500, connect_ms=300, io_ms=2000,
                 fresh_s=600, keep_days=7),
    # As many threads as may stand in each other's way.
    "crowd": dict(threads=32, fresh_s=600),
    # Two addresses of QT.
    "standby": dict(threads=16, deadline_ms=2000, forward_ms=800, connect_ms=300, io_ms=2000,
                    fresh_s=600),
    # Behind a proxy, and open to more than this host.
    "relayed": dict(threads=8, fresh_s=600, report_allow="127.0.0.0/8 ::1 10.0.0.0/8 203.0.113.9",
                    trusted_proxies="127.0.0.9, 10.0.0.5, 2001:db8::5",
                    report_hosts="report.example.com, *.inside.example, 192.0.2.80"),
    "open": dict(threads=8, fresh_s=600, report_allow="127.0.0.0/8 ::1 10.0.0.0/8 203.0.113.9"),
    # Whatever the time is, here or there.
    "any_age": dict(threads=8, fresh_s=-1, ca_file="$E2E_CA_FILE"),
    # The same as "storm", and the clock may be a day ahead.
    "ahead": dict(threads=16, deadline_ms=2000, forward_ms=500, connect_ms=300, io_ms=2000,
                  fresh_s=86400),
    # The same, and relays.
    "beset": dict(threads=16, deadline_ms=3000, forward_ms=1000, connect_ms=300, io_ms=2000,
                  fresh_s=86400),
    # Trusts what the system trusts.
    "system": dict(fresh_s=600),
    # The collector as it is for clients like QT's demo, which knows no appkey.
    "optional": dict(threads=16, fresh_s=600, collector=1, collector_appkey_optional=1),
    # The collector as it is at its most exact.
    "strict": dict(threads=16, fresh_s=600, collector=1, collector_strict=1, one_per_item=1),
    # The collector forgets what is older.
    "days": dict(threads=16, fresh_s=600, collector=1, collect_days=5),
    # What is delivered is kept.
    "keeps": dict(threads=8, fresh_s=600, collector=1, keep_days=7),
    # Users who leave are forgotten.
    "leaves": dict(threads=8, fresh_s=600, collector=1, keep_days=7, forget_unsubscribed=1,
                   forget_revoked=1),
    # Users by their unionid.
    "unionid": dict(threads=16, connect_ms=500, fresh_s=600, collector=1,
                    ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API"),
    # WeChat is asked for its statistics.
    "cube": dict(fresh_s=600, ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API"),
    # Asks WeChat for access_tokens and hands them out; the older way.
    "token": dict(threads=32, fresh_s=600, ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API",
                  control_per_minute=100000, collector=1),
    "legacy": dict(threads=8, fresh_s=600, ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API",
                   legacy_token=1, control_per_minute=5),
    # Soon in trouble, and tells those at 127.0.0.1.
    "vital": dict(threads=8, forward_ms=500, fresh_s=600, late_s=1,
                  ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API", collector=1,
                  metrics_allow="127.0.0.1"),
    # What is in the log, and how much of it.
    "flood": dict(threads=16, forward_ms=500, fresh_s=600, collector=1, log_flood=5, log_users=1,
                  log_level="$E2E_LOG_LEVEL"),
    # Pushes are compared with WeChat's list of addresses.
    "advise": dict(threads=8, fresh_s=600, ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API",
                   metrics_allow="127.0.0.1", trusted_proxies="127.0.0.9", wechat_only=1,
                   report_hosts="localhost"),
    "enforce": dict(threads=8, fresh_s=600, ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API",
                    metrics_allow="127.0.0.1", trusted_proxies="127.0.0.9", wechat_only=2),
    # All that goes out goes through a proxy.
    "proxied": dict(threads=8, fresh_s=600, ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API",
                    proxy="$E2E_PROXY", no_proxy="$E2E_NO_PROXY"),
    # Tells a webhook soon when health changes.
    "alert": dict(threads=8, forward_ms=500, fresh_s=-1, collector=1,
                  metrics_allow="127.0.0.1", alert_url="$E2E_ALERT_URL",
                  alert_secret="$E2E_ALERT_SECRET", alert_after_s=1, alert_weekly=1,
                  ca_file="$E2E_CA_FILE", proxy="$E2E_PROXY"),
    # Users are answered by rules.
    "replies": dict(threads=16, deadline_ms=2000, forward_ms=500, fresh_s=600,
                    ca_file="$E2E_CA_FILE", wechat_api="$E2E_WECHAT_API",
                    metrics_allow="127.0.0.1"),
    # Other back ends behind the same URL.
    "relays": dict(threads=64, forward_ms=1000, connect_ms=500, fresh_s=600,
                   ca_file="$E2E_CA_FILE", metrics_allow="127.0.0.1"),
    # One of them answers users; WeChat's patience is short.
    "answers": dict(threads=64, deadline_ms=2500, forward_ms=2000, connect_ms=500, fresh_s=600,
                    metrics_allow="127.0.0.1"),
    # The shipped limits, and relays.
    "three": dict(fresh_s=600),
    "resigned": dict(threads=16, fresh_s=600),
    "bot": dict(threads=64, deadline_ms=400, forward_ms=300, connect_ms=300, fresh_s=600,
                wechat_api="$E2E_WECHAT_API", store="$E2E_STORE"),
    # Several hosts with one store (tests/cluster), on a machine that may be slow; a clock may be an
    # hour off.
    "cluster": dict(threads=32, forward_ms=1500, connect_ms=1000, io_ms=2000, fresh_s=86400,
                    log_users=1, store="$E2E_STORE", store_ack=1, store_ms=1000),
    # More accounts, with names that are no names.
    "ten": dict(threads=8, fresh_s=600),
}
ONE_APPLICATION = "akOneForAllAccounts"
HOOK_SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def relays(*rows):
    """.relays of an account; a text of a row that is in capitals stands as it is."""
    def value(v):
        return str(v) if isinstance(v, int) or (v.isalpha() and v.isupper()) else c_text(v)
    return "{ " + ", ".join("{ " + ", ".join(f".{k} = {value(v)}" for k, v in row.items()) + " }"
                            for row in rows) + " }"


def c_text(value):
    plain = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else "".join(f"\\{b:03o}" for b in c.encode())
                         for c in plain) + '"'


# What a variant's accounts have beside the usual.
ROWS = {
    "relays": dict(relays=relays(
        dict(url="$E2E_RAW", name="raw", relay_ms=1000),
        dict(url="$E2E_SIGNED", name="signed", format="RESIGNED", mode="PLAIN", relay_ms=1000),
        dict(url="$E2E_JSON", name="json", format="JSON", secret=HOOK_SECRET, relay_ms=1000,
             only="CLICK:crm_* text subscribe"))),
    "answers": dict(relays=relays(
        dict(url="$E2E_RAW", name="raw", answers=1, relay_ms=2000),
        dict(url="$E2E_SIGNED", name="signed", format="RESIGNED", relay_ms=2000, mode="PLAIN"),
        dict(url="$E2E_JSON", name="json", format="JSON", secret=HOOK_SECRET, relay_ms=2000))),
    "beset": dict(relays=relays(
        dict(url="$E2E_RAW", name="raw", answers=1, relay_ms=1000),
        dict(url="$E2E_SIGNED", name="signed", format="RESIGNED", mode="PLAIN", relay_ms=1000))),
    "three": dict(relays=relays(
        dict(url="$E2E_RAW", name="raw", answers=1),
        dict(url="$E2E_SIGNED", name="signed"), dict(url="$E2E_JSON", name="json"))),
    "resigned": dict(relays=relays(
        dict(url="$E2E_RAW", name="raw", format="RESIGNED", answers=1))),
    "bot": dict(secret="hushAppSecret0123456789abcdef012", relays=relays(
        dict(url="$E2E_RAW", name="raw", answers=1, relay_ms=14000, late_reply=1))),
    "standby": dict(qt_url_standby="$QTOA_STANDBY_URL", service_secret="$QTOA_SECRET"),
    # All in one application of QT's; and WeChat sends nothing encrypted.
    "strict": dict(app_key=ONE_APPLICATION, mode="PLAIN"),
    "unionid": dict(identity="UNIONID", control_url="$E2E_CONTROL_URL",
                    control_token_path="$E2E_TOKEN_PATH"),
    "cube": dict(secret="hushAppSecret0123456789abcdef012"),
    "alike": dict(secret="hushAppSecret0123456789abcdef012"),
    "fans": dict(secret="hushAppSecret0123456789abcdef012", identity="UNIONID"),
    "token": dict(secret="$E2E_SECRET", control_key="$E2E_KEY", control_allow="$E2E_ALLOW",
                  identity="UNIONID"),
    "legacy": dict(secret="$E2E_SECRET", control_key="$E2E_KEY", control_allow="$E2E_ALLOW"),
    "together": dict(secret="$E2E_SECRET"),
    "vital": dict(secret="$E2E_SECRET"),
    "proxied": dict(secret="$E2E_SECRET"),
    "advise": dict(secret="$E2E_SECRET"),
    "enforce": dict(secret="$E2E_SECRET"),
    "replies": dict(secret="$E2E_SECRET", replies="$E2E_REPLIES"),
}
# The accounts that it has, if not all.
ONLY = {
    "unionid": (wechat.SAFE, wechat.PLAIN),
    "relays": (wechat.SAFE, wechat.PLAIN),
    "answers": (wechat.SAFE, wechat.PLAIN),
    "resigned": (wechat.SAFE,),
    "three": (wechat.SAFE,),
    "beset": (wechat.SAFE, wechat.COMPATIBLE, wechat.PLAIN),
    "bot": (wechat.SAFE, wechat.PLAIN),
    "cube": (wechat.SAFE,),
    "alike": (wechat.SAFE, wechat.PLAIN),
    "fans": (wechat.SAFE,),
    "token": (wechat.SAFE, wechat.PLAIN),
    "legacy": (wechat.SAFE, wechat.PLAIN),
    "together": (wechat.SAFE, wechat.PLAIN),
    "vital": (wechat.SAFE, wechat.PLAIN),
    "proxied": (wechat.SAFE,),
    "advise": (wechat.SAFE, wechat.PLAIN),
    "enforce": (wechat.SAFE, wechat.PLAIN),
    "alert": (wechat.SAFE, wechat.PLAIN),
    "replies": (wechat.SAFE, wechat.COMPATIBLE, wechat.PLAIN, wechat.ROTATED),
    "ten": wechat.TEN,
}
# What the accounts of "ten" are called.
HOSTILE = ("\x1b[2J\x1b]0;title\x07", "two\nlines", "\u9009\u5e97" * 10, "a" * 64,
           '"q\\uote%s"', "\x7f\x80", "\u202egnp", "<b>bold</b>", "tab\there", "x$(reboot)")
LIMITS = SETTINGS["main"]
TIGHT = SETTINGS["tight"]


def account_row(account, **more):
    values = {"path": account.path, "name": account.path, "appid": account.appid,
              "token": account.token, "token_old": account.old_token,
              "aes_key": account.key, "aes_key_old": account.old_key,
              "qt_url": "$QTOA_QT_URL", "app_key": account.app_key,
              "service_id": account.service_id, "service_secret": account.service_secret}
    values.update(more)
    names = {k: values.pop(k) for k in ("mode", "identity", "relays")
             if k in values}
    fields = [f".{k} = {v}" for k, v in {"mode": account.mode, **names}.items()]
    fields += [f".{k} = {c_text(v)}" for k, v in values.items() if v]
    return "\t{ " + ",\n\t  ".join(fields) + " }"


def config_text(settings, rows=None):
    """A config.h; settings with a text value are quoted."""
    rows = [account_row(a) for a in wechat.ACCOUNTS] if rows is None else rows
    # Tests count lines: none is summed up, unless it is what the test is about.  Only a test of the
    # collector counts messages: the forwarder beside it does not.
    values = {"state_dir": "$QTOA_STATE_DIR", "log": "$E2E_LOG", "log_flood": 1000000, "count": -1,
              **settings}
    # TLS is a part of it, and slow at the other end; no test measures it there.
    if {"wechat_api", "alert_url"} & settings.keys():
        values["connect_ms"] = 5000
    lines = [f"\t.{k} = {c_text(v) if isinstance(v, str) else v},\n" for k, v in values.items()]
    return ("static const struct account accounts[] = {\n" + ",\n".join(rows) + "\n};\n"
            "static const struct settings settings = {\n" + "".join(lines) + "};\n")


def make(config, objects, *args):
    """make in the project's directory: what a user would type."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-C", str(TOP), "-s", "-j2", f"CONFIG={config}", f"B={objects}",
               f"SAN={SAN}", *(f"{k}={v}" for k, v in MAKE_VARIABLES.items()), *map(str, args)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)


def make_check(config, objects):
    """Checks a configuration.  -O0: only what depends on it is compiled, and not for speed."""
    return make(config, SHARED, f"BC={objects}", "CFLAGS=-O0", "-o", SHARED / "flags",
                objects / "config.ok")


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def made(name):
    """Where what is made for a name is; what a test builds for itself is its process's alone."""
    return OBJECTS / (name if name in SETTINGS else f"{name}.{WORKER}")


def build(name, text, *how):
    """A program with that configuration; the variables of make it was built with.  how: more of
    them."""
    where = made(name)
    config, file = where / "config.h", where / f"qtoa-{name}"
    where.mkdir(parents=True, exist_ok=True)
    with open(where / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_if_changed(config, text)
        config.chmod(0o600)
        done = make(config, SHARED, f"BC={where}", f"BIN={file}", file, *how)
    assert done.returncode == 0, done.stdout + done.stderr
    return [f"CONFIG={config}", f"B={SHARED}", f"BC={where}", f"BIN={file}"]


def quickly(name):
    """There are many: what each has of its own is compiled as fast as can be, and nothing checks
    its values, which are good."""
    return "CFLAGS=-O0", "-o", SHARED / "flags", "-o", made(name) / "config.ok"


@functools.cache
def binary(name):
    """The program of that name; those of SETTINGS are built when they are first asked for."""
    if name in SETTINGS:
        names = {a.path: dict(name=n) for a, n in zip(ONLY[name], HOSTILE)} if name == "ten" else {}
        rows = [account_row(a, **ROWS.get(name, {}), **names.get(a.path, {}))
                for a in ONLY.get(name, wechat.ACCOUNTS)]
        build(name, config_text(SETTINGS[name], rows), *([] if name == "main" else quickly(name)))
    return made(name) / f"qtoa-{name}"


def build_shared():
    """What all of them share, once and for all: after it several can be built at once."""
    binary("main")
    with open(OBJECTS / "lock", "w") as lock:       # tests/cluster may run at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = make(made("main") / "config.h", SHARED, "faults")
    assert done.returncode == 0, done.stdout + done.stderr


def until(condition, what, timeout=PATIENCE_S):
    """The first true value of condition(), asked for again and again; to ask may cost a process, so
    it rests for longer than it asks."""
    pause = threading.Event()
    end = time.monotonic() + timeout
    while True:
        begin = time.monotonic()
        if value := condition():
            return value
        now = time.monotonic()
        assert now < end, f"not within {timeout} s: {what}"
        pause.wait(min(max(0.005, 2 * (now - begin)), 0.1))


class Log:
    """The logfmt lines of a file, from a mark on."""

    PAIR = re.compile(r'([^\s=]+)=("(?:[^"\\]|\\.)*"|\S*)')

    def __init__(self, path):
        self.path = path
        self.at = 0

    def text(self):
        return self.path.read_text() if self.path.exists() else ""

    def mark(self):
        self.at = len(self.text())

    def lines(self, at=None):
        """From the mark on, or from elsewhere."""
        return [{k: v.strip('"') for k, v in self.PAIR.findall(line)}
                for line in self.text()[self.at if at is None else at:].splitlines()]

    def undelivered(self, at=0):
        """The lines of messages that QT did not get at once, though WeChat heard `success`."""
        return [r for r in self.lines(at) if r["what"] == "request" and
                r["verdict"] in ("queued", "dead", "repeat")]

    def wait(self, n=1, timeout=PATIENCE_S, **want):
        """The lines that have these values, once there are n."""
        def found():
            rows = [r for r in self.lines()
                    if all(r.get(k) == str(v) for k, v in want.items())]
            return rows if len(rows) >= n else None
        try:
            return until(found, f"{n} log lines with {want}", timeout)
        except AssertionError as e:
            raise AssertionError(f"{e}; the log:\n{self.text()[self.at:]}") from None

    def one(self, **want):
        """The line of the one request since the mark."""
        self.wait(what="request")
        rows = [r for r in self.lines() if r["what"] == "request"]
        assert len(rows) == 1, rows
        assert {k: rows[0].get(k) for k in want} == {k: str(v) for k, v in want.items()}, rows[0]
        return rows[0]


def executable_of(pid):
    """What it runs; of a process that is sealed only root can see more than how it was called."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except PermissionError:
        return Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0].decode()


def processes_of(directory):
    """Processes that run something in this directory."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                exe = executable_of(entry)
                state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if exe.startswith(str(directory) + "/") and state != "Z":
                found.append(int(entry))
    return found


class Home:
    """A directory of one run: log, state, sockets, sanitizer reports; and the environment
    that goes with it."""

    def __init__(self, qt_url, ca_file="/dev/null", owner=None):
        self.dir = Path(tempfile.mkdtemp(prefix="qtoa-e2e-"))
        self.dir.chmod(0o755)
        self.owner = owner
        self.state = self.subdir("state")
        self.reports = self.subdir("reports")
        self.logs = self.subdir("logs")
        self.log = Log(self.logs / "log")
        self.env = {"PATH": "/usr/bin:/bin", "QTOA_QT_URL": qt_url,
                    "QTOA_STATE_DIR": str(self.state), "E2E_LOG": str(self.log.path),
                    "E2E_CA_FILE": str(ca_file), "E2E_HOST": self.dir.name,
                    "QTOA_ENVIRONMENT": ""}
        if SAN:
            options = f"log_path={self.reports}/san:exitcode=99:halt_on_error=1"
            # libcrypto is not instrumented: its locks are not seen.
            quiet = f":suppressions={TOP}/tests/e2e/tsan.supp"
            self.env.update(ASAN_OPTIONS=options + ":quarantine_size_mb=8",
                            TSAN_OPTIONS=options + quiet,
                            UBSAN_OPTIONS=options + ":print_stacktrace=1", LSAN_OPTIONS="")

    def subdir(self, name):
        path = self.dir / name
        path.mkdir(mode=0o700)
        self.give(path)
        return path

    def clock(self, ahead=0):
        """The environment in which the program's clock is so many seconds ahead; once more: they
        are others from now on, while it runs."""
        file = self.dir / "clock"
        file.touch()
        with file.open("r+b") as f:
            f.write(struct.pack("=q", int(ahead)))
        return {"LD_PRELOAD": str(CLOCK), "CLOCK_SHIFT": str(file), **self.late_sanitizer()}

    def open(self):
        """The environment in which a test that is not root sees its descriptors."""
        if os.geteuid() == 0:
            return {}
        return {"LD_PRELOAD": str(OPEN), **self.late_sanitizer()}

    def late_sanitizer(self):
        """ASan wants to be loaded first."""
        options = self.env.get("ASAN_OPTIONS")
        return {"ASAN_OPTIONS": options + ":verify_asan_link_order=0"} if options else {}

    def give(self, path):
        if self.owner:
            os.chown(path, *self.owner)

    def query(self, sql, *values):
        """What the store answers; nothing where there is none yet."""
        return until(lambda: self._ask(sql, values), "the store is whole again")[0]

    def _ask(self, sql, values):
        """The answer in a list; none after a kill, until the next process has seen to the WAL, which
        who only reads cannot."""
        file = self.state / "qtoa.db"
        if not file.exists():
            return [[]]
        try:
            with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True,
                                                    timeout=PATIENCE_S)) as db:
                db.row_factory = sqlite3.Row
                made = db.execute("PRAGMA user_version").fetchone()[0] > 0
                return [db.execute(sql, values).fetchall() if made else []]
        except sqlite3.OperationalError as e:
            if "readonly" not in str(e):
                raise
            return []

    def rows(self):
        """What the store knows of each message, oldest first."""
        return self.query("SELECT * FROM message ORDER BY id")

    def sanitizer_reports(self):
        """What sanitizers found.  One is enough: `make check-e2e` then gives no test a second try."""
        reports = "\n".join(p.read_text(errors="replace") for p in self.reports.iterdir())
        if reports:
            OBJECTS.mkdir(exist_ok=True)
            REPORTED.touch()
        return reports

    def remove(self):
        left = processes_of(self.dir)
        reports = self.sanitizer_reports()
        until(lambda: subprocess.run(["rm", "-rf", str(self.dir)]).returncode == 0,
              "nothing makes a file there any more")
        assert not left, f"left running: {left}"
        assert not reports, reports


def run_cgi(home, params, body=b"", variant="main", args=(), timeout=PATIENCE_S):
    """One request in CGI's way; body None: standard input stays open and silent."""
    command = [str(binary(variant)), *args]
    env = {**home.env, **params}
    proc = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    try:
        if body is None:
            out, err = proc.stdout.read(), proc.stderr.read()
            proc.wait(timeout)
        else:
            out, err = proc.communicate(body, timeout)
    finally:
        proc.kill()
        for f in (proc.stdin, proc.stdout, proc.stderr):
            f.close()
    assert proc.returncode == 0, (proc.returncode, out, err, home.sanitizer_reports())
    assert err == b"", err      # the log is a file: nothing else may come out
    return fcgi.parse(out)


class Pool:
    """The program on a FastCGI socket of ours."""

    def __init__(self, home, variant="main", env=None, limits=""):
        self.home = home
        self.path = home.dir / f"socket-{os.urandom(4).hex()}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(1024)
        self.exits = {0}        # the statuses with which it may end
        self.start(variant, env, limits)

    def start(self, variant="main", env=None, limits=""):
        """limits: shell commands before the program."""
        command = [str(binary(variant))]
        if limits:
            command = ["/bin/sh", "-c", f'{limits}; exec "$0"', *command]
        with (self.home.logs / "stderr").open("ab") as stderr:
            self.proc = subprocess.Popen(command, env={**self.home.env, **(env or {})},
                                         stdin=self.listener, stdout=subprocess.DEVNULL,
                                         stderr=stderr)

    @property
    def log(self):
        return self.home.log

    def connect(self, timeout=PATIENCE_S):
        return fcgi.Connection(self.path, timeout)

    def push(self, account, push, **more):
        """The answer to one push, as the web server gets it."""
        with self.connect() as c:
            return c.send(self.bytes(account, push, **more)).answer()

    def bytes(self, account, push, keep=False, **more):
        params = fcgi.push_params(push, f"/qtoa/{account.path}", **more)
        return fcgi.request(params, push.body or b"", keep=keep)

    def status(self, name):
        """A number of /proc/PID/status, in KiB where it is a size."""
        text = Path(f"/proc/{self.proc.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1))

    def cpu_s(self):
        fields = Path(f"/proc/{self.proc.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check(self):
        """Alive, and nothing to complain about."""
        assert self.proc.poll() is None, \
            (self.proc.returncode, self.stderr(), self.home.sanitizer_reports())
        assert not self.home.sanitizer_reports()

    def stderr(self):
        return (self.home.logs / "stderr").read_text(errors="replace")

    def signal(self, number=signal.SIGTERM):
        self.proc.send_signal(number)

    def _heeds_signals(self):
        """False while it is only just being started."""
        text = Path(f"/proc/{self.proc.pid}/status").read_text()
        masks = re.findall(r"^Sig(?:Blk|Cgt):\s+([0-9a-f]+)$", text, re.M)
        return any(int(m, 16) >> (signal.SIGTERM - 1) & 1 for m in masks)

    def stop(self):
        if self.proc.poll() is None:
            until(lambda: self.proc.poll() is not None or self._heeds_signals(), "a start")
            self.proc.terminate()
        try:
            self.proc.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise AssertionError("had to be killed") from None
        finally:
            self.listener.close()
        assert self.proc.returncode in self.exits, \
            (self.proc.returncode, self.stderr(), self.home.sanitizer_reports())
        assert self.stderr() == ""


def wrapper(home, path, program):
    """A script that stands where the program would: servers clear the environment in which
    the tests say where the log goes."""
    keep = {k: v for k, v in home.env.items() if k.startswith(("E2E_", "ASAN", "UBSAN", "TSAN",
                                                               "LSAN"))}
    path.write_text("#!/bin/sh\nexport " + " ".join(f"{k}={shlex.quote(v)}"
                                                   for k, v in keep.items())
                    + f'\nexec {program} "$@"\n')
    path.chmod(0o755)
    return path
