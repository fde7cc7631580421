#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/lang.h"
#include "tests/unit/unit.h"

static void
locales(void **state)
{
	static const struct {
		const char	*all, *messages, *lang;
		enum language	 want;
	} cases[] = {
		{ NULL, NULL, NULL, ENGLISH }, { "", "", "", ENGLISH },
		{ NULL, NULL, "zh_CN.UTF-8", CHINESE }, { NULL, NULL, "zh_CN.utf8", CHINESE },
		{ NULL, NULL, "zh_CN.UTF8", CHINESE }, { NULL, NULL, "zh_TW.UTF-8", CHINESE },
		{ NULL, NULL, "zh_HK", CHINESE }, { NULL, NULL, "zh_CN", CHINESE },
		{ NULL, NULL, "zh", CHINESE }, { NULL, NULL, "zh-Hans", CHINESE },
		{ NULL, NULL, "zh_CN.UTF-8@stroke", CHINESE },
		{ NULL, NULL, "zh_CN@stroke", CHINESE }, { NULL, NULL, "ZH_cn.Utf-8", CHINESE },
		{ NULL, NULL, "zh_CN.GBK", ENGLISH }, { NULL, NULL, "zh_CN.GB18030", ENGLISH },
		{ NULL, NULL, "zh_CN.gb2312", ENGLISH }, { NULL, NULL, "zh_TW.Big5", ENGLISH },
		{ NULL, NULL, "zh_CN.", ENGLISH }, { NULL, NULL, "zh_CN.UTF-16", ENGLISH },
		{ NULL, NULL, "zh_CN.UTF-80", ENGLISH }, { NULL, NULL, "zha", ENGLISH },
		{ NULL, NULL, "z", ENGLISH }, { NULL, NULL, "C.UTF-8", ENGLISH },
		{ NULL, NULL, "POSIX", ENGLISH }, { NULL, NULL, "en_US.UTF-8", ENGLISH },
		{ NULL, NULL, "de_DE.zh", ENGLISH }, { NULL, NULL, "\xFF", ENGLISH },
		{ "C", "zh_CN.UTF-8", "zh_CN.UTF-8", ENGLISH },
		{ "zh_CN.UTF-8", "C", "C", CHINESE }, { "", "zh_CN.UTF-8", "C", CHINESE },
		{ NULL, "en_US.UTF-8", "zh_CN.UTF-8", ENGLISH },
		{ NULL, "", "zh_CN.UTF-8", CHINESE }, { NULL, "zh_CN.GBK", "zh_CN.UTF-8", ENGLISH },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].lang == NULL ? "nothing" : cases[i].lang,
		    lang_of_locale(cases[i].all, cases[i].messages, cases[i].lang), cases[i].want);
	}
}

static void
environment(void **state)
{
	(void)state;
	(void)setenv("LC_ALL", "", 1);
	(void)setenv("LC_MESSAGES", "zh_CN.UTF-8", 1);
	(void)setenv("LANG", "C", 1);
	check_int("LC_MESSAGES", lang_of_environment(), CHINESE);
	(void)setenv("LC_ALL", "C", 1);
	check_int("LC_ALL", lang_of_environment(), ENGLISH);
	(void)unsetenv("LC_ALL");
	(void)unsetenv("LC_MESSAGES");
	check_int("LANG", lang_of_environment(), ENGLISH);
}

static void
words(void **state)
{
	enum language	 l = ENGLISH;

	(void)state;
	CHECK("zh", lang_read(&l, "zh") && l == CHINESE);
	CHECK("en", lang_read(&l, "en") && l == ENGLISH);
	CHECK("another", !lang_read(&l, "zh_CN") && !lang_read(&l, "") && !lang_read(&l, "EN"));
}

static void
texts(void **state)
{
	static const struct lang_row		 first[] = { { "yes", "\xE6\x98\xAF" }, { NULL, NULL } };
	static const struct lang_row		 second[] = {
		{ "no", "\xE5\x90\xA6" }, { "Permission denied", "\xE6\x9D\x83" }, { NULL, NULL },
	};
	static const struct lang_row *const	 tables[] = { first, second, NULL };

	(void)state;
	check_int("at first", lang_used(), ENGLISH);
	check_text("at first", lang_text("yes"), "yes");
	lang_use(CHINESE, tables);
	check_int("Chinese", lang_used(), CHINESE);
	check_text("the first table", lang_text("yes"), "\xE6\x98\xAF");
	check_text("the second table", lang_text("no"), "\xE5\x90\xA6");
	check_text("no row", lang_text("maybe"), "maybe");
	check_text("an error", lang_errno(EACCES), "\xE6\x9D\x83");
	check_text("an error without a row", lang_errno(EPERM), strerror(EPERM));
	lang_here(ENGLISH);
	check_text("English in this thread", lang_text("yes"), "yes");
	lang_here(LANGUAGE__MAX);
	check_text("as the others again", lang_text("yes"), "\xE6\x98\xAF");
	lang_use(ENGLISH, tables);
	check_text("English again", lang_text("yes"), "yes");
	lang_here(CHINESE);
	check_int("Chinese in this thread", lang_used(), CHINESE);
	check_text("Chinese in this thread", lang_text("yes"), "\xE6\x98\xAF");
	lang_here(LANGUAGE__MAX);
	check_text("English at last", lang_text("yes"), "yes");
	lang_use(ENGLISH, NULL);
	check_text("an error", lang_errno(EACCES), strerror(EACCES));
}

static void
parts(void **state)
{
	static const struct lang_row		 table[] = {
		{ "WeChat", "\u5fae\u4fe1" }, { "it is busy", "\u7e41\u5fd9" }, { ": ", "\uff1a" },
		{ NULL, NULL },
	};
	static const struct lang_row *const	 tables[] = { table, NULL };
	static const struct {
		const char	*english, *chinese;
	} cases[] = {
		{ "", "" }, { "WeChat", "\u5fae\u4fe1" }, { "unknown", "unknown" },
		{ "WeChat: it is busy", "\u5fae\u4fe1\uff1a\u7e41\u5fd9" },
		{ "WeChat: errcode -1: it is busy: please retry",
		    "\u5fae\u4fe1\uff1aerrcode -1\uff1a\u7e41\u5fd9\uff1aplease retry" },
		{ "a: ", "a\uff1a" }, { "http://x", "http://x" },
	};
	char		 text[LANG_PARTS], longest[3 * LANG_PARTS + 1];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		lang_use(CHINESE, tables);
		check_text(cases[i].english, lang_parts(text, cases[i].english), cases[i].chinese);
		lang_use(ENGLISH, NULL);
		check_text(cases[i].english, lang_parts(text, cases[i].english), cases[i].english);
	}
	for (i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = i % 5 == 3 ? ':' : i % 5 == 4 ? ' ' : 'a';
	longest[i] = '\0';
	check_int("cut", (int64_t)strlen(lang_parts(text, longest)), LANG_PARTS - 1);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(locales), TEST(environment), TEST(words), TEST(texts), TEST(parts),
	};

	return RUN("lang", tests);
}
