"""Every setting: core/conf.c, core/conf.h, config.h, page and manual say the same of it."""

import re
import shutil
import subprocess

import pytest

import docs

ACCOUNT_ENUMS = {"mode", "identity"}
TEXTS = docs.text_settings()
NUMBERS = docs.number_settings()
# Enums of core/conf.h, and their first values.
WORDS = {"wechat_only": "OFF", "store_ack": "DISK", "store_degrade": "LOCAL"}
SETTINGS = {*TEXTS, *NUMBERS, *WORDS}
SWITCHES = {n for n, (_, least, most) in NUMBERS.items() if least <= 0 and most == 1}


PAGE = "doc/configuration.md"
MADE = (PAGE, "doc/zh/configuration.md", "man/qtoa-config.5", "man/zh_CN/qtoa-config.5")
MAKE = "run: make manuals"


def page():
    return docs.settings_tables(docs.text(PAGE))


def manual(section):
    return {tag.lstrip("."): said for tag, said in
            docs.items(docs.manual("qtoa-config.5")[section]).items()}


def make_manuals(into, rules=docs.CONFRULES):
    return subprocess.run([docs.TOP / "packaging/manuals.sh", rules, into],
                          capture_output=True, text=True, timeout=60)


@pytest.fixture(name="copy")
def fixture_copy(tmp_path):
    for name in MADE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(docs.TOP / name, tmp_path / name)
    return tmp_path


def test_what_is_made_is_up_to_date(copy):
    done = make_manuals(copy)
    assert (done.returncode, done.stderr) == (0, "")
    stale = [name for name in MADE if (copy / name).read_text(encoding="utf-8") != docs.text(name)]
    assert stale == [], MAKE


def test_what_is_made_replaces_what_was_made(copy):
    """Also where somebody has written into it; the rest of the file stays."""
    name = copy / PAGE
    name.write_text(re.sub(r"(`\.threads` \| )64", r"\g<1>65", name.read_text(encoding="utf-8")),
                    encoding="utf-8")
    assert name.read_text(encoding="utf-8") != docs.text(PAGE)
    make_manuals(copy)
    assert name.read_text(encoding="utf-8") == docs.text(PAGE)


# What the program says of its members: a line more, or one that another takes the place of.
MISMATCHES = {
    "a setting without a record": (r"\Z", "setting\tnew_ms\tnumber\t5\t1\t9\n",
                                   "packaging/settings.text: has no record of .new_ms (setting)"),
    "a field without a record": (r"\Z", "account\tnew\ttext\t-\t1\t64\t-\n",
                                 "packaging/settings.text: has no record of .new (account)"),
    "a record without a setting": (r"setting\tlate_s\t.*\n", "", "late_s: core/conf.c has no such"),
    "a default that is there twice": (r"setting\tca_file\ttext\t-", "setting\tca_file\ttext\t/ca.pem",
                                      "ca_file: core/conf.c says its default"),
    "no default": (r"setting\tlog\ttext\tstderr", "setting\tlog\ttext\t-", "log: has no line default:"),
    "no unit": (r"setting\tlog_users\tnumber\t0\t0\t1", "setting\tlog_users\tnumber\t0\t0\t2",
                "log_users: has no line unit:"),
    "a unit too many": (r"setting\tlate_s\tnumber\t600\t1\t604800", "setting\tlate_s\tnumber\t0\t0\t1",
                        "late_s: is not a number that has a unit"),
}


@pytest.mark.parametrize("what", MISMATCHES)
def test_records_and_program_agree(copy, what):
    """If not, the line says what to do, and no page is changed."""
    before, after, said = MISMATCHES[what]
    rules = subprocess.run([docs.CONFRULES], capture_output=True, text=True, timeout=60).stdout
    changed = re.sub(before, lambda _: after, rules, count=1)
    assert changed != rules
    (copy / "rules.text").write_text(changed, encoding="utf-8")
    (copy / "rules").write_text(f"#!/bin/sh\ncat '{copy}/rules.text'\n", encoding="utf-8")
    (copy / "rules").chmod(0o755)
    done = make_manuals(copy, copy / "rules")
    assert done.returncode != 0 and said in done.stderr
    assert all((copy / name).read_text(encoding="utf-8") == docs.text(name) for name in MADE)


