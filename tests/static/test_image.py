"""The image of `make image`: its layout and digests, the same bytes each time, and what is in it at
work, without a daemon: read-only, not as root, behind a web server."""

import contextlib
import gzip
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile

import pytest

import served
from served import DEMO, TOP, qt_side, wechat

USER = 65532
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
OCI = "application/vnd.oci.image."
LIGHTTPD = shutil.which("lighttpd", path=os.environ["PATH"] + ":/usr/sbin")


def make_image(out, ca, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    programs = [str(served.program(cpu)) for cpu in ARCHITECTURES.values()]
    subprocess.run(["make", "-s", "-C", TOP, "image", f"IMAGE={out}", f"IMAGE_CA={ca}",
                    f"IMAGE_BINS={' '.join(programs)}"], check=True,
                   env={**clean, **environment}, stdout=subprocess.DEVNULL)
    return out.read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return qt_side.Authority(tmp_path_factory.mktemp("ca"), "good")


@pytest.fixture(scope="module")
def archive(tmp_path_factory, authority):
    out = tmp_path_factory.mktemp("image") / "image.tar"
    return make_image(out, authority.file, SOURCE_DATE_EPOCH="1700000000")


class Image:
    """What an archive says of itself; each reference is followed by its digest."""

    def __init__(self, archive):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            self.members = tar.getmembers()
            self.files = {m.name: tar.extractfile(m).read() for m in self.members if m.isfile()}
        self.followed = set()

    def follow(self, reference, kind):
        name = "blobs/" + reference["digest"].replace(":", "/")
        data = self.files[name]
        assert reference["mediaType"] == OCI + kind and reference["size"] == len(data)
        assert reference["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
        self.followed.add(name)
        return data

    def json(self, reference, kind):
        said = json.loads(self.follow(reference, kind))
        assert said.get("mediaType", OCI + kind) == OCI + kind
        return said

    def all(self):
        """The configuration and the layer of each architecture."""
        top = json.loads(self.files["index.json"])
        reference, = top["manifests"]
        found = {}
        for entry in self.json(reference, "index.v1+json")["manifests"]:
            manifest = self.json(entry, "manifest.v1+json")
            layer, = manifest["layers"]
            config = self.json(manifest["config"], "config.v1+json")
            assert entry["platform"] == {"architecture": config["architecture"],
                                         "os": config["os"]}
            unpacked = gzip.decompress(self.follow(layer, "layer.v1.tar+gzip"))
            assert config["rootfs"] == {"type": "layers", "diff_ids": [
                "sha256:" + hashlib.sha256(unpacked).hexdigest()]}
            found[config["architecture"]] = config, unpacked
        return found


@pytest.fixture(scope="module")
def image(archive):
    return Image(archive)


def test_layout(image):
    assert json.loads(image.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert list(image.all()) == list(ARCHITECTURES)
    blobs = {name for name in image.files if name.startswith("blobs/")}
    assert image.followed == blobs and len(blobs) == 7
    assert set(image.files) - blobs == {"oci-layout", "index.json", "manifest.json"}
    assert {(m.uid, m.gid, m.mtime) for m in image.members} == {(0, 0, 1700000000)}


def test_docker_without_containerd(image):
    """It reads manifest.json: the same files."""
    said = json.loads(image.files["manifest.json"])
    assert len({tag for row in said for tag in row["RepoTags"]}) == len(said) == 2
    for row, (config, unpacked) in zip(said, image.all().values()):
        assert json.loads(image.files[row["Config"]]) == config
        assert [gzip.decompress(image.files[name]) for name in row["Layers"]] == [unpacked]


def test_configuration(image):
    for config, _ in image.all().values():
        assert config["created"] == "2023-11-14T22:13:20Z" and config["os"] == "linux"
        said = config["config"]
        assert said["User"] == f"{USER}:{USER}" and said["Entrypoint"] == ["/qtoa"]
        assert said["Cmd"] == ["listen", "/run/qtoa/qtoa.sock"]
        assert said["Volumes"] == {"/run/qtoa": {}, "/var/lib/qtoa": {}}


def test_files(image, authority):
    for architecture, (_, unpacked) in image.all().items():
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as tar:
            found = {m.name: (oct(m.mode), m.uid, m.gid) for m in tar}
            assert tar.extractfile("qtoa").read() == \
                served.program(ARCHITECTURES[architecture]).read_bytes()
            assert tar.extractfile("etc/ssl/certs/ca-certificates.crt").read() == \
                authority.file.read_bytes()
            assert f"qtoa:x:{USER}:{USER}:" in tar.extractfile("etc/passwd").read().decode()
        root = {**dict.fromkeys(("etc", "etc/ssl", "etc/ssl/certs", "run", "var", "var/lib", "qtoa"),
                                ("0o755", 0, 0)),
                **dict.fromkeys(("etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt"),
                                ("0o644", 0, 0))}
        assert found == {**root, "run/qtoa": ("0o755", USER, USER),
                         "var/lib/qtoa": ("0o700", USER, USER)}


def test_the_same_bytes(tmp_path, archive, authority):
    """Elsewhere, with another mask of modes, in another time zone; at another time not."""
    before = os.umask(0o002)
    try:
        again = make_image(tmp_path / "again.tar", authority.file, TZ="Asia/Shanghai",
                           SOURCE_DATE_EPOCH="1700000000", TMPDIR=str(tmp_path), LC_ALL="C.UTF-8")
        later = make_image(tmp_path / "later.tar", authority.file, SOURCE_DATE_EPOCH="1700000001")
    finally:
        os.umask(before)
    assert again == archive and later != archive
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.tar", "later.tar"]


def test_without_certificates(tmp_path):
    done = subprocess.run([TOP / "packaging/image.sh", "1", tmp_path / "image.tar",
                           tmp_path / "none.crt", f"amd64={served.program('x86_64')}"], cwd=TOP,
                          check=False, capture_output=True, text=True)
    assert done.returncode == 1 and "no certificates" in done.stderr and "IMAGE_CA" in done.stderr
    assert list(tmp_path.iterdir()) == []


def unpack(image, architecture, root):
    config, unpacked = image.all()[architecture]
    root.mkdir()
    subprocess.run(["tar", "-x", "--no-same-owner", "-C", root], input=unpacked, check=True)
    return config["config"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_program_in_it_runs(tmp_path, image, architecture):
    unpack(image, architecture, tmp_path / "root")
    command = [*served.emulator(ARCHITECTURES[architecture]), tmp_path / "root" / "qtoa", "-V"]
    done = subprocess.run(command, env={}, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("qtoa ")


# What a daemon does: root directory read-only but for the volumes, the image's user and no other
# right.  The two directories behind ROOT are the volumes.
CONTAIN = """set -e
root=$1 user=$2
mount --bind "$root" "$root"
mount --bind "$3" "$root/run/qtoa"
mount --bind "$4" "$root/var/lib/qtoa"
mount -o remount,bind,ro "$root"
! touch "$root/probe" 2>/dev/null
shift 4
exec unshare -U --map-user="${user%:*}" --map-group="${user#*:}" --root="$root" --wd=/ "$@"
"""


class Web:
    """lighttpd before a socket file, on a socket that it is handed."""

    def __init__(self, place, sock):
        (place / "www").mkdir()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        (place / "lighttpd.conf").write_text(
            f'server.systemd-socket-activation = "enable"\nserver.port = {self.port}\n'
            f'server.bind = "127.0.0.1"\nserver.document-root = "{place}/www"\n'
            'server.modules = ("mod_fastcgi")\n'
            f'fastcgi.server = ("/qtoa" => (("socket" => "{sock}", "check-local" => "disable")))\n')
        fd = self.listening.fileno()
        with (place / "lighttpd.log").open("w") as log:
            self.proc = subprocess.Popen(
                ["/bin/bash", "-c", f"exec 3<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 exec {LIGHTTPD} -D "
                 f"-f {place}/lighttpd.conf"], pass_fds=(fd,), stderr=log)

    def send(self, push):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(conn):
            conn.request(push.method, f"/qtoa/{DEMO.path}?{push.query}", push.body)
            answer = conn.getresponse()
            return answer.status, answer.read()

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        self.listening.close()


def test_at_work(tmp_path, image, authority):
    """The handshake and a message, which QT gets by HTTPS: the image has the certificates."""
    architecture = next(a for a, cpu in ARCHITECTURES.items() if cpu == served.HERE)
    said = unpack(image, architecture, tmp_path / "root")
    run, state = tmp_path / "run", tmp_path / "state"
    run.mkdir(mode=0o755)
    state.mkdir(mode=0o700)
    with contextlib.ExitStack() as on:
        qt = qt_side.QT((DEMO,), tls=authority.context())
        on.callback(qt.stop)
        environment = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "QTOA_QT_URL": qt.url,
                       **dict(pair.split("=", 1) for pair in said["Env"])}
        program = on.enter_context(served.Served(
            ["unshare", "-rm", "/bin/sh", "-c", CONTAIN, "contain", tmp_path / "root", said["User"],
             run, state, *said["Entrypoint"], *said["Cmd"]], environment, run / "qtoa.sock"))
        web = Web(tmp_path, run / "qtoa.sock")
        on.callback(web.stop)
        probe = wechat.handshake(DEMO)
        assert web.send(probe) == (200, probe.get("echostr").encode())
        assert web.send(wechat.push(DEMO)) == (200, b"success"), program.log.read_text()
        assert len(qt.received) == 1 and not qt.problems, qt.problems
        assert re.search(r"^CapEff:\s+0+$", open(f"/proc/{program.proc.pid}/status").read(), re.M)
        assert (state / "qtoa.db").exists()
        assert program.stop() == 0
    assert not (run / "qtoa.sock").exists()


def test_the_example_for_compose(image):
    """Its volumes are the image's, its sockets those of Caddy's example."""
    text = (TOP / "examples/compose.yaml").read_text()
    caddy = (TOP / "examples/Caddyfile-example").read_text()
    sockets = set(re.findall(r"command: \[listen, ([^\]]+)\]", text))
    assert sockets and sockets == {"/" + s for s in re.findall(r"unix//(\S+)", caddy)}
    tags = [tag for row in json.loads(image.files["manifest.json"]) for tag in row["RepoTags"]]
    assert re.findall(r"image: (qtoa\S*)", text) == tags[:1]
    config = next(iter(image.all().values()))[0]["config"]
    for volume in config["Volumes"]:
        assert re.search(rf"- \w+:{volume}$", text, re.M), volume
    assert f'group_add: ["{USER}"]' in text
