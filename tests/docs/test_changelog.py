"""CHANGELOG.md begins with the version of the program."""

import re

import docs


def test_the_top_section_is_this_version():
    version = re.search(r"^V\s*= (\S+)$", docs.text("Makefile"), re.M)[1]
    assert docs.qtoa("-V").split()[1] == version
    titles = [s.title for s in docs.sections(docs.text("CHANGELOG.md")) if s.level == 2]
    assert re.fullmatch(rf"\[?{re.escape(version)}\]?(, | - )\d{{4}}-\d\d-\d\d", titles[0]), titles[0]


def test_each_version_is_there_once():
    titles = [s.title for s in docs.sections(docs.text("CHANGELOG.md")) if s.level == 2]
    assert len(titles) == len({t.split()[0] for t in titles})


def test_an_upgrader_is_told_what_to_do():
    page = docs.text("CHANGELOG.md").split("\n## ")[1]
    assert "\n### Upgrading\n" in page
