#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/store_look.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/stub_store.h"
#include "tests/unit/unit.h"

/* A store that hosts share, as far as a look goes. */
static struct {
	int64_t	 waits;
	bool	 fails;
	int	 looks;
} server;

static enum error
look_for_work(enum sql sql, const struct db_value *v, size_t n, bool *is_there, int64_t *number)
{
	(void)v;
	check_int("statement", sql, SQL_STORE_WAITS);
	check_int("values", (int64_t)n, 0);
	server.looks++;
	*is_there = true;
	*number = server.waits;
	return server.fails ? ERR_STORE : ERR_OK;
}

static struct stub_server	 stub = { .ask = look_for_work };

struct host {
	struct settings	 set;
	struct locks	*locks;
	struct store	*s;
};

static void
begin_host(struct host *h)
{
	server.waits = server.looks = 0;
	server.fails = false;
	h->set = (struct settings){ .state_dir = state_new() };
	assert_non_null(h->locks = lock_new(h->set.state_dir));
	h->s = stub_store_new(&h->set, h->locks, &stub);
	clocks->wall_ms = clock_wall_ms();
}

static void
end_host(struct host *h)
{
	clocks->wall_ms = 0;
	store_free(h->s);
	lock_free(h->locks);
}

static void
look(const struct host *h)
{
	store_look(h->s, h->set.state_dir, 0);
}

/* One process of the host looks each second, and the flag tells the others. */
static void
once_a_second(void **state)
{
	struct host	 h;
	int		 i;

	(void)state;
	begin_host(&h);
	for (i = 0; i < 5; i++)
		look(&h);
	check_int("once", server.looks, 1);
	CHECK("nothing waits", !store_is_raised(h.s));
	server.waits = 1;
	clocks->wall_ms += STORE_LOOK_MS / 2;
	look(&h);
	CHECK("too early", !store_is_raised(h.s));
	clocks->wall_ms += STORE_LOOK_MS / 2;
	look(&h);
	CHECK("something waits", store_is_raised(h.s) && server.looks == 2);
	CHECK("it did not fail", !store_look_has_failed(h.s, h.set.state_dir));
	end_host(&h);
}

/* While the store fails it is not asked so often, and others of the host know it. */
static void
failing(void **state)
{
	struct host	 h;
	int		 i;

	(void)state;
	begin_host(&h);
	server.fails = true;
	for (i = 0; i < 3; i++)
		look(&h);
	check_int("once", server.looks, 1);
	CHECK("known", store_look_has_failed(h.s, h.set.state_dir));
	clocks->wall_ms += STORE_LOOK_MS;
	look(&h);
	check_int("not yet", server.looks, 1);
	clocks->wall_ms += 2 * STORE_LOOK_MS;
	CHECK("forgotten", !store_look_has_failed(h.s, h.set.state_dir));
	server.fails = false;
	server.waits = 1;
	look(&h);
	CHECK("it works", server.looks == 2 && store_is_raised(h.s));
	CHECK("known, too", !store_look_has_failed(h.s, h.set.state_dir));
	end_host(&h);
}

/* Somebody sets the clock back, or the file cannot be made. */
static void
odd_files(void **state)
{
	struct host	 h;
	char		 path[STATE_PATH];

	(void)state;
	begin_host(&h);
	look(&h);
	clocks->wall_ms -= 3600000;
	look(&h);
	check_int("at once", server.looks, 2);
	CHECK("no failure", !store_look_has_failed(h.s, h.set.state_dir));
	state_path(path, h.set.state_dir, STORE_LOOK_FILE);
	check_int("removed", unlink(path), 0);
	look(&h);
	check_int("without the file", server.looks, 3);
	check_int("a link instead", unlink(path) + symlink("/nonexistent/x", path), 0);
	look(&h);
	look(&h);
	check_int("each process looks", server.looks, 5);
	end_host(&h);
}

/* A file of this host is not looked at. */
static void
of_one_host(void **state)
{
	const struct settings	 set = { .state_dir = state_new() };
	struct locks		*locks = lock_new(set.state_dir);
	struct store		*s = store_new_local(&set, locks, STORE_BRIEF);

	(void)state;
	store_look(s, set.state_dir, 0);
	CHECK("no failure", !store_look_has_failed(s, set.state_dir));
	check_int("no file was made", state_count(set.state_dir, "qtoa.", NULL), 0);
	store_free(s);
	lock_free(locks);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(once_a_second),
		TEST(failing),
		TEST(odd_files),
		TEST(of_one_host),
	};

	return RUN("store_look", tests);
}
