#include <malloc.h>

#include "server/heap.h"

enum {
	ARENAS	= 4,		/* heaps that the workers share */
	MAPPED	= 128 * 1024,	/* bytes; what is larger goes back as soon as it is freed */
	TOP	= 1024 * 1024	/* free bytes at the end of the heap before they go back */
};

#ifdef __GLIBC__

void
heap_init(void)
{
	/* A heap for each thread would cost more memory than it saves time. */
	(void)mallopt(M_ARENA_MAX, ARENAS);
	/* Unless it is set, this limit grows to the largest block that was ever freed. */
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED);
	(void)mallopt(M_TRIM_THRESHOLD, TOP);
}

void
heap_trim(void)
{
	(void)malloc_trim(0);
}

#else

void
heap_init(void)
{
}

void
heap_trim(void)
{
}

#endif
