#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/random.h"
#include "state/hosts.h"
#include "state/host_counters.h"
#include "state/host_file.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { HOUR_S = 3600, ACCOUNTS = 150 };

static int64_t
at(const char *text, int hour)
{
	int64_t	 day = -1;

	assert_true(calendar_parse_day(&day, slice_of(text)));
	return calendar_day_start(day) + hour * HOUR_S;
}

/* Accounts a0, a1, ... and what they count. */
struct place {
	struct conf	 conf;
	struct account	 accounts[ACCOUNTS];
	char		 paths[ACCOUNTS][16];
	struct locks	*locks;
	struct counters	*counters;
};

static struct place *
open_place(void)
{
	struct place	*p = calloc(1, sizeof(*p));
	int		 i;

	assert_non_null(p);
	p->conf.set.state_dir = state_new();
	p->conf.accounts = p->accounts;
	p->conf.n = ACCOUNTS;
	for (i = 0; i < ACCOUNTS; i++) {
		(void)snprintf(p->paths[i], sizeof(p->paths[i]), "a%d", i);
		p->accounts[i].path = p->accounts[i].name = p->paths[i];
	}
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->counters = counters_new(&p->conf, p->locks));
	return p;
}

static void
close_place(struct place *p)
{
	counters_free(p->counters);
	lock_free(p->locks);
	free(p);
}

static void
request(struct place *p, int account, int64_t time_s)
{
	counters_request(p->counters, &(struct counters_request){
	    .account = account == -1 ? NULL : &p->accounts[account], .end = COUNTER_QUEUED,
	    .came_ms = time_s * 1000, .ms = 7, .qt_ms = -1, .event = -1 });
}

/* Which hours are taken from a time on, how many rows, and where that ends. */
static void
hours_taken(void **state)
{
	const int64_t			 now_s = at("2026-11-22", 10) + 1800;
	struct place			*p = open_place();
	struct host_counters_rows	 r = { .home = 5 };
	int64_t				 until_s;
	size_t				 i;
	static const struct {
		const char	*name, *from;
		int		 hour;
		size_t		 rows;
	} cases[] = {
		{ "all", "2026-11-01", 0, 4 },
		{ "from a day without a file", "2026-11-21", 0, 2 },
		{ "of today", "2026-11-22", 0, 2 },
		{ "of this hour", "2026-11-22", 10, 1 },
		{ "the day before", "2026-11-20", 23, 3 },
		{ "begins before its first hour", "2026-11-20", 22, 3 },
	};

	(void)state;
	request(p, -1, at("2026-11-19", 3));
	request(p, 0, at("2026-11-20", 23));
	request(p, 0, at("2026-11-22", 0));
	request(p, 1, at("2026-11-22", 10));
	request(p, 1, at("2026-11-22", 10) + 60);
	check_int("requests of this process", (int64_t)counters_counted(p->counters), 5);
	for (i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].name, host_counters_take(&r, p->conf.set.state_dir,
		    at(cases[i].from, cases[i].hour), now_s, &until_s), ERR_OK);
		check_int(cases[i].name, (int64_t)r.n, (int64_t)cases[i].rows);
		CHECK(cases[i].name, until_s > now_s);
	}
	check_err("nothing", host_counters_take(&r, p->conf.set.state_dir, now_s + HOUR_S,
	    now_s + HOUR_S, &until_s), ERR_OK);
	check_int("nothing", (int64_t)r.n, 0);
	host_counters_free(&r);
	close_place(p);
}

/* With many accounts it takes some hours at a time, and always comes further. */
static void
many_rows(void **state)
{
	const int64_t			 begin_s = at("2026-11-20", 20);
	const int64_t			 now_s = at("2026-11-21", 3);
	struct place			*p = open_place();
	struct host_counters_rows	 r = { .home = 5 };
	int64_t				 from_s, until_s = begin_s, hour;
	size_t				 total = 0;
	int				 i, steps;

	(void)state;
	for (hour = begin_s; hour <= now_s; hour += HOUR_S)
		for (i = 0; i < ACCOUNTS; i++)
			request(p, i, hour);
	for (steps = 0; until_s <= now_s && steps < 20; steps++) {
		from_s = until_s - 600;
		check_err("taken", host_counters_take(&r, p->conf.set.state_dir, from_s, now_s,
		    &until_s), ERR_OK);
		CHECK("further", until_s > from_s + 600);
		CHECK("not all at once", r.n <= 3 * ACCOUNTS);
		total += r.n;
	}
	CHECK("all", until_s > now_s && total >= 8 * ACCOUNTS);
	host_counters_free(&r);
	close_place(p);
}

struct files {
	int64_t	 v[4];
	int	 n;
};

static void
take_file(void *ctx, const struct counter_hour *h)
{
	struct files	*f = ctx;

	if (f->n < 4)
		f->v[f->n++] = h->file;
}

/* Each day's file has a number, also one in the place of a file that was removed. */
static void
numbers_of_files(void **state)
{
	struct place	*p = open_place();
	const char	*dir = p->conf.set.state_dir;
	struct files	 f = { .n = 0 };
	char		 path[STATE_PATH];

	(void)state;
	request(p, 0, at("2026-11-20", 1));
	request(p, 0, at("2026-11-21", 1));
	check_err("read", counters_read_hours(dir, at("2026-11-20", 0), at("2026-11-21", 1),
	    take_file, &f), ERR_OK);
	state_path(path, dir, "qtoa.tally-20261121");
	check_int("removed", unlink(path), 0);
	counters_housekeep(p->counters, at("2026-11-21", 2) * 1000);
	request(p, 0, at("2026-11-21", 2));
	check_err("read", counters_read_hours(dir, at("2026-11-21", 0), at("2026-11-21", 5),
	    take_file, &f), ERR_OK);
	check_int("hours", f.n, 3);
	CHECK("they differ", f.v[0] > 0 && f.v[1] > 0 && f.v[2] > 0 && f.v[0] != f.v[1] &&
	    f.v[1] != f.v[2]);
	close_place(p);
}

