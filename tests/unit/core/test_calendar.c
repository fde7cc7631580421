#include <string.h>

#include "core/calendar.h"
#include "tests/unit/unit.h"

static void
days(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 day;
	} cases[] = {
		{ "1970-01-01", 0 }, { "1970-01-31", 30 }, { "1970-12-31", 364 },
		{ "1972-02-29", 789 }, { "1972-03-01", 790 }, { "1999-12-31", 10956 },
		{ "2000-02-29", 11016 }, { "2026-11-22", 20779 }, { "2100-02-28", 47540 },
		{ "2100-03-01", 47541 }, { "9999-12-31", 2932896 },
	};
	char	 text[CALENDAR_DAY_TEXT];
	int64_t	 day;
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		day = -1;
		CHECK(cases[i].text, calendar_parse_day(&day, slice_of(cases[i].text)));
		check_int(cases[i].text, day, cases[i].day);
		calendar_day_text(text, cases[i].day);
		check_text(cases[i].text, text, cases[i].text);
	}
}

/* All days of 8,030 years become text and days again; each text sorts after the one before. */
static void
all_days(void **state)
{
	char	 text[2][CALENDAR_DAY_TEXT] = { "", "" };
	int64_t	 day, back = -1;
	bool	 good = true;

	(void)state;
	for (day = 0; day <= 2932896 && good; day++) {
		calendar_day_text(text[day % 2], day);
		good = calendar_parse_day(&back, slice_of(text[day % 2])) && back == day &&
		    strcmp(text[day % 2], text[(day + 1) % 2]) > 0;
	}
	CHECK(text[(day + 1) % 2], good);
}

static void
no_days(void **state)
{
	static const char *const cases[] = {
		"", "2026", "2026-11-2", "2026-11-222", "2026/11/22", "2026-11-31", "2026-02-29",
		"2100-02-29", "2026-13-01", "2026-00-10", "2026-10-00", "1969-12-31", "+026-11-22",
		"2026-1 -22", "-026-11-22",
	};
	char	 text[CALENDAR_DAY_TEXT];
	int64_t	 day;
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		CHECK(cases[i], !calendar_parse_day(&day, slice_of(cases[i])));
	calendar_day_text(text, -1);
	check_text("before", text, "");
	calendar_day_text(text, 2932897);
	check_text("after", text, "");
}

static void
in_china(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 s, day, of_day;
	} cases[] = {
		{ "the epoch is eight in the morning", 0, 0, 28800 }, { "before midnight", 57599, 0,
		86399 },
		{ "midnight", 57600, 1, 0 },
		{ "the day before", -28801, -1, 86399 },
		{ "its first second", -28800, 0, 0 }, { "now", 1795322684, 20779, 45884 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].name, calendar_day_at(cases[i].s), cases[i].day);
		check_int(cases[i].name, calendar_second_of_day(cases[i].s), cases[i].of_day);
		check_int(cases[i].name, calendar_day_start(cases[i].day) + cases[i].of_day,
		    cases[i].s);
	}
}

/* Times that no calendar has: the sanitizer sees that nothing overflows. */
static void
absurd(void **state)
{
	static const int64_t	 cases[] = { INT64_MIN, INT64_MIN + 1, -(INT64_C(1) << 53),
		INT64_C(1) << 53, INT64_MAX - 1, INT64_MAX };
	char	 text[CALENDAR_DAY_TEXT];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		CHECK("a second of a day", calendar_second_of_day(cases[i]) >= 0 &&
		    calendar_second_of_day(cases[i]) < CALENDAR_DAY_S);
		CHECK("far away", (calendar_day_at(cases[i]) < 0) == (cases[i] < 0));
		CHECK("far away", (calendar_day_start(cases[i]) < 0) == (cases[i] < 0));
		calendar_day_text(text, cases[i]);
		check_text("no day", text, "");
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(days), TEST(all_days), TEST(no_days), TEST(in_china), TEST(absurd),
	};

	return RUN("day", tests);
}
