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

#include "state/log_ratelimit.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

#define FOUR_SHOPS	"\xE5\xBA\x97\xE5\xBA\x97\xE5\xBA\x97\xE5\xBA\x97"

enum {
	LIMIT = 3,
	PROCESSES = 3,
	THREADS = 4,
	EVENTS = 5000,
	KILLS = 6,
	MINUTE_MS = 60000,

	/* The layout of the file; see state/failure_table.h. */
	HEAD = 4096, PLACE = 512, PLACES = 256, SIZE = HEAD + PLACES * PLACE,
	VERSION_AT = 8, PLACES_AT = 12, INDEX_AT = 64, TEXT_AT = 80,
	EACH = 192, SHARED = 48, REST = 16
};

static const int64_t	 noon_ms = INT64_C(1795348800000);	/* 2026-11-22T12:00:00Z */
static const char	 file[] = "qtoa.failures";

struct site {
	struct conf		 conf;
	struct locks		*locks;
	struct log_ratelimit	*log_ratelimit;
};

static void
site_open(struct site *s, const char *dir)
{
	memset(s, 0, sizeof(*s));
	s->conf.set.state_dir = dir;
	s->conf.set.log_flood = LIMIT;
	assert_non_null(s->locks = lock_new(dir));
	assert_non_null(s->log_ratelimit = log_ratelimit_new(&s->conf, s->locks));
}

static void
site_close(struct site *s)
{
	log_ratelimit_free(s->log_ratelimit);
	lock_free(s->locks);
}

/* A failure that each test may change. */
static struct log_ratelimit_failure
forged(const char *peer)
{
	return (struct log_ratelimit_failure){
		LEVEL_NOTICE, "request", "shop", "signature mismatch", "",
		slice_of(peer) };
}

static struct log_ratelimit_failure
broken(const char *account, const char *reason)
{
	return (struct log_ratelimit_failure){
		LEVEL_WARNING, "request", account, "not confirmed by QT", reason,
		{ NULL, 0 } };
}

static void
happen(struct site *s, struct log_ratelimit_failure x, int times)
{
	struct logline	 l;

	while (times-- > 0) {
		log_begin(&l, x.level, x.what);
		log_str(&l, "error", x.error);
		log_ratelimit_end(s->log_ratelimit, &l, &x);
	}
}

static void
later(int64_t ms)
{
	(void)atomic_fetch_add(&clocks->wall_ms, ms);
}

/* Memory that is shared with processes which start later. */
static void *
shared(size_t len)
{
	char	 path[STATE_PATH];
	void	*p;
	int	 fd;

	state_path(path, state_new(), "shared");
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd != -1 && ftruncate(fd, (off_t)len) == 0);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	(void)close(fd);
	return p;
}

/* Logs to the directory of a test, at noon. */
static const char *
log_at_noon(const char *dir)
{
	static char	 path[STATE_PATH];

	atomic_store(&clocks->wall_ms, noon_ms);
	state_path(path, dir, "log");
	OTHER_CHECK(log_open(path) == 0);
	return path;
}

/* How many lines of the log have that word; sums: the sum of their counts. */
static int64_t
sum_lines(const char *log, const char *word, bool sums)
{
	char		 line[2048];
	const char	*p;
	FILE		*f = fopen(log, "r");
	int64_t		 n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, word) != NULL)
			n += !sums ? 1 : (p = strstr(line, " count=")) == NULL ? 0 :
			    strtoll(p + 7, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return n;
}

static int64_t
written(const char *log)
{
	return sum_lines(log, "what=request", false);
}

static int64_t
summed(const char *log)
{
	return sum_lines(log, "what=repeated", true);
}

static int64_t
summaries(const char *log)
{
	return sum_lines(log, "what=repeated", false);
}

static int64_t
told(const char *log)
{
	return written(log) + summed(log);
}

