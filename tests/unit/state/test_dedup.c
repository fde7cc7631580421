#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/dedup.h"
#include "state/lock.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	MANY = 600000,
	DAYS = 7,
	DAY_S = 86400,
	PATIENCE_MS = 30000,	/* longer than anything here takes */
	THREADS = 8,
	EACH = 200,		/* keys that each thread has */

	/* The layout of a file; see state/dedup.c. */
	HEAD = 4096, BUCKET = 512, SLOTS = 64, BITS_MIN = 10, BITS_MORE = 2, UNIT_S = 4096,
	AT_BITS = 12, AT_BEGUN = 16, AT_FULL = 24
};

/* A dedup and what it needs. */
struct place {
	struct settings	 set;
	struct locks	*locks;
	struct dedup	*dedup;
};

static struct place *
dedup_place_new(const char *dir)
{
	struct place	*p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->set.state_dir = dir;
	p->set.dedupe_days = DAYS;
	assert_non_null(p->locks = lock_new(dir));
	assert_non_null(p->dedup = dedup_new(&p->set, p->locks));
	return p;
}

/* A second dedup of the same process. */
static struct place *
dedup_place_twin(const struct place *p)
{
	struct place	*q = calloc(1, sizeof(*q));

	assert_non_null(q);
	q->set = p->set;
	assert_non_null(q->dedup = dedup_new(&q->set, p->locks));
	return q;
}

static void
dedup_place_free(struct place *p)
{
	dedup_free(p->dedup);
	lock_free(p->locks);
	free(p);
}

/* Keys like digests, spread over the buckets. */
static void
dedup_key_of(unsigned char key[DEDUP_KEY], uint64_t n)
{
	int	 i;

	memset(key, 0, 8);
	for (i = 8; i < DEDUP_KEY; i++) {
		n = n * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		key[i] = (unsigned char)(n >> 56);
	}
}

/* Keys of one bucket, in files of any size. */
static void
crowd_key(unsigned char key[DEDUP_KEY], unsigned n)
{
	memset(key, 0, DEDUP_KEY);
	memcpy(key + 14, &n, sizeof(n));
}

static enum dedup_as
look_key(struct place *p, const unsigned char *key)
{
	enum dedup_as	 as = DEDUP_DONE;

	return dedup_find(p->dedup, &as, key) == ERR_OK ? as : DEDUP_NEVER;
}

static enum dedup_as
look_up(struct place *p, uint64_t n)
{
	unsigned char	 key[DEDUP_KEY];

	dedup_key_of(key, n);
	return look_key(p, key);
}

static enum error
mark_as(struct place *p, uint64_t n, enum dedup_as as)
{
	unsigned char	 key[DEDUP_KEY];

	dedup_key_of(key, n);
	return dedup_mark(p->dedup, key, as);
}

static enum error
mark_new(struct place *p, uint64_t n)
{
	unsigned char	 key[DEDUP_KEY];

	dedup_key_of(key, n);
	return dedup_mark(p->dedup, key, DEDUP_DONE);
}

/* Marks the n-th to (n + many)-th key of one bucket; returns how many it could. */
static int
mark_crowd(struct place *p, unsigned n, int many)
{
	unsigned char	 key[DEDUP_KEY];
	int		 good = 0;

	for (; many > 0; many--, n++) {
		crowd_key(key, n);
		good += dedup_mark(p->dedup, key, DEDUP_DONE) == ERR_OK;
	}
	return good;
}

static int
look_crowd(struct place *p, unsigned n, int many)
{
	unsigned char	 key[DEDUP_KEY];
	int		 found = 0;

	for (; many > 0; many--, n++) {
		crowd_key(key, n);
		found += look_key(p, key) == DEDUP_DONE;
	}
	return found;
}

static int
files(const char *dir)
{
	return state_count(dir, "qtoa.seen-", NULL);
}

/*
 * Reading and changing the files.
 */

static void
write_file_path(char path[STATE_PATH], const char *dir, int number)
{
	char	 name[32];

	(void)snprintf(name, sizeof(name), "qtoa.seen-%d", number);
	state_path(path, dir, name);
}

static bool
is_there(const char *dir, int number)
{
	char	 path[STATE_PATH];

	write_file_path(path, dir, number);
	return access(path, F_OK) == 0;
}

static void
poke(const char *dir, int number, off_t at, const void *p, size_t len)
{
	char	 path[STATE_PATH];
	int	 fd;

	write_file_path(path, dir, number);
	if ((fd = open(path, O_WRONLY)) == -1 || pwrite(fd, p, len, at) != (ssize_t)len)
		fail_msg("cannot write %s", path);
	(void)close(fd);
}

static void
peek(const char *dir, int number, off_t at, void *p, size_t len)
{
	char	 path[STATE_PATH];
	int	 fd;

	write_file_path(path, dir, number);
	if ((fd = open(path, O_RDONLY)) == -1 || pread(fd, p, len, at) != (ssize_t)len)
		fail_msg("cannot read %s", path);
	(void)close(fd);
}

