"""What an account's console has, as WeChat's API tells it, and the menu that the API makes: after
WeChat's documents, with WeChat's limits and error numbers."""

import json
import secrets
from email import message_from_bytes
from urllib.parse import parse_qsl, urlsplit

from wxapi import MESSAGES

MESSAGES.update({
    40004: "invalid media type", 40007: "invalid media_id", 40015: "invalid button type",
    40016: "invalid button size", 40017: "invalid button type or size", 40018: "invalid button name size",
    40019: "invalid button key size", 40020: "invalid button url size", 40022: "invalid sub button level",
    40023: "invalid sub button size", 40024: "invalid sub button type", 40025: "invalid sub button name size",
    40026: "invalid sub button key size", 40027: "invalid sub button url size", 46003: "menu no exist",
    65301: "menuid not exist", 65303: "no default menu", 65304: "matchrule is empty",
    65316: "more than 3 domains",
})
TYPES = {**dict.fromkeys(("click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album",
                          "pic_weixin", "location_select"), ("key",)),
         "view": ("url",), "miniprogram": ("url", "appid", "pagepath"), "media_id": ("media_id",),
         "view_limited": ("media_id",), "article_id": ("article_id",),
         "article_view_limited": ("article_id",)}
LEVELS = (dict(type=40015, count=40016, name=40018, key=40019, url=40020, most=3, name_most=16),
          dict(type=40024, count=40023, name=40025, key=40026, url=40027, most=5, name_most=60))


class Refusal(Exception):
    """An errcode."""


def size(text):
    return len(text.encode())


def check_buttons(buttons, level=0):
    codes = LEVELS[level]
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= codes["most"]:
        raise Refusal(codes["count"])
    for button in buttons:
        if not 1 <= size(button.get("name", "")) <= codes["name_most"]:
            raise Refusal(codes["name"])
        if button.get("sub_button"):
            if level:
                raise Refusal(40022)
            check_buttons(button["sub_button"], 1)
            continue
        needs = TYPES.get(button.get("type"))
        if needs is None or any(not button.get(name) for name in needs):
            raise Refusal(codes["type"])
        if size(button.get("key", "")) > 128:
            raise Refusal(codes["key"])
        if size(button.get("url", "")) > 1024:
            raise Refusal(codes["url"])


def urls(buttons):
    for button in buttons:
        yield from urls(button.get("sub_button") or [])
        if "url" in button:
            yield button["url"]


class Console:
    """Beside a wxapi.WeChat with an issuer."""

    def __init__(self, wx, replies=None, selfmenu=None, media=None):
        self.wx = wx
        self.replies = replies or {}
        self.selfmenu = selfmenu or {"is_menu_open": 0, "selfmenu_info": {"button": []}}
        self.media = dict(media or {})      # temporary ones: bytes by media_id
        self.material = {}                  # permanent ones: kind and bytes by media_id
        self.menu = None                    # of the API
        self.conditional = []               # the newest first
        self.calls = []
        for path, answer in (("get_current_autoreply_info", self._autoreply),
                             ("get_current_selfmenu_info", self._selfmenu), ("menu/get", self._get),
                             ("menu/delete", self._delete), ("media/get", self._media)):
            wx.gets[f"/cgi-bin/{path}"] = self._judged(path, answer)
        for path, answer in (("menu/create", self._create), ("menu/addconditional", self._add),
                             ("menu/delconditional", self._remove),
                             ("material/add_material", self._upload)):
            wx.posts[f"/cgi-bin/{path}"] = self._judged(path, answer)
        wx.forms.add("/cgi-bin/material/add_material")

    def _judged(self, path, answer):
        """The token first; then what the call says, or its errcode."""
        def call(query, *body):
            fields = dict(parse_qsl(query))
            self.calls.append(path)
            try:
                if code := self.wx.issuer.judge(fields.get("access_token", "")):
                    raise Refusal(code)
                found = answer(fields, *body)
            except Refusal as e:
                found = {"errcode": e.args[0], "errmsg": MESSAGES[e.args[0]]}
            return 200, found if isinstance(found, bytes) else json.dumps(found, ensure_ascii=False)
        return call

    def _autoreply(self, fields):
        return self.replies

    def _selfmenu(self, fields):
        return self.selfmenu

    def _get(self, fields):
        if self.menu is None:
            raise Refusal(46003)
        return {"menu": {"button": self.menu, "menuid": 1},
                **({"conditionalmenu": self.conditional} if self.conditional else {})}

    def _delete(self, fields):
        self.menu, self.conditional = None, []
        return {"errcode": 0, "errmsg": "ok"}

    def _media(self, fields):
        if fields.get("media_id") not in self.media:
            raise Refusal(40007)
        return self.media[fields["media_id"]]

    def _json(self, body):
        text = body.decode()
        if "\\u" in text:
            self.wx.problems.append(f"escaped: {text}")
        return json.loads(text)

    def _create(self, fields, body):
        menu = self._json(body)
        check_buttons(menu["button"])
        assert set(menu) == {"button"}, menu
        self.menu = [{"sub_button": [], **b} for b in menu["button"]]
        return {"errcode": 0, "errmsg": "ok"}

    def _add(self, fields, body):
        menu = self._json(body)
        if self.menu is None:
            raise Refusal(65303)
        check_buttons(menu["button"])
        if not menu.get("matchrule"):
            raise Refusal(65304)
        every = [u for m in (*self.conditional, menu) for u in urls(m["button"])]
        if len({urlsplit(u).hostname for u in every}) > 3:
            raise Refusal(65316)
        menuid = secrets.randbelow(10 ** 9)
        self.conditional.insert(0, {**menu, "menuid": menuid})
        return {"menuid": str(menuid)}

    def _remove(self, fields, body):
        menuid = int(self._json(body)["menuid"])
        if menuid not in [m["menuid"] for m in self.conditional]:
            raise Refusal(65301)
        self.conditional = [m for m in self.conditional if m["menuid"] != menuid]
        return {"errcode": 0, "errmsg": "ok"}

    def _upload(self, fields, body, content_type):
        if fields.get("type") not in ("image", "voice", "video", "thumb"):
            raise Refusal(40004)
        form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        parts = {p.get_param("name", header="content-disposition"): p for p in form.get_payload()}
        media = parts["media"]
        if not media.get_filename() or not media.get_payload(decode=True):
            raise Refusal(40004)
        if fields["type"] == "video" and "title" not in json.loads(
                parts["description"].get_payload(decode=True)):
            raise Refusal(40004)
        media_id = "permanent-" + secrets.token_urlsafe(16)
        self.material[media_id] = fields["type"], media.get_payload(decode=True)
        return {"media_id": media_id, "url": "http://mmbiz.qpic.cn/x"}
