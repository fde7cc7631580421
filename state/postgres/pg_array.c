#include <string.h>

#include "core/hex.h"
#include "core/utf8.h"
#include "state/postgres/pg_array.h"

/* Appends a text in quotes. */
static enum error
quote_text(struct buf *out, struct slice s)
{
	const char	*p = s.p, *const end = s.p + s.len, *from;
	enum error	 er = buf_putc(out, '"');

	while (er == ERR_OK && p != end) {
		for (from = p; p != end && *p != '"' && *p != '\\'; p++)
			;
		if ((er = buf_put(out, from, (size_t)(p - from))) == ERR_OK && p != end &&
		    (er = buf_putc(out, '\\')) == ERR_OK)
			er = buf_putc(out, *p++);
	}
	return er == ERR_OK ? buf_putc(out, '"') : er;
}

/* Appends bytes, as bytea writes them. */
static enum error
quote_bytes(struct buf *out, struct slice s)
{
	enum error	 er = buf_puts(out, "\"\\\\x");
	char		 hex[3];
	size_t		 i;

	for (i = 0; i < s.len && er == ERR_OK; i++) {
		hex_encode(hex, (const unsigned char *)s.p + i, 1);
		er = buf_put(out, hex, 2);
	}
	return er == ERR_OK ? buf_putc(out, '"') : er;
}

struct db_value
pg_array_fit(struct db_value v)
{
	if (v.type == DB_TEXT && v.is_name)
		v.s.len = utf8_cut(v.s, DB_SHORT);
	return v;
}

static enum error
put_value(struct buf *out, const struct db_value *v)
{
	switch (v->type) {
	case DB_NULL:
		break;
	case DB_INT:
		return buf_printf(out, "%lld", (long long)v->i);
	case DB_TEXT:
		return quote_text(out, pg_array_fit(*v).s);
	case DB_BLOB:
		return quote_bytes(out, v->s);
	}
	return buf_puts(out, "NULL");
}

enum error
pg_array_write(struct buf *out, struct db_value *to, const struct db_value *v, size_t cols,
    size_t n)
{
	enum error	 er = ERR_OK;
	size_t		 i, k, at;

	buf_reset(out);
	for (k = 0; k < cols && er == ERR_OK; k++) {
		at = out->len;
		for (i = 0; i < n && er == ERR_OK; i++)
			if ((er = buf_putc(out, i == 0 ? '{' : ',')) == ERR_OK)
				er = put_value(out, &v[i * cols + k]);
		if (er == ERR_OK)
			er = n == 0 ? buf_puts(out, "{}") : buf_putc(out, '}');
		to[k] = (struct db_value){ .type = DB_TEXT, .s = { NULL, out->len - at } };
	}
	/* They do not move any more. */
	for (k = 0, at = 0; k < cols && er == ERR_OK; at += to[k++].s.len)
		to[k].s.p = out->p + at;
	return er;
}
