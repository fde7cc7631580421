"""The command line: verbs, their output and exit status; and what `make` refuses."""

import re
import subprocess

import pytest

import fcgi
import fronts
import program
import qt as qt_side
import wechat
from program import OBJECTS, SHARED, account_row, config_text
from wechat import ACCOUNTS, COMPATIBLE, PLAIN, ROTATED, SAFE


def run(home, *args, stdin=b"", variant="main", env=None):
    env = {**home.env, **(env or {})}
    done = subprocess.run([program.binary(variant), *args], input=stdin, capture_output=True,
                          env=env, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_version(home):
    for arg in ("-V", "--version"):
        code, out, err = run(home, arg)
        assert code == 0 and re.fullmatch(r"qtoa \d+(\.\d+)+\n", out) and err == ""


def test_help(home):
    for args in (("-h",), ("--help",), ("help",), ()):
        code, out, err = run(home, *args)
        assert code == 0 and err == ""
        for verb in ("check", "send", "queue", "drain", "-V", "-h"):
            assert re.search(rf"^  {verb}\b", out, re.M)
        assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("args", (("nonsense",), ("-x",), ("",), ("send",), ("send", "safe"),
                                  ("send", "safe", "http://127.0.0.1/"), ("check", "more"),
                                  ("check", "--online", "more")), ids=" ".join)
def test_wrong_usage(home, args):
    code, out, err = run(home, *args)
    assert (code, out) == (2, "") and err.count("\n") == 1


def test_needs_no_configuration(home):
    for args in (("-V",), ("-h",)):
        assert run(home, *args, env={"QTOA_QT_URL": "nonsense"})[0] == 0


# send

@pytest.fixture(scope="module")
def lighttpd(qt_server):
    front = fronts.Front("lighttpd-fastcgi", qt_server.url)
    yield front
    front.stop()


@pytest.fixture
def files(tmp_path):
    for i, text in enumerate(("one", "\u4e2d\u6587\U0001f600", "x" * 20000)):
        (tmp_path / f"{i}.xml").write_bytes(wechat.text_message(text))
    return [str(tmp_path / f"{i}.xml") for i in range(3)]


@pytest.mark.parametrize("account", (SAFE, COMPATIBLE, PLAIN, ROTATED), ids=lambda a: a.path)
def test_send(home, qt, lighttpd, files, account):
    code, out, err = run(home, "send", account.path, f"{lighttpd.url}/qtoa/{account.path}", *files)
    assert (code, err) == (0, ""), out
    assert [re.sub(r"\d+ ms", "N ms", line) for line in out.splitlines()] == [
        f"200 success N ms {f}" for f in files]
    assert len(qt.received) == 3
    assert len({r.fields["nonce"] for r in qt.received}) == 3
    assert {r.fields["openid"] for r in qt.received} == {"oQtoaE2eUser0000000000000001"}
    if account is PLAIN:
        with open(files[1], "rb") as f:
            assert qt.received[1].fields["weChatOAData"] == f.read().decode()


def test_send_standard_input(home, qt, lighttpd):
    xml = wechat.text_message("from a pipe")
    code, out, _ = run(home, "send", "plain", f"{lighttpd.url}/qtoa/plain", "-", stdin=xml)
    assert code == 0 and out.startswith("200 success ")
    assert qt.received[0].fields["weChatOAData"] == xml.decode()


def test_send_is_not_taken(home, qt, lighttpd, files):
    """One that is no `success` is enough for 1; the others are sent all the same."""
    url = f"{lighttpd.url}/qtoa/safe"
    code, out, _ = run(home, "send", "plain", url, *files)
    assert code == 1 and out.count("403 not accepted") == 3
    code, out, _ = run(home, "send", "safe", url + "x", files[0])
    assert code == 1 and out.startswith("404 ")
    code, out, err = run(home, "send", "safe", url, "/missing.xml", files[0])
    assert code == 1 and out.count("200 success") == 1 and "/missing.xml" in err


def test_send_to_one_that_can_keep_nothing(home, files):
    server = qt_side.QT(ACCOUNTS)
    server.behave = qt_side.answering(503, "not accepted\n")
    try:
        code, out, _ = run(home, "send", "safe", server.url, files[0])
        assert code == 1 and out.startswith("503 not accepted ")
    finally:
        server.stop()


def test_send_to_nobody(home, files):
    server = qt_side.QT(ACCOUNTS, listen=False)
    try:
        code, out, _ = run(home, "send", "safe", f"http://127.0.0.1:{server.port}/", files[0])
        assert code == 1 and out.startswith("  0 ")
    finally:
        server.stop()


def test_send_unknown_account(home, files):
    code, out, err = run(home, "send", "nobody", "http://127.0.0.1:1/", files[0])
    assert (code, out) == (1, "") and "nobody" in err


def test_send_without_configuration(home, files):
    code, out, err = run(home, "send", "safe", "http://127.0.0.1:1/", files[0],
                         env={"QTOA_QT_URL": "x"})
    assert (code, out) == (1, "") and "qt_url" in err


def test_send_prints_no_control_characters(home, files):
    server = qt_side.QT(ACCOUNTS)
    server.behave = qt_side.answering(200, "\x1b[31msuccess\r\n")
    try:
        code, out, _ = run(home, "send", "safe", server.url, files[0])
        assert code == 1 and "\x1b" not in out and out.count("\n") == 1
    finally:
        server.stop()


# Values from files and from the environment.

@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """A program whose account is all in files and variables."""
    where = tmp_path_factory.mktemp("references")
    row = account_row(SAFE, path="$E2E_PATH", name="$E2E_NAME", appid="$E2E_APPID",
                      token=f"@{where}/token", aes_key=f"@{where}/aes_key", app_key="$E2E_APPKEY",
                      service_id=f"@{where}/service_id", service_secret=f"@{where}/service_secret")
    program.build("references", config_text({"ca_file": "$E2E_CA_FILE", "collector": 1,
                                              "report_allow": "192.0.2.1"}, [row]))
    return where


@pytest.fixture
def values(references):
    for name, value in (("token", SAFE.token + "\n"), ("aes_key", SAFE.key + "\r\n\n"),
                        ("service_id", SAFE.service_id), ("service_secret", SAFE.service_secret)):
        (references / name).write_text(value)
    return references, {"E2E_PATH": "safe", "E2E_NAME": "by-name", "E2E_APPID": SAFE.appid,
                        "E2E_APPKEY": SAFE.app_key}


def test_values_from_files_and_variables(home, qt, values):
    home.env.update(values[1])
    code, out, _ = run(home, "check", "--offline", variant="references")
    assert code == 0 and "ok       by-name: .../safe" in out
    pool = program.Pool(home, "references")
    try:
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        pool.log.one(account="by-name")
    finally:
        pool.stop()


CHINESE = "\u4f18\u9009\u5546\u57ce\uff08\u5b98\u65b9\uff09"


def test_a_chinese_name_is_readable(home, qt, values):
    """In the log, on each screen, in metrics and health."""
    home.env.update({**values[1], "E2E_NAME": CHINESE})
    qt.behave = qt_side.code(107)
    pool = program.Pool(home, "references")
    try:
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        assert pool.push(SAFE, wechat.push(SAFE, token="wrong")).status == 403
        assert f" account={CHINESE} " in home.log.text()
        for page in ("metrics", "health"):
            with pool.connect() as c:
                answer = c.send(fcgi.request(fcgi.cgi("GET", f"/qtoa/-/{page}"))).answer()
            assert CHINESE in answer.body.decode(), (page, answer)
    finally:
        pool.stop()
    lines = run(home, "status", variant="references")[1].splitlines()
    for words in ("refused by QT", "signature wrong"):
        assert any(words in line and CHINESE in line for line in lines), lines
    for args in (("status",), ("status", "--json"), ("check", "--offline"),
                 ("reconcile",)):
        out = run(home, *args, variant="references")[1]
        assert "???" not in out and CHINESE[:4] in out, (args, out)


# The secret "sec2" as Notepad writes it.
NOTEPAD = (program.TOP / "tests/vectors/reports/secret-bom.txt").read_bytes()


@pytest.mark.parametrize("before,after", (
    NOTEPAD.split(b"sec2"), (b"\xef\xbb\xbf", b""), (b"\xe3\x80\x80\t", b"\xc2\xa0 \r\n\r\n"),
    (b"\xe2\x80\x8b", b"\xef\xbb\xbf\n")), ids=("notepad", "mark", "wide-blanks", "zero-width"))
def test_what_editors_put_around_a_value(home, qt, values, before, after):
    """It is no part of the value: QT accepts the signature, and WeChat's is accepted."""
    where, env = values
    home.env.update(env)
    for name in ("token", "aes_key", "service_id", "service_secret"):
        file = where / name
        file.write_bytes(before + file.read_bytes().strip() + after)
    home.env["E2E_APPKEY"] = before.decode() + SAFE.app_key + after.decode()
    code, out, _ = run(home, "check", "--offline", variant="references")
    assert code == 0, out
    pool = program.Pool(home, "references")
    try:
        assert pool.push(SAFE, wechat.push(SAFE)).body == b"success"
        pool.log.one(verdict="delivered", qt="Httpapi_300_200")
    finally:
        pool.stop()


@pytest.mark.parametrize("content,words", (
    ("sec2".encode("utf-16"), "is UTF-16, which Notepad of Windows calls Unicode: save it as UTF-8"),
    ("sec2".encode("utf-16-be"), "is UTF-16"), (b"sec2\xd6\xd0", "is not UTF-8"),
    (b"se\xe2\x80\x8bc2", "U+200B"), (b"sec2\nsec3", "U+000A"), (b"se\x1bc2", "U+001B")),
    ids=("utf-16", "utf-16-be", "gbk", "zero-width", "two-lines", "escape"))
def test_a_secret_that_is_not_printable(home, values, content, words):
    """The message says what to do, and not the secret."""
    where, env = values
    home.env.update(env)
    (where / "service_secret").write_bytes(content)
    code, out, _ = run(home, "check", "--offline", variant="references")
    failed = [x for x in out.splitlines() if x.startswith("failed") and ".service_secret" in x]
    assert code == 1 and len(failed) == 1 and words in failed[0], out
    assert "sec2" not in out and "c2" not in failed[0].partition("service_secret")[2]


def spoil(path, how):
    if how == "missing":
        path.unlink()
    elif how == "directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({"empty": b"", "line-end": b"\n", "nul": b"abc\0def",
                          "too-long": b"a" * 5000, "two-lines": b"abc\ndef\n",
                          "blank": b"abc def"}[how])


