"""A CGI's environment is the client's, a service's may be anyone's: nothing in it may lead a
message elsewhere, weaken TLS or write keys down."""

import shutil
import ssl
import subprocess

import pytest

import fcgi
import program
import qt as qt_side
import relay
import wechat
from wechat import SAFE

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
           "ftp_proxy", "FTP_PROXY", "socks_proxy", "CGI_HTTP_PROXY", "HTTP_X_FORWARDED_HOST")

# Refuses every connection where it is heeded.
OPENSSL_CONF = """openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = tls
[tls]
MinProtocol = TLSv1.3
MaxProtocol = TLSv1.2
CipherString = NULL
"""

# Allows what must stay forbidden where it is heeded.
OPENSSL_CONF_LAX = """openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = tls
[tls]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def good(certificates):
    return qt_side.Authority(certificates, "good")


@pytest.fixture(scope="module")
def evil(certificates):
    return qt_side.Authority(certificates, "evil")


@pytest.fixture
def trap():
    trap = qt_side.Trap()
    yield trap
    trap.stop()


class Run:
    """A QT with this certificate, and ways to send it one message."""

    def __init__(self, context, ca_file="/dev/null", variant="main"):
        self.qt = qt_side.QT(wechat.ACCOUNTS, tls=context)
        self.home = program.Home(self.qt.url, ca_file)
        self.variant = variant

    def __enter__(self):
        return self

    def __exit__(self, kind, *exc):
        self.qt.stop()
        self.home.remove()
        if kind is None:
            assert not self.qt.problems, self.qt.problems

    def cgi(self, env):
        push = wechat.push(SAFE)
        return program.run_cgi(self.home, {**env, **fcgi.push_params(push, "/qtoa/safe")},
                               push.body, self.variant)

    def fcgi(self, env):
        """In the process's environment, and in the request's."""
        pool = program.Pool(self.home, self.variant, env=env)
        try:
            answer = pool.push(SAFE, wechat.push(SAFE), **env)
            pool.check()
            return answer
        finally:
            pool.stop()

    @property
    def ways(self):
        return self.cgi, self.fcgi


def hostile(trap, home, evil):
    """Everything that libraries look for, pointing at the trap or at a wrong authority."""
    keylog, conf, netrc = home.dir / "keylog", home.dir / "openssl.cnf", home.dir / ".netrc"
    conf.write_text(OPENSSL_CONF)
    netrc.write_text("machine 127.0.0.1 login mallory password secret\n"
                     "default login x password y\n")
    netrc.chmod(0o600)
    (home.dir / ".curlrc").write_text(f'proxy = "{trap.url}"\ninsecure\n')
    return keylog, {
        **{name: trap.url for name in PROXIES}, "no_proxy": "", "NO_PROXY": "",
        "SSL_CERT_FILE": str(evil.file), "SSL_CERT_DIR": str(home.dir),
        "SSLKEYLOGFILE": str(keylog),
        "CURL_CA_BUNDLE": str(evil.file), "CURL_HOME": str(home.dir), "HOME": str(home.dir),
        "XDG_CONFIG_HOME": str(home.dir), "OPENSSL_CONF": str(conf), "NETRC": str(netrc),
        "CURL_SSL_BACKEND": "gnutls", "OPENSSL_MODULES": str(home.dir),
        "OPENSSL_ENGINES": str(home.dir), "REQUESTS_CA_BUNDLE": str(evil.file),
        "RES_OPTIONS": "debug", "LOCALDOMAIN": "example.com", "TZ": ":/dev/null",
        "LC_ALL": "tr_TR.UTF-8", "LANG": "zh_CN.GB18030", "QUERY": "x", "TMPDIR": "/nonexistent",
        "FCGI_WEB_SERVER_ADDRS": "192.0.2.99", "HTTP_QTOA_QT_URL": trap.url,
    }


@pytest.mark.parametrize("tls", (False, True), ids=("http", "https"))
@pytest.mark.parametrize("way", (0, 1), ids=("cgi", "fastcgi"))
def test_only_qt_is_connected_to(trap, good, evil, tls, way):
    with Run(good.context() if tls else None, good.file) as run:
        keylog, env = hostile(trap, run.home, evil)
        assert run.ways[way](env).body == b"success"
        assert not trap.touched()
        assert not keylog.exists()
        r, = run.qt.received        # whose problems would show Authorization
        assert r.header("Host") == f"127.0.0.1:{run.qt.port}"


@pytest.mark.parametrize("tls", (False, True), ids=("http", "https"))
@pytest.mark.parametrize("way", (0, 1), ids=("cgi", "fastcgi"))
def test_each_variable_alone(trap, good, evil, tls, way):
    """One hides what another does."""
    with Run(good.context() if tls else None, good.file) as run:
        keylog, env = hostile(trap, run.home, evil)
        for i, (name, value) in enumerate(env.items()):
            assert run.ways[way]({name: value}).body == b"success", name
            assert len(run.qt.received) == i + 1 and not run.qt.problems, name
            assert not trap.touched() and not keylog.exists(), name


WRONG = {
    "other-authority": lambda good, evil: evil.context(),
    "self-signed": lambda good, evil: good.context(self_signed=True),
    "expired": lambda good, evil: good.context(days=(-30, -1)),
    "not-yet": lambda good, evil: good.context(days=(1, 30)),
    "other-address": lambda good, evil: good.context(sans=("127.0.0.2",)),
    "other-name": lambda good, evil: good.context(sans=("localhost", "qt.example.com")),
    "no-name": lambda good, evil: good.context(sans=()),
}


def assert_refused(run, env):
    """Either way: the message stays on our disk."""
    for n, way in enumerate(run.ways):
        assert way(env).body == b"success"
        assert len(run.home.log.wait(n + 1, what="request", verdict="queued")) == n + 1
        assert [r["state"] for r in run.home.rows()] == ["pending"] * (n + 1)
    assert not run.qt.received


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("trusting", (False, True), ids=("alone", "told-to-trust"))
def test_wrong_certificates(trap, good, evil, case, trusting):
    with Run(WRONG[case](good, evil), good.file) as run:
        env = hostile(trap, run.home, evil)[1] if trusting else {}
        env.pop("OPENSSL_CONF", None)       # which would refuse by itself
        assert run.cgi(env).body == b"success"
        line = run.home.log.one(verdict="queued", error="not confirmed by QT", **{"class": "retry"})
        assert "certificate" in line["detail"] or "SSL" in line["detail"]
        assert not run.qt.received and run.qt.connections == 1
        assert not trap.touched()


def test_the_systems_authorities_stay_those_of_the_system(evil):
    """Without ca_file the environment does not say whom to trust."""
    with Run(evil.context(), variant="system") as run:
        assert_refused(run, {"SSL_CERT_FILE": str(evil.file), "CURL_CA_BUNDLE": str(evil.file),
                             "SSL_CERT_DIR": str(evil.dir)})
        assert run.qt.connections >= 2


class Relayed(Run):
    """QT, and relays behind it: the first with this certificate, the others without TLS."""

    def __init__(self, context, ca_file):
        super().__init__(None, ca_file, "relays")
        self.relays = [relay.Relay(tls=context), relay.Relay(), relay.Relay()]
        self.home.env.update(zip(("E2E_RAW", "E2E_SIGNED", "E2E_JSON"),
                                 (r.url for r in self.relays)))

    def __exit__(self, *exc):
        for r in self.relays:
            r.stop()
        super().__exit__(*exc)


@pytest.mark.parametrize("way", (0, 1), ids=("cgi", "fastcgi"))
def test_relays_are_not_led_elsewhere(trap, good, evil, way):
    """Neither by all of it, nor by what one alone would do."""
    with Relayed(good.context(), good.file) as run:
        keylog, env = hostile(trap, run.home, evil)
        alone = ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE",
                 "SSL_CERT_DIR", "CURL_CA_BUNDLE", "HOME", "NETRC")
        for n, some in enumerate([env, *({name: env[name]} for name in alone)], 1):
            assert run.ways[way](some).body == b"success", some
            assert [len(r.got) for r in run.relays] == [n] * 3, some
        assert not any("authorization" in g.headers for r in run.relays for g in r.got)
        assert not trap.touched() and not keylog.exists() and not run.home.rows()


@pytest.mark.parametrize("case", ("other-authority", "self-signed", "other-name"))
def test_a_relay_with_a_wrong_certificate(trap, good, evil, case):
    """It gets nothing, whatever the environment says; QT and the others do."""
    with Relayed(WRONG[case](good, evil), good.file) as run:
        env = hostile(trap, run.home, evil)[1]
        env.pop("OPENSSL_CONF")
        for n, way in enumerate(run.ways, 1):
            assert way(env).body == b"success"
            assert [len(r.got) for r in run.relays] == [0, n, n]
            assert len(run.qt.received) == n
        assert {r["account"] for r in run.home.rows()} == {"safe/raw"}
        assert not trap.touched()


def test_old_tls_is_refused(good):
    context = good.context(maximum=ssl.TLSVersion.TLSv1_1)
    with Run(context, good.file) as run:
        conf = run.home.dir / "openssl.cnf"
        conf.write_text(OPENSSL_CONF_LAX)
        assert_refused(run, {"OPENSSL_CONF": str(conf)})
        assert run.qt.connections >= 2


def test_tls_connections_are_kept(good):
    with Run(good.context(), good.file) as run:
        pool = program.Pool(run.home)
        try:
            for _ in range(10):
                assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
            assert run.qt.connections == 1
        finally:
            pool.stop()


def test_a_ca_file_that_is_none(good):
    """Nothing to trust: nothing is sent, and the log says what to do."""
    for ca_file in ("/nonexistent", "/dev/null", "/etc/hostname"):
        with Run(good.context(), ca_file) as run:
            assert_refused(run, {})
            for line in run.home.log.wait(what="request"):
                assert "set settings.ca_file" in line["detail"], line


def test_a_directory_of_authorities(good, evil):
    """CGI and FastCGI trust those that `openssl rehash` has named, and no others."""
    place = good.dir / "hashed"
    place.mkdir()
    shutil.copy(good.file, place)
    with Run(good.context(), place) as run:
        assert_refused(run, {})
        for line in run.home.log.wait(what="request"):
            assert line["detail"].endswith("; run there: openssl rehash ."), line
    subprocess.run(["openssl", "rehash", place], check=True)
    with Run(good.context(), place) as run:
        for n, way in enumerate(run.ways, 1):
            assert way({}).body == b"success"
            assert len(run.qt.received) == n == run.qt.connections
    with Run(evil.context(), place) as run:
        assert_refused(run, {})
        assert run.qt.connections >= 2


def test_values_are_not_taken_from_the_client(trap, qt, home):
    """The names in config.h are ours; what a client can set never takes their place."""
    push = wechat.push(SAFE)
    params = fcgi.push_params(push, "/qtoa/safe", HTTP_QTOA_QT_URL=trap.url,
                              HTTP_QTOA_STATE_DIR="/nonexistent", HTTP_E2E_LOG="/nonexistent/log")
    assert program.run_cgi(home, params, push.body).body == b"success"
    # FastCGI parameters may have any name: they are the request's, not the process's.
    pool = program.Pool(home)
    try:
        assert pool.push(SAFE, wechat.push(SAFE), QTOA_QT_URL=trap.url, http_proxy=trap.url,
                         LD_PRELOAD="/nonexistent").body == b"success"
    finally:
        pool.stop()
    assert len(qt.received) == 2 and not trap.touched()
