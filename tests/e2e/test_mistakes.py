"""What people do to their configuration file, and the line that tells them what to write instead.

Each case changes the file below.  The compiler must refuse it, or the check of the values; what is
said then are two lines at most, with the file, the line and what to write."""

import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import program
from program import SHARED, TOP

BASE = """/* The accounts of a shop: 选品店 */
static const struct account accounts[] = {
	{
		.path		= "shop",
		.name		= "选品店",
		.appid		= "wx0123456789abcdef",
		.token		= "shopToken1",
		.mode		= SAFE,
		.aes_key	= "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		.qt_url		= "https://qt.example.com/server/thirdPartyDataSource",
		.app_key	= "appKey",
		.service_id	= "serviceId",
		.service_secret	= "serviceSecret",
		.identity	= OPENID,
	},
	{
		.path		= "plain",
		.appid		= "wxfedcba9876543210",
		.token		= "plainToken",
		.mode		= PLAIN,
		.qt_url		= "https://qt.example.com/server/thirdPartyDataSource",
		.app_key	= "appKey",
		.service_id	= "serviceId",
		.service_secret	= "serviceSecret",
	},
};

static const struct settings settings = {
	.state_dir	= "/var/lib/qtoa",	/* where all is kept */
	.threads	= 64,
	.deadline_ms	= 4000,
	.ca_file	= NULL,
	.log		= "stderr",
	.collector	= 1,
};
"""
MODE = '.mode		= SAFE,'
TOKEN = '.token		= "shopToken1",'
THREADS = '.threads	= 64,'


def change(old, new, text=BASE):
    assert text.count(old) == 1, (old, text.count(old))
    return text.replace(old, new)


def token(new):
    return change(TOKEN, f".token		= {new}")


def threads(new):
    return change(THREADS, f".threads	= {new}")


def cut(begin, end):
    """Without what is between these two, and without the first."""
    before, _, rest = BASE.partition(begin)
    return before + rest[rest.index(end):]


HAS_JSON = '{"accounts": [{"path": "shop", "token": "shopToken1"}], "settings": {}}\n'
HAS_YAML = "accounts:\n  - path: shop\n    token: shopToken1\n"
HAS_PYTHON = 'accounts = [\n    {"path": "shop", "token": "shopToken1"},\n]\n'
HAS_INI = "[shop]\npath = shop\ntoken = shopToken1\n"
HAS_ENV = "export QTOA_PATH=shop\nQTOA_TOKEN=shopToken1\n"

def relays(text):
    """.relays in a line of its own, the ninth."""
    return change(MODE, f"{MODE}\n\t\t.relays = {text},")


