"""WeChat's statistics interfaces, played from their documentation: an HTTPS server that enforces
spans, dates, floors, tokens, quotas and permissions, with figures made up for every day; and
what a table of its figures must look like, worked out apart from the C code."""

import json
import random
import socket
import ssl
import threading
from collections import Counter
from datetime import date, datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit

import qt as qt_side

DAY = timedelta(days=1)
CLASSIC, NEWER, ADS = date(2014, 12, 1), date(2025, 11, 1), date(2016, 1, 1)
EIGHT = ("int_page_read_user", "int_page_read_count", "ori_page_read_user", "ori_page_read_count",
         "share_user", "share_count", "add_to_fav_user", "add_to_fav_count")
WAYS = tuple(f"int_page_from_{way}_read_{what}"
             for way in ("session", "hist_msg", "feed", "friends", "other", "kanyikan", "souyisou")
             for what in ("user", "count")) + \
    tuple(f"feed_share_from_{way}_{what}" for way in ("session", "feed", "other")
          for what in ("user", "cnt"))
SCENES = ("全部", "公众号消息", "聊天会话", "朋友圈", "公众号主页", "其他", "推荐", "搜一搜")
REACTIONS = ("share_user", "zaikan_user", "like_user", "comment_count", "collection_user")
ADS_PAGE = 90


class Authority(qt_side.Authority):
    """Its certificates are good at whatever date a test takes for today's."""

    def _build(self, name, key, sans, ca=False, days=None, signer=None):
        return super()._build(name, key, sans, ca, (-8000, 8000), signer)


#
# Figures: of a day (or the first day of a week or month), always the same.
#

def _dice(*what):
    return random.Random(repr(what))


def _figures(dice, names, most=5000):
    return {name: dice.randrange(most) for name in names}


def _plain(keys, *names, quiet=0.0, unknown=None):
    """Rows with a key out of these values each, {key: values}; some days have none."""
    def rows(dice, day):
        if dice.random() < quiet:
            return []
        made = [{"ref_date": str(day)}]
        for key, values in keys.items():
            made = [{**row, key: value} for row in made
                    for value in values if len(values) == 1 or dice.random() < 0.7]
        made = [{**row, **_figures(dice, names)} for row in made]
        if unknown and made and dice.random() < 0.2:
            made[0].update(unknown)
        return made
    return rows


def _articles(dice, day):
    """What was published on a day."""
    return [(f"{2247480000 + day.toordinal() % 9999}_{i + 1}", f'第{i}篇 "{day}" \\ 😀 <b>&')
            for i in range(dice.choice((0, 0, 0, 1, 1, 2)))]


def _articlesummary(dice, day):
    return [{"ref_date": str(day), "msgid": msgid, "title": title, **_figures(dice, EIGHT),
             **({"user_source": 0} if dice.random() < 0.5 else {})}
            for msgid, title in _articles(_dice("articles", day), day)]


def _sources(dice):
    return [{"scene_desc": scene, "user_count": dice.randrange(900)} for scene in SCENES
            if dice.random() < 0.7]


def _articleread(dice, day):
    return [{"ref_date": str(day), "msgid": msgid,
             "detail": {"read_user": dice.randrange(900), "read_user_source": _sources(dice)}}
            for msgid, _ in _articles(_dice("articles", day), day)]


def _articleshare(dice, day):
    return [{"ref_date": str(day), "msgid": msgid,
             "detail": {"share_user": dice.randrange(900), "new_in_detail": [day.day]}}
            for msgid, _ in _articles(_dice("articles", day), day)]


def _biz(dice, day):
    return [{"ref_date": str(day),
             "detail": {**_figures(dice, ("read_user", "redirect_ori_page_user",
                                          "send_page_count") + REACTIONS),
                        "read_user_source": _sources(dice)}}]