@pytest.mark.parametrize("how,words", (
    ("missing", "No such file or directory: make the file, or correct its name"),
    ("directory", "Is a directory: name the file in it"), ("empty", "token is empty: set the Token"),
    ("line-end", "token is empty: set the Token"), ("nul", "NUL"), ("too-long", "more than 4096 bytes"),
    ("two-lines", "cannot be seen: remove it"), ("blank", "letters and digits")))
def test_a_file_that_is_no_value(home, values, how, words):
    where, env = values
    home.env.update(env)
    spoil(where / "token", how)
    try:
        code, out, _ = run(home, "check", "--offline", variant="references")
        assert code == 1 and re.search(r"^failed .*\.token", out, re.M), out
        assert words in " ".join(out.split()), out
        pool = program.Pool(home, "references")
        try:
            assert pool.push(SAFE, wechat.push(SAFE)).status == 503
            assert "token" in pool.log.wait(what="start")[0]["msg"]
        finally:
            pool.stop()
    finally:
        if how == "directory":
            (where / "token").rmdir()


@pytest.mark.parametrize("name,field", (("E2E_PATH", "path"), ("E2E_APPID", "appid"),
                                        ("E2E_APPKEY", "app_key"), ("QTOA_QT_URL", "qt_url"),
                                        ("QTOA_STATE_DIR", "state_dir")))
