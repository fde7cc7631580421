"""packaging/needs.sh: what the build says of libraries that are missing or too old."""

import os
import subprocess

import pytest

import program

PACKAGES = ("libcurl", "openssl", "nettle", "jansson", "mxml", "sqlite3", "libpq")
GOOD = {"libcurl": "7.68.0", "openssl": "1.1.1", "nettle": "3.4", "jansson": "2.12",
        "mxml": "3.0", "sqlite3": "3.34.0", "libpq": "14.0"}
# pkg-config, as far as the script needs it; sort -V compares as it does.
PKG_CONFIG = """#!/bin/sh
of() { sed -n "s/^$1 //p" "$0.versions"; }
case $1 in
--exists) shift; for name; do [ -n "$(of "$name")" ] || exit 1; done ;;
--modversion) of "$2" ;;
--atleast-version=*) least=${1#*=}
    [ "$(printf '%s\\n%s\\n' "$least" "$(of "$2")" | sort -V | head -n 1)" = "$least" ] ;;
*) exit 9 ;;
esac
"""


@pytest.fixture
def ask(tmp_path):
    tool = tmp_path / "bin" / "pkg-config"
    tool.parent.mkdir()
    tool.write_text(PKG_CONFIG)
    tool.chmod(0o755)

    def run(versions, packages=PACKAGES):
        (tool.parent / "pkg-config.versions").write_text(
            "".join(f"{k} {v}\n" for k, v in versions.items()))
        stamp = tmp_path / "stamp"
        done = subprocess.run(
            [str(program.TOP / "packaging" / "needs.sh"), "cc", str(stamp), *packages],
            env={**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"},
            capture_output=True, text=True)
        assert done.stdout == "" and stamp.exists() == (done.returncode == 0)
        return done.returncode, done.stderr

    return run


def test_the_oldest(ask):
    assert ask(GOOD) == (0, "")
    assert ask(GOOD) == (0, "")     # there is a stamp now


@pytest.mark.parametrize("library, version", (
    ("libcurl", "7.67.0"), ("libcurl", "7.61.1"), ("libcurl", "7.9.8"), ("openssl", "1.1.0"),
    ("openssl", "1.0.2k"), ("jansson", "2.11"), ("mxml", "2.12"), ("sqlite3", "3.31.1"),
    ("sqlite3", "3.7.17"), ("nettle", "3.3"), ("nettle", "2.7.1"), ("libpq", "13.14"),
    ("libpq", "9.6.24")))
def test_too_old(ask, library, version):
    code, err = ask({**GOOD, library: version})
    assert code == 1 and len(err.splitlines()) == 1
    assert f"qtoa needs {library} {GOOD[library]} or later, and {version} is installed" in err


@pytest.mark.parametrize("library, version", (
    ("libcurl", "8.20.0"), ("libcurl", "7.100.1"), ("openssl", "3.0.17"), ("openssl", "1.1.1w"),
    ("sqlite3", "3.46.1"), ("jansson", "2.14"), ("nettle", "3.10.1"), ("nettle", "4.0"),
    ("libpq", "15.20"), ("libpq", "17.12")))
def test_newer(ask, library, version):
    assert ask({**GOOD, library: version}) == (0, "")


def test_mxml_4(ask):
    versions = {k: v for k, v in GOOD.items() if k != "mxml"}
    assert ask({**versions, "mxml4": "4.0.3"}, [*PACKAGES[:4], "mxml4", *PACKAGES[5:]]) == (0, "")


def test_missing_and_too_old(ask):
    code, err = ask({**GOOD, "libcurl": "7.61.1", "jansson": ""})
    assert code == 1 and "and 7.61.1 is installed" in err and "qtoa needs jansson.  " in err
