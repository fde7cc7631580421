"""What the console did: its automatic replies and its menu are taken over from a WeChat that
enforces its limits, users are answered as before, and a menu is pushed, compared and deleted."""

import json
import os
import time

import pytest

import program
import wechat
import wxconsole
from test_cli import run as run_program
from test_replies import GH, USER, content, event, opened
from test_token import SECRET, authority, wx  # noqa: F401
from wechat import SAFE

VARIANT = "replies"
IMAGE, VOICE = b"\xff\xd8\xff\xe0 a picture", b"#!AMR\n a voice"

# The sample of WeChat's document, and what people have beside it.
REPLIES = {
    "is_add_friend_reply_open": 1, "is_autoreply_open": 1,
    "add_friend_autoreply_info": {"type": "text", "content": "Thanks for following!"},
    "message_default_autoreply_info": {"type": "text", "content": "Hello, this is autoreply!"},
    "keyword_autoreply_info": {"list": [
        {"rule_name": "autoreply-news", "create_time": 1423028166, "reply_mode": "reply_all",
         "keyword_list_info": [{"type": "text", "match_mode": "contain", "content": "news"}],
         "reply_list_info": [{"type": "news", "content": "KQb_w_Tiz-nSdVLoTV35Psmty8hGBulGhEdbb9SKs-o", "news_info": {"list": [
             {"title": "it's news", "author": "jim", "digest": "it's digest", "show_cover": 1,
              "cover_url": "http://mmbiz.qpic.cn/cover", "content_url": "http://mp.weixin.qq.com/s?a=1&b=2",
              "source_url": ""}]}}]},
        {"rule_name": "autoreply-voice", "create_time": 1423027971, "reply_mode": "random_one",
         "keyword_list_info": [{"type": "text", "match_mode": "contain", "content": "voice"}],
         "reply_list_info": [{"type": "voice", "content": "temporary-voice"}]},
        {"rule_name": "autoreply-text", "create_time": 1423027926, "reply_mode": "random_one",
         "keyword_list_info": [{"type": "text", "match_mode": "contain", "content": "text"},
                               {"type": "text", "match_mode": "equal", "content": "\u4ef7\u683c"}],
         "reply_list_info": [{"type": "text", "content": "hello!text!"}]},
        {"rule_name": "autoreply-img", "create_time": 1423027900, "reply_mode": "reply_all",
         "keyword_list_info": [{"type": "text", "match_mode": "equal", "content": "photo"}],
         "reply_list_info": [{"type": "img", "content": "temporary-image"},
                             {"type": "text", "content": "and this"}]},
        {"rule_name": "autoreply-video", "create_time": 1423027801, "reply_mode": "reply_all",
         "keyword_list_info": [{"type": "text", "match_mode": "equal", "content": "video"}],
         "reply_list_info": [{"type": "video", "content": "http://127.0.0.1:1/video"}]},
        {"rule_name": "empty", "create_time": 1423027800, "reply_mode": "reply_all",
         "keyword_list_info": [], "reply_list_info": []}]}}

SELFMENU = {"is_menu_open": 1, "selfmenu_info": {"button": [
    {"name": "button", "sub_button": {"list": [
        {"type": "view", "name": "view_url", "url": "http://www.qq.com"},
        {"type": "news", "name": "news", "value": "KQb_w_Tiz-nSdVLoTV35Psmty8hGBulGhEdbb9SKs-o",
         "news_info": {"list": [{"title": "MULTI_NEWS", "author": "JIMZHENG", "digest": "text",
                                 "show_cover": 0, "cover_url": "http://cover",
                                 "content_url": "http://content", "source_url": ""}]}},
        {"type": "video", "name": "video", "value": "http://61.182.130.30/vweixinp"},
        {"type": "voice", "name": "voice", "value": "temporary-voice"}]}},
    {"type": "text", "name": "\u6587\u5b57", "value": "This is text!]]>"},
    {"type": "img", "name": "photo", "value": "temporary-image"}]}}


@pytest.fixture
def console(wx):  # noqa: F811
    return wxconsole.Console(wx, REPLIES, SELFMENU,
                             {"temporary-image": IMAGE, "temporary-voice": VOICE})


