"""Runs a program under what packaging/systemd/hardening.in says of system calls, as systemd would: what is
not allowed is not refused but kills, so that nobody overlooks it.

    python3 jail.py PROGRAM [ARGUMENT...]

The units' own errno, EPERM, may be something that a library copes with."""

import ctypes
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

HARDENING = Path(__file__).resolve().parents[2] / "packaging/systemd/hardening.in"

ALLOW, KILL = 0x7fff0000, 0x80000000        # SCMP_ACT_...
EQUAL, MASKED = 4, 7                        # SCMP_CMP_...
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000

lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p


class Compare(ctypes.Structure):
    """struct scmp_arg_cmp"""
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64),
                ("b", ctypes.c_uint64)]


class Filter:
    """A filter of libseccomp's; others may be loaded before and after it."""

    def __init__(self, default):
        self.context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(default)))

    def add(self, action, name, *compares):
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number < 0:                      # another architecture's
            return
        rc = lib.seccomp_rule_add_array(
            self.context, ctypes.c_uint32(action), number, ctypes.c_uint(len(compares)),
            (Compare * len(compares))(*compares))
        assert rc == 0, (name, os.strerror(-rc))

    def load(self):
        rc = lib.seccomp_load(self.context)
        assert rc == 0, os.strerror(-rc)


def settings(name):
    """The values of a setting, all its lines."""
    return re.findall(rf"^{name}=(.*)$", HARDENING.read_text(), re.M)


def groups():
    """What each @group stands for: names, and other groups."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], check=True,
                          capture_output=True, text=True).stdout
    found, names = {}, None
    for line in text.splitlines():
        if line.startswith("@"):
            names = found[line.strip()] = []
        elif names is not None and line.startswith("    ") and "#" not in line:
            names.append(line.strip())
    return found


def allowed():
    """All lines of SystemCallFilter=; @default is always allowed."""
    known, calls = groups(), set()

    def members(name):
        return set().union(*map(members, known[name])) if name in known else {name}

    for line in settings("SystemCallFilter"):
        named = set().union(*map(members, line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    if os.geteuid() == 0:       # SQLite gives root's files to the directory's owner; no unit is root
        calls |= members("@chown")
    return calls | members("@default")


def only_calls():
    f = Filter(KILL)
    for name in allowed():
        f.add(ALLOW, name)
    return f


def no_written_code():
    """MemoryDenyWriteExecute="""
    assert settings("MemoryDenyWriteExecute") == ["yes"]
    f, both = Filter(ALLOW), PROT_WRITE | PROT_EXEC
    f.add(KILL, "mmap", Compare(2, MASKED, both, both))
    f.add(KILL, "mprotect", Compare(2, MASKED, PROT_EXEC, PROT_EXEC))
    f.add(KILL, "pkey_mprotect", Compare(2, MASKED, PROT_EXEC, PROT_EXEC))
    f.add(KILL, "shmat", Compare(2, MASKED, SHM_EXEC, SHM_EXEC))
    return f


def only_families():
    """RestrictAddressFamilies="""
    known = {getattr(socket, n) for line in settings("RestrictAddressFamilies")
             for n in line.split()}
    f = Filter(ALLOW)
    for family in set(range(64)) - known:
        f.add(KILL, "socket", Compare(0, EQUAL, family))
    return f


if __name__ == "__main__":
    filters = [only_families(), no_written_code(), only_calls()]
    for each in filters:        # which sets no_new_privs, too
        each.load()
    os.execv(sys.argv[1], sys.argv[1:])
