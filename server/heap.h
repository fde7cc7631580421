/*
 * heap.h: how the C library keeps the memory that is freed.
 *
 * By itself it keeps most of it for ever: a moment of large requests would leave a process large.
 */
#ifndef SERVER_HEAP_H
#define SERVER_HEAP_H

/* Sets up the heap of a FastCGI process.  Call it before the first thread starts. */
void	heap_init(void);

/* Gives memory that is free back to the system.  It may take some milliseconds. */
void	heap_trim(void);

#endif
