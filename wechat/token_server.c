#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/acl.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/json_write.h"
#include "wechat/token_server.h"

enum { MINUTE_S = 60 };

/* How many tokens an address has got in this minute. */
struct address_count {
	struct slice	 address;
	int64_t		 minute;	/* since the epoch */
	int64_t		 count;
};

bool
token_server_is_on(const struct account *a)
{
	return conf_is_set(a->control_key) && conf_is_set(a->secret);
}

/* The key that a client has sent; absent if it sent none or two. */
static struct slice
client_key_of(const struct token_server_request *q)
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

/* Always checks both, so that the time of the answer does not tell which one was wrong. */
static enum error
check_client(const struct token_server_request *q)
{
	const struct account	*a = q->account;
	const bool		 key = digest_equal(client_key_of(q), slice_of(a->control_key));
	const bool		 allowed = acl_has(a->control_allow, q->peer) && !q->hidden;

	if (!key)
		return ERR_KEY;
	return allowed || !conf_is_set(a->control_allow) ? ERR_OK : ERR_ADDRESS;
}

/*
 * How many tokens each address gets.
 */

static enum error
read_address_count(struct db *db, void *arg)
{
	struct address_count	*used = arg;

	used->count = 0;
	return db_number(db, &used->count, SQL_HANDED_FIND, DB_VALUES(db_text(used->address),
	    db_i(used->minute)));
}

/* Adds one; the first one in a minute also deletes the addresses of earlier minutes. */
static enum error
add_address_count(struct db *db, void *arg)
{
	struct address_count	*used = arg;
	enum error		 er;

	used->count = 0;
	er = db_run(db, NULL, SQL_HANDED_PUT, DB_VALUES(db_text(used->address),
	    db_i(used->minute)));
	if (er == ERR_OK)
		er = read_address_count(db, used);
	if (er != ERR_OK || used->count != 1)
		return er;
	return db_run(db, NULL, SQL_HANDED_SWEEP, DB_VALUES(db_i(used->minute - 1)));
}

/* Checks control_per_minute, for all processes.  Beyond it an address costs no write. */
static enum error
check_rate(struct token_server_reply *a, const struct settings *set, struct store *s,
    const struct token_server_request *q)
{
	const int64_t		 now_s = store_now_ms(s) / 1000, max = set->control_per_minute;
	struct address_count	 used = { .address = q->peer, .minute = now_s / MINUTE_S };
	enum error		 er;

	if (used.address.p == NULL)
		used.address = slice_of("");
	if ((er = store_do(s, STORE_READ, read_address_count, &used, q->deadline_ms)) == ERR_OK &&
	    used.count < max &&
	    (er = store_do(s, STORE_WRITE, add_address_count, &used, q->deadline_ms)) == ERR_OK &&
	    used.count <= max)
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

static enum error
write_token(struct buf *b, const struct access_token *t)
{
	const int64_t	 left_s = t->expires_s - clock_wall_ms() / 1000;
	enum error	 er;

	if ((er = buf_puts(b, "{\"access_token\":")) != ERR_OK ||
	    (er = json_write_string(b, slice_of(t->text))) != ERR_OK)
		return er;
	return buf_printf(b, ",\"expires_in\":%lld}\n", (long long)(left_s < 0 ? 0 : left_s));
}

static enum error
write_error(struct buf *b, const char *why)
{
	enum error	 er;

	buf_reset(b);
	if ((er = buf_puts(b, "{\"error\":")) != ERR_OK ||
	    (er = json_write_string(b, slice_of(why))) != ERR_OK)
		return er;
	return buf_puts(b, "}\n");
}

enum error
token_server_answer(struct token_server_reply *a, const struct settings *set,
    struct access_tokens *ts, struct store *s, const struct token_server_request *q)
{
	struct access_token	 t;
	enum error		 er;

	a->headers[0] = a->why[0] = '\0';
	buf_reset(a->body);
	if ((er = check_client(q)) != ERR_OK)
		return er;
	if ((er = check_rate(a, set, s, q)) == ERR_OK)
		er = access_token_get(ts, &t, q->account, q->deadline_ms, a->why) ?
		    write_token(a->body, &t) : ERR_TOKEN;
	if (er != ERR_OK)
		(void)write_error(a->body, er == ERR_TOKEN ? a->why : error_table[er].name);
	return er;
}