def test_a_variable_that_is_not_set(home, values, name, field):
    home.env.update(values[1])
    del home.env[name]
    code, out, _ = run(home, "check", "--offline", variant="references")
    assert code == 1 and re.search(rf"^failed .*\.{field}.*{name}", out, re.M), out


# What make refuses: a message that names the field, no program.

def account(**fields):
    return config_text({}, [account_row(SAFE, **fields)])


REFUSED = {
    "path": ("path", account(path="a/b")),
    "path-missing": ("path", account(path="")),
    "path-long": ("path", account(path="x" * 65)),
    "path-dots": ("path", account(path="..")),
    "path-twice": ("path", config_text({}, [account_row(SAFE), account_row(PLAIN, path="safe")])),
    "appid-missing": ("appid", account(appid="")),
    "token-short": ("token", account(token="ab")),
    "token-long": ("token", account(token="a" * 33)),
    "token-sign": ("token", account(token="abc_def")),
    "token-missing": ("token", account(token="")),
    "aes_key-42": ("aes_key", account(aes_key=SAFE.key[:42])),
    "aes_key-44": ("aes_key", account(aes_key=SAFE.key + "=")),
    "aes_key-sign": ("aes_key", account(aes_key=SAFE.key[:42] + "+")),
    "aes_key-missing": ("aes_key", account(aes_key="")),
    "aes_key-missing-compatible": ("aes_key", account(aes_key="", mode="COMPATIBLE")),
    "aes_key_old": ("aes_key_old", account(aes_key_old="short")),
    "qt_url-missing": ("qt_url", account(qt_url="")),
    "qt_url-scheme": ("qt_url", account(qt_url="ftp://qt.example.com/")),
    "qt_url-host": ("qt_url", account(qt_url="https:///server")),
    "qt_url-user": ("qt_url", account(qt_url="https://a:b@qt.example.com/")),
    "qt_url_standby-scheme": ("qt_url_standby", account(qt_url_standby="qt.example.com")),
    "qt_url_standby-user": ("qt_url_standby", account(qt_url_standby="https://a@qt.example.com/")),
    "service_id": ("service_id", account(service_id="")),
    "service_secret": ("service_secret", account(service_secret="")),
    "mode": ("mode", account(mode="(enum account_mode)7")),
    "client-variable": ("service_secret", account(service_secret="$HTTP_SECRET")),
    "client-variable-query": ("token", account(token="$QUERY_STRING")),
    "variable-without-name": ("token", account(token="$")),
    "file-without-name": ("token", account(token="@")),
    "state_dir-client-variable": ("state_dir", config_text({"state_dir": "$HTTP_DIR"})),
    "threads": ("threads", config_text({"threads": 5000})),
    "threads-negative": ("threads", config_text({"threads": -1})),
    "deadline_ms": ("deadline_ms", config_text({"deadline_ms": 6000})),
    "forward_ms": ("forward_ms", config_text({"forward_ms": -5})),
    "connect_ms": ("connect_ms", config_text({"connect_ms": 100000})),
    "io_ms": ("io_ms", config_text({"io_ms": -1})),
    "body_max": ("body_max", config_text({"body_max": 1 << 30})),
    "fresh_s": ("fresh_s", config_text({"fresh_s": -2})),
    "collector": ("collector", config_text({"collector": 2})),
    "breaker_fails": ("breaker_fails", config_text({"breaker_fails": -1})),
    "drain_parallel": ("drain_parallel", config_text({"drain_parallel": 65})),
    "dedupe_days": ("dedupe_days", config_text({"dedupe_days": 367})),
    "keep_days": ("keep_days", config_text({"keep_days": -1})),
}


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """Where the files are, and what is made for each of them."""
    program.binary("main")
    return tmp_path_factory.mktemp("refused")