static uint32_t
bits_of(const char *dir, int number)
{
	uint32_t	 bits;

	peek(dir, number, AT_BITS, &bits, sizeof(bits));
	return bits;
}

static void
age_file(const char *dir, int number, int64_t s)
{
	int64_t	 begun_s = clock_wall_ms() / 1000 - s;

	poke(dir, number, AT_BEGUN, &begun_s, sizeof(begun_s));
}

/* Makes all marks of the bucket of crowd_key() so many seconds older. */
static void
age_crowd(const char *dir, int number, int64_t s)
{
	const unsigned	 then = (unsigned)((clock_wall_ms() / 1000 - s) / UNIT_S);
	unsigned char	 key[DEDUP_KEY];
	uint64_t	 word;
	unsigned	 n;

	for (n = 0; n < SLOTS; n++) {
		crowd_key(key, n);
		word = dedup_table_word(key, DEDUP_IS_DONE, then);
		poke(dir, number, HEAD + (off_t)n * (off_t)sizeof(word), &word, sizeof(word));
	}
}

/*
 * Marks.
 */

static void
marks(void **state)
{
	static const struct {
		const char	*name;
		enum dedup_as	 first, second, want;	/* DEDUP_NEVER: it is not marked */
	} cases[] = {
		{ "never", DEDUP_NEVER, DEDUP_NEVER, DEDUP_NEVER },
		{ "queued", DEDUP_QUEUED, DEDUP_NEVER, DEDUP_QUEUED },
		{ "done", DEDUP_DONE, DEDUP_NEVER, DEDUP_DONE },
		{ "queued, then done", DEDUP_QUEUED, DEDUP_DONE, DEDUP_DONE },
		{ "done, then queued", DEDUP_DONE, DEDUP_QUEUED, DEDUP_DONE },
		{ "done twice", DEDUP_DONE, DEDUP_DONE, DEDUP_DONE },
	};
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir);
	size_t		 i;

	(void)state;
	check_int("nothing is made before", files(dir), 0);
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].name, look_up(p, i), DEDUP_NEVER);
		if (cases[i].first != DEDUP_NEVER)
			check_err(cases[i].name, mark_as(p, i, cases[i].first), ERR_OK);
		if (cases[i].second != DEDUP_NEVER)
			check_err(cases[i].name, mark_as(p, i, cases[i].second), ERR_OK);
		check_int(cases[i].name, look_up(p, i), cases[i].want);
	}
	dedup_place_free(p);
	p = dedup_place_new(dir);
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, look_up(p, i), cases[i].want);
	check_int("one file", files(dir), 1);
	dedup_place_free(p);
	dedup_free(NULL);
}

/* A key that is marked again takes no second slot: else 65 marks would fill a bucket. */
static void
marks_again(void **state)
{
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir);
	int		 i;

	(void)state;
	for (i = 0; i < 3 * SLOTS; i++)
		check_err("again", mark_as(p, 1, i % 2 == 0 ? DEDUP_QUEUED : DEDUP_DONE), ERR_OK);
	check_int("one file", files(dir), 1);
	dedup_place_free(p);
}

/* Keys with one different bit are different: of the ten bytes that a table uses. */
static void
near_keys(void **state)
{
	struct place	*p = dedup_place_new(state_new());
	unsigned char	 key[DEDUP_KEY] = { 0 };
	char		 name[32];
	int		 bit;

	(void)state;
	key[DEDUP_KEY - 5] = 2;		/* a tag of zeros is the same as 1 */
	check_err("marked", dedup_mark(p->dedup, key, DEDUP_DONE), ERR_OK);
	for (bit = 10 * 8; bit < 20 * 8; bit++) {
		if (bit < 14 * 8 - BITS_MIN)	/* chooses a bucket only in a larger file */
			continue;
		(void)snprintf(name, sizeof(name), "bit %d", bit);
		key[bit / 8] ^= (unsigned char)(0x80 >> bit % 8);
		check_int(name, look_key(p, key), DEDUP_NEVER);
		key[bit / 8] ^= (unsigned char)(0x80 >> bit % 8);
	}
	check_int("it is there", look_key(p, key), DEDUP_DONE);
	dedup_place_free(p);
}

