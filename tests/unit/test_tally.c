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

#include "clock.h"
#include "day.h"
#include "log.h"
#include "state.h"
#include "tally.h"
#include "unit.h"

enum {
	PATIENCE_MS = 30000,	/* nothing that is to happen takes so long */
	PROCESSES = 4,
	THREADS = 8,
	EACH = 20000,
	KILLS = 8,

	/* Of the file: see tally.h. */
	HEAD = 64, NAME = 64, HOUR = 2432, SLOT = 24 * HOUR, VERSION_AT = 8, DAY_AT = 12,
	ROOM_AT = 16, USED_AT = 32
};

static const char	 today[] = "2026-11-22", today_file[] = "qtoa.tally-20261122";

/* A configuration with accounts a0, a1, ... and a tally of it. */
struct place {
	struct conf	 conf;
	struct claims	*claims;
	struct tally	*tally;
	char		 path[300][8];
};

static struct place *
place_new(const char *dir, size_t accounts)
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
	assert_non_null(p->claims = claims_new(dir));
	assert_non_null(p->tally = tally_new(&p->conf, p->claims));
	return p;
}

static void
place_free(struct place *p)
{
	tally_free(p->tally);
	claims_free(p->claims);
	free(p->conf.accounts);
	free(p);
}

/* ms since the epoch of a time in China; hour -1 and so on are of the day before. */
static int64_t
at(const char *day, int hour, int minute)
{
	int64_t	 number = -1;

	assert_true(day_parse(&number, slice_of(day)));
	return ((number * 24 + hour - 8) * 60 + minute) * 60000;
}

static int64_t
day(const char *text)
{
	return day_at(at(text, 12, 0) / 1000);
}

static void
request(struct place *p, int account, enum tally_count end, int64_t came_ms)
{
	tally_request(p->tally, &(struct tally_request){
		.account = account < 0 ? NULL : &p->conf.accounts[account], .end = end,
		.came_ms = came_ms, .ms = 7, .qt_ms = -1,
	});
}

/* What was counted of an account ("": of none; NULL: of all) in an hour (-1: in all). */
struct asking {
	const char		*account;
	int64_t			 day;		/* -1: any */
	int			 hour;
	struct tally_numbers	 sum;
	int			 hours;		/* that there were */
};

static void
take(void *ctx, const struct tally_hour *h)
{
	struct asking	*a = ctx;

	a->hours++;
	if ((a->account == NULL || slice_is(h->account, a->account) ||
	    (*a->account == '\0' && h->account.len == 0)) &&
	    (a->day == -1 || a->day == h->day) && (a->hour == -1 || a->hour == h->hour))
		tally_add(&a->sum, h->numbers);
}

static int64_t
counted(const char *dir, const char *account, int64_t which_day, int hour, enum tally_count end)
{
	struct asking	 a = { .account = account, .day = which_day, .hour = hour };

	if (tally_read(dir, 0, 1 << 20, take, &a) != QT_OK)
		return -1;
	return (int64_t)a.sum.count[end];
}

static int64_t
all_of(const char *dir, const char *account, enum tally_count end)
{
	return counted(dir, account, -1, -1, end);
}

static const char *
log_to(const char *dir)
{
	static char	 path[STATE_PATH];

	state_path(path, dir, "log");
	OTHER_CHECK(log_open(path) == 0);
	return path;
}

static int
log_lines(const char *path, const char *word)
{
	char	 line[2048];
	FILE	*f = fopen(path, "r");
	int	 n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, word) != NULL;
	if (f != NULL)
		(void)fclose(f);
	return n;
}

/*
 * Places in the file: what stands there once means the same for ever.
 */

