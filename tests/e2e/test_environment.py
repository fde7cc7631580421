"""The service's environment file: a verb by hand reads it, a request does not."""

import os
import subprocess

import pytest

import fcgi
import program
import wechat
from test_cli import run
from wechat import PLAIN

NAMES = ("QTOA_QT_URL", "QTOA_STATE_DIR", "E2E_LOG", "E2E_CA_FILE")


@pytest.fixture
def service(home):
    """A home whose variables are in a file, and no longer in the environment."""
    home.file = home.dir / "environment"
    home.file.write_text("# of the service\n" + "".join(
        f'{name}="{home.env.pop(name)}"\n' for name in NAMES) + "LD_PRELOAD=/missing.so\n")
    home.file.chmod(0o640)
    home.env["QTOA_ENVIRONMENT"] = str(home.file)
    return home


def test_verbs_need_nothing_else(service):
    code, out, err = run(service, "queue", "list")
    assert (code, err) == (0, ""), out
    code, out, err = run(service, "check", "--offline")
    assert "is not set" not in out + err and str(service.state) in out


def test_what_is_set_already_wins(service):
    code, out, err = run(service, "queue", "list", env={"QTOA_STATE_DIR": ""})
    assert "/var/lib/qtoa" in err or (code, err) == (0, "")
    code, out, err = run(service, "queue", "list", env={"QTOA_QT_URL": "nonsense"})
    assert "must begin with https://" in err


def test_no_file(service):
    for other in ("", str(service.dir / "missing"), str(service.dir / "environment" / "x")):
        code, out, err = run(service, "queue", "list", env={"QTOA_ENVIRONMENT": other})
        assert "environment variable QTOA_QT_URL is not set" in err
        assert "not used" not in err and not other or other not in err


@pytest.mark.parametrize("mode", (0o666, 0o660, 0o602))
def test_others_may_write_it(service, mode):
    service.file.chmod(mode)
    for verb in (("queue", "list"), ("check", "--offline")):
        code, out, err = run(service, *verb)
        said = [line for line in err.splitlines() if str(service.file) in line]
        assert len(said) == 1 and f"mode is {mode:04o}" in said[0] and "chmod go-w" in said[0]
        assert code == 1
    # What needs no account does not complain.
    assert run(service, "map", stdin=wechat.text_message())[::2] == (0, "")


def test_it_belongs_to_somebody_else(service):
    """Only root can make such a file; for others root's is good."""
    if os.geteuid() == 0:
        os.chown(service.file, 12345, -1)
        code, out, err = run(service, "queue", "list")
        assert code == 1 and "number 12345" in err and "chown root" in err
    else:
        service.file.chmod(0)
        code, out, err = run(service, "queue", "list")
        assert code == 1 and err.count("run qtoa as root or as the user of the service") == 1


def test_a_request_does_not_read_it(service):
    push = wechat.push(PLAIN, wechat.text_message())
    env = {**service.env, **fcgi.push_params(push, "/qtoa/plain")}
    done = subprocess.run([program.binary("main")], input=push.body, env=env,
                          capture_output=True, timeout=60)
    assert done.stdout.startswith(b"Status: 503") and b"QTOA_QT_URL is not set" in done.stderr