def _articletotal(dice, day, seen):
    return [{"ref_date": str(day), "msgid": msgid, "title": title, "url": f"https://mp/{msgid}",
             "details": [{"stat_date": str(day + n * DAY),
                          **_figures(dice, ("target_user",) + EIGHT + WAYS)}
                         for n in range(min(7, seen))]}
            for msgid, title in _articles(_dice("articles", day), day)]


def _articletotaldetail(dice, day, seen):
    def of_day(stat):
        dice = _dice("detail", day, stat)
        return {"stat_date": str(stat), **_figures(dice, ("read_user",) + REACTIONS),
                "praise_money": dice.randrange(1 << 40), "read_subscribe_user": 3,
                "read_delivery_rate": dice.random(), "read_finish_rate": 0.5,
                "read_avg_activetime": dice.random() * 9, "read_user_source": _sources(dice),
                "read_jump_position": [{"position": p, "rate": dice.random()}
                                       for p in range(1, 6)]}
    return [{"ref_date": str(day), "msgid": msgid, "publish_type": dice.randrange(3),
             "title": title, "content_url": f"https://mp/{msgid}?a=1&b=2",
             "detail_list": [of_day(day + n * DAY) for n in range(min(30, seen))]}
            for msgid, title in _articles(_dice("articles", day), day)]


def _adpos(dice, day):
    return [{"slot_id": 3030046789020061 + i, "ad_slot": f"SLOT_ID_{i}", "date": str(day),
             **_figures(dice, ("req_succ_count", "exposure_count", "click_count", "income")),
             "exposure_rate": dice.random(), "click_rate": dice.random(), "ecpm": 7.25}
            for i in range(3)]


def _cps(dice, day):
    return [{"date": str(day), **_figures(dice, ("exposure_count", "click_count", "order_count",
                                                 "total_fee", "total_commission")),
             "click_rate": dice.random(), "order_rate": dice.random()}]


def _settlement(dice, day):
    return [{"date": str(day + 20 * DAY), "zone": f"{day}至", "month": f"{day:%Y%m}",
             "order": 1 if day.day == 1 else 2, "sett_status": 3,
             "settled_revenue": dice.randrange(1 << 33), "sett_no": f"no-{day}",
             "mail_send_cnt": 0,
             "slot_revenue": [{"slot_id": f"SLOT_ID_{i}", "slot_settled_revenue": i * 100}
                              for i in range(2)]}]


def _weeks(day):
    return day.weekday() == 0


def _months(day):
    return day.day == 1


def _halves(day):
    return day.day in (1, 16)


def _days(day):
    return True


SOURCES = (0, 1, 17, 30, 57, 100, 149, 161, 200, 201)
READ_SOURCES = (99999999, 0, 1, 2, 4, 5, 6, 7)
HOURS = tuple(range(0, 2400, 100))


class Interface:
    """One of them: the most days a call may span, the first day, what a row stands for."""

    def __init__(self, span, floor, rows, begins=_days, grows=0, kind="datacube", items="list"):
        self.span, self.floor, self.rows, self.begins = span, floor, rows, begins
        self.grows, self.kind, self.items = grows, kind, items

    def last_of(self, day):
        """The last day of the unit that begins then."""
        end = day + DAY
        while not self.begins(end):
            end += DAY
        return end - DAY

    def units(self, begin, end):
        """First days of units, from begin to end."""
        return [begin + n * DAY for n in range((end - begin).days + 1)
                if self.begins(begin + n * DAY)]


