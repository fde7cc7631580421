"""A control panel (BT Panel, aaPanel): nginx is its own, with a site that it has written; qtoa gets
a file in the directory that this site includes."""

import re
import subprocess

import pytest

import fronts
import program
import qt as qt_side
import wechat
from wechat import PLAIN, SAFE

# What such a site has, and where qtoa's paths could get lost: expressions for the ends of names, a
# page for what is not found, and for HTTPS a redirect.
SITE = r"""server
{
    listen 127.0.0.1:PORT;
    server_name other.example.com wechat.example.com;
    index index.php index.html index.htm default.php default.htm default.html;
    root WWW;
    include ROOT/panel/vhost/nginx/extension/SITE/*.conf;

    #ERROR-PAGE-START
    error_page 404 /404.html;
    #ERROR-PAGE-END

    location ~* (\.user.ini|\.htaccess|\.env.*|LICENSE|README\.md|\.\w+~|\.bak(up)?|\.old|\.log)$
    {
        return 404;
    }
    location ~* /(\.git|\.svn|node_modules|runtime)/ {
        return 404;
    }
    location ~ .*\.(gif|jpg|jpeg|png|bmp|swf)$
    {
        expires      30d;
        error_log /dev/null;
        access_log /dev/null;
    }
    location ~ .*\.(js|css)?$
    {
        expires      12h;
        error_log /dev/null;
        access_log /dev/null;
    }
    access_log  RUN/access.log;
    error_log  RUN/error.log;
}
"""
CONF = r"""daemon off;
worker_processes 2;
pid RUN/nginx.pid;
error_log RUN/error.log;
events { worker_connections 1024; }
http {
    client_body_temp_path RUN/body; proxy_temp_path RUN/proxy; fastcgi_temp_path RUN/fastcgi;
    uwsgi_temp_path RUN/uwsgi; scgi_temp_path RUN/scgi;
    include ROOT/panel/vhost/nginx/*.conf;
}
"""
# account-front.sh with the panel of a test, as setup has it.
SCRIPT = """panel=$1 top=$2 host=$3
get() { :; }
is_root() { :; }
die() { printf '%s\n' "$1"; exit; }
text() { shift; printf '%s\n' "$*"; }
tmp=$panel config=$panel/config.h file=$panel/none was=
. "$top/packaging/account-answers.sh"
. "$top/packaging/account-front.sh"
shift 3
program=/usr/local/bin/qtoa certificate=/nothere.pem certificate_key='' sockets=yes
"$@"
"""


def guide(panel, *call, host=fronts.HOST):
    return subprocess.run(["sh", "-euc", SCRIPT, "sh", str(panel), str(program.TOP), host, *call],
                          capture_output=True, text=True, check=True).stdout


class Panel(fronts.Nginx):
    file = "examples/nginx-panel-example.conf"

    def example(self):
        """After the commands that start the processes, to which its own comments point."""
        begin = (program.TOP / "examples/nginx-example.conf").read_text().split("\n\n")[0]
        return f"{begin}\n\n{super().example()}"

    def command(self, front):
        self.root = front.run / "server"
        site = self.root / "panel/vhost/nginx/extension/other.example.com"
        conf = self.root / "nginx/conf"
        for place in (site, conf):
            place.mkdir(parents=True, exist_ok=True)
        (conf / "fastcgi_params").write_text(open("/etc/nginx/fastcgi_params").read())
        values = {"PORT": str(front.port), "WWW": str(front.www), "ROOT": str(self.root),
                  "SITE": site.name, "RUN": str(front.run)}
        (site.parent.parent / f"{site.name}.conf").write_text(self.fill(SITE, values))
        (conf / "nginx.conf").write_text(self.fill(CONF, values))
        where = guide(self.root / "panel", "site_extension", fronts.HOST).strip()
        assert where == str(site)
        text = guide(self.root / "panel", "make_nginx")
        assert text == (program.TOP / self.file).read_text().replace(
            "extension/wechat.example.com", f"extension/{fronts.HOST}")
        text = fronts.switch(text, front.blocks)
        (site / "qtoa.conf").write_text(text.replace("/run/qtoa", str(front.run)).replace(
            "/etc/qtoa/htpasswd", str(front.run / "htpasswd")))
        front.home.give(self.root)
        return ["/usr/sbin/nginx", "-e", f"{front.run}/error.log", "-c", f"{conf}/nginx.conf"]

    @staticmethod
    def fill(text, values):
        for name, value in values.items():
            text = text.replace(name, value)
        return text


