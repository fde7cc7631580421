"""`qtoa report` where hosts share a store: word for word as of one SQLite that has the same events.
tests/models judges the answers themselves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import program

sys.path.append(str(Path(__file__).resolve().parents[1] / "models"))

import gen  # noqa: E402

TOOL = os.environ["MODELS_TOOL"]
FORMS = [[], ["--json"], ["--csv"]]
PERIOD = ["--from", "2024-02-26", "--to", "2024-03-20"]


def questions():
    columns = subprocess.run([TOOL, "columns"], check=True, capture_output=True, text=True).stdout
    return [line.split("\t")[0] for line in columns.splitlines()]


@pytest.fixture
def homes(url):
    """Of a host of the shared store, and of one that is alone; both have all messages."""
    made = [program.Home("http://127.0.0.1:1"), program.Home("http://127.0.0.1:1")]
    text = "".join(f"{line}\n" for line in gen.lines(
        gen.Month(4, "2024-02-26", "2024-03-20", 300).run()))
    try:
        for home, store in zip(made, (url, "")):
            home.env["E2E_STORE"] = store
            where = {"MODELS_STORE": store} if store else {}
            subprocess.run([TOOL, "load", home.state], input=text, text=True, check=True,
                           timeout=60, env={**os.environ, **where})
        yield made
    finally:
        for home in made:
            home.remove()


def report(home, *args):
    return subprocess.run([program.binary("several"), "report", *args], env=home.env,
                          capture_output=True, timeout=60, check=True).stdout


def test_all_questions_in_all_forms(homes):
    for name in questions():
        for form in FORMS:
            shared, alone = (report(home, name, *PERIOD, *form) for home in homes)
            assert shared == alone, (name, form)
            assert alone.count(b"\n") > 1 or name in ("sources", "replies"), (name, form)
    for form in FORMS[:2]:      # the overview
        shared, alone = (report(home, *PERIOD, *form) for home in homes)
        assert shared == alone and b"2024-03-20" in alone