static void
very_many(void **state)
{
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir);
	uint64_t	 i;
	int		 good = 0, found = 0, wrong = 0, n;
	char		 path[STATE_PATH];
	struct stat	 st;

	(void)state;
	for (i = 0; i < MANY; i++)
		good += mark_new(p, i) == ERR_OK;
	for (i = 0; i < MANY; i++)
		found += look_up(p, i) == DEDUP_DONE;
	for (; i < 2 * MANY; i++)
		wrong += look_up(p, i) != DEDUP_NEVER;
	check_int("all marked", good, MANY);
	check_int("all found", found, MANY);
	check_int("no others", wrong, 0);
	n = files(dir);
	CHECK("several files, not many", n >= 2 && n <= 4);
	for (; n > 0; n--) {
		write_file_path(path, dir, n);
		assert_int_equal(stat(path, &st), 0);
		check_int("ours alone", st.st_mode & 07777, 0600);
		check_int("four times as large as the one before", bits_of(dir, n),
		    BITS_MIN + BITS_MORE * (n - 1));
		check_int("as its head says", st.st_size,
		    HEAD + ((off_t)BUCKET << bits_of(dir, n)));
	}
	dedup_place_free(p);
	p = dedup_place_new(dir);
	for (found = 0, i = 0; i < MANY; i += 100)
		found += look_up(p, i) == DEDUP_DONE;
	check_int("by another, too", found, MANY / 100);
	dedup_place_free(p);
}

/*
 * Age.
 */

static void
expiry(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 age_s;
		bool		 known;
	} cases[] = {
		{ "an hour", 3600, true },
		{ "almost", DAYS * DAY_S, true },
		{ "too old", DAYS * DAY_S + 3 * UNIT_S, false },
		{ "much too old", 300 * DAY_S, false },
		{ "from a clock that was ahead", -DAY_S, true },
	};
	enum { FEW = SLOTS };
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir);
	size_t		 i;

	(void)state;
	check_int("marked", mark_crowd(p, 0, FEW), FEW);
	for (i = 0; i < COUNT(cases); i++) {
		age_crowd(dir, 1, cases[i].age_s);
		check_int(cases[i].name, look_crowd(p, 0, FEW), cases[i].known ? FEW : 0);
	}
	/* The file is still in use: the same keys are marked again in their bucket. */
	age_crowd(dir, 1, DAYS * DAY_S + 3 * UNIT_S);
	check_int("marked again", mark_crowd(p, 0, FEW), FEW);
	check_int("and found", look_crowd(p, 0, FEW), FEW);
	check_int("one file", files(dir), 1);
	dedup_place_free(p);
}

static void
rotation(void **state)
{
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir), *q = dedup_place_new(dir);

	(void)state;
	check_err("marked", mark_as(p, 1, DEDUP_DONE), ERR_OK);
	check_int("found", look_up(q, 1), DEDUP_DONE);
	age_file(dir, 1, DAYS * DAY_S - 60);
	check_int("looked", look_up(p, 1), DEDUP_DONE);
	check_err("marked", mark_as(p, 2, DEDUP_DONE), ERR_OK);
	check_int("not yet", files(dir), 1);

	age_file(dir, 1, DAYS * DAY_S + 60);
	check_int("looked", look_up(p, 2), DEDUP_DONE);
	check_err("marked", mark_as(p, 3, DEDUP_DONE), ERR_OK);
	check_int("a further file", files(dir), 2);
	check_int("as large", bits_of(dir, 2), BITS_MIN);
	check_int("what is in the first", look_up(p, 1), DEDUP_DONE);
	check_int("others see both: first", look_up(q, 2), DEDUP_DONE);
	check_int("others see both: second", look_up(q, 3), DEDUP_DONE);

	age_file(dir, 2, DAYS * DAY_S + 60);
	check_int("looked", look_up(p, 3), DEDUP_DONE);
	check_err("marked", mark_as(p, 4, DEDUP_DONE), ERR_OK);
	CHECK("the first is gone", !is_there(dir, 1));
	CHECK("the second is not", is_there(dir, 2));
	CHECK("there is a third", is_there(dir, 3));
	check_int("forgotten", look_up(p, 1), DEDUP_NEVER);
	check_int("not forgotten", look_up(p, 3), DEDUP_DONE);
	check_int("new", look_up(p, 4), DEDUP_DONE);
	check_int("others see the third", look_up(q, 4), DEDUP_DONE);
	check_int("and have forgotten, too", look_up(q, 1), DEDUP_NEVER);
	dedup_place_free(q);
	dedup_place_free(p);
}

/*
 * A process made a further file and died before it marked the old one as full: the next one does
 * it.
 */
static void
unsaid(void **state)
{
	static const uint32_t	 no;
	const char		*dir = state_new();
	struct place		*p = dedup_place_new(dir), *q = dedup_place_new(dir);
	struct place		*r = dedup_place_new(dir);

	(void)state;
	check_int("marked", mark_crowd(p, 0, SLOTS), SLOTS);
	check_int("others know that file", look_crowd(q, 0, SLOTS), SLOTS);
	check_int("marked in a further one", mark_crowd(p, SLOTS, 1), 1);
	poke(dir, 1, AT_FULL, &no, sizeof(no));
	check_int("which others do not know", look_crowd(q, SLOTS, 1), 0);
	check_int("one that comes later does", look_crowd(r, SLOTS, 1), 1);
	check_int("and so do all", look_crowd(q, SLOTS, 1), 1);
	dedup_place_free(r);
	dedup_place_free(q);
	dedup_place_free(p);
}

