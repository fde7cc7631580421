"""The command line speaks Chinese where the locale says so, in whole lines; what programs read is
English always."""

import json
import re
import time

import pytest

import collector
import qt as qt_side
import test_datacube as cube
import test_env_config as env_config
import wechat
import wxnet
from cubeapi import DAY, refusal
from test_check import COLOUR, asked, at_terminal, host, server  # noqa: F401
from test_cli import run
from test_datacube import api, running_api, site  # noqa: F401
from test_env_config import bare  # noqa: F401
from test_help import NEAR, verbs
from test_queue_cli import Terminal
from test_status import AHEAD, NO_TOKEN, SECRET, columns, push
from test_token import authority, issuer, wx  # noqa: F401
from wechat import ACCOUNTS, PLAIN, SAFE

ZH = {"LANG": "zh_CN.UTF-8"}
# What is the same in every language: commands, names of files, settings and units, values, addresses.
FIXED = (r"\b(qtoa|queue|qrcode|followers|datacube|alert|reply|menu|store|completion|make)\b( [a-z][-a-z]*)*", r"https?://\S+",
         r"--?[a-z][-_a-z]*( [A-Z|a-z]+)?", r"@?/\S+",
         r"\.?[a-z]+[._][a-z_.]+", r"\b(chmod|chown|mkdir|timedatectl)\b[ -~]*", r'"[^"]*"', r"\[[^]]*\]",
         r"；可选：[a-z ]+", r"：(api|reach) [a-z ]+", r"\b[A-Z][-A-Za-z0-9_+.,@]*\b", r"\b\d[-:.\d]*\b", r"\$\$_\w+",
         "|".join(a.path for a in ACCOUNTS))
ENGLISH = re.compile(r"[A-Za-z]{3,}[,:;.]? +[a-z]{2,}")


def is_chinese(text):
    return re.search("[\u4e00-\u9fff]", text) is not None


def mixed(text):
    """The lines in which two English words are left that are no names."""
    found = []
    for line in text.splitlines():
        rest = line
        for fixed in FIXED:
            rest = re.sub(fixed, "\u3000", rest)
        if ENGLISH.search(rest):
            found.append(line)
    return found


@pytest.fixture
def home(home, qt):
    qt.ahead = AHEAD
    home.env.update(NO_TOKEN, **home.clock(AHEAD))
    return home


@pytest.fixture
def pool(home, make_pool):
    return make_pool("vital")


LOCALES = (
    ({"LANG": "zh_CN.UTF-8"}, True), ({"LANG": "zh_CN"}, True), ({"LANG": "zh_TW.utf8"}, True),
    ({"LANG": "C", "LC_MESSAGES": "zh_CN.UTF-8"}, True),
    ({"LANG": "C", "LC_MESSAGES": "C", "LC_ALL": "zh_CN.UTF-8"}, True), ({}, False),
    ({"LANG": "zh_CN.GBK"}, False), ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
    ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, False), ({"LANG": "C.UTF-8"}, False),
)


@pytest.mark.parametrize("env, chinese", LOCALES, ids=lambda v: str(v))
def test_which_language(home, env, chinese):
    for args in (("-h",), ("help", "check"), ("status",), ("report", "days"), ("nonsense",), ("check", "more")):
        _, out, err = run(home, *args, env=env)
        assert is_chinese(out + err) == chinese, args


def test_lang(home):
    """The option is stronger than the environment, and stands before the verb."""
    for lang, env in (("zh", {}), ("en", ZH)):
        code, out, err = run(home, "--lang", lang, "status", env=env)
        assert (code, err) == (0, "") and is_chinese(out) == (lang == "zh")
        assert run(home, "--lang", lang, env=env)[1] == run(home, "--lang", lang, "-h")[1]
    for args in (("--lang",), ("--lang", "fr", "status"), ("--lang", "zh_CN")):
        code, out, err = run(home, *args)
        assert (code, out, err) == (2, "", "usage: qtoa --lang en|zh ...\n")
    assert run(home, "status", "--lang", "zh")[0] == 2


