#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/lock.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	PATIENCE_MS = 30000,	/* longer than anything here takes */
	SHORT_MS = 60,		/* a wait that is to end without success */
	WAITERS = 6,
	MANY = 2000,
	THREADS = 4,
	ROUNDS = 2000,
	KEYS = 3
};

/* Keys like those of messages: the first eight bytes are often the same. */
static void
lock_key_of(unsigned char key[LOCK_KEY], unsigned n)
{
	int	 i;

	memset(key, 7, LOCK_KEY);
	for (i = 8; i < LOCK_KEY; i++)
		key[i] = (unsigned char)((n * 2654435761u >> i % 4 * 8) + (unsigned)i);
}

static enum lock_result
take_numbered(struct locks *locks, struct lock *c, unsigned n, int ms)
{
	unsigned char	 key[LOCK_KEY];

	lock_key_of(key, n);
	return lock_take(locks, c, key, ms == 0 ? 0 : clock_mono_ms() + ms);
}

static void
lock_names(void **state)
{
	static const struct {
		const char	*name, *a_what, *a_which, *b_what, *b_which;
		bool		 same;
	} cases[] = {
		{ "the same", "drain", "http://a/", "drain", "http://a/", true },
		{ "another URL", "drain", "http://a/", "drain", "http://b/", false },
		{ "another deed", "drain", "http://a/", "probe", "http://a/", false },
		{ "one letter more", "drain", "http://a/", "drain", "http://a/a", false },
		{ "a long deed", "set aside that thing", "x", "set aside that thong", "x", false },
	};
	unsigned char	 a[LOCK_KEY], b[LOCK_KEY];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		lock_name(a, cases[i].a_what, cases[i].a_which);
		lock_name(b, cases[i].b_what, cases[i].b_which);
		CHECK(cases[i].name, (memcmp(a, b, LOCK_KEY) == 0) == cases[i].same);
		/* Only these bytes matter to other processes. */
		CHECK(cases[i].name, (memcmp(a + 16, b + 16, 8) == 0) == cases[i].same);
	}
}

static void
many_at_once(void **state)
{
	static struct lock	 c[MANY], again;
	struct locks		*locks = lock_new(state_new());
	unsigned		 i;
	int			 got = 0, busy = 0, again_free = 0;

	(void)state;
	assert_non_null(locks);
	for (i = 0; i < MANY; i++)
		got += take_numbered(locks, &c[i], i, 0) == LOCK_MINE;
	for (i = 0; i < MANY; i++)
		busy += take_numbered(locks, &again, i, 0) == LOCK_BUSY;
	for (i = 0; i < MANY; i++)
		lock_release(locks, &c[i], i % 2 == 0);
	for (i = 0; i < MANY; i++) {
		again_free += take_numbered(locks, &again, i, 0) == LOCK_MINE;
		lock_release(locks, &again, false);
	}
	check_int("claimed", got, MANY);
	check_int("taken", busy, MANY);
	check_int("free again", again_free, MANY);
	lock_free(locks);
	lock_free(NULL);
}

/* A thread that wants a lock which is taken. */
struct wish {
	struct locks		*locks;
	pthread_t		 thread;
	struct watched		 watched;
	bool			 done;		/* how it releases the lock */
	int			 ms;
	enum lock_result	 is;
	int64_t			 took_ms;
};

static void *
want(void *arg)
{
	struct wish	*w = arg;
	struct lock	 c;
	int64_t		 begun_ms = clock_mono_ms();

	watched_here(&w->watched);
	w->is = take_numbered(w->locks, &c, 1, w->ms);
	w->took_ms = clock_mono_ms() - begun_ms;
	if (w->is == LOCK_MINE)
		lock_release(w->locks, &c, w->done);
	return NULL;
}

