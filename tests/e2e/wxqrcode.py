"""WeChat's QR codes with a scene ("Generating Parametric QR Code"), beside a WeChat of wxapi.py:
limits, quotas, and what a scan of a code pushes."""

import json
import secrets
from urllib.parse import parse_qsl

from wxapi import MESSAGES, error

PERMANENT = 100_000
LONGEST = 30 * 86400
MESSAGES.update({40053: "invalid action info", 40097: "invalid args",
                 45029: "qrcode count out of limit"})


class Codes:
    """The codes of all accounts."""

    def __init__(self, wx, permanent=PERMANENT):
        self.wx, self.permanent = wx, permanent
        self.made = {}          # ticket: action and scene
        self.asked = 0
        self.code = 0           # said of every call where it is not 0
        wx.posts["/cgi-bin/qrcode/create"] = self._create

    def _create(self, query, body):
        fields = dict(parse_qsl(query, strict_parsing=True))
        self.asked += 1
        return 200, json.dumps(self._judge(fields.get("access_token", ""), body))

    def _judge(self, token, body):
        if code := self.code or self.wx.issuer.judge(token):
            return error(code)
        try:
            asked = json.loads(body)
            action, scene = asked["action_name"], asked["action_info"]["scene"]["scene_str"]
        except (ValueError, KeyError, TypeError):
            return error(47001)
        temporary = action == "QR_STR_SCENE"
        if action not in ("QR_STR_SCENE", "QR_LIMIT_STR_SCENE") or \
                not (isinstance(scene, str) and 1 <= len(scene) <= 64):
            return error(40053)
        if temporary != ("expire_seconds" in asked) or \
                (temporary and not 60 <= asked["expire_seconds"] <= LONGEST):
            return error(40097)
        if not temporary and self.permanent <= sum(
                a != "QR_STR_SCENE" for a, _ in self.made.values()):
            return error(45029)
        ticket = "gQ" + secrets.token_urlsafe(60) + "+/="
        self.made[ticket] = action, scene
        url = "http://weixin.qq.com/q/" + secrets.token_hex(8)
        return {"ticket": ticket, "url": url,
                **({"expire_seconds": asked["expire_seconds"]} if temporary else {})}
