#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/log.h"
#include "state/counters.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "xmlmap.h"

enum {
	PATIENCE_MS = 30000,	/* longer than anything here takes */
	PROCESSES = 4,
	THREADS = 8,
	EACH = 20000,
	KILLS = 8,

	/* The layout of the files; see state/counters.h. */
	HOUR = 2432, SLOT = 24 * HOUR, TOTAL_HEAD = 65536, TOTAL_SLOT = 2688,
	VERSION_AT = 8, DAY_AT = 12, ROOM_AT = 16, SLOT_AT = 24, HOUR_AT = 28, USED_AT = 32
};

static const char	 today[] = "2026-11-22", today_file[] = "qtoa.tally-20261122";
static const char	 total_file[] = "qtoa.tally-total";

/* A configuration with accounts a0, a1, ... and its counters. */
struct place {
	struct conf	 conf;
	struct locks	*locks;
	struct counters	*counters;
	char		 path[300][24];
};

static struct place *
counters_place_new(const char *dir, size_t accounts)
{
	struct place	*p = calloc(1, sizeof(*p));
	size_t		 i;

	assert_non_null(p);
	assert_true(accounts <= COUNT(p->path));
	assert_non_null(p->conf.accounts = calloc(accounts + 1, sizeof(*p->conf.accounts)));
	p->conf.set.state_dir = dir;
	p->conf.n = accounts;
	for (i = 0; i < accounts; i++) {
		(void)snprintf(p->path[i], sizeof(p->path[i]), "a%zu", i);
		p->conf.accounts[i].path = p->conf.accounts[i].name = p->path[i];
	}
	assert_non_null(p->locks = lock_new(dir));
	assert_non_null(p->counters = counters_new(&p->conf, p->locks));
	return p;
}

static void
counters_place_free(struct place *p)
{
	counters_free(p->counters);
	lock_free(p->locks);
	free(p->conf.accounts);
	free(p);
}

/* ms since the epoch of a time in China; hour -1 and so on are of the day before. */
static int64_t
at(const char *day, int hour, int minute)
{
	int64_t	 number = -1;

	assert_true(calendar_parse_day(&number, slice_of(day)));
	return ((number * 24 + hour - 8) * 60 + minute) * 60000;
}

static int64_t
day(const char *text)
{
	return calendar_day_at(at(text, 12, 0) / 1000);
}

static void
request(struct place *p, int account, enum counter end, int64_t came_ms)
{
	counters_request(p->counters, &(struct counters_request){
		.account = account < 0 ? NULL : &p->conf.accounts[account], .end = end,
		.came_ms = came_ms, .ms = 7, .qt_ms = -1, .event = -1,
	});
}

/*
 * Asks what was counted for an account ("": without one; NULL: all) in an hour (-1: in all
 * hours).
 */
struct asking {
	const char		*account;
	int64_t			 day;		/* -1: any day */
	int			 hour;
	struct counter_numbers	 sum;
	int			 hours;		/* how many hours had a count */
};

static void
take_hour(void *ctx, const struct counter_hour *h)
{
	struct asking	*a = ctx;

	a->hours++;
	if ((a->account == NULL || slice_is(h->account, a->account) ||
	    (*a->account == '\0' && h->account.len == 0)) &&
	    (a->day == -1 || a->day == h->day) && (a->hour == -1 || a->hour == h->hour))
		counters_add(&a->sum, h->numbers);
}

static int64_t
counted(const char *dir, const char *account, int64_t which_day, int hour, enum counter end)
{
	struct asking	 a = { .account = account, .day = which_day, .hour = hour };

	if (counters_read(dir, 0, 1 << 20, take_hour, &a) != ERR_OK)
		return -1;
	return (int64_t)a.sum.count[end];
}

static int64_t
all_of(const char *dir, const char *account, enum counter end)
{
	return counted(dir, account, -1, -1, end);
}

/* Asks the same of the totals. */
struct asking_total {
	const char		*account;
	struct counter_total	 sum;
	uint64_t		 pushed_s;	/* the latest */
	int			 slots;		/* how many slots the account has */
};

static void
take_total(void *ctx, struct slice account, const struct counter_total *t)
{
	struct asking_total	*a = ctx;
	int			 i;

	if (a->account != NULL && !slice_is(account, a->account))
		return;
	a->slots++;
	counters_add(&a->sum.sum, &t->sum);
	if (t->sum.pushed_s > a->pushed_s)
		a->pushed_s = t->sum.pushed_s;
	for (i = 0; i < COUNTER_EVENTS; i++)
		a->sum.event[i] += t->event[i];
}

static int64_t
total_of(const char *dir, const char *account, enum counter end)
{
	struct asking_total	 a = { .account = account };

	if (counters_totals(dir, take_total, &a) != ERR_OK)
		return -1;
	return (int64_t)a.sum.sum.count[end];
}

/* True: the totals are the sums of the days, events left out. */
static bool
totals_agree(const char *dir, const char *account)
{
	struct asking		 a = { .account = account, .day = -1, .hour = -1 };
	struct asking_total	 t = { .account = account };

	return counters_read(dir, 0, 1 << 20, take_hour, &a) == ERR_OK &&
	    counters_totals(dir, take_total, &t) == ERR_OK &&
	    memcmp(&a.sum, &t.sum.sum, sizeof(a.sum)) == 0;
}

static void
remove_file(const char *dir, const char *name)
{
	char	 path[STATE_PATH];

	state_path(path, dir, name);
	OTHER_CHECK(unlink(path) == 0);
}

/*
 * Places in the file: their meaning never changes.
 */

