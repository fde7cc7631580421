#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/acl.h"
#include "core/clock.h"
#include "core/digest.h"
#include "wechat/token_server.h"

enum { MINUTE_S = 60 };

/* What an address was handed in this minute. */
struct handed {
	struct slice	 address;
	int64_t		 minute;
	int64_t		 count;
};

bool
token_server_is_on(const struct account *a)
{
	return conf_is_set(a->control_key) && conf_is_set(a->secret);
}

/* The key that a client gives, absent without one or with two. */
static struct slice
given_key(const struct token_server_request *q)
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
static enum error
check_client(const struct token_server_request *q)
{
	const struct account	*a = q->account;
	const bool		 key = digest_equal(given_key(q), slice_of(a->control_key));
	const bool		 allowed = acl_has(a->control_allow, q->peer);

	if (!key)
		return ERR_KEY;
	return allowed || !conf_is_set(a->control_allow) ? ERR_OK : ERR_ADDRESS;
}

/*
 * How often.
 */

static struct db_value
text(struct slice s)
{
	return (struct db_value){ .type = DB_TEXT, .s = s };
}

static enum error
read_count(struct db *db, void *arg)
{
	struct handed	*h = arg;

	h->count = 0;
	return db_number(db, &h->count, "SELECT count FROM handed WHERE address = ? AND minute = ?",
	    DB_VALUES(text(h->address), db_i(h->minute)));
}

/* One more; the first one of a minute forgets the addresses of those before. */
static enum error
add_count(struct db *db, void *arg)
{
	struct handed	*h = arg;
	enum error	 er;

	h->count = 0;
	er = db_number(db, &h->count, "INSERT INTO handed (address, minute, count) VALUES "
	    "(?1, ?2, 1) ON CONFLICT (address) DO UPDATE SET minute = ?2, "
	    "count = CASE minute WHEN ?2 THEN count + 1 ELSE 1 END RETURNING count",
	    DB_VALUES(text(h->address), db_i(h->minute)));
	if (er != ERR_OK || h->count != 1)
		return er;
	return db_run(db, NULL, "DELETE FROM handed WHERE minute < ?",
	    DB_VALUES(db_i(h->minute - 1)));
}

/* Of all processes; who is over it only reads, however often. */
static enum error
check_often(struct token_server_reply *a, const struct settings *set, struct store *s,
    const struct token_server_request *q)
{
	const int64_t	 now_s = clock_wall_ms() / 1000, max = set->control_per_minute;
	struct handed	 h = { .address = q->peer, .minute = now_s / MINUTE_S };
	enum error	 er;

	if (h.address.p == NULL)
		h.address = slice_of("");
	if ((er = store_do(s, STORE_READ, read_count, &h, q->deadline_ms)) == ERR_OK &&
	    h.count < max &&
	    (er = store_do(s, STORE_WRITE, add_count, &h, q->deadline_ms)) == ERR_OK &&
	    h.count <= max)
		return ERR_OK;
	if (er == ERR_STORE)
		store_why(s, a->why, sizeof(a->why));
	if (er != ERR_OK)
		return er;
	(void)snprintf(a->headers, sizeof(a->headers), "Retry-After: %d\r\n",
	    MINUTE_S - (int)(now_s % MINUTE_S));
	return ERR_OFTEN;
}

/*
 * Answers.
 */

/* Printable ASCII as a JSON string. */
static enum error
put_string(struct buf *b, const char *s)
{
	enum error	 er = buf_putc(b, '"');

	for (; *s != '\0' && er == ERR_OK; s++)
		if ((*s != '"' && *s != '\\') || (er = buf_putc(b, '\\')) == ERR_OK)
			er = buf_putc(b, *s);
	return er == ERR_OK ? buf_putc(b, '"') : er;
}

static enum error
put_token(struct buf *b, const struct access_token *t)
{
	const int64_t	 left_s = t->expires_s - clock_wall_ms() / 1000;
	enum error	 er;

	if ((er = buf_puts(b, "{\"access_token\":")) != ERR_OK ||
	    (er = put_string(b, t->text)) != ERR_OK)
		return er;
	return buf_printf(b, ",\"expires_in\":%lld}\n", (long long)(left_s < 0 ? 0 : left_s));
}

static enum error
put_error(struct buf *b, const char *why)
{
	enum error	 er;

	buf_reset(b);
	if ((er = buf_puts(b, "{\"error\":")) != ERR_OK || (er = put_string(b, why)) != ERR_OK)
		return er;
	return buf_puts(b, "}\n");
}

enum error
token_server_answer(struct token_server_reply *a, const struct settings *set, struct access_tokens *ts, struct store *s,
    const struct token_server_request *q)
{
	struct access_token	 t;
	enum error		 er;

	a->headers[0] = a->why[0] = '\0';
	buf_reset(a->body);
	if ((er = check_client(q)) != ERR_OK)
		return er;
	if ((er = check_often(a, set, s, q)) == ERR_OK)
		er = access_token_get(ts, &t, q->account, q->deadline_ms, a->why) ?
		    put_token(a->body, &t) : ERR_TOKEN;
	if (er != ERR_OK)
		(void)put_error(a->body, er == ERR_TOKEN ? a->why : error_table[er].name);
	return er;
}
