#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/conf.h"
#include "state/lock.h"
#include "state/store.h"
#include "state/store_watch.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

struct place {
	struct settings		 set;
	struct locks		*locks;
	struct store		*store;
	struct store_watch	*watch;
};

static struct place
place_of(const char *dir)
{
	struct place	 p = { .set = { .state_dir = dir } };

	assert_non_null(p.locks = lock_new(dir));
	assert_non_null(p.store = store_new(&p.set, p.locks, STORE_SERVER));
	assert_non_null(p.watch = store_watch_new(dir));
	return p;
}

static void
place_end(struct place *p)
{
	store_watch_free(p->watch);
	store_free(p->store);
	lock_free(p->locks);
}

/* True: a thread that sleeps on the watch would be woken. */
static bool
is_woken(const struct place *p)
{
	struct pollfd	 pfd = { .fd = store_watch_fd(p->watch), .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void	raise_flag(struct place *p)	{ store_raise(p->store); }
static void	lower_flag(struct place *p)	{ store_lower(p->store); }

static void
lower_and_raise(struct place *p)
{
	store_lower(p->store);
	store_raise(p->store);
}

static void
look_at_flag(struct place *p)
{
	CHECK("it is raised", store_is_raised(p->store));
}

static void
make_other_file(struct place *p)
{
	state_write(p->set.state_dir, "other", "x", 1);
}

static void
raise_twice(struct place *p)
{
	store_raise(p->store);
	store_raise(p->store);
}

/* What happens between two sleeps, one after the other. */
static void
events(void **state)
{
	static const struct {
		const char	*name;
		void		 (*happen)(struct place *p);
		bool		 raised;
	} steps[] = {
		{ "another file is made", make_other_file, false },
		{ "the flag is new", raise_flag, true },
		{ "it is raised again", raise_flag, true },
		{ "somebody looks", look_at_flag, false },
		{ "twice", raise_twice, true },
		{ "it is another file", lower_and_raise, true },
		{ "that is raised again", raise_flag, true },
		{ "it is lowered", lower_flag, false },
		{ "new again, twice", raise_twice, true },
	};
	struct place	 p = place_of(state_new());
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(steps); i++) {
		CHECK(steps[i].name, store_watch_arm(p.watch));
		(void)store_watch_take(p.watch);
		CHECK(steps[i].name, !is_woken(&p));
		steps[i].happen(&p);
		CHECK(steps[i].name, is_woken(&p) || !steps[i].raised);
		check_int(steps[i].name, store_watch_take(p.watch), steps[i].raised);
		CHECK(steps[i].name, !is_woken(&p) && !store_watch_take(p.watch));
	}
	place_end(&p);
}

/* A directory with nothing but a flag. */
static void
remove_dir(const char *dir)
{
	char	 flag[STATE_PATH];

	state_path(flag, dir, STORE_FLAG);
	check_int(flag, unlink(flag), 0);
	check_int(dir, rmdir(dir), 0);
}

/* The directory comes late, and another one takes its place. */
static void
directories(void **state)
{
	char		 dir[STATE_PATH], old[STATE_PATH];
	const char	*parent = state_new();
	struct place	 p;

	(void)state;
	state_path(dir, parent, "state");
	state_path(old, parent, "old");
	p = place_of(dir);
	CHECK("there is no directory", !store_watch_arm(p.watch));
	check_int("it is made", mkdir(dir, 0700), 0);
	CHECK("now there is one", store_watch_arm(p.watch));
	store_raise(p.store);
	CHECK("a flag in it", store_watch_take(p.watch));
	CHECK("watched, too", store_watch_arm(p.watch));
	check_int("it is moved away", rename(dir, old), 0);
	check_int("another is made", mkdir(dir, 0700), 0);
	CHECK("which is watched", store_watch_arm(p.watch));
	(void)store_watch_take(p.watch);
	state_write(old, STORE_FLAG, "", 0);
	CHECK("the old one is not", !store_watch_take(p.watch));
	store_raise(p.store);
	CHECK("a flag in the new one", store_watch_take(p.watch));
	place_end(&p);
	remove_dir(dir);
	remove_dir(old);
}

static void
no_watch(void **state)
{
	(void)state;
	CHECK("arm", !store_watch_arm(NULL));
	check_int("fd", store_watch_fd(NULL), -1);
	CHECK("take", !store_watch_take(NULL));
	store_watch_free(NULL);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(events), TEST(directories), TEST(no_watch),
	};

	return RUN("store_watch", tests);
}
