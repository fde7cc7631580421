"""What bash and zsh complete, with the scripts that `qtoa completion` prints."""

import contextlib
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import time

import pytest

import program
import qt as qt_side
from patience import PATIENCE_S
from test_queue_cli import backlog
from wechat import ACCOUNTS

PATHS = {a.path for a in ACCOUNTS}
VERBS = {"reply", "menu", "check", "config", "map", "send", "queue", "drain", "report", "token", "rid", "datacube",
         "followers", "forget", "qrcode", "reconcile", "store", "status", "log", "alert", "listen", "completion",
         "help"}
QUEUE = {"list", "show", "retry", "drop", "export"}
REPORT = {"--from", "--to", "--account", "--json", "--csv"}
QUESTIONS = {"days", "follows", "health", "funnel", "audience"}

# What is typed, what is offered; a set may be a part of it where `more` says so.
CASES = {
    "": (VERBS, False),
    "-": ({"-h", "-V", "--help", "--version"}, False),
    "que": ({"queue"}, False),
    "queue ": (QUEUE, False),
    "queue sh": ({"show"}, False),
    "queue list --a": ({"--all"}, False),
    "queue show ": ({"1", "2", "3"}, False),
    "queue drop --yes ": ({"1", "2", "3"}, False),
    "queue retry ": ({"1", "2", "3", "all"} | PATHS, False),
    "queue retry 1": ({"1"}, False),
    "queue export --state ": ({"pending", "dead"}, False),
    "send ": (PATHS, False),
    "send pl": ({"plain"}, False),
    "send plain ": (set(), False),
    "token ": (PATHS, False),
    "config ": (PATHS, False),
    "token --age ": (PATHS, False),
    "drain --seconds ": (set(), False),
    "report ": (QUESTIONS, True),
    "report --": (REPORT | {"--help"}, False),
    "report days --": (REPORT | {"--help"}, False),
    "report funnel --": (REPORT | {"--help", "--steps", "--window"}, False),
    "report event --by ": ({"day", "week", "month", "hour", "account", "item"}, False),
    "report --account ": (PATHS, False),
    "report menu --account pl": ({"plain"}, False),
    "alert ": ({"test", "week"}, False),
    "datacube ": ({"pull", "show", "export"}, False),
    "datacube pull --endpoint getuser": ({"getusersummary", "getusercumulate", "getuserread",
                                          "getuserreadhour", "getusershare",
                                          "getusersharehour"}, False),
    "datacube export getarticleread_": ({"getarticleread_source"}, False),
    "reply ": ({"import", "test", "check"}, False),
    "reply import ": (PATHS, False),
    "menu ": ({"show", "import", "diff", "push", "delete"}, False),
    "menu push ": (PATHS, False),
    "reconcile --h": ({"--hours", "--help"}, False),
    "listen --": ({"--mode", "--help"}, False),
    "completion ": ({"bash", "zsh"}, False),
    "help que": ({"queue"}, False),
    "nonsense ": (set(), False),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with three messages that wait, the program as `qtoa` and its scripts."""
    server = qt_side.QT(ACCOUNTS, listen=False)
    home = program.Home(server.url)
    try:
        backlog(home, 3)
        where = tmp_path_factory.mktemp("completion")
        (where / "bin").mkdir()
        (where / "bin/qtoa").symlink_to(program.binary("main"))
        home.env["PATH"] = f"{where}/bin:/usr/bin:/bin"
        home.env.update(HOME=str(where), TERM="dumb", LC_ALL="C.UTF-8")
        for shell, name in (("bash", "qtoa.bash"), ("zsh", "_qtoa")):
            done = run(home, "completion", shell)
            assert done.returncode == 0 and done.stderr == ""
            (where / name).write_text(done.stdout)
        home.scripts = where
        yield home
    finally:
        home.remove()
        server.stop()


def run(home, *args):
    return subprocess.run([program.binary("main"), *args], env=home.env, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60)


def check(offered):
    assert offered.keys() == CASES.keys()
    for typed, (words, more) in CASES.items():
        got = offered[typed]
        assert len(got) == len(set(got)), typed
        assert set(got) >= words if more else set(got) == words, (typed, got)


# bash: the function as readline calls it, in one shell for all.

BASH = """
. "$1" || exit
complete -p qtoa >/dev/null || exit
while IFS= read -r line; do
    eval "COMP_WORDS=($line)"
    [[ -z $line || $line == *' ' ]] && COMP_WORDS+=('')
    COMP_WORDS=("$2" "${COMP_WORDS[@]}")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _qtoa "$2" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" || echo "!$?"
    echo "$line:${COMPREPLY[*]}"
done
"""


def ask_bash(home, lines, name="qtoa", env=None):
    done = subprocess.run(["bash", "--norc", "--noprofile", "-c", BASH, "bash",
                           home.scripts / "qtoa.bash", name], text=True, capture_output=True,
                          input="".join(f"{line}\n" for line in lines), timeout=60,
                          env={**home.env, **(env or {})})
    assert (done.returncode, done.stderr) == (0, "")
    pairs = (line.split(":", 1) for line in done.stdout.splitlines())
    return {typed: words.split() for typed, words in pairs}


def test_bash(place):
    check(ask_bash(place, CASES))


def test_bash_where_nothing_can_be_known(place, tmp_path):
    """Silence, whatever is the matter: no program, no store, nobody may look, a broken store."""
    lines = ("queue show ", "queue retry ", "send ")
    assert not any(ask_bash(place, lines, name="/missing/qtoa")["queue show "])
    for state in ("/missing", str(tmp_path)):
        got = ask_bash(place, lines, env={"QTOA_STATE_DIR": state})
        assert got["queue show "] == [] and set(got["send "]) == PATHS
        assert list(tmp_path.iterdir()) == []
    (tmp_path / "qtoa.db").write_bytes(b"no database" * 1000)
    assert ask_bash(place, lines, env={"QTOA_STATE_DIR": str(tmp_path)})["queue show "] == []
    assert [p.name for p in tmp_path.iterdir()] == ["qtoa.db"]
    with contextlib.closing(sqlite3.connect(place.state / "qtoa.db", isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        assert ask_bash(place, lines)["queue show "] == []
    got = ask_bash(place, lines, env={"QTOA_QT_URL": "nonsense"})
    assert set(got["send "]) == PATHS and got["queue show "] == ["1", "2", "3"]


def test_shellcheck(place):
    done = subprocess.run(["shellcheck", "-s", "bash", place.scripts / "qtoa.bash"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


class Shell:
    """An interactive shell on a terminal."""

    def __init__(self, home, *command, env=None):
        pid, self.master = pty.fork()
        if pid == 0:
            os.chdir(home.scripts)
            os.execvpe(command[0], command, env or home.env)
        self.pid, self.text = pid, ""

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern):
        """The text up to the pattern, which is taken off."""
        end = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.text)):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], self.text
            self.text += os.read(self.master, 65536).decode(errors="replace")
        before, self.text = self.text[:found.start()], self.text[found.end():]
        return before

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.master)
        os.waitpid(self.pid, 0)


@contextlib.contextmanager
def shell(home, *command, env=None):
    sh = Shell(home, *command, env=env)
    try:
        yield sh
    finally:
        sh.stop()


def test_bash_on_a_terminal(place):
    """Without the package bash-completion; file names are readline's own."""
    (place.scripts / "one message.xml").touch()
    with shell(place, "bash", "--norc", "--noprofile") as bash:
        bash.type("PS1='>>'; bind 'set enable-bracketed-paste off'; . ./qtoa.bash; echo rea''dy\n")
        bash.expect("\nready\r\n>>")
        bash.type("qtoa que\t")
        assert bash.expect("qtoa queue ").strip("\r\n") == ""
        bash.type("export --st\t")
        bash.expect("export --state ")
        bash.type("\x15qtoa map one\t")
        bash.expect(r"qtoa map one\\ message\.xml ")
        bash.type("\x15qtoa send plain \t\tx\x15echo do''ne\n")
        said = bash.expect("\ndone\r\n")
        assert "help" not in said and "rror" not in said


# zsh: as a function of fpath, or evaluated; what it would show is printed instead.

ZSH = r"""
PROMPT= RPROMPT= PS2=
unsetopt zle_bracketed_paste 2>/dev/null
unset zle_bracketed_paste
zmodload zsh/complist
fpath=($PWD $fpath)
autoload -Uz compinit && compinit -u -D
[[ $1 != eval ]] || { unset '_comps[qtoa]'; eval "$(qtoa completion zsh)" }
bindkey -e
bindkey '^I' list-choices
zstyle ':completion:*' list-separator '#'
zstyle ':completion:*' verbose no
compadd() {
    local -a hits
    builtin compadd -O hits "$@" 2>/dev/null
    [[ " $* " == *' '-[a-zA-Z]#(O|A|D)' '* ]] || print -rl -- "<"${^hits}">"
    builtin compadd "$@"
}
mark() { comppostfuncs=(mark); print -r -- '<end>' }
comppostfuncs=(mark)
"""


def ask_zsh(home, lines, how, env=None):
    setup = home.scripts / "setup.zsh"
    setup.write_text(ZSH)
    offered = {}
    with shell(home, "zsh", "-f", "-i", env=env) as zsh:
        zsh.type(f"setopt extended_glob; . ./setup.zsh {how}; stty -echo; echo rea''dy\n")
        zsh.expect("\nready\r\n")
        for line in lines:
            zsh.type(f"qtoa {line}\t")
            said = zsh.expect("<end>")
            offered[line] = re.findall("<([^<>]*)>", said)
            assert not re.search("qtoa:|rror|not found", said), said
            zsh.type("\x15")
    return offered


@pytest.mark.parametrize("how", ("fpath", "eval"))
def test_zsh(place, how):
    check(ask_zsh(place, CASES, how))


def test_zsh_where_nothing_can_be_known(place):
    env = {**place.env, "QTOA_STATE_DIR": "/missing", "QTOA_QT_URL": "nonsense"}
    got = ask_zsh(place, ("queue show ", "send "), "fpath", env)
    assert set(got["send "]) == PATHS and got["queue show "] == []
