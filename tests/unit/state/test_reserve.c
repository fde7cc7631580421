#include <sys/stat.h>
#include <unistd.h>

#include "state/reserve.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static struct stat
look_at(const char *path)
{
	struct stat	 st = { .st_size = -1 };

	(void)stat(path, &st);
	return st;
}

/* It is given up by halves, down to nothing, and made again. */
static void
giving(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	struct stat	 st;
	off_t		 before;
	int		 times;

	(void)state;
	state_path(path, dir, RESERVE_FILE);
	CHECK("nothing to give", !reserve_give(dir) && !reserve_give_all(dir));
	reserve_make(dir);
	st = look_at(path);
	CHECK("it is there", st.st_size >= 32768 && st.st_size <= 1 << 20);
	CHECK("the disk has its blocks", (off_t)st.st_blocks * 512 >= st.st_size);
	check_int("for its user alone", st.st_mode & 0777, 0600);
	for (times = 0, before = st.st_size; reserve_give(dir); times++) {
		CHECK("it is smaller", look_at(path).st_size <= before / 2);
		before = look_at(path).st_size;
	}
	CHECK("several times", times > 1);
	check_int("it is gone", look_at(path).st_size, -1);
	reserve_make(dir);
	check_int("made again", look_at(path).st_size, st.st_size);
	CHECK("given back in part", reserve_give(dir));
	reserve_make(dir);
	check_int("whole again", look_at(path).st_size, st.st_size);
	CHECK("all of it", reserve_give_all(dir));
	check_int("all of it is gone", look_at(path).st_size, -1);
}

/* Something else has its name: that is left alone, or removed to make room, but not followed. */
static void
not_ours(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH], other[STATE_PATH];

	(void)state;
	state_path(path, dir, RESERVE_FILE);
	state_path(other, dir, "other");
	state_write(dir, "other", "text", 4);
	assert_int_equal(symlink(other, path), 0);
	reserve_make(dir);
	CHECK("a link", !reserve_give(dir));
	check_int("is not followed", look_at(other).st_size, 4);
	reserve_make("/proc/self/nowhere");
	CHECK("no directory", !reserve_give("/proc/self/nowhere"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(giving), TEST(not_ours) };

	return RUN("reserve", tests);
}
