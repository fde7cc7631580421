#include <string.h>

#include "core/calendar.h"
#include "monitor/alert_week.h"
#include "state/counters.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

/* The week whose summary is due at a time in China. */
static void
due(void **state)
{
	static const struct {
		const char	*day;
		int		 hour, minute;
		const char	*monday;
	} cases[] = {
		{ "2026-11-30", 8, 59, "2026-11-16" },	/* a Monday */
		{ "2026-11-30", 9, 0, "2026-11-23" },
		{ "2026-11-30", 23, 59, "2026-11-23" },
		{ "2026-12-01", 0, 0, "2026-11-23" },
		{ "2026-12-06", 23, 59, "2026-11-23" },
		{ "2026-12-07", 0, 0, "2026-11-23" },
		{ "2026-12-07", 9, 0, "2026-11-30" },
		{ "2024-02-29", 12, 0, "2024-02-19" },
		{ "2027-01-04", 9, 0, "2026-12-28" },	/* two years */
		{ "2038-01-25", 9, 0, "2038-01-18" },
	};
	char	 text[CALENDAR_DAY_TEXT];
	int64_t	 day;
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_true(calendar_parse_day(&day, slice_of(cases[i].day)));
		calendar_day_text(text, alert_week_due(calendar_day_start(day) +
		    cases[i].hour * 3600 + cases[i].minute * 60));
		check_text(cases[i].day, text, cases[i].monday);
	}
}

static void
count(struct counters *t, const struct account *a, const char *day, enum counter end, int times)
{
	int64_t	 number = -1;
	int	 i;

	assert_true(calendar_parse_day(&number, slice_of(day)));
	for (i = 0; i < times; i++)
		counters_request(t, &(struct counters_request){ .account = a, .end = end,
		    .came_ms = (calendar_day_start(number) + 21 * 3600) * 1000, .ms = 7,
		    .qt_ms = -1, .event = -1 });
}

static void
texts(void **state)
{
	static struct account	 accounts[] = {
		{ .path = "shop", .name = "The shop" }, { .path = "idle", .name = "idle" },
	};
	struct conf		 c = {
		.accounts = accounts, .n = COUNT(accounts), .set = { .state_dir = state_new() },
	};
	struct locks		*locks = lock_new(c.set.state_dir);
	struct counters		*t = counters_new(&c, locks);
	struct alert_week	 w;
	struct buf		 text = { 0 };
	int64_t			 monday;

	(void)state;
	assert_true(calendar_parse_day(&monday, slice_of("2026-11-23")));
	check_err("nothing", alert_week_read(&w, &c, NULL, monday, 0), ERR_OK);
	CHECK("nothing", alert_week_is_empty(&w));
	alert_week_free(&w);
	count(t, &accounts[0], "2026-11-22", COUNTER_DELIVERED, 4);
	count(t, &accounts[0], "2026-11-23", COUNTER_DELIVERED, 4);
	count(t, &accounts[0], "2026-11-29", COUNTER_QUEUED, 2);
	count(t, &accounts[0], "2026-11-30", COUNTER_DELIVERED, 9);
	count(t, &accounts[0], "2026-11-24", COUNTER_LATE_DELIVERED, 1);
	counters_free(t);
	check_err("read", alert_week_read(&w, &c, NULL, monday, 0), ERR_OK);
	CHECK("something", !alert_week_is_empty(&w));
	check_err("text", alert_week_text(&text, &w), ERR_OK);
	check_bytes("text", buf_slice(&text), slice_of(
	    "the week from 2026-11-23 to 2026-11-29\n"
	    "The shop: 6 pushes (the week before 4, +50%)\n"
	    "  delivered at once 4, queued 2, dead 0, repeats 0, refused 0, answered 503 0\n"
	    "  of what had waited, delivered 1, dead 0\n"
	    "  half of the answers within 7 ms, 99% within 7 ms\n"
	    "  last push: 2026-11-30, between 21:00 and 22:00\n"
	    "idle: 0 pushes (the week before 0)\n"
	    "  delivered at once 0, queued 0, dead 0, repeats 0, refused 0, answered 503 0\n"
	    "  no push for two weeks: is the URL still set in WeChat's console?\n"));
	alert_week_free(&w);
	buf_free(&text);
	lock_free(locks);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(due), TEST(texts) };

	return RUN("alert_week", tests);
}