def test_help(home):
    """The same lines as in English: topics, verbs, options, examples; none is too wide."""
    code, english, _ = run(home, "-h")
    chinese = run(home, "-h", env=ZH)[1]
    left = [re.findall(r"^  (?=[a-z-])(.{22})", text, re.M) for text in (english, chinese)]
    assert left[0] == left[1] and len(left[0]) > 15 and mixed(chinese) == []
    assert len(chinese.split("\n\n")) == len(english.split("\n\n")) > 5
    lines = chinese.splitlines()
    assert all(is_chinese(line) for line in lines if line and line[:24].strip() not in BELOW)
    assert max(map(columns, lines)) <= 80
    for name in verbs(home).keys() - {"-V", "-h"}:
        words = name.split()
        english, chinese = (run(home, *words, "--help", env=env)[1] for env in ({}, ZH))
        option = r"^  (--[a-z]+(?: \S+)*)  "
        assert re.findall(option, english, re.M) == re.findall(option, chinese, re.M)
        assert chinese.startswith(f"用法：qtoa {words[0]}") and "\n退出状态：0 " in chinese
        lines = chinese.splitlines()
        assert mixed(re.sub(r"(?s)示例：.*", "", chinese)) == [] and max(map(columns, lines)) <= 110, name
        assert not [line for line in lines if line.strip()[:1] in set("，。；：、）")], name
    for name in ("funnel", "path", "audience"):
        assert mixed(run(home, "report", name, "--help", env=ZH)[1]) == []


# Their text is on the next line.
BELOW = {"queue retry [ID|all|AC", "send ACCOUNT URL FILE.", "reply test ACCOUNT TEX", "reply check [ACCOUNT|F",
         "menu import ACCOUNT [F", "menu diff ACCOUNT FILE", "menu push ACCOUNT FILE",
         "qrcode create ACCOUNT", "qrcode list [ACCOUNT]", "followers pull [ACCOUN",
         "followers show [ACCOUN", "followers export ACCOU"}

WRONG = (("nonsense",), ("queue", "eat"), ("check", "--ofline"), ("report", "nothing"), ("status", "more"),
         ("queue", "drop", "1"), ("queue", "retry", "1", "2"), ("queue", "show", "9"), ("queue", "retry", "9"),
         ("token", "nobody"), ("send", "nobody", "http://127.0.0.1/", "-"), ("report", "days", "--from", "x"),
         ("report", "days", "--from", "2026-02-01", "--to", "2026-01-01"), ("help", "nonsense"),
         ("datacube", "show", "nothing"), ("datacube", "pull"), ("rid", "safe", "a b"), ("rid", "nobody", "1-a"),
         ("reply", "eat"), ("menu", "push", "safe", "x"), ("reply", "test", "safe", "x"),
         ("reconcile", "--account", "saef"), ("queue", "retry", "saef"), ("report", "event", "--by", "x"),
         ("map", "/missing"), ("a\x1bb",))


@pytest.mark.parametrize("args", WRONG, ids=lambda a: " ".join(a).encode("unicode_escape").decode())
def test_wrong(home, args):
    english, chinese = run(home, *args), run(home, *args, env=ZH)
    assert english[0] == chinese[0] != 0 and not is_chinese(english[2])
    assert is_chinese(chinese[2]) and mixed(chinese[2]) == []
    assert len(english[2].splitlines()) == len(chinese[2].splitlines())


@pytest.mark.parametrize("typed, meant", NEAR, ids=lambda v: v or "nothing")
def test_nearest(home, typed, meant):
    _, _, err = run(home, *typed.split(), env=ZH)
    found = re.search("；是不是想写 (.*?)？", err.splitlines()[0])
    assert (found[1] if found else None) == meant and mixed(err) == [], err


def test_status(home, pool, qt):
    push(pool, SAFE)
    assert push(pool, SAFE, token="wrong").status == 403
    qt.behave = qt_side.code(108)
    push(pool, SAFE)
    qt.behave = qt_side.code(106)
    for _ in range(5):
        push(pool, PLAIN)
    code, english, _ = run(home, "status", variant="vital")
    code, out, err = run(home, "status", variant="vital", env=ZH)
    lines = out.splitlines()
    assert (code, err) == (1, "") and lines[0].startswith("异常：已停止 plain")
    assert mixed(out) == [] and len(lines) <= 24 and max(map(columns, lines)) <= 80
    at = next(i for i, line in enumerate(lines) if line.startswith("今天"))
    assert lines[at].split() == ["今天", "收到", "已送达", "入队", "死信", "重复", "拒绝", "p50/99", "ms", "QT", "50/99"]
    assert len({columns(line) for line in lines[at:at + 3]}) == 1, lines[at:at + 3]
    at = next(i for i, line in enumerate(lines) if line.startswith("现在"))
    edge = columns(lines[at][:lines[at].index("QT")])
    for line, says in zip(lines[at + 1:at + 3], ("正常", "已停止，")):
        assert columns(line[:line.index(says)]) == edge, lines[at:at + 3]
    numbers = [[re.findall(r"\d+", line)[:6] for line in text.splitlines() if line.startswith(("safe ", "plain "))]
               for text in (english, out)]
    assert [n[:1] for n in numbers[0]] == [n[:1] for n in numbers[1]]
    as_json = run(home, "status", "--json", variant="vital", env=ZH)[1]
    assert not is_chinese(as_json) and json.loads(as_json)["health"]["problems"]


