"""What is shipped for Prometheus and Grafana: the configuration and the rules by promtool; the
dashboard by its form; and both before a real Prometheus, which reads a real qtoa behind nginx that
has had traffic of each kind."""

import contextlib
import json
import math
import re
import signal
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

import exposition
import fronts
import program
import qt as qt_side
import wechat
import wxapi
import wxnet
import wxtoken
from patience import PATIENCE_S
from program import until
from test_metrics import promtool
from test_token import SECRET, authority  # noqa: F401
from wechat import PLAIN, SAFE

EXAMPLES = program.TOP / "examples"
RULES = EXAMPLES / "prometheus-example-rules.yml"
TESTS = [program.TOP / "tests/vectors" / name for name in ("alerts.yml", "alerts-days.yml")]
DASHBOARD = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
GOLDEN = (program.TOP / "tests/vectors/metrics.txt").read_bytes()
METRIC = re.compile(r"\bqtoa_\w+")
WINDOW = "10m"      # longer than the run takes
SEVERITIES = {"critical", "warning", "info"}

# Queries that find nothing in this run, and why.
EMPTY = {
    ("Now, and a week ago", "B"): "nothing was scraped a week ago",
    ("Calls that never came", "A"): "WeChat counts whole days, and qtoa reconcile compares them",
    ("Statistics: behind", "A"): "nothing was pulled: the statistics are of whole days",
    **{(title, ref): "no other host shares the store" for title, refs in (
        ("How long a commit takes", "AB"), ("Degraded, and messages that hosts keep", "AB"),
        ("Hosts", "A")) for ref in refs},
}


def promtool_tests():
    """The text of each test by its name."""
    return {part.split("\n")[0]: part for file in TESTS
            for part in file.read_text().split("  - name: ")[1:]}


def known_names():
    """What is in the page, as PromQL names it."""
    names = set()
    for family in exposition.parse(GOLDEN).values():
        names |= {family.name} | {name for name, _ in family.samples}
    return names | {"qtoa_build_info"}


def values_of(label, family):
    return {dict(labels)[label] for _, labels in exposition.parse(GOLDEN)[family].samples}


def test_rules_and_configuration():
    promtool("check", "config", "examples/prometheus-example.yml")
    promtool("test", "rules", *map(str, TESTS))


def test_each_alert_has_a_test():
    """In it, it fires at one time and at another it does not."""
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert len(alerts) == len(set(alerts)) > 20
    tests = promtool_tests()
    for alert in alerts:
        times = tests[alert].split("eval_time: ")[1:]
        fires = [f'alertname="{alert}"' in t for t in times]
        assert True in fires and False in fires, alert
    assert {name.split(",")[0] for name in tests} == set(alerts)


@pytest.mark.parametrize("text", (RULES.read_text(), json.dumps(DASHBOARD).replace('\\"', '"')),
                         ids=("rules", "dashboard"))
def test_they_ask_for_what_there_is(text):
    assert set(METRIC.findall(text)) <= known_names()
    for label, family in (("reason", "qtoa_refused_total"), ("verdict", "qtoa_requests_total"),
                          ("state", "qtoa_queue_messages")):
        used = {v for u in re.findall(rf'\b{label}[=!]~?"([^"]+)"', text) for v in u.split("|")}
        assert used <= values_of(label, family), label


# The dashboard's form, as Grafana has it since version 9.

PANELS = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
QUERIES = [(p["title"], t["refId"], t["expr"]) for p in PANELS for t in p["targets"]]
# Grafana's own names of units.
UNITS = {"s", "short", "none", "bytes", "reqpm", "opm"}


def test_dashboard_as_a_whole():
    d = DASHBOARD
    assert d["id"] is None and d["uid"] is None     # Grafana gives those
    assert d["title"] == "qtoa" and isinstance(d["schemaVersion"], int) and d["version"] >= 1
    (given,) = d["__inputs"]
    assert (given["type"], given["pluginId"]) == ("datasource", "prometheus")
    variables = {v["name"]: v for v in d["templating"]["list"]}
    assert list(variables) == ["datasource", "instance", "account"]
    assert variables["datasource"]["current"]["value"] == f"${{{given['name']}}}"
    for name in ("instance", "account"):
        v = variables[name]
        assert v["includeAll"] and v["multi"] and v["allValue"] == ".*" and v["refresh"] == 2
        assert re.fullmatch(r"label_values\(qtoa_\w+(\{instance=~\"\$instance\"\})?, "
                            rf"{name}\)", v["query"]["query"])
    required = {r["id"] for r in d["__requires"] if r["type"] == "panel"}
    assert required == {p["type"] for p in PANELS}
    # Nothing of the machine on which it was made, and nothing that is loaded from elsewhere.
    assert not re.search(r"https?://|/home/|localhost|127\.0\.0\.1|example\.com", json.dumps(d))
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(d["panels"])))
    assert used == {"datasource", "instance", "account", "__rate_interval"}


