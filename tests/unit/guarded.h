/*
 * guarded.h: input that ends at the end of mapped memory, so that reading one byte
 * beyond it, or before the page it lies in, ends the test.
 */
#ifndef TESTS_UNIT_GUARDED_H
#define TESTS_UNIT_GUARDED_H

#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A PROT_NONE page, size bytes, a PROT_NONE page. */
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

/* The copy, writable; the one before is gone. */
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
