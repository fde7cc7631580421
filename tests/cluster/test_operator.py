"""What an operator sees of several hosts: `qtoa status`, health, metrics."""

import json
import subprocess

import fcgi
import program
import qt as qt_side
import wechat
from wechat import SAFE


def push(text):
    return wechat.push(SAFE, wechat.text_message(text))


def verb(pool, *args):
    done = subprocess.run([program.binary("several"), *args], env=pool.home.env,
                          capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr, done.stderr
    return done.stdout


def named(start, url, name):
    return start(url, env={"E2E_HOST": name})


def page(pool, name):
    with pool.connect() as c:
        return c.send(fcgi.request(fcgi.cgi("GET", f"/qtoa/-/{name}", REMOTE_ADDR="127.0.0.1",
                                            SERVER_NAME="localhost"))).answer()


def health(pool):
    answer = page(pool, "health")
    return answer.status, json.loads(answer.body)


def metric(pool, name):
    text = page(pool, "metrics").body.decode()
    return [line.rsplit(" ", 1)[1] for line in text.splitlines()
            if line.startswith((name + " ", name + "{"))]


def received(pool):
    """What `qtoa status` says came today, of all hosts."""
    status = json.loads(verb(pool, "status", "--json"))
    return sum(a["received"] or 0 for a in status["accounts"]), status


def test_two_hosts(url, start, qt):
    a, b = named(start, url, "a"), named(start, url, "b")
    for n in range(3):
        assert a.push(SAFE, push(f"a{n}")).status == 200
    assert b.push(SAFE, push("b")).status == 200
    program.until(lambda: received(a)[0] == received(b)[0] == 4, "each adds up")
    program.until(lambda: [h["host"] for h in received(a)[1]["hosts"]] == ["a", "b"],
                  "they know of each other")
    text = verb(a, "status")
    assert "shared, " in text and "a (seen " in text and ", b (seen " in text
    assert metric(a, "qtoa_store_degraded") == ["0"] and metric(a, "qtoa_hosts") == ["2"]
    assert metric(a, "qtoa_store_shared") == ["1"]
    assert metric(a, "qtoa_store_kept_messages") == ["0"]
    assert int(metric(a, "qtoa_store_commit_duration_seconds_count")[0]) > 0
    assert health(a) == (200, {"status": "ok", "problems": [], "warnings": []})
    b.stop()
    program.until(lambda: "b (ended " in verb(a, "status"), "it has ended")


def test_a_database_that_is_gone(pair, start, qt):
    pool = named(start, pair.primary.url, "a")
    assert pool.push(SAFE, push("first")).status == 200
    qt.behave = qt_side.answering(500, "<html>")
    pair.primary.kill()
    assert pool.push(SAFE, push("kept")).status == 200
    program.until(lambda: metric(pool, "qtoa_store_degraded") == ["1"], "it is noticed")
    status, body = health(pool)
    assert status == 503
    problem = [p for p in body["problems"] if p["what"] == "store"]
    assert len(problem) == 1 and "this host keeps messages itself (1 now)" in problem[0]["text"]
    text = verb(pool, "status")
    assert "fails" in text and "this host keeps 1 message" in text
    assert metric(pool, "qtoa_store_kept_total") != ["0"]
    pair.primary.start()
    program.until(lambda: metric(pool, "qtoa_store_degraded") == ["0"], "it works again")
    program.until(lambda: metric(pool, "qtoa_store_kept_messages") == ["0"], "it is moved")
