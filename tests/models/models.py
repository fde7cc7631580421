"""Every question of the report once more, from the list of all events: plain Python, no SQL.
What each means is written at the head of report/sql/NAME.sql."""

import bisect
import math
from collections import Counter, defaultdict
from datetime import date, timedelta

from gen import (FOLLOW, MASS, MENU, MESSAGE, POPUP, PUBLISHED, SCAN, SUBSCRIPTION, TEMPLATE,
                 UNFOLLOW)

MANAGED = "$$_manager_msg_popup"
EPOCH = date(1970, 1, 1)
ITEMS = {SCAN: "EventKey", MENU: "EventKey", MESSAGE: "MsgType", SUBSCRIPTION: "TemplateId",
         POPUP: "TemplateId", MANAGED: "TemplateId", TEMPLATE: "Status", MASS: "Status",
         PUBLISHED: "publish_status"}


class Event:
    __slots__ = ("id", "account", "device", "code", "time", "attributes", "day", "item", "order")

    def __init__(self, number, message, code, attributes):
        self.id, self.code, self.attributes = number, code, attributes
        self.account, self.time = message.account, message.time
        self.device = message.account.application, message.device
        self.day = (self.time + 8 * 3600) // 86400
        self.item = item_of(code, attributes)
        self.order = self.time, self.id


def item_of(code, attributes):
    """What an event is about."""
    if code == FOLLOW:
        key = attributes.get("EventKey", "")
        return key[len("qrscene_"):] if key.startswith("qrscene_") else None
    return attributes.get(ITEMS.get(code))


def events_of(messages):
    """In order of arrival, which the ids tell."""
    out = []
    for m in messages:
        for code, attributes in m.events:
            out.append(Event(len(out) + 1, m, code, attributes))
    return out


def day_number(text):
    return (date.fromisoformat(text) - EPOCH).days


def day_text(day):
    return (EPOCH + timedelta(days=day)).isoformat()


def key_of(text):
    """The order of texts in the store: NULL first, then by bytes."""
    return (text is not None, (text or "").encode())


def ratio(a, b):
    return a / b if b else None


def devices(events):
    return len({e.device for e in events})


def groups(events, key):
    out = defaultdict(list)
    for e in events:
        out[key(e)].append(e)
    return out


def lowest(values, share):
    """The smallest of sorted values that at least this share of them does not exceed."""
    return values[math.ceil(len(values) * share) - 1] if values else None


