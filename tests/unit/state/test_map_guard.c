#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "state/map_guard.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PAGES = 4, LATER = 77 };

static size_t	 page;

/* Maps a file of PAGES pages, which is then cut to `left` of them. */
static volatile char *
map_cut(int left)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	void		*p;
	int		 fd;

	page = (size_t)sysconf(_SC_PAGESIZE);
	state_path(path, dir, "mapped");
	assert_int_not_equal(fd = open(path, O_RDWR | O_CREAT, 0600), -1);
	assert_int_equal(ftruncate(fd, (off_t)(PAGES * page)), 0);
	p = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	memset(p, 'a', PAGES * page);
	assert_int_equal(ftruncate(fd, (off_t)((size_t)left * page)), 0);
	(void)close(fd);
	return p;
}

static void
a_page_is_replaced(void **state)
{
	static const struct {
		const char	*name;
		int		 left, at;	/* pages that are left; the page that is used */
		bool		 lost;
	} cases[] = {
		{ "whole", PAGES, PAGES - 1, false },
		{ "what is left", 2, 1, false },
		{ "behind the end", 2, 2, true },
		{ "the last page", PAGES - 1, PAGES - 1, true },
		{ "nothing is left", 0, 0, true },
	};
	struct map_guard	*g;
	volatile char		*p;
	size_t			 i, at;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = map_cut(cases[i].left);
		at = (size_t)cases[i].at * page + 100;
		g = map_guard_add((void *)(uintptr_t)p, PAGES * page, MAP_GUARD_LOSE, "");
		CHECK(cases[i].name, g != NULL && !map_guard_is_lost(g));
		check_int(cases[i].name, p[at], cases[i].lost ? 0 : 'a');
		p[at] = 'b';
		check_int(cases[i].name, p[at], 'b');
		check_int(cases[i].name, map_guard_is_lost(g), cases[i].lost);
		map_guard_remove(g);
		(void)munmap((void *)(uintptr_t)p, PAGES * page);
	}
}

static void
can_it_be_written(void **state)
{
	volatile char	*p = map_cut(2);

	(void)state;
	CHECK("what is left", map_guard_can_write((void *)(uintptr_t)p, 2 * page));
	check_int("it is unchanged", p[page], 'a');
	CHECK("behind the end", !map_guard_can_write((void *)(uintptr_t)p, 3 * page));
	(void)munmap((void *)(uintptr_t)p, PAGES * page);
}

static void
many_guards(void **state)
{
	static struct map_guard	*g[1024];
	static char		 byte;
	size_t			 i, n;

	(void)state;
	for (n = 0; n < COUNT(g) && (g[n] = map_guard_add(&byte, 1, MAP_GUARD_LOSE, "")) != NULL;)
		n++;
	CHECK("there is an end", n > 100 && n < COUNT(g));
	for (i = 0; i < n; i++)
		map_guard_remove(g[i]);
	CHECK("free again", (g[0] = map_guard_add(&byte, 1, MAP_GUARD_LOSE, "")) != NULL);
	map_guard_remove(g[0]);
	map_guard_remove(NULL);
	CHECK("no guard, no loss", !map_guard_is_lost(NULL));
}

static void
end_later(int sig)
{
	(void)sig;
	_exit(LATER);
}

/* How processes end that touch a page behind the end of a file. */
static void
ends_of_a_process(void **state)
{
	static const struct {
		const char	*name;
		bool		 guarded, has_handler, sent;
		int		 lines, status;	/* -1: the kernel or a sanitizer decides */
	} cases[] = {
		{ "with a line", true, false, false, 1, EXIT_FAILURE },
		{ "no guard", false, false, false, 0, -1 },
		{ "another's handler", false, true, false, 0, LATER },
		{ "sent by a process", true, true, true, 0, LATER },
	};
	static char	 other;
	volatile char	*p = map_cut(1);
	const char	*log = state_log(state_new());
	size_t		 i;
	pid_t		 pid;
	int		 status, lines = 0;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if ((pid = fork()) == 0) {
			(void)signal(SIGBUS, cases[i].has_handler ? end_later : SIG_DFL);
			(void)map_guard_add(&other, 1, MAP_GUARD_LOSE, "");
			if (cases[i].guarded)
				(void)map_guard_add((void *)(uintptr_t)p, PAGES * page,
				    MAP_GUARD_END, "the index");
			if (cases[i].sent)
				(void)raise(SIGBUS);
			p[page] = 'b';
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		lines += cases[i].lines;
		check_int(cases[i].name, state_log_lines(log, "the index cannot be used"), lines);
		if (cases[i].status != -1)
			check_int(cases[i].name, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
			    cases[i].status);
		else
			CHECK(cases[i].name, !WIFEXITED(status) || WEXITSTATUS(status) != 0);
	}
	log_close();
	(void)munmap((void *)(uintptr_t)p, PAGES * page);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(ends_of_a_process),
		TEST(a_page_is_replaced),
		TEST(can_it_be_written),
		TEST(many_guards),
	};

	return RUN("map_guard", tests);
}