@pytest.mark.parametrize("width", (40, 60, 132))
def test_status_on_a_terminal(home, pool, qt, width):
    qt.behave = qt_side.code(106)
    for _ in range(5):
        push(pool, SAFE)
    home.env.update(ZH)
    code, out = Terminal(home, "status", columns=width, variant="vital").end()
    lines = out.splitlines()
    assert code == 1 and max(map(columns, lines)) <= width
    said = re.sub(r"\s", "", out)
    assert "失败safe：QT拒绝该公众号的签名或密钥，其消息在等待" in said


def test_queue(home, pool, qt):
    qt.behave = qt_side.code(106)
    for account in (SAFE, PLAIN):
        push(pool, account)
    code, out, err = run(home, "queue", "list", variant="vital", env=ZH)
    lines = out.splitlines()
    assert code == 0 and mixed(out) == [] and lines[0].split() == [
        "编号", "公众号", "事件", "状态", "已过", "次数", "下次", "上次结果"]
    for title, value in (("公众号", "safe"), ("状态", "待发"), ("上次结果", "Httpapi_300_106")):
        row = next(line for line in lines[1:] if value in line)
        assert columns(row[:row.index(value)]) == columns(lines[0][:lines[0].index(title)]), lines
    shown = run(home, "queue", "show", lines[1].split()[0], variant="vital", env=ZH)[1].splitlines()
    names = {"编号", "公众号", "事件", "状态", "去重键", "收到", "次数", "下次", "上次结果", "查询串", "消息体"}
    assert names <= {line.split()[0] for line in shown if line}
    for line in shown[:5]:
        value = line.split(None, 1)[1]
        assert columns(line[:line.index(value)]) == 10
    exported = run(home, "queue", "export", variant="vital", env=ZH)[1]
    assert {json.loads(line)["state"] for line in exported.splitlines()} == {"pending"}
    english = run(home, "queue", "export", variant="vital")[1]
    assert exported == english


def test_reasons(home):
    """A reason is stored in English, and shown in Chinese by its parts."""
    env = {"E2E_SECRET": SECRET, **ZH}
    code, out, err = run(home, "token", "safe", variant="vital", env=env)
    assert (code, out) == (1, "") and err.startswith("qtoa: safe: 微信：没有应答：")
    code, out, err = run(home, "status", variant="vital", env=env)
    said = re.sub(r"\s", "", out)
    assert code == 1 and out.startswith("异常：access_token safe ")
    assert "失败safe：没有有效的access_token，最近1次获取失败：微信：没有应答：" in said
    document = run(home, "status", "--json", variant="vital", env=env)[1]
    assert "WeChat: no answer: " in document and not is_chinese(document)
    assert home.query("SELECT why FROM token")[0]["why"].startswith("WeChat: no answer: ")


def sorted_states(text):
    words = {"正常": "ok", "警告": "warning", "失败": "failed"}
    return [words.get(w, w) for w in re.findall(r"^(\S+) {2,}\S", text, re.M)]


@pytest.mark.parametrize("spoil", (
    {}, {"QTOA_QT_URL": "ftp://x/", "E2E_CA_FILE": "/missing"}, {"QTOA_QT_URL": "http://127.0.0.1:1/x"},
    {"E2E_LOG": "/missing/log"}, {"QTOA_STATE_DIR": "/proc/none"}, {"QTOA_STATE_DIR": ""},
    {"QTOA_QT_URL": "https://nowhere.invalid/server/thirdPartyDataSource"},
), ids=str)
def test_check(host, spoil):  # noqa: F811
    """As many results as in English, in the same order; a remedy follows each that is not well."""
    texts = [host.run(env={**spoil, **env}).stdout.decode() for env in ({}, ZH)]
    assert sorted_states(texts[0]) == sorted_states(texts[1]) != []
    *lines, last = texts[1].splitlines()
    assert re.fullmatch(r"\d+ 项失败，\d+ 项警告", last) and not is_chinese(texts[0])
    for line in lines:
        assert is_chinese(line) and columns(line[:len(line.split()[0])]) == 4, line
        assert "；" in line or line.startswith("正常"), line
    # Of an answer of others, curl's or the resolver's, nobody has the Chinese.
    foreign = ("：无法连接：", "：域名没有地址：", "；请改正地址")
    assert [m for m in mixed(texts[1]) if not any(f in m for f in foreign)] == []
    document = host.run("--json", env={**spoil, **ZH}).stdout.decode()
    assert not is_chinese(document) and json.loads(document)["checks"]