MESSAGES = ("msg_user", "msg_count")
CALLS = ("callback_count", "fail_count", "total_time_cost", "max_time_cost")
TYPES = {"msg_type": (1, 2, 3, 4, 6)}
DIST = {"count_interval": (0, 1, 2, 3)}
INTERFACES = {
    "getusersummary": Interface(7, CLASSIC, _plain(
        {"user_source": SOURCES}, "new_user", "cancel_user", quiet=0.1,
        unknown={"new_field": {"a": [1, True, None, "文"]}})),
    "getusercumulate": Interface(7, CLASSIC, _plain({}, "cumulate_user")),
    "getarticlesummary": Interface(1, CLASSIC, _articlesummary),
    "getarticletotal": Interface(1, CLASSIC, _articletotal, grows=7),
    "getuserread": Interface(3, CLASSIC, _plain({"user_source": READ_SOURCES}, *EIGHT)),
    "getuserreadhour": Interface(1, CLASSIC, _plain(
        {"ref_hour": HOURS[::3], "user_source": READ_SOURCES[:4]}, *EIGHT)),
    "getusershare": Interface(7, CLASSIC, _plain(
        {"share_scene": (1, 2, 5, 255)}, "share_count", "share_user", quiet=0.2)),
    "getusersharehour": Interface(1, CLASSIC, _plain(
        {"ref_hour": HOURS[::4], "share_scene": (1, 2)}, "share_count", "share_user")),
    "getarticleread": Interface(1, NEWER, _articleread),
    "getarticleshare": Interface(1, NEWER, _articleshare),
    "getbizsummary": Interface(30, NEWER, _biz),
    "getarticletotaldetail": Interface(1, NEWER, _articletotaldetail, grows=30),
    "getupstreammsg": Interface(7, CLASSIC, _plain(TYPES, *MESSAGES)),
    "getupstreammsghour": Interface(1, CLASSIC, _plain(
        {"ref_hour": HOURS[::2], **TYPES}, *MESSAGES)),
    "getupstreammsgweek": Interface(30, CLASSIC, _plain(
        {**TYPES, "user_source": (0,)}, *MESSAGES), _weeks),
    "getupstreammsgmonth": Interface(30, CLASSIC, _plain(TYPES, *MESSAGES), _months),
    "getupstreammsgdist": Interface(15, CLASSIC, _plain(DIST, "msg_user")),
    "getupstreammsgdistweek": Interface(30, CLASSIC, _plain(DIST, "msg_user"), _weeks),
    "getupstreammsgdistmonth": Interface(15, CLASSIC, _plain(DIST, "msg_user"), _months),
    "getinterfacesummary": Interface(30, CLASSIC, _plain({}, *CALLS)),
    "getinterfacesummaryhour": Interface(1, CLASSIC, _plain({"ref_hour": HOURS}, *CALLS)),
    "publisher_adpos_general": Interface(90, ADS, _adpos, kind="ads"),
    "publisher_cps_general": Interface(60, ADS, _cps, kind="ads"),
    "publisher_settlement": Interface(0, ADS, _settlement, _halves, kind="ads",
                                      items="settlement_list"),
}
TOTALS = {"body": "公司", "penalty_all": 0, "revenue_all": 5 << 33, "settled_revenue_all": 4 << 33}
# Where a list within a row goes, and by which of the row's members its own are known.
NESTED = {
    "getarticletotal": {"details": ("getarticletotal_details", ("ref_date", "msgid",
                                                                "user_source"))},
    "getarticleread": {"read_user_source": ("getarticleread_source", ("ref_date", "msgid"))},
    "getbizsummary": {"read_user_source": ("getbizsummary_source", ("ref_date",))},
    "getarticletotaldetail": {"detail_list": ("getarticletotaldetail_day",
                                              ("ref_date", "msgid"))},
    "getarticletotaldetail_day": {
        "read_user_source": ("getarticletotaldetail_source", ("ref_date", "msgid", "stat_date")),
        "read_jump_position": ("getarticletotaldetail_jump", ("ref_date", "msgid", "stat_date"))},
    "publisher_settlement": {"slot_revenue": ("publisher_settlement_slot", ("ref_date",))},
}
UNKNOWN = ("new_field", "new_in_detail")


def refusal(code, text="refused"):
    return {"errcode": code, "errmsg": text}


class Broken:
    """An answer that is none of WeChat's API: a gateway's, or one that is cut."""

    def __init__(self, status=200, body=b"", length=None, silent=False):
        self.status, self.body, self.silent = status, body, silent
        self.length = len(body) if length is None else length

    def send(self, conn):
        """True: the connection goes on."""
        if not self.silent:
            conn.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" %
                         (self.status, self.length) + self.body)
        return not self.silent and self.length == len(self.body)


