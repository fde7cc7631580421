#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "tests/unit/unit.h"
#include "wechat/datacube/datacube.h"

enum { DAYS = 800 };

static int64_t
day_of(const char *text)
{
	int64_t	 d = -1;

	if (text == NULL)
		return DATACUBE_DEFAULT;
	assert_true(calendar_parse_day(&d, slice_of(text)));
	return d;
}

/* The epoch second of "YYYY-MM-DD HH:MM" in China. */
static int64_t
time_of(const char *text)
{
	char	 day[CALENDAR_DAY_TEXT];
	int	 h = 0, m = 0;

	(void)snprintf(day, sizeof(day), "%s", text);
	assert_int_equal(sscanf(text + 10, " %d:%d", &h, &m), 2);
	return calendar_day_start(day_of(day)) + h * 3600 + m * 60;
}

static void
append_day(struct buf *out, int64_t d)
{
	char	 text[CALENDAR_DAY_TEXT];

	calendar_day_text(text, d);
	assert_int_equal(buf_puts(out, text), ERR_OK);
}

static void
ready_days(void **state)
{
	static const struct {
		const char	*now, *want;
	} cases[] = {
		{ "2026-03-20 00:00", "2026-03-18" },
		{ "2026-03-20 07:59", "2026-03-18" },
		{ "2026-03-20 08:00", "2026-03-19" },
		{ "2026-03-20 23:59", "2026-03-19" },
		{ "2024-03-01 08:00", "2024-02-29" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].now, datacube_ready(time_of(cases[i].now)),
		    day_of(cases[i].want));
}

static const struct {
	const char	*name, *endpoint, *from, *to, *now, *want;
} call_cases[] = {
	{ "seven days each", "getusersummary", "2026-03-01", "2026-03-19",
	    "2026-03-20 09:00",
	    "2026-03-01..2026-03-07 2026-03-08..2026-03-14 2026-03-15..2026-03-19" },
	{ "yesterday is not ready", "getusersummary", "2026-03-17", NULL,
	    "2026-03-20 07:59", "2026-03-17..2026-03-18" },
	{ "nor is today", "getusersummary", "2026-03-19", "2026-12-31",
	    "2026-03-20 08:00", "2026-03-19..2026-03-19" },
	{ "nothing yet", "getusersummary", "2026-03-20", NULL, "2026-03-20 12:00", "" },
	{ "far ahead", "getusersummary", "2030-01-01", "2031-01-01", "2026-03-20 12:00",
	    "" },
	{ "one day each", "getuserreadhour", "2026-03-17", "2026-03-18",
	    "2026-03-20 09:00", "2026-03-17..2026-03-17 2026-03-18..2026-03-18" },
	{ "three", "getuserread", "2026-03-15", "2026-03-18", "2026-03-20 09:00",
	    "2026-03-15..2026-03-17 2026-03-18..2026-03-18" },
	{ "fifteen", "getupstreammsgdist", "2026-02-20", "2026-03-18",
	    "2026-03-20 09:00", "2026-02-20..2026-03-06 2026-03-07..2026-03-18" },
	{ "the first thirty", "getinterfacesummary", NULL, NULL, "2026-03-20 09:00",
	    "2026-02-18..2026-03-19" },
	{ "the classic floor", "getusersummary", "2014-01-01", "2014-12-03",
	    "2026-03-20 09:00", "2014-12-01..2014-12-03" },
	{ "the newer floor", "getarticleread", "2025-01-01", "2025-11-02",
	    "2026-03-20 09:00", "2025-11-01..2025-11-01 2025-11-02..2025-11-02" },
	{ "before the floor", "getarticleread", "2025-01-01", "2025-10-31",
	    "2026-03-20 09:00", "" },
	{ "the floor of ads", "publisher_cps_general", "2015-01-01", "2016-03-02",
	    "2026-03-20 09:00", "2016-01-01..2016-02-29 2016-03-01..2016-03-02" },
	{ "weeks: five Mondays", "getupstreammsgweek", "2026-01-01", "2026-02-28",
	    "2026-03-20 09:00", "2026-01-05..2026-02-02 2026-02-09..2026-02-16" },
	{ "a week that is over", "getupstreammsgweek", "2026-03-01", NULL,
	    "2026-03-16 08:00", "2026-03-02..2026-03-09" },
	{ "a week that is not", "getupstreammsgweek", "2026-03-01", NULL,
	    "2026-03-16 07:59", "2026-03-02..2026-03-02" },
	{ "months", "getupstreammsgmonth", "2026-01-01", NULL, "2026-04-01 08:00",
	    "2026-01-01..2026-01-01 2026-02-01..2026-03-01" },
	{ "a month that is not over", "getupstreammsgmonth", "2026-02-01", NULL,
	    "2026-04-01 07:59", "2026-02-01..2026-02-01" },
	{ "months, fifteen days", "getupstreammsgdistmonth", "2026-02-01", NULL,
	    "2026-04-01 08:00", "2026-02-01..2026-02-01 2026-03-01..2026-03-01" },
	{ "the first months", "getupstreammsgmonth", NULL, NULL, "2026-04-30 12:00",
	    "2026-03-01..2026-03-01" },
	{ "halves of months, whole", "publisher_settlement", "2026-01-10", NULL,
	    "2026-03-20 09:00", "2026-01-16..2026-03-15" },
	{ "ninety", "publisher_adpos_general", "2025-12-01", "2026-03-05",
	    "2026-03-20 09:00", "2025-12-01..2026-02-28 2026-03-01..2026-03-05" },
};

