"""./setup demo --cluster: what it says, and that nothing stays behind."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

import program


def left(top):
    """Processes whose command names the directory."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(top).encode() in command.read_bytes():
                found.append(command.read_bytes())
        except OSError:
            pass
    return found


@pytest.fixture
def start():
    """Runs it in a directory of its own; a socket's path must be short."""
    top = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    top.chmod(0o755)
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("MAKE")}, "TMPDIR": str(top),
           "LANG": "C", "LC_ALL": "C", "DEMO_B": str(program.SHARED),
           "PATH": os.environ["PATH"] + ":/usr/sbin"}
    processes = []

    def run():
        processes.append(subprocess.Popen(
            ["sh", program.TOP / "setup", "demo", "--cluster"], env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True))
        return processes[-1]

    yield run
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    program.until(lambda: left(top) == [], "all processes have ended")
    assert os.listdir(top) == []
    shutil.rmtree(top)


def test_nothing_is_lost(start):
    process = start()
    out = process.communicate(timeout=600)[0]
    assert process.returncode == 0, out
    assert out.endswith("\ndemo: 29 of 29 messages acknowledged, 0 lost, 0 failed\n")
    for said in ("one is the primary, two and three follow", "acknowledged 9, at QT 9",
                 "acknowledged 17, 8 wait", "killed       one", "one is down",
                 "16 messages wait in the store", "acknowledged 29, at QT 29"):
        assert said in out, (said, out)


def test_it_is_interrupted(start):
    process = start()
    for line in process.stdout:
        if line.startswith("all is well"):
            break
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 130