class CubeAPI:
    """now: WeChat's clock, in China."""

    def __init__(self, directory, now):
        self.now = now
        self.authority = Authority(directory, "wechat")
        self.tls = self.authority.context()
        self.reset()
        self._sock = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"https://127.0.0.1:{self._sock.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        self.calls = []             # (name, begin, end, page) of every call, refused ones too
        self.answered = Counter()   # the same, of those that gave figures
        self.codes = Counter()      # by errcode
        self.tokens = {"token-1"}
        self.quota = None           # calls that are left today
        self.off = set()            # names that answer 48001
        self.faults = {}            # name: answers to be given first, one after the other
        self.broken = {}            # name: what is answered always
        self.hidden = set()         # (name, day): has no figures yet
        self.delayed = False
        self.shift = 0              # other figures than those of 0
        self.watch = None           # called with the number of each call, before its answer

    def stop(self):
        self._sock.close()

    def ready(self):
        """The last day whose figures are there."""
        return self.now.date() - (1 if self.now.time() >= time(8) else 2) * DAY

    #
    # The wire.
    #

    def _accept(self):
        while True:
            try:
                conn, _ = self._sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn = self.tls.wrap_socket(conn, server_side=True)
            lines = conn.makefile("rb")
            while first := lines.readline():
                method, target, _ = first.decode().split()
                length = 0
                while line := lines.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line[15:])
                answer = self._answer(method, urlsplit(target), lines.read(length))
                if isinstance(answer, Broken):
                    if not answer.send(conn):
                        return
                    continue
                if not isinstance(answer, bytes):
                    answer = json.dumps(answer, ensure_ascii=False).encode()
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(answer) + answer)
        except (OSError, ssl.SSLError):
            pass
        finally:
            conn.close()

    def _answer(self, method, url, body):
        if url.path == "/cgi-bin/stable_token":
            return {"access_token": f"token-{len(self.tokens)}", "expires_in": 7200}
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        if url.path == "/publisher/stat":
            name, kind = query.get("action"), "ads"
        else:
            name, kind = url.path.removeprefix("/datacube/"), "datacube"
        answer = self._judge(method, name, kind, query, body)
        if isinstance(answer, (bytes, Broken)):
            return answer
        self.codes[answer.get("errcode", 0)] += 1
        if kind == "ads":
            answer = {**{k: v for k, v in answer.items() if not k.startswith("err")},
                      "base_resp": {"ret": answer.get("errcode", 0),
                                    "err_msg": answer.get("errmsg", "ok")}}
        return answer

    def _judge(self, method, name, kind, query, body):
        interface = INTERFACES.get(name)
        if query.get("access_token") not in self.tokens:
            return refusal(40001, "invalid credential")
        if interface is None or interface.kind != kind:
            return refusal(40066, "invalid url")
        if kind == "datacube" and method != "POST":
            return refusal(43002, "require POST method")
        values = query if kind == "ads" else json.loads(body)
        names = ("start_date", "end_date") if kind == "ads" else ("begin_date", "end_date")
        try:
            begin, end = (datetime.strptime(values[n], "%Y-%m-%d").date() for n in names)
        except (KeyError, ValueError):
            return refusal(61500, "date format error")
        page = int(query.get("page", 1))
        self.calls.append((name, begin, end, page))
        if self.watch:
            self.watch(len(self.calls))
        return self._figures(name, interface, begin, end, page, query)

    def _figures(self, name, interface, begin, end, page, query):
        if self.faults.get(name):
            fault = self.faults[name].pop(0)
            if fault is not None:
                return fault
        if name in self.broken:
            return self.broken[name]
        if self.quota is not None:
            if self.quota == 0:
                return refusal(45009, "reach max api daily quota limit")
            self.quota -= 1
        if name in self.off:
            return refusal(48001, "api unauthorized")
        if (end < begin or begin < interface.floor or end > self.now.date() - DAY or
                interface.span and (end - begin).days >= interface.span):
            return refusal(61501, "date range error")
        if not interface.kind == "ads":
            self.answered[name, begin, end, page] += 1
            return {"list": self.rows(name, begin, end),
                    **({"is_delay": self.delayed} if interface.floor == NEWER else {})}
        if int(query["page_size"]) > ADS_PAGE:
            return refusal(61501, "page_size")
        self.answered[name, begin, end, page] += 1
        rows = self.rows(name, begin, end)
        part = rows[(page - 1) * ADS_PAGE:page * ADS_PAGE]
        more = TOTALS if name == "publisher_settlement" else {"summary": {"income": 1}}
        return {interface.items: part, "total_num": len(rows), **more}

    def rows(self, name, begin, end):
        """What there is of these days, as WeChat sends it."""
        interface, found = INTERFACES[name], []
        for unit in interface.units(begin, end):
            if interface.last_of(unit) > self.ready() or (name, unit) in self.hidden:
                continue
            dice = _dice(name, unit, self.shift)
            more = [(self.ready() - unit).days + 1] if interface.grows and \
                interface.kind == "datacube" else []
            found += interface.rows(dice, unit, *more)
        return found


