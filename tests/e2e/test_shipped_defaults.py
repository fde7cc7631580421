"""What is shipped fits together: the collector answers at the .qt_url of config.h, behind each web server
as README.md sets it up, beside the site that the server has by itself."""

import re
from urllib.parse import urlsplit

import pytest

import fronts
import qt as qt_side
import wechat
from program import TOP

SHIPPED = urlsplit(re.search(r'\.qt_url\s*= "([^"]*)"', (TOP / "config.h").read_text()).group(1))


class Nginx(fronts.Nginx):
    """Debian's own site gets all names that no other has."""

    def command(self, front):
        command = super().command(front)
        conf = front.run / "nginx.conf"
        site = (f"\tserver {{ listen 127.0.0.1:{front.port} default_server; server_name _; "
                "return 418; }\n}\n")
        text = conf.read_text()
        assert text.endswith("}\n")
        conf.write_text(text[:-2] + site)
        return command


class Caddy(fronts.Caddy):
    """The addresses of the example, on a port of the test."""

    def sites(self, front, site):
        return f"{site}, http://{fronts.HOST}:{front.port}"


KINDS = {"lighttpd": fronts.Lighttpd("fastcgi"), "apache": fronts.Apache("fcgid", "event", too_large=500),
         "nginx": Nginx(), "caddy": Caddy()}


@pytest.mark.parametrize("name", KINDS)
def test_the_url_of_the_shipped_account_is_the_collector(name, qt_server):
    assert (SHIPPED.scheme, SHIPPED.hostname, SHIPPED.port) == ("http", "127.0.0.1", None)
    front = fronts.Front(KINDS[name], qt_server.url)
    try:
        push = wechat.push(wechat.PLAIN)
        body = qt_side.envelope(wechat.PLAIN, push.body.decode(), **dict(push.params))
        answer = front.request("POST", SHIPPED.path, body)
        assert (answer.status, b"Httpapi_300_200" in answer.body) == (200, True), answer
        # The port of the servers, where the examples name one.
        example = front.kind.example()
        ports = set(re.findall(r"(?m)^\s*listen\s+(\d+);|^http://127\.0\.0\.1(:\d+)?,", example))
        assert ports <= {("80", ""), ("", "")}
    finally:
        front.stop()
