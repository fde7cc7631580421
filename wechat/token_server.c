#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/acl.h"
#include "core/clock.h"
#include "crypto.h"
#include "wechat/token_server.h"

enum { MINUTE_S = 60 };

/* What an address was handed in this minute. */
struct handed {
	struct slice	 address;
	int64_t		 minute;
	int64_t		 count;
};

bool
dispense_is(const struct account *a)
{
	return conf_is_set(a->control_key) && conf_is_set(a->secret);
}

/* The key that a client gives, absent without one or with two. */
static struct slice
given_key(const struct dispense_request *q)
{
	static const char	 scheme[] = "Bearer ";
	const size_t		 len = sizeof(scheme) - 1;
	const struct slice	 header = q->authorization, none = { NULL, 0 };
	struct slice		 key = none;
	size_t			 i, n = 0;

	if (header.len >= len && strncasecmp(header.p, scheme, len) == 0)
		return (struct slice){ header.p + len, header.len - len };
	for (i = 0; i < q->query->n; i++)
		if (slice_is(q->query->p[i].name, "key")) {
			key = q->query->p[i].value;
			n++;
		}
	return n == 1 ? key : none;
}

/* Both are looked at whatever the first one says: no time tells which it was. */
static enum qt_err
check_client(const struct dispense_request *q)
{
	const struct account	*a = q->account;
	const bool		 key = crypto_equal(given_key(q), slice_of(a->control_key));
	const bool		 allowed = allow_has(a->control_allow, q->peer);

	if (!key)
		return QT_EKEY;
	return allowed || !conf_is_set(a->control_allow) ? QT_OK : QT_EADDRESS;
}

/*
 * How often.
 */

static struct db_value
text(struct slice s)
{
	return (struct db_value){ .type = DB_TEXT, .s = s };
}

static enum qt_err
read_count(struct db *db, void *arg)
{
	struct handed	*h = arg;

	h->count = 0;
	return db_number(db, &h->count, "SELECT count FROM handed WHERE address = ? AND minute = ?",
	    DB_VALUES(text(h->address), db_i(h->minute)));
}

/* One more; the first one of a minute forgets the addresses of those before. */
static enum qt_err
add_count(struct db *db, void *arg)
{
	struct handed	*h = arg;
	enum qt_err	 er;

	h->count = 0;
	er = db_number(db, &h->count, "INSERT INTO handed (address, minute, count) VALUES "
	    "(?1, ?2, 1) ON CONFLICT (address) DO UPDATE SET minute = ?2, "
	    "count = CASE minute WHEN ?2 THEN count + 1 ELSE 1 END RETURNING count",
	    DB_VALUES(text(h->address), db_i(h->minute)));
	if (er != QT_OK || h->count != 1)
		return er;
	return db_run(db, NULL, "DELETE FROM handed WHERE minute < ?",
	    DB_VALUES(db_i(h->minute - 1)));
}

/* Of all processes; who is over it only reads, however often. */
static enum qt_err
check_often(struct dispense_reply *a, const struct settings *set, struct store *s,
    const struct dispense_request *q)
{
	const int64_t	 now_s = clock_wall_ms() / 1000, max = set->control_per_minute;
	struct handed	 h = { .address = q->peer, .minute = now_s / MINUTE_S };
	enum qt_err	 er;

	if (h.address.p == NULL)
		h.address = slice_of("");
	if ((er = store_do(s, STORE_READ, read_count, &h, q->deadline_ms)) == QT_OK &&
	    h.count < max &&
	    (er = store_do(s, STORE_WRITE, add_count, &h, q->deadline_ms)) == QT_OK &&
	    h.count <= max)
		return QT_OK;
	if (er == QT_ESTORE)
		store_why(s, a->why, sizeof(a->why));
	if (er != QT_OK)
		return er;
	(void)snprintf(a->headers, sizeof(a->headers), "Retry-After: %d\r\n",
	    MINUTE_S - (int)(now_s % MINUTE_S));
	return QT_EOFTEN;
}

/*
 * Answers.
 */

/* Printable ASCII as a JSON string. */
static enum qt_err
put_string(struct buf *b, const char *s)
{
	enum qt_err	 er = buf_putc(b, '"');

	for (; *s != '\0' && er == QT_OK; s++)
		if ((*s != '"' && *s != '\\') || (er = buf_putc(b, '\\')) == QT_OK)
			er = buf_putc(b, *s);
	return er == QT_OK ? buf_putc(b, '"') : er;
}

static enum qt_err
put_token(struct buf *b, const struct token *t)
{
	const int64_t	 left_s = t->expires_s - clock_wall_ms() / 1000;
	enum qt_err	 er;

	if ((er = buf_puts(b, "{\"access_token\":")) != QT_OK ||
	    (er = put_string(b, t->text)) != QT_OK)
		return er;
	return buf_printf(b, ",\"expires_in\":%lld}\n", (long long)(left_s < 0 ? 0 : left_s));
}

static enum qt_err
put_error(struct buf *b, const char *why)
{
	enum qt_err	 er;

	buf_reset(b);
	if ((er = buf_puts(b, "{\"error\":")) != QT_OK || (er = put_string(b, why)) != QT_OK)
		return er;
	return buf_puts(b, "}\n");
}

enum qt_err
dispense(struct dispense_reply *a, const struct settings *set, struct tokens *ts, struct store *s,
    const struct dispense_request *q)
{
	struct token	 t;
	enum qt_err	 er;

	a->headers[0] = a->why[0] = '\0';
	buf_reset(a->body);
	if ((er = check_client(q)) != QT_OK)
		return er;
	if ((er = check_often(a, set, s, q)) == QT_OK)
		er = token_get(ts, &t, q->account, q->deadline_ms, a->why) ?
		    put_token(a->body, &t) : QT_ETOKEN;
	if (er != QT_OK)
		(void)put_error(a->body, er == QT_ETOKEN ? a->why : errs[er].name);
	return er;
}