#
# What must come of it.
#

def least_calls(api, name, begin, end):
    """The calls without which the days from begin to end cannot be had."""
    interface = INTERFACES[name]
    units = [u for u in interface.units(max(begin, interface.floor), end)
             if interface.last_of(u) <= end]
    calls = 0
    while units:
        first, taken = units[0], [units[0]]
        for unit in units[1:]:
            if interface.span and (unit - first).days >= interface.span:
                break
            taken.append(unit)
        rows = len(api.rows(name, first, interface.last_of(taken[-1])
                            if interface.begins is _halves else taken[-1]))
        calls += max(1, -(-rows // ADS_PAGE)) if interface.kind == "ads" else 1
        units = units[len(taken):]
    return calls


def tables(api, name, begin, end):
    """Table by table the rows (dicts) that the store must have of these days."""
    interface = INTERFACES[name]
    found = {}

    def take(table, row, around):
        row = {**around, **row}
        row.update(row.pop("detail", {}))
        if name == "publisher_settlement" and table == name:
            row["ref_date"] = (f"{row['month'][:4]}-{row['month'][4:]}-"
                               f"{'01' if row['order'] == 1 else '16'}")
        for items, (inner, keys) in NESTED.get(table, {}).items():
            for element in row.pop(items, []):
                take(inner, element, {k: row[k] for k in keys if k in row})
        found[table].append(row)

    def begin_table(table):
        found[table] = []
        for inner, _ in NESTED.get(table, {}).values():
            begin_table(inner)

    begin_table(name)
    for row in api.rows(name, max(begin, interface.floor), end):
        take(name, row, {})
    if name == "publisher_settlement":
        found["publisher_settlement_account"] = [dict(TOTALS)]
    return found


def stored(db, table, appid):
    """The rows of a table as tables() gives them: NULLs left out, unknown members in place."""
    rows = []
    for row in db.execute(f"SELECT * FROM datacube_{table} WHERE appid = ?", (appid,)):
        values = {k: row[k] for k in row.keys() if k not in ("appid", "extra")
                  and row[k] is not None}
        extra = json.loads(row["extra"]) if row["extra"] else {}
        assert set(extra) <= set(UNKNOWN), (table, extra)
        rows.append({**values, **extra})
    return rows


def canonical(rows):
    """Comparable: an absent key is 0 or "" in the store; of a fraction SQLite's releases do not
    all read the last of 17 digits alike."""
    return sorted(json.dumps({k: round(v, 12) if isinstance(v, float) else v
                              for k, v in row.items()
                              if k not in ("user_source",) or v != 0},
                             sort_keys=True, ensure_ascii=False) for row in rows)