static const struct waiting {
	const char	*name;
	int		 waiters, ms;
	bool		 ends, done, then;	/* the first thread; the threads after it */
	int		 want[3];		/* how many, by enum lock_result */
} waitings[] = {
	{ "it ends well", 1, PATIENCE_MS, true, true, true, { 0, 1, 0 } },
	{ "it fails", 1, PATIENCE_MS, true, false, true, { 1, 0, 0 } },
	{ "it takes long", 1, SHORT_MS, false, false, true, { 0, 0, 1 } },
	{ "many, it ends well", WAITERS, PATIENCE_MS, true, true, true, { 0, WAITERS, 0 } },
	{ "many, the second ends well", WAITERS, PATIENCE_MS, true, false, true,
	    { 1, WAITERS - 1, 0 } },
	{ "many, all fail", WAITERS, PATIENCE_MS, true, false, false, { WAITERS, 0, 0 } },
	{ "many, it takes long", WAITERS, SHORT_MS, false, false, true, { 0, 0, WAITERS } },
};

static void
wait_in_threads(struct locks *locks, const struct waiting *t)
{
	struct wish	 w[WAITERS];
	struct lock	 c;
	int		 j, was[3] = { 0 };

	check_int(t->name, take_numbered(locks, &c, 1, 0), LOCK_MINE);
	for (j = 0; j < t->waiters; j++) {
		w[j] = (struct wish){ .locks = locks, .ms = t->ms, .done = t->then };
		watched_init(&w[j].watched);
		assert_int_equal(pthread_create(&w[j].thread, NULL, want, &w[j]), 0);
	}
	for (j = 0; t->ends && j < t->waiters; j++)
		watched_asleep(&w[j].watched);
	if (t->ends)
		lock_release(locks, &c, t->done);
	for (j = 0; j < t->waiters; j++) {
		assert_int_equal(pthread_join(w[j].thread, NULL), 0);
		was[w[j].is]++;
		CHECK(t->name, w[j].is != LOCK_BUSY || w[j].took_ms >= t->ms);
		CHECK(t->name, w[j].took_ms < PATIENCE_MS);
	}
	if (!t->ends)
		lock_release(locks, &c, false);
	for (j = 0; j < 3; j++)
		check_int(t->name, was[j], t->want[j]);
}

static void
waiting_here(void **state)
{
	struct locks	*locks = lock_new(state_new());
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(waitings); i++)
		wait_in_threads(locks, &waitings[i]);
	lock_free(locks);
}

/* Numbers that only the owner of the lock changes: if one gets lost, two owned it at once. */
struct shared {
	struct locks	*locks;
	long		 n[KEYS];
};

static void *
add_numbers(void *arg)
{
	struct shared	*s = arg;
	struct lock	 c;
	unsigned	 i;

	for (i = 0; i < ROUNDS; i++)
		if (take_numbered(s->locks, &c, i % KEYS, PATIENCE_MS) == LOCK_MINE) {
			s->n[i % KEYS]++;
			lock_release(s->locks, &c, false);
		}
	return NULL;
}

static void
threads_take_turns(void **state)
{
	struct shared	 s = { .locks = lock_new(state_new()) };
	pthread_t	 t[THREADS];
	int		 i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, add_numbers, &s), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	check_int("all counted", s.n[0] + s.n[1] + s.n[2], THREADS * ROUNDS);
	lock_free(s.locks);
}

/* Holds lock 1 until the test tells it to release it. */
static void
hold_until_told(struct other *me, void *dir)
{
	struct locks	*locks = lock_new(dir);
	struct lock	 c;

	OTHER_CHECK(take_numbered(locks, &c, 1, 0) == LOCK_MINE);
	other_say(me);
	if (other_hear(me))
		lock_release(locks, &c, true);
	other_say(me);
	(void)other_hear(me);
}