/*
 * Faults.
 */

static void
damaged_head(void **state)
{
	static const unsigned char	 zero[HEAD];
	static const struct {
		const char	*name;
		off_t		 at;
		size_t		 len;
		bool		 opened;	/* while the file is open */
	} cases[] = {
		{ "magic", 0, 1, false }, { "size", AT_BITS, 4, false }, { "all", 0, HEAD, false },
		{ "magic, while it is in use", 0, 1, true },
		{ "size, while it is in use", AT_BITS, 4, true },
	};
	const char	*dir, *path;
	struct place	*p;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		path = state_log(dir);
		p = dedup_place_new(dir);
		check_err(cases[i].name, mark_as(p, 1, DEDUP_DONE), ERR_OK);
		if (!cases[i].opened) {
			dedup_place_free(p);
			p = dedup_place_new(dir);
		}
		poke(dir, 1, cases[i].at, zero, cases[i].len);
		check_int(cases[i].name, look_up(p, 1), DEDUP_NEVER);
		check_int("it is said", state_log_lines(path, "damaged"), 1);
		check_int("that is all", state_log_lines(path, "what=seen"), 1);
		check_err("a new one", mark_as(p, 2, DEDUP_DONE), ERR_OK);
		check_int("in use", look_up(p, 2), DEDUP_DONE);
		check_int("the only one", files(dir), 1);
		log_close();
		dedup_place_free(p);
	}
}

/* A file that was cut short is replaced, and marks work again. */
static void
truncated(void **state)
{
	static const struct {
		const char	*name;
		off_t		 len;
		bool		 opened;
	} cases[] = {
		{ "empty", 0, false }, { "within the head", 10, false },
		{ "the head", HEAD, false },
		{ "half", 1 << 18, false },
		{ "empty, in use", 0, true }, { "the head, in use", HEAD, true },
	};
	const char	*dir, *path;
	char		 file[STATE_PATH];
	struct place	*p;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		path = state_log(dir);
		p = dedup_place_new(dir);
		check_int(cases[i].name, mark_crowd(p, 0, 3), 3);
		if (!cases[i].opened) {
			dedup_place_free(p);
			p = dedup_place_new(dir);
		}
		write_file_path(file, dir, 1);
		assert_int_equal(truncate(file, cases[i].len), 0);
		(void)look_up(p, 1);
		(void)mark_as(p, 1, DEDUP_DONE);
		check_err("soon", mark_as(p, 2, DEDUP_DONE), ERR_OK);
		check_int("marks hold", look_up(p, 2), DEDUP_DONE);
		check_int("looked", look_crowd(p, 0, 3), 0);
		check_int("it is said", state_log_lines(path, "damaged"), 1);
		log_close();
		dedup_place_free(p);
	}
}

/* Marks key 1 as soon as that is possible. */
static enum error
mark_again(struct place *p)
{
	const struct timespec	 pause = { 0, 20000000 };
	int64_t			 end_ms = clock_mono_ms() + PATIENCE_MS;
	enum error		 er;

	while ((er = mark_as(p, 1, DEDUP_DONE)) != ERR_OK && clock_mono_ms() < end_ms)
		(void)nanosleep(&pause, NULL);
	return er;
}

/* The state directory is absent, or cannot be made. */
static void
directory_there(struct other *me, void *arg)
{
	const char		*parent = arg, *path = state_log(parent);
	char			 dir[STATE_PATH];
	unsigned char		 key[DEDUP_KEY] = { 0 };
	enum dedup_as		 as;
	struct place		*p;
	struct stat		 st;
	int			 i;

	(void)me;
	state_path(dir, parent, "new");
	p = dedup_place_new(dir);
	OTHER_CHECK(look_up(p, 1) == DEDUP_NEVER);
	OTHER_CHECK(mark_as(p, 1, DEDUP_DONE) == ERR_OK);
	OTHER_CHECK(look_up(p, 1) == DEDUP_DONE);
	OTHER_CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	dedup_place_free(p);

	state_write(parent, "plain", "", 0);
	state_path(dir, parent, "plain");
	p = dedup_place_new(dir);
	for (i = 0; i < 50; i++) {
		OTHER_CHECK(dedup_find(p->dedup, &as, key) == ERR_STORE);
		OTHER_CHECK(as == DEDUP_NEVER);
		OTHER_CHECK(mark_as(p, 1, DEDUP_DONE) == ERR_STORE);
	}
	OTHER_CHECK(state_log_lines(path, "level=error what=seen") == 1);
	OTHER_CHECK(unlink(dir) == 0);
	OTHER_CHECK(mark_again(p) == ERR_OK);
	OTHER_CHECK(look_up(p, 1) == DEDUP_DONE);
	OTHER_CHECK(state_log_lines(path, "recognized again") == 1);
	dedup_place_free(p);
}