def test_a_page_without_its_marks_is_refused(copy):
    """The last one, too; then the others are not written either."""
    stale = copy / PAGE
    stale.write_text(docs.text(PAGE).replace("| 64 |", "| 65 |"), encoding="utf-8")
    before = stale.read_bytes()
    name = copy / MADE[-1]
    name.write_text(docs.text(MADE[-1]).replace('.\\" end\n', "", 1), encoding="utf-8")
    done = make_manuals(copy)
    assert done.returncode != 0 and MADE[-1] in done.stderr
    assert stale.read_bytes() == before != docs.text(PAGE).encode()


def test_the_sources_are_read():
    assert len(docs.account_rules()) >= 16 and len(TEXTS) >= 10 and len(NUMBERS) >= 21
    assert TEXTS["log"] == "stderr" and TEXTS["ca_file"] is None
    assert NUMBERS["body_max"] == (65536, 1, 16777216)
    assert docs.shipped("settings")["threads"] == (
        "64", "Most workers in one FastCGI process. They start when they are needed.",
        "1 to 1024, default 64")


def test_no_field_is_missing_and_none_is_invented():
    want = {*docs.account_rules(), *ACCOUNT_ENUMS}
    assert set(docs.members("account")) == want
    assert set(docs.shipped("accounts")) == want
    assert set(page()[0]) == want
    assert set(manual("ACCOUNTS")) == want


def test_no_field_of_a_relay_is_missing_and_none_is_invented():
    want = set(docs.members("relay"))
    assert len(want) >= 9
    for name in MADE[:2]:
        assert set(docs.relay_table(docs.text(name))) == want
    assert {f for f in manual("RELAYS") if f in want} == want
    about = re.search(r"\* Other back ends that get the messages.*?\*/", docs.text("config.h"),
                      re.S)[0]
    assert {f for f in want if re.search(rf"\.{f}\b", about)} == want


def test_no_setting_is_missing_and_none_is_invented():
    assert len(SETTINGS) == len(TEXTS) + len(NUMBERS) + len(WORDS)
    assert set(docs.members("settings")) == SETTINGS
    assert set(docs.shipped("settings")) == SETTINGS
    assert set(page()[1]) == SETTINGS
    assert set(manual("SETTINGS")) == SETTINGS


# Defaults.  What has none in core/conf.c says in words what then holds.

def value_in_c(text):
    if text == "NULL":
        return None
    if re.fullmatch("[A-Z]+", text):
        return text
    return text.strip('"') if text.startswith('"') else docs.number(text)


def default_in_comment(value, above, behind):
    """What config.h calls the default; the value as it stands, where that is it."""
    for said in (behind, above):
        if found := re.search(r"\bdefault (\d+)( KiB)?", said):
            return int(found[1]) * (1024 if found[2] else 1)
        if found := re.search(r'"([^"]*)" \(the default\)', said):
            return found[1]
        if re.search(r"\b[Dd]efault(: | )NULL\b", said) or (value == "NULL" and
                                                            "NULL: " in said):
            return None
        if re.search(r"\bdefault\b", said):
            return value_in_c(value)
    raise AssertionError(f"no default in {behind!r} or {above!r}")


def default_of(name):
    return {**WORDS, **TEXTS}[name] if name not in NUMBERS else NUMBERS[name][0]


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_default_in_config_h(name):
    value, above, behind = docs.shipped("settings")[name]
    assert default_in_comment(value, above, behind) == default_of(name)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_default_in_page_and_manual(name):
    cell = page()[1][name][0]
    default, _, rest = cell.partition(" (shipped: ")
    said = re.search(r"Default: (.*?)\.(?:\s|$)", manual("SETTINGS")[name])[1].strip("\u2018\u2019")
    assert said == default.replace("`", ""), name
    if default_of(name) is None:
        assert re.search("[a-z]", default)
    else:
        assert default.strip("`") == str(default_of(name))
    value = value_in_c(docs.shipped("settings")[name][0])
    assert bool(rest) == (value != default_of(name)), cell
    if name in NUMBERS and rest:
        assert rest == f"{value})"


