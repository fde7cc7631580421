"""HTTPS of the static programs, with an authority of the tests: who is trusted, who is not, and
where the certificates of the host are looked for."""

import contextlib
import os
import shutil
import subprocess

import pytest

import served
from served import DEMO, HERE, qt_side, wechat


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    place = tmp_path_factory.mktemp("ca")
    return [qt_side.Authority(place, name) for name in ("good", "evil")]


@pytest.fixture
def start(tmp_path):
    """Starts QT with that certificate, and a command that is handed QT's URL."""
    with contextlib.ExitStack() as on:
        def start(context, command, socket, **environment):
            qt = qt_side.QT((DEMO,), tls=context)
            on.callback(qt.stop)
            environment["QTOA_QT_URL"] = qt.url
            return qt, on.enter_context(served.Served(command, environment, socket))

        yield start


def assert_delivered(qt, program):
    answer = program.push(wechat.push(DEMO))
    assert (answer.status, answer.body) == (200, b"success")
    assert len(qt.received) == 1 and not qt.problems and not qt.tls_failures, qt.problems


def assert_refused(qt, program, says):
    """It is kept for later, and nothing of it has gone out."""
    answer = program.push(wechat.push(DEMO))
    assert (answer.status, answer.body) == (200, b"success")
    assert program.stop() == 0
    assert qt.received == [] and qt.connections
    line, = [line for line in program.log.read_text().splitlines() if "what=request" in line]
    assert "verdict=queued" in line and says in line, line


# What QT shows; what the log says of it, None: it is trusted.
CERTIFICATES = {
    "good": (lambda good, evil: good.context(), None),
    "of another authority": (lambda good, evil: evil.context(), "certificate"),
    "self-signed": (lambda good, evil: good.context(self_signed=True), "certificate"),
    "expired": (lambda good, evil: good.context(days=(-9, -1)), "certificate"),
    "of another host": (lambda good, evil: good.context(("qt.example",)), "certificate"),
}


@pytest.mark.parametrize("cpu", served.CPUS)
@pytest.mark.parametrize("what", CERTIFICATES)
def test_ca_file(tmp_path, start, authorities, cpu, what):
    make, says = CERTIFICATES[what]
    (tmp_path / "state").mkdir(mode=0o700)
    qt, program = start(
        make(*authorities), [*served.emulator(cpu), served.program(cpu, "tls"), "listen",
                             tmp_path / "sock"], tmp_path / "sock",
        QTOA_STATE_DIR=str(tmp_path / "state"), QTOA_CA_FILE=str(authorities[0].file))
    if says is None:
        assert_delivered(qt, program)
    else:
        assert_refused(qt, program, says)


def in_root(root):
    """A command that runs the program in a root directory with nothing else."""
    (root / "state").mkdir(parents=True, mode=0o700)
    shutil.copy(served.program(HERE), root / "qtoa")
    return ["unshare", "-r", "/usr/sbin/chroot", root, "/qtoa", "listen", "/sock"]


@pytest.mark.parametrize("place", (
    "etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem", "etc/ssl/cert.pem", None))
def test_certificates_of_the_host(tmp_path, start, authorities, place):
    """In a root directory with nothing else; None: not even that."""
    root = tmp_path / "root"
    command = in_root(root)
    if place:
        (root / place).parent.mkdir(parents=True)
        shutil.copy(authorities[0].file, root / place)
    qt, program = start(
        authorities[0].context(), command, root / "sock", PATH=os.environ["PATH"],
        QTOA_STATE_DIR="/state")
    if place:
        assert_delivered(qt, program)
    else:
        assert_refused(qt, program, "no CA certificates can be read; set settings.ca_file")


@pytest.mark.parametrize("hashed", (0, 1), ids=("directory", "bundle"))
def test_hashed_directory_of_the_host(tmp_path, start, authorities, hashed):
    """The hashes are those of the openssl command; what the directory lacks is in the bundle."""
    root = tmp_path / "root"
    command = in_root(root)
    place = root / "etc/ssl/certs"
    place.mkdir(parents=True)
    shutil.copy(authorities[hashed].file, place / "a.pem")
    subprocess.run(["openssl", "rehash", place], check=True)
    shutil.copy(authorities[not hashed].file, place / "ca-certificates.crt")
    qt, program = start(
        authorities[0].context(), command, root / "sock", PATH=os.environ["PATH"],
        QTOA_STATE_DIR="/state")
    assert_delivered(qt, program)
    assert qt.connections == 1