static void
mark_read_only(struct other *me, void *arg)
{
	const char	*dir = arg, *path;
	struct place	*p;
	int		 i;

	(void)me;
	state_drop_root();
	path = state_log(dir);
	OTHER_CHECK(chmod(dir, 0500) == 0);
	p = dedup_place_new(dir);
	for (i = 0; i < 100; i++)
		OTHER_CHECK(mark_as(p, 1, DEDUP_DONE) == ERR_STORE);
	OTHER_CHECK(state_log_lines(path, "level=error what=seen") == 1);
	OTHER_CHECK(chmod(dir, 0700) == 0);
	OTHER_CHECK(mark_again(p) == ERR_OK);
	OTHER_CHECK(look_up(p, 1) == DEDUP_DONE);

	/* No further file can be made: the oldest marks go, the newest stay. */
	OTHER_CHECK(chmod(dir, 0500) == 0);
	OTHER_CHECK(mark_crowd(p, 0, 3 * SLOTS) == 3 * SLOTS);
	OTHER_CHECK(look_crowd(p, 3 * SLOTS - 1, 1) == 1);
	OTHER_CHECK(look_crowd(p, 0, 3 * SLOTS) == SLOTS);
	OTHER_CHECK(chmod(dir, 0700) == 0);
	OTHER_CHECK(mark_crowd(p, 3 * SLOTS, 2) == 2);
	OTHER_CHECK(files(dir) == 2);
	dedup_place_free(p);
}

/* A limit on the size of files is like a full disk. */
static void
full_disk_there(struct other *me, void *arg)
{
	const char	*dir = arg, *path = state_log(dir);
	struct place	*p = dedup_place_new(dir);
	int		 i;

	(void)me;
	(void)signal(SIGXFSZ, SIG_IGN);
	state_limit_files(1 << 18);
	for (i = 0; i < 100; i++)
		OTHER_CHECK(mark_as(p, 1, DEDUP_DONE) == ERR_STORE);
	OTHER_CHECK(files(dir) == 0);
	state_limit_files(RLIM_INFINITY);
	OTHER_CHECK(mark_again(p) == ERR_OK);
	OTHER_CHECK(state_log_lines(path, "level=error what=seen") == 1);
	OTHER_CHECK(state_log_lines(path, "recognized again") == 1);

	/* The file is there, and has its space: it takes marks on a full disk, too. */
	state_limit_files(HEAD);
	OTHER_CHECK(mark_crowd(p, 0, 2 * SLOTS) == 2 * SLOTS);
	OTHER_CHECK(look_crowd(p, 0, 2 * SLOTS) == SLOTS);
	OTHER_CHECK(look_crowd(p, 2 * SLOTS - 1, 1) == 1);
	OTHER_CHECK(files(dir) == 1);
	state_limit_files(RLIM_INFINITY);
	OTHER_CHECK(mark_crowd(p, 2 * SLOTS, 1) == 1);
	OTHER_CHECK(files(dir) == 2);
	OTHER_CHECK(state_log_lines(path, "level=error") == 1);
	dedup_place_free(p);
}

/* A file that cannot be opened is not replaced. */
static void
not_openable_there(struct other *me, void *arg)
{
	const char	*dir = arg;
	struct place	*p;
	char		 file[STATE_PATH];

	(void)me;
	state_drop_root();
	p = dedup_place_new(dir);
	OTHER_CHECK(mark_as(p, 1, DEDUP_DONE) == ERR_OK);
	dedup_place_free(p);
	write_file_path(file, dir, 1);
	OTHER_CHECK(chmod(file, 0) == 0);
	p = dedup_place_new(dir);
	OTHER_CHECK(look_up(p, 1) == DEDUP_NEVER);
	OTHER_CHECK(mark_as(p, 2, DEDUP_DONE) == ERR_OK);
	OTHER_CHECK(look_up(p, 2) == DEDUP_DONE);
	dedup_place_free(p);
	OTHER_CHECK(chmod(file, 0600) == 0);
	p = dedup_place_new(dir);
	OTHER_CHECK(look_up(p, 1) == DEDUP_DONE);
	OTHER_CHECK(look_up(p, 2) == DEDUP_DONE);
	dedup_place_free(p);
}

/* All run at once, since each of them waits a while. */
static void
dedup_faults(void **state)
{
	static const struct {
		const char	*name;
		void		 (*fn)(struct other *me, void *dir);
	} cases[] = {
		{ "read-only directory", mark_read_only }, { "full disk", full_disk_there },
		{ "file that cannot be opened", not_openable_there },
		{ "directory", directory_there },
	};
	struct other	 o[COUNT(cases)];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		other_begin(&o[i], cases[i].fn, (void *)(uintptr_t)state_new());
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, other_end(&o[i]), 0);
}

