"""One program, built with examples/config-env.h: its accounts and settings come from the environment,
and what is wrong there is said with the variable's name."""

import functools
import json
import re
import subprocess

import pytest

import fcgi
import program
import wechat
from patience import PATIENCE_S
from program import TOP
from test_cgi import params_of
from test_cli import run
from wechat import PLAIN, SAFE

PREFIXES = ("QTOA_", "QTOA_2_", "QTOA_3_", "QTOA_4_")


@functools.cache
def binary():
    program.build("environment", (TOP / "examples" / "config-env.h").read_text())
    return program.made("environment") / "qtoa-environment"


@pytest.fixture
def bare(home):
    """Nothing is set but the state and the log."""
    url = home.env.pop("QTOA_QT_URL")
    home.env.update(QTOA_LOG=str(home.log.path), QTOA_LOG_FLOOD="1000000")
    home.qt_url = url
    return home


def account(home, a, prefix="QTOA_", **more):
    values = dict(path=a.path, appid=a.appid, token=a.token, aes_key=a.key, mode=a.mode,
                  qt_url=home.qt_url, app_key=a.app_key, service_id=a.service_id,
                  service_secret=a.service_secret)
    return {prefix + k.upper(): v for k, v in {**values, **more}.items() if v is not None}


def cgi(home, push, path, variables):
    env = {**home.env, **variables, **params_of(push, path)}
    done = subprocess.run([str(binary())], env=env, input=push.body, capture_output=True,
                          timeout=PATIENCE_S)
    assert done.returncode == 0 and done.stderr == b"", done
    return fcgi.parse(done.stdout)


def check(home, variables, *args):
    done = subprocess.run([str(binary()), "check", "--offline", *args], capture_output=True,
                          env={**home.env, **variables}, text=True, timeout=60)
    return done.returncode, done.stdout


def problems(home, variables):
    """What is wrong, without what is to be done about it."""
    _, out = check(home, variables)
    return [line.split("configuration: environment variable ")[1].split("; set it where")[0]
            for line in out.splitlines() if "environment variable" in line]


def test_two_environments(bare, qt):
    """One binary: safe mode here, plain mode there."""
    for a in SAFE, PLAIN:
        code, out = check(bare, account(bare, a))
        assert code == 0 and "configuration: 1 account\n" in out, out
        push = wechat.push(a)
        assert cgi(bare, push, f"/qtoa/{a.path}", account(bare, a)).body == b"success"
        other = PLAIN if a is SAFE else SAFE
        assert cgi(bare, push, f"/qtoa/{other.path}", account(bare, a)).status == 404
    assert len(qt.received) == 2


def test_four_accounts(bare, qt):
    accounts = [a for a in wechat.ACCOUNTS if a.mode in ("SAFE", "COMPATIBLE", "PLAIN") and a.key
                or a.mode == "PLAIN"][:4]
    variables = {}
    for prefix, a in zip(PREFIXES, accounts):
        variables |= account(bare, a, prefix)
    code, out = check(bare, variables)
    assert code == 0 and "configuration: 4 accounts" in out, out
    for a in accounts:
        assert cgi(bare, wechat.push(a), f"/qtoa/{a.path}", variables).body == b"success"
    assert len(qt.received) == 4


def test_fastcgi(bare, qt, monkeypatch):
    bare.env.update(account(bare, PLAIN, "QTOA_3_", mode="plain"), QTOA_THREADS="3")
    monkeypatch.setattr(program, "binary", lambda variant: binary())
    pool = program.Pool(bare)
    try:
        assert pool.push(PLAIN, wechat.push(PLAIN)).body == b"success"
    finally:
        pool.stop()
    assert len(qt.received) == 1


def test_secrets_in_files(bare, qt):
    files = {}
    for name, value in (("token", SAFE.token), ("aes_key", SAFE.key),
                        ("service_secret", SAFE.service_secret)):
        file = bare.dir / name
        file.write_text(f"\ufeff{value}\r\n")
        file.chmod(0o600)
        files[name] = f"@{file}"
    variables = account(bare, SAFE, **files)
    code, out = check(bare, variables)
    assert code == 0 and out.count(": from ") == 3, out
    assert cgi(bare, wechat.push(SAFE), "/qtoa/safe", variables).body == b"success"
    (bare.dir / "token").chmod(0o644)
    assert "everybody may read" in check(bare, variables)[1]
    (bare.dir / "token").unlink()
    (line,) = problems(bare, variables)
    assert line == (f"QTOA_TOKEN: {bare.dir}/token: No such file or directory: make the "
                    "file, or correct its name")


@pytest.mark.parametrize("left_out", ("PATH", "APPID", "TOKEN", "AES_KEY", "QT_URL", "SERVICE_ID",
                                      "SERVICE_SECRET"))