static void
places(void **state)
{
	static const struct {
		const char	*name;
		int		 place, want;
	} cases[] = {
		{ "delivered", COUNTER_DELIVERED, 0 }, { "queued", COUNTER_QUEUED, 1 },
		{ "dead", COUNTER_DEAD, 2 }, { "repeat", COUNTER_REPEAT, 3 },
		{ "unsafe", COUNTER_UNSAFE, 4 }, { "handshake", COUNTER_HANDSHAKE, 5 },
		{ "collected", COUNTER_COLLECTED, 6 },
		{ "not collected", COUNTER_NOT_COLLECTED, 7 },
		{ "page", COUNTER_PAGE, 8 }, { "late delivered", COUNTER_LATE_DELIVERED, 9 },
		{ "late dead", COUNTER_LATE_DEAD, 10 }, { "late failed", COUNTER_LATE_FAILED, 11 },
		{ "token", COUNTER_TOKEN, 12 }, { "unsettled", COUNTER_UNSETTLED, 13 },
		{ "ignored", COUNTER_IGNORED, 14 },
		{ "peer unknown", COUNTER_PEER_UNKNOWN, 15 },
		{ "refused", COUNTER_REFUSED, 16 }, { "else", COUNTER_REFUSED_ELSE, 48 },
		{ "counts", COUNTER__MAX, 80 }, { "waited", COUNTER_WAITED, 0 },
		{ "at QT", COUNTER_QT, 1 }, { "times", COUNTER_TIMES, 2 },
		{ "buckets", COUNTER_BUCKETS, 110 },
	};
	static const struct {
		enum error	 er;
		int		 want;
	} reasons[] = {
		{ ERR_NOMEM, 1 }, { ERR_CONF, 2 }, { ERR_REQUEST, 3 }, { ERR_PATH, 4 },
		{ ERR_METHOD, 5 }, { ERR_TOOBIG, 6 }, { ERR_LATE, 7 }, { ERR_PARAM, 8 },
		{ ERR_SIGNATURE, 9 }, { ERR_STALE, 10 }, { ERR_XML, 11 }, { ERR_AESKEY, 12 },
		{ ERR_BASE64, 13 }, { ERR_AES, 14 }, { ERR_BUFFER, 15 }, { ERR_APPID, 16 },
		{ ERR_STORE, 18 }, { ERR_ADDRESS, 19 }, { ERR_BUSY, 20 },
		{ ERR_KEY, 21 }, { ERR_OFTEN, 22 }, { ERR_TOKEN, 23 }, { ERR_SERVED, 24 },
		{ ERR_REPLAY, 25 }, { ERR_HOST, 26 }, { ERR_LIBCURL, 27 },
		{ ERR_PEER, 28 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, cases[i].place, cases[i].want);
	for (i = 0; i < COUNT(reasons); i++) {
		check_int(error_table[reasons[i].er].name, counters_refused(reasons[i].er, true),
		    16 + reasons[i].want);
		check_int(error_table[reasons[i].er].name, counters_refused(reasons[i].er, false),
		    48 + reasons[i].want);
	}
}

/* Each error that refuses a request has a place of its own. */
static void
reasons_differ(void **state)
{
	bool	 taken[COUNTER__MAX] = { false };
	int	 er;

	(void)state;
	for (er = 0; er < ERR__MAX; er++) {
		enum counter	 place = counters_refused((enum error)er, true);

		/* These are verdicts. */
		if (er == ERR_OK || er == ERR_FORWARD || er == ERR_REFUSED ||
		    er == ERR_ANSWER)
			continue;
		CHECK(error_table[er].name, place > COUNTER_REFUSED &&
		    place < COUNTER_REFUSED_ELSE && !taken[place]);
		taken[place] = true;
	}
}

static void
event_places(void **state)
{
	static const char *const	 codes[] = {
		"-", "$$_menu_click", "$$_official_account_follow",
		"$$_official_account_unfollow", "$$_scan_open_official_account",
		"$$_send_localtion", "$$_send_msg_popup", "$$_click_msg_popup",
		"$$_manager_msg_popup", "$$_template_send_finish", "$$_mass_send_finish",
		"$$_publish_job_finish", "$$_receive_msg",
	};
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(codes); i++) {
		check_int(codes[i], counters_event(codes[i]), (int64_t)i);
		check_text(codes[i], counters_event_code((int)i), codes[i]);
	}
	for (; i < COUNTER_EVENTS; i++)
		CHECK("free", counters_event_code((int)i) == NULL);
	check_int("no row", counters_event(NULL), 0);
	check_int("unheard of", counters_event("$$_menu"), 0);
	CHECK("outside", counters_event_code(-1) == NULL &&
	    counters_event_code(COUNTER_EVENTS) == NULL);
}

/* Each event code that xmlmap.c may give has a place. */
static void
events_complete(void **state)
{
	struct buf	 b = { 0 };
	char		*p, *end;
	int		 found = 0;

	(void)state;
	assert_int_equal(buf_read_file(&b, "xmlmap.c", 1 << 20), 0);
	assert_int_equal(buf_putc(&b, '\0'), ERR_OK);
	for (p = b.p; (p = strstr(p, "\"$$_")) != NULL; p = end + 1, found++) {
		assert_non_null(end = strchr(++p, '"'));
		*end = '\0';
		CHECK(p, counters_event(p) > 0);
	}
	for (int i = 1; i < COUNTER_EVENTS && counters_event_code(i) != NULL; i++)
		found--;
	check_int("as many as there are", found, 0);
	check_text("what xmlmap gives", counters_event_code(counters_event(
	    xmlmap_code(slice_of("text"), slice_of("")))), "$$_receive_msg");
	buf_free(&b);
}

static void
buckets(void **state)
{
	int64_t	 ms;
	int	 i;

	(void)state;
	for (i = 0; i < COUNTER_BUCKETS; i++) {
		check_int("a bucket begins", counters_bucket(counters_bucket_ms(i)), i);
		check_int("and ends", counters_bucket(counters_bucket_ms(i + 1) - 1), i);
		CHECK("less than a tenth", i == 0 || counters_bucket_ms(i) >
		    (counters_bucket_ms(i + 1) - 1 - counters_bucket_ms(i)) * 10);
	}
	check_int("the last", counters_bucket_ms(COUNTER_BUCKETS), 10240);
	for (ms = 0; ms < 20; ms++)
		check_int("whole ms", counters_bucket_ms(counters_bucket(ms)), ms);
	check_int("longer", counters_bucket(INT64_MAX), COUNTER_BUCKETS - 1);
	check_int("a clock set back", counters_bucket(-5), 0);
}

/*
 * Counting.
 */

static void
kinds(void **state)
{
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 2);
	struct asking	 a = { .account = "a1", .day = -1, .hour = -1 };
	struct stat	 st;
	char		 file[STATE_PATH];
	int		 i;

	(void)state;
	for (i = 0; i < COUNTER__MAX; i++)
		request(p, 1, (enum counter)i, at(today, 9, 30));
	counters_request(p->counters, &(struct counters_request){
		.account = &p->conf.accounts[1], .end = COUNTER_QUEUED, .came_ms = at(today, 9, 59),
		.ms = 2502, .qt_ms = 2501 });
	counters_late(p->counters, &p->conf.accounts[1], COUNTER_LATE_DELIVERED, at(today, 10, 0));
	request(p, -1, counters_refused(ERR_PATH, false), at(today, 10, 0));

	check_err("read", counters_read(dir, day(today), day(today), take_hour, &a), ERR_OK);
	check_int("hours", a.hours, 3);
	for (i = 0; i < COUNTER__MAX; i++)
		check_int("count", (int64_t)a.sum.count[i],
		    1 + (i == COUNTER_QUEUED || i == COUNTER_LATE_DELIVERED));
	check_int("acknowledged", (int64_t)counters_acknowledged(&a.sum), 5);
	check_int("refused", (int64_t)counters_refusals(&a.sum), COUNTER_REASONS);
	check_int("received", (int64_t)counters_received(&a.sum), 5 + 1 + COUNTER_REASONS);
	/* Times are counted for pushes answered `success`, and for requests to QT. */
	check_int("waited", (int64_t)a.sum.sum_ms[COUNTER_WAITED], 4 * 7 + 2502);
	check_int("in its bucket", (int64_t)a.sum.bucket[COUNTER_WAITED][7], 4);
	check_int("in its bucket", (int64_t)a.sum.bucket[COUNTER_WAITED][counters_bucket(2502)], 1);
	check_int("at QT", (int64_t)a.sum.sum_ms[COUNTER_QT], 2501);
	check_int("hour", counted(dir, "a1", day(today), 9, COUNTER_QUEUED), 2);
	check_int("none's", counted(dir, "", -1, 10, counters_refused(ERR_PATH, false)), 1);
	check_int("nobody else's", all_of(dir, "a0", COUNTER_DELIVERED), 0);
	CHECK("in the totals, too", totals_agree(dir, "a1") && totals_agree(dir, ""));

	state_path(file, dir, today_file);
	CHECK("there", stat(file, &st) == 0 && (st.st_mode & 07777) == 0600);
	check_int("no larger than said", st.st_size, 4096 + 2 * SLOT);
	state_path(file, dir, total_file);
	CHECK("there", stat(file, &st) == 0 && (st.st_mode & 07777) == 0600);
	check_int("no larger than said", st.st_size, TOTAL_HEAD + 2 * TOTAL_SLOT);
	counters_place_free(p);
}