@pytest.mark.parametrize("width", (30, 40, 41, 80))
def test_check_on_a_terminal(host, width):  # noqa: F811
    """No line is too wide, nor begins with what ends a sentence; all of it together is the same."""
    host.home.state.chmod(0o755)
    plain = host.run("--offline", env=ZH).stdout.decode()
    shown = COLOUR.sub("", at_terminal(host, width, ZH))
    lines = shown.splitlines()
    assert max(map(columns, lines)) <= width, shown
    indent = 9 if width >= 40 else 2
    more = [line for line in lines if line.startswith(" ")]
    assert more and all(re.match(" " * indent + "[^ ，。；：、）]", line) for line in more), shown
    # Between Chinese characters a line is full.
    full = [columns(a) for a, b in zip(lines, lines[1:])
            if re.search("[\u4e00-\u9fff]$", a) and re.match(" +[\u4e00-\u9fff]{2}", b)]
    assert full and min(full) >= width - 3, shown
    text = re.sub(r"\s|\d+(?= ms)", "", shown)
    assert re.sub(r"\d", "", text) == re.sub(r"\d", "", re.sub(r"\s", "", plain))


VIEWS = ((["127.0.0.1"], ["100%"]), (["203.0.113.5"], ["0%"]), (["203.0.113.5", "203.0.113.6"], ["0%", "100%"]),
         (["10.255.255.1"], []), ([], []), ([f"203.0.113.{i}" for i in range(100)], ["0%"]))


@pytest.mark.parametrize("dns, loss", VIEWS, ids=lambda v: str(v)[:20])
def test_how_wechat_sees_it(home, server, asked, wx, authority, dns, loss):  # noqa: F811
    wx.net.dns, wx.net.loss = dns, loss
    asked()     # fetches the list of WeChat's addresses, once a day
    english = asked().out
    env = {**home.env, **wx.env(), **ZH, "E2E_SECRET": "hushAppSecret" + "0" * 19,
           "E2E_CA_FILE": str(authority.file), "QTOA_QT_URL": server.url}
    _, chinese, _ = run(home, "check", variant="advise", env=env)
    assert mixed(chinese) == [] and not is_chinese(english)
    assert sorted_states(chinese) == sorted_states(english) != []


def test_wechat_only(home):
    for args in (("check", "--offline"), ("status",), ("status", "--json")):
        _, out, err = run(home, *args, variant="advise", env=ZH)
        assert args[-1] == "--json" or "advise：还没有微信的地址列表" in out, out
        assert mixed(out) == [] or args[-1] == "--json"
        assert is_chinese(out) == (args[-1] != "--json") and err == ""


def test_rid(home, wx, issuer, authority):  # noqa: F811
    env = {**wx.env(), **ZH, "E2E_SECRET": "hushAppSecret" + "0" * 19, "E2E_CA_FILE": str(authority.file)}
    code, out, err = run(home, "rid", "safe", wxnet.RID, variant="advise", env=env)
    assert (code, err) == (0, "")
    for line, name in zip(out.splitlines(), ("时间", "毫秒", "来自", "请求", "消息体", "应答"), strict=True):
        assert re.match(name + " +", line) and columns(re.match(r"\S+ +", line)[0]) == 9, out
    _, _, err = run(home, "rid", "safe", "1-2", variant="advise", env=env)
    assert err.startswith("qtoa: safe: 微信：errcode 76001：没有该 rid 的调用：")


@pytest.mark.parametrize("code, says", (
    (40201, "微信后台没有填写 URL，或 URL 不合法：invalid url rid："), (48001, "公众号没有该接口的权限；见微信后台："),
    (-1, "微信繁忙：system error rid：")))
def test_refused_by_wechat(home, server, wx, issuer, authority, code, says):  # noqa: F811
    wx.net.say["callback/check"] = code
    env = {**wx.env(), **ZH, "E2E_SECRET": "hushAppSecret" + "0" * 19, "E2E_CA_FILE": str(authority.file),
           "QTOA_QT_URL": server.url}
    out = run(home, "check", variant="advise", env=env)[1]
    line = next(line for line in out.splitlines() if "/cgi-bin/callback/check：" in line)
    assert f"/cgi-bin/callback/check：微信：errcode {code}：{says}" in line, out
    assert re.search("；如果仍不能解决，请查看微信对这次调用的记录：qtoa rid safe [-0-9a-z]+$", line), line