/* All calls that are planned when nothing was asked for yet: "from..to from..to". */
static void
planned_calls(void **state)
{
	const struct datacube_endpoint	*e;
	struct datacube_span		 range, call;
	struct datacube_known		 none[DAYS] = { { 0 } };
	struct buf			 got = { 0 };
	int64_t				 from, now_s;
	size_t				 i, j;

	(void)state;
	for (i = 0; i < COUNT(call_cases) * 2; i++) {
		j = i / 2;
		e = datacube_find(call_cases[j].endpoint);
		assert_non_null(e);
		now_s = time_of(call_cases[j].now);
		range = datacube_range(e, day_of(call_cases[j].from), day_of(call_cases[j].to),
		    now_s);
		assert_true(range.end - range.begin < DAYS);
		got.len = 0;
		/* Even i: no unit is known.  Odd i: known is NULL.  Both give the same calls. */
		for (from = range.begin; datacube_plan(&call, e, &range, i % 2 == 0 ? none : NULL,
		    from, now_s); from = call.end + 1) {
			assert_int_equal(buf_puts(&got, got.len == 0 ? "" : " "), ERR_OK);
			append_day(&got, call.begin);
			assert_int_equal(buf_puts(&got, ".."), ERR_OK);
			append_day(&got, call.end);
		}
		check_bytes(call_cases[j].name, buf_slice(&got), slice_of(call_cases[j].want));
	}
	buf_free(&got);
}

/* Days that are stored ('x') are not asked for, unless they lie inside a call. */
static void
planned_holes(void **state)
{
	static const struct {
		const char	*name, *endpoint, *known;
		const char	*want;		/* the days of each call */
	} cases[] = {
		{ "all there", "getusersummary", "xxxxxxxxxxxxxx", "" },
		{ "one hole", "getusersummary", "xxxx.xxxxxxxxx", "4-4" },
		{ "two in one call", "getusersummary", "x.xxxxx.xxxxxx", "1-7" },
		{ "two in two", "getusersummary", "x.xxxxxx.xxxxx", "1-1 8-8" },
		{ "the rest", "getusersummary", "xxxxx.........", "5-11 12-13" },
		{ "a call begins at a hole", "getusersummary", ".xxxxxxx......", "0-0 8-13" },
		{ "one day each", "getuserreadhour", "xx.xx.xxxxxxx.", "2-2 5-5 13-13" },
	};
	const struct datacube_endpoint	*e;
	const int64_t			 now_s = time_of("2026-03-20 12:00");
	struct datacube_span		 range, call;
	struct datacube_known		 known[DAYS] = { { 0 } };
	struct buf			 got = { 0 };
	int64_t				 from;
	size_t				 i, j;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		e = datacube_find(cases[i].endpoint);
		range = datacube_range(e, day_of("2026-03-01"), day_of("2026-03-14"), now_s);
		for (j = 0; j < strlen(cases[i].known); j++)
			known[j] = (struct datacube_known){
				.asked_s = cases[i].known[j] == 'x' ? time_of("2026-03-18 12:00") :
				    0,
				.rows = 1, .times = 1,
			};
		got.len = 0;
		for (from = range.begin; datacube_plan(&call, e, &range, known, from, now_s);
		    from = call.end + 1)
			assert_int_equal(buf_printf(&got, "%s%d-%d", got.len == 0 ? "" : " ",
			    (int)(call.begin - range.begin), (int)(call.end - range.begin)),
			    ERR_OK);
		check_bytes(cases[i].name, buf_slice(&got), slice_of(cases[i].want));
	}
	buf_free(&got);
}

