"""A generated month of an official account's life: users who come, stay silent, return and go,
as messages in the order in which they arrive."""

import json
import os
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

SAN = os.environ.get("SAN", "")
CHINA = timezone(timedelta(hours=8))
FOLLOW = "$$_official_account_follow"
UNFOLLOW = "$$_official_account_unfollow"
SCAN = "$$_scan_open_official_account"
MENU = "$$_menu_click"
MESSAGE = "$$_receive_msg"
LOCATION = "$$_send_localtion"
TEMPLATE = "$$_template_send_finish"
SUBSCRIPTION = "$$_send_msg_popup"
POPUP = "$$_click_msg_popup"
MASS = "$$_mass_send_finish"
PUBLISHED = "$$_publish_job_finish"


@dataclass(frozen=True)
class Account:
    appid: str
    application: str
    path: str
    name: str


# The first two are in one application and know some of each other's users by UnionID.
SHOP = Account("wx1111111111111111", "app-one", "shop", "The shop")
CAFE = Account("wx2222222222222222", "app-one", "cafe", "The caf\u00e9 \u5496\u5561")
SCHOOL = Account("wx3333333333333333", "app-two", "school", "School")


@dataclass
class Message:
    account: Account
    device: str
    time: int
    events: list                    # (code or None, attributes)
    arrival: float = field(default=0)
    openid: str = ""                # counted under it, since there is no unionid yet
    told: tuple = ()                # openids whose unionid is the device, from now on


def seconds(day, hour=0):
    """Epoch seconds of a day YYYY-MM-DD in China."""
    return int(datetime.fromisoformat(day).replace(tzinfo=CHINA).timestamp()) + hour * 3600


