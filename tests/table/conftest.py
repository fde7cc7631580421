import json
import os
import subprocess

import pytest


class Qtoa:
    """The program under test, and the tool that shows its table."""

    def __init__(self):
        self.program = os.environ["QTOA"]
        self.tool = os.environ["XMLMAP_TOOL"]

    def map(self, *args, stdin=b""):
        """`qtoa map`: exit status, lines of JSON, what it said on stderr."""
        p = subprocess.run([self.program, "map", *map(str, args)], input=stdin,
                           capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin"})
        lines = p.stdout.decode("utf-8").splitlines()
        return p.returncode, [json.loads(x) for x in lines], p.stderr.decode("utf-8")

    def map_one(self, xml):
        """The one event that xml (text or bytes) means."""
        code, events, err = self.map(stdin=xml if isinstance(xml, bytes) else xml.encode())
        assert (code, len(events), err) == (0, 1, ""), err
        return events[0]

    def table(self):
        return json.loads(subprocess.run([self.tool, "table"], check=True, timeout=60,
                                         stdout=subprocess.PIPE).stdout)

    def read_many(self, texts):
        """For each text the event as a dict, or why it was refused as a str.  An event of
        repaired XML has the key "repaired"."""
        p = subprocess.run([self.tool, "map"], check=True, timeout=300,
                           input=b"".join(b"%d\n%s" % (len(t), t) for t in texts),
                           stdout=subprocess.PIPE)
        lines = p.stdout.decode("utf-8").split("\n")[:-1]
        assert len(lines) == len(texts)
        return [x[len("refused: "):] if x.startswith("refused: ") else
                {**json.loads(x[1:]), "repaired": True} if x.startswith("!") else json.loads(x)
                for x in lines]


@pytest.fixture(scope="session")
def qtoa():
    return Qtoa()