@pytest.fixture
def home(home, wx, authority, console):  # noqa: F811
    home.rules, home.menu = home.dir / "rules.json", home.dir / "menu.json"
    home.env.update(wx.env(), E2E_SECRET=SECRET, E2E_CA_FILE=str(authority.file),
                    E2E_REPLIES=str(home.rules))
    yield home
    assert not wx.secrets_in(home.log.text())


def run(home, *args, status=0, **how):
    code, out, err = run_program(home, *map(str, args), variant=VARIANT, **how)
    assert code == status, (code, out, err)
    return out, err


def imported(home, *more):
    out, said = run(home, "reply", "import", "safe", "--out", home.rules, *more)
    assert out == ""
    return said


def answer(pool, xml, user=USER):
    root = opened(SAFE, pool.push(SAFE, wechat.push(SAFE, xml)), user)
    if root is None:
        return None
    kind = root.findtext("MsgType")
    return kind, {"text": root.findtext("Content"), "news": root.findtext("Articles/item/Title"),
                  "image": root.findtext("Image/MediaId"), "voice": root.findtext("Voice/MediaId")}[kind]


def of_console(text):
    """What the console answers a text with: its rules, newest first, a whole text before a part."""
    rules = sorted(REPLIES["keyword_autoreply_info"]["list"], key=lambda r: -r["create_time"])
    for mode in ("equal", "contain"):
        for rule in rules:
            for word in rule["keyword_list_info"]:
                if word["match_mode"] == mode and (text == word["content"] if mode == "equal"
                                                   else word["content"] in text):
                    return rule["rule_name"]
    return None


PROBES = ("news", "the news", "news and text", "text", "a text", "text news", "voice", "a voice", "voices",
          "voice text", "photo", "photos", "video", "a video", "\u4ef7\u683c", "\u4ef7\u683c\u8868", "price", "textnews",
          "new", "tex", "hello", "?", "newsletter", "[text]", "one\nvoice", "photo text", "photo news", "x" * 600,
          "\U0001f600", "\u6587\u672c text")


def test_imported_rules_answer_as_the_console_did(home, make_pool, qt, console):
    said = imported(home, "--media")
    assert "it has 2 replies" in said and "(empty)" in said
    # The video's address leads nowhere here; its rule sends nothing.
    assert "the video cannot be fetched" in said and "autoreply-video" in said
    kinds = {kind: (media_id, data) for media_id, (kind, data) in console.material.items()}
    assert kinds["image"][1] == IMAGE and kinds["voice"][1] == VOICE
    want = {"autoreply-news": ("news", "it's news"), "autoreply-text": ("text", "hello!text!"),
            "autoreply-voice": ("voice", kinds["voice"][0]),
            "autoreply-img": ("image", kinds["image"][0])}
    pool = make_pool(VARIANT)
    assert len(PROBES) == 30
    for n, text in enumerate(PROBES):
        user = f"oQtoaE2eUser{n:016}"
        rule = of_console(text)
        assert answer(pool, wechat.text_message(text, user), user) == \
            want.get(rule, ("text", "Hello, this is autoreply!")), text
    assert answer(pool, event("subscribe")) == ("text", "Thanks for following!")
    out, _ = run(home, "reply", "check", "safe")
    assert "ok  safe: " in out and "4 keyword rules" in out
    pool.check()


def test_import_without_media_says_what_ends(home, console):
    said = imported(home)
    assert said.count("ends in three days") == 2 and "is an address" in said
    assert "material/add_material" not in console.calls
    kept = json.loads(home.rules.read_text())
    assert kept["add_friend_autoreply_info"] == REPLIES["add_friend_autoreply_info"]
    # Once more: rules for menu keys stay, and the file of before is kept.
    home.rules.write_text(json.dumps({**kept, "click": [{"key": "K", "type": "text", "content": "k"}]}))
    imported(home)
    assert json.loads(home.rules.read_text())["click"][0]["key"] == "K"
    assert json.loads((home.dir / "rules.json~").read_text())["click"][0]["key"] == "K"
    out, _ = run(home, "reply", "import", "safe")
    assert json.loads(out)["is_autoreply_open"] == 1


def test_import_after_the_server_is_on(home, console):
    console.replies = {"is_add_friend_reply_open": 0, "is_autoreply_open": 0}
    assert "switched on already" in imported(home)


