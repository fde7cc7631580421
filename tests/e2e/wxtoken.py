"""WeChat's two ways to an access_token ("Get access_token", "getStableAccessToken"), after its
documentation, by a clock that a test sets: what is valid when, quotas, the list of addresses."""

import json
import secrets
import threading
import time
from urllib.parse import parse_qsl

from patience import PATIENCE_S
from wxapi import error

LIFE = 7200
OVERLAP = 300       # the one before holds for so long beside the new one
LEGACY_DAY = 2000
FORCED_DAY = 20
FORCED_GAP = 30
CHINA = 8 * 3600


class Chain:
    """The tokens of one account from one of the two end points."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.ends = {}          # by token, the last one is the current one
        self.day = None
        self.calls = self.forced = 0
        self.forced_at = 0

    @property
    def current(self):
        return next(reversed(self.ends), None)

    def issue(self, now, overlap):
        if self.current:
            self.ends[self.current] = min(self.ends[self.current], now + overlap)
        token = self.prefix + secrets.token_urlsafe(100)
        self.ends[token] = now + LIFE
        return token

    def count(self, now):
        """A call, on a day of China."""
        day = int(now + CHINA) // 86400
        if day != self.day:
            self.day, self.calls, self.forced = day, 0, 0
        self.calls += 1


class Issuer:
    """For some accounts, beside a WeChat whose judge it becomes."""

    def __init__(self, wx, accounts):
        self.accounts = accounts        # AppSecret by AppID
        self.ahead = 0                  # seconds that WeChat's clock is ahead of ours
        self.calls = []                 # all of them: (appid, end point, forced)
        self.code = 0                   # said of every call where it is not 0
        self.listed = True              # whether our address is on the list
        self.gate = threading.Event()   # no answer before the test lets go
        self.gate.set()
        self.lock = threading.Lock()
        self.stable = {a: Chain("s_") for a in accounts}
        self.legacy = {a: Chain("l_") for a in accounts}
        self.wx = wx
        wx.issuer = self
        wx.gets.update({"/cgi-bin/token": self._legacy, "/cgi-bin/stable_token": self._get_stable})
        wx.posts.update({"/cgi-bin/stable_token": self._stable})

    @property
    def now(self):
        return time.time() + self.ahead

    @property
    def tokens(self):
        """By token, when it ends."""
        return {t: end for chains in (self.stable, self.legacy) for c in chains.values()
                for t, end in c.ends.items()}

    @property
    def secrets(self):
        return (*self.tokens, *self.accounts.values())

    def judge(self, token):
        """What WeChat says of one that a call brings; 0: it is valid."""
        ends = self.tokens
        if token not in ends:
            return 40001
        if ends[token] > self.now:
            return 0
        # Over, or replaced before its time.
        current = {c.current for chains in (self.stable, self.legacy) for c in chains.values()}
        return 42001 if token in current else 40001

    def invalidate(self, appid):
        """Somebody else forces another one."""
        self.stable[appid].issue(self.now, 0)

    def _refuses(self, fields):
        if fields.get("grant_type") != "client_credential":
            return 40002
        if not fields.get("appid"):
            return 41002
        if not fields.get("secret"):
            return 41004
        if fields["appid"] not in self.accounts:
            return 40013
        if fields["secret"] != self.accounts[fields["appid"]]:
            return 40125
        return self.code if self.listed else 40164

    def _answer(self, point, fields, forced, give):
        with self.lock:
            self.calls.append((fields.get("appid"), point, forced))
            code = self._refuses(fields)
            answer = error(code) if code else give(fields["appid"])
        self.gate.wait(PATIENCE_S)
        return 200, json.dumps(answer)

    def _given(self, chain):
        left = int(chain.ends[chain.current] - self.now)
        return {"access_token": chain.current, "expires_in": left}

    def _get_stable(self, query):
        self.wx.problems.append("GET stable_token")
        return 200, json.dumps(error(43002))

    def _stable(self, query, body):
        fields = json.loads(body)
        if query or set(fields) - {"grant_type", "appid", "secret", "force_refresh"}:
            self.wx.problems.append(f"stable_token?{query} {list(fields)}")
        forced = fields.get("force_refresh", False)
        if not isinstance(forced, bool):
            self.wx.problems.append("force_refresh is no boolean")
            return 200, json.dumps(error(47001))
        return self._answer("stable", fields, forced,
                            lambda appid: self._give_stable(self.stable[appid], forced))

    def _give_stable(self, chain, forced):
        now = self.now
        chain.count(now)
        if forced and chain.forced < FORCED_DAY and now - chain.forced_at >= FORCED_GAP:
            chain.forced += 1
            chain.forced_at = now
            chain.issue(now, 0)
        elif not chain.current or chain.ends[chain.current] - now <= OVERLAP:
            chain.issue(now, OVERLAP)
        return self._given(chain)

    def _legacy(self, query):
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        if [name for name, _ in pairs] != ["grant_type", "appid", "secret"]:
            self.wx.problems.append("token? with other parameters")
        return self._answer("legacy", dict(pairs), False,
                            lambda appid: self._give_legacy(self.legacy[appid]))

    def _give_legacy(self, chain):
        chain.count(self.now)
        if chain.calls > LEGACY_DAY:
            return error(45009)
        chain.issue(self.now, OVERLAP)
        return self._given(chain)
