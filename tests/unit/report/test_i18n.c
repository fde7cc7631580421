#include <stdio.h>
#include <string.h>

#include "report/i18n.h"
#include "report/questions.h"
#include "tests/unit/unit.h"

static void
negotiation(void **state)
{
	static const struct {
		const char	*accept;
		enum language	 want;
	} cases[] = {
		{ NULL, ENGLISH }, { "", ENGLISH }, { "en", ENGLISH }, { "zh", CHINESE },
		{ "zh-CN", CHINESE }, { "zh-TW", CHINESE }, { "zh-Hans-CN", CHINESE },
		{ "ZH-cn", CHINESE }, { "zhx", ENGLISH }, { "z", ENGLISH }, { "de", ENGLISH },
		{ "zh-CN,zh;q=0.9,en;q=0.8", CHINESE }, { "en-US,en;q=0.9,zh;q=0.8", ENGLISH },
		{ "en;q=0.5,zh;q=0.8", CHINESE }, { "en;q=0.8 , zh ; q=0.5", ENGLISH },
		{ "de,zh;q=0.3", CHINESE }, { "de;q=0.9,*;q=0.5", ENGLISH },
		{ "*,zh;q=0.5", ENGLISH }, { "zh,*;q=0.5", CHINESE },
		{ "zh;q=0", ENGLISH }, { "zh;q=0.000,en;q=0.001", ENGLISH },
		{ "en;q=0,zh;q=0.001", CHINESE }, { "zh;q=1.000", CHINESE },
		{ "zh;q=1.001", ENGLISH }, { "zh;q=0.1234", ENGLISH }, { "zh;q=x", ENGLISH },
		{ "zh;q", ENGLISH }, { "zh;", CHINESE }, { "en,zh", ENGLISH }, { "zh,en", CHINESE },
		{ ",,;,zh", CHINESE }, { ";q=1", ENGLISH }, { "\xFF\xFE,zh", CHINESE },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].accept == NULL ? "absent" : cases[i].accept,
		    (int64_t)i18n_language(slice_of(cases[i].accept)), (int64_t)cases[i].want);
}

static void
tags(void **state)
{
	(void)state;
	check_text("English", i18n_tag(ENGLISH), "en");
	check_text("Chinese", i18n_tag(CHINESE), "zh-CN");
	check_text("a word", i18n_find(ENGLISH, "$$_menu_click"), "Menu click");
	CHECK("not found", i18n_find(ENGLISH, "no such key") == NULL);
	check_text("the key", i18n_text(ENGLISH, "no such key"), "no such key");
}

static void
check_key(const char *key)
{
	enum language	 l;
	const char	*w;

	for (l = 0; l < LANGUAGE__MAX; l++)
		CHECK(key, (w = i18n_find(l, key)) != NULL && *w != '\0');
}

/* Checks each choice of an option, "a b c". */
static void
check_choices(const struct report_option *o)
{
	char	 key[128];
	size_t	 len;

	for (const char *p = o->choices; *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		(void)snprintf(key, sizeof(key), "%s.%.*s", o->name, (int)len, p);
		check_key(key);
	}
}

/* Each question, column and option has a text. */
static void
question_keys(void **state)
{
	const struct report_question	*q;
	char				 key[64];
	size_t				 i;

	(void)state;
	for (q = questions_table; q->name != NULL; q++) {
		check_key(q->name);
		(void)snprintf(key, sizeof(key), "%s.about", q->name);
		check_key(key);
		for (i = 0; i < REPORT_COLUMNS_MAX && q->columns[i].name != NULL; i++)
			check_key(q->columns[i].name);
		for (i = 0; i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++) {
			check_key(q->options[i].name);
			if (q->options[i].choices != NULL)
				check_choices(&q->options[i]);
		}
	}
}

/* Each error has a text in each language. */
static void
errors(void **state)
{
	enum questions_error	 e;
	enum language		 l;
	char			 name[32];

	(void)state;
	for (e = QUESTIONS_OK; e < QUESTIONS_ERROR__MAX; e++)
		for (l = 0; l < LANGUAGE__MAX; l++) {
			(void)snprintf(name, sizeof(name), "error %d", (int)e);
			if (CHECK(name, i18n_error(l, e) != NULL))
				CHECK(name, (*i18n_error(l, e) == '\0') == (e == QUESTIONS_OK));
		}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(negotiation), TEST(tags), TEST(question_keys), TEST(errors),
	};

	return RUN("i18n", tests);
}
