"""Who may see the report and the rest below /-/: by address, not behind a proxy that hides it, and
by a host of ours.  What web servers add to that: test_guarded_fronts.py."""

import pytest

import fcgi
import fronts
import program

PAGES = ("/qtoa/-/report", "/qtoa/-/health", "/qtoa/-/metrics", "/qtoa/-/report/funnel.csv",
         "/server/-/report")
PATH = PAGES[0]
HOST = b"not accepted: this host is not in settings.report_hosts\n"
# As web servers hand them on.
HEADERS = ("X_FORWARDED_FOR", "FORWARDED", "CF_CONNECTING_IP", "X_REAL_IP", "TRUE_CLIENT_IP",
           "X_CLIENT_IP", "VIA", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_FORWARDED",
           "FORWARDED_FOR", "X_CLUSTER_CLIENT_IP", "CF_RAY", "CDN_LOOP", "FASTLY_CLIENT_IP")


@pytest.fixture
def ask(module_pools, qt):
    """Asks for a page; the status, and the line of the log."""
    def get(peer="127.0.0.1", page=PATH, variant="main", **headers):
        pool = module_pools(variant)
        pool.log.mark()
        variables = {k if k in ("SERVER_ADDR", "HTTPS", "REQUEST_SCHEME") else f"HTTP_{k}": v
                     for k, v in headers.items()}
        params = fcgi.cgi("GET", page, REMOTE_ADDR=peer, **variables)
        answer = fcgi.call(pool.path, params)
        if answer.status == 403:
            line = pool.log.one(status=403)
            expected = {"address not allowed": b"not accepted\n", "host not allowed": HOST}
            assert answer.body == expected[line["error"]]
            return line
        return answer.status
    return get


def proxied(line, header=None):
    return (line["error"], "trusted_proxies" in line["hint"], line["detail"].startswith(
        "it came through a proxy: " + (header or ""))) == ("address not allowed", True, True)


