"""The events in a store, against the messages that WeChat sent."""

import json
import re
from collections import Counter, defaultdict

import collector
import program


def event_of(message):
    """What the collector is to have of a message, by a reading of our own."""
    def text(name):
        found = re.search(rf"<{name}>(?:<!\[CDATA\[(.*?)\]\]>|(.*?))</{name}>", xml, re.S)
        return (found[1] or found[2] or "") if found else None

    xml = message.xml.decode()
    attributes = {name: text(name) for name in ("MsgType", "Event", "EventKey", "Content", "MsgId")}
    return (message.account.appid, text("FromUserName"), int(text("CreateTime")),
            json.dumps({k: v for k, v in attributes.items() if v is not None}, sort_keys=True))


def events_in(home):
    return Counter((row["appid"], row["device_id"], row["time"],
                    json.dumps(json.loads(row["attributes"]), sort_keys=True))
                   for row in home.query(collector.COUNTED))


def flaws(home):
    """Where the store contradicts itself."""
    rows = home.query("SELECT * FROM event ORDER BY device, time, id")
    last, times, found = {}, defaultdict(list), []
    for row in rows:
        before = last.get(row["device"])
        if row["gap"] != (None if before is None else row["time"] - before):
            found.append(f"gap of event {row['id']}: {row['gap']}")
        last[row["device"]] = row["time"]
        times[row["device"]].append(row["time"])
    for row in home.query("SELECT * FROM device"):
        if [row["first"], row["last"]] != [times[row["id"]][0], times[row["id"]][-1]]:
            found.append(f"times of device {row['id']}")
    if (said := home.query("PRAGMA integrity_check")[0][0]) != "ok":
        found.append(said)
    if home.query("SELECT 1 FROM event GROUP BY message HAVING count(*) > 1"):
        found.append("a message twice")
    # A commit that could not be synced leaves frames behind; a process that is killed before the
    # WAL begins again leaves them to the next one, which takes them for what is behind damage.
    if aside := [f.name for f in home.state.iterdir() if f.name.startswith("qtoa.db.")
                 and not f.name.startswith("qtoa.db.rescued-")]:
        found.append(f"set aside: {aside}")
    return found


def check_forwarded(home, sent):
    """The forwarder has counted each message that it acknowledged, once, and nothing else."""
    want = Counter(event_of(m) for m in sent if m.acknowledged)
    all_ = Counter(event_of(m) for m in sent)
    program.until(lambda: not want - events_in(home), "a count of all that was acknowledged")
    assert not events_in(home) - all_
    assert flaws(home) == []
