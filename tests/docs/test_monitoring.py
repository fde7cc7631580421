"""doc/monitoring.md against the program and the examples: each metric with its labels, each alert
with its severity and its command, each word of /-/health."""

import re

import pytest

import docs

PAGES = [p for p in ("doc/monitoring.md", "doc/zh/monitoring.md") if (docs.TOP / p).exists()]
RULES = docs.text("examples/prometheus-example-rules.yml")


def metrics():
    """Names of families to the names of their labels, in the page that the unit test expects."""
    page = docs.text("tests/vectors/metrics.txt")
    found = {name: set() for name in re.findall(r"^# TYPE (\w+) ", page, re.M)}
    for name in found:
        for labels in re.findall(rf"^{name}(?:_bucket|_sum|_count)?\{{(.*)\}} ", page, re.M):
            found[name] |= set(re.findall(r'(\w+)="', labels)) - {"le"}
    assert len(found) > 30
    return {**found, "qtoa_build_info": {"version"}}


def alerts():
    """Names to severity and the first command."""
    return {name: (severity, commands.split(";")[0]) for name, severity, commands in re.findall(
        r'- alert: (\w+).*?severity: (\w+).*?runbook: "([^"]+)"', RULES, re.S)}


def rows(page, first):
    """The rows of the tables whose first cells begin so, without backticks."""
    found = [[c.replace("`", "") for c in r] for s in docs.sections(docs.text(page))
             for t in s.tables for r in t if r[0].startswith(f"`{first}")]
    assert found
    return found


@pytest.mark.parametrize("page", PAGES)
def test_each_metric(page):
    table = rows(page, "qtoa_")
    assert {r[0]: set(re.findall(r"\w+", r[1])) for r in table} == metrics()
    assert len(table) == len(metrics())


@pytest.mark.parametrize("page", PAGES)
def test_each_value_of_a_label(page):
    golden = docs.text("tests/vectors/metrics.txt")
    said = {r[0]: r[2] for r in rows(page, "qtoa_")}
    for name, label in (("qtoa_requests_total", "verdict"), ("qtoa_refused_total", "reason"),
                        ("qtoa_drain_attempts_total", "outcome"),
                        ("qtoa_queue_messages", "state")):
        values = set(re.findall(rf'^{name}\{{.*{label}="(\w+)"', golden, re.M))
        assert len(values) > 1 and values <= set(re.findall(r"\w+", said[name], re.A)), name


@pytest.mark.parametrize("page", PAGES)
def test_each_alert(page):
    table = rows(page, "Qtoa")
    assert {r[0]: (r[1], r[3]) for r in table} == alerts()
    assert len(table) == RULES.count("- alert:")


@pytest.mark.parametrize("page", PAGES)
def test_each_word_of_health(page):
    source = docs.text("monitor/health_state.c")
    words = set(re.findall(r'"(\w+)"', re.search(r"\} rules\[\] = \{(.*?)^\};", source,
                                                 re.S | re.M)[1]))
    table = next(t for s in docs.sections(docs.text(page)) for t in s.tables
                 if t[0][0] == "`what`")
    assert {r[0].strip("`") for r in table[1:]} == words


@pytest.mark.parametrize("page", PAGES)
def test_examples_are_those_that_are_shipped(page):
    """The blocks of YAML stand in the examples; the name of the account is the reader's."""
    blocks = ["\n".join(b) for s in docs.sections(docs.text(page)) for b in s.blocks]
    scrape = next(b for b in blocks if b.startswith("scrape_configs"))
    assert scrape in docs.text("examples/prometheus-example.yml")
    limit = next(b for b in blocks if "push_gap_limit_seconds" in b)
    shipped = "\n".join(line.strip() for line in RULES.splitlines())
    assert "\n".join(line.strip() for line in limit.splitlines()).replace(
        "account: shop", "account: NAME-OF-AN-ACCOUNT") in shipped