# What the compiler refuses: the text, the line that is named (0: the file), and words of the message.
REFUSED = {
    "full-width-comma": (token('"shopToken1"，'), 7, "a full-width character, ，; write ,"),
    "full-width-quotes": (token('＂shopToken1＂,'), 7, 'write "'),
    "curly-quotes": (token('“shopToken1”,'), 7, 'not the plain one, “; write "'),
    "curly-quote-at-the-end": (token('"shopToken1”,'), 7, 'ends with a quote .* write " there'),
    "curly-single-quotes": (token("‘shopToken1’,"), 7, 'write "'),
    "corner-quotes": (token("「shopToken1」,"), 7, 'write "'),
    "angle-quotes": (token("《shopToken1》,"), 7, 'write "'),
    "full-width-equals": (change(MODE, ".mode ＝ SAFE,"), 8, "full-width character, ＝; write ="),
    "full-width-dot": (change(MODE, "．mode = SAFE,"), 8, r"; write \."),
    "chinese-full-stop": (change(MODE, "。mode = SAFE,"), 8, r"; write \."),
    "full-width-semicolon": (change("};\n\nstatic", "}；\n\nstatic"), 26, "; write ;"),
    "full-width-brace": (change("	},\n};", "	｝,\n};"), 25, "; write }"),
    "full-width-brackets": (change("accounts[]", "accounts［］"), 2, r"; write \["),
    "full-width-letters": (change("SAFE,", "ＳＡＦＥ,"), 8, "; write SAFE"),
    "full-width-digits": (threads("６４,"), 30, "; write 64"),
    "full-width-blank": (change(MODE, ".mode　= SAFE,"), 8, "a blank .*U.3000"),
    "enumeration-comma": (token('"shopToken1"、'), 7, "、; write ,"),
    "no-break-space": (change(MODE, ".mode\u00a0= SAFE,"), 8, "a blank .*U.00A0.*; delete it"),
    "zero-width-space": (change(MODE, ".mode = SAFE\u200b,"), 8, "cannot be seen .*; delete it"),
    "byte-order-mark-inside": (change(MODE, "\ufeff" + MODE), 8, "cannot be seen"),
    "smart-dash": (threads("–1,"), 30, "a dash that is not the minus, –; write -"),
    "smart-dashes-as-comment": (change(MODE, MODE + " —— mode"), 8, "write"),
    "relay-of-no-braces": (relays('"https://h/"'), 9, "braces of each relay"),
    "relay-of-one-brace": (relays('{ .url = "https://h/" }'), 9, "each relay has braces of its own"),
    "relay-field": (relays('{ { .uri = "https://h/" } }'), 9, "no field .uri; write .url"),
    "relay-field-of-an-account": (relays('{ { .url = "https://h/", .qt_url = "x" } }'), 9,
                                  "is a field of an account; move it there"),
    "relay-word": (relays('{ { .url = "https://h/", .format = "JSON" } }'), 9, "write JSON"),
    "relay-number": (relays('{ { .url = "https://h/", .answers = "yes" } }'), 9, "write 1"),
    "relay-text": (relays('{ { .url = "https://h/", .only = text } }'), 9, "needs quotes"),
    "relay-comma": (relays('{ { .url = "https://h/" } { .url = "https://k/" } }'), 9,
                    "a comma is missing behind this relay"),
    "nine-relays": (relays("{ " + ", ".join(f'{{ .url = "https://h/{n}" }}' for n in range(9)) +
                           " }"), 9, "up to 8 relays"),
    "missing-comma": (token('"shopToken1"'), 7, "a comma is missing behind this value"),
    "missing-comma-word": (change(MODE, MODE[:-1]), 8, "a comma is missing behind this value"),
    "missing-comma-number": (threads("64"), 30, "a comma is missing behind this value"),
    "missing-comma-before-comment": (change('lib/qtoa",', 'lib/qtoa"'), 29, "a comma is missing"),
    "missing-comma-in-one-line": (change(MODE, '.mode = SAFE .secret = NULL,'), 8, "a comma is missing"),
    "missing-comma-between-accounts": (change("	},\n	{", "	}\n	{"), 15, "a comma .* account"),
    "two-commas": (token('"shopToken1",,'), 7, "one comma too many"),
    "semicolon": (token('"shopToken1";'), 7, "; behind a value; write ,"),
    "missing-end-quote": (token('"shopToken1,'), 7, "quote at the end of this text is missing"),
    "missing-first-quote": (token('shopToken1",'), 7, "quote at the beginning .* is missing"),
    "quote-inside": (token('"shop"Token1",'), 7, "no partner in this line"),
    "no-quotes": (token("shopToken1,"), 7, r'.token is a text, which needs quotes; write "..."'),
    "no-quotes-digits": (token("12345678,"), 7, "needs quotes"),
    "no-quotes-url": (change('"https://qt.example.com/server/thirdPartyDataSource",\n		.app_key	= "appKey",\n		.service_id	= "serviceId",\n		.service_secret	= "serviceSecret",\n		.identity',
                             'https://qt.example.com/server,\n		.app_key = "appKey",\n		.identity'), 10, "needs quotes"),
    "no-quotes-path": (change('"/var/lib/qtoa"', "/var/lib/qtoa"), 29, "needs quotes"),
    "no-quotes-file": (token("@/etc/qtoa/token,"), 7, "needs quotes"),
    "no-quotes-variable": (token("$QTOA_TOKEN,"), 7, "needs quotes"),
    "no-quotes-chinese": (change('"选品店",', "选品店,"), 5, ".name is a text, which needs quotes"),
    "single-quotes": (token("'shopToken1',"), 7, 'single quotes; write "..."'),
    "backticks": (token("`shopToken1`,"), 7, 'needs quotes; write "..."'),
    "backslash-path": (change('"/var/lib/qtoa"', r'"D:\qtoa\state"'), 29, "backslash .* write /"),
    "number-in-quotes": (threads('"64",'), 30, ".threads is a number, which has no quotes; write 64"),
    "number-with-unit": (change("= 4000,", "= 4000ms,"), 31, "write 4000, without ms"),
    "number-with-blank-unit": (change("= 4000,", "= 4 s,"), 31, "without a unit; remove s"),
    "number-with-comma": (change("= 4000,", "= 4,000,\n	.forward_ms = 1,"), 31, "comma inside of a number"),
    "number-with-blanks": (change("= 4000,", "= 4 000,"), 31, "is one number; write 4000"),
    "True": (change("= 1,", "= True,"), 34, ".collector is a number; write 1"),
    "yes": (change("= 1,", "= yes,"), 34, ".collector is a number; write 1"),
    "off": (change("= 1,", '= "off",'), 34, ".collector is a number; write 0"),
    "null": (change("= NULL,", "= null,"), 32, "null; write NULL"),
    "None": (change("= NULL,", "= None,"), 32, "None; write NULL"),
    "no-value": (change("= NULL,", "= ,"), 32, ".ca_file has no value"),
    "safe": (change("= SAFE,", "= safe,"), 8, "there is no safe; write SAFE"),
    "Safe": (change("= SAFE,", "= Safe,"), 8, "there is no Safe; write SAFE"),
    "SAVE": (change("= SAFE,", "= SAVE,"), 8, "there is no SAVE; write SAFE"),
    "compatibel": (change("= SAFE,", "= COMPATIBEL,"), 8, "write COMPATIBLE"),
    "encrypted": (change("= SAFE,", "= ENCRYPTED,"), 8, "one of: SAFE COMPATIBLE PLAIN"),
    "mode-in-quotes": (change("= SAFE,", '= "safe",'), 8, "no quotes: safe; write SAFE"),
    "openid": (change("= OPENID,", "= OpenId,"), 14, "write OPENID"),
    "misspelt-field": (change(".token		= \"shopToken1\"", '.tokn = "shopToken1"'), 7, "no field .tokn; write .token"),
    "capital-field": (change(".mode		= SAFE", ".Mode = SAFE"), 8, "no field .Mode; write .mode"),
    "dash-field": (change(".aes_key	", ".aes-key"), 9, "write"),
    "camel-field": (change(".aes_key	", ".aesKey	"), 9, "no field .aesKey; write .aes_key"),
    "WeChat's name of a field": (change(".aes_key	", ".EncodingAESKey	"), 9, "no field .EncodingAESKey; write .aes_key"),
    "dashed-field": (change(".service_id	= \"serviceId\",\n		.service_secret	= \"serviceSecret\",\n		.identity", ".service-id = \"serviceId\",\n		.identity"), 12, "no field .service-id; write .service_id"),
    "misspelt-setting": (threads("64,").replace(".threads", ".thread"), 30, "no field .thread; write .threads"),
    "setting-in-an-account": (change(MODE, MODE + "\n		.collector = 1,"), 9, ".collector is a field of the settings; move it there"),
    "field-in-the-settings": (change(THREADS, THREADS + "\n	.mode = SAFE,"), 31, ".mode is a field of an account; move it there"),
    "colon": (token('"shopToken1",').replace(".token		= \"shopToken1", ".token: \"shopToken1"), 7, ": behind .token; write ="),
    "two-equals": (change(MODE, ".mode == SAFE,"), 8, "==; write ="),
    "arrow": (change(MODE, ".mode => SAFE,"), 8, "=>; write ="),
    "no-equals": (change(MODE, ".mode SAFE,"), 8, "= is missing behind .mode"),
    "no-dot": (change(MODE, "mode = SAFE,"), 8, "begins with a dot; write .mode"),
    "quoted-field": (change(MODE, '"mode": SAFE,'), 8, "has no quotes; write .mode"),
    "same-field-twice": (change(MODE, MODE + "\n		" + MODE), 9, ".mode is here twice, first in line 8"),
    "missing-brace-of-account": (change("	},\n	{", "	{"), 15, "} is missing before this; .* an account, .* line 3"),
    "missing-brace-of-accounts": (change("	},\n};", "	},"), 27, "} is missing before this"),
    "missing-brace-of-settings": (change("	.collector	= 1,\n};\n", "	.collector	= 1,\n"), 35, "} is missing .* line 28"),
    "missing-brace-before-account": (change("accounts[] = {\n	{", "accounts[] = {\n"), 4, "braces of its own"),
    "missing-first-brace": (change("settings = {", "settings ="), 29, "{ is missing before this"),
    "missing-semicolon": (change("};\n\nstatic", "}\n\nstatic"), 26, "; is missing behind this; write };"),
    "bracket-for-brace": (change("	},\n};", "	},\n];"), 26, "]"),
    "too-many-braces": (change("	.collector	= 1,\n};\n", "	.collector	= 1,\n};\n};\n"), 36, "one } too many"),
    "accounts-without-brackets": (change("accounts[]", "accounts"), 2, r"write accounts\[\]"),
    "account-for-accounts": (change("accounts[]", "account[]"), 2, "the name is account; write accounts"),
    "misspelt-static": (change("static const struct settings", "statik const struct settings"), 28, "no word statik; write static"),
    "misspelt-struct": (change("const struct settings", "const sturct settings"), 28, "no word sturct; write struct"),
    "shell-comment": (change(MODE, "# the mode\n		" + MODE), 8, r"# does not begin a comment; write /\*"),
    "sql-comment": (change(MODE, "-- the mode\n		" + MODE), 8, "-- does not begin a comment"),
    "sql-comment-behind": (change(MODE, MODE + " -- the mode"), 8, "-- does not begin a comment"),
    "html-comment": (change(MODE, "<!-- the mode -->\n		" + MODE), 8, "<!-- does not begin a comment"),
    "comment-without-end": (change("/* where all is kept */", "/* where all is kept"), 29, r"end of this comment is missing"),
    "comment-without-beginning": (change("/* where all is kept */", "where all is kept */"), 29, "write"),
    "chinese-without-comment": (change(MODE, MODE + " 安全模式"), 8, "outside of quotes and comments"),
    "no-account": (cut("	{\n		.path		= \"shop\"", "};\n\nstatic"), 2, "there is no account; write one"),
    "no-accounts": (BASE[BASE.index("static const struct settings"):], 0, "has no accounts; write: static"),
    "no-settings": (BASE[:BASE.index("static const struct settings")], 0, "has no settings; write: static"),
    "only-comments": ("/* later */\n", 0, "nothing but comments; copy config.h"),
    "json": (HAS_JSON, 0, "is JSON"), "yaml": (HAS_YAML, 1, "not C"), "python": (HAS_PYTHON, 1, "not C"),
    "ini": (HAS_INI, 0, "copy config.h"), "environment": (HAS_ENV, 0, "copy config.h"),
    "gbk-outside-of-quotes": (change(MODE, MODE + " 账号").encode("gbk"), 8, "not UTF-8"),
    "crlf": (token("shopToken1,").replace("\n", "\r\n"), 7, "needs quotes"),
    "byte-order-mark": ("\ufeff" + change("= SAFE,", "= safe,"), 8, "write SAFE"),
}