def test_defaults_of_an_account():
    fields, about = page()[0], manual("ACCOUNTS")
    for name, default in (("control_token_path", "$.access_token"), ("name", "the path"),
                          ("identity", "OPENID"), ("mode", "SAFE")):
        assert fields[name][1].replace("`", "") == default
        assert f"Default: {default}." in re.sub("[\u2018\u2019]", "", about[name])
    assert 'a->control_token_path = "$.access_token";' in docs.text("core/conf.c")
    for name in ACCOUNT_ENUMS:
        assert docs.shipped("accounts")[name][0] == fields[name][1].strip("`")


def test_what_an_account_must_have():
    """Required is what core/conf.c calls missing."""
    rules = docs.table("account_rules")
    for name, cells in page()[0].items():
        rule = re.search(rf"\((?:{name})\),[^}}]*\}}", rules)
        missing = bool(rule) and ", NULL, " not in rule[0]
        assert (cells[1] == "required") == missing, name
        assert (re.search(r"Required[.,]", manual("ACCOUNTS")[name]) is not None) == (
            missing or name == "aes_key"), name


# Units and ranges.

@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_unit(name):
    cell = page()[1][name][1]
    said = re.search(r"Unit: (.*?)\.(?:\s|$)", manual("SETTINGS")[name])
    if name in SWITCHES:
        assert cell == "" and said is None
        return
    assert cell and said[1] == cell
    if docs.unit_by_name(name):
        assert cell == docs.unit_by_name(name)
        words = {"s": "seconds"}.get(cell, cell)
        assert re.search(rf"\b{words}\b", docs.shipped("settings")[name][2])


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_texts_have_no_unit(name):
    assert page()[1][name][1] == "" and "Unit:" not in manual("SETTINGS")[name]


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_range(name):
    _, least, most = NUMBERS[name]
    assert f"Range: {least} to {most}." in manual("SETTINGS")[name]
    assert page()[1][name][2] == f"{least} to {most}"
    comment = docs.shipped("settings")[name][2]
    if found := re.search(r"(\d+) to (\d+)", comment):
        assert (int(found[1]), int(found[2])) == (least, most)
    if found := re.search(r"up to (\d+)", comment):
        assert int(found[1]) == most


def test_every_field_has_an_example():
    for section in ("ACCOUNTS", "SETTINGS"):
        for name, said in manual(section).items():
            assert re.search(rf"\.{name} = (\"[^\"]+\"|[\w* -]+)$", said), name


def test_lengths():
    rules = docs.table("account_rules")
    for name, cells in page()[0].items():
        if rule := re.search(rf"\({name}\), (\d+), (\d+)", rules):
            least, most = map(int, rule.groups())
            want = [] if most in (0, 1024) else sorted({least, most} - {1})
            assert [int(n) for n in re.findall(r"\d+", cells[0])] == want, name


@pytest.mark.parametrize("chinese", [True, False])
def test_both_languages_have_the_same_fields(chinese):
    """In the manual: tags, defaults, examples and sections."""
    if chinese:
        for section in ("ACCOUNTS", "SETTINGS"):
            ours = docs.items(docs.manual("qtoa-config.5")[section])
            theirs = docs.items(docs.manual("zh_CN/qtoa-config.5")[section])
            assert list(ours) == list(theirs)
            for name in ours:
                assert ours[name].split(f" {name} = ")[1] == theirs[name].split(f" {name} = ")[1]
    else:
        tables = [docs.settings_tables(docs.text(name)) for name in MADE[:2]]
        assert [list(t) for t in tables[0]] == [list(t) for t in tables[1]]