/* Acknowledged messages are counted by event code, whatever their verdict, but not repeats. */
static void
count_events(void **state)
{
	const char		*dir = state_new();
	struct place		*p = counters_place_new(dir, 2);
	struct asking_total	 a = { .account = "a1" };
	int			 end, event, want;

	(void)state;
	for (end = 0; end < COUNTER__MAX; end++)
		for (event = -1; event < COUNTER_EVENTS; event++)
			counters_request(p->counters, &(struct counters_request){
				.account = &p->conf.accounts[1], .end = (enum counter)end,
				.came_ms = at(today, 1, 0), .qt_ms = -1, .event = event });
	counters_request(p->counters, &(struct counters_request){ .account = &p->conf.accounts[1],
	    .end = COUNTER_QUEUED, .came_ms = at(today, 30, 0), .qt_ms = -1,
	    .event = counters_event("$$_menu_click") });
	counters_late(p->counters, &p->conf.accounts[1], COUNTER_LATE_DELIVERED, at(today, 31, 0));
	check_err("read", counters_totals(dir, take_total, &a), ERR_OK);
	check_int("one slot", a.slots, 1);
	for (event = 0; event < COUNTER_EVENTS; event++) {
		want = 3 + (event == 1);
		check_int("event", (int64_t)a.sum.event[event], want);
	}
	a = (struct asking_total){ .account = "a0" };
	check_err("read", counters_totals(dir, take_total, &a), ERR_OK);
	check_int("nobody else's", (int64_t)a.sum.event[1], 0);
	counters_place_free(p);
}

static int64_t
pushed_s(const char *dir, const char *account)
{
	struct asking_total	 a = { .account = account };

	check_err("read", counters_totals(dir, take_total, &a), ERR_OK);
	return (int64_t)a.pushed_s;
}

/* Only pushes that WeChat has signed have a time, and the latest one counts. */
static void
last_pushes(void **state)
{
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 2);
	const int64_t	 came_ms = at(today, 1, 0);
	int		 end;

	(void)state;
	for (end = COUNTER_UNSAFE + 1; end < COUNTER__MAX; end++)
		request(p, 0, (enum counter)end, came_ms);
	check_int("no push", pushed_s(dir, "a0"), 0);
	for (end = 0; end <= COUNTER_UNSAFE; end++) {
		request(p, 0, (enum counter)end, came_ms + (end + 1) * 1000 + 999);
		check_int("a push", pushed_s(dir, "a0"), came_ms / 1000 + end + 1);
	}
	request(p, 0, COUNTER_DELIVERED, came_ms);
	request(p, 0, COUNTER_DELIVERED, -1);
	check_int("an earlier one", pushed_s(dir, "a0"), came_ms / 1000 + COUNTER_UNSAFE + 1);
	check_int("the other account", pushed_s(dir, "a1"), 0);
	remove_file(dir, total_file);
	check_int("the days do not have it", pushed_s(dir, "a0"), 0);
	check_int("and agree", (int64_t)totals_agree(dir, "a0"), 1);
	counters_place_free(p);
}

static void
without_counters(void **state)
{
	(void)state;
	counters_request(NULL, &(struct counters_request){ .end = COUNTER_PAGE });
	counters_late(NULL, NULL, COUNTER_LATE_DEAD, 0);
	counters_housekeep(NULL, 0);
	counters_free(NULL);
	CHECK("nothing happens", true);
}

static void
china_time(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 ms;		/* since the epoch */
		const char	*day;
		int		 hour;
	} cases[] = {
		{ "last ms of a day", INT64_C(1795363199999), "2026-11-22", 23 },
		{ "first ms of the next", INT64_C(1795363200000), "2026-11-23", 0 },
		{ "last ms of an hour", INT64_C(1795366799999), "2026-11-23", 0 },
		{ "first ms of the next", INT64_C(1795366800000), "2026-11-23", 1 },
		{ "midnight in London", INT64_C(1795392000000), "2026-11-23", 8 },
		{ "leap day", INT64_C(1835366400000), "2028-02-29", 0 },
		{ "new year", INT64_C(1798732800000), "2027-01-01", 0 },
		{ "the first hours", 0, "1970-01-01", 8 },
	};
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 1);
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		int64_t	 number = -1;
		int64_t	 before;

		CHECK(cases[i].name, calendar_parse_day(&number, slice_of(cases[i].day)));
		before = counted(dir, "a0", number, cases[i].hour, COUNTER_REPEAT);
		for (k = 0; k <= i; k++)
			request(p, 0, COUNTER_REPEAT, cases[i].ms);
		check_int(cases[i].name, counted(dir, "a0", number, cases[i].hour, COUNTER_REPEAT),
		    before + (int64_t)i + 1);
	}
	counters_place_free(p);
}

/* Requests that came before midnight end after it: two days are counted by turns. */
static void
midnight(void **state)
{
	const char	*dir = state_new(), *log = state_log(dir);
	struct place	*p = counters_place_new(dir, 2);
	int		 i;

	(void)state;
	for (i = 0; i < 1000; i++)
		request(p, i % 2, COUNTER_DELIVERED, at(today, 24, i % 3 - 1));
	check_int("before", counted(dir, NULL, day(today), 23, COUNTER_DELIVERED), 334);
	check_int("after", counted(dir, NULL, day("2026-11-23"), 0, COUNTER_DELIVERED), 666);
	/* The clock jumps between five days. */
	for (i = 0; i < 100; i++)
		request(p, 0, COUNTER_DEAD, at(today, 24 * (i % 5), 0));
	check_int("all", all_of(dir, "a0", COUNTER_DEAD), 100);
	request(p, 0, COUNTER_DEAD, INT64_MAX);
	request(p, 0, COUNTER_DEAD, INT64_MIN + 1000);
	check_int("no such days", all_of(dir, "a0", COUNTER_DEAD), 100);
	request(p, 0, COUNTER_DEAD, at("1970-01-01", -1, 0));
	check_int("told", state_log_lines(log, "the clock is wrong"), 1);
	check_int("in all", total_of(dir, "a0", COUNTER_DEAD), 103);
	check_int("over midnight", total_of(dir, NULL, COUNTER_DELIVERED), 1000);
	log_close();
	counters_place_free(p);
}

static void
ranges(void **state)
{
	static const struct {
		const char	*name, *from, *to;
		int		 want;
	} cases[] = {
		{ "all", "2026-11-01", "2026-11-30", 21 },
		{ "one", "2026-11-22", "2026-11-22", 2 },
		{ "from", "2026-11-22", "2026-12-31", 20 },
		{ "to", "1970-01-01", "2026-11-22", 3 },
		{ "before", "1970-01-01", "2026-11-20", 0 },
		{ "after", "2026-11-25", "2026-11-30", 0 },
		{ "hole", "2026-11-23", "2026-11-23", 0 },
		{ "backwards", "2026-11-24", "2026-11-22", 0 },
		{ "for ever", "1970-01-01", "9999-12-31", 21 },
	};
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 1);
	size_t		 i;
	int		 k;

	(void)state;
	request(p, 0, COUNTER_DELIVERED, at("2026-11-21", 0, 0));
	for (k = 0; k < 2; k++)
		request(p, 0, COUNTER_DELIVERED, at("2026-11-22", 23, 59));
	for (k = 0; k < 18; k++)
		request(p, 0, COUNTER_DELIVERED, at("2026-11-24", 5, 0));
	state_write(dir, "qtoa.tally-20261399", "x", 1);	/* there is no such day */
	state_write(dir, "qtoa.tally-2026112", "x", 1);
	state_write(dir, "qtoa.tally-20261122x", "x", 1);
	for (i = 0; i < COUNT(cases); i++) {
		struct asking	 a = { .day = -1, .hour = -1 };
		int64_t		 from = -1, to = -1;

		CHECK(cases[i].name, calendar_parse_day(&from, slice_of(cases[i].from)) &&
		    calendar_parse_day(&to, slice_of(cases[i].to)));
		check_err(cases[i].name, counters_read(dir, from, to, take_hour, &a), ERR_OK);
		check_int(cases[i].name, (int64_t)a.sum.count[COUNTER_DELIVERED], cases[i].want);
	}
	counters_place_free(p);
}

