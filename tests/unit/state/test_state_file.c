#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/log.h"
#include "state/state_file.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static const struct state_file_layout	layout = {
	.magic = { 'm', 'a', 'g', 'i', 'c', 'm', 'a', 'g' }, .version = 2, .head = 16,
};

/* Files by their bytes: how they are classified, and what is left after state_file_clear(). */
static void
kinds_of_file(void **state)
{
	static const struct {
		const char		*name;
		struct slice		 bytes;
		enum state_file_is	 is;
		bool			 is_cleared, is_moved;
	} cases[] = {
		{ "sound", BYTES("magicmag\2\0\0\0rest"), STATE_FILE_SOUND, true, false },
		{ "no bytes", BYTES(""), STATE_FILE_EMPTY, true, false },
		{ "no magic", BYTES("\0\0\0\0\0\0\0\0\2\0\0\0rest"), STATE_FILE_EMPTY, true,
		    false },
		{ "short", BYTES("magicmag\2\0\0\0res"), STATE_FILE_OTHER, true, true },
		{ "other magic", BYTES("magicmug\2\0\0\0rest"), STATE_FILE_OTHER, true, true },
		{ "older", BYTES("magicmag\1\0\0\0rest"), STATE_FILE_OTHER, true, true },
		{ "later", BYTES("magicmag\3\0\0\0rest"), STATE_FILE_LATER, false, false },
	};
	const char		*dir = state_new(), *log = state_log(dir), *why;
	char			 path[STATE_PATH], head[16];
	struct state_file	 f = { .fd = -1 };
	enum state_file_is	 is;
	const struct timespec	 pause = { 0, 2000000 };
	size_t			 i;
	int			 moved = 0;

	(void)state;
	state_path(path, dir, "file");
	for (i = 0; i < COUNT(cases); i++) {
		state_write(dir, "file", cases[i].bytes.p, cases[i].bytes.len);
		is = state_file_open(&f, path, O_RDWR, head, &layout);
		check_int(cases[i].name, is, cases[i].is);
		CHECK(cases[i].name, f.fd != -1);
		CHECK(cases[i].name, is != STATE_FILE_SOUND || memcmp(head + 12, "rest", 4) == 0);
		why = state_file_clear(is, path, "test");
		CHECK(cases[i].name, (why == NULL) == cases[i].is_cleared);
		moved += cases[i].is_moved;
		check_int(cases[i].name, state_count(dir, "file.foreign-", NULL), moved);
		check_int(cases[i].name, state_log_lines(log, "set aside"), moved);
		CHECK(cases[i].name, (access(path, F_OK) == 0) ==
		    (is == STATE_FILE_SOUND || is == STATE_FILE_LATER));
		state_file_close(&f);
		(void)nanosleep(&pause, NULL);	/* files in quarantine have different times */
	}
	log_close();
}

static void
no_file(void **state)
{
	const char		*dir = state_new();
	char			 path[STATE_PATH], head[16];
	struct state_file	 f = { .fd = -1 };

	(void)state;
	state_path(path, dir, "file");
	check_int("absent", state_file_open(&f, path, O_RDWR, head, &layout), STATE_FILE_ABSENT);
	check_int("closed", f.fd, -1);
	CHECK("cleared", state_file_clear(STATE_FILE_ABSENT, path, "test") == NULL);
	assert_int_equal(symlink("log", path), 0);
	check_int("a link", state_file_open(&f, path, O_RDWR | O_CREAT, head, &layout),
	    STATE_FILE_UNREADABLE);
	CHECK("not cleared", state_file_clear(STATE_FILE_UNREADABLE, path, "test") != NULL);
	(void)unlink(path);
	check_int("new", state_file_open(&f, path, O_RDWR | O_CREAT, head, &layout),
	    STATE_FILE_EMPTY);
	check_int("its mode", f.st.st_mode & 07777, 0600);
	state_file_close(&f);
	check_int("closed", f.fd, -1);
}

