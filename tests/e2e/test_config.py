"""`qtoa config`: every value and where it comes from, also of a configuration that cannot be used;
and no byte of a secret."""

import json
import re
import subprocess
import sys

import pytest

import program
import wechat
from program import account_row, config_text
from test_cli import run
from wechat import PLAIN, SAFE

sys.path.insert(0, str(program.TOP / "tests/docs"))
import docs     # noqa: E402

SECRETS = {"token", "token_old", "aes_key", "aes_key_old", "app_key", "service_secret", "secret",
           "control_key", "control_url"}
HUSH = {name: f"hush{name.replace('_', '')}".ljust(43 if name.startswith("aes") else 20, "0")
        for name in SECRETS - {"control_url"}}


def as_json(home, *args, expect=0, variant="main", env=None):
    code, out, err = run(home, "config", "--json", *args, variant=variant, env=env)
    assert (code, err) == (expect, ""), (code, out, err)
    return json.loads(out)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """A program all of whose secrets are in files, in variables, or compiled in."""
    where = tmp_path_factory.mktemp("secrets")
    rows = []
    for i, account in enumerate((SAFE, PLAIN)):
        values = dict(HUSH, control_url="https://c.example/hush?key=hushkey")
        if i == 0:
            for name, value in values.items():
                (where / name).write_text(value + "\r\n")
                values[name] = f"@{where / name}"
        rows.append(account_row(account, **values))
    rows.append(account_row(wechat.COMPATIBLE, **{n: f"$E2E_{n.upper()}" for n in HUSH}))
    program.build("hush", config_text(dict(proxy="http://hushuser:hush%40word@p.example:3128"),
                                      rows))
    return where


def environment(home):
    return {f"E2E_{name.upper()}": value for name, value in HUSH.items()}


@pytest.mark.parametrize("args", ((), ("--json",), ("safe",), ("plain", "--json"), ("compatible",)))
def test_no_byte_of_a_secret(home, secrets, args):
    for env in (environment(home), {}):
        code, out, err = run(home, "config", *args, variant="hush", env=env)
        assert code == (0 if env else 1) and "hush" not in out.replace(str(secrets), "") \
            .replace(str(program.made("hush")), "") and "hush" not in err, out


def test_secrets_are_told_of(home, secrets):
    got = as_json(home, variant="hush", env=environment(home))
    assert got["settings"]["proxy"]["value"] == "http://(secret)@p.example:3128"
    for i, (source, word) in enumerate((("file", str(secrets)), ("config", None),
                                        ("variable", "E2E_"))):
        for name, value in HUSH.items():
            field = got["accounts"][i][name]
            assert field["secret"] and field["set"] and field["value"] is None
            assert (field["length"], field["source"]) == (len(value), source), name
            assert word is None or field["name"].startswith(word)
            assert source != "variable" or field["from"] == "the environment"
    code, out, err = run(home, "config", variant="hush", env=environment(home))
    assert re.search(rf"^  token +\(secret, 20 characters\) +@{secrets}/token$", out, re.M)
    assert re.search(r"^  aes_key +\(secret, 43 characters\) +\$E2E_AES_KEY from the environment$",
                     out, re.M)


def test_the_table_has_every_field(home):
    """Those of core/conf.c, each once; the secrets are these."""
    got = as_json(home)
    assert set(got["settings"]) == {*docs.text_settings(), *docs.number_settings(), "wechat_only",
                                    "store_ack", "store_degrade"}
    assert len(got["accounts"]) == len(wechat.ACCOUNTS)
    for account in got["accounts"]:
        assert set(account) == {*docs.account_rules(), "mode", "identity"}
        assert {n for n, f in account.items() if f["secret"]} == SECRETS
    code, out, err = run(home, "config")
    for name in (*got["settings"], *got["accounts"][0]):
        n = (name in got["settings"]) + len(wechat.ACCOUNTS) * (name in got["accounts"][0])
        assert len(re.findall(rf"^  {name} ", out, re.M)) == n, name