def test_check_a_store(host):  # noqa: F811
    host.make_store()
    host.home.state.chmod(0o755)
    host.change("UPDATE message SET state = 'dead'")
    out = host.run("--offline", env=ZH).stdout.decode()
    assert mixed(out) == []
    for words in ("警告     settings.state_dir：", " 对其他用户开放，权限 0755；请运行：chmod 0700 ",
                  "QT 拒收了 1 条消息，成为死信；", "0 条消息待转发到 QT\n", "正常     磁盘："):
        assert words in out, out


def ends(line):
    """The columns in which the words of a line end."""
    return [columns(line[:word.end()]) for word in re.finditer(r"\S+", line)]


def test_report(home):
    there = collector.as_cgi(home)
    for n in range(3):
        there.takes(collector.posted(PLAIN, wechat.push(PLAIN, wechat.text_message(at=time.time() + AHEAD))))
    code, out, err = run(home, "report", "messages", env=ZH)
    lines = out.splitlines()
    assert (code, err) == (0, "") and lines[0].startswith("用户消息，20") and " 至 20" in lines[0]
    assert "文本" in lines[2] and mixed(out) == []
    assert ends(lines[1])[1:] == ends(lines[2].replace(" %", "_%"))[1:], lines
    overview = run(home, "report", env=ZH)[1]
    assert mixed(overview) == [] and "每日事件，" in overview and "没有数据" in overview
    for form in ("--json", "--csv"):
        assert run(home, "report", "messages", form, env=ZH) == run(home, "report", "messages", form)


def test_the_log_and_the_web_stay_english(home, pool):
    home.env.update(ZH)
    push(pool, SAFE, token="wrong")
    run(home, "drain", variant="vital")
    assert not is_chinese(home.log.path.read_text())


def test_datacube(api, site):  # noqa: F811
    """What is told of the calls, the bar and the summary."""
    site.env.update(ZH)
    args = cube.since(cube.YESTERDAY - 9 * DAY, "getuserreadhour", "publisher_cps_general")
    api.off.add("publisher_cps_general")
    api.broken["getuserreadhour"] = refusal(-1)
    code, out, err = cube.run(site, api, "pull", *args)
    assert code == 1 and mixed(err + out) == [], err + out
    assert "publisher_cps_general 停用 7 天，用 --retry 可提前恢复：微信：errcode 48001：公众号没有该接口的权限" in err
    assert "：微信：errcode -1：微信繁忙：" in err and "：留待下次运行\n" in err
    assert "缺少：safe getuserreadhour，10 天：微信：errcode -1：微信繁忙：" in out and "停用 1，" in out
    api.broken.clear()
    site.env.update(cube.environment(site, cube.NOW))
    code, text = Terminal(site, "datacube", "pull", *args, columns=100, variant="cube").end()
    assert "10/10 次调用，" in text and text.rpartition("\r")[2].startswith("已获取：10 次调用，"), text
    api.quota = 0
    for says in ("：今天（北京时间）不再获取\n", "微信的调用次数已用完（errcode 45009）；请于 2026-"):
        code, out, err = cube.run(site, api, "pull", "--from", "2026-01-01", "--endpoint", "getuserread")
        assert code == 1 and says in err and mixed(err + out) == [], (out, err)


@pytest.mark.parametrize("name, value, says", (
    ("QTOA_THREADS", "many", "不是整数：请写 1 至 1024 的整数"), ("QTOA_THREADS", "0", "现为 0，须为 1 至 1024"),
    ("QTOA_MODE", "plane", "必须是 SAFE、COMPATIBLE 或 PLAIN"), ("QTOA_IDENTITY", "x", "必须是 OPENID 或 UNIONID"),
    ("QTOA_TOKEN", "@/missing", "/missing: 没有那个文件或目录：请创建该文件，或改正文件名"),
    ("QTOA_AES_KEY", "short", "现有 5 个字符，须为 43"), ("QTOA_PATH", "", "缺失：请选定其 URL 的最后一段"),
))
def test_environment(bare, name, value, says):  # noqa: F811
    variables = {**env_config.account(bare, SAFE), name: value, **ZH}
    code, out = env_config.check(bare, variables)
    (line,) = [line for line in out.splitlines() if line.startswith("失败")]
    assert code == 1 and line == (f"失败     配置：环境变量 {name}：{says}；请在启动 qtoa 之处（Web 服务器、"
                                  "服务、容器）设置，并重启之")
    assert mixed(out) == []


def test_no_account(bare):  # noqa: F811
    out = env_config.check(bare, ZH)[1]
    assert "失败     配置：环境变量：没有公众号：请设置 QTOA_PATH、QTOA_APPID、" in out and mixed(out) == []
