#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/number_format.h"
#include "tests/unit/unit.h"

static void
counts(void **state)
{
	static const struct {
		double		 n;
		const char	*want;
	} cases[] = {
		{ 0, "0" }, { 7, "7" }, { 999, "999" }, { 1000, "1,000" }, { 12345, "12,345" },
		{ 123456, "123,456" }, { 1234567, "1,234,567" }, { -12, "\xE2\x88\x92" "12" },
		{ -1234, "\xE2\x88\x92" "1,234" }, { 2.6, "3" }, { -0.4, "0" }, { 1234.567,
		    "1,235" },
		{ 999.9, "1,000" },
		{ 1e15, "1,000,000,000,000,000" }, { 1e16, "1e+16" },
	};
	char	 text[NUMBER_FORMAT_TEXT];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		number_format_count(text, cases[i].n);
		check_text(cases[i].want, text, cases[i].want);
	}
	number_format_mean(text, 1234.567);
	check_text("mean", text, "1,234.57");
	number_format_mean(text, 3);
	check_text("whole mean", text, "3.00");
	number_format_mean(text, -0.001);
	check_text("no minus", text, "0.00");
	number_format_count(text, (double)NAN);
	CHECK("no number", strlen(text) < NUMBER_FORMAT_TEXT);
}

static void
shares(void **state)
{
	static const struct {
		double		 share;
		const char	*want;
	} cases[] = {
		{ 0, "0%" }, { 1, "100%" }, { 0.5, "50.0%" }, { 0.1234, "12.3%" },
		{ 0.0004, "<0.1%" }, { 0.9999, ">99.9%" }, { 0.999, "99.9%" }, { 1.5, "150%" },
	};
	char	 text[NUMBER_FORMAT_TEXT];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		number_format_share(text, cases[i].share);
		check_text(cases[i].want, text, cases[i].want);
	}
}

static void
spans(void **state)
{
	static const struct {
		double		 s;
		const char	*want[LANGUAGE__MAX];
	} cases[] = {
		{ -1, { "0 s", "0 \xE7\xA7\x92" } }, { 45, { "45 s", "45 \xE7\xA7\x92" } },
		{ 119, { "119 s", "119 \xE7\xA7\x92" } },
		{ 180, { "3 min", "3 \xE5\x88\x86\xE9\x92\x9F" } },
		{ 7200, { "2 h", "2 \xE5\xB0\x8F\xE6\x97\xB6" } },
		{ 172799, { "47 h", "47 \xE5\xB0\x8F\xE6\x97\xB6" } },
		{ 604800, { "7 d", "7 \xE5\xA4\xA9" } },
		{ 86400e6, { "1,000,000 d", "1,000,000 \xE5\xA4\xA9" } },
	};
	enum language	 l;
	char		 text[NUMBER_FORMAT_TEXT];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		for (l = 0; l < LANGUAGE__MAX; l++) {
			number_format_span(text, l, cases[i].s);
			check_text(cases[i].want[l], text, cases[i].want[l]);
		}
	number_format_ms(text, ENGLISH, 182);
	check_text("ms", text, "182 ms");
	number_format_ms(text, ENGLISH, 9999);
	check_text("the last in ms", text, "9,999 ms");
	number_format_ms(text, ENGLISH, 10000);
	check_text("s", text, "10 s");
	number_format_time(text, 1795322684);
	check_text("time", text, "2026-11-22 12:44");
	number_format_time(text, INT64_MAX);
	check_text("a time too late", text, "");
	number_format_time(text, INT64_MIN);
	check_text("a time too early", text, "");
}

static void
steps(void **state)
{
	static const struct {
		double	 max;
		int	 most;
		double	 want;
	} cases[] = {
		{ 0, 4, 1 }, { 1, 4, 1 }, { 4, 4, 1 }, { 5, 4, 2 }, { 8, 4, 2 }, { 9, 4, 5 },
		{ 20, 4, 5 }, { 21, 4, 10 }, { 100, 4, 50 }, { 812, 4, 500 }, { 2899, 4, 1000 },
		{ 1e6, 5, 200000 },
	};
	char	 name[32];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "%g in %d", cases[i].max, cases[i].most);
		check_int(name, (int64_t)number_format_step(cases[i].max, cases[i].most),
		    (int64_t)cases[i].want);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(counts), TEST(shares), TEST(spans), TEST(steps),
	};

	return RUN("number_format", tests);
}