@pytest.mark.parametrize("prefix", PREFIXES)
def test_half_set(bare, qt, prefix, left_out):
    variables = account(bare, SAFE, prefix)
    for how in None, "":
        if how is None:
            del variables[prefix + left_out]
        else:
            variables[prefix + left_out] = how
        (line,) = problems(bare, variables)
        assert line.startswith(f"{prefix}{left_out}: missing")
    answer = cgi(bare, wechat.push(SAFE), "/qtoa/safe", variables)
    assert answer.status == 503
    (start,) = [s for s in bare.log.text().splitlines() if "what=start" in s]
    assert f"environment variable {prefix}{left_out}: missing" in start
    assert SAFE.service_secret not in bare.log.text() and SAFE.key not in bare.log.text()


@pytest.mark.parametrize("name, value, said", (
    ("THREADS", "0", "0, must be 1 to 1024"), ("THREADS", "1025", "1025, must be 1 to 1024"),
    ("THREADS", "-1", "-1, must be 1 to 1024"), ("THREADS", "9" * 20, "must be 1 to 1024"),
    ("THREADS", "many", "is not a whole number: write one from 1 to 1024"),
    ("THREADS", "6.5", "is not a whole number"), ("THREADS", "0x10", "is not a whole number"),
    ("DEADLINE_MS", "5001", "5001, must be 1 to 5000"), ("FRESH_S", "-2", "must be -1 to 86400"),
    ("BODY_MAX", "64k", "is not a whole number"), ("COLLECTOR", "yes", "is not a whole number"),
    ("COLLECTOR", "2", "2, must be 0 to 1"), ("LOG_LEVEL", "loud", "must be debug, info"),
    ("MODE", "plane", "must be SAFE, COMPATIBLE or PLAIN"),
    ("IDENTITY", "name", "must be OPENID or UNIONID"),
    ("AES_KEY", "short", "5 characters, must be 43"), ("TOKEN", "a b c", "may contain only letters"),
    ("QT_URL", "qt.example", "must begin with https://"), ("PROXY", "nonsense://", ""),
    ("2_TOKEN", "abc", "missing"), ("TOKEN", "@/nonexistent", "No such file")))
def test_wrong_values(bare, qt, name, value, said):
    variables = {**account(bare, SAFE), f"QTOA_{name}": value}
    code, out = check(bare, variables)
    found = problems(bare, variables)
    assert code == 1 and found and any(said in line for line in found), out
    assert all(line.startswith(f"QTOA_{name.split('_')[0]}") for line in found)
    assert cgi(bare, wechat.push(SAFE), "/qtoa/safe", variables).status == 503
    for secret in SAFE.token, SAFE.key, SAFE.service_secret:
        assert secret not in out + bare.log.text()


@pytest.mark.parametrize("value", ("safe", "Safe", " SAFE "))
def test_modes_in_small_letters(bare, qt, value):
    assert problems(bare, account(bare, SAFE, mode=value)) == []


def test_default_mode(bare, qt):
    assert cgi(bare, wechat.push(SAFE), "/qtoa/safe", account(bare, SAFE, mode=None)).body == b"success"


def test_no_account(bare, qt):
    code, out = check(bare, {})
    assert code == 1 and "environment: there is no account: set QTOA_PATH, QTOA_APPID" in out
    assert cgi(bare, wechat.push(SAFE), "/qtoa/safe", {}).status == 503


def test_no_request_sets_a_value(bare, qt):
    """A header is HTTP_..., a query string is QUERY_STRING."""
    variables = {**account(bare, SAFE), "HTTP_QTOA_TOKEN": "other", "HTTP_QTOA_2_PATH": "mine"}
    assert cgi(bare, wechat.push(SAFE), "/qtoa/safe", variables).body == b"success"


def test_other_programs_ignore_it(home, qt):
    """config.h without .environment: the same variables mean nothing."""
    home.env.update(QTOA_TOKEN="other", QTOA_MODE="plane", QTOA_THREADS="x")
    assert run(home, "check", "--offline")[0] == 0
    push = wechat.push(SAFE)
    assert program.run_cgi(home, params_of(push), push.body).body == b"success"


def config(home, variables, *args):
    done = subprocess.run([str(binary()), "config", *args], capture_output=True, text=True,
                          env={**home.env, **variables}, timeout=60)
    assert done.stderr == "", done
    return done.returncode, done.stdout


