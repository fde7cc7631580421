"""Troubles that come while messages wait: each once, in short; `make torture` has all their forms
and their mix."""

import subprocess
import sys

import pytest

import program

sys.path.append(str(program.TOP / "tests/torture"))
import mix  # noqa: E402

# A form of each, and a seed.
FORMS = (("poison", "all", 1), ("keys", "row", 1), ("gone", "wal", 1))


@pytest.mark.parametrize("name,form,seed", FORMS)
def test_trouble(name, form, seed):
    mix.short(name, form, seed).check()


def test_a_disk_without_room():
    """In a namespace of its own, where a small disk can be mounted."""
    done = subprocess.run([sys.executable, "-B", program.TOP / "tests/torture/torture.py", "--seed",
                           "1", "--short", "room/both"], capture_output=True, text=True)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
