"""WeChat's list of followers and what it tells of users (user/get, user/info/batchget,
openapi/quota/get), played from their documentation: pages, quotas, tokens, and faults."""

import json
import random
import threading
from collections import Counter
from datetime import date

from cubeapi import Broken, CubeAPI, refusal

PAGE, BATCH = 10000, 100
LIST, INFO, QUOTA = ("/cgi-bin/user/get", "/cgi-bin/user/info/batchget",
                     "/cgi-bin/openapi/quota/get")
SCENES = ("ADD_SCENE_SEARCH", "ADD_SCENE_QR_CODE", "ADD_SCENE_PROFILE_CARD", "ADD_SCENE_OTHERS")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FIRST = 1600000000      # when the first of them followed


def openid(n):
    dice = random.Random(n * 7919 + 1)
    return "oWx1_" + "".join(dice.choices(LETTERS, k=16)) + f"{n:07d}"


def info(n, tags=None):
    """What WeChat knows of follower number n; 3 of 100 have no UnionID."""
    qr = n % 4 == 1
    return {"subscribe": 1, "openid": openid(n), "nickname": "", "sex": 0, "language": "zh_CN",
            "city": "", "province": "", "country": "", "headimgurl": "",
            "subscribe_time": FIRST + n * 60, **({} if n % 33 == 0 else {"unionid": f"uU{n:09d}"}),
            "remark": '"朋友\\😀"' if n % 10 == 3 else "", "groupid": 0,
            "tagid_list": [2, 128] if n % 5 == 0 else [],
            "subscribe_scene": SCENES[n % 4], "qr_scene": n % 7 if qr and n % 3 else 0,
            "qr_scene_str": "" if not qr or n % 3 else f"门店{n % 9}"}


class FansAPI(CubeAPI):
    """Followers are numbers; order is that in which they followed."""

    def reset(self):
        self.lock = threading.Lock()
        self.order, self.numbers, self.changed = [], {}, {}
        self.calls = []             # the path of every call for the list and the users
        self.good = Counter()       # of them, those that were answered
        self.asked = Counter()      # how often a user was told about
        self.tokens = {"token-1"}
        self.limit = {LIST: 500, INFO: 500000}
        self.left = dict(self.limit)
        self.quotas = []            # what was asked of quotas
        self.dice, self.faulty = random.Random(20), 0.0
        self.faults = []            # answers to be given first, one after the other
        self.names_last = True      # whether the last page names a next one, as WeChat does
        self.unknown = set()        # openids that make WeChat refuse a whole call
        self.off = False            # 48001
        self.watch = None           # called with the number of each call, before its answer
        self.problems = []

    def follow(self, *numbers):
        for n in numbers:
            self.order.append(n)
            self.numbers[openid(n)] = n

    def unfollow(self, *numbers):
        gone = set(numbers)
        self.order = [n for n in self.order if n not in gone]

    def _answer(self, method, url, body):
        if url.path == "/cgi-bin/stable_token":
            return {"access_token": max(self.tokens), "expires_in": 7200}
        query = dict(p.split("=") for p in url.query.split("&"))
        if query.get("access_token") not in self.tokens:
            return refusal(40001, "invalid credential")
        if url.path == QUOTA:
            path = json.loads(body)["cgi_path"]
            self.quotas.append(path)
            return {"errcode": 0, "errmsg": "ok", "quota": {
                "daily_limit": self.limit[path], "used": self.limit[path] - self.left[path],
                "remain": self.left[path]}}
        if url.path not in (LIST, INFO) or (method == "GET") != (url.path == LIST):
            self.problems.append(f"{method} {url.path}")
            return refusal(40066, "invalid url")
        self.calls.append(url.path)
        if self.watch:
            self.watch(len(self.calls))
        if self.faults and (fault := self.faults.pop(0)) is not None:
            if isinstance(fault, dict) and fault.get("errcode") == 40001:
                self.tokens = {f"token-{len(self.calls) + 1}"}
            return fault
        if self.dice.random() < self.faulty:
            return self.dice.choice((refusal(-1, "system error"), Broken(502, b"bad gateway"),
                                     Broken(200, b'{"total":', 900), Broken(silent=True)))
        if self.off:
            return refusal(48001, "api unauthorized")
        if self.left[url.path] == 0:
            return refusal(45009, "reach max api daily quota limit")
        self.left[url.path] -= 1
        answer = self._list(query) if url.path == LIST else self._info(json.loads(body))
        if "errcode" not in answer:
            self.good[url.path] += 1
        return answer

    def _list(self, query):
        begin = 0
        if after := query.get("next_openid"):
            if (n := self.numbers.get(after)) is None:
                return refusal(40003, "invalid openid")
            begin = self._behind(n)
        page = self.order[begin:begin + PAGE]
        answer = {"total": len(self.order), "count": len(page), "next_openid": ""}
        if page:
            answer["data"] = {"openid": [openid(n) for n in page]}
            if self.names_last or begin + PAGE < len(self.order):
                answer["next_openid"] = openid(page[-1])
        return answer

    def _behind(self, n):
        """Where the page behind this follower begins; who has left is still known to WeChat."""
        try:
            return self.order.index(n) + 1
        except ValueError:
            return sum(m < n for m in self.order)

    def _info(self, body):
        asked = [(u["openid"], u["lang"]) for u in body["user_list"]]
        if not 0 < len(asked) <= BATCH or any(lang != "zh_CN" for _, lang in asked):
            return refusal(40032, "invalid openid list size")
        if any(o not in self.numbers or o in self.unknown for o, _ in asked):
            return refusal(40003, "invalid openid")
        self.asked.update(o for o, _ in asked)
        return {"user_info_list": [self.tell(self.numbers[o]) for o, _ in asked]}

    def tell(self, n):
        if n not in self.following():
            return {"subscribe": 0, "openid": openid(n), "tagid_list": []}
        return {**info(n), **self.changed.get(n, {})}

    def following(self):
        """As a set, which is made once for each list."""
        if getattr(self, "_set_of", None) is not self.order or len(self._set) != len(self.order):
            self._set_of, self._set = self.order, set(self.order)
        return self._set


def least_calls(n, users=None):
    """Of a pull of n followers, of whom `users` are asked about."""
    return max(1, -(-n // PAGE)) + -(-(n if users is None else users) // BATCH)


def row(told):
    """The row that the store must have of a follower."""
    return {"openid": told["openid"], "unionid": told.get("unionid"),
            "subscribe_time": told["subscribe_time"], "scene": told["subscribe_scene"],
            "qr_scene": told["qr_scene"] or None, "qr_scene_str": told["qr_scene_str"] or None,
            "language": told["language"], "remark": told["remark"] or None,
            "tags": json.dumps(told["tagid_list"], separators=(",", ":"))}