static void
places(void **state)
{
	static const struct {
		const char	*name;
		int		 place, want;
	} cases[] = {
		{ "delivered", TALLY_DELIVERED, 0 }, { "queued", TALLY_QUEUED, 1 },
		{ "dead", TALLY_DEAD, 2 }, { "repeat", TALLY_REPEAT, 3 },
		{ "unsafe", TALLY_UNSAFE, 4 }, { "handshake", TALLY_HANDSHAKE, 5 },
		{ "collected", TALLY_COLLECTED, 6 }, { "not collected", TALLY_NOT_COLLECTED, 7 },
		{ "page", TALLY_PAGE, 8 }, { "late delivered", TALLY_LATE_DELIVERED, 9 },
		{ "late dead", TALLY_LATE_DEAD, 10 }, { "late failed", TALLY_LATE_FAILED, 11 },
		{ "token", TALLY_TOKEN, 12 },
		{ "refused", TALLY_REFUSED, 16 }, { "else", TALLY_REFUSED_ELSE, 48 },
		{ "counts", TALLY_COUNTS, 80 }, { "waited", TALLY_WAITED, 0 },
		{ "at QT", TALLY_QT, 1 }, { "times", TALLY_TIMES, 2 },
		{ "buckets", TALLY_BUCKETS, 110 },
	};
	static const struct {
		enum qt_err	 er;
		int		 want;
	} reasons[] = {
		{ QT_ENOMEM, 1 }, { QT_ECONF, 2 }, { QT_EREQUEST, 3 }, { QT_EPATH, 4 },
		{ QT_EMETHOD, 5 }, { QT_ETOOBIG, 6 }, { QT_ELATE, 7 }, { QT_EPARAM, 8 },
		{ QT_ESIGNATURE, 9 }, { QT_ESTALE, 10 }, { QT_EXML, 11 }, { QT_EAESKEY, 12 },
		{ QT_EBASE64, 13 }, { QT_EAES, 14 }, { QT_EBUFFER, 15 }, { QT_EAPPID, 16 },
		{ QT_ECRYPTO, 17 }, { QT_ESTORE, 18 }, { QT_EADDRESS, 19 }, { QT_EBUSY, 20 },
		{ QT_EKEY, 21 }, { QT_EOFTEN, 22 }, { QT_ETOKEN, 23 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, cases[i].place, cases[i].want);
	for (i = 0; i < COUNT(reasons); i++) {
		check_int(errs[reasons[i].er].name, tally_refused(reasons[i].er, true),
		    16 + reasons[i].want);
		check_int(errs[reasons[i].er].name, tally_refused(reasons[i].er, false),
		    48 + reasons[i].want);
	}
}

/* Every way to refuse has a place of its own. */
static void
reasons_differ(void **state)
{
	bool	 taken[TALLY_COUNTS] = { false };
	int	 er;

	(void)state;
	for (er = 0; er < QT__MAX; er++) {
		enum tally_count	 place = tally_refused((enum qt_err)er, true);

		if (er == QT_OK || er == QT_EFORWARD || er == QT_EREFUSED)	/* verdicts */
			continue;
		CHECK(errs[er].name, place > TALLY_REFUSED && place < TALLY_REFUSED_ELSE &&
		    !taken[place]);
		taken[place] = true;
	}
}

static void
buckets(void **state)
{
	int64_t	 ms;
	int	 i;

	(void)state;
	for (i = 0; i < TALLY_BUCKETS; i++) {
		check_int("a bucket begins", tally_bucket(tally_bucket_ms(i)), i);
		check_int("and ends", tally_bucket(tally_bucket_ms(i + 1) - 1), i);
		CHECK("less than a tenth", (tally_bucket_ms(i + 1) - 1 - tally_bucket_ms(i)) * 10 <
		    tally_bucket_ms(i) || i == 0);
	}
	check_int("the last", tally_bucket_ms(TALLY_BUCKETS), 10240);
	for (ms = 0; ms < 20; ms++)
		check_int("whole ms", tally_bucket_ms(tally_bucket(ms)), ms);
	check_int("longer", tally_bucket(INT64_MAX), TALLY_BUCKETS - 1);
	check_int("a clock set back", tally_bucket(-5), 0);
}

/*
 * Counting.
 */

static void
kinds(void **state)
{
	const char	*dir = state_new();
	struct place	*p = place_new(dir, 2);
	struct asking	 a = { .account = "a1", .day = -1, .hour = -1 };
	struct stat	 st;
	char		 file[STATE_PATH];
	int		 i;

	(void)state;
	for (i = 0; i < TALLY_COUNTS; i++)
		request(p, 1, (enum tally_count)i, at(today, 9, 30));
	tally_request(p->tally, &(struct tally_request){
		.account = &p->conf.accounts[1], .end = TALLY_QUEUED, .came_ms = at(today, 9, 59),
		.ms = 2502, .qt_ms = 2501 });
	tally_late(p->tally, &p->conf.accounts[1], TALLY_LATE_DELIVERED, at(today, 10, 0));
	request(p, -1, tally_refused(QT_EPATH, false), at(today, 10, 0));

	check_err("read", tally_read(dir, day(today), day(today), take, &a), QT_OK);
	check_int("hours", a.hours, 3);
	for (i = 0; i < TALLY_COUNTS; i++)
		check_int("count", (int64_t)a.sum.count[i],
		    1 + (i == TALLY_QUEUED || i == TALLY_LATE_DELIVERED));
	check_int("acknowledged", (int64_t)tally_acknowledged(&a.sum), 5);
	check_int("refused", (int64_t)tally_refusals(&a.sum), TALLY_REASONS);
	check_int("received", (int64_t)tally_received(&a.sum), 5 + 1 + TALLY_REASONS);
	/* Only who heard `success` is timed, and only QT that was asked. */
	check_int("waited", (int64_t)a.sum.sum_ms[TALLY_WAITED], 4 * 7 + 2502);
	check_int("in its bucket", (int64_t)a.sum.bucket[TALLY_WAITED][7], 4);
	check_int("in its bucket", (int64_t)a.sum.bucket[TALLY_WAITED][tally_bucket(2502)], 1);
	check_int("at QT", (int64_t)a.sum.sum_ms[TALLY_QT], 2501);
	check_int("hour", counted(dir, "a1", day(today), 9, TALLY_QUEUED), 2);
	check_int("none's", counted(dir, "", -1, 10, tally_refused(QT_EPATH, false)), 1);
	check_int("nobody else's", all_of(dir, "a0", TALLY_DELIVERED), 0);

	state_path(file, dir, today_file);
	CHECK("there", stat(file, &st) == 0 && (st.st_mode & 07777) == 0600);
	check_int("no larger than said", st.st_size, 4096 + 2 * SLOT);
	place_free(p);
}

static void
no_tally(void **state)
{
	(void)state;
	tally_request(NULL, &(struct tally_request){ .end = TALLY_PAGE });
	tally_late(NULL, NULL, TALLY_LATE_DEAD, 0);
	tally_tend(NULL, 0);
	tally_free(NULL);
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
	struct place	*p = place_new(dir, 1);
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		int64_t	 number = -1;
		int64_t	 before;

		CHECK(cases[i].name, day_parse(&number, slice_of(cases[i].day)));
		before = counted(dir, "a0", number, cases[i].hour, TALLY_REPEAT);
		for (k = 0; k <= i; k++)
			request(p, 0, TALLY_REPEAT, cases[i].ms);
		check_int(cases[i].name, counted(dir, "a0", number, cases[i].hour, TALLY_REPEAT),
		    before + (int64_t)i + 1);
	}
	place_free(p);
}