def test_by_address(ask):
    """What the web server says of the client's address counts, and nothing else."""
    for peer, status in (("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200),
                         ("127.0.0.2", 403), ("203.0.113.9", 403), ("", 403), ("localhost", 403),
                         ("127.0.0.1, 203.0.113.9", 403)):
        line = ask(peer, REMOTE_ADDR="127.0.0.1")
        assert line == 200 if status == 200 else line["error"] == "address not allowed", peer


def test_nobody_by_default(home):
    answer = program.run_cgi(home, fcgi.cgi("GET", PATH, REMOTE_ADDR="127.0.0.1"), variant="tight")
    assert (answer.status, answer.body) == (403, b"not accepted\n")


@pytest.mark.parametrize("page", PAGES)
def test_behind_a_tunnel(ask, page):
    """frp and cloudflared come from a loopback address, whoever their client is."""
    assert ask(page=page) == 200
    for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        for header in HEADERS:
            for value in ("203.0.113.9", "127.0.0.1", " "):
                assert proxied(ask(peer, page, **{header: value})), (header, value)
    assert proxied(ask(page=page, X_FORWARDED_FOR="203.0.113.9"), "X-Forwarded-For")


def test_behind_a_tunnel_as_cgi(home):
    for more, status in (({}, 200), ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
                         ({"HTTP_HOST": "evil.example"}, 403)):
        params = fcgi.cgi("GET", PATH, REMOTE_ADDR="127.0.0.1", **more)
        assert program.run_cgi(home, params).status == status, more


def test_other_ways_to_this_host(ask):
    """A tunnel may connect to the host's own address, or stand in its private network."""
    ours = dict(variant="open", SERVER_ADDR="10.0.0.7")
    assert ask("10.0.0.7", **ours) == 200
    for value in ("203.0.113.9", "10.0.0.7"):
        assert proxied(ask("10.0.0.7", X_FORWARDED_FOR=value, **ours))
    assert proxied(ask("10.0.0.8", X_FORWARDED_FOR="198.51.100.1", **ours))
    assert proxied(ask("10.0.0.8", VIA="1.1 proxy", **ours))
    # What the proxy says must be allowed, too: mod_remoteip and its like leave the header there.
    assert ask("10.0.0.8", X_FORWARDED_FOR="198.51.100.1, 10.0.0.8", **ours) == 200
    # A public address that somebody has listed is what it is.
    assert ask("203.0.113.9", X_FORWARDED_FOR="192.168.0.3", VIA="1.1 squid", **ours) == 200


# Behind a proxy that is trusted: what it says, and whether that is allowed.
RELAYED = [
    ({}, True),
    ({"X_FORWARDED_FOR": "203.0.113.9"}, True),
    ({"X_FORWARDED_FOR": "198.51.100.1"}, False),
    ({"X_FORWARDED_FOR": "127.0.0.1, 198.51.100.1"}, False),
    ({"X_FORWARDED_FOR": "198.51.100.1, 203.0.113.9"}, True),
    ({"X_FORWARDED_FOR": "198.51.100.1, 203.0.113.9, 10.0.0.5, 127.0.0.9"}, True),
    ({"X_FORWARDED_FOR": "203.0.113.9, 198.51.100.1, 10.0.0.5"}, False),
    ({"X_FORWARDED_FOR": "203.0.113.9:4711"}, True),
    ({"X_FORWARDED_FOR": "::ffff:203.0.113.9"}, True),
    ({"X_FORWARDED_FOR": "unknown"}, False),
    ({"X_FORWARDED_FOR": "203.0.113.9, unknown"}, False),
    ({"X_FORWARDED_FOR": " "}, False),
    ({"X_FORWARDED_FOR": ""}, True),
    ({"X_FORWARDED_FOR": "[::1]:80"}, True),
    ({"X_FORWARDED_FOR": "[2001:db8::7]:80"}, False),
    ({"FORWARDED": 'for="203.0.113.9:47";proto=https'}, True),
    ({"FORWARDED": 'for=127.0.0.1, For="[2001:db8::7]:4711"'}, False),
    ({"FORWARDED": 'for="[::1]"'}, True),
    ({"FORWARDED": "for=_hidden"}, False),
    ({"FORWARDED": "for=unknown"}, False),
    ({"FORWARDED": 'for="127.0.0.1, for=198.51.100.1'}, False),
    ({"FORWARDED": "for=127.0.0.1, for=198.51.100.1"}, False),
    ({"CF_CONNECTING_IP": "203.0.113.9", "X_FORWARDED_FOR": "203.0.113.9", "CF_RAY": "1"}, True),
    ({"CF_CONNECTING_IP": "127.0.0.1", "X_FORWARDED_FOR": "198.51.100.1"}, False),
    ({"X_REAL_IP": "203.0.113.9"}, True),
    ({"TRUE_CLIENT_IP": "198.51.100.1"}, False),
    ({"X_CLIENT_IP": "203.0.113.9"}, True),
    ({"VIA": "1.1 proxy"}, False),
]


@pytest.mark.parametrize("proxy", ("127.0.0.9", "::ffff:127.0.0.9", "10.0.0.5"))
def test_behind_a_trusted_proxy(ask, proxy):
    for headers, allowed in RELAYED:
        got = ask(proxy, variant="relayed", **headers)
        assert (got == 200) == allowed, (headers, got)
        if not allowed and "198.51.100.1" in headers.get("X_FORWARDED_FOR", "")[-14:] and \
                len(headers) == 1:
            assert got["peer"] == "198.51.100.1"
    # From elsewhere the same headers are what a tunnel adds.
    for headers, _ in RELAYED[1:]:
        if headers == {"X_FORWARDED_FOR": ""}:
            continue
        assert proxied(ask("127.0.0.1", variant="relayed", **headers)), headers


HOSTS = ("localhost", "localhost:8080", "LOCALHOST.", "127.0.0.1", "127.0.0.1:80", "127.0.0.2",
         "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]", "a.localhost", "")
FOREIGN = ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example",
           "evil.example#localhost", "localhost@evil.example", "[::1].evil.example", "[::2]",
           "evil", "2130706433", "127.0.0.1, evil.example", "[evil.example]", ":80", "*", "0.0.0.0",
           "192.0.2.1")


