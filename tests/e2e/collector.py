"""The collector from outside: what clients post to it, its answers, and what its store has."""

import json
from collections import Counter
from dataclasses import dataclass, replace

import fcgi
import program
import qt as qt_side
from qt import PATH

TEXT = {code: f"Httpapi_300_{code}" for code in qt_side.MESSAGES}
COUNTED = """
    SELECT platform, platform_type, event_type, event_code, device_id, is_first_day,
           tracked.time, tracked.attributes, part, received, item, gap,
           account.appid, application, account.path, account.name
    FROM tracked JOIN event USING (id) JOIN account ON account.id = event.account
    ORDER BY tracked.id"""


def parameters(push):
    """WeChat's parameters as members of an envelope; one given twice is an array."""
    values = {}
    for name, value in push.params:
        values.setdefault(name, []).append(value)
    return {name: v[0] if len(v) == 1 else v for name, v in values.items()}


def posted(account, push, **more):
    """What a client posts for a push of WeChat's; more: other values, None: left out."""
    return qt_side.envelope(account, push.body.decode(), **{**parameters(push), **more})


def in_one_application(account):
    """An account as the variant "strict" has it."""
    return replace(account, app_key=program.ONE_APPLICATION, mode="PLAIN", key="", old_key="")


@dataclass
class Collector:
    """One way to it, and the Home where it keeps what it counts."""
    home: program.Home
    post: callable      # body to answer

    def counted(self):
        """The events that it has counted, oldest first."""
        return self.home.query(COUNTED)

    def messages(self):
        """How often each message has been counted."""
        return Counter(dict(self.home.query("SELECT message, count(*) FROM event WHERE part = 0 "
                                            "GROUP BY message")))

    def everything(self):
        """All that a refused message may not change."""
        return [[tuple(row) for row in self.home.query(f"SELECT * FROM {table}")]
                for table in ("account", "device", "event", "unionid")]

    def answers(self, body, code):
        answer = self.post(body)
        assert answer.status == 200 and answer.headers["content-type"] == "application/json"
        assert json.loads(answer.body) == {"code": TEXT[code],
                                           "message": qt_side.MESSAGES[code]}

    def refuses(self, body, code):
        """With this code; and nothing of it is stored."""
        before = self.everything()
        self.answers(body, code)
        assert self.everything() == before

    def takes(self, body, events=1):
        """As so many events, which it returns."""
        before = len(self.counted())
        self.answers(body, 200)
        new = self.counted()[before:]
        assert len(new) == events, [dict(row) for row in new]
        return new


def behind(pool):
    """The collector in a pool of ours."""
    def post(body):
        return fcgi.call(pool.path, fcgi.cgi("POST", PATH, "", len(body)), body)
    return Collector(pool.home, post)


def behind_front(front):
    """The collector behind a web server."""
    return Collector(front.home, lambda body: front.request("POST", PATH, body))


def as_cgi(home, variant="main"):
    """A process for each message."""
    def post(body):
        return program.run_cgi(home, fcgi.cgi("POST", PATH, "", len(body)), body, variant)
    return Collector(home, post)