# What is right, though it is not as config.h is.  Nothing is found there.
RIGHT = {
    "base": BASE,
    "shipped": (TOP / "config.h").read_text(),
    "demo": (TOP / "demo" / "config.h").read_text(),
    "crlf": BASE.replace("\n", "\r\n"),
    "mark": "\ufeff" + BASE,
    "line-comments": BASE.replace("/* where all is kept */", "// where all is kept, 全部"),
    "macro": '#define TOKEN "shopToken1"\n' + token("TOKEN,"),
    "macro-of-a-mode": "#define secure SAFE\n" + change("= SAFE,", "= secure,"),
    "macro-of-a-field": "#define FIELD(n, v) .n = v\n" + change(MODE, "FIELD(mode, SAFE),"),
    "macro-of-lines": '#define KEYS \\\n	.service_id = "a", \\\n	.service_secret = "b"\n'
                      + change('		.service_id	= "serviceId",\n		.service_secret	= "serviceSecret",\n		.identity', "		KEYS,\n		.identity"),
    "condition": change(MODE, "#if 1\n		.mode = SAFE,\n#else\n		.mode = PLAIN,\n#endif"),
    "ifdef": change(MODE, "#ifdef TRIAL\n		.mode = PLAIN,\n#else\n		.mode = SAFE,\n#endif"),
    "if-0": change(MODE, MODE + "\n#if 0\n		“old”，\n#ifdef X\n{\n#endif\n#endif"),
    "if-0-else": change(MODE, "#if 0\n		.mode = safe,\n#else\n		.mode = SAFE,\n#endif"),
    "constant": 'static const char key[] = "serviceId";\n' + BASE,
    "enumeration": "enum { WORKERS = 64 };\n" + threads("WORKERS,"),
    "expression": threads("4 * (8 + 8),"), "hexadecimal": threads("0x40,"),
    "suffix": threads("64u - 0,"), "negative": change("= 4000,", "= 4000,\n	.fresh_s = -1,"),
    "joined": token('"shop" "Token1",'), "joined-lines": token('"shop"\n			"Token1",'),
    "escapes": change('"选品店"', r'"\xe9\x80\x89 \"a\" \\ \101"'),
    "continued": token('"shop\\\nToken1",'),
    "one-line": re.sub(r"/\*.*?\*/", "", BASE).replace("\n", " "),
    "no-last-comma": change("= OPENID,\n", "= OPENID\n"),
    "designated": change("accounts[] = {\n	{", "accounts[] = {\n	[0] = {"),
    "counted": change("accounts[]", "accounts[2]"),
    "null-is-0": change("= NULL,", "= 0,"), "true": change("= 1,", "= true,"),
    "marks-in-a-comment": change("/* where all is kept */", "/* “，” # ' \" { -- // */"),
    "marks-in-a-text": change('"stderr"', '"/var/log/，#\'{--//*;.x=1"'),
    "by-place": change('		.path		= "shop",\n		.name		= "选品店",', '		"shop", "选品店",'),
}