@pytest.fixture(scope="module")
def qt():
    server = qt_side.QT(wechat.ACCOUNTS)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def front(qt):
    web = fronts.Front(Panel(), qt.url, blocks={"password"},
                       files={"htpasswd": "operator:{SHA}T1cYHcqt6YBVXyzmdVykJfAGWL4=\n"})
    yield web
    web.check()
    web.stop()


def test_a_message_through_the_site_of_the_panel(front, qt):
    assert front.push(SAFE, wechat.handshake(SAFE, "5837390273648210")).body == b"5837390273648210"
    for account in (SAFE, PLAIN):
        assert front.push(account, wechat.push(account)).body == b"success"
    program.until(lambda: sum(r.confirmed for r in qt.received) == 2, "both messages")


def test_no_expression_of_the_site_takes_a_path_of_qtoa(front):
    """Which the program answers itself, with its own page."""
    for path in ("a.js", "a.", "a.png", "x.log", "LICENSE", "runtime/x", ".git/x", "nobody"):
        answer = front.request("GET", f"/qtoa/{path}")
        assert (answer.status, b"not accepted" in answer.body) == (404, True), path
    assert front.request("GET", "/a.log").status == 404     # the site's own
    assert "signature=" not in front.access_log()


def test_the_password(front):
    for path in ("/qtoa/-/report", "/qtoa/x/-/report", "/server/-/report"):
        assert front.request("GET", path).status == 401, path


@pytest.mark.parametrize("line, user", [
    ("user  nobody nogroup;", "nobody"), ("\tuser nobody;", "nobody"),
    ("user daemon daemon;", "daemon"), ("# user daemon;", None), ("user nothere;", None)])
def test_the_user_is_the_one_of_nginx(tmp_path, line, user):
    """Though this host has www-data, too, which owns the sockets elsewhere."""
    conf = tmp_path / "nginx/conf"
    conf.mkdir(parents=True)
    (conf / "nginx.conf").write_text(f"{line}\nworker_processes auto;\n")
    (tmp_path / "panel").mkdir()
    assert guide(tmp_path / "panel", "nginx_user").strip() == (user or "")


def test_another_site_is_not_taken_for_it(tmp_path):
    sites = tmp_path / "panel/vhost/nginx"
    sites.mkdir(parents=True)
    for name, line in (("a", "server_name xwechat.example.com wechat.example.com.cn;"),
                       ("b", "#server_name wechat.example.com;"),
                       ("c", "server_name wechatxexample.com;")):
        (sites / f"{name}.conf").write_text(
            f"server {{\n\t{line}\n\tinclude {sites}/extension/{name}/*.conf;\n}}\n")
    assert guide(tmp_path / "panel", "site_extension", fronts.HOST) == ""
    # An older panel has no such line.
    (sites / "d.conf").write_text(f"server {{\n\tserver_name {fronts.HOST};\n}}\n")
    assert guide(tmp_path / "panel", "site_extension", fronts.HOST) == ""


def test_the_apache_of_a_panel(tmp_path):
    """It runs the sockets' processes, as its own user, and the panel's site keeps port 443."""
    site = re.compile(r"(?m)^<VirtualHost")
    assert site.search(guide(tmp_path / "panel", "make_apache"))
    (tmp_path / "apache/conf").mkdir(parents=True)
    (tmp_path / "panel").mkdir()
    text = guide(tmp_path / "panel", "make_apache")
    assert not site.search(text) and "\nProxyPass /qtoa/" in text and "\nFcgid" not in text
    guide(tmp_path / "panel", "is_of_panel", "apache")
    assert guide(tmp_path / "panel", "is_of_panel", "apache2") == ""


def test_an_older_panel_is_told_which_line_the_site_needs(tmp_path):
    (tmp_path / "server").write_text("server {}\n")
    (tmp_path / "test").write_text(f'nginx: [warn] conflicting server name "{fronts.HOST}" on 0.0.0.0:80\n')
    assert guide(tmp_path, "take_away", "nginx") == f"{fronts.HOST} {tmp_path}/nginx.conf\n"
    lines = (tmp_path / "nginx.conf").read_text().splitlines()
    assert "location ^~ /qtoa/ {" in lines and not any(line.startswith("server") for line in lines)
