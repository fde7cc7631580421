#include <string.h>

#include "state/lease.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/stub_store.h"
#include "tests/unit/unit.h"

/*
 * A store that two hosts share, as far as leases go: it has room for one row.
 */

static struct {
	char	 name[LOCK_KEY];
	int64_t	 owner;		/* 0: there is no row */
	int64_t	 until_ms, now_ms;	/* by the server's clock */
	int	 writes;
	struct stub_server	 stub;
} server;

static enum error
drop_row(enum sql sql, const struct db_value *v, size_t n)
{
	check_int("statement", sql, SQL_LEASE_DROP);
	check_int("values", (int64_t)n, 2);
	if (server.owner == v[1].i && memcmp(server.name, v[0].s.p, LOCK_KEY) == 0)
		server.owner = 0;
	return ERR_OK;
}

static enum error
take_row(enum sql sql, const struct db_value *v, size_t n, bool *is_there, int64_t *number)
{
	check_int("statement", sql, SQL_LEASE_TAKE);
	check_int("values", (int64_t)n, 3);
	*is_there = server.owner == 0 || server.owner == v[1].i || server.until_ms < server.now_ms;
	if (*is_there) {
		memcpy(server.name, v[0].s.p, LOCK_KEY);
		server.owner = *number = v[1].i;
		server.until_ms = server.now_ms + v[2].i;
		server.writes++;
	}
	return ERR_OK;
}

/* Two hosts: each has its own state directory. */
struct hosts {
	struct settings	 set[2];
	struct locks	*locks[2];
	struct store	*s[2];
};

static void
begin_hosts(struct hosts *h)
{
	int	 i;

	memset(&server, 0, sizeof(server));
	server.stub = (struct stub_server){ .ask = take_row, .run = drop_row };
	server.now_ms = 1000000;
	for (i = 0; i < 2; i++) {
		h->set[i] = (struct settings){ .state_dir = state_new() };
		assert_non_null(h->locks[i] = lock_new(h->set[i].state_dir));
		h->s[i] = stub_store_new(&h->set[i], h->locks[i], &server.stub);
	}
}

static void
end_hosts(struct hosts *h)
{
	int	 i;

	for (i = 0; i < 2; i++) {
		store_free(h->s[i]);
		lock_free(h->locks[i]);
	}
}

/* Time goes by for all clocks. */
static void
pass(int64_t ms)
{
	clocks->mono_ahead_ms += ms;
	server.now_ms += ms;
}

/* Of two hosts one has it, until it ends it, or does not keep it. */
static void
of_two_hosts(void **state)
{
	struct hosts	 h;
	struct lease	 a, b;
	int		 i;

	(void)state;
	begin_hosts(&h);
	check_int("taken", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_MINE);
	check_int("by one", lease_take(h.s[1], &b, "drain", "x", 0), LOCK_BUSY);
	lease_end(h.s[0], &a, false);
	check_int("free", lease_take(h.s[1], &b, "drain", "x", 0), LOCK_MINE);
	server.writes = 0;
	for (i = 0; i < 100; i++)
		CHECK("kept", lease_keep(h.s[1], &b));
	check_int("for nothing", server.writes, 0);
	for (i = 0; i < 20; i++) {
		pass(LEASE_KEEP_MS);
		CHECK("kept in time", lease_keep(h.s[1], &b));
		check_int("still by one", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_BUSY);
	}
	check_int("a write each", server.writes, 20);
	pass(LEASE_MS + 1);
	check_int("after its end", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_MINE);
	CHECK("that host knows", !lease_keep(h.s[1], &b));
	lease_end(h.s[1], &b, false);
	CHECK("its end is not the other's", server.owner != 0 && lease_keep(h.s[0], &a));
	lease_end(h.s[0], &a, false);
	end_hosts(&h);
}

/* A host was frozen; meanwhile another one had the lease and has given it back. */
static void
of_a_frozen_host(void **state)
{
	struct hosts	 h;
	struct lease	 a, b;

	(void)state;
	begin_hosts(&h);
	check_int("taken", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_MINE);
	pass(LEASE_MS + 1);
	check_int("elsewhere", lease_take(h.s[1], &b, "drain", "x", 0), LOCK_MINE);
	lease_end(h.s[1], &b, false);
	CHECK("it has ended", !lease_keep(h.s[0], &a));
	CHECK("and is not taken again", !lease_keep(h.s[0], &a) && server.owner == 0);
	lease_end(h.s[0], &a, false);
	check_int("again", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_MINE);
	pass(LEASE_MS - 1000);		/* nobody else has it yet, but that is too near */
	CHECK("near its end", !lease_keep(h.s[0], &a));
	lease_end(h.s[0], &a, false);
	end_hosts(&h);
}