class Models:
    """The questions about the events of one account or of all."""

    def __init__(self, events, account=None, today=None, followers=()):
        """today: the day in China by its number; None: all that is asked for is long over."""
        self.all_events, self.today = events, today
        self.followers = [f for f in followers if account is None or
                          account in (f.account.path, f.account.name, f.account.appid)]
        self.events = [e for e in events if account is None or
                       account in (e.account.path, e.account.name, e.account.appid)]
        self.life = {d: sorted(es, key=lambda e: e.order)
                     for d, es in groups(self.events, lambda e: e.device).items()}

        self.listed = groups(self.followers, lambda f: (f.account.application, f.device))
        # The follow of each device that only WeChat's list has, if it is before all events.
        self.early = {}
        for device, fs in self.listed.items():
            f = min((f for f in fs if f.time), key=lambda f: f.time, default=None)
            if f and (device not in self.life or f.time < self.life[device][0].time):
                self.early[device] = f

    @staticmethod
    def early_day(f):
        return (f.time + 8 * 3600) // 86400

    def early_days(self):
        return {d: self.early_day(f) for d, f in self.early.items()}

    def ask(self, name, period, **options):
        self.first, self.last = map(day_number, period)
        self.span = [e for e in self.events if self.first <= e.day <= self.last]
        return getattr(self, name)(**options)

    def period(self):
        return range(self.first, self.last + 1)

    def coded(self, code):
        return [e for e in self.span if code is None or e.code == code]

    # The overview.

    def days(self):
        by = groups(self.span, lambda e: (e.day, key_of(e.code)))
        return [dict(day=day_text(k[0]), code=es[0].code, events=len(es), devices=devices(es))
                for k, es in sorted(by.items())]

    def follows(self):
        come = Counter(e.day for e in self.coded(FOLLOW))
        gone = Counter(e.day for e in self.coded(UNFOLLOW))
        return [dict(day=day_text(d), follows=come[d], unfollows=gone[d], net=come[d] - gone[d])
                for d in self.period()]

    def scenes(self):
        follows = groups(self.coded(FOLLOW), lambda e: e.item or "")
        scans = groups(self.coded(SCAN), lambda e: e.item or "")
        total = sum(map(len, follows.values()))
        rows = [dict(scene=s, follows=len(follows.get(s, [])), devices=devices(follows.get(s, [])),
                     share=ratio(len(follows.get(s, [])), total), scans=len(scans.get(s, [])), name=None)
                for s in set(follows) | set(scans)]
        rows.sort(key=lambda r: (-r["follows"], -r["scans"], key_of(r["scene"])))
        return rows[:100]

    def sources(self):
        span = [f for f in self.followers if f.time is not None and
                self.first <= (f.time + 8 * 3600) // 86400 <= self.last]
        by = groups(span, lambda f: (f.source or "", f.scene))
        rows = [dict(source=k[0], scene=k[1], follows=len(fs),
                     following=sum(f.gone is None for f in fs), share=ratio(len(fs), len(span)))
                for k, fs in by.items()]
        rows.sort(key=lambda r: (-r["follows"], key_of(r["source"]), key_of(r["scene"])))
        return rows[:100]

    def ranked(self, code, label, count):
        by = groups(self.coded(code), lambda e: e.item or "")
        total = sum(map(len, by.values()))
        rows = [{label: k, count: len(es), "devices": devices(es), "share": ratio(len(es), total)}
                for k, es in by.items()]
        rows.sort(key=lambda r: (-r[count], key_of(r[label])))
        return rows[:100]

    def menu(self):
        return self.ranked(MENU, "key", "clicks")

    def messages(self):
        return self.ranked(MESSAGE, "type", "messages")

    def sends(self):
        kinds = ["template", "subscription", "mass"]
        rows = {}

        def count(kind, template, result, fans=None):
            r = rows.setdefault((kind, template), dict(
                kind=kind, template=template, sends=0, success=0, refused=0, failed=0,
                fans_total=None, fans_sent=None, fans_failed=None))
            r["sends"] += 1
            r[result] += 1
            for k, v in (fans or {}).items():
                r[k] = (r[k] or 0) + v

        for e in self.span:
            a = e.attributes
            if e.code == TEMPLATE:
                count("template", None, {"success": "success", "failed:userblock": "refused"}.get(
                    a.get("Status", "").replace(" ", "").lower(), "failed"))
            elif e.code == SUBSCRIPTION:
                errors = a.get("ErrorCode", "").split(",")
                for i, template in enumerate(a.get("TemplateId", "").split(",")):
                    error = errors[i] if i < len(errors) else None
                    count("subscription", template or None,
                          {"0": "success", "43101": "refused"}.get(error, "failed"))
            elif e.code == MASS:
                status = a.get("Status", "").replace(" ", "").lower()
                count("mass", None, "success" if status == "sendsuccess" else
                      "refused" if status.startswith("err(") else "failed",
                      dict(fans_total=a.get("TotalCount", 0), fans_sent=a.get("SentCount", 0),
                           fans_failed=a.get("ErrorCount", 0)))
        return sorted(rows.values(), key=lambda r: (kinds.index(r["kind"]), -r["sends"],
                                                    key_of(r["template"])))

    def latest(self):
        firsts = {}
        for e in self.all_events:
            firsts[e.device] = min(e.day, firsts.get(e.device, e.day))
        last = sorted(self.span, key=lambda e: e.order, reverse=True)[:50]
        return [dict(time=e.time, account=e.account.name, code=e.code, device=e.device[1],
                     item=e.item, first_day=int(firsts[e.device] == e.day)) for e in last]

    # The models.

    def event(self, code=None, by="day"):
        def label(e):
            if by == "week":
                return day_text(e.day - (EPOCH + timedelta(days=e.day)).weekday())
            if by == "hour":
                return f"{(e.time + 8 * 3600) // 3600 % 24:02d}"
            return {"day": day_text(e.day), "month": day_text(e.day)[:7],
                    "account": e.account.name, "item": e.item}[by]

        rows = [{"by": k, "events": len(es), "devices": devices(es),
                 "per_device": len(es) / devices(es)}
                for k, es in groups(self.coded(code), label).items() if k is not None]
        most = by in ("item", "account")
        rows.sort(key=lambda r: (-r["events"] if most else 0, key_of(r["by"])))
        return rows[:1000] if by == "item" else rows

    def funnel(self, steps=f"{FOLLOW},{MENU},{MESSAGE}", window=604800):
        steps = steps.split(",")
        reached = [set() for _ in steps]
        spans = [[] for _ in steps]
        for device, life in self.life.items():
            for at, begin in enumerate(life):
                if begin.code != steps[0] or not self.first <= begin.day <= self.last:
                    continue
                step, before = 0, begin
                reached[0].add(device)
                for e in life[at + 1:]:
                    if step + 1 == len(steps) or e.time > begin.time + window:
                        break
                    if e.code == steps[step + 1]:
                        step += 1
                        reached[step].add(device)
                        spans[step].append(e.time - before.time)
                        before = e
        return [dict(step=i + 1, code=code, devices=len(reached[i]),
                     share=ratio(len(reached[i]), len(reached[0])),
                     from_last=ratio(len(reached[i]), len(reached[i - 1])) if i else None,
                     seconds=lowest(sorted(spans[i]), 0.5)) for i, code in enumerate(steps)]

    def retention(self):
        first = {}
        for e in self.coded(FOLLOW):
            first[e.device] = min(e.day, first.get(e.device, e.day))
        first.update((d, day) for d, day in self.early_days().items()
                     if self.first <= day <= self.last)
        sizes = Counter(first.values())
        back = defaultdict(set)
        for e in self.events:
            if e.device in first and e.code != UNFOLLOW:
                back[first[e.device], e.day - first[e.device]].add(e.device)
        return [dict(day=day_text(d), size=sizes[d], n=n, devices=len(back[d, n]),
                     share=len(back[d, n]) / sizes[d])
                for d in sorted(sizes) for n in range(1, 31)
                if self.today is None or d + n <= self.today]

    def distribution(self, code=None):
        buckets = [(1, "1"), (2, "2"), (5, "3-5"), (10, "6-10"), (20, "11-20"), (50, "21-50"),
                   (math.inf, "51+")]
        found = [[0, 0] for _ in buckets]
        for n in Counter(e.device for e in self.coded(code)).values():
            i = bisect.bisect_left([most for most, _ in buckets], n)
            found[i][0] += 1
            found[i][1] += n
        total = sum(n for n, _ in found)
        return [dict(bucket=name, devices=n, events=events, share=n / total)
                for (_, name), (n, events) in zip(buckets, found)] if total else []

    def interval(self, first=FOLLOW, second=MENU):
        spans = []
        for es in groups(self.span, lambda e: e.device).values():
            waiting = None
            for e in sorted(es, key=lambda e: e.order):
                if e.code == second and waiting is not None:
                    spans.append(e.time - waiting)
                    waiting = None
                if e.code == first:
                    waiting = e.time
        spans.sort()
        whole = dict(min=spans[0], p25=lowest(spans, 0.25), median=lowest(spans, 0.5),
                     p75=lowest(spans, 0.75), p90=lowest(spans, 0.9), max=spans[-1],
                     avg=sum(spans) / len(spans)) if spans else {}
        buckets = [(0, "0-9 s"), (10, "10-59 s"), (60, "1-9 min"), (600, "10-59 min"),
                   (3600, "1-5 h"), (21600, "6-23 h"), (86400, "1-6 d"), (604800, "7+ d")]
        n = Counter(bisect.bisect_right([least for least, _ in buckets], s) - 1 for s in spans)
        return [dict(bucket=name, pairs=n[i], share=n[i] / len(spans), **whole)
                for i, (_, name) in enumerate(buckets)] if spans else []

    def path(self, start=None, pause=1800):
        moves = defaultdict(list)
        for device, life in self.life.items():
            for at, begin in enumerate(life):
                if not self.first <= begin.day <= self.last:
                    continue
                if start is not None and begin.code != start:
                    continue
                if start is None and at and begin.time - life[at - 1].time <= pause:
                    continue
                for step in range(1, 6):
                    here = life[at + step - 1]
                    after = life[at + step] if at + step < len(life) else None
                    if after is None or after.time - here.time > pause:
                        moves[step, here.code or "", None].append(device)
                        break
                    moves[step, here.code or "", after.code or ""].append(device)
        rows = [{"step": k[0], "from": k[1], "to": k[2], "times": len(v), "devices": len(set(v))}
                for k, v in moves.items()]
        return sorted(rows, key=lambda r: (r["step"], -r["times"], key_of(r["from"]),
                                           key_of(r["to"])))

    def lifecycle(self, silence=7):
        rows = {d: dict(day=day_text(d), new=0, active=0, returned=0, silent=0)
                for d in self.period()}
        early = self.early_days()
        for device in self.life.keys() | early.keys():
            days = sorted({e.day for e in self.life.get(device, [])} |
                          ({early[device]} if device in early else set()))
            for i, d in enumerate(days):
                kind = ("new" if i == 0 else
                        "active" if d - days[i - 1] <= silence else "returned")
                if d in rows:
                    rows[d][kind] += 1
                until = days[i + 1] if i + 1 < len(days) else self.last + 1
                for quiet in range(max(d + silence, self.first), min(until, self.last + 1)):
                    rows[quiet]["silent"] += 1
        return list(rows.values())

    def attribution(self, target=FOLLOW, window=604800):
        causes = defaultdict(list)
        for device, life in self.life.items():
            touch = ("none", None, -math.inf)
            for e in life:
                scene = e.code == FOLLOW and e.item is not None
                own = ("scan", e.item or None, e.time) if scene else touch
                if e.code == target and self.first <= e.day <= self.last:
                    near = e.time - own[2] <= window
                    causes[own[:2] if near else ("none", None)].append(device)
                if scene or e.code == SCAN:
                    touch = ("scan", e.item or None, e.time)
                elif e.code == MENU:
                    touch = ("menu", e.item or None, e.time)
        total = sum(map(len, causes.values()))
        rows = [dict(source=k[0], key=k[1], events=len(v), devices=len(set(v)),
                     share=len(v) / total) for k, v in causes.items()]
        rows.sort(key=lambda r: (-r["events"], key_of(r["source"]), key_of(r["key"])))
        return rows[:1000]

    def audience(self, code=None, item=None, at_least=1, at_most=None, following=None, limit=1000):
        rows = []
        found = groups([e for e in self.coded(code) if item is None or e.item == item],
                       lambda e: e.device)
        early = {d: f for d, f in self.early.items()
                 if self.first <= self.early_day(f) <= self.last and code in (None, FOLLOW) and
                 (item is None or f.scene == item)}
        for device in found.keys() | early.keys():
            es, more = found.get(device, []), early.get(device)
            n = len(es) + (more is not None)
            if not at_least <= n <= (at_most or math.inf):
                continue
            state = None
            if device in self.listed:
                state = "yes" if any(f.gone is None for f in self.listed[device]) else "no"
            for e in self.life.get(device, []):
                state = {FOLLOW: "yes", UNFOLLOW: "no"}.get(e.code, state)
            if following not in (None, state):
                continue
            last = max(es, key=lambda e: e.order) if es else more
            rows.append((device, dict(device=device[1], account=last.account.name, events=n,
                                      first=min([e.time for e in es] +
                                                ([more.time] if more else [])),
                                      last=last.time, following=state)))
        rows.sort(key=lambda r: (-r[1]["events"], -r[1]["last"], key_of(r[0][0]), key_of(r[0][1])))
        return [row for _, row in rows[:limit]]
