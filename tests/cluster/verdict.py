"""The judgement over several hosts: nothing acknowledged is lost, and a message that QT has twice
is explained by a line of the log for that message: QT's answer was not read, or its claim was not
shared, or had ended."""

import itertools
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from hosts import user_of

CLAIM_S = 6     # of a claim that hosts share: DEDUP_SHARED_CLAIM_MS
SLACK_S = 1     # between what QT sees and the line of it


def is_apart(row):
    return row["what"] == "seen" and "other hosts do not know" in row["msg"]


def is_retold(row):
    return row["what"] == "seen" and "other hosts may not have known" in row["msg"]


def is_unread(row):
    """QT was asked, and the host has no answer."""
    return "qt_status" not in row and row.get("class") == "retry" and \
        re.search(r"tim(e|ed) ?out|no time", row.get("detail", ""), re.I)


def is_late(row):
    return max(int(row.get("ms", 0)), int(row.get("qt_ms", 0))) >= CLAIM_S * 1000


# What a line says of a message; the first that fits.  Of the first kind is only a line that came
# before the message did again.
REASONS = (
    ("its host could not tell the others", lambda row, at: is_apart(row) and row["at"] <= at),
    ("its host told the others later", lambda row, at: is_retold(row)),
    ("its host did not get QT's answer", lambda row, at: is_unread(row)),
    ("its claim had ended", lambda row, at: is_late(row)),
)


@dataclass
class Verdict:
    sent: int = 0
    acknowledged: int = 0
    dead: int = 0
    lost: list = field(default_factory=list)
    unexplained: list = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)   # of messages that QT has twice
    wrong: list = field(default_factory=list)

    def __str__(self):
        twice = ", ".join(f"{n} {why}" for why, n in self.reasons.most_common()) or "0"
        return (f"{self.acknowledged} of {self.sent} acknowledged, {self.dead} dead, lost "
                f"{len(self.lost)}; twice: {twice}; not explained {len(self.unexplained)}")

    def add(self, other):
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine + value)

    def check(self):
        assert not (self.wrong or self.lost or self.unexplained), "\n".join(
            [str(self), *map(str, (*self.wrong[:5], *self.lost[:3], *self.unexplained[:3]))])


def lines_by_message(lines):
    """The lines of each user's message; a line of the drainer has its key and no user."""
    keys, found = defaultdict(set), defaultdict(list)
    for row in lines:
        if row.get("user") and row.get("key"):
            keys[row["key"][:16]].add(row["user"])
    for row in lines:
        for user in {row.get("user")} | keys.get(row.get("key", "")[:16], set()):
            found[user].append(row)
    return found


def judge(sent, qt, kills, dead, lines):
    v = Verdict(len(sent), sum(m.acknowledged for m in sent), len(dead), wrong=list(qt.problems))
    taken = defaultdict(list)
    for delivery in qt.deliveries:
        taken[delivery.message].append(delivery)
    told = lines_by_message(lines)
    known = {m.id for m in sent}
    v.wrong += [f"QT got what WeChat did not send: {i}" for i in taken if i not in known]
    for message in sent:
        rows = told[user_of(message)]
        some = sorted(taken[message.id], key=lambda d: d.at)
        if message.acknowledged and not any(d.read for d in some) and message.id not in dead:
            v.lost.append(brief(message, some, rows))
        for one, other in itertools.pairwise(some):
            why = reason(one, other, kills, rows)
            v.reasons[why or "not explained"] += 1
            if why is None:
                v.unexplained.append(brief(message, some, rows))
    return v


def reason(one, other, kills, rows):
    """Why a message came twice; None: nobody knows."""
    if not one.read:
        return "QT's answer was cut"
    if any(kill.explains(one) for kill in kills):
        return "in flight at a kill"
    return next((why for why, fits in REASONS for row in rows
                 if fits(row, other.at + SLACK_S)), None)


def set_times(lines, ahead):
    """When each line was written, on the monotonic clock; ahead: seconds, by host."""
    begun = time.time() - time.monotonic()
    for row in lines:
        at = datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()
        row["at"] = at - begun - ahead[row["host"]]


def brief(message, taken, rows):
    """A message, when QT had it, and what the logs say of it."""
    at = [f"{d.at - message.asked:+.2f} s{'' if d.read else ' (cut)'}" for d in taken]
    words = ("host", "time", "what", "verdict", "status", "class", "qt_status", "ms", "detail")
    said = ["; ".join(f"{w}={r[w]}" for w in words if w in r) for r in rows]
    return "\n   ".join([f"{user_of(message)} to {message.copies} hosts, {message.tries} tries; at "
                         f"QT: {at}", *said])
