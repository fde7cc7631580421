#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "core/log_target.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static void
by_name(void **state)
{
	static const struct {
		const char	*target;
		int		 fd;
	} cases[] = {
		{ NULL, 2 }, { "", 2 }, { "stderr", 2 }, { "/dev/stderr", 2 }, { "/dev/fd/2", 2 },
		{ "/dev/stdout", 1 }, { "/dev/fd/1", 1 }, { "/proc/self/fd/1", 1 },
		{ "/proc/thread-self/fd/1", 1 }, { "/proc/4711/fd/1", 1 },
		{ "/proc/self/task/4711/fd/1", 1 }, { "stdout", 1 }, { "-", 1 },
		{ "//dev//stdout", 1 }, { "/dev/./stdout", 1 }, { "/dev/../dev/stdout", 1 },
		{ "/dev/../proc/self/fd/1", 1 }, { "/proc/self/root/dev/stdout", 1 },
		{ "/dev/stdin", 0 }, { "/dev/fd/0", 0 }, { "/proc/self/fd/0", 0 },
		{ "syslog", -1 }, { "/dev/null", -1 }, { "/dev/fd/3", -1 }, { "/dev/fd/10", -1 },
		{ "/dev/stdout/x", -1 }, { "/var/log/stdout", -1 }, { "/tmp/fd/1", -1 },
		{ "/nothing/here/log", -1 }, { "/dev/fd/", -1 }, { "/", -1 }, { ".", -1 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].target == NULL ? "NULL" : cases[i].target,
		    log_target_descriptor(cases[i].target), cases[i].fd);
}

static void
through_links(void **state)
{
	static const struct {
		const char	*name, *leads_to;
		int		 fd;
	} cases[] = {
		{ "direct", "/dev/stdout", 1 },
		{ "again", "direct", 1 },
		{ "fds", "/dev/fd", -1 },
		{ "fds/1", NULL, 1 },
		{ "fds/0", NULL, 0 },
		{ "self", "/proc/self", -1 },
		{ "self/fd/1", NULL, 1 },
		{ "back", "../../../../../../../../../../dev/stdout", 1 },
		{ "err", "/proc/self/fd/2", 2 },
		{ "null", "/dev/null", -1 },
		{ "dangling", "nothing", -1 },
		{ "loop", "loop", -1 },
	};
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		state_path(path, dir, cases[i].name);
		if (cases[i].leads_to != NULL)
			check_int(cases[i].name, symlink(cases[i].leads_to, path), 0);
		check_int(cases[i].name, log_target_descriptor(path), cases[i].fd);
	}
}

/* Plain files, of which one is open as a standard descriptor. */
static void
plain_files(void **state)
{
	static const struct {
		const char	*name, *leads_to;
		int		 fd;
	} cases[] = {
		{ "log", NULL, -1 },
		{ "link", "log", -1 },
		{ "request", NULL, -1 },
		{ "in", "/dev/stdin", STDIN_FILENO },
		{ "in again", "in", STDIN_FILENO },
	};
	const char	*dir = state_new();
	const int	 before = dup(STDIN_FILENO);
	char		 path[STATE_PATH];
	size_t		 i;
	int		 fd;

	(void)state;
	state_write(dir, "log", "", 0);
	state_write(dir, "request", "", 0);
	state_path(path, dir, "request");
	fd = open(path, O_RDONLY);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	check_int("by name", log_target_descriptor("/dev/stdin"), STDIN_FILENO);
	for (i = 0; i < COUNT(cases); i++) {
		state_path(path, dir, cases[i].name);
		if (cases[i].leads_to != NULL)
			check_int(cases[i].name, symlink(cases[i].leads_to, path), 0);
		check_int(cases[i].name, log_target_descriptor(path), cases[i].fd);
	}
	(void)close(fd);
	if (before == -1)
		(void)close(STDIN_FILENO);
	else
		assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
	(void)close(before);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(by_name), TEST(through_links), TEST(plain_files),
	};

	return RUN("log_target", tests);
}
