#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/calendar.h"
#include "monitor/silence.h"
#include "state/counters.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

/* 2026-11-22, 00:00 in China; hours are counted from there. */
#define MIDNIGHT_S	INT64_C(1795276800)

enum { LAST_HOUR = 10 };	/* of the last push */

static struct account	accounts[] = { { .path = "shop" }, { .path = "news" } };

/* What is counted: the ends of requests on a day, before the day of the last push or on it. */
struct silence_case {
	const char	*name;
	const char	*days;		/* from seven days before to that day: a letter each */
	int		 after_h;	/* hours after the last push */
	int64_t		 silent_h;	/* 0: it is not silent */
};

static const struct silence_case	cases[] = {
	{ "daily", "dddddddd", 25, 25 },
	{ "repeats and queued messages are pushes", "rqdrqdrq", 25, 25 },
	{ "so are unsafe ones", "uuuuuuuu", 25, 25 },
	{ "a day has not passed", "dddddddd", 24, 0 },
	{ "a day without", "ddd-dddd", 25, 0 },
	{ "the first day without", "-ddddddd", 25, 0 },
	{ "the last day without", "dddddd-d", 25, 0 },
	{ "refused ones are nothing", "dddxdddd", 25, 0 },
	{ "handshakes are nothing", "dddhdddd", 25, 0 },
	{ "days", "dddddddd", 29 * 24, 29 * 24 },
	{ "given up", "dddddddd", 30 * 24, 0 },
	{ "never a push", "xxxxxxxx", 25, 0 },
	{ "the clock was set back", "dddddddd", -25, 0 },
};

static enum counter
end_of(char letter)
{
	switch (letter) {
	case 'd':
		return COUNTER_DELIVERED;
	case 'q':
		return COUNTER_QUEUED;
	case 'r':
		return COUNTER_REPEAT;
	case 'u':
		return COUNTER_UNSAFE;
	case 'h':
		return COUNTER_HANDSHAKE;
	}
	return counters_refused(ERR_SIGNATURE, true);
}

/* Counts for the first account.  The other one has a push now. */
static void
count_days(const struct conf *c, const char *days, int64_t now_s)
{
	struct locks		*locks = lock_new(c->set.state_dir);
	struct counters		*counters = counters_new(c, locks);
	const int64_t		 first_s = MIDNIGHT_S - SILENCE_DAYS * CALENDAR_DAY_S;
	size_t			 i;

	assert_non_null(counters);
	for (i = 0; days[i] != '\0'; i++)
		if (days[i] != '-')
			counters_request(counters, &(struct counters_request){
				.account = &accounts[0], .end = end_of(days[i]),
				.came_ms = (first_s + (int64_t)i * CALENDAR_DAY_S +
				    LAST_HOUR * 3600) * 1000,
				.qt_ms = -1, .event = -1,
			});
	counters_request(counters, &(struct counters_request){
		.account = &accounts[1], .end = COUNTER_DELIVERED, .came_ms = now_s * 1000,
		.qt_ms = -1, .event = -1,
	});
	counters_free(counters);
	lock_free(locks);
}

static void
take_silent(void *ctx, size_t account, int64_t silent_s)
{
	int64_t	*silent = ctx;

	silent[account] = silent_s;
}

static void
silent_accounts(void **state)
{
	struct conf	 c = { .accounts = accounts, .n = COUNT(accounts) };
	int64_t		 silent[COUNT(accounts)], now_s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		c.set.state_dir = state_new();
		now_s = MIDNIGHT_S + LAST_HOUR * 3600 + cases[i].after_h * INT64_C(3600);
		count_days(&c, cases[i].days, now_s);
		memset(silent, 0, sizeof(silent));
		/* Exactly a day is not yet over. */
		check_err(cases[i].name, silence_find(&c, NULL, 0, now_s, take_silent, silent), ERR_OK);
		check_int(cases[i].name, silent[0], cases[i].silent_h * 3600);
		check_int(cases[i].name, silent[1], 0);
	}
}

static void
unreadable(void **state)
{
	struct conf	 c = { .accounts = accounts, .n = COUNT(accounts) };
	const int64_t	 now_s = MIDNIGHT_S + 36 * 3600;
	int64_t		 silent[COUNT(accounts)] = { 0 };
	char		 path[STATE_PATH];

	(void)state;
	c.set.state_dir = state_new();
	check_err("nothing is counted", silence_find(&c, NULL, 0, now_s, take_silent, silent), ERR_OK);
	count_days(&c, "dddddddd", now_s);
	unit_memory = 1;
	(void)silence_find(&c, NULL, 0, now_s, take_silent, silent);
	unit_memory = 0;
	check_err("found", silence_find(&c, NULL, 0, now_s, take_silent, silent), ERR_OK);
	check_int("found", silent[0], 26 * 3600);
	silent[0] = 0;
	state_path(path, c.set.state_dir, "qtoa.tally-20261118");
	assert_int_equal(unlink(path), 0);
	check_err("a day is gone", silence_find(&c, NULL, 0, now_s, take_silent, silent), ERR_OK);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("a day that cannot be read", silence_find(&c, NULL, 0, now_s, take_silent, silent), ERR_OK);
	state_path(path, c.set.state_dir, "qtoa.tally-total");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("no totals", silence_find(&c, NULL, 0, now_s, take_silent, silent), ERR_OK);
	check_int("not silent", silent[0], 0);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(silent_accounts), TEST(unreadable) };

	return RUN("silence", tests);
}
