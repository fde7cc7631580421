/*
 * guarded.h: input for parsers that ends where the mapped memory ends.
 *
 * A parser that reads one byte behind its input, or before the page of it, ends the test with a
 * signal.
 */
#ifndef TESTS_UNIT_GUARDED_H
#define TESTS_UNIT_GUARDED_H

#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A page that cannot be read, size bytes, and another page that cannot be read. */
struct guarded {
	char	*map;
	size_t	 page, size;
};

static inline void
guarded_init(struct guarded *g, size_t max)
{
	int	 fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	void	*map;

	g->page = (size_t)sysconf(_SC_PAGESIZE);
	g->size = (max + g->page - 1) / g->page * g->page;
	map = mmap(NULL, g->size + 2 * g->page, PROT_NONE, MAP_PRIVATE, fd, 0);
	assert_true(fd != -1 && map != MAP_FAILED);
	g->map = map;
	assert_int_equal(mprotect(g->map + g->page, g->size, PROT_READ | PROT_WRITE), 0);
	(void)close(fd);
}

static inline void
guarded_fini(struct guarded *g)
{
	(void)munmap(g->map, g->size + 2 * g->page);
}

/* Copies s to the end of the memory, over the copy before.  The test may write to it. */
static inline char *
guarded_put(const struct guarded *g, struct slice s)
{
	char	*at = g->map + g->page + g->size - s.len;

	assert_true(s.len <= g->size);
	if (s.len != 0)
		memcpy(at, s.p, s.len);
	return at;
}

static inline struct slice
guarded_slice(const struct guarded *g, struct slice s)
{
	return (struct slice){ guarded_put(g, s), s.len };
}

#endif