/* Who came before midnight ends after it: two days are counted in by turns. */
static void
midnight(void **state)
{
	const char	*dir = state_new(), *log = log_to(dir);
	struct place	*p = place_new(dir, 2);
	int		 i;

	(void)state;
	for (i = 0; i < 1000; i++)
		request(p, i % 2, TALLY_DELIVERED, at(today, 24, i % 3 - 1));
	check_int("before", counted(dir, NULL, day(today), 23, TALLY_DELIVERED), 334);
	check_int("after", counted(dir, NULL, day("2026-11-23"), 0, TALLY_DELIVERED), 666);
	/* And a clock that goes wild. */
	for (i = 0; i < 100; i++)
		request(p, 0, TALLY_DEAD, at(today, 24 * (i % 5), 0));
	check_int("all", all_of(dir, "a0", TALLY_DEAD), 100);
	request(p, 0, TALLY_DEAD, INT64_MAX);
	request(p, 0, TALLY_DEAD, INT64_MIN + 1000);
	check_int("no such days", all_of(dir, "a0", TALLY_DEAD), 100);
	check_int("told", log_lines(log, "the clock is wrong"), 1);
	log_close();
	place_free(p);
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
	struct place	*p = place_new(dir, 1);
	size_t		 i;
	int		 k;

	(void)state;
	request(p, 0, TALLY_DELIVERED, at("2026-11-21", 0, 0));
	for (k = 0; k < 2; k++)
		request(p, 0, TALLY_DELIVERED, at("2026-11-22", 23, 59));
	for (k = 0; k < 18; k++)
		request(p, 0, TALLY_DELIVERED, at("2026-11-24", 5, 0));
	state_write(dir, "qtoa.tally-20261399", "x", 1);	/* what only looks like one */
	state_write(dir, "qtoa.tally-2026112", "x", 1);
	state_write(dir, "qtoa.tally-20261122x", "x", 1);
	for (i = 0; i < COUNT(cases); i++) {
		struct asking	 a = { .day = -1, .hour = -1 };
		int64_t		 from = -1, to = -1;

		CHECK(cases[i].name, day_parse(&from, slice_of(cases[i].from)) &&
		    day_parse(&to, slice_of(cases[i].to)));
		check_err(cases[i].name, tally_read(dir, from, to, take, &a), QT_OK);
		check_int(cases[i].name, (int64_t)a.sum.count[TALLY_DELIVERED], cases[i].want);
	}
	place_free(p);
}