static void
another_process(void **state)
{
	static const struct {
		const char	*name;
		bool		 dies;
	} cases[] = { { "ends it", false }, { "is killed", true } };
	const char	*dir = state_new();
	struct locks	*locks;
	struct lock	 c, d;
	struct other	 o;
	int64_t		 begun_ms;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		other_begin(&o, hold_until_told, (void *)(uintptr_t)dir);
		locks = lock_new(dir);
		(void)other_hear(&o);
		check_int(cases[i].name, take_numbered(locks, &c, 1, 0), LOCK_BUSY);
		begun_ms = clock_mono_ms();
		check_int(cases[i].name, take_numbered(locks, &c, 1, SHORT_MS), LOCK_BUSY);
		CHECK(cases[i].name, clock_mono_ms() - begun_ms >= SHORT_MS / 2);
		check_int(cases[i].name, take_numbered(locks, &d, 2, 0), LOCK_MINE);
		lock_release(locks, &d, true);	/* the other lock stays taken */
		check_int(cases[i].name, take_numbered(locks, &c, 1, 0), LOCK_BUSY);
		if (cases[i].dies) {
			other_kill(&o);
		} else {
			other_say(&o);
			(void)other_hear(&o);
		}
		check_int(cases[i].name, take_numbered(locks, &c, 1, PATIENCE_MS), LOCK_MINE);
		if (!cases[i].dies)
			check_int(cases[i].name, other_end(&o), 0);
		lock_release(locks, &c, true);
		lock_free(locks);
	}
}

static void *
end_of_other(void *arg)
{
	other_kill(arg);
	return NULL;
}

/* The death of the owner ends the wait of another process. */
static void
death_while_waiting(void **state)
{
	const char	*dir = state_new();
	struct locks	*locks;
	struct lock	 c;
	struct other	 o;
	pthread_t	 t;

	(void)state;
	other_begin(&o, hold_until_told, (void *)(uintptr_t)dir);
	(void)other_hear(&o);
	locks = lock_new(dir);
	assert_int_equal(pthread_create(&t, NULL, end_of_other, &o), 0);
	check_int("taken over", take_numbered(locks, &c, 1, PATIENCE_MS), LOCK_MINE);
	assert_int_equal(pthread_join(t, NULL), 0);
	lock_release(locks, &c, false);
	lock_free(locks);
}

struct elsewhere {
	struct shared	*shared;
	const char	*dir;
};

static void
add_there(struct other *me, void *arg)
{
	struct elsewhere	*e = arg;
	struct locks		*locks = lock_new(e->dir);
	struct lock		 c;
	unsigned		 i;

	(void)me;
	for (i = 0; i < ROUNDS / 10; i++)
		if (take_numbered(locks, &c, i % KEYS, PATIENCE_MS) == LOCK_MINE) {
			e->shared->n[i % KEYS]++;
			lock_release(locks, &c, false);
		} else {
			other_check(false, "it can be claimed");
		}
}

