#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

/* buf_reset() keeps no more bytes than this: 64 workers with several bufs each need memory. */
enum { KEPT_MAX = 16384 };

struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ b->p == NULL ? "" : b->p, b->len };
}

enum error
buf_reserve(struct buf *b, size_t more)
{
	size_t	 need, cap;
	char	*p;

	if (more <= b->cap - b->len)
		return ERR_OK;
	if (more > SIZE_MAX / 2 - b->len)
		return ERR_TOOBIG;
	need = b->len + more;
	if (b->max != 0 && need > b->max)
		return ERR_TOOBIG;
	cap = b->cap < 512 ? 512 : b->cap;
	while (cap < need)
		cap *= 2;
	if (b->max != 0 && cap > b->max)
		cap = b->max;
	if ((p = realloc(b->p, cap)) == NULL)
		return ERR_NOMEM;
	b->p = p;
	b->cap = cap;
	return ERR_OK;
}

enum error
buf_put(struct buf *b, const void *p, size_t len)
{
	enum error	 er;

	if ((er = buf_reserve(b, len)) == ERR_OK && len != 0) {
		memcpy(b->p + b->len, p, len);
		b->len += len;
	}
	return er;
}

enum error
buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

enum error
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list		 twice;
	enum error	 er;
	int		 n;

	va_copy(twice, ap);
	n = vsnprintf(NULL, 0, fmt, twice);
	va_end(twice);
	if (n < 0)
		return ERR_REQUEST;
	/* One more byte: vsnprintf writes a NUL, which is not part of the content. */
	if ((er = buf_reserve(b, (size_t)n + 1)) != ERR_OK)
		return er;
	(void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return ERR_OK;
}

enum error
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list		 ap;
	enum error	 er;

	va_start(ap, fmt);
	er = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return er;
}

void
buf_reset(struct buf *b)
{
	if (b->cap > KEPT_MAX)
		buf_free(b);
	b->len = 0;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}

int
buf_read_file(struct buf *b, const char *file, size_t max)
{
	FILE	*f = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
	size_t	 n;
	int	 rc = 0;

	if (f == NULL)
		return -1;
	b->len = 0;
	do {
		if (buf_reserve(b, 4096) != ERR_OK) {
			errno = ENOMEM;
			rc = -1;
			break;
		}
		n = fread(b->p + b->len, 1, 4096, f);
		b->len += n;
	} while (n != 0 && b->len <= max);
	if (rc == 0 && ferror(f))
		rc = -1;
	if (f != stdin)
		(void)fclose(f);
	return rc;
}