static void
reading_nothing(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	struct asking	 a = { .day = -1, .hour = -1 };

	(void)state;
	state_path(path, dir, "none");
	check_err("no directory", counters_read(path, 0, 99999, take_hour, &a), ERR_OK);
	check_err("no files", counters_read(dir, 0, 99999, take_hour, &a), ERR_OK);
	check_int("nothing", a.hours, 0);
	state_write(dir, "plain", "", 0);
	state_path(path, dir, "plain");
	check_err("no directory at all", counters_read(path, 0, 99999, take_hour, &a), ERR_STORE);
	state_path(path, dir, today_file);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("no file", counters_read(dir, 0, 99999, take_hour, &a), ERR_STORE);
	(void)rmdir(path);
}

/*
 * Slots.
 */

static void
overflow(void **state)
{
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 2), *many = counters_place_new(dir, 300);
	int64_t		 named = 0;
	int		 i;

	(void)state;
	/* A file for one account has room for two. */
	request(p, 0, COUNTER_DELIVERED, at(today, 1, 0));
	for (i = 0; i < 300; i++) {
		request(many, i, COUNTER_DELIVERED, at(today, 2, 0));
		request(many, i, COUNTER_DELIVERED, at(today, 3, 0));
	}
	request(p, 1, COUNTER_DELIVERED, at(today, 4, 0));
	for (i = 0; i < 300; i++)
		named += all_of(dir, many->path[i], COUNTER_DELIVERED) != 0;
	check_int("as many have one", named, 62);
	check_int("the first", all_of(dir, "a0", COUNTER_DELIVERED), 3);
	check_int("claimed by the other", all_of(dir, "a1", COUNTER_DELIVERED), 3);
	check_int("the rest", all_of(dir, "", COUNTER_DELIVERED), 2 * (300 - 62));
	check_int("none is lost", all_of(dir, NULL, COUNTER_DELIVERED), 602);

	/* The file of another day has room for all accounts. */
	for (i = 0; i < 300; i++)
		request(many, i, COUNTER_DEAD, at(today, 24, 0));
	check_int("none is nobody's", all_of(dir, "", COUNTER_DEAD), 0);
	check_int("all", all_of(dir, NULL, COUNTER_DEAD), 300);

	/* The totals have room for many more. */
	for (i = 0; i < 300; i++)
		named += total_of(dir, many->path[i], COUNTER_DELIVERED) == 2 + (i < 2);
	check_int("each in its own", named - 62, 300);
	check_int("none is nobody's", total_of(dir, "", COUNTER_DELIVERED), 0);
	counters_place_free(many);
	counters_place_free(p);
}

/* The longest path there may be, and a shorter path that it begins with. */
static void
long_names(void **state)
{
	char		 name[2][65];
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 2);
	int		 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		memset(name[i], 'x', 64 - (size_t)i);
		name[i][64 - i] = '\0';
		p->conf.accounts[i].path = name[i];
	}
	for (i = 0; i < 3; i++)
		request(p, i != 0, COUNTER_DELIVERED, at(today, 1, 0));
	check_int("long", all_of(dir, name[0], COUNTER_DELIVERED), 1);
	check_int("shorter", all_of(dir, name[1], COUNTER_DELIVERED), 2);
	check_int("in all", total_of(dir, name[0], COUNTER_DELIVERED), 1);
	remove_file(dir, total_file);
	check_int("out of the days", total_of(dir, name[0], COUNTER_DELIVERED), 1);
	check_int("shorter", total_of(dir, name[1], COUNTER_DELIVERED), 2);
	counters_place_free(p);
}

/*
 * Several at once.  Who waits for another that makes a file counts nothing after two seconds; the
 * disk or a busy machine may keep that one for longer.  Their clock stands: all have patience.
 */

static int
patient(void **state)
{
	atomic_store(&clocks->mono_ms, clock_mono_ms());
	return unit_begin(state);
}

static int
patient_no_more(void **state)
{
	atomic_store(&clocks->mono_ms, 0);
	return unit_end(state);
}

#define PATIENT(f)	cmocka_unit_test_setup_teardown(f, patient, patient_no_more)

struct crew {
	struct place	*place;
	pthread_t	 thread;
	unsigned	 number;
};

/* Counts in each hour, way to end and account; no count may be missing. */
static void *
count_much(void *arg)
{
	struct crew	*c = arg;
	unsigned	 i;

	for (i = 0; i < EACH; i++) {
		counters_request(c->place->counters, &(struct counters_request){
			.account = i % 4 == 3 ? NULL : &c->place->conf.accounts[i % 4],
			.end = i % 2 == 0 ? COUNTER_DELIVERED : COUNTER_REFUSED,
			.came_ms = at(today, (int)(i / 1000), 0) +
			    (i / 4 % 2 == 0 ? 0 : INT64_C(86400000)),
			.ms = i % 5000, .qt_ms = c->number == 0 ? 3 : -1,
			.event = (int)(i % COUNTER_EVENTS),
		});
		if (c->number == 1 && i % 4096 == 0)
			counters_housekeep(c->place->counters, at(today, 12, 0));
	}
	return NULL;
}