/* Writes a file as version 1.0 made it, with the marks of some keys, the first of them done. */
static void
write_old_file(const char *dir, int number, uint64_t from, int many)
{
	enum { OLD_BITS = 13, OLD_SLOT = 16 };
	const uint32_t	 now_s = (uint32_t)(clock_wall_ms() / 1000), bits = OLD_BITS;
	unsigned char	 key[DEDUP_KEY], slot[OLD_SLOT];
	char		 path[STATE_PATH];
	uint32_t	 choice;
	int		 i;

	write_file_path(path, dir, number);
	state_write(dir, strrchr(path, '/') + 1, "qtoaseen", 8);
	assert_int_equal(truncate(path, HEAD + (BUCKET << OLD_BITS)), 0);
	poke(dir, number, 8, &bits, sizeof(bits));
	for (i = 0; i < many; i++) {
		dedup_key_of(key, from + (uint64_t)i);
		slot[0] = (unsigned char)now_s;
		slot[1] = (unsigned char)(now_s >> 8);
		slot[2] = (unsigned char)(now_s >> 16);
		slot[3] = (unsigned char)(now_s >> 24);
		slot[4] = i == 0 ? 2 : 1;
		memcpy(slot + 5, key + 9, 11);
		choice = (uint32_t)(key[22] << 8 | key[23]) & ((1U << OLD_BITS) - 1);
		poke(dir, number, HEAD + (off_t)choice * BUCKET, slot, sizeof(slot));
	}
}

/* The marks of an older version are taken over, and its files go. */
static void
older_version(void **state)
{
	const char	*dir = state_new(), *log = state_log(dir);
	struct place	*p = dedup_place_new(dir);

	(void)state;
	write_old_file(dir, 3, 100, 5);
	write_old_file(dir, 4, 200, 5);
	check_int("done", look_up(p, 100), DEDUP_DONE);
	check_int("queued", look_up(p, 101), DEDUP_QUEUED);
	check_int("the other file", look_up(p, 200), DEDUP_DONE);
	check_int("no other", look_up(p, 1), DEDUP_NEVER);
	check_int("one file", files(dir), 1);
	CHECK("a new one", is_there(dir, 5));
	check_int("it is said", state_log_lines(log, "taken over"), 2);
	log_close();
	dedup_place_free(p);
}

/* Files whose names are only like those of dedup. */
static void
other_names(void **state)
{
	static const char *const	 names[] = {
		"qtoa.seen-", "qtoa.seen-0", "qtoa.seen-1.new", "qtoa.seen-x", "qtoa.seen-1x",
		"qtoa.seen-99999999999999999999", "qtoa.seen--1",
	};
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir);
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(names); i++)
		state_write(dir, names[i], "x", 1);
	check_err("marked", mark_as(p, 1, DEDUP_DONE), ERR_OK);
	check_int("found", look_up(p, 1), DEDUP_DONE);
	check_int("the rest of one that was begun is used", files(dir), (int)COUNT(names));
	CHECK("it is the first", is_there(dir, 1));
	dedup_place_free(p);
}

/*
 * Several processes.
 */

/* Marks the other keys, by turns with the test. */
static void
turns_there(struct other *me, void *dir)
{
	struct place	*p = dedup_place_new(dir);
	unsigned	 n = 0;

	while (other_hear(me)) {
		OTHER_CHECK(look_crowd(p, n, 10) == 10);	/* the test has marked these */
		OTHER_CHECK(mark_crowd(p, n + 10, 10) == 10);
		n += 20;
		other_say(me);
	}
	dedup_place_free(p);
}

/* Each process sees at once the marks of the other, also after one has made a further file. */
static void
taking_turns(void **state)
{
	const char	*dir = state_new();
	struct place	*p;
	struct other	 o;
	unsigned	 n;

	(void)state;
	other_begin(&o, turns_there, (void *)(uintptr_t)dir);
	p = dedup_place_new(dir);
	check_int("looked", look_crowd(p, 0, 1), 0);
	for (n = 0; n < 8 * SLOTS; n += 20) {
		check_int("marked here", mark_crowd(p, n, 10), 10);
		other_say(&o);
		(void)other_hear(&o);
		check_int("seen here", look_crowd(p, n + 10, 10), 10);
	}
	check_int("the other", other_end(&o), 0);
	check_int("all", look_crowd(p, 0, (int)n), n);
	CHECK("in many files", files(dir) >= 8);
	dedup_place_free(p);
}

/*
 * Claims.
 */

enum { SHORT_MS = 60 };

static enum error
claim_key(struct place *p, enum dedup_as *as, uint64_t n, int64_t ms)
{
	unsigned char	 key[DEDUP_KEY];

	dedup_key_of(key, n);
	return dedup_claim(p->dedup, as, key, clock_mono_ms() + ms);
}