static void
reserve_and_map(void **state)
{
	enum { LEN = 65536 };
	const char		*dir = state_new();
	char			 path[STATE_PATH], head[16];
	struct state_file	 f = { .fd = -1 }, mapped = { .fd = -1 };

	(void)state;
	state_path(path, dir, "file");
	(void)state_file_open(&f, path, O_RDWR | O_CREAT, head, &layout);
	assert_int_equal(ftruncate(f.fd, LEN), 0);
	assert_int_equal(fstat(f.fd, &f.st), 0);
	CHECK("it is a hole", f.st.st_blocks == 0);
	CHECK("reserved", state_file_reserve(&f, LEN));
	CHECK("no hole is left", f.st.st_blocks * 512 >= LEN);
	CHECK("again", state_file_reserve(&f, LEN));
	CHECK("mapped", state_file_map(&mapped, &f, LEN));
	memcpy(mapped.map, "abc", 3);
	CHECK("shared", pread(f.fd, head, 3, 0) == 3 && memcmp(head, "abc", 3) == 0);
	CHECK("mapped again", state_file_map(&mapped, &f, LEN));
	state_file_close(&f);
	CHECK("it stays", memcmp(mapped.map, "abc", 3) == 0);
	state_file_unmap(&mapped);
	CHECK("unmapped", mapped.map == NULL);
	CHECK("no descriptor", !state_file_reserve(&f, 2 * LEN));
}

static void
trouble_once(void **state)
{
	const char			*dir = state_new(), *log = state_log(dir);
	struct state_file_trouble	 t = {
		.dir = dir, .what = "test", .effect = "nothing works", .level = LEVEL_ERROR,
	};

	(void)state;
	CHECK("it works", !state_file_note(&t, "a file", NULL));
	CHECK("may be tried", state_file_may_try(&t));
	CHECK("fails", !state_file_note(&t, "a file", "too old"));
	CHECK("fails again", !state_file_note(&t, "a file", "too young"));
	CHECK("not to be tried", !state_file_may_try(&t));
	check_int("one line", state_log_lines(log, "what=test"), 1);
	check_int("all of it",
	    state_log_lines(log, "msg=\"a file: too old: nothing works until"), 1);
	CHECK("it is over", state_file_note(&t, "a file", NULL));
	CHECK("may be tried again", state_file_may_try(&t));
	CHECK("it is over once", !state_file_note(&t, "a file", NULL));
	CHECK("fails again", !state_file_note(&t, "a file", "too small"));
	check_int("a line for it", state_log_lines(log, "too small"), 1);
	log_close();
}

/* A file is replaced as a whole, or stays as it was. */
static void
replaced(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH], new[STATE_PATH];
	struct buf	 b = { 0 };

	(void)state;
	state_path(path, dir, "file");
	state_path(new, dir, "file.new");
	CHECK("the first", state_file_replace(path, slice_of("one")));
	state_write(dir, "file.new", "rest", 4);	/* of a process that has died */
	CHECK("the second", state_file_replace(path, slice_of("two")));
	assert_int_equal(buf_read_file(&b, path, 100), 0);
	CHECK("its bytes", slice_is(buf_slice(&b), "two"));
	check_int("files", state_count(dir, "file", NULL), 1);
	assert_int_equal(mkdir(new, 0700), 0);
	CHECK("something is in the way", !state_file_replace(path, slice_of("three")));
	assert_int_equal(rmdir(new), 0);
	assert_int_equal(buf_read_file(&b, path, 100), 0);
	CHECK("as before", slice_is(buf_slice(&b), "two"));
	CHECK("no directory", !state_file_replace("/nowhere/at/all", slice_of("x")));
	buf_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(kinds_of_file), TEST(no_file), TEST(reserve_and_map), TEST(trouble_once),
		    TEST(replaced),
	};

	return RUN("state_file", tests);
}
