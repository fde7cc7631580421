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
	check_text("a word", i18n_text(ENGLISH, "$$_menu_click"), "Menu click");
	CHECK("none", i18n_text(ENGLISH, "no such key") == NULL);
}

static void
check_words(const char *key)
{
	enum language	 l;
	const char	*w;

	for (l = 0; l < LANGUAGE__MAX; l++)
		CHECK(key, (w = i18n_text(l, key)) != NULL && *w != '\0');
}

/* Each of "a b c" of an option. */
static void
check_choices(const struct report_option *o)
{
	char	 key[128];
	size_t	 len;

	for (const char *p = o->choices; *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		(void)snprintf(key, sizeof(key), "%s.%.*s", o->name, (int)len, p);
		check_words(key);
	}
}

/* Whatever can be asked, and what comes back, has words. */
static void
questions(void **state)
{
	const struct report_question	*q;
	char				 key[64];
	size_t				 i;

	(void)state;
	for (q = questions_table; q->name != NULL; q++) {
		check_words(q->name);
		(void)snprintf(key, sizeof(key), "%s.about", q->name);
		check_words(key);
		for (i = 0; i < REPORT_COLUMNS_MAX && q->columns[i].name != NULL; i++)
			check_words(q->columns[i].name);
		for (i = 0; i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++) {
			check_words(q->options[i].name);
			if (q->options[i].choices != NULL)
				check_choices(&q->options[i]);
		}
	}
}

/* What questions_set() and questions_period() have against an argument is said in Chinese, too. */
static void
complaints(void **state)
{
	static const struct {
		const char	*question, *name, *value;
	} cases[] = {
		{ "funnel", "from", "x" }, { "funnel", "account", "\xFF" },
		{ "funnel", "account", "\n" }, { "funnel", "steps", "x" },
		{ "funnel", "window", "x" }, { "funnel", "window", "0" }, { "event", "by", "x" },
		{ "event", "code", "x" },
	};
	static const char *const	 periods[][2] = {
		{ "x", "x" }, { "2026-01-02", "2026-01-01" }, { "1990-01-01", "2026-01-01" },
	};
	const struct report_question	*q;
	struct report_args		 a;
	const char			*why;
	char				 value[REPORT_VALUE_MAX + 1];
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		q = questions_find(slice_of(cases[i].question));
		assert_non_null(q);
		questions_defaults(&a, q, 0);
		why = questions_set(&a, q, cases[i].name, slice_of(cases[i].value));
		if (CHECK(cases[i].name, why != NULL))
			check_words(why);
	}
	memset(value, 'a', sizeof(value));
	why = questions_set(&a, questions_find(slice_of("audience")), "item",
	    (struct slice){ value, sizeof(value) });
	if (CHECK("long", why != NULL))
		check_words(why);
	for (i = 0; i < COUNT(periods); i++) {
		(void)snprintf(a.from, sizeof(a.from), "%s", periods[i][0]);
		(void)snprintf(a.to, sizeof(a.to), "%s", periods[i][1]);
		if (CHECK(periods[i][0], (why = questions_period(&a)) != NULL))
			check_words(why);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(negotiation), TEST(tags), TEST(questions), TEST(complaints),
	};

	return RUN("words", tests);
}