@pytest.mark.parametrize("name", REFUSED)
def test_make_refuses(refusing, name):
    field, text = REFUSED[name]
    config = refusing / f"{name}.h"
    config.write_text(text)
    done = program.make_check(config, refusing / "o")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert re.search(rf"^{re.escape(str(config))}:\d+: (accounts\[\d\]|settings)\.{field}\b", said,
                     re.M), said


WARNED = {
    "gh": ("appid", account(appid="gh_0123456789ab"), "original ID"),
    "short": ("appid", account(appid="wx0123456789abcde"), "16 hex digits"),
    "no-path": ("qt_url", account(qt_url="https://qt.example.com"), "has no path"),
    "slash": ("qt_url_standby", account(qt_url_standby="https://qt.example.com/"), "has no path"),
    "app_key": ("app_key", account(app_key=""), "is empty"),
    "state_dir": ("state_dir", config_text({"state_dir": "state"}), "not an absolute path"),
    "log": ("log", config_text({"log": "qtoa.log"}), "not an absolute path"),
    "file": ("token", account(token="@token"), "relative name"),
    "name": ("name", account(name="\u202eshop"), "not printable"),
}


@pytest.mark.parametrize("name", WARNED)
def test_make_warns(refusing, name):
    """The program is built; a line names the field, and says what to do."""
    field, text, words = WARNED[name]
    config = refusing / f"warned-{name}.h"
    config.write_text(text)
    done = program.make_check(config, refusing / "o")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^{re.escape(str(config))}:\d+: warning: (accounts\[\d\]|settings)\.{field}\b"
                     rf".*{words}.*; ", done.stderr, re.M), done.stderr