def test_reply_test_and_check(home, console):
    imported(home)
    out, _ = run(home, "reply", "test", "safe", "the news")
    assert "rule: keyword" in out and "autoreply-news" in out and "<MsgType><![CDATA[news]]>" in out
    out, _ = run(home, "reply", "test", "safe", "zzz")
    assert "rule: default" in out and "once an hour" in out
    xml = home.dir / "m.xml"
    xml.write_bytes(event("subscribe"))
    out, _ = run(home, "reply", "test", "safe", xml)
    assert "rule: follow" in out and USER in out and GH in out
    xml.write_bytes(event("CLICK", "K"))
    out, _ = run(home, "reply", "test", "safe", xml, status=1)
    assert "no rule answers" in out
    home.rules.write_text('{"click": [{"key": "K"}]}')
    out, _ = run(home, "reply", "check", status=1)
    assert "failed  safe: click[0] (K): a reply has no type" in out
    out, _ = run(home, "reply", "check", "safe", env={"LC_ALL": "zh_CN.UTF-8"}, status=1)
    assert "\u5931\u8d25" in out


def test_menu_of_the_console(home, make_pool, qt, console):
    """Imported, pushed, imported again: no difference; each key is answered as its entry did."""
    imported(home, "--media")
    run(home, "menu", "import", "safe", home.menu, "--media")
    menu = json.loads(home.menu.read_text())
    first, second, third = menu["button"]
    assert [b["type"] for b in first["sub_button"]] == ["view", "click", "view", "click"]
    assert second["type"] == third["type"] == "click"
    out, _ = run(home, "menu", "diff", "safe", home.menu)
    assert out == "no difference\n"
    out, _ = run(home, "menu", "push", "safe", home.menu, "--yes")
    assert "the menu is set" in out and console.menu[1]["name"] == "\u6587\u5b57"
    again = home.dir / "again.json"
    run(home, "menu", "import", "safe", again)
    assert json.loads(again.read_text()) == menu
    assert run(home, "menu", "diff", "safe", home.menu)[0] == "no difference\n"
    calls = len(console.calls)
    run(home, "menu", "push", "safe", home.menu, "--yes")
    assert "menu/create" not in console.calls[calls:]
    pool = make_pool(VARIANT)
    material = {kind: media_id for media_id, (kind, _) in console.material.items()}
    for button, want in ((second, ("text", "This is text!]]>")), (third, ("image", None)),
                         (first["sub_button"][1], ("news", "MULTI_NEWS")),
                         (first["sub_button"][3], ("voice", None))):
        kind, said = answer(pool, event("CLICK", button["key"]))
        assert kind == want[0] and (said == want[1] if want[1] else said in console.material), button
    assert set(material) == {"image", "voice"}


CONDITIONAL = {"button": [{"type": "click", "name": "a", "key": "A"}], "conditionalmenu": [
    {"button": [{"type": "view", "name": "vip", "url": "https://vip.example.com/"}],
     "matchrule": {"tag_id": "2"}},
    {"button": [{"type": "click", "name": "ios", "key": "I"}],
     "matchrule": {"client_platform_type": "1"}}]}


def test_conditional_menus(home, console):
    home.menu.write_text(json.dumps(CONDITIONAL))
    run(home, "menu", "push", "safe", home.menu, "--yes")
    assert [m["matchrule"] for m in console.conditional] == \
        [m["matchrule"] for m in CONDITIONAL["conditionalmenu"]]
    assert run(home, "menu", "diff", "safe", home.menu)[0] == "no difference\n"
    out, _ = run(home, "menu", "show", "safe")
    assert 'if 1: tag_id="2"' in out and "https://vip.example.com/" in out
    changed = {**CONDITIONAL, "conditionalmenu": CONDITIONAL["conditionalmenu"][:1]}
    home.menu.write_text(json.dumps(changed))
    out, _ = run(home, "menu", "diff", "safe", home.menu, status=1)
    assert out.startswith("- if 2:")
    run(home, "menu", "push", "safe", home.menu, "--yes")
    assert len(console.conditional) == 1
    first, saved = sorted(f for f in os.listdir(home.state) if f.startswith("qtoa.menu-safe-"))
    assert json.loads((home.state / first).read_text())["button"][0]["name"] == "button"
    assert json.loads((home.state / saved).read_text()) == CONDITIONAL
    run(home, "menu", "delete", "safe", "--yes")
    assert console.menu is None and console.conditional == []
    home.menu.write_text((home.state / saved).read_text())
    run(home, "menu", "push", "safe", home.menu, "--yes")
    assert len(console.conditional) == 2