/* What a message was before a claim, and what it is after it. */
static void
claims(void **state)
{
	static const struct {
		const char	*name;
		enum dedup_as	 before, after;		/* DEDUP_NEVER: it is not marked */
		enum dedup_as	 first, second;		/* what a claim finds */
	} cases[] = {
		{ "new, then done", DEDUP_NEVER, DEDUP_DONE, DEDUP_NEVER, DEDUP_DONE },
		{ "new, then queued", DEDUP_NEVER, DEDUP_QUEUED, DEDUP_NEVER, DEDUP_QUEUED },
		{ "queued", DEDUP_QUEUED, DEDUP_QUEUED, DEDUP_QUEUED, DEDUP_QUEUED },
		{ "queued, then done", DEDUP_QUEUED, DEDUP_DONE, DEDUP_QUEUED, DEDUP_DONE },
		{ "done", DEDUP_DONE, DEDUP_DONE, DEDUP_DONE, DEDUP_DONE },
	};
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir), *q = dedup_place_twin(p);
	enum dedup_as	 as;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (cases[i].before != DEDUP_NEVER)
			check_err(cases[i].name, mark_as(p, i, cases[i].before), ERR_OK);
		check_err(cases[i].name, claim_key(p, &as, i, 0), ERR_OK);
		check_int(cases[i].name, as, cases[i].first);
		if (as != DEDUP_DONE) {
			check_err(cases[i].name, claim_key(q, &as, i, SHORT_MS), ERR_LATE);
			check_int(cases[i].name, look_up(q, i), DEDUP_QUEUED);
		}
		check_err(cases[i].name, mark_as(p, i, cases[i].after), ERR_OK);
		check_err(cases[i].name, claim_key(q, &as, i, 0), ERR_OK);
		check_int(cases[i].name, as, cases[i].second);
	}
	dedup_place_free(q);
	dedup_place_free(p);
}

/* A drainer delivers a message while somebody has claimed it: then it is done. */
static void
done_meanwhile(void **state)
{
	struct place	*p = dedup_place_new(state_new());
	enum dedup_as	 as;

	(void)state;
	check_err("claimed", claim_key(p, &as, 1, 0), ERR_OK);
	check_err("done by another", mark_as(p, 1, DEDUP_DONE), ERR_OK);
	check_err("the claim ends", mark_as(p, 1, DEDUP_QUEUED), ERR_OK);
	check_int("it stays done", look_up(p, 1), DEDUP_DONE);
	dedup_place_free(p);
}

/* Claims a key and waits to be killed. */
static void
claim_there(struct other *me, void *dir)
{
	struct place	*p = dedup_place_new(dir);
	enum dedup_as	 as;

	OTHER_CHECK(claim_key(p, &as, 1, 0) == ERR_OK && as == DEDUP_NEVER);
	other_say(me);
	(void)other_hear(me);
}

/* The claim of a process ends with it; how far it has come is to be looked up in the store. */
static void
death_of_claimer(void **state)
{
	const char	*dir = state_new();
	struct place	*p;
	struct other	 o;
	enum dedup_as	 as;

	(void)state;
	other_begin(&o, claim_there, (void *)(uintptr_t)dir);
	(void)other_hear(&o);
	p = dedup_place_new(dir);
	check_err("it has it", claim_key(p, &as, 1, SHORT_MS), ERR_LATE);
	other_kill(&o);
	check_err("taken over", claim_key(p, &as, 1, 0), ERR_OK);
	check_int("look it up", as, DEDUP_QUEUED);
	dedup_place_free(p);
}

enum { RACES = 300, RACERS = 4 };

struct racer {
	struct place	*place;
	pthread_t	 thread;
	int		 won;
	char		*taken;		/* of each key: somebody has it at this moment */
	int		 twice;
};

/* Claims all keys, in the same order as the others, and does each of them. */
static void *
race(void *arg)
{
	struct racer	*r = arg;
	enum dedup_as	 as;
	uint64_t	 n;

	for (n = 0; n < RACES; n++) {
		if (claim_key(r->place, &as, n, PATIENCE_MS) != ERR_OK || as == DEDUP_DONE)
			continue;
		r->twice += __atomic_exchange_n(&r->taken[n], 1, __ATOMIC_SEQ_CST);
		r->won++;
		(void)mark_as(r->place, n, DEDUP_DONE);
	}
	return NULL;
}

