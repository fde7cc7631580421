#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/mapped_file.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { SIZE = 8192, AT = 5000 };

struct head {
	char		 magic[8];
	uint32_t	 version, places;
};

static const struct head	new_head = {
	.magic = { 'q', 't', 'o', 'a', 't', 'e', 's', 't' }, .version = 3, .places = 7,
};

static const struct mapped_file_kind	kind = {
	.name = "qtoa.test", .lock = "test", .what = "test", .effect = "nothing is tested",
	.head = &new_head, .head_len = sizeof(new_head), .size = SIZE,
};

static int	left_with;	/* the byte at AT of the tables that were left, together */

static void
note_left(void *table)
{
	left_with += ((char *)table)[AT];
}

struct bench {
	const char		*dir, *log;
	char			 path[STATE_PATH];
	struct locks		*locks;
	struct mapped_file	*a, *b;		/* as two processes have it */
};

static void
bench_init(struct bench *b)
{
	b->dir = state_new();
	b->log = state_log(b->dir);
	b->locks = lock_new(b->dir);
	state_path(b->path, b->dir, kind.name);
	b->a = mapped_file_new(&kind, b->dir, b->locks, note_left);
	b->b = mapped_file_new(&kind, b->dir, b->locks, NULL);
	assert_non_null(b->a);
	assert_non_null(b->b);
	left_with = 0;
}

static void
bench_fini(struct bench *b)
{
	mapped_file_free(b->a);
	mapped_file_free(b->b);
	lock_free(b->locks);
}

/* Adds n to the byte at AT.  Returns what it is then; -1: there is no table. */
static int
add(struct mapped_file *m, int n)
{
	char	*table = mapped_file_enter(m);
	int	 sum;

	if (table == NULL)
		return -1;
	sum = table[AT] = (char)(table[AT] + n);
	mapped_file_leave(m);
	return sum;
}

static void
shared(void **state)
{
	struct state_file	 f = { .fd = -1 };
	struct bench		 b;

	(void)state;
	bench_init(&b);
	CHECK("no file yet", mapped_file_enter_existing(b.a) == NULL);
	check_int("new", add(b.a, 1), 1);
	check_int("the same", add(b.b, 1), 2);
	check_int("sound", mapped_file_open(&f, b.path, O_RDONLY, &kind), STATE_FILE_SOUND);
	check_int("its size", f.st.st_size, SIZE);
	state_file_close(&f);
	bench_fini(&b);
	check_int("the file stays", left_with, 0);
}

/* A file that was removed is left, and its table is handed over before. */
static void
removed(void **state)
{
	struct bench	 b;

	(void)state;
	bench_init(&b);
	check_int("new", add(b.a, 5), 5);
	assert_int_equal(unlink(b.path), 0);
	CHECK("nothing to map", mapped_file_enter_existing(b.a) == NULL);
	check_int("left", left_with, 5);
	check_int("another one", add(b.a, 1), 1);
	bench_fini(&b);
}

/* While the file cannot be used, each process has its own table. */
static void
in_the_way(void **state)
{
	struct bench	 b;

	(void)state;
	bench_init(&b);
	assert_int_equal(mkdir(b.path, 0700), 0);
	check_int("own", add(b.a, 3), 3);
	check_int("another's own", add(b.b, 1), 1);
	check_int("own again", add(b.a, 1), 4);
	check_int("one line each", state_log_lines(b.log, "nothing is tested"), 2);
	assert_int_equal(rmdir(b.path), 0);
	clocks->mono_ahead_ms += 2000;
	check_int("the file", add(b.a, 1), 1);
	check_int("left", left_with, 4);
	check_int("said", state_log_lines(b.log, "works again"), 1);
	bench_fini(&b);
}

/* Files of another layout are set aside; those that are not finished are made again. */
static void
other_files(void **state)
{
	static const struct {
		const char	*name;
		struct head	 head;
		size_t		 size;
		int		 aside;
	} cases[] = {
		{ "other magic", { .magic = "elsewhe", .version = 3, .places = 7 }, SIZE, 1 },
		{ "older", { .magic = "qtoatest", .version = 2, .places = 7 }, SIZE, 1 },
		{ "other places", { .magic = "qtoatest", .version = 3, .places = 8 }, SIZE, 1 },
		{ "cut short", { .magic = "qtoatest", .version = 3, .places = 7 }, 4096, 1 },
		{ "no magic, but more", { .version = 3 }, SIZE, 1 },
		{ "not finished", { .version = 0 }, SIZE, 0 },
	};
	static char	 bytes[SIZE];
	struct bench	 b;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		bench_init(&b);
		memcpy(bytes, &cases[i].head, sizeof(cases[i].head));
		bytes[AT] = 9;
		state_write(b.dir, kind.name, bytes, cases[i].size);
		check_int(cases[i].name, add(b.a, 1), 1);
		check_int(cases[i].name, state_count(b.dir, "qtoa.test.foreign-", NULL),
		    cases[i].aside);
		bench_fini(&b);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(shared), TEST(removed), TEST(in_the_way), TEST(other_files),
	};

	return RUN("mapped_file", tests);
}