/* Finds the last line of the log. */
static const char *
last_line(const char *log)
{
	static char	 line[2048];
	FILE		*f = fopen(log, "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		;
	if (f != NULL)
		(void)fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/*
 * One failure again and again.
 */

static void
a_minute(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 s;

	(void)state;
	site_open(&s, dir);
	happen(&s, forged("203.0.113.9"), LIMIT);
	check_int("as they are", written(log), LIMIT);
	later(1500);
	happen(&s, forged("203.0.113.9"), 4);
	later(30000);
	happen(&s, forged("203.0.113.9"), 3);
	log_ratelimit_housekeep(s.log_ratelimit, false);
	check_int("no more in this minute", told(log), LIMIT);
	later(MINUTE_MS - 31500 - 1);
	happen(&s, forged("203.0.113.9"), 1);
	check_int("to its last ms", told(log), LIMIT);
	later(1);
	log_ratelimit_housekeep(s.log_ratelimit, false);
	check_text("the sum", last_line(log), "time=2026-11-22T12:01:00.000Z level=notice "
	    "what=repeated line=request account=shop error=\"signature mismatch\" peer=203.0.113.9 "
	    "count=8 first=2026-11-22T12:00:01.500Z last=2026-11-22T12:00:59.999Z "
	    "hint=\"if WeChat sent it: .token differs from the console's Token\"");
	log_ratelimit_housekeep(s.log_ratelimit, false);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	check_int("said once", summaries(log), 1);
	happen(&s, forged("203.0.113.9"), LIMIT + 1);
	check_int("the next minute", written(log), 2 * LIMIT);
	later(MINUTE_MS);
	happen(&s, forged("203.0.113.9"), 1);
	check_int("a failure says it as well", summed(log), 9);
	check_int("and is written behind it", strstr(last_line(log), "what=request") != NULL, true);
	site_close(&s);
	log_close();
}

static void
the_last_call(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 s, next;

	(void)state;
	site_open(&s, dir);
	happen(&s, forged("192.0.2.1"), 10);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	check_int("all is said", told(log), 10);
	site_close(&s);
	/* A process that starts later goes on with the same minute. */
	site_open(&next, dir);
	happen(&next, forged("192.0.2.1"), 10);
	check_int("the minute is the same", written(log), LIMIT);
	log_ratelimit_housekeep(next.log_ratelimit, true);
	check_int("said", told(log), 20);
	site_close(&next);
	log_close();
}

/* A process that counted died; another one, which saw no failure, logs the counts. */
static void
said_by_others(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 dead, other, third;

	(void)state;
	site_open(&dead, dir);
	site_open(&other, dir);
	site_open(&third, dir);
	log_ratelimit_housekeep(other.log_ratelimit, false);
	check_int("none is made for that", state_count(dir, file, NULL), 0);
	happen(&dead, forged("192.0.2.1"), 10);
	site_close(&dead);
	log_ratelimit_housekeep(other.log_ratelimit, false);
	check_int("not yet", told(log), LIMIT);
	later(MINUTE_MS);
	log_ratelimit_housekeep(other.log_ratelimit, false);
	log_ratelimit_housekeep(third.log_ratelimit, true);
	check_int("now", told(log), 10);
	check_int("once", summaries(log), 1);
	site_close(&other);
	site_close(&third);
	log_close();
}

/* Like CGI runs: each process has one failure, and none calls the housekeeping. */
static void
one_by_one(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 s;
	int		 i;

	(void)state;
	for (i = 0; i < 20; i++) {
		site_open(&s, dir);
		happen(&s, forged("192.0.2.1"), 1);
		site_close(&s);
	}
	check_int("counted", told(log), LIMIT);
	later(MINUTE_MS + 1);
	site_open(&s, dir);
	happen(&s, broken("other", "retry"), 1);
	check_int("one that fails otherwise says it", summed(log), 20 - LIMIT);
	site_close(&s);
	log_close();
}

static void
without(void **state)
{
	const char			*dir = state_new(), *log = log_at_noon(dir);
	struct log_ratelimit_failure	 x = forged("192.0.2.1");
	struct logline			 l;
	struct site			 s;
	int				 i;

	(void)state;
	log_begin(&l, LEVEL_NOTICE, "request");
	log_ratelimit_end(NULL, &l, &x);
	check_int("no flood: the log", written(log), 1);
	log_ratelimit_housekeep(NULL, true);
	log_ratelimit_free(NULL);
	check_int("nothing opened", state_count(dir, "qtoa.", NULL), 0);
	site_open(&s, dir);
	for (i = 0; i < 5; i++)
		log_ratelimit_end(s.log_ratelimit, NULL, &x);
	check_int("no line: none", written(log), 1);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	check_int("but counted", summed(log), 5 - LIMIT);
	log_ratelimit_end(s.log_ratelimit, NULL,
	    &(struct log_ratelimit_failure){ .level = LEVEL_ERROR });
	log_ratelimit_end(s.log_ratelimit, NULL,
	    &(struct log_ratelimit_failure){ .level = LEVEL_ERROR, .what = "" });
	site_close(&s);
	log_close();
}

static void
levels(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 s;

	(void)state;
	site_open(&s, dir);
	log_set_level(LEVEL_WARNING);
	happen(&s, forged("192.0.2.1"), 10);
	happen(&s, broken("shop", "retry"), 10);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	log_set_level(LEVEL_DEBUG);
	check_int("those above", written(log), LIMIT);
	check_int("and their sum", summed(log), 10 - LIMIT);
	CHECK("as loud as they", strstr(last_line(log), " level=warning ") != NULL);
	CHECK("without what it does not have", strstr(last_line(log), "peer=") == NULL);
	site_close(&s);
	log_close();
}

/* Failures that differ are counted apart. */
static void
differing_keys(void **state)
{
	static const struct {
		const char			*name;
		struct log_ratelimit_failure	 x;
	} cases[] = {
		{ "one", { LEVEL_NOTICE, "request", "a", "b", "c", BYTES("d") } },
		{ "level", { LEVEL_ERROR, "request", "a", "b", "c", BYTES("d") } },
		{ "what", { LEVEL_NOTICE, "drain", "a", "b", "c", BYTES("d") } },
		{ "account", { LEVEL_NOTICE, "request", "A", "b", "c", BYTES("d") } },
		{ "error", { LEVEL_NOTICE, "request", "a", "B", "c", BYTES("d") } },
		{ "reason", { LEVEL_NOTICE, "request", "a", "b", "C", BYTES("d") } },
		{ "peer", { LEVEL_NOTICE, "request", "a", "b", "c", BYTES("D") } },
		{ "no reason", { LEVEL_NOTICE, "request", "a", "b", "", BYTES("d") } },
		{ "NULL peer", { LEVEL_NOTICE, "request", "a", "b", "c", { NULL, 0 } } },
		{ "shifted", { LEVEL_NOTICE, "request", "", "ab", "c", BYTES("d") } },
		{ "shifted on", { LEVEL_NOTICE, "request", "a", "bc", "", BYTES("d") } },
		{ "and on", { LEVEL_NOTICE, "request", "a", "b", "", BYTES("cd") } },
	};
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 s;
	size_t		 i;

	(void)state;
	site_open(&s, dir);
	for (i = 0; i < COUNT(cases); i++) {
		happen(&s, cases[i].x, LIMIT - 1);
		check_int(cases[i].name, sum_lines(log, "time=", false),
		    (int64_t)(i + 1) * (LIMIT - 1));
	}
	happen(&s, (struct log_ratelimit_failure){
		LEVEL_NOTICE, "request", "a", "b", NULL, BYTES("d"),
	}, 2);
	check_int("NULL is \"\"", sum_lines(log, "time=", false),
	    (int64_t)COUNT(cases) * (LIMIT - 1) + 1);
	site_close(&s);
	log_close();
}

static void
clocks_that_are_set(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 s;

	(void)state;
	site_open(&s, dir);
	happen(&s, forged("192.0.2.1"), 5);
	later(-3000);
	happen(&s, forged("192.0.2.1"), 5);
	check_int("a little: the same minute", written(log), LIMIT);
	later(-INT64_C(3600000));
	happen(&s, forged("192.0.2.1"), 5);
	check_int("an hour: another one", written(log), 2 * LIMIT);
	later(INT64_C(7200000));
	log_ratelimit_housekeep(s.log_ratelimit, false);
	check_int("none is lost", told(log), 15);
	atomic_store(&clocks->wall_ms, 1);	/* 1970 */
	happen(&s, forged("192.0.2.1"), 5);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	check_int("nor then", told(log), 20);
	site_close(&s);
	log_close();
}

/*
 * Room.
 */

/* Failures of very many peers. */
static void
many_peers(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	char		 peer[32];
	struct site	 s;
	int		 i;

	(void)state;
	site_open(&s, dir);
	for (i = 0; i < 2000; i++) {
		(void)snprintf(peer, sizeof(peer), "198.51.%d.%d", i / 250, i % 250);
		happen(&s, forged(peer), 2);
	}
	check_int("some have their own lines, all others together", written(log),
	    FAILURE_TABLE_PEERS * 2 + LIMIT);
	happen(&s, broken("shop", "retry"), 1);
	check_int("which take no room from others", written(log),
	    FAILURE_TABLE_PEERS * 2 + LIMIT + 1);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	check_int("none is lost", told(log), 4001);
	check_int("one sum", sum_lines(log, "peer=* ", true),
	    4000 - FAILURE_TABLE_PEERS * 2 - LIMIT);
	later(MINUTE_MS);
	happen(&s, forged("203.0.113.9"), 5);
	later(MINUTE_MS);
	log_ratelimit_housekeep(s.log_ratelimit, false);
	check_int("later there is room again", sum_lines(log, "peer=203.0.113.9 ", true),
	    5 - LIMIT);
	site_close(&s);
	log_close();
}

/* The table is full: first accounts share a place, then lines are logged as they are. */
static void
no_room(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	char		 text[32];
	struct site	 s;
	int64_t		 lines = 0;
	int		 i;

	(void)state;
	site_open(&s, dir);
	for (i = 0; i < 500; i++) {
		(void)snprintf(text, sizeof(text), "a%03d", i);
		happen(&s, broken(text, "retry"), 5);
		lines += i < EACH + SHARED || i == 499 ? LIMIT : 0;
	}
	check_int("each, then all together", written(log), lines);
	for (i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "r%03d", i);
		happen(&s, broken("a000", text), 5);
		lines += i < REST - 1 ? LIMIT : 5;
	}
	check_int("each, then as they are", written(log), lines);
	happen(&s, broken("a000", "retry"), 1);
	check_int("who has room keeps it", written(log), lines);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	check_int("none is lost", told(log), 600 * 5 + 1);
	check_int("of several accounts", sum_lines(log, "account=* ", true),
	    (500 - EACH - SHARED) * 5 - LIMIT + (REST - 1) * (5 - LIMIT));

	/*
	 * The failure that was not seen for longest loses its place, and its count is logged
	 * before.
	 */
	happen(&s, broken("a000", "retry"), 1);
	happen(&s, broken("a001", "retry"), 1);
	later(MINUTE_MS - 1);
	happen(&s, broken("a000", "retry"), 1);
	later(1);
	happen(&s, broken("new", "retry"), 5);
	happen(&s, broken("a000", "retry"), 5);
	check_int("new", sum_lines(log, "what=request", false), lines + 2 * LIMIT);
	later(MINUTE_MS);
	log_ratelimit_housekeep(s.log_ratelimit, false);
	check_int("of each as it was", sum_lines(log, "account=new ", true), 5 - LIMIT);
	check_int("none is lost", told(log), 600 * 5 + 1 + 3 + 10);
	site_close(&s);
	log_close();
}

/* A place is taken whose count is not logged yet. */
static void
replaced(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	char		 text[32];
	struct site	 s;
	int		 i;

	(void)state;
	site_open(&s, dir);
	for (i = 0; i < EACH; i++) {
		(void)snprintf(text, sizeof(text), "a%03d", i);
		happen(&s, broken(text, "retry"), 5);
		later(1);
	}
	check_int("unsaid", told(log), EACH * LIMIT);
	later(MINUTE_MS);
	atomic_store(&clocks->mono_ahead_ms, -5000);	/* it is too early to look at all places */
	happen(&s, broken("a191", "other"), 1);
	atomic_store(&clocks->mono_ahead_ms, 0);
	check_int("said when it goes", sum_lines(log, "account=a000 ", true), 2);
	check_int("no other", summaries(log), 1);
	site_close(&s);
	log_close();
}

/*
 * Several at once.
 */

struct crew {
	struct site	*site;
	pthread_t	 thread;
	int		 number;
};

static void *
fail_much(void *arg)
{
	struct crew	*c = arg;
	char		 peer[32];
	int		 i;

	for (i = 0; i < EVENTS; i++) {
		(void)snprintf(peer, sizeof(peer), "198.51.100.%d", i % 50);
		happen(c->site, i % 2 == 0 ? forged(peer) :
		    broken("shop", i % 3 == 0 ? "a" : "b"), 1);
		/* A minute passes now and then, not for all threads at once. */
		if (i % 1000 == 999) {
			later(MINUTE_MS / 2);
			if (c->number % 2 == 0)
				log_ratelimit_housekeep(c->site->log_ratelimit, false);
		}
	}
	return NULL;
}

static void
crew_there(struct other *me, void *arg)
{
	struct crew	 c[THREADS];
	struct site	 s;
	int		 i;

	site_open(&s, arg);
	other_say(me);
	(void)other_hear(me);
	for (i = 0; i < THREADS; i++) {
		c[i] = (struct crew){ .site = &s, .number = i };
		OTHER_CHECK(pthread_create(&c[i].thread, NULL, fail_much, &c[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		OTHER_CHECK(pthread_join(c[i].thread, NULL) == 0);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	site_close(&s);
}

static void
fail_all_at_once(void **state)
{
	const char	*dir = state_new(), *log;
	struct clocks	*before = clocks;
	struct other	 o[PROCESSES];
	int		 i;

	(void)state;
	clocks = shared(sizeof(*clocks));
	log = log_at_noon(dir);
	for (i = 0; i < PROCESSES; i++)
		other_begin(&o[i], crew_there, (void *)(uintptr_t)dir);
	for (i = 0; i < PROCESSES; i++)
		(void)other_hear(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		other_say(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		check_int("the others", other_end(&o[i]), 0);
	check_int("each is told once", told(log), PROCESSES * THREADS * EVENTS);
	CHECK("few of them in full", written(log) < PROCESSES * THREADS * EVENTS / 10);
	check_int("one file", state_count(dir, file, NULL), 1);
	clocks = before;
	log_close();
}

struct dying {
	const char		*dir;
	_Atomic uint64_t	*said;
};

static void
fail_until_killed(struct other *me, void *arg)
{
	struct dying	*d = arg;
	struct site	 s;
	char		 account[16];
	int		 i;

	/* It opens the file again and again, so that a kill may come while it makes it. */
	for (i = 0;; i++) {
		site_open(&s, d->dir);
		(void)snprintf(account, sizeof(account), "a%d", i % 150);
		happen(&s, broken(account, "retry"), 5);
		site_close(&s);	/* without a file it logs its own counts here */
		atomic_fetch_add(d->said, 5);
		if (i == 20)
			other_say(me);
	}
}

static void
death_of_limiter(void **state)
{
	const char	*dir, *log = "";
	struct dying	 d;
	struct other	 o[2];
	struct site	 s;
	int		 i, k;

	(void)state;
	d.said = shared(sizeof(*d.said));
	for (i = 0; i < KILLS; i++) {
		d.dir = dir = state_new();
		log = log_at_noon(dir);
		atomic_store(d.said, 0);
		for (k = 0; k < 2; k++)
			other_begin(&o[k], fail_until_killed, &d);
		for (k = 0; k < 2; k++)
			(void)other_hear(&o[k]);
		for (k = 0; k < 2; k++)
			other_kill(&o[k]);
		site_open(&s, dir);
		happen(&s, forged("192.0.2.1"), 5);
		log_ratelimit_housekeep(s.log_ratelimit, true);
		site_close(&s);
		/* A process may be killed after it has logged, before it has counted. */
		CHECK("nothing is lost", told(log) >= (int64_t)atomic_load(d.said) + 5);
		CHECK("nothing is made up", told(log) <= (int64_t)atomic_load(d.said) + 5 + 2 * 5);
	}
	(void)munmap(d.said, sizeof(*d.said));
	log_close();
}

/*
 * Files that are there already.
 */

static void
write_at(const char *dir, off_t at, const void *p, size_t len)
{
	char	 path[STATE_PATH];
	int	 fd;

	state_path(path, dir, file);
	fd = open(path, O_WRONLY);
	OTHER_CHECK(fd != -1 && pwrite(fd, p, len, at) == (ssize_t)len);
	(void)close(fd);
}

static void
cut(const char *dir, off_t len)
{
	char	 path[STATE_PATH];

	state_path(path, dir, file);
	OTHER_CHECK(truncate(path, len) == 0);
}

static void
put_u32(const char *dir, off_t at, uint32_t v)
{
	write_at(dir, at, &v, sizeof(v));
}

static void make_text(const char *dir)	{ state_write(dir, file, "not at all one", 14); }
static void make_empty(const char *dir)	{ cut(dir, 0); }
static void make_short(const char *dir)	{ cut(dir, 20); }
static void make_blank(const char *dir)	{ cut(dir, 0); cut(dir, SIZE); }
static void make_cut(const char *dir)	{ cut(dir, HEAD + 100 * PLACE + 7); }
static void make_old(const char *dir)	{ put_u32(dir, VERSION_AT, 0); }
static void make_later(const char *dir)	{ put_u32(dir, VERSION_AT, 2); }
static void make_few(const char *dir)	{ put_u32(dir, PLACES_AT, 255); }

/* A process died while it took a place: some of the texts are those of another failure. */
static void
make_half(const char *dir)
{
	write_at(dir, HEAD, "\0\0\0\0\0\0\0", 8);
	write_at(dir, HEAD + TEXT_AT, "half", 4);
}

/* A power cut has left an index without its place, or a place without its index. */
static void
make_unwritten(const char *dir)
{
	static const char	 zeros[PLACE];

	write_at(dir, HEAD, zeros, sizeof(zeros));
}

static void make_unknown(const char *dir) { write_at(dir, INDEX_AT, "\0\0\0\0\0\0\0", 8); }

/* A copy of the file has holes. */
static void
make_sparse(const char *dir)
{
	char	 path[STATE_PATH], bytes[HEAD + PLACE];
	int	 fd;

	state_path(path, dir, file);
	fd = open(path, O_RDONLY);
	OTHER_CHECK(fd != -1 && read(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	(void)close(fd);
	OTHER_CHECK(unlink(path) == 0);
	state_write(dir, file, bytes, sizeof(bytes));
	cut(dir, SIZE);
}

static const struct met {
	const char	*name;
	void		 (*alter)(const char *dir);
	int		 told;		/* of ten failures before and ten after */
	int		 aside, trouble;
} mets[] = {
	{ "text",	make_text,	LIMIT + 10, 1, 0 },
	{ "empty",	make_empty,	LIMIT + 10, 0, 0 },
	{ "short",	make_short,	LIMIT + 10, 1, 0 },
	{ "blank",	make_blank,	LIMIT + 10, 0, 0 },
	{ "cut short",	make_cut,	LIMIT + 10, 1, 0 },
	{ "older",	make_old,	LIMIT + 10, 1, 0 },
	{ "later",	make_later,	LIMIT + 10, 0, 1 },
	{ "other size",	make_few,	LIMIT + 10, 1, 0 },
	{ "half taken",	make_half,	LIMIT + 10, 0, 0 },
	{ "unwritten",	make_unwritten,	LIMIT + 10, 0, 0 },
	{ "unknown",	make_unknown,	LIMIT + 10, 0, 0 },
	{ "holes",	make_sparse,	20, 0, 0 },
};

struct meeting {
	const char		*dir;
	const struct met	*met;
};

static void
meet_there(struct other *me, void *arg)
{
	const struct meeting	*m = arg;
	const char		*log = log_at_noon(m->dir);
	char			 path[STATE_PATH];
	struct stat		 st;
	struct site		 s;

	(void)me;
	site_open(&s, m->dir);
	happen(&s, forged("192.0.2.1"), 10);
	site_close(&s);
	state_path(path, m->dir, file);
	OTHER_CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600 && st.st_size == SIZE);
	m->met->alter(m->dir);
	site_open(&s, m->dir);
	happen(&s, forged("192.0.2.1"), 10);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	site_close(&s);
	OTHER_CHECK(told(log) == m->met->told);
	OTHER_CHECK(written(log) == (m->met->told == 20 ? LIMIT : 2 * LIMIT));
	OTHER_CHECK(sum_lines(log, "set aside", false) == m->met->aside);
	OTHER_CHECK(sum_lines(log, "what=flood", false) == m->met->aside + m->met->trouble);
	OTHER_CHECK(state_count(m->dir, file, NULL) == 1 + m->met->aside);
	OTHER_CHECK(m->met->trouble != 0 || (stat(path, &st) == 0 && st.st_size == SIZE &&
	    (off_t)st.st_blocks * 512 >= SIZE));
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

static uint64_t
next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 11;
}

static void
ignore(void *ctx, const struct log_ratelimit_entry *e)
{
	const char *const	 text[] = { e->what, e->account, e->error, e->reason, e->peer };
	size_t			 i;
	int			*n = ctx;

	for (i = 0; i < COUNT(text); i++)
		CHECK("printable", unit_is_printable(text[i]));
	CHECK("a level", e->level < LEVEL__MAX);
	(*n)++;
}

/* The places hold random bytes: they are read and written like any other. */
static void
garbage(void **state)
{
	static uint64_t	 words[SIZE / 8];
	const char	*dir = state_new(), *log = log_at_noon(dir);
	uint64_t	 seed = 7;
	struct site	 s;
	int		 i, n = 0;

	(void)state;
	site_open(&s, dir);
	happen(&s, forged("192.0.2.1"), 1);
	for (i = HEAD / 8; i < SIZE / 8; i++)
		words[i] = next_random(&seed) << 11 ^ next_random(&seed);
	for (i = 0; i < PLACES; i++)
		words[INDEX_AT / 8 + i] = words[(HEAD + i * PLACE) / 8];
	write_at(dir, INDEX_AT, words + INDEX_AT / 8, sizeof(words) - INDEX_AT);
	check_err("read", log_ratelimit_read(dir, ignore, &n), ERR_OK);
	check_int("all of them", n, PLACES);
	for (i = 0; i < 100; i++) {
		happen(&s, forged("192.0.2.1"), 1);
		happen(&s, broken("shop", "retry"), 1);
	}
	log_ratelimit_housekeep(s.log_ratelimit, false);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	CHECK("said", summaries(log) > 100);
	site_close(&s);
	log_close();
}

/*
 * Faults.
 */

/* Counts failures while the file cannot be used, and when it can again. */
static void
without_and_with(const char *dir, struct site *s, const char *log, void (*mend)(const char *dir))
{
	happen(s, forged("192.0.2.1"), 10);
	OTHER_CHECK(written(log) == LIMIT);
	OTHER_CHECK(sum_lines(log, "what=flood", false) == 1);
	log_ratelimit_housekeep(s->log_ratelimit, false);
	OTHER_CHECK(told(log) == LIMIT);
	mend(dir);
	atomic_store(&clocks->mono_ahead_ms, -5000);
	happen(s, forged("192.0.2.1"), 1);
	OTHER_CHECK(sum_lines(log, "works again", false) == 0);	/* it waits a second */
	atomic_store(&clocks->mono_ahead_ms, 1001);
	happen(s, forged("192.0.2.1"), 10);
	OTHER_CHECK(sum_lines(log, "works again", false) == 1);
	OTHER_CHECK(state_count(dir, file, NULL) == 1);
	OTHER_CHECK(told(log) == 11 + LIMIT);	/* the counts of its own table are logged */
	log_ratelimit_housekeep(s->log_ratelimit, true);
	OTHER_CHECK(told(log) == 21);
	OTHER_CHECK(sum_lines(log, "what=flood", false) == 2);
}

/* A limit on the size of files is like a full disk. */
static void mend_disk(const char *dir)	{ (void)dir; state_limit_files(RLIM_INFINITY); }
static void mend_mode(const char *dir)	{ OTHER_CHECK(chmod(dir, 0700) == 0); }

static void
full_disk_there(struct other *me, void *arg)
{
	const char	*log = log_at_noon(arg);
	struct site	 s;

	(void)me;
	(void)signal(SIGXFSZ, SIG_IGN);
	site_open(&s, arg);
	state_limit_files(20000);
	without_and_with(arg, &s, log, mend_disk);
	/* The file is there, so no more space is needed. */
	state_limit_files(20000);
	happen(&s, broken("shop", "retry"), 10);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	OTHER_CHECK(told(log) == 31);
	OTHER_CHECK(sum_lines(log, "what=flood", false) == 2);
	site_close(&s);
}

static void
fail_read_only(struct other *me, void *arg)
{
	const char	*log;
	struct site	 s;

	(void)me;
	state_drop_root();
	log = log_at_noon(arg);
	OTHER_CHECK(chmod(arg, 0500) == 0);
	site_open(&s, arg);
	without_and_with(arg, &s, log, mend_mode);
	site_close(&s);
}

static void
directory_there(struct other *me, void *arg)
{
	const char	*log = log_at_noon(arg);
	char		 dir[STATE_PATH];
	struct stat	 st;
	struct site	 s;

	(void)me;
	state_path(dir, arg, "new");
	site_open(&s, dir);
	OTHER_CHECK(stat(dir, &st) == -1);
	happen(&s, forged("192.0.2.1"), 1);
	OTHER_CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	OTHER_CHECK(state_count(dir, file, NULL) == 1);
	OTHER_CHECK(sum_lines(log, "what=flood", false) == 0);
	site_close(&s);
}

/* Somebody holds the lock for taking a place, and does not go on. */
static void
fail_while_locked(struct other *me, void *arg)
{
	const char	*log = log_at_noon(arg);
	struct site	 s;
	struct lock	 c;
	unsigned char	 key[LOCK_KEY];

	(void)me;
	site_open(&s, arg);
	happen(&s, forged("192.0.2.1"), 10);
	lock_name(key, "failures", "");
	OTHER_CHECK(lock_take(s.locks, &c, key, 0) == LOCK_MINE);
	happen(&s, broken("shop", "retry"), 5);
	OTHER_CHECK(written(log) == LIMIT + 5);	/* each line is logged */
	happen(&s, forged("192.0.2.1"), 10);
	OTHER_CHECK(written(log) == LIMIT + 5);	/* a failure with a place needs no lock */
	lock_release(s.locks, &c, false);
	happen(&s, broken("shop", "retry"), 5);
	OTHER_CHECK(written(log) == 2 * LIMIT + 5);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	OTHER_CHECK(told(log) == 30);
	site_close(&s);
}

static void
limiter_faults(void **state)
{
	static const struct {
		const char	*name;
		void		 (*fn)(struct other *me, void *dir);
	} cases[] = {
		{ "read-only directory", fail_read_only }, { "full disk", full_disk_there },
		{ "directory", directory_there }, { "held up", fail_while_locked },
	};
	struct other	 o[COUNT(cases)];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		other_begin(&o[i], cases[i].fn, (void *)(uintptr_t)state_new());
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, other_end(&o[i]), 0);
}

static void
gone(void **state)
{
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct site	 s, other;
	char		 path[STATE_PATH];

	(void)state;
	site_open(&s, dir);
	site_open(&other, dir);
	happen(&s, forged("192.0.2.1"), 10);
	happen(&other, forged("192.0.2.1"), 10);
	state_path(path, dir, file);
	assert_int_equal(unlink(path), 0);
	log_ratelimit_housekeep(s.log_ratelimit, false);
	log_ratelimit_housekeep(other.log_ratelimit, false);
	check_int("what it had is said, once", told(log), 20);
	check_int("by one", summaries(log), 1);
	happen(&s, forged("192.0.2.1"), 10);
	happen(&other, forged("192.0.2.1"), 10);
	check_int("a new one", written(log), 2 * LIMIT);
	check_int("there", state_count(dir, file, NULL), 1);
	log_ratelimit_housekeep(other.log_ratelimit, true);
	check_int("none is lost", told(log), 40);
	site_close(&s);
	site_close(&other);
	log_close();
}

/*
 * Reading.
 */

struct reading {
	struct log_ratelimit_entry	 e[8];
	int				 n;
};

static void
keep_entry(void *ctx, const struct log_ratelimit_entry *e)
{
	struct reading	*r = ctx;

	if (r->n < (int)COUNT(r->e))
		r->e[r->n] = *e;
	r->n++;
}

static void
reading(void **state)
{
	const char	*dir = state_new();
	struct reading	 r = { .n = 0 };
	struct site	 s;

	(void)state;
	(void)log_at_noon(dir);
	site_open(&s, dir);
	happen(&s, forged("192.0.2.1"), 10);
	later(500);
	happen(&s, broken("other", "Httpapi_300_101"), 2);
	later(500);
	happen(&s, forged("192.0.2.1"), 2);
	check_err("read", log_ratelimit_read(dir, keep_entry, &r), ERR_OK);
	check_int("each", r.n, 2);
	check_int("the newest first", (int64_t)r.e[0].count, 12);
	check_int("since", r.e[0].first_ms, noon_ms);
	check_int("until", r.e[0].last_ms, noon_ms + 1000);
	check_int("level", r.e[0].level, LEVEL_NOTICE);
	check_text("what", r.e[0].what, "request");
	check_text("account", r.e[0].account, "shop");
	check_text("error", r.e[0].error, "signature mismatch");
	check_text("reason", r.e[0].reason, "");
	check_text("peer", r.e[0].peer, "192.0.2.1");
	check_text("its reason", r.e[1].reason, "Httpapi_300_101");
	check_text("no peer", r.e[1].peer, "");

	/* The count stays when it is logged; after a day without a failure it begins at 0. */
	later(MINUTE_MS);
	log_ratelimit_housekeep(s.log_ratelimit, true);
	r.n = 0;
	check_err("read", log_ratelimit_read(dir, keep_entry, &r), ERR_OK);
	check_int("as it was", (int64_t)r.e[0].count, 12);
	later(INT64_C(86400000) + 1);
	happen(&s, forged("192.0.2.1"), 1);
	r.n = 0;
	check_err("read", log_ratelimit_read(dir, keep_entry, &r), ERR_OK);
	check_int("again", (int64_t)r.e[0].count, 1);
	check_int("since then", r.e[0].first_ms, r.e[0].last_ms);
	site_close(&s);
	log_close();
}

static void
reading_nothing(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	struct reading	 r = { .n = 0 };

	(void)state;
	state_path(path, dir, "none");
	check_err("no directory", log_ratelimit_read(path, keep_entry, &r), ERR_OK);
	check_err("no file", log_ratelimit_read(dir, keep_entry, &r), ERR_OK);
	state_write(dir, file, "something else", 14);
	check_err("another layout", log_ratelimit_read(dir, keep_entry, &r), ERR_OK);
	state_write(dir, "plain", "", 0);
	state_path(path, dir, "plain");
	check_err("no directory at all", log_ratelimit_read(path, keep_entry, &r), ERR_STORE);
	state_path(path, dir, file);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("no file at all", log_ratelimit_read(dir, keep_entry, &r), ERR_STORE);
	check_int("none", r.n, 0);
	(void)rmdir(path);
}

static void
fail_with(struct site *s, const char *account, struct slice peer)
{
	struct log_ratelimit_failure	 x = { LEVEL_NOTICE, "request", account, "e", "", peer };

	happen(s, x, LIMIT + 2);
	log_ratelimit_housekeep(s->log_ratelimit, true);
}

/* Bytes that a client has sent cannot leave their value, in the log and in what is read. */
static void
hostile_bytes(void **state)
{
	static const char	 chinese[] = "p" FOUR_SHOPS FOUR_SHOPS FOUR_SHOPS FOUR_SHOPS
				    FOUR_SHOPS FOUR_SHOPS FOUR_SHOPS;
	static char	 longer[2][500];
	static const struct {
		const char	*name, *account;
		struct slice	 peer;
		const char	*want;		/* in the line what=repeated */
		const char	*read;		/* the peer that is read */
	} cases[] = {
		{ "line end", "a", BYTES("1.2.3.4\nlevel=error"),
		    "account=a error=e peer=\"1.2.3.4\\x0alevel=error\"", "1.2.3.4?level=error" },
		{ "quote", "a", BYTES("\" count=1 x=\""),
		    "account=a error=e peer=\"\\\" count=1 x=\\\"\"", "\" count=1 x=\"" },
		{ "escape", "a", BYTES("\x1b[31m\xff\x80"),
		    "account=a error=e peer=\"\\x1b[31m\\xff\\x80\"", "?[31m??" },
		{ "NUL ends it", "a", BYTES("1.2.3.4\0x"), "account=a error=e peer=1.2.3.4 ",
		    "1.2.3.4" },
		{ "name", "\xE5\xBA\x97", BYTES("p"),
		    "account=\xE5\xBA\x97 error=e peer=p", "p" },
		{ "cut between characters", "a", { chinese, sizeof(chinese) - 1 },
		    "account=a error=e peer=p\xE5\xBA\x97", NULL },
		{ "override of the direction", "a", BYTES("p\xE2\x80\xAE"),
		    "account=a error=e peer=\"p\\xe2\\x80\\xae\"", "p?" },
		{ "long", "a", { longer[0], sizeof(longer[0]) }, "account=a error=e peer=llll",
		    NULL },
		{ "long, too", "a", { longer[1], sizeof(longer[1]) },
		    "account=a error=e peer=llll", NULL },
	};
	const char	*dir = state_new(), *log = log_at_noon(dir);
	struct reading	 r;
	struct site	 s;
	size_t		 i;

	(void)state;
	memset(longer, 'l', sizeof(longer));
	longer[1][499] = 'L';
	site_open(&s, dir);
	for (i = 0; i < COUNT(cases); i++) {
		later(1);
		fail_with(&s, cases[i].account, cases[i].peer);
		CHECK(cases[i].name, strstr(last_line(log), cases[i].want) != NULL);
		CHECK(cases[i].name, strstr(last_line(log), " count=2 ") != NULL);
		r.n = 0;
		check_err(cases[i].name, log_ratelimit_read(dir, keep_entry, &r), ERR_OK);
		check_int(cases[i].name, r.n, (int64_t)i + 1);
		if (cases[i].read != NULL)
			check_text(cases[i].name, r.e[0].peer, cases[i].read);
		CHECK(cases[i].name, strlen(r.e[0].peer) < LOG_RATELIMIT_TEXT);
	}
	site_close(&s);
	log_close();
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(met_before), TEST(limiter_faults), TEST(fail_all_at_once),
		TEST(death_of_limiter), TEST(a_minute),
		TEST(the_last_call), TEST(said_by_others), TEST(one_by_one), TEST(without),
		TEST(levels), TEST(differing_keys), TEST(clocks_that_are_set), TEST(many_peers),
		TEST(no_room), TEST(replaced), TEST(garbage), TEST(gone), TEST(reading),
		TEST(reading_nothing), TEST(hostile_bytes),
	};

	return RUN("flood", tests);
}
