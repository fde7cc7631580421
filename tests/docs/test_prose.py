"""The English of the pages: what STYLE says of prose, as far as a program can see it."""

import functools
import importlib.util
import re

import pytest

import docs

PAGES = [p for p in docs.PAGES if "zh" not in p]


@functools.lru_cache(maxsize=None)
def rules():
    """Those that hold for comments, too."""
    spec = importlib.util.spec_from_file_location("style", docs.TOP / "tests/style/style.py")
    style = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(style)
    return style.PROSE


def faults(markdown):
    """What a reader stumbles over, with the words before it; code does not count."""
    for section in docs.sections(markdown):
        for text in ("\n".join(section.prose), *(c for t in section.tables for r in t for c in r)):
            words = re.sub(r"`[^`]*`", "X", " ".join(text.split()))
            for rule in rules():
                for found in rule.finditer(words):
                    yield f"{section.title}: {words[max(0, found.start() - 30):found.end()]}"


@pytest.mark.parametrize("name", PAGES)
def test_prose(name):
    assert list(faults(docs.text(name))) == []


@pytest.mark.parametrize("text", [
    "The queue is sent. Who has stopped it starts it.", "There is none.", "It is made anew.",
    "The row is written. What was there before is lost.", "| a | there is none of late |",
])
def test_a_fault_is_seen(text):
    assert list(faults(text)) != []


@pytest.mark.parametrize("text", [
    "There is no token. What then? Run `qtoa check`.", "The command says what is wrong.",
    "None of the messages waits.",
])
def test_no_fault_is_seen(text):
    assert list(faults(text)) == []