@pytest.mark.parametrize("page", PAGES)
def test_host(ask, page):
    """A name that somebody else points here (DNS rebinding) opens nothing."""
    for host in (*HOSTS, "wechat.example.com", "WeChat.Example.Com.:8443"):
        assert ask(page=page, HOST=host) == 200, host
    for host in (*FOREIGN, "x.wechat.example.com", "wechat.example.com.evil.example"):
        line = ask(page=page, HOST=host, X_SOMETHING="x")
        assert (line["error"], line["host"]) == ("host not allowed", host.strip('"')), host
        assert "settings.report_hosts" in line["hint"]
    for header in ("HOST", "SERVER_NAME"):      # of the client, under another name
        assert ask(page=page, **{f"X_{header}": "evil.example"}) == 200
    assert ask(page=page, HOST="evil.example", X_HOST="localhost")["error"] == "host not allowed"
    assert ask(page=page, HOST="evil.example", HTTPS="on")["error"] == "host not allowed"


def test_configured_hosts(ask):
    for host, good in (("report.example.com", True), ("a.inside.example", True),
                       ("inside.example", False), ("192.0.2.80:81", True), ("192.0.2.81", False),
                       ("evil.example", False), ("localhost", True)):
        for peer in ("127.0.0.1", "203.0.113.9", "10.0.0.8"):
            for more in ({}, {"HTTPS": "on"}):
                got = ask(peer, variant="relayed", HOST=host, **more)
                assert (got == 200) == good, (host, peer, more)


def test_hosts_without_the_setting(ask):
    """From this host a loopback name; from elsewhere an address, or what a certificate proves."""
    for peer, host, more, good in (
            ("127.0.0.1", "localhost", {}, True), ("127.0.0.1", "evil.example", {}, False),
            ("127.0.0.1", "evil.example", {"HTTPS": "on"}, False),
            ("::1", "192.0.2.1", {}, False),
            ("10.0.0.7", "evil.example", {"SERVER_ADDR": "10.0.0.7", "HTTPS": "on"}, False),
            ("10.0.0.8", "evil.example", {}, False), ("10.0.0.8", "192.0.2.1:80", {}, True),
            ("10.0.0.8", "[2001:db8::1]", {}, True), ("10.0.0.8", "localhost", {}, True),
            ("10.0.0.8", "wechat.example.com", {"HTTPS": "on"}, True),
            ("10.0.0.8", "wechat.example.com", {"REQUEST_SCHEME": "https"}, True),
            ("10.0.0.8", "wechat.example.com", {"HTTPS": "off"}, False),
            ("10.0.0.8", "wechat.example.com", {"REQUEST_SCHEME": "http"}, False),
            ("203.0.113.9", "evil.example", {}, False), ("203.0.113.9", None, {}, True)):
        got = ask(peer, variant="open", HOST=host, **more)
        assert (got == 200) == good, (peer, host, more, got)


@pytest.mark.parametrize("running_front", fronts.WAYS, indirect=True)
def test_fronts(front):
    """The web servers hand on what the client says of proxies and hosts."""
    assert front.request("GET", PATH).status == 200
    for name in ("X-Forwarded-For", "Forwarded", "CF-Connecting-IP", "X-Real-IP", "Via",
                 "True-Client-IP", "X-Client-IP", "x-forwarded-for", "X-Forwarded-Host"):
        for value in ("203.0.113.9", "127.0.0.1"):
            # Caddy adds this one to every request.
            if front.name == "caddy" and (value == "127.0.0.1" and name.lower() ==
                                          "x-forwarded-for" or name == "X-Forwarded-Host"):
                continue
            front.log.mark()
            assert front.request("GET", PATH, headers=[(name, value)]).status == 403, name
            assert proxied(front.log.one(status=403)), name
    for page in ("report", "health", "metrics"):
        for host, status in (("evil.example", 403), ("localhost", 200), ("[::1]:80", 200),
                             ("wechat.example.com", 200)):
            conn = front.connect()
            conn.putrequest("GET", f"/qtoa/-/{page}", skip_host=True)
            conn.putheader("Host", host)
            conn.endheaders()
            answer = conn.getresponse()
            if front.name == "caddy" and host != "127.0.0.1":   # no site of its has that name
                assert answer.read() == b""
            else:
                assert answer.status == status, (page, host)
            conn.close()
    twice = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "203.0.113.9")]
    assert front.request("GET", PATH, headers=twice).status == 403