static void
processes_take_turns(void **state)
{
	struct elsewhere	 e = { .dir = state_new() };
	const struct shared	 zero = { 0 };
	struct other		 o[2];
	char			 path[STATE_PATH];
	void			*p;
	int			 fd;

	(void)state;
	state_write(e.dir, "shared", &zero, sizeof(zero));
	state_path(path, e.dir, "shared");
	assert_int_not_equal(fd = open(path, O_RDWR), -1);
	p = mmap(NULL, sizeof(zero), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	assert_true(p != MAP_FAILED);
	e.shared = p;
	other_begin(&o[0], add_there, &e);
	other_begin(&o[1], add_there, &e);
	check_int("one", other_end(&o[0]), 0);
	check_int("the other", other_end(&o[1]), 0);
	check_int("all counted", e.shared->n[0] + e.shared->n[1] + e.shared->n[2],
	    2 * (ROUNDS / 10));
	(void)munmap(p, sizeof(*e.shared));
}

static void
the_file(void **state)
{
	const char	*parent = state_new();
	char		 dir[STATE_PATH], file[STATE_PATH];
	struct locks	*locks;
	struct lock	 c;
	struct stat	 st;

	(void)state;
	state_path(dir, parent, "new");
	state_path(file, dir, "qtoa.lock");
	locks = lock_new(dir);
	check_int("nothing is opened before", stat(dir, &st), -1);
	check_int("claimed", take_numbered(locks, &c, 1, 0), LOCK_MINE);
	lock_release(locks, &c, true);
	check_int("the directory is made", stat(dir, &st), 0);
	check_int("ours alone", st.st_mode & 07777, 0700);
	check_int("so is the file", stat(file, &st), 0);
	check_int("ours alone, too", st.st_mode & 07777, 0600);
	lock_free(locks);
}

static void
try_all(struct other *me, void *dir)
{
	struct locks	*locks = lock_new(dir);
	struct lock	 c;

	(void)me;
	OTHER_CHECK(take_numbered(locks, &c, 1, 0) == LOCK_BUSY);	/* taken before */
	OTHER_CHECK(take_numbered(locks, &c, 2, 0) == LOCK_BUSY);
}

/* The lock file is deleted: soon all processes use a new one, with the locks that hold. */
static void
deleted_file(void **state)
{
	const struct timespec	 pause = { 0, 20000000 };
	const char		*dir = state_new();
	char			 file[STATE_PATH];
	struct locks		*locks = lock_new(dir);
	int64_t			 end_ms = clock_mono_ms() + PATIENCE_MS;
	struct lock		 c, d;
	struct other		 o;

	(void)state;
	state_path(file, dir, "qtoa.lock");
	check_int("claimed", take_numbered(locks, &c, 1, 0), LOCK_MINE);
	assert_int_equal(unlink(file), 0);
	while (take_numbered(locks, &d, 2, 0) == LOCK_MINE && access(file, F_OK) != 0 &&
	    clock_mono_ms() < end_ms) {
		lock_release(locks, &d, true);
		(void)nanosleep(&pause, NULL);
	}
	other_begin(&o, try_all, (void *)(uintptr_t)dir);
	check_int("the others see it", other_end(&o), 0);
	check_int("still taken here", take_numbered(locks, &d, 1, 0), LOCK_BUSY);
	lock_release(locks, &c, true);
	check_int("and free again", take_numbered(locks, &c, 1, 0), LOCK_MINE);
	lock_release(locks, &c, true);
	lock_free(locks);
}

/* Without a file, locks work within the process; when there is one, among all processes. */
static void
without_file(void **state)
{
	const struct timespec	 pause = { 0, 20000000 };
	const char		*parent = state_new();
	char			 dir[STATE_PATH], file[STATE_PATH];
	struct locks		*locks, *blind;
	struct lock		 c, d;
	int64_t			 end_ms;

	(void)state;
	state_write(parent, "dir", "", 0);
	state_path(dir, parent, "dir");
	state_path(file, dir, "qtoa.lock");
	locks = lock_new(dir);
	check_int("claimed", take_numbered(locks, &c, 1, 0), LOCK_MINE);
	check_int("taken", take_numbered(locks, &d, 1, 0), LOCK_BUSY);
	lock_release(locks, &c, true);
	check_int("free again", take_numbered(locks, &c, 1, 0), LOCK_MINE);
	assert_int_equal(unlink(dir), 0);
	for (end_ms = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < end_ms;) {
		check_int("meanwhile", take_numbered(locks, &d, 2, 0), LOCK_MINE);
		if (access(file, F_OK) == 0)
			break;
		lock_release(locks, &d, true);
		(void)nanosleep(&pause, NULL);
	}
	check_int("the file came", access(file, F_OK), 0);
	lock_release(locks, &c, true);
	lock_release(locks, &d, true);
	blind = lock_new("/proc/self/nowhere");
	check_int("no directory to be made", take_numbered(blind, &c, 1, 0), LOCK_MINE);
	check_int("taken, too", take_numbered(blind, &d, 1, 0), LOCK_BUSY);
	lock_release(blind, &c, true);
	lock_free(blind);
	lock_free(locks);
}

/* What may stand in the place of the lock file. */
enum thing { THING_FILE, THING_DIR, THING_LINK, THING_FIFO, THING_MODE };

static void
make_thing(enum thing thing, const char *file)
{
	switch (thing) {
	case THING_FILE:
	case THING_MODE:
		assert_int_equal(close(open(file, O_CREAT | O_WRONLY, 0600)), 0);
		assert_int_equal(chmod(file, thing == THING_FILE ? 0600 : 0), 0);
		break;
	case THING_DIR:
		assert_int_equal(mkdir(file, 0700), 0);
		break;
	case THING_LINK:
		assert_int_equal(symlink("/", file), 0);
		break;
	case THING_FIFO:
		assert_int_equal(mkfifo(file, 0600), 0);
		break;
	}
}

static void
try_one(struct other *me, void *dir)
{
	struct locks	*locks = lock_new(dir);
	struct lock	 c;

	(void)me;
	OTHER_CHECK(take_numbered(locks, &c, 1, 0) == LOCK_BUSY);
	OTHER_CHECK(take_numbered(locks, &c, 2, 0) == LOCK_MINE);
	lock_free(locks);
}

static void
find_free(struct other *me, void *dir)
{
	struct locks	*locks = lock_new(dir);
	struct lock	 c;

	(void)me;
	OTHER_CHECK(take_numbered(locks, &c, 1, 0) == LOCK_MINE);
	lock_free(locks);
}

/* Something else is in its place: locks hold among all processes nevertheless, and it is said. */
static void
something_in_its_place(void **state)
{
	static const struct {
		const char	*name;
		enum thing	 thing;
		bool		 usable;
	} cases[] = {
		{ "a file", THING_FILE, true },
		{ "a directory", THING_DIR, false },
		{ "a link", THING_LINK, false },
		{ "a pipe", THING_FIFO, false },
		{ "mode 000", THING_MODE, true },
	};
	const char	*dir, *log;
	char		 file[STATE_PATH], why[160];
	struct locks	*locks;
	struct lock	 c;
	struct other	 o;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		log = state_log(dir);
		state_path(file, dir, "qtoa.lock");
		make_thing(cases[i].thing, file);
		locks = lock_new(dir);
		check_int(cases[i].name, take_numbered(locks, &c, 1, 0), LOCK_MINE);
		other_begin(&o, try_one, (void *)(uintptr_t)dir);
		check_int(cases[i].name, other_end(&o), 0);
		lock_release(locks, &c, true);
		other_begin(&o, find_free, (void *)(uintptr_t)dir);
		check_int(cases[i].name, other_end(&o), 0);
		check_int(cases[i].name, lock_look(locks, why, sizeof(why)), cases[i].usable);
		check_int(cases[i].name, lock_look(locks, why, sizeof(why)), cases[i].usable);
		CHECK(cases[i].name, (state_log_lines(log, "claim messages by sockets") != 0) ==
		    !cases[i].usable);
		log_close();
		lock_free(locks);
	}
}

