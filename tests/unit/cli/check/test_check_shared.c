#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check/check_shared.h"
#include "tests/unit/unit.h"

/* A server that is as it should be; a case changes some of it. */
static const struct store_worth	 good = {
	.is_connected = true, .where = "db1:5432", .version = "PostgreSQL 15.20", .is_asked = true,
	.syncs = true, .writes_full_pages = true, .standbys = "ANY 1 (a, b)", .waited_for = 2,
	.following = 2, .ahead_ms = -12, .is_encrypted = true, .schema = 7, .ours = 7,
	.may_create = true, .probes = 100, .p50_us = 450, .p99_us = 2310,
};

static void	no_connection(struct store_worth *w) { w->is_connected = false; }
static void	standby(struct store_worth *w) { w->is_standby = true; }
static void	read_only(struct store_worth *w) { w->is_read_only = true; }
static void	silent(struct store_worth *w) { w->is_asked = false; }
static void	newer(struct store_worth *w) { w->schema = 8; }
static void	older(struct store_worth *w) { w->schema = 6; }
static void	empty(struct store_worth *w) { w->schema = -1; }
static void	no_sync(struct store_worth *w) { w->syncs = false; }
static void	torn(struct store_worth *w) { w->writes_full_pages = false; }
static void	off(struct store_worth *w) { w->is_off = true; }
static void	ahead(struct store_worth *w) { w->ahead_ms = 3600000; }
static void	behind(struct store_worth *w) { w->ahead_ms = -31000; }
static void	slow(struct store_worth *w) { w->p99_us = 300001; }
static void	failing(struct store_worth *w) { w->failed = w->probes = 1; }
static void	plain(struct store_worth *w) { w->is_encrypted = false; }
static void	unseen(struct store_worth *w) { w->waited_for = -1; }
static void	unfollowed(struct store_worth *w) { w->waited_for = w->following = 0; }
static void	forbidden(struct store_worth *w) { (void)strcpy(w->forbidden, "event, seen"); }
static void	no_create(struct store_worth *w) { w->may_create = false; }

static void
near(struct store_worth *w)
{
	plain(w);
	w->is_near = true;
}

static void
asynchronous(struct store_worth *w)
{
	w->standbys[0] = '\0';
	w->waited_for = 0;
}

static void
alone(struct store_worth *w)
{
	asynchronous(w);
	w->following = 0;
}

static void
older_no_create(struct store_worth *w)
{
	older(w);
	no_create(w);
}

/* With each of these, how many results fail, how many warn, and what is said. */
static void
worth(void **state)
{
	static const struct {
		const char	*name;
		void		 (*change)(struct store_worth *w);
		enum conf_store_ack ack;
		bool		 usable;
		int		 failed, warnings;
		const char	*said;
	} cases[] = {
		{ "replica", NULL, REPLICA, true, 0, 0, "two disks have it" },
		{ "its standbys", NULL, REPLICA, true, 0, 0, "(ANY 1 (a, b))" },
		{ "commits", NULL, REPLICA, true, 0, 0, "half took up to 0.4 ms and 99 of 100 up to "
		    "2.3 ms; store_ms allows 300" },
		{ "clock", NULL, DISK, true, 0, 0, "12 ms from this host's" },
		{ "TLS", NULL, DISK, true, 0, 0, "db1:5432, PostgreSQL 15.20, with TLS" },
		{ "disk, could be replica", NULL, DISK, true, 0, 0, "with store_ack = REPLICA" },
		{ "disk, asynchronous", asynchronous, DISK, true, 0, 0, "may be lost" },
		{ "disk, alone", alone, DISK, true, 0, 0, "if that disk is lost" },
		{ "replica, asynchronous", asynchronous, REPLICA, false, 1, 0, "does not start" },
		{ "replica, nobody follows", unfollowed, REPLICA, false, 1, 0, "not one follows" },
		{ "replica, not seen", unseen, REPLICA, true, 0, 0, "two disks have it" },
		{ "no connection", no_connection, DISK, false, 1, 0, "cannot be used" },
		{ "standby", standby, DISK, false, 1, 0, "is a standby" },
		{ "read only", read_only, DISK, false, 1, 0, "default_transaction_read_only" },
		{ "says nothing", silent, DISK, true, 0, 1, "is not known" },
		{ "newer", newer, DISK, false, 1, 0, "version 8 where this one knows 7" },
		{ "older", older, DISK, true, 0, 0, "migrates them to 7" },
		{ "empty", empty, DISK, true, 0, 0, "no tables yet" },
		{ "no fsync", no_sync, DISK, false, 1, 0, "fsync is off" },
		{ "no fsync, replica", no_sync, REPLICA, false, 1, 0, "fsync is off" },
		{ "torn pages", torn, DISK, true, 0, 1, "full_page_writes" },
		{ "synchronous_commit off", off, DISK, true, 0, 0, "sets it itself" },
		{ "clock ahead", ahead, DISK, true, 0, 1, "3600 s ahead of" },
		{ "clock behind", behind, DISK, true, 0, 1, "31 s behind" },
		{ "slow", slow, DISK, true, 0, 1, "store_ms is 300" },
		{ "failing", failing, DISK, false, 1, 0, "a commit failed" },
		{ "not encrypted", plain, DISK, true, 0, 1, "sslmode=verify-full" },
		{ "not encrypted, near", near, DISK, true, 0, 0, "on this host" },
		{ "forbidden", forbidden, DISK, false, 1, 0, "event, seen" },
		{ "no tables may be made", no_create, DISK, true, 0, 1, "a newer qtoa" },
		{ "but must be", older_no_create, DISK, false, 1, 0, "this qtoa" },
	};
	struct settings		 set = { .store_ms = 300 };
	struct check_results	 r;
	struct store_worth	 w;
	char			*text;
	size_t			 i, len;
	FILE			*out;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		w = good;
		if (cases[i].change != NULL)
			cases[i].change(&w);
		set.store_ack = cases[i].ack;
		assert_non_null(out = open_memstream(&text, &len));
		check_result_begin(&r, out, false);
		CHECK(cases[i].name, check_shared_worth(&r, &set, &w) == cases[i].usable);
		(void)check_result_end(&r);
		(void)fclose(out);
		check_int(cases[i].name, r.n[CHECK_FAILED], cases[i].failed);
		check_int(cases[i].name, r.n[CHECK_WARNING], cases[i].warnings);
		if (!CHECK(cases[i].name, strstr(text, cases[i].said) != NULL))
			(void)fprintf(stderr, "%s", text);
		free(text);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(worth),
	};

	return RUN("check_shared", tests);
}