def button(**more):
    return {"type": "click", "name": "n", "key": "k", **more}


WRONG = (
    ([], "there are 0 entries"), ([button()] * 4, "there are 4 entries"),
    ([{"name": "n", "sub_button": [button()] * 6}], "there are 6 entries"),
    ([button(name="\u4e94\u4e2a\u6c49\u5b57\u5427\u5427")], "the name has 18 bytes"),
    ([{"name": "n", "sub_button": [button(name="x" * 61)]}], "the name has 61 bytes"),
    ([button(name="")], "it has no name"), ([button(key="k" * 129)], "key has 129 bytes"),
    ([button(key="")], "needs key"), ([button(type="text")], 'the type "text"'),
    ([button(type="view")], "needs url"), ([button(type="view", url="x.example")], "url must begin"),
    ([button(type="view", url="https://x/" + "y" * 1020)], "url has 1030 bytes"),
    ([button(type="miniprogram", url="https://x/")], "needs appid"),
    ([{"name": "n", "sub_button": [{"name": "m", "sub_button": [button()]}]}], "only two levels"),
)


@pytest.mark.parametrize("buttons, why", WRONG, ids=lambda v: v if isinstance(v, str) else "")
def test_limits_before_the_call(home, console, buttons, why):
    """WeChat would refuse each of these, and is not asked."""
    home.menu.write_text(json.dumps({"button": buttons}, ensure_ascii=False))
    _, err = run(home, "menu", "push", "safe", home.menu, "--yes", status=1)
    assert why in err and console.calls == []
    with pytest.raises(wxconsole.Refusal):
        wxconsole.check_buttons(buttons)
        if "begin" in why:      # of this one WeChat's document says nothing
            raise wxconsole.Refusal


def test_limits_that_are_reached(home, console):
    """The largest menu that WeChat takes is pushed."""
    subs = [button(name="x" * 60, key="k" * 128), *[button(type="view", url="https://x/" + "y" * 1014)] * 4]
    home.menu.write_text(json.dumps({"button": [{"name": "x" * 16, "sub_button": subs}] * 3}))
    run(home, "menu", "push", "safe", home.menu, "--yes")
    assert len(console.menu) == 3


def test_asked_and_refused(home, console):
    home.menu.write_text(json.dumps(CONDITIONAL))
    _, err = run(home, "menu", "push", "safe", home.menu, status=2)
    assert "--yes is needed" in err
    _, err = run(home, "menu", "delete", "safe", status=2)
    home.menu.write_text("{")
    _, err = run(home, "menu", "push", "safe", home.menu, "--yes", status=1)
    assert "not JSON" in err
    _, err = run(home, "menu", "push", "nobody", home.menu, "--yes", status=1)
    assert console.calls == []
    domains = [{"button": [{"type": "view", "name": "v", "url": f"https://{n}.example.com"}],
                "matchrule": {"tag_id": str(n)}} for n in range(4)]
    home.menu.write_text(json.dumps({**CONDITIONAL, "conditionalmenu": domains}))
    _, err = run(home, "menu", "push", "safe", home.menu, "--yes", status=1)
    assert "more than 3 domains" in err and console.menu is None


def test_root_names_the_files(home, console):
    """Root may write where the program's user may not; what is in the state directory is that user's."""
    me = os.geteuid()
    if me == 0:
        home.dir.chmod(0o755)
        for path in (home.state, home.logs, home.reports):
            os.chown(path, 65534, 65534)
        # The kernel does not let a process that was root be read, as the sanitizer of leaks wants.
        if "ASAN_OPTIONS" in home.env:
            home.env["ASAN_OPTIONS"] += ":detect_leaks=0"
    closed = home.dir / "etc"
    closed.mkdir(mode=0o700)
    run(home, "reply", "import", "safe", "--out", closed / "rules.json")
    run(home, "menu", "import", "safe", closed / "menu.json", "--replies", closed / "rules.json")
    run(home, "menu", "push", "safe", closed / "menu.json", "--yes")
    assert (closed / "rules.json").stat().st_uid == me and len(console.menu) == 3
    owner = 65534 if me == 0 else me
    assert {f.stat().st_uid for f in home.state.iterdir()} == {owner}
    assert [f for f in home.state.iterdir() if f.name.startswith("qtoa.menu-")]