@pytest.fixture(scope="module")
def conftext():
    """The check, as the build has made it."""
    program.binary("main")
    return SHARED / "packaging" / "conftext"


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def compile_text(config, compiler):
    """What the compiler says: the options of Makefile that matter here."""
    done = subprocess.run(
        [*shlex.split(compiler), "-std=c11", "-D_XOPEN_SOURCE=700", "-DQTOA_POSTGRES=1",
         f"-I{TOP}", "-Wall", "-Wextra",
         "-Wshadow", "-Wconversion", "-Wformat=2", "-Werror", "-Wno-invalid-source-encoding",
         f'-DCONFIG_FILE="{config}"', "-fsyntax-only", str(TOP / "core" / "conf.c")],
        env={**os.environ, "LC_ALL": "C"}, capture_output=True, timeout=60)
    return done.returncode, done.stderr


def explain(conftext, config, said=b""):
    errors = write(config.with_suffix(".err"), said)
    done = subprocess.run([conftext, config, errors], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_explained(conftext, tmp_path, name):
    text, line, words = REFUSED[name]
    config = write(tmp_path / "my.h", text)
    said = explain(conftext, config)
    where = f"{config}:{line}:" if line else f"{config}: "
    assert said.startswith(where) and re.search(words, said), said
    assert said.count("\n") == 1 and len(said) - len(str(config)) < 200, said
    assert "shopToken" not in said and "serviceSecret" not in said, said


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_to_explain(conftext, tmp_path, name):
    """What the compiler takes is not blamed, should something else have failed."""
    said = explain(conftext, write(tmp_path / "my.h", RIGHT[name]), b"cc: no space left\n")
    assert said == "cc: no space left\n"


def test_compiler_agrees(tmp_path):
    """It refuses all of the one kind, and takes all of the other."""
    texts = {**{f"bad-{n}": v[0] for n, v in REFUSED.items()}, **{f"good-{n}": v for n, v in RIGHT.items()}}
    files = {n: write(tmp_path / f"{i}.h", v) for i, (n, v) in enumerate(texts.items())}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        codes = dict(zip(files, pool.map(
            lambda f: compile_text(f, os.environ.get("CC", "cc")), files.values())))
    wrong = {n: said.decode(errors="replace")[:500] for n, (code, said) in codes.items()
             if (code == 0) == n.startswith("bad-")}
    # gcc knows this old way to name a field, and clang an empty array: the check of values does not.
    wrong.pop("bad-colon", None)
    wrong.pop("bad-no-account", None)
    assert wrong == {}


# What the compiler takes, and the check of the values refuses: one line each, or two.
VALUES = {
    "key-of-42": (change("EFG\",", 'EF",'), 9, r"accounts\[0\].aes_key .*: 42 characters, must be 43"),
    "key-of-44": (change("EFG\",", 'EFGH",'), 9, "aes_key .*: 44 characters, must be 43"),
    "key-with-a-blank": (change("abcdefghijkl", "abcdefg ijkl"), 9, "aes_key .*character 8 is"),
    "key-with-blanks-around": (change('"shopToken1"', '" shopToken1 "'), 7, "token .*begins or ends with a blank"),
    "curly-quotes-inside": (change('"shopToken1"', '"“shopToken1”"'), 7, "token .*letters and digits"),
    "full-width-inside": (change('"wx0123456789abcdef"', '"wx0123456789abcdeｆ"'), 6, "appid .*ASCII"),
    "no-scheme": (change('"https://qt.example.com/server/thirdPartyDataSource",\n		.app_key	= "appKey",\n		.service_id	= "serviceId",\n		.service_secret	= "serviceSecret",\n		.identity',
                         '"qt.example.com/server/thirdPartyDataSource",\n		.app_key	= "appKey",\n		.service_id	= "serviceId",\n		.service_secret	= "serviceSecret",\n		.identity'),
                  10, "qt_url .*must begin with https://"),
    "same-path-twice": (change('"plain",', '"shop",'), 17, r"accounts\[1\].path .*accounts\[0\] has the same path"),
    "no-token": (BASE.replace("		" + TOKEN + "\n", ""), 3, "token .*missing: set the Token"),
    "out-of-range": (threads("6400,"), 30, "settings.threads: 6400, must be 1 to 1024"),
    "empty-account": (change("	},\n};", "	},\n	{ 0 },\n};"), 26, "the account is empty"),
    "variable-of-a-client": (token('"$HTTP_TOKEN",'), 7, "can be set by a client"),
    "appid": (change('"wx0123456789abcdef"', '"gh_0123456789ab"'), 6, "warning: .*appid .*original ID"),
    "number-with-comma": (change("= 4000,", "= 4,000,"), 31, "warning: a comma inside of a number"),
    "file-in-windows": (token(r'"@C:\\qtoa\\token",'), 7, "warning: .*relative name"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Where the files are, and what is made for each of them."""
    program.binary("main")
    return tmp_path_factory.mktemp("values")


def said_by_make(config, where):
    """Without what make says of itself."""
    done = program.make_check(config, where / "o")
    return done.returncode, [line for line in done.stderr.splitlines()
                             if not re.match(r"make(\[\d+\])?: ", line)]


@pytest.mark.parametrize("name", VALUES)
def test_values(refused, name):
    text, line, words = VALUES[name]
    config = write(refused / f"{name}.h", text)
    code, said = said_by_make(config, refused)
    assert (code == 0) == ("warning" in words), said
    assert 1 <= len(said) <= 2 and said[0].startswith(f"{config}:{line}:"), said
    assert re.search(words, said[0]), said


# What cannot be read, and what make itself has to say.
def missing(path):
    return path / "none.h"


def empty(path):
    return write(path / "empty.h", "\ufeff \r\n")


def utf16(path):
    return write(path / "utf16.h", BASE.encode("utf-16-le"))


def binary(path):
    return write(path / "binary.h", b"\x7fELF\x02\x01\x01\0\0")


def pipe(path):
    os.mkfifo(path / "pipe.h")
    return path / "pipe.h"


@pytest.mark.parametrize("make_file,words", (
    (missing, "there is no such file; copy config.h"), (lambda path: path, "is a directory; name"),
    (empty, "is empty; copy config.h"), (utf16, "is UTF-16"), (binary, "is not text"),
    (pipe, "not a regular file")), ids=("missing", "directory", "empty", "utf-16", "binary", "pipe"))
def test_files(refused, tmp_path, make_file, words):
    config = make_file(tmp_path)
    code, said = said_by_make(config, refused)
    assert code == 2 and len(said) == 1 and said[0].startswith(f"{config}: ") and words in said[0], said


def test_unreadable_file(conftext):
    """Root may read all files, so somebody else tries."""
    with tempfile.TemporaryDirectory() as where:
        config, mine = write(Path(where, "my.h"), BASE), Path(where, "conftext")
        shutil.copyfile(conftext, mine)
        for path, mode in ((config, 0), (mine, 0o755), (Path(where), 0o755)):
            path.chmod(mode)
        other = dict(user=65534, group=65534, extra_groups=[]) if os.geteuid() == 0 else {}
        done = subprocess.run([mine, config], capture_output=True, text=True, timeout=60, **other)
    assert done.returncode == 1 and "my.h: cannot be read: Permission denied; " in done.stderr, done.stderr


@pytest.mark.parametrize("name", ("safe", "missing-comma", "missing-end-quote", "full-width-comma",
                                  "no-account", "shell-comment"))
def test_by_make(refused, name):
    """The compiler says nothing more."""
    text, line, words = REFUSED[name]
    config = write(refused / f"make-{name}.h", text)
    code, said = said_by_make(config, refused)
    assert code == 2 and len(said) == 1, said
    assert said[0].startswith(f"{config}") and re.search(words, said[0]) or name == "no-account", said


def test_what_is_not_known(refused):
    """The compiler's first error stands for a mistake that the check does not see."""
    config = write(refused / "unknown.h", threads("sizeof(struct nothing),"))
    code, said = said_by_make(config, refused)
    assert code == 2 and len(said) == 2 and said[0].startswith(f"{config}:30:"), said
    assert "error: " in said[0] and said[1].endswith(f"{refused}/o/config.err"), said


@pytest.mark.parametrize("config", ("two words.h", ""))
def test_a_name_that_make_cannot_handle(refused, config):
    code, said = said_by_make(config, refused)
    assert code == 2 and said == [f'Makefile:{said[0].split(":")[1]}: *** CONFIG is "{config}"; name '
                                  "one file, and no blanks in its path.  Stop."], said