static void
reading_nothing(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	struct asking	 a = { .day = -1, .hour = -1 };

	(void)state;
	state_path(path, dir, "none");
	check_err("no directory", tally_read(path, 0, 99999, take, &a), QT_OK);
	check_err("no files", tally_read(dir, 0, 99999, take, &a), QT_OK);
	check_int("nothing", a.hours, 0);
	state_write(dir, "plain", "", 0);
	state_path(path, dir, "plain");
	check_err("no directory at all", tally_read(path, 0, 99999, take, &a), QT_ESTORE);
	state_path(path, dir, today_file);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("no file", tally_read(dir, 0, 99999, take, &a), QT_ESTORE);
	(void)rmdir(path);
}

/*
 * Slots.
 */

static void
overflow(void **state)
{
	const char	*dir = state_new();
	struct place	*p = place_new(dir, 2), *many = place_new(dir, 300);
	int64_t		 named = 0;
	int		 i;

	(void)state;
	request(p, 0, TALLY_DELIVERED, at(today, 1, 0));	/* there is room as for two */
	for (i = 0; i < 300; i++) {
		request(many, i, TALLY_DELIVERED, at(today, 2, 0));
		request(many, i, TALLY_DELIVERED, at(today, 3, 0));
	}
	request(p, 1, TALLY_DELIVERED, at(today, 4, 0));
	for (i = 0; i < 300; i++)
		named += all_of(dir, many->path[i], TALLY_DELIVERED) != 0;
	check_int("as many have one", named, 62);
	check_int("the first", all_of(dir, "a0", TALLY_DELIVERED), 3);
	check_int("claimed by the other", all_of(dir, "a1", TALLY_DELIVERED), 3);
	check_int("the rest", all_of(dir, "", TALLY_DELIVERED), 2 * (300 - 62));
	check_int("none is lost", all_of(dir, NULL, TALLY_DELIVERED), 602);

	/* Another day has room for all. */
	for (i = 0; i < 300; i++)
		request(many, i, TALLY_DEAD, at(today, 24, 0));
	check_int("none is nobody's", all_of(dir, "", TALLY_DEAD), 0);
	check_int("all", all_of(dir, NULL, TALLY_DEAD), 300);
	place_free(many);
	place_free(p);
}

/* The longest path there may be, and one that it begins with. */
static void
long_names(void **state)
{
	char		 name[2][65];
	const char	*dir = state_new();
	struct place	*p = place_new(dir, 2);
	int		 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		memset(name[i], 'x', 64 - (size_t)i);
		name[i][64 - i] = '\0';
		p->conf.accounts[i].path = name[i];
	}
	for (i = 0; i < 3; i++)
		request(p, i != 0, TALLY_DELIVERED, at(today, 1, 0));
	check_int("long", all_of(dir, name[0], TALLY_DELIVERED), 1);
	check_int("shorter", all_of(dir, name[1], TALLY_DELIVERED), 2);
	place_free(p);
}

/*
 * Several at once.
 */

struct crew {
	struct place	*place;
	pthread_t	 thread;
	unsigned	 number;
};

/* Each hour, kind and account; nothing of it may be missing. */
static void *
count_much(void *arg)
{
	struct crew	*c = arg;
	unsigned	 i;

	for (i = 0; i < EACH; i++) {
		tally_request(c->place->tally, &(struct tally_request){
			.account = i % 4 == 3 ? NULL : &c->place->conf.accounts[i % 4],
			.end = i % 2 == 0 ? TALLY_DELIVERED : TALLY_REFUSED,
			.came_ms = at(today, (int)(i / 1000), 0) +
			    (i / 4 % 2 == 0 ? 0 : INT64_C(86400000)),
			.ms = i % 5000, .qt_ms = c->number == 0 ? 3 : -1,
		});
		if (c->number == 1 && i % 4096 == 0)
			tally_tend(c->place->tally, at(today, 12, 0));
	}
	return NULL;
}

static void
crew_there(struct other *me, void *arg)
{
	struct place	*p = place_new(arg, 3);
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
	place_free(p);
}