/* The store is away. */
static void
without_the_store(void **state)
{
	struct hosts	 h;
	struct lease	 a, b;

	(void)state;
	begin_hosts(&h);
	check_int("taken", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_MINE);
	server.stub.is_away = true;
	pass(LEASE_KEEP_MS);
	CHECK("until its end", lease_keep(h.s[0], &a));
	pass(LEASE_KEEP_MS);
	CHECK("it goes on", lease_keep(h.s[0], &a));
	pass(LEASE_KEEP_MS);
	CHECK("and not longer", !lease_keep(h.s[0], &a));
	lease_end(h.s[0], &a, false);
	check_int("not to be taken", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_BUSY);
	check_int("but tried", lease_try(h.s[0], &a, "probe", "x"), LOCK_MINE);
	check_int("by one of the host", lease_try(h.s[0], &b, "probe", "x"), LOCK_BUSY);
	pass(10 * LEASE_MS);
	server.stub.uses = 0;
	CHECK("kept", lease_keep(h.s[0], &a));
	lease_end(h.s[0], &a, false);
	check_int("without the store", server.stub.uses, 0);
	server.stub.is_away = false;
	server.owner = 0;
	check_int("the store is back", lease_try(h.s[0], &a, "probe", "x"), LOCK_MINE);
	check_int("one of all hosts", lease_try(h.s[1], &b, "probe", "x"), LOCK_BUSY);
	lease_end(h.s[0], &a, false);
	end_hosts(&h);
}

/* After a failure the row may be gone: it is written before the lease is relied on. */
static void
in_doubt(void **state)
{
	struct hosts	 h;
	struct lease	 a, b;

	(void)state;
	begin_hosts(&h);
	check_int("taken", lease_take(h.s[0], &a, "drain", "x", 0), LOCK_MINE);
	server.owner = 0;		/* a standby without the row is the primary now */
	lease_doubt(&a);
	CHECK("written again", lease_keep(h.s[0], &a) && server.owner != 0);
	server.owner = 0;
	check_int("another one was first", lease_take(h.s[1], &b, "drain", "x", 0), LOCK_MINE);
	CHECK("not known yet", lease_keep(h.s[0], &a));
	lease_doubt(&a);
	CHECK("known", !lease_keep(h.s[0], &a));
	lease_end(h.s[0], &a, false);
	lease_end(h.s[1], &b, false);
	end_hosts(&h);
}

/* For what is done once. */
static void
left_behind(void **state)
{
	struct hosts	 h;
	struct lease	 a, b;

	(void)state;
	begin_hosts(&h);
	check_int("taken", lease_take_long(h.s[0], &a, "summary", "1", 0), LOCK_MINE);
	lease_leave(h.s[0], &a, 3600000);
	check_int("not again", lease_take_long(h.s[1], &b, "summary", "1", 0), LOCK_BUSY);
	pass(LEASE_LONG_MS * 2);
	check_int("nor later", lease_take_long(h.s[0], &a, "summary", "1", 0), LOCK_BUSY);
	pass(3600000);
	check_int("but in the end", lease_take_long(h.s[1], &b, "summary", "1", 0), LOCK_MINE);
	lease_end(h.s[1], &b, false);
	end_hosts(&h);
}

/* For work whose steps are long. */
static void
of_long_work(void **state)
{
	struct hosts	 h;
	struct lease	 a, b;

	(void)state;
	begin_hosts(&h);
	check_int("taken", lease_take_long(h.s[0], &a, "followers", "wx", 0), LOCK_MINE);
	pass(LEASE_LONG_KEEP_MS * 2);
	check_int("after two steps", lease_take_long(h.s[1], &b, "followers", "wx", 0), LOCK_BUSY);
	CHECK("kept", lease_keep(h.s[0], &a));
	pass(LEASE_LONG_MS + 1);
	check_int("dead", lease_take_long(h.s[1], &b, "followers", "wx", 0), LOCK_MINE);
	CHECK("lost", !lease_keep(h.s[0], &a));
	lease_end(h.s[0], &a, false);
	lease_end(h.s[1], &b, false);
	end_hosts(&h);
}

/* Where no other host shares the store, a lease is a lock. */
static void
of_one_host(void **state)
{
	struct settings	 set = { .state_dir = state_new() };
	struct locks	*locks[2];
	struct store	*s[2];
	struct lease	 l[2];
	int		 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_non_null(locks[i] = lock_new(set.state_dir));
		assert_non_null(s[i] = store_new_local(&set, locks[i], STORE_BRIEF));
	}
	CHECK("not shared", !store_is_shared(s[0]));
	check_int("taken", lease_take(s[0], &l[0], "drain", "a", 0), LOCK_MINE);
	check_int("by one", lease_take(s[0], &l[1], "drain", "a", 0), LOCK_BUSY);
	check_int("tried", lease_try(s[0], &l[1], "drain", "a"), LOCK_BUSY);
	check_int("another name", lease_take_long(s[0], &l[1], "drain", "b", 0), LOCK_MINE);
	pass(10 * LEASE_LONG_MS);
	lease_doubt(&l[0]);
	CHECK("kept", lease_keep(s[0], &l[0]) && lease_keep(s[0], &l[1]));
	lease_end(s[0], &l[0], false);
	check_int("free", lease_take(s[0], &l[0], "drain", "a", 0), LOCK_MINE);
	lease_end(s[0], &l[0], false);
	lease_end(s[0], &l[1], false);
	for (i = 0; i < 2; i++) {
		store_free(s[i]);
		lock_free(locks[i]);
	}
	check_int("no database was needed", state_count(set.state_dir, "qtoa.db", NULL), 0);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(of_two_hosts),
		TEST(of_a_frozen_host),
		TEST(without_the_store),
		TEST(in_doubt),
		TEST(left_behind),
		TEST(of_long_work),
		TEST(of_one_host),
	};

	return RUN("lease", tests);
}