def test_config_names_the_variables(bare, qt):
    """Texts, numbers and modes; the second account alone, whose values are not the first's."""
    (bare.dir / "token").write_text(PLAIN.token + "\n")
    variables = account(bare, PLAIN, "QTOA_2_", token=f"@{bare.dir}/token")
    variables |= {"QTOA_THREADS": "3", "QTOA_PROXY": "http://me:hushhush@p.example:3128"}
    code, out = config(bare, variables)
    here = "from the environment"
    for line in (f"path {PLAIN.path} $QTOA_2_PATH {here}", f"mode plain $QTOA_2_MODE {here}",
                 f"threads 3 $QTOA_THREADS {here}", "identity openid default",
                 f"proxy http://(secret)@p.example:3128 $QTOA_PROXY {here}", "late_s 600 default",
                 f"token (secret, {len(PLAIN.token)} characters) $QTOA_2_TOKEN {here}: "
                 f"@{bare.dir}/token", "secret -",
                 f"service_secret (secret, {len(PLAIN.service_secret)} characters) "
                 f"$QTOA_2_SERVICE_SECRET {here}"):
        assert line in [" ".join(text.split()) for text in out.splitlines()], (line, out)
    assert code == 0 and out.count("\naccounts[") == 1
    got = json.loads(config(bare, variables, "--json")[1])
    token = got["accounts"][0]["token"]
    assert (token["source"], token["name"], token["file"]) == \
        ("variable", "QTOA_2_TOKEN", f"{bare.dir}/token")
    assert (token["value"], token["length"]) == (None, len(PLAIN.token))
    assert got["settings"]["threads"] == {
        "value": 3, "set": True, "secret": False, "source": "variable", "name": "QTOA_THREADS",
        "from": "the environment", "default": False}
    for text in out, json.dumps(got):
        for secret in PLAIN.token, PLAIN.service_secret, "hushhush":
            assert secret not in text


def test_config_shows_faults_below_the_value(bare, qt):
    variables = account(bare, SAFE, threads="many", late_s="0999999", mode="plane",
                        token="@/nonexistent", aes_key="hushhush", app_key=None, appid=None)
    code, out = config(bare, variables)
    said = re.findall(r"^  (\w+) .*\n    failed: (.*)$", out, re.M)
    assert code == 1 and dict(said) == {
        "threads": "is not a whole number: write one from 1 to 1024",
        "late_s": "0999999, must be 1 to 604800",
        "mode": "must be SAFE, COMPATIBLE or PLAIN",
        "appid": "environment variable QTOA_APPID: missing: copy AppID from WeChat's console",
        "token": "/nonexistent: No such file or directory: make the file, or correct its name",
        "aes_key": "8 characters, must be 43"}, out
    assert re.search(r"^  threads +- +\$QTOA_THREADS from the environment$", out, re.M)
    assert re.search(r"^  mode +- +\$QTOA_MODE from the environment$", out, re.M)
    got = json.loads(config(bare, variables, "--json")[1])
    assert got["problems"] == len(said) and got["settings"]["threads"]["value"] is None
    assert len(got["accounts"][0]["mode"]["failed"]) == 1
    assert "hushhush" not in out + json.dumps(got)


def test_config_without_an_account(bare):
    code, out = config(bare, {})
    assert code == 1 and "failed: there is no account: set QTOA_PATH, QTOA_APPID" in out
    assert json.loads(config(bare, {}, "--json")[1])["accounts"] == []


def test_the_service_s_file(bare, qt):
    """A verb takes what a prefix makes, and nothing else; what is set already goes before."""
    file = bare.dir / "environment"
    variables = account(bare, SAFE) | account(bare, PLAIN, "QTOA_4_") | {"QTOA_THREADS": "9"}
    file.write_text("".join(f"{k}={v}\n" for k, v in variables.items()) +
                    "QTOA_5_PATH=no\nQTOA_ENVIRONMENT=/nonexistent\nLD_PRELOAD=/missing.so\n")
    file.chmod(0o640)
    bare.env["QTOA_ENVIRONMENT"] = str(file)
    code, out = check(bare, {})
    assert code == 0 and "configuration: 2 accounts" in out, out
    code, out = config(bare, {"QTOA_4_PATH": "other"})
    lines = [" ".join(text.split()) for text in out.splitlines()]
    assert code == 0 and f"token (secret, {len(SAFE.token)} characters) $QTOA_TOKEN from {file}" in lines
    assert "path other $QTOA_4_PATH from the environment" in lines
    assert f"mode plain $QTOA_4_MODE from {file}" in lines
    assert f"threads 9 $QTOA_THREADS from {file}" in lines and "missing.so" not in out
    file.chmod(0o666)
    code, out = config(bare, {})
    assert code == 1 and "chmod go-w" in out and "there is no account" in out


def test_a_request_does_not_read_the_service_s_file(bare, qt):
    file = bare.dir / "environment"
    file.write_text("".join(f"{k}={v}\n" for k, v in account(bare, SAFE).items()))
    bare.env["QTOA_ENVIRONMENT"] = str(file)
    assert cgi(bare, wechat.push(SAFE), "/qtoa/safe", {}).status == 503
