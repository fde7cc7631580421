#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/alert_file.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { HEAD = 4096, COPY = 20480, SIZE = HEAD + 2 * COPY };

/* Opens, adds to the count of sent ones, saves. */
static int64_t
count_one(const char *dir)
{
	struct alert_file	 f;
	int64_t			 sent = -1;

	if (alert_file_open(&f, dir)) {
		f.state.sent++;
		if (alert_file_save(&f))
			sent = f.state.sent;
	}
	alert_file_close(&f);
	return sent;
}

static int64_t
sent_of(const char *dir)
{
	struct alert_file_state	 st;

	return alert_file_read(&st, dir) ? st.sent : -1;
}

static off_t
size_of(const char *path)
{
	struct stat	 st;

	return stat(path, &st) == -1 ? -1 : st.st_size;
}

/* Writes over bytes of the file. */
static void
spoil(const char *path, off_t at, const void *bytes, size_t len)
{
	const int	 fd = open(path, O_RDWR);

	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	(void)close(fd);
}

static void
turns(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	int		 i;

	(void)state;
	state_path(path, dir, "qtoa.alerts");
	check_int("no file", sent_of(dir), -1);
	check_int("nor does reading make one", size_of(path), -1);
	for (i = 1; i <= 5; i++) {
		check_int("saved", count_one(dir), i);
		check_int("read", sent_of(dir), i);
		check_int("its size", size_of(path), SIZE);
	}
}

/* A copy that is torn: the one before it counts. */
static void
torn(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];

	(void)state;
	state_path(path, dir, "qtoa.alerts");
	(void)count_one(dir);		/* number 1, the second place */
	(void)count_one(dir);		/* number 2, the first place */
	spoil(path, HEAD + 100, "torn", 4);
	check_int("the older one", sent_of(dir), 1);
	check_int("goes on", count_one(dir), 2);
	check_int("goes on", sent_of(dir), 2);
	spoil(path, HEAD + 100, "torn", 4);
	spoil(path, HEAD + COPY + 100, "torn", 4);
	check_int("both are torn", sent_of(dir), -1);
	check_int("it begins again", count_one(dir), 1);
}

/* Files that this qtoa has not written. */
static void
others(void **state)
{
	static const char	 garbage[SIZE] = "no such file";
	const uint32_t		 version = 2;
	const char		*dir = state_new();
	char			 path[STATE_PATH];
	struct alert_file	 f;

	(void)state;
	state_path(path, dir, "qtoa.alerts");
	state_write(dir, "qtoa.alerts", garbage, sizeof(garbage));
	check_int("garbage is empty", count_one(dir), 1);
	spoil(path, HEAD + COPY + 8, &version, sizeof(version));
	CHECK("a later version", !alert_file_open(&f, dir) && errno == ENOTSUP);
	alert_file_close(&f);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	check_int("a directory", count_one(dir), -1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	check_int("a link", count_one(dir), -1);
	check_int("a link", alert_file_looked_ms(dir), 0);
	check_int("no directory", count_one("/nonexistent"), -1);
}

/* A disk that is full: a file that is there works. */
static void
full_disk(void **state)
{
	const char	*dir = state_new();

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	check_int("before", count_one(dir), 1);
	state_limit_files(SIZE);
	check_int("full", count_one(dir), 2);
	state_limit_files(100);
	check_int("a new file has no room", count_one(state_new()), -1);
	state_limit_files(RLIM_INFINITY);
	check_int("after", sent_of(dir), 2);
}

static void
looks(void **state)
{
	const char		*dir = state_new();
	struct alert_file	 f;

	(void)state;
	check_int("never", alert_file_looked_ms(dir), 0);
	assert_true(alert_file_open(&f, dir));
	check_int("a new file", alert_file_looked_ms(dir), 0);
	alert_file_look(&f, 1795363200123);
	alert_file_close(&f);
	CHECK("then", alert_file_looked_ms(dir) == INT64_C(1795363200123));
	check_int("no state of it", sent_of(dir), -1);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(turns), TEST(torn), TEST(others), TEST(full_disk), TEST(looks),
	};

	return RUN("alert_file", tests);
}
