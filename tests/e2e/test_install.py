"""`make install`, `uninstall` and `tarball`, and what make says where libraries are missing, as the
one who types them meets them."""

import os
import re
import shutil
import stat
import subprocess
import tarfile

import pytest

import fcgi
import program
import wechat
from patience import PATIENCE_S
from program import TOP

# Where an operator of another system may want things.
HERE = {"PREFIX": "/opt/qtoa", "SYSCONFDIR": "/opt/etc", "STATEDIR": "/srv/qtoa",
        "CGIBINDIR": "/srv/cgi-bin", "OWNER": "keeper", "WEBGROUP": "web"}


def make(*args, top=TOP, path=None, cc=None, before=()):
    """make, as a user types it; path: what else PATH is, before: the command that runs it."""
    # Not what the make that runs the tests was told: where its objects are, say.
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("MAKE", "MFLAGS")) and k not in ("B", "BIN", "CONFIG", "E2E_ARGS")}
    env.update(PATH=path or env["PATH"], LC_ALL="C", **({"CC": cc} if cc else {}))
    if program.SAN:     # fakeroot's library comes before the sanitizer's
        env["ASAN_OPTIONS"] = "verify_asan_link_order=0"
    return subprocess.run([*before, "make", "-s", "-C", str(top), *args], env=env,
                          capture_output=True, text=True, timeout=600)