class Month:
    """Messages around a month: some weeks before it, and some days after it."""

    def __init__(self, seed, first, last, events):
        self.rnd = random.Random(seed)
        self.begin, self.end = seconds(first), seconds(last, 24)
        self.messages, self.count, self.events = [], 0, events

    def add(self, account, device, time, *events):
        if self.begin <= time < self.end and self.count < self.events:
            self.messages.append(Message(account, device, time, list(events)))
            self.count += len(events)

    def menu(self):
        kind = self.rnd.random()
        key = f"V{int(self.rnd.expovariate(0.2)):02d}_ITEM"
        if kind < 0.05:
            key = self.rnd.choice(("https://example.com/m?a=1&b=<2>", "pages/index/index", ""))
        if kind > 0.99:
            return MENU, {"MsgType": "event", "Event": "pic_weixin"}
        return MENU, {"MsgType": "event", "Event": "CLICK", "EventKey": key}

    def scene(self):
        return self.rnd.choice((f"{self.rnd.randrange(30)}",
                                f"\u95e8\u5e97{self.rnd.randrange(9)}"))

    def follow(self):
        how = self.rnd.random()
        key = f"qrscene_{self.scene()}" if how < 0.5 else ""
        if how > 0.97:
            key = "last_trade_no_4200001234"
        if how > 0.99:
            key = "qrscene_"
        attributes = {"is_scan": "true" if key.startswith("qrscene_") else "false",
                      "Event": "subscribe"}
        if how < 0.9 or key:
            attributes["EventKey"] = key
        return FOLLOW, attributes

    def sends(self):
        """A message that tells of subscription messages: one, two joined, or an event each."""
        ids = ["TplA_9nLIlbOQZC5Y89AZteFEux", "TplB", "Tpl-C_3"]
        error = lambda: self.rnd.choice(("0", "0", "0", "43101", "43107"))
        how = self.rnd.random()
        if how < 0.6:
            return [(SUBSCRIPTION, {"TemplateId": self.rnd.choice(ids), "ErrorCode": error()})]
        if how < 0.8:
            return [(SUBSCRIPTION, {"TemplateId": ",".join(ids[:2]),
                                    "ErrorCode": f"{error()},{error()}",
                                    "ErrorStatus": "success,user, refuse"})]
        if how < 0.82:
            return [(SUBSCRIPTION, {"TemplateId": ",".join(ids)})]
        return [(SUBSCRIPTION, {"TemplateId": t, "ErrorCode": error()}) for t in ids]

    def anything(self):
        kind = self.rnd.random()
        if kind < 0.40:
            return [self.menu()]
        if kind < 0.72:
            types = ("text", "image", "voice", "location")
            return [(MESSAGE, {"MsgType": self.rnd.choices(types, (70, 20, 9, 1))[0],
                               "Content": "\u4f60\u597d"})]
        if kind < 0.80:
            return [(SCAN, {"MsgType": "event", "Event": "SCAN", "EventKey": self.scene()})]
        if kind < 0.88:
            return [(TEMPLATE, {"Status": self.rnd.choice(
                ("success",) * 8 + ("failed:user block", "failed: user block",
                                    "failed: system failed", "failed:freq limit"))})]
        if kind < 0.92:
            return self.sends()
        if kind < 0.95:
            return [(LOCATION, {"Event": "LOCATION", "Latitude": 23.137})]
        if kind < 0.97:
            return [(POPUP, {"TemplateId": "TplB", "SubscribeStatusString": "accept"})]
        return [(None, {})]

    def session(self, account, device, time):
        for _ in range(1 + int(self.rnd.expovariate(0.7))):
            self.add(account, device, time, *self.anything())
            # Many things happen within a second, and some just at the end of a pause.
            time += self.rnd.choice((0, 0, 1, 3, 20, 100, 600, 1799, 1800, 1801))
        return time

    def user(self, accounts, device):
        time = self.begin + self.rnd.randrange(self.end - self.begin)
        home = accounts[0]
        if self.rnd.random() < 0.9:
            self.add(home, device, time, self.follow())
        for _ in range(int(self.rnd.expovariate(0.25))):
            account = self.rnd.choice(accounts)
            time = self.session(account, device, time + self.rnd.choice((0, 5, 300)))
            if self.rnd.random() < 0.15:
                self.add(account, device, time, (UNFOLLOW, {"Event": "unsubscribe"}))
                if self.rnd.random() < 0.5:
                    self.add(account, device, time + self.rnd.choice((0, 30, 40000)),
                             self.follow())
            time += int(self.rnd.choice((3000, 20000, 86400, 3 * 86400, 7 * 86400, 8 * 86400)) *
                        self.rnd.choice((1, 1, self.rnd.random() * 2)))

    def office(self, account):
        """What WeChat's helper account tells, once a day."""
        helper = "oHelperOf" + account.path
        for time in range(self.begin + 43200, self.end, 86400):
            total = self.rnd.randrange(10000)
            self.add(account, helper, time, (MASS, {
                "Status": self.rnd.choice(("send success", "sendsuccess", "send fail",
                                           "err(30003)")), "TotalCount": total,
                "FilterCount": total, "SentCount": total * 9 // 10, "ErrorCount": total // 10}))
            self.add(account, helper, time + 5, (PUBLISHED, {"publish_status": "0"}))

    def run(self):
        for account in (SHOP, CAFE, SCHOOL):
            self.office(account)
        n = 0
        while self.count < self.events:
            n += 1
            which = self.rnd.random()
            accounts = ([SHOP] if which < 0.6 else [CAFE] if which < 0.7 else
                        [self.rnd.choice((SHOP, CAFE)), SHOP, CAFE] if which < 0.8 else [SCHOOL])
            # An openid of one application may be a name in another one, too.
            self.user(accounts, f"o{n % 5000 if accounts == [SCHOOL] else n:06d}")
        for m in self.messages:
            # Some come late: WeChat asks again, or a queue had them.
            m.arrival = m.time + (self.rnd.randrange(200000) if self.rnd.random() < 0.03 else
                                  self.rnd.random() * 3)
        self.messages.sort(key=lambda m: m.arrival)
        return self.messages


def month():
    """100,000 events in March 2024, and some before and after; fewer for sanitizers, which have
    nothing to find in what differs by its number only, and for check-dates."""
    events = int(os.environ.get("MODELS_EVENTS", 20_000 if SAN else 117_000))
    return Month(20240301, "2024-02-26", "2024-04-02", events).run()


@dataclass
class Follower:
    """As WeChat tells of one; time: of the last follow, None: WeChat was not asked yet."""
    account: Account
    openid: str
    device: str
    time: int
    source: str = None
    qr_scene: int = None
    qr_scene_str: str = None
    gone: int = None

    @property
    def scene(self):
        return self.qr_scene_str or (self.qr_scene and str(self.qr_scene)) or None


def fans(messages, seed=5):
    """Followers of the accounts of a month: some of its users, who came before their first event,
    at it or after it, and others who have no event at all."""
    rnd = random.Random(seed)
    first = {}
    for m in messages:
        first.setdefault((m.account, m.device), m.time)
    made = []

    def add(account, device, time):
        n = len(made)
        f = Follower(account, f"oFan{n:07d}", device, time)
        if rnd.random() < 0.9:
            f.source = rnd.choice(("ADD_SCENE_SEARCH", "ADD_SCENE_QR_CODE",
                                   "ADD_SCENE_PROFILE_CARD", "ADD_SCENE_OTHERS"))
        else:
            f.time = rnd.choice((None, time))
        if f.source == "ADD_SCENE_QR_CODE":
            f.qr_scene, f.qr_scene_str = rnd.choice(((n % 20 + 1, None), (None, f"门店{n % 7}")))
        if rnd.random() < 0.2:
            f.gone = time + rnd.randrange(20 * 86400)
        made.append(f)

    for (account, device), time in first.items():
        if rnd.random() < 0.3:
            add(account, device, time + rnd.choice((0, 5, -1, -3600, -86400, -40 * 86400,
                                                    3 * 86400, -rnd.randrange(20 * 86400))))
    for account in (SHOP, CAFE, SCHOOL):
        for n in range(len(first) // 8):
            add(account, f"quiet{n}", min(first.values()) + rnd.randrange(-25, 50) * 86400 +
                rnd.randrange(86400))
    return made


def lines(messages, start=0):
    """What models_tool reads; start: how many there are already."""
    for i, m in enumerate(messages, start):
        a = m.account
        for openid in m.told:
            yield "\t".join(("U", a.appid, openid, m.device))
        yield "\t".join(("M", a.appid, a.application, a.path, a.name,
                         f"?{m.openid}" if m.openid else m.device, str(m.time),
                         str(m.time * 1000 + 250), f"{m.time:016x}{i + 1:032x}"))
        for code, attributes in m.events:
            yield f"E\t{code or '-'}\t" + json.dumps(attributes, ensure_ascii=False,
                                                     separators=(",", ":"))
