#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "state/arrivals.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { THREADS = 4, EACH = 500 };

struct place {
	struct settings	 set;
	struct locks	*locks;
	struct arrivals	*arrivals;
};

static void
place_init(struct place *p, const char *dir, enum store_life life)
{
	p->set = (struct settings){ .state_dir = dir };
	assert_int_equal(log_open(NULL), 0);
	assert_non_null(p->locks = lock_new(dir));
	assert_non_null(p->arrivals = arrivals_new(&p->set, p->locks, life));
}

static void
place_fini(struct place *p)
{
	arrivals_free(p->arrivals);
	lock_free(p->locks);
}

static void
add(struct arrivals *as, unsigned n, const char *xml)
{
	struct arrival	 a = { slice_of("shop"), { 0 }, 1700000000000 + n, slice_of(xml) };

	memcpy(a.key, &n, sizeof(n));
	arrivals_add(as, &a);
}

/* Takes all files and counts the records; seen[n] is increased for each. */
static unsigned
take_all(struct arrivals *as, unsigned *seen, const char *xml)
{
	struct arrivals_file	 f = { .is_taken = false };
	struct arrival		 a;
	unsigned		 all = 0, n;
	size_t			 at;

	while (arrivals_take(as, &f)) {
		for (at = 0; arrivals_next(&f, &at, &a); all++) {
			memcpy(&n, a.key, sizeof(n));
			assert_true(slice_is(a.account, "shop"));
			assert_true(slice_is(a.xml, xml));
			assert_int_equal(a.received_ms, 1700000000000 + n);
			if (seen != NULL)
				seen[n]++;
		}
		arrivals_release(as, &f, true);
	}
	return all;
}

static void
test_each_life(void **state)
{
	static const enum store_life	 lives[] = { STORE_SERVER, STORE_BRIEF };
	unsigned			 i, n;

	(void)state;
	for (i = 0; i < COUNT(lives); i++) {
		const char	*dir = state_new();
		unsigned	 seen[40] = { 0 };
		struct place	 p;

		place_init(&p, dir, lives[i]);
		check_int("records", take_all(p.arrivals, NULL, ""), 0);
		for (n = 0; n < COUNT(seen); n++)
			add(p.arrivals, n, "<xml>");
		check_int("records", take_all(p.arrivals, seen, "<xml>"), COUNT(seen));
		for (n = 0; n < COUNT(seen); n++)
			check_int("each once", seen[n], 1);
		check_int("files", state_count(dir, "qtoa.arrivals", NULL), 0);
		add(p.arrivals, 3, "");		/* the file is made again */
		check_int("records", take_all(p.arrivals, seen, ""), 1);
		place_fini(&p);
	}
}

static void
test_a_file_is_taken_once(void **state)
{
	struct arrivals_file	 mine = { .is_taken = false }, other = { .is_taken = false };
	const char		*dir = state_new();
	struct arrival		 a;
	struct place		 p;
	size_t			 at = 0;

	(void)state;
	place_init(&p, dir, STORE_SERVER);
	add(p.arrivals, 1, "<xml>");
	CHECK("taken", arrivals_take(p.arrivals, &mine));
	CHECK("once", !arrivals_take(p.arrivals, &other));
	arrivals_release(p.arrivals, &mine, false);	/* it was not counted */
	CHECK("given back", arrivals_take(p.arrivals, &other));
	assert_true(arrivals_next(&other, &at, &a));
	assert_false(arrivals_next(&other, &at, &a));
	arrivals_release(p.arrivals, &other, true);
	arrivals_release(p.arrivals, &other, true);	/* does nothing */
	check_int("files", state_count(dir, "qtoa.arrivals", NULL), 0);
	place_fini(&p);
}

