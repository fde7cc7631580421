#include <string.h>

#include "tests/unit/unit.h"
#include "wechat/datacube/reconcile.h"

enum { ROWS = 4, NOT = -1 };

/* The numbers of an hour.  The hours of a case follow each other. */
struct hour {
	int64_t	 calls, fails, acknowledged, failed, refused;
};

static const struct {
	const char		*name;
	struct hour		 hour[ROWS];
	size_t			 n;
	int64_t			 missing, unclear, unheard;
	enum reconcile_state	 worst;
} hour_cases[] = {
	{ "nothing", { { 0, 0, 0, 0, 0 } }, 1, 0, 0, 0, RECONCILE_OK },
	{ "all is well", { { 10, 0, 10, 0, 0 }, { 5, 0, 5, 0, 0 } }, 2, 0, 0, 0,
	    RECONCILE_OK },
	{ "one never came", { { 10, 1, 9, 0, 0 } }, 1, 1, 0, 0, RECONCILE_MISSING },
	{ "one of forgers'", { { 10, 0, 10, 0, 1 } }, 1, 0, 0, 0, RECONCILE_OK },
	{ "one refused, or lost", { { 10, 1, 9, 0, 1 } }, 1, 0, 1, 0, RECONCILE_UNCLEAR },
	{ "two gone, one refused", { { 10, 2, 8, 0, 1 } }, 1, 1, 1, 0,
	    RECONCILE_MISSING },
	{ "our disk was full", { { 10, 3, 7, 3, 0 } }, 1, 0, 0, 0, RECONCILE_OK },
	{ "others have sent, too", { { 10, 0, 12, 0, 0 } }, 1, 0, 0, 0, RECONCILE_MORE },
	{ "our answer was lost", { { 10, 2, 10, 0, 0 } }, 1, 0, 0, 2, RECONCILE_OK },
	{ "lost, and one never came", { { 10, 3, 9, 0, 0 } }, 1, 1, 0, 2,
	    RECONCILE_MISSING },
	{ "a second after the hour", { { 10, 0, 9, 0, 0 }, { 10, 0, 11, 0, 0 } }, 2, 0, 0,
	    0, RECONCILE_OK },
	{ "our clock is ahead", { { 10, 0, 11, 0, 0 }, { 10, 0, 9, 0, 0 } }, 2, 0, 0, 0,
	    RECONCILE_OK },
	{ "more than clocks differ", { { 10, 0, 7, 0, 0 }, { 10, 0, 13, 0, 0 } }, 2, 2, 0,
	    0, RECONCILE_MISSING },
	{ "much in five seconds", { { 7200, 0, 7190, 0, 0 }, { 7200, 0, 7210, 0, 0 } }, 2,
	    0, 0, 0, RECONCILE_OK },
	{ "handed on and on", { { 10, 0, 9, 0, 0 }, { 10, 0, 10, 0, 0 },
	    { 10, 0, 11, 0, 0 } }, 3, 1, 0, 0, RECONCILE_MISSING },
	{ "one lost, not handed on", { { 10, 1, 9, 0, 0 }, { 10, 0, 10, 0, 0 } }, 2, 1, 0,
	    0, RECONCILE_MISSING },
	{ "not pulled", { { NOT, NOT, 10, 0, 0 } }, 1, 0, 0, 0, RECONCILE_UNKNOWN },
	{ "not pulled between", { { 10, 0, 9, 0, 0 }, { NOT, NOT, 10, 0, 0 },
	    { 10, 0, 11, 0, 0 } }, 3, 1, 0, 0, RECONCILE_UNKNOWN },
};