GBK = "\u5546\u57ce".encode("gbk")


@pytest.mark.parametrize("how,code,words", (
    ("comment", 0, ":1: warning: not UTF-8: "), ("mark", 0, None),
    ("utf-16", 2, ": is UTF-16, which Notepad of Windows calls Unicode; save it as UTF-8"),
    ("utf-16-be", 2, ": is UTF-16"), ("secret", 2, "service_secret (safe): character 1 is not")))
def test_make_reads_a_file_in_another_encoding(refusing, how, code, words):
    """A file with bytes that are not UTF-8 is named, with the line; UTF-16 is not compiled."""
    good, config = account(), refusing / f"encoding-{how}.h"
    config.write_bytes({
        "comment": b"/* " + GBK + b" */\n" + good.encode(), "mark": b"\xef\xbb\xbf" + good.encode(),
        "secret": good.encode().replace(SAFE.service_secret.encode(), GBK),
        "utf-16": good.encode("utf-16"), "utf-16-be": b"\xfe\xff" + good.encode("utf-16-be"),
    }[how])
    done = program.make_check(config, refusing / "o")
    assert done.returncode == code, done.stderr
    if words is None:
        assert done.stderr == ""
    else:
        assert words in done.stderr and "stray" not in done.stderr, done.stderr


def test_make_takes_what_is_right(refusing):
    """The same way, so that the refusals above are not of something else."""
    for name, text in (("good", account()), ("shipped", (program.TOP / "config.h").read_text()),
                       ("plain", config_text({}, [account_row(PLAIN)]))):
        config = refusing / f"{name}.h"
        config.write_text(text)
        done = program.make_check(config, refusing / "o")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("log, warned", (("/dev/stdout", True), ("/dev/fd/1", True), ("-", True),
                                         ("/dev/stderr", False), ("/var/log/qtoa", False)))
def test_make_warns_of_a_log_in_the_answer(refusing, log, warned):
    config = refusing / "log.h"
    config.write_text(config_text({"log": log}))
    done = program.make_check(config, refusing / "o")
    assert done.returncode == 0, done.stderr
    assert (f"warning: settings.log {log} leads to" in done.stderr) == warned


def test_make_without_the_file():
    done = program.make("/missing/config.h", SHARED, f"BC={OBJECTS}/none", f"BIN={OBJECTS}/none/qtoa")
    assert done.returncode != 0 and "/missing/config.h" in done.stderr