static void
crew_there(struct other *me, void *arg)
{
	struct place	*p = counters_place_new(arg, 3);
	struct crew	 c[THREADS];
	unsigned	 i;

	other_say(me);
	(void)other_hear(me);
	for (i = 0; i < THREADS; i++) {
		c[i] = (struct crew){ .place = p, .number = i };
		OTHER_CHECK(pthread_create(&c[i].thread, NULL, count_much, &c[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		OTHER_CHECK(pthread_join(c[i].thread, NULL) == 0);
	counters_place_free(p);
}

static void
count_all_at_once(void **state)
{
	const int64_t		 whole = (int64_t)PROCESSES * THREADS * EACH;
	const char		*dir = state_new();
	struct asking		 a = { .day = -1, .hour = -1 };
	struct asking_total	 t = { .account = NULL };
	struct other		 o[PROCESSES];
	int64_t			 timed = 0, spent = 0;
	int			 i;

	(void)state;
	for (i = 0; i < PROCESSES; i++)
		other_begin(&o[i], crew_there, (void *)(uintptr_t)dir);
	for (i = 0; i < PROCESSES; i++)
		(void)other_hear(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		other_say(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		check_int("the others", other_end(&o[i]), 0);
	check_err("read", counters_read(dir, day(today), day("2026-11-23"), take_hour, &a), ERR_OK);
	check_int("delivered", (int64_t)a.sum.count[COUNTER_DELIVERED], whole / 2);
	check_int("refused", (int64_t)a.sum.count[COUNTER_REFUSED], whole / 2);
	for (i = 0; i < COUNTER_BUCKETS; i++)
		timed += (int64_t)a.sum.bucket[COUNTER_WAITED][i];
	for (i = 0; i < EACH; i += 2)
		spent += i % 5000;
	check_int("timed", timed, whole / 2);
	check_int("ms", (int64_t)a.sum.sum_ms[COUNTER_WAITED], spent * PROCESSES * THREADS);
	check_int("QT", (int64_t)a.sum.bucket[COUNTER_QT][3], PROCESSES * EACH);
	check_int("none's", all_of(dir, "", COUNTER_REFUSED), whole / 4);
	for (i = 0; i < 3; i++) {
		char	 path[24];

		(void)snprintf(path, sizeof(path), "a%d", i);
		check_int(path, all_of(dir, path, i == 1 ? COUNTER_REFUSED : COUNTER_DELIVERED),
		    whole / 4);
	}
	check_int("each hour", counted(dir, "a0", day(today), 5, COUNTER_DELIVERED),
	    PROCESSES * THREADS * 125);
	check_int("one file a day, and one", state_count(dir, "qtoa.tally-", NULL), 3);
	CHECK("in all", totals_agree(dir, NULL) && totals_agree(dir, "a2") &&
	    totals_agree(dir, ""));
	check_err("read", counters_totals(dir, take_total, &t), ERR_OK);
	for (i = 0; i < COUNTER_EVENTS; i++)
		check_int("events", (int64_t)t.sum.event[i],
		    i % 2 == 0 ? whole / COUNTER_EVENTS : 0);
}

/* Many processes make the file at once, each with its own account. */
static void
first_there(struct other *me, void *arg)
{
	struct place	*p = counters_place_new(arg, 50);
	int		 i;

	other_say(me);
	(void)other_hear(me);
	for (i = 0; i < 50; i++)
		request(p, (i * 7 + (int)getpid()) % 50, COUNTER_DELIVERED, at(today, 3, 0));
	counters_place_free(p);
}

static void
making_at_once(void **state)
{
	struct other	 o[PROCESSES];
	const char	*dir;
	char		 path[24];
	int		 round, i, bad = 0;

	(void)state;
	for (round = 0; round < 5; round++) {
		dir = state_new();
		for (i = 0; i < PROCESSES; i++)
			other_begin(&o[i], first_there, (void *)(uintptr_t)dir);
		for (i = 0; i < PROCESSES; i++)
			(void)other_hear(&o[i]);
		for (i = 0; i < PROCESSES; i++)
			other_say(&o[i]);
		for (i = 0; i < PROCESSES; i++)
			check_int("the others", other_end(&o[i]), 0);
		for (i = 0; i < 50; i++) {
			(void)snprintf(path, sizeof(path), "a%d", i);
			bad += all_of(dir, path, COUNTER_DELIVERED) != PROCESSES;
			bad += total_of(dir, path, COUNTER_DELIVERED) != PROCESSES;
		}
		check_int("all, each in one place", bad, 0);
		check_int("nothing was set aside", state_count(dir, "qtoa.tally-", NULL), 2);
	}
}

/* A process that counts, and says how many it has counted, until it is killed. */
struct dying {
	const char		*dir;
	_Atomic uint64_t	*said;
};

static void
count_until_killed(struct other *me, void *arg)
{
	struct dying	*d = arg;
	struct place	*p;
	int		 i;

	/* It opens the files again and again, so that a kill may come while it makes one. */
	for (i = 0;; i++) {
		p = counters_place_new(d->dir, 60);
		request(p, i % 60, COUNTER_DELIVERED, at(today, i % 48, 0));
		atomic_fetch_add(d->said, 1);
		if (i == 20)
			other_say(me);
		counters_place_free(p);
	}
}

static void
death_of_counters(void **state)
{
	const char	*dir = state_new();
	struct dying	 d = { .dir = dir };
	struct other	 o[2];
	char		 path[STATE_PATH];
	int		 i, k, fd;
	int64_t		 found, said;

	(void)state;
	state_path(path, dir, "said");
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd != -1 && ftruncate(fd, sizeof(*d.said)) == 0);
	d.said = mmap(NULL, sizeof(*d.said), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(d.said != MAP_FAILED);
	(void)close(fd);
	for (i = 0; i < KILLS; i++) {
		for (k = 0; k < 2; k++)
			other_begin(&o[k], count_until_killed, &d);
		for (k = 0; k < 2; k++)
			(void)other_hear(&o[k]);
		for (k = 0; k < 2; k++)
			other_kill(&o[k]);
		/* A process may be killed after it has counted, before it has said so. */
		found = all_of(dir, NULL, COUNTER_DELIVERED);
		said = (int64_t)atomic_load(d.said);
		CHECK("nothing is lost", found >= said);
		CHECK("nothing is made up", found <= said + 2 * (i + 1));
		found = total_of(dir, NULL, COUNTER_DELIVERED);
		CHECK("nothing is lost in all", found >= said);
		CHECK("nothing is made up in all", found <= said + 2 * (i + 1));
	}
	check_int("nothing was set aside", state_count(dir, "qtoa.tally-", NULL), 3);
	(void)munmap(d.said, sizeof(*d.said));
}

/*
 * Files that are there already.
 */

/* A file with one request in it, which is altered before it is opened. */
struct shape {
	const char	*file;
	off_t		 head, slot;
};

static const struct shape	day_shape = { today_file, 4096, SLOT };
static const struct shape	total_shape = { total_file, TOTAL_HEAD, TOTAL_SLOT };

struct altered {
	const char		*dir;
	const struct shape	*shape;
};

static void
write_at(const struct altered *f, off_t at_byte, const void *p, size_t len)
{
	char	 path[STATE_PATH];
	int	 fd;

	state_path(path, f->dir, f->shape->file);
	fd = open(path, O_WRONLY);
	OTHER_CHECK(fd != -1 && pwrite(fd, p, len, at_byte) == (ssize_t)len);
	(void)close(fd);
}

static void
cut(const struct altered *f, off_t len)
{
	char	 path[STATE_PATH];

	state_path(path, f->dir, f->shape->file);
	OTHER_CHECK(truncate(path, len) == 0);
}

static void
put_u32(const struct altered *f, off_t at_byte, uint32_t v)
{
	write_at(f, at_byte, &v, sizeof(v));
}

static off_t
whole(const struct altered *f)
{
	return f->shape->head + 2 * f->shape->slot;
}

static void
make_text(const struct altered *f)
{
	state_write(f->dir, f->shape->file, "not at all one", 14);
}

static void make_empty(const struct altered *f)	{ cut(f, 0); }
static void make_short(const struct altered *f)	{ cut(f, 20); }
static void make_blank(const struct altered *f)	{ cut(f, 0); cut(f, whole(f)); }
static void make_cut(const struct altered *f)	{ cut(f, f->shape->head + f->shape->slot / 2); }
static void make_old(const struct altered *f)	{ put_u32(f, VERSION_AT, 0); }
static void make_later(const struct altered *f)	{ put_u32(f, VERSION_AT, 2); }
static void make_day(const struct altered *f)	{ put_u32(f, DAY_AT, 1); }
static void make_room(const struct altered *f)	{ put_u32(f, ROOM_AT, 0xFFFFFFFF); }
static void make_slot(const struct altered *f)	{ put_u32(f, SLOT_AT, 64); }
static void make_hour(const struct altered *f)	{ put_u32(f, HOUR_AT, 64); }
static void make_used(const struct altered *f)	{ write_at(f, USED_AT, "\0\0\0\0\0\0\0\x10", 8); }
static void make_unused(const struct altered *f) { write_at(f, USED_AT, "\0\0\0\0\0\0\0\0", 8); }

/* A power cut has left numbers, but no magic. */
static void
make_no_magic(const struct altered *f)
{
	write_at(f, 0, "\0\0\0\0\0\0\0", 8);
	write_at(f, f->shape->head, "\1", 1);
}

/* A power cut has left numbers in a slot that is not in use. */
static void
make_unnamed(const struct altered *f)
{
	static const char	 garbage[] = "garbage";

	write_at(f, USED_AT, "\1\0\0\0\0\0\0\0", 8);
	write_at(f, whole(f) - f->shape->slot + 16, garbage, sizeof(garbage));
}

/* A copy of the file has holes where nothing was counted. */
static void
make_sparse(const struct altered *f)
{
	char	 path[STATE_PATH], bytes[TOTAL_HEAD];
	size_t	 len = (size_t)f->shape->head;
	int	 fd;

	state_path(path, f->dir, f->shape->file);
	fd = open(path, O_RDONLY);
	OTHER_CHECK(fd != -1 && read(fd, bytes, len) == (ssize_t)len);
	(void)close(fd);
	remove_file(f->dir, f->shape->file);
	state_write(f->dir, f->shape->file, bytes, len);
	cut(f, whole(f));
}

/* Counts are -1 if the file cannot be read at all. */
static const struct met {
	const char	*name;
	void		 (*alter)(const struct altered *f);
	int		 before;	/* of one request, what is read before it is used again */
	int		 after;		/* what is read after one more request */
	int		 files, aside;
	int		 total_before, total_after;	/* the same of the totals */
} mets[] = {
	{ "text",		make_text,	0, 1, 2, 1,	1, 2 },
	{ "empty",		make_empty,	0, 1, 1, 0,	1, 2 },
	{ "short",		make_short,	0, 1, 2, 1,	1, 2 },
	{ "killed before it was begun", make_blank, 0, 1, 1, 0,	1, 2 },
	{ "no magic",		make_no_magic,	0, 1, 1, 0,	1, 2 },
	{ "cut short",		make_cut,	0, 1, 1, 0,	0, 1 },
	{ "older",		make_old,	0, 1, 2, 1,	1, 2 },
	{ "later",		make_later,	0, 0, 1, 0,	-1, -1 },
	{ "of another day",	make_day,	0, 1, 2, 1,	1, 2 },
	{ "too much room",	make_room,	0, 1, 2, 1,	1, 2 },
	{ "smaller slots",	make_slot,	0, 1, 2, 1,	1, 2 },
	{ "smaller hours",	make_hour,	0, 1, 2, 1,	1, 2 },
	{ "too many slots",	make_used,	0, 1, 2, 1,	1, 2 },
	{ "no slot",		make_unused,	0, 1, 2, 1,	1, 2 },
	{ "numbers without a name", make_unnamed, 0, 1, 1, 0,	0, 1 },
	{ "holes",		make_sparse,	0, 1, 1, 0,	0, 1 },
};

struct meeting {
	const char		*dir;
	const struct met	*met;
};

static bool
is_reserved(const struct altered *f)
{
	char		 path[STATE_PATH];
	struct stat	 st;

	state_path(path, f->dir, f->shape->file);
	return stat(path, &st) == 0 && st.st_size >= f->shape->head + f->shape->slot &&
	    (off_t)st.st_blocks * 512 >= st.st_size;
}

/* Counts one request, alters the file, counts ten of another kind and one more. */
static void
alter_between(const struct meeting *m, const struct altered *f)
{
	struct place	*p = counters_place_new(m->dir, 1);
	int		 i;

	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	counters_place_free(p);
	m->met->alter(f);
	if (f->shape == &day_shape)
		OTHER_CHECK(all_of(m->dir, "a0", COUNTER_DELIVERED) == m->met->before);
	else
		OTHER_CHECK(total_of(m->dir, "a0", COUNTER_DELIVERED) == m->met->total_before);
	p = counters_place_new(m->dir, 1);
	for (i = 0; i < 10; i++)
		request(p, 0, COUNTER_DEAD, at(today, 5, 0));
	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	counters_place_free(p);
}

static void
meet_there(struct other *me, void *arg)
{
	const struct meeting	*m = arg;
	const struct altered	 f = { m->dir, &day_shape };
	const char		*log = state_log(m->dir);

	(void)me;
	alter_between(m, &f);
	OTHER_CHECK(all_of(m->dir, NULL, COUNTER_DELIVERED) == m->met->after);
	OTHER_CHECK(all_of(m->dir, "a0", COUNTER_DEAD) == 10 * m->met->after);
	OTHER_CHECK(total_of(m->dir, "a0", COUNTER_DELIVERED) == 2);
	OTHER_CHECK(total_of(m->dir, "a0", COUNTER_DEAD) == 10);
	OTHER_CHECK(state_count(m->dir, today_file, NULL) == m->met->files);
	OTHER_CHECK(state_log_lines(log, "set aside") == m->met->aside);
	OTHER_CHECK(state_log_lines(log, "what=tally") ==
	    (m->met->after == 0 || m->met->aside != 0));
	OTHER_CHECK(m->met->after == 0 || is_reserved(&f));
}

/* New totals begin with the sums of the days. */
static void
meet_total_there(struct other *me, void *arg)
{
	const struct meeting	*m = arg;
	const struct altered	 f = { m->dir, &total_shape };
	const char		*log = state_log(m->dir);
	const int		 after = m->met->total_after;

	(void)me;
	alter_between(m, &f);
	OTHER_CHECK(all_of(m->dir, "a0", COUNTER_DELIVERED) == 2);
	OTHER_CHECK(all_of(m->dir, "a0", COUNTER_DEAD) == 10);
	OTHER_CHECK(total_of(m->dir, NULL, COUNTER_DELIVERED) == after);
	OTHER_CHECK(total_of(m->dir, "a0", COUNTER_DEAD) == (after == -1 ? -1 : 10));
	OTHER_CHECK(state_count(m->dir, total_file, NULL) == m->met->files);
	OTHER_CHECK(state_log_lines(log, "set aside") == m->met->aside);
	OTHER_CHECK(state_log_lines(log, "what=tally") == (after == -1 || m->met->aside != 0));
	OTHER_CHECK(after == -1 || is_reserved(&f));
}

static void
met_before(void **state)
{
	struct meeting	 m[2 * COUNT(mets)];
	struct other	 o[2 * COUNT(mets)];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(o); i++) {
		m[i] = (struct meeting){ state_new(), &mets[i / 2] };
		other_begin(&o[i], i % 2 == 0 ? meet_there : meet_total_there, &m[i]);
	}
	for (i = 0; i < COUNT(o); i++)
		check_int(mets[i / 2].name, other_end(&o[i]), 0);
}

/*
 * Faults.
 */

/* Counts requests until one is counted in the day and in the totals. */
static bool
count_again(struct place *p, const char *dir)
{
	const int64_t	 until_ms = clock_mono_ms() + PATIENCE_MS;
	const int64_t	 by_day = all_of(dir, NULL, COUNTER_DELIVERED);
	char		 path[STATE_PATH];
	struct stat	 st;

	state_path(path, dir, total_file);
	do
		request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	while ((all_of(dir, NULL, COUNTER_DELIVERED) == by_day || stat(path, &st) == -1 ||
	    st.st_size < TOTAL_HEAD) && clock_mono_ms() < until_ms);
	return clock_mono_ms() < until_ms;
}

/* The totals may have more: their file may be made before that of the day. */
static bool
has_all(const char *dir)
{
	return total_of(dir, NULL, COUNTER_DELIVERED) >= all_of(dir, NULL, COUNTER_DELIVERED);
}

/* A limit on the size of files is like a full disk. */
static void
full_disk_there(struct other *me, void *arg)
{
	const char	*dir = arg, *log = state_log(dir);
	struct place	*p = counters_place_new(dir, 2);
	int		 i;

	(void)me;
	(void)signal(SIGXFSZ, SIG_IGN);
	state_limit_files(10000);
	for (i = 0; i < 1000; i++)
		request(p, i % 2, COUNTER_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(all_of(dir, NULL, COUNTER_DELIVERED) == 0);
	OTHER_CHECK(total_of(dir, NULL, COUNTER_DELIVERED) == 0);
	OTHER_CHECK(state_log_lines(log, "what=tally") == 2);	/* the day, the totals */
	OTHER_CHECK(state_log_lines(log, "File too large") == 2);
	state_limit_files(RLIM_INFINITY);
	OTHER_CHECK(count_again(p, dir));
	OTHER_CHECK(state_log_lines(log, "what=tally") == 4);
	OTHER_CHECK(state_log_lines(log, "counted again") == 2);
	OTHER_CHECK(has_all(dir));

	/* An account with a slot is counted; one without is not. */
	state_limit_files(10000);
	for (i = 0; i < 1000; i++)
		request(p, i % 2, COUNTER_REPEAT, at(today, 6, 0));
	OTHER_CHECK(all_of(dir, "a0", COUNTER_REPEAT) == 500);
	OTHER_CHECK(all_of(dir, NULL, COUNTER_REPEAT) == 500);
	OTHER_CHECK(total_of(dir, NULL, COUNTER_REPEAT) == 500);
	OTHER_CHECK(state_log_lines(log, "what=tally") == 6);
	state_limit_files(RLIM_INFINITY);
	counters_place_free(p);
}

/* There is room for the totals but not for the day, then for the day but not for the totals. */
static void
half_full_there(struct other *me, void *arg)
{
	const char	*dir = arg, *log = state_log(dir);
	struct place	*p = counters_place_new(dir, 1);
	char		 path[STATE_PATH];

	(void)me;
	(void)signal(SIGXFSZ, SIG_IGN);
	state_limit_files(TOTAL_HEAD + 2 * TOTAL_SLOT);
	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(all_of(dir, NULL, COUNTER_DELIVERED) == 0);
	OTHER_CHECK(total_of(dir, "a0", COUNTER_DELIVERED) == 1);
	OTHER_CHECK(state_log_lines(log, "what=tally") == 1);
	state_limit_files(RLIM_INFINITY);
	OTHER_CHECK(count_again(p, dir));
	counters_place_free(p);

	remove_file(dir, total_file);
	state_path(path, dir, total_file);
	OTHER_CHECK(mkdir(path, 0700) == 0);
	p = counters_place_new(dir, 1);
	request(p, 0, COUNTER_QUEUED, at(today, 5, 0));
	OTHER_CHECK(all_of(dir, "a0", COUNTER_QUEUED) == 1);
	OTHER_CHECK(total_of(dir, "a0", COUNTER_QUEUED) == -1);
	OTHER_CHECK(state_log_lines(log, "not counted for /-/metrics") == 1);
	OTHER_CHECK(rmdir(path) == 0);
	OTHER_CHECK(total_of(dir, "a0", COUNTER_QUEUED) == 1);	/* from the days */
	counters_place_free(p);
	p = counters_place_new(dir, 1);
	request(p, 0, COUNTER_QUEUED, at(today, 5, 0));
	OTHER_CHECK(total_of(dir, "a0", COUNTER_QUEUED) == 2);
	counters_place_free(p);
}

static void
count_read_only(struct other *me, void *arg)
{
	const char	*dir = arg, *log;
	struct place	*p;
	int		 i;

	(void)me;
	state_drop_root();
	log = state_log(dir);
	OTHER_CHECK(chmod(dir, 0500) == 0);
	p = counters_place_new(dir, 1);
	for (i = 0; i < 1000; i++)
		request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	counters_housekeep(p->counters, at(today, 5, 0));
	OTHER_CHECK(state_log_lines(log, "what=tally") == 2);
	OTHER_CHECK(chmod(dir, 0700) == 0);
	OTHER_CHECK(count_again(p, dir));
	OTHER_CHECK(state_log_lines(log, "counted again") == 2);
	OTHER_CHECK(has_all(dir));
	counters_place_free(p);
}

static void
directory_there(struct other *me, void *arg)
{
	const char	*parent = arg, *log = state_log(parent);
	struct place	*p;
	struct stat	 st;
	char		 dir[STATE_PATH];

	(void)me;
	state_path(dir, parent, "new");
	p = counters_place_new(dir, 1);
	OTHER_CHECK(stat(dir, &st) == -1);
	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	OTHER_CHECK(all_of(dir, "a0", COUNTER_DELIVERED) == 1);
	counters_place_free(p);
	OTHER_CHECK(state_log_lines(log, "what=tally") == 0);
}

/* Somebody holds the lock for making the file, and does not go on. */
static void
count_while_locked(struct other *me, void *arg)
{
	const char	*dir = arg, *log = state_log(dir);
	struct place	*p = counters_place_new(dir, 1);
	struct lock	 c;
	unsigned char	 key[LOCK_KEY];
	char		 path[STATE_PATH];
	int64_t		 begun_ms;
	int		 i;

	(void)me;
	state_path(path, dir, today_file);
	lock_name(key, "tally", path);
	OTHER_CHECK(lock_take(p->locks, &c, key, 0) == LOCK_MINE);
	begun_ms = clock_mono_ms();
	for (i = 0; i < 1000; i++)
		request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(clock_mono_ms() - begun_ms < PATIENCE_MS);
	OTHER_CHECK(state_log_lines(log, "what=tally") == 1);
	lock_release(p->locks, &c, false);
	OTHER_CHECK(count_again(p, dir));
	counters_place_free(p);
}

static void
counter_faults(void **state)
{
	static const struct {
		const char	*name;
		void		 (*fn)(struct other *me, void *dir);
	} cases[] = {
		{ "read-only directory", count_read_only }, { "full disk", full_disk_there },
		{ "half full", half_full_there },
		{ "directory", directory_there }, { "held up", count_while_locked },
	};
	struct other	 o[COUNT(cases)];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		other_begin(&o[i], cases[i].fn, (void *)(uintptr_t)state_new());
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, other_end(&o[i]), 0);
}

/*
 * Housekeeping.
 */

static void
gone(void **state)
{
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 1);
	char		 path[STATE_PATH];

	(void)state;
	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	counters_housekeep(p->counters, at(today, 5, 0));
	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	check_int("as it was", all_of(dir, "a0", COUNTER_DELIVERED), 2);
	state_path(path, dir, today_file);
	assert_int_equal(unlink(path), 0);
	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	counters_housekeep(p->counters, at(today, 5, 0));
	request(p, 0, COUNTER_DELIVERED, at(today, 5, 0));
	check_int("in a new one", all_of(dir, "a0", COUNTER_DELIVERED), 1);
	check_int("not in all", total_of(dir, "a0", COUNTER_DELIVERED), 4);

	remove_file(dir, total_file);
	request(p, 0, COUNTER_DEAD, at(today, 5, 0));
	counters_housekeep(p->counters, at(today, 5, 0));
	request(p, 0, COUNTER_DEAD, at(today, 5, 0));
	check_int("there again", state_count(dir, total_file, NULL), 1);
	check_int("new totals", total_of(dir, "a0", COUNTER_DEAD), 2);
	check_int("are what the days have", total_of(dir, "a0", COUNTER_DELIVERED), 1);
	counters_place_free(p);
}

/*
 * Totals that are new, or were lost, begin with the days: each count once, those of removed
 * accounts too.
 */
static void
begun_with_days(void **state)
{
	const char		*dir = state_new();
	struct place		*old = counters_place_new(dir, 5), *p;
	struct asking_total	 a = { .account = "" };
	int			 i, round;

	(void)state;
	for (i = 0; i < 1000; i++)
		counters_request(old->counters, &(struct counters_request){
			.account = i % 6 == 5 ? NULL : &old->conf.accounts[i % 6],
			.end = i % 3 == 0 ? COUNTER_DELIVERED : COUNTER_DEAD,
			.came_ms = at("2026-10-01", i % 300, 0), .ms = i, .qt_ms = i / 2 });
	counters_place_free(old);
	state_write(dir, "qtoa.tally-20261002", "garbage", 7);	/* it cannot be read */
	for (round = 0; round < 2; round++) {
		remove_file(dir, total_file);
		check_err("as they will begin", counters_totals(dir, take_total, &a), ERR_OK);
		check_int("none's is one", a.slots, 1 + round);
		for (i = 0; i < 2; i++) {
			p = counters_place_new(dir, 1);
			request(p, 0, COUNTER_QUEUED, at(today, 5, 0));
			CHECK("all of it", totals_agree(dir, NULL) && totals_agree(dir, "a4") &&
			    totals_agree(dir, "a0") && totals_agree(dir, ""));
			check_int("and no more", total_of(dir, "a0", COUNTER_QUEUED),
			    1 + i + 2 * round);
			counters_place_free(p);
		}
	}
	check_int("whose is no more", total_of(dir, "a1", COUNTER_DEAD),
	    all_of(dir, "a1", COUNTER_DEAD));
	CHECK("which is some", total_of(dir, "a1", COUNTER_DEAD) > 0);
}

/* Many processes make the totals at once: no count is doubled, no count is missed. */
static void
begun_at_once(void **state)
{
	struct other	 o[PROCESSES];
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 50);
	int		 i, round;

	(void)state;
	for (i = 0; i < 500; i++)
		request(p, i % 50, COUNTER_DELIVERED, at("2026-10-01", i, 0));
	counters_place_free(p);
	for (round = 0; round < 3; round++) {
		remove_file(dir, total_file);
		for (i = 0; i < PROCESSES; i++)
			other_begin(&o[i], first_there, (void *)(uintptr_t)dir);
		for (i = 0; i < PROCESSES; i++)
			(void)other_hear(&o[i]);
		for (i = 0; i < PROCESSES; i++)
			other_say(&o[i]);
		for (i = 0; i < PROCESSES; i++)
			check_int("the others", other_end(&o[i]), 0);
		check_int("days", all_of(dir, NULL, COUNTER_DELIVERED),
		    500 + (round + 1) * PROCESSES * 50);
		CHECK("in all", totals_agree(dir, NULL) && totals_agree(dir, "a7"));
	}
}

static void
totals_of_nothing(void **state)
{
	const char		*dir = state_new();
	struct asking_total	 a = { .account = NULL };
	char			 path[STATE_PATH];

	(void)state;
	state_path(path, dir, "none");
	check_err("no directory", counters_totals(path, take_total, &a), ERR_OK);
	check_err("no files", counters_totals(dir, take_total, &a), ERR_OK);
	check_int("nothing", total_of(dir, NULL, COUNTER_DELIVERED), 0);
	check_int("none's", a.slots, 2);
	state_path(path, dir, total_file);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("no file", counters_totals(dir, take_total, &a), ERR_STORE);
	(void)rmdir(path);
	state_path(path, dir, today_file);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("a day that is no file", counters_totals(dir, take_total, &a), ERR_OK);
	(void)rmdir(path);
}

/* Writes a day with one message of each of so many accounts, the first without an account. */
static void
write_crowded_day(const char *dir, uint32_t accounts)
{
	const struct altered	 f = { dir, &day_shape };
	const uint64_t		 used = accounts, one = 1;
	const uint32_t		 fields[] = { 1, (uint32_t)day(today), accounts,
				    64 * (accounts + 1), SLOT, HOUR };
	char			*head = calloc(accounts + 1, 64);
	uint32_t		 i;

	assert_non_null(head);
	memcpy(head, "qtoatall", 8);
	memcpy(head + VERSION_AT, fields, sizeof(fields));
	memcpy(head + USED_AT, &used, sizeof(used));
	for (i = 1; i < accounts; i++)
		(void)snprintf(head + 64 * (i + 1), 64, "b%u", i);
	state_write(dir, today_file, head, 64 * (accounts + 1));
	for (i = 0; i < accounts; i++)
		write_at(&f, (off_t)fields[3] + (off_t)i * SLOT, &one, sizeof(one));
	free(head);
}

/* The days have more accounts than the totals have room for: the rest goes to slot 0. */
static void
begun_with_many(void **state)
{
	const char		*dir = state_new();
	struct asking_total	 a = { .account = NULL };
	struct place		*p;

	(void)state;
	write_crowded_day(dir, 1100);
	p = counters_place_new(dir, 1);
	request(p, 0, COUNTER_QUEUED, at(today, 24, 0));
	check_err("read", counters_totals(dir, take_total, &a), ERR_OK);
	check_int("all", (int64_t)a.sum.sum.count[COUNTER_DELIVERED], 1100);
	check_int("slots", a.slots, 1023);
	check_int("who was there", total_of(dir, "b1022", COUNTER_DELIVERED), 1);
	check_int("nobody's", total_of(dir, "", COUNTER_DELIVERED), 1100 - 1022);
	check_int("who came late", total_of(dir, "", COUNTER_QUEUED), 1);
	counters_place_free(p);
}

static void
old_ones(void **state)
{
	static const struct {
		const char	*name;
		bool		 stays;
	} cases[] = {
		{ "qtoa.tally-20251017", false }, { "qtoa.tally-20251018", true },
		{ "qtoa.tally-19700101", false }, { "qtoa.tally-20261122", true },
		{ "qtoa.tally-20991231", true }, { "qtoa.tally-20200101.foreign-1", false },
		{ "qtoa.tally-20260101.foreign-1", true }, { "qtoa.tally-20200101x", true },
		{ "qtoa.tally-20201301", true }, { "qtoa.tally-", true }, { "qtoa.seen-1", true },
		{ "qtoa.tally-2020010", true }, { "qtoa.tally-total", true },
		{ "qtoa.tally-total.foreign-1", true },
	};
	const char	*dir = state_new();
	struct place	*p = counters_place_new(dir, 1);
	char		 path[STATE_PATH];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		state_write(dir, cases[i].name, "x", 1);
	counters_housekeep(p->counters, at(today, 0, 0));
	for (i = 0; i < COUNT(cases); i++) {
		state_path(path, dir, cases[i].name);
		check_int(cases[i].name, access(path, F_OK) == 0, cases[i].stays);
	}
	counters_place_free(p);
}

/*
 * Percentiles.
 */

static uint64_t
next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

static int64_t	even(uint64_t *s)	{ return 1 + (int64_t)(next_random(s) % 5000); }
static int64_t	quick(uint64_t *s)	{ return (int64_t)(next_random(s) % 4); }
static int64_t	at_edge(uint64_t *s)	{ return next_random(s) % 2 == 0 ? 40 : 43; }
static int64_t	same(uint64_t *s)	{ (void)s; return 2559; }

/* Times: mostly a few ms, sometimes seconds. */
static int64_t
skewed(uint64_t *s)
{
	int64_t	 ms = 1;

	while (next_random(s) % 3 != 0 && ms < 5000)
		ms = ms * 2 - ms / 3;
	return ms + (int64_t)(next_random(s) % (uint64_t)ms);
}

static int
by_size(const void *a, const void *b)
{
	const int64_t	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
percentiles(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 (*draw)(uint64_t *seed);
		size_t		 n;
	} cases[] = {
		{ "even", even, 10000 }, { "quick", quick, 1000 }, { "at the edge", at_edge, 999 },
		{ "all the same", same, 100 }, { "skewed", skewed, 10000 }, { "one", skewed, 1 },
		{ "two", even, 2 }, { "few", even, 11 },
	};
	static const int	 percents[] = { 0, 1, 10, 50, 90, 99, 100 };
	static int64_t		 ms[10000];
	struct counter_numbers	 n;
	uint64_t		 seed = 1;
	size_t			 i, k, rank;
	int64_t			 exact, got;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&n, 0, sizeof(n));
		for (k = 0; k < cases[i].n; k++) {
			ms[k] = cases[i].draw(&seed);
			n.bucket[COUNTER_QT][counters_bucket(ms[k])]++;
		}
		qsort(ms, cases[i].n, sizeof(*ms), by_size);
		for (k = 0; k < COUNT(percents); k++) {
			rank = (cases[i].n * (size_t)percents[k] + 99) / 100;
			exact = ms[rank == 0 ? 0 : rank - 1];
			got = counters_percentile(&n, COUNTER_QT, percents[k] / 100.0);
			CHECK(cases[i].name, llabs(got - exact) * 10 <= exact);
			CHECK(cases[i].name, exact >= 20 || got == exact);
		}
		check_int("the other", counters_percentile(&n, COUNTER_WAITED, 0.5), -1);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(met_before), TEST(counter_faults), PATIENT(count_all_at_once),
		PATIENT(making_at_once), PATIENT(death_of_counters), TEST(places), TEST(reasons_differ),
		TEST(buckets), TEST(kinds), TEST(last_pushes), TEST(without_counters), TEST(china_time),
		TEST(midnight), TEST(ranges), TEST(reading_nothing), TEST(overflow),
		TEST(long_names), TEST(gone), TEST(old_ones), TEST(percentiles),
		TEST(event_places), TEST(events_complete), TEST(count_events),
		TEST(begun_with_days), PATIENT(begun_at_once), TEST(begun_with_many),
		TEST(totals_of_nothing),
	};

	return RUN("tally", tests);
}
