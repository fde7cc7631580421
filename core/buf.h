/*
 * buf.h: bytes that grow as needed, up to a limit.
 *
 * A worker keeps its bufs from request to request.  buf_reset() empties one and keeps its memory,
 * unless that is more than an ordinary message needs.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/slice.h"

/* Bytes that the buf owns.  All zero is an empty buf without a limit. */
struct buf {
	char	*p;
	size_t	 len;	/* bytes in use */
	size_t	 cap;	/* bytes that p has room for */
	size_t	 max;	/* limit of cap; 0: no limit */
};

/* The bytes of b, borrowed until b changes; an empty buf gives "". */
struct slice	buf_slice(const struct buf *b);

/* Makes room for more bytes behind those in use.  ERR_NOMEM; ERR_TOOBIG: over the limit. */
enum error	buf_reserve(struct buf *b, size_t more);

/* These append to b.  ERR_NOMEM; ERR_TOOBIG: over the limit; ERR_REQUEST: printf failed. */
enum error	buf_put(struct buf *b, const void *p, size_t len);
enum error	buf_puts(struct buf *b, const char *s);
enum error	buf_printf(struct buf *b, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
enum error	buf_vprintf(struct buf *b, const char *fmt, va_list ap)
		    __attribute__((format(printf, 2, 0)));

/* The same for one byte. */
static inline enum error
buf_putc(struct buf *b, char c)
{
	if (b->len == b->cap)
		return buf_put(b, &c, 1);
	b->p[b->len++] = c;
	return ERR_OK;
}

/*
 * Replaces the bytes of b by a file ("-": standard input).  It stops soon after max bytes: a
 * b->len over max shows that the file is longer.  0, or -1 with errno set.
 */
int		buf_read_file(struct buf *b, const char *file, size_t max);

void		buf_reset(struct buf *b);	/* empties it; keeps memory up to 16 KiB */
void		buf_free(struct buf *b);	/* empties it and frees its memory; max stays */

#endif