/* Many claim the same messages at the same time: each is claimed by one. */
static void
races(void **state)
{
	const char	*dir = state_new();
	struct place	*p = dedup_place_new(dir), *q = dedup_place_twin(p);
	char		 taken[RACES] = { 0 };
	struct racer	 r[RACERS];
	int		 i, won = 0, twice = 0;

	(void)state;
	for (i = 0; i < RACERS; i++) {
		r[i] = (struct racer){ .place = i % 2 == 0 ? p : q, .taken = taken };
		assert_int_equal(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
	}
	for (i = 0; i < RACERS; i++) {
		assert_int_equal(pthread_join(r[i].thread, NULL), 0);
		won += r[i].won;
		twice += r[i].twice;
	}
	check_int("each once", won, RACES);
	check_int("none twice", twice, 0);
	dedup_place_free(q);
	dedup_place_free(p);
}

/* Keys of few buckets, so that threads and processes use the same ones. */
static void
crew_key(unsigned char key[DEDUP_KEY], unsigned process, unsigned thread, unsigned n)
{
	memset(key, 0, DEDUP_KEY);
	key[14] = (unsigned char)process;
	key[15] = (unsigned char)thread;
	key[16] = (unsigned char)n;
	key[17] = (unsigned char)(n >> 8);
	key[13] = (unsigned char)(n % 4);
	key[12] = (unsigned char)(n / 4 % 8 << 4);	/* other buckets in larger files */
}

struct crew {
	struct place	*place;
	pthread_t	 thread;
	unsigned	 process, number;
	int		 good;
};

static void *
crew_run(void *arg)
{
	struct crew	*c = arg;
	unsigned char	 key[DEDUP_KEY];
	unsigned	 i;

	for (i = 0; i < EACH; i++) {
		crew_key(key, c->process, c->number, i);
		if (look_key(c->place, key) == DEDUP_NEVER)
			c->good += dedup_mark(c->place->dedup, key, DEDUP_DONE) ==
			    ERR_OK;
	}
	return NULL;
}

struct crews {
	const char	*dir;
	unsigned	 process;
};

static void
crews_there(struct other *me, void *arg)
{
	struct crews	*a = arg;
	struct crew	 c[THREADS];
	struct place	*p = dedup_place_new(a->dir);
	unsigned	 i;

	other_say(me);
	(void)other_hear(me);
	for (i = 0; i < THREADS; i++) {
		c[i] = (struct crew){ .place = p, .process = a->process, .number = i };
		OTHER_CHECK(pthread_create(&c[i].thread, NULL, crew_run, &c[i]) == 0);
	}
	for (i = 0; i < THREADS; i++) {
		OTHER_CHECK(pthread_join(c[i].thread, NULL) == 0);
		OTHER_CHECK(c[i].good == EACH);
	}
	dedup_place_free(p);
}

static void
mark_all_at_once(void **state)
{
	struct crews	 a[2] = { { state_new(), 0 }, { NULL, 1 } };
	struct other	 o[2];
	struct place	*p;
	unsigned char	 key[DEDUP_KEY];
	unsigned	 k, t, i;
	int		 found = 0;

	(void)state;
	a[1].dir = a[0].dir;
	for (k = 0; k < 2; k++)
		other_begin(&o[k], crews_there, &a[k]);
	for (k = 0; k < 2; k++)
		(void)other_hear(&o[k]);
	for (k = 0; k < 2; k++)
		other_say(&o[k]);
	for (k = 0; k < 2; k++)
		check_int("all are marked", other_end(&o[k]), 0);
	p = dedup_place_new(a[0].dir);
	for (k = 0; k < 2; k++)
		for (t = 0; t < THREADS; t++)
			for (i = 0; i < EACH; i++) {
				crew_key(key, k, t, i);
				found += look_key(p, key) == DEDUP_DONE;
			}
	check_int("nothing is lost", found, 2 * THREADS * EACH);
	dedup_place_free(p);
}

/* Marks keys until it is killed, between two further files. */
static void
mark_until_killed(struct other *me, void *dir)
{
	struct place	*p = dedup_place_new(dir);
	unsigned	 n;

	other_say(me);
	for (n = 1000000;; n++)
		(void)mark_crowd(p, n, 1);
}

static void
death_of_dedup(void **state)
{
	const char	*dir = state_new();
	struct place	*p;
	struct other	 o;
	int		 i;

	(void)state;
	for (i = 0; i < 5; i++) {
		other_begin(&o, mark_until_killed, (void *)(uintptr_t)dir);
		(void)other_hear(&o);
		other_kill(&o);
		p = dedup_place_new(dir);
		check_int("we mark", mark_crowd(p, (unsigned)i * SLOTS, SLOTS), SLOTS);
		check_int("we see", look_crowd(p, (unsigned)i * SLOTS, SLOTS), SLOTS);
		dedup_place_free(p);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(dedup_faults), TEST(taking_turns), TEST(mark_all_at_once),
		TEST(death_of_dedup), TEST(marks), TEST(marks_again), TEST(near_keys),
		TEST(very_many), TEST(expiry), TEST(rotation), TEST(unsaid), TEST(damaged_head),
		TEST(truncated), TEST(other_names), TEST(older_version),
		TEST(claims), TEST(done_meanwhile), TEST(death_of_claimer), TEST(races),
	};

	return RUN("seen", tests);
}