static void
all_at_once(void **state)
{
	const int64_t	 whole = (int64_t)PROCESSES * THREADS * EACH;
	const char	*dir = state_new();
	struct asking	 a = { .day = -1, .hour = -1 };
	struct other	 o[PROCESSES];
	int64_t		 timed = 0, spent = 0;
	int		 i;

	(void)state;
	for (i = 0; i < PROCESSES; i++)
		other_begin(&o[i], crew_there, (void *)(uintptr_t)dir);
	for (i = 0; i < PROCESSES; i++)
		(void)other_hear(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		other_say(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		check_int("the others", other_end(&o[i]), 0);
	check_err("read", tally_read(dir, day(today), day("2026-11-23"), take, &a), QT_OK);
	check_int("delivered", (int64_t)a.sum.count[TALLY_DELIVERED], whole / 2);
	check_int("refused", (int64_t)a.sum.count[TALLY_REFUSED], whole / 2);
	for (i = 0; i < TALLY_BUCKETS; i++)
		timed += (int64_t)a.sum.bucket[TALLY_WAITED][i];
	for (i = 0; i < EACH; i += 2)
		spent += i % 5000;
	check_int("timed", timed, whole / 2);
	check_int("ms", (int64_t)a.sum.sum_ms[TALLY_WAITED], spent * PROCESSES * THREADS);
	check_int("QT", (int64_t)a.sum.bucket[TALLY_QT][3], PROCESSES * EACH);
	check_int("none's", all_of(dir, "", TALLY_REFUSED), whole / 4);
	for (i = 0; i < 3; i++) {
		char	 path[8];

		(void)snprintf(path, sizeof(path), "a%d", i);
		check_int(path, all_of(dir, path, i == 1 ? TALLY_REFUSED : TALLY_DELIVERED),
		    whole / 4);
	}
	check_int("each hour", counted(dir, "a0", day(today), 5, TALLY_DELIVERED),
	    PROCESSES * THREADS * 125);
	check_int("one file a day", state_count(dir, "qtoa.tally-", NULL), 2);
}

/* Many are the first, each with an account of its own. */
static void
first_there(struct other *me, void *arg)
{
	struct place	*p = place_new(arg, 50);
	int		 i;

	other_say(me);
	(void)other_hear(me);
	for (i = 0; i < 50; i++)
		request(p, (i * 7 + (int)getpid()) % 50, TALLY_DELIVERED, at(today, 3, 0));
	place_free(p);
}

static void
making_at_once(void **state)
{
	struct other	 o[PROCESSES];
	const char	*dir;
	char		 path[8];
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
			bad += all_of(dir, path, TALLY_DELIVERED) != PROCESSES;
		}
		check_int("all, each in one place", bad, 0);
		check_int("nothing was set aside", state_count(dir, "qtoa.tally-", NULL), 1);
	}
}

/* Counts, and says how many it has, until it is killed. */
struct dying {
	const char		*dir;
	_Atomic uint64_t	*said;
};

static void
die_there(struct other *me, void *arg)
{
	struct dying	*d = arg;
	struct place	*p;
	int		 i;

	/* Begun anew now and then, so that a kill meets the making as well. */
	for (i = 0;; i++) {
		p = place_new(d->dir, 60);
		request(p, i % 60, TALLY_DELIVERED, at(today, i % 48, 0));
		atomic_fetch_add(d->said, 1);
		if (i == 20)
			other_say(me);
		place_free(p);
	}
}

static void
death(void **state)
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
			other_begin(&o[k], die_there, &d);
		for (k = 0; k < 2; k++)
			(void)other_hear(&o[k]);
		for (k = 0; k < 2; k++)
			other_kill(&o[k]);
		/* One that was killed may have counted what it did not say. */
		found = all_of(dir, NULL, TALLY_DELIVERED);
		said = (int64_t)atomic_load(d.said);
		CHECK("nothing is lost", found >= said);
		CHECK("nothing is made up", found <= said + 2 * (i + 1));
	}
	check_int("nothing was set aside", state_count(dir, "qtoa.tally-", NULL), 2);
	(void)munmap(d.said, sizeof(*d.said));
}

/*
 * What lies there already.
 */

/* The file of today, with one request in it, altered before it is met. */
static void
write_at(const char *dir, off_t at_byte, const void *p, size_t len)
{
	char	 path[STATE_PATH];
	int	 fd;

	state_path(path, dir, today_file);
	fd = open(path, O_WRONLY);
	OTHER_CHECK(fd != -1 && pwrite(fd, p, len, at_byte) == (ssize_t)len);
	(void)close(fd);
}

static void
cut(const char *dir, off_t len)
{
	char	 path[STATE_PATH];

	state_path(path, dir, today_file);
	OTHER_CHECK(truncate(path, len) == 0);
}