/* A process that goes on while its lock file is replaced, and one that comes later. */
static void
replaced_while_held(void **state)
{
	static const enum thing	 things[] = { THING_FILE, THING_DIR, THING_FIFO };
	const struct timespec	 pause = { 0, 30000000 };	/* over LOOK_MS */
	const char		*dir;
	char			 file[STATE_PATH];
	struct locks		*locks;
	struct lock		 c, d;
	struct other		 o;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(things); i++) {
		dir = state_new();
		state_path(file, dir, "qtoa.lock");
		locks = lock_new(dir);
		check_int("taken", take_numbered(locks, &c, 3, 0), LOCK_MINE);
		assert_int_equal(unlink(file), 0);
		make_thing(things[i], file);
		(void)nanosleep(&pause, NULL);
		check_int("taken after that", take_numbered(locks, &d, 1, 0), LOCK_MINE);
		other_begin(&o, try_one, (void *)(uintptr_t)dir);
		check_int("the other one", other_end(&o), 0);
		lock_release(locks, &d, true);
		lock_release(locks, &c, true);
		lock_free(locks);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(lock_names), TEST(another_process), TEST(processes_take_turns),
		TEST(death_while_waiting), TEST(many_at_once), TEST(waiting_here),
		TEST(threads_take_turns), TEST(the_file), TEST(deleted_file),
		TEST(without_file), TEST(something_in_its_place), TEST(replaced_while_held),
	};

	return RUN("claim", tests);
}
