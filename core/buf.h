/*
 * buf.h: growable bytes with a ceiling.
 *
 * A worker keeps its bufs from request to request: buf_reset() empties one without
 * giving the memory back, unless it grew beyond what an ordinary message needs.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/slice.h"

/* Owned bytes, len of them.  All zero is an empty buf without a ceiling. */
struct buf {
	char	*p;
	size_t	 len;
	size_t	 cap;
	size_t	 max;	/* ceiling in bytes, 0 = none */
};

struct slice	buf_slice(const struct buf *b);

/* Room for `more` further bytes.  ERR_NOMEM, or ERR_TOOBIG at the ceiling. */
enum error	buf_reserve(struct buf *b, size_t more);
enum error	buf_put(struct buf *b, const void *p, size_t len);
enum error	buf_putc(struct buf *b, char c);
enum error	buf_puts(struct buf *b, const char *s);
enum error	buf_printf(struct buf *b, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
enum error	buf_vprintf(struct buf *b, const char *fmt, va_list ap)
		    __attribute__((format(printf, 2, 0)));

/*
 * Replaces what b held by a file ("-": standard input), somewhat over max bytes of it at
 * most.  0, or -1 with errno set.
 */
int		buf_read_file(struct buf *b, const char *file, size_t max);

void		buf_reset(struct buf *b);	/* empty; keeps an ordinary capacity */
void		buf_free(struct buf *b);	/* empty and without memory; max stays */

#endif
