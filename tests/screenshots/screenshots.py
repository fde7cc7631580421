"""screenshots.py: the pictures of the README, as PNG files: the page of the report and the screen of
`qtoa status`, each in English (doc/img) and in Chinese (doc/zh/img).  They always show the same days and
the same numbers of events: these are made here, and the program's clock is set to NOW.

It needs Chromium with Selenium, and a font with Chinese: ./setup install check.
"""

import base64
import html
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import browser as chromium      # noqa: E402
import collector                # noqa: E402
import fcgi                     # noqa: E402
import program                  # noqa: E402
import qt as qt_side            # noqa: E402
import wechat                   # noqa: E402

DAY = 86400
# 15:20 of a Wednesday in China.
NOW = int(datetime(2026, 5, 20, 7, 20, tzinfo=timezone.utc).timestamp())
SHOP = replace(wechat.SAFE, path="shop")
NEWS = replace(wechat.PLAIN, path="news")
NAME = "screenshots"
DAYS = 30
SCENES = ("qrscene_window", "qrscene_leaflet", "qrscene_cashier", "")
KEYS = ("MENU_NEW", "MENU_SALE", "MENU_NEAR_ME")
LARGEST = 120 * 1000    # bytes of a picture
WIDE = 1140             # pixels of the page
LATER = 240             # seconds from the last message to the pictures
# The browser's language, the locale of the command line, and where the pictures are.
LANGUAGES = (("en", "C", "doc/img"), ("zh", "zh_CN.UTF-8", "doc/zh/img"))

TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><style>
body { margin: 0; background: #14171a }
pre { display: inline-block; margin: 16px 20px; color: #dfe3e6;
      font: 15px/1.35 "DejaVu Sans Mono", "WenQuanYi Micro Hei Mono", monospace }
b { color: #fff } u { text-decoration: none; display: inline-block; width: 2ch }
</style><pre><b>$ qtoa status</b>
"""


def event(user, at, kind, key=""):
    return ("<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
            f"<FromUserName><![CDATA[{user}]]></FromUserName><CreateTime>{at}</CreateTime>"
            f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{kind}]]></Event>"
            f"<EventKey><![CDATA[{key}]]></EventKey></xml>").encode()


def messages(chance):
    """A month of a shop: more on Saturdays, and more from week to week."""
    followers = []
    for day in range(DAYS):
        midnight = NOW - (DAYS - 1 - day) * DAY - 15 * 3600 - 20 * 60
        last = 15 * 3600 if day == DAYS - 1 else 23 * 3600
        weekday = datetime.fromtimestamp(midnight + 8 * 3600, timezone.utc).weekday()
        for _ in range(int((5 + day / 4) * (1.7 if weekday == 5 else 1))):
            user = f"oShop{len(followers):023}"
            followers.append(user)
            yield event(user, midnight + chance.randrange(9 * 3600, last), "subscribe",
                        chance.choice(SCENES))
        for _ in range(int(8 + len(followers) / 8)):
            user, at = chance.choice(followers), midnight + chance.randrange(9 * 3600, last)
            if chance.random() < 0.6:
                yield event(user, at, "CLICK", chance.choice(KEYS))
            elif chance.random() < 0.8:
                yield wechat.text_message("?", user, at, msgid=chance.getrandbits(60))
            else:
                yield event(user, at, "SCAN", "window")
        for user in chance.sample(followers, min(len(followers), 1 + day // 8)):
            yield event(user, midnight + chance.randrange(9 * 3600, last), "unsubscribe")


def push(account, n, **more):
    return wechat.push(account, wechat.text_message("?", f"oShop{n:023}", NOW), at=NOW, **more)


def feed(pool, qt):
    """What came today: messages, one that QT refused, repeats, and signatures that are wrong."""
    qt.behave = qt_side.delayed(0.012)
    for account, number in ((SHOP, 150), (NEWS, 40)):
        pool.push(account, wechat.handshake(account, at=NOW))
        for n in range(number):
            sent = push(account, n)
            for _ in range(2 if n % 50 == 49 else 1):
                assert pool.push(account, sent).body == b"success"
    qt.behave = qt_side.code(108)
    assert pool.push(SHOP, push(SHOP, 0)).body == b"success"
    qt.behave = qt_side.genuine
    for _ in range(6):
        pool.push(SHOP, push(SHOP, 0, token="wrong"), REMOTE_ADDR="203.0.113.9")


def page_of(home, language):
    """The report as a browser gets it."""
    params = fcgi.cgi("GET", "/qtoa/-/report", "account=shop")
    params.update(HTTP_ACCEPT_LANGUAGE=language, REMOTE_ADDR="127.0.0.1", HTTP_HOST="127.0.0.1")
    answer = program.run_cgi(home, params, variant=NAME)
    assert answer.status == 200, answer
    return answer.body.decode()


def screen_of(home, locale):
    done = subprocess.run([program.binary(NAME), "status"], capture_output=True, text=True,
                          encoding="utf-8", env={**home.env, "LC_ALL": locale})
    assert done.stderr == "" and done.stdout, done
    # A character of Chinese is as wide as two others, whatever the font says.
    wide = "".join(f"<u>{c}</u>" if "\u2e80" <= c <= "\uffef" else html.escape(c)
                   for c in done.stdout)
    return TERMINAL + wide + "</pre>"


def picture(window, text, file, element, below):
    """Takes a picture of all that is there down to so many pixels below that element."""
    source = file.with_suffix(".html")
    source.write_text(text, encoding="utf-8")
    try:
        window.driver.get(source.as_uri())
        box = window.js(f"const r = document.querySelector('{element}').getBoundingClientRect();"
                        "return [r.right + Math.min(r.left, 20), r.bottom]")
        clip = dict(x=0, y=0, width=box[0], height=box[1] + below, scale=1)
        shot = window.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "format": "png", "clip": clip, "captureBeyondViewport": True})
    finally:
        source.unlink()
    file.write_bytes(base64.b64decode(shot["data"]))
    size = file.stat().st_size
    print(f"{file.relative_to(program.TOP)}: {clip['width']:.0f} x {clip['height']:.0f}, {size} bytes")
    assert size < LARGEST, f"{file} is larger than {LARGEST} bytes"


def take(home):
    window = chromium.Browser()
    try:
        for name, locale, directory in LANGUAGES:
            place = program.TOP / directory
            place.mkdir(parents=True, exist_ok=True)
            window.be(name, "light", WIDE)
            home.clock(NOW + LATER - int(time.time()))
            picture(window, page_of(home, name), place / "report.png", "#days .multiples", 4)
            picture(window, screen_of(home, locale), place / "status.png", "pre", 16)
    finally:
        window.stop()


def main():
    program.build_shared()
    rows = [program.account_row(a, name=a.path) for a in (SHOP, NEWS)]
    program.build(NAME, program.config_text(program.SETTINGS["main"], rows))
    qt = qt_side.QT((SHOP, NEWS))
    home = program.Home(qt.url)
    try:
        qt.ahead = NOW - int(time.time())
        home.env.update(home.clock(qt.ahead))
        pool = program.Pool(home, NAME)
        try:
            counts = collector.behind(pool)
            for xml in messages(random.Random(1)):
                counts.answers(collector.posted(SHOP, wechat.push(SHOP, xml, at=NOW)), 200)
            feed(pool, qt)
        finally:
            pool.stop()
        take(home)
    finally:
        qt.stop()
        home.remove()


if __name__ == "__main__":
    main()