/* A process that is killed leaves its file; another one takes it, and not before. */
static void
test_the_file_of_a_dead_process(void **state)
{
	const char	*dir = state_new();
	unsigned	 seen[8] = { 0 };
	int		 ready[2], end[2];
	struct place	 p;
	pid_t		 pid;
	char		 byte;

	(void)state;
	assert_int_equal(pipe(ready) | pipe(end), 0);
	if ((pid = fork()) == 0) {
		place_init(&p, dir, STORE_SERVER);
		add(p.arrivals, 5, "<xml>");
		(void)!write(ready[1], "", 1);
		(void)close(end[1]);
		(void)!read(end[0], &byte, 1);	/* until it is killed */
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	place_init(&p, dir, STORE_SERVER);
	check_int("records", take_all(p.arrivals, seen, "<xml>"), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	check_int("records", take_all(p.arrivals, seen, "<xml>"), 1);
	check_int("each once", seen[5], 1);
	place_fini(&p);
}

/* Changes the file before it is read: cut short, and a byte that differs. */
static void
test_what_is_no_record(void **state)
{
	static const struct {
		off_t		 cut;		/* bytes that are cut from the end */
		off_t		 change;	/* place of a byte that is changed; -1: no byte */
		unsigned	 left;
	} cases[] = {
		{ 0, -1, 3 }, { 1, -1, 2 }, { 60, -1, 2 }, { 0, 0, 2 }, { 0, 5, 2 }, { 0, 20, 2 },
		{ 0, 55, 2 },
	};
	char		 path[STATE_FILE_PATH];
	unsigned	 i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const char	*dir = state_new();
		struct place	 p;
		struct stat	 st;
		char		 byte;
		int		 fd;

		place_init(&p, dir, STORE_SERVER);
		for (n = 0; n < 3; n++)
			add(p.arrivals, n, "<xml>text</xml>");
		(void)snprintf(path, sizeof(path), "%s/qtoa.arrivals-%u", dir, lock_owner(p.locks));
		assert_int_not_equal(fd = open(path, O_RDWR), -1);
		assert_int_equal(fstat(fd, &st), 0);
		if (cases[i].change != -1) {
			assert_int_equal(pread(fd, &byte, 1, cases[i].change), 1);
			byte ^= 1;
			assert_int_equal(pwrite(fd, &byte, 1, cases[i].change), 1);
		}
		assert_int_equal(ftruncate(fd, st.st_size - cases[i].cut), 0);
		(void)close(fd);
		check_int("records", take_all(p.arrivals, NULL, "<xml>text</xml>"), cases[i].left);
		place_fini(&p);
	}
}

static void *
add_many(void *arg)
{
	static _Atomic unsigned	 next;
	unsigned		 i;

	for (i = 0; i < EACH; i++)
		add(arg, next++, "<xml>0123456789012345678901234567890123456789</xml>");
	return NULL;
}

/* Threads add while files are closed and counted. */
static void
test_threads(void **state)
{
	static unsigned	 seen[THREADS * EACH];
	pthread_t	 threads[THREADS];
	struct place	 p;
	unsigned	 i, all = 0;
	const char	*xml = "<xml>0123456789012345678901234567890123456789</xml>";

	(void)state;
	place_init(&p, state_new(), STORE_SERVER);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, p.arrivals), 0);
	for (i = 0; i < 20; i++)
		all += take_all(p.arrivals, seen, xml);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	all += take_all(p.arrivals, seen, xml);
	check_int("all", all, COUNT(seen));
	for (i = 0; i < COUNT(seen); i++)
		check_int("each once", seen[i], 1);
	place_fini(&p);
}

/* Nothing but a line in the log happens if the file cannot be made. */
static void
test_no_directory(void **state)
{
	struct place	 p;

	(void)state;
	place_init(&p, "/nonexistent/qtoa", STORE_SERVER);
	add(p.arrivals, 1, "<xml>");
	check_int("records", take_all(p.arrivals, NULL, ""), 0);
	place_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(test_each_life),
		TEST(test_a_file_is_taken_once),
		TEST(test_the_file_of_a_dead_process),
		TEST(test_what_is_no_record),
		TEST(test_threads),
		TEST(test_no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