static void
put_u32(const char *dir, off_t at_byte, uint32_t v)
{
	write_at(dir, at_byte, &v, sizeof(v));
}

static void make_text(const char *dir)	{ state_write(dir, today_file, "not at all one", 14); }
static void make_empty(const char *dir)	{ cut(dir, 0); }
static void make_short(const char *dir)	{ cut(dir, 20); }
static void make_blank(const char *dir)	{ cut(dir, 0); cut(dir, 4096 + 2 * SLOT); }
static void make_cut(const char *dir)	{ cut(dir, 4096 + SLOT / 2); }
static void make_old(const char *dir)	{ put_u32(dir, VERSION_AT, 0); }
static void make_later(const char *dir)	{ put_u32(dir, VERSION_AT, 2); }
static void make_day(const char *dir)	{ put_u32(dir, DAY_AT, 1); }
static void make_room(const char *dir)	{ put_u32(dir, ROOM_AT, 0xFFFFFFFF); }
static void make_used(const char *dir)	{ write_at(dir, USED_AT, "\0\0\0\0\0\0\0\x10", 8); }
static void make_unused(const char *dir) { write_at(dir, USED_AT, "\0\0\0\0\0\0\0\0", 8); }

/* A power cut has left numbers, but not the head ... */
static void
make_no_magic(const char *dir)
{
	write_at(dir, 0, "\0\0\0\0\0\0\0", 8);
	write_at(dir, 4096, "\1", 1);
}

/* ... or not that a slot is in use. */
static void
make_unnamed(const char *dir)
{
	static const char	 garbage[] = "garbage";

	write_at(dir, USED_AT, "\1\0\0\0\0\0\0\0", 8);
	write_at(dir, 4096 + SLOT + 2 * HOUR, garbage, sizeof(garbage));
}