static const struct {
	const char		*name, *endpoint, *unit;
	const char		*asked;		/* NULL: never */
	int64_t			 rows;
	int			 times;
	bool			 delayed;
	const char		*now;
	bool			 due, later;
} due_cases[] = {
	{ "never", "getuserread", "2026-03-19", NULL, 0, 0, false, "2026-03-20 09:00",
	    true, false },
	{ "there", "getuserread", "2026-03-19", "2026-03-20 09:00", 3, 1, false,
	    "2026-06-20 09:00", false, false },
	{ "empty, fresh, just now", "getuserread", "2026-03-19", "2026-03-20 09:00", 0, 1,
	    false, "2026-03-20 11:59", false, true },
	{ "empty, fresh, hours ago", "getuserread", "2026-03-19", "2026-03-20 09:00", 0, 1,
	    false, "2026-03-20 12:00", true, false },
	{ "and on a later day", "getuserread", "2026-03-19", "2026-03-20 09:00", 0, 1,
	    false, "2026-03-25 12:00", true, false },
	{ "empty twice", "getuserread", "2026-03-19", "2026-03-20 12:00", 0, 2, false,
	    "2026-03-21 12:00", false, false },
	{ "empty, not fresh", "getuserread", "2026-03-18", "2026-03-20 09:00", 0, 1, false,
	    "2026-03-20 19:00", false, false },
	{ "delayed", "getbizsummary", "2026-03-19", "2026-03-20 09:00", 1, 5, true,
	    "2026-03-20 12:00", true, false },
	{ "delayed, just now", "getbizsummary", "2026-03-19", "2026-03-20 09:00", 1, 5,
	    true, "2026-03-20 10:00", false, true },
	{ "delayed, long ago", "getbizsummary", "2026-03-10", "2026-03-20 09:00", 1, 5,
	    true, "2026-03-21 12:00", false, false },
	{ "an empty week, fresh", "getupstreammsgweek", "2026-03-09", "2026-03-16 09:00",
	    0, 1, false, "2026-03-16 12:00", true, false },
	{ "an empty week, not fresh", "getupstreammsgweek", "2026-03-09",
	    "2026-03-17 09:00", 0, 1, false, "2026-03-18 12:00", false, false },
	{ "grows, same day", "getarticletotal", "2026-03-19", "2026-03-20 09:00", 1, 1,
	    false, "2026-03-20 23:00", false, false },
	{ "grows, the next at seven", "getarticletotal", "2026-03-19", "2026-03-20 09:00",
	    1, 1, false, "2026-03-21 07:59", false, false },
	{ "grows, the next at eight", "getarticletotal", "2026-03-19", "2026-03-20 09:00",
	    1, 1, false, "2026-03-21 08:00", true, false },
	{ "grew up, but not seen so", "getarticletotal", "2026-03-01", "2026-03-07 09:00",
	    1, 5, false, "2026-06-01 08:00", true, false },
	{ "grown up", "getarticletotal", "2026-03-01", "2026-03-09 09:00", 1, 5, false,
	    "2026-06-01 08:00", false, false },
};

static void
due_units(void **state)
{
	const struct datacube_endpoint	*e;
	struct datacube_known		 k;
	int64_t				 unit, now_s;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(due_cases); i++) {
		e = datacube_find(due_cases[i].endpoint);
		unit = day_of(due_cases[i].unit);
		now_s = time_of(due_cases[i].now);
		k = (struct datacube_known){
			.asked_s = due_cases[i].asked == NULL ? 0 : time_of(due_cases[i].asked),
			.rows = due_cases[i].rows, .times = due_cases[i].times,
			.delayed = due_cases[i].delayed,
		};
		check_int(due_cases[i].name, datacube_is_due(e, unit, &k, now_s), due_cases[i].due);
		check_int(due_cases[i].name, datacube_is_due_later(e, unit, &k, now_s),
		    due_cases[i].later);
	}
}

/* The code that writes SQL relies on these rules of the table. */
static void
interface_table(void **state)
{
	const struct datacube_endpoint	*e, *found;
	const struct datacube_table	*t;
	const struct datacube_field	*f, *g;
	size_t				 i, n = 0;
	int64_t				 d;

	(void)state;
	for (e = datacube_endpoints; e->name != NULL; e++, n++) {
		CHECK(e->name, datacube_find(e->name) == e);
		CHECK(e->name, calendar_parse_day(&d, slice_of(e->floor)));
		CHECK(e->name, e->unit == DATACUBE_DAY || e->span == 0 || e->span >= 15);
		CHECK("named like it", strcmp(e->tables[0].name, e->name) == 0);
		f = datacube_next_field(&e->tables[0], NULL);
		CHECK("the day comes first", f->key && f->type == DATACUBE_TEXT);
		for (i = 0; i < DATACUBE_TABLES && e->tables[i].name != NULL; i++) {
			t = &e->tables[i];
			CHECK(t->name, datacube_table(t->name, &found) == t && found == e);
			CHECK(t->name, i == 0 || t->in < i);
			for (f = NULL; (f = datacube_next_field(t, f)) != NULL;)
				for (g = f; (g = datacube_next_field(t, g)) != NULL;)
					CHECK(f->name, strcmp(f->name, g->name) != 0);
		}
	}
	check_int("end points", (int64_t)n, 24);
	CHECK("none", datacube_find("getnothing") == NULL);
	CHECK("no table", datacube_table("getnothing", &found) == NULL);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(ready_days), TEST(planned_calls), TEST(planned_holes), TEST(due_units),
		    TEST(interface_table),
	};

	return RUN("datacube", tests);
}