def good(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built():
    """What is installed: a program with a configuration of its own."""
    return [*program.build("installed", program.config_text(program.LIMITS)),
            f"SAN={program.SAN}"]


def variables(**values):
    return [f"{k}={v}" for k, v in values.items()]


def tree(root):
    """Everything below a directory: its mode where it is the program's own, and its kind."""
    return {f"/{p.relative_to(root)}": p for p in sorted(root.rglob("*"))}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_tree_for_a_package(built, tmp_path):
    root = tmp_path / "root"
    out = good(make("install", *built, *variables(DESTDIR=root)))
    files = tree(root)
    assert "/usr/local/bin" in out and "www-data" in out
    assert mode(files["/usr/local/bin/qtoa"]) == 0o750
    assert mode(files["/var/lib/qtoa"]) == 0o700
    assert mode(files["/etc/qtoa/environment"]) == 0o640
    assert mode(files["/usr/local/share/doc/qtoa/examples/config.h"]) == 0o640
    for name in ("lib/systemd/system/qtoa.socket", "lib/systemd/system/qtoa.service",
                 "lib/tmpfiles.d/qtoa.conf", "share/man/man8/qtoa.8",
                 "share/man/man5/qtoa-config.5",
                 "share/man/zh_CN/man8/qtoa.8", "share/man/zh_CN/man5/qtoa-config.5",
                 "share/doc/qtoa/README.md", "share/doc/qtoa/CHANGELOG.md",
                 "share/bash-completion/completions/qtoa", "share/zsh/site-functions/_qtoa"):
        assert files[f"/usr/local/{name}"].is_file(), name
    # The web server's own user is nobody's to make.
    assert "/usr/local/lib/sysusers.d" not in files


def test_a_program_of_another_machine(built, tmp_path):
    """It cannot run here; the scripts that were made with it do not need that."""
    good(make("install", *built, *variables(DESTDIR=tmp_path / "one")))
    foreign = tmp_path / "qtoa"
    foreign.write_bytes(b"\x7fELF, of another machine")
    foreign.chmod(0o755)
    good(make("install", "-o", str(foreign), *built,
              *variables(BIN=foreign, DESTDIR=tmp_path / "root")))
    script = tree(tmp_path / "root")["/usr/local/share/bash-completion/completions/qtoa"]
    assert "\ncomplete -F _qtoa qtoa\n" in script.read_text()


def test_a_program_that_was_built_elsewhere(built, tmp_path):
    """It is installed as it is, on a host without a compiler, and by somebody who has not built it."""
    foreign = tmp_path / "qtoa-0.1-linux"
    shutil.copy(program.binary("main"), foreign)
    root = tmp_path / "root"
    good(make("install", *variables(PROGRAM=foreign, B=tmp_path / "b", CC="/nothere/cc", DESTDIR=root)))
    files = tree(root)
    assert files["/usr/local/bin/qtoa"].read_bytes() == foreign.read_bytes()
    assert "\ncomplete -F _qtoa qtoa\n" in \
        files["/usr/local/share/bash-completion/completions/qtoa"].read_text()
    assert {p.name for p in (tmp_path / "b").iterdir()} == {"completion.bash", "completion.zsh"}
    assert make("install", *variables(PROGRAM=tmp_path / "none", DESTDIR=root)).returncode != 0


def test_everything_goes_where_it_is_told_to_and_says_so(built, tmp_path):
    root = tmp_path / "root"
    good(make("install", *built, *variables(DESTDIR=root, **HERE)))
    files = tree(root)
    assert all(f in ("/opt", "/srv") or f.startswith(("/opt/qtoa", "/opt/etc", "/srv/qtoa",
                                                      "/srv/cgi-bin")) for f in files)
    told = "".join(p.read_text(errors="replace") for f, p in files.items()
                   if p.is_file() and re.search(r"\.(service|socket|conf|[58])$|environment", f))
    assert not re.search(r"@[A-Z]+@|/usr/local/bin/qtoa|/var/lib/qtoa", told)
    unit = files["/opt/qtoa/lib/systemd/system/qtoa.service"].read_text()
    for line in ("ExecStart=/opt/qtoa/bin/qtoa", "ReadWritePaths=/srv/qtoa", "User=keeper",
                 "EnvironmentFile=-/opt/etc/qtoa/environment"):
        assert f"\n{line}\n" in unit
    socket = files["/opt/qtoa/lib/systemd/system/qtoa.socket"].read_text()
    assert "\nSocketUser=keeper\nSocketGroup=web\n" in socket


def test_uninstall_takes_away_what_install_has_placed(built, tmp_path):
    root = tmp_path / "root"
    (root / "opt/qtoa/bin").mkdir(parents=True)
    (root / "opt/qtoa/bin/other").write_text("somebody else's")
    before = set(tree(root))
    where = variables(DESTDIR=root, **HERE)
    for _ in range(2):                      # the second time as an update
        good(make("install", *built, *where))
    assert good(make("uninstall", *where[:2])) == ""     # it is noted where the rest is
    assert set(tree(root)) == before
    done = make("uninstall", *where)
    assert done.returncode != 0 and "there is no list of files" in done.stderr


def test_uninstall_leaves_what_is_the_operators(built, tmp_path):
    root = tmp_path / "root"
    where = variables(DESTDIR=root, **HERE)
    good(make("install", *built, *where))
    environment, state = root / "opt/etc/qtoa/environment", root / "srv/qtoa/qtoa.db"
    environment.write_text("QTOA_QT_URL=https://qt.example.com/\n")
    state.write_text("what waits")
    good(make("install", *built, *where))
    out = good(make("uninstall", *where))
    assert f"kept, because it was changed: {environment}" in out
    assert f"kept: {state.parent}, with the messages that have not been sent yet" in out
    assert [p for p in tree(root).values() if p.is_file()] == [environment, state]


def test_root_gives_what_is_installed_to_its_owner(built, tmp_path):
    """As root, in the place itself."""
    where = variables(PREFIX=tmp_path / "usr", SYSCONFDIR=tmp_path / "etc",
                      STATEDIR=tmp_path / "state", CGIBINDIR=tmp_path / "cgi", OWNER="nobody",
                      GROUP="nogroup")
    look = 'cd "$0" && stat -c "%a %U:%G %n" usr/bin/qtoa cgi/qtoa.cgi state ' \
        "etc/qtoa/environment usr/lib/systemd/system/qtoa.service"
    done = make("install", *built, *where, before=(
        "fakeroot", "sh", "-c", f'"$@" >&2 && {look}', str(tmp_path)))
    assert done.stdout.splitlines() == [
        "750 root:nogroup usr/bin/qtoa", "750 root:nogroup cgi/qtoa.cgi",
        "700 nobody:nogroup state", "640 root:nogroup etc/qtoa/environment",
        "644 root:root usr/lib/systemd/system/qtoa.service"], done.stderr


def test_an_owner_that_does_not_exist(built, tmp_path):
    done = make("install", *built, *variables(
        PREFIX=tmp_path / "usr", SYSCONFDIR=tmp_path / "etc", STATEDIR=tmp_path / "state",
        OWNER="nobodyatall"), before=("fakeroot",))
    assert done.returncode != 0
    assert "no user nobodyatall" in done.stderr and "OWNER=" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_cgi_works_where_it_was_installed(built, home, qt, tmp_path):
    good(make("install", *built, *variables(DESTDIR=tmp_path, CGIBINDIR="/cgi")))
    push = wechat.push(wechat.SAFE)
    params = fcgi.push_params(push, f"/cgi/qtoa.cgi/{wechat.SAFE.path}")
    done = subprocess.run([tmp_path / "cgi/qtoa.cgi"], env={**home.env, **params},
                          input=push.body, capture_output=True, timeout=PATIENCE_S)
    assert fcgi.parse(done.stdout).body == b"success", done
    assert len(qt.wait(1)) == 1


@pytest.fixture(scope="module")
def tarball(tmp_path_factory):
    """The tree, packed and unpacked."""
    out = tmp_path_factory.mktemp("dist")
    good(make("tarball", f"B={out}"))
    packed = next(out.glob("*.tar.gz"))
    with tarfile.open(packed) as tar:
        names = tar.getnames()
    subprocess.run(["tar", "-C", out, "-xJf", next(out.glob("*.tar.xz"))], check=True)
    return packed, names, out / names[0].partition("/")[0]


def test_a_tarball_has_the_tree_and_nothing_else(tarball):
    packed, names, top = tarball
    assert packed.name == f"{top.name}.tar.gz"
    assert all(n.startswith(f"{top.name}/") for n in names)
    files = [n.partition("/")[2] for n in names]
    assert {"Makefile", "setup", "config.h", "debian/rules", "core/buf.c", "examples/htaccess-example"} <= set(files)
    assert not [f for f in files if re.match(r"build|qtoa$|\.git/|.*__pycache__", f)]
    for file in files:
        assert (top / file).read_bytes() == (TOP / file).read_bytes(), file
        assert os.access(top / file, os.X_OK) == os.access(TOP / file, os.X_OK), file


def test_a_tarball_makes_the_same_tarball(tarball, tmp_path):
    packed, _, top = tarball
    good(make("tarball", f"B={tmp_path}", top=top))
    assert (tmp_path / packed.name).read_bytes() == packed.read_bytes()


def test_a_tarball_has_all_that_make_asks_for(tarball, tmp_path):
    good(make("-n", "all", "check-unit", f"B={tmp_path}", f"BIN={tmp_path}/qtoa", top=tarball[2]))


def tools(tmp_path, **instead):
    """A PATH with what make needs but pkg-config, or with a script instead."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("sh", "make", "mkdir", "rm", "awk", "sed", "cmp", "cc", "gcc", "as", "ld", "cat",
                 "echo", "printf", "id", "mktemp", "grep", "cksum", "dirname", "rmdir", "sort",
                 "cp", "tr", "true", "apt-get"):
        found = shutil.which(name) or "/bin/true"
        (place / name).symlink_to(found)
    for name, text in instead.items():
        file = place / name.replace("_", "-")
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    return str(place)


def without(library):
    """A pkg-config that does not find it."""
    return f'case "$*" in *--exists*{library}*) exit 1 ;; esac; exit 0'


# What is missing; the compiler; pkg-config, None: there is none; the packages that the first line
# names, and those that are to be installed.
@pytest.mark.parametrize("lacks,cc,script,named,wanted", [
    ("jansson", None, without("jansson"), "libjansson-dev; jansson-devel; jansson-dev",
     "libjansson-dev"),
    ("libcurl", None, without("libcurl"), "libcurl4-openssl-dev; libcurl-devel; curl-dev",
     "libcurl4-openssl-dev"),
    ("nettle", None, without("nettle"), "nettle-dev; nettle-devel; nettle-dev", "nettle-dev"),
    ("mxml", None, without("mxml"), "libmxml-dev; mxml-devel; mxml-dev", "libmxml-dev"),
    # Which libraries there are cannot be known then.
    ("pkg-config", None, None, "pkgconf; pkgconf; pkgconf",
     "pkgconf libcurl4-openssl-dev libssl-dev nettle-dev libjansson-dev libmxml-dev "
     "libsqlite3-dev libpq-dev"),
    ("a C compiler", "nothing", "exit 0", "gcc libc6-dev; gcc; gcc musl-dev",
     "gcc libc6-dev libfcgi-dev"),
    ("libfcgi", "no-fcgi", "exit 0", "libfcgi-dev; fcgi-devel; fcgi-dev", "libfcgi-dev"),
])
def test_what_is_missing_is_said_before_a_compiler_stumbles(tmp_path, lacks, cc, script, named,
                                                            wanted):
    path = tools(tmp_path, **({"pkg_config": script} if script else {}),
                 no_fcgi='for a; do [ "$a" != -lfcgi ] || exit 1; done; exec cc "$@"')
    done = make(f"B={tmp_path}/b", f"BIN={tmp_path}/qtoa", path=path, cc=cc)
    first, last = done.stderr.splitlines()[0], done.stderr.splitlines()[-2]
    debian, fedora, alpine = named.split("; ")
    assert done.returncode != 0
    assert first.startswith(f"qtoa needs {lacks}")
    assert first.endswith(f".  Debian, Ubuntu: {debian}; Fedora, RHEL: {fedora}; Alpine: {alpine}")
    assert last == f"As root: apt-get install --no-install-recommends {wanted}"
    assert "error:" not in done.stderr


def test_what_needs_no_library_needs_none(tarball, built, tmp_path):
    path = tools(tmp_path, pkg_config=f'echo "$*" >>{tmp_path}/asked; exit 1')
    root = tmp_path / "root"
    good(make("install", *built, *variables(DESTDIR=root)))
    top = tarball[2]
    assert "make install" in good(make("help", top=top, path=path))
    good(make("clean", top=top, path=path))
    good(make("uninstall", *variables(DESTDIR=root), top=top, path=path))
    assert not (tmp_path / "asked").exists()
    assert not [p for p in tree(root).values() if p.is_file()]