static void
judged_hours(void **state)
{
	struct reconcile_row	 rows[ROWS], sum;
	size_t			 i, k;

	(void)state;
	for (i = 0; i < COUNT(hour_cases); i++) {
		memset(rows, 0, sizeof(rows));
		for (k = 0; k < hour_cases[i].n; k++)
			rows[k] = (struct reconcile_row){
				.day = 20000, .hour = (int)k, .calls = hour_cases[i].hour[k].calls,
				.fails = hour_cases[i].hour[k].fails,
				.acknowledged = hour_cases[i].hour[k].acknowledged,
				.failed = hour_cases[i].hour[k].failed,
				.refused = hour_cases[i].hour[k].refused,
			};
		reconcile_judge(rows, hour_cases[i].n);
		reconcile_sum(&sum, rows, hour_cases[i].n);
		check_int(hour_cases[i].name, sum.missing, hour_cases[i].missing);
		check_int(hour_cases[i].name, sum.unclear, hour_cases[i].unclear);
		check_int(hour_cases[i].name, sum.unheard, hour_cases[i].unheard);
		check_int(hour_cases[i].name, sum.state, hour_cases[i].worst);
	}
}

/* Calls are carried only to the hour or day that follows at once. */
static void
neighbours(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 day[2];
		int		 hour[2];
		bool		 next;
	} cases[] = {
		{ "hours", { 5, 5 }, { 3, 4 }, true },
		{ "an hour between", { 5, 5 }, { 3, 5 }, false },
		{ "midnight", { 5, 6 }, { 23, 0 }, true },
		{ "a day between", { 5, 7 }, { 23, 0 }, false },
		{ "days", { 5, 6 }, { -1, -1 }, true },
		{ "days, one between", { 5, 7 }, { -1, -1 }, false },
		{ "a day, then hours", { 5, 6 }, { -1, 0 }, true },
		{ "hours, then a day", { 5, 6 }, { 23, -1 }, true },
	};
	struct reconcile_row	 rows[2];
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		rows[0] = (struct reconcile_row){ .day = cases[i].day[0], .hour = cases[i].hour[0],
		    .calls = 5, .acknowledged = 4 };
		rows[1] = (struct reconcile_row){ .day = cases[i].day[1], .hour = cases[i].hour[1],
		    .calls = 5, .acknowledged = 6 };
		reconcile_judge(rows, 2);
		check_int(cases[i].name, rows[0].missing, !cases[i].next);
		check_int(cases[i].name, rows[1].state, cases[i].next ? RECONCILE_OK :
		    RECONCILE_MORE);
	}
}

static void
counted_refusals(void **state)
{
	static const struct {
		enum error	 er;
		bool		 proved;
	} cases[] = {
		{ ERR_SIGNATURE, false }, { ERR_PARAM, false }, { ERR_XML, false },
		{ ERR_TOOBIG, false }, { ERR_LATE, false }, { ERR_STALE, true }, { ERR_AES, true },
		{ ERR_APPID, true }, { ERR_BASE64, true }, { ERR_BUFFER, true },
	};
	struct counter_numbers	 n;
	struct reconcile_row	 r;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&n, 0, sizeof(n));
		memset(&r, 0, sizeof(r));
		n.count[counters_refused(cases[i].er, true)] = 3;
		n.count[COUNTER_DELIVERED] = 10;
		n.count[COUNTER_QUEUED] = 2;
		n.count[COUNTER_REPEAT] = 1;
		n.count[COUNTER_UNSAFE] = 4;
		n.count[COUNTER_HANDSHAKE] = n.count[COUNTER_COLLECTED] = 100;
		n.bucket[COUNTER_WAITED][counters_bucket(4000)] = 6;
		n.bucket[COUNTER_WAITED][counters_bucket(8000)] = 7;
		reconcile_count(&r, &n);
		check_int(error_table[cases[i].er].name, r.acknowledged, 13);
		check_int(error_table[cases[i].er].name, r.failed, 4);
		check_int(error_table[cases[i].er].name, r.slow, 7);
		check_int(error_table[cases[i].er].name, r.proved, cases[i].proved ? 3 : 0);
		check_int(error_table[cases[i].er].name, r.refused, cases[i].proved ? 0 : 3);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(judged_hours), TEST(neighbours), TEST(counted_refusals),
	};

	return RUN("reconcile", tests);
}