def test_values_and_sources(home):
    got = as_json(home)
    settings = got["settings"]
    assert settings["threads"] == {"value": 64, "set": True, "secret": False, "source": "config",
                                   "default": False}
    assert settings["late_s"] == {"value": 600, "set": True, "secret": False, "source": "default",
                                  "default": True}
    assert settings["state_dir"]["value"] == str(home.state)
    assert (settings["state_dir"]["name"], settings["state_dir"]["from"]) == \
        ("QTOA_STATE_DIR", "the environment")
    assert settings["metrics_allow"]["value"] == settings["report_allow"]["value"]
    assert settings["metrics_allow"]["source"] == "default"
    assert settings["proxy"]["value"] is None and settings["proxy"]["source"] == "none"
    assert got["accounts"][0]["mode"]["value"] == wechat.ACCOUNTS[0].mode.lower()
    assert got["config"].endswith("main/config.h") and got["problems"] == 0
    # A program may be built without libpq.
    assert set(got["libraries"]) | {"libpq"} == {"libcurl", "OpenSSL", "Nettle", "jansson", "mxml",
                                                 "SQLite", "libpq"}
    assert all(re.search(r"\d+\.\d+", v) for v in got["libraries"].values())
    assert got["version"] == run(home, "-V")[1].split()[1]


def test_an_empty_variable_leaves_the_default(home):
    got = as_json(home, env={"E2E_LOG": " ", "E2E_CA_FILE": ""})["settings"]
    assert (got["log"]["value"], got["log"]["default"], got["log"]["source"]) == \
        ("stderr", True, "variable")
    assert got["ca_file"]["value"] is None
    assert re.search(r"^  log +stderr +\$E2E_LOG from the environment is empty: default$",
                     run(home, "config", env={"E2E_LOG": ""})[1], re.M)


def test_from_the_service_s_file(home):
    file = home.dir / "environment"
    file.write_text(f"QTOA_QT_URL={home.env.pop('QTOA_QT_URL')}\n")
    file.chmod(0o640)
    home.env["QTOA_ENVIRONMENT"] = str(file)
    got = as_json(home)
    assert got["environment"] == {"file": str(file)}
    assert got["accounts"][0]["qt_url"]["from"] == str(file)
    assert got["settings"]["state_dir"]["from"] == "the environment"
    assert f"$QTOA_QT_URL from {file}\n" in run(home, "config")[1]
    file.chmod(0o666)
    got = as_json(home, expect=1)
    assert "chmod go-w" in got["environment"]["problem"]
    assert "chmod go-w" in run(home, "config")[1]


def test_what_fails_is_named(home, secrets):
    (secrets / "token").rename(secrets / "gone")
    try:
        env = {**environment(home), "QTOA_QT_URL": "ftp://qt.example/"}
        del env["E2E_SERVICE_SECRET"]
        got = as_json(home, expect=1, variant="hush", env=env)
        code, out, err = run(home, "config", variant="hush", env=env)
        one, said, _ = run(home, "config", "plain", variant="hush", env=env)
    finally:
        (secrets / "gone").rename(secrets / "token")
    failed = {(i, n): f["failed"] for i, a in enumerate(got["accounts"]) for n, f in a.items()
              if "failed" in f}
    assert set(failed) == {(0, "token"), (2, "service_secret"), (0, "qt_url"), (1, "qt_url"),
                           (2, "qt_url")} and got["problems"] == 5
    assert "No such file" in failed[0, "token"][0]
    assert "is not set" in failed[2, "service_secret"][0]
    assert code == 1 and err == "" and out.count("    failed: ") == 5
    assert re.search(r"^  token +- .*@\S+/token\n    failed: \S+/token: No such file", out, re.M)
    assert one == 1 and said.count("    failed: ") == 1 and "4 other values cannot" in said


def test_what_is_odd_is_marked(home):
    """As conf_warn has it, of values that are read, too."""
    got = as_json(home, env={"QTOA_QT_URL": "https://qt.example", "E2E_LOG": "relative"})
    assert "has no path" in got["accounts"][0]["qt_url"]["warnings"][0]
    assert "not an absolute path" in got["settings"]["log"]["warnings"][0]
    code, out, err = run(home, "config", env={"QTOA_QT_URL": "https://qt.example"})
    assert code == 0 and out.count("    warning: has no path") == len(wechat.ACCOUNTS)


def test_one_account(home):
    for word in (SAFE.path, SAFE.appid):
        got = as_json(home, word)
        assert "settings" not in got and len(got["accounts"]) == 1
        assert got["accounts"][0]["path"]["value"] == SAFE.path
    code, out, err = run(home, "config", "safe")
    assert code == 0 and "settings" not in out and out.count("\naccounts[") == 1
    code, out, err = run(home, "config", "nobody")
    assert (code, out) == (1, "") and "there is no account nobody" in err
    assert run(home, "config", "safe", "plain")[0] == 2


def test_names_that_would_lie(home):
    """Ten accounts whose names are no names: nothing of them moves a cursor."""
    code, out, err = run(home, "config", variant="ten")
    assert code == 0 and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert len(as_json(home, variant="ten")["accounts"]) == 10