/* Commits to the shared store have a slot of their own in the totals. */
struct store_slot {
	uint64_t	 fallbacks, commits, sum_ms;
	int		 slots;
};

static void
take_store(void *ctx, struct slice account, const struct counter_total *t)
{
	struct store_slot	*s = ctx;
	int			 i;

	if (!counters_is_store(account))
		return;
	s->slots++;
	s->fallbacks = t->sum.count[COUNTER_STORE_FALLBACK];
	s->sum_ms = t->sum.sum_ms[COUNTER_WAITED];
	for (i = 0; i < COUNTER_BUCKETS; i++)
		s->commits += t->sum.bucket[COUNTER_WAITED][i];
}

static void
commits(void **state)
{
	struct place		*p = open_place();
	struct store_slot	 s = { .slots = 0 };

	(void)state;
	request(p, -1, at("2026-11-20", 1));
	counters_commit(p->counters, 3);
	counters_commit(p->counters, 40);
	counters_fallback(p->counters);
	counters_commit(NULL, 1);
	counters_fallback(NULL);
	check_err("read", counters_totals(p->conf.set.state_dir, take_store, &s), ERR_OK);
	check_int("slots", s.slots, 1);
	check_int("commits", (int64_t)s.commits, 2);
	check_int("ms", (int64_t)s.sum_ms, 43);
	check_int("fallbacks", (int64_t)s.fallbacks, 1);
	CHECK("no account", !counters_is_store(slice_of("")) &&
	    !counters_is_store(slice_of("store")));
	close_place(p);
}

/* The file: what was written is read; what is not such a file reads as zeros. */
static void
host_files(void **state)
{
	const char		*dir = state_new();
	const struct host_file	 zeros = { .home = 0 };
	struct host_file	 f, g = {
		.home = 1, .pulse = 2, .next_pulse = 3, .seen_ms = 4, .tried_ms = 5,
		.counted_s = 6, .degraded_ms = 7,
	};

	(void)state;
	CHECK("no file", host_file_read(&f, dir) && memcmp(&f, &zeros, sizeof(f)) == 0);
	check_int("no file", host_file_home(dir), 0);
	CHECK("written", host_file_write(&g, dir));
	CHECK("read", host_file_read(&f, dir) && memcmp(&f, &g, sizeof(f)) == 0);
	check_int("home", host_file_home(dir), 1);
	state_write(dir, "qtoa.host", "something else, which is as long as a file of the program "
	    "must be to count as one: a hundred and twenty eight bytes, or even more", 127);
	CHECK("another file", host_file_read(&f, dir) && memcmp(&f, &zeros, sizeof(f)) == 0);
	CHECK("written over it", host_file_write(&g, dir) && host_file_home(dir) == 1);
	state_write(dir, "qtoa.host", "", 0);
	CHECK("empty", host_file_read(&f, dir) && f.home == 0);
	CHECK("no directory", !host_file_write(&g, "/nowhere/at/all"));
}

/* Where no hosts share the store there is nothing to do, and no file is made. */
static void
of_one_host(void **state)
{
	struct place		*p = open_place();
	const struct settings	*set = &p->conf.set;
	struct store		*s = store_new(set, p->locks, STORE_SERVER);
	struct hosts		*h = hosts_new(set, s, p->locks, p->counters, STORE_SERVER);

	(void)state;
	assert_non_null(s);
	assert_non_null(h);
	CHECK("not due", !hosts_is_due(h));
	CHECK("nothing to do", hosts_turn(h, 0) == INT64_MAX);
	hosts_stop(h, 0);
	check_int("no file", state_count(set->state_dir, "qtoa.host", NULL), 0);
	hosts_free(h);
	store_free(s);
	close_place(p);
}

static void
names(void **state)
{
	struct settings	 set = { .host = "shanghai-1" };
	char		 name[HOSTS_NAME], system[HOSTS_NAME];

	(void)state;
	hosts_name(name, &set);
	check_text("of the settings", name, "shanghai-1");
	set.host = NULL;
	hosts_name(name, &set);
	assert_int_equal(gethostname(system, sizeof(system)), 0);
	check_text("of the system", name, *system != '\0' ? system : "localhost");
}

/* A host that must be there and is not. */
static void
lost(void **state)
{
	static const struct {
		const char	*name;
		struct hosts_seen s;
		bool		 is;
	} cases[] = {
		{ "seen", { .is_server = true, .age_ms = 1000 }, false },
		{ "almost", { .is_server = true, .age_ms = HOSTS_LOST_MS - 1 }, false },
		{ "lost", { .is_server = true, .age_ms = HOSTS_LOST_MS }, true },
		{ "ended", { .is_server = true, .has_stopped = true, .age_ms = HOSTS_LOST_MS },
		    false },
		{ "CGI", { .age_ms = HOSTS_LOST_MS }, false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		CHECK(cases[i].name, hosts_is_lost(&cases[i].s) == cases[i].is);
	CHECK("numbers", random_id() > 0 && random_id() != random_id());
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(hours_taken), TEST(many_rows), TEST(numbers_of_files), TEST(commits),
		TEST(host_files), TEST(of_one_host), TEST(names), TEST(lost),
	};

	return RUN("hosts", tests);
}