def test_dashboard_panels():
    ids = [p["id"] for p in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) and all(i > 0 for i in ids)
    titles = [p["title"] for p in DASHBOARD["panels"]]
    assert len(titles) == len(set(titles))
    rows = [p for p in DASHBOARD["panels"] if p["type"] == "row"]
    assert len(rows) == 8 and all(p["panels"] == [] and not p["collapsed"] for p in rows)
    for p in PANELS:
        assert len(p["description"]) > 20 and p["description"].endswith("."), p["title"]
        assert p["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert p["fieldConfig"]["defaults"]["unit"] in UNITS, p["title"]
        assert [t["refId"] for t in p["targets"]] == list("ABCDEFGH"[:len(p["targets"])])
        for t in p["targets"]:
            assert t["legendFormat"] and '"$instance"' in t["expr"], p["title"]
            assert t["instant"] == (p["type"] != "timeseries") and t["range"] != t["instant"]


def test_dashboard_grid():
    """24 columns; panels do not overlap, and a row leaves no hole above it."""
    taken = Counter()
    for p in DASHBOARD["panels"]:
        at = p["gridPos"]
        assert 0 <= at["x"] and at["x"] + at["w"] <= 24 and at["h"] >= 1, p["title"]
        taken.update((x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"]))
    assert set(taken.values()) == {1}
    assert len(taken) == 24 * (1 + max(y for _, y in taken))


# A real run.

class Prometheus:
    """Reads one front with the examples, more often than they say."""

    def __init__(self, front):
        self.dir = tempfile.TemporaryDirectory(prefix="qtoa-e2e-")
        config = fronts.replace((EXAMPLES / "prometheus-example.yml").read_text(), {
            "scheme: https": "scheme: http", "scrape_interval: 30s": "scrape_interval: 1s",
            "wechat.example.com": f"127.0.0.1:{front.port}",
            "- prometheus-example-rules.yml": f"- {RULES}",
        })
        place = Path(self.dir.name)
        (place / "prometheus.yml").write_text("global:\n  evaluation_interval: 1s\n" + config)
        self.said = place / "said"
        with self.said.open("wb") as out:
            self.proc = subprocess.Popen(
                ["prometheus", f"--config.file={place}/prometheus.yml",
                 f"--storage.tsdb.path={place}/data", "--web.listen-address=127.0.0.1:0"],
                stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            self.url = None
            until(self.is_ready, "Prometheus is ready")
        except BaseException:
            self.stop()
            raise

    def is_ready(self):
        said = self.said.read_text()
        assert self.proc.poll() is None, said
        if found := re.search(r'"Listening on" address=(\S+)', said):
            self.url = f"http://{found[1]}"
        return self.url and "ready to receive web requests" in said

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait(PATIENCE_S)
        self.dir.cleanup()

    def get(self, path, **params):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
            said = json.load(answer)
        assert said["status"] == "success" and not said.get("warnings"), said
        return said["data"]

    def query(self, expr):
        """The samples that are numbers: labels to value."""
        found = {}
        for sample in self.get("query", query=expr)["result"]:
            value = float(sample["value"][1])
            if not math.isnan(value):
                found[tuple(sorted(sample["metric"].items()))] = value
        return found


@pytest.fixture(scope="module")
def run(authority):  # noqa: F811
    """A front that had traffic, and a Prometheus that has seen it."""
    with contextlib.ExitStack() as stack:
        wx = wxapi.WeChat(authority.context())
        stack.callback(wx.stop)
        wx.issuer = wxtoken.Issuer(wx, {a.appid: SECRET for a in (SAFE, PLAIN)})
        wx.net = wxnet.Net(wx)
        qt = qt_side.QT([SAFE, PLAIN], tls=authority.context())
        stack.callback(qt.stop)
        front = fronts.Front("nginx", qt.url, authority.file, "advise",
                             env={**wx.env(), "E2E_SECRET": SECRET})
        stack.callback(front.stop)
        prometheus = Prometheus(front)
        stack.callback(prometheus.stop)
        until(lambda: prometheus.query("qtoa_requests_total"), "the first scrape")
        have_traffic(front, qt)
        until(lambda: prometheus.query(
            f'increase(qtoa_requests_total{{verdict="handshake"}}[{WINDOW}]) > 0'),
            "the traffic is seen")
        yield front, prometheus


def have_traffic(front, qt):
    """A handshake comes last: once it is seen, all of it was."""
    done = subprocess.run([front.program, "check"], env=front.home.env, capture_output=True,
                          text=True, timeout=60)
    assert "certificate of CN = qt" in done.stdout, done.stdout + done.stderr
    for account, n in ((SAFE, 5), (PLAIN, 2)):
        for _ in range(n):
            push = wechat.push(account)
            assert front.push(account, push).body == b"success"
    assert front.push(PLAIN, push).body == b"success"
    assert front.push(SAFE, wechat.push(SAFE, token="wrong")).status == 403
    qt.behave = qt_side.answering(500, "<html>")
    assert front.push(SAFE, wechat.push(SAFE)).body == b"success"
    qt.behave = qt_side.code(108)
    assert front.push(PLAIN, wechat.push(PLAIN)).body == b"success"
    front.push(SAFE, wechat.handshake(SAFE))


def test_dashboard_is_answered(run):
    _, prometheus = run
    for title, ref, expr in QUERIES:
        for name, value in (("$__rate_interval", WINDOW), ("$instance", ".*"), ("$account", ".*")):
            expr = expr.replace(name, value)
        found = prometheus.query(expr)
        assert bool(found) == ((title, ref) not in EMPTY), (title, ref, expr)
    assert set(EMPTY) <= {(title, ref) for title, ref, _ in QUERIES}


def test_dashboard_variables(run):
    front, prometheus = run
    for v in DASHBOARD["templating"]["list"][1:]:
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", v["query"]["query"]).groups()
        found = prometheus.get(f"label/{label}/values", **{"match[]": series.replace(
            "$instance", ".*")})
        assert found == {"instance": [f"127.0.0.1:{front.port}"],
                         "account": sorted((SAFE.path, PLAIN.path))}[label]


def test_numbers(run):
    """They are those of the traffic."""
    front, prometheus = run
    sums = prometheus.query("sum by (account, verdict) (qtoa_requests_total) > 0")
    found = {tuple(v for _, v in labels): n for labels, n in sums.items()}
    for account, counts in ((SAFE, dict(delivered=5, rejected=1, queued=1, handshake=1)),
                            (PLAIN, dict(delivered=2, repeat=1, dead=1))):
        assert {v: n for (a, v), n in found.items() if a == account.path} == counts
    left = prometheus.query("qtoa_certificate_expires_timestamp_seconds - time()").values()
    assert len(left) == 2 and all(29 * 86400 < s < 30 * 86400 for s in left)   # QT's and WeChat's
    for account in (SAFE, PLAIN):
        (ago,) = prometheus.query(f'time() - qtoa_last_push_timestamp_seconds{{account="'
                                  f'{account.path}"}}').values()
        assert -1 <= ago < 600


def test_rules_are_evaluated(run):
    """Each rule works on what is there; its labels and annotations are those that doc promises."""
    _, prometheus = run
    until(lambda: all(r["health"] == "ok" for r in rules_of(prometheus)), "all are evaluated")
    alerts = [r for r in rules_of(prometheus) if r["type"] == "alerting"]
    verbs = set()
    for alert in alerts:
        assert alert["labels"]["severity"] in SEVERITIES, alert["name"]
        assert set(alert["annotations"]) == {"summary", "description", "runbook"}
        for command in alert["annotations"]["runbook"].split("; "):
            assert command.startswith("qtoa "), alert["name"]
            verbs.add(command.split()[1])
    for verb in verbs:
        assert subprocess.run([program.binary("main"), "help", verb],
                              capture_output=True).returncode == 0, verb
    until(lambda: {"QtoaMessagesDead", "QtoaPeerUnknown"} <= firing(prometheus), "they fire")
    assert firing(prometheus) == {"QtoaMessagesDead", "QtoaPeerUnknown"}


def rules_of(prometheus):
    return [r for group in prometheus.get("rules")["groups"] for r in group["rules"]]


def firing(prometheus):
    return {a["labels"]["alertname"] for a in prometheus.get("alerts")["alerts"]
            if a["state"] == "firing"}


def test_lines_for_cron(run):
    """Those of doc/monitoring.md: what they print begins with what is wrong."""
    front, _ = run
    page = (program.TOP / "doc/monitoring.md").read_text()
    lines = re.findall(r"^    \S+ \S+ \* \* \* (.*/usr/local/bin/qtoa.*)$", page, re.M)
    said = {}
    for line in lines:
        done = subprocess.run(["sh", "-c", line.replace("/usr/local/bin/qtoa", str(front.program))],
                              env=front.home.env, capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1) and "usage:" not in done.stderr, (line, done)
        said[re.search(r"qtoa (?:--lang en )?(\w+)", line)[1]] = done.stdout
    assert set(said) == {"status", "check", "datacube", "reconcile"}
    assert said["status"] == ""     # a dead message is a warning
    assert said["check"] and all(re.match("warning |failed ", line)
                                 for line in said["check"].splitlines())
    assert "not pulled" in said["reconcile"]