/* A copy that has holes where nothing was counted. */
static void
make_sparse(const char *dir)
{
	char	 path[STATE_PATH], bytes[4096];
	int	 fd;

	state_path(path, dir, today_file);
	fd = open(path, O_RDONLY);
	OTHER_CHECK(fd != -1 && read(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	(void)close(fd);
	OTHER_CHECK(unlink(path) == 0);
	state_write(dir, today_file, bytes, sizeof(bytes));
	cut(dir, 4096 + 2 * SLOT);
}

static const struct met {
	const char	*name;
	void		 (*alter)(const char *dir);
	int		 before;	/* of one can be read as it is */
	int		 after;		/* once another one was counted */
	int		 files, aside;
} mets[] = {
	{ "text",		make_text,	0, 1, 2, 1 },
	{ "empty",		make_empty,	0, 1, 1, 0 },
	{ "short",		make_short,	0, 1, 2, 1 },
	{ "killed before it was begun", make_blank, 0, 1, 1, 0 },
	{ "no magic",		make_no_magic,	0, 1, 1, 0 },
	{ "cut short",		make_cut,	0, 1, 1, 0 },
	{ "older",		make_old,	0, 1, 2, 1 },
	{ "later",		make_later,	0, 0, 1, 0 },
	{ "of another day",	make_day,	0, 1, 2, 1 },
	{ "too much room",	make_room,	0, 1, 2, 1 },
	{ "too many slots",	make_used,	0, 1, 2, 1 },
	{ "no slot",		make_unused,	0, 1, 2, 1 },
	{ "numbers without a name", make_unnamed, 0, 1, 1, 0 },
	{ "holes",		make_sparse,	0, 1, 1, 0 },
};

struct meeting {
	const char		*dir;
	const struct met	*met;
};

static bool
is_reserved(const char *dir)
{
	char		 path[STATE_PATH];
	struct stat	 st;

	state_path(path, dir, today_file);
	return stat(path, &st) == 0 && st.st_size >= 4096 + SLOT &&
	    (off_t)st.st_blocks * 512 >= st.st_size;
}

static void
meet_there(struct other *me, void *arg)
{
	const struct meeting	*m = arg;
	const char		*log = log_to(m->dir);
	struct place		*p = place_new(m->dir, 1);
	int			 i;

	(void)me;
	request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	place_free(p);
	m->met->alter(m->dir);
	OTHER_CHECK(all_of(m->dir, "a0", TALLY_DELIVERED) == m->met->before);
	p = place_new(m->dir, 1);
	for (i = 0; i < 10; i++)
		request(p, 0, TALLY_DEAD, at(today, 5, 0));
	request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(all_of(m->dir, NULL, TALLY_DELIVERED) == m->met->after);
	OTHER_CHECK(all_of(m->dir, "a0", TALLY_DEAD) == 10 * m->met->after);
	OTHER_CHECK(state_count(m->dir, today_file, NULL) == m->met->files);
	OTHER_CHECK(log_lines(log, "set aside") == m->met->aside);
	OTHER_CHECK(log_lines(log, "what=tally") == (m->met->after == 0 || m->met->aside != 0));
	OTHER_CHECK(m->met->after == 0 || is_reserved(m->dir));
	place_free(p);
}

static void
met_before(void **state)
{
	struct meeting	 m[COUNT(mets)];
	struct other	 o[COUNT(mets)];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(mets); i++) {
		m[i] = (struct meeting){ state_new(), &mets[i] };
		other_begin(&o[i], meet_there, &m[i]);
	}
	for (i = 0; i < COUNT(mets); i++)
		check_int(mets[i].name, other_end(&o[i]), 0);
}

/*
 * Faults.
 */

/* Counts once more, until it is counted. */
static bool
count_again(struct place *p, const char *dir)
{
	const int64_t	 until_ms = clock_mono_ms() + PATIENCE_MS;
	const int64_t	 before = all_of(dir, NULL, TALLY_DELIVERED);

	do
		request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	while (all_of(dir, NULL, TALLY_DELIVERED) == before && clock_mono_ms() < until_ms);
	return all_of(dir, NULL, TALLY_DELIVERED) == before + 1;
}

static void
limit_to(rlim_t bytes)
{
	struct rlimit	 r;

	OTHER_CHECK(getrlimit(RLIMIT_FSIZE, &r) == 0);
	r.rlim_cur = bytes < r.rlim_max ? bytes : r.rlim_max;
	OTHER_CHECK(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

/* A file size limit stands for a full disk. */
static void
full_disk_there(struct other *me, void *arg)
{
	const char	*dir = arg, *log = log_to(dir);
	struct place	*p = place_new(dir, 2);
	int		 i;

	(void)me;
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_to(10000);
	for (i = 0; i < 1000; i++)
		request(p, i % 2, TALLY_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(all_of(dir, NULL, TALLY_DELIVERED) == 0);
	OTHER_CHECK(log_lines(log, "what=tally") == 1);
	OTHER_CHECK(log_lines(log, "File too large") == 1);
	limit_to(RLIM_INFINITY);
	OTHER_CHECK(count_again(p, dir));
	OTHER_CHECK(log_lines(log, "what=tally") == 2);
	OTHER_CHECK(log_lines(log, "counted again") == 1);

	/* Who has a slot is counted, who has none is not. */
	limit_to(10000);
	for (i = 0; i < 1000; i++)
		request(p, i % 2, TALLY_REPEAT, at(today, 6, 0));
	OTHER_CHECK(all_of(dir, "a0", TALLY_REPEAT) == 500);
	OTHER_CHECK(all_of(dir, NULL, TALLY_REPEAT) == 500);
	OTHER_CHECK(log_lines(log, "what=tally") == 3);
	limit_to(RLIM_INFINITY);
	place_free(p);
}

static void
read_only_there(struct other *me, void *arg)
{
	const char	*dir = arg, *log;
	struct place	*p;
	int		 i;

	(void)me;
	state_drop_root();
	log = log_to(dir);
	OTHER_CHECK(chmod(dir, 0500) == 0);
	p = place_new(dir, 1);
	for (i = 0; i < 1000; i++)
		request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	tally_tend(p->tally, at(today, 5, 0));
	OTHER_CHECK(log_lines(log, "what=tally") == 1);
	OTHER_CHECK(chmod(dir, 0700) == 0);
	OTHER_CHECK(count_again(p, dir));
	OTHER_CHECK(log_lines(log, "counted again") == 1);
	place_free(p);
}

static void
directory_there(struct other *me, void *arg)
{
	const char	*parent = arg, *log = log_to(parent);
	struct place	*p;
	struct stat	 st;
	char		 dir[STATE_PATH];

	(void)me;
	state_path(dir, parent, "new");
	p = place_new(dir, 1);
	OTHER_CHECK(stat(dir, &st) == -1);
	request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	OTHER_CHECK(all_of(dir, "a0", TALLY_DELIVERED) == 1);
	place_free(p);
	OTHER_CHECK(log_lines(log, "what=tally") == 0);
}

/* One who holds the making of the file, and does not go on. */
static void
claimed_there(struct other *me, void *arg)
{
	const char	*dir = arg, *log = log_to(dir);
	struct place	*p = place_new(dir, 1);
	struct claim	 c;
	unsigned char	 key[CLAIM_KEY];
	char		 path[STATE_PATH];
	int64_t		 begun_ms;
	int		 i;

	(void)me;
	state_path(path, dir, today_file);
	claim_name(key, "tally", path);
	OTHER_CHECK(claim_begin(p->claims, &c, key, 0) == CLAIM_MINE);
	begun_ms = clock_mono_ms();
	for (i = 0; i < 1000; i++)
		request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	OTHER_CHECK(clock_mono_ms() - begun_ms < PATIENCE_MS);
	OTHER_CHECK(log_lines(log, "what=tally") == 1);
	claim_end(p->claims, &c, false);
	OTHER_CHECK(count_again(p, dir));
	place_free(p);
}

static void
faults(void **state)
{
	static const struct {
		const char	*name;
		void		 (*fn)(struct other *me, void *dir);
	} cases[] = {
		{ "read-only directory", read_only_there }, { "full disk", full_disk_there },
		{ "directory", directory_there }, { "held up", claimed_there },
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
 * Looking after the files.
 */

static void
gone(void **state)
{
	const char	*dir = state_new();
	struct place	*p = place_new(dir, 1);
	char		 path[STATE_PATH];

	(void)state;
	request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	tally_tend(p->tally, at(today, 5, 0));
	request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	check_int("as it was", all_of(dir, "a0", TALLY_DELIVERED), 2);
	state_path(path, dir, today_file);
	assert_int_equal(unlink(path), 0);
	request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	tally_tend(p->tally, at(today, 5, 0));
	request(p, 0, TALLY_DELIVERED, at(today, 5, 0));
	check_int("in a new one", all_of(dir, "a0", TALLY_DELIVERED), 1);
	place_free(p);
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
		{ "qtoa.tally-2020010", true },
	};
	const char	*dir = state_new();
	struct place	*p = place_new(dir, 1);
	char		 path[STATE_PATH];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		state_write(dir, cases[i].name, "x", 1);
	tally_tend(p->tally, at(today, 0, 0));
	for (i = 0; i < COUNT(cases); i++) {
		state_path(path, dir, cases[i].name);
		check_int(cases[i].name, access(path, F_OK) == 0, cases[i].stays);
	}
	place_free(p);
}

/*
 * Percentiles.
 */

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

static int64_t	even(uint64_t *s)	{ return 1 + (int64_t)(next(s) % 5000); }
static int64_t	quick(uint64_t *s)	{ return (int64_t)(next(s) % 4); }
static int64_t	at_edge(uint64_t *s)	{ return next(s) % 2 == 0 ? 40 : 43; }
static int64_t	same(uint64_t *s)	{ (void)s; return 2559; }

/* Mostly a few ms, now and then seconds. */
static int64_t
skewed(uint64_t *s)
{
	int64_t	 ms = 1;

	while (next(s) % 3 != 0 && ms < 5000)
		ms = ms * 2 - ms / 3;
	return ms + (int64_t)(next(s) % (uint64_t)ms);
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
	struct tally_numbers	 n;
	uint64_t		 seed = 1;
	size_t			 i, k, rank;
	int64_t			 exact, got;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&n, 0, sizeof(n));
		for (k = 0; k < cases[i].n; k++) {
			ms[k] = cases[i].draw(&seed);
			n.bucket[TALLY_QT][tally_bucket(ms[k])]++;
		}
		qsort(ms, cases[i].n, sizeof(*ms), by_size);
		for (k = 0; k < COUNT(percents); k++) {
			rank = (cases[i].n * (size_t)percents[k] + 99) / 100;
			exact = ms[rank == 0 ? 0 : rank - 1];
			got = tally_percentile(&n, TALLY_QT, percents[k] / 100.0);
			CHECK(cases[i].name, llabs(got - exact) * 10 <= exact);
			CHECK(cases[i].name, exact >= 20 || got == exact);
		}
		check_int("the other", tally_percentile(&n, TALLY_WAITED, 0.5), -1);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(met_before), TEST(faults), TEST(all_at_once), TEST(making_at_once),
		TEST(death), TEST(places), TEST(reasons_differ), TEST(buckets), TEST(kinds),
		TEST(no_tally), TEST(china_time), TEST(midnight), TEST(ranges),
		TEST(reading_nothing), TEST(overflow), TEST(long_names), TEST(gone),
		TEST(old_ones), TEST(percentiles),
	};

	return RUN("tally", tests);
}
